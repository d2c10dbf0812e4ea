//! Every text that people read in an error, in one table, so that another language can stand beside it.

use std::{error::Error, fmt::Write as _};

use crate::error::{AgentError, Fault};

/// What a person or a script sees of one fault.
#[derive(Debug, Clone, Copy)]
pub struct Message {
    /// Which fault.
    pub fault: Fault,
    /// Stable code, for scripts and for the telephone.
    pub code: &'static str,
    /// Exit code of the process.
    pub exit: u8,
    /// What happened.
    pub what: &'static str,
    /// What to do.
    pub advice: &'static str,
}

/// The row of the table for one fault.
///
/// # Panics
/// Never: a test compares the table with the faults.
#[must_use]
pub fn message(fault: Fault) -> &'static Message {
    TABLE
        .iter()
        .find(|row| row.fault == fault)
        .expect("every fault has a row; a test holds it")
}

/// An error as the command line prints it: code, what happened, what to try, then the causes.
#[must_use]
pub fn render(error: &AgentError) -> String {
    let mut out = format!(
        "error [{}]: {}\n  try: {}\n",
        error.code(),
        clean(&error.to_string()),
        clean(error.advice())
    );
    let mut cause = error.source();
    while let Some(inner) = cause {
        let _infallible = writeln!(out, "  because: {}", clean(&inner.to_string()));
        cause = inner.source();
    }
    out
}

/// An error as `--json` prints it: one object, the same facts.
#[must_use]
pub fn render_json(error: &AgentError) -> String {
    let object = serde_json::json!({
        "result": "error",
        "code": error.code(),
        "message": clean(&error.to_string()),
        "advice": clean(error.advice()),
        "exit": error.exit(),
    });
    format!("{object}\n")
}

/// A number with its noun, in the singular or the plural.
#[must_use]
pub fn count(number: u64, one: &str, many: &str) -> String {
    let noun = if number == 1 { one } else { many };
    format!("{number} {noun}")
}

