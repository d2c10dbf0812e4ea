//! Care-claims files.

use encoding_rs::SHIFT_JIS;
use linker_token::{Field, Flags};
use linker_tokenize::{FileReport, ReadError, RowError, SourceRecord, format::care};

type Rows = Vec<(u64, Result<SourceRecord, RowError>)>;

fn read(bytes: &[u8]) -> (Result<FileReport, ReadError>, Rows) {
    let mut rows = Vec::new();
    let report = care::read(bytes, &mut |number, row| rows.push((number, row)));
    (report, rows)
}

/// A file with one bill and one detailed claim per person: insured number, birth date, sex.
fn file(people: &[(&str, &str, &str)]) -> String {
    let data = 1 + 3 * people.len();
    let mut text = format!("1,1,0,{data},711,0,0,1370000001,0,1,202602,1\r\n");
    let mut number = 2;
    let mut add = |record: String| {
        text += &format!("2,{number},{record}\r\n");
        number += 1;
    };
    add("7111,202601,1370000001,1,0,01,1,100,1000,900,0,100,,,,,,".to_owned());
    for (insured, birth, sex) in people {
        let head = format!("202601,1370000001,00131016,{insured}");
        add(format!(
            "7131,01,{head},,,,,,,{birth},{sex},21,,20250401,20260331,1,1370000002"
        ));
        add(format!("7131,02,{head},11,1111,250,4,,,,1000,,,,摘要"));
        add(format!("7131,10,{head},11,4,1000,1000,0"));
    }
    text + &format!("3,{number}\r\n")
}

#[test]
fn basic_records_become_records() {
    let text = file(&[
        ("0000000017", "19400302", "2"),
        ("0000000025", "19351105", "1"),
    ]);
    for text in [text.clone(), text.replace("0000000017", "\"0000000017\"")] {
        let bytes = SHIFT_JIS.encode(&text).0;
        assert!(care::looks_like(&bytes));
        let (report, rows) = read(&bytes);
        let report = report.expect("a good file");
        assert_eq!(
            (report.rows, report.rejected, report.complete),
            (2, 0, true)
        );
        let numbers: Vec<_> = rows.iter().map(|row| row.0).collect();
        assert_eq!(numbers, [3, 6]);
        let first = rows[0].1.as_ref().expect("good");
        assert_eq!(first.local_id(), "care-00131016-0000000017");
        for (field, value) in [
            // Of a kind of their own: no number of health insurance can look like these.
            (Field::Insurer, None),
            (Field::InsuredNumber, Some("介護131016:17")),
            (Field::BirthYear, Some("1940")),
            (Field::Sex, Some("2")),
            (Field::KanjiName, None),
        ] {
            assert_eq!(first.identifiers().get(field), value, "{field:?}");
        }
        // Without a name nobody is found by this record alone.
        assert!(first.flags().has(Flags::WEAK_EVIDENCE));
    }
}

#[test]
fn a_file_without_its_end_or_with_too_few_records_is_not_whole() {
    let text = file(&[("0000000017", "19400302", "2")]);
    let without_end = text.replace("3,6\r\n", "");
    assert!(!read(without_end.as_bytes()).0.expect("readable").complete);
    let less = text.replace("0,4,711", "0,5,711");
    assert!(!read(less.as_bytes()).0.expect("readable").complete);
    let bytes = SHIFT_JIS.encode(&text).0;
    for end in 0..bytes.len() - 1 {
        let report = read(&bytes[..end]).0;
        assert!(report.is_err() || !report.expect("seen").complete, "{end}");
    }
}

#[test]
fn other_files_are_refused() {
    for bytes in [
        b"".as_slice(),
        b"id,name\r\n",
        b"1,2,3\r\n",
        b"IR,1,13,1,1234567\r\n",
    ] {
        assert!(!care::looks_like(bytes));
        assert!(read(bytes).0.is_err());
    }
}

#[test]
fn a_bad_row_costs_itself() {
    let text = file(&[
        ("0000000017", "19400302", "2"),
        ("0000000025", "19351105", "1"),
    ]);
    for (bad, code) in [
        (
            text.replace("0000000017,,", "\"0000000017\"x,,"),
            "row-quote",
        ),
        (text.replace("0000000017,,", ",,"), "row-no-record-id"),
        (
            text.replace("0000000017,,", &format!("{},,", "1".repeat(5000))),
            "row-too-long",
        ),
    ] {
        let (report, rows) = read(bad.as_bytes());
        assert_eq!(report.expect("readable").rejected, 1, "{code}");
        assert_eq!(rows[0].1.as_ref().map_err(|e| e.code()).err(), Some(code));
        assert!(rows[1].1.is_ok());
    }
}

#[test]
fn my_numbers_stop_the_file_and_are_not_told() {
    let people = [("123456789018", "19400302", "2"); 8];
    let (report, rows) = read(file(&people).as_bytes());
    let error = report.expect_err("eight of eight pass");
    assert_eq!(error.to_string().split(" holds").next(), Some("field 8"));
    assert!(!format!("{error:?}{error}").contains("123456789018"));
    assert!(rows.is_empty());
}

#[test]
fn care_numbers_agree_with_care_numbers_only() {
    let number = |text: &str| {
        let (_, rows) = read(&SHIFT_JIS.encode(text).0);
        let record = rows[0].1.as_ref().expect("good");
        assert_eq!(record.identifiers().get(Field::Insurer), None);
        let number = record.identifiers().get(Field::InsuredNumber);
        number.map(str::to_owned).expect("a number")
    };
    let text = file(&[("0000000017", "19400302", "2")]);
    // Insurers are written with six digits or filled up to eight.
    assert_eq!(number(&text), number(&text.replace("00131016", "131016")));
    assert_ne!(number(&text), number(&text.replace("00131016", "00131024")));
    assert_ne!(
        number(&text),
        number(&text.replace("0000000017", "0000000018"))
    );
    let bare = linker_tokenize::normalize::insurance::insured(None, "0000000017");
    assert_ne!(Some(number(&text)), bare);
}
