//! Readers of files, each with the bytes as they are.

use std::sync::LazyLock;

use linker_tokenize::{
    CsvMapping, Screen, SourceFormat, SourceRecord,
    format::{
        care, checkup, csv, detect, dicom, dpc, eligibility, fhir, hl7, register,
        ssmix2::{self, Adt},
        uke,
    },
};

use super::{admitted, harmless, in_blocks, judge, sound};

/// Tables that the fuzzer's files are read with: all fields by names of one letter, and padding.
const MAPPINGS: [&str; 3] = [
    r#"
    [[column]]
    header = "a"
    field = "record-id"
    width = 8
    [[column]]
    header = "b"
    field = "kanji-name"
    [[column]]
    header = "c"
    field = "kana-name"
    [[column]]
    header = "d"
    field = "birth-date"
    [[column]]
    header = "e"
    field = "sex"
    [sex]
    male = ["m"]
    female = ["f"]
    "#,
    r#"
    encoding = "cp932"
    delimiter = "\t"
    [[column]]
    header = "a"
    field = "record-id"
    [[column]]
    header = "b"
    field = "address"
    [[column]]
    header = "c"
    field = "insured-number"
    width = 64
    pad = "０"
    "#,
    r#"
    encoding = "utf-8"
    delimiter = ";"
    [[column]]
    header = "a"
    field = "record-id"
    [[column]]
    header = "b"
    field = "surname"
    [[column]]
    header = "c"
    field = "given-name"
    "#,
];

/// Parsed once: their text takes longer than the tables.
static PARSED: LazyLock<[CsvMapping; 3]> =
    LazyLock::new(|| MAPPINGS.map(|text| CsvMapping::parse(text).expect("a good mapping")));

/// Between a mapping and its table in one input.
const RULE: &str = "\n%%\n";

/// A table under known mappings, under one of its own, and as an extract of a register.
pub(super) fn table(bytes: &[u8]) {
    recognised(bytes);
    for mapping in &*PARSED {
        judge(bytes, &|bytes, sink| csv::read(mapping, bytes, sink));
    }
    judge(bytes, &|bytes, sink| register::read(bytes, sink));
    let at = bytes
        .windows(RULE.len())
        .position(|at| at == RULE.as_bytes());
    let (head, body) = bytes.split_at(at.unwrap_or(bytes.len()));
    let Ok(head) = std::str::from_utf8(head) else {
        return;
    };
    // What a mapping says about itself is not secret, and its errors may repeat it.
    if let Ok(mapping) = CsvMapping::parse(head) {
        let body = body.get(RULE.len()..).unwrap_or_default();
        let (mut rows, mut good) = (0, true);
        let report = csv::read(&mapping, body, &mut |_, outcome| {
            rows += 1;
            good &= outcome.is_ok_and(|record| {
                sound(&record);
                true
            });
        });
        assert_eq!(report.map_or(0, |report| report.rows), rows);
    }
}

/// Messages in a file, and the same bytes as one file of a tree. Where both read them they agree.
pub(super) fn hl7(bytes: &[u8]) {
    recognised(bytes);
    let mut rows = judge(bytes, &|bytes, sink| hl7::read(bytes, sink));
    in_blocks(bytes, &rows, &hl7::read_file);
    let mut screen = Screen::new();
    let screened = ssmix2::screen(bytes, &mut screen).is_ok();
    let framed = bytes.iter().any(|byte| matches!(byte, 0x0b | 0x1c));
    match ssmix2::read(bytes) {
        Err(error) => harmless(&error, error.code()),
        Ok(Adt::Deleted { local_id }) => assert!(screened && !local_id.is_empty()),
        Ok(Adt::Current(record)) => {
            sound(&record);
            admitted(&record);
            assert!(screened, "what is read can be screened");
            // A message of a file has its end, and the file has the usual delimiters.
            let whole = bytes.starts_with(b"MSH|^~\\&") && bytes.ends_with(b"\r");
            if whole && !framed && screen.verdict().is_ok() {
                let other = rows.pop().expect("the file's one message is read");
                assert!(same(&record, &other) && rows.is_empty());
            }
        }
    }
    let text = String::from_utf8_lossy(bytes);
    let _any = text.lines().map(ssmix2::file_state).count();
}

