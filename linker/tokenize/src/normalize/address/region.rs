//! What stands before the municipality: a postal code, the prefecture, the county.

use crate::normalize::text::{is_dash, is_han};

pub(in crate::normalize) const PREFECTURES: [&str; 47] = [
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

/// Municipalities whose own name has the character for county.
const NAMED_COUNTY: [&str; 6] = [
    "郡上市",
    "郡山市",
    "大和郡山市",
    "蒲郡市",
    "小郡市",
    "上郡町",
];
/// Counties whose name has a character that municipalities end with.
const NAMED_MUNICIPALITY: [&str; 6] = [
    "余市郡",
    "高市郡",
    "田村郡",
    "東村山郡",
    "西村山郡",
    "北村山郡",
];
/// Longest name of a county, without the character for county.
const COUNTY_CHARS_MAX: usize = 5;

/// A postal code that is written before the address goes.
pub(super) fn without_postal_code(text: &str) -> &str {
    let Some(rest) = text.strip_prefix('〒') else {
        return text;
    };
    rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == ' ' || is_dash(c))
}

/// Takes prefectures and counties off, however many there are, in one pass over them: odd texts repeat
/// them for kilobytes. Returns the first prefecture.
pub(super) fn without_region(text: &str) -> (Option<&'static str>, &str) {
    let (first, mut rest) = prefecture(text);
    loop {
        let shorter = prefecture(without_county(rest.trim_start())).1;
        if shorter.len() == rest.len() {
            return (first, rest);
        }
        rest = shorter;
    }
}

/// The prefecture that a text begins with, and what follows.
pub(in crate::normalize) fn prefecture(text: &str) -> (Option<&'static str>, &str) {
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

/// Takes the county off: half of the sources leave it out. Looks at the beginning of the text only.
fn without_county(text: &str) -> &str {
    let begins = |names: &[&str]| names.iter().find_map(|name| text.strip_prefix(name));
    if begins(&NAMED_COUNTY).is_some() {
        return text;
    }
    if let Some(rest) = begins(&NAMED_MUNICIPALITY) {
        return rest;
    }
    let mut head = text.char_indices().take(COUNTY_CHARS_MAX + 1);
    let Some((at, county)) = head.find(|&(_, c)| c == '郡' || !may_name_county(c)) else {
        return text;
    };
    if county != '郡' || at == 0 {
        return text;
    }
    let rest = &text[at + county.len_utf8()..];
    let town = rest.chars().take(8).any(|c| matches!(c, '町' | '村'));
    if town { rest } else { text }
}

fn may_name_county(c: char) -> bool {
    let municipality = matches!(c, '市' | '区' | '町' | '村');
    !municipality && (is_han(c) || matches!(c, 'ケ' | 'ヶ' | 'の' | 'ノ' | ' '))
}
