//! The one error of this crate. Its texts live in [`crate::messages`].

use std::{error::Error, fmt, io};

use crate::messages;

/// What can go wrong, one variant per code that people and scripts see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// The configuration file cannot be read.
    ConfigUnreadable,
    /// The configuration file does not parse, or has an unknown key.
    ConfigSyntax,
    /// A configured value breaks a rule.
    ConfigValue,
    /// A file that the configuration names cannot be read.
    FileUnreadable,
    /// A certificate or its key does not parse, or the two do not belong together.
    CertificateUnreadable,
    /// The column mapping is not usable.
    MappingRefused,
    /// There are no site keys yet.
    NotInitialised,
    /// There is no key package yet.
    NoPackage,
    /// The site keys in the state folder are damaged.
    KeysDamaged,
    /// The key package is not for this site, not signed by the custodians, or damaged.
    PackageRefused,
    /// The key package is for a schema that this version does not know.
    SchemaUnknown,
    /// Another agent works in the state folder.
    StateBusy,
    /// The state folder cannot be read or written.
    StateIo,
    /// The disk of the state folder is full.
    DiskFull,
    /// A file in the state folder is damaged.
    StateDamaged,
    /// The source path does not exist.
    SourceMissing,
    /// The source has no file or no usable record.
    SourceEmpty,
    /// A source file cannot be read.
    SourceIo,
    /// A source file or folder is too large.
    SourceTooLarge,
    /// A source file's character encoding is unknown or contradicts itself.
    EncodingUnknown,
    /// A source file ends too early.
    FileTruncated,
    /// A column that the mapping names is missing, or holds something else.
    ColumnWrong,
    /// A column holds individual numbers that must not be processed.
    MyNumberColumn,
    /// A source file breaks another rule of its format.
    FileRefused,
    /// Too many rows were refused.
    RowsRefused,
    /// A field cannot be read in most records.
    FieldUnreadable,
    /// The source changed while it was read.
    SourceChanged,
    /// The agent's certificate has expired.
    CertificateExpired,
    /// The agent's certificate is not valid yet.
    CertificateEarly,
    /// The agent's certificate names another site.
    CertificateOtherSite,
    /// The appliance refused the agent's certificate.
    CertificateRefused,
    /// The appliance's certificate is not the one expected.
    ServerUntrusted,
    /// No common TLS version or key exchange.
    TlsRefused,
    /// The appliance does not answer.
    Unreachable,
    /// The appliance answers that it cannot work now.
    Unavailable,
    /// The appliance refused a request.
    RemoteRefused,
    /// The appliance does not permit this.
    RemoteForbidden,
    /// The appliance failed.
    RemoteFailed,
    /// The appliance serves another project.
    WrongProject,
    /// The appliance is in another key epoch.
    WrongEpoch,
    /// The appliance uses another schema.
    WrongSchema,
    /// The appliance's ingest key is not the one in the key package.
    WrongIngestKey,
    /// The appliance's bounds are too small for this agent.
    PolicyBounds,
    /// A receipt is for another batch, or its counts do not add up.
    ReceiptOther,
    /// A receipt's inclusion proof does not hold.
    ReceiptProof,
    /// A receipt's checkpoint is not signed by the pinned audit key.
    ReceiptSignature,
    /// The audit log is shorter than it was.
    CheckpointShrank,
    /// The audit log has another past than before.
    CheckpointForked,
    /// Something that cannot happen.
    Internal,
}

/// A fault with its place and cause.
#[derive(Debug)]
pub struct AgentError {
    fault: Fault,
    what: Option<&'static str>,
    detail: String,
    advice: Option<String>,
    reason: Option<String>,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl AgentError {
    /// A fault with what is known about it: a path, a key of the configuration, a rule. Never a value
    /// of a record.
    #[must_use]
    pub fn new(fault: Fault, detail: impl Into<String>) -> Self {
        Self {
            fault,
            what: None,
            detail: detail.into(),
            advice: None,
            reason: None,
            source: None,
        }
    }

    /// The same with the error behind it, which only the chain prints.
    #[must_use]
    pub fn because(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// The same with more exact words for what happened than the table's.
    #[must_use]
    pub fn worded(mut self, what: &'static str) -> Self {
        self.what = Some(what);
        self
    }

    /// The same with better advice than the table's.
    #[must_use]
    pub fn advise(mut self, advice: String) -> Self {
        self.advice = Some(advice);
        self
    }

    /// The same with the appliance's own reason code.
    #[must_use]
    pub fn with_reason(mut self, reason: &str) -> Self {
        self.reason = Some(reason.to_owned());
        self
    }

    /// The appliance's own reason code, if it gave one.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        self.reason.as_deref()
    }

    /// An error of the state folder: a full disk is told apart from the rest.
    #[must_use]
    pub fn state(detail: impl Into<String>, error: io::Error) -> Self {
        Self::new(state_fault(error.kind()), detail).because(error)
    }

    /// Which fault.
    #[must_use]
    pub fn fault(&self) -> Fault {
        self.fault
    }

    /// The stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        messages::message(self.fault).code
    }

    /// The exit code of the process.
    #[must_use]
    pub fn exit(&self) -> u8 {
        messages::message(self.fault).exit
    }

    /// What to do.
    #[must_use]
    pub fn advice(&self) -> &str {
        self.advice
            .as_deref()
            .unwrap_or(messages::message(self.fault).advice)
    }
}

fn state_fault(kind: io::ErrorKind) -> Fault {
    if matches!(
        kind,
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge
    ) {
        Fault::DiskFull
    } else {
        Fault::StateIo
    }
}

impl fmt::Display for AgentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.what.unwrap_or(messages::message(self.fault).what))?;
        if self.detail.is_empty() {
            return Ok(());
        }
        write!(f, ": {}", self.detail)
    }
}

impl Error for AgentError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source
            .as_deref()
            .map(|source| source as &(dyn Error + 'static))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_told_apart() {
        let full = AgentError::state("outbox", io::Error::from_raw_os_error(28));
        assert_eq!((full.fault(), full.exit()), (Fault::DiskFull, 74));
        let other = AgentError::state("outbox", io::Error::from_raw_os_error(5));
        assert_eq!((other.fault(), other.exit()), (Fault::StateIo, 74));
    }

    #[test]
    fn display_leaves_the_cause_to_the_chain() {
        let error = AgentError::new(Fault::FileUnreadable, "keys.custody_key")
            .because(io::Error::other("secret cause"));
        assert!(!error.to_string().contains("secret cause"));
        assert!(error.source().is_some());
    }
}
