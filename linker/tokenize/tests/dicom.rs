//! Headers of DICOM objects.

use encoding_rs::{EUC_JP, ISO_2022_JP, SHIFT_JIS};
use linker_token::{Field, Flags};
use linker_tokenize::{
    Quality, ReadError, RowError, Screen, SourceRecord,
    format::dicom,
    limits::{DICOM_DEPTH_MAX, DICOM_HEADER_BYTES_MAX, VALUE_BYTES_MAX},
};

const IMPLICIT: &str = "1.2.840.10008.1.2";
const EXPLICIT: &str = "1.2.840.10008.1.2.1";
const BIG: &str = "1.2.840.10008.1.2.2";

/// Writes one element with an even length.
fn element(syntax: &str, tag: (u16, u16), vr: &str, value: &[u8]) -> Vec<u8> {
    let mut value = value.to_vec();
    if value.len() % 2 == 1 {
        value.push(if vr == "UI" { 0 } else { b' ' });
    }
    let length = u32::try_from(value.len()).expect("short");
    [header(syntax, tag, vr, length), value].concat()
}

fn header(syntax: &str, tag: (u16, u16), vr: &str, length: u32) -> Vec<u8> {
    let big = syntax == BIG;
    let short = |n: u16| {
        if big {
            n.to_be_bytes()
        } else {
            n.to_le_bytes()
        }
        .to_vec()
    };
    let long = |n: u32| {
        if big {
            n.to_be_bytes()
        } else {
            n.to_le_bytes()
        }
        .to_vec()
    };
    let mut out = [short(tag.0), short(tag.1)].concat();
    if syntax == IMPLICIT || tag.0 == 0xfffe {
        out.extend(long(length));
    } else if matches!(vr, "SQ" | "UN" | "OB") {
        out.extend_from_slice(vr.as_bytes());
        out.extend([0, 0]);
        out.extend(long(length));
    } else {
        out.extend_from_slice(vr.as_bytes());
        out.extend(short(u16::try_from(length).expect("short")));
    }
    out
}

struct Object<'a> {
    syntax: &'a str,
    charset: &'a [u8],
    name: &'a [u8],
    /// Elements between the identifying group's first and the patient module.
    between: Vec<u8>,
}

impl Object<'_> {
    fn bytes(&self) -> Vec<u8> {
        let s = self.syntax;
        let meta = element(EXPLICIT, (2, 0x10), "UI", s.as_bytes());
        [
            vec![0; 128],
            b"DICM".to_vec(),
            element(
                EXPLICIT,
                (2, 0),
                "UL",
                &u32::try_from(meta.len()).expect("short").to_le_bytes(),
            ),
            meta,
            element(s, (8, 5), "CS", self.charset),
            element(s, (8, 0x16), "UI", b"1.2.840.10008.5.1.4.1.1.2"),
            self.between.clone(),
            element(s, (0x10, 0x10), "PN", self.name),
            element(s, (0x10, 0x20), "LO", b"00012345"),
            element(s, (0x10, 0x30), "DA", b"19700302"),
            element(s, (0x10, 0x40), "CS", b"M"),
            element(s, (0x20, 0x0d), "UI", b"1.2.3"),
        ]
        .concat()
    }
}

fn plain<'a>(charset: &'a [u8], name: &'a [u8]) -> Object<'a> {
    Object {
        syntax: EXPLICIT,
        charset,
        name,
        between: Vec::new(),
    }
}

fn read(object: &Object<'_>) -> SourceRecord {
    dicom::read(&object.bytes()).expect("a readable object")
}

fn jis(text: &str) -> Vec<u8> {
    ISO_2022_JP.encode(text).0.into_owned()
}

fn kanji_and_kana() -> Vec<u8> {
    [
        b"Yamada^Tarou=".to_vec(),
        jis("山田"),
        b"^".to_vec(),
        jis("太郎"),
        b"=".to_vec(),
        jis("やまだ"),
        b"^".to_vec(),
        jis("たろう"),
    ]
    .concat()
}

fn check(record: &SourceRecord, kanji: Option<&str>, kana: Option<&str>) {
    assert_eq!(record.identifiers().get(Field::KanjiName), kanji);
    assert_eq!(record.identifiers().get(Field::KanaName), kana);
}

