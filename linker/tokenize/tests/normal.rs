//! The traps of Japanese identifiers, each as a regression test over whole records.

use linker_token::{Field, Flags};
use linker_tokenize::{Quality, RawField as R, RawRecord, RowError, SourceRecord, normalize};
use proptest::prelude::*;

fn record(fields: &[(R, &str)]) -> SourceRecord {
    let mut raw = RawRecord::new().with(R::RecordId, "1");
    for (field, value) in fields {
        raw.set(*field, *value);
    }
    normalize::normalize(&raw).expect("a usable record")
}

fn value(field: Field, fields: &[(R, &str)]) -> Option<String> {
    record(fields).identifiers().get(field).map(str::to_owned)
}

#[test]
fn the_case_that_sank_the_national_linkage() {
    // Half-width against full-width, a blank in the name, an era date: one person.
    let one = record(&[
        (R::KanjiName, "髙﨑　花子"),
        (R::KanaName, "ﾀｶｻﾞｷ ﾊﾅｺ"),
        (R::BirthDate, "S45.3.2"),
        (R::InsuredSymbol, "１２３"),
        (R::InsuredNumber, "００４５６"),
    ]);
    let other = record(&[
        (R::KanjiFamily, "高崎"),
        (R::KanjiGiven, "花子"),
        (R::KanaName, "タカザキハナコ"),
        (R::BirthDate, "19700302"),
        (R::InsuredSymbol, "123"),
        (R::InsuredNumber, "456"),
    ]);
    assert!(one.identifiers() == other.identifiers());
}

#[test]
fn variants_meet_and_different_names_do_not() {
    let kanji = |name| value(Field::KanjiName, &[(R::KanjiName, name)]);
    for (one, other) in [
        ("渡邉", "渡辺"),
        ("渡邊", "渡辺"),
        ("髙﨑", "高崎"),
        ("辻\u{e0100}", "辻"),
        ("佐々木", "佐佐木"),
        ("𠮷田", "吉田"),
    ] {
        assert_eq!(kanji(one), kanji(other));
    }
    for (one, other) in [("玉田", "王田"), ("渡部", "渡辺"), ("島田", "嶋田")] {
        assert_ne!(kanji(one), kanji(other));
    }
}

#[test]
fn a_former_name_of_a_newborn_makes_no_second_row() {
    let mother = [(R::KanjiName, "山田 花子"), (R::KanaName, "ヤマダ ハナコ")];
    for former in [
        (R::FormerKanjiName, "山田ベビー"),
        (R::FormerKanaName, "ヤマダ ﾍﾞﾋﾞｰ"),
        (R::FormerKanjiName, "山田第一子"),
        (R::FormerSurname, "BABY"),
    ] {
        let read = record(&[mother[0], mother[1], former]);
        assert!(read.former().is_none(), "{}", former.1);
        assert!(!read.quality().has(Quality::FormerName));
        // The name that the child has now is its own.
        assert!(!read.flags().has(Flags::TWIN_OR_NEWBORN));
        assert_eq!(read.identifiers().get(Field::KanjiName), Some("山田花子"));
    }
    let married = record(&[mother[0], (R::FormerKanjiName, "佐藤 花子")]);
    assert!(married.former().is_some());
}

#[test]
fn signs_inside_a_mark_hide_no_newborn() {
    for (field, name) in [
        (R::KanjiName, "山田新生,児"),
        (R::KanjiName, "山田 新生・児"),
        (R::KanjiName, "山田新1生児"),
        (R::KanjiName, "山田花子の、子"),
        (R::KanaName, "ヤマダ ベ,ビー"),
        (R::KanaName, "ヤマダ ヴェビー"),
        (R::KanaName, "ヤマダ べビー"),
        (R::KanjiName, "BA,BY"),
        (R::GivenName, "B\u{e1}by"),
    ] {
        let read = record(&[(field, name), (R::BirthDate, "19700302")]);
        assert!(read.quality().has(Quality::NewbornName), "{name}");
        assert!(read.flags().has(Flags::TWIN_OR_NEWBORN), "{name}");
        let named = [Field::KanjiName, Field::KanaName, Field::GivenName];
        assert!(
            named
                .iter()
                .all(|&field| read.identifiers().get(field).is_none())
        );
    }
    for (field, name) in [
        (R::KanjiName, "新田 生児郎"),
        (R::KanaName, "ベニ ビト"),
        (R::GivenName, "Abby"),
    ] {
        let read = record(&[(field, name), (R::BirthDate, "19700302")]);
        assert!(!read.quality().has(Quality::NewbornName), "{name}");
    }
}

