//! `lookup`: whether one person is in. Asks, makes the token here, asks the appliance, says its answer.
//! Nothing is written.

use std::time::Duration;

use keymgmt_custody::package::OpenedPackage;
use linkage_proto::v1::{ResolveTokenRequest, TokenAnswer};
use linker_tokenize::RawRecord;
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
    packages,
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
    let keys = keys::load(&config, &state)?;
    let packages = packages::all(&config, &state, &keys, now.as_secs())?;
    warn_of_sha1(progress, &packages[0]);
    let schema = keys::schema(&packages[0])?;
    let tls = tls::load(&config.appliance, &config.site, now)?;
    let typed = if args.stdin {
        input::of_stdin()?
    } else {
        input::of_terminal(&schema, progress.locale())?
    };
    let questions = questions(&packages, typed)?;
    let clock = LocalClock::new(config.utc_offset_minutes, local::system());
    let uplink = Uplink::new(
        &config.appliance,
        tls,
        progress.clone(),
        clock,
        run::jitter(),
    )?;
    reply(ask(&uplink, questions).await?, language)
}

/// The same question under each key epoch, newest first. Until the appliance has changed to a new epoch,
/// the run that answers is of the older one.
fn questions(
    packages: &[OpenedPackage],
    typed: RawRecord,
) -> Result<Vec<ResolveTokenRequest>, AgentError> {
    let (newest, older) = packages.split_first().expect("there is one at least");
    let older = older.iter().map(|package| {
        let schema = keys::schema(package)?;
        enquiry::question(&schema, package, typed.clone())
    });
    let mut older = older.collect::<Result<Vec<_>, _>>()?;
    let schema = keys::schema(newest)?;
    older.insert(0, enquiry::question(&schema, newest, typed)?);
    Ok(older)
}

/// Asks under the newest epoch first. Only the answer that this epoch is not in force leads to an older one.
async fn ask(
    uplink: &Uplink,
    questions: Vec<ResolveTokenRequest>,
) -> Result<TokenAnswer, AgentError> {
    let mut refused = None;
    for question in questions {
        match uplink.resolve_token(question).await {
            Ok(answer) => return Ok(answer.answer()),
            Err(error) if error.reason() == Some("WRONG_EPOCH") => {
                refused.get_or_insert(error);
            }
            Err(error) => return Err(error),
        }
    }
    Err(refused.unwrap_or_else(|| AgentError::new(Fault::Internal, "")))
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
