//! Splits a table into rows and fields at byte level, before anything is decoded.
//!
//! Delimiters and quotation marks lie below 0x40 and second bytes of CP932 do not, so this is safe
//! for CP932 and UTF-8 alike. Own code instead of a crate because unterminated quotes must be seen,
//! a bad row must not swallow the next ones, and copies of values must be wiped.

#[cfg(test)]
mod tests;

use zeroize::Zeroizing;

use crate::limits::{COLUMNS_MAX, ROW_BYTES_MAX};

/// Bytes from the start of a row that decide how it is read: the longest row, a closing mark and its
/// double, and a line end of two.
pub(super) const ROW_BYTES_SEEN: usize = ROW_BYTES_MAX + 4;

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

/// Where a field lies in its row, without quotation marks around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    start: u32,
    end: u32,
    /// Quotation marks inside are doubled.
    doubled: bool,
}

impl Span {
    fn new(start: usize, end: usize) -> Self {
        let place = |at| u32::try_from(at).expect("a row has at most ROW_BYTES_SEEN bytes");
        Self {
            start: place(start),
            end: place(end),
            doubled: false,
        }
    }

    /// How many bytes it has in the row; a value with doubled quotation marks has fewer.
    pub(super) fn length(self) -> usize {
        (self.end - self.start) as usize
    }

    /// Where it ends in its row.
    pub(super) fn end(self) -> usize {
        self.end as usize
    }

    /// The field's bytes, if they are there as they are.
    pub(super) fn plain(self, row: &[u8]) -> Option<&[u8]> {
        let bytes = &row[self.start as usize..self.end as usize];
        (!self.doubled).then_some(bytes)
    }

    /// The field's bytes in its row.
    pub(super) fn of(self, row: &[u8]) -> FieldBytes<'_> {
        let inside = &row[self.start as usize..self.end as usize];
        if !self.doubled {
            return FieldBytes::Plain(inside);
        }
        let mut value = Zeroizing::new(Vec::with_capacity(inside.len()));
        let mut skip = false;
        for &byte in inside {
            skip = byte == b'"' && !skip;
            if !skip {
                value.push(byte);
            }
        }
        FieldBytes::Unquoted(value)
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
    /// Nothing follows the bytes.
    whole: bool,
    /// A bad row was reported, and the rest of its first line is still to be passed over.
    skipping: bool,
}

impl<'a> Rows<'a> {
    /// Rows of a whole file.
    pub(super) fn new(bytes: &'a [u8], delimiter: u8, quotes: bool) -> Self {
        Self {
            bytes,
            at: 0,
            delimiter,
            quotes,
            whole: true,
            skipping: false,
        }
    }

    /// Rows of a part of a file, which goes on where [`Rows::state`] of the part before said.
    pub(super) fn part(
        bytes: &'a [u8],
        delimiter: u8,
        quotes: bool,
        whole: bool,
        skipping: bool,
    ) -> Self {
        Self {
            whole,
            skipping,
            ..Self::new(bytes, delimiter, quotes)
        }
    }

    /// How many bytes were read, and whether the rest of a bad row's line is still to be passed over.
    pub(super) fn state(&self) -> (usize, bool) {
        (self.at, self.skipping)
    }

    /// Reads one row: the bytes from its start, and in `fields` where its fields lie. `None`: at the end of
    /// the file, or nothing more can be said without the bytes that follow. After a bad row, goes on with
    /// the next line.
    pub(super) fn next(&mut self, fields: &mut Vec<Span>) -> Option<(&'a [u8], RowEnd)> {
        fields.clear();
        if self.skipping {
            self.skip_line();
        }
        let row = &self.bytes[self.at..];
        if self.skipping || row.is_empty() {
            return None;
        }
        if let Some(length) = plain_row(row, self.delimiter, self.quotes, fields) {
            self.at += length;
            return Some((row, RowEnd::Line));
        }
        fields.clear();
        let start = self.at;
        let end = loop {
            match self.field(start, fields) {
                Ok(true) => {}
                Ok(false) if matches!(self.bytes[self.at - 1], b'\n' | b'\r') => {
                    break RowEnd::Line;
                }
                Ok(false) => break RowEnd::File,
                Err(end) => break end,
            }
        };
        let decided = self.whole
            || row.len() >= ROW_BYTES_SEEN
            || end == RowEnd::Line && (self.at < self.bytes.len() || row.ends_with(b"\n"));
        if !decided {
            self.at = start;
            return None;
        }
        if !matches!(end, RowEnd::Line | RowEnd::File) {
            self.at = start;
            self.skip_line();
        }
        Some((row, end))
    }

