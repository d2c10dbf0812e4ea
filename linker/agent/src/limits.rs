//! Every bound of the agent, with its arithmetic.

use std::time::Duration;

use linker_token::limits::{BATCH_ROWS_MAX, REFERENCE_BYTES, ROW_WORDS_ALLOWED};

/// Largest configuration or mapping file, in bytes. The shipped samples have 3 KB.
pub const CONFIG_BYTES_MAX: u64 = 64 * 1024;
/// Largest certificate, key or public-key file, in bytes. A chain of four RSA certificates has 8 KB.
pub const PEM_BYTES_MAX: u64 = 256 * 1024;
/// Largest key package, in bytes. Two RSA-3072 blobs, two keys and a signed text are 6 KB.
pub const PACKAGE_BYTES_MAX: u64 = 256 * 1024;
/// Bytes of a table that `init` reads: many times the thousand rows that it looks at, of 4 KB each.
pub const INIT_BYTES_MAX: usize = 4 << 20;
/// Bytes of a file by which `init` knows its format. The marks stand in the first kilobytes.
pub const INIT_HEAD_BYTES: usize = 64 * 1024;
/// Files and folders that `init` looks at to know the format of a folder.
pub const INIT_ENTRIES_MAX: usize = 1000;
/// Largest SS-MIX2 message, in bytes. Real ADT-00 messages have 1 to 10 KB.
pub const MESSAGE_BYTES_MAX: usize = 1 << 20;
/// Tables of a source of which a check keeps what it saw, so that they need not be screened again. Each has 8
/// bytes for each 256 KiB and its columns' places, at most 4 KiB: 40 MB, and usual sources have one to ten.
pub const SCREENED_TABLES_MAX: usize = 10_000;
/// Deepest folder below the source. An SS-MIX2 tree has six levels.
pub const SOURCE_DEPTH_MAX: usize = 12;
/// Most entries of one folder. Sorting their names takes 64 MB at most.
pub const FOLDER_ENTRIES_MAX: usize = 1_000_000;
/// Bytes of names that the kernel writes at a time. A patient's folder has a few hundred.
pub const LISTING_BYTES: usize = 32 * 1024;
/// Most different tokens in one submission. Each costs 16 bytes of memory and half as much slack:
/// about 400 MB.
pub const DISTINCT_TOKENS_MAX: usize = 16_000_000;
/// Largest share of refused rows, in thousandths, before the whole source is refused: a mapping
/// that points at the wrong columns refuses nearly everything, and honest data refuse less than 5%.
pub const REFUSED_PERMILLE_MAX: u64 = 200;
/// Fewer rows than this are never refused for their share of bad rows: one bad row of four says nothing.
pub const REFUSED_SHARE_ROWS_MIN: u64 = 50;
/// Largest share of records in which a field cannot be read, in thousandths: a mapping that points
/// at the wrong column makes nearly all unreadable, and honest data far fewer than half.
pub const UNREADABLE_PERMILLE_MAX: u64 = 500;
/// Fewer records than this are never refused for an unreadable field.
pub const UNREADABLE_RECORDS_MIN: u64 = 50;
/// Most lines of the local list of refused rows.
pub const PROBLEMS_MAX: usize = 10_000;
/// Batches prepared ahead of the one that is uploaded. With the one that is filled and the one that
/// is sealed there are four in memory: 4 × 18 MB at the widest rows.
pub const BATCHES_AHEAD: usize = 1;
/// Most batches in one submission: a thousand of the largest are 65 million rows.
pub const BATCHES_MAX: u32 = 100_000;
/// Most chunks of one sealed batch: 18 MB in chunks of 1 MiB, with room for smaller chunks.
pub const CHUNKS_MAX: usize = 256;
/// Entries of the linkage table that wait in memory: one full batch. Each is a reference, a place and a
/// record's own number, about 60 bytes: 4 MB.
pub const PART_ENTRIES_MAX: usize = BATCH_ROWS_MAX;
/// Parts of one level of the linkage table before they become one of the next. The largest submission
/// has 100,000 batches, which are five levels: at most 80 parts are open at once, each with 80 KB.
pub const PARTS_PER_LEVEL: usize = 16;
/// Plaintext bytes of one frame of a part: 64 KiB.
pub const PART_FRAME_BYTES: usize = 64 * 1024;
/// How often the parts are looked for anew while another process merges them.
pub const TABLE_TRIES: u32 = 20;
/// Smallest bound of the spool. One batch always fits, whatever its size.
pub const SPOOL_MIB_MIN: u64 = 1;
/// Largest bound of the spool: one TiB, more than any submission.
pub const SPOOL_MIB_MAX: u64 = 1 << 20;
/// Largest secret of a proxy, in bytes: a user and a password.
pub const PROXY_SECRET_BYTES_MAX: u64 = 1024;
/// Largest head of a proxy's answer, in bytes. Real ones have 40 to 400.
pub const PROXY_HEAD_BYTES_MAX: usize = 8 * 1024;
/// Slowest configured rate, in KiB a second. Up to 80 KiB wait in buffers, and a keep-alive answer behind
/// them must come within [`KEEPALIVE_WAIT`].
pub const PACE_KIB_MIN: u64 = 16;
/// Fastest configured rate: 1 GiB a second.
pub const PACE_KIB_MAX: u64 = 1 << 20;
/// Most windows of a day.
pub const PACE_WINDOWS_MAX: usize = 24;
/// What may leave at once after a rest, as time at the rate.
pub const PACE_BURST: Duration = Duration::from_millis(250);
/// Fewest bytes that are written at a time, unless there are fewer: about a packet.
pub const PACE_WRITE_BYTES_MIN: u64 = 1400;