#[test]
fn a_word_for_no_name_is_none_in_any_kana_and_any_letters() {
    for (field, name) in [
        (R::KanaName, "ふめい"),
        (R::KanaName, "フメヰ"),
        (R::KanaName, "ななし"),
        (R::KanaName, "みてい"),
        (R::GivenName, "\u{dc}nknown"),
    ] {
        let read = record(&[(field, name), (R::BirthDate, "19700302")]);
        assert!(read.quality().has(Quality::PlaceholderName), "{name}");
        let named = [Field::KanaName, Field::GivenName];
        assert!(
            named
                .iter()
                .all(|&field| read.identifiers().get(field).is_none()),
            "{name}"
        );
    }
}

#[test]
fn a_town_in_latin_letters_is_one_town_in_either_column() {
    for (address, column, town) in [
        ("Y", "Y", "y"),
        (
            "Chiyoda-ku, T\u{f4}ky\u{f4} 1-2-3",
            "CHIYODA KU TOKYO",
            "chiyodakutokyo",
        ),
    ] {
        let whole = value(Field::Town, &[(R::Address, address)]);
        assert_eq!(whole.as_deref(), Some(town));
        assert_eq!(value(Field::Town, &[(R::Town, column)]), whole);
    }
    // A town with other letters keeps those of Latin script as they are.
    let mixed = value(Field::Town, &[(R::Address, "港区ABC町1-2")]);
    assert_eq!(mixed.as_deref(), Some("港区ABC町"));
    assert_eq!(value(Field::Town, &[(R::Town, "港区ABC町")]), mixed);
}

#[test]
fn detached_voiced_marks_join() {
    for kana in ["カ゛タカナ", "ｶﾞﾀｶﾅ", "ｶ ﾞﾀｶﾅ", "か゛たかな", "ガタカナ"]
    {
        let found = value(Field::KanaName, &[(R::KanaName, kana)]);
        assert_eq!(found.as_deref(), Some("ガタカナ"), "{kana}");
    }
}

#[test]
fn wildcards_make_no_name() {
    for unknown in ["■", "●", "〓", "？", "\u{fffd}", "\u{e000}"] {
        let name = format!("山{unknown} 太郎");
        let record = record(&[(R::KanjiName, &name), (R::KanaName, "ヤマダ タロウ")]);
        assert_eq!(record.identifiers().get(Field::KanjiName), None);
        assert_eq!(
            record.identifiers().get(Field::KanaName),
            Some("ヤマダタロウ")
        );
        assert!(record.flags().has(Flags::WILDCARD_NAME));
    }
}

#[test]
fn newborns_carry_no_name_and_a_flag() {
    for name in ["山田ベビー", "山田花子の子"] {
        let record = record(&[
            (R::KanjiName, name),
            (R::KanaName, "ヤマダ ハナコノコ"),
            (R::BirthDate, "20250401"),
        ]);
        assert_eq!(record.identifiers().get(Field::KanjiName), None, "{name}");
        assert_eq!(record.identifiers().get(Field::KanaName), None, "{name}");
        assert!(record.flags().has(Flags::TWIN_OR_NEWBORN));
        assert!(record.flags().has(Flags::WEAK_EVIDENCE));
    }
}

