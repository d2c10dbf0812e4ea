//! FHIR patients and their insurance.

use linker_token::{Field, Flags};
use linker_tokenize::{
    FileReport, Quality, ReadError, RowError, Screen, SourceRecord,
    format::fhir::{self, Coverages},
    limits::FHIR_ITEMS_MAX,
};

const BUNDLE: &str = include_str!("fixtures/bundle.json");
const PATIENTS: &str = include_str!("fixtures/patients.ndjson");
const COVERAGES: &str = include_str!("fixtures/coverages.ndjson");

type Rows = Vec<(u64, Result<SourceRecord, RowError>)>;

fn read(bytes: &[u8]) -> (Result<FileReport, ReadError>, Rows) {
    let mut rows = Vec::new();
    let report = fhir::read(bytes, &mut |number, row| rows.push((number, row)));
    (report, rows)
}

fn good(bytes: &[u8]) -> Vec<SourceRecord> {
    let (report, rows) = read(bytes);
    assert_eq!(report.expect("a good file").rejected, 0);
    rows.into_iter()
        .map(|(_, row)| row.expect("good"))
        .collect()
}

fn check(record: &SourceRecord, fields: &[(Field, Option<&str>)]) {
    for (field, value) in fields {
        assert_eq!(record.identifiers().get(*field), *value, "{field:?}");
    }
}

#[test]
fn patients_of_a_bundle_are_read_with_their_coverage() {
    assert!(fhir::looks_like(BUNDLE.as_bytes()));
    let (report, rows) = read(BUNDLE.as_bytes());
    let report = report.expect("a good Bundle");
    assert_eq!((report.rows, report.rejected), (2, 0));
    let numbers: Vec<u64> = rows.iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers, [1, 6], "the entry is the row");
    let first = rows[0].1.as_ref().expect("good");
    assert_eq!(first.local_id(), "00012345");
    check(
        first,
        &[
            (Field::KanjiName, Some("甲山一郎")),
            (Field::KanaName, Some("コウヤマイチロウ")),
            (Field::BirthYear, Some("1970")),
            (Field::BirthDay, Some("02")),
            (Field::Sex, Some("1")),
            (Field::PostalCode, Some("1000013")),
            (Field::Town, Some("千代田区霞ケ関")),
            (Field::Block, Some("1-2-3")),
            (Field::Insurer, Some("06130012")),
            (Field::InsuredNumber, Some("123:45")),
            (Field::InsuredBranch, Some("05")),
            (Field::Surname, Some("kouyama")),
        ],
    );
    let former = first.former().expect("an old name");
    assert_eq!(former.get(Field::KanjiName), Some("乙山一郎"));
    let second = rows[1].1.as_ref().expect("good");
    assert_eq!(second.local_id(), "00012346");
    check(
        second,
        &[
            (Field::KanjiName, Some("丙川二葉")),
            (Field::KanaName, Some("ヘイカワフタバ")),
            (Field::BirthYear, None),
            (Field::Sex, Some("2")),
            (Field::Town, Some("千代田区霞ケ関")),
            (Field::Block, Some("1-2-3")),
            (Field::Insurer, Some("01130012")),
            (Field::InsuredNumber, Some("あいう:187")),
            (Field::InsuredBranch, Some("02")),
        ],
    );
    for flag in [
        Flags::DECEASED,
        Flags::TWIN_OR_NEWBORN,
        Flags::PARTIAL_BIRTH,
    ] {
        assert!(second.flags().has(flag));
    }
    assert!(second.quality().has(Quality::PartialBirthDate));
}

#[test]
fn one_resource_or_one_line_or_a_collection_gives_the_same() {
    let bundle = good(BUNDLE.as_bytes());
    let line = BUNDLE.replace('\n', " ");
    for text in [
        line.clone(),
        format!("\u{feff}{BUNDLE}"),
        format!("{line}\n"),
        BUNDLE.replace("searchset", "collection"),
        BUNDLE.replace("\n", "\r\n"),
    ] {
        let rows = good(text.as_bytes());
        assert_eq!(rows.len(), 2);
        assert!(rows[0].identifiers() == bundle[0].identifiers());
    }
    let lines: Vec<_> = PATIENTS.lines().collect();
    for text in [lines[0].to_owned(), lines[0].replace(',', ",\n")] {
        let rows = good(text.as_bytes());
        check(&rows[0], &[(Field::KanjiName, Some("甲山一郎"))]);
    }
}

