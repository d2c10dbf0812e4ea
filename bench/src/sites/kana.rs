//! Katakana as clerks and machines write it.

const SMALL: &str = "ァィゥェォッャュョヮ";
const LARGE: &str = "アイウエオツヤユヨワ";
const VOICED: &str = "ガギグゲゴザジズゼゾダヂヅデドバビブベボヴ";
const VOICELESS: &str = "カキクケコサシスセソタチツテトハヒフヘホウ";
const PLOSIVE: &str = "パピプペポ";
const PLOSIVE_BASE: &str = "ハヒフヘホ";
const FULL: &str = "アイウエオカキクケコサシスセソタチツテトナニヌネノハヒフヘホマミムメモヤユヨラリルレロワヲンァィゥェォッャュョー";
const HALF: &str = "ｱｲｳｴｵｶｷｸｹｺｻｼｽｾｿﾀﾁﾂﾃﾄﾅﾆﾇﾈﾉﾊﾋﾌﾍﾎﾏﾐﾑﾒﾓﾔﾕﾖﾗﾘﾙﾚﾛﾜｦﾝｧｨｩｪｫｯｬｭｮｰ";

fn swap(c: char, from: &str, to: &str) -> Option<char> {
    let place = from.chars().position(|other| other == c)?;
    to.chars().nth(place)
}

/// A small kana as the large one; others stay.
#[must_use]
pub fn large(c: char) -> char {
    swap(c, SMALL, LARGE).unwrap_or(c)
}

/// The text with its first voiced mark lost, or its first character voiced if there was none.
#[must_use]
pub fn without_one_voiced_mark(text: &str) -> String {
    let lost = |c| swap(c, VOICED, VOICELESS).or_else(|| swap(c, PLOSIVE, PLOSIVE_BASE));
    let change = |change: &dyn Fn(char) -> Option<char>| {
        let (place, other) = text
            .chars()
            .enumerate()
            .find_map(|(i, c)| Some((i, change(c)?)))?;
        Some(
            text.chars()
                .enumerate()
                .map(|(i, c)| if i == place { other } else { c })
                .collect(),
        )
    };
    change(&lost)
        .or_else(|| change(&|c| swap(c, VOICELESS, VOICED)))
        .unwrap_or_else(|| text.to_owned())
}

/// Half-width katakana with detached marks, as host systems write it.
#[must_use]
pub fn half_width(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if let Some(base) = swap(c, VOICED, VOICELESS) {
            out.push(swap(base, FULL, HALF).unwrap_or(base));
            out.push('ﾞ');
        } else if let Some(base) = swap(c, PLOSIVE, PLOSIVE_BASE) {
            out.push(swap(base, FULL, HALF).unwrap_or(base));
            out.push('ﾟ');
        } else {
            out.push(swap(c, FULL, HALF).unwrap_or(if c == '　' { ' ' } else { c }));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_pair_up() {
        for (from, to) in [
            (SMALL, LARGE),
            (VOICED, VOICELESS),
            (PLOSIVE, PLOSIVE_BASE),
            (FULL, HALF),
        ] {
            assert_eq!(from.chars().count(), to.chars().count());
        }
    }

    #[test]
    fn kana_are_written_as_machines_do() {
        assert_eq!(half_width("ショウジ　ジュンペイ"), "ｼｮｳｼﾞ ｼﾞｭﾝﾍﾟｲ");
        assert_eq!(
            "ショウイチ".chars().map(large).collect::<String>(),
            "シヨウイチ"
        );
        assert_eq!(without_one_voiced_mark("ワタナベ"), "ワタナヘ");
        assert_eq!(without_one_voiced_mark("サトウ"), "ザトウ");
    }
}