#[test]
fn a_patient_is_read_in_every_syntax() {
    let name = kanji_and_kana();
    for syntax in [IMPLICIT, EXPLICIT, BIG, "1.2.840.10008.1.2.4.50"] {
        let object = Object {
            syntax,
            ..plain(b"\\ISO 2022 IR 87", &name)
        };
        assert!(dicom::looks_like(&object.bytes()));
        let record = read(&object);
        assert_eq!(record.local_id(), "00012345");
        check(&record, Some("山田太郎"), Some("ヤマダタロウ"));
        assert_eq!(record.identifiers().get(Field::BirthDay), Some("02"));
        assert_eq!(record.identifiers().get(Field::Sex), Some("1"));
        assert!(!record.quality().has(Quality::ReplacedCharacter));
        // Old files have neither preamble nor meta group.
        if syntax != BIG {
            let bytes = object.bytes();
            let start = bytes.windows(4).position(|w| w == [8, 0, 5, 0]);
            let bare = &bytes[start.expect("there")..];
            assert!(dicom::looks_like(bare));
            check(
                &dicom::read(bare).expect("readable"),
                Some("山田太郎"),
                Some("ヤマダタロウ"),
            );
        }
    }
}

/// Declared sets, name, its forms in kanji and kana, and whether the bytes disagree.
type Case<'a> = (&'a [u8], Vec<u8>, Option<String>, Option<&'a str>, bool);

#[test]
fn character_sets_of_japanese_devices() {
    let half = |text: &str| SHIFT_JIS.encode(text).0.into_owned();
    // The first character of the supplement, JIS X 0212.
    let supplement = EUC_JP.decode(&[0x8f, 0xb0, 0xa1]).0.into_owned();
    assert_eq!(supplement.chars().count(), 1);
    let cases: Vec<Case<'_>> = vec![
        (
            b"ISO_IR 192",
            "Yamada^Tarou=山田^太郎=やまだ^たろう".into(),
            Some("山田太郎".into()),
            Some("ヤマダタロウ"),
            false,
        ),
        (
            b"ISO_IR 13",
            half("ﾔﾏﾀﾞ^ﾀﾛｳ"),
            None,
            Some("ヤマダタロウ"),
            false,
        ),
        (
            b"ISO 2022 IR 13\\ISO 2022 IR 87",
            [
                half("ﾔﾏﾀﾞ^ﾀﾛｳ="),
                b"\x1b$B;3ED\x1b(J^\x1b$BB@O:\x1b(J=".to_vec(),
                b"\x1b$B$d$^$@\x1b(J^\x1b$B$?$m$&\x1b(J".to_vec(),
            ]
            .concat(),
            Some("山田太郎".into()),
            Some("ヤマダタロウ"),
            false,
        ),
        (
            b"\\ISO 2022 IR 87\\ISO 2022 IR 159",
            b"Tan^Tarou=\x1b$(D\x30\x21\x1b(B^\x1b$BB@O:\x1b(B=\x1b$B$?$s\x1b(B^\x1b$B$?$m$&\x1b(B"
                .to_vec(),
            Some(format!("{supplement}太郎")),
            Some("タンタロウ"),
            false,
        ),
        // Nothing is declared and CP932 or UTF-8 is written.
        (
            b"",
            half("Yamada^Tarou=山田^太郎=やまだ^たろう"),
            Some("山田太郎".into()),
            Some("ヤマダタロウ"),
            true,
        ),
        (b"", "山田^太郎".into(), Some("山田太郎".into()), None, true),
        (
            b"ISO_IR 13",
            half("山田^太郎"),
            Some("山田太郎".into()),
            None,
            true,
        ),
        // Escapes without a declaration.
        (
            b"",
            kanji_and_kana(),
            Some("山田太郎".into()),
            Some("ヤマダタロウ"),
            false,
        ),
        (
            b"ISO_IR 100",
            b"Yamada^Tarou".to_vec(),
            None,
            Some("ヤマダタロウ"),
            false,
        ),
    ];
    for (charset, name, kanji, kana, disagrees) in cases {
        let record = read(&plain(charset, &name));
        check(&record, kanji.as_deref(), kana);
        assert_eq!(record.quality().has(Quality::EncodingDisagrees), disagrees);
    }
}

