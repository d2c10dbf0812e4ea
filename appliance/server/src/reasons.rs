//! Reason codes: what a refusal is called, what kind it is, and what the caller can do.
//!
//! Codes are a promise to clients: they are added, never renamed.

/// One row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reason {
    /// The stable code.
    pub code: &'static str,
    /// What kind of answer it is.
    pub class: Class,
    /// What the caller can do.
    pub advice: &'static str,
}

/// Kinds of answers, each one status code on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// The caller may not.
    Denied,
    /// Not there.
    NotFound,
    /// The request is wrong whatever the state.
    Invalid,
    /// The state does not allow it; a repeat does not help.
    State,
    /// A repeat from the right place helps.
    Again,
    /// A bound was passed.
    TooLarge,
    /// No room or too much at once.
    Exhausted,
    /// The name is taken.
    Exists,
    /// Too late.
    Late,
    /// Try again later.
    Unavailable,
    /// A fault of ours.
    Internal,
}

impl Class {
    /// Whether the operator has something to do.
    #[must_use]
    pub fn is_ours(self) -> bool {
        matches!(self, Self::Internal | Self::Unavailable | Self::Exhausted)
    }
}

const fn reason(code: &'static str, class: Class, advice: &'static str) -> Reason {
    Reason {
        code,
        class,
        advice,
    }
}

pub(crate) const NOT_PERMITTED: Reason = reason(
    "NOT_PERMITTED",
    Class::Denied,
    "ask the operator to enter this certificate's URI with the role it needs",
);
pub(crate) const FOREIGN_SITE: Reason = reason(
    "FOREIGN_SITE",
    Class::Denied,
    "send the batch with the certificate of the site that made it",
);
pub(crate) const NOT_FOUND: Reason = reason(
    "NOT_FOUND",
    Class::NotFound,
    "check the ID; things of other callers are not shown",
);
pub(crate) const MALFORMED: Reason = reason(
    "MALFORMED",
    Class::Invalid,
    "update the client; it does not follow linkage.v1",
);
pub(crate) const WRONG_PROJECT: Reason = reason(
    "WRONG_PROJECT",
    Class::State,
    "use the key package of the project that GetPolicy names",
);
pub(crate) const WRONG_EPOCH: Reason = reason(
    "WRONG_EPOCH",
    Class::State,
    "fetch the key package of the epoch that GetPolicy names and encode again",
);
pub(crate) const WRONG_SCHEMA: Reason = reason(
    "WRONG_SCHEMA",
    Class::State,
    "use the schema whose digest GetPolicy names and encode again",
);
pub(crate) const WRONG_SECRET: Reason = reason(
    "WRONG_SECRET",
    Class::State,
    "accept the current key package and encode again",
);
pub(crate) const NOT_ENROLLED: Reason = reason(
    "NOT_ENROLLED",
    Class::State,
    "return the key package's receipt to the custodians",
);
pub(crate) const ENROLMENT_EXPIRED: Reason = reason(
    "ENROLMENT_EXPIRED",
    Class::State,
    "ask the custodians to enrol the site again",
);
pub(crate) const SITE_REVOKED: Reason = reason(
    "SITE_REVOKED",
    Class::Denied,
    "stop sending and call the custodians, who revoked this site; it comes back with new keys only",
);
pub(crate) const OLD_ENROLMENT: Reason = reason(
    "OLD_ENROLMENT",
    Class::State,
    "deploy the newest enrolment of the custodians, and ask how an older one came here",
);
pub(crate) const OTHER_EPOCH: Reason = reason(
    "OTHER_EPOCH",
    Class::State,
    "configure the epochs in their order: the older one in [linkage], the newer one in [next]",
);
pub(crate) const SITES_MISSING: Reason = reason(
    "SITES_MISSING",
    Class::State,
    "wait for these sites, or name each of them with --without; what they send later still counts",
);
pub(crate) const BAD_SIGNATURE: Reason = reason(
    "BAD_SIGNATURE",
    Class::Invalid,
    "sign with the key that was enrolled",
);
pub(crate) const CORRUPT_CHUNK: Reason = reason(
    "CORRUPT_CHUNK",
    Class::Invalid,
    "send the batch again from its first chunk",
);
pub(crate) const OUT_OF_ORDER: Reason = reason(
    "OUT_OF_ORDER",
    Class::Again,
    "ask GetUploadState and go on from there",
);
pub(crate) const INCOMPLETE: Reason = reason(
    "INCOMPLETE",
    Class::Again,
    "ask GetUploadState and go on from there",
);
pub(crate) const TOO_LARGE: Reason = reason(
    "TOO_LARGE",
    Class::TooLarge,
    "stay below the limit that is named: send smaller batches, or ask the operator",
);
pub(crate) const BUSY: Reason = reason("BUSY", Class::Exhausted, "wait and try again");
pub(crate) const CONFLICT: Reason = reason("CONFLICT", Class::Exists, "choose a new request ID");
pub(crate) const NOTHING_TO_LINK: Reason = reason(
    "NOTHING_TO_LINK",
    Class::State,
    "wait until the sites have uploaded",
);
pub(crate) const RUN_NOT_RELEASED: Reason = reason(
    "RUN_NOT_RELEASED",
    Class::State,
    "name a run that ended well",
);
pub(crate) const RUN_FAILED: Reason = reason(
    "RUN_FAILED",
    Class::Internal,
    "read the service's log, correct the cause and start another run",
);
pub(crate) const RUN_TOO_LARGE: Reason = reason(
    "RUN_TOO_LARGE",
    Class::Exhausted,
    "raise service.memory_gib, or add memory, and start another run",
);
pub(crate) const SCRATCH_FULL: Reason = reason(
    "SCRATCH_FULL",
    Class::Exhausted,
    "make room on the disk of service.scratch, about 150 bytes a row, and start another run",
);
pub(crate) const TIMED_OUT: Reason = reason(
    "TIMED_OUT",
    Class::Late,
    "try again; uploads go on where they stopped",
);
pub(crate) const NOT_READY: Reason = reason(
    "NOT_READY",
    Class::Unavailable,
    "wait until /ready answers 200",
);
pub(crate) const STOPPING: Reason = reason(
    "STOPPING",
    Class::Unavailable,
    "try again when the service is back",
);
pub(crate) const HSM_UNAVAILABLE: Reason = reason(
    "HSM_UNAVAILABLE",
    Class::Unavailable,
    "try again; the operator must look after the HSM",
);
pub(crate) const DISK_FULL: Reason = reason(
    "DISK_FULL",
    Class::Exhausted,
    "try again; the operator must make room",
);
pub(crate) const UPLOAD_QUOTA: Reason = reason(
    "UPLOAD_QUOTA",
    Class::Exhausted,
    "finish or abandon other uploads and try again",
);
pub(crate) const STORE_UNAVAILABLE: Reason = reason(
    "STORE_UNAVAILABLE",
    Class::Unavailable,
    "try again; the operator must read the service's log",
);
pub(crate) const DAMAGED: Reason = reason(
    "DAMAGED",
    Class::Internal,
    "the operator must run `appliance audit verify` and restore",
);
pub(crate) const INTERNAL: Reason = reason(
    "INTERNAL",
    Class::Internal,
    "try again; the operator must read the service's log",
);

