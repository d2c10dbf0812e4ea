//! The same rules for texts as sources usually write them: one pass over the characters, a table for
//! each, no memory of its own.
//!
//! Every function here gives what the full rule gives, or `None` where a text has anything unusual;
//! then the full rule decides. Tests hold the two equal over texts of all scripts, so nothing here may
//! ever change a normal form.

pub(super) mod address;
pub(super) mod date;
pub(super) mod kana;
pub(super) mod name;
pub(super) mod number;
pub(crate) mod person;
mod table;
#[cfg(test)]
mod tests;

use self::table::{BLANK, Entry, SEMI_VOICED, SKIP, SLOW, VOICED, cp932_table, table, with_mark};

/// A text as its source gives it.
#[derive(Clone, Copy)]
enum Text<'a> {
    /// Decoded.
    Str(&'a str),
    /// In CP932, two of whose bytes are looked up at once for what the decoded character would be.
    Cp932(&'a [u8]),
}

/// What is known of each character of a text; `None` outside the basic plane.
fn entries(text: &str) -> impl Iterator<Item = Option<Entry>> {
    let table = table();
    text.chars().map(|c| table.get(c))
}

/// The same for bytes of CP932; `None` where they are damaged.
fn cp932_entries(bytes: &[u8]) -> impl Iterator<Item = Option<Entry>> {
    let table = cp932_table();
    let mut bytes = bytes.iter();
    std::iter::from_fn(move || {
        let &byte = bytes.next()?;
        Some(table.of(byte, &mut bytes))
    })
}

/// Hands the characters of the cleaned text to `put`, one after another. `false`: `put` said so, or the
/// text needs the full rule.
fn cleaned(
    text: impl Iterator<Item = Option<Entry>>,
    mut put: impl FnMut(char, Entry) -> bool,
) -> bool {
    let table = table();
    let blank_entry = table.of(' ');
    // The last character waits for a voiced mark, which may be written after it and after blanks.
    let mut held: Option<(char, Entry)> = None;
    let (mut blank, mut marked) = (false, false);
    for entry in text {
        let Some(entry) = entry else {
            return false;
        };
        match entry.clean {
            SLOW => return false,
            SKIP => {}
            BLANK => blank = true,
            VOICED | SEMI_VOICED => {
                let Some((last, _)) = held.filter(|_| !marked) else {
                    return false;
                };
                if let Some(joined) = with_mark(last, entry.clean == VOICED) {
                    held = Some((joined, table.of(joined)));
                }
                (blank, marked) = (false, true);
            }
            clean => {
                if let Some((last, entry)) = held
                    && (!put(last, entry) || (blank && !put(' ', blank_entry)))
                {
                    return false;
                }
                // A text that is clean already stays itself, and its entry is the one at hand.
                held = Some((table::number(clean), entry));
                (blank, marked) = (false, false);
            }
        }
    }
    held.is_none_or(|(last, entry)| put(last, entry))
}

/// [`super::text::clean`], appended to `out`, which must not grow. `None`: the full rule decides.
pub(super) fn clean(text: &str, out: &mut String) -> Option<()> {
    let room = out.capacity();
    cleaned(entries(text), |c, _| {
        let fits = out.len() + c.len_utf8() <= room;
        if fits {
            out.push(c);
        }
        fits
    })
    .then_some(())
}
