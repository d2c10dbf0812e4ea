//! Sentences for people, kept apart from their language until they are printed.
//!
//! [`say!`](crate::say!) takes the English text and its values. Both are checked when this crate is
//! compiled: a text without a row in [`crate::texts`], a value that the text has no place for, and a place
//! without a value do not build.

use std::fmt;

use crate::{language::Language, texts};

/// One text in all languages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Text {
    /// English, with `{places}` for values.
    pub en: &'static str,
    /// Japanese, with the same places.
    pub ja: &'static str,
}

impl Text {
    /// A text in both languages.
    #[must_use]
    pub const fn new(en: &'static str, ja: &'static str) -> Self {
        Self { en, ja }
    }

    /// The text in one language, places and all.
    #[must_use]
    pub fn of(&self, language: Language) -> &'static str {
        match language {
            Language::En => self.en,
            Language::Ja => self.ja,
        }
    }
}

/// A text with its values.
#[derive(Debug, Clone)]
pub struct Say {
    text: &'static Text,
    values: Vec<(&'static str, Value)>,
}

/// What stands in a place of a text.
#[derive(Debug, Clone)]
pub enum Value {
    /// The same in every language: a path, a code, a figure. A sentence that has a row in the table of
    /// texts is said in the language anyway, because other crates give their rules in English.
    Plain(String),
    /// Another sentence.
    Said(Box<Say>),
    /// A text without places.
    Text(&'static Text),
    /// Several of them, with the language's comma.
    List(Vec<Value>),
    /// So many things.
    Counted(u64, Noun),
}

/// A sentence: the English text, and a value for each of its places.
#[macro_export]
macro_rules! say {
    ($text:literal $(, $name:ident = $value:expr)* $(,)?) => {{
        const TEXT: &$crate::say::Text =
            $crate::texts::with_places($text, &[$(stringify!($name)),*]);
        $crate::say::Say::new(TEXT)$(.with(stringify!($name), $value))*
    }};
}

impl Say {
    /// A text whose places are still empty. Use [`say!`](crate::say!), which checks them.
    #[must_use]
    pub fn new(text: &'static Text) -> Self {
        let values = Vec::new();
        Self { text, values }
    }

    /// Fills a place.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.values.push((name, value.into()));
        self
    }

    /// The sentence in a language.
    #[must_use]
    pub fn to(&self, language: Language) -> String {
        let mut out = String::new();
        let mut rest = self.text.of(language);
        while let Some((before, after)) = rest.split_once('{') {
            out += before;
            let (name, after) = after.split_once('}').unwrap_or((after, ""));
            let value = self.values.iter().find(|(known, _)| *known == name);
            if let Some((_, value)) = value {
                out += &value.to(language);
            }
            rest = after;
        }
        out + rest
    }

    /// The sentence as a line.
    #[must_use]
    pub fn line(&self, language: Language) -> String {
        self.to(language) + "\n"
    }
}

/// English, for logs and tests.
impl fmt::Display for Say {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to(Language::En))
    }
}

/// Where a cause of an error is a sentence of ours.
impl std::error::Error for Say {}

impl Value {
    /// The value in a language.
    #[must_use]
    pub fn to(&self, language: Language) -> String {
        match self {
            Self::Plain(text) => match texts::find(text) {
                Some(known) => known.of(language).to_owned(),
                None => text.clone(),
            },
            Self::Said(say) => say.to(language),
            Self::Text(text) => text.of(language).to_owned(),
            Self::List(values) => {
                let values: Vec<String> = values.iter().map(|value| value.to(language)).collect();
                values.join(match language {
                    Language::En => ", ",
                    Language::Ja => "、",
                })
            }
            Self::Counted(number, noun) => noun.of(*number, language),
        }
    }

    /// Whether there is nothing to say.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        matches!(self, Self::Plain(text) if text.is_empty())
    }
}

macro_rules! plain {
    ($($kind:ty),*) => {
        $(impl From<$kind> for Value {
            fn from(value: $kind) -> Self {
                Self::Plain(value.to_string())
            }
        })*
    };
}