pub(crate) const NO_RUN: Reason = reason(
    "NO_RUN",
    Class::State,
    "wait until the operator has started a run and it has ended well",
);
pub(crate) const INDEX_BUILDING: Reason = reason(
    "INDEX_BUILDING",
    Class::Unavailable,
    "try again in a minute: the look-up index of the newest run is being built",
);
pub(crate) const INDEX_FAILED: Reason = reason(
    "INDEX_FAILED",
    Class::Unavailable,
    "try again in a minute; if it stays, the operator must read the service's log",
);
pub(crate) const INDEX_TOO_LARGE: Reason = reason(
    "INDEX_TOO_LARGE",
    Class::State,
    "the operator must raise service.memory_gib, of which the look-up index has at most half",
);
pub(crate) const HOSTILE_TOKEN: Reason = reason(
    "HOSTILE_TOKEN",
    Class::Invalid,
    "encode with an unchanged tokenizer: no honest one makes such a row",
);
pub(crate) const TOO_MANY_ENQUIRIES: Reason = reason(
    "TOO_MANY_ENQUIRIES",
    Class::Exhausted,
    "wait as long as the answer says, then ask again",
);

/// Every reason, in the order of the table.
pub const ALL: [Reason; 41] = [
    NOT_PERMITTED,
    FOREIGN_SITE,
    NOT_FOUND,
    MALFORMED,
    WRONG_PROJECT,
    WRONG_EPOCH,
    WRONG_SCHEMA,
    WRONG_SECRET,
    NOT_ENROLLED,
    ENROLMENT_EXPIRED,
    BAD_SIGNATURE,
    CORRUPT_CHUNK,
    OUT_OF_ORDER,
    INCOMPLETE,
    TOO_LARGE,
    BUSY,
    CONFLICT,
    NOTHING_TO_LINK,
    RUN_NOT_RELEASED,
    RUN_FAILED,
    RUN_TOO_LARGE,
    SCRATCH_FULL,
    TIMED_OUT,
    NOT_READY,
    STOPPING,
    HSM_UNAVAILABLE,
    DISK_FULL,
    UPLOAD_QUOTA,
    STORE_UNAVAILABLE,
    DAMAGED,
    INTERNAL,
    NO_RUN,
    INDEX_BUILDING,
    INDEX_FAILED,
    INDEX_TOO_LARGE,
    HOSTILE_TOKEN,
    TOO_MANY_ENQUIRIES,
    SITE_REVOKED,
    OLD_ENROLMENT,
    OTHER_EPOCH,
    SITES_MISSING,
];
