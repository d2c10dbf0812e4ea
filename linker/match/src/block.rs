//! Candidate pairs without extra keys: rows whose bits are equal in one segment form a block.
//!
//! There is one pass per segment: birth, then names, then numbers, then places. Passes over keys that
//! are computed from rows may follow. A block above the cap is split by a second segment, the one that
//! leaves the smallest largest piece; a piece that no segment can split is cut into slices. Pairs lost
//! that way are counted. Everything here works on fingerprints and never sees a row.
//!
//! A pair belongs to the first pass that has both its rows in one block. That follows from the pair
//! itself, because a pass over a segment has every pair that is equal there, unless the block was
//! split: only for rows of such blocks it is written down to which piece they went.

use linker_token::schema::Role;
use rayon::prelude::*;

use crate::{
    dataset::Dataset, error::MatchError, index::number, limits, settings::Cancel,
    settings::Settings, split::Splitter,
};

/// The blocks of one pass: row numbers, block after block.
#[derive(Debug, Default)]
pub(crate) struct Members {
    /// In a block, rows that lack the same segments stand together, and among them those that are equal in
    /// the pass's segment `beside`.
    pub(crate) rows: Vec<u32>,
    /// Where the blocks start in `rows`, and the end.
    pub(crate) starts: Vec<u32>,
    /// For each block how many rows, from its first on, are compared with all of it; the others are
    /// not compared with each other. Empty: every block is compared as a whole.
    pub(crate) fresh: Vec<u32>,
}

/// What is known of one pass besides its members.
#[derive(Debug, Default)]
pub(crate) struct Pass {
    pub(crate) name: String,
    /// The segment that is equal in each block, if it is a pass over a segment.
    pub(crate) segment: Option<usize>,
    /// The segment of an earlier pass by which rows of a block are sorted: names in different scripts
    /// are mostly equal together, and pairs that the earlier pass had then stand side by side.
    pub(crate) beside: Option<usize>,
    /// Whether everything is one block.
    pub(crate) everything: bool,
    /// Blocks of two rows or more.
    pub(crate) blocks: u64,
    /// Rows of blocks that were split, sorted, and the piece to which each went.
    pieces: Vec<(u32, u32)>,
    /// Row pairs inside blocks.
    pub(crate) pairs: u64,
    /// Row pairs that splitting lost.
    pub(crate) dropped: u64,
    /// Blocks that were above the cap.
    pub(crate) split: u64,
    /// Rows of the largest block.
    pub(crate) largest: u64,
}

/// All passes, and how often each row's value occurs in each segment.
#[derive(Debug)]
pub(crate) struct Blocks {
    pub(crate) passes: Vec<Pass>,
    /// The members of each pass, for whoever compares them to take and to let go.
    pub(crate) members: Vec<Members>,
    /// Per segment and row: eight times the binary logarithm of the number of rows with these bits.
    pub(crate) classes: Vec<Vec<u8>>,
    /// Per segment: rows that have it.
    pub(crate) present: Vec<u64>,
    /// Rows that may be compared, and the records to which they belong.
    pub(crate) rows: u64,
    pub(crate) records: u64,
}

/// A key of rows besides their segments: the row's words and missing mask in, equal keys are a block.
pub(crate) type RowKey<'a> = &'a (dyn Fn(&[u64], u8) -> Option<u64> + Sync);

impl Members {
    /// The places of a block in `rows`.
    pub(crate) fn block(&self, block: usize) -> std::ops::Range<usize> {
        self.starts[block] as usize..self.starts[block + 1] as usize
    }

    /// The places of a block whose rows are compared with all of it.
    pub(crate) fn fresh(&self, block: usize) -> std::ops::Range<usize> {
        let places = self.block(block);
        let fresh = self.fresh.get(block).map(|&fresh| fresh as usize);
        places.start..fresh.map_or(places.end, |fresh| places.start + fresh)
    }

    /// Row pairs to compare.
    pub(crate) fn pairs(&self) -> u64 {
        let blocks = 0..self.starts.len().saturating_sub(1);
        blocks
            .map(|block| {
                let (fresh, all) = (self.fresh(block).len(), self.block(block).len());
                pairs_of(all as u64) - pairs_of((all - fresh) as u64)
            })
            .sum()
    }
}

