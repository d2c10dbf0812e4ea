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
mod table;
#[cfg(test)]
mod tests;

use unicode_normalization::char::compose;

use self::table::{BLANK, Entry, SEMI_VOICED, SKIP, SLOW, VOICED, table};

/// Hands the characters of the cleaned text to `put`, one after another. `false`: `put` said so, or the
/// text needs the full rule.
fn cleaned(text: &str, mut put: impl FnMut(char, Entry) -> bool) -> bool {
    let table = table();
    let blank_entry = table.of(' ');
    // The last character waits for a voiced mark, which may be written after it and after blanks.
    let mut held: Option<(char, Entry)> = None;
    let (mut blank, mut marked) = (false, false);
    for c in text.chars() {
        let Some(entry) = table.get(c) else {
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
                let mark = if entry.clean == VOICED {
                    '\u{3099}'
                } else {
                    '\u{309a}'
                };
                if let Some(joined) = compose(last, mark) {
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
    cleaned(text, |c, _| {
        let fits = out.len() + c.len_utf8() <= room;
        if fits {
            out.push(c);
        }
        fits
    })
    .then_some(())
}
