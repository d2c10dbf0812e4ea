//! Kana on the step of the ladder that tokens are made on.

use std::sync::LazyLock;

use crate::normalize::kana::{Step, full_ladder};

const FIRST: u32 = 0x3041;
const LAST: u32 = 0x30fe;

/// [`crate::normalize::kana::ladder`] on step K2. `None`: the full rule decides.
pub(in crate::normalize) fn k2(text: &str) -> Option<String> {
    let mut ladder = Ladder::new();
    let mut out = String::with_capacity(text.len());
    for c in text.chars().filter(|&c| c != ' ') {
        out.push(ladder.next(c)?);
    }
    Some(out)
}

/// Step K2, character by character.
pub(super) struct Ladder {
    forms: &'static [Option<char>],
    first: bool,
}

impl Ladder {
    pub(super) fn new() -> Self {
        Self {
            forms: forms(),
            first: true,
        }
    }

    /// What a character becomes. `None`: the full rule decides.
    pub(super) fn next(&mut self, c: char) -> Option<char> {
        let first = std::mem::take(&mut self.first);
        if c == 'ー' {
            return (!first).then_some(c);
        }
        let at = u32::from(c).checked_sub(FIRST)?;
        *self.forms.get(at as usize)?
    }
}

/// What each kana becomes; `None` where it depends on its neighbours.
fn forms() -> &'static [Option<char>] {
    static FORMS: LazyLock<Vec<Option<char>>> = LazyLock::new(|| {
        (FIRST..=LAST)
            .map(|number| form(char::from_u32(number)?))
            .collect()
    });
    &FORMS
}

fn form(c: char) -> Option<char> {
    if matches!(c, 'ゝ' | 'ゞ' | 'ヽ' | 'ヾ' | 'ゔ' | 'ヴ' | 'ー') {
        return None;
    }
    let whole = full_ladder(c.encode_utf8(&mut [0; 4]), Step::K2);
    let mut chars = whole.chars();
    let first = chars.next()?;
    chars.next().is_none().then_some(first)
}
