//! Mappings proposed for tables as hospitals, towns and insurers write them.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use encoding_rs::SHIFT_JIS;
use linker_tokenize::{
    RawField::{self, *},
    ReadError, SourceEncoding,
    format::{
        SourceFormat,
        propose::{Certainty, Ground, Proposal, propose},
    },
    limits::{PROPOSE_HEADER_CHARS_MAX, PROPOSE_ROWS_MAX},
};

/// Values of invented people, by what they are.
fn value(kind: &str, row: usize) -> String {
    let kana = [
        "アイ ウエ",
        "カキ クケコ",
        "サシ スセ",
        "タチ ツテト",
        "ナニ ヌネ",
    ];
    let kanji = ["木木 一", "川川 二美", "田田 三", "石石 四郎", "本本 五"];
    let pick = |list: [&str; 5]| list[row % 5].to_owned();
    match kind {
        "id" => format!("{:06}", 1000 + row),
        "short-id" => (row * row + 1).to_string(),
        "kanji" => format!("{}{}", pick(kanji), row),
        "kanji-family" => pick(["木木", "川川", "田田", "石石", "本本"]),
        "kanji-given" => pick(["一", "二美", "三", "四郎", "五"]),
        "kana" => pick(kana),
        "half-kana" => pick(["ｱｲ ｳｴ", "ｶｷ ｸｹｺ", "ｻｼ ｽｾ", "ﾀﾁ ﾂﾃﾄ", "ﾅﾆ ﾇﾈ"]),
        "kana-family" => pick(["アイ", "カキ", "サシ", "タチ", "ナニ"]),
        "latin" => pick(["Aiu", "Kakiku", "Sashisu", "Tachi", "Nani"]),
        "birth" => format!("{}-0{}-1{}", 1931 + 7 * (row % 10), 1 + row % 9, row % 10),
        "era-birth" => format!("S{:02}.{}.{}", 10 + row % 50, 1 + row % 12, 1 + row % 28),
        "recent" => format!("2024-0{}-1{}", 1 + row % 9, row % 10),
        "sex" => (1 + row % 2).to_string(),
        "sex-word" => pick(["男", "女", "女", "男", "男"]),
        "postal" => format!("{:03}-{:04}", 100 + row, 7 * row),
        "postal-7" => format!("{:07}", 1_000_000 + 13 * row),
        "address" => format!("中央市本町{}丁目{}番", 1 + row % 9, 1 + row),
        "phone" => format!("03-0000-{:04}", row),
        "insurer" => "01130012".to_owned(),
        "symbol" => "千代".to_owned(),
        "number" => format!("{}", 100 + row),
        "branch" => "01".to_owned(),
        "ward" => pick(["東", "西", "東", "西", "東"]),
        "" => String::new(),
        other => other.to_owned(),
    }
}

/// A table of 40 rows. Columns are `header=kind`.
fn table(columns: &str, delimiter: char) -> String {
    let (headers, kinds): (Vec<_>, Vec<_>) = columns
        .split(' ')
        .map(|column| column.split_once('=').unwrap())
        .unzip();
    let line = |cells: Vec<String>| cells.join(&delimiter.to_string()) + "\r\n";
    let mut out = line(
        headers
            .iter()
            .map(|&header| header.replace('_', " "))
            .collect(),
    );
    for row in 0..40 {
        out += &line(kinds.iter().map(|kind| value(kind, row)).collect());
    }
    out
}

fn proposed(text: &str) -> Proposal {
    propose(&SHIFT_JIS.encode(text).0).unwrap()
}

fn fields(proposal: &Proposal) -> Vec<Option<RawField>> {
    proposal.columns.iter().map(|column| column.field).collect()
}

