//! Two people who do not exist in every format, written by independent tools and by hand, are the same two
//! people for the readers. `fixtures/README.md` says who wrote what.

use std::{collections::BTreeMap, fmt::Write as _};

use linker_token::Field;
use linker_tokenize::{
    CsvMapping, FileReport, Quality, ReadError, SourceFormat, SourceRecord,
    format::{
        RowSink, care, checkup, csv, dicom, dpc, eligibility, fhir, hl7, register,
        ssmix2::{self, Adt},
        uke,
    },
};

type Read = fn(&[u8]) -> Vec<SourceRecord>;
type Reader<'r> = dyn Fn(&[u8], &mut RowSink<'_>) -> Result<FileReport, ReadError> + 'r;

/// Name, bytes, what they look like, reader.
type File = (&'static str, &'static [u8], Option<SourceFormat>, Read);

macro_rules! files {
    ($($name:literal $looks:expr => $read:expr,)*) => {
        [$(($name, include_bytes!(concat!("fixtures/", $name)).as_slice(), $looks, $read)),*]
    };
}

fn files() -> [File; 26] {
    use SourceFormat as F;
    files! {
        "independent/ssmix2-1" Some(F::SsMix2) => tree,
        "independent/ssmix2-2" Some(F::SsMix2) => tree,
        "independent/ssmix2-3" Some(F::SsMix2) => tree,
        "ours/ssmix2-1" Some(F::SsMix2) => tree,
        "ours/ssmix2-2" Some(F::SsMix2) => tree,
        "independent/messages.hl7" Some(F::Hl7) => |bytes| rows(bytes, &hl7::read),
        "ours/messages.hl7" Some(F::Hl7) => |bytes| rows(bytes, &hl7::read),
        "independent/table.csv" None => table,
        "ours/table.csv" None => table,
        "independent/register.csv" Some(F::Register) => |bytes| rows(bytes, &register::read),
        "ours/register.csv" Some(F::Register) => |bytes| rows(bytes, &register::read),
        "independent/eligibility.xml" Some(F::Eligibility) => |bytes| rows(bytes, &eligibility::read),
        "ours/eligibility.xml" Some(F::Eligibility) => |bytes| rows(bytes, &eligibility::read),
        "eligibility.xml" Some(F::Eligibility) => |bytes| rows(bytes, &eligibility::read),
        "independent/fhir.ndjson" Some(F::Fhir) => |bytes| rows(bytes, &fhir::read),
        "ours/fhir.ndjson" Some(F::Fhir) => |bytes| rows(bytes, &fhir::read),
        "bundle.json" Some(F::Fhir) => |bytes| rows(bytes, &fhir::read),
        "independent/checkup.zip" Some(F::Checkup) => |bytes| rows(bytes, &checkup::read),
        "ours/checkup.zip" Some(F::Checkup) => |bytes| rows(bytes, &checkup::read),
        "independent/object-1.dcm" Some(F::Dicom) => object,
        "independent/object-2.dcm" Some(F::Dicom) => object,
        "ours/object-1.dcm" Some(F::Dicom) => object,
        "ours/object-2.dcm" Some(F::Dicom) => object,
        "ours/claims.uke" Some(F::Uke) => |bytes| rows(bytes, &uke::read),
        "ours/care.csv" Some(F::Care) => |bytes| rows(bytes, &care::read),
        "ours/FF1.txt" Some(F::Dpc) => |bytes| rows(bytes, &dpc::read),
    }
}

fn rows(bytes: &[u8], read: &Reader<'_>) -> Vec<SourceRecord> {
    let mut records = Vec::new();
    let report = read(bytes, &mut |_, row| records.push(row.expect("a good row")));
    assert!(report.is_ok_and(|report| report.complete));
    records
}

fn tree(bytes: &[u8]) -> Vec<SourceRecord> {
    match ssmix2::read(bytes) {
        Ok(Adt::Current(record)) => vec![record],
        other => unreachable!("a current patient was expected: {other:?}"),
    }
}

fn object(bytes: &[u8]) -> Vec<SourceRecord> {
    vec![dicom::read(bytes).expect("a good object")]
}

