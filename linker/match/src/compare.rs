//! All candidate pairs, block by block.
//!
//! Rows of a block are copied into a tile and every row runs against the tile: single candidates are
//! never gathered from memory. Tiny blocks, of which there are most, are compared pair by pair. Work is
//! cut into items; which thread takes which item is chance, and nothing that is found depends on it,
//! because what is counted is summed and what is kept is sorted.

use std::{
    ops::Range,
    sync::atomic::{AtomicU64, AtomicUsize, Ordering},
};

use linker_kernels::{Kernel, limits::TILE_ROWS};
use rayon::prelude::*;

use crate::{
    actions::Actions,
    block::{Blocks, Members, Pass, pairs_of},
    dataset::Dataset,
    error::MatchError,
    incremental::Retained,
    limits,
    meet::{Bench, Side},
    rows::{List, Reach, Shelf},
    rules::{Decision, Rule},
    settings::{Cancel, Settings},
    weigh::{Evaluation, Scorer},
};

/// A pair that is kept: a link or for review. `a` is before `b`. Sixteen bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Kept {
    pub(crate) a: u32,
    pub(crate) b: u32,
    pub(crate) weight: i32,
    pub(crate) decision: Decision,
    pub(crate) rule: Rule,
    /// The first pass that had it.
    pub(crate) pass: u8,
}

/// What one pass found.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// Pairs of records, from pairs of rows; a pair of records may occur more than once.
    pub(crate) kept: Vec<Kept>,
    /// Pairs of rows that may matter to a later delta run.
    pub(crate) retained: Vec<Retained>,
    /// Row pairs that an earlier pass over a segment had.
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
    pub(crate) stop: &'a Cancel,
}

impl Engine<'_> {
    pub(crate) fn missing(self, row: u32) -> u8 {
        self.dataset.flags(row).missing_mask()
    }

    /// The pattern of two rows whose words are at hand.
    pub(crate) fn pattern(self, (a, one): (u32, &[u64]), (b, other): (u32, &[u64])) -> u32 {
        let missing = self.missing(a) | self.missing(b);
        self.kernel
            .pattern_of(one, other, missing, self.dataset.grading())
    }
}