#[test]
fn coverage_of_another_file_is_joined() {
    for order in [[PATIENTS, COVERAGES], [COVERAGES, PATIENTS]] {
        let mut coverages = Coverages::new();
        for file in order {
            assert_eq!(coverages.add(file.as_bytes()), Ok(()));
        }
        let mut rows = Vec::new();
        let report = fhir::read_with(PATIENTS.as_bytes(), &coverages, &mut |number, row| {
            rows.push((number, row.expect("good")));
        });
        assert_eq!(report.map(|report| report.rows), Ok(2));
        assert_eq!(rows[1].0, 2);
        assert_eq!(rows[0].1.local_id(), "p1");
        check(
            &rows[0].1,
            &[
                (Field::Insurer, Some("06130012")),
                (Field::InsuredNumber, Some("123:45")),
                (Field::InsuredBranch, Some("05")),
            ],
        );
        check(
            &rows[1].1,
            &[
                (Field::Insurer, Some("01130012")),
                (Field::InsuredNumber, Some("187")),
                (Field::InsuredBranch, Some("02")),
            ],
        );
    }
    let alone = good(PATIENTS.as_bytes());
    check(&alone[0], &[(Field::InsuredNumber, None)]);
    assert_eq!(read(COVERAGES.as_bytes()).0.expect("no patients").rows, 0);
}

#[test]
fn a_patient_who_is_there_twice_is_delivered_twice() {
    let twice = format!("{PATIENTS}{PATIENTS}{COVERAGES}");
    let rows = good(twice.as_bytes());
    assert_eq!(rows.len(), 4);
    assert!(rows[0].identifiers() == rows[2].identifiers());
    check(&rows[3], &[(Field::InsuredNumber, Some("187"))]);
}

#[test]
fn numbers_of_several_institutions_are_told_apart() {
    let text = BUNDLE.replacen(
        "3.51.11311234567\", \"value\": \"00012346",
        "3.51.12711234567\", \"value\": \"00012345",
        1,
    );
    assert_ne!(text, BUNDLE);
    let rows = good(text.as_bytes());
    assert_eq!(rows[0].local_id(), "1311234567-00012345");
    assert_eq!(rows[1].local_id(), "2711234567-00012345");
}

#[test]
fn the_order_of_names_says_nothing() {
    let name = |code: &str, text: &str| {
        format!(
            "{{\"extension\":[{{\"url\":\"http://hl7.org/fhir/StructureDefinition/iso21090-EN-representation\",\"valueCode\":\"{code}\"}}],\"text\":\"{text}\"}}"
        )
    };
    let (kanji, kana, roman) = (
        name("IDE", "甲山 一郎"),
        name("SYL", "コウヤマ イチロウ"),
        name("ABC", "Kouyama Ichirou"),
    );
    for names in [
        [&kanji, &kana, &roman],
        [&roman, &kana, &kanji],
        [&kana, &roman, &kanji],
    ] {
        let names = names.map(String::as_str).join(",");
        let text = format!("{{\"resourceType\":\"Patient\",\"id\":\"1\",\"name\":[{names}]}}");
        let rows = good(text.as_bytes());
        check(
            &rows[0],
            &[
                (Field::KanjiName, Some("甲山一郎")),
                (Field::KanaName, Some("コウヤマイチロウ")),
            ],
        );
    }
}