plain!(&str, &String, u16, u32, u64, usize);

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::Plain(value)
    }
}

impl From<Say> for Value {
    fn from(value: Say) -> Self {
        Self::Said(Box::new(value))
    }
}

impl From<&'static Text> for Value {
    fn from(value: &'static Text) -> Self {
        Self::Text(value)
    }
}

/// Things that are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Noun {
    /// Rows of a file.
    Rows,
    /// Usable records.
    Records,
    /// Files.
    Files,
    /// Tokens.
    Tokens,
    /// Batches.
    Batches,
    /// Batches that are sealed.
    SealedBatches,
    /// Batches that are sealed and wait.
    WaitingBatches,
    /// Receipts.
    Receipts,
    /// Entries of the linkage table.
    Entries,
    /// Anything whose noun the sentence has itself.
    Bare,
    /// Rows, where the sentence has the noun itself.
    BareRows,
}

impl Noun {
    /// So many of them, as a value of a sentence.
    #[must_use]
    pub fn count(self, number: impl Into<u64>) -> Value {
        Value::Counted(number.into(), self)
    }

    /// One, many, and the Japanese counter.
    fn words(self) -> [&'static str; 3] {
        match self {
            Self::Rows => ["row", "rows", "行"],
            Self::Records => ["record", "records", "件"],
            Self::Files => ["file", "files", "ファイル"],
            Self::Tokens => ["token", "tokens", "件"],
            Self::Batches => ["batch", "batches", "個"],
            Self::SealedBatches => ["sealed batch", "sealed batches", "個"],
            Self::WaitingBatches => ["sealed batch waits", "sealed batches wait", "個"],
            Self::Entries => ["entry", "entries", "件"],
            Self::Receipts => ["receipt", "receipts", "通"],
            Self::Bare => ["", "", "件"],
            Self::BareRows => ["", "", "行"],
        }
    }

    fn of(self, number: u64, language: Language) -> String {
        let [one, many, counter] = self.words();
        match language {
            Language::En if one.is_empty() => number.to_string(),
            Language::En => format!("{number} {}", if number == 1 { one } else { many }),
            Language::Ja => grouped(number) + counter,
        }
    }
}

/// A number with a comma before every three figures, as Japanese screens have it.
#[must_use]
pub fn grouped(number: u64) -> String {
    let figures = number.to_string();
    let mut out = String::with_capacity(figures.len() + 6);
    for (at, figure) in figures.chars().enumerate() {
        if at > 0 && (figures.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(figure);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_put_in_place() {
        let text = say!(
            "checked {files}: {rows}, {records}, {refused} left out",
            files = Noun::Files.count(1_u32),
            rows = Noun::Rows.count(1234_u32),
            records = Noun::Records.count(0_u32),
            refused = Noun::Bare.count(2_u32)
        );
        assert_eq!(
            text.to_string(),
            "checked 1 file: 1234 rows, 0 records, 2 left out"
        );
        let japanese = text.to(Language::Ja);
        assert!(
            japanese.contains("1,234行") && japanese.contains("2件"),
            "{japanese}"
        );
        assert!(!japanese.contains('{'));
    }

    #[test]
    fn values_cannot_open_places() {
        let text = say!("{what}: {detail}", what = "{detail}", detail = "{what}");
        assert_eq!(text.to_string(), "{detail}: {what}");
    }

    #[test]
    fn figures_are_grouped() {
        for (number, expected) in [
            (0, "0"),
            (999, "999"),
            (1000, "1,000"),
            (1_234_567, "1,234,567"),
        ] {
            assert_eq!(grouped(number), expected);
        }
    }

    #[test]
    fn one_is_singular() {
        let batches = |number: u64| Noun::Batches.of(number, Language::En);
        assert_eq!(
            [0, 1, 2].map(batches),
            ["0 batches", "1 batch", "2 batches"]
        );
    }
}
