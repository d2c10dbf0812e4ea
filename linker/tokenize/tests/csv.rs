//! Tables: what is read, what is refused whole, and what is reported row by row.

use encoding_rs::SHIFT_JIS;
use linker_token::Field;
use linker_tokenize::{
    Counts, CsvMapping, FileReport, ReadError, RefusedNumber, RowError, SourceEncoding,
    SourceRecord,
    format::{
        File,
        csv::{self, Stopped},
    },
    limits::BLOCK_BYTES,
};

const MAPPING: &str = r#"
[[column]]
header = "患者番号"
field = "record-id"
width = 8
[[column]]
header = "氏名"
field = "kanji-name"
[[column]]
header = "フリガナ"
field = "kana-name"
[[column]]
header = "生年月日"
field = "birth-date"
[[column]]
header = "性別"
field = "sex"
[[column]]
header = "枝番"
field = "insured-branch"
width = 2
[[column]]
header = "番号"
field = "insured-number"
"#;

const HEADER: &str = "患者番号,氏名,フリガナ,生年月日,性別,番号,枝番,備考\r\n";

fn mapping() -> CsvMapping {
    CsvMapping::parse(MAPPING).expect("a good mapping")
}

type Rows = Vec<(u64, Result<SourceRecord, RowError>)>;

fn read(mapping: &CsvMapping, bytes: &[u8]) -> (Result<FileReport, ReadError>, Rows) {
    let mut rows = Vec::new();
    let report = csv::read(mapping, bytes, &mut |number, row| rows.push((number, row)));
    (report, rows)
}

fn good(text: &str) -> String {
    format!("{HEADER}{text}")
}

#[test]
fn one_table_in_four_encodings_gives_the_same_records() {
    let text = good("123,髙橋　一郎,ﾀｶﾊｼ ｲﾁﾛｳ,S45.3.2,1,０12,0,\"a, \"\"b\"\"\"\r\n");
    let with_mark = format!("\u{feff}{text}");
    let cp932 = SHIFT_JIS.encode(&text).0;
    let utf16 = |bytes: fn(u16) -> [u8; 2]| -> Vec<u8> {
        let units = std::iter::once(0xfeff).chain(text.encode_utf16());
        units.flat_map(bytes).collect()
    };
    let (low_first, high_first) = (utf16(u16::to_le_bytes), utf16(u16::to_be_bytes));
    for (bytes, encoding) in [
        (low_first.as_slice(), SourceEncoding::Utf16),
        (&high_first, SourceEncoding::Utf16),
        (text.as_bytes(), SourceEncoding::Utf8),
        (with_mark.as_bytes(), SourceEncoding::Utf8),
        (&cp932[..], SourceEncoding::Cp932),
    ] {
        let (report, rows) = read(&mapping(), bytes);
        let report = report.expect("a good table");
        assert_eq!(
            (report.encoding, report.rows, report.rejected),
            (encoding, 1, 0)
        );
        let record = rows[0].1.as_ref().expect("a good row");
        assert_eq!((rows[0].0, record.local_id()), (2, "00000123"));
        let identifiers = record.identifiers();
        for (field, value) in [
            (Field::KanjiName, "高橋一郎"),
            (Field::KanaName, "タカハシイチロウ"),
            (Field::BirthYear, "1970"),
            (Field::BirthMonth, "03"),
            (Field::BirthDay, "02"),
            (Field::Sex, "1"),
            (Field::InsuredNumber, "12"),
            (Field::InsuredBranch, "00"),
        ] {
            assert_eq!(identifiers.get(field), Some(value), "{field:?}");
        }
    }
}

