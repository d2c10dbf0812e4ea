//! Archives of health check-ups.

mod support;

use encoding_rs::SHIFT_JIS;
use linker_token::Field;
use linker_tokenize::{
    FileReport, Quality, ReadError, RowError, Screen, SourceRecord,
    format::checkup,
    limits::{ARCHIVE_ENTRIES_MAX, CHECKUP_BYTES_MAX, INFLATION_MAX},
};
use support::archive;

const DOCUMENT: &str = include_str!("fixtures/checkup.xml");
const NAME: &str = "1311234567_06130012_202504010/DATA/h13112345672025040110000001.xml";

type Rows = Vec<(u64, Result<SourceRecord, RowError>)>;

fn read(bytes: &[u8]) -> (Result<FileReport, ReadError>, Rows) {
    let mut rows = Vec::new();
    let report = checkup::read(bytes, &mut |number, row| rows.push((number, row)));
    (report, rows)
}

fn read_one(document: &[u8]) -> Result<SourceRecord, RowError> {
    let (report, mut rows) = read(&archive(&[(NAME, document)]));
    report.expect("a good archive");
    assert_eq!(rows.len(), 1);
    rows.remove(0).1
}

fn error(bytes: &[u8]) -> ReadError {
    let (report, rows) = read(bytes);
    assert!(rows.is_empty(), "nothing of a refused file is delivered");
    report.expect_err("refused")
}

fn check(record: &SourceRecord) {
    for (field, value) in [
        (Field::KanaName, "コウヤマイチロウ"),
        (Field::BirthYear, "1970"),
        (Field::Sex, "1"),
        (Field::PostalCode, "1000013"),
        (Field::Town, "千代田区霞ケ関"),
        (Field::Block, "1-2-3"),
        (Field::Insurer, "06130012"),
        (Field::InsuredNumber, "123:45"),
        (Field::InsuredBranch, "05"),
    ] {
        assert_eq!(record.identifiers().get(field), Some(value), "{field:?}");
    }
    assert_eq!(record.identifiers().get(Field::KanjiName), None);
}

#[test]
fn documents_of_an_archive_are_read() {
    let bytes = archive(&[
        ("a/ix08_V08.xml", b"<index/>"),
        (NAME, DOCUMENT.as_bytes()),
        ("a/DATA/h2.XML", DOCUMENT.as_bytes()),
        ("a/XSD/hc08_V08.xsd", b"not read"),
        ("a/DATA/", b""),
    ]);
    assert!(checkup::looks_like(&bytes));
    let (report, rows) = read(&bytes);
    assert_eq!(
        report.map(|report| (report.rows, report.rejected)),
        Ok((2, 0))
    );
    let numbers: Vec<u64> = rows.iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers, [1, 2]);
    let first = rows[0].1.as_ref().expect("good");
    assert_eq!(first.local_id(), "h13112345672025040110000001");
    check(first);
    assert_eq!(rows[1].1.as_ref().map(SourceRecord::local_id), Ok("h2"));
}

#[test]
fn an_archive_of_another_writer_is_read() {
    let (report, rows) = read(include_bytes!("fixtures/checkup.zip"));
    assert_eq!(report.map(|report| report.rows), Ok(1));
    check(rows[0].1.as_ref().expect("good"));
}

#[test]
fn other_ways_to_write_a_document() {
    let prefixed = DOCUMENT
        .replace("xmlns=\"urn:hl7-org:v3\"", "xmlns:h=\"urn:hl7-org:v3\"")
        .replace("</", "</h:")
        .replace("</h:x:", "</x:");
    let mut text = String::new();
    for (index, piece) in prefixed.split('<').enumerate() {
        let own = !piece.starts_with(['/', '?']) && !piece.starts_with("x:");
        text.push_str(if index > 0 { "<" } else { "" });
        text.push_str(if index > 0 && own { "h:" } else { "" });
        text.push_str(piece);
    }
    check(&read_one(text.as_bytes()).expect("with prefixes"));
    let parts = "<name><family>コウヤマ</family><given>イチロウ</given></name>";
    let text = DOCUMENT.replace("<name>コウヤマ　イチロウ</name>", parts);
    check(&read_one(text.as_bytes()).expect("a name in parts"));
    let text = DOCUMENT.replace("\"19700302\"", "\"19700302093000\"");
    check(&read_one(text.as_bytes()).expect("a time of day"));
    let text = DOCUMENT.replace(
        "</name>\n        <adm",
        "</name><name>甲山　一郎</name><adm",
    );
    let record = read_one(text.as_bytes()).expect("two names");
    assert_eq!(record.identifiers().get(Field::KanjiName), Some("甲山一郎"));
    let declared = DOCUMENT.replace("\"UTF-8\"", "\"Shift_JIS\"");
    let record = read_one(&SHIFT_JIS.encode(&declared).0).expect("CP932");
    check(&record);
    assert!(!record.quality().has(Quality::EncodingDisagrees));
    let record = read_one(&SHIFT_JIS.encode(DOCUMENT).0).expect("CP932");
    check(&record);
    assert!(record.quality().has(Quality::EncodingDisagrees));
}

