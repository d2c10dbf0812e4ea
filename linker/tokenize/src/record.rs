//! One record of a source: raw values, normalised identifiers, and what was noticed about them.

use std::fmt;

use linker_token::{Field, Flags};
use serde::Deserialize;
use zeroize::Zeroizing;

use crate::quality::QualitySet;

macro_rules! raw_fields {
    ($($(#[$doc:meta])* $name:ident = $tag:literal,)*) => {
        /// A value as a source gives it, before normalisation. The names are those of mapping files.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum RawField {
            $($(#[$doc])* $name,)*
        }

        impl RawField {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The field's name in mapping files and error reports.
            #[must_use]
            pub fn tag(self) -> &'static str {
                match self {
                    $(Self::$name => $tag,)*
                }
            }
        }
    };
}

raw_fields! {
    /// The institution's own number of the record.
    RecordId = "record-id",
    /// Whole name in kanji.
    KanjiName = "kanji-name",
    /// Family name in kanji.
    KanjiFamily = "kanji-family",
    /// Given name in kanji.
    KanjiGiven = "kanji-given",
    /// Whole name in kana.
    KanaName = "kana-name",
    /// Family name in kana.
    KanaFamily = "kana-family",
    /// Given name in kana.
    KanaGiven = "kana-given",
    /// Whole former or other name in kanji.
    FormerKanjiName = "former-kanji-name",
    /// Former family name in kanji.
    FormerKanjiFamily = "former-kanji-family",
    /// Whole former or other name in kana.
    FormerKanaName = "former-kana-name",
    /// Former family name in kana.
    FormerKanaFamily = "former-kana-family",
    /// Given name in Latin script.
    GivenName = "given-name",
    /// Surname in Latin script.
    Surname = "surname",
    /// Former surname in Latin script.
    FormerSurname = "former-surname",
    /// Birth date in any form that the normaliser reads.
    BirthDate = "birth-date",
    /// Sex, by a code or a word.
    Sex = "sex",
    /// Postal code.
    PostalCode = "postal-code",
    /// Whole address, Japanese.
    Address = "address",
    /// Town or suburb, where it has a column of its own.
    Town = "town",
    /// House number, where it has a column of its own.
    Block = "block",
    /// Street, Latin script.
    Street = "street",
    /// Insurer number.
    Insurer = "insurer",
    /// Symbol of the insured.
    InsuredSymbol = "insured-symbol",
    /// Number of the insured.
    InsuredNumber = "insured-number",
    /// Branch of the insured.
    InsuredBranch = "insured-branch",
    /// Whether the person has died.
    Deceased = "deceased",
    /// Whether the person is one of a multiple birth.
    MultipleBirth = "multiple-birth",
}

/// Raw values of one record. Wiped when dropped; never printed.
#[derive(Clone, Default)]
pub struct RawRecord {
    values: Vec<(RawField, Zeroizing<String>)>,
}

impl fmt::Debug for RawRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RawRecord(..)")
    }
}

impl RawRecord {
    /// A record without values.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets a value; an earlier one is replaced.
    pub fn set(&mut self, field: RawField, value: impl Into<String>) {
        let value = Zeroizing::new(value.into());
        if let Some(slot) = self.values.iter_mut().find(|(at, _)| *at == field) {
            slot.1 = value;
        } else {
            self.values.push((field, value));
        }
    }

    /// The same record with one more value.
    #[must_use]
    pub fn with(mut self, field: RawField, value: impl Into<String>) -> Self {
        self.set(field, value);
        self
    }

    /// A value that is there and is not blank.
    #[must_use]
    pub fn get(&self, field: RawField) -> Option<&str> {
        let value = self.values.iter().find(|(at, _)| *at == field);
        value
            .map(|(_, value)| value.trim())
            .filter(|value| !value.is_empty())
    }

    /// All values that were set.
    pub fn iter(&self) -> impl Iterator<Item = (RawField, &str)> {
        self.values
            .iter()
            .map(|(field, value)| (*field, value.as_str()))
    }
}

/// Normalised identifiers of one person under one name. Wiped when dropped; never printed.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Identifiers {
    values: Vec<(Field, Zeroizing<String>)>,
}

impl fmt::Debug for Identifiers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Identifiers(..)")
    }
}

impl Identifiers {
    /// Takes values that are already in normal form, as test vectors have them.
    #[must_use]
    pub fn from_normal(values: &[(Field, &str)]) -> Self {
        let mut identifiers = Self::default();
        for &(field, value) in values {
            identifiers.set(field, value.to_owned());
        }
        identifiers
    }

    /// The normal form of a field, if the record has it.
    #[must_use]
    pub fn get(&self, field: Field) -> Option<&str> {
        let value = self.values.iter().find(|(at, _)| *at == field);
        value.map(|(_, value)| value.as_str())
    }

    /// All fields that are present, in no promised order.
    pub fn iter(&self) -> impl Iterator<Item = (Field, &str)> {
        self.values
            .iter()
            .map(|(field, value)| (*field, value.as_str()))
    }

    /// Sets a field; an empty value removes it.
    pub(crate) fn set(&mut self, field: Field, value: String) {
        self.values.retain(|(at, _)| *at != field);
        if !value.is_empty() {
            self.values.push((field, Zeroizing::new(value)));
        }
    }
}

/// A record as a reader delivers it: normalised, with its local number and what was noticed.
#[derive(Clone)]
pub struct SourceRecord {
    pub(crate) local_id: Zeroizing<String>,
    pub(crate) identifiers: Identifiers,
    pub(crate) former: Option<Identifiers>,
    pub(crate) flags: Flags,
    pub(crate) quality: QualitySet,
}

impl fmt::Debug for SourceRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SourceRecord(..)")
    }
}

impl SourceRecord {
    /// A record made of values that are already in normal form, as test vectors have them.
    #[must_use]
    pub fn from_normal(local_id: &str, identifiers: Identifiers, flags: Flags) -> Self {
        Self {
            local_id: Zeroizing::new(local_id.to_owned()),
            identifiers,
            former: None,
            flags,
            quality: QualitySet::default(),
        }
    }

    /// The institution's own number of the record. It stays at the site.
    #[must_use]
    pub fn local_id(&self) -> &str {
        &self.local_id
    }

    /// The person under the present name.
    #[must_use]
    pub fn identifiers(&self) -> &Identifiers {
        &self.identifiers
    }

    /// The person under a former or other name, if the source gives one.
    #[must_use]
    pub fn former(&self) -> Option<&Identifiers> {
        self.former.as_ref()
    }

    /// Flags of the record; which segments are missing is known after encoding.
    #[must_use]
    pub fn flags(&self) -> Flags {
        self.flags
    }

    /// What was noticed.
    #[must_use]
    pub fn quality(&self) -> QualitySet {
        self.quality
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_not_printed() {
        let raw = RawRecord::new().with(RawField::KanjiName, "marked value");
        assert_eq!(format!("{raw:?}"), "RawRecord(..)");
        let identifiers = Identifiers::from_normal(&[(Field::KanjiName, "marked value")]);
        assert_eq!(format!("{identifiers:?}"), "Identifiers(..)");
        let record = SourceRecord::from_normal("marked value", identifiers, Flags::default());
        assert_eq!(format!("{record:?}"), "SourceRecord(..)");
    }

    #[test]
    fn blank_values_do_not_count() {
        let raw = RawRecord::new().with(RawField::Address, " \u{3000} ");
        assert_eq!(raw.get(RawField::Address), None);
    }
}