#[test]
fn a_wrong_declaration_is_seen_in_the_bytes() {
    let text = good("1,山田太郎,ヤマダタロウ,19700302,1,1,1,\r\n");
    let cp932 = SHIFT_JIS.encode(&text).0.into_owned();
    for (declared, bytes, found) in [
        ("utf-8", cp932.as_slice(), SourceEncoding::Cp932),
        ("cp932", text.as_bytes(), SourceEncoding::Utf8),
    ] {
        let mapping = CsvMapping::parse(&format!("encoding = \"{declared}\"\n{MAPPING}"));
        let (report, rows) = read(&mapping.expect("a good mapping"), bytes);
        let error = report.expect_err("the declaration is wrong");
        assert!(matches!(error, ReadError::Encoding { found: seen, .. } if seen == found));
        assert!(rows.is_empty(), "nothing of a refused file is delivered");
    }
    let mapping = CsvMapping::parse(&format!("encoding = \"utf-16\"\n{MAPPING}"));
    let (report, _) = read(&mapping.expect("a good mapping"), b"no mark");
    assert_eq!(report.expect_err("not read").code(), "wrong-encoding");
    let units = good("1,A,B,19700302,1,1,1,\r\n");
    let units: Vec<u8> = units.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let (report, _) = read(&self::mapping(), &units);
    assert_eq!(report.expect_err("without a mark").code(), "wrong-encoding");
}

#[test]
fn a_wrong_mapping_is_a_clear_error() {
    let text = good("").replace("フリガナ", "カナ");
    let (report, _) = read(&mapping(), text.as_bytes());
    let error = report.expect_err("a column is missing");
    let said = "the header has no column \"フリガナ\", which the mapping gives to kana-name";
    assert_eq!(error.to_string(), said);
    let text = good("").replace("備考", "氏名");
    let (report, _) = read(&mapping(), text.as_bytes());
    assert_eq!(report.expect_err("twice").code(), "repeated-column");
    let (report, _) = read(&mapping(), b"");
    assert_eq!(report, Err(ReadError::Empty));
}

#[test]
fn bad_rows_are_reported_and_the_others_go_on() {
    let mut bytes = good(concat!(
        "1,山田太郎,ヤマダタロウ,19700302,1,1,1,\r\n",
        "2,短い行\r\n",
        ",番号なし,バンゴウナシ,19700302,1,1,1,\r\n",
        "4,\"引用\"符,ヤマダ,19700302,1,1,1,\r\n",
        "\r\n",
        "6,,,,,,,\r\n",
        "7,",
    ))
    .into_bytes();
    bytes.extend_from_slice(b"\xe5\xb1\xff,A,19700302,1,1,1,\r\n");
    bytes.extend_from_slice("8,佐藤花子,サトウハナコ,19800401,2,2,2,\r\n".as_bytes());
    bytes.extend_from_slice("9,切れた,キ".as_bytes());
    let (report, rows) = read(&mapping(), &bytes);
    let report = report.expect("the table as a whole is good");
    let outcome: Vec<(u64, &str, Option<&str>)> = rows
        .iter()
        .map(|(number, row)| match row {
            Ok(_) => (*number, "good", None),
            Err(error) => (*number, error.code(), error.field()),
        })
        .collect();
    assert_eq!(
        outcome,
        [
            (2, "good", None),
            (3, "row-columns", None),
            (4, "row-no-record-id", Some("record-id")),
            (5, "row-quote", None),
            (7, "row-nothing-usable", None),
            (8, "row-bytes", Some("kanji-name")),
            (9, "good", None),
            (10, "row-truncated", None),
        ]
    );
    assert_eq!((report.rows, report.rejected), (8, 6));
    assert_eq!(report.counts.get("row-columns"), 1);
    assert_ne!(report.counts, Counts::default());
    for (_, row) in &rows {
        let said = format!(
            "{row:?}{}",
            row.as_ref()
                .err()
                .map_or(String::new(), ToString::to_string)
        );
        assert!(
            !said.contains("短い") && !said.contains("山田"),
            "no value in {said}"
        );
    }
}

#[test]
fn declared_codes_of_sex_replace_the_usual_ones() {
    let text = format!("{MAPPING}\n[sex]\nmale = [\"2\"]\nfemale = [\"女子\"]\n");
    let mapping = CsvMapping::parse(&text).expect("a good mapping");
    let table =
        good("1,甲,コウ,19700302,2,,,\n2,乙,オツ,19700302,女子,,,\n3,丙,ヘイ,19700302,1,,,\n");
    let (_, rows) = read(&mapping, table.as_bytes());
    let sexes: Vec<_> = rows
        .iter()
        .map(|(_, row)| row.as_ref().expect("good").identifiers().get(Field::Sex))
        .collect();
    assert_eq!(sexes, [Some("1"), Some("2"), None]);
}