#[test]
fn kanji_whose_bytes_are_delimiters_split_nothing() {
    let tricky: Vec<char> = ('一'..='龥')
        .filter(|c| {
            let bytes = jis(&c.to_string());
            bytes.len() == 8 && bytes[3..5].iter().any(|b| b"^=\\".contains(b))
        })
        .collect();
    assert!(tricky.len() > 100, "the test needs such kanji");
    for chunk in tricky.chunks(4) {
        let family: String = chunk.iter().collect();
        let name = [
            b"X^Y=".to_vec(),
            jis(&family),
            b"^".to_vec(),
            jis("太郎"),
            b"=".to_vec(),
            jis("やまだ"),
            b"^".to_vec(),
            jis("たろう"),
        ]
        .concat();
        let record = read(&plain(b"\\ISO 2022 IR 87", &name));
        assert_eq!(
            record.identifiers().get(Field::KanaName),
            Some("ヤマダタロウ")
        );
        let kanji = record.identifiers().get(Field::KanjiName).expect("kanji");
        assert!(kanji.ends_with("太郎") && kanji.chars().count() == chunk.len() + 2);
    }
}

#[test]
fn latin_names_are_kana_or_foreign() {
    check(
        &read(&plain(b"", b"YAMADA^TAROU")),
        None,
        Some("ヤマダタロウ"),
    );
    check(&read(&plain(b"", b"SMITH^JOHN")), Some("JOHNSMITH"), None);
    let record = read(&plain(b"\\ISO 2022 IR 58", b"X^Y=\x1b$)A\xb0\xa1^\xb0\xa1"));
    assert!(record.flags().has(Flags::WILDCARD_NAME));
    assert!(record.quality().has(Quality::ReplacedCharacter));
}

/// A sequence without length with `depth` nested ones in its item.
fn nested(syntax: &str, depth: usize) -> Vec<u8> {
    let mut out = Vec::new();
    for _ in 0..depth {
        out.extend(header(syntax, (8, 0x1140), "SQ", u32::MAX));
        out.extend(header(syntax, (0xfffe, 0xe000), "", u32::MAX));
    }
    out.extend(element(syntax, (8, 0x1150), "UI", b"1.2"));
    for _ in 0..depth {
        out.extend(header(syntax, (0xfffe, 0xe00d), "", 0));
        out.extend(header(syntax, (0xfffe, 0xe0dd), "", 0));
    }
    out
}

#[test]
fn sequences_before_the_patient_are_passed_over() {
    for syntax in [IMPLICIT, EXPLICIT, BIG] {
        // An item that names another patient, in a sequence with and without length.
        let other = element(syntax, (0x10, 0x10), "PN", b"OTHER^PERSON");
        let item = [
            header(
                syntax,
                (0xfffe, 0xe000),
                "",
                u32::try_from(other.len()).expect("short"),
            ),
            other,
        ]
        .concat();
        let known = [
            header(
                syntax,
                (8, 0x1115),
                "SQ",
                u32::try_from(item.len()).expect("short"),
            ),
            item.clone(),
        ]
        .concat();
        let unknown = [
            header(syntax, (8, 0x1120), "SQ", u32::MAX),
            item,
            header(syntax, (0xfffe, 0xe0dd), "", 0),
        ]
        .concat();
        let between = [known, unknown, nested(syntax, 3)].concat();
        let object = Object {
            syntax,
            between,
            ..plain(b"", b"YAMADA^TAROU")
        };
        check(&read(&object), None, Some("ヤマダタロウ"));
    }
    // A sequence of unknown representation is implicit inside.
    let item = [
        header(IMPLICIT, (0xfffe, 0xe000), "", u32::MAX),
        element(IMPLICIT, (8, 0x1150), "", b"1.2"),
        header(IMPLICIT, (0xfffe, 0xe00d), "", 0),
    ]
    .concat();
    let between = [
        header(EXPLICIT, (8, 0x1140), "UN", u32::MAX),
        item,
        header(EXPLICIT, (0xfffe, 0xe0dd), "", 0),
    ]
    .concat();
    check(
        &read(&Object {
            between,
            ..plain(b"", b"YAMADA^TAROU")
        }),
        None,
        Some("ヤマダタロウ"),
    );
}

