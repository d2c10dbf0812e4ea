//! Every bound of the token format, with its arithmetic.

/// Longest site or project name, in bytes. Names appear in file names and certificates.
pub const NAME_BYTES_MAX: usize = 32;
/// Row widths that the format knows, in 64-bit words: 512, 1,024 and 2,048 bits.
pub const ROW_WORDS_ALLOWED: [usize; 3] = [8, 16, 32];
/// Most segments in a row. Bounded by the missing-segment flags, one bit each.
pub const SEGMENTS_MAX: usize = 8;
/// Most fields in one segment.
pub const FIELDS_MAX: usize = 8;
/// Most similarity levels that a segment's cut points can make.
pub const CUTS_MAX: usize = 7;
/// Largest diffusion: bits XORed into one output bit. The literature stops at 10 (vault profile).
pub const DIFFUSION_MAX: u32 = 16;
/// Most rows in one batch: 65,536 rows of 148 bytes are 9.7 MB, sealed in ten chunks.
pub const BATCH_ROWS_MAX: usize = 65_536;
/// Bytes of a record reference.
pub const REFERENCE_BYTES: usize = 16;
/// Largest canonical manifest, in bytes: names, digests and a bounded table of counts.
pub const MANIFEST_BYTES_MAX: usize = 16 * 1024;
/// Most quality counters in a manifest.
pub const MANIFEST_COUNTS_MAX: usize = 64;
/// Longest version string or counter name in a manifest, in bytes.
pub const MANIFEST_TEXT_BYTES_MAX: usize = 64;
/// Largest schema file, in bytes.
pub const SCHEMA_BYTES_MAX: usize = 64 * 1024;
/// How often one and the same full row may occur in one batch before the copies are quarantined.
/// Honest copies are one person entered many times; a hospital merges those long before forty.
pub const SAME_ROW_MAX: usize = 40;

const _: () = assert!(SEGMENTS_MAX <= 8, "missing-segment flags are one byte");
const _: () = assert!(
    BATCH_ROWS_MAX * (32 * 8 + REFERENCE_BYTES + 4) < 64 << 20,
    "a batch fits in memory"
);
