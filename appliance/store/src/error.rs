//! The one error of this crate. No variant carries a row, a reference or a key.

use std::io;

use keymgmt_custody::CustodyError;
use linker_token::TokenError;

/// Why the store did not do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// No space is left for the data folder. The store is read only until there is.
    #[error("the disk of the data folder is full")]
    DiskFull,
    /// An earlier I/O error made the store read only; it opens itself again.
    #[error("the store is read only after an I/O error and will be opened again")]
    ReadOnly,
    /// The store was opened for reading only.
    #[error("the store was opened for reading only")]
    Offline,
    /// A file operation failed.
    #[error("{what} failed")]
    Io {
        /// The operation, with the file's name inside the data folder.
        what: String,
        /// The system's error.
        #[source]
        source: io::Error,
    },
    /// The embedded database failed.
    #[error("the embedded database failed at {what}")]
    Database {
        /// The operation.
        what: &'static str,
        /// The engine's error.
        #[source]
        source: Box<redb::Error>,
    },
    /// The embedded database's engine stopped in the middle of an operation.
    #[error("the embedded database stopped at {what}; its file may be damaged")]
    DatabaseStopped {
        /// The operation.
        what: &'static str,
    },
    /// A file is not what was written.
    #[error("{what} is damaged: {rule}")]
    Damaged {
        /// The file or row, by its name inside the data folder.
        what: String,
        /// What does not hold.
        rule: &'static str,
    },
    /// The audit log ends before its recorded size.
    #[error("the audit log holds {found} entries, but {recorded} were recorded")]
    AuditShort {
        /// Entries that were durable.
        recorded: u64,
        /// Entries that are there.
        found: u64,
    },
    /// The database is older than the audit log or the last checkpoint.
    #[error("the database is older than {witness}: an older copy was put in its place")]
    RolledBack {
        /// What is newer.
        witness: &'static str,
    },
    /// Another process has the data folder open.
    #[error("another process has the data folder open")]
    DataInUse,
    /// There is no store in the folder.
    #[error("the data folder holds no store")]
    NoStore,
    /// The store belongs to another project, epoch, schema, log or token.
    #[error("the data folder belongs to another {what}")]
    OtherScope {
        /// What differs.
        what: &'static str,
    },
    /// There is no such thing.
    #[error("there is no such {what}")]
    NotFound {
        /// What was looked for.
        what: &'static str,
    },
    /// A name is used a second time for other content.
    #[error("{what} of this name exists already and is different")]
    Conflict {
        /// What exists.
        what: &'static str,
    },
    /// The batch is admitted already; there is nothing to upload.
    #[error("the batch is admitted already")]
    AlreadyAdmitted,
    /// A chunk came out of order.
    #[error("chunk {expected} is next")]
    OutOfOrder {
        /// The chunk that is wanted.
        expected: u32,
    },
    /// A bound of [`crate::limits`] was passed.
    #[error("{what} exceeds its limit of {limit}")]
    TooLarge {
        /// What was too large.
        what: &'static str,
        /// The limit.
        limit: u64,
    },
    /// The request contradicts itself or the store.
    #[error("the request is refused: {rule}")]
    Refused {
        /// The rule that was broken.
        rule: &'static str,
    },
    /// The token did not do its part.
    #[error("the token did not answer as needed")]
    Custody(#[source] CustodyError),
    /// Canonical bytes of a batch or manifest are not canonical.
    #[error("a batch or manifest was refused")]
    Token(#[source] TokenError),
}

impl StoreError {
    /// Stable code for callers and alarms.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::DiskFull => "DISK_FULL",
            Self::ReadOnly => "READ_ONLY",
            Self::Offline => "OFFLINE",
            Self::Io { .. } => "IO",
            Self::Database { .. } | Self::DatabaseStopped { .. } => "DATABASE",
            Self::Damaged { .. } => "DAMAGED",
            Self::AuditShort { .. } => "AUDIT_SHORT",
            Self::RolledBack { .. } => "ROLLED_BACK",
            Self::DataInUse => "DATA_IN_USE",
            Self::NoStore => "NO_STORE",
            Self::OtherScope { .. } => "OTHER_SCOPE",
            Self::NotFound { .. } => "NOT_FOUND",
            Self::Conflict { .. } => "CONFLICT",
            Self::AlreadyAdmitted => "ALREADY_ADMITTED",
            Self::OutOfOrder { .. } => "OUT_OF_ORDER",
            Self::TooLarge { .. } => "TOO_LARGE",
            Self::Refused { .. } => "REFUSED",
            Self::Custody(error) => error.code(),
            Self::Token(_) => "BAD_BATCH",
        }
    }

    /// Sorts an I/O error: a full disk, a quota and a file size limit are one thing to the operator.
    pub(crate) fn io(what: impl Into<String>, source: io::Error) -> Self {
        if is_full(&source) {
            Self::DiskFull
        } else {
            Self::Io {
                what: what.into(),
                source,
            }
        }
    }

    /// Sorts an error of the database engine.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the engine's errors are non-exhaustive; those not named here differ only for people"
    )]
    pub(crate) fn database(what: &'static str, error: impl Into<redb::Error>) -> Self {
        match error.into() {
            redb::Error::Io(source) if is_full(&source) => Self::DiskFull,
            redb::Error::DatabaseAlreadyOpen => Self::DataInUse,
            redb::Error::Corrupted(_) => Self::damaged("store.redb", "its checksums do not hold"),
            source => Self::Database {
                what,
                source: Box::new(source),
            },
        }
    }

    pub(crate) fn damaged(what: impl Into<String>, rule: &'static str) -> Self {
        Self::Damaged {
            what: what.into(),
            rule,
        }
    }

    /// Whether the store must not write again before it was opened anew.
    pub(crate) fn is_fault(&self) -> bool {
        matches!(
            self,
            Self::DiskFull | Self::Io { .. } | Self::Database { .. } | Self::DatabaseStopped { .. }
        )
    }
}

impl From<CustodyError> for StoreError {
    fn from(error: CustodyError) -> Self {
        Self::Custody(error)
    }
}

impl From<TokenError> for StoreError {
    fn from(error: TokenError) -> Self {
        Self::Token(error)
    }
}

fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge
    )
}
