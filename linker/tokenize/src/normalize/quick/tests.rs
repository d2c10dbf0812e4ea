//! The quick forms against the full rules, over texts of all scripts.

use proptest::prelude::*;
use zeroize::Zeroizing;

use super::*;
use crate::normalize::{
    address as full_address, date as full_date,
    kana::{Step, full_ladder},
    kanji,
    name::Name,
    text,
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
        let flags = (name.note, name.newborn, name.test, name.script());
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
        let wildcard = address.wildcard;
        (address.prefecture, address.town, address.block, wildcard)
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
            .prop_map(|bytes| encoding_rs::SHIFT_JIS.decode(&bytes).0.into_owned()),
    ]
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
