//! Sources of several files, and what is judged over all of them.

use super::*;

#[test]
fn the_shipped_mapping_parses() {
    let text = include_str!("../../samples/town.toml");
    assert!(CsvMapping::parse(text).is_ok());
}

/// A folder with these files as a source of this format, walked over and checked.
fn checked(format: Format, files: &[(String, String)]) -> Result<Tally, AgentError> {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        std::fs::write(folder.path().join(name), bytes).unwrap();
    }
    let path = folder.path().to_owned();
    let encoding = Encoding::Auto;
    let source = config::Source {
        format,
        path,
        encoding,
    };
    Source::open(&source)?.check(folder.path(), &mut Problems::default(), &|| ())
}

#[test]
fn fhir_files_of_a_folder_are_joined() {
    let patients = include_str!("../../../tokenize/tests/fixtures/patients.ndjson");
    let coverages = include_str!("../../../tokenize/tests/fixtures/coverages.ndjson");
    let file = |name: &str, text: &str| (name.to_owned(), text.to_owned());
    let files = [
        file("Patient.ndjson", patients),
        file("a.json", coverages),
        file("b.txt", "not read"),
    ];
    let tally = checked(Format::Fhir, &files).unwrap();
    assert_eq!((tally.passed.files, tally.records), (2, 2));
    assert!(!tally.quality.contains_key("no-insurance"));
    let tally = checked(Format::Fhir, &files[..1]).unwrap();
    assert_eq!(tally.quality.get("no-insurance"), Some(&2));
}

#[test]
fn responses_of_one_person_each_are_judged_together() {
    let text = include_str!("../../../tokenize/tests/fixtures/eligibility.xml");
    let file = |number: usize, text: &str| (format!("{number}.xml"), text.to_owned());
    let good: Vec<_> = (0..8).map(|number| file(number, text)).collect();
    assert_eq!(checked(Format::Eligibility, &good).unwrap().records, 16);
    let forbidden = text.replace("00012345", "123456789018");
    let bad: Vec<_> = (0..8).map(|number| file(number, &forbidden)).collect();
    let error = checked(Format::Eligibility, &bad).unwrap_err();
    assert_eq!(error.fault(), Fault::MyNumberColumn);
}

#[test]
fn a_file_one_byte_too_large_is_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let file = std::fs::File::create(folder.path().join("a.json")).unwrap();
    let source = config::Source {
        format: Format::Fhir,
        path: folder.path().to_owned(),
        encoding: Encoding::Auto,
    };
    let source = Source::open(&source).unwrap();
    let fault = |bytes| {
        // Sparse: it takes no room on the disk.
        file.set_len(bytes).unwrap();
        let read = source.read(folder.path(), &mut |_, _| Ok(()));
        read.unwrap_err().fault()
    };
    let limit = linker_tokenize::limits::FHIR_VALUE_BYTES_MAX as u64;
    assert_eq!(fault(limit + 1), Fault::SourceTooLarge);
    assert_eq!(fault(16), Fault::FileRefused);
}

#[test]
fn archives_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let archive = include_bytes!("../../../tokenize/tests/fixtures/checkup.zip");
    std::fs::write(folder.path().join("a.ZIP"), archive).unwrap();
    let source = config::Source {
        format: Format::Checkup,
        path: folder.path().to_owned(),
        encoding: Encoding::Auto,
    };
    let source = Source::open(&source).unwrap();
    let tally = source.read(folder.path(), &mut |_, _| Ok(())).unwrap();
    assert_eq!((tally.passed.files, tally.records), (1, 1));
}

#[test]
fn the_share_of_refused_rows_is_judged_one_past_its_bound() {
    let tally = |rows: u64, refused: u64| Tally {
        rows,
        records: rows - refused,
        refused: BTreeMap::from([("row-columns", refused)]),
        ..Tally::default()
    };
    let fault = |tally: &Tally| check_share(tally).err().map(|error| error.fault());
    assert_eq!(fault(&tally(1000, REFUSED_PERMILLE_MAX)), None);
    let past = tally(1000, REFUSED_PERMILLE_MAX + 1);
    assert_eq!(fault(&past), Some(Fault::RowsRefused));
    let few = REFUSED_SHARE_ROWS_MIN - 1;
    assert_eq!(fault(&tally(few, few - 1)), None);
    assert_eq!(fault(&tally(few, few)), Some(Fault::RowsRefused));
    assert_eq!(fault(&tally(0, 0)), Some(Fault::SourceEmpty));
}

#[test]
fn an_unreadable_field_is_judged_one_past_its_bound() {
    let fault = |records: u64, code: &'static str, count: u64| {
        let quality = BTreeMap::from([(code, count)]);
        let tally = Tally {
            records,
            quality,
            ..Tally::default()
        };
        check_fields(&tally).err().map(|error| error.fault())
    };
    let code = "unreadable-birth-date";
    let few = UNREADABLE_RECORDS_MIN - 1;
    assert_eq!(fault(few, code, few), None);
    let unreadable = Some(Fault::FieldUnreadable);
    assert_eq!(fault(few + 1, code, few), unreadable);
    assert_eq!(fault(1000, code, UNREADABLE_PERMILLE_MAX), None);
    assert_eq!(fault(1000, code, UNREADABLE_PERMILLE_MAX + 1), unreadable);
    assert_eq!(fault(1000, "no-birth-date", 1000), None, "not carried");
}