pub(super) fn uke(bytes: &[u8]) {
    recognised(bytes);
    let rows = judge(bytes, &|bytes, sink| uke::read(bytes, sink));
    in_blocks(bytes, &rows, &uke::read_file);
}

/// A response, and the same bytes as a document of an archive.
pub(super) fn xml(bytes: &[u8]) {
    recognised(bytes);
    judge(bytes, &|bytes, sink| eligibility::read(bytes, sink));
    let mut screen = Screen::new();
    let _refused = eligibility::screen(bytes, &mut screen).is_ok();
    if checkup::looks_like(bytes) {
        archive(bytes);
    } else {
        // The fuzzer cannot guess check sums, so it gets archives with right ones.
        archive(&stored(&[("DATA/h1.xml", bytes), ("IX08.xml", b"")]));
    }
}

fn archive(bytes: &[u8]) {
    let rows = judge(bytes, &|bytes, sink| checkup::read(bytes, sink));
    in_blocks(bytes, &rows, &|file, sink| {
        checkup::read_file(file, None, sink)
    });
    let mut screen = Screen::new();
    let _refused = checkup::screen(bytes, &mut screen).is_ok();
}

/// An archive of files that are not compressed.
pub(super) fn stored(files: &[(&str, &[u8])]) -> Vec<u8> {
    use std::io::Write as _;
    let mut out = Vec::new();
    let mut archive = rawzip::ZipArchiveWriter::new(&mut out);
    for (name, bytes) in files {
        let (entry, config) = archive.new_file(name).start().expect("a new file");
        let mut writer = config.wrap(entry);
        writer.write_all(bytes).expect("memory");
        let (entry, descriptor) = writer.finish().expect("memory");
        entry.finish(descriptor).expect("memory");
    }
    archive.finish().expect("memory");
    out
}

/// A file by itself, and after its own insurances were gathered from a copy of it.
pub(super) fn fhir(bytes: &[u8]) {
    recognised(bytes);
    let alone = judge(bytes, &|bytes, sink| fhir::read(bytes, sink));
    let mut coverages = fhir::Coverages::new();
    if coverages.add(bytes).is_ok() {
        in_blocks(bytes, &alone, &|file, sink| {
            fhir::read_file(file, &coverages, None, sink)
        });
    }
    coverages = fhir::Coverages::new();
    let mut screen = Screen::new();
    let good = coverages.add(bytes).is_ok() && fhir::screen(bytes, &mut screen).is_ok();
    assert!(good || alone.is_empty(), "what is read can be gathered");
    if good && coverages.add(bytes).is_ok() {
        let joined = judge(bytes, &|bytes, sink| {
            fhir::read_with(bytes, &coverages, sink)
        });
        let mut pairs = joined.iter().zip(&alone);
        assert!(joined.len() == alone.len() && pairs.all(|(one, other)| same(one, other)));
    }
}

pub(super) fn dicom(bytes: &[u8]) {
    recognised(bytes);
    match dicom::read(bytes) {
        Err(error) => harmless(&error, error.code()),
        Ok(record) => {
            sound(&record);
            admitted(&record);
            let mut screen = Screen::new();
            assert!(dicom::screen(bytes, &mut screen).is_ok());
        }
    }
}

/// Care claims, Form 1 and extracts of registers.
pub(super) fn records(bytes: &[u8]) {
    recognised(bytes);
    let rows = judge(bytes, &|bytes, sink| care::read(bytes, sink));
    in_blocks(bytes, &rows, &care::read_file);
    let rows = judge(bytes, &|bytes, sink| dpc::read(bytes, sink));
    in_blocks(bytes, &rows, &dpc::read_file);
    let rows = judge(bytes, &|bytes, sink| register::read(bytes, sink));
    in_blocks(bytes, &rows, &register::read_file);
}

/// Recognition stops at nothing and contradicts itself nowhere.
fn recognised(bytes: &[u8]) {
    let _encoding = detect(bytes);
    if let Some(format) = SourceFormat::of(bytes) {
        assert!(format.looks_like(bytes));
    }
}

fn same(one: &SourceRecord, other: &SourceRecord) -> bool {
    one.local_id() == other.local_id()
        && one.identifiers() == other.identifiers()
        && one.former() == other.former()
        && one.flags() == other.flags()
}
