//! Tables with a header line and a declared mapping.

use zeroize::Zeroizing;

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
    normalize,
    record::{RawField, RawRecord, SourceRecord},
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
    let mut number = 0;
    while let Some(end) = rows.next(&mut fields) {
        number += 1;
        if number == 1 || is_blank(&fields) {
            continue;
        }
        let outcome = shape(&fields, end, header.width)
            .and_then(|()| record(mapping, encoding, &header, &fields));
        report.deliver(number, outcome, sink);
    }
    Ok(report)
}

/// The declared encoding if the bytes agree with it, or the one that the bytes show.
fn encoding_of(mapping: &CsvMapping, bytes: &[u8]) -> Result<SourceEncoding, ReadError> {
    let found = encoding::detect(bytes);
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
                column.see_bytes(field.bytes(), |bytes| encoding::text(encoding, bytes));
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

fn record(
    mapping: &CsvMapping,
    encoding: SourceEncoding,
    header: &Header,
    fields: &[FieldBytes<'_>],
) -> Result<SourceRecord, RowError> {
    let mut raw = RawRecord::new();
    for (column, &place) in mapping.columns.iter().zip(&header.places) {
        let field = column.field.tag();
        let bytes = fields[place].bytes();
        if bytes.len() > VALUE_BYTES_MAX {
            return Err(RowError::TooLong {
                field,
                limit: VALUE_BYTES_MAX,
            });
        }
        let text = encoding::text(encoding, bytes).ok_or(RowError::Bytes { field })?;
        let text = Zeroizing::new(text.into_owned());
        let value = value(mapping, column, text.trim());
        if !value.is_empty() {
            raw.set(column.field, value);
        }
    }
    normalize::normalize(&raw)
}

/// Applies the declared codes and padding. An absent value stays absent.
fn value(mapping: &CsvMapping, column: &Column, text: &str) -> String {
    if column.field == RawField::Sex
        && let Some(codes) = &mapping.sex
    {
        let is = |codes: &[String]| codes.iter().any(|code| code == text);
        let word = match (is(&codes.male), is(&codes.female)) {
            (true, false) => "male",
            (false, true) => "female",
            (true, true) | (false, false) => "",
        };
        return word.to_owned();
    }
    if text.is_empty() {
        return String::new();
    }
    let missing = column.width.saturating_sub(text.chars().count());
    std::iter::repeat_n(column.pad, missing)
        .chain(text.chars())
        .collect()
}
