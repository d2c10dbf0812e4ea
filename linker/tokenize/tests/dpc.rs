//! DPC Form 1.

use encoding_rs::SHIFT_JIS;
use linker_token::{Field, Flags};
use linker_tokenize::{FileReport, ReadError, RowError, SourceRecord, format::dpc};

const HEADER: &str = "施設コード\tデータ識別番号\t入院年月日\t回数管理番号\t統括診療情報番号\tコード\tバージョン\t連番\tペイロード1\tペイロード2\tペイロード3\tペイロード4\tペイロード5\tペイロード6\tペイロード7\tペイロード8\tペイロード9\r\n";

type Rows = Vec<(u64, Result<SourceRecord, RowError>)>;

fn read(bytes: &[u8]) -> (Result<FileReport, ReadError>, Rows) {
    let mut rows = Vec::new();
    let report = dpc::read(bytes, &mut |number, row| rows.push((number, row)));
    (report, rows)
}

fn stay(id: &str, birth: &str) -> String {
    let head = format!("131234567\t{id}\t20260104\t0\t0");
    format!(
        "{head}\tA000010\t20140401\t0\t{birth}\t2\t1000013\t\t\t\t\t\t\r\n\
         {head}\tA000020\t20140401\t0\t20260104\t1\t0\t0\t100\t0\t0\t\t\r\n\
         {head}\tA006010\t20140401\t0\t\tI500\t\t8831389\t\t\t\t\t心不全\r\n"
    )
}

#[test]
fn patient_lines_become_records() {
    for header in ["", HEADER] {
        let text = format!(
            "{header}{}{}",
            stay("0000012345", "19400302"),
            stay("0000012346", "19351105")
        );
        let mut bytes = SHIFT_JIS.encode(&text).0.into_owned();
        bytes.push(0x1a);
        assert!(dpc::looks_like(&bytes));
        let (report, rows) = read(&bytes);
        let report = report.expect("a good file");
        assert_eq!(
            (report.rows, report.rejected, report.complete),
            (2, 0, true)
        );
        let first = rows[0].1.as_ref().expect("good");
        assert_eq!(first.local_id(), "0000012345");
        for (field, value) in [
            (Field::BirthYear, Some("1940")),
            (Field::BirthMonth, Some("03")),
            (Field::Sex, Some("2")),
            (Field::PostalCode, Some("1000013")),
            (Field::KanaName, None),
        ] {
            assert_eq!(first.identifiers().get(field), value, "{field:?}");
        }
        assert!(first.flags().has(Flags::WEAK_EVIDENCE));
    }
}

#[test]
fn a_last_line_that_lost_its_end_is_cut() {
    let text = stay("0000012345", "19400302") + &stay("0000012346", "19351105");
    let bytes = SHIFT_JIS.encode(&text).0;
    for end in 0..bytes.len() {
        let (report, rows) = read(&bytes[..end]);
        // A cut between two lines leaves nothing to see: the format has neither count nor end.
        let between = matches!(bytes[..end].last(), None | Some(b'\n' | b'\r' | b'\t'));
        // The last column is free text, and a part of it is as good as the whole.
        let columns = bytes[..end]
            .rsplit(|&b| b == b'\n')
            .next()
            .unwrap_or_default();
        let last = columns.iter().filter(|&&b| b == b'\t').count() == 16;
        let cut = rows
            .last()
            .is_some_and(|row| row.1.as_ref().err() == Some(&RowError::Truncated));
        assert!(report.is_err() || cut || between || last, "{end}");
    }
    let (_, rows) = read(&bytes[..60]);
    assert_eq!(rows[0].1.as_ref().err(), Some(&RowError::Truncated));
}

#[test]
fn other_files_are_refused() {
    let wide = "施設コード\tデータ識別番号\t性別\t生年月日\t入院年月日\t郵便番号\r\n1\t2\t1\t19700302\t20260104\t100\r\n";
    for bytes in [
        b"".as_slice(),
        b"id\tname\r\n",
        wide.as_bytes(),
        b"RE,1,1112\r\n",
    ] {
        assert!(!dpc::looks_like(bytes));
        assert!(read(bytes).0.is_err());
    }
}

#[test]
fn a_bad_row_costs_itself() {
    let good = stay("0000012345", "19400302");
    for (bad, code) in [
        (
            good.replace(
                "0000012345\t20260104\t0\t0\tA000010",
                "\t20260104\t0\t0\tA000010",
            ),
            "row-no-record-id",
        ),
        (good.replace("1000013", &"1".repeat(5000)), "row-too-long"),
        (
            good.replace("19400302", "00000000")
                .replace("\t2\t1000013", "\t9\t"),
            "row-nothing-usable",
        ),
    ] {
        let text = bad + &stay("0000012346", "19351105");
        let (report, rows) = read(text.as_bytes());
        assert_eq!(report.expect("readable").rejected, 1, "{code}");
        assert_eq!(rows[0].1.as_ref().map_err(|e| e.code()).err(), Some(code));
        assert!(rows[1].1.is_ok());
    }
}

#[test]
fn my_numbers_stop_the_file_and_are_not_told() {
    let text: String = (0..3).map(|_| stay("123456789018", "19400302")).collect();
    let error = read(text.as_bytes()).0.expect_err("nine of nine pass");
    assert_eq!(error.to_string().split(" holds").next(), Some("column 2"));
    assert!(!format!("{error:?}{error}").contains("123456789018"));
    let header = HEADER.replace("データ識別番号", "個人番号") + &stay("0000012345", "19400302");
    let bytes = SHIFT_JIS.encode(&header).0;
    assert_eq!(
        read(&bytes).0.map_err(|e| e.code()).err(),
        Some("refused-number")
    );
}
