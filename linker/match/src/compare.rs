//! All candidate pairs, tile by tile.
//!
//! Rows of a block are copied into a tile and every row runs against the tile: single candidates are
//! never gathered from memory. Work is cut into items whose order and content depend on the blocks
//! alone, so the result is the same for any number of threads.

use std::{
    ops::Range,
    sync::atomic::{AtomicU64, Ordering},
};

use linker_kernels::{Kernel, Tile, limits::LANES, limits::TILE_ROWS};
use rayon::prelude::*;

use crate::{
    block::{Blocks, Pass, pairs_of},
    dataset::Dataset,
    error::MatchError,
    limits,
    rules::{Decision, Rule},
    settings::Settings,
    weigh::{Evaluation, Scorer},
};

/// A pair that is kept: a link or for review. `a` is before `b`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Kept {
    pub(crate) a: u32,
    pub(crate) b: u32,
    pub(crate) weight: i32,
    pub(crate) decision: Decision,
    pub(crate) rule: Rule,
}

/// What one pass found.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// Pairs of records, from pairs of rows; a pair of records may occur more than once.
    pub(crate) kept: Vec<Kept>,
    /// Row pairs that an earlier pass had.
    pub(crate) repeated: u64,
    /// Row pairs that are links and that no earlier pass had.
    pub(crate) links: u64,
}

/// What all comparisons need.
#[derive(Clone, Copy)]
pub(crate) struct Engine<'a> {
    pub(crate) dataset: &'a Dataset,
    pub(crate) blocks: &'a Blocks,
    pub(crate) kernel: Kernel,
}

/// Working memory of one thread.
pub(crate) struct Bench {
    tile: Tile,
    buffer: Vec<[u32; LANES]>,
}

/// A piece of work: whole blocks, or one rectangle of a block that is larger than a tile.
enum Item {
    Blocks(Range<usize>),
    Rectangle(usize, usize, usize),
}

impl Engine<'_> {
    pub(crate) fn bench(self) -> Bench {
        Bench {
            tile: Tile::new(self.dataset.grading().row_words()),
            buffer: Vec::new(),
        }
    }

    /// Runs every query against every tile row, or only against those after it in a triangle, in
    /// which the queries are the tile's rows.
    pub(crate) fn run(
        self,
        bench: &mut Bench,
        queries: &[u32],
        rows: &[u32],
        triangle: bool,
        mut visit: impl FnMut(u32, &[u32], &[u32]),
    ) {
        self.dataset.fill(&mut bench.tile, rows);
        let grading = self.dataset.grading();
        for (at, &query) in queries.iter().enumerate() {
            let start = if triangle { at + 1 } else { 0 };
            if start >= rows.len() {
                continue;
            }
            let (row, missing) = (
                self.dataset.row(query),
                self.dataset.flags(query).missing_mask(),
            );
            let (tile, buffer) = (&bench.tile, &mut bench.buffer);
            let group = start / LANES;
            let patterns = self
                .kernel
                .patterns(row, missing, tile, group, grading, buffer);
            visit(query, &rows[start..], &patterns[start - group * LANES..]);
        }
    }
}

/// Compares one pass and keeps what reaches the review threshold.
pub(crate) fn pass(
    engine: Engine<'_>,
    scorer: &Scorer<'_>,
    settings: &Settings,
    number: usize,
    done: &(dyn Fn(u64) + Sync),
) -> Result<Found, MatchError> {
    let pass = &engine.blocks.passes[number];
    let rows = engine.dataset.row_count() as u64;
    let limit = (limits::KEPT_PAIRS_PER_ROW * rows).max(limits::KEPT_PAIRS_FLOOR);
    let kept = AtomicU64::new(0);
    let found: Vec<Found> = items(pass)
        .par_iter()
        .map_init(
            || engine.bench(),
            |bench, item| {
                if kept.load(Ordering::Relaxed) > limit {
                    return Found::default();
                }
                let (found, pairs) = work(engine, scorer, settings, number, bench, item);
                kept.fetch_add(found.kept.len() as u64, Ordering::Relaxed);
                done(pairs);
                found
            },
        )
        .collect();
    if kept.into_inner() > limit {
        return Err(MatchError::TooMany {
            what: "the pairs above the review threshold",
            limit,
        });
    }
    Ok(Found {
        repeated: found.iter().map(|found| found.repeated).sum(),
        links: found.iter().map(|found| found.links).sum(),
        kept: found.into_iter().flat_map(|found| found.kept).collect(),
    })
}