/// My Number's check digit, written once more so that the test does not trust the code.
fn my_number(counter: u64) -> String {
    let body = format!("{:011}", 20_000_000_000 + counter * 1_234_567);
    let weights = [6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2];
    let sum: u32 = body
        .bytes()
        .zip(weights)
        .map(|(digit, weight)| u32::from(digit - b'0') * weight)
        .sum();
    let check = if sum % 11 <= 1 { 0 } else { 11 - sum % 11 };
    format!("{body}{check}")
}

#[test]
fn my_number_stops_the_file_in_any_column() {
    let table = |rows: u64| {
        (1..=rows).fold(HEADER.to_owned(), |table, row| {
            format!(
                "{table}{row},山田太郎,ヤマダ,19700302,1,1,1,{}\r\n",
                my_number(row)
            )
        })
    };
    let (report, rows) = read(&mapping(), table(7).as_bytes());
    assert!(
        report.is_ok() && rows.len() == 7,
        "seven values prove nothing"
    );
    let (report, rows) = read(&mapping(), table(8).as_bytes());
    assert!(rows.is_empty(), "nothing of a refused file is delivered");
    let Err(ReadError::Refused(refusal)) = report else {
        panic!("the file must be refused: {report:?}");
    };
    assert_eq!(
        (refusal.number(), refusal.column()),
        (RefusedNumber::MyNumber, "column 8")
    );
    let said = format!("{refusal} {refusal:?}");
    assert!((1..=8).all(|row| !said.contains(&my_number(row))));
}

#[test]
fn my_number_in_a_header_stops_the_file_without_any_row() {
    let text = good("").replace("備考", "個人番号");
    let (report, _) = read(&mapping(), text.as_bytes());
    let error = report.expect_err("refused");
    assert_eq!(error.code(), "refused-number");
    assert_eq!(
        error.to_string(),
        "column 8 holds My Number, as its header says"
    );
}

/// Reads a table through reads of at most `most` bytes, which `change` may disturb.
fn read_in_blocks(
    bytes: &[u8],
    most: usize,
    change: &mut dyn FnMut(u64, &mut [u8]),
) -> (Result<FileReport, Stopped<&'static str>>, Rows) {
    let mut rows: Rows = Vec::new();
    let mut bytes_at = |at: u64, space: &mut [u8]| {
        let rest = &bytes[usize::try_from(at).expect("small")..];
        let length = rest.len().min(space.len()).min(most);
        space[..length].copy_from_slice(&rest[..length]);
        change(at, &mut space[..length]);
        Ok(length)
    };
    let length = bytes.len() as u64;
    let report = csv::read_blocks(&mapping(), length, &mut bytes_at, &mut |number, row| {
        rows.push((number, row.cloned()));
        if number == u64::MAX {
            Err("never")
        } else {
            Ok(())
        }
    });
    (report, rows)
}

/// A table of several blocks with rows of every kind, some of them across the blocks' ends.
fn long_table() -> String {
    let mut table = HEADER.to_owned();
    for number in 0.. {
        if table.len() > 5 * BLOCK_BYTES / 2 {
            break;
        }
        table += &match number % 7 {
            0 => format!("{number},\"山田\r\n太郎\",ヤマダ,S45.3.2,1,{number},1,\r\n"),
            1 => format!("{number},短い行\r\n"),
            2 => format!("{number},\"佐藤\"\"花子\",サトウ,19700302,2,1,1,\r\n"),
            3 => format!(
                "{number},佐藤　花子,ｻﾄｳ ﾊﾅｺ,19700302,2,1,1,{}\r\n",
                "x".repeat(number % 900)
            ),
            _ => format!(
                "{number},髙橋　一郎,ﾀｶﾊｼ ｲﾁﾛｳ,H1.2.{},1,12,0,\r\n",
                number % 40
            ),
        };
    }
    table + "1,山田"
}

/// What can be compared of a row.
type Value = Result<(String, Vec<(Field, String)>), RowError>;

fn values(rows: &Rows) -> Vec<(u64, Value)> {
    let of = |record: &SourceRecord| {
        let values = record.identifiers().iter();
        let values = values.map(|(field, value)| (field, value.to_owned()));
        (record.local_id().to_owned(), values.collect())
    };
    rows.iter()
        .map(|(number, row)| (*number, row.as_ref().map(of).map_err(|error| *error)))
        .collect()
}

