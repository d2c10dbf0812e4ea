//! How a normalised value is cut into grams.

use linker_token::{Field, GramKind};
use zeroize::Zeroizing;

use crate::limits::GRAM_CHARS_MAX;

/// Stands before the first character. The normaliser removes control characters, so no value has it.
const START: char = '\u{2}';
/// Stands after the last character.
const END: char = '\u{3}';
/// Separates the parts of a gram's message.
const SEPARATOR: char = '\u{1f}';

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

/// The messages of one segment of one record, in one buffer that is wiped when dropped.
pub(super) struct Messages {
    text: Zeroizing<String>,
    spans: Vec<Span>,
}

/// Where a message lies in the buffer.
struct Span {
    start: usize,
    /// Before the number of its repeat.
    gram_end: usize,
    end: usize,
}

impl Messages {
    pub(super) fn new() -> Self {
        Self {
            // Room for the grams of long values, so that growing leaves no copy behind.
            text: Zeroizing::new(String::with_capacity(16 * 1024)),
            spans: Vec::with_capacity(256),
        }
    }

    /// Begins another record.
    pub(super) fn clear(&mut self) {
        self.text.clear();
        self.spans.clear();
    }

    pub(super) fn len(&self) -> usize {
        self.spans.len()
    }

    pub(super) fn get(&self, index: usize) -> &str {
        let span = &self.spans[index];
        &self.text[span.start..span.end]
    }

    /// Adds the messages of a value's grams in order: tag, gram, number of earlier equal grams in
    /// this segment, separated by U+001F.
    pub(super) fn add(&mut self, field: Field, kind: GramKind, value: &str) {
        let tag = tag(field);
        cut(kind, value, |parts| {
            let start = self.text.len();
            self.text.push_str(tag);
            self.text.push(SEPARATOR);
            parts.iter().for_each(|part| self.text.push_str(part));
            self.text.push(SEPARATOR);
            let gram_end = self.text.len();
            let gram = &self.text[start..];
            let equal = |span: &&Span| &self.text[span.start..span.gram_end] == gram;
            let repeat = self.spans.iter().filter(equal).count();
            push_number(&mut self.text, repeat);
            self.spans.push(Span {
                start,
                gram_end,
                end: self.text.len(),
            });
        });
    }
}

/// A number in decimal figures.
fn push_number(text: &mut String, number: usize) {
    if number >= 10 {
        push_number(text, number / 10);
    }
    text.push(char::from(b"0123456789"[number % 10]));
}

/// Cuts a value; a gram is handed on as parts that follow one another.
fn cut(kind: GramKind, value: &str, mut emit: impl FnMut(&[&str])) {
    let chars = || value.chars().take(GRAM_CHARS_MAX);
    let (mut one, mut two) = ([0; 4], [0; 4]);
    match kind {
        GramKind::Whole => emit(&[value]),
        GramKind::Positional => {
            let mut place = String::with_capacity(4);
            for (index, c) in chars().enumerate() {
                place.clear();
                push_number(&mut place, index);
                emit(&[&place, ":", c.encode_utf8(&mut one)]);
            }
        }
        GramKind::Bigram | GramKind::UnigramBigram => {
            if kind == GramKind::UnigramBigram {
                for c in chars() {
                    emit(&[c.encode_utf8(&mut one)]);
                }
            }
            let mut before = START;
            for c in chars().chain([END]) {
                emit(&[before.encode_utf8(&mut one), c.encode_utf8(&mut two)]);
                before = c;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(kind: GramKind, value: &str, expected: &[&str]) {
        let mut messages = Messages::new();
        messages.add(Field::Town, kind, value);
        let got: Vec<String> = (0..messages.len())
            .map(|index| {
                messages
                    .get(index)
                    .replace('\u{1f}', "|")
                    .replace(START, "^")
                    .replace(END, "$")
            })
            .collect();
        assert_eq!(got, expected);
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
    fn one_character_past_the_limit_is_not_cut() {
        let count = |length: usize| {
            let mut messages = Messages::new();
            messages.add(Field::Town, GramKind::UnigramBigram, &"ア".repeat(length));
            messages.len()
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
    }

    #[test]
    fn a_swap_of_given_name_and_surname_keeps_the_grams() {
        let grams = |given: &str, surname: &str| {
            let mut messages = Messages::new();
            messages.add(Field::GivenName, GramKind::Bigram, given);
            messages.add(Field::Surname, GramKind::Bigram, surname);
            let mut all: Vec<String> = (0..messages.len())
                .map(|i| messages.get(i).to_owned())
                .collect();
            all.sort();
            all
        };
        assert_eq!(grams("anna", "hanna"), grams("hanna", "anna"));
    }
}
