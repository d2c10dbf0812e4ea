//! Japanese addresses: the prefecture and county go, the town and the block stay, the building is cut off.
//!
//! The rules need no gazetteer, so they hold for towns that no table knows; [`super::postal`] fills gaps
//! afterwards. Every rule is one pass over the text: addresses come from files that anybody may have made.

mod block;
mod region;

use self::region::{without_postal_code, without_region};
pub(super) use self::{
    block::block,
    region::{PREFECTURES, prefecture},
};
use super::{
    kanji, latin,
    numeral::{is_too_long, numeral},
    quick,
    text::{WILDCARD, clean, is_han},
};

/// The parts of an address that are encoded.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Address {
    /// Prefecture, if written. Not encoded: half of the sources leave it out.
    pub prefecture: Option<&'static str>,
    /// Municipality and section, without prefecture, county, 大字 and 字.
    pub town: String,
    /// Numbers of section, block and house, joined by hyphens.
    pub block: String,
    /// Whether the town has a character that the source could not write.
    pub wildcard: bool,
    /// Whether it is a word that systems write when they have no address.
    pub placeholder: bool,
}

impl std::fmt::Debug for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Address(..)")
    }
}

impl Address {
    /// What is usable of the parts that the rules found.
    pub(super) fn of(prefecture: Option<&'static str>, mut town: String, block: String) -> Self {
        // The same letters as in a column of towns, whose Latin script is read by the rule for Latin script.
        if town.starts_with(is_latin) && town.chars().all(is_latin) {
            town = latin::letters(&town, true);
        }
        let wildcard = town.contains(WILDCARD);
        let placeholder = is_placeholder(&town);
        Self {
            prefecture,
            town: if wildcard || placeholder {
                String::new()
            } else {
                town
            },
            block: if placeholder { String::new() } else { block },
            wildcard,
            placeholder,
        }
    }
}

/// Characters of the Latin script, its signs and figures among them.
pub(super) fn is_latin(c: char) -> bool {
    u32::from(c) < 0x250
}

/// Words in their normal form that systems and clerks write when they have no address.
const PLACEHOLDERS: [&str; 14] = [
    "不明",
    "不詳",
    "不定",
    "住所不明",
    "住所不詳",
    "住所不定",
    "住所ナシ",
    "住所なし",
    "住所無し",
    "該当ナシ",
    "該当なし",
    "該当無し",
    "未登録",
    "同上",
];

pub(super) fn is_placeholder(town: &str) -> bool {
    const LONGEST: usize = "住所不明".len();
    town.len() <= LONGEST && PLACEHOLDERS.contains(&town)
}

/// Numbers before these belong to the name of a place.
pub(super) const PLACE_NUMBERS: [&str; 5] = ["条", "番町", "番丁", "線", "区"];
/// Kanji numerals before these are block numbers.
pub(super) const BLOCK_WORDS: [&str; 5] = ["丁目", "番地", "番", "号", "地割"];

/// Parses an address.
#[must_use]
pub fn parse(raw: &str) -> Address {
    quick::address::parse(raw).unwrap_or_else(|| full_parse(raw))
}

/// The rule in full, for any text.
pub(super) fn full_parse(raw: &str) -> Address {
    let cleaned = clean(raw);
    let folded = kanji::strict(without_postal_code(&cleaned));
    let (prefecture, rest) = without_region(folded.trim_start());
    let chars: Vec<char> = rest.chars().collect();
    let (town, at) = town(&chars);
    Address::of(prefecture, settled(town), block(&chars[at..]))
}

/// Applies the rules for towns until nothing changes. Odd texts need it: what is taken out joins characters
/// that a rule then sees together. A town that is already in order costs one more look.
pub(super) fn settled(town_text: String) -> String {
    settled_in(town_text).0
}

/// [`settled`], and how many looks it took.
fn settled_in(mut town_text: String) -> (String, usize) {
    for looks in 1..=town_text.len() + 1 {
        let folded = kanji::strict(&town_text);
        let chars: Vec<char> = without_region(&folded).1.chars().collect();
        let (again, _) = town(&chars);
        if again == town_text {
            return (town_text, looks);
        }
        town_text = again;
    }
    let looks = town_text.len() + 1;
    (town_text, looks)
}