impl Pass {
    /// Whether this pass compares two rows that it found to be alike: equal in its segment or key.
    pub(crate) fn has_alike(&self, a: u32, b: u32) -> bool {
        // Hardly any block is split.
        self.pieces.is_empty() || self.piece(a) == self.piece(b)
    }

    /// Whether this pass over a segment, or over everything, compares two rows.
    pub(crate) fn has(&self, dataset: &Dataset, a: u32, b: u32) -> bool {
        let equal = self.segment.is_some_and(|segment| {
            let print = dataset.print(segment, a);
            print.is_some() && print == dataset.print(segment, b)
        });
        self.everything || (equal && self.has_alike(a, b))
    }

    /// Rows of blocks that were split, sorted, and the piece to which each went.
    pub(crate) fn pieces(&self) -> &[(u32, u32)] {
        &self.pieces
    }

    /// The piece of a split block to which a row went.
    pub(crate) fn piece(&self, row: u32) -> Option<u32> {
        let at = self.pieces.binary_search_by_key(&row, |&(row, _)| row);
        at.ok().map(|at| self.pieces[at].1)
    }

    fn push(&mut self, members: &mut Members, rows: &[u32]) {
        let len = rows.len() as u64;
        if len > 1 {
            members.starts.push(number(members.rows.len()));
            members.rows.extend_from_slice(rows);
            self.blocks += 1;
            self.pairs += pairs_of(len);
            self.largest = self.largest.max(len);
        }
    }

    /// Makes blocks of entries that are sorted by key.
    fn fill(&mut self, dataset: &Dataset, cap: usize, entries: &[(u64, u32)]) -> Members {
        let beside = self.beside;
        let order = |&row: &u32| {
            let print = beside.and_then(|segment| dataset.print(segment, row));
            (dataset.flags(row).missing_mask(), print, row)
        };
        let (mut members, mut rows) = (Members::default(), Vec::new());
        for run in entries
            .chunk_by(|a, b| a.0 == b.0)
            .filter(|run| run.len() > 1)
        {
            rows.clear();
            rows.extend(run.iter().map(|&(_, row)| row));
            if rows.len() <= cap {
                rows.sort_unstable_by_key(order);
                self.push(&mut members, &rows);
                continue;
            }
            let before = self.pairs;
            let used = self.segment.map_or(0, |segment| 1 << segment);
            Splitter { dataset, cap }.split(&mut rows, used, &mut |piece| {
                let next = number(self.pieces.len());
                self.pieces.extend(piece.iter().map(|&row| (row, next)));
                piece.sort_unstable_by_key(order);
                self.push(&mut members, piece);
            });
            self.split += 1;
            self.dropped += pairs_of(rows.len() as u64) - (self.pairs - before);
        }
        members.starts.push(number(members.rows.len()));
        members.rows.shrink_to_fit();
        members.starts.shrink_to_fit();
        self.pieces.sort_unstable();
        members
    }
}

/// Pairs among `rows` rows.
pub(crate) fn pairs_of(rows: u64) -> u64 {
    rows * rows.saturating_sub(1) / 2
}

/// Makes the blocks of all passes over segments, or of one pass over everything, and counts values.
pub(crate) fn build(dataset: &Dataset, settings: &Settings, done: &dyn Fn(u64)) -> Blocks {
    let (mut rows, mut records, mut last) = (0, 0, None);
    for row in dataset.eligible() {
        let record = Some(dataset.record_of(row));
        rows += 1;
        records += u64::from(record != last);
        last = record;
    }
    let exhaustive = pairs_of(rows) <= settings.exhaustive_pairs_max;
    let segments = dataset.schema().segments();
    let mut blocks = Blocks {
        passes: Vec::new(),
        members: Vec::new(),
        classes: vec![Vec::new(); segments.len()],
        present: vec![0; segments.len()],
        rows,
        records,
    };
    for (step, index) in (1..).zip(order_of_passes(dataset)) {
        let entries = entries(dataset, index);
        let classes = &mut blocks.classes[index];
        classes.resize(dataset.row_count(), 0);
        for run in entries.chunk_by(|a, b| a.0 == b.0) {
            let class = class_of(run.len());
            if class > 0 {
                run.iter()
                    .for_each(|&(_, row)| classes[row as usize] = class);
            }
        }
        blocks.present[index] = entries.len() as u64;
        if !exhaustive {
            let mut pass = Pass {
                name: segments[index].name.clone(),
                segment: Some(index),
                beside: earlier_name(dataset, index),
                ..Pass::default()
            };
            let members = pass.fill(dataset, settings.block_rows_max, &entries);
            blocks.members.push(members);
            blocks.passes.push(pass);
        }
        done(step);
    }
    if exhaustive {
        let (pass, members) = everything(dataset);
        blocks.passes.push(pass);
        blocks.members.push(members);
    }
    blocks
}

