//! ADT-00 files.

use encoding_rs::ISO_2022_JP;
use linker_token::{Field, Flags};
use linker_tokenize::{
    Quality, ReadError, Screen, SourceRecord,
    format::ssmix2::{self, Adt, FileState},
};

const MESSAGE: &str = concat!(
    "MSH|^~\\&|HIS||||20250401||ADT^A08^ADT_A01|1|P|2.5||||||~ISO IR87||ISO 2022-1994|SS-MIX2_1.20_h^SS-MIX2^1.2.392.200250.2.1.100.1.2.120^ISO\r",
    "EVN||20250401\r",
    "PID|0001||00012345^^^^PI||渡邉^一郎^^^^^L^I~ﾜﾀﾅﾍﾞ^ｲﾁﾛｳ^^^^^L^P||19700302|M|||^^^^100-0013^JPN^H^東京都千代田区霞が関一丁目２番３号||^PRN^PH^^^^^^^^^03-1234-5678\r",
    "PV1|0001|N\r",
    "IN1|1|06^組合健康保険^JHSD0001|06130012|||||||１２－３~４５~05\r",
);

fn iso(text: &str) -> Vec<u8> {
    // Segments end in the ASCII state, as the standard wants.
    text.split_inclusive('\r')
        .flat_map(|segment| ISO_2022_JP.encode(segment).0.into_owned())
        .collect()
}

fn current(bytes: &[u8]) -> SourceRecord {
    let read = ssmix2::read(bytes).expect("a readable file");
    let Adt::Current(record) = read else {
        unreachable!("a current patient was expected: {read:?}");
    };
    record
}

fn check(record: &SourceRecord, fields: &[(Field, &str)]) {
    for (field, value) in fields {
        assert_eq!(record.identifiers().get(*field), Some(*value), "{field:?}");
    }
}

#[test]
fn a_patient_is_read() {
    let record = current(&iso(MESSAGE));
    assert_eq!(record.local_id(), "00012345");
    check(
        &record,
        &[
            (Field::KanjiName, "渡辺一郎"),
            (Field::KanaName, "ワタナベイチロウ"),
            (Field::BirthYear, "1970"),
            (Field::Sex, "1"),
            (Field::PostalCode, "1000013"),
            (Field::Town, "千代田区霞ケ関"),
            (Field::Block, "1-2-3"),
            (Field::Insurer, "06130012"),
            (Field::InsuredNumber, "123:45"),
            (Field::InsuredBranch, "05"),
        ],
    );
    assert!(!record.quality().has(Quality::EncodingDisagrees));
}

#[test]
fn kanji_whose_bytes_are_delimiters_do_not_shift_fields() {
    // Second bytes of these are ^ | ~ & and \ in ISO-2022-JP.
    let tricky: Vec<char> = ('一'..='龥')
        .filter(|c| {
            let text = c.to_string();
            let (bytes, _, unmappable) = ISO_2022_JP.encode(&text);
            !unmappable && bytes.len() == 8 && bytes[3..5].iter().any(|b| b"^|~&\\".contains(b))
        })
        .collect();
    assert!(tricky.len() > 100, "the test needs such kanji");
    for chunk in tricky.chunks(4) {
        let name: String = chunk.iter().collect();
        let record = current(&iso(&MESSAGE.replace("渡邉", &name)));
        check(
            &record,
            &[
                (Field::KanaName, "ワタナベイチロウ"),
                (Field::BirthYear, "1970"),
                (Field::InsuredBranch, "05"),
            ],
        );
    }
}

#[test]
fn a_utf8_tree_is_read_and_the_disagreement_is_noticed() {
    let record = current(MESSAGE.as_bytes());
    check(&record, &[(Field::KanjiName, "渡辺一郎")]);
    assert!(record.quality().has(Quality::EncodingDisagrees));
    let honest = MESSAGE.replace("~ISO IR87", "UNICODE UTF-8");
    assert!(
        !current(honest.as_bytes())
            .quality()
            .has(Quality::EncodingDisagrees)
    );
}

#[test]
fn jis_roman_signs_count_as_delimiters() {
    // In JIS-Roman (ESC ( J) the tilde decodes to an overline and the backslash to a yen sign.
    let mut bytes = iso(MESSAGE);
    let at = bytes
        .windows(3)
        .position(|window| window == b"^I~")
        .expect("the repetition")
        + 2;
    bytes.splice(at..=at, *b"\x1b(J~\x1b(B");
    check(&current(&bytes), &[(Field::KanaName, "ワタナベイチロウ")]);
}

#[test]
fn jis_x_0212_becomes_a_wildcard_and_shifts_nothing() {
    let marker = MESSAGE.replace("渡邉", "@@");
    let mut bytes = iso(&marker);
    let at = bytes
        .windows(2)
        .position(|pair| pair == b"@@")
        .expect("the marker");
    // A JIS X 0212 character whose bytes are both a field separator.
    bytes.splice(at..at + 2, *b"\x1b$(D||\x1b(B");
    let record = current(&bytes);
    assert_eq!(record.identifiers().get(Field::KanjiName), None);
    assert!(record.flags().has(Flags::WILDCARD_NAME));
    assert!(record.quality().has(Quality::ReplacedCharacter));
    check(
        &record,
        &[
            (Field::KanaName, "ワタナベイチロウ"),
            (Field::BirthYear, "1970"),
        ],
    );
}

