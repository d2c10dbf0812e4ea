//! Deltas: rows that came or went since a run, without comparing everything again.
//!
//! A run can leave a [`Base`]: its model, its rows by name and fingerprint, how its blocks were split,
//! and every pair of rows that could still matter. A delta run under the base's model ends with the
//! clusters of a full run of the same rows under the same model:
//!
//! * Blocks are made over all rows; that needs fingerprints only.
//! * In a block whose known rows the base had in one block, too, only pairs with a fresh row are
//!   compared: pairs of known rows are in the base, or too light. Other blocks are compared as a whole.
//! * A pair of the base counts if both rows are still there and a block still holds them both.
//! * All pairs are weighed anew, because new rows change how frequent a value is.
//!
//! A pair is left out of the base only if it stays below the review threshold even when its values
//! become half as frequent. Rows with a value that became rarer than that count as fresh.
//!
//! The LSH tables of a run follow from its number of rows. A table that the base had, too, is compared
//! as above; the buckets of another one are compared as a whole, and pairs of the base that no pass has
//! any more do not count. So a base fits runs with other tables or with none, but its share of links
//! that blocking finds stays that of the run that trained the model.
//!
//! A new model means a full run: under other weights other pairs matter.

mod bytes;

use linker_token::SchemaDigest;
use rayon::prelude::*;

use crate::{
    block::{Blocks, Members, Pass},
    compare::{Engine, Kept},
    dataset::{Dataset, RecordKey},
    error::MatchError,
    index::{NONE, number},
    limits,
    model::Model,
    model_file::ModelSettings,
    recall::BlockingRecall,
    rules::Decision,
    settings::Settings,
    weigh::{Evaluation, Scorer},
};

/// A pair of rows that may matter, by row numbers, and its pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Retained {
    pub(crate) a: u32,
    pub(crate) b: u32,
    pub(crate) pattern: u32,
}

/// A model and what it was measured on.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Trained {
    pub(crate) model: Model,
    /// Pattern counts of the sample.
    pub(crate) counts: Vec<u64>,
    /// Share of the sample's links that blocking finds, and the interval.
    pub(crate) blocking: BlockingRecall,
}

/// What a delta run builds on. Derived state: it can be deleted, and costs a full run then.
#[derive(Clone, PartialEq)]
pub struct Base {
    schema: SchemaDigest,
    trained: Trained,
    /// Pairs below its review threshold were not looked for.
    settings: ModelSettings,
    /// Whether every pair was compared, without blocks.
    everything: bool,
    /// Records that were compared, in order.
    keys: Vec<RecordKey>,
    /// For each row its record and its content, records in order.
    rows: Vec<(u32, u64)>,
    /// Row by row the frequency class of each segment's value when its pairs were judged.
    classes: Vec<u8>,
    /// Per segment the rows of blocks that were split, sorted, and the piece to which each went.
    pieces: Vec<Vec<(u32, u32)>>,
    /// The same of passes over keys, each with its key's name.
    keyed: Vec<(u64, Vec<(u32, u32)>)>,
    /// In order.
    pairs: Vec<Retained>,
}

impl std::fmt::Debug for Base {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (rows, pairs) = (self.rows.len(), self.pairs.len());
        write!(f, "Base({rows} rows, {pairs} pairs)")
    }
}

impl Base {
    /// The model of the run that left it, and of all runs that build on it.
    #[must_use]
    pub fn model(&self) -> &Model {
        &self.trained.model
    }

    /// Number of rows that it knows.
    #[must_use]
    pub fn row_count(&self) -> usize {
        self.rows.len()
    }

    /// Number of pairs that it keeps.
    #[must_use]
    pub fn pair_count(&self) -> usize {
        self.pairs.len()
    }

    /// The same model and no rows: a run that builds on it compares everything.
    #[must_use]
    pub fn forgotten(&self) -> Self {
        Self {
            everything: true,
            keys: Vec::new(),
            rows: Vec::new(),
            classes: Vec::new(),
            pieces: vec![Vec::new(); self.pieces.len()],
            keyed: Vec::new(),
            pairs: Vec::new(),
            ..self.clone()
        }
    }

    pub(crate) fn trained(
        &self,
        dataset: &Dataset,
        settings: &Settings,
    ) -> Result<Trained, MatchError> {
        if self.schema != dataset.schema().digest() {
            return Err(MatchError::Base {
                rule: "it is of another schema",
            });
        }
        if settings.hold_twins != self.settings.hold_twins {
            return Err(MatchError::Base {
                rule: "it was made with other rules for twins",
            });
        }
        if settings.review_threshold < self.settings.review_threshold {
            return Err(MatchError::Base {
                rule: "its review threshold was higher",
            });
        }
        Ok(self.trained.clone())
    }

    fn class(&self, row: u32, segment: usize) -> u8 {
        self.classes[row as usize * self.pieces.len() + segment]
    }

