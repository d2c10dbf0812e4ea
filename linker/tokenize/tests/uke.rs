//! Claims files.

use encoding_rs::SHIFT_JIS;
use linker_token::Field;
use linker_tokenize::{FileReport, ReadError, RowError, SourceRecord, format::uke};

const TWO_CLAIMS: &str = concat!(
    "IR,1,13,1,1234567,,東都クリニック,50408,00,03-0000-0000\r\n",
    "RE,1,1112,50408,髙橋　一郎,1,19700302,,,,,,,00012345,,,,,,,,,,,,,,,,,,,,,,,タカハシイチロウ\r\n",
    "HO,  138057,１２－３,００４５,1,1000,,,\r\n",
    "SN,1,01,00138057,12-3,45,05,,\r\n",
    "SI,12,1,111000110,,288,1\r\n",
    "RE,2,1112,50408,SMITH JOHN,1,3450302,,,,,,,,,,,,,\r\n",
    "HO,01130012,567,890,1,1000,,,\r\n",
    "KO,54136015,1234567,,1,1000\r\n",
    "GO,2,2000,99\r\n",
);

type Rows = Vec<(u64, Result<SourceRecord, RowError>)>;

fn read(bytes: &[u8]) -> (Result<FileReport, ReadError>, Rows) {
    let mut rows = Vec::new();
    let report = uke::read(bytes, &mut |number, row| rows.push((number, row)));
    (report, rows)
}

fn cp932(text: &str) -> Vec<u8> {
    SHIFT_JIS.encode(text).0.into_owned()
}

#[test]
fn claims_become_records() {
    let mut bytes = cp932(TWO_CLAIMS);
    bytes.push(0x1a);
    let (report, rows) = read(&bytes);
    let report = report.expect("a good file");
    assert_eq!(
        (report.rows, report.rejected, report.complete),
        (2, 0, true)
    );
    let numbers: Vec<u64> = rows.iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers, [2, 6]);
    let first = rows[0].1.as_ref().expect("good");
    assert_eq!(first.local_id(), "00012345");
    for (field, value) in [
        (Field::KanjiName, "高橋一郎"),
        (Field::KanaName, "タカハシイチロウ"),
        (Field::BirthDay, "02"),
        (Field::Insurer, "00138057"),
        (Field::InsuredNumber, "123:45"),
        (Field::InsuredBranch, "05"),
    ] {
        assert_eq!(first.identifiers().get(field), Some(value), "{field:?}");
    }
    let second = rows[1].1.as_ref().expect("good");
    assert_eq!(second.local_id(), "claim-13-1-1234567-50408-2");
    for (field, value) in [
        (Field::KanjiName, "JOHNSMITH"),
        (Field::BirthYear, "1970"),
        (Field::InsuredNumber, "567:890"),
    ] {
        assert_eq!(second.identifiers().get(field), Some(value), "{field:?}");
    }
    assert_eq!(second.identifiers().get(Field::InsuredBranch), None);
}

#[test]
fn a_cut_file_is_refused_whole() {
    let bytes = cp932(TWO_CLAIMS);
    let (report, rows) = read(&bytes[..bytes.len() - 9]);
    assert_eq!(report, Err(ReadError::Truncated));
    assert!(rows.is_empty());
    // Cut between two records: whole records, but no end record.
    let (report, rows) = read(&cp932(TWO_CLAIMS.split("GO,").next().expect("a head")));
    assert!(!report.expect("readable").complete);
    assert_eq!(rows.len(), 2);
}

#[test]
fn other_files_are_refused() {
    for bytes in [b"".as_slice(), b"\x1a", b"MSH|^~\\&|\r", b"id,name\r\n"] {
        assert!(read(bytes).0.is_err());
    }
}

#[test]
fn bad_bytes_cost_one_claim() {
    let mut bytes = cp932(TWO_CLAIMS);
    let at = bytes
        .windows(5)
        .position(|window| window == b"SMITH")
        .expect("there");
    bytes[at] = 0xfd;
    let (report, rows) = read(&bytes);
    assert_eq!(report.expect("a good file").rejected, 1);
    assert_eq!(
        rows[1].1.as_ref().err(),
        Some(&RowError::Bytes {
            field: "kanji-name"
        })
    );
}

#[test]
fn a_record_past_the_limits_costs_its_claim() {
    let long = "1".repeat(linker_tokenize::limits::ROW_BYTES_MAX);
    let text = TWO_CLAIMS.replace("HO,01130012,567", &format!("HO,01130012,{long}"));
    let (report, rows) = read(&cp932(&text));
    assert_eq!(report.expect("a good file").rejected, 1);
    assert_eq!(
        rows[1].1.as_ref().map_err(|e| e.code()).err(),
        Some("row-too-long")
    );
    // A detail that is nobody's identifier may be as long as it likes.
    let text = TWO_CLAIMS.replace("SI,12,1,", &format!("SI,12,1,{long}"));
    assert_eq!(read(&cp932(&text)).0.expect("a good file").rejected, 0);
}

#[test]
fn another_payers_confirmation_is_no_insurance() {
    let text = TWO_CLAIMS.replace("SN,1,", "SN,2,");
    let (_, rows) = read(&cp932(&text));
    let first = rows[0].1.as_ref().expect("good");
    assert_eq!(
        first.identifiers().get(Field::InsuredNumber),
        Some("123:45")
    );
    assert_eq!(first.identifiers().get(Field::InsuredBranch), None);
}
