//! Every bound of the service, with its arithmetic.

use std::time::Duration;

/// Largest configuration file, certificate, list or enrolment that is read, in bytes. A revocation
/// list of 50,000 entries is about 2 MB.
pub const FILE_BYTES_MAX: u64 = 16 << 20;
/// Most callers in the configuration: some hundreds of sites with a few agents each.
pub const CALLERS_MAX: usize = 4096;
/// Longest caller URI, in bytes.
pub const URI_BYTES_MAX: usize = 256;
/// Most projects of one processing caller.
pub const CALLER_PROJECTS_MAX: usize = 64;

/// The first two lines of an exported log, in bytes: its kind and an origin of [`URI_BYTES_MAX`] bytes,
/// with room.
pub const EXPORT_HEAD_BYTES_MAX: u64 = 4096;
/// The end of an exported log in which the signature lines of its checkpoint are looked for, in bytes: a
/// note of three lines and some signatures of about 150 bytes, with room.
pub const EXPORT_NOTE_BYTES_MAX: u64 = 16 * 1024;

/// Largest file of a log in tiles, in bytes: 256 of the longest entries with their lengths.
pub const TILE_FILE_BYTES_MAX: u64 =
    keymgmt_custody::tile::TILE_WIDTH * (2 + keymgmt_custody::limits::ENTRY_BYTES_MAX as u64);
/// After so many new entries the log gets a checkpoint at once: a whole tile.
pub const CHECKPOINT_ENTRIES: u64 = 256;
/// How old the newest checkpoint of a log that grew may be, in seconds: six signatures a minute at most.
pub const CHECKPOINT_INTERVAL: Duration = Duration::from_secs(10);

/// TLS handshakes at the same time. One costs about 4 ms of CPU, so this is a quarter second of work.
pub const HANDSHAKES_MAX: usize = 64;
/// How long a client may take for its handshake.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);
/// Refused handshakes are logged at most once in this time, with a count of those left out: anyone who
/// reaches the port can cause them.
pub const REFUSAL_LOG_INTERVAL: Duration = Duration::from_secs(1);
/// Connections that have finished their handshake and wait to be served.
pub const ACCEPTED_QUEUE: usize = 16;
/// Connections at the same time.
pub const CONNECTIONS_MAX: usize = 1024;
/// After this age a connection is closed, so that a revocation bites on open connections too.
pub const CONNECTION_AGE_MAX: Duration = Duration::from_secs(600);
/// What a connection past its age may still take to finish.
pub const CONNECTION_AGE_GRACE: Duration = Duration::from_secs(30);
/// HTTP/2 ping interval on a silent connection.
pub const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(30);
/// How long a ping may stay without an answer.
pub const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(10);
/// Streams at the same time on one connection.
pub const STREAMS_MAX: u32 = 32;
/// Requests worked on at the same time for one connection; more are refused at once.
pub const REQUESTS_PER_CONNECTION: usize = 16;
/// Largest header list of a request, in bytes.
pub const HEADER_LIST_BYTES_MAX: u32 = 8 * 1024;
/// Resets by the peer that may wait to be accepted on one connection (the bound of h2, set openly).
pub const PENDING_RESETS_MAX: usize = 20;
/// Resets that a peer's protocol errors may cause on one connection (the bound of h2, set openly).
pub const LOCAL_RESETS_MAX: usize = 1024;

/// Plaintext bytes of one batch chunk.
pub const CHUNK_PLAIN_BYTES: usize = 1 << 20;
/// Sealed bytes of one chunk: the plaintext and a 16-byte AES-256-GCM tag.
pub const CHUNK_BYTES_MAX: usize = CHUNK_PLAIN_BYTES + 16;
/// Largest message on the way in: a chunk, its number and the framing of protobuf, rounded up.
pub const MESSAGE_IN_BYTES_MAX: usize = CHUNK_BYTES_MAX + 4096;
/// Largest message on the way in of services that take no chunks.
pub const SMALL_MESSAGE_BYTES_MAX: usize = 16 * 1024;
/// Largest message on the way out. A page of the crosswalk stays far below it.
pub const MESSAGE_OUT_BYTES_MAX: usize = 2 << 20;
/// Most chunks of one batch: the largest batch in chunks, rounded up.
pub const CHUNKS_MAX: usize = BATCH_BYTES_MAX.div_ceil(CHUNK_PLAIN_BYTES);
/// Bytes before the rows of a canonical batch: magic, width, count.
pub const BATCH_HEAD_BYTES: usize = 16;
/// Largest batch in canonical bytes: the head and 65,536 rows of 2,048 bits with reference and flags.
pub const BATCH_BYTES_MAX: usize = BATCH_HEAD_BYTES
    + linker_token::limits::BATCH_ROWS_MAX * (32 * 8 + linker_token::limits::REFERENCE_BYTES + 4);
