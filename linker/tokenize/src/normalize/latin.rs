//! Latin script: plain letters for FEBRL-like data, and Roman spellings of Japanese names as kana.

use unicode_normalization::UnicodeNormalization;

/// Lower-case letters `a`–`z` and, where `digits`, digits. Accents, blanks and punctuation go, so
/// that nothing depends on them.
pub(super) fn letters(text: &str, digits: bool) -> String {
    text.nfkd()
        .flat_map(char::to_lowercase)
        .filter(|c| c.is_ascii_lowercase() || (digits && c.is_ascii_digit()))
        .collect()
}

/// The parts of a foreign name in upper case and in alphabetical order, joined: systems disagree on
/// which part is the family name.
pub(super) fn sorted_parts(text: &str) -> String {
    let mut parts: Vec<String> = text
        .split(|c: char| !c.is_alphanumeric())
        .map(|part| letters(part, false).to_uppercase())
        .filter(|part| !part.is_empty())
        .collect();
    parts.sort();
    parts.concat()
}

/// Hepburn or kunrei spelling to katakana; `None` if a part is no Japanese syllable.
pub(super) fn to_kana(text: &str) -> Option<String> {
    let mut out = String::new();
    for part in text
        .split(|c: char| !c.is_alphabetic())
        .filter(|p| !p.is_empty())
    {
        // Macrons mark long vowels; NFKD splits them off.
        let marked: String = part
            .nfkd()
            .flat_map(char::to_lowercase)
            .map(|c| {
                if matches!(c, '\u{304}' | '\u{302}') {
                    '^'
                } else {
                    c
                }
            })
            .collect();
        part_to_kana(&marked, &mut out)?;
    }
    (!out.is_empty()).then_some(out)
}

fn part_to_kana(part: &str, out: &mut String) -> Option<()> {
    let mut rest = part;
    while let Some(first) = rest.chars().next() {
        if first == '^' {
            // オ and ウ become long with ウ, the other vowels with themselves or ー.
            out.push('ウ');
            rest = &rest[1..];
            continue;
        }
        let second = rest[first.len_utf8()..].chars().next();
        let syllabic = matches!(first, 'n' | 'm')
            && second.is_none_or(|c| !is_vowel(c) && c != 'y')
            && (first == 'n' || matches!(second, Some('b' | 'p' | 'm')));
        if syllabic {
            out.push('ン');
            rest = &rest[1..];
            continue;
        }
        let doubled = first.is_ascii_lowercase() && !is_vowel(first) && second == Some(first);
        if doubled || rest.starts_with("tch") {
            out.push('ッ');
            rest = &rest[1..];
            continue;
        }
        let length = rest.find(is_vowel)? + 1;
        let (syllable, tail) = rest.split_at(length);
        out.push_str(kana_of(syllable)?);
        // oh and ou before a consonant or the end are spellings of a long o.
        rest = match tail.strip_prefix('h') {
            Some(tail) if syllable.ends_with('o') && !tail.starts_with(is_vowel) => {
                out.push('ウ');
                tail
            }
            Some(_) | None => tail,
        };
    }
    Some(())
}

fn is_vowel(c: char) -> bool {
    matches!(c, 'a' | 'i' | 'u' | 'e' | 'o')
}

/// One syllable. Rows in the order a i u e o; blanks in the table do not exist.
fn kana_of(syllable: &str) -> Option<&'static str> {
    const ROWS: &[(&str, [&str; 5])] = &[
        ("", ["ア", "イ", "ウ", "エ", "オ"]),
        ("k", ["カ", "キ", "ク", "ケ", "コ"]),
        ("g", ["ガ", "ギ", "グ", "ゲ", "ゴ"]),
        ("s", ["サ", "シ", "ス", "セ", "ソ"]),
        ("z", ["ザ", "ジ", "ズ", "ゼ", "ゾ"]),
        ("t", ["タ", "チ", "ツ", "テ", "ト"]),
        ("d", ["ダ", "ヂ", "ヅ", "デ", "ド"]),
        ("n", ["ナ", "ニ", "ヌ", "ネ", "ノ"]),
        ("h", ["ハ", "ヒ", "フ", "ヘ", "ホ"]),
        ("b", ["バ", "ビ", "ブ", "ベ", "ボ"]),
        ("p", ["パ", "ピ", "プ", "ペ", "ポ"]),
        ("m", ["マ", "ミ", "ム", "メ", "モ"]),
        ("y", ["ヤ", "", "ユ", "", "ヨ"]),
        ("r", ["ラ", "リ", "ル", "レ", "ロ"]),
        ("w", ["ワ", "", "", "", "ヲ"]),
        ("f", ["ファ", "フィ", "フ", "フェ", "フォ"]),
        ("j", ["ジャ", "ジ", "ジュ", "ジェ", "ジョ"]),
        ("sh", ["シャ", "シ", "シュ", "シェ", "ショ"]),
        ("sy", ["シャ", "", "シュ", "", "ショ"]),
        ("ch", ["チャ", "チ", "チュ", "チェ", "チョ"]),
        ("ty", ["チャ", "", "チュ", "", "チョ"]),
        ("ts", ["", "", "ツ", "", ""]),
        ("zy", ["ジャ", "", "ジュ", "", "ジョ"]),
        ("jy", ["ジャ", "", "ジュ", "", "ジョ"]),
        ("dy", ["ヂャ", "", "ヂュ", "", "ヂョ"]),
        ("ky", ["キャ", "", "キュ", "", "キョ"]),
        ("gy", ["ギャ", "", "ギュ", "", "ギョ"]),
        ("ny", ["ニャ", "", "ニュ", "", "ニョ"]),
        ("hy", ["ヒャ", "", "ヒュ", "", "ヒョ"]),
        ("by", ["ビャ", "", "ビュ", "", "ビョ"]),
        ("py", ["ピャ", "", "ピュ", "", "ピョ"]),
        ("my", ["ミャ", "", "ミュ", "", "ミョ"]),
        ("ry", ["リャ", "", "リュ", "", "リョ"]),
    ];
    let vowel = syllable.chars().last()?;
    let column = "aiueo".find(vowel)?;
    let onset = &syllable[..syllable.len() - 1];
    let (_, row) = ROWS.iter().find(|(name, _)| *name == onset)?;
    Some(row[column]).filter(|kana| !kana.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_name_meet() {
        for (roman, kana) in [
            ("YAMADA TARO", "ヤマダタロ"),
            ("Shinichi", "シニチ"),
            ("Kenji", "ケンジ"),
            ("Honma", "ホンマ"),
            ("Homma", "ホンマ"),
            ("Hattori", "ハットリ"),
            ("Itchiku", "イッチク"),
            ("Ohno", "オウノ"),
            ("Oono", "オオノ"),
            ("Ōno", "オウノ"),
            ("Sato", "サト"),
            ("Satoh", "サトウ"),
            ("Fujisawa", "フジサワ"),
            ("Huzisawa", "フジサワ"),
            ("Chiba", "チバ"),
            ("Tiba", "チバ"),
            ("Junko", "ジュンコ"),
        ] {
            assert_eq!(to_kana(roman).as_deref(), Some(kana), "{roman}");
        }
        for foreign in ["Smith", "Nguyen", "Xi", "", "12"] {
            assert_eq!(to_kana(foreign), None, "{foreign}");
        }
    }

    #[test]
    fn foreign_parts_have_no_order() {
        assert_eq!(
            sorted_parts("Maria da Silva"),
            sorted_parts("SILVA, Maria DA")
        );
        assert_eq!(letters("O'Brien-Łé 3", true), "obriene3");
    }
}
