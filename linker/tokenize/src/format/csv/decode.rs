//! Bytes of one field to text, and whether they can be a number.

use std::ops::Range;

use zeroize::Zeroizing;

use crate::format::{
    SourceEncoding,
    encoding::cp932::{Pairs, lead},
};

/// Most bytes of text that one byte of a source becomes: half-width kana have one and become three.
const GROWTH: usize = 3;

/// A field of ASCII, which every encoding reads alike.
pub(super) fn ascii(bytes: &[u8]) -> Option<&str> {
    bytes
        .is_ascii()
        .then(|| std::str::from_utf8(bytes).unwrap_or_default())
}

/// Appends the text of one field. `None`: its bytes are not in the encoding. The text grows by at most
/// [`room`].
pub(super) fn append(encoding: SourceEncoding, bytes: &[u8], text: &mut String) -> Option<()> {
    if encoding != SourceEncoding::Cp932 || bytes.is_ascii() {
        text.push_str(std::str::from_utf8(bytes).ok()?);
        return Some(());
    }
    let pairs = Pairs::get();
    let mut bytes = bytes.iter();
    while let Some(&byte) = bytes.next() {
        let number = match byte {
            0..=0x80 => u16::from(byte),
            0xa1..=0xdf => 0xff61 + u16::from(byte - 0xa1),
            _ => pairs.of(lead(byte)?, *bytes.next()?),
        };
        text.push(char::from_u32(number.into()).filter(|_| number != 0 || byte == 0)?);
    }
    Some(())
}

/// Where a text lies without the blanks around it.
pub(super) fn trim(text: &str) -> Range<usize> {
    let bytes = text.as_bytes();
    // No ASCII character above the blank is one, and no character of three bytes from U+3040 on.
    let ink = |place: Option<&u8>| place.is_some_and(|byte| matches!(byte, 0x21..=0x7e));
    let starts = ink(bytes.first()) || bytes.first().is_some_and(|&lead| lead >= 0xe4);
    let ends = ink(bytes.last())
        || bytes.last_chunk::<3>().is_some_and(|&[lead, second, _]| {
            matches!((lead, second), (0xe3, 0x81..) | (0xe4..=0xef, 0x80..=0xbf))
        });
    if starts && ends {
        return 0..text.len();
    }
    let value = text.trim_start();
    let begin = text.len() - value.len();
    begin..begin + value.trim_end().len()
}

/// Bytes of text that [`append`] may need for a field.
pub(super) fn room(bytes: usize) -> usize {
    GROWTH * bytes
}

/// Fewest bytes of a number that is looked for.
pub(super) const NUMBER_BYTES_MIN: usize = 11;

/// Whether a field can be a number of digits, blanks, hyphens, points and quotation marks, in any width. Looks at the first byte of
/// each character only: what it keeps is decoded and judged.
pub(super) fn may_be_number(encoding: SourceEncoding, bytes: &[u8]) -> bool {
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        at += match (byte, encoding) {
            (b'0'..=b'9' | b'-' | b' ' | b'.' | b'~' | b'\'' | b'"' | b'=' | b'\t'..=b'\r', _) => 1,
            (0x81 | 0x82, SourceEncoding::Cp932) => 2,
            (..=0x7f, _) | (_, SourceEncoding::Cp932) => return false,
            // Digits and blanks of full width, dashes, and every blank that trimming knows.
            (0xc2, _) => 2,
            (0xe1..=0xe3 | 0xef, _) => 3,
            _ => return false,
        };
    }
    true
}

/// Text of one row's fields, one after another. Never grows while it holds a value: that would leave a
/// copy behind.
#[derive(Default)]
pub(super) struct RowText(Zeroizing<String>);

impl RowText {
    /// Empties it and makes room.
    pub(super) fn clear(&mut self, room: usize) -> &mut String {
        if self.0.capacity() < room {
            self.0 = Zeroizing::new(String::with_capacity(2 * room));
        }
        self.0.clear();
        &mut self.0
    }

    pub(super) fn get(&self, range: Range<usize>) -> &str {
        self.0.get(range).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use encoding_rs::SHIFT_JIS;
    use proptest::prelude::*;

    use super::*;
    use crate::{format::encoding, refuse::ColumnStatistics};

    fn counted(column: &ColumnStatistics) -> bool {
        format!("{column:?}") != format!("{:?}", ColumnStatistics::default())
    }

    fn same(bytes: &[u8]) {
        for encoding in [SourceEncoding::Cp932, SourceEncoding::Utf8] {
            let mut text = String::with_capacity(room(bytes.len()));
            let capacity = text.capacity();
            let quick = append(encoding, bytes, &mut text).map(|()| text.as_str());
            assert_eq!(
                quick,
                encoding::text(encoding, bytes).as_deref(),
                "{bytes:x?}"
            );
            assert_eq!(text.capacity(), capacity);
            if !may_be_number(encoding, bytes) {
                let mut column = ColumnStatistics::default();
                column.see_bytes(bytes, |bytes| encoding::text(encoding, bytes));
                assert!(!counted(&column), "{bytes:x?}");
            }
        }
    }

    #[test]
    fn every_pair_of_bytes() {
        for first in 0..=255_u8 {
            same(&[first]);
            for second in 0..=255_u8 {
                same(&[first, second]);
                same(&[first, second, b'1', first]);
            }
        }
    }

    #[test]
    fn every_blank_is_trimmed() {
        for c in (0..=0x10_ffff).filter_map(char::from_u32) {
            for text in [
                format!("{c}"),
                format!("{c}山{c}"),
                format!("a{c}"),
                format!("{c}b"),
            ] {
                assert_eq!(&text[trim(&text)], text.trim(), "{text:?}");
            }
        }
        assert_eq!(trim(""), 0..0);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2048))]

        #[test]
        fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            same(&bytes);
        }

        #[test]
        fn texts_with_some_damage(
            text in "[a-z山田ァ-ンｦ-ﾟÀ-ÿ,0-9]{0,60}",
            utf8 in any::<bool>(),
            damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
        ) {
            let mut bytes = if utf8 { text.into_bytes() } else { SHIFT_JIS.encode(&text).0.into_owned() };
            for (at, byte) in damage {
                if !bytes.is_empty() {
                    let at = at.index(bytes.len());
                    bytes[at] = byte;
                }
            }
            same(&bytes);
        }

        #[test]
        fn numbers_are_never_passed_over(text in "[ \u{3000}\u{a0}\t0-9０-９－‐−ー．’.'\"=~\\-]{9,40}", utf8 in any::<bool>()) {
            let (encoding, bytes) = if utf8 {
                (SourceEncoding::Utf8, text.into_bytes())
            } else {
                (SourceEncoding::Cp932, SHIFT_JIS.encode(&text).0.into_owned())
            };
            let mut column = ColumnStatistics::default();
            column.see_bytes(&bytes, |bytes| encoding::text(encoding, bytes));
            prop_assert!(may_be_number(encoding, &bytes) || !counted(&column));
        }
    }
}