/// Text that cannot move the cursor or start a new line of the log.
#[must_use]
pub fn clean(text: &str) -> String {
    text.trim_end()
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

/// The table. Order as in [`Fault`].
pub const TABLE: &[Message] = &[
    Message {
        fault: Fault::ConfigUnreadable,
        code: "CONFIG_UNREADABLE",
        exit: 64,
        what: "the configuration file cannot be read",
        advice: "check the path after --config and the file's permissions",
    },
    Message {
        fault: Fault::ConfigSyntax,
        code: "CONFIG_SYNTAX",
        exit: 64,
        what: "the configuration file does not parse",
        advice: "compare it with the shipped sample linker/agent/samples/tokenizer.toml",
    },
    Message {
        fault: Fault::ConfigValue,
        code: "CONFIG_VALUE",
        exit: 64,
        what: "a configured value is not usable",
        advice: "compare the key with the shipped sample linker/agent/samples/tokenizer.toml",
    },
    Message {
        fault: Fault::FileUnreadable,
        code: "FILE_UNREADABLE",
        exit: 64,
        what: "a file that the configuration names cannot be read",
        advice: "check the path; relative paths start at the folder of the configuration file",
    },
    Message {
        fault: Fault::CertificateUnreadable,
        code: "CERTIFICATE_UNREADABLE",
        exit: 64,
        what: "a certificate or its key is not usable",
        advice: "give PEM files: the chain in `certificate`, its private key in `key`, the appliance's issuer in `ca`",
    },
    Message {
        fault: Fault::MappingRefused,
        code: "MAPPING_REFUSED",
        exit: 64,
        what: "the column mapping is not usable",
        advice: "compare it with the shipped sample linker/agent/samples/town.toml",
    },
    Message {
        fault: Fault::NotInitialised,
        code: "NOT_INITIALISED",
        exit: 64,
        what: "this site has no keys yet",
        advice: "run `tokenizer init`, then send request.note to the custodians",
    },
    Message {
        fault: Fault::NoPackage,
        code: "NO_PACKAGE",
        exit: 64,
        what: "this site has no key package yet",
        advice: "run `tokenizer accept` with the package from the custodians",
    },
    Message {
        fault: Fault::KeysDamaged,
        code: "KEYS_DAMAGED",
        exit: 74,
        what: "the site's keys are damaged",
        advice: "restore the folder keys from its backup; new keys need a new enrolment",
    },
    Message {
        fault: Fault::PackageRefused,
        code: "PACKAGE_REFUSED",
        exit: 1,
        what: "the key package is refused",
        advice: "ask the custodians for a package issued to this site's present request, and check keys.custody_key",
    },
    Message {
        fault: Fault::SchemaUnknown,
        code: "SCHEMA_UNKNOWN",
        exit: 1,
        what: "the key package is for a schema that this version does not know",
        advice: "install the version of the tokenizer that the custodians name",
    },
    Message {
        fault: Fault::StateBusy,
        code: "STATE_BUSY",
        exit: 75,
        what: "another tokenizer works in this state folder",
        advice: "wait until it ends; two at a time would send twice",
    },
    Message {
        fault: Fault::StateIo,
        code: "STATE_IO",
        exit: 74,
        what: "the state folder cannot be read or written",
        advice: "check site.state: it must be a folder of this user on a local disk",
    },
    Message {
        fault: Fault::DiskFull,
        code: "DISK_FULL",
        exit: 74,
        what: "the disk of the state folder is full",
        advice: "free some space and run again; nothing is lost and nothing is sent twice",
    },
    Message {
        fault: Fault::StateDamaged,
        code: "STATE_DAMAGED",
        exit: 74,
        what: "a file in the state folder is damaged",
        advice: "move the named file away and run again; the source is read anew",
    },
    Message {
        fault: Fault::SourceMissing,
        code: "SOURCE_MISSING",
        exit: 65,
        what: "the source does not exist",
        advice: "check source.path; a network drive may not be mounted",
    },
    Message {
        fault: Fault::SourceEmpty,
        code: "SOURCE_EMPTY",
        exit: 65,
        what: "the source has no usable record",
        advice: "check source.path and source.format",
    },
    Message {
        fault: Fault::SourceIo,
        code: "SOURCE_IO",
        exit: 74,
        what: "the source cannot be read",
        advice: "check the permissions and the disk of the source",
    },
    Message {
        fault: Fault::SourceTooLarge,
        code: "SOURCE_TOO_LARGE",
        exit: 65,
        what: "the source is larger than this version reads",
        advice: "split the extract into several files in one folder",
    },
    Message {
        fault: Fault::EncodingUnknown,
        code: "ENCODING_UNKNOWN",
        exit: 65,
        what: "a file's character encoding is not what was expected",
        advice: "set source.encoding (it stands above the mapping), or export the file again as CP932 or UTF-8",
    },
    Message {
        fault: Fault::FileTruncated,
        code: "FILE_TRUNCATED",
        exit: 65,
        what: "a file ends too early",
        advice: "copy or export the file again; nothing of this run was sent",
    },
    Message {
        fault: Fault::ColumnWrong,
        code: "COLUMN_WRONG",
        exit: 65,
        what: "a column is missing or holds something else",
        advice: "compare the mapping with the file's header line",
    },
    Message {
        fault: Fault::MyNumberColumn,
        code: "MY_NUMBER_COLUMN",
        exit: 65,
        what: "a column holds numbers that must not be processed (My Number, residence card)",
        advice: "export the file again without that column; nothing of this run was sent",
    },
    Message {
        fault: Fault::FileRefused,
        code: "FILE_REFUSED",
        exit: 65,
        what: "a file breaks a rule of its format",
        advice: "look at the file at the named place, correct the export, and run again",
    },
    Message {
        fault: Fault::RowsRefused,
        code: "ROWS_REFUSED",
        exit: 65,
        what: "too many rows were refused",
        advice: "see problems.csv in the state folder for files and rows; mostly the mapping names a wrong column",
    },
    Message {
        fault: Fault::FieldUnreadable,
        code: "FIELD_UNREADABLE",
        exit: 65,
        what: "a field cannot be read in most records",
        advice: "check the column of that field in the mapping with `tokenizer inspect`; nothing of this source was sent",
    },
    Message {
        fault: Fault::SourceChanged,
        code: "SOURCE_CHANGED",
        exit: 75,
        what: "the source changed while it was read",
        advice: "run again when the export has ended",
    },
    Message {
        fault: Fault::CertificateExpired,
        code: "CERTIFICATE_EXPIRED",
        exit: 77,
        what: "this agent's certificate has expired",
        advice: "renew the certificate, and check the clock of this machine",
    },
    Message {
        fault: Fault::CertificateEarly,
        code: "CERTIFICATE_EARLY",
        exit: 77,
        what: "this agent's certificate is not valid yet",
        advice: "check the clock of this machine",
    },
    Message {
        fault: Fault::CertificateOtherSite,
        code: "CERTIFICATE_OTHER_SITE",
        exit: 77,
        what: "this agent's certificate names another site",
        advice: "use the certificate of this site, or correct site.name",
    },
    Message {
        fault: Fault::CertificateRefused,
        code: "CERTIFICATE_REFUSED",
        exit: 77,
        what: "the appliance refused this agent's certificate",
        advice: "ask the operator whether the certificate is enrolled, and not revoked",
    },
    Message {
        fault: Fault::ServerUntrusted,
        code: "SERVER_UNTRUSTED",
        exit: 77,
        what: "the appliance's certificate is not the one expected",
        advice: "check appliance.ca and appliance.server_name; if they are right, somebody stands in between: tell the operator",
    },
    Message {
        fault: Fault::TlsRefused,
        code: "TLS_REFUSED",
        exit: 69,
        what: "no secure connection can be agreed",
        advice: "the appliance speaks TLS 1.3 only; ask the operator whether a proxy stands in between",
    },
    Message {
        fault: Fault::Unreachable,
        code: "UNREACHABLE",
        exit: 75,
        what: "the appliance does not answer",
        advice: "check appliance.address and the network, then run again; what is sealed is kept",
    },
    Message {
        fault: Fault::Unavailable,
        code: "UNAVAILABLE",
        exit: 75,
        what: "the appliance cannot work now",
        advice: "run again later; what is sealed is kept",
    },
    Message {
        fault: Fault::RemoteRefused,
        code: "REMOTE_REFUSED",
        exit: 1,
        what: "the appliance refused the request",
        advice: "ask the operator of the appliance and name the code",
    },
    Message {
        fault: Fault::RemoteForbidden,
        code: "REMOTE_FORBIDDEN",
        exit: 77,
        what: "the appliance does not permit this",
        advice: "ask the operator whether this site is enrolled in the project",
    },
    Message {
        fault: Fault::RemoteFailed,
        code: "REMOTE_FAILED",
        exit: 69,
        what: "the appliance failed",
        advice: "run again later; if it stays, tell the operator",
    },
    Message {
        fault: Fault::WrongProject,
        code: "WRONG_PROJECT",
        exit: 1,
        what: "the appliance serves another project than the key package",
        advice: "check appliance.address, or accept the package of that project",
    },
    Message {
        fault: Fault::WrongEpoch,
        code: "WRONG_EPOCH",
        exit: 1,
        what: "the appliance is in another key epoch than the key package",
        advice: "run `tokenizer accept` with the package of the present epoch",
    },
    Message {
        fault: Fault::WrongSchema,
        code: "WRONG_SCHEMA",
        exit: 1,
        what: "the appliance uses another schema than the key package",
        advice: "ask the custodians which schema is in force, and accept its package",
    },
    Message {
        fault: Fault::WrongIngestKey,
        code: "WRONG_INGEST_KEY",
        exit: 1,
        what: "the appliance's ingest key is not the one in the key package",
        advice: "do not send anything; tell the custodians",
    },
    Message {
        fault: Fault::PolicyBounds,
        code: "POLICY_BOUNDS",
        exit: 1,
        what: "the appliance's bounds are too small for this agent",
        advice: "install the version of the tokenizer that belongs to the appliance",
    },
    Message {
        fault: Fault::ReceiptOther,
        code: "RECEIPT_OTHER",
        exit: 1,
        what: "a receipt is not for the batch that was sent",
        advice: "keep the named receipt and tell the auditor",
    },
    Message {
        fault: Fault::ReceiptProof,
        code: "RECEIPT_PROOF",
        exit: 1,
        what: "a receipt's inclusion proof does not hold",
        advice: "keep the named receipt and tell the auditor",
    },
    Message {
        fault: Fault::ReceiptSignature,
        code: "RECEIPT_SIGNATURE",
        exit: 1,
        what: "a receipt's checkpoint is not signed by the audit key of the key package",
        advice: "keep the named receipt and tell the auditor",
    },
    Message {
        fault: Fault::CheckpointShrank,
        code: "CHECKPOINT_SHRANK",
        exit: 1,
        what: "the appliance's audit log is shorter than it was",
        advice: "keep the named receipt and tell the auditor: the log was rolled back",
    },
    Message {
        fault: Fault::CheckpointForked,
        code: "CHECKPOINT_FORKED",
        exit: 1,
        what: "the appliance's audit log has another past than before",
        advice: "keep the named receipt and tell the auditor: the log was rewritten",
    },
    Message {
        fault: Fault::Internal,
        code: "INTERNAL",
        exit: 69,
        what: "the tokenizer failed inside",
        advice: "report it with the code and the version",
    },
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_table_is_whole() {
        let codes: BTreeSet<_> = TABLE.iter().map(|row| row.code).collect();
        assert_eq!(codes.len(), TABLE.len(), "codes differ");
        assert!(TABLE.windows(2).all(|pair| pair[0].fault < pair[1].fault));
        assert_eq!(TABLE.len(), Fault::Internal as usize + 1);
        let exits = [1, 64, 65, 69, 74, 75, 77];
        assert!(TABLE.iter().all(|row| exits.contains(&row.exit)));
    }

    #[test]
    fn one_is_singular() {
        let batches = |number| count(number, "batch", "batches");
        assert_eq!(
            [0, 1, 2].map(batches),
            ["0 batches", "1 batch", "2 batches"]
        );
    }

    #[test]
    fn control_characters_do_not_reach_the_terminal() {
        let error = AgentError::new(Fault::RemoteRefused, "a\u{1b}[2Jb\nc");
        let text = render(&error);
        assert!(text.starts_with("error [REMOTE_REFUSED]: "));
        assert_eq!(text.lines().count(), 2);
        assert!(!text.contains('\u{1b}'));
    }
}
