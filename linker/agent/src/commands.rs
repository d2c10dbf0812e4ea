//! The verbs. Each returns what goes to standard output; progress and errors go to standard error.

mod check;
mod enrol;
mod init;
mod lookup;
mod report;
mod run;
mod status;
mod summary;
mod table;
mod watch;

use std::time::{Duration, Instant};

use keymgmt_custody::{Oaep, package::OpenedPackage};
use linker_token::Epoch;

use crate::{
    cli::{TableVerb, Verb},
    config::{Config, Role, read_named},
    error::{AgentError, Fault},
    language::Language,
    limits::PEM_BYTES_MAX,
    progress::Progress,
    say, source,
    uplink::tls,
};

/// Does what the user asked for. `now` is the time since 1970.
///
/// # Errors
/// Any fault; see [`crate::messages::TABLE`].
pub async fn dispatch(
    verb: &Verb,
    language: Language,
    progress: &Progress,
    now: Duration,
) -> Result<String, AgentError> {
    match verb {
        Verb::Init(args) => {
            let made = init::run(args, language)?;
            if args.json {
                json(&made)
            } else {
                Ok(made.text(language))
            }
        }
        Verb::Enrol(args) => enrol::enrol(&Config::load(&args.config)?, language),
        Verb::AcceptKey(args) => {
            let config = Config::load(&args.config)?;
            enrol::accept_key(&config, &args.package, language, progress, now)
        }
        Verb::AnswerChallenge(args) => {
            enrol::answer_challenge(&Config::load(&args.config)?, &args.challenge, language)
        }
        Verb::ForgetKey(args) => {
            let epoch = (Epoch(args.epoch), args.last);
            enrol::forget_key(&Config::load(&args.config)?, epoch, language, now)
        }
        Verb::Run(args) => {
            let config = Config::load(&args.config)?;
            let began = Instant::now();
            let done = Box::pin(run::once(&config, args, progress)).await;
            let took = began.elapsed();
            if !args.send {
                let ended = now.saturating_add(took);
                report::keep(&config, done.as_ref(), ended, took.as_secs_f64(), progress);
            }
            let summary = done?;
            if args.json {
                return json(&summary);
            }
            progress.say(&summary.said());
            Ok(String::new())
        }
        Verb::Watch(args) => {
            let config = Config::load(&args.config)?;
            Box::pin(watch::watch(&config, progress)).await?;
            Ok(String::new())
        }
        Verb::Table(TableVerb::Find(args)) => {
            table::find(&Config::load(&args.config)?, &args.reference)
        }
        Verb::Table(TableVerb::Export(args)) => {
            table::export(&Config::load(&args.config)?, &args.file, progress)
        }
        Verb::Status(args) => {
            let status = status::of(&Config::load(&args.config)?, now)?;
            if args.json {
                json(&status)
            } else {
                Ok(status.text(language))
            }
        }
        Verb::Check(args) => {
            let wanted = check::Wanted {
                path: args.source.as_deref(),
                json: args.told.json,
                html: args.told.html.as_deref(),
                language,
            };
            check::report(&Config::load(&args.config)?, &wanted, progress, now)
        }
        Verb::Report(args) => report::past(&Config::load(&args.config)?, &args.told, language),
        Verb::Lookup(args) => {
            let reply = lookup::lookup(args, language, progress, now).await?;
            if args.json {
                json(&reply)
            } else {
                Ok(reply.text())
            }
        }
        Verb::CheckConfig(args) => check_config(&Config::load(&args.config)?, language, now),
    }
}

fn json(value: &impl serde::Serialize) -> Result<String, AgentError> {
    serde_json::to_string(value)
        .map(|line| line + "\n")
        .map_err(|error| AgentError::new(Fault::Internal, "JSON").because(error))
}

/// Says so if a package seals with SHA-1.
fn warn_of_sha1(progress: &Progress, package: &OpenedPackage) {
    if package.content().oaep == Oaep::Sha1 {
        progress.say(&say!(
            "warning: this key package uses SHA-1 in OAEP: tests and demonstrations only"
        ));
    }
}

fn check_config(config: &Config, language: Language, now: Duration) -> Result<String, AgentError> {
    init::refuse_unfilled(config)?;
    if config.role == Role::Site {
        source::of(config)?;
        let path = &config.source()?.path;
        if !path.exists() {
            return Err(AgentError::new(
                Fault::SourceMissing,
                path.display().to_string(),
            ));
        }
    }
    let key = read_named("keys.custody_key", &config.custody_key, PEM_BYTES_MAX)?;
    keymgmt_custody::p256::check_spki("keys.custody_key", &key).map_err(|error| {
        let detail = say!("keys.custody_key: it is a P-256 public key, DER");
        AgentError::new(Fault::ConfigValue, detail).because(error)
    })?;
    tls::load(&config.appliance, &config.site, now)?;
    Ok(config.describe(language))
}
