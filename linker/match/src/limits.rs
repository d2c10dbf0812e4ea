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
/// Most pairs of the unbiased sample: the standard 1,500 records against 10^8 rows are 1.5·10^11
/// pairs, and 2^38 pairs are about three minutes of two cores.
pub const SAMPLE_PAIRS_MAX: u64 = 1 << 38;
/// Samples of more pairs are looked at closely in part only: so many pairs take a core a third of a
/// second, and below that there is nothing to save.
pub const CLOSE_LOOK_PAIRS: u64 = 1 << 28;
/// One of so many sampled records is then looked at closely: 188 of 1,500, in whose pairs the level of a
/// stranger that every tenth pair has is known to one part in fifty, if records differ by a third.
pub const CLOSE_LOOK_EVERY: usize = 8;
/// A run of at most this many times the sample's records is compared completely for training: it
/// costs no more than the sample of a run of some ten thousand records.
pub const SAMPLE_CENSUS: usize = 3;
/// Rows of one chunk of a scan: 16,384 rows of 128 bytes are 2 MiB, eight tiles.
pub const SCAN_ROWS: usize = 1 << 14;
/// Fewest records for which a model is trained. Below, even all pairs hold too few matches.
pub const TRAINING_RECORDS_MIN: usize = 200;
/// Fewest expected matches in the sample for which a trained model counts.
pub const TRAINING_MATCHES_MIN: f64 = 30.0;
/// Weight of the default model in training, in matches.
pub const PRIOR_MATCHES: f64 = 20.0;
/// Weight of the default model in training, in non-matching pairs.
pub const PRIOR_NON_MATCHES: f64 = 50.0;
/// Most of the relatives that may share a name in all its parts: juniors, and clerks' mistakes.
pub const RELATIVES_ONE_NAME_MAX: f64 = 0.02;
/// Largest share of pairs that one kind may have, matches among them. A run in which every fifth pair
/// is one person is a handful of persons, and nothing can be learnt from it.
pub const PRIOR_MAX: f64 = 0.2;
/// Largest threshold, either way.
pub const THRESHOLD_MAX: i32 = 100 * WEIGHT_UNIT;
/// Largest frequency that a value may have on average: every row of the largest run.
pub const FREQUENCY_BASE_MAX: i32 = 27 * WEIGHT_UNIT;
/// Clusters whose records are sorted at a time to count pairs inside clusters: of two records each on
/// average, and eight bytes per record, 64 MiB.
pub const ESTIMATE_CLUSTERS: u32 = 1 << 22;
/// Links of one site whose levels are looked at for drift: enough for changes of a tenth of
/// [`DRIFT_LEVELS`] were chance no matter.
pub const DRIFT_SITE_LINKS: u64 = 1 << 12;
/// Most links of all sites whose levels are looked at: their rows, of 128 bytes each, are 16 MiB.
pub const DRIFT_LINKS: u64 = 1 << 16;
/// Smallest change of a distribution of levels (total variation) that is told as drift: one pair in
/// twenty lies elsewhere.
pub const DRIFT_LEVELS: f64 = 0.05;
/// The same among strangers, whose levels hardly change in honest data.
pub const DRIFT_STRANGERS: f64 = 0.02;
/// Smallest change of a share (missing values, linked records) that is told as drift.
pub const DRIFT_SHARE: f64 = 0.03;
/// Smallest change of the expected partners per record that is told as drift, as a factor.
pub const DRIFT_PARTNERS: f64 = 1.25;
/// Standard errors that a change must pass as well: with a thousand comparisons of one run, one run in
/// sixteen thousand tells a drift that is chance.
pub const DRIFT_ERRORS: f64 = 5.5;
/// Share of pairs that are of one town, before anything is learnt: a country of some thousand towns.
pub const NEIGHBOURS_DEFAULT: f64 = 1.0 / 4096.0;
/// How much more likely than strangers namesakes are to be alike in birth dates. Measured in a generated
/// population of sixty million: 3 to 5.
pub const OF_AN_AGE_MAX: f64 = 8.0;
/// Rounds in which the matches of a model wait for the classes of non-matches.
pub const EM_ROUNDS_WAITING: u32 = 100;
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
/// Eight times the binary logarithm of [`RARE_ROWS`].
pub const RARE_CLASS: u8 = 24;
/// How many eighths of a bit rarer a value may become before a delta run looks at its rows afresh: to
/// half of its rows. More would make a base larger, less would make deltas with removals dearer.
pub const CLASS_SLACK: u8 = 8;
/// Most pairs that a base keeps, besides links and reviews: 24 per row of 12 bytes each.
pub const RETAINED_PAIRS_PER_ROW: u64 = 24;
/// What one pair can add to or take from a merge of clusters, so that no single link decides.
pub const MERGE_WEIGHT_MAX: i32 = 24 * WEIGHT_UNIT;
/// Largest share of a site's records that are taken to have a partner at another site, both without
/// duplicates: fifteen of sixteen, so that it adds four bits at either end. A pair just below the review
/// threshold is one in sixteen, and may be the partner that is not seen.
pub const PARTNER_SHARE_MAX: f64 = 15.0 / 16.0;
/// Most records of a link component that is clustered as a whole: a million cells of six bytes per
/// thread, half a million pairs to weigh at most, a tenth of a second.
pub const COMPONENT_RECORDS_MAX: usize = 1024;
/// Most verdicts of a run: 16 million of 38 bytes are 640 MB.
pub const VERDICTS_MAX: usize = 1 << 24;
/// Most records that may share one whole row. Honest copies are one person entered at many sites; more
/// are a placeholder or an attack, and would be compared with each other in vain.
pub const SAME_ROW_RECORDS_MAX: usize = 64;
/// Bytes that wait for one part before they go to the scratch space. A thousand parts make 64 MiB.
pub const SCRATCH_BYTES: usize = 1 << 16;
/// Memory that a run needs whatever its size: a batch of 65,536 rows sealed and open (20 MiB), a chunk
/// of a scan and a tile per thread (3 MiB), and pieces of results.
pub const RUN_BYTES: u64 = 64 << 20;
/// Memory per pattern: counts of the sample and their sum, table of weights, training.
pub const PATTERN_BYTES: u64 = 64;
/// Rows of one work item at most, so that many small blocks make many items.
pub const ITEM_ROWS: u64 = 1 << 14;
/// Blocks of at most this many rows are compared pair by pair: a tile would cost more.
pub const SMALL_BLOCK_ROWS: usize = 6;
/// Tiles of fewer rows are not sifted: a sift's own work is that of some hundred pairs.
pub const SIFT_ROWS_MIN: usize = 128;
/// Frequency classes (eight times log2 of rows) from which on blocks of a pass have their own watch: the
/// values of 1, 32, 128, 512 and 2,048 rows.
pub const BLOCK_CLASSES: [u8; 5] = [0, 40, 56, 72, 88];
/// Components with at most this many rows are weighed beforehand, all with all, if the rows are not in
/// memory: 8,128 pairs. Of larger ones, which honest data hardly make, the rows are kept at hand.
pub const COMPONENT_ROWS_MAX: usize = 2 * RECORD_ROWS_MAX;
/// Most rows of a record that is compared. A row is a state of a person's data; two records are weighed
/// by all pairs of their rows, here 4,096. A site that gives every row one reference is broken.
pub const RECORD_ROWS_MAX: usize = 64;
/// Tries to mint an ID that is not in use. Random 128-bit IDs never need the second.
pub const MINT_TRIES: usize = 4;
/// Most records with a research ID, before or after a run: their numbers are 32 bits.
pub const ASSIGNMENTS_MAX: usize = 1 << 31;
/// Candidate pairs of one work item: about ten milliseconds, so that progress moves.
pub const ITEM_PAIRS: u64 = 1 << 21;
/// Rows that a search of whole rows runs against a tile at a time: at most 64 × 2,048 hits of 16 bytes,
/// 2 MiB, wait in a thread for the sink.
pub const SEARCH_QUERIES: usize = 64;
/// Seed of the sample that chooses how rows are folded. It changes the speed, never the result.
pub const SEARCH_SEED: u64 = 1;
/// Most rows of one generation of the look-up index: 2^20 rows of 128 bytes and their tables are about
/// 180 MiB. A merge makes one of them in about a second, and ten million rows make ten.
pub const LOOKUP_GENERATION_ROWS: usize = 1 << 20;
/// Most rows of a look-up's candidates that one value brings, shared by the rows of the token: five
/// segments make 80,000 rows of about 30 ns. Ten million records have no value of people with as many.
pub const LOOKUP_VALUE_ROWS: usize = 1 << 14;
/// Most entries that a look-up walks through to cross values with more rows than that.
pub const LOOKUP_CROSS_ROWS: u64 = 1 << 16;
/// Most records above the review threshold that a look-up weighs by all their rows, heaviest first.
pub const LOOKUP_KEPT_RECORDS: usize = 1 << 10;
/// Most rows of one token: a record has one for each spelling of a name that it knows.
pub const LOOKUP_TOKEN_ROWS: usize = 16;
/// Values with more rows in a generation have their removed rows counted when they are removed; the
/// removed rows of others are counted by each look-up.
pub const LOOKUP_COUNTED_ROWS: usize = 1 << 10;
/// An index of at most this many rows is searched without its tables: about half a millisecond.
pub const LOOKUP_ALL_ROWS: usize = 1 << 14;
/// Most bits of one LSH key: a key is one word.
pub const LSH_BITS_MAX: usize = 60;
/// Most LSH tables. Each is one more pass over all rows.
pub const LSH_TABLES_MAX: usize = 32;
/// Most rows of a run times its LSH tables: 2^29 of 10 bytes, six for the blocks'
/// members and four for the number of each row's block, are 5 GiB. 20 million rows still have 26 tables.
pub const LSH_TABLE_ROWS_MAX: u64 = 1 << 29;
/// Fewer rows have LSH tables only if they are asked for: 16,384 rows are 134 million pairs, less than a
/// second for everything against everything.
pub const LSH_ROWS_MIN: u64 = 1 << 14;
/// Rows that an LSH bucket has on average: the price of a row and table is half as many pairs.
pub const LSH_BUCKET_ROWS: f64 = 32.0;
/// Most pairs that may be spent for one match that only LSH finds: 2^20 pairs are a millisecond of a
/// core, and everything against everything costs 2^30 for a million rows.
pub const LSH_PAIRS_PER_MATCH: f64 = 1_048_576.0;

