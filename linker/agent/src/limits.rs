//! Every bound of the agent, with its arithmetic.

use std::time::Duration;

use linker_token::limits::{BATCH_ROWS_MAX, REFERENCE_BYTES, ROW_WORDS_ALLOWED};

/// Largest configuration or mapping file, in bytes. The shipped samples have 3 KB.
pub const CONFIG_BYTES_MAX: u64 = 64 * 1024;
/// Largest certificate, key or public-key file, in bytes. A chain of four RSA certificates has 8 KB.
pub const PEM_BYTES_MAX: u64 = 256 * 1024;
/// Largest key package, in bytes. Two RSA-3072 blobs, two keys and a signed text are 6 KB.
pub const PACKAGE_BYTES_MAX: u64 = 256 * 1024;
/// Largest CSV or UKE file, in bytes. It is held in memory once, and beside it, while its encoding is
/// found, its text, which has half as many bytes again: 320 MiB and 480 MiB stay below 1 GiB. Larger
/// extracts are split into files of one folder.
pub const SOURCE_FILE_BYTES_MAX: u64 = 320 << 20;
/// Largest SS-MIX2 message, in bytes. Real ADT-00 messages have 1 to 10 KB.
pub const MESSAGE_BYTES_MAX: u64 = 1 << 20;
/// Deepest folder below the source. An SS-MIX2 tree has six levels.
pub const SOURCE_DEPTH_MAX: usize = 12;
/// Most entries of one folder. Sorting their names takes 64 MB at most.
pub const FOLDER_ENTRIES_MAX: usize = 1_000_000;
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
const _: () = assert!(CHUNKS_MAX >= 18, "a batch in chunks of 1 MiB fits");
