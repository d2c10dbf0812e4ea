//! Why a bench or the demo stopped.

use std::{io, path::PathBuf, process::ExitCode};

use tonic::Code;

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
    /// A file or folder that an option names cannot be used.
    #[error("cannot use {}", path.display())]
    Named {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        reason: String,
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
    #[error("the call {call} was refused: {code:?}: {message}")]
    Call {
        /// Which call.
        call: &'static str,
        /// Its status.
        code: Code,
        /// What the appliance said.
        message: String,
    },
    /// The connection to the appliance cannot be made.
    #[error("cannot connect to the appliance: {reason}")]
    Connect {
        /// Why.
        reason: String,
    },
    /// The matcher refused the rows or the settings, or could not go on.
    #[error("the run cannot be made: {0}")]
    Match(#[from] linker_match::MatchError),
    /// The process with the run ended badly, after it said why.
    #[error("the run over the tokens ended with {status}")]
    Run {
        /// How it ended.
        status: String,
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
            Self::Named { .. } => "NAMED_FILE",
            Self::File { .. } => "FILE",
            Self::Child { .. } => "CHILD_FAILED",
            Self::NotReady { .. } => "NOT_READY",
            Self::Call { .. } => "CALL_REFUSED",
            Self::Connect { .. } => "NO_CONNECTION",
            Self::Match(_) => "MATCH_FAILED",
            Self::Run { .. } => "RUN_FAILED",
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
            Self::Named { reason, .. } => format!("{reason}; check the path in the options"),
            Self::Call { code, .. } => Refusal::of(*code).advice().to_owned(),
            Self::Connect { .. } => {
                "check that the appliance runs, its address and name, and that its CA is the one named".to_owned()
            }
            Self::Match(_) => {
                "change the option that the reason names: number of tokens, schema, memory".to_owned()
            }
            Self::Run { .. } => "read its own error above".to_owned(),
            Self::Check { .. } => {
                "keep the demo folder and report this: it is a defect of the product".to_owned()
            }
            Self::Interrupted => "start again; a new demo begins clean".to_owned(),
        }
    }

    /// Whether the same call may go well another time: nobody has decided against it.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Call { code, .. } => {
                matches!(Refusal::of(*code), Refusal::Again | Refusal::Broken)
            }
            Self::Connect { .. } => true,
            Self::Option { .. }
            | Self::ForeignFolder { .. }
            | Self::Program { .. }
            | Self::Named { .. }
            | Self::File { .. }
            | Self::Child { .. }
            | Self::NotReady { .. }
            | Self::Match(_)
            | Self::Run { .. }
            | Self::Check { .. }
            | Self::Interrupted => false,
        }
    }

    /// The exit code of the process.
    #[must_use]
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Option { .. } | Self::ForeignFolder { .. } | Self::Named { .. } => 64,
            Self::Program { .. } | Self::NotReady { .. } | Self::Connect { .. } => 69,
            Self::Call { code, .. } => Refusal::of(*code).exit(),
            Self::File { .. } => 74,
            Self::Child { .. } | Self::Match(_) | Self::Run { .. } | Self::Check { .. } => 1,
            Self::Interrupted => 130,
        })
    }
}

/// What a refused call means for the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refusal {
    /// What was asked for is not there.
    Missing,
    /// The caller may not.
    Denied,
    /// The request cannot be served as it is.
    Refused,
    /// Another time it may work.
    Again,
    /// The appliance or the way to it is broken.
    Broken,
}

impl Refusal {
    fn of(code: Code) -> Self {
        match code {
            Code::NotFound => Self::Missing,
            Code::PermissionDenied | Code::Unauthenticated => Self::Denied,
            Code::InvalidArgument
            | Code::AlreadyExists
            | Code::FailedPrecondition
            | Code::OutOfRange
            | Code::Unimplemented => Self::Refused,
            Code::DeadlineExceeded
            | Code::ResourceExhausted
            | Code::Aborted
            | Code::Unavailable => Self::Again,
            Code::Ok | Code::Cancelled | Code::Unknown | Code::Internal | Code::DataLoss => {
                Self::Broken
            }
        }
    }

    fn exit(self) -> u8 {
        match self {
            Self::Missing | Self::Refused => 1,
            Self::Denied => 77,
            Self::Again => 75,
            Self::Broken => 69,
        }
    }

    fn advice(self) -> &'static str {
        match self {
            Self::Missing => "check the ID; whoever made the run or release has it",
            Self::Denied => {
                "use a certificate that the appliance's configuration gives this right, for this project"
            }
            Self::Refused => "change the request as the message says",
            Self::Again => "try again in a minute: the appliance is busy, or starts anew",
            Self::Broken => {
                "ask the appliance's operator to read its log; a demo's is logs/appliance.log in its folder"
            }
        }
    }
}

/// Gives an error of the operating system its place.
pub fn file(what: impl Into<String>) -> impl FnOnce(io::Error) -> BenchError {
    let what = what.into();
    move |source| BenchError::File { what, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_call_says_whether_to_try_again() {
        for (code, exit, passing) in [
            (Code::NotFound, 1, false),
            (Code::PermissionDenied, 77, false),
            (Code::Unavailable, 75, true),
            (Code::Internal, 69, true),
        ] {
            let (call, message) = ("StreamCrosswalk", String::new());
            let error = BenchError::Call {
                call,
                code,
                message,
            };
            assert_eq!(error.exit_code(), ExitCode::from(exit), "{code:?}");
            assert_eq!(error.is_passing(), passing, "{code:?}");
        }
    }
}
