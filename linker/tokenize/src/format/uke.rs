//! Electronic claims (レセプト電算, UKE): comma separated records in CP932, one person per RE record.

use zeroize::Zeroizing;

use super::{
    FileReport, RowSink, SourceEncoding, encoding,
    rows::{FieldBytes, RowEnd, Rows},
};
use crate::{
    error::{ReadError, RowError},
    limits::{ROW_BYTES_MAX, VALUE_BYTES_MAX},
    normalize,
    record::{RawField, RawRecord},
    refuse::Screen,
};

/// Which payer an SN record confirms: `1` is medical insurance, others are public payers.
const SN_INSURANCE: &str = "1";

/// Fields that could hold a forbidden number by mistake: record, field, name in reports.
const SCREENED: [(&str, usize, &str); 7] = [
    ("RE", 5, "RE-5"),
    ("RE", 14, "RE-14"),
    ("RE", 19, "RE-19"),
    ("HO", 3, "HO-3"),
    ("HO", 4, "HO-4"),
    ("SN", 6, "SN-6"),
    ("KO", 3, "KO-3"),
];

/// Reads a claims file. Each RE record with the HO and SN records after it is one row; its number is
/// the line of the RE record.
///
/// # Errors
/// [`ReadError`] if the file is cut, not a claims file, or holds forbidden numbers; then `sink` was
/// never called.
pub fn read(bytes: &[u8], sink: &mut RowSink<'_>) -> Result<FileReport, ReadError> {
    let body = strip_end_of_file(bytes);
    check_structure(body)?;
    let encoding = encoding_of(body)?;
    screen(encoding, body)?;

    let mut report = FileReport::new(encoding);
    let mut claim: Option<Claim> = None;
    let mut institution = Zeroizing::new(String::new());
    report.complete = false;
    let mut lines = Lines::new(encoding, body);
    while let Some((number, line)) = lines.next() {
        match line.kind() {
            "IR" => {
                deliver(&mut report, claim.take(), sink);
                institution.clear();
                for index in [3, 4, 5, 8] {
                    institution.push_str(&line.text(index));
                    institution.push('-');
                }
            }
            "RE" => {
                deliver(&mut report, claim.take(), sink);
                claim = Some(Claim::start(number, &line, &institution));
            }
            "HO" => claim.iter_mut().for_each(|claim| claim.insurance(&line)),
            "SN" => claim.iter_mut().for_each(|claim| claim.confirmation(&line)),
            "GO" => report.complete = true,
            _ => {}
        }
    }
    deliver(&mut report, claim, sink);
    Ok(report)
}

/// One claim while its records are read.
struct Claim {
    number: u64,
    raw: RawRecord,
    error: Option<RowError>,
    confirmed: bool,
}

impl Claim {
    fn start(number: u64, line: &Line<'_>, institution: &str) -> Self {
        let mut claim = Self {
            number,
            raw: RawRecord::new(),
            error: None,
            confirmed: false,
        };
        claim.take(line, 5, RawField::KanjiName);
        claim.take(line, 6, RawField::Sex);
        claim.take(line, 7, RawField::BirthDate);
        claim.take(line, 37, RawField::KanaName);
        claim.take(line, 14, RawField::RecordId);
        // Without a chart number a claim is its own record: institution, month and claim number.
        let claim_number = line.text(2);
        if claim.raw.get(RawField::RecordId).is_none() && !claim_number.is_empty() {
            let id = format!("claim-{institution}{}", *claim_number);
            claim.raw.set(RawField::RecordId, id);
        }
        claim
    }

    /// The insurance as the institution entered it. A confirmed one is stronger.
    fn insurance(&mut self, line: &Line<'_>) {
        if !self.confirmed {
            self.take(line, 2, RawField::Insurer);
            self.take(line, 3, RawField::InsuredSymbol);
            self.take(line, 4, RawField::InsuredNumber);
        }
    }

    /// The insurance as the insurer confirmed it, with the branch.
    fn confirmation(&mut self, line: &Line<'_>) {
        if *line.text(2) == SN_INSURANCE && !line.text(6).is_empty() {
            self.confirmed = true;
            if !line.text(4).is_empty() {
                self.take(line, 4, RawField::Insurer);
            }
            self.raw.set(RawField::InsuredSymbol, "");
            self.take(line, 5, RawField::InsuredSymbol);
            self.take(line, 6, RawField::InsuredNumber);
            self.take(line, 7, RawField::InsuredBranch);
        }
    }

