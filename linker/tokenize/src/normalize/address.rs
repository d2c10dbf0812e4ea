//! Japanese addresses without a gazetteer: the prefecture and county go, the town and the block stay,
//! the building is cut off.

use super::{
    kanji,
    numeral::numeral,
    quick,
    text::{WILDCARD, clean, is_dash, is_han},
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
}

impl std::fmt::Debug for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Address(..)")
    }
}

const PREFECTURES: [&str; 47] = [
    "北海道",
    "青森県",
    "岩手県",
    "宮城県",
    "秋田県",
    "山形県",
    "福島県",
    "茨城県",
    "栃木県",
    "群馬県",
    "埼玉県",
    "千葉県",
    "東京都",
    "神奈川県",
    "新潟県",
    "富山県",
    "石川県",
    "福井県",
    "山梨県",
    "長野県",
    "岐阜県",
    "静岡県",
    "愛知県",
    "三重県",
    "滋賀県",
    "京都府",
    "大阪府",
    "兵庫県",
    "奈良県",
    "和歌山県",
    "鳥取県",
    "島根県",
    "岡山県",
    "広島県",
    "山口県",
    "徳島県",
    "香川県",
    "愛媛県",
    "高知県",
    "福岡県",
    "佐賀県",
    "長崎県",
    "熊本県",
    "大分県",
    "宮崎県",
    "鹿児島県",
    "沖縄県",
];

/// Cities whose own name has the character for county, and counties whose name has the one for city.
const CITIES_WITH_COUNTY: [&str; 5] = ["郡上市", "郡山市", "大和郡山市", "蒲郡市", "小郡市"];
const COUNTIES_WITH_CITY: [&str; 2] = ["余市郡", "高市郡"];

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
    let (prefecture, rest) = prefecture(folded.trim_start());
    let rest = without_county(rest);
    let chars: Vec<char> = rest.chars().collect();
    let (town, at) = town(&chars);
    let town = settled(town);
    let wildcard = town.contains(WILDCARD);
    Address {
        prefecture,
        town: if wildcard { String::new() } else { town },
        block: block(&chars[at..]),
        wildcard,
    }
}

/// Applies the rules for towns until nothing changes. Odd texts need it: what is taken out joins characters
/// that a rule then sees together. A town that is already in order costs one more look.
pub(super) fn settled(town_text: String) -> String {
    settled_in(town_text).0
}

/// [`settled`], and how many looks it took.
fn settled_in(mut town_text: String) -> (String, usize) {
    // Figures at the end are of a run too long for a number, whose last six were the block. Every look
    // would take six more, and nothing before them depends on them.
    let kept = town_text.trim_end_matches(|c: char| c.is_ascii_digit());
    town_text.truncate(kept.len());
    for looks in 1..=town_text.len() + 1 {
        let folded = kanji::strict(&town_text);
        let chars: Vec<char> = without_county(prefecture(&folded).1).chars().collect();
        let (again, _) = town(&chars);
        if again == town_text {
            return (town_text, looks);
        }
        town_text = again;
    }
    let looks = town_text.len() + 1;
    (town_text, looks)
}

fn without_postal_code(text: &str) -> &str {
    let Some(rest) = text.strip_prefix('〒') else {
        return text;
    };
    rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == ' ' || is_dash(c))
}

pub(super) fn prefecture(text: &str) -> (Option<&'static str>, &str) {
    // Every name has three or four characters of three bytes and ends with one of four.
    let ends = |at| matches!(text.get(at..at + 3), Some("都" | "道" | "府" | "県"));
    if !ends(6) && !ends(9) {
        return (None, text);
    }
    // The first character tells most of them apart.
    let found = PREFECTURES
        .iter()
        .filter(|name| name.as_bytes().first_chunk::<3>() == text.as_bytes().first_chunk())
        .find_map(|name| text.strip_prefix(name).map(|rest| (Some(*name), rest)));
    found.unwrap_or((None, text))
}

/// Takes the county off: half of the sources leave it out.
fn without_county(text: &str) -> &str {
    if CITIES_WITH_COUNTY.iter().any(|city| text.starts_with(city)) {
        return text;
    }
    if let Some(rest) = COUNTIES_WITH_CITY
        .iter()
        .find_map(|county| text.strip_prefix(county))
    {
        return rest;
    }
    let Some((head, rest)) = text.split_once('郡') else {
        return text;
    };
    let name = (1..=5).contains(&head.chars().count())
        && !head.contains(['市', '区', '町', '村'])
        && head
            .chars()
            .all(|c| is_han(c) || matches!(c, 'ケ' | 'ヶ' | 'の' | 'ノ' | ' '));
    let town = rest.chars().take(8).any(|c| matches!(c, '町' | '村'));
    if name && town { rest } else { text }
}