#[test]
fn blocks_and_short_reads_change_nothing() {
    let text = long_table();
    let cp932 = SHIFT_JIS.encode(&text).0.into_owned();
    let utf16: Vec<u8> = std::iter::once(0xfeff)
        .chain(text.encode_utf16())
        .flat_map(u16::to_le_bytes)
        .collect();
    // Row by row: a small table of the header and one row is all in one block.
    let (_, whole) = read(&mapping(), text.as_bytes());
    let mut lines = Vec::new();
    let mut start = HEADER.len();
    for (at, _) in text
        .match_indices("\r\n")
        .filter(|(at, _)| *at >= HEADER.len())
    {
        // Line ends between quotation marks are part of a value.
        if text[start..at].matches('"').count().is_multiple_of(2) {
            lines.push(&text[start..at + 2]);
            start = at + 2;
        }
    }
    assert_eq!(lines.len() + 1, whole.len());
    for (line, expected) in lines.iter().zip(values(&whole)).step_by(97) {
        let (_, alone) = read(&mapping(), good(line).as_bytes());
        assert_eq!(values(&alone)[0].1, expected.1, "{line}");
    }
    for bytes in [text.as_bytes(), &cp932, &utf16] {
        let (report, rows) = read(&mapping(), bytes);
        assert!(values(&rows) == values(&whole));
        for most in [1, 1000, BLOCK_BYTES - 1, usize::MAX] {
            let (parts, rows) = read_in_blocks(bytes, most, &mut |_, _| ());
            assert_eq!(parts.as_ref().ok(), report.as_ref().ok());
            assert!(values(&rows) == values(&whole), "{most}");
        }
    }
}

#[test]
fn a_nought_in_a_row_says_nothing_about_the_header() {
    let rows =
        "1,山田太郎,ヤマダタロウ,19700302,1,1,1,\r\n2,佐\0藤花子,サトウハナコ,19700302,2,1,1,\r\n";
    let (report, rows) = read(&mapping(), good(rows).as_bytes());
    assert_eq!(report.map(|report| report.rows), Ok(2));
    assert!(rows[0].1.is_ok());
    let nought = good("").replace("氏名", "氏\0名");
    let (report, _) = read(&mapping(), nought.as_bytes());
    let found = SourceEncoding::Unknown;
    assert!(matches!(report, Err(ReadError::Encoding { found: at, .. }) if at == found));
}

#[test]
fn a_table_that_changes_after_it_was_checked_is_not_read_on() {
    let text = long_table();
    let blocks = text.len().div_ceil(BLOCK_BYTES);
    // One walk for the encoding, one to screen, one for the rows.
    for changed in 0..2 * blocks {
        let mut reads = 0;
        let (report, rows) = read_in_blocks(text.as_bytes(), usize::MAX, &mut |_, bytes| {
            if reads == blocks + changed {
                *bytes.last_mut().expect("not empty") ^= 1;
            }
            reads += 1;
        });
        assert_eq!(report, Err(Stopped::File(ReadError::Changed)));
        assert_eq!(
            rows.is_empty(),
            changed <= blocks,
            "nothing of the changed block"
        );
    }
    let (shrunk, _) = read_in_blocks(text.as_bytes(), usize::MAX, &mut |_, _| ());
    assert!(shrunk.is_ok());
    let mut none = |_: u64, _: &mut [u8]| Ok::<_, ()>(0);
    let shrunk = csv::read_blocks(&mapping(), 5, &mut none, &mut |_, _| Ok(()));
    assert_eq!(shrunk, Err(Stopped::File(ReadError::Changed)));
}

#[test]
fn what_the_caller_says_ends_the_reading() {
    let text = good("1,山田太郎,ヤマダタロウ,19700302,1,1,1,\r\n").repeat(2);
    let mut bytes_at = |at: u64, space: &mut [u8]| {
        let rest = &text.as_bytes()[usize::try_from(at).expect("small")..];
        space.copy_from_slice(&rest[..space.len()]);
        Ok(space.len())
    };
    let mut rows = 0;
    let report = csv::read_blocks(&mapping(), text.len() as u64, &mut bytes_at, &mut |_, _| {
        rows += 1;
        Err("enough")
    });
    assert_eq!((report, rows), (Err(Stopped::Caller("enough")), 1));
    let mut broken = |_: u64, _: &mut [u8]| Err("the disk");
    let report = csv::read_blocks(&mapping(), 5, &mut broken, &mut |_, _| Ok(()));
    assert_eq!(report, Err(Stopped::Caller("the disk")));
}

