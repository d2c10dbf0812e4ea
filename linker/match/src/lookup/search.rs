//! One look-up: candidates from the tables, patterns from the kernel, weights as in a run.

use std::{cmp::Reverse, ops::Range};

use linker_kernels::{Grading, Kernel, Tile, limits::LANES};
use linker_token::Schema;

use super::{
    LookupRow,
    answer::{Answer, Candidate},
    cross,
    view::View,
};
use crate::{
    limits,
    rules::Decision,
    settings::Settings,
    weigh::{Evaluation, Weights, frequency_class},
};

/// Rows of a tile here: with 128 bytes each they stay in the first cache of a core.
const TILE_ROWS: usize = 256;

/// What weighs, and knows no rows.
pub(super) struct Judge {
    pub(super) schema: Schema,
    pub(super) grading: Grading,
    pub(super) settings: Settings,
    pub(super) weights: Weights,
    pub(super) kernel: Kernel,
}

/// Working memory of one look-up.
pub(super) struct Scratch {
    tile: Tile,
    buffer: Vec<[u32; LANES]>,
}

/// The rows of a view that have one value of the token.
pub(super) struct Probe {
    pub(super) segment: usize,
    /// Per slot of the view: places in the segment's table.
    pub(super) places: Vec<Range<u32>>,
    /// Rows that were not removed.
    pub(super) rows: usize,
}

/// One row of the token.
struct Query<'a> {
    row: LookupRow<'a>,
    /// One per segment that the row has.
    probes: Vec<Probe>,
    /// Per segment: the class of the value's frequency, the token counted in.
    classes: Vec<u8>,
}

/// A look-up under way.
pub(super) struct Search<'a> {
    judge: &'a Judge,
    view: &'a View,
    queries: Vec<Query<'a>>,
    kept: Vec<(u32, Evaluation)>,
    answer: Answer,
}

impl Scratch {
    pub(super) fn new(schema: &Schema) -> Self {
        Self {
            tile: Tile::new(schema.row_words()),
            buffer: Vec::new(),
        }
    }
}