    /// The rows of blocks that were split in the same pass, or `None` if there was no such pass.
    fn pieces_of(&self, pass: &Pass) -> Option<&[(u32, u32)]> {
        let keyed = || self.keyed.iter().find(|(key, _)| Some(*key) == pass.key);
        match pass.segment {
            Some(segment) => Some(&self.pieces[segment]),
            None => keyed().map(|(_, pieces)| pieces.as_slice()),
        }
    }
}

/// Which rows of a run are known to a base.
pub(crate) struct Delta<'a> {
    base: Option<&'a Base>,
    /// For each row of the data set its number in the base, or [`NONE`] for a fresh one.
    old: Vec<u32>,
    /// For each row of the base its number in the data set, or [`NONE`].
    new: Vec<u32>,
    /// Per segment and row the frequency class at which pairs are judged: the least that pairs of the
    /// row were or are judged at.
    pub(crate) classes: Vec<Vec<u8>>,
}

impl<'a> Delta<'a> {
    /// Without a base every row is fresh.
    pub(crate) fn new(base: Option<&'a Base>, dataset: &Dataset, blocks: &Blocks) -> Self {
        let mut delta = Self {
            base,
            old: vec![NONE; dataset.row_count()],
            new: vec![NONE; base.map_or(0, |base| base.rows.len())],
            classes: blocks.classes.clone(),
        };
        if let Some(base) = base {
            delta.recognise(base, dataset);
            delta.doubt(base, blocks);
            for (segment, classes) in delta.classes.iter_mut().enumerate() {
                for (class, &old) in classes.iter_mut().zip(&delta.old) {
                    if old != NONE {
                        *class = (*class).min(base.class(old, segment));
                    }
                }
            }
        }
        delta
    }

    /// Finds the base's rows by record and content. Both sides have their records in order.
    fn recognise(&mut self, base: &Base, dataset: &Dataset) {
        let mut keys = (0_u32..).zip(dataset.keys()).peekable();
        for known in base.rows.chunk_by(|a, b| a.0 == b.0) {
            let key = &base.keys[known[0].0 as usize];
            while keys.next_if(|(_, other)| *other < key).is_some() {}
            let Some((record, _)) = keys.next_if(|(_, other)| *other == key) else {
                continue;
            };
            if !dataset.is_compared(record) {
                continue;
            }
            let first = base.rows.partition_point(|row| row.0 < known[0].0);
            let mut olds: Vec<(u64, u32)> = known
                .iter()
                .zip(number(first)..)
                .map(|(row, old)| (row.1, old))
                .collect();
            olds.sort_unstable();
            for row in dataset.rows_of(record) {
                let content = content(dataset, row);
                let at = olds.binary_search_by_key(&content, |old| old.0);
                if let Ok(at) = at {
                    self.old[row as usize] = olds[at].1;
                    self.new[olds[at].1 as usize] = row;
                }
            }
        }
    }

    /// Takes rows for fresh of which a value became much rarer than when its pairs were judged.
    fn doubt(&mut self, base: &Base, blocks: &Blocks) {
        let counted = |class: u8| class.max(limits::RARE_CLASS);
        for (row, old) in self.old.iter_mut().enumerate() {
            let rarer = |segment: usize| {
                let before = counted(base.class(*old, segment));
                before > counted(blocks.classes[segment][row]) + limits::CLASS_SLACK
            };
            if *old != NONE && (0..base.pieces.len()).any(rarer) {
                self.new[*old as usize] = NONE;
                *old = NONE;
            }
        }
    }

    /// The blocks to compare, fresh rows first, and how many of those each has.
    pub(crate) fn members(&self, blocks: &Blocks, members: Vec<Members>) -> Vec<Members> {
        let Some(base) = self.base else {
            return members;
        };
        let passes = blocks.passes.iter().zip(members);
        passes
            .map(|(pass, members)| {
                let mut open = Members::default();
                let pieces = base.pieces_of(pass);
                for block in 0..members.starts.len().saturating_sub(1) {
                    let rows = &members.rows[members.block(block)];
                    let together = base.everything
                        || pieces.is_some_and(|pieces| self.were_together(pieces, rows));
                    let is_fresh = |row: u32| !together || self.old[row as usize] == NONE;
                    let fresh = rows.iter().filter(|&&row| is_fresh(row)).count();
                    if fresh > 0 {
                        open.starts.push(number(open.rows.len()));
                        open.fresh.push(number(fresh));
                        open.rows.extend(rows.iter().filter(|&&row| is_fresh(row)));
                        open.rows.extend(rows.iter().filter(|&&row| !is_fresh(row)));
                    }
                }
                open.starts.push(number(open.rows.len()));
                open
            })
            .collect()
    }

