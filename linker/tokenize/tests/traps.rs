//! The traps of Japanese identifiers, one test for each and named after it. What sank a linkage once must not
//! sink another.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests stop at the first thing that is not as it should be"
)]

use linker_token::{Field, Flags};
use linker_tokenize::{
    Quality, RawField as R, RawRecord, SourceRecord,
    format::ssmix2,
    normalize::{self, kanji, text},
};
use unicode_normalization::UnicodeNormalization as _;

fn record(fields: &[(R, &str)]) -> SourceRecord {
    let mut raw = RawRecord::new().with(R::RecordId, "1");
    for (field, value) in fields {
        raw.set(*field, *value);
    }
    normalize::normalize(&raw).unwrap()
}

fn value(field: Field, fields: &[(R, &str)]) -> Option<String> {
    record(fields).identifiers().get(field).map(str::to_owned)
}

fn kanji_name(name: &str) -> Option<String> {
    value(Field::KanjiName, &[(R::KanjiName, name)])
}

fn kana_name(name: &str) -> Option<String> {
    value(Field::KanaName, &[(R::KanaName, name)])
}

/// Whether two records, each with a birth date beside what is given, are one person's to the last field.
fn same(one: &[(R, &str)], other: &[(R, &str)]) -> bool {
    record(one).identifiers() == record(other).identifiers()
}

#[test]
fn bytes_of_iso_2022_jp_equal_delimiters_of_hl7() {
    let delimiters = |c: char| {
        let text = String::from(c);
        let (bytes, _, _) = encoding_rs::ISO_2022_JP.encode(&text);
        bytes[3..5].iter().any(|byte| b"|^~&\\".contains(byte))
    };
    // Of all characters that a name may have; some begin with such a byte, some end with one.
    let all: String = (0x4e00..0x9fa0)
        .filter_map(char::from_u32)
        .filter(|&c| {
            let text = String::from(c);
            let (bytes, _, unknown) = encoding_rs::ISO_2022_JP.encode(&text);
            !unknown && bytes.len() == 8 && delimiters(c)
        })
        .collect();
    assert!(all.chars().count() > 200, "{}", all.chars().count());
    for c in all.chars() {
        let name = format!("山{c}");
        let message = format!(
            "MSH|^~\\&|A|B|C|D|20250101||ADT^A08^ADT_A01|1|P|2.5||||||~ISO IR87||ISO 2022-1994|X\r\
             PID|0001||12345||{name}^{c}郎^^^^^L^I~ヤマ^ロウ^^^^^L^P||19700302|M\r"
        );
        let (bytes, _, unknown) = encoding_rs::ISO_2022_JP.encode(&message);
        assert!(!unknown);
        let ssmix2::Adt::Current(read) = ssmix2::read(&bytes).unwrap() else {
            panic!("{c} is read as a deletion");
        };
        let expected = kanji::strict(&text::clean(&format!("{name}{c}郎")));
        let found = read.identifiers();
        assert_eq!(found.get(Field::KanjiName), Some(expected.as_str()), "{c}");
        assert_eq!(found.get(Field::KanaName), Some("ヤマロウ"), "{c}");
        assert_eq!(found.get(Field::BirthYear), Some("1970"), "{c}");
    }
}

#[test]
fn nfkc_makes_a_blank_of_the_spacing_voiced_mark() {
    // What NFKC alone does.
    assert_eq!("か\u{309b}".nfkc().collect::<String>(), "か \u{3099}");
    for kana in [
        "か\u{309b}の",
        "か \u{309b}の",
        "が の",
        "か\u{3099}の",
        "ｶﾞﾉ",
    ] {
        assert_eq!(kana_name(kana).as_deref(), Some("ガノ"), "{kana}");
    }
    assert_eq!(kana_name("は\u{309c}の").as_deref(), Some("パノ"));
}

#[test]
fn nfkc_folds_no_variant_of_a_name() {
    for c in "髙﨑邉邊齋齊濵栁德𠮷澤惠廣".chars() {
        assert!(c.nfkc().eq([c]), "{c}");
        assert_ne!(kanji::strict(&c.to_string()), c.to_string(), "{c}");
    }
    for (one, other) in [
        ("髙﨑", "高崎"),
        ("渡邉", "渡辺"),
        ("渡邊", "渡辺"),
        ("𠮷田", "吉田"),
    ] {
        assert_eq!(kanji_name(one), kanji_name(other));
    }
    // Compatibility characters it does fold.
    assert_eq!(kanji_name("\u{fa10}本"), kanji_name("塚本"));
}

