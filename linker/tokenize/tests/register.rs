//! Extracts of resident registers.

use encoding_rs::SHIFT_JIS;
use linker_token::{Field, Flags};
use linker_tokenize::{FileReport, ReadError, RowError, SourceRecord, format::register};

const EXTRACT: &str = include_str!("fixtures/register.csv");

type Rows = Vec<(u64, Result<SourceRecord, RowError>)>;

fn read(bytes: &[u8]) -> (Result<FileReport, ReadError>, Rows) {
    let mut rows = Vec::new();
    let report = register::read(bytes, &mut |number, row| rows.push((number, row)));
    (report, rows)
}

#[test]
fn an_extract_is_read_without_a_mapping_file() {
    let cp932 = SHIFT_JIS.encode(EXTRACT).0.into_owned();
    let marked = format!("\u{feff}{EXTRACT}").into_bytes();
    let tabs = EXTRACT.replace("\",\"", "\"\t\"").into_bytes();
    for bytes in [EXTRACT.as_bytes(), &cp932, &marked, &tabs] {
        assert!(register::looks_like(bytes));
        let (report, rows) = read(bytes);
        let report = report.expect("a good extract");
        assert_eq!((report.rows, report.rejected), (2, 0));
        let first = rows[0].1.as_ref().expect("good");
        assert_eq!(first.local_id(), "0000012345");
        for (field, value) in [
            (Field::KanjiName, "甲山一郎"),
            (Field::KanaName, "コウヤマイチロウ"),
            (Field::BirthYear, "1970"),
            (Field::Sex, "1"),
            (Field::PostalCode, "1000013"),
            (Field::Town, "千代田区霞ケ関"),
            (Field::Block, "1-2-3"),
        ] {
            assert_eq!(first.identifiers().get(field), Some(value), "{field:?}");
        }
        let former = first.former().expect("a former name");
        assert_eq!(former.get(Field::KanjiName), Some("乙山一郎"));
        assert!(!first.flags().has(Flags::DECEASED), "who moved in is alive");
        let second = rows[1].1.as_ref().expect("good");
        assert!(second.flags().has(Flags::DECEASED));
        assert!(second.flags().has(Flags::PARTIAL_BIRTH));
    }
}

#[test]
fn forbidden_columns_refuse_the_extract() {
    for header in ["個人番号", "住民票コード", "マイナンバー"] {
        let text = EXTRACT.replacen("住所コード", header, 1);
        let (report, rows) = read(text.as_bytes());
        assert_eq!(report.expect_err("refused").code(), "refused-number");
        assert!(rows.is_empty());
    }
}

#[test]
fn other_tables_are_refused() {
    for (text, code) in [
        ("", "empty-file"),
        ("宛名番号,氏名", "wrong-structure"),
        ("患者番号,氏名\n1,2\n", "mapping-rule"),
        ("宛名番号,備考\n1,2\n", "mapping-rule"),
        ("宛名番号,氏名,氏名\n1,2,3\n", "repeated-column"),
    ] {
        assert_eq!(
            read(text.as_bytes()).0.expect_err("refused").code(),
            code,
            "{text}"
        );
    }
    assert!(!register::looks_like("患者番号,氏名\n".as_bytes()));
    let hostile = "宛名番号,氏名\" }, { header = \"x\n";
    let error = register::mapping(hostile.as_bytes()).expect_err("no header is copied");
    assert_eq!(error.code(), "mapping-rule");
}
