//! The quick forms against the full rules, over texts of all scripts.

use encoding_rs::SHIFT_JIS;
use proptest::prelude::*;
use zeroize::Zeroizing;

use super::*;
use crate::{
    normalize::{
        Values, address as full_address, date as full_date,
        kana::{Step, full_ladder},
        kanji,
        name::Name,
        normalize_values, text,
    },
    record::{RawField, SourceRecord},
};

fn same_clean(raw: &str) {
    let mut out = String::with_capacity(raw.len());
    if clean(raw, &mut out).is_some() {
        assert_eq!(out, text::full_clean(raw).as_str(), "{raw:?}");
    }
    assert_eq!(text::clean(raw), text::full_clean(raw), "{raw:?}");
}

fn same_name(raw: &str) {
    let (some, full) = (Name::parse(raw), Name::full_parse(raw));
    let all = |name: &Name| {
        let marks = (name.newborn, name.test, name.placeholder);
        let flags = (name.note, marks, name.script());
        (name.text.to_string(), flags)
    };
    assert_eq!(all(&some), all(&full), "{raw:?}");
    assert_eq!(some.folded(), kanji::strict(&full.joined()), "{raw:?}");
}

fn same_kana(raw: &str) {
    if let Some(quick) = kana::k2(raw) {
        assert_eq!(quick, full_ladder(raw, Step::K2), "{raw:?}");
    }
}

fn same_address(raw: &str) {
    let (some, full) = (full_address::parse(raw), full_address::full_parse(raw));
    let parts = |address: full_address::Address| {
        let odd = (address.wildcard, address.placeholder);
        (address.prefecture, address.town, address.block, odd)
    };
    assert_eq!(parts(some), parts(full), "{raw:?}");
}

fn same(raw: &str) {
    same_clean(raw);
    same_name(raw);
    same_kana(raw);
    same_address(raw);
    assert!(
        full_date::parse(raw) == full_date::full_parse(raw),
        "{raw:?}"
    );
}

#[test]
fn every_character_of_the_basic_plane_alone_and_between_others() {
    for c in (0..0x1_0000).filter_map(char::from_u32) {
        same_clean(&String::from(c));
        for raw in [
            format!("山{c}田"),
            format!("ハ{c}"),
            format!("{c}\u{3099}"),
            format!("{c} ﾟ{c}"),
            format!("か {c} A"),
        ] {
            same_clean(&raw);
        }
        same_name(&format!("{c}山 {c}"));
        same_name(&format!("山の{c}"));
        same_kana(&format!("{c}ア{c}イ"));
        same_address(&format!("山{c}田{c}1"));
    }
}

#[test]
fn usual_texts_are_read_quickly() {
    for raw in ["山田　太郎", "佐々木 花子", "ﾔﾏﾀﾞ ﾀﾛｳ", "髙﨑", "わたなべ"]
    {
        assert!(name::parse(raw).is_some(), "{raw}");
        assert!(clean(raw, &mut String::with_capacity(raw.len())).is_some());
    }
    for raw in [
        "岐阜県岐阜市都通一丁目２番地の3",
        "岐阜市都通1-2-3　中央ビル401",
        "千代田区霞ヶ関1-2",
    ] {
        assert!(address::parse(raw).is_some(), "{raw}");
    }
    for raw in ["S45.03.02", "19700302", "1970-3-2"] {
        assert!(date::parse(raw).is_some(), "{raw}");
    }
    assert_eq!(kana::k2("ショウイチ ヅ").as_deref(), Some("シヨウイチズ"));
}

#[test]
fn a_blank_after_a_block_word_stays_a_blank() {
    for raw in ["二番 千", "岐阜市都通二番 三号", "都通1丁目　2-3"] {
        assert!(address::parse(raw).is_some(), "{raw}");
        same_address(raw);
    }
}

#[test]
fn a_text_that_would_grow_is_left_to_the_full_rule() {
    // One byte becomes a wildcard of three.
    assert_eq!(clean("***", &mut String::with_capacity(3)), None);
    same_clean("***");
}

