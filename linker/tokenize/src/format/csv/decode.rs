//! Bytes of one field to text, and the encoding of a whole table, without a copy of the file.

use std::sync::LazyLock;

use encoding_rs::SHIFT_JIS;
use zeroize::Zeroizing;

use crate::format::{
    SourceEncoding,
    encoding::{self, BOM},
};

/// Second bytes: 0x40 to 0xfc, one of which is never used.
const TRAILS: usize = 0xfc - 0x40 + 1;
/// Most bytes of text that one byte of a source becomes: half-width kana have one and become three.
const GROWTH: usize = 3;

/// Two-byte characters of CP932 by their bytes; 0 where there is none. All lie in the basic plane.
fn pairs() -> &'static [u16] {
    static PAIRS: LazyLock<Vec<u16>> = LazyLock::new(|| {
        let bytes = (0x81..=0x9f_u8).chain(0xe0..=0xfc);
        let pairs = bytes.flat_map(|lead| (0x40..=0xfc_u8).map(move |trail| [lead, trail]));
        pairs.map(|pair| whole(&pair).unwrap_or(0)).collect()
    });
    &PAIRS
}

fn whole(pair: &[u8]) -> Option<u16> {
    let text = SHIFT_JIS.decode_without_bom_handling_and_without_replacement(pair)?;
    let mut units = text.encode_utf16();
    let unit = units.next()?;
    units.next().is_none().then_some(unit)
}

/// The place of a first byte, counted without the gap; `None` if it is none.
fn lead(byte: u8) -> Option<usize> {
    match byte {
        0x81..=0x9f => Some(usize::from(byte - 0x81)),
        0xe0..=0xfc => Some(usize::from(byte - 0xe0) + 31),
        _ => None,
    }
}

/// The character of two bytes, 0 if there is none.
fn pair(pairs: &[u16], lead: usize, trail: u8) -> u16 {
    match trail.checked_sub(0x40) {
        Some(trail) if usize::from(trail) < TRAILS => pairs[lead * TRAILS + usize::from(trail)],
        _ => 0,
    }
}

/// Appends the text of one field. `None`: its bytes are not in the encoding. The text grows by at most
/// [`room`].
pub(super) fn append(encoding: SourceEncoding, bytes: &[u8], text: &mut String) -> Option<()> {
    if encoding != SourceEncoding::Cp932 || bytes.is_ascii() {
        text.push_str(std::str::from_utf8(bytes).ok()?);
        return Some(());
    }
    let pairs = pairs();
    let mut bytes = bytes.iter();
    while let Some(&byte) = bytes.next() {
        let number = match byte {
            0..=0x80 => u16::from(byte),
            0xa1..=0xdf => 0xff61 + u16::from(byte - 0xa1),
            _ => pair(pairs, lead(byte)?, *bytes.next()?),
        };
        text.push(char::from_u32(number.into()).filter(|_| number != 0 || byte == 0)?);
    }
    Some(())
}

/// Bytes of text that [`append`] may need for a field.
pub(super) fn room(bytes: usize) -> usize {
    GROWTH * bytes
}

/// [`encoding::detect`] without a decoded copy of the file.
pub(super) fn detect(bytes: &[u8]) -> SourceEncoding {
    let marked = [BOM, b"\xff\xfe", b"\xfe\xff"]
        .iter()
        .any(|mark| bytes.starts_with(mark));
    if marked || bytes.is_ascii() {
        return encoding::detect(bytes);
    }
    if is_utf8(bytes) {
        SourceEncoding::Utf8
    } else if is_cp932(bytes) {
        SourceEncoding::Cp932
    } else {
        SourceEncoding::Unknown
    }
}

/// Whether more than ten characters of UTF-8 stand against every damaged place. Stops as soon as what
/// is left, two bytes a character, can no longer turn the verdict.
fn is_utf8(bytes: &[u8]) -> bool {
    let (mut good, mut bad, mut seen) = (0_usize, 0_usize, 0_usize);
    for chunk in bytes.utf8_chunks() {
        let valid = chunk.valid();
        good += valid.bytes().filter(|byte| *byte >= 0xc0).count();
        bad += usize::from(!chunk.invalid().is_empty());
        seen += valid.len() + chunk.invalid().len();
        if 10 * bad >= good + (bytes.len() - seen) / 2 {
            return false;
        }
    }
    good > 10 * bad
}

/// The same for CP932. Counts what its decoder would write: a damaged place is one replacement character,
/// and a second byte below 0x80 that fits no first byte stands for itself.
fn is_cp932(bytes: &[u8]) -> bool {
    let pairs = pairs();
    let (mut characters, mut bad) = (0_usize, 0_usize);
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        at += 1;
        if byte < 0x80 {
            continue;
        }
        characters += 1;
        if matches!(byte, 0x80 | 0xa1..=0xdf) {
            continue;
        }
        let trail = bytes.get(at).copied();
        let known = lead(byte)
            .zip(trail)
            .map(|(lead, trail)| pair(pairs, lead, trail));
        match known {
            Some(0) => {
                bad += 1;
                at += usize::from(trail.is_some_and(|trail| trail >= 0x80));
            }
            Some(_) => at += 1,
            None => bad += 1,
        }
    }
    characters > 10 * bad
}

/// Whether a field can be a number of digits, blanks and hyphens, in any width. Looks at the first byte of
/// each character only: what it keeps is decoded and judged.
pub(super) fn may_be_number(encoding: SourceEncoding, bytes: &[u8]) -> bool {
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        at += match (byte, encoding) {
            (b'0'..=b'9' | b'-' | b' ' | b'\t'..=b'\r', _) => 1,
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

    pub(super) fn get(&self, range: std::ops::Range<usize>) -> &str {
        self.0.get(range).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::refuse::ColumnStatistics;

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
        assert_eq!(detect(bytes), encoding::detect(bytes), "{bytes:x?}");
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
        fn numbers_are_never_passed_over(text in "[ \u{3000}\u{a0}\t0-9０-９－‐−ー\\-]{9,40}", utf8 in any::<bool>()) {
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
