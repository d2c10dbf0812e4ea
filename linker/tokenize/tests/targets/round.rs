//! A person that a format can express is read from a file of that format as the normaliser makes them.

mod write;

use linker_tokenize::{
    CsvMapping, RawField, RawRecord, ReadError, RowError, SourceRecord,
    format::{
        csv, dicom, eligibility, fhir, hl7,
        ssmix2::{self, Adt},
        uke,
    },
    normalize,
};

/// Longest value here. Bounds are the business of other tests.
const CHARS_MAX: usize = 60;

/// What all formats carry; lines of the input in this order.
pub(super) const FIELDS: [RawField; 10] = [
    RawField::KanjiName,
    RawField::KanaName,
    RawField::BirthDate,
    RawField::Sex,
    RawField::PostalCode,
    RawField::Address,
    RawField::Insurer,
    RawField::InsuredSymbol,
    RawField::InsuredNumber,
    RawField::InsuredBranch,
];

/// Lines of values.
pub(super) fn run(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let mut values = text.split('\n').map(clean);
    let mut person = Person(FIELDS.map(|_| values.next().unwrap_or_default()));
    // An insurance has an insurer and a number in all these formats, or is none.
    if [RawField::Insurer, RawField::InsuredNumber]
        .into_iter()
        .any(|field| person.get(field).is_empty())
    {
        FIELDS[6..].iter().for_each(|&field| person.set(field, ""));
    }
    let expected = normalize::normalize(&person.raw());
    for (name, outcome) in read(&person) {
        match (&outcome, &expected) {
            (Ok(one), Ok(other)) => {
                assert!(one.identifiers() == other.identifiers(), "{name} differs");
                assert_eq!(one.flags(), other.flags(), "{name} differs");
            }
            (Err(one), Err(other)) => assert_eq!(one.code(), other.code(), "{name}"),
            _ => unreachable!("{name}: one of reader and normaliser refuses the person"),
        }
    }
}

/// What no format needs: controls, marks of the file and what stands for unreadable bytes.
fn clean(line: &str) -> String {
    let odd = |c: char| {
        c.is_control()
            || matches!(c, '\u{feff}' | '\u{fffc}'..='\u{ffff}' | '\u{fdd0}'..='\u{fdef}')
    };
    let line: String = line.chars().filter(|&c| !odd(c)).take(CHARS_MAX).collect();
    line.trim().to_owned()
}

/// Values in the order of [`FIELDS`], trimmed.
pub(super) struct Person([String; FIELDS.len()]);

impl Person {
    pub(super) fn get(&self, field: RawField) -> &str {
        let at = FIELDS.iter().position(|&at| at == field);
        &self.0[at.expect("one of the ten")]
    }

    fn set(&mut self, field: RawField, value: &str) {
        let at = FIELDS.iter().position(|&at| at == field);
        value.clone_into(&mut self.0[at.expect("one of the ten")]);
    }

    fn raw(&self) -> RawRecord {
        let mut raw = RawRecord::new().with(RawField::RecordId, "1");
        for (field, value) in FIELDS.iter().zip(&self.0) {
            raw.set(*field, value.as_str());
        }
        raw
    }

    pub(super) fn any(&self, odd: impl Fn(char) -> bool) -> bool {
        self.0.iter().any(|value| value.contains(&odd))
    }
}

type Outcome = Result<SourceRecord, RowError>;

/// The person as each format gives them that can express them.
fn read(person: &Person) -> Vec<(&'static str, Outcome)> {
    let mut outcomes = Vec::new();
    let mut add = |name, outcome: Option<Outcome>| outcomes.extend(outcome.map(|at| (name, at)));
    let (mapping, table) = write::table(person);
    let mapping = CsvMapping::parse(&mapping).expect("a good mapping");
    let only = |bytes: &[u8], read: super::Read<'_>| {
        let mut row = None;
        let report = read(bytes, &mut |_, outcome| row = Some(outcome));
        assert!(report.is_ok_and(|report| report.rows == 1 && report.complete));
        row
    };
    let row = only(table.as_bytes(), &|bytes, sink| {
        csv::read(&mapping, bytes, sink)
    });
    add("a table", row);
    let xml = write::eligibility(person);
    add(
        "a response",
        only(xml.as_bytes(), &|bytes, sink| {
            eligibility::read(bytes, sink)
        }),
    );
    if let Some(json) = write::fhir(person) {
        add(
            "FHIR",
            only(json.as_bytes(), &|bytes, sink| fhir::read(bytes, sink)),
        );
    }
    if let Some(claims) = write::uke(person) {
        add(
            "claims",
            only(&claims, &|bytes, sink| uke::read(bytes, sink)),
        );
    }
    if let Some(message) = write::hl7(person) {
        add(
            "a message",
            only(message.as_bytes(), &|bytes, sink| hl7::read(bytes, sink)),
        );
        if let Some(message) = write::iso(&message) {
            add("a tree", current(ssmix2::read(&message)));
        }
    }
    if let Some(object) = write::dicom(person) {
        let read = dicom::read(&object);
        // It carries no insurance and no postal code.
        let alone = read
            .ok()
            .filter(|_| person.0[6..].iter().all(String::is_empty));
        let alone = alone.filter(|_| person.get(RawField::PostalCode).is_empty());
        add("DICOM", alone.map(Ok));
    }
    outcomes
}

fn current(read: Result<Adt, ReadError>) -> Option<Outcome> {
    match read {
        Ok(Adt::Current(record)) => Some(Ok(record)),
        Ok(Adt::Deleted { .. }) => None,
        Err(ReadError::Record(error)) => Some(Err(error)),
        Err(error) => unreachable!("a good message is refused: {error}"),
    }
}
