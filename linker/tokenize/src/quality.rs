//! What was noticed about a record, as stable codes that a manifest counts.

mod repeats;

use std::collections::BTreeMap;

use self::repeats::Repeats;
use crate::{error::RowError, record::SourceRecord};

macro_rules! quality {
    ($($(#[$doc:meta])* $name:ident = $code:literal,)*) => {
        /// One thing noticed while a record was normalised.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Quality {
            $($(#[$doc])* $name,)*
        }

        impl Quality {
            /// All of them, in the order of their bits.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// Stable code; the name of the counter in a manifest.
            #[must_use]
            pub fn code(self) -> &'static str {
                match self {
                    $(Self::$name => $code,)*
                }
            }
        }
    };
}

quality! {
    /// No usable name in kana.
    NoKanaName = "no-kana-name",
    /// No usable name in kanji.
    NoKanjiName = "no-kanji-name",
    /// The name has a character that the source could not write.
    WildcardName = "wildcard-name",
    /// Another field has such a character and was left out or shortened.
    WildcardOther = "wildcard-other",
    /// The name is a word that systems write when they have none.
    PlaceholderName = "placeholder-name",
    /// Another field is such a word or number and was left out.
    PlaceholderOther = "placeholder-other",
    /// A title or note was taken off the name.
    NameNote = "name-note",
    /// The name stands for a newborn or belongs to its mother.
    NewbornName = "newborn-name",
    /// The kana came from Latin letters.
    KanaFromLatin = "kana-from-latin",
    /// The record is a test record of the institution.
    TestRecord = "test-record",
    /// No birth date.
    NoBirthDate = "no-birth-date",
    /// The birth date has unknown parts.
    PartialBirthDate = "partial-birth-date",
    /// The birth date is a known placeholder.
    PlaceholderBirthDate = "placeholder-birth-date",
    /// The birth date cannot be read.
    UnreadableBirthDate = "unreadable-birth-date",
    /// The birth date names a year outside its era.
    EraOverrun = "era-overrun",
    /// Sex is absent, unknown or not in the code table.
    NoSex = "no-sex",
    /// No usable postal code.
    NoPostalCode = "no-postal-code",
    /// No usable address.
    NoAddress = "no-address",
    /// The town, or its municipality, came from the postal code.
    TownFilled = "town-filled",
    /// The postal code, or a part of it, came from the address.
    PostalCodeFilled = "postal-code-filled",
    /// The postal code is that of another municipality than the address names.
    PostalContradicts = "postal-contradicts-address",
    /// The address has a town and no house number.
    NoBlock = "no-block",
    /// No usable insurance.
    NoInsurance = "no-insurance",
    /// The insurer number fails its check digit.
    InsurerCheckDigit = "insurer-check-digit",
    /// The insurance has no branch.
    NoBranch = "no-branch",
    /// Bytes disagree with the encoding that the file declares about itself.
    EncodingDisagrees = "encoding-disagrees",
    /// A character outside the file's character sets was replaced.
    ReplacedCharacter = "replaced-character",
    /// A second name of the person gives a second row.
    FormerName = "former-name",
    /// The person has died.
    Deceased = "deceased",
    /// The telephone number is that of very many records: the institution's own, or one that clerks type.
    /// Nothing is made of telephone numbers; it tells what the source's other fields are worth.
    FrequentPhone = "frequent-phone",
}

const _: () = assert!(Quality::ALL.len() <= 32, "a set of them is one u32");

/// A set of [`Quality`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct QualitySet(u32);

impl QualitySet {
    /// Adds one.
    pub fn insert(&mut self, quality: Quality) {
        self.0 |= 1 << quality as u8;
    }

    /// Adds one if a condition holds.
    pub fn insert_if(&mut self, condition: bool, quality: Quality) {
        if condition {
            self.insert(quality);
        }
    }

    /// Whether it is in the set.
    #[must_use]
    pub fn has(self, quality: Quality) -> bool {
        self.0 >> quality as u8 & 1 == 1
    }

    /// The members in the order of their declaration.
    pub fn iter(self) -> impl Iterator<Item = Quality> {
        Quality::ALL
            .iter()
            .copied()
            .filter(move |&quality| self.has(quality))
    }
}

/// Counters per code, as they go into a manifest.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Counts {
    /// Of what was noticed, by the numbers of [`Quality`]: every record has some, and finding them by code
    /// took longer than reading a field.
    noticed: [u32; Quality::ALL.len()],
    others: BTreeMap<&'static str, u32>,
    phones: Repeats,
}

impl Counts {
    /// Counts what was noticed about one record.
    pub fn record(&mut self, record: &SourceRecord) {
        let QualitySet(mut bits) = record.quality();
        while bits != 0 {
            let count = &mut self.noticed[bits.trailing_zeros() as usize];
            *count = count.saturating_add(1);
            bits &= bits - 1;
        }
    }

    /// Marks a record whose telephone number very many records before it have. Once for each record, before it
    /// is counted.
    pub fn mark_frequent(&mut self, record: &mut SourceRecord) {
        if let Some(phone) = &record.phone {
            let frequent = self.phones.is_frequent(phone);
            record.quality.insert_if(frequent, Quality::FrequentPhone);
        }
    }

    /// Counts one row that was left out.
    pub fn row_error(&mut self, error: RowError) {
        add(&mut self.others, error.code(), 1);
    }

    /// Adds the counters of another.
    pub fn merge(&mut self, other: &Self) {
        for (sum, &count) in self.noticed.iter_mut().zip(&other.noticed) {
            *sum = sum.saturating_add(count);
        }
        for (code, &count) in &other.others {
            add(&mut self.others, code, count);
        }
        self.phones.merge(&other.phones);
    }

    /// The counter of one code.
    #[must_use]
    pub fn get(&self, code: &str) -> u32 {
        let mut all = self.iter();
        all.find(|(at, _)| *at == code)
            .map_or(0, |(_, count)| count)
    }

    /// All counters in order of their codes.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u32)> {
        let mut all = self.others.clone();
        for (quality, &count) in Quality::ALL.iter().zip(&self.noticed) {
            if count > 0 {
                add(&mut all, quality.code(), count);
            }
        }
        all.into_iter()
    }

    /// The form in which a manifest carries them.
    #[must_use]
    pub fn to_manifest(&self) -> BTreeMap<String, u32> {
        self.iter()
            .map(|(code, count)| (code.to_owned(), count))
            .collect()
    }
}

fn add(counts: &mut BTreeMap<&'static str, u32>, code: &'static str, more: u32) {
    let count = counts.entry(code).or_default();
    *count = count.saturating_add(more);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_differ_and_fit_a_manifest() {
        let codes: std::collections::BTreeSet<_> = Quality::ALL.iter().map(|q| q.code()).collect();
        assert_eq!(codes.len(), Quality::ALL.len());
        assert!(
            codes
                .iter()
                .all(|code| code.len() <= linker_token::limits::MANIFEST_TEXT_BYTES_MAX)
        );
        // Row errors have eight codes of their own.
        assert!(codes.len() + 8 <= linker_token::limits::MANIFEST_COUNTS_MAX);
    }
}
