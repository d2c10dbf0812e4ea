//! One token against millions of records, at once.
//!
//! The index holds the rows and, per segment, where each value is. A look-up compares the token with the
//! rows that are equal to it in at least one segment, as a run's passes do, and weighs with the run's
//! model: as if the token were one more record of the run. Rows come and go without a rebuild: what
//! changes is a new view beside the old one, so that readers never wait.
//!
//! No further candidates are sought. Rows without an equal segment could be found through keys of parts of
//! segments, but a link needs two kinds of identifiers, and under diffusion one character changes a third of
//! a segment: of what a comparison with every row links, equal segments miss nothing in 4,436 links among a
//! million typical rows, and one in 3,109 among damaged ones (`bench lookup`).
//!
//! Reading order: table (one segment's values), generation, view (generations and their merging), search,
//! cross (frequent values), answer.
//!

mod answer;
mod cross;
mod generation;
mod search;
mod table;
mod view;

use std::{
    rc::Rc,
    sync::{Arc, Mutex, PoisonError},
};

use arc_swap::ArcSwap;
use linker_kernels::{Grading, selected};
use linker_token::{Flags, RecordRef, Schema, TokenBatch};

pub use self::answer::{Answer, Candidate, Resolution};
use self::{
    generation::Arrival,
    search::{Judge, Scratch, Search},
    view::View,
};
use crate::{error::MatchError, limits, model::Model, settings::Settings, weigh::Weights};

/// One row of a token. The bits are under the second layer.
#[derive(Clone, Copy)]
pub struct LookupRow<'a> {
    /// Its flags and missing segments.
    pub flags: Flags,
    /// Its words, as many as the schema says.
    pub bits: &'a [u64],
}

/// A row of a batch that all its rows share, so that an index is built without copying rows.
pub struct SharedRow {
    batch: Rc<TokenBatch>,
    row: usize,
}

impl SharedRow {
    /// The rows of a batch, in order.
    pub fn all(batch: TokenBatch) -> impl Iterator<Item = Self> {
        let batch = Rc::new(batch);
        (0..batch.len()).map(move |row| Self {
            batch: Rc::clone(&batch),
            row,
        })
    }

    /// Of which record it is.
    #[must_use]
    pub fn reference(&self) -> RecordRef {
        self.batch.references()[self.row]
    }

    /// Its flags.
    #[must_use]
    pub fn flags(&self) -> Flags {
        self.batch.flags()[self.row]
    }
}

impl AsRef<[u64]> for SharedRow {
    fn as_ref(&self) -> &[u64] {
        self.batch.row(self.row)
    }
}

impl std::fmt::Debug for SharedRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SharedRow(..)")
    }
}

/// An index for look-ups by token. Threads share it: look-ups go on while rows come and go.
pub struct LookupIndex {
    judge: Judge,
    view: ArcSwap<View>,
    /// Held by whoever makes the next view.
    writer: Mutex<()>,
    /// Working memory of look-ups that are not under way.
    scratch: Mutex<Vec<Scratch>>,
}

impl std::fmt::Debug for LookupRow<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LookupRow(..)")
    }
}

impl std::fmt::Debug for LookupIndex {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "LookupIndex({} rows)", self.rows())
    }
}

impl LookupIndex {
    /// Makes an index of rows (record number, flags, bits under the second layer), which come in any
    /// order. `model` is that of the run whose records they are.
    ///
    /// # Errors
    /// [`MatchError`]: as [`Self::insert`], or the settings, the schema or the kernel cannot be used.
    pub fn build<Bits: AsRef<[u64]>>(
        schema: &Schema,
        settings: &Settings,
        model: &Model,
        rows: impl IntoIterator<Item = (u32, Flags, Bits)>,
    ) -> Result<Self, MatchError> {
        settings.check()?;
        let segments = schema.segments().iter();
        let segments: Vec<_> = segments.map(|s| (s.words.clone(), s.cuts())).collect();
        let grading = Grading::new(schema.row_words(), &segments).map_err(MatchError::Schema)?;
        if model.segments.len() != segments.len() {
            return Err(MatchError::Model {
                rule: "it has as many segments as the schema",
            });
        }
        let index = Self {
            judge: Judge {
                weights: Weights::new(schema, &grading, settings, model),
                kernel: selected(settings.kernel).map_err(MatchError::Kernel)?,
                schema: schema.clone(),
                grading,
                settings: *settings,
            },
            view: ArcSwap::default(),
            writer: Mutex::default(),
            scratch: Mutex::default(),
        };
        index.insert(rows)?;
        Ok(index)
    }

