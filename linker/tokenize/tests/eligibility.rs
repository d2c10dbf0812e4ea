//! Responses of online eligibility checks.

use encoding_rs::SHIFT_JIS;
use linker_token::{Field, Flags};
use linker_tokenize::{
    FileReport, Quality, ReadError, RefusedNumber, RowError, Screen, SourceEncoding, SourceRecord,
    format::eligibility, limits::VALUE_BYTES_MAX,
};

const RESPONSE: &str = include_str!("fixtures/eligibility.xml");

type Rows = Vec<(u64, Result<SourceRecord, RowError>)>;

fn read(bytes: &[u8]) -> (Result<FileReport, ReadError>, Rows) {
    let mut rows = Vec::new();
    let report = eligibility::read(bytes, &mut |number, row| rows.push((number, row)));
    (report, rows)
}

fn good(bytes: &[u8]) -> (FileReport, Vec<SourceRecord>) {
    let (report, rows) = read(bytes);
    let records = rows.into_iter().map(|(_, row)| row.expect("a good row"));
    (report.expect("a good response"), records.collect())
}

#[test]
fn all_insured_persons_of_a_response_are_read() {
    assert!(eligibility::looks_like(RESPONSE.as_bytes()));
    let (report, rows) = good(RESPONSE.as_bytes());
    assert_eq!(
        (report.rows, report.rejected, report.complete),
        (2, 0, true)
    );
    let (first, second) = (&rows[0], &rows[1]);
    assert_eq!(first.local_id(), "00012345");
    for (field, value) in [
        (Field::KanjiName, "甲山一郎"),
        (Field::KanaName, "コウヤマイチロウ"),
        (Field::BirthYear, "1970"),
        (Field::BirthDay, "02"),
        (Field::Sex, "1"),
        (Field::PostalCode, "1000013"),
        (Field::Town, "千代田区霞ケ関"),
        (Field::Block, "1-2-3"),
        (Field::Insurer, "06130012"),
        (Field::InsuredNumber, "123:45"),
        (Field::InsuredBranch, "05"),
    ] {
        assert_eq!(first.identifiers().get(field), Some(value), "{field:?}");
    }
    let former = first.former().expect("another name");
    assert_eq!(former.get(Field::KanjiName), Some("乙山一郎"));
    assert_eq!(former.get(Field::KanaName), Some("オツヤマイチロウ"));

    assert_eq!(second.local_id(), "eligibility-1311234567-138057--567890-");
    for (field, value) in [
        (Field::KanjiName, None),
        (Field::KanaName, Some("ヘイカワフタバ")),
        (Field::Sex, None),
        (Field::Insurer, Some("00138057")),
        (Field::InsuredNumber, Some("567890")),
        (Field::InsuredBranch, None),
        (Field::Town, None),
    ] {
        assert_eq!(second.identifiers().get(field), value, "{field:?}");
    }
    assert!(second.flags().has(Flags::DECEASED));
    assert!(second.quality().has(Quality::WildcardName));
    assert!(!second.quality().has(Quality::EncodingDisagrees));
}

#[test]
fn cp932_and_a_byte_order_mark_give_the_same_records() {
    let text = RESPONSE
        .replace("\"UTF-8\"", "\"Shift_JIS\"")
        .replace("<CharacterCodeIdentifier>0", "<CharacterCodeIdentifier>1");
    let cp932 = SHIFT_JIS.encode(&text).0.into_owned();
    let marked = format!("\u{feff}{RESPONSE}").into_bytes();
    let (_, plain) = good(RESPONSE.as_bytes());
    for (bytes, encoding) in [
        (cp932, SourceEncoding::Cp932),
        (marked, SourceEncoding::Utf8),
    ] {
        assert!(eligibility::looks_like(&bytes));
        let (report, rows) = good(&bytes);
        assert_eq!(report.encoding, encoding);
        for (one, other) in plain.iter().zip(&rows) {
            assert!(one.identifiers() == other.identifiers());
            assert_eq!(one.local_id(), other.local_id());
            assert!(!other.quality().has(Quality::EncodingDisagrees));
        }
    }
}