/// Reads through [`csv::check_file`] and then through [`csv::read_screened`], where `change` may disturb.
fn check_and_read(
    bytes: &[u8],
    change: &mut dyn FnMut(u64, &mut [u8]),
) -> (Result<FileReport, Stopped<()>>, [Rows; 2]) {
    let mut rows = [Rows::new(), Rows::new()];
    let [checked, read] = &mut rows;
    let of = |at: u64, space: &mut [u8]| {
        let rest = &bytes[usize::try_from(at).expect("small")..];
        space.copy_from_slice(&rest[..space.len()]);
        Ok::<_, ()>(space.len())
    };
    let mut bytes_at = of;
    let mut file = File::new(bytes.len() as u64, &mut bytes_at);
    let screened = csv::check_file(&mapping(), &mut file, &mut |number, row| {
        checked.push((number, row.cloned()));
        Ok(())
    });
    let report = screened.and_then(|(report, screened)| {
        let mut bytes_at = |at: u64, space: &mut [u8]| {
            let length = of(at, space)?;
            change(at, space);
            Ok(length)
        };
        let mut file = File::new(bytes.len() as u64, &mut bytes_at);
        let again = csv::read_screened(&mapping(), &screened, &mut file, &mut |number, row| {
            read.push((number, row.cloned()));
            Ok(())
        })?;
        assert_eq!(again, report);
        Ok(again)
    });
    (report, rows)
}

#[test]
fn a_checked_table_is_read_without_another_look_for_forbidden_numbers() {
    let text = long_table();
    let cp932 = SHIFT_JIS.encode(&text).0.into_owned();
    for bytes in [text.as_bytes(), &cp932, HEADER.as_bytes()] {
        let (whole, rows) = read(&mapping(), bytes);
        let (report, [checked, again]) = check_and_read(bytes, &mut |_, _| ());
        assert_eq!(report.ok(), whole.ok());
        assert!(values(&checked) == values(&rows) && values(&again) == values(&rows));
    }
}

#[test]
fn a_table_that_changes_after_its_check_is_not_read_on() {
    let text = long_table();
    let blocks = text.len().div_ceil(BLOCK_BYTES);
    for changed in 0..blocks {
        let mut reads = 0;
        let (report, [_, rows]) = check_and_read(text.as_bytes(), &mut |_, bytes| {
            if reads == changed {
                *bytes.last_mut().expect("not empty") ^= 1;
            }
            reads += 1;
        });
        assert_eq!(report, Err(Stopped::File(ReadError::Changed)));
        assert_eq!(rows.is_empty(), changed == 0);
    }
    let mut bytes_at = |_: u64, space: &mut [u8]| {
        space.fill(b'1');
        Ok::<_, ()>(space.len())
    };
    let screened = {
        let good = good("1,a,a,19700302,1,1,1,\r\n");
        let mut bytes_at = |at: u64, space: &mut [u8]| {
            let rest = &good.as_bytes()[usize::try_from(at).expect("small")..];
            space.copy_from_slice(&rest[..space.len()]);
            Ok::<_, ()>(space.len())
        };
        let mut file = File::new(good.len() as u64, &mut bytes_at);
        csv::check_file(&mapping(), &mut file, &mut |_, _| Ok(()))
            .expect("good")
            .1
    };
    let mut longer = File::new(text.len() as u64, &mut bytes_at);
    let report = csv::read_screened(&mapping(), &screened, &mut longer, &mut |_, _| Ok(()));
    assert_eq!(report, Err(Stopped::File(ReadError::Changed)));
}

#[test]
fn a_table_with_forbidden_numbers_fails_its_check() {
    let mut table = HEADER.to_owned();
    for number in ["123456789018"; 9] {
        table += &format!("1,山田太郎,ヤマダタロウ,19700302,1,1,1,{number}\r\n");
    }
    let (report, [checked, read]) = check_and_read(table.as_bytes(), &mut |_, _| ());
    assert!(matches!(report, Err(Stopped::File(ReadError::Refused(_)))));
    assert!(read.is_empty() && checked.len() == 9);
}
