//! Care claims (介護給付費請求): records of the exchange with the federations of insurers, CP932.
//!
//! A file is a control record (`1`), data records (`2`) and an end record (`3`). Of the data records
//! those of the detailed claims (exchange number 713 and one more character) with the basic record (`01`)
//! name a person: by insurer, insured number, birth date and sex. There is no name.

use zeroize::Zeroizing;

use super::{
    FileReport, RowSink, SourceEncoding, encoding,
    lines::{Line, Lines, encoding_of, strip_end_of_file},
    rows::RowEnd,
};
use crate::{
    error::{ReadError, RowError},
    normalize,
    record::{RawField, RawRecord, SourceRecord},
    refuse::ColumnStatistics,
};

/// Detailed claims of all forms, 7131 to 713Z, share the layout of their basic record.
const DETAILED: &str = "713";
const BASIC: &str = "01";

// Fields, counted from 1 with the record's kind and its number in the file.
const EXCHANGE: usize = 3;
const KIND: usize = 4;
const INSURER: usize = 7;
const INSURED: usize = 8;
const BIRTH: usize = 15;
const SEX: usize = 16;

/// Whether the bytes start like a care-claims file: a control record, or a data record of one.
#[must_use]
pub fn looks_like(bytes: &[u8]) -> bool {
    let line = bytes.split(|&b| matches!(b, b'\r' | b'\n')).next();
    let bare = |field: &[u8]| -> Vec<u8> { field.iter().copied().filter(|&b| b != b'"').collect() };
    let fields = line.unwrap_or_default().split(|&b| b == b',');
    let fields: Vec<_> = fields.take(12).map(bare).collect();
    let number = |at: usize| {
        let field = fields.get(at);
        field.is_some_and(|field| !field.is_empty() && field.iter().all(u8::is_ascii_digit))
    };
    match fields.first().map(Vec::as_slice) {
        // The kind of data is three characters such as 711.
        Some(b"1") => fields.len() >= 11 && (1..=3).all(number) && fields[4].len() == 3,
        Some(b"2") => number(1) && fields.get(2).is_some_and(|field| field.len() == 4),
        _ => false,
    }
}

/// Reads a care-claims file. Each basic record of a detailed claim is one row; its number is its line.
///
/// # Errors
/// [`ReadError`] if the file is cut, not a care-claims file, or holds forbidden numbers; then `sink`
/// was never called.
pub fn read(bytes: &[u8], sink: &mut RowSink<'_>) -> Result<FileReport, ReadError> {
    let body = strip_end_of_file(bytes);
    check_structure(body)?;
    let encoding = encoding_of(body)?;
    screen(encoding, body)?;

    let mut report = FileReport::new(encoding);
    let (mut promised, mut data, mut ended) = (None, 0_u64, false);
    let mut lines = Lines::new(encoding, body, b',', true);
    while let Some((number, line)) = lines.next() {
        match line.code(1) {
            // How many data records follow.
            "1" => promised = line.code(4).parse().ok(),
            "2" => data += 1,
            "3" => ended = true,
            _ => {}
        }
        if is_person(&line) || !is_whole(line.end) {
            report.deliver(number, record(&line), sink);
        }
    }
    report.complete = ended && promised.is_none_or(|promised: u64| promised == data);
    Ok(report)
}

fn check_structure(body: &[u8]) -> Result<(), ReadError> {
    let Some(&last) = body.last() else {
        return Err(ReadError::Empty);
    };
    if !looks_like(body) {
        return Err(ReadError::Structure {
            format: "a care-claims file",
            rule: "it does not start with a control record or a data record of one",
        });
    }
    if !matches!(last, b'\n' | b'\r') {
        return Err(ReadError::Truncated);
    }
    Ok(())
}

/// Looks for forbidden numbers in every field of the persons' records.
fn screen(encoding: SourceEncoding, body: &[u8]) -> Result<(), ReadError> {
    let mut columns: Vec<ColumnStatistics> = Vec::new();
    let mut lines = Lines::new(encoding, body, b',', true);
    while let Some((_, line)) = lines.next() {
        if !is_person(&line) {
            continue;
        }
        if columns.len() < line.fields.len() {
            columns.resize(line.fields.len(), ColumnStatistics::default());
        }
        for (index, column) in (1..).zip(&mut columns) {
            column.see_bytes(line.bytes(index), |bytes| encoding::text(encoding, bytes));
        }
    }
    (1..).zip(&columns).try_for_each(|(index, column)| {
        let verdict = column.verdict(&format!("field {index}"));
        verdict.map_err(ReadError::Refused)
    })
}

fn is_person(line: &Line<'_>) -> bool {
    line.code(1) == "2" && line.code(EXCHANGE).starts_with(DETAILED) && line.code(KIND) == BASIC
}

fn is_whole(end: RowEnd) -> bool {
    matches!(end, RowEnd::Line | RowEnd::File)
}

fn record(line: &Line<'_>) -> Result<SourceRecord, RowError> {
    match line.end {
        RowEnd::OpenQuote => return Err(RowError::Truncated),
        RowEnd::StrayQuote => return Err(RowError::Quote),
        // What is too long says so when its first field is taken.
        RowEnd::TooLong | RowEnd::Line | RowEnd::File => {}
    }
    let mut raw = RawRecord::new();
    for (index, field) in [
        (INSURER, RawField::Insurer),
        (INSURED, RawField::InsuredNumber),
        (BIRTH, RawField::BirthDate),
        (SEX, RawField::Sex),
    ] {
        line.take(index, field, &mut raw)?;
    }
    // Care has no chart number. The certificate is the record: it stays the same over months and services.
    if let Some(insured) = raw.get(RawField::InsuredNumber) {
        let insurer = raw.get(RawField::Insurer).unwrap_or_default();
        let id = Zeroizing::new(format!("care-{insurer}-{insured}"));
        raw.set(RawField::RecordId, id.as_str());
    }
    normalize::normalize(&raw)
}
