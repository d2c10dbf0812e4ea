//! What is counted over the records of a source, as numbers.

use std::collections::BTreeMap;

use linker_token::{Field, Flags};
use linker_tokenize::{RawField, SourceRecord};

use super::{
    field::{Group, Notice, Reason},
    sketch::{Frequent, Repeats, Sample},
};
use crate::limits::{FIELD_SAMPLE_MAX, FREQUENT_MAX};

/// Counts of one field.
#[derive(Debug)]
pub struct FieldProfile {
    /// Records that have a value which goes into the token.
    pub usable: u64,
    /// Records without a value.
    pub empty: u64,
    /// Records with a value that cannot be used, in the order of [`Reason::ALL`].
    pub unusable: [u64; Reason::ALL.len()],
    /// Records by what was noticed, in the order of [`Notice::ALL`].
    pub noticed: [u64; Notice::ALL.len()],
    /// How often values stand.
    pub frequent: Frequent,
    /// How many there are.
    pub values: Sample,
}

impl FieldProfile {
    pub(super) fn new() -> Self {
        Self {
            usable: 0,
            empty: 0,
            unusable: [0; Reason::ALL.len()],
            noticed: [0; Notice::ALL.len()],
            frequent: Frequent::new(FREQUENT_MAX),
            values: Sample::new(FIELD_SAMPLE_MAX),
        }
    }

    /// Records that have any value.
    #[must_use]
    pub fn filled(&self) -> u64 {
        self.usable + self.unusable.iter().sum::<u64>()
    }

    /// In how many records the most frequent value stands, at least.
    #[must_use]
    pub fn most(&self) -> u64 {
        self.frequent.most()
    }

    /// How many values differ.
    #[must_use]
    pub fn different(&self) -> Repeats {
        self.values.repeats()
    }
}

/// How much of a person a record tells, from the most to the least.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strength {
    /// Name, birth date, place and insurance.
    All,
    /// Name, birth date and insurance.
    Insured,
    /// Name, birth date and place.
    Placed,
    /// Name and birth date.
    Named,
    /// No name or no birth date.
    Weak,
    /// A test record, which is never linked.
    Test,
}

impl Strength {
    /// All of them, from the most to the least.
    pub const ALL: &'static [Self] = &[
        Self::All,
        Self::Insured,
        Self::Placed,
        Self::Named,
        Self::Weak,
        Self::Test,
    ];

    pub(super) fn of(record: &SourceRecord) -> Self {
        let identifiers = record.identifiers();
        let has = |field| identifiers.get(field).is_some();
        let named = has(Field::KanaName)
            || has(Field::KanjiName)
            || (has(Field::GivenName) && has(Field::Surname));
        let placed = has(Field::PostalCode) || has(Field::Town);
        if record.flags().has(Flags::TEST_RECORD) {
            return Self::Test;
        }
        match (
            named && has(Field::BirthYear),
            placed,
            has(Field::InsuredNumber),
        ) {
            (false, ..) => Self::Weak,
            (true, true, true) => Self::All,
            (true, false, true) => Self::Insured,
            (true, true, false) => Self::Placed,
            (true, false, false) => Self::Named,
        }
    }
}

/// How the birth dates lie.
#[derive(Debug, Default)]
pub struct Births {
    /// Records by the first year of the decade of birth.
    pub decades: BTreeMap<u64, u64>,
    /// Birth dates still to come.
    pub future: u64,
    /// Older than [`Births::OLD`] years.
    pub old: u64,
}

impl Births {
    /// Nobody in Japan has become older than this.
    pub const OLD: u64 = 120;
}

/// Widths of values: for each raw field a count per width, as
/// [`linker_tokenize::Written::columns`] says it.
#[derive(Debug)]
pub struct Widths(pub(super) Vec<[u64; 256]>);

impl Widths {
    /// Values by width. Width 0 counts none.
    #[must_use]
    pub fn of(&self, field: RawField) -> &[u64; 256] {
        &self.0[field as usize]
    }
}

/// Counts over the records of a source.
#[derive(Debug)]
pub struct Counts {
    /// Records seen.
    pub records: u64,
    /// Counts of fields, in the order of [`Group::ALL`].
    pub fields: [FieldProfile; Group::ALL.len()],
    /// Records with a name in both spellings, in kana only, in kanji only, in Latin letters only, and with
    /// none.
    pub spellings: [u64; 5],
    /// Records by strength, in the order of [`Strength::ALL`].
    pub strengths: [u64; Strength::ALL.len()],
    /// Birth dates.
    pub births: Births,
    /// Male, female, not known.
    pub sexes: [u64; 3],
    /// Widths of raw values.
    pub widths: Widths,
    /// Records whose token has each segment of the schema, by its name.
    pub segments: Vec<(String, u64)>,
    /// Records that no token can be made of.
    pub without_token: u64,
}
