//! The one error of this crate. Its texts live in [`crate::messages`].

use std::{error::Error, fmt, io};

use crate::{
    language::Language,
    messages, say,
    say::{Say, Value},
};

/// What can go wrong, one variant per code that people and scripts see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// The configuration file cannot be read.
    ConfigUnreadable,
    /// The configuration file does not parse, or has an unknown key.
    ConfigSyntax,
    /// A configured value breaks a rule.
    ConfigValue,
    /// Values that `init` could not know are still missing.
    ConfigUnfinished,
    /// A file that the configuration names cannot be read.
    FileUnreadable,
    /// A certificate or its key does not parse, or the two do not belong together.
    CertificateUnreadable,
    /// The column mapping is not usable.
    MappingRefused,
    /// No format is recognised.
    FormatUnknown,
    /// A file would be overwritten.
    FileExists,
    /// There are no site keys yet.
    NotInitialised,
    /// There is no key package yet.
    NoPackage,
    /// The site keys in the state folder are damaged.
    KeysDamaged,
    /// The site's PKCS#11 token does not do its part.
    TokenFailed,
    /// The key package is not for this site, not signed by the custodians, or damaged.
    PackageRefused,
    /// The custodians' challenge is not to this site's request, or damaged.
    ChallengeRefused,
    /// The key of an epoch is still needed.
    KeyInUse,
    /// The key package is for a schema that this version does not know.
    SchemaUnknown,
    /// Another agent works in the state folder.
    StateBusy,
    /// The state folder cannot be read or written.
    StateIo,
    /// The disk of the state folder is full.
    DiskFull,
    /// As many sealed batches wait as the configuration allows.
    SpoolFull,
    /// A file in the state folder is damaged.
    StateDamaged,
    /// The linkage table has no such reference.
    ReferenceUnknown,
    /// A file that was asked for cannot be written.
    OutputUnusable,
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
    /// The source should not be sent as it is.
    NotReady,
    /// A report cannot be written where it is wanted.
    ReportUnwritable,
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
    /// The site's proxy does not open a tunnel.
    ProxyRefused,
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
    /// The custodians have revoked this site.
    SiteRevoked,
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
    /// Identifiers were given as arguments.
    EnquiryInArguments,
    /// There is no terminal to ask at.
    NoTerminal,
    /// A front end's object is not one.
    EnquiryMalformed,
    /// A typed value cannot be read.
    EnquiryUnreadable,
    /// Too little was typed for an answer.
    EnquiryTooThin,
    /// Something that cannot happen.
    Internal,
}

/// A fault with its place and cause.
#[derive(Debug)]
pub struct AgentError {
    fault: Fault,
    what: Option<Box<Say>>,
    detail: Value,
    advice: Option<Box<Value>>,
    reason: Option<String>,
    #[expect(
        clippy::box_collection,
        reason = "a report is rare, and errors that are handed up everywhere must stay small"
    )]
    output: Option<Box<String>>,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl AgentError {
    /// A fault with what is known about it: a path, a key of the configuration, a rule. Never a value
    /// of a record.
    #[must_use]
    pub fn new(fault: Fault, detail: impl Into<Value>) -> Self {
        Self {
            fault,
            what: None,
            detail: detail.into(),
            advice: None,
            reason: None,
            output: None,
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
    pub fn worded(mut self, what: Say) -> Self {
        self.what = Some(Box::new(what));
        self
    }

    /// The same with better advice than the table's.
    #[must_use]
    pub fn advise(mut self, advice: impl Into<Value>) -> Self {
        self.advice = Some(Box::new(advice.into()));
        self
    }

    /// The same with the appliance's own reason code.
    #[must_use]
    pub fn with_reason(mut self, reason: &str) -> Self {
        self.reason = Some(reason.to_owned());
        self
    }

    /// The same with what goes to standard output in its place: a report that ends in a refusal.
    #[must_use]
    pub fn with_output(mut self, output: String) -> Self {
        self.output = Some(Box::new(output));
        self
    }

    /// What goes to standard output, if there is anything.
    #[must_use]
    pub fn output(&self) -> Option<&str> {
        self.output.as_deref().map(String::as_str)
    }

    /// The appliance's own reason code, if it gave one.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        self.reason.as_deref()
    }

    /// An error of the state folder: a full disk is told apart from the rest.
    #[must_use]
    pub fn state(detail: impl Into<Value>, error: io::Error) -> Self {
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
    pub fn advice(&self) -> Value {
        let table = || Value::Text(&messages::message(self.fault).advice);
        self.advice.as_deref().cloned().unwrap_or_else(table)
    }

    /// What happened, with its place.
    #[must_use]
    pub fn said(&self) -> Value {
        let table = Value::Text(&messages::message(self.fault).what);
        let what = self.what.clone().map_or(table, Value::Said);
        if self.detail.is_empty() {
            return what;
        }
        say!(
            "{what}: {detail}",
            what = what,
            detail = self.detail.clone()
        )
        .into()
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

/// English, for logs and tests.
impl fmt::Display for AgentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.said().to(Language::En))
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
