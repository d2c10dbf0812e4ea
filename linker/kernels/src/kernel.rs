//! One kernel's operations, with their arguments checked.

use std::ops::Range;

use crate::{
    dispatch::KernelChoice,
    error::KernelError,
    fold::{self, Fold, FoldTile, Similar},
    grading::{Grading, SegmentGrading},
    limits::{LANES, QUERY_STEP, TILE_GROUPS},
    sift::{self, GROUPS, Task},
    tile::Tile,
};

/// Patterns of one row with groups of a tile.
pub(crate) type Patterns = unsafe fn(&[u64], u8, &Tile, &[u16], &Grading, &mut [[u32; LANES]]);
/// Lanes in which a segment is above its bottom level.
pub(crate) type Loud =
    unsafe fn(&[u64], &Tile, usize, &SegmentGrading, &mut [[u8; TILE_GROUPS]; QUERY_STEP]);
/// The pattern of one pair.
pub(crate) type PatternOf = unsafe fn(&[u64], &[u64], u8, &Grading) -> u32;
/// Common bits of two rows, and bits of both together.
pub(crate) type Overlap = unsafe fn(&[u64], &[u64]) -> (u32, u32);
/// Common bits of rows.
pub(crate) type Common = unsafe fn(&[u64], &Tile, &mut [[u16; LANES]]);
/// Common bits of one row, segment by segment.
pub(crate) type SegmentCommon = unsafe fn(&[u64], &Tile, &Grading, &mut [[u16; LANES]]);
/// Lanes whose fold is within the bound.
pub(crate) type Folded =
    unsafe fn(&[u64], &[i64], &FoldTile<'_>, usize, &mut [[u8; TILE_GROUPS]; QUERY_STEP]);

/// The inner loops of a kernel; [`Kernel`] checks their arguments.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Loops {
    pub(crate) patterns: Patterns,
    pub(crate) loud: Loud,
    pub(crate) pattern_of: PatternOf,
    pub(crate) overlap: Overlap,
    pub(crate) common: Common,
    pub(crate) segment_common: SegmentCommon,
    pub(crate) folded: Folded,
}

/// One family of inner loops that this processor can run. Only [`crate::available`] makes them.
#[derive(Debug, Clone, Copy)]
pub struct Kernel {
    pub(crate) name: &'static str,
    pub(crate) choice: KernelChoice,
    pub(crate) loops: Loops,
}

/// A pair that a sift lets through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sifted {
    /// Number of the query in the slice.
    pub query: u32,
    /// Number of the row in the tile.
    pub row: u32,
    /// The pattern of the two.
    pub pattern: u32,
}