    /// Takes field `index`, counted from 1 with the record's kind.
    fn take(&mut self, line: &Line<'_>, index: usize, field: RawField) {
        let tag = field.tag();
        if line.too_long {
            self.error.get_or_insert(RowError::TooLong {
                field: "the row",
                limit: ROW_BYTES_MAX,
            });
            return;
        }
        let bytes = line.bytes(index);
        if bytes.len() > VALUE_BYTES_MAX {
            self.error.get_or_insert(RowError::TooLong {
                field: tag,
                limit: VALUE_BYTES_MAX,
            });
            return;
        }
        match encoding::text(line.encoding, bytes) {
            None => {
                self.error.get_or_insert(RowError::Bytes { field: tag });
            }
            Some(text) => {
                let text = Zeroizing::new(text.into_owned());
                if !text.trim().is_empty() {
                    self.raw.set(field, text.trim());
                }
            }
        }
    }
}

fn deliver(report: &mut FileReport, claim: Option<Claim>, sink: &mut RowSink<'_>) {
    if let Some(claim) = claim {
        let outcome = match claim.error {
            Some(error) => Err(error),
            None => normalize::normalize(&claim.raw),
        };
        report.deliver(claim.number, outcome, sink);
    }
}

/// Old systems end files with 0x1A, some with several.
fn strip_end_of_file(bytes: &[u8]) -> &[u8] {
    let kept = bytes
        .iter()
        .rposition(|&b| b != 0x1a)
        .map_or(0, |at| at + 1);
    &bytes[..kept]
}

/// The file starts with a record that claims files start with and ends with a whole record.
fn check_structure(body: &[u8]) -> Result<(), ReadError> {
    let Some(&last) = body.last() else {
        return Err(ReadError::Empty);
    };
    let starts = [b"UK,", b"IR,", b"RE,"];
    if !starts.iter().any(|start| body.starts_with(*start)) {
        return Err(ReadError::Structure {
            format: "a claims file",
            rule: "it does not start with an IR or RE record",
        });
    }
    if !matches!(last, b'\n' | b'\r') {
        return Err(ReadError::Truncated);
    }
    Ok(())
}

/// CP932 by rule. UTF-8 is read too, because converters make it; it is seen in the report.
fn encoding_of(body: &[u8]) -> Result<SourceEncoding, ReadError> {
    match encoding::detect(body) {
        SourceEncoding::Ascii => Ok(SourceEncoding::Cp932),
        found @ (SourceEncoding::Cp932 | SourceEncoding::Utf8) => Ok(found),
        found @ (SourceEncoding::Iso2022Jp | SourceEncoding::Utf16 | SourceEncoding::Unknown) => {
            Err(ReadError::Encoding {
                declared: SourceEncoding::Cp932,
                found,
            })
        }
    }
}

fn screen(encoding: SourceEncoding, body: &[u8]) -> Result<(), ReadError> {
    let mut screen = Screen::new();
    let mut lines = Lines::new(encoding, body);
    while let Some((_, line)) = lines.next() {
        for &(kind, index, name) in &SCREENED {
            if line.kind() == kind {
                screen.see(name, &line.text(index));
            }
        }
    }
    screen.verdict().map_err(ReadError::Refused)
}

/// Records of a file with the numbers of their lines.
struct Lines<'a> {
    encoding: SourceEncoding,
    rows: Rows<'a>,
    number: u64,
    fields: Vec<FieldBytes<'a>>,
}

impl<'a> Lines<'a> {
    fn new(encoding: SourceEncoding, body: &'a [u8]) -> Self {
        Self {
            encoding,
            rows: Rows::new(body, b',', false),
            number: 0,
            fields: Vec::new(),
        }
    }

    fn next(&mut self) -> Option<(u64, Line<'_>)> {
        let end = self.rows.next(&mut self.fields)?;
        self.number += 1;
        let line = Line {
            encoding: self.encoding,
            fields: &self.fields,
            too_long: end == RowEnd::TooLong,
        };
        Some((self.number, line))
    }
}

/// One record.
struct Line<'a> {
    encoding: SourceEncoding,
    fields: &'a [FieldBytes<'a>],
    /// It passes a limit; its first fields may be there.
    too_long: bool,
}

impl Line<'_> {
    fn kind(&self) -> &str {
        std::str::from_utf8(self.bytes(1)).unwrap_or("")
    }

    fn bytes(&self, index: usize) -> &[u8] {
        self.fields
            .get(index - 1)
            .map_or(&[], |field| field.bytes())
    }

    fn text(&self, index: usize) -> Zeroizing<String> {
        let text = encoding::text(self.encoding, self.bytes(index)).unwrap_or_default();
        let text = Zeroizing::new(text.into_owned());
        Zeroizing::new(text.trim().to_owned())
    }
}