#[test]
fn a_wrong_declaration_is_noticed_and_the_bytes_decide() {
    let cp932 = SHIFT_JIS.encode(RESPONSE).0.into_owned();
    let header = RESPONSE.replace("<CharacterCodeIdentifier>0", "<CharacterCodeIdentifier>1");
    for bytes in [cp932, header.into_bytes()] {
        let (_, rows) = good(&bytes);
        assert_eq!(
            rows[0].identifiers().get(Field::KanjiName),
            Some("甲山一郎")
        );
        assert!(rows[0].quality().has(Quality::EncodingDisagrees));
    }
    let utf16: Vec<u8> = std::iter::once(0xfeff)
        .chain(RESPONSE.encode_utf16())
        .flat_map(u16::to_le_bytes)
        .collect();
    assert_eq!(
        read(&utf16).0.expect_err("not read").code(),
        "wrong-encoding"
    );
}

#[test]
fn prefixes_of_one_namespace_are_read_and_foreign_elements_are_not() {
    let text = RESPONSE
        .replace("<XmlMsg>", "<q:XmlMsg xmlns:q='urn:q' xmlns:r='urn:r'>")
        .replace("</XmlMsg>", "</q:XmlMsg>");
    // Only the root is in the namespace now, so no person is found.
    assert_eq!(good(text.as_bytes()).0.rows, 0);
    let whole = RESPONSE.replace("</", "</q:");
    let whole = whole.replace("<?", "\u{0}").replace("<!", "\u{1}");
    let prefixed = prefix(&whole).replace('\u{0}', "<?").replace('\u{1}', "<!");
    let prefixed = prefixed.replacen("<q:XmlMsg>", "<q:XmlMsg xmlns:q='urn:q'>", 1);
    let (_, plain) = good(RESPONSE.as_bytes());
    let (_, rows) = good(prefixed.as_bytes());
    assert_eq!(rows.len(), 2);
    assert!(rows[0].identifiers() == plain[0].identifiers());
}

/// Every start tag with the prefix `q`.
fn prefix(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('<') {
        out.push_str(&rest[..=at]);
        rest = &rest[at + 1..];
        if !rest.starts_with('/') {
            out.push_str("q:");
        }
    }
    out + rest
}

#[test]
fn missing_parts_cost_one_row() {
    let text = RESPONSE
        .replace("<ReferenceNumber>00012345</ReferenceNumber>", "")
        .replace(
            "<InsuredIdentificationNumber>００４５</InsuredIdentificationNumber>",
            "",
        );
    let (report, rows) = read(text.as_bytes());
    assert_eq!(report.expect("a good response").rejected, 1);
    assert_eq!(rows[0].1.as_ref().err(), Some(&RowError::NoRecordId));
    assert!(rows[1].1.is_ok());
    let (report, rows) = read(b"<XmlMsg><MessageBody/></XmlMsg>");
    assert_eq!((report.expect("nobody was found").rows, rows.len()), (0, 0));
}

#[test]
fn long_values_and_bad_bytes_cost_one_row() {
    let long = "甲".repeat(VALUE_BYTES_MAX / 3 + 1);
    let (report, rows) = read(RESPONSE.replace("甲山　一郎", &long).as_bytes());
    assert_eq!(report.expect("a good response").rejected, 1);
    let error = rows[0].1.as_ref().err();
    assert_eq!(error.and_then(|error| error.field()), Some("kanji-name"));
    assert!(rows[1].1.is_ok());
    // As many bytes as a value may have, and one more.
    let longest = "x".repeat(VALUE_BYTES_MAX);
    let text = RESPONSE.replace("東京都千代田区霞が関一丁目２番３号　Ａ&amp;Ｂ荘", &longest);
    assert_eq!(read(text.as_bytes()).0.expect("good").rejected, 0);
    let text = RESPONSE.replace(
        "東京都千代田区霞が関一丁目２番３号　Ａ&amp;Ｂ荘",
        &(longest + "x"),
    );
    assert_eq!(read(text.as_bytes()).0.expect("good").rejected, 1);

    let mut bytes = RESPONSE.as_bytes().to_vec();
    let at = RESPONSE.find("甲山").expect("there");
    bytes[at] = 0xff;
    let (_, rows) = read(&bytes);
    let field = "kanji-name";
    assert_eq!(rows[0].1.as_ref().err(), Some(&RowError::Bytes { field }));
    assert!(rows[1].1.is_ok());
}