/// One pass and what it takes to compare it.
pub(crate) struct Hunt<'a> {
    pub(crate) engine: Engine<'a>,
    pub(crate) members: &'a Members,
    /// From blocks of rare values to blocks of frequent ones.
    actions: Vec<Actions>,
    /// Earlier passes over segments that split blocks, each with its segment's bit.
    pub(crate) split: Vec<(u8, &'a Pass)>,
    /// The segments of earlier passes that split nothing: they had every pair that is equal there.
    whole: u8,
    /// Earlier passes over keys.
    keys: Vec<&'a Pass>,
    scorer: &'a Scorer<'a>,
    /// Which pass this is.
    number: u8,
    review_threshold: i32,
    /// Per segment and row the frequency classes at which pairs are judged, if they are retained.
    retain: Option<&'a [Vec<u8>]>,
    segment: Option<usize>,
    /// See [`Pass::beside`], and the pass over that segment.
    beside: Option<(usize, &'a Pass)>,
    /// Pairs kept so far, and how many may be.
    kept: AtomicU64,
    limit: u64,
}

/// A piece of work: whole blocks, or one rectangle of a block that is larger than a tile.
enum Item {
    Blocks(Range<usize>),
    Rectangle(Range<usize>, Range<usize>),
}

/// Compares one pass and keeps what reaches the review threshold.
pub(crate) fn pass(
    engine: Engine<'_>,
    scorer: &Scorer<'_>,
    settings: &Settings,
    (number, members, retain): (usize, &Members, Option<&[Vec<u8>]>),
    reach: &mut Reach<'_>,
    done: &(dyn Fn(u64) + Sync),
) -> Result<Found, MatchError> {
    let mut hunt = Hunt::new(engine, scorer, settings, (number, members));
    if retain.is_some() {
        hunt.retain = retain;
        hunt.limit += limits::RETAINED_PAIRS_PER_ROW * engine.dataset.row_count() as u64;
    }
    let mut found = Found::default();
    let list = List {
        rows: &members.rows,
        starts: &members.starts,
    };
    engine
        .dataset
        .with_rows(list, reach, &mut |blocks, shelf| {
            for other in hunt.blocks(blocks, shelf, done) {
                found.repeated += other.repeated;
                found.links += other.links;
                found.kept.extend(other.kept);
                found.retained.extend(other.retained);
            }
            hunt.check()
        })?;
    Ok(found)
}

impl<'a> Hunt<'a> {
    fn new(
        engine: Engine<'a>,
        scorer: &'a Scorer<'a>,
        settings: &Settings,
        (number, members): (usize, &'a Members),
    ) -> Self {
        let (earlier, rest) = engine.blocks.passes.split_at(number);
        let over = |pass: &'a Pass| pass.segment.map(|segment| (1_u8 << segment, pass));
        let (split, whole): (Vec<_>, Vec<_>) = earlier
            .iter()
            .filter_map(over)
            .partition(|(_, pass)| pass.split > 0);
        let mask = |passes: &[(u8, &Pass)]| passes.iter().fold(0, |mask, (bit, _)| mask | bit);
        let had = mask(&split) | mask(&whole);
        let (dataset, pass) = (engine.dataset, &rest[0]);
        let rows = dataset.row_count() as u64;
        Self {
            actions: Actions::of_pass(dataset, scorer, settings, pass.segment, had),
            whole: mask(&whole),
            keys: earlier.iter().filter(|pass| pass.key.is_some()).collect(),
            split,
            engine,
            scorer,
            segment: pass.segment,
            beside: earlier
                .iter()
                .find(|before| before.segment.is_some() && before.segment == pass.beside)
                .and_then(|before| Some((before.segment?, before))),
            members,
            number: u8::try_from(number).expect("passes are few"),
            review_threshold: settings.review_threshold,
            retain: None,
            kept: AtomicU64::new(0),
            limit: (limits::KEPT_PAIRS_PER_ROW * rows).max(limits::KEPT_PAIRS_FLOOR),
        }
    }

    fn check(&self) -> Result<(), MatchError> {
        self.engine.stop.check()?;
        if self.kept.load(Ordering::Relaxed) > self.limit {
            return Err(MatchError::TooMany {
                what: "the pairs above the review threshold",
                limit: self.limit,
            });
        }
        Ok(())
    }

    /// Compares some blocks on all threads.
    fn blocks(
        &self,
        blocks: Range<usize>,
        shelf: Shelf<'_>,
        done: &(dyn Fn(u64) + Sync),
    ) -> Vec<Found> {
        let items = self.items(blocks);
        let next = AtomicUsize::new(0);
        let workers = (0..rayon::current_num_threads()).into_par_iter();
        let work = |_worker| {
            let mut bench = Bench::new(self.engine.dataset.grading().row_words());
            while let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
                let kept = |found: &Found| (found.kept.len() + found.retained.len()) as u64;
                let before = kept(&bench.found);
                let pairs = self.item(&mut bench, shelf, item);
                let kept = kept(&bench.found) - before;
                self.kept.fetch_add(kept, Ordering::Relaxed);
                done(pairs);
                if self.check().is_err() {
                    break;
                }
            }
            bench.found
        };
        workers.map(work).collect()
    }

    fn items(&self, blocks: Range<usize>) -> Vec<Item> {
        let mut items = Vec::new();
        let (mut start, mut pairs, mut rows) = (blocks.start, 0, 0);
        for block in blocks.clone() {
            let (places, fresh) = (self.members.block(block), self.members.fresh(block));
            let large = places.len() > TILE_ROWS;
            let known = pairs_of((places.end - fresh.end) as u64);
            pairs += pairs_of(places.len() as u64) - known;
            rows += places.len() as u64;
            if large || pairs > limits::ITEM_PAIRS || rows > limits::ITEM_ROWS {
                items.push(Item::Blocks(start..block + usize::from(!large)));
                (start, pairs, rows) = (block + 1, 0, 0);
            }
            if large {
                let known = fresh.end..places.end;
                for one in tiles(fresh.clone()) {
                    let others = tiles(fresh.clone()).filter(|other| other.start >= one.start);
                    let others = others.chain(tiles(known.clone()));
                    items.extend(others.map(|other| Item::Rectangle(one.clone(), other)));
                }
            }
        }
        items.push(Item::Blocks(start..blocks.end));
        items
    }

    /// Works through one item and returns how many row pairs it had.
    fn item(&self, bench: &mut Bench, shelf: Shelf<'_>, item: &Item) -> u64 {
        match item {
            Item::Blocks(blocks) => blocks.clone().fold(0, |pairs, block| {
                let (places, fresh) = (self.members.block(block), self.members.fresh(block));
                let known = fresh.end..places.end;
                if places.len() <= limits::SMALL_BLOCK_ROWS {
                    self.small(&mut bench.found, shelf, &places, &fresh);
                } else {
                    bench.meet(self, shelf, &fresh, &fresh);
                    if !known.is_empty() {
                        bench.meet(self, shelf, &fresh, &known);
                    }
                }
                pairs + pairs_of(places.len() as u64) - pairs_of(known.len() as u64)
            }),
            Item::Rectangle(queries, rows) => {
                bench.meet(self, shelf, queries, rows);
                if queries == rows {
                    pairs_of(rows.len() as u64)
                } else {
                    (queries.len() * rows.len()) as u64
                }
            }
        }
    }

    /// The actions for the block that has this place.
    pub(crate) fn actions(&self, place: usize) -> &Actions {
        let classes = &self.engine.blocks.classes;
        let row = self.members.rows.get(place);
        let class = self
            .segment
            .zip(row)
            .map_or(0, |(s, &row)| classes[s][row as usize]);
        let level = Actions::level(class);
        &self.actions[level]
    }

    /// A block without a tile.
    fn small(
        &self,
        found: &mut Found,
        shelf: Shelf<'_>,
        places: &Range<usize>,
        fresh: &Range<usize>,
    ) {
        let actions = self.actions(places.start);
        for one in fresh.clone() {
            for other in one + 1..places.end {
                let (a, b) = (self.members.rows[one], self.members.rows[other]);
                let pattern = self
                    .engine
                    .pattern((a, shelf.at(one)), (b, shelf.at(other)));
                let action = actions.of(pattern);
                if action != 0 {
                    self.pair(found, (a, b), (pattern, action), |split| {
                        self.split[split].1.has_alike(a, b)
                    });
                }
            }
        }
    }

    /// What is worked out once per row of a meeting.
    pub(crate) fn prepare(&self, side: &mut Side, rows: &[u32]) {
        side.missing.clear();
        side.missing
            .extend(rows.iter().map(|&row| self.engine.missing(row)));
        side.masks.clone_from(&side.missing);
        side.masks.dedup();
        self.runs(side, rows);
        side.pieces.clear();
        for (_, split) in &self.split {
            side.pieces.extend(rows.iter().map(|&row| split.piece(row)));
        }
    }

    /// Finds rows that stand together and are equal in the segment of an earlier pass that did not split
    /// them: it had all their pairs.
    fn runs(&self, side: &mut Side, rows: &[u32]) {
        let Some((segment, before)) = self.beside else {
            side.ends.clear();
            side.ends.extend(1..=rows.len());
            return;
        };
        let print = |row: u32| self.engine.dataset.print(segment, row);
        side.ends.clear();
        side.ends.resize(rows.len(), 0);
        let mut end = rows.len();
        for at in (0..rows.len()).rev() {
            let next = rows.get(at + 1).copied();
            let value = print(rows[at]);
            let same = next.is_some_and(|next| value.is_some() && value == print(next))
                && side.missing[at] == side.missing[at + 1]
                && before.piece(rows[at]).is_none();
            if !same {
                end = at + 1;
            }
            side.ends[at] = end;
        }
    }

    /// Decides one pair of rows. `together` says whether an earlier pass that splits blocks, and that
    /// found the two alike, left them together.
    #[inline]
    pub(crate) fn pair(
        &self,
        found: &mut Found,
        (a, b): (u32, u32),
        (pattern, action): (u32, u8),
        together: impl Fn(usize) -> bool,
    ) {
        if action & Actions::HAD != 0 {
            let equal = self.scorer.entry(pattern).agreement.equal;
            let mut split = self.split.iter().enumerate();
            if equal & self.whole != 0
                || split.any(|(at, (bit, _))| equal & bit != 0 && together(at))
            {
                found.repeated += 1;
                return;
            }
        }
        if action & Actions::KEEP != 0 {
            self.keep(found, (a, b), pattern);
        }
    }

    fn keep(&self, found: &mut Found, (query, row): (u32, u32), pattern: u32) {
        let dataset = self.engine.dataset;
        let (a, b) = (dataset.record_of(query), dataset.record_of(row));
        if a == b {
            return;
        }
        let Evaluation {
            weight,
            decision,
            rule,
        } = self.scorer.rows(query, row, pattern);
        let retained = self.retain.is_some_and(|classes| {
            let pair = (query.min(row), query.max(row));
            self.scorer.ceiling(pair, pattern, classes) >= self.review_threshold
        });
        if !retained && decision == Decision::NonMatch {
            return;
        }
        // Looked up for the few pairs that matter only: it is two reads of memory for each table.
        if self.keys.iter().any(|pass| pass.has_by_key(query, row)) {
            return;
        }
        if retained {
            let (a, b) = (query.min(row), query.max(row));
            found.retained.push(Retained { a, b, pattern });
        }
        found.links += u64::from(decision == Decision::Link);
        if decision != Decision::NonMatch {
            found.kept.push(Kept {
                a: a.min(b),
                b: a.max(b),
                weight,
                decision,
                rule,
                pass: self.number,
            });
        }
    }
}

/// Places cut into tiles.
fn tiles(places: Range<usize>) -> impl Iterator<Item = Range<usize>> {
    let end = places.end;
    let starts = places.step_by(TILE_ROWS);
    starts.map(move |start| start..end.min(start + TILE_ROWS))
}

#[cfg(test)]
mod tests;
