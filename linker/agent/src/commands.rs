//! The verbs. Each returns what goes to standard output; progress and errors go to standard error.

mod inspect;
mod run;
mod status;
mod summary;

use std::{fmt::Write as _, time::Duration};

use keymgmt_custody::{Oaep, package::OpenedPackage};

use crate::{
    cli::Verb,
    config::{Config, read_named},
    error::{AgentError, Fault},
    keys,
    limits::PEM_BYTES_MAX,
    progress::Progress,
    source,
    state::State,
    uplink::tls,
};

/// Does what the user asked for. `now` is the time since 1970.
///
/// # Errors
/// Any fault; see [`crate::messages::TABLE`].
pub async fn dispatch(
    verb: &Verb,
    progress: &Progress,
    now: Duration,
) -> Result<String, AgentError> {
    match verb {
        Verb::Init(args) => init(&Config::load(&args.config)?),
        Verb::Accept(args) => {
            let config = Config::load(&args.config)?;
            accept(&config, &args.package, progress, now)
        }
        Verb::Run(args) => {
            let config = Config::load(&args.config)?;
            let summary = Box::pin(run::run(&config, progress, now)).await?;
            if args.json {
                return json(&summary);
            }
            progress.say(&summary.text());
            Ok(String::new())
        }
        Verb::Status(args) => {
            let status = status::of(&Config::load(&args.config)?, now)?;
            if args.json {
                json(&status)
            } else {
                Ok(status.text())
            }
        }
        Verb::Inspect(args) => {
            let config = Config::load(&args.config)?;
            let report = inspect::file(&config, &args.file, progress)?;
            if args.json {
                json(&report)
            } else {
                Ok(report.text())
            }
        }
        Verb::CheckConfig(args) => check_config(&Config::load(&args.config)?, now),
    }
}

fn json(value: &impl serde::Serialize) -> Result<String, AgentError> {
    serde_json::to_string(value)
        .map(|line| line + "\n")
        .map_err(|error| AgentError::new(Fault::Internal, "JSON").because(error))
}

fn init(config: &Config) -> Result<String, AgentError> {
    let state = State::open(&config.state)?;
    let request = keys::init(config, &state)?;
    let place = state.request();
    Ok(format!(
        "site {}\nrequest {}\nfingerprint {}\n\
         Send the request to the custodians and read the fingerprint to them over the telephone.\n",
        config.site,
        place.display(),
        request.fingerprint()
    ))
}

/// Says so if a package seals with SHA-1.
fn warn_of_sha1(progress: &Progress, package: &OpenedPackage) {
    if package.content().oaep == Oaep::Sha1 {
        progress.say("warning: this key package uses SHA-1 in OAEP: tests and demonstrations only");
    }
}

fn accept(
    config: &Config,
    package: &std::path::Path,
    progress: &Progress,
    now: Duration,
) -> Result<String, AgentError> {
    let state = State::open(&config.state)?;
    let (opened, receipt) = keys::accept(config, &state, package, now.as_secs())?;
    warn_of_sha1(progress, &opened);
    let content = opened.content();
    let schema = keys::schema(&opened)?;
    let mut out = String::new();
    let _infallible = writeln!(
        out,
        "project {}\nepoch {}\nschema {} {}\ncheck {}\nreceipt {}\n\
         Send the receipt to the custodians; the epoch starts when they have verified it.",
        content.project,
        content.epoch,
        schema.name(),
        content.schema,
        content.check,
        receipt.display()
    );
    Ok(out)
}

fn check_config(config: &Config, now: Duration) -> Result<String, AgentError> {
    source::of(config)?;
    if !config.source.path.exists() {
        let shown = config.source.path.display().to_string();
        return Err(AgentError::new(Fault::SourceMissing, shown));
    }
    let key = read_named("keys.custody_key", &config.custody_key, PEM_BYTES_MAX)?;
    keymgmt_custody::p256::check_spki("keys.custody_key", &key).map_err(|error| {
        let detail = "keys.custody_key: it is a P-256 public key, DER";
        AgentError::new(Fault::ConfigValue, detail).because(error)
    })?;
    tls::load(&config.appliance, &config.site, now)?;
    Ok(config.describe())
}