/// The town up to where block numbers begin, and that place.
fn town(chars: &[char]) -> (String, usize) {
    let mut out = String::new();
    let mut at = 0;
    while at < chars.len() {
        let c = chars[at];
        // A longer run of figures is the number of no place and no block: the address ends.
        if is_too_long(chars, at) {
            break;
        }
        if let Some((value, end)) = numeral(chars, at) {
            if starts_with_any(chars, end, &PLACE_NUMBERS) {
                push_number(&mut out, value);
                at = end;
                continue;
            }
            if c.is_ascii_digit() || starts_with_any(chars, end, &BLOCK_WORDS) {
                return (out, at);
            }
            out.extend(&chars[at..end]);
            at = end;
            continue;
        }
        if starts_with_any(chars, at, &["大字"]) {
            at += 2;
            continue;
        }
        let between =
            at > 0 && is_han(chars[at - 1]) && chars.get(at + 1).is_some_and(|&c| is_han(c));
        match c {
            '字' if at > 0 && chars[at - 1] != '文' => {}
            'ヶ' | 'ケ' | 'ヵ' | 'が' | 'ガ' | 'カ' if between => out.push('ケ'),
            'の' | 'ノ' | '之' | '乃' if between => out.push('ノ'),
            'ッ' | 'ツ' | 'っ' | 'つ' if between => out.push('ツ'),
            c if c.is_alphanumeric() || c == WILDCARD || c == 'ー' => out.push(c),
            _ => {}
        }
        at += 1;
    }
    (out, at)
}

pub(super) fn push_number(text: &mut String, value: u32) {
    if value >= 10 {
        push_number(text, value / 10);
    }
    text.push(char::from_digit(value % 10, 10).unwrap_or('0'));
}