    /// The records that may be the token's person. `token` is all rows of one record; `limit` is the
    /// most candidates to name.
    ///
    /// # Errors
    /// [`MatchError::RowWidth`], or [`MatchError::TooMany`] rows.
    pub fn lookup(&self, token: &[LookupRow<'_>], limit: usize) -> Result<Answer, MatchError> {
        let view = self.view.load();
        let few = view.rows() <= limits::LOOKUP_ALL_ROWS
            && view.rows() as u64 <= self.judge.settings.exhaustive_pairs_max;
        self.search(&view, token, limit, few)
    }

    /// As [`Self::lookup`], from a comparison with every row: what a look-up is measured against.
    ///
    /// # Errors
    /// As [`Self::lookup`].
    pub fn exhaustive(&self, token: &[LookupRow<'_>], limit: usize) -> Result<Answer, MatchError> {
        self.search(&self.view.load(), token, limit, true)
    }

    /// Adds rows to records, new or not. Look-ups that begin after it find them all; if it fails,
    /// nothing changes. A row that the record has already is left out.
    ///
    /// # Errors
    /// [`MatchError::RowWidth`], or [`MatchError::TooMany`] rows.
    pub fn insert<Bits: AsRef<[u64]>>(
        &self,
        rows: impl IntoIterator<Item = (u32, Flags, Bits)>,
    ) -> Result<(), MatchError> {
        let _turn = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let schema = &self.judge.schema;
        let mut view = View::clone(&self.view.load());
        let mut arrival = Arrival::default();
        for (record, flags, bits) in rows {
            if bits.as_ref().len() != schema.row_words() {
                return Err(MatchError::RowWidth);
            }
            if arrival.len() == limits::LOOKUP_GENERATION_ROWS {
                view.insert(schema, &arrival)?;
                arrival = Arrival::default();
            }
            arrival.push(record, flags, bits.as_ref());
        }
        view.insert(schema, &arrival)?;
        self.view.store(Arc::new(view));
        Ok(())
    }

    /// Removes records with all their rows. Look-ups that begin after it do not find them. Their bits stay
    /// in memory until so many rows of their generation are removed that it is made anew.
    pub fn remove(&self, records: &[u32]) {
        self.change(|view, schema| view.remove(schema, records));
    }

    /// Gives up the memory of all removed rows, for an erasure that must be complete: at most about a
    /// second for each million rows among which one was removed. Look-ups under way end first.
    pub fn purge(&self) {
        self.change(View::purge);
    }

    /// Rows that can be found.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.view.load().rows()
    }

    /// Bytes of the rows and their tables in memory.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.view.load().bytes()
    }

    /// Name of the kernel.
    #[must_use]
    pub fn kernel(&self) -> &'static str {
        self.judge.kernel.name()
    }

    fn change(&self, change: impl FnOnce(&mut View, &Schema)) {
        let _turn = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let mut view = View::clone(&self.view.load());
        change(&mut view, &self.judge.schema);
        self.view.store(Arc::new(view));
    }

    fn search(
        &self,
        view: &View,
        token: &[LookupRow<'_>],
        limit: usize,
        everything: bool,
    ) -> Result<Answer, MatchError> {
        if token.len() > limits::LOOKUP_TOKEN_ROWS {
            return Err(MatchError::TooMany {
                what: "the rows of a token",
                limit: limits::LOOKUP_TOKEN_ROWS as u64,
            });
        }
        let width = self.judge.schema.row_words();
        if token.iter().any(|row| row.bits.len() != width) {
            return Err(MatchError::RowWidth);
        }
        if token.iter().any(|row| row.flags.has(Flags::TEST_RECORD)) {
            return Ok(Answer::default());
        }
        let mut token = token.to_vec();
        token.sort_unstable_by_key(|row| (row.bits, row.flags.bits()));
        token.dedup_by_key(|row| (row.bits, row.flags.bits()));
        let mut scratch = self.scratch();
        let mut search = Search::new(&self.judge, view, &token);
        if everything {
            search.everything(&mut scratch);
        } else {
            search.by_values(&mut scratch);
        }
        // Nobody waits for the list: whoever finds it taken leaves the memory to the allocator.
        if let Ok(mut idle) = self.scratch.try_lock() {
            idle.push(scratch);
        }
        Ok(search.finish(limit))
    }

    fn scratch(&self) -> Scratch {
        let idle = self.scratch.try_lock().ok();
        let idle = idle.and_then(|mut idle| idle.pop());
        idle.unwrap_or_else(|| Scratch::new(&self.judge.schema))
    }
}