#[test]
fn characters_that_published_maps_join_stay_apart() {
    for pair in ["玉王", "功切", "書昼", "師帥", "宍肉"] {
        let mut both = pair.chars().map(String::from);
        let (one, other) = (both.next().unwrap(), both.next().unwrap());
        assert_ne!(kanji::strict(&one), kanji::strict(&other));
        assert_ne!(kanji::loose(&one), kanji::loose(&other));
        assert_ne!(
            kanji_name(&format!("{one}田 一")),
            kanji_name(&format!("{other}田 一"))
        );
    }
}

#[test]
fn characters_are_folded_and_never_whole_names() {
    // 渡部 is read like 渡辺 and is another name.
    assert_ne!(kanji_name("渡部 一"), kanji_name("渡辺 一"));
    assert_ne!(kanji::loose("渡部"), kanji::loose("渡辺"));
    // What families keep apart is kept apart in tokens.
    for (one, other) in [("島田", "嶋田"), ("斎藤", "斉藤"), ("竜一", "龍一")] {
        assert_ne!(kanji_name(one), kanji_name(other));
    }
}

#[test]
fn full_width_and_half_width_numbers_are_one_number() {
    let one = [
        (R::InsuredSymbol, "１２－３４"),
        (R::InsuredNumber, "００４５６"),
        (R::InsuredBranch, "０１"),
        (R::Insurer, "０６１３００１１"),
        (R::BirthDate, "１９７００３０２"),
    ];
    let other = [
        (R::InsuredSymbol, "12-34"),
        (R::InsuredNumber, "00456"),
        (R::InsuredBranch, "01"),
        (R::Insurer, "06130011"),
        (R::BirthDate, "19700302"),
    ];
    assert!(same(&one, &other));
}

#[test]
fn a_blank_in_a_name_means_nothing() {
    let names = [
        "山田太郎",
        "山田 太郎",
        "山田　太郎",
        "山田 　 太郎",
        "　山田太郎　",
        "山田\u{a0}太郎",
    ];
    for name in names {
        assert_eq!(kanji_name(name).as_deref(), Some("山田太郎"), "{name}");
    }
    for name in ["ヤマダタロウ", "ヤマダ タロウ", "ﾔﾏﾀﾞ ﾀﾛｳ", "ヤマダ　タロウ"]
    {
        assert_eq!(kana_name(name).as_deref(), Some("ヤマダタロウ"), "{name}");
    }
}

#[test]
fn an_era_is_a_year() {
    for date in [
        "S45.3.2",
        "3450302",
        "昭和45年3月2日",
        "昭和四十五年三月二日",
        "1970-03-02",
    ] {
        let year = value(Field::BirthYear, &[(R::BirthDate, date)]);
        assert_eq!(year.as_deref(), Some("1970"), "{date}");
    }
    // 1989 has two eras, and clerks go on with the old one.
    for date in ["昭和64年1月9日", "平成元年1月9日", "H1.1.9", "S64.1.9"] {
        let found = record(&[(R::BirthDate, date), (R::KanaName, "ヤマダ")]);
        assert_eq!(
            found.identifiers().get(Field::BirthYear),
            Some("1989"),
            "{date}"
        );
        let overrun = date.starts_with(['昭', 'S']);
        assert_eq!(found.quality().has(Quality::EraOverrun), overrun, "{date}");
    }
}

#[test]
fn variation_selectors_are_invisible() {
    for name in ["辻\u{e0100}", "辻\u{e0101}", "辻\u{fe00}", "辻"] {
        assert_eq!(kanji_name(&format!("{name} 一")).as_deref(), Some("辻一"));
    }
    assert_eq!(
        kanji_name("葛\u{e0101}西\u{e0100} 花"),
        kanji_name("葛西 花")
    );
    let town = |text| value(Field::Town, &[(R::Address, text)]);
    assert_eq!(
        town("奈良県葛\u{e0100}城市新庄1"),
        town("奈良県葛城市新庄1")
    );
}

#[test]
fn half_width_kana_have_detached_marks() {
    for kana in [
        "ｶﾞﾊﾟ",
        "ｶ ﾞﾊ ﾟ",
        "カﾞハﾟ",
        "ガパ",
        "か゛は゜",
        "カ゛ハ゜",
        "カ\u{3099}ハ\u{309a}",
    ] {
        assert_eq!(kana_name(kana).as_deref(), Some("ガパ"), "{kana}");
    }
    for (half, full) in [
        ("ﾊｯﾄﾘ", "ハットリ"),
        ("ｲﾁﾛｰ", "イチロー"),
        ("ｳﾞｧﾝﾀﾞ", "ヴァンダ"),
    ] {
        assert_eq!(kana_name(half), kana_name(full));
    }
}