/// The town up to where block numbers begin, and that place.
fn town(chars: &[char]) -> (String, usize) {
    let mut out = String::new();
    let mut at = 0;
    while at < chars.len() {
        let c = chars[at];
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

/// Up to three numbers from the start of `chars`, joined by hyphens; building and room are cut off.
pub(super) fn block(chars: &[char]) -> String {
    const CONNECTORS: [&str; 13] = [
        "丁目の",
        "番地の",
        "丁目",
        "番地",
        "番の",
        "地割",
        "丁",
        "番",
        "の",
        "ノ",
        "之",
        "、",
        ".",
    ];
    let mut out = String::new();
    let mut count = 0;
    let mut at = 0;
    while count < 3 {
        let Some((value, end)) = numeral(chars, at) else {
            break;
        };
        if starts_with_any(chars, end, &["号室", "号棟", "階", "F"]) {
            break;
        }
        if count > 0 {
            out.push('-');
        }
        push_number(&mut out, value);
        count += 1;
        at = end;
        // Most numbers are followed by a dash or by nothing, which spares the look at every word.
        let first = chars.get(at).copied().unwrap_or(' ');
        let connector = matches!(first, '丁' | '番' | '地' | 'の' | 'ノ' | '之' | '、' | '.');
        if let Some(word) = CONNECTORS
            .iter()
            .find(|word| connector && starts_with_any(chars, at, &[word]))
        {
            at += word.chars().count();
            while chars.get(at) == Some(&' ') {
                at += 1;
            }
        } else if chars.get(at).is_some_and(|&c| is_dash(c)) {
            at += 1;
        } else {
            break;
        }
        // A dash may follow a word, as in 3番地-4.
        if chars.get(at).is_some_and(|&c| is_dash(c)) {
            at += 1;
        }
    }
    out
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

    /// The rule of [`settled`] without its short cut.
    fn slowly_settled(mut town_text: String) -> String {
        loop {
            let folded = kanji::strict(&town_text);
            let chars: Vec<char> = without_county(prefecture(&folded).1).chars().collect();
            let (again, _) = town(&chars);
            if again == town_text {
                return town_text;
            }
            town_text = again;
        }
    }

    /// Figures once cost the third power of their number. A look at a text costs at most seven looks at
    /// every place, so what is left to bound is how many looks there are.
    #[test]
    fn the_longest_values_cost_few_looks() {
        let looks = |part: &str, end: &str| {
            let count = (VALUE_BYTES_MAX - end.len()) / part.len();
            let text = clean(&format!("{}{end}", part.repeat(count))).to_string();
            let (first, _) = town(&text.chars().collect::<Vec<char>>());
            settled_in(first).1
        };
        for part in ["1", "１", "㉑", "一", "〇", "1一", "十二三", "大字", "㍿"] {
            for end in ["", "番", "番地", "区画"] {
                assert!(looks(part, end) <= 3, "{part} {end}");
            }
        }
        // These lose a little at every look: five noughts, a prefecture or a county.
        assert!(looks("0", "条") <= VALUE_BYTES_MAX / 5 + 1);
        assert!(looks("北海道", "") <= VALUE_BYTES_MAX / "北海道".len() + 2);
        assert!(looks("余市郡", "") <= VALUE_BYTES_MAX / "余市郡".len() + 2);
    }

    proptest! {
        #[test]
        fn settling_is_as_by_the_rule(
            start in "(東京都|北海道|山郡町)?[余郡市区町村大字文々ケの一十条番丁目 山々0-1]{0,10}",
            figures in "[0-9]{0,30}",
            end in "[条番地区山町村一字 ]{0,3}",
        ) {
            let text = format!("{start}{figures}{end}");
            let (first, _) = town(&text.chars().collect::<Vec<char>>());
            prop_assert_eq!(settled(first.clone()), slowly_settled(first), "{}", &text);
            prop_assert_eq!(settled(text.clone()), slowly_settled(text.clone()), "{}", &text);
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
