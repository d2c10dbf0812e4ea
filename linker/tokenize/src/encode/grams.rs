//! How a normalised value is cut into grams, and the messages that stand for them.
//!
//! A gram is kept as one number that says tag, text and repeat: equal numbers are equal messages, so a known
//! gram is found without building its message. Only a text of three or more characters that is no
//! character with its position has no number; it comes from whole values alone.

use linker_token::{Field, GramKind, limits::FIELDS_MAX};
use zeroize::{DefaultIsZeroes, Zeroizing};

use crate::limits::GRAM_CHARS_MAX;

/// Stands before the first character. The normaliser removes control characters, so no value has it.
const START: char = '\u{2}';
/// Stands after the last character.
const END: char = '\u{3}';
/// Separates the parts of a gram's message.
const SEPARATOR: char = '\u{1f}';

/// Bits of the number of a repeat, from the lowest on.
const REPEAT_BITS: u32 = 9;
/// Bits of the number of a tag, above the repeat.
const TAG_BITS: u32 = 3;
/// Codes of a first character: every character, then every position.
const POSITIONS_FROM: u64 = 0x11_0000;
/// Codes of a second character: zero for none, else the character plus one.
const SECONDS: u64 = 0x11_0001;

const _: () = assert!(FIELDS_MAX <= 1 << TAG_BITS, "every tag has a number");
// A tag is shared by two fields at most, and a value has no gram more often than it has characters.
const _: () = assert!(
    2 * GRAM_CHARS_MAX < 1 << REPEAT_BITS,
    "every repeat has a number"
);
const _: () = assert!(
    (POSITIONS_FROM + GRAM_CHARS_MAX as u64) * SECONDS < 1 << (64 - REPEAT_BITS - TAG_BITS),
    "every text has a number"
);

/// The tag inside grams of a field. Given name and surname share one, so that a swap still matches.
pub(super) fn tag(field: Field) -> &'static str {
    match field {
        Field::GivenName | Field::Surname => "latin-name",
        Field::KanaName
        | Field::KanjiName
        | Field::BirthYear
        | Field::BirthMonth
        | Field::BirthDay
        | Field::Sex
        | Field::PostalCode
        | Field::Town
        | Field::Block
        | Field::Street
        | Field::Insurer
        | Field::InsuredNumber
        | Field::InsuredBranch => field.tag(),
    }
}

/// Tag, text and repeat of a gram as one number. Never zero: no character is cut out of nothing.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Gram(u64);

impl DefaultIsZeroes for Gram {}

impl Gram {
    /// The number, for finding a place in a table.
    pub(super) fn number(self) -> u64 {
        self.0
    }

    fn of(first: u64, second: u64, tag: u8) -> Self {
        let text = first * SECONDS + second + 1;
        Self((text << TAG_BITS | u64::from(tag)) << REPEAT_BITS)
    }

    fn one(c: char, tag: u8) -> Self {
        Self::of(u64::from(c), 0, tag)
    }

    fn two(first: char, second: char, tag: u8) -> Self {
        Self::of(u64::from(first), u64::from(second) + 1, tag)
    }

    fn placed(index: usize, c: char, tag: u8) -> Self {
        Self::of(POSITIONS_FROM + index as u64, u64::from(c) + 1, tag)
    }

    /// A whole value that looks like another kind of gram is that gram: messages are compared as text.
    fn whole(value: &str, tag: u8) -> Option<Self> {
        let mut chars = value.chars();
        match (chars.next(), chars.next(), chars.next()) {
            (Some(one), None, _) => return Some(Self::one(one, tag)),
            (Some(first), Some(second), None) => return Some(Self::two(first, second, tag)),
            _ => {}
        }
        let (place, text) = value.split_once(':')?;
        let mut chars = text.chars();
        let (Some(c), None) = (chars.next(), chars.next()) else {
            return None;
        };
        let index = place.parse().ok().filter(|&at| at < GRAM_CHARS_MAX)?;
        // A leading sign or zero makes another text.
        let same = place.bytes().all(|b| b.is_ascii_digit())
            && (place.len() == 1 || !place.starts_with('0'));
        same.then(|| Self::placed(index, c, tag))
    }

