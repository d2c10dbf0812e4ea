//! Splits a table into rows and fields at byte level, before anything is decoded.
//!
//! Delimiters and quotation marks lie below 0x40 and second bytes of CP932 do not, so this is safe
//! for CP932 and UTF-8 alike. Own code instead of a crate because unterminated quotes must be seen,
//! a bad row must not swallow the next ones, and copies of values must be wiped.

use zeroize::Zeroizing;

use crate::limits::{COLUMNS_MAX, ROW_BYTES_MAX};

/// Bytes of one field.
pub(super) enum FieldBytes<'a> {
    Plain(&'a [u8]),
    /// A quoted value with doubled quotation marks.
    Unquoted(Zeroizing<Vec<u8>>),
}

impl FieldBytes<'_> {
    pub(super) fn bytes(&self) -> &[u8] {
        match self {
            Self::Plain(bytes) => bytes,
            Self::Unquoted(bytes) => bytes,
        }
    }
}

/// How a row ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RowEnd {
    /// With a line end.
    Line,
    /// With the file.
    File,
    /// Inside a quoted value: no closing mark before the file's end or the row limit.
    OpenQuote,
    /// Something stands between a closing mark and the delimiter.
    StrayQuote,
    /// The row passes a limit.
    TooLong,
}

/// Reads rows one after another.
pub(super) struct Rows<'a> {
    bytes: &'a [u8],
    at: usize,
    delimiter: u8,
    quotes: bool,
}

impl<'a> Rows<'a> {
    pub(super) fn new(bytes: &'a [u8], delimiter: u8, quotes: bool) -> Self {
        Self {
            bytes,
            at: 0,
            delimiter,
            quotes,
        }
    }

    /// Reads one row into `fields`; `None` at the end. After a bad row, goes on with the next line.
    pub(super) fn next(&mut self, fields: &mut Vec<FieldBytes<'a>>) -> Option<RowEnd> {
        fields.clear();
        if self.at >= self.bytes.len() {
            return None;
        }
        let start = self.at;
        let end = loop {
            match self.field(start, fields) {
                Ok(true) => {}
                Ok(false) => {
                    break if self.bytes[self.at - 1] == b'\n' || self.bytes[self.at - 1] == b'\r' {
                        RowEnd::Line
                    } else {
                        RowEnd::File
                    };
                }
                Err(end) => {
                    self.at = start;
                    self.skip_line();
                    break end;
                }
            }
        };
        Some(end)
    }

    /// Reads one field and what ends it. `true`: another field follows.
    fn field(&mut self, start: usize, fields: &mut Vec<FieldBytes<'a>>) -> Result<bool, RowEnd> {
        if fields.len() >= COLUMNS_MAX {
            return Err(RowEnd::TooLong);
        }
        let bytes = if self.quotes && self.bytes.get(self.at) == Some(&b'"') {
            self.quoted(start)?
        } else {
            let rest = &self.bytes[self.at..];
            let length = end_of_field(rest, self.delimiter);
            self.at += length;
            FieldBytes::Plain(&rest[..length])
        };
        if self.at - start > ROW_BYTES_MAX {
            return Err(RowEnd::TooLong);
        }
        fields.push(bytes);
        match self.bytes.get(self.at) {
            None => Ok(false),
            Some(b'\r') if self.bytes.get(self.at + 1) == Some(&b'\n') => {
                self.at += 2;
                Ok(false)
            }
            Some(b'\n' | b'\r') => {
                self.at += 1;
                Ok(false)
            }
            Some(&byte) if byte == self.delimiter => {
                self.at += 1;
                if self.at == self.bytes.len() {
                    // A delimiter at the very end of the file: one more, empty field.
                    fields.push(FieldBytes::Plain(&[]));
                    return Ok(false);
                }
                Ok(true)
            }
            Some(_) => Err(RowEnd::StrayQuote),
        }
    }

    fn quoted(&mut self, start: usize) -> Result<FieldBytes<'a>, RowEnd> {
        let open = self.at + 1;
        let limit = self.bytes.len().min(start.saturating_add(ROW_BYTES_MAX));
        let mut at = open;
        let mut doubled = false;
        loop {
            let rest = self.bytes.get(at..limit).unwrap_or_default();
            let Some(mark) = rest.iter().position(|&b| b == b'"') else {
                return Err(RowEnd::OpenQuote);
            };
            at += mark;
            if self.bytes.get(at + 1) == Some(&b'"') {
                doubled = true;
                at += 2;
            } else {
                break;
            }
        }
        self.at = at + 1;
        let inside = &self.bytes[open..at];
        if !doubled {
            return Ok(FieldBytes::Plain(inside));
        }
        let mut value = Zeroizing::new(Vec::with_capacity(inside.len()));
        let mut skip = false;
        for &byte in inside {
            skip = byte == b'"' && !skip;
            if !skip {
                value.push(byte);
            }
        }
        Ok(FieldBytes::Unquoted(value))
    }

    fn skip_line(&mut self) {
        let rest = &self.bytes[self.at..];
        let length = rest.iter().position(|&b| b == b'\n' || b == b'\r');
        self.at += length.unwrap_or(rest.len());
        if self.bytes.get(self.at) == Some(&b'\r') && self.bytes.get(self.at + 1) == Some(&b'\n') {
            self.at += 1;
        }
        self.at = (self.at + 1).min(self.bytes.len());
    }
}

