//! Every bound of matching, with its arithmetic.

/// Most rows of a run held in memory: 2^27 rows of 128 bytes are 16 GiB. Row numbers are 32 bits and
/// the largest one is kept to mean "none".
pub const ROWS_MAX: usize = 1 << 27;
/// Most rows of one block that are compared all with all: 4,096 rows are 8.4 million pairs, a
/// twentieth of a second.
pub const BLOCK_ROWS_MAX: usize = 1 << 16;
/// Most records of one cluster. A person with records at a hundred sites is a test record.
pub const CLUSTER_RECORDS_MAX: usize = 1000;
/// Most kept pairs (links and reviews): eight per row and a floor for small runs, 16 bytes each.
/// More means that the thresholds or the model are wrong.
pub const KEPT_PAIRS_PER_ROW: u64 = 8;
/// See [`KEPT_PAIRS_PER_ROW`].
pub const KEPT_PAIRS_FLOOR: u64 = 1 << 20;
/// Most review pairs that a result lists; all are counted.
pub const REVIEW_LIST_MAX: usize = 100_000;
/// Most pairs of the unbiased sample: 2^32 pairs are about ten seconds of two cores.
pub const SAMPLE_PAIRS_MAX: u64 = 1 << 32;
/// Fewest records for which a model is trained. Below, even all pairs hold too few matches.
pub const TRAINING_RECORDS_MIN: usize = 200;
/// Fewest expected matches in the sample for which a trained model counts.
pub const TRAINING_MATCHES_MIN: f64 = 30.0;
/// Weight of the default model in training, in matches.
pub const PRIOR_MATCHES: f64 = 20.0;
/// Weight of the default model in training, in non-matching pairs.
pub const PRIOR_NON_MATCHES: f64 = 50.0;
/// Most rounds of expectation and maximisation.
pub const EM_ROUNDS_MAX: u32 = 500;
/// Units of weight in one bit.
pub const WEIGHT_UNIT: i32 = 256;
/// The most that agreement on one segment may count for: a million to one.
pub const SEGMENT_RATIO_MAX: u32 = 1 << 20;
/// Largest weight of one segment, either way.
pub const SEGMENT_WEIGHT_MAX: i32 = 20 * WEIGHT_UNIT;
/// Largest correction of an exact agreement upwards, for a value rarer than usual.
pub const FREQUENCY_UP_MAX: i32 = 4 * WEIGHT_UNIT;
/// Largest correction of an exact agreement downwards, for a frequent value.
pub const FREQUENCY_DOWN_MAX: i32 = 12 * WEIGHT_UNIT;
/// A value on this many rows or fewer counts as rare: one person's own records make as many.
pub const RARE_ROWS: u32 = 8;
/// What one pair can add to or take from a merge of clusters, so that no single link decides.
pub const MERGE_WEIGHT_MAX: i32 = 24 * WEIGHT_UNIT;
/// Tries to mint an ID that is not in use. Random 128-bit IDs never need the second.
pub const MINT_TRIES: usize = 4;
/// Candidate pairs of one work item: about ten milliseconds, so that progress moves.
pub const ITEM_PAIRS: u64 = 1 << 21;

const _: () = assert!(
    SEGMENT_RATIO_MAX == 1 << (SEGMENT_WEIGHT_MAX / WEIGHT_UNIT),
    "the ratio and its weight are one bound"
);
const _: () = assert!(ROWS_MAX < u32::MAX as usize, "row numbers are 32 bits");
const _: () = assert!(
    9 * (SEGMENT_WEIGHT_MAX as i64 + FREQUENCY_DOWN_MAX as i64) < i32::MAX as i64 / 2,
    "eight segments and a prior fit in a weight"
);
const _: () = assert!(
    CLUSTER_RECORDS_MAX <= 1 << 16 && (MERGE_WEIGHT_MAX as i64) < 1 << 24,
    "the sum over all pairs of two clusters stays below 2^56"
);