    /// Reads one field and what ends it. `true`: another field follows.
    fn field(&mut self, start: usize, fields: &mut Vec<Span>) -> Result<bool, RowEnd> {
        if fields.len() >= COLUMNS_MAX {
            return Err(RowEnd::TooLong);
        }
        let span = if self.quotes && self.bytes.get(self.at) == Some(&b'"') {
            self.quoted(start)?
        } else {
            // One byte past the limit is enough to see that the row passes it.
            let limit = self.bytes.len().min(start + ROW_BYTES_MAX + 1);
            let rest = self.bytes.get(self.at..limit).unwrap_or_default();
            let from = self.at;
            self.at += end_of_field(rest, self.delimiter);
            Span::new(from - start, self.at - start)
        };
        if self.at - start > ROW_BYTES_MAX {
            return Err(RowEnd::TooLong);
        }
        fields.push(span);
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
                    fields.push(Span::new(self.at - start, self.at - start));
                    return Ok(false);
                }
                Ok(true)
            }
            Some(_) => Err(RowEnd::StrayQuote),
        }
    }

    fn quoted(&mut self, start: usize) -> Result<Span, RowEnd> {
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
        let span = Span::new(open - start, at - start);
        Ok(Span { doubled, ..span })
    }

    /// Passes over the rest of a line, as far as it is here.
    fn skip_line(&mut self) {
        let rest = &self.bytes[self.at..];
        let length = rest.iter().position(|&b| b == b'\n' || b == b'\r');
        let length = length.unwrap_or(rest.len());
        self.at += length;
        let ending = match &rest[length..] {
            [b'\r', b'\n', ..] => Some(2),
            // Its line feed may be the first byte of what follows.
            [b'\r'] if !self.whole => None,
            [_, ..] => Some(1),
            [] => self.whole.then_some(0),
        };
        self.skipping = ending.is_none();
        self.at += ending.unwrap_or(0);
    }
}

/// Bytes of a row that has no quoted value and ends with a line end after fewer than the most columns, and
/// its fields: eight bytes are looked at together. `None`: the row needs a closer look, and `fields` holds
/// nothing of worth.
fn plain_row(row: &[u8], delimiter: u8, quotes: bool, fields: &mut Vec<Span>) -> Option<usize> {
    const TOPS: u64 = u64::from_le_bytes([0x80; 8]);
    let row = &row[..row.len().min(ROW_BYTES_MAX)];
    // Delimiters, line ends and quotation marks are below this; so are blanks and few other characters.
    let below = delimiter.max(b'"') + 1;
    let below = u64::from_le_bytes([below; 8]);
    let mut start = 0;
    for (index, word) in row.as_chunks::<8>().0.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        // The top bit of each byte is set before, so that no byte takes from the next one.
        let mut found = !((word | TOPS).wrapping_sub(below) | word) & TOPS;
        while found != 0 {
            let end = 8 * index + found.trailing_zeros() as usize / 8;
            found &= found - 1;
            match row[end] {
                byte if byte == delimiter => {
                    fields.push(Span::new(start, end));
                    start = end + 1;
                    if fields.len() >= COLUMNS_MAX {
                        return None;
                    }
                }
                b'"' if quotes && end == start => return None,
                b'\n' => {
                    fields.push(Span::new(start, end));
                    return Some(end + 1);
                }
                b'\r' => {
                    fields.push(Span::new(start, end));
                    // Whether a line feed follows must be seen.
                    return row
                        .get(end + 1)
                        .map(|next| end + 1 + usize::from(*next == b'\n'));
                }
                _ => {}
            }
        }
    }
    None
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
