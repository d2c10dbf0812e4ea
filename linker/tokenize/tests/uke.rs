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

/// A record from its fields' numbers and values; the others are empty.
fn record(fields: &str) -> String {
    let mut row = vec![""; 44];
    for field in fields.split(';') {
        let (at, value) = field.split_once('=').expect("number=value");
        row[at.parse::<usize>().expect("a number") - 1] = value;
    }
    row.join(",") + "\r\n"
}

/// One claim of each kind, in the places where its rules put the patient's fields.
fn claim_of(kind: &str) -> String {
    let (head, re) = match kind {
        "medical" => (
            "IR,1,13,1,1234567,,甲医院,202601,00,\r\n",
            "3=1112;6=1;7=19700302;14=A-7;19=12345678901234567;37=コウイチロウ",
        ),
        "dpc" => (
            "IR,1,13,1,1234567,,甲病院,202601,00,\r\n",
            "3=1111;6=1;7=19700302;9=20260104;14=A-7;17=0;18=1;37=コウイチロウ",
        ),
        "dental" => (
            "UK,1,202601\r\nIR,1,13,3,1234567,,202601,,\r\n",
            "3=3112;6=1;7=19700302;10=20260105;14=29;16=A-7;20=12345678901234567;26=コウイチロウ",
        ),
        "pharmacy" => (
            "YK,1,13,4,1234567,甲薬局,202601,00,\r\n",
            "3=4112;6=1;7=19700302;10=13;13=乙医院;14=乙の住所;15=乙　医師;36=A-7;42=コウイチロウ",
        ),
        _ => (
            "HM,2,13,6,1234567,甲ステーション,202601,\r\n",
            "3=6112;6=コウイチロウ;7=1;8=19700302;14=A-7",
        ),
    };
    let re = record(&format!("1=RE;2=1;4=202601;5=甲　一郎;{re}"));
    let grouping = if kind == "dpc" {
        "BU,010010xx99x00x,20260104,,,,\r\nSB,01,C000,,,,\r\n"
    } else {
        ""
    };
    format!(
        "{head}{re}{grouping}HO,06130012,１２－３,４５,1,1000\r\nSN,1,01,,,,05,,\r\nGO,1,1000,99\r\n"
    )
}

const KINDS: [&str; 5] = ["medical", "dpc", "dental", "pharmacy", "nursing"];

#[test]
fn every_kind_of_claim_gives_the_same_person() {
    for kind in KINDS {
        let text = claim_of(kind);
        assert!(uke::looks_like(&cp932(&text)), "{kind}");
        let (report, rows) = read(&cp932(&text));
        assert!(report.expect("a good file").complete, "{kind}");
        assert_eq!(rows.len(), 1, "{kind}");
        let record = rows[0].1.as_ref().expect("good");
        assert_eq!(record.local_id(), "A-7", "{kind}");
        for (field, value) in [
            (Field::KanjiName, "甲一郎"),
            (Field::KanaName, "コウイチロウ"),
            (Field::Sex, "1"),
            (Field::BirthYear, "1970"),
            (Field::Insurer, "06130012"),
            (Field::InsuredNumber, "123:45"),
            (Field::InsuredBranch, "05"),
        ] {
            let found = record.identifiers().get(field);
            assert_eq!(found, Some(value), "{kind} {field:?}");
        }
    }
}

#[test]
fn a_claim_without_a_chart_number_is_named_by_its_institution() {
    for (kind, id) in [
        ("pharmacy", "claim-13-4-1234567-202601-1"),
        ("nursing", "claim-13-6-1234567-202601-1"),
        ("medical", "claim-13-1-1234567-202601-1"),
    ] {
        let (_, rows) = read(&cp932(&claim_of(kind).replace("A-7", "")));
        assert_eq!(rows[0].1.as_ref().expect("good").local_id(), id);
    }
}

#[test]
fn the_institution_tells_the_kind_where_the_claim_does_not() {
    for (kind, code) in [
        ("dental", "3112"),
        ("pharmacy", "4112"),
        ("nursing", "6112"),
    ] {
        let (_, rows) = read(&cp932(&claim_of(kind).replace(code, "")));
        let record = rows[0].1.as_ref().expect("good");
        assert_eq!(record.local_id(), "A-7", "{kind}");
        assert_eq!(
            record.identifiers().get(Field::KanaName),
            Some("コウイチロウ")
        );
    }
}

#[test]
fn a_branch_alone_is_no_confirmed_insurance() {
    // A first claim confirms the branch and leaves the rest to HO, which may come after.
    let text = claim_of("medical");
    let (confirmed, insurance) = (
        "SN,1,01,,,,05,,\r\n",
        "HO,06130012,１２－３,４５,1,1000\r\n",
    );
    let text = text
        .replace(confirmed, "")
        .replace(insurance, &format!("{confirmed}{insurance}"));
    let (_, rows) = read(&cp932(&text));
    let record = rows[0].1.as_ref().expect("good");
    assert_eq!(
        record.identifiers().get(Field::InsuredNumber),
        Some("123:45")
    );
    assert_eq!(record.identifiers().get(Field::InsuredBranch), Some("05"));
}

#[test]
fn my_numbers_in_place_of_chart_numbers_stop_every_kind() {
    for kind in KINDS {
        let one = claim_of(kind).replace("A-7", "123456789018");
        let re: String = one
            .split_inclusive("\r\n")
            .filter(|line| line.starts_with("RE"))
            .collect();
        let text = one.replace(&re, &re.repeat(8));
        let (report, rows) = read(&cp932(&text));
        let Err(ReadError::Refused(refusal)) = report else {
            panic!("{kind}: a refusal was expected: {report:?}");
        };
        assert!(refusal.column().starts_with("RE-"), "{kind}");
        assert!(!refusal.to_string().contains("123456789018"));
        assert!(rows.is_empty());
    }
}

#[test]
fn a_file_cut_anywhere_is_never_taken_for_a_whole_one() {
    for kind in KINDS {
        let bytes = cp932(&claim_of(kind));
        // Without its last line feed the last record still ends with a carriage return.
        for end in 0..bytes.len() - 1 {
            let report = read(&bytes[..end]).0;
            assert!(
                report.is_err() || !report.expect("seen").complete,
                "{kind} {end}"
            );
        }
    }
}

#[test]
fn text_in_another_encoding_than_the_rule_is_read_and_noticed() {
    for (bytes, noticed) in [
        (cp932(TWO_CLAIMS), 0),
        (TWO_CLAIMS.as_bytes().to_vec(), 2),
        // Without a character that differs nothing can be said.
        (b"RE,1,1112,50408,A B,1,19700302,,,,,,,1\r\n".to_vec(), 0),
    ] {
        let report = read(&bytes).0.expect("a good file");
        assert_eq!(report.counts.get("encoding-disagrees"), noticed);
    }
    let utf16: Vec<u8> = TWO_CLAIMS
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let iso = encoding_rs::ISO_2022_JP.encode(TWO_CLAIMS).0;
    assert_eq!(
        read(&utf16).0.map_err(|e| e.code()).err(),
        Some("wrong-structure")
    );
    assert_eq!(
        read(&iso).0.map_err(|e| e.code()).err(),
        Some("wrong-encoding")
    );
}
