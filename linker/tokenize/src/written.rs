//! How the values of one record were written, before they are normalised: which are there, how wide
//! they are, and what is odd about them. Made for a report about a source; runs do not ask for it.
//!
//! No value can be read from it. The fingerprints tell equal values apart from others, so that a default
//! value can be noticed; a fingerprint of a name could be guessed, and whoever keeps one keys it first.

use std::{
    fmt,
    hash::{DefaultHasher, Hasher as _},
};

use encoding_rs::{SHIFT_JIS, WINDOWS_1252};
use zeroize::{Zeroize as _, Zeroizing};

use crate::{
    normalize::{
        Values,
        text::{is_han, is_kana},
    },
    record::RawField,
};

const FIELDS: usize = RawField::ALL.len();

const _: () = assert!(FIELDS <= 32, "a set of fields is one u32");

/// Something odd about how a value is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Mark {
    /// A sign that systems write for a character they do not have: ■ ● 〓 ？.
    Wildcard,
    /// U+FFFD, which a conversion left behind.
    Replacement,
    /// A character of an institution's own making, which means something else elsewhere.
    PrivateUse,
    /// Katakana of half width.
    HalfWidthKana,
    /// Digits of full width.
    FullWidthDigits,
    /// Controls, zero-width characters and direction marks.
    Invisible,
    /// One digit over and over.
    OneDigit,
    /// Text that was read in a wrong encoding and written again.
    Mojibake,
}

impl Mark {
    /// All of them, in the order of their declaration.
    pub const ALL: &'static [Self] = &[
        Self::Wildcard,
        Self::Replacement,
        Self::PrivateUse,
        Self::HalfWidthKana,
        Self::FullWidthDigits,
        Self::Invisible,
        Self::OneDigit,
        Self::Mojibake,
    ];
}

/// How the values of one record were written. Wiped when it is dropped; never printed.
#[derive(Clone)]
pub struct Written {
    present: u32,
    marks: [u32; Mark::ALL.len()],
    columns: [u8; FIELDS],
    fingerprints: [u64; FIELDS],
}

impl fmt::Debug for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Written(..)")
    }
}

impl Drop for Written {
    fn drop(&mut self) {
        self.fingerprints.zeroize();
        self.columns.zeroize();
    }
}

impl Written {
    pub(crate) fn of(values: &Values<'_>) -> Self {
        let mut written = Self {
            present: 0,
            marks: [0; Mark::ALL.len()],
            columns: [0; FIELDS],
            fingerprints: [0; FIELDS],
        };
        for &field in RawField::ALL {
            if let Some(value) = values.get(field) {
                written.see(field, value);
            }
        }
        written
    }

    /// Which fields have a value that is not blank: bit `n` stands for place `n` of [`RawField::ALL`].
    #[must_use]
    pub fn present_bits(&self) -> u32 {
        self.present
    }

    /// Which fields' values have a mark, in the same bits.
    #[must_use]
    pub fn marked_bits(&self, mark: Mark) -> u32 {
        self.marks[mark as usize]
    }

    /// Whether the field has a value that is not blank.
    #[must_use]
    pub fn present(&self, field: RawField) -> bool {
        self.present >> field as u8 & 1 == 1
    }

    /// Whether the field's value has a mark.
    #[must_use]
    pub fn has(&self, field: RawField, mark: Mark) -> bool {
        self.marks[mark as usize] >> field as u8 & 1 == 1
    }

    /// How wide the value is, as a file in CP932 counts its bytes: one for ASCII and kana of half width,
    /// two for others. 255 is 255 or more, 0 is no value.
    #[must_use]
    pub fn columns(&self, field: RawField) -> u8 {
        self.columns[field as usize]
    }

    /// Equal for equal values of one field, 0 without a value. Not keyed.
    #[must_use]
    pub fn fingerprint(&self, field: RawField) -> u64 {
        self.fingerprints[field as usize]
    }