/// Makes the blocks of a pass over a key. One scan of the rows.
#[cfg_attr(
    not(test),
    expect(dead_code, reason = "passes over such keys are to come")
)]
pub(crate) fn key_pass(
    dataset: &Dataset,
    settings: &Settings,
    stop: &Cancel,
    name: String,
    key: RowKey<'_>,
) -> Result<(Pass, Members), MatchError> {
    let entries = std::sync::Mutex::new(Vec::new());
    let width = dataset.grading().row_words();
    dataset.scan(stop, &|rows, words| {
        let rows = rows.iter().zip(words.chunks_exact(width));
        let found = rows.filter_map(|(&row, words)| {
            key(words, dataset.flags(row).missing_mask()).map(|key| (key, row))
        });
        let found: Vec<(u64, u32)> = found.collect();
        entries
            .lock()
            .expect("no thread panics with it")
            .extend(found);
    })?;
    let mut entries = entries.into_inner().expect("no thread panicked with it");
    entries.par_sort_unstable();
    let mut pass = Pass {
        name,
        ..Pass::default()
    };
    let members = pass.fill(dataset, settings.block_rows_max, &entries);
    Ok((pass, members))
}

/// Birth first: it makes even blocks of equal people. Places last: their blocks are households.
fn order_of_passes(dataset: &Dataset) -> Vec<usize> {
    let segments = dataset.schema().segments();
    let roles = [Role::Birth, Role::Name, Role::Number, Role::Place];
    let all = roles.into_iter().flat_map(|role| {
        let with_role = segments.iter().enumerate();
        with_role.filter_map(move |(index, segment)| (segment.role == role).then_some(index))
    });
    all.collect()
}

/// For a pass over a name, the pass over a name before it.
fn earlier_name(dataset: &Dataset, index: usize) -> Option<usize> {
    let names = dataset.schema().segments().iter().enumerate();
    let mut names = names.filter(|(_, segment)| segment.role == Role::Name);
    let is_name = dataset.schema().segments()[index].role == Role::Name;
    let before = |&(at, _): &(usize, _)| is_name && at < index;
    names.by_ref().take_while(before).last().map(|(at, _)| at)
}

fn everything(dataset: &Dataset) -> (Pass, Members) {
    let mut rows: Vec<u32> = dataset.eligible().collect();
    rows.sort_unstable_by_key(|&row| (dataset.flags(row).missing_mask(), row));
    let pass = Pass {
        name: "all-pairs".to_owned(),
        everything: true,
        blocks: 1,
        pairs: pairs_of(rows.len() as u64),
        largest: rows.len() as u64,
        ..Pass::default()
    };
    let starts = vec![0, number(rows.len())];
    let members = Members {
        rows,
        starts,
        ..Members::default()
    };
    (pass, members)
}

/// Rows that have the segment, sorted by fingerprint.
fn entries(dataset: &Dataset, segment: usize) -> Vec<(u64, u32)> {
    let print = |row: u32| dataset.print(segment, row).map(|print| (print, row));
    let mut entries = Vec::with_capacity(dataset.row_count());
    entries.extend(dataset.eligible().filter_map(print));
    entries.par_sort_unstable();
    entries
}

/// Eight times log2 of a count, rounded: a byte reaches 2^31.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counts are below 2^27, so the value lies between 0 and 216"
)]
fn class_of(rows: usize) -> u8 {
    ((rows as f64).log2() * 8.0).round() as u8
}

const _: () = assert!(limits::ROWS_MAX.ilog2() * 8 <= u8::MAX as u32);
