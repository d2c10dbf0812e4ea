//! Every bound of the store, with its arithmetic.

use std::time::Duration;

/// Plaintext bytes of one frame of a token segment. Small enough to check in cache, large enough
/// that 16 bytes of tag and one call per frame do not count.
pub const FRAME_BYTES: usize = 64 * 1024;
/// Largest plaintext of one sealed file: 2^32 frames is the counter's bound, 1 TiB is ours.
pub const SEALED_BYTES_MAX: u64 = 1 << 40;
/// Most batches whose upload is under way. Each costs a folder and an open append.
pub const UPLOADS_MAX: usize = 256;
/// Most uploads of one site that are under way: an agent sends one batch after the other, a few agents
/// each. Sixteen sites may go wrong before the others notice.
pub const UPLOADS_PER_SITE: usize = 16;
/// How long an upload may stay untouched. A week spans a long holiday; the site then sends it from the start.
pub const UPLOAD_TTL: Duration = Duration::from_secs(7 * 24 * 3600);
/// Largest header of an upload: a manifest of 16 KiB, a signature, a sealed key, and room.
pub const UPLOAD_HEADER_BYTES_MAX: usize = 32 * 1024;
/// Largest chunk: 1 MiB of plaintext, one tag, and room for framing.
pub const CHUNK_BYTES_MAX: usize = (1 << 20) + 1024;
/// Most chunks of one batch: 65,536 rows of 276 bytes (the widest row, 2,048 bits) are 17.3 MiB.
pub const CHUNKS_MAX: u32 = 24;
/// Bytes of all uploads together: 64 of the widest batches.
pub const UPLOAD_BYTES_MAX: u64 = 64 * 18 * (1 << 20);
/// Largest audit entry in bytes. Entries hold counts, never rows.
pub const AUDIT_ENTRY_BYTES_MAX: usize = 8 * 1024;
/// Most entries of one log: 2^24 of them keep 32 + 32 + 8 bytes each in memory, 1.2 GB at worst.
pub const AUDIT_ENTRIES_MAX: u64 = 1 << 24;
/// Most entries of one call that puts down several: at 300 bytes each they are 1.2 MB of log and as much of
/// outbox, one sync of each.
pub const AUDIT_BATCH_MAX: usize = 4_096;
/// Bytes of entries in one row of the outbox: two of the longest entries stay below a row's bound.
pub const OUTBOX_ROW_BYTES: usize = ROW_BYTES_MAX / 2;
/// Largest signed note at the end of an exported log: three lines, and a signature of 150 bytes for each of
/// [`WITNESSES_MAX`] witnesses, with room.
pub const NOTE_FILE_BYTES_MAX: u64 = 64 * 1024;
/// Most witnesses whose newest word is kept: the sites and custodians of one project that cosign.
pub const WITNESSES_MAX: usize = 256;
/// How long an entry must be kept at least: two years and the leap day that may be in them (the guideline
/// of the ministries asks for logs of use; keys live as long). Nothing removes entries, before or after.
pub const AUDIT_RETENTION_MIN: Duration = Duration::from_secs((2 * 365 + 1) * 24 * 3600);
/// Largest value of one database row: a manifest of 16 KiB, a run report, sites of a generation.
pub const ROW_BYTES_MAX: usize = 1 << 20;
/// Most rows of the database; all are held in memory.
pub const ROWS_MAX: usize = 1 << 20;
/// Largest database that is opened for reading only, which copies it to memory.
pub const DATABASE_BYTES_MAX: u64 = 8 << 30;
/// redb's page cache. Rows are served from memory, so this only helps writing.
pub const DATABASE_CACHE_BYTES: usize = 32 << 20;
/// Longest name of a run or a release.
pub const ID_BYTES_MAX: usize = 64;
/// Largest opaque part of a run or a release.
pub const BODY_BYTES_MAX: usize = 512 * 1024;
/// Largest fact: a digest, a few numbers, and the names of the most sites of a project, 4,096 of 33 bytes.
pub const FACT_BYTES_MAX: usize = 160 * 1024;
/// Most sites of one project; row files number them in 16 bits.
pub const SITES_MAX: usize = 4_096;
/// Bytes of one assignment or release line: site number, reference, ID or pseudonym.
pub const LINE_BYTES: usize = 2 + 16 + 16;
/// Plaintext bytes of one frame of a file of lines: whole lines only, 1,927 of them.
pub const LINE_FRAME_BYTES: usize = FRAME_BYTES / LINE_BYTES * LINE_BYTES;
/// Most lines that one page of a release returns.
pub const RELEASE_PAGE_MAX: usize = 65_536;
/// Most runs or releases that one listing returns.
pub const LIST_MAX: usize = 1_000;
/// Most parts that one merge or split names.
pub const EVENT_PARTS_MAX: usize = 65_535;
/// Space that must be there before a store that met a full disk writes again.
pub const PROBE_BYTES: usize = 1 << 20;
/// First wait before a store that met an I/O error is opened again.
pub const RETRY_FIRST: Duration = Duration::from_secs(1);
/// Longest wait: space that comes back is noticed within half a minute.
pub const RETRY_LONGEST: Duration = Duration::from_secs(15);
/// Plaintext bytes of one frame of a scratch part: sealing it takes some 60 microseconds, opening the file a
/// tenth of that, and a thousand parts that fill at once are 64 MiB of buffers.
pub const SCRATCH_FRAME_BYTES: usize = 64 * 1024;
/// Smallest buffer of a part that holds anything: 26 rows of 156 bytes.
pub const SCRATCH_BUFFER_BYTES_MIN: usize = 4 * 1024;
/// One part in so many of the disk stays free when a run plans its scratch space: a twentieth, 5%.
pub const SCRATCH_RESERVE_SHARE: u64 = 20;

const _: () = assert!(
    SCRATCH_FRAME_BYTES <= keymgmt_custody::limits::FRAME_BYTES_MAX
        && SCRATCH_BUFFER_BYTES_MIN <= SCRATCH_FRAME_BYTES,
    "a scratch frame is one frame of the cipher"
);
const _: () = assert!(
    linker_token::limits::BATCH_ROWS_MAX * (32 * 8 + 16 + 4) < (CHUNKS_MAX as usize) << 20,
    "the widest batch fits its chunks"
);
const _: () = assert!(
    AUDIT_ENTRY_BYTES_MAX <= keymgmt_custody::limits::ENTRY_BYTES_MAX,
    "an entry fits a bundle"
);
const _: () = assert!(
    OUTBOX_ROW_BYTES + 4 + AUDIT_ENTRY_BYTES_MAX + 8 <= ROW_BYTES_MAX,
    "a row of the outbox is a row"
);
const _: () = assert!(
    WITNESSES_MAX as u64 * 200 + 1024 <= NOTE_FILE_BYTES_MAX,
    "a note with every witness is read"
);
const _: () = assert!(
    linker_token::limits::MANIFEST_BYTES_MAX * 2 <= UPLOAD_HEADER_BYTES_MAX,
    "a manifest and its company fit an upload header"
);
const _: () = assert!(
    SITES_MAX * 37 + 1_024 <= FACT_BYTES_MAX && FACT_BYTES_MAX <= ROW_BYTES_MAX,
    "a fact can name every site, and fits a row"
);
const _: () = assert!(
    BODY_BYTES_MAX + SITES_MAX * 40 + 4_096 < ROW_BYTES_MAX,
    "rows hold their parts"
);