const _: () = assert!(
    SEGMENT_RATIO_MAX == 1 << (SEGMENT_WEIGHT_MAX / WEIGHT_UNIT),
    "the ratio and its weight are one bound"
);
const _: () = assert!(1_usize << (FREQUENCY_BASE_MAX / WEIGHT_UNIT) == ROWS_MAX);
const _: () = assert!(
    RARE_CLASS as u32 == 8 * RARE_ROWS.ilog2(),
    "the class of rare values"
);
const _: () = assert!(
    LSH_TABLE_ROWS_MAX >= ROWS_MAX as u64,
    "the largest run has room for a table"
);
const _: () = assert!(ROWS_MAX < u32::MAX as usize, "row numbers are 32 bits");
const _: () = assert!(
    9 * (SEGMENT_WEIGHT_MAX as i64 + FREQUENCY_DOWN_MAX as i64) < i32::MAX as i64 / 2,
    "eight segments and a prior fit in a weight"
);
const _: () = assert!(
    CLUSTER_RECORDS_MAX <= COMPONENT_RECORDS_MAX,
    "no cluster is cut for its size alone"
);
const _: () = assert!(
    CLUSTER_RECORDS_MAX <= 1 << 16 && (MERGE_WEIGHT_MAX as i64) < 1 << 24,
    "the sum over all pairs of two clusters stays below 2^56"
);
const _: () = assert!(
    LOOKUP_GENERATION_ROWS.ilog2() + 1 + 16 + LOOKUP_GENERATION_ROWS.ilog2() <= 64,
    "a row number, a tag and a bucket stand in one word"
);
const _: () = assert!(
    LOOKUP_VALUE_ROWS >= 64 * LOOKUP_TOKEN_ROWS,
    "every row of a token has a share of the candidates"
);