/// Texts that lie near the borders of the rules, then anything at all.
fn texts() -> impl Strategy<Value = String> {
    prop_oneof![
        "[髙﨑邉山田佐々仝木花太郎のノヶケ様殿氏君さまマん児子第一二ビベテてスストー \u{3000}（）A-Za-z0-9■]{0,10}",
        "[ぁ-ゖァ-ヺーｦ-ﾟ゛゜ヽヾゝゞ\u{3099}\u{309a} \u{3000}-]{0,12}",
        "(東京都|北海道|岐阜県|〒100-0013 )?[余高郡市区町村大字文々ケがのノ之ッツ北一二三十百千〇条番丁目地号線山 　ー\\-0-3A-B■髙]{0,14}",
        "[MTSHRmt昭和平成元年]{0,2}[0-9]{0,4}[./年-]{0,1}[0-9]{0,2}[./月-]{0,1}[0-9]{0,3}",
        "[0-9]{0,9}",
        "[山\u{e0100}\u{fe00}\u{200b}葛辻か\u{20000}𠮷𣘺\u{10ffff}\u{f900}\u{fa10}]{0,8}",
        "\\PC{0,24}",
        any::<String>(),
        prop::collection::vec(any::<u16>(), 0..12)
            .prop_map(|units| String::from_utf16_lossy(&units)),
        prop::collection::vec(any::<u8>(), 0..24)
            .prop_map(|bytes| SHIFT_JIS.decode(&bytes).0.into_owned()),
    ]
}

/// A record by the quick rules, decoded or not, if they decide, and by the full ones.
fn same_person(values: &[(RawField, String)], record: &mut SourceRecord) -> bool {
    let mut raw = Values::default();
    for (field, value) in values {
        raw.set(*field, value).expect("short");
    }
    let bytes = person::UNDECODED.map(|field| {
        let (bytes, _, damaged) = SHIFT_JIS.encode(raw.get(field)?);
        // Some characters come back as others.
        let same = SHIFT_JIS.decode(&bytes).0 == raw.get(field)?;
        (!damaged && same).then(|| bytes.into_owned())
    });
    let mut others = raw;
    for (field, _) in person::UNDECODED
        .iter()
        .zip(&bytes)
        .filter(|(_, bytes)| bytes.is_some())
    {
        others.set(*field, "").expect("short");
    }
    let undecoded = bytes.each_ref().map(Option::as_deref);
    let by_bytes = same_read(&raw, &others, &undecoded, record);
    let quick = same_read(&raw, &raw, &Default::default(), record);
    assert!(quick || !by_bytes);
    quick
}

fn same_read(
    raw: &Values<'_>,
    others: &Values<'_>,
    undecoded: &person::Undecoded<'_>,
    record: &mut SourceRecord,
) -> bool {
    let quick = person::normalize(others, undecoded, record);
    if quick {
        let full = normalize_values(raw).expect("the quick rules found it usable");
        assert_eq!(record.local_id(), full.local_id());
        let all = |record: &SourceRecord| {
            let identifiers = record.identifiers().iter();
            let identifiers = identifiers.map(|(field, value)| (field, value.to_owned()));
            let former = record.former().is_some();
            (
                identifiers.collect::<Vec<_>>(),
                former,
                record.flags(),
                record.quality(),
            )
        };
        let values = RawField::ALL.iter().map(|&field| raw.get(field));
        assert_eq!(all(record), all(&full), "{:?}", values.collect::<Vec<_>>());
    }
    quick
}

fn usual_person() -> Vec<(RawField, String)> {
    [
        (RawField::RecordId, "00012345"),
        (RawField::KanjiName, "山田　太郎"),
        (RawField::KanaName, "ﾔﾏﾀﾞ ﾀﾛｳ"),
        (RawField::BirthDate, "S45.03.02"),
        (RawField::Sex, "male"),
        (RawField::PostalCode, "5008381"),
        (RawField::Address, "岐阜県岐阜市都通一丁目２番地の3"),
        (RawField::Insurer, "00210013"),
        (RawField::InsuredSymbol, "岐"),
        (RawField::InsuredNumber, "0012345"),
        (RawField::InsuredBranch, "1"),
    ]
    .map(|(field, value)| (field, value.to_owned()))
    .to_vec()
}

