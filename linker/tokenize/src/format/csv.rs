//! Tables with a header line and a declared mapping.

mod decode;

use std::ops::Range;

use self::decode::RowText;
pub use super::mapping::CsvMapping;
use super::{
    FileReport, RowSink, SourceEncoding,
    encoding::{self, BOM},
    mapping::Column,
    rows::{FieldBytes, RowEnd, Rows},
};
use crate::{
    error::{ReadError, RowError},
    limits::{ROW_BYTES_MAX, VALUE_BYTES_MAX},
    normalize::{Values, normalize_values},
    record::{RawField, SourceRecord},
    refuse::{ColumnStatistics, Refusal, header_hint},
};

/// Reads a table. Rows go to `sink` with their numbers; row 1 is the header.
///
/// The whole file is screened first: encoding, header and forbidden numbers, so that nothing of a
/// file that must be refused is delivered.
///
/// # Errors
/// [`ReadError`] if the file as a whole is refused; then `sink` was never called.
pub fn read(
    mapping: &CsvMapping,
    bytes: &[u8],
    sink: &mut RowSink<'_>,
) -> Result<FileReport, ReadError> {
    if bytes.is_empty() {
        return Err(ReadError::Empty);
    }
    let encoding = encoding_of(mapping, bytes)?;
    let body = bytes.strip_prefix(BOM).unwrap_or(bytes);
    let header = header(mapping, encoding, body)?;
    screen(mapping, encoding, body, header.width)?;

    let mut report = FileReport::new(encoding);
    let mut rows = Rows::new(body, mapping.delimiter, true);
    let mut fields = Vec::new();
    let mut reader = Reader::new(mapping, encoding, &header);
    let mut number = 0;
    while let Some(end) = rows.next(&mut fields) {
        number += 1;
        if number == 1 || is_blank(&fields) {
            continue;
        }
        let outcome = shape(&fields, end, header.width).and_then(|()| reader.record(&fields));
        report.deliver(number, outcome, sink);
    }
    Ok(report)
}

/// The declared encoding if the bytes agree with it, or the one that the bytes show.
fn encoding_of(mapping: &CsvMapping, bytes: &[u8]) -> Result<SourceEncoding, ReadError> {
    let found = decode::detect(bytes);
    let readable = matches!(
        found,
        SourceEncoding::Ascii | SourceEncoding::Utf8 | SourceEncoding::Cp932
    );
    match mapping.encoding {
        Some(declared) if found == declared || found == SourceEncoding::Ascii => Ok(declared),
        Some(declared) => Err(ReadError::Encoding { declared, found }),
        None if readable => Ok(found),
        None => Err(ReadError::Encoding {
            declared: SourceEncoding::Utf8,
            found,
        }),
    }
}

struct Header {
    width: usize,
    /// For each column of the mapping its place in the row.
    places: Vec<usize>,
}

fn header(
    mapping: &CsvMapping,
    encoding: SourceEncoding,
    body: &[u8],
) -> Result<Header, ReadError> {
    let structure = |rule| ReadError::Structure {
        format: "a table with a header",
        rule,
    };
    let mut fields = Vec::new();
    match Rows::new(body, mapping.delimiter, true).next(&mut fields) {
        Some(RowEnd::Line | RowEnd::File) => {}
        Some(RowEnd::OpenQuote | RowEnd::StrayQuote) => {
            return Err(structure("the header's quotation marks do not match"));
        }
        Some(RowEnd::TooLong) => return Err(structure("the header is longer than a row may be")),
        None => return Err(ReadError::Empty),
    }
    let mut names = Vec::with_capacity(fields.len());
    for (index, field) in fields.iter().enumerate() {
        let name = encoding::text(encoding, field.bytes())
            .ok_or_else(|| structure("the header is not in the file's encoding"))?;
        if let Some(number) = header_hint(&name) {
            return Err(ReadError::Refused(Refusal::by_header(number, index + 1)));
        }
        names.push(name.trim().to_owned());
    }
    let mut places = Vec::with_capacity(mapping.columns.len());
    for column in &mapping.columns {
        let mut matches = (0..names.len()).filter(|&at| names[at] == column.header.trim());
        let place = matches.next().ok_or_else(|| ReadError::MissingColumn {
            header: column.header.clone(),
            field: column.field.tag(),
        })?;
        if matches.next().is_some() {
            return Err(ReadError::RepeatedColumn {
                header: column.header.clone(),
            });
        }
        places.push(place);
    }
    Ok(Header {
        width: names.len(),
        places,
    })
}