#[test]
fn partial_and_placeholder_dates_make_no_date() {
    for (date, quality) in [
        ("19000101", Quality::PlaceholderBirthDate),
        ("1900-01-01", Quality::PlaceholderBirthDate),
        ("19700300", Quality::PartialBirthDate),
    ] {
        let record = record(&[(R::KanaName, "ヤマダ タロウ"), (R::BirthDate, date)]);
        assert_eq!(record.identifiers().get(Field::BirthYear), None, "{date}");
        assert!(record.quality().has(quality), "{date}");
        assert!(record.flags().has(Flags::PARTIAL_BIRTH), "{date}");
    }
}

#[test]
fn test_records_and_weak_evidence_are_flagged() {
    let test = record(&[(R::KanjiName, "テスト太郎"), (R::BirthDate, "19700302")]);
    assert!(test.flags().has(Flags::TEST_RECORD));
    let whole = record(&[(R::KanaName, "ヤマダ タロウ"), (R::BirthDate, "19700302")]);
    assert_eq!(whole.flags(), Flags::default());
    assert!(
        record(&[(R::KanaName, "ヤマダ")])
            .flags()
            .has(Flags::WEAK_EVIDENCE)
    );
}

#[test]
fn kana_in_the_kanji_field_is_kana() {
    let record = record(&[(R::KanjiName, "ヤマダ タロウ")]);
    assert_eq!(record.identifiers().get(Field::KanjiName), None);
    assert_eq!(
        record.identifiers().get(Field::KanaName),
        Some("ヤマダタロウ")
    );
}

#[test]
fn a_former_name_gives_other_identifiers() {
    let record = record(&[
        (R::KanjiName, "山田 花子"),
        (R::KanaFamily, "ヤマダ"),
        (R::KanaGiven, "ハナコ"),
        (R::FormerKanjiFamily, "佐藤"),
        (R::FormerKanaFamily, "サトウ"),
        (R::BirthDate, "19700302"),
    ]);
    let former = record.former().expect("a former name");
    assert_eq!(former.get(Field::KanjiName), Some("佐藤花子"));
    assert_eq!(former.get(Field::KanaName), Some("サトウハナコ"));
    assert_eq!(former.get(Field::BirthYear), Some("1970"));
    assert!(record.quality().has(Quality::FormerName));
}

#[test]
fn latin_records_have_plain_letters() {
    let record = record(&[
        (R::GivenName, "Zoë-Anne"),
        (R::Surname, "O'Brien"),
        (R::BirthDate, "19810415"),
        (R::Town, "St. Kilda"),
        (R::Street, "Karrugang Circuit"),
        (R::Block, "12a"),
        (R::PostalCode, "2615"),
    ]);
    for (field, value) in [
        (Field::GivenName, "zoeanne"),
        (Field::Surname, "obrien"),
        (Field::Town, "stkilda"),
        (Field::Street, "karrugangcircuit"),
        (Field::Block, "12a"),
        (Field::PostalCode, "2615"),
    ] {
        assert_eq!(record.identifiers().get(field), Some(value));
    }
}

#[test]
fn unusable_rows_say_why() {
    let err = |raw: &RawRecord| normalize::normalize(raw).expect_err("unusable");
    assert_eq!(
        err(&RawRecord::new().with(R::KanaName, "ア")),
        RowError::NoRecordId
    );
    assert_eq!(
        err(&RawRecord::new().with(R::RecordId, "1")),
        RowError::NothingUsable
    );
    let address = |bytes: usize| {
        let raw = RawRecord::new()
            .with(R::RecordId, "1")
            .with(R::KanaName, "ア");
        raw.with(R::Address, "a".repeat(bytes))
    };
    let limit = linker_tokenize::limits::VALUE_BYTES_MAX;
    assert!(normalize::normalize(&address(limit)).is_ok());
    assert_eq!(err(&address(limit + 1)).code(), "row-too-long");
    let id = "1".repeat(linker_tokenize::limits::LOCAL_ID_BYTES_MAX);
    let named = |id: String| {
        RawRecord::new()
            .with(R::KanaName, "ア")
            .with(R::RecordId, id)
    };
    assert!(normalize::normalize(&named(id.clone())).is_ok());
    assert_eq!(err(&named(format!("{id}1"))).code(), "row-too-long");
}

