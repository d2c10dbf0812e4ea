//! What the bytes of a file look like before anybody reads them: encoding, line ends, damage. For a
//! report about a source; the readers decide for themselves.

use encoding_rs::{DecoderResult, ISO_2022_JP, SHIFT_JIS, UTF_8, UTF_16BE, UTF_16LE};
use zeroize::Zeroizing;

use super::{
    SourceEncoding,
    encoding::{BOM, detect},
};

/// Bytes that are judged at once; the next line end after them ends a piece.
const PIECE: usize = 1 << 20;
/// Room for decoded text, which is only counted.
const DECODED: usize = 32 * 1024;
/// Longest version of a format that is shown.
const VERSION_BYTES_MAX: usize = 20;

/// What the bytes of one file look like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    /// What they are in.
    pub encoding: SourceEncoding,
    /// They begin with a byte order mark.
    pub marked: bool,
    /// Lines that end with CR LF.
    pub crlf: u64,
    /// Lines that end with LF alone.
    pub lf: u64,
    /// Lines that end with CR alone.
    pub cr: u64,
    /// Places whose bytes are no character of the encoding.
    pub undecodable: u64,
    /// The version that an HL7 message claims for itself.
    pub version: Option<String>,
}

/// Looks at all bytes once, in fixed memory.
#[must_use]
pub fn look(bytes: &[u8]) -> Look {
    let encoding = encoding_of(bytes);
    let wide = encoding == SourceEncoding::Utf16;
    let (crlf, lf, cr) = if wide { (0, 0, 0) } else { line_ends(bytes) };
    Look {
        encoding,
        marked: wide || bytes.starts_with(BOM),
        crlf,
        lf,
        cr,
        undecodable: undecodable(encoding, bytes),
        version: version(bytes),
    }
}

/// The encoding of the first piece that has more than ASCII.
fn encoding_of(bytes: &[u8]) -> SourceEncoding {
    let mut rest = bytes;
    loop {
        let mut end = rest.len().min(PIECE);
        // A piece ends with a line, so that no character is cut.
        let tail = rest[end..].iter().take(PIECE);
        end += tail
            .take_while(|&&byte| byte != b'\n')
            .count()
            .min(rest.len() - end);
        let (piece, after) = rest.split_at(end);
        let found = detect(piece);
        if found != SourceEncoding::Ascii || after.is_empty() {
            return found;
        }
        rest = after;
    }
}

fn line_ends(bytes: &[u8]) -> (u64, u64, u64) {
    let (mut crlf, mut lf, mut cr) = (0, 0, 0);
    let mut last = 0;
    for &byte in bytes {
        match byte {
            b'\n' if last == b'\r' => crlf += 1,
            b'\n' => lf += 1,
            b'\r' => cr += 1,
            _ => {}
        }
        last = byte;
    }
    (crlf, lf, cr - crlf)
}

fn undecodable(encoding: SourceEncoding, bytes: &[u8]) -> u64 {
    let (decoder, bytes) = match encoding {
        SourceEncoding::Ascii | SourceEncoding::Unknown => return 0,
        SourceEncoding::Utf8 => (UTF_8, bytes),
        SourceEncoding::Cp932 => (SHIFT_JIS, bytes),
        SourceEncoding::Iso2022Jp => (ISO_2022_JP, bytes),
        SourceEncoding::Utf16 if bytes.starts_with(b"\xfe\xff") => (UTF_16BE, &bytes[2..]),
        SourceEncoding::Utf16 => (UTF_16LE, bytes.get(2..).unwrap_or_default()),
    };
    let mut decoder = decoder.new_decoder_without_bom_handling();
    let mut decoded = Zeroizing::new(vec![0; DECODED]);
    let (mut rest, mut count) = (bytes, 0);
    loop {
        let (result, read, _) =
            decoder.decode_to_utf8_without_replacement(rest, &mut decoded, true);
        rest = &rest[read..];
        match result {
            DecoderResult::InputEmpty => return count,
            DecoderResult::OutputFull => {}
            DecoderResult::Malformed(..) => count += 1,
        }
    }
}

