//! Addresses without a county, written in characters that each stand for themselves.

use super::{
    cleaned,
    table::{Entry, HAN, ITERATION, NUMERAL, TOWN, TOWN_CARE},
};
use crate::normalize::{
    address::{
        Address, BLOCK_WORDS, PLACE_NUMBERS, block, prefecture, push_number, settled,
        starts_with_any,
    },
    numeral::numeral,
    text::WILDCARD,
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
    fn read(raw: &str) -> Option<Self> {
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
    let folded = Folded::read(raw)?;
    let (all, classes) = (&folded.chars[..folded.length], &folded.classes);
    let (prefecture, skipped) = prefecture_of(all);
    let chars = &all[skipped..];
    let town = town(chars, &classes[skipped..folded.length])?;
    let text = if town.in_order && prefecture_of_text(&town.text).is_none() {
        town.text
    } else {
        settled(town.text)
    };
    let wildcard = text.contains(WILDCARD);
    Some(Address {
        prefecture,
        town: if wildcard { String::new() } else { text },
        block: block(&chars[town.end..]),
        wildcard,
    })
}

struct Town {
    text: String,
    end: usize,
    /// No character was taken out, so none met a neighbour that it had not before.
    in_order: bool,
}

/// The town up to where block numbers begin. `None` at numerals that are none.
fn town(chars: &[char], classes: &[u16]) -> Option<Town> {
    let mut text = String::with_capacity(chars.len() * 3);
    let mut in_order = true;
    let mut at = 0;
    while let (Some(&c), Some(&class)) = (chars.get(at), classes.get(at)) {
        if class & (NUMERAL | TOWN_CARE) == 0 {
            if class & TOWN == 0 {
                in_order = false;
            } else {
                text.push(c);
            }
            at += 1;
            continue;
        }
        if class & NUMERAL != 0 {
            let (value, end) = numeral(chars, at)?;
            if starts_with_any(chars, end, &PLACE_NUMBERS) {
                push_number(&mut text, value);
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
        text,
        end: at,
        in_order,
    })
}

/// The prefecture that a text begins with, and its length in characters.
fn prefecture_of(chars: &[char]) -> (Option<&'static str>, usize) {
    let ends = |at| matches!(chars.get(at), Some('都' | '道' | '府' | '県'));
    if !ends(2) && !ends(3) {
        return (None, 0);
    }
    let mut head = [0; 16];
    let mut length = 0;
    for c in chars.iter().take(4) {
        length += c.encode_utf8(&mut head[length..]).len();
    }
    let head = std::str::from_utf8(&head[..length]).unwrap_or_default();
    let (found, _) = prefecture(head);
    (found, found.map_or(0, |name| name.chars().count()))
}

fn prefecture_of_text(text: &str) -> Option<&'static str> {
    prefecture(text).0
}
