//! Rows, records and persons of a token set, the records to ask for, and the model.

use std::cell::RefCell;

use linker_match::{
    Dataset, Model, Settings, limits, link,
    lookup::{LookupIndex, LookupRow, SharedRow},
};
use linker_token::{Flags, RecordRef, TokenBatch};

use super::Options;
use crate::{error::BenchError, evaluate::float, tokens::set::TokenSet};

/// A record that is asked for and is not in the index.
pub(super) struct Query {
    pub(super) record: u32,
    rows: Vec<(Flags, Vec<u64>)>,
}

/// What the measurements need to know.
pub(super) struct Input {
    pub(super) queries: Vec<Query>,
    /// The person of every record.
    pub(super) person: Vec<u32>,
    pub(super) model: Model,
}

/// Numbers records in the order of the set: neighbouring rows with one reference are one record.
#[derive(Default)]
struct Numbers {
    last: Option<(u16, RecordRef)>,
    next: u32,
}

impl Numbers {
    fn record(&mut self, site: u16, reference: RecordRef) -> u32 {
        if self.last != Some((site, reference)) {
            self.last = Some((site, reference));
            self.next += 1;
        }
        self.next - 1
    }
}

impl Query {
    /// The token.
    pub(super) fn token(&self) -> Vec<LookupRow<'_>> {
        let rows = self.rows.iter();
        rows.map(|(flags, bits)| LookupRow {
            flags: *flags,
            bits,
        })
        .collect()
    }

    /// The rows as an insert takes them.
    pub(super) fn rows(&self) -> impl Iterator<Item = (u32, Flags, &Vec<u64>)> {
        let rows = self.rows.iter();
        rows.map(|(flags, bits)| (self.record, *flags, bits))
    }
}

impl Input {
    /// Reads the set once: persons, queries, the training records.
    pub(super) fn read(set: &TokenSet, options: &Options) -> Result<Self, BenchError> {
        let truth = set.truth()?;
        let mut numbers = Numbers::default();
        let (mut person, mut queries) = (Vec::new(), Vec::<Query>::new());
        let (mut training, mut trained) = (Vec::new(), 0);
        let mut present = vec![0; set.schema().segments().len()];
        for index in 0..set.batches().len() {
            let (site, batch) = set.read(index)?;
            let of_row = |row: usize| {
                let row = usize::try_from(set.first_row(index)).unwrap_or(usize::MAX) + row;
                truth[row]
            };
            for row in 0..batch.len() {
                let flags = batch.flags()[row];
                let record = numbers.record(site, batch.references()[row]);
                person.resize(record as usize + 1, of_row(row));
                for (segment, present) in present.iter_mut().enumerate() {
                    *present += u64::from(!flags.is_missing(segment));
                }
                if !is_query(record, set.rows(), options) || flags.has(Flags::TEST_RECORD) {
                    continue;
                }
                if queries.last().is_none_or(|query| query.record != record) {
                    let rows = Vec::new();
                    queries.push(Query { record, rows });
                }
                if let Some(query) = queries.last_mut() {
                    query.rows.push((flags, batch.row(row).to_vec()));
                }
            }
            // Persons are in the order of the set: its first ones, all their records.
            let part = batch.retain(|row| trains(of_row(row), set, options));
            trained += part.len();
            training.push((site, part));
        }
        let model = model(set, training, trained, &present, options)?;
        // Their order in the set is that of persons; the first ones are to be a fair sample too.
        queries.sort_unstable_by_key(|query| mixed(u64::from(query.record) ^ 0x5555));
        queries.truncate(options.queries as usize);
        Ok(Self {
            queries,
            person,
            model,
        })
    }

    /// Makes the index of all rows but those of the queries.
    pub(super) fn index(
        &self,
        set: &TokenSet,
        settings: &Settings,
    ) -> Result<LookupIndex, BenchError> {
        let mut held: Vec<u32> = self.queries.iter().map(|query| query.record).collect();
        held.sort_unstable();
        let mut numbers = Numbers::default();
        let unread = RefCell::new(None);
        let batches = (0..set.batches().len()).map_while(|index| match set.read(index) {
            Ok(batch) => Some(batch),
            Err(error) => {
                *unread.borrow_mut() = Some(error);
                None
            }
        });
        let rows =
            batches.flat_map(|(site, batch)| SharedRow::all(batch).map(move |row| (site, row)));
        let rows = rows.map(|(site, row)| {
            let (reference, flags) = (row.reference(), row.flags());
            (numbers.record(site, reference), flags, row)
        });
        let rows = rows.filter(|(record, _, _)| held.binary_search(record).is_err());
        let index = LookupIndex::build(set.schema(), settings, &self.model, rows);
        match unread.into_inner() {
            Some(error) => Err(error),
            None => Ok(index?),
        }
    }
}

/// A fair sample of the records, a little larger than asked for.
fn is_query(record: u32, rows: u64, options: &Options) -> bool {
    let share = float(u64::from(options.queries)) * 1.2 / float(rows);
    float(mixed(u64::from(record) ^ options.set.seed << 32) >> 11) < share * float(1 << 53)
}

/// A fair sample of the persons, with about as many rows as asked for.
fn trains(person: u32, set: &TokenSet, options: &Options) -> bool {
    let share = float(u64::from(options.training)) / float(set.rows());
    float(mixed(u64::from(person) ^ 0xabcd << 40) >> 11) < share * float(1 << 53)
}

/// A model for the whole set from the records of some of its persons.
fn model(
    set: &TokenSet,
    training: Vec<(u16, TokenBatch)>,
    trained: usize,
    present: &[u64],
    options: &Options,
) -> Result<Model, BenchError> {
    let dataset = Dataset::build(set.schema(), training)?;
    let settings = Settings {
        threads: options.threads(),
        ..Settings::standard()
    };
    let mut model = link(&dataset, &settings, &|_| ())?.model;
    drop(dataset);
    // Every record keeps its partners while strangers, people of one family name or one name, and neighbours
    // grow with the set: the chance that a pair is of one person falls by the ratio of the sizes.
    let scale = float(trained as u64) / float(set.rows());
    model.prior *= scale;
    let others: f64 = model.others.iter().map(|other| other.share).sum();
    model.prior_weight = units((model.prior / (1.0 - model.prior - others)).log2());
    for (segment, &present) in model.segments.iter_mut().zip(present) {
        let alike = segment.u[0] * float(present);
        segment.frequency_base = units(alike.max(f64::from(limits::RARE_ROWS)).log2());
    }
    Ok(model)
}

/// Bits in 1/256 bit, as the model has them.
#[expect(
    clippy::cast_possible_truncation,
    reason = "the cast saturates and weights are small"
)]
fn units(bits: f64) -> i32 {
    (bits * f64::from(limits::WEIGHT_UNIT)).round() as i32
}

/// Spreads numbers evenly (the mixing function of `SplitMix64`).
fn mixed(mut word: u64) -> u64 {
    word = word.wrapping_add(0x9e37_79b9_7f4a_7c15);
    word = (word ^ word >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ word >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ word >> 31
}
