//! Names: titles, notes, and the joined form.

mod marks;

use zeroize::Zeroizing;

use super::{
    kana::{self, Step},
    kanji, latin, quick,
    text::{WILDCARD, clean, has_wildcard, is_dash, is_han, is_kana},
};

/// A name without titles and notes, its parts separated by one blank.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each says one thing that was noticed, and any of them may hold together"
)]
pub struct Name {
    /// The name.
    pub text: Zeroizing<String>,
    /// A title or note was taken off.
    pub note: bool,
    /// It stands for a newborn without a name of its own.
    pub newborn: bool,
    /// It is a test record's.
    pub test: bool,
    /// It is a word that systems and clerks write when they have no name.
    pub placeholder: bool,
    /// What it is written in.
    pub script: Script,
    /// Which rule read it.
    pub rule: Rule,
}

/// Which rule read a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// The one for kanji and kana and nothing else: what it leaves is folded.
    Quick,
    /// The one for any text.
    Full,
}

impl std::fmt::Debug for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Name(..)")
    }
}

/// What a name is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Script {
    /// Nothing is left.
    None,
    /// At least one character is unknown.
    Wildcard,
    /// At least one kanji.
    Han,
    /// Kana only.
    Kana,
    /// Latin letters.
    Latin,
    /// Other letters, or a mixture.
    Other,
}

impl Name {
    /// Cleans a name.
    #[must_use]
    pub fn parse(raw: &str) -> Self {
        quick::name::parse(raw).unwrap_or_else(|| Self::full_parse(raw))
    }

    /// A name of kanji and kana that is nothing but a name.
    pub(super) fn usual(text: Zeroizing<String>, script: Script) -> Self {
        Self::marked(Self {
            text,
            note: false,
            newborn: false,
            test: false,
            placeholder: false,
            script,
            rule: Rule::Quick,
        })
    }

    /// Marks that need no character out of the ordinary, so that both rules must look for them.
    fn marked(mut self) -> Self {
        self.test |= marks::is_test_word(&self.text);
        let forms = self.forms();
        self.newborn |= forms.iter().any(|form| marks::is_newborn(form));
        let in_form = forms.iter().any(|form| marks::is_placeholder(form));
        if in_form || marks::is_placeholder(&self.text) {
            self.placeholder = true;
            self.script = Script::None;
        }
        self
    }

    /// What the name may be encoded as, in capitals. Letters that signs kept apart, other scripts and other
    /// spellings become words only here, and a form must mean what the name does that it comes from.
    fn forms(&self) -> Vec<Zeroizing<String>> {
        let kana = |text: &str| Zeroizing::new(kana::ladder(text, Step::K2));
        match self.script {
            Script::Kana => vec![kana(&self.text)],
            // The quick rule leaves all kanji of such words to the full one.
            Script::Han if self.rule == Rule::Quick => Vec::new(),
            Script::Han => vec![Zeroizing::new(self.folded().to_uppercase())],
            Script::Latin => {
                let joined = Zeroizing::new(latin::letters(&self.text, false));
                let sorted = Zeroizing::new(latin::sorted_parts(&self.text));
                let spelled = [&self.text, &joined, &sorted].into_iter();
                let spelled = spelled.filter_map(|text| latin::to_kana(text).map(Zeroizing::new));
                let mut forms: Vec<_> = spelled.map(|spelled| kana(&spelled)).collect();
                forms.push(Zeroizing::new(joined.to_uppercase()));
                forms.push(sorted);
                forms.push(Zeroizing::new(self.text.to_uppercase()));
                forms
            }
            Script::None | Script::Wildcard | Script::Other => Vec::new(),
        }
    }

    /// The rule in full, for any text.
    pub(super) fn full_parse(raw: &str) -> Self {
        let cleaned = clean(raw);
        let (mut text, mut note) = without_brackets(&cleaned);
        note |= strip_titles(&mut text);
        let upper = Zeroizing::new(text.to_uppercase());
        let newborn = marks::is_newborn(&upper);
        let test = marks::is_test(&upper);
        let (text, dropped) = letters(&text);
        let mut text = Zeroizing::new(kanji::strict(&text));
        // A title may have been hidden by a number, a sign or an iteration mark that is gone now.
        note |= dropped | strip_titles(&mut text);
        let script = script(&text);
        Self::marked(Self {
            text,
            note,
            newborn,
            test,
            placeholder: false,
            script,
            rule: Rule::Full,
        })
    }

    /// The name without blanks, so that nothing depends on whether one was typed.
    #[must_use]
    pub fn joined(&self) -> Zeroizing<String> {
        let mut out = Zeroizing::new(String::with_capacity(self.text.len()));
        out.extend(self.text.chars().filter(|&c| c != ' '));
        out
    }

    /// The strict fold of the joined name, on which tokens are made.
    #[must_use]
    pub fn folded(&self) -> String {
        if self.rule == Rule::Full {
            return kanji::strict(&self.joined());
        }
        // Folded already, and blanks do not come between an iteration mark and its kanji.
        let mut out = String::with_capacity(self.text.len());
        for part in self.text.split(' ') {
            out.push_str(part);
        }
        out
    }

