//! Electronic claims (レセプト電算, UKE): comma separated records in CP932, one person per RE record.
//!
//! Medical and DPC claims place the patient's fields alike. Dental, pharmacy and visiting-nursing
//! claims shift them; the first digit of the claim's type (RE-3) says which layout holds.

mod layout;

use zeroize::Zeroizing;

use self::layout::Layout;
use super::{
    FileReport, RowSink,
    blocks::{BlockSink, File, Stopped, in_memory},
    lines::Line,
    records::{Form, Persons, Records},
};
use crate::{
    error::{ReadError, RowError},
    record::{RawField, RawRecord, SourceRecord},
    refuse::Screen,
};

const FORM: Form = Form {
    format: "a claims file",
    starts: looks_like,
    rule: "it does not start with a UK, IR, YK, HM or RE record",
    delimiter: b',',
    quotes: false,
    closed: true,
};

/// Which payer an SN record confirms: `1` is medical insurance, others are public payers.
const SN_INSURANCE: &str = "1";

/// Fields outside RE that could hold a forbidden number by mistake: record, field, name in reports.
const SCREENED: [(&str, usize, &str); 4] = [
    ("HO", 3, "HO-3"),
    ("HO", 4, "HO-4"),
    ("SN", 6, "SN-6"),
    ("KO", 3, "KO-3"),
];

/// Records that a claims file starts with: reception, institution of the four kinds, or a claim.
const STARTS: [&[u8]; 5] = [b"UK,", b"IR,", b"YK,", b"HM,", b"RE,"];

/// Whether the bytes start like a claims file: a known record whose second field is a number.
#[must_use]
pub fn looks_like(bytes: &[u8]) -> bool {
    let second = bytes.get(3..).unwrap_or_default().split(|&b| b == b',');
    let second = second.take(1).flatten().take(12);
    STARTS.iter().any(|start| bytes.starts_with(start))
        && second.copied().all(|b| b.is_ascii_digit() || b == b' ')
}

/// Reads a claims file. Each RE record with the HO and SN records after it is one row; its number is
/// the line of the RE record.
///
/// # Errors
/// [`ReadError`] if the file is cut, not a claims file, or holds forbidden numbers; then `sink` was
/// never called.
pub fn read(bytes: &[u8], sink: &mut RowSink<'_>) -> Result<FileReport, ReadError> {
    in_memory(bytes, sink, read_file)
}

/// Reads a claims file of any length, as [`read`] does.
///
/// # Errors
/// [`Stopped::File`] as in [`read`]; [`Stopped::Caller`] with what the caller's source or sink said.
pub fn read_file<E>(
    file: &mut File<'_, E>,
    sink: &mut BlockSink<'_, E>,
) -> Result<FileReport, Stopped<E>> {
    let mut records = FORM.open(file)?;
    screen(&mut records)?;

    let (mut report, persons) = (records.report(), records.persons());
    let mut claim: Option<Claim> = None;
    let mut institution = Institution::default();
    report.complete = false;
    let mut deliver = |report: &mut FileReport, claim: Option<Claim>| {
        claim.map_or(Ok(()), |claim| {
            let (number, outcome) = claim.outcome(persons);
            report.deliver(number, outcome, sink)
        })
    };
    records.each(|number, line| {
        match line.code(1) {
            kind @ ("IR" | "YK" | "HM") => {
                deliver(&mut report, claim.take())?;
                institution = Institution::read(kind, line);
            }
            "RE" => {
                deliver(&mut report, claim.take())?;
                claim = Some(Claim::start(number, line, &institution));
            }
            "HO" => claim.iter_mut().for_each(|claim| claim.insurance(line)),
            "SN" => claim.iter_mut().for_each(|claim| claim.confirmation(line)),
            "GO" => report.complete = true,
            _ => {}
        }
        Ok(())
    })?;
    deliver(&mut report, claim)?;
    Ok(report)
}

/// Who sends the claims that follow.
#[derive(Default)]
struct Institution {
    /// Prefecture, score table, code and month, each with a hyphen.
    id: Zeroizing<String>,
    layout: Option<&'static Layout>,
}