    fn see(&mut self, field: RawField, value: &str) {
        let bit = 1 << field as u8;
        self.present |= bit;
        let mut columns = 0_usize;
        let mut suspicious = 0_u32;
        for c in value.chars() {
            columns += if c.is_ascii() || is_half_width_kana(c) {
                1
            } else {
                2
            };
            // What the first byte of every kana in UTF-8 becomes when it is read as CP932.
            suspicious += u32::from(matches!(c, '縺' | '繧' | '繝'));
            if let Some(mark) = mark_of(c) {
                self.marks[mark as usize] |= bit;
            }
        }
        self.columns[field as usize] = u8::try_from(columns).unwrap_or(u8::MAX);
        self.fingerprints[field as usize] = fingerprint(value);
        if is_one_digit(value) {
            self.marks[Mark::OneDigit as usize] |= bit;
        }
        if suspicious >= 2 || is_mojibake(value) {
            self.marks[Mark::Mojibake as usize] |= bit;
        }
    }
}

fn fingerprint(value: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(value.as_bytes());
    hasher.finish().max(1)
}

fn is_half_width_kana(c: char) -> bool {
    matches!(u32::from(c), 0xff61..=0xff9f)
}

fn mark_of(c: char) -> Option<Mark> {
    if c.is_ascii_alphanumeric() || is_kana(c) || is_han(c) {
        return None;
    }
    match u32::from(c) {
        0xfffd => Some(Mark::Replacement),
        0xe000..=0xf8ff | 0xf_0000..=0x10_ffff => Some(Mark::PrivateUse),
        0xff61..=0xff9f => Some(Mark::HalfWidthKana),
        0xff10..=0xff19 => Some(Mark::FullWidthDigits),
        0x200b..=0x200f | 0x202a..=0x202e | 0x2060..=0x206f | 0xfeff | 0x00ad => {
            Some(Mark::Invisible)
        }
        // The last ones are forms of vertical, small and half-width writing.
        _ if matches!(
            c,
            '■' | '□' | '●' | '〓' | '＊' | '？' | '*' | '?' | '︖' | '﹖' | '﹡' | '￭'
        ) =>
        {
            Some(Mark::Wildcard)
        }
        _ if c.is_control() && !c.is_whitespace() => Some(Mark::Invisible),
        _ => None,
    }
}

/// Three or more times the same digit, in either width, and nothing else but blanks and hyphens.
fn is_one_digit(value: &str) -> bool {
    let mut first = None;
    let mut count = 0;
    for c in value.chars() {
        let digit = match c {
            '0'..='9' => c,
            '０'..='９' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
            '-' | '－' | '‐' | ' ' | '\u{3000}' => continue,
            _ => return false,
        };
        if *first.get_or_insert(digit) != digit {
            return false;
        }
        count += 1;
    }
    count >= 3
}