#[test]
fn a_bad_document_costs_its_row() {
    let cut = DOCUMENT.split("<author>").next().expect("a head");
    let nobody = DOCUMENT.replace("recordTarget", "recordOther");
    let other = DOCUMENT.replace("urn:hl7-org:v3\" xmlns:xsi", "urn:other\" xmlns:xsi");
    let entity = DOCUMENT.replace("コウヤマ", "&x;");
    let declared = DOCUMENT.replace("<ClinicalDocument", "<!DOCTYPE x><ClinicalDocument");
    for (document, error) in [
        (cut, RowError::Malformed),
        (&nobody, RowError::NothingUsable),
        (&other, RowError::Malformed),
        (&entity, RowError::Malformed),
        (&declared, RowError::Malformed),
        ("", RowError::Malformed),
        ("<x/>", RowError::Malformed),
    ] {
        assert_eq!(read_one(document.as_bytes()).err(), Some(error));
    }
    let mut bytes = DOCUMENT.as_bytes().to_vec();
    let at = DOCUMENT.find("イチ").expect("there");
    bytes[at] = 0xff;
    assert_eq!(
        read_one(&bytes).map_err(|error| error.code()).err(),
        Some("row-bytes")
    );
}

#[test]
fn forbidden_numbers_refuse_the_archive() {
    let document = DOCUMENT.replace(
        "extension=\"25100000011\" root=\"1.2.392.200119.6.209.100130012\"",
        "extension=\"123456789018\" root=\"9.9\"",
    );
    assert_ne!(document, DOCUMENT);
    let names: Vec<String> = (0..8).map(|index| format!("DATA/h{index}.xml")).collect();
    let files: Vec<_> = names
        .iter()
        .map(|name| (name.as_str(), document.as_bytes()))
        .collect();
    assert!(read(&archive(&files[..7])).0.is_ok(), "seven prove nothing");
    let mut screen = Screen::new();
    for file in &files {
        assert!(screen.verdict().is_ok());
        assert_eq!(checkup::screen(&archive(&[*file]), &mut screen), Ok(()));
    }
    assert!(screen.verdict().is_err(), "eight archives of one do");
    let error = error(&archive(&files));
    assert_eq!(error.code(), "refused-number");
    assert!(!format!("{error}{error:?}").contains("123456789018"));
}

#[test]
fn bombs_are_refused() {
    let document = |size: usize| {
        let fill = " ".repeat(size - DOCUMENT.len());
        format!("{DOCUMENT}{fill}")
    };
    // One document may be as large as the limit however small its archive is; not a byte larger.
    let largest = document(CHECKUP_BYTES_MAX);
    assert!(read_one(largest.as_bytes()).is_ok());
    let larger = document(CHECKUP_BYTES_MAX + 1);
    let error_of = |files: &[(&str, &[u8])]| error(&archive(files)).code();
    assert_eq!(error_of(&[(NAME, larger.as_bytes())]), "file-too-large");
    // Two of them pass the ratio.
    let two = [
        ("DATA/h1.xml", largest.as_bytes()),
        ("DATA/h2.xml", b"<x>          </x>"),
    ];
    let small = archive(&two);
    assert!(small.len() * INFLATION_MAX < largest.len() + 17);
    assert_eq!(error(&small).code(), "file-too-large");
}

#[test]
fn damaged_archives_are_refused() {
    let good = archive(&[(NAME, DOCUMENT.as_bytes())]);
    assert_eq!(error(&good[..good.len() - 30]), ReadError::Truncated);
    assert_eq!(error(b""), ReadError::Empty);
    assert_eq!(error(DOCUMENT.as_bytes()).code(), "wrong-structure");
    assert_eq!(
        error(&archive(&[("DATA/x.xml", b"<x/>")])).code(),
        "wrong-structure"
    );
    let start = 30 + NAME.len();
    for (at, bit) in [(start + 40, 1), (start + 400, 0x80)] {
        let mut bytes = good.clone();
        bytes[at] ^= bit;
        assert_eq!(
            error(&bytes).code(),
            "wrong-structure",
            "the check sum sees it"
        );
    }
    // A size that is not true, and an encrypted entry.
    let directory = good
        .windows(4)
        .rposition(|four| four == b"PK\x01\x02")
        .expect("one");
    for (at, value) in [(24, 1), (8, 1), (10, 99)] {
        let mut bytes = good.clone();
        bytes[directory + at] ^= value;
        assert_eq!(error(&bytes).code(), "wrong-structure");
    }
}

#[test]
fn entries_that_share_bytes_are_refused() {
    let two = archive(&[
        ("DATA/h1.xml", DOCUMENT.as_bytes()),
        ("DATA/h2.xml", DOCUMENT.as_bytes()),
    ]);
    assert_eq!(read(&two).0.expect("good").rows, 2);
    // The second entry of the directory points at the first file.
    let mut bytes = two.clone();
    let second = bytes
        .windows(4)
        .rposition(|four| four == b"PK\x01\x02")
        .expect("one");
    bytes[second + 42..second + 46].fill(0);
    assert_eq!(error(&bytes).code(), "wrong-structure");
}

#[test]
fn one_entry_past_the_limit() {
    let names: Vec<String> = (0..=ARCHIVE_ENTRIES_MAX)
        .map(|index| format!("x{index}"))
        .collect();
    let files: Vec<_> = names
        .iter()
        .map(|name| (name.as_str(), b"".as_slice()))
        .collect();
    assert_eq!(error(&archive(&files)).code(), "file-too-large");
}