fn table(bytes: &[u8]) -> Vec<SourceRecord> {
    let mut mapping = String::new();
    for (header, field) in [
        ("患者番号", "record-id"),
        ("氏名", "kanji-name"),
        ("カナ", "kana-name"),
        ("生年月日", "birth-date"),
        ("性別", "sex"),
        ("郵便番号", "postal-code"),
        ("住所", "address"),
        ("保険者番号", "insurer"),
        ("記号", "insured-symbol"),
        ("番号", "insured-number"),
        ("枝番", "insured-branch"),
    ] {
        mapping += &format!("[[column]]\nheader = {header:?}\nfield = {field:?}\n");
    }
    let mapping = CsvMapping::parse(&mapping).expect("a good mapping");
    rows(bytes, &|bytes, sink| csv::read(&mapping, bytes, sink))
}

/// One line of a record; what a golden file holds.
fn line(record: &SourceRecord) -> String {
    let mut out = format!("  {}", record.local_id());
    let people = [
        ("", Some(record.identifiers())),
        ("former ", record.former()),
    ];
    for (prefix, identifiers) in people {
        let fields: BTreeMap<_, _> = identifiers
            .iter()
            .flat_map(|person| person.iter())
            .collect();
        for (field, value) in fields {
            let _infallible = write!(out, " | {prefix}{} {value}", field.tag());
        }
    }
    if record.has_phone() {
        out += " | phone";
    }
    let noticed: Vec<_> = record.quality().iter().map(Quality::code).collect();
    let _infallible = write!(out, " | {:x} {}", record.flags().bits(), noticed.join(" "));
    out
}

#[test]
fn files_are_read_as_they_were() {
    let mut actual = String::new();
    for (name, bytes, _, read) in files() {
        let _infallible = writeln!(actual, "{name}");
        for record in read(bytes) {
            let _infallible = writeln!(actual, "{}", line(&record));
        }
    }
    let golden = include_str!("fixtures/golden.txt");
    // To take a wanted change over: the right side is the new file.
    assert!(golden == actual, "golden.txt should be:\n{actual}");
}

#[test]
fn all_formats_mean_the_same_people() {
    let mut people: BTreeMap<String, BTreeMap<Field, (String, &str)>> = BTreeMap::new();
    let mut compared = 0;
    for (name, bytes, _, read) in files() {
        // One person of the tool's own, and two older fixtures with gaps of their own.
        if name.ends_with("-3") || !name.contains('/') {
            continue;
        }
        let records = read(bytes);
        assert!(!records.is_empty(), "{name}");
        for record in records {
            let day = record
                .identifiers()
                .get(Field::BirthDay)
                .expect("a birth day");
            let known = people.entry(day.to_owned()).or_default();
            for (field, value) in record.identifiers().iter() {
                // Care has numbers of its own, and the tool behind the independent tree writes one number for
                // everybody.
                let insured = matches!(field, Field::InsuredNumber | Field::InsuredBranch);
                let other = name == "ours/care.csv" || name.starts_with("independent/ssmix2");
                if insured && other {
                    continue;
                }
                let first = known.entry(field).or_insert((value.to_owned(), name));
                assert_eq!(first.0, value, "{field:?} of {} and {name}", first.1);
                compared += 1;
            }
        }
    }
    assert_eq!(people.len(), 2);
    assert!(
        people.values().all(|fields| fields.len() >= 12),
        "{people:?}"
    );
    assert!(compared > 300, "{compared}");
}

#[test]
fn bytes_show_their_format() {
    for (name, bytes, looks, _) in files() {
        assert_eq!(SourceFormat::of(bytes), looks, "{name}");
        // Only an archive, whose first bytes say it all, and a message alone are more than one thing.
        let all = SourceFormat::ALL.iter();
        let all: Vec<_> = all.filter(|format| format.looks_like(bytes)).collect();
        let message = looks == Some(SourceFormat::SsMix2);
        assert_eq!(
            all.len(),
            usize::from(looks.is_some()) + usize::from(message),
            "{name}"
        );
    }
    assert_eq!(SourceFormat::of(b""), None);
    assert_eq!(SourceFormat::of("名,前\n".as_bytes()), None);
    let names: std::collections::BTreeSet<_> =
        SourceFormat::ALL.iter().map(|at| at.name()).collect();
    assert_eq!(names.len(), SourceFormat::ALL.len());
}
