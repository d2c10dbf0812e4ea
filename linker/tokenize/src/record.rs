//! One record of a source: raw values, normalised identifiers, and what was noticed about them.

mod identifiers;

use std::fmt;

use linker_token::Flags;
use serde::Deserialize;
use zeroize::Zeroizing;

pub use self::identifiers::Identifiers;
use crate::{limits::LOCAL_ID_BYTES_MAX, quality::QualitySet, written::Written};

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
    /// Telephone number. Nothing is made of it; values of very many records are counted.
    Phone = "phone",
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

/// A record as a reader delivers it: normalised, with its local number and what was noticed.
#[derive(Clone)]
pub struct SourceRecord {
    pub(crate) local_id: Zeroizing<String>,
    pub(crate) identifiers: Identifiers,
    /// Few records have one.
    pub(crate) former: Option<Box<Identifiers>>,
    pub(crate) flags: Flags,
    pub(crate) quality: QualitySet,
    /// The telephone number in normal form, for counting alone.
    pub(crate) phone: Option<Zeroizing<String>>,
    /// In a box: runs carry none, and a record without one stays small.
    pub(crate) written: Option<Box<Written>>,
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
            phone: None,
            written: None,
        }
    }

    /// Nothing, with room for another record.
    pub(crate) fn empty() -> Self {
        Self::from_normal("", Identifiers::default(), Flags::default())
    }

    /// Begins another record in the same memory. `room`: bytes of all its raw values.
    pub(crate) fn begin(&mut self, local_id: &str) {
        if self.local_id.capacity() < local_id.len() {
            self.local_id = Zeroizing::new(String::with_capacity(LOCAL_ID_BYTES_MAX));
        }
        self.local_id.clear();
        self.local_id.push_str(local_id);
        self.identifiers.clear();
        self.former = None;
        self.phone = None;
        self.written = None;
        self.flags = Flags::default();
        self.quality = QualitySet::default();
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
        self.former.as_deref()
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

    /// Whether it has a telephone number. The number itself is there for counting alone.
    #[must_use]
    pub fn has_phone(&self) -> bool {
        self.phone.is_some()
    }

    /// How the values were written, if the reader was asked to note it.
    #[must_use]
    pub fn written(&self) -> Option<&Written> {
        self.written.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use linker_token::Field;

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