/// Longest value that is typed at a desk, in bytes: what the normaliser takes, and a terminal's longest line.
pub const ENQUIRY_LINE_BYTES_MAX: usize = 4096;
/// Largest object of a front end, in bytes: fifteen such values and their names.
pub const ENQUIRY_BYTES_MAX: usize = 64 * 1024;

/// Shortest pause between two looks at the source.
pub const WATCH_POLL_MIN: Duration = Duration::from_secs(1);
/// Longest pause between two looks, and longest time to settle: a day.
pub const WATCH_SECONDS_MAX: u64 = 24 * 3600;
/// Most times of day at which a run begins.
pub const WATCH_TIMES_MAX: usize = 24;
/// Most minutes between runs: a week.
pub const WATCH_EVERY_MINUTES_MAX: u32 = 7 * 24 * 60;
/// First pause after a run of `watch` that failed; each further one is twice as long.
pub const WATCH_RETRY_FIRST: Duration = Duration::from_secs(60);
/// Longest of these pauses.
pub const WATCH_RETRY_MAX: Duration = Duration::from_secs(3600);
/// Looking at the source takes at most this share of the time: one part in ten.
pub const WATCH_LOOK_SHARE: u32 = 10;
/// How often the service manager hears from the agent at least, and signals are looked for.
pub const WATCH_TICK: Duration = Duration::from_secs(1);
/// How long the end of the process waits for its threads.
pub const STOP_WAIT: Duration = Duration::from_secs(2);
/// Longest wait for a connection and its handshake.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest wait for an answer to a request without a stream.
pub const UNARY_TIMEOUT: Duration = Duration::from_secs(60);
/// Longest upload of one batch before it is resumed: 18 MB at 256 kbit/s take ten minutes.
pub const UPLOAD_TIMEOUT: Duration = Duration::from_secs(900);
/// HTTP/2 keep-alive: asked every 30 seconds, given up after 10.
pub const KEEPALIVE_EVERY: Duration = Duration::from_secs(30);
/// Longest wait for a keep-alive answer.
pub const KEEPALIVE_WAIT: Duration = Duration::from_secs(10);
/// First pause after an outage; each further one is twice as long.
pub const BACKOFF_FIRST: Duration = Duration::from_millis(200);
/// Longest pause between two attempts.
pub const BACKOFF_MAX: Duration = Duration::from_secs(30);
/// Longest `retry_for_seconds`: one week.
pub const RETRY_SECONDS_MAX: u64 = 7 * 24 * 3600;
/// How often an upload starts again after the appliance found a chunk out of place or damaged.
pub const RESENDS_MAX: u32 = 3;
/// Largest answer of the appliance, in bytes. A receipt has 4 KB.
pub const ANSWER_BYTES_MAX: usize = 256 * 1024;
/// Largest audit entry of a receipt, in bytes.
pub const AUDIT_ENTRY_BYTES_MAX: usize = 64 * 1024;
/// Largest checkpoint, in bytes: three lines and one signature are 300.
pub const CHECKPOINT_BYTES_MAX: usize = 8 * 1024;
/// Longest inclusion proof, in hashes: a log has fewer than 2^64 entries.
pub const PROOF_HASHES_MAX: usize = 64;
/// Longest text of the appliance that is shown, in characters.
pub const REMOTE_TEXT_CHARS_MAX: usize = 300;

