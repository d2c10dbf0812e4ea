//! The words in which a schema speaks of fields, grams and meanings.

use serde::Deserialize;

/// A normalised identifier that a segment can encode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Field {
    /// Family and given name in kana, joined, ladder step K2.
    KanaName,
    /// Family and given name in kanji, joined, strict fold.
    KanjiName,
    /// Given name, Latin script.
    GivenName,
    /// Surname, Latin script.
    Surname,
    /// Birth year, four digits.
    BirthYear,
    /// Birth month, two digits.
    BirthMonth,
    /// Day of birth, two digits.
    BirthDay,
    /// Sex code.
    Sex,
    /// Postal code, digits only.
    PostalCode,
    /// Town: municipality and section of it.
    Town,
    /// Block and house number, digits joined by hyphens.
    Block,
    /// Street, Latin script.
    Street,
    /// Insurer number, eight digits.
    Insurer,
    /// Symbol and number of the insured.
    InsuredNumber,
    /// Branch of the insured, two digits.
    InsuredBranch,
}

impl Field {
    /// The field's tag inside a gram and in the canonical form.
    #[must_use]
    pub fn tag(self) -> &'static str {
        match self {
            Self::KanaName => "kana-name",
            Self::KanjiName => "kanji-name",
            Self::GivenName => "given-name",
            Self::Surname => "surname",
            Self::BirthYear => "birth-year",
            Self::BirthMonth => "birth-month",
            Self::BirthDay => "birth-day",
            Self::Sex => "sex",
            Self::PostalCode => "postal-code",
            Self::Town => "town",
            Self::Block => "block",
            Self::Street => "street",
            Self::Insurer => "insurer",
            Self::InsuredNumber => "insured-number",
            Self::InsuredBranch => "insured-branch",
        }
    }
}

/// How a value is cut into grams.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GramKind {
    /// Pairs of neighbours, padded at both ends.
    Bigram,
    /// Single characters and padded pairs.
    UnigramBigram,
    /// Each character with its position.
    Positional,
    /// The whole value as one gram.
    Whole,
}

impl GramKind {
    /// The kind's name in the canonical form.
    #[must_use]
    pub fn tag(self) -> &'static str {
        match self {
            Self::Bigram => "bigram",
            Self::UnigramBigram => "unigram-bigram",
            Self::Positional => "positional",
            Self::Whole => "whole",
        }
    }
}

/// What agreement on a segment means to the matcher.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// A name.
    Name,
    /// Birth date and sex.
    Birth,
    /// Where the person lives. Shared by a household.
    Place,
    /// A number given by an institution. Shared by a household but for its branch.
    Number,
}

impl Role {
    pub(super) fn tag(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Birth => "birth",
            Self::Place => "place",
            Self::Number => "number",
        }
    }
}
