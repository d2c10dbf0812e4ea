//! Names of kanji and kana without titles, notes or marks.

use zeroize::Zeroizing;

use super::{
    cleaned, entries, kana,
    table::{Entry, HAN, ITERATION, KANA, NAME_CARE},
};
use crate::normalize::name::{Name, Script};

/// [`Name::parse`]. `None`: the full rule decides.
pub(in crate::normalize) fn parse(raw: &str) -> Option<Name> {
    // Every kanji and kana of three bytes comes from a character of three bytes.
    let mut text = Zeroizing::new(String::with_capacity(raw.len()));
    let mut shape = Shape::default();
    let usual = cleaned(entries(raw), |c, entry| {
        if c == ' ' {
            shape.blank();
            text.push(' ');
            return true;
        }
        shape.next(entry).map(|c| text.push(c)).is_some()
    });
    (usual && shape.ends_usually()).then(|| Name::usual(text, shape.script()))
}

/// Writes [`Name::folded`] of a name in kanji, or in kanji and kana. `false`: the full rule decides, or the
/// name is of another script.
pub(super) fn write_kanji(raw: impl Iterator<Item = Option<Entry>>, out: &mut String) -> bool {
    let mut shape = Shape::default();
    let usual = cleaned(raw, |c, entry| {
        if c == ' ' {
            shape.blank();
            return true;
        }
        shape.next(entry).map(|c| out.push(c)).is_some()
    });
    usual && shape.ends_usually() && shape.script() == Script::Han
}

/// Writes [`crate::normalize::kana::ladder`] on step K2 of a name in kana. `false`: the full rules decide,
/// or the name is of another script.
pub(super) fn write_kana(raw: impl Iterator<Item = Option<Entry>>, out: &mut String) -> bool {
    let mut shape = Shape::default();
    let mut ladder = kana::Ladder::new();
    let usual = cleaned(raw, |c, entry| {
        if c == ' ' {
            shape.blank();
            return true;
        }
        let kana = shape.next(entry).and_then(|c| ladder.next(c));
        kana.map(|c| out.push(c)).is_some()
    });
    usual && shape.ends_usually() && shape.script() == Script::Kana
}

/// What is known of a name so far.
#[derive(Default)]
struct Shape {
    /// The last two characters, blanks left out.
    before: Option<char>,
    last: Option<char>,
    /// The last character if it is a kanji.
    last_han: Option<char>,
    any_han: bool,
    /// Characters since the last blank, if there was one.
    run: Option<u32>,
}

impl Shape {
    fn blank(&mut self) {
        self.run = Some(0);
    }

    /// The next character, folded. `None`: it is none of a usual name.
    fn next(&mut self, entry: Entry) -> Option<char> {
        if !entry.is(HAN | KANA) {
            return None;
        }
        let mut c = entry.folded();
        let test = matches!((self.last, c), (Some('テ'), 'ス') | (Some('て'), 'す'));
        if test || entry.is(NAME_CARE) && self.needs_care(c) {
            return None;
        }
        if entry.is(HAN) {
            if entry.is(ITERATION) {
                c = self.last_han?;
            }
            self.any_han = true;
            self.last_han = Some(c);
        } else {
            self.last_han = None;
        }
        self.run = self.run.map(|run| run + 1);
        (self.before, self.last) = (self.last, Some(c));
        Some(c)
    }

    /// Whether a character can be part of a note, of a mark of newborns and tests, or of a word for no name:
    /// ベビー, ベイビー, ダミー, テスト, サンプル, デモ, 新生児, の児, の第一子, 試験, 仮患者, 不明, フメイ, ナナシ, in either
    /// kana. A name with such a pair of characters is rarely one of theirs, but the full rule knows.
    fn needs_care(&self, c: char) -> bool {
        // The prolonged sound mark needs kana before it; after a blank it would be a dash.
        let first = self.last.is_none() || self.run == Some(0);
        match c {
            // What comes after it decides, but for ミテイ.
            'テ' | 'て' => matches!(self.last, Some('ミ' | 'み')),
            'モ' => self.last == Some('デ'),
            'メ' | 'め' => matches!(self.last, Some('フ' | 'ク' | 'ふ' | 'く')),
            'ョ' => self.last == Some('シ') && self.before == Some('フ'),
            'ロ' | 'ろ' => matches!(self.last, Some('ウ' | 'う' | 'ゥ' | 'ぅ')),
            'シ' | 'ナ' | 'し' | 'な' => matches!(self.last, Some('ナ' | 'な' | '名')),
            '試' | '検' | '動' | '練' | '研' | '仮' | '架' => self.last.is_none(),
            '明' | '詳' => self.last == Some('不'),
            '定' | '登' => self.last == Some('未'),
            '名' => self.last == Some('匿'),
            '当' => self.last == Some('該'),
            '無' => self.last == Some('名'),
            'ビ' | 'び' => matches!(
                self.last,
                Some('ベ' | 'べ' | 'イ' | 'い' | 'ィ' | 'ぃ' | 'ヰ' | 'ゐ')
            ),
            'プ' => self.last == Some('ン'),
            'ー' => {
                first || matches!(self.last, Some('ビ' | 'び' | 'ミ')) || self.last_han.is_some()
            }
            _ => true,
        }
    }

    fn ends_usually(&self) -> bool {
        match self.last {
            None | Some('様' | '殿' | '氏' | '君') => false,
            Some('子') => !matches!(self.before, Some('の' | 'ノ')),
            // さま, サマ, さん, ちゃん and くん are titles after a blank.
            Some('ま' | 'マ' | 'ん') => self.run.is_none_or(|run| run > 3),
            Some(_) => true,
        }
    }

    fn script(&self) -> Script {
        if self.any_han {
            Script::Han
        } else {
            Script::Kana
        }
    }
}