#[test]
fn a_character_that_a_source_cannot_write_is_no_name() {
    for unknown in ["■", "□", "●", "〓", "＊", "？", "\u{fffd}", "\u{e000}"] {
        let found = record(&[
            (R::KanjiName, &format!("山{unknown} 一")),
            (R::KanaName, "ヤマ イチ"),
        ]);
        assert_eq!(found.identifiers().get(Field::KanjiName), None);
        assert!(found.flags().has(Flags::WILDCARD_NAME));
    }
}

#[test]
fn placeholders_are_nobody_and_are_counted() {
    for (field, text, quality) in [
        (R::KanjiName, "氏名不詳", Quality::PlaceholderName),
        (R::KanaName, "ﾌﾒｲ", Quality::PlaceholderName),
        (R::KanjiName, "山田ベビー", Quality::NewbornName),
        (R::KanjiName, "山田花子の子", Quality::NewbornName),
        (R::KanjiName, "テスト太郎", Quality::TestRecord),
        (R::KanjiName, "山田 テスト", Quality::TestRecord),
        (R::BirthDate, "1900-01-01", Quality::PlaceholderBirthDate),
        (R::BirthDate, "0001-01-01", Quality::PlaceholderBirthDate),
        (R::BirthDate, "9999", Quality::PlaceholderBirthDate),
        (R::BirthDate, "99991231", Quality::PlaceholderBirthDate),
        (R::Address, "住所不定", Quality::PlaceholderOther),
        (R::InsuredNumber, "9999999", Quality::PlaceholderOther),
    ] {
        let found = record(&[(R::PostalCode, "500-8309"), (field, text)]);
        assert!(found.quality().has(quality), "{text}");
        let test = quality == Quality::TestRecord;
        assert_eq!(found.flags().has(Flags::TEST_RECORD), test, "{text}");
        // Of a test record the name is kept: the flag says what it is. Of the others nothing is made.
        let kept = [
            Field::KanjiName,
            Field::KanaName,
            Field::BirthYear,
            Field::Block,
            Field::InsuredNumber,
        ]
        .into_iter()
        .any(|field| found.identifiers().get(field).is_some());
        assert_eq!(kept, test, "{text}");
    }
}

#[test]
fn the_telephone_of_the_institution_is_on_every_record() {
    use linker_tokenize::{CsvMapping, format::csv, limits::PHONE_REPEATS_MAX};
    let mapping = CsvMapping::parse(
        "[[column]]\nheader=\"id\"\nfield=\"record-id\"\n[[column]]\nheader=\"kana\"\nfield=\"kana-name\"\n\
         [[column]]\nheader=\"tel\"\nfield=\"phone\"\n",
    )
    .unwrap();
    let limit = u32::from(PHONE_REPEATS_MAX);
    let mut text = "id,kana,tel\n".to_owned();
    for row in 0..limit + 5 {
        let spelling = [
            "058-200-0000",
            "０５８（２００）００００",
            "+81-58-200-0000",
        ];
        text += &format!(
            "{row},ヤマ,{}\n{row}b,ヤマ,090{:08}\n",
            spelling[row as usize % 3],
            row * 3
        );
    }
    let mut flagged = 0;
    let report = csv::read(&mapping, text.as_bytes(), &mut |_, row| {
        flagged += u32::from(row.unwrap().quality().has(Quality::FrequentPhone));
    })
    .unwrap();
    assert_eq!((flagged, report.counts.get("frequent-phone")), (5, 5));
    assert_eq!(report.rejected, 0);
}

#[test]
fn a_missing_postal_code_and_a_missing_municipality_are_found() {
    let whole = [
        (R::PostalCode, "500-8309"),
        (R::Address, "岐阜県岐阜市都通1-2-3"),
    ];
    for other in [
        &[(R::Address, "岐阜市都通１丁目２番３号")][..],
        &[(R::PostalCode, "〒500-8309"), (R::Address, "都通1-2-3")],
        &[(R::PostalCode, "500"), (R::Address, "岐阜市都通1-2-3")],
        &[
            (R::PostalCode, "5008309"),
            (R::Town, "都通"),
            (R::Block, "1-2-3"),
        ],
    ] {
        assert!(same(&whole, other));
    }
    // Nothing but the code: all but the numbers.
    let found = record(&[(R::PostalCode, "5008309")]);
    assert_eq!(found.identifiers().get(Field::Town), Some("岐阜市都通"));
    assert!(found.quality().has(Quality::TownFilled) && found.quality().has(Quality::NoAddress));
    // A contradiction is counted, and both stay as they are.
    let found = record(&[(R::PostalCode, "5008309"), (R::Address, "各務原市那加1")]);
    assert!(found.quality().has(Quality::PostalContradicts));
    assert_eq!(found.identifiers().get(Field::PostalCode), Some("5008309"));
    assert_eq!(found.identifiers().get(Field::Town), Some("各務原市那加"));
}
