//! What is counted over the records of a source. Bounded memory, whatever the size of the source.

use std::{
    array,
    hash::{BuildHasher as _, RandomState},
};

use linker_token::{Epoch, Field, ProjectId, Schema};
use linker_tokenize::{Encoder, RawField, SourceRecord, Written};
use zeroize::Zeroizing;

use super::{
    counted::{Births, Counts, FieldProfile, Strength, Widths},
    day::Day,
    field::{Group, State, notices, state},
    sketch::{Repeats, Sample},
};
use crate::{
    error::{AgentError, Fault},
    limits::RECORD_SAMPLE_MAX,
};

/// Counts records under keys that nobody keeps.
pub struct Profile {
    keys: RandomState,
    encoder: Encoder,
    today: Day,
    counts: Counts,
    numbers: Sample,
    tokens: Sample,
    numbered_tokens: Sample,
    persons: Sample,
}

impl std::fmt::Debug for Profile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Profile(..)")
    }
}

impl Profile {
    /// Nothing counted. Tokens are made under a secret that nobody keeps.
    ///
    /// # Errors
    /// [`Fault::Internal`] if the system gives no randomness.
    pub fn new(schema: &Schema, today: Day) -> Result<Self, AgentError> {
        let mut secrets = Zeroizing::new([[0_u8; 32]; 2]);
        for secret in secrets.iter_mut() {
            getrandom::fill(secret).map_err(|error| {
                AgentError::new(Fault::Internal, "randomness").because(Box::new(error))
            })?;
        }
        let project = ProjectId::parse("check")
            .map_err(|error| AgentError::new(Fault::Internal, "a name").because(error))?;
        let segments = schema.segments().iter();
        Ok(Self {
            keys: RandomState::new(),
            encoder: Encoder::new(schema, &secrets[0], &secrets[1], &project, Epoch(0)),
            today,
            counts: Counts {
                records: 0,
                fields: array::from_fn(|_| FieldProfile::new()),
                spellings: [0; 5],
                strengths: [0; Strength::ALL.len()],
                births: Births::default(),
                sexes: [0; 3],
                widths: Widths(vec![[0; 256]; RawField::ALL.len()]),
                segments: segments.map(|segment| (segment.name.clone(), 0)).collect(),
                without_token: 0,
            },
            numbers: Sample::new(RECORD_SAMPLE_MAX),
            tokens: Sample::new(RECORD_SAMPLE_MAX),
            numbered_tokens: Sample::new(RECORD_SAMPLE_MAX),
            persons: Sample::new(RECORD_SAMPLE_MAX),
        })
    }

    /// What was counted.
    #[must_use]
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Counts a record.
    pub fn see(&mut self, record: &SourceRecord) {
        self.counts.records += 1;
        if let Some(written) = record.written() {
            self.see_written(record, written);
        }
        let identifiers = record.identifiers();
        let has = |field| identifiers.get(field).is_some();
        let latin = has(Field::GivenName) || has(Field::Surname);
        let spelling = match (has(Field::KanaName), has(Field::KanjiName), latin) {
            (true, true, _) => 0,
            (true, false, _) => 1,
            (false, true, _) => 2,
            (false, false, true) => 3,
            (false, false, false) => 4,
        };
        self.counts.spellings[spelling] += 1;
        self.counts.strengths[Strength::of(record) as usize] += 1;
        let sex = match identifiers.get(Field::Sex) {
            Some("1") => 0,
            Some("2") => 1,
            Some(_) | None => 2,
        };
        self.counts.sexes[sex] += 1;
        self.see_birth(record);
        self.see_repeats(record);
    }

