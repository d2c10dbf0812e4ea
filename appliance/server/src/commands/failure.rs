//! What a verb prints when it fails, and its exit code.

use std::{error::Error, io, process::ExitCode};

use appliance_store::StoreError;
use keymgmt_custody::CustodyError;

use crate::{config::ConfigError, error::ServiceError, reasons::Class};

/// A failed verb.
#[derive(Debug)]
pub struct Failure {
    code: &'static str,
    exit: u8,
    what: String,
    causes: Vec<String>,
    advice: &'static str,
}

impl Failure {
    /// The process's exit code.
    #[must_use]
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.exit)
    }

    pub(super) fn usage(what: &str) -> Self {
        Self {
            code: "USAGE",
            exit: 2,
            what: what.to_owned(),
            causes: Vec::new(),
            advice: "read `appliance --help`",
        }
    }

    pub(super) fn output(error: &io::Error) -> Self {
        let advice = "make room, or check where the output goes";
        Self::of(error, "OUTPUT", 74, advice)
    }

    pub(super) fn listener(error: &(dyn Error + 'static)) -> Self {
        let advice =
            "check `listen`: the port may be taken, or need a right that the service lacks";
        Self::of(error, "LISTENER", 69, advice)
    }

    pub(super) fn machine(error: &(dyn Error + 'static)) -> Self {
        Self::of(
            error,
            "MACHINE",
            69,
            "free memory or threads, then start again",
        )
    }

    pub(super) fn of(
        error: &(dyn Error + 'static),
        code: &'static str,
        exit: u8,
        advice: &'static str,
    ) -> Self {
        let mut causes = Vec::new();
        let mut next = error.source();
        while let Some(cause) = next {
            causes.push(cause.to_string());
            next = cause.source();
        }
        Self {
            code,
            exit,
            what: error.to_string(),
            causes,
            advice,
        }
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "error [{}]: {}", self.code, self.what)?;
        for cause in &self.causes {
            write!(f, "\n  because: {cause}")?;
        }
        write!(f, "\n  try: {}", self.advice)
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        let advice =
            "correct the configuration; `appliance check-config` reads it without starting";
        Self::of(&error, "BAD_CONFIG", 64, advice)
    }
}

impl From<CustodyError> for Failure {
    fn from(error: CustodyError) -> Self {
        let exit = if matches!(
            error,
            CustodyError::WrongPin { .. } | CustodyError::PinLocked { .. }
        ) {
            77
        } else if matches!(
            error,
            CustodyError::KeyMissing { .. }
                | CustodyError::KeyMismatch { .. }
                | CustodyError::ModuleUnavailable { .. }
                | CustodyError::TokenNotFound { .. }
                | CustodyError::TokenAmbiguous { .. }
        ) {
            64
        } else {
            69
        };
        Self::of(&error, error.code(), exit, error.advice())
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let (exit, advice) = match error {
            StoreError::DataInUse => (75, "stop the service first, or look at its status page"),
            StoreError::NoStore => (64, "check service.data; `appliance serve` makes a store"),
            StoreError::OtherScope { .. } => (
                64,
                "give each project, key epoch and schema its own data folder",
            ),
            StoreError::Damaged { .. }
            | StoreError::AuditShort { .. }
            | StoreError::RolledBack { .. }
            | StoreError::Token(_) => (65, "keep the folder as evidence and restore a backup"),
            StoreError::DiskFull => (74, "make room on the disk of service.data"),
            StoreError::NotFound { .. } => (1, "check the number or the name"),
            StoreError::Custody(_) => (69, "look after the HSM, then try again"),
            StoreError::ReadOnly
            | StoreError::Offline
            | StoreError::Io { .. }
            | StoreError::Database { .. }
            | StoreError::DatabaseStopped { .. }
            | StoreError::Conflict { .. }
            | StoreError::AlreadyAdmitted
            | StoreError::OutOfOrder { .. }
            | StoreError::TooLarge { .. }
            | StoreError::Refused { .. }
            | _ => (74, "read the cause, check disk and folder, then try again"),
        };
        Self::of(&error, error.code(), exit, advice)
    }
}

impl From<ServiceError> for Failure {
    fn from(error: ServiceError) -> Self {
        let exit = match error.class() {
            Class::Denied => 77,
            Class::Unavailable | Class::Late => 69,
            Class::Exhausted => 74,
            Class::Internal => 65,
            Class::NotFound
            | Class::Invalid
            | Class::State
            | Class::Again
            | Class::TooLarge
            | Class::Exists => 1,
        };
        Self::of(&error, error.code(), exit, error.advice())
    }
}
