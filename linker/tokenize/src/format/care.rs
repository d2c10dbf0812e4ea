//! Care claims (介護給付費請求): records of the exchange with the federations of insurers, CP932.
//!
//! A file is a control record (`1`), data records (`2`) and an end record (`3`). Of the data records
//! those of the detailed claims (exchange number 713 and one more character) with the basic record (`01`)
//! name a person: by insurer, insured number, birth date and sex. There is no name.

use zeroize::Zeroizing;

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
};

const FORM: Form = Form {
    format: "a care-claims file",
    starts: looks_like,
    rule: "it does not start with a control record or a data record of one",
    delimiter: b',',
    quotes: true,
    closed: true,
};

/// Detailed claims of all forms, 7131 to 713Z, share the layout of their basic record.
const DETAILED: &str = "713";
const BASIC: &str = "01";
/// Stands before the symbol of a care certificate.
const CARE: &str = "介護";

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
    in_memory(bytes, sink, read_file)
}

/// Reads a care-claims file of any length, as [`read`] does.
///
/// # Errors
/// [`Stopped::File`] as in [`read`]; [`Stopped::Caller`] with what the caller's source or sink said.
pub fn read_file<E>(
    file: &mut File<'_, E>,
    sink: &mut BlockSink<'_, E>,
) -> Result<FileReport, Stopped<E>> {
    let mut records = FORM.open(file)?;
    records.screen("field", |_, line| Ok(is_person(line)))?;

    let (mut report, persons) = (records.report(), records.persons());
    let (mut promised, mut data, mut ended) = (None, 0_u64, false);
    records.each(|number, line| {
        match line.code(1) {
            // How many data records follow.
            "1" => promised = line.code(4).parse().ok(),
            "2" => data += 1,
            "3" => ended = true,
            _ => {}
        }
        if is_person(line) || !is_whole(line.end) {
            report.deliver(number, record(persons, line), sink)?;
        }
        Ok(())
    })?;
    report.complete = ended && promised.is_none_or(|promised: u64| promised == data);
    Ok(report)
}

fn is_person(line: &Line<'_>) -> bool {
    line.code(1) == "2" && line.code(EXCHANGE).starts_with(DETAILED) && line.code(KIND) == BASIC
}

fn is_whole(end: RowEnd) -> bool {
    matches!(end, RowEnd::Line | RowEnd::File)
}

fn record(persons: Persons, line: &Line<'_>) -> Result<SourceRecord, RowError> {
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
    certificate(&mut raw);
    persons.normal(&raw)
}

/// Names the record, and gives the number of its certificate a form that no health insurance has.
///
/// Care has no chart number. The certificate is the record: it stays the same over months and services.
///
/// A person's care number is another than that of their health insurance, and a town's number as an insurer
/// of care differs from its number as a health insurer in one or two of eight digits. Side by side in one
/// segment, numbers of strangers in one town would agree in part. So the insurer becomes a part of the
/// symbol, under a word that no certificate of health insurance bears, and the insurer's own field stays
/// empty: care numbers agree with care numbers only. With health insurance they disagree as they did,
/// which costs nothing: a care claim has no name, and without its number nothing would hold two together.
fn certificate(raw: &mut RawRecord) {
    let text = |field| Zeroizing::new(raw.get(field).unwrap_or_default().to_owned());
    let (insurer, insured) = (text(RawField::Insurer), text(RawField::InsuredNumber));
    raw.set(RawField::Insurer, "");
    if insured.is_empty() {
        return;
    }
    let id = Zeroizing::new(format!("care-{}-{}", *insurer, *insured));
    raw.set(RawField::RecordId, id.as_str());
    // Senders write the insurer with six digits or fill it up to eight.
    let symbol = Zeroizing::new(format!("{CARE}{}", insurer.trim_start_matches('0')));
    raw.set(RawField::InsuredSymbol, symbol.as_str());
}
