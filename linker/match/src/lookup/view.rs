//! The index at one moment, and the next one made from it.
//!
//! A view is a list of generations, the large ones first. New rows are a generation of their own; the
//! last two are merged while the last is more than half of the one before, so that there are few and a
//! row is copied a few times in its life (Bentley and Saxe, 1980). No merge makes a generation larger
//! than [`limits::LOOKUP_GENERATION_ROWS`], and none touches what readers hold.

use std::sync::Arc;

use linker_token::{Flags, Schema};

use super::generation::{Arrival, Generation, Slot};
use crate::{error::MatchError, limits};

#[derive(Clone, Default)]
pub(super) struct View {
    pub(super) slots: Vec<Slot>,
    /// Records with a row that is flagged as a test record, sorted. They have no rows here.
    tests: Arc<Vec<u32>>,
}

impl View {
    /// Rows that can be found.
    pub(super) fn rows(&self) -> usize {
        self.slots.iter().map(Slot::alive).sum()
    }

    /// Bytes in memory.
    pub(super) fn bytes(&self) -> usize {
        self.slots.iter().map(Slot::bytes).sum()
    }

    /// Adds rows; those that the index has already, bit by bit, are left out.
    pub(super) fn insert(&mut self, schema: &Schema, arrival: &Arrival) -> Result<(), MatchError> {
        if self.rows() + arrival.len() > limits::ROWS_MAX {
            return Err(MatchError::TooMany {
                what: "the rows of a look-up index",
                limit: limits::ROWS_MAX as u64,
            });
        }
        let mut order = arrival.order(schema.row_words());
        self.set_tests_aside(arrival, &order);
        order.retain(|&row| {
            let record = arrival.records[row as usize];
            self.tests.binary_search(&record).is_err()
        });
        for slot in &self.slots {
            leave_out_known(slot, schema.row_words(), arrival, &mut order);
        }
        for part in order.chunks(limits::LOOKUP_GENERATION_ROWS) {
            self.slots
                .push(Slot::new(Generation::build(schema, arrival, part)));
        }
        self.tidy(schema);
        Ok(())
    }

    /// Removes all rows of records, and forgets that they were test records.
    pub(super) fn remove(&mut self, schema: &Schema, records: &[u32]) {
        self.remove_rows(records);
        if records
            .iter()
            .any(|record| self.tests.binary_search(record).is_ok())
        {
            let mut sorted = records.to_vec();
            sorted.sort_unstable();
            let gone = |record: &u32| sorted.binary_search(record).is_ok();
            Arc::make_mut(&mut self.tests).retain(|record| !gone(record));
        }
        self.tidy(schema);
    }

    fn remove_rows(&mut self, records: &[u32]) {
        for slot in &mut self.slots {
            let rows = records.iter().flat_map(|&record| slot.rows_of(record));
            let rows: Vec<u32> = rows.collect();
            slot.remove(&rows);
        }
    }

    /// One row with the flag makes a test record of all the record's rows, those before included.
    fn set_tests_aside(&mut self, arrival: &Arrival, order: &[u32]) {
        let rows = order.iter().map(|&row| row as usize);
        let mut records: Vec<u32> = rows
            .filter(|&row| arrival.flags[row].has(Flags::TEST_RECORD))
            .map(|row| arrival.records[row])
            .filter(|record| self.tests.binary_search(record).is_err())
            .collect();
        records.dedup();
        if records.is_empty() {
            return;
        }
        self.remove_rows(&records);
        let tests = Arc::make_mut(&mut self.tests);
        tests.extend(records);
        tests.sort_unstable();
    }

    /// Makes every generation anew that still holds bits of removed rows.
    pub(super) fn purge(&mut self, schema: &Schema) {
        let slots = self.slots.iter_mut();
        for slot in slots.filter(|slot| slot.has_removed()) {
            *slot = merge(schema, std::slice::from_ref(slot));
        }
        self.tidy(schema);
    }

    /// Merges generations of about one size and makes worn ones anew; work left over is for next time.
    fn tidy(&mut self, schema: &Schema) {
        self.slots.retain(|slot| slot.alive() > 0);
        let mut work = 0;
        while work < limits::LOOKUP_GENERATION_ROWS {
            let Some((first, count)) = self.untidy() else {
                return;
            };
            let merged = merge(schema, &self.slots[first..first + count]);
            work += merged.alive();
            self.slots.splice(first..first + count, [merged]);
        }
    }

    /// The last place where something is to be done: two generations to merge, or one to make anew.
    fn untidy(&self) -> Option<(usize, usize)> {
        (0..self.slots.len()).rev().find_map(|at| {
            let alive = self.slots[at].alive();
            let before = at.checked_sub(1).map(|before| self.slots[before].alive());
            if before.is_some_and(|before| {
                alive * 2 > before && alive + before <= limits::LOOKUP_GENERATION_ROWS
            }) {
                return Some((at - 1, 2));
            }
            self.slots[at].is_worn().then_some((at, 1))
        })
    }
}

fn merge(schema: &Schema, slots: &[Slot]) -> Slot {
    let mut arrival = Arrival::default();
    slots.iter().for_each(|slot| slot.drain(&mut arrival));
    let order = arrival.order(schema.row_words());
    Slot::new(Generation::build(schema, &arrival, &order))
}

/// Drops from `order`, which is sorted by record, the rows that `slot` has.
fn leave_out_known(slot: &Slot, width: usize, arrival: &Arrival, order: &mut Vec<u32>) {
    let generation = &slot.generation;
    let mut from = 0;
    order.retain(|&row| {
        let row = row as usize;
        let (bits, flags) = (arrival.row(row, width), arrival.flags[row]);
        let rows = generation.rows_of(arrival.records[row], from);
        from = rows.start;
        !rows.into_iter().any(|other| {
            slot.is_alive(other)
                && generation.row(other) == bits
                && generation.flags(other) == flags
        })
    });
}