/// The version in MSH-12, and that of SS-MIX2 in MSH-21. Nothing else of a message is looked at.
fn version(bytes: &[u8]) -> Option<String> {
    let message = bytes.strip_prefix(BOM).unwrap_or(bytes);
    let header = message.strip_prefix(b"MSH|")?;
    let header = header
        .split(|&byte| byte == b'\r' || byte == b'\n')
        .next()?;
    let mut fields = header.split(|&byte| byte == b'|');
    // MSH-1 is the separator itself, so MSH-12 is the eleventh field after it.
    let hl7 = plain(fields.nth(10)?)?;
    let profile = fields.nth(8).and_then(plain);
    Some(match profile {
        Some(profile) if profile.starts_with("SS-MIX2") => format!("HL7 {hl7}, {profile}"),
        Some(_) | None => format!("HL7 {hl7}"),
    })
}

/// The first component of a field if it is as short and plain as versions are.
fn plain(field: &[u8]) -> Option<&str> {
    let first = field.split(|&byte| byte == b'^').next()?;
    let usual = |byte: &u8| byte.is_ascii_alphanumeric() || b"._-".contains(byte);
    if first.is_empty() || first.len() > VERSION_BYTES_MAX || !first.iter().all(usual) {
        return None;
    }
    std::str::from_utf8(first).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn encodings_and_line_ends() {
        let text = "番号,氏名\r\n1,山田 太郎\r\n2,佐藤 花子\n";
        let seen = look(text.as_bytes());
        assert_eq!((seen.encoding, seen.marked), (SourceEncoding::Utf8, false));
        assert_eq!((seen.crlf, seen.lf, seen.cr), (2, 1, 0));
        let mut marked = BOM.to_vec();
        marked.extend_from_slice(text.as_bytes());
        assert!(look(&marked).marked);
        let cp932 = SHIFT_JIS.encode(text).0;
        assert_eq!(look(&cp932).encoding, SourceEncoding::Cp932);
        assert_eq!(look(&cp932).undecodable, 0);
        let mut wide = vec![0xff, 0xfe];
        wide.extend(text.encode_utf16().flat_map(u16::to_le_bytes));
        let seen = look(&wide);
        assert_eq!(
            (seen.encoding, seen.undecodable),
            (SourceEncoding::Utf16, 0)
        );
        assert_eq!(look(b"a\rb\r").cr, 2);
        assert_eq!(look(b"").encoding, SourceEncoding::Ascii);
    }

    #[test]
    fn damage_is_counted() {
        let mut bytes = "山田太郎,ヤマダタロウ\n".repeat(20).into_bytes();
        bytes.truncate(bytes.len() - 3);
        assert_eq!(look(&bytes).undecodable, 1);
        bytes.extend_from_slice(b"\n\xff\xff\n");
        assert_eq!(look(&bytes).undecodable, 3);
    }

    #[test]
    fn japanese_after_a_long_start_of_ascii_is_found() {
        let mut bytes = "1,2,3\n".repeat(PIECE / 3).into_bytes();
        bytes.extend_from_slice(&SHIFT_JIS.encode("山田太郎\n").0.repeat(3));
        assert_eq!(look(&bytes).encoding, SourceEncoding::Cp932);
    }

    #[test]
    fn versions_and_nothing_else_are_taken_from_a_header() {
        let header = "MSH|^~\\&|A|B|C|D|20260101||ADT^A08|1|P|2.5||||||~ISO IR87||ISO 2022-1994|SS-MIX2_1.20_h^SS-MIX2^1^ISO\rPID|";
        let version = |text: &str| look(text.as_bytes()).version;
        assert_eq!(version(header).as_deref(), Some("HL7 2.5, SS-MIX2_1.20_h"));
        assert_eq!(
            version("MSH|^~\\&|||||||||P|2.3\r").as_deref(),
            Some("HL7 2.3")
        );
        assert_eq!(version("MSH|^~\\&|||||||||P|山田\r"), None);
        assert_eq!(version("番号,氏名\n"), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_looked_at(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let seen = look(&bytes);
            prop_assert!(seen.undecodable <= bytes.len() as u64);
        }
    }
}
