//! Every bound of the kernels, with its arithmetic.

/// Rows that stand side by side in a tile: one 512-bit register of 64-bit lanes.
pub const LANES: usize = 8;
/// Row widths that the kernels know, in 64-bit words.
pub const ROW_WORDS_ALLOWED: [usize; 3] = [8, 16, 32];
/// Most segments of a row. A tile keeps one byte of missing-segment marks per row.
pub const SEGMENTS_MAX: usize = 8;
/// Most cut points of a segment.
pub const CUTS_MAX: usize = 7;
/// Most different patterns: a table of 2^23 eight-byte counts is 64 MiB. Eight segments of six
/// levels and "missing" make 7^8 = 5.8 million.
pub const PATTERNS_MAX: usize = 1 << 23;
/// Most rows of a tile: 2,048 rows of 128 bytes are 256 KiB, a quarter of a core's L2. Tiles of
/// 512 to 8,192 rows measured alike, 32,768 lost half.
pub const TILE_ROWS: usize = 2048;
/// Groups of a full tile.
pub const TILE_GROUPS: usize = TILE_ROWS / LANES;
/// Rows that the kernels take from the caller's query slice at a time: a loaded word of a tile serves
/// so many.
pub const QUERY_STEP: usize = 4;
/// Rows whose pairs choose the width of a fold: 131,000 pairs show a pass rate of one in a thousand
/// to a tenth of itself, and take milliseconds.
pub const FOLD_SAMPLE_ROWS: usize = 512;
/// What a look at both rows of a pair that passed costs, in words of a fold: some 40 to 60 cycles
/// against a tenth of a cycle.
pub const EXACT_CHECK_WORDS: u64 = 500;

const _: () = assert!(
    SEGMENTS_MAX <= 8,
    "missing-segment marks are one byte per row"
);
const _: () = assert!(TILE_ROWS.is_multiple_of(LANES), "tiles are whole groups");
const _: () = assert!(32 * 64 <= u16::MAX as usize, "bit counts fit in 16 bits");
const _: () = assert!(
    PATTERNS_MAX <= i32::MAX as usize,
    "a pattern fits in a signed lane"
);
const _: () = assert!(
    FOLD_SAMPLE_ROWS <= TILE_ROWS,
    "the sample of a fold is one tile"
);
