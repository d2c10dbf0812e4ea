//! Variants of kanji in names.
//!
//! NFKC folds none of them, and the published maps fold too much when they are closed transitively
//! (玉 becomes 王). So the strict fold is a short curated list, one step deep.

use std::sync::LazyLock;

use super::text::is_han;

static STRICT: LazyLock<Vec<(char, char)>> =
    LazyLock::new(|| table(include_str!("../../data/kanji-strict.tsv")));
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
        let lines = include_str!("../../data/kanji-strict.tsv")
            .lines()
            .filter(|line| !line.starts_with('#'));
        assert_eq!(lines.count(), STRICT.len(), "every line is a pair");
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
        ] {
            assert_eq!(strict(variant), plain);
        }
        for (one, other) in [
            ("玉田", "王田"),
            ("島田", "嶋田"),
            ("斎藤", "斉藤"),
            ("渡部", "渡辺"),
            ("功", "切"),
            ("書", "昼"),
        ] {
            assert_ne!(strict(one), strict(other));
        }
        assert_eq!(loose("嶋田"), loose("島田"));
        assert_ne!(loose("玉田"), loose("王田"));
    }
}
