//! Sentences for people in both languages, side by side in [`crate::texts`].

use clap::ValueEnum;

/// Language of the room. Codes, transcripts and file names are the same in both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Language {
    /// English.
    #[default]
    #[value(name = "en")]
    English,
    /// Japanese.
    #[value(name = "ja")]
    Japanese,
}

impl Language {
    /// The same language of what is printed.
    pub(crate) fn printed(self) -> crate::print::Language {
        match self {
            Self::English => crate::print::Language::English,
            Self::Japanese => crate::print::Language::Japanese,
        }
    }

    /// The language of a locale's name, such as `ja_JP.UTF-8`. English for every other.
    pub(crate) fn from_locale(locale: &str) -> Self {
        let tag = locale.split(['_', '-', '.', '@']).next();
        let tag = tag.unwrap_or_default().to_ascii_lowercase();
        match crate::print::Language::parse(&tag) {
            Some(crate::print::Language::Japanese) => Self::Japanese,
            Some(crate::print::Language::English) | None => Self::English,
        }
    }

    /// The language that `LC_ALL`, `LC_MESSAGES` and `LANG` ask for, as POSIX ranks them.
    pub(crate) fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Self {
        let ranked = ["LC_ALL", "LC_MESSAGES", "LANG"];
        let set = ranked.into_iter().filter_map(variable);
        let first = set.into_iter().find(|value| !value.is_empty());
        first.map_or(Self::English, |locale| Self::from_locale(&locale))
    }
}

/// One sentence in both languages, with `{places}` for values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Text {
    pub(crate) en: &'static str,
    pub(crate) ja: &'static str,
}

impl Text {
    /// The sentence in a language, its places filled.
    pub(crate) fn fill(&self, language: Language, values: &[(&str, &str)]) -> String {
        let mut rest = match language {
            Language::English => self.en,
            Language::Japanese => self.ja,
        };
        let mut filled = String::new();
        while let Some((before, after)) = rest.split_once('{') {
            filled.push_str(before);
            let (name, after) = after.split_once('}').unwrap_or((after, ""));
            let value = values.iter().find(|(known, _)| *known == name);
            debug_assert!(value.is_some(), "a place without a value: {name}");
            filled.push_str(value.map_or("", |(_, value)| value));
            rest = after;
        }
        filled + rest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_locale_chooses() {
        let chosen = |set: &'static str, value: &'static str| {
            Language::from_variables(move |name| (name == set).then(|| value.to_owned()))
        };
        assert_eq!(chosen("LC_ALL", "ja_JP.UTF-8"), Language::Japanese);
        assert_eq!(chosen("LANG", "ja"), Language::Japanese);
        assert_eq!(chosen("LANG", "de_DE.UTF-8"), Language::English);
        assert_eq!(chosen("LC_MESSAGES", ""), Language::English);
        let ranked = Language::from_variables(|name| {
            Some(if name == "LC_ALL" { "C" } else { "ja_JP" }.to_owned())
        });
        assert_eq!(ranked, Language::English);
    }

    #[test]
    fn places_are_filled() {
        let text = Text {
            en: "{a} of {b}",
            ja: "{b}中の{a}",
        };
        let values = [("a", "1"), ("b", "2")];
        assert_eq!(text.fill(Language::English, &values), "1 of 2");
        assert_eq!(text.fill(Language::Japanese, &values), "2中の1");
    }
}
