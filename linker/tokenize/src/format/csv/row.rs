//! One row of a table to one record.

use std::ops::Range;

use super::{
    CsvMapping,
    check::Table,
    decode::{self, RowText},
};
use crate::{
    error::RowError,
    format::{SourceEncoding, blocks::Row, mapping::SexCodes, rows::RowEnd},
    limits::{ROW_BYTES_MAX, VALUE_BYTES_MAX},
    normalize::{UNDECODED, Undecoded, Values, normalize_usual, normalize_values},
    record::{RawField, SourceRecord},
};

/// Turns one row after another into records, all in the same memory.
pub(super) struct Reader<'a> {
    columns: Vec<Wanted<'a>>,
    /// Columns that a row must have.
    width: usize,
    encoding: SourceEncoding,
    /// Most bytes that padding adds to a row.
    padding: usize,
    /// Decoded or padded values, one after another.
    text: RowText,
    /// Of which columns these are, and where they lie.
    ranges: Vec<(usize, Range<usize>)>,
    record: SourceRecord,
    /// Whether records keep how their values were written. Only the full rules see that.
    observed: bool,
}

/// One column of the mapping.
struct Wanted<'a> {
    field: RawField,
    /// Its place in the row.
    place: usize,
    width: usize,
    pad: char,
    /// Codes that stand for words.
    codes: Option<&'a SexCodes>,
    /// Its place among the values that a usual record leaves undecoded.
    undecoded: Option<usize>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(mapping: &'a CsvMapping, table: &Table, observed: bool) -> Self {
        let columns = mapping.columns.iter().zip(&table.places);
        let columns = columns.map(|(column, &place)| {
            let codes = mapping.sex.as_ref();
            let codes = codes.filter(|_| column.field == RawField::Sex);
            let mut fields = UNDECODED.iter();
            let undecoded = fields.position(|&field| field == column.field);
            let lazy = table.text == SourceEncoding::Cp932 && column.width == 0;
            Wanted {
                undecoded: undecoded.filter(|_| lazy),
                field: column.field,
                place,
                width: if codes.is_some() { 0 } else { column.width },
                pad: column.pad,
                codes,
            }
        });
        let columns: Vec<_> = columns.collect();
        let padding = columns
            .iter()
            .map(|column| column.width * column.pad.len_utf8());
        Self {
            padding: padding.sum(),
            ranges: Vec::with_capacity(columns.len()),
            columns,
            width: table.width,
            encoding: table.text,
            text: RowText::default(),
            record: SourceRecord::empty(),
            observed,
        }
    }

    pub(super) fn record(&mut self, row: &Row<'_>) -> Result<&mut SourceRecord, RowError> {
        row.check_shape(self.width)?;
        if self.observed || !self.read(row, false)? {
            self.read(row, true)?;
        }
        Ok(&mut self.record)
    }

    /// Reads a row. `decode`: all of it, and by the full rules; else `false` if that is needed.
    fn read(&mut self, row: &Row<'_>, decode: bool) -> Result<bool, RowError> {
        let length = row.fields.last().map_or(0, |last| last.end());
        let text = self.text.clear(decode::room(length) + self.padding);
        self.ranges.clear();
        let mut values = Values::default();
        let mut undecoded = Undecoded::default();
        for (at, column) in self.columns.iter().enumerate() {
            let (span, field) = (row.fields[column.place], column.field);
            let bytes = span.of(row.bytes);
            if bytes.bytes().len() > VALUE_BYTES_MAX {
                return Err(RowError::TooLong {
                    field: field.tag(),
                    limit: VALUE_BYTES_MAX,
                });
            }
            if let Some(plain) = span.plain(row.bytes) {
                if let Some(ascii) = decode::ascii(plain) {
                    let value = &ascii[decode::trim(ascii)];
                    if value.is_empty() || value.len() >= column.width {
                        values.put(field, column.coded(value))?;
                        continue;
                    }
                } else if let Some(place) = column.undecoded.filter(|_| !decode) {
                    undecoded[place] = Some(plain);
                    continue;
                }
            }
            let start = text.len();
            let decoded = decode::append(self.encoding, bytes.bytes(), text);
            decoded.ok_or(RowError::Bytes { field: field.tag() })?;
            self.ranges
                .push((at, pad(text, start, column.width, column.pad)));
        }
        for (at, range) in &self.ranges {
            let column = &self.columns[*at];
            let value = self.text.get(range.clone());
            values.put(column.field, column.coded(value))?;
        }
        if decode {
            if self.observed {
                values.observe();
            }
            self.record = normalize_values(&values)?;
            return Ok(true);
        }
        Ok(normalize_usual(&values, &undecoded, &mut self.record))
    }
}

impl Wanted<'_> {
    /// The value as the normaliser takes it: a declared code of the sex as its word.
    fn coded<'v>(&self, value: &'v str) -> &'v str {
        let Some(codes) = self.codes else {
            return value;
        };
        let is = |codes: &[String]| codes.iter().any(|code| code == value);
        match (is(&codes.male), is(&codes.female)) {
            (true, false) => "male",
            (false, true) => "female",
            (true, true) | (false, false) if value.is_empty() => "",
            // Not absent, and no code that the normaliser knows.
            (true, true) | (false, false) => "undeclared",
        }
    }
}

impl Row<'_> {
    /// Whether it is a line without anything, or the mark at the end of files of old systems.
    pub(super) fn is_blank(&self) -> bool {
        let [field] = self.fields else {
            return false;
        };
        let field = field.of(self.bytes);
        field.bytes().iter().all(|b| matches!(b, b' ' | 0x1a))
    }

    fn check_shape(&self, expected: usize) -> Result<(), RowError> {
        match self.end {
            RowEnd::OpenQuote => return Err(RowError::Truncated),
            RowEnd::StrayQuote => return Err(RowError::Quote),
            RowEnd::TooLong => {
                return Err(RowError::TooLong {
                    field: "the row",
                    limit: ROW_BYTES_MAX,
                });
            }
            RowEnd::File if self.fields.len() < expected => return Err(RowError::Truncated),
            RowEnd::Line | RowEnd::File => {}
        }
        if self.fields.len() == expected {
            Ok(())
        } else {
            Err(RowError::Columns {
                expected,
                found: self.fields.len(),
            })
        }
    }
}

/// Trims the value that begins at `start` and fills it up on the left. An absent value stays absent.
fn pad(text: &mut String, start: usize, width: usize, with: char) -> Range<usize> {
    let value = decode::trim(&text[start..]);
    let (begin, end) = (start + value.start, start + value.end);
    if width == 0 || begin == end {
        return begin..end;
    }
    let missing = width.saturating_sub(text[begin..end].chars().count());
    let mut mark = [0; 4];
    let mark = with.encode_utf8(&mut mark);
    for _ in 0..missing {
        text.insert_str(begin, mark);
    }
    begin..end + missing * mark.len()
}