#[test]
#[expect(
    clippy::too_many_lines,
    reason = "a table of styles, one beside the other"
)]
fn header_styles() {
    let yes = Some;
    for (columns, expected) in [
        (
            "患者番号=id 氏名=kanji 氏名カナ=kana 生年月日=birth 性別=sex 郵便番号=postal-7 住所=address 電話番号=phone",
            vec![
                yes(RecordId),
                yes(KanjiName),
                yes(KanaName),
                yes(BirthDate),
                yes(Sex),
                yes(PostalCode),
                yes(Address),
                None,
            ],
        ),
        (
            "患者ID=short-id 漢字氏名=kanji ﾌﾘｶﾞﾅ=half-kana 生年月日（和暦）=era-birth 性別=sex-word 〒=postal 現住所=address",
            vec![
                yes(RecordId),
                yes(KanjiName),
                yes(KanaName),
                yes(BirthDate),
                yes(Sex),
                yes(PostalCode),
                yes(Address),
            ],
        ),
        (
            "カルテ番号=id 姓=kanji-family 名=kanji-given セイ=kana-family メイ=kana-family 誕生日=birth 最終受診日=recent",
            vec![
                yes(RecordId),
                yes(KanjiFamily),
                yes(KanjiGiven),
                yes(KanaFamily),
                yes(KanaGiven),
                yes(BirthDate),
                None,
            ],
        ),
        (
            "宛名番号=id 氏名=kanji 氏名フリガナ=kana 通称=kanji 旧氏=kanji-family 生年月日=birth 異動日=recent 異動事由=ward",
            vec![
                yes(RecordId),
                yes(KanjiName),
                yes(KanaName),
                yes(FormerKanjiName),
                yes(FormerKanjiFamily),
                yes(BirthDate),
                None,
                yes(Deceased),
            ],
        ),
        (
            "被保険者証記号=symbol 被保険者証番号=number 枝番=branch 保険者番号=insurer 患者No=id 患者名=kanji",
            vec![
                yes(InsuredSymbol),
                yes(InsuredNumber),
                yes(InsuredBranch),
                yes(Insurer),
                yes(RecordId),
                yes(KanjiName),
            ],
        ),
        (
            "宛名番号=id 国保保険者番号=insurer 国保記号=symbol 国保番号=number 国保枝番=branch 氏名=kanji",
            vec![
                yes(RecordId),
                yes(Insurer),
                yes(InsuredSymbol),
                yes(InsuredNumber),
                yes(InsuredBranch),
                yes(KanjiName),
            ],
        ),
        (
            "整理番号=id 記号=symbol 番号=number 氏名=kana 生年月日=birth",
            vec![
                yes(RecordId),
                yes(InsuredSymbol),
                yes(InsuredNumber),
                yes(KanaName),
                yes(BirthDate),
            ],
        ),
        (
            "patient_id=id last_name=kanji-family first_name=kanji-given last_name_kana=kana-family date_of_birth=birth gender=sex zip=postal",
            vec![
                yes(RecordId),
                yes(KanjiFamily),
                yes(KanjiGiven),
                yes(KanaFamily),
                yes(BirthDate),
                yes(Sex),
                yes(PostalCode),
            ],
        ),
        (
            "rec_id=id given_name=latin surname=latin street_number=number address_1=latin suburb=latin postcode=postal-7 state=latin date_of_birth=birth soc_sec_id=number",
            vec![
                yes(RecordId),
                yes(GivenName),
                yes(Surname),
                yes(Block),
                yes(Street),
                yes(Town),
                yes(PostalCode),
                None,
                yes(BirthDate),
                None,
            ],
        ),
        (
            "主治医氏名=kanji 患者番号=id 世帯主氏名=kanji 患者氏名=kanji 年齢=number 病棟=ward",
            vec![None, yes(RecordId), None, yes(KanjiName), None, None],
        ),
    ] {
        let proposal = proposed(&table(columns, ','));
        assert_eq!(fields(&proposal), expected, "{columns}");
        assert!(proposal.is_usable(), "{columns}");
        assert_eq!(proposal.rows, 40);
    }
}

#[test]
fn values_speak_where_headers_are_silent() {
    let text = table(
        "F1=id F2=kanji F3=half-kana F4=birth F5=sex-word F6=postal F7=recent F8=address",
        ',',
    );
    let proposal = proposed(&text);
    let expected = [
        RecordId, KanjiName, KanaName, BirthDate, Sex, PostalCode, RecordId, Address,
    ]
    .map(Some);
    let found = fields(&proposal);
    assert_eq!(
        (&found[..6], found[6], found[7]),
        (&expected[..6], None, expected[7])
    );
    let unsure = |certainty| certainty == Certainty::Unsure;
    assert!(
        proposal
            .columns
            .iter()
            .filter(|column| column.field.is_some())
            .all(|column| unsure(column.certainty))
    );
    assert_eq!(proposal.columns[0].ground, Ground::Values);
}

#[test]
fn contradictions_and_repeats_are_told() {
    let proposal = proposed(&table(
        "患者番号=id 性別=kana 生年月日=birth 誕生日=birth 備考=ward 備考=ward",
        ',',
    ));
    let sex = proposal.column_of(Sex).unwrap();
    assert_eq!(
        (sex.certainty, sex.ground),
        (Certainty::Unsure, Ground::Contradiction)
    );
    assert_eq!(proposal.columns[3].ground, Ground::Taken(BirthDate));
    assert_eq!(proposal.columns[4].ground, Ground::Repeated);
    let birth = proposal.column_of(BirthDate).unwrap();
    assert_eq!(
        (birth.certainty, birth.ground),
        (Certainty::Sure, Ground::Header)
    );
}

#[test]
fn the_width_of_dropped_zeros() {
    let proposal = proposed(&table(
        "患者番号=short-id 氏名=kanji 郵便番号=postal-7",
        ',',
    ));
    assert_eq!(proposal.column_of(RecordId).unwrap().width, Some(4));
    let proposal = proposed(&table("患者番号=id 氏名=kanji", ','));
    assert_eq!(proposal.column_of(RecordId).unwrap().width, None);
}