#[test]
fn forbidden_numbers_refuse_the_file() {
    let named = RESPONSE.replace(
        "<PostNumber>100-0013</PostNumber>",
        "<MyNumber>1</MyNumber>",
    );
    let (report, rows) = read(named.as_bytes());
    let Err(ReadError::Refused(refusal)) = report else {
        unreachable!("refused by its name");
    };
    assert_eq!(refusal.number(), RefusedNumber::MyNumber);
    assert!(rows.is_empty());

    let person = RESPONSE.find("<ResultOfQ").expect("a person");
    let end = RESPONSE.find("</ResultList>").expect("an end");
    let persons: String = (0..8)
        .map(|_| RESPONSE[person..end].replace("00012345", "123456789018"))
        .collect();
    let text = format!("{}{persons}{}", &RESPONSE[..person], &RESPONSE[end..]);
    let (report, rows) = read(text.as_bytes());
    let error = report.expect_err("eight numbers that pass");
    assert_eq!(error.code(), "refused-number");
    assert!(!format!("{error}{error:?}").contains("123456789018"));
    assert!(rows.is_empty());
}

#[test]
fn responses_of_one_person_each_are_judged_together() {
    let end = RESPONSE.rfind("<ResultOfQ").expect("a second person");
    let tail = RESPONSE.find("</ResultList>").expect("an end");
    let one = format!("{}{}", &RESPONSE[..end], &RESPONSE[tail..]);
    let one = one.replace("00012345", "123456789018");
    let mut screen = Screen::new();
    for _ in 0..8 {
        assert!(screen.verdict().is_ok());
        assert!(read(one.as_bytes()).0.is_ok(), "alone it proves nothing");
        assert_eq!(eligibility::screen(one.as_bytes(), &mut screen), Ok(()));
    }
    assert!(screen.verdict().is_err());
}

#[test]
fn declarations_entities_and_depth_refuse_the_file() {
    let bomb = "<!DOCTYPE XmlMsg [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;\">]>";
    let declared = RESPONSE.replace("<XmlMsg>", &format!("{bomb}<XmlMsg>"));
    let own = RESPONSE.replace("甲山", "&b;");
    let deep = format!("<XmlMsg>{}", "<a>".repeat(100_000));
    let wide = format!("<XmlMsg {}/>", "a='1' ".repeat(100_000));
    let two = format!("{RESPONSE}<XmlMsg/>");
    for (text, code) in [
        (declared, "wrong-structure"),
        (own, "wrong-structure"),
        (deep, "file-too-large"),
        (wide, "file-too-large"),
        (two, "wrong-structure"),
        ("<Other/>".to_owned(), "wrong-structure"),
        ("no XML".to_owned(), "wrong-structure"),
        ("<XmlMsg></Xml>".to_owned(), "wrong-structure"),
        (String::new(), "empty-file"),
    ] {
        let (report, rows) = read(text.as_bytes());
        let error = report.expect_err("refused");
        assert_eq!(error.code(), code, "{error}");
        assert!(rows.is_empty());
    }
    let depth = linker_tokenize::limits::XML_DEPTH_MAX;
    let nested = |depth: usize| {
        let inner = depth - 1;
        format!(
            "<XmlMsg>{}{}</XmlMsg>",
            "<a>".repeat(inner),
            "</a>".repeat(inner)
        )
    };
    assert!(read(nested(depth).as_bytes()).0.is_ok());
    assert!(read(nested(depth + 1).as_bytes()).0.is_err());
}