impl Kernel {
    /// The kernel's name, as in the configuration.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.name
    }

    /// Patterns of `row` against the rows of `tile` from row `8·first_group` on, in tile order.
    ///
    /// `missing` marks the segments that `row` lacks. `buffer` is working memory and is overwritten.
    ///
    /// # Panics
    /// If `row`, `tile` and `grading` have different widths.
    pub fn patterns<'out>(
        self,
        row: &[u64],
        missing: u8,
        tile: &Tile,
        first_group: usize,
        grading: &Grading,
        buffer: &'out mut Vec<[u32; LANES]>,
    ) -> &'out [u32] {
        assert_eq!(row.len(), grading.row_words(), "row and grading fit");
        assert_eq!(row.len(), tile.row_words(), "row and tile fit");
        let groups = tile.groups().saturating_sub(first_group);
        if buffer.len() < groups {
            buffer.resize(groups, [0; LANES]);
        }
        let out = &mut buffer[..groups];
        let list = &GROUPS[tile.groups() - groups..tile.groups()];
        // SAFETY: `available` lists a kernel only after the processor was asked for every feature
        // that its functions enable, and that is all they demand.
        unsafe { (self.loops.patterns)(row, missing, tile, list, grading, out) };
        let len = tile.len().saturating_sub(first_group * LANES);
        &buffer[..groups].as_flattened()[..len]
    }

    /// Pairs of `queries` (whole rows that all lack the segments `missing`) and rows of `tile` from row
    /// `8·first_group` on in which at least one segment of the mask `watched`, present in both rows, is
    /// above its bottom level, or as much nearer as the grading hears less. All other pairs are quiet.
    /// Appends to `out` in no particular order.
    ///
    /// # Panics
    /// If `queries`, `tile` and `grading` have different widths.
    #[expect(clippy::too_many_arguments, reason = "an inner loop's whole world")]
    pub fn sift(
        self,
        queries: &[u64],
        missing: u8,
        tile: &Tile,
        first_group: usize,
        grading: &Grading,
        watched: u8,
        buffer: &mut Vec<[u32; LANES]>,
        out: &mut Vec<Sifted>,
    ) {
        let width = grading.row_words();
        assert_eq!(queries.len() % width, 0, "queries come whole");
        assert_eq!(width, tile.row_words(), "grading and tile fit");
        let task = Task {
            queries,
            missing,
            tile,
            first_group,
            grading,
            watched,
        };
        // SAFETY: as in `patterns`.
        unsafe { sift::run(self.loops, task, buffer, out) };
    }

    /// The pattern of two rows: for blocks too small for a tile.
    ///
    /// `missing` has one bit per segment that either row lacks.
    ///
    /// # Panics
    /// If a row has another width than the grading's.
    #[must_use]
    pub fn pattern_of(self, a: &[u64], b: &[u64], missing: u8, grading: &Grading) -> u32 {
        // SAFETY: as in `patterns`; the loop checks the widths.
        unsafe { (self.loops.pattern_of)(a, b, missing, grading) }
    }

    /// Bits in common of each of `queries` (whole rows, one after another) with each row of `tile`.
    ///
    /// Line `q` of the answer starts at `q·8·tile.groups()` and has `tile.len()` counts of interest.
    ///
    /// # Panics
    /// If `queries` is not a whole number of rows of the tile's width.
    pub fn common<'out>(
        self,
        queries: &[u64],
        tile: &Tile,
        buffer: &'out mut Vec<[u16; LANES]>,
    ) -> &'out [u16] {
        assert_eq!(queries.len() % tile.row_words(), 0, "queries come whole");
        let groups = queries.len() / tile.row_words() * tile.groups();
        if buffer.len() < groups {
            buffer.resize(groups, [0; LANES]);
        }
        if groups > 0 {
            // SAFETY: as in `patterns`.
            unsafe { (self.loops.common)(queries, tile, &mut buffer[..groups]) };
        }
        buffer[..groups].as_flattened()
    }

    /// Bits that `row` has in common with each row of `tile`, segment by segment.
    ///
    /// For each group of eight rows the answer has one line per segment and, after them, their sum.
    /// With the segments' own counts of bits, Dice and Hamming distance of each segment follow.
    ///
    /// # Panics
    /// If `row`, `tile` and `grading` have different widths.
    pub fn segment_common<'out>(
        self,
        row: &[u64],
        tile: &Tile,
        grading: &Grading,
        buffer: &'out mut Vec<[u16; LANES]>,
    ) -> &'out [[u16; LANES]] {
        assert_eq!(row.len(), grading.row_words(), "row and grading fit");
        assert_eq!(row.len(), tile.row_words(), "row and tile fit");
        let lines = grading.segment_count() + 1;
        let len = tile.groups() * lines;
        if buffer.len() < len {
            buffer.resize(len, [0; LANES]);
        }
        let out = &mut buffer[..len];
        // SAFETY: as in `patterns`.
        unsafe { (self.loops.segment_common)(row, tile, grading, out) };
        for lines in out.chunks_exact_mut(lines) {
            let (sum, segments) = lines.split_last_mut().expect("the sum has a line");
            *sum = [0; LANES];
            for line in &*segments {
                for (sum, bits) in sum.iter_mut().zip(line) {
                    *sum += *bits;
                }
            }
        }
        &buffer[..len]
    }

    /// Pairs of the `range` of `queries` and the rows of `tile` that are similar; `after`: only rows
    /// whose number is larger than the query's, as in the comparison of a tile with itself. Appends to
    /// `out` in no particular order, and returns how many pairs had to be looked at in full.
    ///
    /// # Panics
    /// If the two are folded differently or `range` lies outside.
    pub fn similar(
        self,
        queries: &FoldTile<'_>,
        range: Range<usize>,
        tile: &FoldTile<'_>,
        after: bool,
        out: &mut Vec<Similar>,
    ) -> u64 {
        assert_eq!(queries.fold(), tile.fold(), "both are folded alike");
        assert!(range.end <= queries.len(), "queries are rows of their tile");
        // SAFETY: as in `patterns`.
        unsafe { fold::run(self.loops, queries, range, tile, after, out) }
    }

    /// The cheapest fold for rows like `rows`, which should be drawn at random; the first
    /// [`limits::FOLD_SAMPLE_ROWS`](crate::limits::FOLD_SAMPLE_ROWS) are looked at.
    ///
    /// # Errors
    /// [`KernelError::Fold`].
    ///
    /// # Panics
    /// If `rows` are not whole rows.
    pub fn fitting_fold(
        self,
        row_words: usize,
        dice_permille: u32,
        rows: &[u64],
    ) -> Result<Fold, KernelError> {
        // SAFETY: as in `patterns`.
        unsafe { fold::fitting(self.loops, row_words, dice_permille, rows) }
    }
}
