//! Candidate pairs without extra keys: rows whose bits are equal in one segment form a block.
//!
//! There is one pass per segment: birth, then names, then numbers, then places. The passes over numbers
//! are those of equal exact keys: an insurance number is one person's or one household's. A column of
//! its own for exact keys would hold nothing that the fingerprints of a number segment do not hold,
//! because sites send no key besides their tokens. Passes over LSH tables may follow (see `lsh`). A block above the cap is split by a second segment, the one that
//! leaves the smallest largest piece; a piece that no segment can split is cut into slices. Pairs lost
//! that way are counted. All but those keys works on fingerprints and never sees a row.
//!
//! A pair belongs to the first pass that has both its rows in one block. That follows from the pair
//! itself, because a pass over a segment has every pair that is equal there, unless the block was
//! split: only for rows of such blocks it is written down to which piece they went. Passes over LSH
//! tables come last and keep the block of every row, because their keys need rows' bits.

use std::sync::atomic::{AtomicU32, Ordering};

use linker_token::schema::Role;
use rayon::prelude::*;

use crate::{
    dataset::Dataset,
    error::MatchError,
    index::{NONE, number},
    lsh::{self, LshPlan},
    settings::{Cancel, Settings},
    split::Splitter,
    weigh::frequency_class,
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
    /// Names the key that is equal in each block, if it is a pass over a key.
    pub(crate) key: Option<u64>,
    /// For a pass over a key the block of each row, or [`NONE`].
    block_of: Vec<u32>,
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
    /// What passes over LSH tables are to follow.
    pub(crate) lsh: LshPlan,
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

    /// Whether this pass compares two rows.
    pub(crate) fn has(&self, dataset: &Dataset, a: u32, b: u32) -> bool {
        let equal = self.segment.is_some_and(|segment| {
            let print = dataset.print(segment, a);
            print.is_some() && print == dataset.print(segment, b)
        });
        self.everything || (equal && self.has_alike(a, b)) || self.has_by_key(a, b)
    }

    /// Whether this is a pass over a key and compares two rows.
    pub(crate) fn has_by_key(&self, a: u32, b: u32) -> bool {
        let block = |row: u32| {
            self.block_of
                .get(row as usize)
                .filter(|&&block| block != NONE)
        };
        block(a).is_some_and(|one| block(b) == Some(one))
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
/// [`lsh::add_passes`] makes those over LSH tables, which need the rows.
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
        lsh: lsh::decide(dataset.schema(), settings, rows, exhaustive),
    };
    for (step, index) in (1..).zip(order_of_passes(dataset)) {
        let entries = entries(dataset, index);
        let classes = &mut blocks.classes[index];
        classes.resize(dataset.row_count(), 0);
        for run in entries.chunk_by(|a, b| a.0 == b.0) {
            let class = frequency_class(run.len());
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

/// The keys of all rows, 32 bits each and [`NONE`] for no key. One scan of the rows.
pub(crate) fn keys(
    dataset: &Dataset,
    stop: &Cancel,
    keys: &[RowKey<'_>],
) -> Result<Vec<Vec<u32>>, MatchError> {
    let column = |_key| {
        let rows = 0..dataset.row_count();
        rows.map(|_row| AtomicU32::new(NONE)).collect::<Vec<_>>()
    };
    let columns: Vec<_> = keys.iter().map(column).collect();
    let width = dataset.grading().row_words();
    dataset.scan(stop, &|rows, words| {
        for (&row, words) in rows.iter().zip(words.chunks_exact(width)) {
            let missing = dataset.flags(row).missing_mask();
            for (column, key) in columns.iter().zip(keys) {
                if let Some(key) = key(words, missing) {
                    column[row as usize].store(narrow(key), Ordering::Relaxed);
                }
            }
        }
    })?;
    let plain = |column: Vec<AtomicU32>| column.into_iter().map(AtomicU32::into_inner).collect();
    Ok(columns.into_iter().map(plain).collect())
}

/// Makes the blocks of a pass over a key, which has a name for people and one for delta runs.
pub(crate) fn key_pass(
    dataset: &Dataset,
    settings: &Settings,
    (name, key): (String, u64),
    mut keys: Vec<u32>,
) -> (Pass, Members) {
    let mut entries = Vec::with_capacity(keys.len());
    let with_key = (0..).zip(&keys).filter(|&(_, &key)| key != NONE);
    entries.extend(with_key.map(|(row, &key)| (u64::from(key), row)));
    entries.par_sort_unstable();
    let mut pass = Pass {
        name,
        key: Some(key),
        ..Pass::default()
    };
    let members = pass.fill(dataset, settings.block_rows_max, &entries);
    drop(entries);
    keys.fill(NONE);
    for (block, ends) in (0..).zip(members.starts.windows(2)) {
        for &row in &members.rows[ends[0] as usize..ends[1] as usize] {
            keys[row as usize] = block;
        }
    }
    pass.block_of = keys;
    (pass, members)
}

/// Keys of up to 31 bits are themselves. Of longer ones 31 mixed bits are left: of many rows a few
/// buckets have company then, which costs pairs and loses none.
fn narrow(key: u64) -> u32 {
    const LONG: u64 = 1 << 31;
    let mixed = (key ^ key >> 29).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 33;
    let short = if key < LONG { key } else { LONG | mixed };
    u32::try_from(short).map_or(0, |key| key.min(NONE - 1))
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