    /// Family and given name, if exactly one blank separates them.
    #[must_use]
    pub fn split(&self) -> Option<(&str, &str)> {
        let (family, given) = self.text.split_once(' ')?;
        (!given.contains(' ')).then_some((family, given))
    }

    /// What it is written in.
    #[must_use]
    pub fn script(&self) -> Script {
        self.script
    }
}

fn script(text: &str) -> Script {
    let mut letters = text.chars().filter(|&c| c != ' ').peekable();
    if letters.peek().is_none() {
        Script::None
    } else if has_wildcard(text) {
        Script::Wildcard
    } else if text.chars().any(is_han) {
        Script::Han
    } else if letters.clone().all(|c| is_kana(c) || c == 'ー') {
        Script::Kana
    } else if letters.all(|c| c.is_alphabetic() && u32::from(c) < 0x250) {
        Script::Latin
    } else {
        Script::Other
    }
}

/// Takes bracketed notes out. A bracket that never closes was cut off with the field.
fn without_brackets(text: &str) -> (Zeroizing<String>, bool) {
    let mut out = Zeroizing::new(String::with_capacity(text.len()));
    let mut depth = 0_u32;
    let mut found = false;
    for c in text.chars() {
        match c {
            '(' | '[' | '{' | '【' | '「' | '『' | '〔' | '〈' | '《' | '<' => {
                depth += 1;
                found = true;
            }
            ')' | ']' | '}' | '】' | '」' | '』' | '〕' | '〉' | '》' | '>' => {
                depth = depth.saturating_sub(1);
                found = true;
            }
            c if depth == 0 => out.push(c),
            _ => {}
        }
    }
    (out, found)
}

/// Takes titles off the end: 様 and 殿 always, others only after a blank.
fn strip_titles(text: &mut Zeroizing<String>) -> bool {
    const ALWAYS: [&str; 2] = ["様", "殿"];
    const AFTER_BLANK: [&str; 7] = [" さま", " サマ", " さん", " 氏", " ちゃん", " くん", " 君"];
    let mut found = false;
    loop {
        let length = text.trim_end().len();
        text.truncate(length);
        let title = ALWAYS.iter().chain(&AFTER_BLANK).find(|title| {
            text.strip_suffix(**title)
                .is_some_and(|rest| rest.trim().chars().count() > 1)
        });
        let Some(title) = title else { return found };
        let length = text.len() - title.len();
        text.truncate(length);
        found = true;
    }
}

/// Keeps letters, blanks and wildcards. Separators of foreign names become blanks; a dash after kana
/// is the prolonged sound mark.
fn letters(text: &str) -> (Zeroizing<String>, bool) {
    let mut out = Zeroizing::new(String::with_capacity(text.len()));
    let mut dropped = false;
    let mut last = ' ';
    for c in text.chars() {
        let kept = match c {
            c if is_dash(c) && is_kana(last) => 'ー',
            '\'' | '’' | 'ʼ' => continue,
            c if is_dash(c) => ' ',
            ' ' | '・' | '=' | '＝' | ',' | '.' | '、' | '/' | '･' | '·' | '&' => ' ',
            c if c == WILDCARD || c.is_alphabetic() || is_han(c) || is_kana(c) => c,
            _ => {
                dropped = true;
                continue;
            }
        };
        if kept != ' ' || last != ' ' {
            out.push(kept);
        }
        last = kept;
    }
    let length = out.trim_end().len();
    out.truncate(length);
    (out, dropped)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(raw: &str, text: &str, note: bool) {
        let name = Name::parse(raw);
        assert_eq!((name.text.as_str(), name.note), (text, note), "{raw}");
    }

    #[test]
    fn titles_and_notes_go() {
        check("山田　太郎", "山田 太郎", false);
        check("山田太郎様", "山田太郎", true);
        check("山田 太郎 殿", "山田 太郎", true);
        check("山田太郎（同姓同名）", "山田太郎", true);
        check("山田太郎(旧姓 佐", "山田太郎", true);
        check("山田太郎２", "山田太郎", true);
        check("※山田太郎", "山田太郎", true);
        check("ジョン・スミス", "ジョン スミス", false);
        check("O'Neill, Mary-Jane", "ONeill Mary Jane", false);
        check("ス－ザン", "スーザン", false);
        check("様", "様", false);
    }

    #[test]
    fn scripts_are_told_apart() {
        for (raw, script) in [
            ("", Script::None),
            ("１２", Script::None),
            ("山■", Script::Wildcard),
            ("山田 さくら", Script::Han),
            ("やまだ さくら", Script::Kana),
            ("スー", Script::Kana),
            ("Müller", Script::Latin),
            ("Иван", Script::Other),
        ] {
            assert_eq!(Name::parse(raw).script(), script, "{raw}");
        }
    }

    proptest! {
        #[test]
        fn parsing_twice_is_parsing_once(raw in "[山田々花子の様殿ァ-ヶーA-Za-z0-9()（）・\\- \u{3000}]{0,16}") {
            let once = Name::parse(&raw);
            let twice = Name::parse(&once.text);
            prop_assert_eq!(twice.text.as_str(), once.text.as_str());
        }
    }
}
