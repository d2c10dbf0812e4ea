//! Every bound of the benches, with its arithmetic.

use std::time::Duration;

/// Most people in a population: a person takes about 100 bytes, so this is 1 GiB.
pub const PEOPLE_MAX: u32 = 10_000_000;
/// Most encoding secrets with which a public set is measured: a second each.
pub const KEYS_MAX: u32 = 1_000;
/// Most tokens in a set: 200 million of 168 bytes with their truth are 34 GB on disk.
pub const TOKENS_MAX: u64 = 200_000_000;
/// People whose tokens are made in one go: about 110,000 rows, 18 MB, per thread.
pub const SHARD_PEOPLE: u32 = 65_536;
/// The same in a small set: below, making an encoder costs more than using it.
pub const SHARD_PEOPLE_MIN: u32 = 256;
/// People of a token set who live in the same cities: as many as the two cities have in fact.
pub const REGION_PEOPLE: u32 = 560_000;
/// Pieces of names of one site whose normal form is kept: a few hundred bytes each, some ten MiB.
pub const FORMS_MAX: usize = 100_000;
/// Least people in a demo: below, the model has too few matches to learn from.
pub const DEMO_PEOPLE_MIN: u32 = 100;
/// Most entries of a log in which proofs are made: 64 bytes of hashes each are 1 GiB. The appliance's log has
/// the same bound.
pub const LOG_ENTRIES_MAX: u32 = 1 << 24;
/// Longest wait for a server to become ready.
pub const READY_WAIT: Duration = Duration::from_secs(60);
/// How often the memory of child processes is read. Peaks are kept by the kernel; only what a process
/// adds in its last moments is missed.
pub const MEMORY_POLL: Duration = Duration::from_millis(100);
/// Rows of one Parquet row group: 65,536 rows of about 60 bytes are 4 MiB in memory.
pub const PARQUET_GROUP_ROWS: usize = 65_536;
/// How often a broken crosswalk stream is taken up again.
pub const STREAM_ATTEMPTS: u32 = 5;
/// How long a server may take to end by itself.
pub const STOP_WAIT: Duration = Duration::from_secs(20);
/// Lines of a child's messages that are shown when it fails.
pub const TAIL_LINES: usize = 12;
/// Most similar pairs of rows that are kept to be looked at: 2^27 of 8 bytes are 1 GiB.
pub const HITS_MAX: usize = 1 << 27;
/// Most faults of one upload.
pub const CABLE_FAULTS_MAX: u32 = 10_000;
/// How long nothing moves on a line before it goes on.
pub const CABLE_DELAY: Duration = Duration::from_millis(700);
/// How long nothing moves on a line before it is reset.
pub const CABLE_STALL: Duration = Duration::from_millis(500);
/// How long a line swallows everything at most: longer than the agent's keep-alive, which ends it.
pub const CABLE_HOLE: Duration = Duration::from_secs(90);
