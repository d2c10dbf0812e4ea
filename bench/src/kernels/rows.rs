//! Rows of invented people, made by the real encoder.

use linker_kernels::Grading;
use linker_token::{Epoch, ProjectId, Schema};
use linker_tokenize::{CsvMapping, Encoder, SourceRecord, format::csv};

use crate::{
    error::{BenchError, file},
    errors::Preset,
    people::Population,
    sites::town,
};

/// One row-wide filter without diffusion, as other linkage systems make them: where the Dice coefficient
/// of whole rows says something.
const WHOLE_ROW: &str = r#"name = "bench-whole-row"
version = 1
row-words = 16
[[segment]]
name = "all"
role = "name"
words = 16
fill-permille = 460
diffusion = 1
cuts-permille = [0, 200]
part = [
    { field = "kana-name", grams = "bigram", share-permille = 400 },
    { field = "birth-year", grams = "positional", share-permille = 120 },
    { field = "birth-month", grams = "positional", share-permille = 80 },
    { field = "birth-day", grams = "positional", share-permille = 80 },
    { field = "sex", grams = "whole", share-permille = 20 },
    { field = "postal-code", grams = "positional", share-permille = 140 },
    { field = "town", grams = "unigram-bigram", share-permille = 80 },
    { field = "block", grams = "bigram", share-permille = 80 },
]
"#;

/// Rows of one schema.
pub(super) struct Rows {
    pub(super) schema: Schema,
    pub(super) words: Vec<u64>,
    pub(super) missing: Vec<u8>,
}

impl Rows {
    /// Rows for patterns: the shipped schema.
    pub(super) fn shipped(records: &[SourceRecord], seed: u64) -> Self {
        Self::encode(Schema::jp_1(), records, seed)
    }

    /// Rows for whole-row similarity.
    pub(super) fn whole(records: &[SourceRecord], seed: u64) -> Self {
        let schema = Schema::parse(WHOLE_ROW).expect("the schema is a good one");
        Self::encode(schema, records, seed)
    }

    fn encode(schema: Schema, records: &[SourceRecord], seed: u64) -> Self {
        let project = ProjectId::parse("bench").expect("the name is a good one");
        let mut secret = [7; 32];
        secret[..8].copy_from_slice(&seed.to_le_bytes());
        let mut encoder = Encoder::new(&schema, &secret, &[1; 32], &project, Epoch(1));
        // A second token of a former name is left out: one row a record.
        let tokens = records
            .iter()
            .filter_map(|record| encoder.encode(record).into_iter().next());
        let mut tokens: Vec<_> = tokens.collect();
        // As a run does it: rows that lack the same segments stand together.
        tokens.sort_by_key(|token| token.flags.missing_mask());
        let words = tokens
            .iter()
            .flat_map(|token| token.row.iter().copied())
            .collect();
        let missing = tokens
            .iter()
            .map(|token| token.flags.missing_mask())
            .collect();
        Self {
            schema,
            words,
            missing,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.missing.len()
    }

    pub(super) fn grading(&self) -> Grading {
        let segments = self.schema.segments().iter();
        let parts: Vec<_> = segments.map(|s| (s.words.clone(), s.cuts())).collect();
        Grading::new(self.schema.row_words(), &parts).expect("a schema's cuts are a grading")
    }

    /// The first `count` rows.
    pub(super) fn truncate(&mut self, count: usize) {
        self.words.truncate(count * self.schema.row_words());
        self.missing.truncate(count);
    }

    /// Median over sampled pairs of 2·common/(|a| + |b|), and mean bits of a row.
    pub(super) fn likeness(&self) -> (f64, f64) {
        let width = self.schema.row_words();
        let rows: Vec<&[u64]> = self.words.chunks_exact(width).collect();
        let bits = |row: &[u64]| f64::from(row.iter().map(|word| word.count_ones()).sum::<u32>());
        let half = rows.len() / 2;
        let mut dice: Vec<f64> = rows[..half]
            .iter()
            .zip(&rows[half..])
            .map(|(a, b)| {
                let common = a
                    .iter()
                    .zip(*b)
                    .map(|(a, b)| (a & b).count_ones())
                    .sum::<u32>();
                2.0 * f64::from(common) / (bits(a) + bits(b))
            })
            .collect();
        dice.sort_unstable_by(f64::total_cmp);
        let sum: f64 = rows.iter().map(|row| bits(row)).sum();
        let count = crate::evaluate::float(rows.len() as u64);
        (
            dice.get(dice.len() / 2).copied().unwrap_or(0.0),
            sum / count,
        )
    }
}

/// `count` records of a town's register.
pub(super) fn records(count: usize, seed: u64) -> Result<Vec<SourceRecord>, BenchError> {
    // The town has about seven in ten of the people.
    let people = u32::try_from(count * 8 / 5 + 100).unwrap_or(u32::MAX);
    let population = Population::generate(people, seed);
    let mut bytes = Vec::new();
    town::write(
        &population,
        Preset::TypicalHospital,
        &mut bytes,
        &mut |_| Ok(()),
    )
    .map_err(file("write a town's register"))?;
    let refused = |error| file("read a town's register")(std::io::Error::other(error));
    let mapping = CsvMapping::parse(town::MAPPING).map_err(refused)?;
    let mut records = Vec::new();
    csv::read(&mapping, &bytes, &mut |_row, outcome| {
        if let Ok(record) = outcome
            && records.len() < count
        {
            records.push(record);
        }
    })
    .map_err(refused)?;
    Ok(records)
}
