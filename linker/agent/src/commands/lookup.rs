//! `lookup`: whether one person is in. Asks, makes the token here, asks the appliance, says its answer.
//! Nothing is written.

use std::time::Duration;

use linkage_proto::v1::TokenAnswer;
use serde::Serialize;

use super::{run, warn_of_sha1};
use crate::{
    cli::Lookup,
    config::{Config, Role},
    enquiry::{self, input},
    error::{AgentError, Fault},
    keys,
    language::Language,
    local::{self, LocalClock},
    progress::Progress,
    say,
    state::State,
    uplink::{Uplink, tls},
};

/// What a desk may say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Reply {
    result: &'static str,
    code: &'static str,
    #[serde(skip)]
    word: &'static str,
    advice: String,
}

/// Everything that can be checked is checked before anybody is asked to type.
pub(super) async fn lookup(
    args: &Lookup,
    language: Language,
    progress: &Progress,
    now: Duration,
) -> Result<Reply, AgentError> {
    if !args.stray.is_empty() {
        return Err(AgentError::new(Fault::EnquiryInArguments, ""));
    }
    let config = Config::load(&args.config)?;
    if config.role != Role::Consultation {
        let rule = "only a consultation desk may ask, and this is a source site's";
        let detail = say!("{key}: {rule}", key = "site.role", rule = rule);
        return Err(AgentError::new(Fault::ConfigValue, detail));
    }
    let state = State::look(&config.state);
    let keys = keys::load(&state)?;
    let package = keys::accepted(&config, &state, &keys, now.as_secs())?;
    warn_of_sha1(progress, &package);
    let schema = keys::schema(&package)?;
    let tls = tls::load(&config.appliance, &config.site, now)?;
    let typed = if args.stdin {
        input::of_stdin()?
    } else {
        input::of_terminal(&schema, progress.locale())?
    };
    let question = enquiry::question(&schema, &package, typed)?;
    let clock = LocalClock::new(config.utc_offset_minutes, local::system());
    let uplink = Uplink::new(
        &config.appliance,
        tls,
        progress.clone(),
        clock,
        run::jitter(),
    )?;
    reply(uplink.resolve_token(question).await?.answer(), language)
}

fn reply(answer: TokenAnswer, language: Language) -> Result<Reply, AgentError> {
    let (code, word, advice) = match answer {
        TokenAnswer::Person => (
            "YES",
            "yes",
            say!("one person of the newest run fits what was typed"),
        ),
        TokenAnswer::None => (
            "NO",
            "no",
            say!("nobody in the newest run fits; what sites sent later is not in it"),
        ),
        TokenAnswer::Ambiguous => (
            "AMBIGUOUS",
            "ambiguous",
            say!(
                "check the spelling, try a former name, ask for what was left out (address, insurance), and look up again; if it stays ambiguous, say neither yes nor no, and hand the question to the project's office"
            ),
        ),
        TokenAnswer::Unspecified => {
            return Err(AgentError::new(
                Fault::RemoteFailed,
                "it gave no answer that this version knows",
            ));
        }
    };
    Ok(Reply {
        result: "done",
        code,
        word,
        advice: advice.to(language),
    })
}

impl Reply {
    pub(super) fn text(&self) -> String {
        format!("{}\n{}\n", self.word, self.advice)
    }
}
