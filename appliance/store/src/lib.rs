//! What the appliance keeps on disk: sealed token segments, the embedded database, the audit log.
//!
//! Kinds of files and their rules:
//!
//! - **Sealed files** (token segments, assignments, ID events, releases) are immutable. Each has its own
//!   data key, sealed by the token's DKEK. A file counts only once the database names it.
//! - **The database** (redb, two-phase commit) holds what is small: one row per batch, run,
//!   generation, release and fact. Every row has a MAC, and one root row covers all of them.
//! - **The audit log** is append-only. A state change and its audit entry are one database
//!   transaction; the entry is in the log, synced, before the change is answered.
//! - **Scratch parts** are what a run larger than memory puts aside: sealed under a key that no file ever
//!   holds, removed with the run, swept after a crash. Scratch space needs no open store.
//!
//! Reading order: [`limits`], [`error`], [`record`], then [`Store`]. Calls block: a server wraps them.

mod admit;
mod audit;
mod cosigned;
mod database;
pub mod error;
mod export;
mod facts;
mod fault;
mod files;
mod ids;
mod key_changes;
pub mod limits;
mod lines;
mod log;
mod open;
mod outbox;
pub mod record;
mod releases;
mod rows;
mod runs;
mod scratch;
mod sealed;
mod snapshot;
mod store;
mod tiles;
mod tree;
mod uploads;

#[cfg(test)]
mod power_cut;

pub use cosigned::Cosigned;
pub use error::StoreError;
pub use export::{VerifiedExport, verify_export};
pub use fault::Health;
pub use key_changes::{key_change_path, read_key_changes};
pub use record::{
    Admission, AdmittedBatch, Assignment, Assignments, BatchRow, Committed, GenerationRow, IdEvent,
    ReleaseDraft, ReleaseLine, ReleasePage, ReleaseRow, ResolutionDraft, RunRow, Scope,
};
pub use scratch::{ScratchRoom, SealedScratch};
pub use snapshot::LogSnapshot;
pub use store::Store;
pub use tiles::{ReadFile, verify_tiles};
pub use tree::Tree as ProofTree;
pub use uploads::UploadState;