    fn is_repeat_of(self, other: Self) -> bool {
        (self.0 ^ other.0) >> REPEAT_BITS == 0
    }

    /// Writes the message: tag, gram, number of earlier equal grams, separated by U+001F.
    pub(super) fn write(self, tags: &[&str], message: &mut String) {
        let character = |code: u64| {
            u32::try_from(code)
                .ok()
                .and_then(char::from_u32)
                .into_iter()
        };
        let (tag, text) = (
            self.0 >> REPEAT_BITS & ((1 << TAG_BITS) - 1),
            (self.0 >> (REPEAT_BITS + TAG_BITS)) - 1,
        );
        let (first, second) = (text / SECONDS, text % SECONDS);
        message.clear();
        message.push_str(tags[usize::from(tag.to_le_bytes()[0])]);
        message.push(SEPARATOR);
        match first.checked_sub(POSITIONS_FROM) {
            Some(index) => {
                push_number(message, index);
                message.push(':');
            }
            None => message.extend(character(first)),
        }
        message.extend(second.checked_sub(1).into_iter().flat_map(character));
        message.push(SEPARATOR);
        push_number(message, self.0 & ((1 << REPEAT_BITS) - 1));
    }
}

/// Writes the message of a whole value that has no number.
pub(super) fn write_whole(tag: &str, value: &str, repeat: usize, message: &mut String) {
    message.clear();
    message.push_str(tag);
    message.push(SEPARATOR);
    message.push_str(value);
    message.push(SEPARATOR);
    push_number(message, repeat as u64);
}

/// The grams of one segment of one record, in order, in a buffer that is wiped when dropped.
pub(super) struct Grams {
    all: Zeroizing<Vec<Gram>>,
    /// A bit of each gram's text: a gram whose bit is not set is no repeat.
    seen: Zeroizing<u64>,
}

impl Grams {
    pub(super) fn new() -> Self {
        // Room for whatever fits into a segment, so that growing leaves no copy behind.
        let room = FIELDS_MAX * (2 * GRAM_CHARS_MAX + 1);
        Self {
            all: Zeroizing::new(Vec::with_capacity(room)),
            seen: Zeroizing::new(0),
        }
    }

    /// Begins another record.
    pub(super) fn clear(&mut self) {
        self.all.clear();
        *self.seen = 0;
    }

    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    pub(super) fn from(&self, first: usize) -> &[Gram] {
        &self.all[first..]
    }

    /// Adds a value's grams. Equal ones are numbered, from gram `since` of the segment on: grams with another
    /// tag are never equal. `false`: the value is one whole text that has no number, and nothing was added.
    pub(super) fn add(&mut self, tag: u8, since: usize, kind: GramKind, value: &str) -> bool {
        let chars = || value.chars().take(GRAM_CHARS_MAX);
        match kind {
            GramKind::Whole => match Gram::whole(value, tag) {
                Some(gram) => self.push(since, gram),
                None => return false,
            },
            GramKind::Positional => {
                for (index, c) in chars().enumerate() {
                    self.push(since, Gram::placed(index, c, tag));
                }
            }
            GramKind::Bigram | GramKind::UnigramBigram => {
                if kind == GramKind::UnigramBigram {
                    for c in chars() {
                        self.push(since, Gram::one(c, tag));
                    }
                }
                let mut before = START;
                for c in chars().chain([END]) {
                    self.push(since, Gram::two(before, c, tag));
                    before = c;
                }
            }
        }
        true
    }

    fn push(&mut self, since: usize, gram: Gram) {
        let bit = 1_u64 << (gram.0.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 58);
        let mut repeat = 0;
        if *self.seen & bit != 0 {
            // Fewer than a repeat's bits can count, so nothing overflows.
            repeat = self.all[since..].iter().fold(0_u64, |repeat, other| {
                repeat.wrapping_add(u64::from(other.is_repeat_of(gram)))
            });
        }
        *self.seen |= bit;
        self.all.push(Gram(gram.0 | repeat));
    }
}

