//! Cutting a block that is too large.

use rayon::prelude::*;

use crate::dataset::Dataset;

/// Cuts blocks into pieces of at most the cap.
pub(crate) struct Splitter<'a> {
    pub(crate) dataset: &'a Dataset,
    pub(crate) cap: usize,
}

impl Splitter<'_> {
    /// Hands over the pieces. `used` marks segments that are equal in all the rows.
    pub(crate) fn split(&self, rows: &mut [u32], used: u8, push: &mut dyn FnMut(&mut [u32])) {
        if rows.len() <= self.cap {
            return push(rows);
        }
        let open = (0..self.dataset.grading().segment_count()).filter(|s| used >> s & 1 == 0);
        let best = open.min_by_key(|&segment| {
            self.sort(rows, segment);
            let pieces = rows.chunk_by(|&a, &b| self.value(a, segment) == self.value(b, segment));
            pieces.map(<[u32]>::len).max()
        });
        let Some(segment) = best else {
            rows.sort_unstable();
            return rows.chunks_mut(self.cap).for_each(push);
        };
        self.sort(rows, segment);
        let same = |a: &u32, b: &u32| self.value(*a, segment) == self.value(*b, segment);
        for piece in rows.chunk_by_mut(same) {
            self.split(piece, used | 1 << segment, push);
        }
    }

    fn sort(&self, rows: &mut [u32], segment: usize) {
        rows.par_sort_unstable_by_key(|&row| (self.value(row, segment), row));
    }

    /// A row's fingerprint in a segment; rows without it stand together.
    fn value(&self, row: u32, segment: usize) -> Option<u64> {
        self.dataset.print(segment, row)
    }
}