#[test]
fn bad_lines_cost_their_row() {
    let lines: Vec<_> = PATIENTS.lines().collect();
    let many = "{},".repeat(FHIR_ITEMS_MAX);
    let too_many = format!("{{\"resourceType\":\"Patient\",\"id\":\"1\",\"name\":[{many}{{}}]}}");
    let enough = lines[0].replace(
        "\"name\":[",
        &format!("\"name\":[{}", "{},".repeat(FHIR_ITEMS_MAX - 2)),
    );
    for (line, error) in [
        ("{\"resourceType\":", RowError::Malformed),
        (
            "{\"resourceType\":\"Patient\",\"name\":\"甲山\"}",
            RowError::Malformed,
        ),
        (
            "{\"resourceType\":\"Patient\",\"id\":\"1\",\"id\":\"2\"}",
            RowError::Malformed,
        ),
        (&too_many, RowError::Malformed),
        (
            "{\"resourceType\":\"Patient\",\"gender\":\"male\"}",
            RowError::NoRecordId,
        ),
        (
            "{\"resourceType\":\"Patient\",\"id\":\"1\"}",
            RowError::NothingUsable,
        ),
    ] {
        let text = format!("{}\n{line}\n\n{}\n", lines[0], lines[1]);
        let (report, rows) = read(text.as_bytes());
        assert_eq!(report.expect("good").rejected, 1, "{line}");
        let numbers: Vec<u64> = rows.iter().map(|(number, _)| *number).collect();
        assert_eq!(numbers, [1, 2, 4]);
        assert_eq!(rows[1].1.as_ref().err(), Some(&error), "{line}");
    }
    assert_eq!(good(enough.as_bytes()).len(), 1);
    let mut bytes = PATIENTS.as_bytes().to_vec();
    let at = PATIENTS.find("丙川").expect("there");
    bytes[at] = 0xff;
    let (_, rows) = read(&bytes);
    let field = "the row";
    assert_eq!(rows[1].1.as_ref().err(), Some(&RowError::Bytes { field }));
    let cut = &PATIENTS[..PATIENTS.len() - 3];
    assert_eq!(
        read(cut.as_bytes()).1[1].1.as_ref().err(),
        Some(&RowError::Truncated)
    );
}

#[test]
fn forbidden_numbers_refuse_the_file() {
    let named = [
        "{\"system\":\"http://example.jp/my-number\",\"value\":\"1\"}",
        "{\"type\":{\"text\":\"個人番号\"},\"value\":\"1\"}",
        "{\"type\":{\"coding\":[{\"display\":\"マイナンバー\"}]},\"value\":\"1\"}",
    ];
    for identifier in named {
        let line = PATIENTS.replace(
            "\"gender\"",
            &format!("\"identifier\":[{identifier}],\"gender\""),
        );
        let (report, rows) = read(line.as_bytes());
        let error = report.expect_err("refused by its name");
        assert_eq!(
            error.to_string(),
            "Patient.identifier holds My Number, as its header says"
        );
        assert!(rows.is_empty());
    }
    let mut text = String::new();
    for id in 0..8 {
        text.push_str(&format!(
            "{{\"resourceType\":\"Patient\",\"id\":\"{id}\",\"gender\":\"male\",\"identifier\":[{{\"use\":\"official\",\"system\":\"urn:x\",\"value\":\"123456789018\"}}]}}\n"
        ));
    }
    let mut screen = Screen::new();
    for line in text.lines() {
        assert!(screen.verdict().is_ok());
        assert!(read(line.as_bytes()).0.is_ok(), "alone it proves nothing");
        assert_eq!(fhir::screen(line.as_bytes(), &mut screen), Ok(()));
    }
    assert!(screen.verdict().is_err(), "together they do");
    let (report, rows) = read(text.as_bytes());
    let error = report.expect_err("eight numbers that pass");
    assert_eq!(error.code(), "refused-number");
    assert!(!format!("{error}{error:?}").contains("123456789018"));
    assert!(rows.is_empty());
}

#[test]
fn other_files_are_refused() {
    let deep = "[".repeat(1_000_000);
    let deep_object = format!("{{\"resourceType\":\"Patient\",\"x\":{deep}");
    let utf16: Vec<u8> = std::iter::once(0xfeff)
        .chain(PATIENTS.encode_utf16())
        .flat_map(u16::to_le_bytes)
        .collect();
    for (bytes, code) in [
        (b"".as_slice(), "empty-file"),
        (b"   \n", "truncated-file"),
        (b"{}", "wrong-structure"),
        (b"[1]", "wrong-structure"),
        (b"id,name\n1,2\n", "wrong-structure"),
        (b"[\"Patient\",\"1\"]", "wrong-structure"),
        (deep.as_bytes(), "wrong-structure"),
        (deep_object.as_bytes(), "truncated-file"),
        (&utf16, "wrong-encoding"),
        (&BUNDLE.as_bytes()[..BUNDLE.len() - 4], "truncated-file"),
    ] {
        let (report, rows) = read(bytes);
        assert_eq!(report.expect_err("refused").code(), code);
        assert!(rows.is_empty());
    }
    // What nobody reads may be as deep as it likes: it is passed by without recursion.
    let closed = format!("{}{}", deep, "]".repeat(1_000_000));
    let text = PATIENTS.replace("\"gender\"", &format!("\"photo\":{closed},\"gender\""));
    assert_eq!(good(text.as_bytes()).len(), 2);
}