/// Whether the value becomes Japanese text in UTF-8 when it is written back in the encoding in which it
/// was wrongly read. Characters that did not survive are missing, so a part of it may stay damaged.
fn is_mojibake(value: &str) -> bool {
    let foreign = |c: char| !c.is_ascii() && c != char::REPLACEMENT_CHARACTER;
    let half_width = value.chars().any(is_half_width_kana);
    let western = |c: char| matches!(u32::from(c), 0..0x250 | 0x2013..=0x2122);
    let all_western = value.chars().filter(|&c| foreign(c)).all(western);
    // Read as CP932, kanji turn into kanji and kana of half width, side by side.
    if value.chars().filter(|&c| foreign(c)).count() < 3 || !(half_width || all_western) {
        return false;
    }
    let survived = value.chars().filter(|&c| c != char::REPLACEMENT_CHARACTER);
    let kept: Zeroizing<String> = Zeroizing::new(survived.collect());
    let encoding = if all_western { WINDOWS_1252 } else { SHIFT_JIS };
    let (bytes, _, failed) = encoding.encode(&kept);
    let bytes = Zeroizing::new(bytes.into_owned());
    let (mut characters, mut whole) = (0, 0);
    for chunk in bytes.utf8_chunks() {
        let valid = chunk.valid();
        characters += valid.chars().filter(|&c| is_han(c) || is_kana(c)).count();
        whole += valid.len();
    }
    !failed && characters >= 2 && 2 * whole >= bytes.len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::normalize::text;

    fn written(field: RawField, value: &str) -> Written {
        let mut values = Values::default();
        values.set(field, value).expect("short");
        Written::of(&values)
    }

    fn marks(value: &str) -> Vec<Mark> {
        let written = written(RawField::KanjiName, value);
        let all = Mark::ALL.iter().copied();
        all.filter(|&mark| written.has(RawField::KanjiName, mark))
            .collect()
    }

    #[test]
    fn oddities_are_marked() {
        for (value, expected) in [
            ("山田 太郎", &[][..]),
            ("ヤマダ　タロウ", &[]),
            ("山■太郎", &[Mark::Wildcard]),
            ("山\u{fffd}太郎", &[Mark::Replacement]),
            ("山\u{e000}太郎", &[Mark::PrivateUse]),
            ("ﾔﾏﾀﾞ ﾀﾛｳ", &[Mark::HalfWidthKana]),
            ("東京都１－２", &[Mark::FullWidthDigits]),
            ("山\u{200b}田", &[Mark::Invisible]),
            ("000-0000", &[Mark::OneDigit]),
            ("９９９", &[Mark::FullWidthDigits, Mark::OneDigit]),
            ("99", &[]),
            ("1990-01-01", &[]),
        ] {
            assert_eq!(marks(value), expected, "{value}");
        }
    }

    #[test]
    fn text_read_in_a_wrong_encoding_is_noticed() {
        for value in [
            "山田太郎",
            "ヤマダ タロウ",
            "東京都千代田区一番町",
            "髙橋 花子",
        ] {
            let bytes = value.as_bytes();
            let cp932 = SHIFT_JIS.decode_without_bom_handling(bytes).0;
            assert!(is_marked(&cp932), "{value}: {cp932}");
            let western = WINDOWS_1252.decode_without_bom_handling(bytes).0;
            assert!(is_marked(&western), "{value}: {western}");
            assert!(!is_marked(value), "{value}");
        }
        for value in [
            "ﾔﾏﾀﾞ ﾀﾛｳ",
            "Müller Jürgen",
            "ジョン・スミス",
            "Nuñez Peña Íñigo",
        ] {
            assert!(!is_marked(value), "{value}");
        }
    }

    fn is_marked(value: &str) -> bool {
        written(RawField::KanjiName, value).has(RawField::KanjiName, Mark::Mojibake)
    }

    #[test]
    fn widths_are_those_of_cp932() {
        for (value, columns) in [("", 0), ("山田 太郎", 9), ("ﾔﾏﾀﾞ", 4), (" a ", 1)] {
            let written = written(RawField::KanaName, value);
            assert_eq!(written.columns(RawField::KanaName), columns, "{value}");
            assert_eq!(written.present(RawField::KanaName), columns > 0);
        }
        let long = "山".repeat(200);
        let written = written(RawField::KanaName, &long);
        assert_eq!(written.columns(RawField::KanaName), u8::MAX);
    }

    #[test]
    fn it_is_not_printed_and_equal_values_are_told() {
        let one = written(RawField::KanjiName, "marked value");
        assert_eq!(format!("{one:?}"), "Written(..)");
        let other = written(RawField::KanjiName, " marked value ");
        let field = RawField::KanjiName;
        assert_eq!(one.fingerprint(field), other.fingerprint(field));
        assert_ne!(one.fingerprint(field), 0);
        assert_eq!(one.fingerprint(RawField::Sex), 0);
    }

    #[test]
    fn whatever_the_normaliser_cannot_read_has_a_mark() {
        for c in (0..=0x10_ffff).filter_map(char::from_u32) {
            let mut buffer = [0; 4];
            let unknown = *text::clean(c.encode_utf8(&mut buffer)) == text::WILDCARD.to_string();
            let marked = matches!(
                mark_of(c),
                Some(Mark::Wildcard | Mark::Replacement | Mark::PrivateUse)
            );
            assert!(!unknown || marked, "{c:?}");
        }
    }

    proptest! {
        #[test]
        fn names_are_not_taken_for_damage(value in "[一-龠]{1,4} [一-龠]{1,4}|[ァ-ヴー]{2,8} [ァ-ヴー]{2,8}|[ｦ-ﾟ]{2,12}") {
            prop_assert!(!is_mojibake(&value), "{}", value);
        }
    }
}