/// Largest sealed content key: RSA of 4,096 bits.
pub const SEALED_KEY_BYTES_MAX: usize = 512;
/// An ECDSA P-256 signature, r and s.
pub const SIGNATURE_BYTES: usize = 64;

/// Flow-control window of one stream: a chunk and a little, so that one chunk is always on its way.
pub const STREAM_WINDOW_BYTES: u32 = 1 << 20;
/// Flow-control window of one connection.
pub const CONNECTION_WINDOW_BYTES: u32 = 4 << 20;
/// Largest HTTP/2 frame on the way in.
pub const FRAME_BYTES_MAX: u32 = 64 * 1024;
/// How long any call may take until its answer begins; each method has its own, shorter limit.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(590);
/// How long a unary call may take.
pub const UNARY_TIMEOUT: Duration = Duration::from_secs(60);
/// How long planning a run or freezing a release may take: both read all rows once.
pub const LONG_UNARY_TIMEOUT: Duration = Duration::from_secs(540);
/// How long an uploading site may take for one message. A chunk of 1 MiB is 8.4 Mbit, so a line of
/// 70 kbit/s still gets on.
pub const UPLOAD_IDLE_TIMEOUT: Duration = Duration::from_secs(120);
/// How long one upload stream may take; it is resumable.
pub const UPLOAD_TIMEOUT: Duration = Duration::from_secs(570);
/// Upload streams at the same time over all sites; each holds one chunk.
pub const UPLOADS_MAX: usize = 64;
/// Upload streams of one site at the same time: an eighth of all.
pub const UPLOADS_PER_SITE: usize = 8;
/// Rows that one site may hold: 33 million of 1,024 bits are 5 GB. Streams that began below the bound may
/// pass it by [`UPLOADS_PER_SITE`] batches.
pub const SITE_ROWS_MAX: u64 = 1 << 25;
/// Batches that are opened and admitted at the same time. Each needs about four times its bytes:
/// 2 × 4 × 18 MB are 145 MB.
pub const ADMISSIONS_MAX: usize = 2;
/// Longest request ID, approval number or recipient, in bytes.
pub const TEXT_BYTES_MAX: usize = 64;
/// Releases of one project: three a day for nine years.
pub const RELEASES_PER_PROJECT_MAX: usize = 10_000;
/// Runs in one answer of `ListRuns`.
pub const RUNS_PAGE: usize = 100;
/// Rows in one message of `StreamCrosswalk`: a row is at most 32 + 16 + 21 bytes and 8 of framing.
pub const CROSSWALK_PAGE_ROWS: usize = 4096;
/// Messages of a response stream that wait for a slow reader.
pub const STREAM_QUEUE: usize = 2;
/// Reports of progress per second that a run publishes, at most.
pub const PROGRESS_PER_SECOND: u64 = 5;