    fn see_written(&mut self, record: &SourceRecord, written: &Written) {
        for (&group, profile) in Group::ALL.iter().zip(&mut self.counts.fields) {
            match state(record, written, group) {
                State::Empty => profile.empty += 1,
                State::Usable => profile.usable += 1,
                State::Unusable(reason) => profile.unusable[reason as usize] += 1,
            }
            notices(record, written, group, |notice| {
                profile.noticed[notice as usize] += 1;
            });
            if written.present_bits() & group.bits() != 0 {
                let mut all = [0_u64; RawField::ALL.len()];
                for (place, &field) in RawField::ALL.iter().enumerate() {
                    if group.bits() >> place & 1 == 1 {
                        all[place] = written.fingerprint(field);
                    }
                }
                let key = self.keys.hash_one((group, all));
                profile.frequent.see(key);
                profile.values.see(key, 0);
            }
        }
        for (widths, &field) in self.counts.widths.0.iter_mut().zip(RawField::ALL) {
            let columns = written.columns(field);
            if columns > 0 {
                widths[usize::from(columns)] += 1;
            }
        }
    }

    fn see_birth(&mut self, record: &SourceRecord) {
        let part = |field| -> Option<u64> { record.identifiers().get(field)?.parse().ok() };
        let (year, month, day) = (Field::BirthYear, Field::BirthMonth, Field::BirthDay);
        let (Some(year), Some(month), Some(day)) = (part(year), part(month), part(day)) else {
            return;
        };
        match self.today.years_since(Day { year, month, day }) {
            None => self.counts.births.future += 1,
            Some(age) if age > Births::OLD => self.counts.births.old += 1,
            Some(_) => {
                *self
                    .counts
                    .births
                    .decades
                    .entry(year / 10 * 10)
                    .or_default() += 1
            }
        }
    }

    fn see_repeats(&mut self, record: &SourceRecord) {
        let identifiers = record.identifiers();
        let reference = self.encoder.reference(record.local_id());
        let token = self
            .encoder
            .encode_one(identifiers, reference, record.flags());
        let Some(token) = token else {
            self.counts.without_token += 1;
            return;
        };
        for (index, (_, present)) in self.counts.segments.iter_mut().enumerate() {
            *present += u64::from(!token.flags.is_missing(index));
        }
        let number = self.keys.hash_one((1_u8, reference.0));
        let row = self.keys.hash_one((2_u8, &token.row));
        self.numbers.see(number, row);
        self.tokens.see(row, number);
        let both = self.keys.hash_one((3_u8, reference.0, &token.row));
        self.numbered_tokens.see(both, 0);
        let name = [Field::KanaName, Field::KanjiName]
            .into_iter()
            .find_map(|field| identifiers.get(field));
        let birth = [Field::BirthYear, Field::BirthMonth, Field::BirthDay];
        let birth = birth.map(|field| identifiers.get(field));
        if let (Some(name), [Some(_), ..]) = (name, birth) {
            let sex = identifiers.get(Field::Sex);
            let person = self.keys.hash_one((4_u8, name, birth, sex));
            self.persons.see(person, number);
        }
    }

    /// Record numbers: different ones, records beyond the first of their number, and numbers under which
    /// different persons or spellings stand.
    #[must_use]
    pub fn numbers(&self) -> Repeats {
        self.numbers.repeats()
    }

    /// Tokens without their number: those that stand under several numbers are `shared`.
    #[must_use]
    pub fn tokens(&self) -> Repeats {
        self.tokens.repeats()
    }

    /// Tokens with their number: a run sends those that are `repeated` once.
    #[must_use]
    pub fn numbered_tokens(&self) -> Repeats {
        self.numbered_tokens.repeats()
    }

    /// Persons by name, birth date and sex: those that stand under several numbers are `shared`.
    #[must_use]
    pub fn persons(&self) -> Repeats {
        self.persons.repeats()
    }

    /// Keys that are held in memory.
    #[must_use]
    pub fn keys_held(&self) -> usize {
        let fields = self.counts.fields.iter();
        let of_fields = fields.map(|field| field.frequent.len() + field.values.len());
        let records = [
            &self.numbers,
            &self.tokens,
            &self.numbered_tokens,
            &self.persons,
        ];
        of_fields.sum::<usize>() + records.map(Sample::len).iter().sum::<usize>()
    }
}
