//! What the old character sets can write, and what institutions put where they cannot.

use encoding_rs::{EUC_JP, ISO_2022_JP, SHIFT_JIS};

/// Old forms that a family register may have, by usual character.
const VARIANTS: [(char, [char; 2]); 19] = [
    ('辺', ['邉', '邊']),
    ('高', ['髙', '髙']),
    ('崎', ['﨑', '嵜']),
    ('斎', ['齋', '齊']),
    ('斉', ['齊', '齋']),
    ('沢', ['澤', '澤']),
    ('島', ['嶋', '嶌']),
    ('浜', ['濱', '濵']),
    ('桜', ['櫻', '櫻']),
    ('広', ['廣', '廣']),
    ('富', ['冨', '冨']),
    ('吉', ['𠮷', '𠮷']),
    ('国', ['國', '國']),
    ('瀬', ['瀨', '瀨']),
    ('柳', ['栁', '栁']),
    ('橋', ['𣘺', '槗']),
    ('滝', ['瀧', '瀧']),
    ('竜', ['龍', '龍']),
    ('条', ['條', '條']),
];

/// A family name with its first changeable character in old form `variant` (1 or 2; 0 changes nothing).
#[must_use]
pub fn with_variant(family: &str, variant: u8) -> String {
    if variant == 0 {
        return family.to_owned();
    }
    let old = |c: char| {
        let (_, forms) = VARIANTS.iter().find(|(usual, _)| *usual == c)?;
        Some(forms[usize::from(variant - 1)])
    };
    let Some((place, form)) = family.char_indices().find_map(|(i, c)| Some((i, old(c)?))) else {
        return family.to_owned();
    };
    let after = family[place..].chars().skip(1);
    family[..place].chars().chain([form]).chain(after).collect()
}

/// Whether JIS X 0208 proper has the character: two bytes in EUC-JP outside the vendors' rows.
fn is_jis_x_0208(c: char) -> bool {
    let mut text = [0; 4];
    let (bytes, _, unmappable) = EUC_JP.encode(c.encode_utf8(&mut text));
    match (unmappable, bytes.as_ref()) {
        (false, [byte]) => byte.is_ascii(),
        (false, [0xad, _]) => false,
        (false, [lead, _]) => (0xa1..=0xf4).contains(lead),
        _ => false,
    }
}

/// ISO-2022-JP with JIS X 0208 only, as SS-MIX2 asks; what it lacks becomes a black square.
#[must_use]
pub fn iso_2022_jp(text: &str) -> Vec<u8> {
    let text: String = text
        .chars()
        .map(|c| {
            if c == '\r' || is_jis_x_0208(c) {
                c
            } else {
                '■'
            }
        })
        .collect();
    ISO_2022_JP.encode(&text).0.into_owned()
}

/// CP932; what it lacks becomes a black circle.
#[must_use]
pub fn cp932(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for c in text.chars() {
        let mut buffer = [0; 4];
        let (bytes, _, unmappable) = SHIFT_JIS.encode(c.encode_utf8(&mut buffer));
        if unmappable {
            out.extend_from_slice(&[0x81, 0x9c]);
        } else {
            out.extend_from_slice(&bytes);
        }
    }
    out
}

/// ASCII letters and digits in full width.
#[must_use]
pub fn full_width(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '!'..='~' => char::from_u32(u32::from(c) + 0xfee0).unwrap_or(c),
            ' ' => '　',
            _ => c,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_written_is_marked() {
        assert_eq!(with_variant("高橋", 1), "髙橋");
        assert_eq!(with_variant("山田", 1), "山田");
        assert_eq!(with_variant("渡辺", 2), "渡邊");
        let decode = |bytes: &[u8]| ISO_2022_JP.decode(bytes).0.into_owned();
        assert_eq!(decode(&iso_2022_jp("髙橋 渡邊")), "■橋 渡邊");
        let decode = |bytes: &[u8]| SHIFT_JIS.decode(bytes).0.into_owned();
        assert_eq!(decode(&cp932("髙橋　𠮷田")), "髙橋　●田");
        assert_eq!(full_width("No. 1"), "Ｎｏ．　１");
    }
}