/// How often store and clock are checked.
pub const HEALTH_INTERVAL: Duration = Duration::from_secs(1);
/// How often a key is used: an HSM call costs milliseconds and is logged there.
pub const HEALTH_KEY_INTERVAL: Duration = Duration::from_secs(5);
/// How long the HSM may take for that before the keys count as gone: a thousand times the usual.
pub const HEALTH_KEY_TIMEOUT: Duration = Duration::from_secs(5);
/// How far the clock may stand behind the newest audit entry, in seconds.
pub const CLOCK_BACKSTEP_SECONDS: u64 = 300;
/// The clock is wrong if it stands before this: 2026-01-01T00:00:00Z.
pub const CLOCK_FLOOR: u64 = 1_767_225_600;
/// How long a stop waits for requests in progress.
pub const STOP_GRACE: Duration = Duration::from_secs(20);
/// Largest memory bound of a run that the configuration may name, in GiB.
pub const MEMORY_GIB_MAX: u32 = 1 << 16;
/// How many times the planned bytes a run may have in scratch space.
pub const SCRATCH_FACTOR_MAX: u64 = 4;
/// Memory for rows that are not yet sealed into scratch space: the matcher hands over pieces of a
/// frame's size, so little waits.
pub const SCRATCH_BUFFER_BYTES: usize = 16 << 20;
/// Largest model that a run keeps, in bytes: eight segments of sixteen levels with two kinds of
/// non-matches are 5 KB.
pub const MODEL_BYTES_MAX: usize = 32 << 10;
/// Most sites of which a run keeps what they were like. There are some hundreds at most.
pub const RUN_SITES_MAX: usize = 256;
/// Most segments of a row.
pub const RUN_SEGMENTS_MAX: usize = 8;
/// Most levels of a segment.
pub const RUN_LEVELS_MAX: usize = 16;
/// Most passes of which a run keeps estimates.
pub const RUN_PASSES_MAX: usize = 64;
/// Most changes since the last run that a run keeps.
pub const RUN_FINDINGS_MAX: usize = 256;
/// The look-up index has at most this part of the memory bound: as much as it leaves to a run.
pub const LOOKUP_MEMORY_SHARE: u64 = 2;
/// How long to wait before a look-up index that could not be built is tried again.
pub const LOOKUP_RETRY: Duration = Duration::from_secs(30);
/// Candidates that a question about one token names inside: more persons than one household, one name and
/// one address bring together.
pub const ENQUIRY_CANDIDATES: usize = 256;
/// Persons who come into question that an ambiguous answer shows.
pub const ENQUIRY_CANDIDATES_SHOWN: usize = 8;
/// Questions of one processing service about single tokens: so many at once, then one in so much time.
/// A registration desk has some at once; one a second are 86,400 a day.
pub const ENQUIRY_PACE_PROCESSING: (u32, Duration) = (100, Duration::from_secs(1));
/// Of a thousand records of a site under the older key epoch, how many must have come under the next one
/// before the site counts as moved. The tokenizer warns of a source that shrank by as much.
pub const MOVED_PERMILLE_MIN: u64 = 900;
/// How often sites' moves are counted at most.
pub const MOVES_EVERY: Duration = Duration::from_secs(5);
/// Counting moves takes at most this share of the time: one part in twenty. A count of 100 million records
/// reads 16 GB twice, about a minute, and is done again after twenty.
pub const MOVES_SHARE: u32 = 20;
/// How often a refused call of one revoked site comes into the audit log: four times at once, then once an
/// hour. A thousand revoked sites that hammer for a year would write nine million entries, half of the log.
pub const REVOKED_PACE: (u32, Duration) = (4, Duration::from_secs(3600));
/// Questions of one consultation desk. Somebody types for a minute and tries a second spelling; one in ten
/// seconds are 8,640 a day, a quarter of the birth dates of a century.
pub const ENQUIRY_PACE_DESK: (u32, Duration) = (10, Duration::from_secs(10));
/// Entries of the audit log from which on no question is answered: three quarters, so that questions
/// never keep batches out.
pub const ENQUIRY_LOG_ENTRIES_MAX: u64 = appliance_store::limits::AUDIT_ENTRIES_MAX / 4 * 3;
/// How long whoever finds the look-up index under construction is asked to wait.
pub const INDEX_WAIT: Duration = Duration::from_secs(10);
/// How long whoever finds the service unavailable is asked to wait.
pub const UNAVAILABLE_WAIT: Duration = Duration::from_secs(5);
/// Batches and runs on the status page.
pub const PAGE_ROWS: usize = 50;

const _: () = assert!(
    CROSSWALK_PAGE_ROWS * (32 + 16 + 21 + 16) < MESSAGE_OUT_BYTES_MAX,
    "a page of the crosswalk fits in a message"
);
const _: () = assert!(
    2048 + MODEL_BYTES_MAX
        + RUN_SITES_MAX
            * (2 * (4 + TEXT_BYTES_MAX) + 8 * 8 + RUN_SEGMENTS_MAX * (12 + 8 * RUN_LEVELS_MAX))
        + RUN_PASSES_MAX * (4 + TEXT_BYTES_MAX + 4 * 8)
        + RUN_FINDINGS_MAX * (3 * (4 + TEXT_BYTES_MAX) + 3 * 8)
        < appliance_store::limits::BODY_BYTES_MAX,
    "a run and what it leaves fit a row of the store"
);
const _: () = assert!(
    LONG_UNARY_TIMEOUT.as_secs() < CONNECTION_AGE_MAX.as_secs(),
    "a call ends before its connection does"
);
const _: () = assert!(
    UPLOAD_TIMEOUT.as_secs() < CONNECTION_AGE_MAX.as_secs(),
    "an upload ends before its connection does"
);
