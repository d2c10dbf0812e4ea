//! The parts of HL7 v2.5 that ADT-00 files need: decoding a segment, fields, repetitions, components.

use std::borrow::Cow;

use encoding_rs::ISO_2022_JP;
use zeroize::Zeroizing;

use crate::error::ReadError;

/// Decodes one segment from the ASCII state.
pub(in crate::format) fn decode(
    segment: &[u8],
    iso: bool,
    replaced: &mut bool,
) -> Result<Zeroizing<String>, ReadError> {
    if !iso {
        let text = String::from_utf8_lossy(segment);
        *replaced |= matches!(text, Cow::Owned(_));
        return Ok(Zeroizing::new(text.into_owned()));
    }
    let segment = Zeroizing::new(repaired(segment, replaced)?);
    let (text, errors) = ISO_2022_JP.decode_without_bom_handling(&segment);
    *replaced |= errors;
    Ok(Zeroizing::new(text.into_owned()))
}

/// Makes a segment readable for a strict decoder.
///
/// Characters of JIS X 0212, which no decoder here knows, become the geta mark of JIS X 0208: left
/// alone, their bytes would be read as ASCII and could be delimiters. Escape sequences with nothing
/// between them, which decoders punish with a replacement character, are reduced to the last one. A
/// segment that ends in two-byte state is one that was cut.
fn repaired(segment: &[u8], replaced: &mut bool) -> Result<Vec<u8>, ReadError> {
    const ASCII: &[u8] = b"\x1b(B";
    const GETA: [u8; 2] = [0x22, 0x2e];
    let mut out = Vec::with_capacity(segment.len() + 8);
    let mut rest = segment;
    let (mut written, mut state, mut supplement) = (ASCII, ASCII, false);
    while let Some(&first) = rest.first() {
        if first == 0x1b {
            let length = if rest.starts_with(b"\x1b$(") { 4 } else { 3 };
            let (escape, after) = rest.split_at_checked(length).ok_or(ReadError::Truncated)?;
            supplement = escape == b"\x1b$(D";
            state = if supplement { b"\x1b$B" } else { escape };
            rest = after;
            continue;
        }
        if state != written {
            out.extend_from_slice(state);
            written = state;
        }
        let width = if state[1] == b'$' { 2 } else { 1 };
        let (character, after) = rest.split_at_checked(width).ok_or(ReadError::Truncated)?;
        *replaced |= supplement;
        out.extend_from_slice(if supplement { &GETA } else { character });
        rest = after;
    }
    if state[1] == b'$' {
        return Err(ReadError::Truncated);
    }
    if written != ASCII {
        out.extend_from_slice(ASCII);
    }
    Ok(out)
}

/// Field `index` of a segment; 0 is its name.
pub(in crate::format) fn field_of(segment: &str, index: usize) -> &str {
    segment.split('|').nth(index).unwrap_or("")
}

/// Repetitions of a field. JIS-Roman writes the tilde as an overline.
pub(in crate::format) fn repetitions(field: &str) -> impl Iterator<Item = &str> {
    field.split(['~', '\u{203e}'])
}

/// Component `index` of a repetition, counted from 1, without escapes.
pub(in crate::format) fn component(repetition: &str, index: usize) -> Zeroizing<String> {
    unescape(repetition.split('^').nth(index - 1).unwrap_or(""))
}

/// Writes HL7 escapes out. JIS-Roman writes the backslash as a yen sign. Formatting escapes go.
pub(in crate::format) fn unescape(text: &str) -> Zeroizing<String> {
    let mut out = Zeroizing::new(String::with_capacity(text.len()));
    let is_escape = |c| matches!(c, '\\' | '¥');
    let mut rest = text;
    while let Some(at) = rest.find(is_escape) {
        out.push_str(&rest[..at]);
        let mark = if rest[at..].starts_with('¥') {
            '¥'.len_utf8()
        } else {
            1
        };
        let after = &rest[at + mark..];
        let Some(end) = after.find(is_escape).filter(|&end| end <= 8) else {
            out.push_str(after);
            return out;
        };
        out.push_str(match &after[..end] {
            "F" => "|",
            "S" => "^",
            "T" => "&",
            "R" => "~",
            "E" => "\\",
            _ => "",
        });
        let mark = if after[end..].starts_with('¥') {
            '¥'.len_utf8()
        } else {
            1
        };
        rest = &after[end + mark..];
    }
    out.push_str(rest);
    out
}
