//! Rows side by side, so that one register holds the same word of eight rows.

use crate::limits::{LANES, ROW_WORDS_ALLOWED, SEGMENTS_MAX, TILE_GROUPS, TILE_ROWS};

/// One word of eight rows, aligned to a cache line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(C, align(64))]
pub(crate) struct Lanes(pub(crate) [u64; LANES]);

/// Up to [`TILE_ROWS`] rows, transposed in groups of eight, each with its missing-segment marks.
///
/// Lanes past the last row are zero; what a kernel computes for them is cut off.
#[derive(Debug, Clone)]
pub struct Tile {
    row_words: usize,
    len: usize,
    words: Vec<Lanes>,
    /// For each segment and group the lanes whose row has the segment.
    present: [[u8; TILE_GROUPS]; SEGMENTS_MAX],
    /// Segments that some row lacks.
    missing: u8,
}

impl Tile {
    /// An empty tile for rows of `row_words` words.
    ///
    /// # Panics
    /// If `row_words` is not 8, 16 or 32.
    #[must_use]
    pub fn new(row_words: usize) -> Self {
        assert!(
            ROW_WORDS_ALLOWED.contains(&row_words),
            "a row has 8, 16 or 32 words"
        );
        Self {
            row_words,
            len: 0,
            words: Vec::new(),
            present: [[0; TILE_GROUPS]; SEGMENTS_MAX],
            missing: 0,
        }
    }

    /// Forgets the rows and keeps the memory.
    pub fn clear(&mut self) {
        self.len = 0;
        self.words.clear();
        self.present = [[0; TILE_GROUPS]; SEGMENTS_MAX];
        self.missing = 0;
    }

    /// Adds a row with its missing-segment marks.
    ///
    /// # Panics
    /// If the row has another width or the tile is full.
    pub fn push(&mut self, row: &[u64], missing: u8) {
        assert_eq!(row.len(), self.row_words, "rows have the tile's width");
        assert!(self.len < TILE_ROWS, "a tile holds at most TILE_ROWS rows");
        let lane = self.len % LANES;
        if lane == 0 {
            self.words
                .resize(self.words.len() + self.row_words, Lanes::default());
        }
        let start = self.words.len() - self.row_words;
        for (lanes, &word) in self.words[start..].iter_mut().zip(row) {
            lanes.0[lane] = word;
        }
        let group = self.len / LANES;
        for (segment, groups) in self.present.iter_mut().enumerate() {
            groups[group] |= (!missing >> segment & 1) << lane;
        }
        self.missing |= missing;
        self.len += 1;
    }

    /// Number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Words of a row.
    #[must_use]
    pub fn row_words(&self) -> usize {
        self.row_words
    }

    /// Number of groups of eight rows, the last one perhaps not full.
    #[must_use]
    pub fn groups(&self) -> usize {
        self.len.div_ceil(LANES)
    }

    /// The words of group `group`, one entry per word of a row.
    #[inline]
    pub(crate) fn group(&self, group: usize) -> &[Lanes] {
        &self.words[group * self.row_words..(group + 1) * self.row_words]
    }

    /// The words of each group from `first` on.
    #[inline]
    pub(crate) fn groups_from(&self, first: usize) -> std::slice::ChunksExact<'_, Lanes> {
        let start = (first * self.row_words).min(self.words.len());
        self.words[start..].chunks_exact(self.row_words)
    }

    /// For each group the lanes whose row has segment `segment`; lanes without a row have none.
    #[inline]
    pub(crate) fn present(&self, segment: usize) -> &[u8; TILE_GROUPS] {
        &self.present[segment]
    }

    /// Whether some row lacks segment `segment`.
    #[inline]
    pub(crate) fn lacks(&self, segment: usize) -> bool {
        self.missing >> segment & 1 == 1
    }
}
