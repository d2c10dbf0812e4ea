//! `enrol`, `answer-challenge`, `accept-key` and `forget-key`: the site's keys, the request for the
//! custodians, the proof that the keys are the site's, their package, and its end.

use std::{path::Path, time::Duration};

use linker_token::Epoch;

use super::{init, warn_of_sha1};
use crate::{
    columns::aligned, config::Config, error::AgentError, keys, language::Language, packages,
    progress::Progress, say, say::Say, state::State,
};

/// Makes the site's keys and the enrolment request, or only what is missing of them.
pub(super) fn enrol(config: &Config, language: Language) -> Result<String, AgentError> {
    init::refuse_unfilled_site(config)?;
    let state = State::open(&config.state)?;
    let request = keys::enrol(config, &state)?;
    let lines = [
        say!("site {site}", site = config.site.as_str()),
        say!(
            "request {path}",
            path = state.request().display().to_string()
        ),
        say!(
            "fingerprint {fingerprint}",
            fingerprint = request.fingerprint()
        ),
        say!(
            "Send the request to the custodians and read the fingerprint to them over the telephone."
        ),
    ];
    Ok(page(&lines, language))
}

/// Opens the custodians' package, keeps it, and writes the receipt for them.
pub(super) fn accept_key(
    config: &Config,
    package: &Path,
    language: Language,
    progress: &Progress,
    now: Duration,
) -> Result<String, AgentError> {
    let state = State::open(&config.state)?;
    let (opened, receipt) = packages::accept(config, &state, package, now.as_secs())?;
    warn_of_sha1(progress, &opened);
    let content = opened.content();
    let schema = keys::schema(&opened)?;
    let lines = [
        say!("project {project}", project = content.project.as_str()),
        say!("epoch {epoch}", epoch = content.epoch.0),
        say!(
            "schema {name} {digest}",
            name = schema.name(),
            digest = content.schema.to_string()
        ),
        say!("check {check}", check = content.check.to_string()),
        say!("receipt {path}", path = receipt.display().to_string()),
        say!("Send the receipt to the custodians; the epoch starts when they have verified it."),
    ];
    Ok(page(&lines, language))
}

/// Proves to the custodians that the wrapping key of the request is this site's.
pub(super) fn answer_challenge(
    config: &Config,
    challenge: &Path,
    language: Language,
) -> Result<String, AgentError> {
    let state = State::open(&config.state)?;
    let place = keys::answer(config, &state, challenge)?;
    let lines = [
        say!("answer {path}", path = place.display().to_string()),
        say!("Send the answer to the custodians; they send the key package when it is right."),
    ];
    Ok(page(&lines, language))
}

/// Destroys the encoding secret of an epoch that is over, and writes the statement about it.
pub(super) fn forget_key(
    config: &Config,
    (epoch, last): (Epoch, bool),
    language: Language,
    now: Duration,
) -> Result<String, AgentError> {
    let state = State::open(&config.state)?;
    let (statement, place) = packages::forget(config, &state, (epoch, last), now.as_secs())?;
    let lines = [
        say!("project {project}", project = statement.project.as_str()),
        say!("epoch {epoch}", epoch = statement.epoch.0),
        say!("check {check}", check = statement.secret_check.to_string()),
        say!("statement {path}", path = place.display().to_string()),
        say!(
            "Send the statement to the custodians, and destroy every copy of the package file that you received, backups and memory sticks too."
        ),
    ];
    Ok(page(&lines, language))
}

/// Sentences as lines, in columns where they have tabs.
fn page(lines: &[Say], language: Language) -> String {
    let lines: String = lines.iter().map(|line| line.line(language)).collect();
    aligned(&lines)
}