/// The raw field that a normal form can be fed back through.
fn back(field: Field) -> R {
    match field {
        Field::KanaName => R::KanaName,
        Field::KanjiName => R::KanjiName,
        Field::GivenName => R::GivenName,
        Field::Surname => R::Surname,
        Field::PostalCode => R::PostalCode,
        Field::Town => R::Town,
        Field::Block => R::Block,
        Field::Street => R::Street,
        Field::Insurer => R::Insurer,
        Field::InsuredBranch => R::InsuredBranch,
        Field::Sex => R::Sex,
        Field::InsuredNumber | Field::BirthYear | Field::BirthMonth | Field::BirthDay => {
            R::BirthDate
        }
    }
}

proptest! {
    /// Normal forms are fixed points, whatever stood in the source.
    #[test]
    fn normalising_twice_is_normalising_once(
        kanji in "[髙﨑邉山田佐々木花太郎のヶケ■様殿（）ベビー子 \u{3000}A-Za-z0-9]{0,10}",
        kana in "[ぁ-ゖァ-ヺーｦ-ﾟ゛゜ヽヾA-Za-z \u{3000}-]{0,12}",
        postal in "[0-9０-９〒-]{0,9}",
        insurer in "[0-9０-９ ]{0,9}",
        branch in "[0-9０-９]{0,3}",
        sex in "[12男女MF3]{0,2}",
        latin in "[A-Za-zÀ-ſ' -]{0,12}",
    ) {
        let raw = RawRecord::new()
            .with(R::RecordId, "1")
            .with(R::KanjiName, kanji)
            .with(R::KanaName, kana)
            .with(R::PostalCode, postal)
            .with(R::Insurer, insurer)
            .with(R::InsuredNumber, "12")
            .with(R::InsuredBranch, branch)
            .with(R::Sex, sex)
            .with(R::Surname, latin.clone())
            .with(R::Street, latin);
        let once = normalize::normalize(&raw).expect("the number is usable");
        let mut again = RawRecord::new().with(R::RecordId, "1").with(R::InsuredNumber, "12");
        for (field, value) in once.identifiers().iter().filter(|(field, _)| *field != Field::InsuredNumber) {
            again.set(back(field), value);
        }
        let twice = normalize::normalize(&again).expect("the number is usable");
        for (field, value) in once.identifiers().iter() {
            prop_assert_eq!(twice.identifiers().get(field), Some(value), "{:?}", field);
        }
    }

    /// No text, however odd, stops the normaliser.
    #[test]
    fn nothing_panics(text in "\\PC{0,40}|[\u{0}-\u{ff}]{0,40}") {
        let mut raw = RawRecord::new();
        for &field in R::ALL {
            raw.set(field, text.clone());
        }
        let _outcome = normalize::normalize(&raw);
    }

    /// No bytes, however odd, stop a reader.
    #[test]
    fn no_reader_panics(bytes in proptest::collection::vec(any::<u8>(), 0..400), start in 0_usize..4) {
        use linker_tokenize::{CsvMapping, format::{csv, ssmix2, uke}};
        let heads: [&[u8]; 4] = [b"", b"id,name\r\n", b"RE,1,", b"MSH|^~\\&|||||||ADT^A08|\rPID|"];
        let bytes = [heads[start], &bytes].concat();
        let mapping = CsvMapping::parse(
            "[[column]]\nheader=\"id\"\nfield=\"record-id\"\n[[column]]\nheader=\"name\"\nfield=\"kana-name\"\n",
        ).expect("a good mapping");
        let _read = csv::read(&mapping, &bytes, &mut |_, _| {});
        let _read = uke::read(&bytes, &mut |_, _| {});
        let _read = ssmix2::read(&bytes);
    }
}