#[test]
fn a_usual_person_is_read_quickly_whatever_is_missing() {
    let mut record = SourceRecord::empty();
    let usual = usual_person();
    assert!(same_person(&usual, &mut record));
    for missing in 1..usual.len() {
        let mut values = usual.clone();
        values.remove(missing);
        assert!(same_person(&values, &mut record), "{:?}", usual[missing].0);
        values.truncate(missing);
        same_person(&values, &mut record);
    }
    assert!(!same_person(&usual[1..], &mut record), "no number");
    for (field, value) in [
        (RawField::FormerKanjiFamily, "佐藤"),
        (RawField::Deceased, "Y"),
        (RawField::MultipleBirth, "Y"),
        (RawField::Sex, "男"),
        (RawField::KanjiName, "山田太郎様"),
        (RawField::KanaName, "Yamada"),
    ] {
        let mut values = usual.clone();
        values.push((field, value.to_owned()));
        assert!(!same_person(&values, &mut record), "{field:?}");
    }
}

/// What stands in a column, from usual to odd.
fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => texts(),
        1 => "[0-9]{0,10}",
        1 => "[0０][0-9A-Za-z ー\\-]{0,8}",
        1 => "[0岐阜ァーA-z０ａ-]{0,6}",
        1 => "[0-2MFYN]|male|female|男|女",
        1 => "(テスト|てすと|ベビー|べびー|ベイビー|ダミー|サンプル|新生児)[ァ-ヶ山田]{0,3}",
        1 => "(山田|ヤマダ)? ?(デモ|試験患者|試験用|検証用|動作確認|練習用|研修用|仮患者|架空)[ ァ-ヶ山田]{0,3}",
        1 => "(山田|ヤマダ)? ?(不明|不詳|未定|身元不明|匿名|未登録|該当なし|該当ナシ|名無し|名ナシ)[ ァ-ヶ山田]{0,2}",
        1 => "(山田|ヤマダ)? ?(フメイ|フショウ|ミテイ|トクメイ|ミトウロク|ナナシ)[ ァ-ヶ山田]{0,2}",
        1 => "(住所)?(不明|不定|同上|未登録)|(9|９){3,10}|0{3,8}",
        1 => "1000013|5008381|5008309|0600000|(東京都)?千代田区(霞ケ関)?|岐阜市都通|都通",
        1 => "[山田花ヤマダ]{1,4} ?(さま|サマ|さん|ちゃん|くん|君|の子|ノ子|の児|様)",
        1 => "(一|２|13|〇)(丁目|番地の|番地|番の|番|号|号室|地割|丁|の|-|ー| ){0,2}[1-9]?(番|号|-)?[0-9]{0,7}F?",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8192))]

    #[test]
    fn persons_agree(
        changes in prop::collection::vec((prop::sample::select(RawField::ALL), value()), 0..5),
        number in "[0-9A-Z]{0,3}",
        reused in any::<bool>(),
    ) {
        let mut values = usual_person();
        values[0].1 = number;
        let mut record = SourceRecord::empty();
        if reused {
            same_person(&usual_person(), &mut record);
        }
        values.extend(changes);
        same_person(&values, &mut record);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16_384))]

    #[test]
    fn quick_and_full_agree(raw in texts()) {
        same(&raw);
    }

    #[test]
    fn numbers_agree(raw in "[0-9A-Za-z０-９ー\\-〒 ]{0,10}") {
        if let Some(digits) = number::digits(&raw) {
            let cleaned: Zeroizing<String> = text::full_clean(&raw);
            let full: String = cleaned.chars().filter(char::is_ascii_digit).collect();
            prop_assert_eq!(digits, full);
            let allowed = |c: char| c.is_ascii_digit() || c == ' ' || text::is_dash(c);
            prop_assert!(cleaned.chars().all(allowed));
        }
        if number::is_plain(&raw) {
            let cleaned = text::full_clean(&raw);
            prop_assert_eq!(cleaned.as_str(), raw);
        }
    }
}
