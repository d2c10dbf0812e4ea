//! Names of kanji and kana without titles, notes or marks.

use zeroize::Zeroizing;

use super::{
    cleaned,
    table::{HAN, ITERATION, KANA, NAME_CARE},
};
use crate::normalize::name::{Name, Script};

/// [`Name::parse`]. `None`: the full rule decides.
pub(in crate::normalize) fn parse(raw: &str) -> Option<Name> {
    // Every kanji and kana of three bytes comes from a character of three bytes.
    let mut text = Zeroizing::new(String::with_capacity(raw.len()));
    let (mut before, mut last) = (None, None);
    let mut last_han = None;
    let mut script = Script::Kana;
    let usual = cleaned(raw, |c, entry| {
        if c == ' ' {
            text.push(' ');
            return true;
        }
        if !entry.is(HAN | KANA) || entry.is(NAME_CARE) {
            return false;
        }
        let mut c = entry.folded();
        if entry.is(HAN) {
            if entry.is(ITERATION) {
                let Some(repeated) = last_han else {
                    return false;
                };
                c = repeated;
            }
            script = Script::Han;
            last_han = Some(c);
        } else {
            last_han = None;
        }
        (before, last) = (last, Some(c));
        text.push(c);
        true
    });
    let unusual_end = match last? {
        '様' | '殿' | '氏' | '君' => true,
        '子' => matches!(before, Some('の' | 'ノ')),
        'ま' | 'マ' | 'ん' => [" さま", " サマ", " さん", " ちゃん", " くん"]
            .iter()
            .any(|title| text.ends_with(title)),
        _ => false,
    };
    (usual && !unusual_end).then(|| Name::usual(text, script))
}