pub(super) fn starts_with_any(chars: &[char], at: usize, words: &[&str]) -> bool {
    words.iter().any(|word| {
        word.chars()
            .enumerate()
            .all(|(i, c)| chars.get(at + i) == Some(&c))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::limits::VALUE_BYTES_MAX;

    fn check(raw: &str, town: &str, block: &str) {
        let address = parse(raw);
        assert_eq!(
            (address.town.as_str(), address.block.as_str()),
            (town, block),
            "{raw}"
        );
    }

    #[test]
    fn one_address_in_many_spellings() {
        for raw in [
            "東京都千代田区霞が関一丁目２番３号",
            "千代田区霞ヶ関1-2-3",
            "東京都 千代田区 霞ケ関１丁目２－３　中央ビル４０１号室",
            "〒100-0013 東京都千代田区霞が関１－２－３－４０１",
            "東京都千代田区霞が関1丁目2番地3",
            "東京都千代田区霞が関一丁目二番地の三",
        ] {
            check(raw, "千代田区霞ケ関", "1-2-3");
        }
    }

    #[test]
    fn counties_and_hamlets() {
        check(
            "東京都西多摩郡日の出町大字平井2780番地",
            "日ノ出町平井",
            "2780",
        );
        check("日の出町平井２７８０", "日ノ出町平井", "2780");
        check("北海道余市郡余市町朝日町26", "余市町朝日町", "26");
        check("福島県郡山市朝日一丁目23-7", "郡山市朝日", "1-23-7");
        check(
            "秋田県横手市十文字町字海道下12-5",
            "横手市十文字町海道下",
            "12-5",
        );
    }

    #[test]
    fn numbers_that_belong_to_a_place() {
        check("札幌市中央区北一条西二丁目3", "札幌市中央区北1条西", "2-3");
        check(
            "札幌市中央区北１条西２丁目３番",
            "札幌市中央区北1条西",
            "2-3",
        );
        check("千代田区三番町5-1", "千代田区3番町", "5-1");
        check("三重県四日市市諏訪町1-5", "四日市市諏訪町", "1-5");
        check("港区六本木六丁目10番1号", "港区六本木", "6-10-1");
        check("港区三田二十三丁目", "港区三田", "23");
    }

    #[test]
    fn buildings_are_cut_and_gaps_stay_gaps() {
        check(
            "横浜市西区みなとみらい2-3 301号室",
            "横浜市西区みなとみらい",
            "2-3",
        );
        check("横浜市西区みなとみらい", "横浜市西区みなとみらい", "");
        check("", "", "");
        let address = parse("渋谷区■町1-2");
        assert!(address.wildcard && address.town.is_empty());
        assert_eq!(address.block, "1-2");
    }

    #[test]
    fn a_town_is_a_fixed_point() {
        for raw in [
            "東京都千代田区霞が関1-2-3",
            "札幌市中央区北一条西二丁目3",
            "北海道余市郡余市町朝日町26",
            "埼玉県秩父市中村字東5",
        ] {
            let once = parse(raw);
            let twice = parse(&format!("{}{}", once.town, once.block));
            assert_eq!((twice.town, twice.block), (once.town, once.block), "{raw}");
        }
    }

    /// A look at a text costs at most seven looks at every place, so what is left to bound is how many looks
    /// there are: parts that were repeated for kilobytes once cost one each, or the third power of their
    /// number.
    #[test]
    fn the_longest_values_cost_few_looks() {
        let looks = |part: &str, end: &str| {
            let count = (VALUE_BYTES_MAX - end.len()) / part.len();
            let text = clean(&format!("{}{end}", part.repeat(count))).to_string();
            let (first, _) = town(&text.chars().collect::<Vec<char>>());
            settled_in(first).1.max(settled_in(text).1)
        };
        for part in [
            "0",
            "1",
            "１",
            "㉑",
            "一",
            "〇",
            "〇一",
            "1一",
            "十二三",
            "0条",
            "000000条",
            "0000000条",
            "〇条",
            "大字",
            "大大字字",
            "東大字京都",
            "北海道",
            "余市郡",
            "余市郡余市町",
            "東京都余市郡町",
            "郡",
            "道",
            "条",
            "㍿",
            "の",
            "ケ山",
        ] {
            for end in ["", "番", "番地", "区画", "条", "条1", "町"] {
                assert!(looks(part, end) <= 4, "{part} {end}: {}", looks(part, end));
            }
        }
    }

    /// [`without_region`], one at a time.
    fn slowly_without_region(text: &str) -> String {
        let mut rest = text.to_owned();
        loop {
            let shorter = without_region(&rest).1.to_owned();
            if shorter == rest {
                return rest;
            }
            rest = shorter;
        }
    }

    #[test]
    fn municipalities_and_counties_with_the_character_of_the_other() {
        for (raw, town) in [
            ("兵庫県赤穂郡上郡町大持", "上郡町大持"),
            ("上郡町大持", "上郡町大持"),
            ("福島県郡山市朝日", "郡山市朝日"),
            ("山形県東村山郡山辺町山辺", "山辺町山辺"),
            ("福島県田村郡三春町大町", "三春町大町"),
            ("奈良県高市郡明日香村岡", "明日香村岡"),
            ("奈良県大和郡山市北郡山町", "大和郡山市北郡山町"),
        ] {
            check(raw, town, "");
        }
    }

    #[test]
    fn words_for_no_address_are_no_address() {
        for raw in [
            "不明",
            "住所不定",
            "住所　不明",
            "（不明）",
            "該当なし",
            "同上",
        ] {
            let address = parse(raw);
            assert!(address.placeholder && address.town.is_empty(), "{raw}");
        }
        for raw in ["不明町1-2", "", "東京都"] {
            assert!(!parse(raw).placeholder, "{raw}");
        }
    }

    #[test]
    fn a_longer_run_of_figures_ends_the_address() {
        check("岐阜市都通0582123456", "岐阜市都通", "");
        check("岐阜市都通123456", "岐阜市都通", "123456");
    }

    proptest! {
        #[test]
        fn settling_takes_few_looks_and_settles(
            start in "(東京都|北海道|山郡町)?[余郡市区町村大字文々ケの一十条番丁目 山々0-1]{0,10}",
            figures in "[0-9]{0,30}",
            end in "[条番地区山町村一字 ]{0,3}",
        ) {
            let text = format!("{start}{figures}{end}");
            let (rest, slow) = (without_region(&text).1, slowly_without_region(&text));
            prop_assert_eq!(rest, slow, "{}", &text);
            let (town, looks) = settled_in(text.clone());
            prop_assert!(looks <= 6, "{}: {}", &text, looks);
            prop_assert_eq!(&settled(town.clone()), &town, "{}", &text);
        }

        #[test]
        fn towns_and_blocks_are_fixed_points(
            raw in "(東京都|北海道|〒100-0013 )?[余高郡市区町村大字文々ケがの之ッ北一二十条番丁目地号線山 　ー\\-0-3A-B■]{0,14}",
        ) {
            let once = parse(&raw);
            prop_assert_eq!(parse(&once.town).town, once.town);
            prop_assert_eq!(parse(&once.block).block, once.block);
        }
    }
}
