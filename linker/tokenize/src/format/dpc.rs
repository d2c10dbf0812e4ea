//! DPC Form 1 (様式1): tab separated in CP932, 17 columns, one line per fact of a stay.
//!
//! The line with code A000010 gives birth date, sex and postal code of the patient. There is no name.
//! The data identification number is the institution's chart number with ten digits. Other stays and child
//! forms of a patient repeat the line; equal records make equal tokens and do no harm.

use super::{
    FileReport, RowSink,
    blocks::{BlockSink, File, Stopped, in_memory},
    lines::Line,
    records::{Form, Persons},
    rows::RowEnd,
};
use crate::{
    error::{ReadError, RowError},
    record::{RawField, RawRecord, SourceRecord},
    refuse::{Refusal, header_hint},
};

const FORM: Form = Form {
    format: "DPC Form 1",
    starts: looks_like,
    rule: "its first line has no 8-digit admission date in column 3 and no code in column 6",
    delimiter: b'\t',
    quotes: false,
    // Its last line may have no end.
    closed: false,
};

/// Columns of a whole line: five of the stay, code, version, sequence, nine payloads.
const COLUMNS: usize = 17;
/// The line with the patient's attributes.
const PATIENT: &str = "A000010";

// Columns, counted from 1.
const DATA_ID: usize = 2;
const ADMISSION: usize = 3;
const CODE: usize = 6;
const BIRTH: usize = 9;
const SEX: usize = 10;
const POSTAL: usize = 11;

/// Whether the bytes start like Form 1, with or without its header line.
#[must_use]
pub fn looks_like(bytes: &[u8]) -> bool {
    let lines = bytes.split(|&b| matches!(b, b'\r' | b'\n'));
    let mut lines = lines.filter(|line| !line.is_empty()).take(2);
    let first = lines.next().unwrap_or_default();
    is_fact(first)
        || (first.split(|&b| b == b'\t').count() >= CODE && lines.next().is_some_and(is_fact))
}

/// Reads a file. Each line with a patient's attributes is one row; its number is its line.
///
/// # Errors
/// [`ReadError`] if the file is not Form 1 or holds forbidden numbers; then `sink` was never called.
pub fn read(bytes: &[u8], sink: &mut RowSink<'_>) -> Result<FileReport, ReadError> {
    in_memory(bytes, sink, read_file)
}

/// Reads a file of any length, as [`read`] does.
///
/// # Errors
/// [`Stopped::File`] as in [`read`]; [`Stopped::Caller`] with what the caller's source or sink said.
pub fn read_file<E>(
    file: &mut File<'_, E>,
    sink: &mut BlockSink<'_, E>,
) -> Result<FileReport, Stopped<E>> {
    let mut records = FORM.open(file)?;
    records.screen("column", |number, line| {
        if number == 1 {
            header(line)?;
        }
        Ok(true)
    })?;

    let (mut report, persons) = (records.report(), records.persons());
    records.each(|number, line| {
        // A last line without an end may have lost the rest of its last value, or of its code.
        let cut = line.end == RowEnd::File && line.width() < COLUMNS;
        if cut {
            report.deliver(number, Err(RowError::Truncated), sink)?;
        } else if line.code(CODE) == PATIENT {
            report.deliver(number, record(persons, line), sink)?;
        }
        Ok(())
    })?;
    Ok(report)
}

/// Whether a line states a fact: an admission date and a code of letters and digits.
fn is_fact(line: &[u8]) -> bool {
    let mut fields = line.split(|&b| b == b'\t');
    let date = fields.nth(ADMISSION - 1).unwrap_or_default();
    let code = fields.nth(CODE - ADMISSION - 1).unwrap_or_default();
    date.len() == 8
        && date.iter().all(u8::is_ascii_digit)
        && code.len() == PATIENT.len()
        && code.iter().all(u8::is_ascii_alphanumeric)
}

/// A header that names a forbidden number refuses the file.
fn header(line: &Line<'_>) -> Result<(), ReadError> {
    (1..=line.width()).try_for_each(|index| match header_hint(&line.text(index)) {
        Some(hint) => Err(ReadError::Refused(Refusal::by_header(hint, index))),
        None => Ok(()),
    })
}

fn record(persons: Persons, line: &Line<'_>) -> Result<SourceRecord, RowError> {
    let mut raw = RawRecord::new();
    for (index, field) in [
        (DATA_ID, RawField::RecordId),
        (BIRTH, RawField::BirthDate),
        (SEX, RawField::Sex),
        (POSTAL, RawField::PostalCode),
    ] {
        line.take(index, field, &mut raw)?;
    }
    persons.normal(&raw)
}
