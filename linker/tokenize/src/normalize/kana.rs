//! Names in kana: one script, and the ladder from exact to loose.
//!
//! K0 full-width katakana · K1 small kana as large ones · K2 sounds that are written in two ways ·
//! K3 long vowels · K4 without voiced marks. Tokens are made on K2.

use super::{quick, text::is_dash};

/// A step of the ladder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// Full-width katakana.
    K0,
    /// Small kana as large ones: registers and old systems have no small ones.
    K1,
    /// ヂ as ジ, ヅ as ズ, ヲ as オ, ヰ as イ, ヱ as エ, ヴァ as バ.
    K2,
    /// Long vowels shortened, as on passports: オオノ, オオノ and オーノ are オノ.
    K3,
    /// Without voiced marks. For blocking only.
    K4,
}

/// A cleaned text at a step of the ladder. Everything but kana is left out.
#[must_use]
pub fn ladder(text: &str, step: Step) -> String {
    let quick = (step == Step::K2).then(|| quick::kana::k2(text)).flatten();
    quick.unwrap_or_else(|| full_ladder(text, step))
}

/// The rule in full, for any text.
pub(super) fn full_ladder(text: &str, step: Step) -> String {
    let mut out = to_katakana(text);
    if step >= Step::K1 {
        out = out.chars().map(large).collect();
    }
    if step >= Step::K2 {
        out = same_sound(&out);
    }
    if step >= Step::K3 {
        out = short_vowels(&out);
    }
    if step >= Step::K4 {
        out = out.chars().map(unvoiced).collect();
    }
    out
}

/// Full-width katakana: hiragana turned, a dash after kana taken as the prolonged sound mark,
/// iteration marks written out.
fn to_katakana(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut last = None;
    for c in text.chars() {
        let kana = match c {
            'ぁ'..='ゖ' | 'ゝ' | 'ゞ' => char::from_u32(u32::from(c) + 0x60),
            'ァ'..='ヶ' | 'ヽ' | 'ヾ' => Some(c),
            'ヷ' => Some('ワ'),
            'ヸ' => Some('イ'),
            'ヹ' => Some('エ'),
            'ヺ' => Some('オ'),
            c if is_dash(c) && last.is_some() => Some('ー'),
            _ => None,
        };
        let kana = match kana {
            Some('ヽ') => last.map(unvoiced),
            Some('ヾ') => last.map(voiced),
            kana => kana,
        };
        if let Some(kana) = kana {
            out.push(kana);
            last = Some(kana);
        }
    }
    out
}

/// Small kana to their large forms.
fn large(c: char) -> char {
    const PAIRS: &str = "ァアィイゥウェエォオッツャヤュユョヨヮワヵカヶケ";
    pair(PAIRS, c)
}

/// Voiced to unvoiced kana.
fn unvoiced(c: char) -> char {
    const PAIRS: &str = "ガカギキグクゲケゴコザサジシズスゼセゾソダタヂチヅツデテドトバハビヒブフ\
                         ベヘボホパハピヒプフペヘポホヴウ";
    pair(PAIRS, c)
}

/// Unvoiced to voiced kana.
fn voiced(c: char) -> char {
    const PAIRS: &str = "カガキギクグケゲコゴサザシジスズセゼソゾタダチヂツヅテデトドハバヒビフブ\
                         ヘベホボウヴ";
    pair(PAIRS, c)
}

/// The second of the pair whose first is `c`, or `c` itself.
fn pair(pairs: &str, c: char) -> char {
    let mut chars = pairs.chars();
    while let (Some(from), Some(to)) = (chars.next(), chars.next()) {
        if from == c {
            return to;
        }
    }
    c
}

/// Sounds that are written in two ways, on large kana.
fn same_sound(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let same = match c {
            'ヂ' => 'ジ',
            'ヅ' => 'ズ',
            'ヲ' => 'オ',
            'ヰ' => 'イ',
            'ヱ' => 'エ',
            'ヴ' => {
                let joined = chars.peek().and_then(|next| match next {
                    'ア' => Some('バ'),
                    'イ' => Some('ビ'),
                    'エ' => Some('ベ'),
                    'オ' => Some('ボ'),
                    _ => None,
                });
                if joined.is_some() {
                    chars.next();
                }
                joined.unwrap_or('ブ')
            }
            c => c,
        };
        out.push(same);
    }
    out
}

/// Drops the prolonged sound mark and the second of オウ, オオ, ウウ, whatever the consonant.
fn short_vowels(text: &str) -> String {
    const O_ROW: &str = "オコソトノホモヨロゴゾドボポ";
    const U_ROW: &str = "ウクスツヌフムユルグズブプ";
    let mut out = String::with_capacity(text.len());
    let mut last = ' ';
    for c in text.chars() {
        let long = c == 'ー'
            || (matches!(c, 'ウ' | 'オ') && O_ROW.contains(last))
            || (c == 'ウ' && U_ROW.contains(last));
        if !long {
            out.push(c);
            last = c;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(step: Step, inputs: &[&str], expected: &str) {
        for input in inputs {
            assert_eq!(ladder(input, step), expected, "{input} at {step:?}");
        }
    }

    #[test]
    fn each_step_folds_what_it_says() {
        check(Step::K0, &["やまだ", "ヤマダ", "ヤマ ダ"], "ヤマダ");
        check(Step::K0, &["スー", "ス－", "ス‐", "ス-"], "スー");
        check(Step::K0, &["ミスゞ", "ミスヾ"], "ミスズ");
        check(Step::K1, &["ショウイチ", "シヨウイチ"], "シヨウイチ");
        check(Step::K1, &["ハットリ", "ハツトリ"], "ハツトリ");
        check(Step::K2, &["ミヅキ", "ミズキ"], "ミズキ");
        check(Step::K2, &["カヲリ", "カオリ"], "カオリ");
        check(Step::K2, &["ヴァンダ", "ヴアンダ", "バンダ"], "バンダ");
        check(Step::K3, &["オオノ", "オウノ", "オーノ", "オノ"], "オノ");
        check(Step::K3, &["ユウキ", "ユーキ", "ユキ"], "ユキ");
        check(Step::K3, &["ショウタ", "シヨータ"], "シヨタ");
        check(Step::K4, &["ヤマザキ", "ヤマサキ"], "ヤマサキ");
    }

    #[test]
    fn different_names_stay_different_on_the_token_step() {
        assert_ne!(ladder("ユキ", Step::K2), ladder("ユウキ", Step::K2));
        assert_ne!(ladder("ヤマザキ", Step::K2), ladder("ヤマサキ", Step::K2));
    }

    proptest! {
        #[test]
        fn every_step_is_a_fixed_point(text in "[ぁ-ゖゝゞァ-ヺヽヾー ]{0,16}") {
            for step in [Step::K0, Step::K1, Step::K2, Step::K3, Step::K4] {
                let once = ladder(&text, step);
                prop_assert_eq!(&ladder(&once, step), &once, "{:?}", step);
            }
        }
    }
}
