//! What encoding bytes are in, and their text.

pub(crate) mod cp932;
pub(super) mod detect;

use std::{borrow::Cow, fmt};

use encoding_rs::SHIFT_JIS;

use self::detect::Detector;

/// Encodings that Japanese source files come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SourceEncoding {
    /// ASCII only: every other encoding reads it alike.
    Ascii,
    /// UTF-8, with or without a byte order mark.
    Utf8,
    /// Code page 932, which institutions call Shift_JIS.
    Cp932,
    /// ISO-2022-JP, as HL7 version 2 prescribes in Japan.
    Iso2022Jp,
    /// UTF-16, as spreadsheets export "Unicode text".
    Utf16,
    /// None of these.
    Unknown,
}

impl fmt::Display for SourceEncoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ascii => "ASCII",
            Self::Utf8 => "UTF-8",
            Self::Cp932 => "CP932",
            Self::Iso2022Jp => "ISO-2022-JP",
            Self::Utf16 => "UTF-16",
            Self::Unknown => "no known encoding",
        })
    }
}

pub(super) const BOM: &[u8] = b"\xef\xbb\xbf";

/// What the bytes look like.
///
/// UTF-8 is recognised before CP932, because its multi-byte sequences hardly ever occur by chance
/// while CP932 reads almost anything. A UTF-8 file with a few damaged places stays UTF-8.
#[must_use]
pub fn detect(bytes: &[u8]) -> SourceEncoding {
    let mut detector = Detector::new(bytes.len() as u64);
    detector.add(bytes);
    detector.verdict()
}

/// The text of one field; `None` if its bytes are not in the encoding.
pub(super) fn text(encoding: SourceEncoding, bytes: &[u8]) -> Option<Cow<'_, str>> {
    match encoding {
        SourceEncoding::Cp932 => {
            SHIFT_JIS.decode_without_bom_handling_and_without_replacement(bytes)
        }
        SourceEncoding::Ascii
        | SourceEncoding::Utf8
        | SourceEncoding::Iso2022Jp
        | SourceEncoding::Utf16
        | SourceEncoding::Unknown => std::str::from_utf8(bytes).ok().map(Cow::Borrowed),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::limits;

    /// The same from a decoded copy of the whole.
    fn slow_detect(bytes: &[u8]) -> SourceEncoding {
        if bytes.starts_with(BOM) {
            return SourceEncoding::Utf8;
        }
        if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
            return SourceEncoding::Utf16;
        }
        if bytes.is_ascii() {
            let escape = bytes.windows(2).any(|pair| pair == b"\x1b$");
            return if escape {
                SourceEncoding::Iso2022Jp
            } else {
                SourceEncoding::Ascii
            };
        }
        let (mut good, mut bad) = (0_usize, 0_usize);
        for chunk in bytes.utf8_chunks() {
            good += chunk.valid().chars().filter(|c| !c.is_ascii()).count();
            bad += usize::from(!chunk.invalid().is_empty());
        }
        if good > 10 * bad {
            return SourceEncoding::Utf8;
        }
        let (mut good, mut bad) = (0_usize, 0_usize);
        for c in SHIFT_JIS.decode_without_bom_handling(bytes).0.chars() {
            bad += usize::from(c == char::REPLACEMENT_CHARACTER);
            good += usize::from(!c.is_ascii());
        }
        if good > 10 * bad {
            SourceEncoding::Cp932
        } else {
            SourceEncoding::Unknown
        }
    }

    fn same(bytes: &[u8], cuts: &[usize]) {
        let expected = slow_detect(bytes);
        assert_eq!(detect(bytes), expected, "{bytes:x?}");
        let mut detector = Detector::new(bytes.len() as u64);
        let mut rest = bytes;
        for &cut in cuts {
            let (block, after) = rest.split_at(cut.min(rest.len()));
            detector.add(block);
            rest = after;
        }
        detector.add(rest);
        assert_eq!(detector.verdict(), expected, "{bytes:x?} cut at {cuts:?}");
    }

    #[test]
    fn encodings_are_told_apart() {
        let text = "氏名,フリガナ,生年月日\r\n山田 太郎,ヤマダ タロウ,S45.3.2\r\n";
        assert_eq!(detect(text.as_bytes()), SourceEncoding::Utf8);
        assert_eq!(detect(&SHIFT_JIS.encode(text).0), SourceEncoding::Cp932);
        let iso = encoding_rs::ISO_2022_JP.encode(text).0;
        assert_eq!(detect(&iso), SourceEncoding::Iso2022Jp);
        assert_eq!(detect(b"id,name\r\n"), SourceEncoding::Ascii);
        assert_eq!(detect(b"\xff\xfei\0d\0"), SourceEncoding::Utf16);
        assert_eq!(detect(&[0xff; 64]), SourceEncoding::Unknown);
    }

    #[test]
    fn a_damaged_utf8_file_is_still_utf8() {
        let mut bytes = "山田太郎,ヤマダタロウ\n".repeat(20).into_bytes();
        bytes.truncate(bytes.len() - 3);
        assert_eq!(detect(&bytes), SourceEncoding::Utf8);
    }

    #[test]
    fn every_pair_of_bytes() {
        for first in 0..=255_u8 {
            same(&[first], &[]);
            for second in 0..=255_u8 {
                same(&[first, second], &[1]);
                same(&[first, second, b'1', first], &[1, 1, 1]);
                same(&[0xe3, first, second, b'1', 0xf0], &[2]);
            }
        }
        for bytes in [b"\x1b$B".as_slice(), b"\xef\xbb\xbf\xff", b"\xff\xfe\xff"] {
            same(bytes, &[1, 1, 1]);
        }
    }

    #[test]
    fn the_first_million_characters_decide() {
        let cp932 = SHIFT_JIS.encode("山田").0.into_owned();
        let damaged = vec![0xff; 1 << 20];
        let count = usize::try_from(limits::ENCODING_CHARACTERS_MAX).expect("fits") / 2;
        let few = [cp932.repeat(count / 2), damaged.clone()].concat();
        assert_eq!(detect(&few), SourceEncoding::Unknown);
        // Enough is seen at the end of a piece, the last of which has some of the damage.
        let enough = [cp932.repeat(count + 1), damaged].concat();
        assert_eq!(detect(&enough), SourceEncoding::Cp932);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2048))]

        #[test]
        fn any_bytes(
            bytes in prop::collection::vec(any::<u8>(), 0..64),
            cuts in prop::collection::vec(0_usize..9, 0..8),
        ) {
            same(&bytes, &cuts);
        }

        #[test]
        fn texts_with_some_damage(
            text in "[a-z山田ァ-ンｦ-ﾟÀ-ÿ,0-9\u{20000}]{0,60}",
            utf8 in any::<bool>(),
            damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
            cuts in prop::collection::vec(0_usize..20, 0..8),
        ) {
            let mut bytes = if utf8 { text.into_bytes() } else { SHIFT_JIS.encode(&text).0.into_owned() };
            for (at, byte) in damage {
                if !bytes.is_empty() {
                    let at = at.index(bytes.len());
                    bytes[at] = byte;
                }
            }
            same(&bytes, &cuts);
        }
    }
}