#[test]
fn escapes_without_text_between_them_change_nothing() {
    let bytes = iso(MESSAGE);
    let at = bytes
        .windows(3)
        .position(|window| window == b"\x1b$B")
        .expect("kanji");
    let mut doubled = bytes.clone();
    doubled.splice(at..at, *b"\x1b$B\x1b(B");
    let record = current(&doubled);
    assert!(record.identifiers() == current(&bytes).identifiers());
    assert!(!record.quality().has(Quality::ReplacedCharacter));
}

#[test]
fn a_deleted_patient_is_withdrawn() {
    for event in ["ADT^A23", "ADT^A29"] {
        let message = iso(&MESSAGE.replace("ADT^A08", event));
        match ssmix2::read(&message) {
            Ok(Adt::Deleted { local_id }) => assert_eq!(local_id.as_str(), "00012345"),
            other => panic!("a deletion was expected: {other:?}"),
        }
    }
}

#[test]
fn cut_and_foreign_files_are_refused() {
    let bytes = iso(MESSAGE);
    let middle = bytes
        .windows(3)
        .position(|window| window == b"\x1b$B")
        .expect("kanji")
        + 4;
    assert_eq!(
        ssmix2::read(&bytes[..middle]).err(),
        Some(ReadError::Truncated)
    );
    assert_eq!(ssmix2::read(b"").err(), Some(ReadError::Empty));
    for bad in [
        "hello".to_owned(),
        MESSAGE.replace("ADT^A08", "ORU^R01"),
        MESSAGE.replace("PID|", "PIX|"),
    ] {
        assert_eq!(
            ssmix2::read(&iso(&bad)).map_err(|e| e.code()).err(),
            Some("wrong-structure")
        );
    }
    let without_id = iso(&MESSAGE.replace("00012345", ""));
    assert_eq!(
        ssmix2::read(&without_id).map_err(|e| e.code()).err(),
        Some("row-no-record-id")
    );
    let cp932 = encoding_rs::SHIFT_JIS.encode(MESSAGE).0;
    assert_eq!(
        ssmix2::read(&cp932).map_err(|e| e.code()).err(),
        Some("wrong-encoding")
    );
}

#[test]
fn one_byte_past_the_limit_is_refused() {
    let mut bytes = iso(MESSAGE);
    bytes.resize(linker_tokenize::limits::ADT_BYTES_MAX, b'\r');
    assert!(ssmix2::read(&bytes).is_ok());
    bytes.push(b'\r');
    assert_eq!(
        ssmix2::read(&bytes).map_err(|e| e.code()).err(),
        Some("file-too-large")
    );
}

#[test]
fn one_segment_past_the_limit_is_refused() {
    let used = MESSAGE.matches('\r').count();
    let filler = |count: usize| format!("{MESSAGE}{}", "OBX|\r".repeat(count));
    let limit = linker_tokenize::limits::HL7_SEGMENTS_MAX;
    assert!(ssmix2::read(&iso(&filler(limit - used))).is_ok());
    let past = ssmix2::read(&iso(&filler(limit - used + 1)));
    assert_eq!(past.map_err(|e| e.code()).err(), Some("file-too-large"));
}

#[test]
fn marks_of_birth_and_death_become_flags() {
    let pid =
        "PID|0001||1||甲^乙^^^^^L^I||19700302|F|旧^乙^^^^^M^I|||||||||||||||Y|||||20250101|Y\r";
    let text = format!("{}{pid}", MESSAGE.split("PID|").next().expect("a head"));
    let record = current(&iso(&text));
    assert!(record.flags().has(Flags::TWIN_OR_NEWBORN));
    assert!(record.flags().has(Flags::DECEASED));
    let former = record.former().expect("an other name");
    assert_eq!(former.get(Field::KanjiName), Some("旧乙"));
    assert_eq!(former.get(Field::BirthYear), Some("1970"));
}

#[test]
fn a_screen_judges_the_whole_tree() {
    let numbers = ["123456789018", "223456789012"];
    let mut screen = Screen::new();
    for _ in 0..8 {
        let message = iso(&MESSAGE.replace("00012345", numbers[0]));
        ssmix2::screen(&message, &mut screen).expect("readable");
    }
    let refusal = screen.verdict().expect_err("eight of eight pass");
    assert_eq!(refusal.column(), "PID-3");
}

#[test]
fn file_names_give_the_state() {
    let name = "00012345_-_ADT-00_999999999999999_20250401120000000_-_";
    for (flag, state) in [
        ("1", Some(FileState::Current)),
        ("2", Some(FileState::Old)),
        ("0", Some(FileState::Deleted)),
        ("3", None),
    ] {
        assert_eq!(ssmix2::file_state(&format!("{name}{flag}")), state);
    }
    assert_eq!(
        ssmix2::file_state(&format!("A_{name}1")),
        Some(FileState::Current)
    );
    assert_eq!(ssmix2::file_state(&name.replace("ADT-00", "OML-01")), None);
    assert_eq!(ssmix2::file_state("x_1"), None);
}

#[test]
fn a_file_with_two_messages_is_refused() {
    // The second one's insurance would be taken for the first one's.
    let two = iso(&format!("{MESSAGE}{MESSAGE}"));
    assert!(!ssmix2::looks_like(&two));
    assert!(ssmix2::looks_like(&iso(MESSAGE)));
    let refused = ssmix2::read(&two).map_err(|e| e.code()).err();
    assert_eq!(refused, Some("wrong-structure"));
}
