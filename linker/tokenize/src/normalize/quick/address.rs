//! Addresses without a county, written in characters that each stand for themselves.

use std::sync::LazyLock;

use linker_token::Field;

use super::{
    Text, cleaned, cp932_entries, entries,
    table::{Entry, HAN, ITERATION, NUMERAL, TOWN, TOWN_CARE},
};
use crate::{
    normalize::{
        address::{
            Address, BLOCK_WORDS, PLACE_NUMBERS, PREFECTURES, block, is_latin, is_placeholder,
            prefecture, push_number, settled, starts_with_any,
        },
        numeral::{kanji_digit, numeral},
        text::WILDCARD,
    },
    record::Identifiers,
};

/// Longest address that is read here, in characters. Usual ones have 20 to 40.
const CHARS_MAX: usize = 96;

/// The cleaned and folded text with the classes of its characters.
struct Folded {
    chars: [char; CHARS_MAX],
    classes: [u16; CHARS_MAX],
    length: usize,
}

impl Folded {
    fn read(raw: impl Iterator<Item = Option<Entry>>) -> Option<Self> {
        let mut out = Self {
            chars: ['\0'; CHARS_MAX],
            classes: [0; CHARS_MAX],
            length: 0,
        };
        let mut last = None;
        let usual = cleaned(raw, |c, entry| out.put(c, entry, &mut last));
        usual.then_some(out)
    }

    fn put(&mut self, c: char, entry: Entry, last: &mut Option<char>) -> bool {
        if self.length == CHARS_MAX || matches!(c, '郡' | '〒') {
            return false;
        }
        let (mut folded, mut class) = (entry.folded(), entry.class);
        if entry.is(ITERATION) {
            let Some(repeated) = *last else {
                return false;
            };
            folded = repeated;
            class = super::table().of(folded).class;
        }
        if c != ' ' {
            *last = (class & HAN != 0).then_some(folded);
        }
        self.chars[self.length] = folded;
        self.classes[self.length] = class;
        self.length += 1;
        true
    }
}

/// [`crate::normalize::address::parse`]. `None`: the full rule decides.
pub(in crate::normalize) fn parse(raw: &str) -> Option<Address> {
    let folded = Folded::read(entries(raw))?;
    let all = &folded.chars[..folded.length];
    let (prefecture, skipped) = prefecture_of(all);
    let mut text = String::with_capacity(3 * folded.length);
    let town = folded.town(skipped, &mut text)?;
    if !town.in_order || prefecture_of_text(&text).is_some() {
        text = settled(text);
    }
    Some(Address::of(prefecture, text, block(&all[town.end..])))
}

