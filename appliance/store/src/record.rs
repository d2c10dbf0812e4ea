//! What the store takes and gives.

use std::{collections::BTreeMap, fmt};

use linker_token::{BatchId, Epoch, Manifest, ProjectId, RecordRef, Schema, SiteId, TokenBatch};

use crate::{error::StoreError, limits};

/// What one data folder is for. A store of another project, epoch or schema is refused.
#[derive(Debug, Clone)]
pub struct Scope {
    /// The linkage project.
    pub project: ProjectId,
    /// The key epoch of all rows.
    pub epoch: Epoch,
    /// The schema of all rows.
    pub schema: Schema,
}

/// A checked batch, ready to be kept. Signature and content were verified by the caller.
#[derive(Debug)]
pub struct Admission<'a> {
    /// The batch's name.
    pub batch_id: BatchId,
    /// The site's manifest, canonical bytes.
    pub manifest_bytes: &'a [u8],
    /// The site's signature over them.
    pub signature: &'a [u8],
    /// Rows after quarantine and second layer.
    pub tokens: &'a TokenBatch,
    /// Rows set aside, by reason.
    pub quarantined: &'a BTreeMap<String, u32>,
}

/// Where an admitted batch stands in the audit log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AdmittedBatch {
    /// Index of its audit entry.
    pub audit_index: u64,
    /// Whether it had been admitted before; the index is that of the first time.
    pub repeated: bool,
}

/// Where another state change stands in the audit log.
pub type Committed = AdmittedBatch;

/// One admitted batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchRow {
    /// The batch's name.
    pub batch_id: BatchId,
    /// The site's manifest.
    pub manifest: Manifest,
    /// The site's signature over the manifest.
    pub signature: Vec<u8>,
    /// Rows kept.
    pub rows: u32,
    /// Rows set aside, by reason.
    pub quarantined: BTreeMap<String, u32>,
    /// Index of the audit entry.
    pub audit_index: u64,
}

/// One run as the service keeps it; only name, version and state mean something to the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunRow {
    /// The run's name: 1 to 64 characters from a-z, 0-9 and '-'. Names sort by time if the caller makes them so.
    pub run_id: String,
    /// Rises by one with each change, from 1.
    pub version: u32,
    /// The state's stable code.
    pub state: String,
    /// Whatever the service needs, versioned by itself.
    pub body: Vec<u8>,
}

/// One record and its research ID. `Debug` hides both.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Assignment {
    /// Index into the sorted sites.
    pub site: u16,
    /// The site's name of the record.
    pub reference: RecordRef,
    /// The research ID.
    pub research_id: [u8; 16],
}

/// One line of a release: a record and its pseudonym. `Debug` hides both.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ReleaseLine {
    /// Index into the sorted sites.
    pub site: u16,
    /// The site's name of the record.
    pub reference: RecordRef,
    /// The project's pseudonym.
    pub pseudonym: [u8; 16],
}

impl fmt::Debug for Assignment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Assignment(..)")
    }
}

impl fmt::Debug for ReleaseLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReleaseLine(..)")
    }
}

/// All records of one generation with their research IDs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Assignments {
    /// Sites, sorted; lines name them by index.
    pub sites: Vec<SiteId>,
    /// One per record, sorted by site and reference.
    pub lines: Vec<Assignment>,
}

/// What happened to research IDs. `Debug` hides the IDs.
#[derive(Clone, PartialEq, Eq)]
pub enum IdEvent {
    /// A new ID was made.
    Mint {
        /// The ID.
        id: [u8; 16],
    },
    /// IDs turned out to be one person; `kept` goes on.
    Merge {
        /// The ID that goes on.
        kept: [u8; 16],
        /// The IDs that end.
        ended: Vec<[u8; 16]>,
    },
    /// One ID turned out to be several people; `from` goes on for one of them.
    Split {
        /// The ID that was split.
        from: [u8; 16],
        /// The IDs of the other parts.
        into: Vec<[u8; 16]>,
    },
}

impl fmt::Debug for IdEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Mint { .. } => "Mint(..)",
            Self::Merge { .. } => "Merge(..)",
            Self::Split { .. } => "Split(..)",
        })
    }
}

/// The outcome of one run, ready to be kept.
#[derive(Debug)]
pub struct ResolutionDraft<'a> {
    /// The run that made it; a run is committed once.
    pub run: RunRow,
    /// Sites, sorted; lines name them by index.
    pub sites: &'a [SiteId],
    /// Every record with its ID, in any order.
    pub lines: Vec<Assignment>,
    /// What happened to IDs.
    pub events: &'a [IdEvent],
}

/// One generation of assignments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GenerationRow {
    /// Number, from 1.
    pub generation: u64,
    /// The run that made it.
    pub run_id: String,
    /// Sites, sorted.
    pub sites: Vec<SiteId>,
    /// Records with an ID.
    pub records: u64,
    /// ID events.
    pub events: u64,
    /// Index of the audit entry.
    pub audit_index: u64,
}

/// A release, ready to be kept.
#[derive(Debug)]
pub struct ReleaseDraft<'a> {
    /// The release's name, in the form of a run's.
    pub release_id: String,
    /// The run it freezes.
    pub run_id: String,
    /// Approval, recipient, project and date, in the service's own form.
    pub body: Vec<u8>,
    /// Sites, sorted; lines name them by index.
    pub sites: &'a [SiteId],
    /// Every record with its pseudonym, in any order.
    pub lines: Vec<ReleaseLine>,
}

/// One immutable release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReleaseRow {
    /// The release's name.
    pub release_id: String,
    /// The run it froze.
    pub run_id: String,
    /// Approval, recipient, project and date, in the service's own form.
    pub body: Vec<u8>,
    /// Sites, sorted.
    pub sites: Vec<SiteId>,
    /// Number of lines.
    pub lines: u64,
    /// SHA-256 over sites and lines in their fixed order.
    pub digest: [u8; 32],
    /// Index of the audit entry.
    pub audit_index: u64,
}

/// Some lines of a release, in their fixed order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReleasePage {
    /// The lines.
    pub lines: Vec<ReleaseLine>,
    /// Where the next page starts; `None` at the end.
    pub next: Option<u64>,
}

/// Checks the name of a run or release: it appears in file names and log lines.
pub(crate) fn check_id(id: &str) -> Result<(), StoreError> {
    let good = !id.is_empty()
        && id.len() <= limits::ID_BYTES_MAX
        && id
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    good.then_some(()).ok_or(StoreError::Refused {
        rule: "a name is 1 to 64 characters from a-z, 0-9 and '-'",
    })
}