fn items(pass: &Pass) -> Vec<Item> {
    let mut items = Vec::new();
    let (mut start, mut pairs) = (0, 0);
    for block in 0..pass.block_count() {
        let rows = pass.block(block).len();
        let large = rows > TILE_ROWS;
        pairs += pairs_of(rows as u64);
        if large || pairs > limits::ITEM_PAIRS {
            items.push(Item::Blocks(start..block + usize::from(!large)));
            (start, pairs) = (block + 1, 0);
        }
        if large {
            let chunks = rows.div_ceil(TILE_ROWS);
            let rectangles = (0..chunks).flat_map(|i| (i..chunks).map(move |j| (i, j)));
            items.extend(rectangles.map(|(i, j)| Item::Rectangle(block, i, j)));
        }
    }
    items.push(Item::Blocks(start..pass.block_count()));
    items
}

/// Works through one item and returns how many row pairs it had.
fn work(
    engine: Engine<'_>,
    scorer: &Scorer<'_>,
    settings: &Settings,
    number: usize,
    bench: &mut Bench,
    item: &Item,
) -> (Found, u64) {
    let pass = &engine.blocks.passes[number];
    let earlier = &engine.blocks.passes[..number];
    let equal_before = earlier
        .iter()
        .fold(0, |mask, pass| mask | pass.segment.map_or(0, |s| 1_u8 << s));
    let mut found = Found::default();
    let mut visit = |query: u32, rows: &[u32], patterns: &[u32]| {
        for (&row, &pattern) in rows.iter().zip(patterns) {
            let entry = scorer.entry(pattern);
            if entry.agreement.equal & equal_before != 0
                && earlier.iter().any(|pass| pass.has(query, row))
            {
                found.repeated += 1;
            } else if entry.bound >= settings.review_threshold {
                keep(engine.dataset, scorer, query, row, pattern, &mut found);
            }
        }
    };
    match item {
        Item::Blocks(blocks) => {
            let mut pairs = 0;
            for block in blocks.clone() {
                let rows = pass.block(block);
                engine.run(bench, rows, rows, true, &mut visit);
                pairs += pairs_of(rows.len() as u64);
            }
            (found, pairs)
        }
        &Item::Rectangle(block, i, j) => {
            let rows = pass.block(block);
            let chunk = |number: usize| {
                let end = rows.len().min((number + 1) * TILE_ROWS);
                &rows[number * TILE_ROWS..end]
            };
            let (queries, rows) = (chunk(i), chunk(j));
            engine.run(bench, queries, rows, i == j, &mut visit);
            let pairs = if i == j {
                pairs_of(rows.len() as u64)
            } else {
                (queries.len() * rows.len()) as u64
            };
            (found, pairs)
        }
    }
}

fn keep(
    dataset: &Dataset,
    scorer: &Scorer<'_>,
    query: u32,
    row: u32,
    pattern: u32,
    found: &mut Found,
) {
    let (a, b) = (dataset.record_of(query), dataset.record_of(row));
    if a == b {
        return;
    }
    let Evaluation {
        weight,
        decision,
        rule,
    } = scorer.rows(query, row, pattern);
    found.links += u64::from(decision == Decision::Link);
    if decision != Decision::NonMatch {
        found.kept.push(Kept {
            a: a.min(b),
            b: a.max(b),
            weight,
            decision,
            rule,
        });
    }
}

/// One entry per pair of records, weighed by their best rows, in order.
pub(crate) fn by_record(dataset: &Dataset, scorer: &Scorer<'_>, mut kept: Vec<Kept>) -> Vec<Kept> {
    kept.par_sort_unstable();
    kept.dedup_by_key(|pair| (pair.a, pair.b));
    kept.into_par_iter()
        .filter_map(|pair| {
            if dataset.rows_of(pair.a).len() == 1 && dataset.rows_of(pair.b).len() == 1 {
                return Some(pair);
            }
            let Evaluation {
                weight,
                decision,
                rule,
            } = scorer.records(pair.a, pair.b);
            (decision != Decision::NonMatch).then_some(Kept {
                weight,
                decision,
                rule,
                ..pair
            })
        })
        .collect()
}