#[test]
fn depth_and_size_one_past_their_limits() {
    let at = |depth| {
        let between = nested(EXPLICIT, depth);
        dicom::read(
            &Object {
                between,
                ..plain(b"", b"YAMADA^TAROU")
            }
            .bytes(),
        )
    };
    assert!(at(DICOM_DEPTH_MAX).is_ok());
    let past = at(DICOM_DEPTH_MAX + 1);
    assert_eq!(past.map_err(|e| e.code()).err(), Some("file-too-large"));

    let around = plain(b"", b"YAMADA^TAROU").bytes().len() + 12;
    let sized = |size: usize| {
        let between = element(EXPLICIT, (8, 0x1140), "OB", &vec![0; size - around]);
        let object = Object {
            between,
            ..plain(b"", b"YAMADA^TAROU")
        };
        let bytes = object.bytes();
        assert_eq!(bytes.len(), size);
        dicom::read(&bytes)
    };
    assert!(sized(DICOM_HEADER_BYTES_MAX).is_ok());
    let past = sized(DICOM_HEADER_BYTES_MAX + 16);
    assert_eq!(past.map_err(|e| e.code()).err(), Some("file-too-large"));

    let name = vec![b'A'; VALUE_BYTES_MAX];
    assert!(dicom::read(&plain(b"", &name).bytes()).is_ok());
    let name = vec![b'A'; VALUE_BYTES_MAX + 2];
    let past = dicom::read(&plain(b"", &name).bytes());
    assert_eq!(past.map_err(|e| e.code()).err(), Some("row-too-long"));
}

#[test]
fn an_object_cut_anywhere_before_the_next_group_is_an_error() {
    for syntax in [IMPLICIT, EXPLICIT, BIG] {
        let name = kanji_and_kana();
        let between = nested(syntax, 2);
        let bytes = Object {
            syntax,
            between,
            ..plain(b"\\ISO 2022 IR 87", &name)
        }
        .bytes();
        let next = element(syntax, (0x20, 0x0d), "UI", b"1.2.3").len();
        for end in 0..bytes.len() - next {
            assert!(dicom::read(&bytes[..end]).is_err(), "{end}");
        }
    }
}

#[test]
fn wrong_lengths_orders_and_syntaxes_are_refused() {
    let good = plain(b"", b"YAMADA^TAROU").bytes();
    let place = good
        .windows(4)
        .position(|w| w == [0x10, 0, 0x10, 0])
        .expect("the name");
    let mut endless = good.clone();
    endless[place + 6..place + 8].copy_from_slice(&[0xff, 0xff]);
    assert_eq!(dicom::read(&endless).err(), Some(ReadError::Truncated));
    let mut backwards = good.clone();
    backwards[place] = 0x06;
    let mut nameless = good.clone();
    nameless[place + 4] = b'p';
    let deflated = Object {
        syntax: "1.2.840.10008.1.2.1.99",
        ..plain(b"", b"A^B")
    };
    let no_item = [
        header(EXPLICIT, (8, 0x1140), "SQ", u32::MAX),
        element(EXPLICIT, (8, 0x1150), "UI", b"1.2"),
    ]
    .concat();
    let no_item = Object {
        between: no_item,
        ..plain(b"", b"A^B")
    };
    for bytes in [
        backwards,
        nameless,
        deflated.bytes(),
        no_item.bytes(),
        b"hello".to_vec(),
    ] {
        let refused = dicom::read(&bytes).map_err(|e| e.code()).err();
        assert_eq!(refused, Some("wrong-structure"));
    }
    assert_eq!(dicom::read(b"").err(), Some(ReadError::Empty));
    let id = good
        .windows(8)
        .position(|w| w == b"00012345")
        .expect("the number");
    let mut blank = good;
    blank[id..id + 8].fill(b' ');
    let refused = dicom::read(&blank).err();
    assert_eq!(refused, Some(ReadError::Record(RowError::NoRecordId)));
}

#[test]
fn a_screen_judges_the_whole_folder() {
    let mut bytes = plain(b"", b"YAMADA^TAROU").bytes();
    let id = bytes
        .windows(8)
        .position(|w| w == b"00012345")
        .expect("the number");
    bytes[id - 2] = 12;
    bytes.splice(id..id + 8, *b"123456789018");
    let mut screen = Screen::new();
    for _ in 0..8 {
        dicom::screen(&bytes, &mut screen).expect("readable");
    }
    let refusal = screen.verdict().expect_err("eight of eight pass");
    assert_eq!(refusal.column(), "(0010,0020)");
    assert!(!refusal.to_string().contains("123456789018"));
}
