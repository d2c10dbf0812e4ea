//! Variants of kanji in names.
//!
//! NFKC folds none of them, and the published maps fold too much when they are closed transitively
//! (玉 becomes 王). So the strict fold is one step deep and made of two tables: a short curated list, and
//! what the tax agency's map says of characters that neither level 1 nor level 2 has. `data/README.md` tells
//! their sources and licences.

use std::sync::LazyLock;

use super::text::is_han;

static STRICT: LazyLock<Vec<(char, char)>> = LazyLock::new(|| {
    let mut both = table(include_str!("../../data/kanji-strict.tsv"));
    both.append(&mut table(include_str!("../../data/kanji-nta.tsv")));
    both.sort_unstable();
    both
});
static LOOSE: LazyLock<Vec<(char, char)>> =
    LazyLock::new(|| table(include_str!("../../data/kanji-loose.tsv")));

/// The strict fold: forms that mean the same name. Tokens are made on it. The iteration marks 々 and
/// 仝 are written out, because 佐々木 and 佐佐木 are one name.
#[must_use]
pub fn strict(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut last = None;
    for c in text.chars() {
        let c = match (c, last) {
            ('々' | '仝', Some(before)) => before,
            _ => look_up(&STRICT, c),
        };
        out.push(c);
        if c != ' ' {
            last = is_han(c).then_some(c);
        }
    }
    out
}

/// The loose fold: forms that families keep apart. For comparison at the site, never for tokens.
#[must_use]
pub fn loose(text: &str) -> String {
    strict(text).chars().map(|c| look_up(&LOOSE, c)).collect()
}

fn look_up(table: &[(char, char)], c: char) -> char {
    if !is_han(c) {
        return c;
    }
    table
        .binary_search_by_key(&c, |&(from, _)| from)
        .map_or(c, |at| table[at].1)
}

/// Lines of two characters with a tab between them, sorted; `#` starts a comment.
fn table(text: &str) -> Vec<(char, char)> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let pairs = lines.filter_map(|line| {
        let (from, to) = line.split_once('\t')?;
        Some((from.chars().next()?, to.chars().next()?))
    });
    pairs.collect()
}

#[cfg(test)]
mod tests {
    use unicode_normalization::UnicodeNormalization as _;

    use super::*;

    /// Whether a character lies in JIS X 0208 level 1: rows 16 to 47, bytes B0 to CF of EUC-JP.
    fn level_1(c: char) -> bool {
        let text = c.to_string();
        let (bytes, _, unmappable) = encoding_rs::EUC_JP.encode(&text);
        !unmappable && bytes.len() == 2 && (0xb0..=0xcf).contains(&bytes[0])
    }

    #[test]
    fn the_strict_table_keeps_its_rules() {
        let files = [
            include_str!("../../data/kanji-strict.tsv"),
            include_str!("../../data/kanji-nta.tsv"),
        ];
        let mut lines = 0;
        for file in files {
            let pairs = table(file);
            let count = file.lines().filter(|line| !line.starts_with('#')).count();
            assert_eq!(count, pairs.len(), "every line is a pair");
            assert!(
                pairs.windows(2).all(|pair| pair[0].0 < pair[1].0),
                "every file is sorted"
            );
            lines += count;
        }
        assert_eq!(lines, STRICT.len());
        assert!(
            STRICT.windows(2).all(|pair| pair[0].0 < pair[1].0),
            "sorted, no repeats"
        );
        for &(from, to) in STRICT.iter() {
            assert!(!level_1(from), "{from} lies in level 1");
            assert!(level_1(to), "{to} lies outside level 1");
            assert_eq!(look_up(&STRICT, to), to, "{from} folds in two steps");
            assert!(from.nfkc().eq([from]), "{from} never reaches the fold");
        }
    }

    #[test]
    fn the_loose_table_is_one_step_deep() {
        assert!(
            LOOSE.windows(2).all(|pair| pair[0].0 < pair[1].0),
            "sorted, no repeats"
        );
        for &(from, to) in LOOSE.iter() {
            assert_eq!(loose(&from.to_string()), to.to_string());
            assert_eq!(loose(&to.to_string()), to.to_string());
        }
    }

    #[test]
    fn level_1_is_untouched_by_the_strict_fold() {
        let all = (0xb0..=0xcf_u8).flat_map(|row| (0xa1..=0xfe_u8).map(move |cell| [row, cell]));
        for bytes in all {
            let (text, bad) = encoding_rs::EUC_JP.decode_without_bom_handling(&bytes);
            if !bad {
                assert_eq!(strict(&text), text);
            }
        }
    }

    #[test]
    fn variants_meet_and_strangers_do_not() {
        for (variant, plain) in [
            ("髙橋", "高橋"),
            ("山﨑", "山崎"),
            ("渡邉", "渡辺"),
            ("渡邊", "渡辺"),
            ("齋藤", "斎藤"),
            ("濵田", "浜田"),
            ("𠮷田", "吉田"),
            ("栁澤", "柳沢"),
            ("佐々木", "佐佐木"),
            ("德永", "徳永"),
            ("𣘺本", "橋本"),
            // Of the tax agency's map.
            ("喆也", "哲也"),
            ("朙子", "明子"),
            ("㠀田", "島田"),
        ] {
            assert_eq!(strict(variant), plain);
        }
        for (one, other) in [
            ("玉田", "王田"),
            ("渡部", "渡辺"),
            ("功", "切"),
            ("書", "昼"),
            ("師", "帥"),
            ("宍", "肉"),
        ] {
            assert_ne!(strict(one), strict(other));
            assert_ne!(loose(one), loose(other));
        }
        for (one, other) in [("島田", "嶋田"), ("斎藤", "斉藤")] {
            assert_ne!(strict(one), strict(other));
            assert_eq!(loose(one), loose(other));
        }
    }
    /// Groups of one name each, as the practice of registers knows them.
    #[test]
    fn the_loose_fold_joins_every_group() {
        for group in [
            "斎齋斉齊",
            "辺邊邉",
            "島嶋嶌",
            "崎﨑嵜",
            "沢澤",
            "浜濱濵",
            "桜櫻",
            "広廣",
            "国國",
            "恵惠",
            "真眞",
            "竜龍",
            "富冨",
            "曽曾",
            "峰峯",
            "館舘",
            "園薗",
            "桧檜",
            "篭籠",
            "薮藪籔",
            "渕淵",
            "条條",
            "万萬",
            "寿壽",
            "栄榮",
            "滝瀧",
            "高髙",
            "吉𠮷",
            "徳德",
            "柳栁",
            "橋𣘺槗",
            "船舩",
            "野埜",
            "祢禰",
            "瀬瀨",
            "鴎鷗",
        ] {
            let mut forms: Vec<String> = group.chars().map(|c| loose(&c.to_string())).collect();
            forms.dedup();
            assert_eq!(forms.len(), 1, "{group}");
        }
    }

    #[test]
    fn folding_twice_is_folding_once() {
        for c in (0x3400..0x3_0000)
            .filter_map(char::from_u32)
            .filter(|&c| is_han(c))
        {
            let (strictly, loosely) = (strict(&c.to_string()), loose(&c.to_string()));
            assert_eq!(strict(&strictly), strictly);
            assert_eq!(loose(&loosely), loosely);
            assert_eq!(strict(&loosely), loosely);
        }
    }
}
