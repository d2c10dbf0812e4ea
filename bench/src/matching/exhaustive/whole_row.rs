//! Whole rows by their Dice coefficient.

use std::{
    sync::{Mutex, PoisonError},
    time::Instant,
};

use linker_match::{
    KernelChoice, RecordKey,
    whole_row::{SimilarRows, similar_pairs},
};
use serde::{Deserialize, Serialize};

use super::super::child::cpu_seconds;
use crate::{
    error::BenchError,
    evaluate::{float, ratio},
    limits,
    tokens::set::TokenSet,
    ui::{grouped, say},
};

/// What looking at every pair of rows found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(in super::super) struct WholeRow {
    /// Least Dice coefficient of a hit, in thousandths.
    dice_permille: u32,
    seconds: f64,
    /// Seconds of all threads; a machine with other work to do changes these least.
    cpu_seconds: f64,
    /// Pairs of rows: all of them.
    pairs: u64,
    /// Pairs that a fold of the rows could not rule out, and its words.
    passed: u64,
    fold_words: usize,
    hits: u64,
    /// Hits that are two rows of one person.
    hits_of_one_person: u64,
    /// Pairs of rows that the blocked run put into one cluster and that are as similar as a hit.
    blocked_hits: u64,
    /// Those of them that are hits here; more is a defect.
    blocked_hits_contained: u64,
}

/// The blocked run's result: records in canonical order, each with its cluster.
pub(in super::super) struct Blocked<'a> {
    pub(in super::super) keys: &'a [RecordKey],
    pub(in super::super) cluster_of_record: &'a [u32],
}

/// All rows of a set in the order of its batches.
struct Rows {
    width: usize,
    words: Vec<u64>,
    keys: Vec<RecordKey>,
}

impl Rows {
    fn read(set: &TokenSet) -> Result<Self, BenchError> {
        let mut rows = Self {
            width: set.schema().row_words(),
            words: Vec::new(),
            keys: Vec::new(),
        };
        for index in 0..set.batches().len() {
            let (site, batch) = set.read(index)?;
            rows.words.extend_from_slice(batch.rows());
            let references = batch.references().iter();
            rows.keys
                .extend(references.map(|&reference| RecordKey { site, reference }));
        }
        Ok(rows)
    }

    fn row(&self, row: u32) -> &[u64] {
        &self.words[row as usize * self.width..][..self.width]
    }

    /// Whether two rows are as similar as a hit, worked out bit by bit of the definition.
    fn similar(&self, (a, b): (u32, u32), dice_permille: u32) -> bool {
        let (a, b) = (self.row(a), self.row(b));
        let common: u32 = a.iter().zip(b).map(|(a, b)| (a & b).count_ones()).sum();
        let bits: u32 = a.iter().chain(b).map(|word| word.count_ones()).sum();
        bits > 0 && 2000 * u64::from(common) >= u64::from(dice_permille) * u64::from(bits)
    }
}

/// Looks at every pair of rows, and then whether the blocked run knew of any that is missing.
pub(in super::super) fn find(
    set: &TokenSet,
    (dice_permille, threads): (u32, usize),
    blocked: &Blocked<'_>,
) -> Result<WholeRow, BenchError> {
    let rows = Rows::read(set)?;
    let (start, cpu) = (Instant::now(), cpu_seconds());
    let hits: Mutex<Vec<(u32, u32)>> = Mutex::default();
    let keep = |found: &[SimilarRows]| {
        let mut hits = hits.lock().unwrap_or_else(PoisonError::into_inner);
        let room = limits::HITS_MAX.saturating_sub(hits.len());
        hits.extend(found.iter().take(room).map(|pair| (pair.a, pair.b)));
    };
    let kernel = KernelChoice::Auto;
    let report = similar_pairs(
        &rows.words,
        rows.width,
        dice_permille,
        threads,
        kernel,
        &keep,
    );
    let report = report?;
    let seconds = start.elapsed().as_secs_f64();
    let cpu_seconds = cpu_seconds() - cpu;
    let mut hits = hits.into_inner().unwrap_or_else(PoisonError::into_inner);
    if hits.len() as u64 != report.hits {
        return Err(BenchError::Check {
            what: "there are too many similar pairs to keep: raise --dice".to_owned(),
        });
    }
    hits.sort_unstable();
    let people = set.truth()?;
    let person = |row: u32| people[row as usize];
    let of_one = hits.iter().filter(|(a, b)| person(*a) == person(*b));
    let known = blocked_pairs(&rows, blocked, dice_permille);
    let contained = known.iter().filter(|pair| hits.binary_search(pair).is_ok());
    Ok(WholeRow {
        dice_permille,
        seconds,
        cpu_seconds,
        pairs: report.pairs,
        passed: report.passed,
        fold_words: report.fold_words,
        hits: report.hits,
        hits_of_one_person: of_one.count() as u64,
        blocked_hits: known.len() as u64,
        blocked_hits_contained: contained.count() as u64,
    })
}

/// Pairs of rows of one cluster that are as similar as a hit, the smaller number first.
fn blocked_pairs(rows: &Rows, blocked: &Blocked<'_>, dice_permille: u32) -> Vec<(u32, u32)> {
    let cluster = |key: &RecordKey| {
        let record = blocked.keys.binary_search(key).ok()?;
        Some(blocked.cluster_of_record[record])
    };
    let numbered = rows.keys.iter().zip(0..);
    let mut members: Vec<(u32, u32)> = numbered
        .filter_map(|(key, row)| Some((cluster(key)?, row)))
        .collect();
    members.sort_unstable();
    let mut pairs = Vec::new();
    for group in members.chunk_by(|a, b| a.0 == b.0) {
        for (at, &(_, a)) in group.iter().enumerate() {
            let later = group[at + 1..].iter().map(|&(_, b)| (a, b));
            pairs.extend(later.filter(|&pair| rows.similar(pair, dice_permille)));
        }
    }
    pairs
}

impl WholeRow {
    /// Whether nothing that the blocked run knew is missing.
    pub(super) fn is_whole(&self) -> bool {
        self.blocked_hits == self.blocked_hits_contained
    }

    /// Says it.
    pub(super) fn show(&self) {
        say(&format!(
            "  all pairs, whole rows at {:.3}: {:.2} s, {:.1} CPU s, {:.0} M pairs/s, {} passed a fold of {} words",
            f64::from(self.dice_permille) / 1000.0,
            self.seconds,
            self.cpu_seconds,
            float(self.pairs) / self.seconds / 1e6,
            grouped(self.passed),
            self.fold_words,
        ));
        say(&format!(
            "  {} hits, {:.4} of them of one person; the blocked run knew {}, of which {} are missing here",
            grouped(self.hits),
            ratio(self.hits_of_one_person, self.hits),
            grouped(self.blocked_hits),
            grouped(self.blocked_hits - self.blocked_hits_contained)
        ));
    }
}
