//! The numbers of section, block and house.

use super::{push_number, starts_with_any};
use crate::normalize::{numeral::numeral, text::is_dash};

/// Up to three numbers from the start of `chars`, joined by hyphens; building and room are cut off.
pub(in crate::normalize) fn block(chars: &[char]) -> String {
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