/// Looks for forbidden numbers in every column, mapped or not. Keeps counts, never values.
fn screen(
    mapping: &CsvMapping,
    encoding: SourceEncoding,
    body: &[u8],
    width: usize,
) -> Result<(), ReadError> {
    let mut columns = vec![ColumnStatistics::default(); width];
    let mut rows = Rows::new(body, mapping.delimiter, true);
    let mut fields = Vec::new();
    let mut first = true;
    while rows.next(&mut fields).is_some() {
        if !std::mem::take(&mut first) {
            for (field, column) in fields.iter().zip(&mut columns) {
                let bytes = field.bytes();
                if decode::may_be_number(encoding, bytes) {
                    column.see_bytes(bytes, |bytes| encoding::text(encoding, bytes));
                }
            }
        }
    }
    for (index, column) in columns.iter().enumerate() {
        column
            .verdict(&format!("column {}", index + 1))
            .map_err(ReadError::Refused)?;
    }
    Ok(())
}

fn is_blank(fields: &[FieldBytes<'_>]) -> bool {
    fields.len() == 1 && fields[0].bytes().iter().all(|b| matches!(b, b' ' | 0x1a))
}

fn shape(fields: &[FieldBytes<'_>], end: RowEnd, expected: usize) -> Result<(), RowError> {
    match end {
        RowEnd::OpenQuote => return Err(RowError::Truncated),
        RowEnd::StrayQuote => return Err(RowError::Quote),
        RowEnd::TooLong => {
            return Err(RowError::TooLong {
                field: "the row",
                limit: ROW_BYTES_MAX,
            });
        }
        RowEnd::File if fields.len() < expected => return Err(RowError::Truncated),
        RowEnd::File | RowEnd::Line => {}
    }
    if fields.len() == expected {
        Ok(())
    } else {
        Err(RowError::Columns {
            expected,
            found: fields.len(),
        })
    }
}

/// Turns the fields of one row after another into records.
struct Reader<'a> {
    mapping: &'a CsvMapping,
    encoding: SourceEncoding,
    header: &'a Header,
    text: RowText,
    /// Where each column's value lies in the text.
    ranges: Vec<Range<usize>>,
}

impl<'a> Reader<'a> {
    fn new(mapping: &'a CsvMapping, encoding: SourceEncoding, header: &'a Header) -> Self {
        Self {
            mapping,
            encoding,
            header,
            text: RowText::default(),
            ranges: Vec::with_capacity(mapping.columns.len()),
        }
    }

    fn record(&mut self, fields: &[FieldBytes<'_>]) -> Result<SourceRecord, RowError> {
        let columns = self.mapping.columns.iter().zip(&self.header.places);
        let columns = columns.map(|(column, &place)| (column, fields[place].bytes()));
        let mut room = 0;
        for (column, bytes) in columns.clone() {
            room += decode::room(bytes.len()) + column.width * column.pad.len_utf8();
        }
        let text = self.text.clear(room);
        self.ranges.clear();
        for (column, bytes) in columns {
            let field = column.field.tag();
            if bytes.len() > VALUE_BYTES_MAX {
                return Err(RowError::TooLong {
                    field,
                    limit: VALUE_BYTES_MAX,
                });
            }
            let start = text.len();
            decode::append(self.encoding, bytes, text).ok_or(RowError::Bytes { field })?;
            let coded = column.field == RawField::Sex && self.mapping.sex.is_some();
            let width = if coded { 0 } else { column.width };
            self.ranges.push(pad(text, start, width, column.pad));
        }
        let mut values = Values::default();
        for (column, range) in self.mapping.columns.iter().zip(&self.ranges) {
            let text = self.text.get(range.clone());
            values.set(column.field, value(self.mapping, column, text))?;
        }
        normalize_values(&values)
    }
}

/// Trims the value that begins at `start` and fills it up on the left. An absent value stays absent.
fn pad(text: &mut String, start: usize, width: usize, with: char) -> Range<usize> {
    let value = text[start..].trim_start();
    let begin = text.len() - value.len();
    let end = begin + value.trim_end().len();
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

/// The value as the normaliser takes it: a declared code of the sex as its word.
fn value<'a>(mapping: &CsvMapping, column: &Column, text: &'a str) -> &'a str {
    let Some(codes) = mapping
        .sex
        .as_ref()
        .filter(|_| column.field == RawField::Sex)
    else {
        return text;
    };
    let is = |codes: &[String]| codes.iter().any(|code| code == text);
    match (is(&codes.male), is(&codes.female)) {
        (true, false) => "male",
        (false, true) => "female",
        (true, true) | (false, false) => "",
    }
}