impl<'a> Search<'a> {
    /// Looks up where the token's values are. `token` has different rows of the schema's width.
    pub(super) fn new(judge: &'a Judge, view: &'a View, token: &[LookupRow<'a>]) -> Self {
        let query = |&row: &LookupRow<'a>| Query::new(judge, view, row, token);
        Self {
            judge,
            view,
            queries: token.iter().map(query).collect(),
            kept: Vec::new(),
            answer: Answer::default(),
        }
    }

    /// Compares the token with the rows that share a value with it.
    pub(super) fn by_values(&mut self, scratch: &mut Scratch) {
        let mut wanted: Vec<Vec<u32>> = vec![Vec::new(); self.view.slots.len()];
        let cap = limits::LOOKUP_VALUE_ROWS / self.queries.len().max(1);
        for query in &self.queries {
            let few = query.probes.iter().filter(|probe| probe.rows <= cap);
            for probe in few {
                for (at, places) in probe.places.iter().enumerate() {
                    let generation = &self.view.slots[at].generation;
                    wanted[at].extend_from_slice(generation.rows_at(probe.segment, places));
                }
            }
            let many: Vec<&Probe> = query.probes.iter().filter(|p| p.rows > cap).collect();
            self.answer.capped |= !many.is_empty();
            cross::rows(self.view, &many, cap, &mut wanted);
        }
        for (at, rows) in wanted.iter_mut().enumerate() {
            rows.sort_unstable();
            rows.dedup();
            let slot = &self.view.slots[at];
            rows.retain(|&row| slot.is_alive(row));
            self.compare(scratch, at, rows);
        }
    }

    /// Compares the token with every row.
    pub(super) fn everything(&mut self, scratch: &mut Scratch) {
        for (at, slot) in self.view.slots.iter().enumerate() {
            let rows = (0..slot.generation.len()).filter(|&row| slot.is_alive(row));
            let rows: Vec<u32> = rows.collect();
            self.compare(scratch, at, &rows);
        }
    }

    /// Compares every row of the token with rows of one slot and keeps what may be a person.
    fn compare(&mut self, scratch: &mut Scratch, slot: usize, rows: &[u32]) {
        let Judge {
            grading,
            settings,
            weights,
            kernel,
            ..
        } = self.judge;
        let generation = &self.view.slots[slot].generation;
        for rows in rows.chunks(TILE_ROWS) {
            generation.fill(&mut scratch.tile, rows);
            self.answer.compared += (rows.len() * self.queries.len()) as u64;
            for query in &self.queries {
                let (bits, missing) = (query.row.bits, query.row.flags.missing_mask());
                let (tile, buffer) = (&scratch.tile, &mut scratch.buffer);
                let patterns = kernel.patterns(bits, missing, tile, 0, grading, buffer);
                for (&row, &pattern) in rows.iter().zip(patterns) {
                    if weights.entry(pattern).bound < settings.review_threshold {
                        continue;
                    }
                    let flags = (query.row.flags, generation.flags(row));
                    let class = |segment: usize| query.classes[segment];
                    let evaluation = weights.evaluate(pattern, flags, class);
                    if evaluation.decision != Decision::NonMatch {
                        self.kept.push((generation.record(row), evaluation));
                    }
                }
            }
        }
    }

    /// The answer: one candidate per record, weighed by the best of all pairs of rows.
    pub(super) fn finish(mut self, limit: usize) -> Answer {
        let mut kept = std::mem::take(&mut self.kept);
        kept.sort_unstable_by_key(|&(record, evaluation)| (record, Reverse(evaluation)));
        kept.dedup_by_key(|(record, _)| *record);
        kept.sort_by_key(|&(record, evaluation)| (Reverse(evaluation.weight), record));
        if kept.len() > limits::LOOKUP_KEPT_RECORDS {
            kept.truncate(limits::LOOKUP_KEPT_RECORDS);
            self.answer.capped = true;
        }
        let candidates = kept.into_iter().filter_map(|(record, _)| {
            let best = self.best(record)?;
            (best.decision != Decision::NonMatch).then_some(Candidate {
                record,
                weight: best.weight,
                decision: best.decision,
                rule: best.rule,
            })
        });
        let mut candidates: Vec<Candidate> = candidates.collect();
        candidates.sort_unstable_by_key(|found| (Reverse(found.weight), found.record));
        let rest = candidates.split_off(candidates.len().min(limit));
        let links = rest.iter().filter(|left| left.decision == Decision::Link);
        self.answer.links_left_off = links.count();
        self.answer.reviews_left_off = rest.len() - self.answer.links_left_off;
        self.answer.candidates = candidates;
        self.answer
    }

    /// The token against all rows of a record. Of equally heavy pairs the one that says more counts.
    fn best(&self, record: u32) -> Option<Evaluation> {
        let Judge {
            grading, weights, ..
        } = self.judge;
        let slots = self.view.slots.iter();
        let rows = slots.flat_map(|slot| slot.rows_of(record).map(move |row| (slot, row)));
        let pairs = rows.flat_map(|(slot, row)| {
            self.queries.iter().map(move |query| {
                let (bits, flags) = (slot.generation.row(row), slot.generation.flags(row));
                let missing = flags.missing_mask() | query.row.flags.missing_mask();
                let pattern = grading.pattern(query.row.bits, bits, missing);
                let class = |segment: usize| query.classes[segment];
                weights.evaluate(pattern, (query.row.flags, flags), class)
            })
        });
        pairs.max()
    }
}

impl<'a> Query<'a> {
    fn new(judge: &Judge, view: &View, row: LookupRow<'a>, token: &[LookupRow<'a>]) -> Self {
        let segments = judge.schema.segments().iter().enumerate();
        let present = segments.filter(|(segment, _)| !row.flags.is_missing(*segment));
        let mut classes = vec![0; judge.schema.segments().len()];
        let probes = present.map(|(segment, part)| {
            let slots = view.slots.iter();
            let places = slots.map(|slot| slot.generation.range(segment, row.bits));
            let places: Vec<Range<u32>> = places.collect();
            let slots = view.slots.iter().zip(&places);
            let rows = slots.map(|(slot, places)| slot.alive_at(segment, places));
            let rows: usize = rows.sum();
            let value = &row.bits[part.words.clone()];
            let own = token.iter().filter(|other| {
                !other.flags.is_missing(segment) && other.bits[part.words.clone()] == *value
            });
            classes[segment] = frequency_class(rows + own.count());
            Probe {
                segment,
                places,
                rows,
            }
        });
        Self {
            row,
            probes: probes.collect(),
            classes,
        }
    }
}

const _: () = assert!(TILE_ROWS <= linker_kernels::limits::TILE_ROWS);
