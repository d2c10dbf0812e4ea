//! Why a bench or the demo stopped.

use std::{io, path::PathBuf, process::ExitCode};

/// Why a bench or the demo stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BenchError {
    /// An option is outside its bounds.
    #[error("{what}")]
    Option {
        /// Which rule was broken.
        what: &'static str,
    },
    /// The folder for results holds something else.
    #[error("the folder {} is not empty and was not made by a demo", folder.display())]
    ForeignFolder {
        /// The folder.
        folder: PathBuf,
    },
    /// A program of the demo is not there.
    #[error("the program {} is not there", program.display())]
    Program {
        /// Where it was looked for.
        program: PathBuf,
    },
    /// A file of this machine cannot be used.
    #[error("cannot {what}")]
    File {
        /// What was tried, with the path.
        what: String,
        /// The operating system's reason.
        source: io::Error,
    },
    /// A child process ended badly.
    #[error("{name} ended with {status}")]
    Child {
        /// Which process.
        name: String,
        /// How it ended.
        status: String,
        /// Where its messages are.
        log: PathBuf,
        /// The last of them.
        tail: String,
    },
    /// The server did not become ready in time.
    #[error("the appliance did not become ready")]
    NotReady {
        /// Where its messages are.
        log: PathBuf,
    },
    /// A call to the appliance failed.
    #[error("the call {call} was refused: {code}: {message}")]
    Call {
        /// Which call.
        call: &'static str,
        /// Its status.
        code: String,
        /// What the appliance said.
        message: String,
    },
    /// The connection to the appliance cannot be made.
    #[error("cannot connect to the appliance: {reason}")]
    Connect {
        /// Why.
        reason: String,
    },
    /// Something that had to hold does not.
    #[error("check failed: {what}")]
    Check {
        /// What does not hold.
        what: String,
    },
    /// The user or the system asked to stop.
    #[error("interrupted")]
    Interrupted,
}

impl BenchError {
    /// A stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Option { .. } => "OPTION",
            Self::ForeignFolder { .. } => "FOREIGN_FOLDER",
            Self::Program { .. } => "PROGRAM_MISSING",
            Self::File { .. } => "FILE",
            Self::Child { .. } => "CHILD_FAILED",
            Self::NotReady { .. } => "NOT_READY",
            Self::Call { .. } => "CALL_REFUSED",
            Self::Connect { .. } => "NO_CONNECTION",
            Self::Check { .. } => "CHECK_FAILED",
            Self::Interrupted => "INTERRUPTED",
        }
    }

    /// What to do.
    #[must_use]
    pub fn advice(&self) -> String {
        match self {
            Self::Option { .. } => "see `bench --help`".to_owned(),
            Self::ForeignFolder { .. } => "name a new or empty folder with --folder".to_owned(),
            Self::Program { .. } => {
                "use ./run demo, which builds it, or name it with its option".to_owned()
            }
            Self::File { source, .. } => format!("{source}; check path, rights and free space"),
            Self::Child { log, tail, .. } => {
                format!("read {}; its last lines:\n{tail}", log.display())
            }
            Self::NotReady { log } => format!("read {}", log.display()),
            Self::Call { .. } | Self::Connect { .. } => {
                "read the appliance's log in the demo folder".to_owned()
            }
            Self::Check { .. } => {
                "keep the demo folder and report this: it is a defect of the product".to_owned()
            }
            Self::Interrupted => "start again; a new demo begins clean".to_owned(),
        }
    }

    /// The exit code of the process.
    #[must_use]
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Option { .. } | Self::ForeignFolder { .. } => 64,
            Self::Program { .. }
            | Self::NotReady { .. }
            | Self::Call { .. }
            | Self::Connect { .. } => 69,
            Self::File { .. } => 74,
            Self::Child { .. } | Self::Check { .. } => 1,
            Self::Interrupted => 130,
        })
    }
}

/// Gives an error of the operating system its place.
pub fn file(what: impl Into<String>) -> impl FnOnce(io::Error) -> BenchError {
    let what = what.into();
    move |source| BenchError::File { what, source }
}
