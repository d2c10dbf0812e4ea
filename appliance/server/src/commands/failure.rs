//! What a verb prints when it fails, and its exit code.

use std::{error::Error, io, net::SocketAddr, process::ExitCode};

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
        Self::new("USAGE", 2, what, "read `appliance --help`")
    }

    pub(super) fn new(code: &'static str, exit: u8, what: &str, advice: &'static str) -> Self {
        Self {
            code,
            exit,
            what: what.to_owned(),
            causes: Vec::new(),
            advice,
        }
    }

    pub(super) fn output(error: &io::Error) -> Self {
        let advice = "make room, or check where the output goes";
        Self::new("OUTPUT", 74, "the output cannot be written", advice).because(error)
    }

    pub(super) fn listener(which: Listen, address: SocketAddr, error: &io::Error) -> Self {
        let (name, advice) = match which {
            Listen::Grpc => (
                "gRPC",
                "check `listen.grpc`: the port may be taken, or need a right that the service lacks",
            ),
            Listen::Admin => (
                "admin",
                "check `listen.admin`: the port may be taken, or need a right that the service lacks",
            ),
        };
        let what = format!("the {name} listener cannot open {address}");
        Self::new("LISTENER", 69, &what, advice).because(error)
    }

    pub(super) fn listener_ended(address: SocketAddr) -> Self {
        let what = format!("the gRPC listener at {address} ended by itself");
        let advice = "read the service's log, then start again";
        Self::new("LISTENER", 69, &what, advice)
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
        let failure = Self::new(code, exit, &error.to_string(), advice);
        match error.source() {
            Some(cause) => failure.because(cause),
            None => failure,
        }
    }

    /// Adds a chain of causes, without those that say nothing.
    fn because(mut self, cause: &(dyn Error + 'static)) -> Self {
        let mut next = Some(cause);
        while let Some(cause) = next {
            let said = cause.to_string();
            if !said.trim().is_empty() {
                self.causes.push(said);
            }
            next = cause.source();
        }
        self
    }
}

/// Which listener did not open.
#[derive(Debug, Clone, Copy)]
pub(super) enum Listen {
    Grpc,
    Admin,
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
            // A file that the configuration names is not the one it should be.
            _ if matches!(
                error,
                ServiceError::OldEnrolment { .. } | ServiceError::OtherEpoch { .. }
            ) =>
            {
                64
            }
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