impl Institution {
    fn read(kind: &str, line: &Line<'_>) -> Self {
        // Pharmacies and nursing stations have no spare field before the name.
        let month = if kind == "IR" { 8 } else { 7 };
        let mut id = Zeroizing::new(String::new());
        for index in [3, 4, 5, month] {
            id.push_str(&line.text(index));
            id.push('-');
        }
        let layout = Layout::of(line.code(4));
        Self { id, layout }
    }
}

/// One claim while its records are read.
struct Claim {
    number: u64,
    raw: RawRecord,
    error: Option<RowError>,
    confirmed: bool,
}

impl Claim {
    fn start(number: u64, line: &Line<'_>, institution: &Institution) -> Self {
        let mut claim = Self {
            number,
            raw: RawRecord::new(),
            error: None,
            confirmed: false,
        };
        let layout = Layout::of_claim(line, institution.layout);
        claim.take(line, layout.name, RawField::KanjiName);
        claim.take(line, layout.sex, RawField::Sex);
        claim.take(line, layout.birth, RawField::BirthDate);
        claim.take(line, layout.kana, RawField::KanaName);
        claim.take(line, layout.chart.0, RawField::RecordId);
        // Without a chart number a claim is its own record: institution, month and claim number.
        let claim_number = line.text(2);
        if claim.raw.get(RawField::RecordId).is_none() && !claim_number.is_empty() {
            let id = format!("claim-{}{}", *institution.id, *claim_number);
            claim.raw.set(RawField::RecordId, id);
        }
        claim
    }

    /// The line of its RE record, and its person.
    fn outcome(self, persons: Persons) -> (u64, Result<SourceRecord, RowError>) {
        let error = self.error.map_or(Ok(()), Err);
        (self.number, error.and_then(|()| persons.normal(&self.raw)))
    }

    /// The insurance as the institution entered it. A confirmed one is stronger.
    fn insurance(&mut self, line: &Line<'_>) {
        if !self.confirmed {
            self.take(line, 2, RawField::Insurer);
            self.take(line, 3, RawField::InsuredSymbol);
            self.take(line, 4, RawField::InsuredNumber);
        }
    }

    /// The insurance as the insurer confirmed it, with the branch. A first claim leaves insurer,
    /// symbol and number out where they are those of HO, and only the branch is here.
    fn confirmation(&mut self, line: &Line<'_>) {
        if *line.text(2) != SN_INSURANCE {
            return;
        }
        if !line.text(6).is_empty() {
            self.confirmed = true;
            self.take(line, 4, RawField::Insurer);
            self.raw.set(RawField::InsuredSymbol, "");
            self.take(line, 5, RawField::InsuredSymbol);
            self.take(line, 6, RawField::InsuredNumber);
        }
        self.take(line, 7, RawField::InsuredBranch);
    }

    /// Takes field `index`, counted from 1 with the record's kind. The first error stays.
    fn take(&mut self, line: &Line<'_>, index: usize, field: RawField) {
        if let Err(error) = line.take(index, field, &mut self.raw) {
            self.error.get_or_insert(error);
        }
    }
}

/// Looks for forbidden numbers where they could stand by mistake: claims have hundreds of other fields.
fn screen<E>(records: &mut Records<'_, '_, E>) -> Result<(), Stopped<E>> {
    let mut screen = Screen::new();
    let mut layout = None;
    records.each(|_, line| {
        match line.code(1) {
            "IR" | "YK" | "HM" => layout = Layout::of(line.code(4)),
            "RE" => {
                let layout = Layout::of_claim(line, layout);
                for (index, name) in layout.screened() {
                    screen.see(name, &line.text(index));
                }
            }
            kind => {
                for &(of, index, name) in &SCREENED {
                    if kind == of {
                        screen.see(name, &line.text(index));
                    }
                }
            }
        }
        Ok(())
    })?;
    let verdict = screen.verdict();
    verdict.map_err(|refusal| Stopped::File(ReadError::Refused(refusal)))
}