/// A number in decimal figures.
fn push_number(text: &mut String, number: u64) {
    if number >= 10 {
        push_number(text, number / 10);
    }
    text.push(char::from(b'0' + (number % 10).to_le_bytes()[0]));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(parts: &[(Field, GramKind, &str)]) -> Vec<String> {
        let mut grams = Grams::new();
        for &(_, kind, value) in parts {
            assert!(grams.add(1, 0, kind, value), "a value with a number");
        }
        let readable = |gram: &Gram| {
            let mut message = String::new();
            gram.write(&["", tag(parts[0].0)], &mut message);
            message
                .replace(SEPARATOR, "|")
                .replace(START, "^")
                .replace(END, "$")
        };
        grams.from(0).iter().map(readable).collect()
    }

    fn check(kind: GramKind, value: &str, expected: &[&str]) {
        assert_eq!(messages(&[(Field::Town, kind, value)]), expected);
    }

    #[test]
    fn values_are_cut_as_their_kind_says() {
        check(GramKind::Whole, "05", &["town|05|0"]);
        check(GramKind::Positional, "11", &["town|0:1|0", "town|1:1|0"]);
        check(GramKind::Bigram, "ア", &["town|^ア|0", "town|ア$|0"]);
        check(
            GramKind::UnigramBigram,
            "佐佐",
            &[
                "town|佐|0",
                "town|佐|1",
                "town|^佐|0",
                "town|佐佐|0",
                "town|佐$|0",
            ],
        );
    }

    #[test]
    fn a_whole_value_is_the_gram_that_it_reads_like() {
        for (value, kind, other) in [
            ("a", GramKind::UnigramBigram, "a"),
            ("ab", GramKind::Bigram, "ab"),
            ("127:x", GramKind::Positional, "x"),
        ] {
            let whole = Gram::whole(value, 3).expect("has a number");
            let mut message = String::new();
            whole.write(&["", "", "", "t"], &mut message);
            assert_eq!(message, format!("t\u{1f}{value}\u{1f}0"));
            let mut grams = Grams::new();
            grams.add(
                3,
                0,
                kind,
                &format!("{}{other}", "-".repeat(127 * usize::from(value.len() > 2))),
            );
            assert!(grams.from(0).contains(&whole), "{value}");
        }
        for value in [
            "abc",
            "128:x",
            "00:x",
            "+1:x",
            "1:xy",
            ":xy",
            "\u{0}\u{0}\u{0}",
        ] {
            assert!(Gram::whole(value, 0).is_none(), "{value:?}");
        }
        assert_ne!(Gram::whole("\u{0}", 0).map(Gram::number), Some(0));
    }

    #[test]
    fn one_character_past_the_limit_is_not_cut() {
        let count = |length: usize| {
            let mut grams = Grams::new();
            grams.add(0, 0, GramKind::UnigramBigram, &"ア".repeat(length));
            grams.len()
        };
        assert_eq!(count(GRAM_CHARS_MAX), 2 * GRAM_CHARS_MAX + 1);
        assert_eq!(count(GRAM_CHARS_MAX + 1), 2 * GRAM_CHARS_MAX + 1);
    }

    #[test]
    fn repeats_are_numbered() {
        check(
            GramKind::Bigram,
            "ササ",
            &["town|^サ|0", "town|ササ|0", "town|サ$|0"],
        );
        check(
            GramKind::Bigram,
            "1-1-1",
            &[
                "town|^1|0",
                "town|1-|0",
                "town|-1|0",
                "town|1-|1",
                "town|-1|1",
                "town|1$|0",
            ],
        );
        let long = "ア".repeat(GRAM_CHARS_MAX);
        let twice = [(Field::Surname, GramKind::UnigramBigram, long.as_str()); 2];
        let mut last = messages(&twice)
            .into_iter()
            .filter(|message| message.contains("|ア|"));
        let expected = format!("latin-name|ア|{}", 2 * GRAM_CHARS_MAX - 1);
        assert_eq!(last.next_back(), Some(expected));
    }

    #[test]
    fn a_swap_of_given_name_and_surname_keeps_the_grams() {
        let grams = |given: &str, surname: &str| {
            let mut all = messages(&[
                (Field::GivenName, GramKind::Bigram, given),
                (Field::Surname, GramKind::Bigram, surname),
            ]);
            all.sort();
            all
        };
        assert_eq!(grams("anna", "hanna"), grams("hanna", "anna"));
    }
}
