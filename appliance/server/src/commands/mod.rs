//! The command line: verbs, their output and their exit codes.
//!
//! Data goes to standard output, everything else to standard error. Exit codes: 0 done, 1 refused, 2 wrong
//! usage, 64 bad configuration, 65 damaged data, 69 HSM or service unavailable, 74 input/output, 75 try
//! again, 77 not permitted.

mod audit;
mod audit_verbs;
mod checks;
mod exported;
pub mod failure;
mod logging;
mod open;
mod proved;
mod serve;
mod status;
mod switch;
mod witness;

use std::{
    io::Write as _,
    path::{Path, PathBuf},
};

use clap::{Parser, Subcommand};

use crate::{
    auth::{Grant, roles},
    clock::Clock,
    config::Config,
    service::Trust,
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
    /// Put the next key epoch in force, once the sites have moved over to it.
    ///
    /// The service must be stopped. Refused while a site has not moved over, unless it is named with
    /// --without. Both audit logs say so, each naming the other; there is no way back.
    SwitchEpoch {
        #[command(flatten)]
        file: ConfigFile,
        /// A site that has not moved over and shall not be waited for. May be repeated.
        #[arg(long, value_name = "SITE")]
        without: Vec<String>,
        /// Print one JSON object.
        #[arg(long)]
        json: bool,
    },
    /// Print which role may call which method.
    Roles,
    /// Work with the audit log.
    #[command(subcommand)]
    Audit(audit_verbs::AuditVerb),
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
        Verb::SwitchEpoch {
            file,
            without,
            json,
        } => switch::switch(&file.config, &without, json),
        Verb::Roles => print(&roles::table()),
        Verb::Audit(verb) => audit_verbs::run(verb),
    }
}

/// Reads everything the configuration names and prints the resolved form.
fn check_config(path: &Path) -> Result<(), Failure> {
    let config = Config::load(path)?;
    config.tls.load(Clock::System.now())?;
    let custody_key = setup::custody_key(&config)?;
    CustodyFiles::load(&config, &custody_key)?;
    let trust = setup::trust(&config, &custody_key)?;
    let next = config.of_next();
    let next_trust = next.as_ref().map(|next| {
        CustodyFiles::load(next, &custody_key)?;
        setup::trust(next, &custody_key)
    });
    let next_trust = next_trust.transpose()?;
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
        format!("sites     {}", sites(&trust)),
    ];
    if let (Some(next), Some(trust)) = (&next, &next_trust) {
        lines.push(format!(
            "next      epoch {} in {}, log {}, {}",
            next.epoch,
            next.data.display(),
            next.origin,
            sites(trust)
        ));
    }
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

/// How many sites an enrolment names.
fn sites(trust: &Trust) -> String {
    let (all, revoked) = (
        trust.enrolment.sites.len(),
        trust.enrolment.revoked().count(),
    );
    match revoked {
        0 => format!("{all} enrolled"),
        _ => format!("{} enrolled, {revoked} revoked", all - revoked),
    }
}

/// A line of data.
fn print(text: &str) -> Result<(), Failure> {
    writeln!(std::io::stdout(), "{text}").map_err(|error| Failure::output(&error))
}
