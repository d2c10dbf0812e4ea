//! The one error of ceremonies. No variant carries a PIN, a share or key bytes.

use std::{io, path::PathBuf};

use keymgmt_custody::CustodyError;

use crate::print::words::WordsError;

/// Why a ceremony stopped.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CeremonyError {
    #[error("{file} is not usable: {rule}")]
    Config { file: &'static str, rule: String },
    #[error("cannot {operation} {}", path.display())]
    File {
        operation: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    #[error("{} exists already", path.display())]
    Exists { path: PathBuf },
    #[error("{} is larger than {limit} bytes", path.display())]
    TooLarge { path: PathBuf, limit: u64 },
    #[error("no quorum: {rule}")]
    NoQuorum { rule: &'static str },
    #[error("the request of site {site} is not usable: {rule}")]
    Request { site: String, rule: &'static str },
    #[error("the answer of site {site} to the challenge is not right: {rule}")]
    Answer { site: String, rule: &'static str },
    #[error("the receipt of site {site} is not right: {rule}")]
    Receipt { site: String, rule: &'static str },
    #[error("transcript line {line}: {what}")]
    Transcript { line: usize, what: &'static str },
    #[error("step {step}: {what}")]
    Step {
        step: &'static str,
        what: String,
        source: CustodyError,
    },
    #[error("step {step} cannot be done in this folder: {rule}")]
    Plan {
        step: &'static str,
        rule: &'static str,
    },
    #[error("{what} was not confirmed")]
    NotConfirmed { what: String },
    #[error("the deletion statement of site {site} is not right: {rule}")]
    Statement { site: String, rule: &'static str },
    #[error("the machine's clock shows {now}, but the ceremony was at {last} already")]
    ClockBack { now: String, last: String },
    #[error("the environment is not the one with which the ceremony began")]
    EnvironmentChanged,
    #[error("the folder is not this ceremony's: {rule}")]
    WrongFolder { rule: &'static str },
    #[error("token {token} is not the right one: {rule}")]
    WrongToken { token: String, rule: &'static str },
    #[error("the folder's ceremony is open: {rule}")]
    Open { rule: &'static str },
    #[error("the folder's ceremony has ended: {rule}")]
    Ended { rule: &'static str },
    #[error("the other module's process failed: {reason}")]
    Elsewhere { reason: String },
    #[error("another run of this program works in the folder")]
    Busy,
    #[error("there is no terminal to talk to")]
    NoTerminal,
    #[error("the ceremony was stopped for a break")]
    OnBreak,
    #[error("the ceremony was aborted")]
    Aborted,
    #[error("the printed fonts have no sign for U+{:04X}", u32::from(*character))]
    Unprintable { character: char },
    #[error("cannot print: {rule}")]
    Print { rule: &'static str },
    #[error(transparent)]
    Words(#[from] WordsError),
    #[error(transparent)]
    Custody(#[from] CustodyError),
}

impl CeremonyError {
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::Config { .. } => "BAD_CONFIG",
            Self::File { .. } => "FILE",
            Self::Exists { .. } => "EXISTS",
            Self::TooLarge { .. } => "TOO_LARGE",
            Self::NoQuorum { .. } => "NO_QUORUM",
            Self::Request { .. } => "BAD_REQUEST",
            Self::Answer { .. } => "BAD_ANSWER",
            Self::Receipt { .. } => "BAD_RECEIPT",
            Self::Transcript { .. } => "TRANSCRIPT_BROKEN",
            Self::Plan { .. } => "BAD_PLAN",
            Self::NotConfirmed { .. } => "NOT_CONFIRMED",
            Self::Statement { .. } => "BAD_STATEMENT",
            Self::ClockBack { .. } => "CLOCK_BACK",
            Self::EnvironmentChanged => "ENVIRONMENT_CHANGED",
            Self::WrongFolder { .. } => "WRONG_FOLDER",
            Self::WrongToken { .. } => "WRONG_TOKEN",
            Self::Open { .. } => "CEREMONY_OPEN",
            Self::Ended { .. } => "CEREMONY_ENDED",
            Self::Elsewhere { .. } => "RESTORE_FAILED",
            Self::Busy => "BUSY",
            Self::NoTerminal => "NO_TERMINAL",
            Self::OnBreak => "ON_BREAK",
            Self::Aborted => "ABORTED",
            Self::Unprintable { .. } => "UNPRINTABLE",
            Self::Print { .. } => "PRINT",
            Self::Words(_) => "BAD_WORDS",
            Self::Step { source, .. } | Self::Custody(source) => source.code(),
        }
    }

    pub(crate) fn advice(&self) -> &'static str {
        match self {
            Self::Config { .. } => {
                "correct the file; the samples are under keymgmt/ceremony/samples/"
            }
            Self::File { .. } => "check the path, its permissions and the free space",
            Self::Exists { .. } => "a ceremony never overwrites: name a new folder or label",
            Self::TooLarge { .. } => "name the right file",
            Self::NoQuorum { .. } => "have enough custodians of the recipe confirm its hash",
            Self::Request { .. } => {
                "have the site make its request again and read back its fingerprint"
            }
            Self::Answer { .. } => {
                "send the site a challenge (ceremony challenge), and name its answer and what is expected"
            }
            Self::Receipt { .. } => {
                "have the site accept its own package again and send the new receipt"
            }
            Self::Transcript { .. } => {
                "compare with the printed record, and treat the ceremony as broken"
            }
            Self::Plan { .. } => "compare the recipe's steps with what the folder holds already",
            Self::NotConfirmed { .. } => {
                "nothing was changed by it; compare with the paper and begin the step again"
            }
            Self::Statement { .. } => "have the site make its deletion statement again",
            Self::ClockBack { .. } => "set the clock by two independent sources and go on",
            Self::EnvironmentChanged => {
                "put the first environment file back, or abort and begin a new ceremony"
            }
            Self::WrongFolder { .. } => "name the folder in which the ceremony began",
            Self::WrongToken { .. } => "connect the token whose serial number is on the record",
            Self::Open { .. } => "run `ceremony resume`, or `ceremony abort`",
            Self::Ended { .. } => "begin a new ceremony",
            Self::Elsewhere { .. } => "check the profile, the token and the PINs of `[restore]`",
            Self::Busy => "wait for the other run to end",
            Self::NoTerminal => "run it on a terminal, without redirections",
            Self::OnBreak => "run `ceremony resume` when everybody is back",
            Self::Aborted => "begin a new ceremony in a new folder",
            Self::Unprintable { .. } => {
                "write titles and names with the characters of Japanese Windows (code page 932) or Latin-1"
            }
            Self::Print { .. } => "this is a defect: report it with the recipe",
            Self::Words(error) => error.advice(),
            Self::Step { source, .. } | Self::Custody(source) => source.advice(),
        }
    }

    /// sysexits.h, as far as it fits.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Config { .. }
            | Self::Plan { .. }
            | Self::EnvironmentChanged
            | Self::WrongFolder { .. }
            | Self::NoTerminal => 64,
            Self::Statement { .. }
            | Self::TooLarge { .. }
            | Self::Request { .. }
            | Self::Answer { .. }
            | Self::Receipt { .. }
            | Self::Transcript { .. }
            | Self::Unprintable { .. }
            | Self::Words(_) => 65,
            Self::File {
                operation, source, ..
            } => file_exit_code(operation, source),
            Self::Exists { .. }
            | Self::ClockBack { .. }
            | Self::Open { .. }
            | Self::Ended { .. }
            | Self::Aborted => 1,
            Self::WrongToken { .. } | Self::Elsewhere { .. } => 69,
            Self::Busy | Self::OnBreak => 75,
            Self::NoQuorum { .. } | Self::NotConfirmed { .. } => 77,
            Self::Print { .. } => 1,
            Self::Step { source, .. } | Self::Custody(source) => custody_exit_code(source),
        }
    }
}

/// A file to read that is missing was named wrongly; one that is no text was changed or is another one.
fn file_exit_code(operation: &str, source: &io::Error) -> u8 {
    if operation != "read" {
        74
    } else if source.kind() == io::ErrorKind::NotFound {
        64
    } else if source.kind() == io::ErrorKind::InvalidData {
        65
    } else {
        74
    }
}

fn custody_exit_code(error: &CustodyError) -> u8 {
    if let CustodyError::KeyFile {
        operation, source, ..
    } = error
    {
        return file_exit_code(operation, source);
    }
    match error.code() {
        "WRONG_PIN" | "PIN_LOCKED" => 77,
        "BAD_PROFILE" | "BAD_PIN_FILE" | "TOKEN_AMBIGUOUS" => 64,
        "MODULE_UNAVAILABLE" | "TOKEN_NOT_FOUND" | "HSM_UNAVAILABLE" | "RANDOM_UNAVAILABLE" => 69,
        "MALFORMED" | "NOT_AUTHENTIC" | "BAD_SIGNATURE" | "TOO_LARGE" | "WRONG_SHARE" => 65,
        _ => 1,
    }
}