#[test]
fn delimiters_and_encodings() {
    let columns = "患者番号=id 氏名=kanji 住所=address";
    for (delimiter, name) in [(',', ','), ('\t', '\t'), (';', ';')] {
        let text = table(columns, delimiter);
        let marked = format!("\u{feff}{text}");
        assert_eq!(propose(marked.as_bytes()).unwrap().delimiter, name);
        let proposal = propose(text.as_bytes()).unwrap();
        assert_eq!(
            (proposal.delimiter, proposal.encoding),
            (name, SourceEncoding::Utf8)
        );
    }
    let quoted = "\"患者番号\",\"氏名\"\r\n\"1\",\"木, 一\"\r\n\"2\",\"川, 二\"\r\n";
    assert_eq!(fields(&proposed(quoted)), [Some(RecordId), Some(KanjiName)]);
    let (utf16, _) = (b"\xff\xfe\x41\x00\x2c\x00\x42\x00\x0a\x00", ());
    assert!(matches!(propose(utf16), Err(ReadError::Encoding { .. })));
}

#[test]
fn the_beginning_of_a_file_is_enough() {
    let text = table("患者番号=id 氏名=kanji 氏名カナ=kana 住所=address", ',');
    let bytes = SHIFT_JIS.encode(&text).0;
    let whole = fields(&propose(&bytes).unwrap());
    for end in (bytes.len() / 2..bytes.len()).step_by(7) {
        assert_eq!(
            fields(&propose(&bytes[..end]).unwrap()),
            whole,
            "{end} bytes"
        );
    }
}

#[test]
fn a_line_of_a_person_is_no_header() {
    let body = |columns| table(columns, ',').split_once("\r\n").unwrap().1.to_owned();
    for columns in [
        "a=id b=kanji c=kana d=birth e=sex",
        "a=id b=kanji c=kana",
        "a=kanji b=kana c=address",
        "a=latin b=latin c=birth",
        "a=kana-family b=kanji-given c=sex-word d=ward",
        "a=メイ b=kana-family c=birth",
    ] {
        let error = propose(body(columns).as_bytes()).unwrap_err();
        assert_eq!(error.code(), "wrong-structure", "{columns}");
    }
    assert_eq!(
        propose("一列だけ\r\n木木\r\n".as_bytes())
            .unwrap_err()
            .code(),
        "wrong-structure"
    );
    assert_eq!(propose(b"").unwrap_err(), ReadError::Empty);
}

#[test]
fn forbidden_numbers_stop_the_proposal() {
    let error = propose("患者番号,氏名,マイナンバー\r\n1,木,\r\n".as_bytes()).unwrap_err();
    assert_eq!(error.code(), "refused-number");
    // The worked example of the ordinance's commentaries, under a header that says nothing.
    let row = "1,木木 一,123456789018\r\n";
    let text = format!("患者番号,氏名,予備\r\n{}", row.repeat(8));
    let error = propose(text.as_bytes()).unwrap_err();
    assert_eq!(error.code(), "refused-number");
    assert!(!error.to_string().contains("1234"));
}

#[test]
fn bounds_at_and_one_past() {
    let header = "名".repeat(PROPOSE_HEADER_CHARS_MAX);
    let text = |header: &str| format!("患者番号,氏名,{header}\r\n1,木,x\r\n");
    assert!(propose(text(&header).as_bytes()).is_ok());
    assert!(propose(text(&(header + "名")).as_bytes()).is_err());
    let rows = "1,木\r\n".repeat(PROPOSE_ROWS_MAX + 1);
    let proposal = propose(format!("患者番号,氏名\r\n{rows}").as_bytes()).unwrap();
    assert_eq!(proposal.rows, PROPOSE_ROWS_MAX);
}

#[test]
fn kinds_of_files() {
    for (bytes, expected) in [
        (
            &include_bytes!("fixtures/bundle.json")[..],
            Some(SourceFormat::Fhir),
        ),
        (
            &include_bytes!("fixtures/patients.ndjson")[..],
            Some(SourceFormat::Fhir),
        ),
        (
            &include_bytes!("fixtures/checkup.zip")[..],
            Some(SourceFormat::Checkup),
        ),
        (
            &include_bytes!("fixtures/eligibility.xml")[..],
            Some(SourceFormat::Eligibility),
        ),
        (
            &include_bytes!("fixtures/register.csv")[..],
            Some(SourceFormat::Register),
        ),
    ] {
        assert_eq!(SourceFormat::of(bytes), expected);
        assert_eq!(SourceFormat::of(&bytes[..bytes.len().min(4096)]), expected);
    }
    assert_eq!(
        SourceFormat::of(b"MSH|^~\\&|A|B|C|D|20240401||ADT^A08|1|P|2.5\rPID|1\r"),
        Some(SourceFormat::SsMix2)
    );
    assert_eq!(
        SourceFormat::of(b"IR,1,13,1,1234567,,name,202404,00\r\n"),
        Some(SourceFormat::Uke)
    );
}