    /// Whether the known rows of a block, which have the segment or key of its pass in common, were in
    /// one block of the same pass.
    fn were_together(&self, pieces: &[(u32, u32)], rows: &[u32]) -> bool {
        if pieces.is_empty() {
            return true;
        }
        let piece = |old: u32| {
            let at = pieces.binary_search_by_key(&old, |entry| entry.0).ok();
            at.map(|at| pieces[at].1)
        };
        let known = rows.iter().map(|&row| self.old[row as usize]);
        let mut pieces = known.filter(|&old| old != NONE).map(piece);
        let first = pieces.next();
        pieces.all(|piece| Some(piece) == first)
    }

    /// The base's pairs that a run over these blocks would find, by the run's row numbers, in order.
    pub(crate) fn survivors(&self, engine: Engine<'_>) -> Vec<Retained> {
        let Some(base) = self.base else {
            return Vec::new();
        };
        let passes = &engine.blocks.passes;
        let pairs = base.pairs.par_iter().filter_map(|pair| {
            let (a, b) = (self.new[pair.a as usize], self.new[pair.b as usize]);
            let there = a != NONE && b != NONE;
            let met = there && passes.iter().any(|pass| pass.has(engine.dataset, a, b));
            let (a, b) = (a.min(b), a.max(b));
            met.then_some(Retained { a, b, ..*pair })
        });
        pairs.collect()
    }

    /// What a later delta run builds on. `pairs` are all that this run found or took over.
    pub(crate) fn base(
        &self,
        engine: Engine<'_>,
        trained: Trained,
        settings: &Settings,
        mut pairs: Vec<Retained>,
    ) -> Base {
        let dataset = engine.dataset;
        let (mut keys, mut rows, mut classes) = (Vec::new(), Vec::new(), Vec::new());
        let mut place = vec![NONE; dataset.row_count()];
        for record in (0..).take(dataset.record_count()) {
            if !dataset.is_compared(record) {
                continue;
            }
            for row in dataset.rows_of(record) {
                place[row as usize] = number(rows.len());
                rows.push((number(keys.len()), content(dataset, row)));
                let old = self.old[row as usize];
                for (segment, now) in engine.blocks.classes.iter().enumerate() {
                    classes.push(match self.base {
                        Some(base) if old != NONE => base.class(old, segment),
                        _ => now[row as usize],
                    });
                }
            }
            keys.push(dataset.keys()[record as usize]);
        }
        let at = |row: u32| place[row as usize];
        pairs.par_iter_mut().for_each(|pair| {
            let (a, b) = (at(pair.a), at(pair.b));
            (pair.a, pair.b) = (a.min(b), a.max(b));
        });
        pairs.par_sort_unstable();
        pairs.dedup();
        let mut pieces = vec![Vec::new(); engine.blocks.classes.len()];
        let mut keyed = Vec::new();
        for pass in &engine.blocks.passes {
            let split = pass.pieces().iter().map(|&(r, p)| (at(r), p));
            if let Some(segment) = pass.segment {
                pieces[segment] = split.collect();
            } else if let Some(key) = pass.key {
                keyed.push((key, split.collect()));
            }
        }
        Base {
            schema: dataset.schema().digest(),
            trained,
            settings: ModelSettings::from(settings),
            everything: engine.blocks.passes.iter().any(|pass| pass.everything),
            keys,
            rows,
            classes,
            pieces,
            keyed,
            pairs,
        }
    }
}

/// Weighs pairs of rows and keeps what reaches the review threshold.
pub(crate) fn weigh(engine: Engine<'_>, scorer: &Scorer<'_>, pairs: &[Retained]) -> Vec<Kept> {
    let dataset = engine.dataset;
    let kept = pairs.par_iter().filter_map(|pair| {
        let Evaluation {
            weight,
            decision,
            rule,
        } = scorer.rows(pair.a, pair.b, pair.pattern);
        let (a, b) = (dataset.record_of(pair.a), dataset.record_of(pair.b));
        (decision != Decision::NonMatch).then(|| Kept {
            a: a.min(b),
            b: a.max(b),
            weight,
            decision,
            rule,
            pass: first_pass(engine, (pair.a, pair.b)),
        })
    });
    kept.collect()
}

/// The first pass that has a pair of rows.
fn first_pass(engine: Engine<'_>, (a, b): (u32, u32)) -> u8 {
    let mut passes = (0..).zip(&engine.blocks.passes);
    let first = passes.find(|(_, pass)| pass.has(engine.dataset, a, b));
    first.map_or(u8::MAX, |(number, _)| number)
}

/// 64 mixed bits of a row's flags and fingerprints. Told apart are only rows of one record.
fn content(dataset: &Dataset, row: u32) -> u64 {
    let start = u64::from(dataset.flags(row).bits());
    let segments = 0..dataset.grading().segment_count();
    segments.fold(start, |hash, segment| {
        let print = dataset.print(segment, row).unwrap_or_default();
        let mixed = (hash.rotate_left(25) ^ print).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        mixed ^ mixed >> 29
    })
}
