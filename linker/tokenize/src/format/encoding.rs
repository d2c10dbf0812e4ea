//! What encoding bytes are in, and their text.

use std::{borrow::Cow, fmt};

use encoding_rs::SHIFT_JIS;
use zeroize::Zeroizing;

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
    let decoded = SHIFT_JIS.decode_without_bom_handling(bytes).0;
    let decoded = Zeroizing::new(decoded.into_owned());
    for c in decoded.chars() {
        bad += usize::from(c == char::REPLACEMENT_CHARACTER);
        good += usize::from(!c.is_ascii());
    }
    if good > 10 * bad {
        SourceEncoding::Cp932
    } else {
        SourceEncoding::Unknown
    }
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
    use super::*;

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
}