/// The town and the block of an address that needs no further look, each written where it belongs; its
/// prefecture comes back. `None`: [`parse`] decides, and what was written is of no worth.
pub(super) fn write(raw: Text<'_>, identifiers: &mut Identifiers) -> Option<Option<&'static str>> {
    let folded = match raw {
        Text::Str(text) => Folded::read(entries(text)),
        Text::Cp932(bytes) => Folded::read(cp932_entries(bytes)),
    };
    let folded = folded?;
    let all = &folded.chars[..folded.length];
    let (prefecture, skipped) = prefecture_of(all);
    let mut end = None;
    let written = identifiers.write(Field::Town, 3 * folded.length, |text| {
        let start = text.len();
        let Some(town) = folded.town(skipped, text) else {
            return false;
        };
        end = Some(town.end);
        let text = &text[start..];
        let settled = town.in_order && prefecture_of_text(text).is_none();
        // A town in Latin script has another rule.
        let plain = !town.wildcard && !is_placeholder(text) && !text.starts_with(is_latin);
        settled && plain
    });
    let end = end.filter(|_| written)?;
    let (rest, classes) = (&all[end..], &folded.classes[end..folded.length]);
    // Three numbers of at most ten figures.
    let quick = identifiers.write(Field::Block, 3 * 11, |text| {
        usual_block(rest, classes, text).is_some()
    });
    if !quick {
        identifiers.set(Field::Block, block(rest));
    }
    Some(prefecture)
}

/// [`block`] of numbers with the usual words or hyphens between them. `None`: the full rule decides.
fn usual_block(chars: &[char], classes: &[u16], out: &mut String) -> Option<()> {
    let mut at = 0;
    for count in 0..3 {
        if at == chars.len() {
            break;
        }
        let (value, end) = number(chars, classes, at)?;
        if count > 0 {
            out.push('-');
        }
        push_number(out, value);
        at = end
            + match chars.get(end..).unwrap_or_default() {
                [] | [' ', ..] => return Some(()),
                ['号', '室' | '棟', ..] => return None,
                ['号', ..] => return Some(()),
                ['丁', '目', 'の', ..] | ['番', '地', 'の', ..] => 3,
                ['丁', '目', ..] | ['番', '地' | 'の', ..] => 2,
                ['番' | '-', ..] => 1,
                _ => return None,
            };
    }
    Some(())
}

/// [`numeral`], which one character alone can be read without.
fn number(chars: &[char], classes: &[u16], at: usize) -> Option<(u32, usize)> {
    let alone = classes.get(at + 1).is_none_or(|class| class & NUMERAL == 0);
    let c = *chars.get(at)?;
    match c.to_digit(10).or_else(|| kanji_digit(c)) {
        Some(digit) if alone => Some((digit, at + 1)),
        Some(_) | None => numeral(chars, at),
    }
}

struct Town {
    end: usize,
    /// No character was taken out, so none met a neighbour that it had not before.
    in_order: bool,
    /// It has a character that the source could not write.
    wildcard: bool,
}

impl Folded {
    /// Writes the town up to where block numbers begin. `None` at numerals that are none.
    fn town(&self, from: usize, text: &mut String) -> Option<Town> {
        let chars = &self.chars[from..self.length];
        let classes = &self.classes[from..self.length];
        let (mut in_order, mut wildcard) = (true, false);
        let mut at = 0;
        while let (Some(&c), Some(&class)) = (chars.get(at), classes.get(at)) {
            if class & (NUMERAL | TOWN_CARE) == 0 {
                if class & TOWN == 0 {
                    in_order = false;
                } else {
                    wildcard |= c == WILDCARD;
                    text.push(c);
                }
                at += 1;
                continue;
            }
            if class & NUMERAL != 0 {
                let (value, end) = number(chars, classes, at)?;
                if starts_with_any(chars, end, &PLACE_NUMBERS) {
                    push_number(text, value);
                } else if c.is_ascii_digit() || starts_with_any(chars, end, &BLOCK_WORDS) {
                    break;
                } else {
                    text.extend(&chars[at..end]);
                }
                at = end;
                continue;
            }
            let before = at.checked_sub(1).map_or(0, |before| classes[before]);
            let after = classes.get(at + 1).copied().unwrap_or(0);
            let between = before & after & HAN != 0;
            match c {
                '大' if chars.get(at + 1) != Some(&'字') => text.push(c),
                'ヶ' | 'ケ' | 'ヵ' | 'が' | 'ガ' | 'カ' if between => text.push('ケ'),
                'の' | 'ノ' | '之' | '乃' if between => text.push('ノ'),
                'ッ' | 'ツ' | 'っ' | 'つ' if between => text.push('ツ'),
                '大' | '字' => return None,
                c if class & TOWN != 0 => text.push(c),
                _ => in_order = false,
            }
            at += 1;
        }
        Some(Town {
            end: from + at,
            in_order,
            wildcard,
        })
    }
}

/// The prefecture that a text begins with, and its length in characters.
fn prefecture_of(chars: &[char]) -> (Option<&'static str>, usize) {
    static NAMES: LazyLock<Vec<(&str, Vec<char>)>> = LazyLock::new(|| {
        let mut names: Vec<_> = PREFECTURES
            .map(|name| (name, name.chars().collect()))
            .into();
        names.sort_unstable_by(|(_, one): &(_, Vec<char>), (_, other)| one.cmp(other));
        names
    });
    let ends = |at| matches!(chars.get(at), Some('都' | '道' | '府' | '県'));
    if !ends(2) && !ends(3) {
        return (None, 0);
    }
    // None is the beginning of another one, so the last that is not above the text is the only one.
    let at = NAMES.partition_point(|(_, name)| name.as_slice() <= chars);
    let found = at.checked_sub(1).map(|at| &NAMES[at]);
    let found = found.filter(|(_, name)| chars.starts_with(name));
    found.map_or((None, 0), |(name, chars)| (Some(*name), chars.len()))
}

fn prefecture_of_text(text: &str) -> Option<&'static str> {
    prefecture(text).0
}