const _: () = assert!(
    BATCH_ROWS_MAX * (ROW_WORDS_ALLOWED[2] * 8 + REFERENCE_BYTES + 4) <= 18 << 20,
    "a batch is at most 18 MiB"
);
const _: () = assert!(
    LISTING_BYTES > 2 * (24 + 256),
    "the longest name of a file fits, with what the kernel says about it"
);
const _: () = assert!(ENQUIRY_LINE_BYTES_MAX <= linker_tokenize::limits::VALUE_BYTES_MAX);
const _: () = assert!(15 * (ENQUIRY_LINE_BYTES_MAX + 16) <= ENQUIRY_BYTES_MAX);
const _: () = assert!(CHUNKS_MAX >= 18, "a batch in chunks of 1 MiB fits");

// Reports.

/// Counts of people below this are not shown in reports: fewer could be known persons.
pub const SHOWN_COUNT_MIN: u64 = 10;
/// Values of one field whose frequency a report follows: a default value that stands in one row of a
/// thousand is found for certain. Twice as many counters of 32 bytes, for nine fields: 600 KB.
pub const FREQUENT_MAX: usize = 1024;
/// Different values of one field that a report counts exactly; beyond, it estimates. A table fills to
/// seven eighths: 2^16 places of 17 bytes, for nine fields: 10 MB.
pub const FIELD_SAMPLE_MAX: usize = 7 << 13;
/// Different tokens, persons and record numbers that a report counts exactly; beyond, it estimates.
/// 2^20 places of 17 bytes, for four of them: 72 MB.
pub const RECORD_SAMPLE_MAX: usize = 7 << 17;
/// Refused rows that a report lists for each reason.
pub const REFUSED_SHOWN_MAX: usize = 20;
/// Files whose bytes a report looks at, because an SS-MIX2 tree has one for each patient.
pub const LOOKED_FILES_MAX: u64 = 1000;
/// Bytes of each of these files, from its beginning: half a million lines of a table.
pub const LOOKED_BYTES_MAX: usize = 16 << 20;
/// Different versions of a format that a report lists.
pub const VERSIONS_SHOWN_MAX: usize = 16;
/// Records of runs that are kept: one a day is three years, of 4 KB each.
pub const RUNS_KEPT_MAX: usize = 1000;
/// Largest record of a run, in bytes: 60 counters with names of 30 characters are 3 KB.
pub const RUN_RECORD_BYTES_MAX: u64 = 64 * 1024;
/// Runs that a report of the past lists.
pub const RUNS_SHOWN_MAX: usize = 30;
/// By how many thousandths of all records something may become more frequent from one run to the next
/// before a report warns.
pub const WORSE_PERMILLE: u64 = 20;
/// By how many thousandths the records of a source may become fewer before a report warns: an extract
/// that was cut off is smaller than the one before.
pub const SHRUNK_PERMILLE: u64 = 100;

const _: () = assert!(
    (FREQUENT_MAX * 2 * 32 + (FIELD_SAMPLE_MAX / 7 * 8) * 17) * 9
        + 4 * (RECORD_SAMPLE_MAX / 7 * 8) * 17
        <= 96 << 20,
    "a report takes at most 96 MiB beside the file"
);
const _: () = assert!(
    PARTS_PER_LEVEL.pow(5) >= BATCHES_MAX as usize,
    "five levels hold the largest submission"
);
const _: () = assert!(
    PART_FRAME_BYTES <= keymgmt_custody::limits::FRAME_BYTES_MAX,
    "a frame of the table is a frame of custody"
);
const _: () = assert!(
    80 / PACE_KIB_MIN < KEEPALIVE_WAIT.as_secs(),
    "a keep-alive answer comes in time at the slowest rate"
);
