//! Getting at the rows of a data set, whether they are in memory or outside.

use rayon::prelude::*;

use crate::{
    dataset::Dataset,
    error::MatchError,
    index::{NONE, number},
    limits,
    rows::{List, Reach, Shelf, Store, Work},
    settings::Cancel,
};

impl Dataset {
    /// Shows all rows that may be compared, in chunks of at most [`limits::SCAN_ROWS`] rows side by
    /// side: row numbers and words. Called from worker threads, in any order.
    pub(crate) fn scan(
        &self,
        stop: &Cancel,
        visit: &(dyn Fn(&[u32], &[u64]) + Sync),
    ) -> Result<(), MatchError> {
        let away = match self.store() {
            Store::Held { words, place } => return self.scan_held(stop, (words, place), visit),
            Store::Away(away) => away,
        };
        let width = self.grading().row_words();
        let most = rayon::current_num_threads() * limits::SCAN_ROWS;
        let (mut rows, mut words) = (Vec::new(), Vec::new());
        let show = |rows: &mut Vec<u32>, words: &mut Vec<u64>| {
            let chunks = rows.par_chunks(limits::SCAN_ROWS);
            chunks
                .zip(words.par_chunks(limits::SCAN_ROWS * width))
                .for_each(|(rows, words)| visit(rows, words));
            rows.clear();
            words.clear();
        };
        away.stream(stop, &mut |numbers, batch| {
            for (&row, row_words) in numbers.iter().zip(batch.rows().chunks_exact(width)) {
                if row != NONE && self.is_compared(self.record_of(row)) {
                    rows.push(row);
                    words.extend_from_slice(row_words);
                    if rows.len() == most {
                        show(&mut rows, &mut words);
                    }
                }
            }
            Ok(())
        })?;
        show(&mut rows, &mut words);
        Ok(())
    }

    fn scan_held(
        &self,
        stop: &Cancel,
        (words, place): (&[u64], &[u32]),
        visit: &(dyn Fn(&[u32], &[u64]) + Sync),
    ) -> Result<(), MatchError> {
        let width = self.grading().row_words();
        let starts: Vec<usize> = (0..self.row_count()).step_by(limits::SCAN_ROWS).collect();
        starts.into_par_iter().try_for_each_init(
            || (Vec::new(), Vec::new()),
            |(rows, side_by_side), start| {
                stop.check()?;
                let all = (number(start)..).take((self.row_count() - start).min(limits::SCAN_ROWS));
                rows.clear();
                rows.extend(all.filter(|&row| self.is_compared(self.record_of(row))));
                side_by_side.clear();
                for &row in rows.iter() {
                    let at = place[row as usize] as usize * width;
                    side_by_side.extend_from_slice(&words[at..at + width]);
                }
                visit(rows, side_by_side);
                Ok(())
            },
        )
    }

    /// The words of these rows, one row after another. Reads the whole source if the rows are outside,
    /// so it is for few rows at a time.
    pub(crate) fn fetch(&self, stop: &Cancel, rows: &[u32]) -> Result<Vec<u64>, MatchError> {
        let width = self.grading().row_words();
        match self.store() {
            Store::Held { words, place } => {
                let row = |&row: &u32| place[row as usize] as usize * width;
                let rows = rows.iter().map(row);
                Ok(rows
                    .flat_map(|at| &words[at..at + width])
                    .copied()
                    .collect())
            }
            Store::Away(away) => {
                let mut wanted: Vec<(u32, usize)> = rows.iter().copied().zip(0..).collect();
                wanted.sort_unstable();
                let mut found = vec![0; rows.len() * width];
                away.stream(stop, &mut |numbers, batch| {
                    for (&row, words) in numbers.iter().zip(batch.rows().chunks_exact(width)) {
                        let first = wanted.partition_point(|&(other, _)| other < row);
                        let same = wanted[first..]
                            .iter()
                            .take_while(|&&(other, _)| other == row);
                        for &(_, at) in same {
                            found[at * width..(at + 1) * width].copy_from_slice(words);
                        }
                    }
                    Ok(())
                })?;
                Ok(found)
            }
        }
    }

    /// Refuses to keep so many rows at hand if they are outside and there is no room for them.
    pub(crate) fn check_room(&self, rows: usize) -> Result<(), MatchError> {
        let needed = rows * 8 * self.grading().row_words();
        match self.store() {
            Store::Away(away) if needed > away.room => Err(MatchError::Memory {
                needed: needed as u64,
                bound: away.room as u64,
            }),
            Store::Away(_) | Store::Held { .. } => Ok(()),
        }
    }

    /// A row's words, if the rows are in memory.
    pub(crate) fn held_row(&self, row: u32) -> &[u64] {
        let width = self.grading().row_words();
        match self.store() {
            Store::Held { words, place } => {
                let at = place[row as usize] as usize * width;
                &words[at..at + width]
            }
            Store::Away(_) => &[],
        }
    }

    /// Lets `work` at the rows of a list: once if the rows are in memory, otherwise part by part, in
    /// order. `work` is told which groups it has.
    pub(crate) fn with_rows(
        &self,
        list: List<'_>,
        reach: &mut Reach<'_>,
        work: &mut Work<'_>,
    ) -> Result<(), MatchError> {
        let width = self.grading().row_words();
        match self.store() {
            Store::Held { words, place } => {
                let shelf = Shelf::Held {
                    words,
                    place,
                    rows: list.rows,
                    width,
                };
                work(0..list.starts.len().saturating_sub(1), shelf)
            }
            Store::Away(away) => away.with_rows((self.row_count(), width), list, reach, work),
        }
    }
}
