//! What a booklet holds, whatever it becomes: Markdown or PDF, Japanese or English.
//!
//! A step does not know the recipe's file. Whoever has a new kind of step describes it with these types,
//! and both forms print it.

/// The language of a printed document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Language {
    Japanese,
    English,
}

impl Language {
    /// The tag that a command line and a PDF file name it by.
    pub(crate) fn tag(self) -> &'static str {
        match self {
            Self::Japanese => "ja",
            Self::English => "en",
        }
    }

    /// The language of a tag.
    pub(crate) fn parse(tag: &str) -> Option<Self> {
        [Self::Japanese, Self::English]
            .into_iter()
            .find(|language| language.tag() == tag)
    }
}

/// One statement in both languages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Text {
    pub(crate) japanese: String,
    pub(crate) english: String,
}

impl Text {
    pub(crate) fn new(japanese: impl Into<String>, english: impl Into<String>) -> Self {
        Self {
            japanese: japanese.into(),
            english: english.into(),
        }
    }

    /// What is written the same way in both languages: names, hashes, labels.
    pub(crate) fn same(text: impl Into<String>) -> Self {
        let text = text.into();
        Self::new(text.clone(), text)
    }

    pub(crate) fn of(&self, language: Language) -> &str {
        match language {
            Language::Japanese => &self.japanese,
            Language::English => &self.english,
        }
    }
}

/// Something beside a step that a hand fills in or an eye compares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Field {
    /// A blank line.
    Write(Text),
    /// What must be seen, with a box for "it is the same".
    Compare(Text, String),
}

/// One thing to do, with its box, its time and its initials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) text: Text,
    pub(crate) fields: Vec<Field>,
}

impl Step {
    pub(crate) fn new(text: Text) -> Self {
        Self {
            text,
            fields: Vec::new(),
        }
    }

    /// The step with one more blank.
    #[must_use]
    pub(crate) fn write(mut self, japanese: &str, english: &str) -> Self {
        self.fields.push(Field::Write(Text::new(japanese, english)));
        self
    }

    /// The step with one more value to compare.
    #[must_use]
    pub(crate) fn compare(mut self, japanese: &str, english: &str, expected: &str) -> Self {
        let label = Text::new(japanese, english);
        self.fields.push(Field::Compare(label, expected.to_owned()));
        self
    }
}

/// The steps under one heading; steps are numbered through the whole booklet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Section {
    pub(crate) title: Text,
    pub(crate) steps: Vec<Step>,
}

/// Somebody in the room. The person's own name is written by hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Person {
    pub(crate) role: Text,
}

/// A whole booklet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Booklet {
    pub(crate) title: String,
    pub(crate) project: String,
    pub(crate) epoch: u32,
    /// More lines of the first page: what, and its value.
    pub(crate) facts: Vec<(Text, Text)>,
    /// Every page says that nothing of this is in production.
    pub(crate) rehearsal: bool,
    pub(crate) recipe_sha256: [u8; 32],
    pub(crate) people: Vec<Person>,
    pub(crate) sections: Vec<Section>,
    /// How many exception sheets follow the steps.
    pub(crate) exceptions: usize,
}

impl Booklet {
    /// The recipe's hash as it is read aloud: groups of four digits.
    pub(crate) fn hash_groups(&self) -> Vec<String> {
        groups_of_four(&self.recipe_sha256)
    }

    /// The first eight bytes of the recipe's hash, for its short forms.
    pub(crate) fn short_hash(&self) -> [u8; 8] {
        let mut short = [0; 8];
        short.copy_from_slice(&self.recipe_sha256[..8]);
        short
    }
}

/// Bytes as groups of four hexadecimal digits.
pub(super) fn groups_of_four(bytes: &[u8]) -> Vec<String> {
    bytes.chunks(2).map(hex::encode).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn languages_have_tags() {
        for language in [Language::Japanese, Language::English] {
            assert_eq!(Language::parse(language.tag()), Some(language));
        }
        assert_eq!(Language::parse("fr"), None);
    }
}
