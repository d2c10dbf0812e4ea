//! What is done to every text before its own rules: unknown characters, invisible characters,
//! voiced marks, compatibility forms, spaces.

use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

use super::quick;

/// Stands for a character that a source could not write. The geta mark itself is one of them.
pub const WILDCARD: char = '〓';

/// Cleans a text: unknown characters become [`WILDCARD`], invisible ones go, voiced marks join their
/// kana, compatibility forms are folded (NFKC) and any run of blanks becomes one.
#[must_use]
pub fn clean(text: &str) -> Zeroizing<String> {
    // Usual texts never get longer; of those that do, the full rule knows how much.
    let mut out = Zeroizing::new(String::with_capacity(text.len()));
    match quick::clean(text, &mut out) {
        Some(()) => out,
        None => full_clean(text),
    }
}

/// The rule in full, for any text.
pub(super) fn full_clean(text: &str) -> Zeroizing<String> {
    // Everything that can grow an allocation happens in wiped buffers sized in advance.
    let mut prepared = Zeroizing::new(String::with_capacity(text.len() + 16));
    let mut blanks = false;
    for c in text.chars() {
        let c = match c {
            '゛' | '\u{ff9e}' => '\u{3099}',
            '゜' | '\u{ff9f}' => '\u{309a}',
            c if is_invisible(c) => continue,
            c if is_unknown(c) => WILDCARD,
            c => c,
        };
        if c.is_whitespace() {
            blanks = true;
            continue;
        }
        // A voiced mark belongs to the kana before it, whatever blank a system put between them.
        if blanks && !is_voiced_mark(c) && !prepared.is_empty() {
            prepared.push(' ');
        }
        blanks = false;
        prepared.push(c);
    }
    let mut out = Zeroizing::new(String::with_capacity(prepared.len() * 2));
    let mut blank = true;
    for c in prepared.nfkc() {
        match c {
            c if is_voiced_mark(c) => {}
            // NFKC makes blanks of some spacing marks and question marks of full-width ones.
            c if c.is_whitespace() => {
                if !blank {
                    out.push(' ');
                }
                blank = true;
            }
            c if is_unknown(c) => {
                out.push(WILDCARD);
                blank = false;
            }
            c if is_invisible(c) => {}
            c => {
                out.push(c);
                blank = false;
            }
        }
    }
    if out.ends_with(' ') {
        out.pop();
    }
    out
}

/// Whether a cleaned text has a character that the source could not write.
#[must_use]
pub fn has_wildcard(text: &str) -> bool {
    text.contains(WILDCARD)
}

/// Dashes of every kind, the prolonged sound mark and the minus sign among them.
#[must_use]
pub fn is_dash(c: char) -> bool {
    matches!(
        c,
        '-' | '‐'
            | '‑'
            | '‒'
            | '–'
            | '—'
            | '―'
            | '−'
            | 'ー'
            | '─'
            | '━'
            | '－'
            | 'ｰ'
            | '~'
            | '〜'
            | '～'
    )
}

/// Han characters, the iteration mark and the closing mark among them.
#[must_use]
pub fn is_han(c: char) -> bool {
    matches!(u32::from(c),
        0x3400..=0x4dbf | 0x4e00..=0x9fff | 0xf900..=0xfaff | 0x20000..=0x3ffff | 0x3005..=0x3007)
}

/// Hiragana or katakana, without marks.
#[must_use]
pub fn is_kana(c: char) -> bool {
    matches!(u32::from(c), 0x3041..=0x3096 | 0x309d..=0x309e | 0x30a1..=0x30fa | 0x30fc..=0x30fe)
}

fn is_voiced_mark(c: char) -> bool {
    matches!(c, '\u{3099}' | '\u{309a}')
}

/// Characters that systems write for one they do not have, and private use.
pub(super) fn is_unknown(c: char) -> bool {
    matches!(
        c,
        '■' | '□' | '●' | '〓' | '＊' | '？' | '*' | '?' | '\u{fffd}'
    ) || matches!(u32::from(c), 0xe000..=0xf8ff | 0xf_0000..=0x10_ffff)
}

/// Variation selectors, zero-width characters, controls but blanks, direction marks, tags.
pub(crate) fn is_invisible(c: char) -> bool {
    (c.is_control() && !c.is_whitespace())
        || matches!(u32::from(c),
            0x00ad | 0x034f | 0x061c | 0x115f..=0x1160 | 0x17b4..=0x17b5 | 0x180b..=0x180f
            | 0x200b..=0x200f | 0x202a..=0x202e | 0x2060..=0x206f | 0x3164 | 0xfe00..=0xfe0f
            | 0xfeff | 0xffa0 | 0xfff0..=0xfffb | 0xe0000..=0xe0fff)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(input: &str, expected: &str) {
        assert_eq!(clean(input).as_str(), expected, "{input:?}");
    }

    #[test]
    fn voiced_marks_join_before_compatibility_folding() {
        check("か゛", "が");
        check("ハ゜ン", "パン");
        check("ｶﾞ", "ガ");
        check("ｶ ﾞ", "ガ");
        check("カﾞ", "ガ");
        check("か \u{3099}", "が");
        check("ﾔﾏﾀﾞ ﾀﾛｳ", "ヤマダ タロウ");
        // A mark that fits nothing goes.
        check("あ゛", "あ");
    }

    #[test]
    fn unknown_characters_become_one_wildcard() {
        for c in "■□●〓＊？*?\u{fffd}\u{e000}\u{f8ff}\u{f0000}".chars() {
            check(&format!("山{c}"), "山〓");
        }
    }

    #[test]
    fn invisible_characters_go() {
        check("辻\u{e0100}", "辻");
        check("葛\u{fe00}西", "葛西");
        check("\u{feff}山\u{200b}田\u{0}", "山田");
    }

    #[test]
    fn blanks_and_compatibility_forms() {
        check("\u{3000}山田\u{3000}\t 太郎 ", "山田 太郎");
        check("１２－３", "12-3");
        check("㍻", "平成");
        check("\u{fa10}\u{fa19}", "塚神");
    }

    proptest! {
        #[test]
        fn cleaning_twice_is_cleaning_once(text in "\\PC{0,24}|[ぁ-んァ-ヶｦ-ﾟ゛゜ \u{3099}]{0,12}") {
            let once = clean(&text);
            prop_assert_eq!(clean(&once), once);
        }
    }
}
