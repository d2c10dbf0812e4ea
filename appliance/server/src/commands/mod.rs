//! The command line: verbs, their output and their exit codes.
//!
//! Data goes to standard output, everything else to standard error. Exit codes: 0 done, 1 refused, 2 wrong
//! usage, 64 bad configuration, 65 damaged data, 69 HSM or service unavailable, 74 input/output, 75 try
//! again, 77 not permitted.

mod audit;
mod checks;
mod exported;
pub mod failure;
mod logging;
mod serve;
mod status;

use std::{
    io::Write as _,
    path::{Path, PathBuf},
};

use clap::{Parser, Subcommand};

use crate::{
    auth::{Grant, roles},
    clock::Clock,
    config::Config,
    setup::{self, CustodyFiles},
};
pub use failure::Failure;

/// The linkage unit of Musubi.
#[derive(Debug, Parser)]
#[command(
    name = "appliance",
    version,
    max_term_width = 100,
    after_help = "Exit codes: 0 done, 1 refused, 2 usage, 64 configuration or options, 65 damaged data, \
                  69 HSM or service unavailable, 74 input or output, 75 try again, 77 not permitted."
)]
pub struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Serve sites, processing services and operators until SIGTERM.
    ///
    /// SIGHUP reads certificates, revocation lists, callers and the enrolment again.
    Serve(ConfigFile),
    /// Read everything that the configuration names, open nothing, print what would be used.
    CheckConfig(ConfigFile),
    /// Print counts of the store while the service is stopped.
    Status {
        #[command(flatten)]
        file: ConfigFile,
        /// Also print rows and a digest over all rows of each site.
        #[arg(long)]
        token_digest: bool,
        /// Print one JSON object.
        #[arg(long)]
        json: bool,
    },
    /// Print which role may call which method.
    Roles,
    /// Work with the audit log.
    #[command(subcommand)]
    Audit(AuditVerb),
}

#[derive(Debug, Subcommand)]
enum AuditVerb {
    /// Verify the store and its audit log, or an exported log without the store.
    ///
    /// With --config, the service must be stopped. With --log, nothing of the service is needed: the file
    /// is what `appliance audit export` wrote. Take the audit key from the ceremony (its file audit.spki),
    /// never from whoever hands over the log: a log is only as good as the key it is verified with.
    #[command(override_usage = "appliance audit verify --config <FILE>\n       \
                                appliance audit verify --log <FILE> --audit-key <FILE> [--origin <NAME>]")]
    Verify {
        /// The configuration file; verifies the store that it names.
        #[arg(
            long,
            value_name = "FILE",
            conflicts_with = "log",
            required_unless_present = "log"
        )]
        config: Option<PathBuf>,
        /// An exported log.
        #[arg(long, value_name = "FILE", requires = "audit_key")]
        log: Option<PathBuf>,
        /// The audit key (SubjectPublicKeyInfo, DER): the file audit.spki that the ceremony writes.
        #[arg(long, value_name = "FILE")]
        audit_key: Option<PathBuf>,
        /// Name that the exported log must have; by default, the one it says it has.
        #[arg(long, value_name = "NAME")]
        origin: Option<String>,
    },
    /// Print one entry, a signed checkpoint and the proof between them as JSON.
    ///
    /// The service must be stopped.
    Prove {
        #[command(flatten)]
        file: ConfigFile,
        /// Index of the entry, from 0.
        index: u64,
    },
    /// Write the whole log with its checkpoint to standard output.
    ///
    /// The service must be stopped.
    Export(ConfigFile),
}

#[derive(Debug, clap::Args)]
struct ConfigFile {
    /// The configuration file.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

/// Runs the verb.
///
/// # Errors
/// [`Failure`], with exit code and advice.
pub fn run(cli: Cli) -> Result<(), Failure> {
    match cli.verb {
        Verb::Serve(file) => serve::serve(&file.config),
        Verb::CheckConfig(file) => check_config(&file.config),
        Verb::Status {
            file,
            token_digest,
            json,
        } => status::status(&file.config, token_digest, json),
        Verb::Roles => print(&roles::table()),
        Verb::Audit(AuditVerb::Verify {
            config,
            log,
            audit_key,
            origin,
        }) => match (config, log, audit_key) {
            (None, Some(log), Some(key)) => exported::verify(&log, &key, origin.as_deref()),
            (Some(config), _, _) => audit::verify(&config),
            (None, _, _) => Err(Failure::usage("name a configuration or an exported log")),
        },
        Verb::Audit(AuditVerb::Prove { file, index }) => audit::prove(&file.config, index),
        Verb::Audit(AuditVerb::Export(file)) => audit::export(&file.config),
    }
}

/// Reads everything the configuration names and prints the resolved form.
fn check_config(path: &Path) -> Result<(), Failure> {
    let config = Config::load(path)?;
    config.tls.load(Clock::System.now())?;
    let custody_key = setup::custody_key(&config)?;
    CustodyFiles::load(&config, &custody_key)?;
    let trust = setup::trust(&config, &custody_key)?;
    let mut lines = vec![
        format!("origin    {}", config.origin),
        format!("data      {}", config.data.display()),
        format!("grpc      {}", config.grpc),
        format!("admin     {}", config.admin),
        format!("kernel    {}", config.settings.kernel.as_str()),
        match config.settings.memory_bytes {
            Some(bytes) => format!("memory    {} GiB for a run", bytes >> 30),
            None => "memory    no bound".to_owned(),
        },
        format!("scratch   {}", config.scratch.display()),
        format!("token     {}", config.hsm.token),
        format!("project   {} epoch {}", config.project, config.epoch),
        format!(
            "schema    {} {}",
            config.schema.name(),
            config.schema.digest()
        ),
        format!("sites     {} enrolled", trust.enrolment.sites.len()),
    ];
    lines.extend(config.callers.iter().map(|(uri, grant)| match grant {
        Grant::Site(site) => format!("caller    {uri} site {site}"),
        Grant::Processing {
            projects,
            resolve_tokens,
        } => {
            let projects: Vec<&str> = projects
                .iter()
                .map(linker_token::ProjectId::as_str)
                .collect();
            let resolve_tokens = if *resolve_tokens {
                " resolve_tokens"
            } else {
                ""
            };
            format!(
                "caller    {uri} processing {}{resolve_tokens}",
                projects.join(",")
            )
        }
        Grant::Operator => format!("caller    {uri} operator"),
        Grant::Consultation(desk) => format!("caller    {uri} consultation {desk}"),
    }));
    print(&lines.join("\n"))
}

/// A line of data.
fn print(text: &str) -> Result<(), Failure> {
    writeln!(std::io::stdout(), "{text}").map_err(|error| Failure::output(&error))
}
