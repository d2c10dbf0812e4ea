//! The one error of the service. Each has a stable code, a plain sentence and an advice.
//!
//! No variant carries a value from a row, a reference, an identifier or key bytes.

use std::time::Duration;

use appliance_store::StoreError;
use keymgmt_custody::CustodyError;
use linker_match::{MatchError, ScratchError};
use linker_token::{SiteId, TokenError};

use crate::{
    limits,
    reasons::{self, Class, Reason},
};

/// Why an operation was refused or failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServiceError {
    /// The certificate has no role that may do this.
    #[error("this certificate may not call this method")]
    NotPermitted,
    /// The named thing is not there, or not for this caller.
    #[error("there is no such {what}")]
    NotFound {
        /// What was looked for.
        what: &'static str,
    },
    /// The request breaks a rule of the protocol.
    #[error("the request is malformed: {rule}")]
    Malformed {
        /// The rule.
        rule: &'static str,
    },
    /// The manifest does not parse.
    #[error("the manifest cannot be read")]
    BadManifest(#[source] TokenError),
    /// The batch is for another project.
    #[error("the batch is for another project")]
    WrongProject,
    /// The batch was encoded in another key epoch.
    #[error("the batch was encoded in another key epoch")]
    WrongEpoch,
    /// The batch was encoded under another schema.
    #[error("the batch was encoded under another schema")]
    WrongSchema,
    /// The batch was encoded with another encoding secret.
    #[error("the batch was encoded with another encoding secret")]
    WrongSecret,
    /// The manifest names a site that is not the certificate's.
    #[error("the manifest names another site than the certificate")]
    ForeignSite,
    /// The site is not in the signed enrolment.
    #[error("the site is not enrolled in this key epoch")]
    NotEnrolled,
    /// The site's enrolment has run out.
    #[error("the site's enrolment has expired")]
    EnrolmentExpired,
    /// The custodians have revoked the site.
    #[error("the custodians have revoked this site")]
    SiteRevoked,
    /// An enrolment takes a revocation back.
    #[error("the enrolment has site {site} without its revocation: it is an older list")]
    OldEnrolment {
        /// The site.
        site: SiteId,
    },
    /// The configured epochs are not the ones that follow each other.
    #[error("{rule}")]
    OtherEpoch {
        /// What does not fit.
        rule: &'static str,
    },
    /// Sites have not moved over to the next epoch.
    #[error("{count} sites have not moved over to the next key epoch: {sites}")]
    SitesMissing {
        /// How many.
        count: usize,
        /// Their names.
        sites: String,
    },
    /// The manifest's signature is not the site's.
    #[error("the manifest's signature is not the enrolled site's")]
    BadSignature,
    /// The batch does not open, or is not what its manifest says.
    #[error("the batch does not open as its manifest says")]
    CorruptChunk,
    /// A stream starts or continues at the wrong place.
    #[error("the next chunk to send is another one")]
    OutOfOrder {
        /// The first chunk that is not durable yet.
        next_sequence: u32,
    },
    /// The stream ended before the last chunk.
    #[error("the upload ended before its last chunk")]
    Incomplete {
        /// The first chunk that is not durable yet.
        next_sequence: u32,
    },
    /// A bound was passed.
    #[error("{what} exceeds its limit of {limit}")]
    TooLarge {
        /// What was too large.
        what: &'static str,
        /// The limit.
        limit: usize,
    },
    /// The same work is under way, or as much as may be.
    #[error("{what} is under way")]
    Busy {
        /// What is under way.
        what: &'static str,
    },
    /// The request ID was used before for something else.
    #[error("the request ID was used before with other contents")]
    Conflict,
    /// No batch has been admitted.
    #[error("no batch has been admitted yet")]
    NothingToLink,
    /// The run has no result to release.
    #[error("the run has no result that can be released")]
    RunNotReleased,
    /// Matching failed.
    #[error("the run failed")]
    RunFailed(#[source] MatchError),
    /// The run needs more memory than it may use.
    #[error("the run needs more memory than it may use")]
    RunTooLarge(#[source] MatchError),
    /// There is no room for rows that do not fit in memory.
    #[error("the scratch space of the run is full")]
    ScratchFull(#[source] ScratchError),
    /// A call took longer than it may.
    #[error("the call took too long")]
    TimedOut,
    /// A readiness condition is open.
    #[error("the service is not ready: {condition}")]
    NotReady {
        /// Which condition.
        condition: &'static str,
    },
    /// The service is stopping.
    #[error("the service is stopping")]
    Stopping,
    /// The last check of the token failed.
    #[error("the appliance's HSM token did not answer its last check")]
    HsmGone,
    /// The token does not answer or a key cannot be used.
    #[error("the appliance's HSM token does not answer")]
    Hsm(#[source] CustodyError),
    /// The disk is full.
    #[error("the disk is full")]
    DiskFull(#[source] StoreError),
    /// The uploads that are not finished take all the room they may.
    #[error("unfinished uploads take all the room they may")]
    UploadQuota(#[source] StoreError),
    /// The store failed.
    #[error("the store refuses")]
    Store(#[source] StoreError),
    /// A stored file or row is not what was written.
    #[error("the store is damaged")]
    StoreDamaged(#[source] StoreError),
    /// A stored batch or entry is not what it should be.
    #[error("{what} is damaged")]
    Damaged {
        /// What is damaged.
        what: &'static str,
    },
    /// No run has ended well yet.
    #[error("no run has ended well yet")]
    NoRun,
    /// The look-up index is not there yet.
    #[error("the look-up index is being built")]
    IndexBuilding,
    /// The look-up index could not be built.
    #[error("the look-up index could not be built")]
    IndexFailed,
    /// The look-up index does not fit in its part of the memory bound.
    #[error("the look-up index needs more memory than it may use")]
    IndexTooLarge {
        /// Bytes that it needs.
        needed: u64,
        /// Bytes that it may have.
        bound: u64,
    },
    /// No honest tokenizer makes this row.
    #[error("the token is not one that a tokenizer makes")]
    HostileToken,
    /// The caller asked too often.
    #[error("this caller has asked too often; ask again in {} s", after.as_secs() + 1)]
    TooManyEnquiries {
        /// How long to wait.
        after: Duration,
    },
    /// A task ended without an answer.
    #[error("an internal task ended without an answer")]
    Internal,
}

impl ServiceError {
    /// The stable reason code of `google.rpc.ErrorInfo`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.reason().code
    }

    /// What the caller can do.
    #[must_use]
    pub fn advice(&self) -> &'static str {
        self.reason().advice
    }

    /// What kind of answer this is.
    #[must_use]
    pub fn class(&self) -> Class {
        self.reason().class
    }

    /// Where the caller should go on, for errors of a stream's place.
    #[must_use]
    pub fn next_sequence(&self) -> Option<u32> {
        if let Self::OutOfOrder { next_sequence } | Self::Incomplete { next_sequence } = self {
            Some(*next_sequence)
        } else {
            None
        }
    }

    /// How long the caller should wait before it tries again, where that helps.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        if let Self::TooManyEnquiries { after } = self {
            return Some(*after);
        }
        if matches!(self, Self::IndexBuilding | Self::IndexFailed) {
            return Some(limits::INDEX_WAIT);
        }
        (self.class() == Class::Unavailable).then_some(limits::UNAVAILABLE_WAIT)
    }

    /// The row of the table of reasons.
    #[must_use]
    pub fn reason(&self) -> Reason {
        match self {
            Self::NotPermitted => reasons::NOT_PERMITTED,
            Self::ForeignSite => reasons::FOREIGN_SITE,
            Self::NotFound { .. } => reasons::NOT_FOUND,
            Self::Malformed { .. } => reasons::MALFORMED,
            Self::BadManifest(_) => reasons::MALFORMED,
            Self::WrongProject => reasons::WRONG_PROJECT,
            Self::WrongEpoch => reasons::WRONG_EPOCH,
            Self::WrongSchema => reasons::WRONG_SCHEMA,
            Self::WrongSecret => reasons::WRONG_SECRET,
            Self::NotEnrolled => reasons::NOT_ENROLLED,
            Self::EnrolmentExpired => reasons::ENROLMENT_EXPIRED,
            Self::SiteRevoked => reasons::SITE_REVOKED,
            Self::OldEnrolment { .. } => reasons::OLD_ENROLMENT,
            Self::OtherEpoch { .. } => reasons::OTHER_EPOCH,
            Self::SitesMissing { .. } => reasons::SITES_MISSING,
            Self::BadSignature => reasons::BAD_SIGNATURE,
            Self::CorruptChunk => reasons::CORRUPT_CHUNK,
            Self::OutOfOrder { .. } => reasons::OUT_OF_ORDER,
            Self::Incomplete { .. } => reasons::INCOMPLETE,
            Self::TooLarge { .. } => reasons::TOO_LARGE,
            Self::Busy { .. } => reasons::BUSY,
            Self::Conflict => reasons::CONFLICT,
            Self::NothingToLink => reasons::NOTHING_TO_LINK,
            Self::RunNotReleased => reasons::RUN_NOT_RELEASED,
            Self::RunFailed(_) => reasons::RUN_FAILED,
            Self::RunTooLarge(_) => reasons::RUN_TOO_LARGE,
            Self::ScratchFull(_) => reasons::SCRATCH_FULL,
            Self::TimedOut => reasons::TIMED_OUT,
            Self::NotReady { .. } => reasons::NOT_READY,
            Self::Stopping => reasons::STOPPING,
            Self::Hsm(_) | Self::HsmGone => reasons::HSM_UNAVAILABLE,
            Self::DiskFull(_) => reasons::DISK_FULL,
            Self::UploadQuota(_) => reasons::UPLOAD_QUOTA,
            Self::Store(_) => reasons::STORE_UNAVAILABLE,
            Self::Damaged { .. } | Self::StoreDamaged(_) => reasons::DAMAGED,
            Self::NoRun => reasons::NO_RUN,
            Self::IndexBuilding => reasons::INDEX_BUILDING,
            Self::IndexFailed => reasons::INDEX_FAILED,
            Self::IndexTooLarge { .. } => reasons::INDEX_TOO_LARGE,
            Self::HostileToken => reasons::HOSTILE_TOKEN,
            Self::TooManyEnquiries { .. } => reasons::TOO_MANY_ENQUIRIES,
            Self::Internal => reasons::INTERNAL,
        }
    }
}

impl From<StoreError> for ServiceError {
    fn from(error: StoreError) -> Self {
        const UPLOADS: [&str; 3] = [
            "the number of uploads",
            "the uploads of one site",
            "all uploads together",
        ];
        match error {
            StoreError::DiskFull => Self::DiskFull(error),
            StoreError::Custody(source) => Self::Hsm(source),
            StoreError::OutOfOrder { expected } => Self::OutOfOrder {
                next_sequence: expected,
            },
            StoreError::NotFound { what } => Self::NotFound { what },
            StoreError::Conflict { .. } => Self::Conflict,
            StoreError::Damaged { .. }
            | StoreError::AuditShort { .. }
            | StoreError::RolledBack { .. }
            | StoreError::Token(_) => Self::StoreDamaged(error),
            StoreError::TooLarge { what, .. } if UPLOADS.contains(&what) => {
                Self::UploadQuota(error)
            }
            StoreError::ReadOnly
            | StoreError::Offline
            | StoreError::Io { .. }
            | StoreError::Database { .. }
            | StoreError::DatabaseStopped { .. }
            | StoreError::DataInUse
            | StoreError::NoStore
            | StoreError::OtherScope { .. }
            | StoreError::AlreadyAdmitted
            | StoreError::TooLarge { .. }
            | StoreError::Refused { .. }
            | _ => Self::Store(error),
        }
    }
}