/// Bytes before the first delimiter or line end: eight at a time, then the rest one by one.
fn end_of_field(rest: &[u8], delimiter: u8) -> usize {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    const TOPS: u64 = u64::from_le_bytes([0x80; 8]);
    // The lowest byte that is marked was zero; those above it may be marked wrongly.
    let zeros = |word: u64| word.wrapping_sub(ONES) & !word & TOPS;
    let same = |word: u64, byte: u8| zeros(word ^ u64::from_le_bytes([byte; 8]));
    let (words, tail) = rest.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        let found = same(word, delimiter) | same(word, b'\n') | same(word, b'\r');
        if found != 0 {
            return 8 * index + found.trailing_zeros() as usize / 8;
        }
    }
    let ends = |&byte: &u8| byte == delimiter || byte == b'\n' || byte == b'\r';
    let length = tail.iter().position(ends).unwrap_or(tail.len());
    rest.len() - tail.len() + length
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(text: &str) -> Vec<(Vec<String>, RowEnd)> {
        let mut rows = Rows::new(text.as_bytes(), b',', true);
        let (mut fields, mut out) = (Vec::new(), Vec::new());
        while let Some(end) = rows.next(&mut fields) {
            let texts = fields
                .iter()
                .map(|f| String::from_utf8_lossy(f.bytes()).into_owned());
            out.push((texts.collect(), end));
        }
        out
    }

    fn row(fields: &[&str], end: RowEnd) -> (Vec<String>, RowEnd) {
        (fields.iter().map(|&f| f.to_owned()).collect(), end)
    }

    proptest! {
        #[test]
        fn eight_bytes_at_a_time_end_where_single_ones_do(
            bytes in prop::collection::vec(prop_oneof![
                4 => any::<u8>(),
                1 => prop::sample::select(b",\n\r-\x0b\x0c\x8a\x8d\xac\x00".to_vec()),
            ], 0..40),
        ) {
            let ends = |&b: &u8| b == b',' || b == b'\n' || b == b'\r';
            let length = bytes.iter().position(ends).unwrap_or(bytes.len());
            prop_assert_eq!(end_of_field(&bytes, b','), length);
        }
    }

    #[test]
    fn rows_and_quotes() {
        assert_eq!(
            all("a,b\r\n\"x,\"\"y\"\"\n\",\r\n,c"),
            [
                row(&["a", "b"], RowEnd::Line),
                row(&["x,\"y\"\n", ""], RowEnd::Line),
                row(&["", "c"], RowEnd::File)
            ]
        );
        assert_eq!(all("a,"), [row(&["a", ""], RowEnd::File)]);
        assert_eq!(
            all("a\rb\n"),
            [row(&["a"], RowEnd::Line), row(&["b"], RowEnd::Line)]
        );
        assert_eq!(all(""), []);
    }

    #[test]
    fn a_bad_row_does_not_swallow_the_next() {
        let rows = all("a,\"open\nb,c\n\"d\"e,f\ng,h\n");
        assert_eq!(rows[0].1, RowEnd::StrayQuote);
        assert_eq!(rows[1], row(&["b", "c"], RowEnd::Line));
        assert_eq!(rows[2].1, RowEnd::StrayQuote);
        assert_eq!(rows[3], row(&["g", "h"], RowEnd::Line));
        assert_eq!(all("a,\"open\nb,c\n")[0].1, RowEnd::OpenQuote);
    }

    #[test]
    fn one_byte_and_one_column_past_the_limits() {
        let long = "x".repeat(ROW_BYTES_MAX);
        assert_eq!(all(&format!("{long}\n"))[0].1, RowEnd::Line);
        assert_eq!(all(&format!("{long}x\n"))[0].1, RowEnd::TooLong);
        let wide = ",".repeat(COLUMNS_MAX - 1);
        assert_eq!(all(&format!("{wide}\n"))[0].1, RowEnd::Line);
        assert_eq!(all(&format!("{wide},\n"))[0].1, RowEnd::TooLong);
    }
}
