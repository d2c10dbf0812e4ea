//! `report`: what earlier runs did, and the keeping of what it tells.

use std::time::Duration;

use super::summary::Summary;
use crate::{
    cli::Told,
    config::Config,
    error::{AgentError, Fault},
    language::Language,
    progress::Progress,
    report::{
        history::{self, RunRecord},
        past::Past,
    },
    say,
    state::State,
};

/// What earlier runs did.
pub(super) fn past(config: &Config, told: &Told, language: Language) -> Result<String, AgentError> {
    let past = Past::of(config.site.as_str(), &State::look(&config.state))?;
    if let Some(path) = &told.html {
        std::fs::write(path, past.html(language)).map_err(|error| {
            AgentError::new(Fault::ReportUnwritable, path.display().to_string()).because(error)
        })?;
    }
    if told.json {
        super::json(&past)
    } else {
        Ok(past.text(language))
    }
}

/// Keeps the counts of a run that ended, whatever its end. A run that could not begin leaves nothing: the
/// state folder may be another's, or not there. That counts cannot be kept is no fault of the run.
pub(super) fn keep(
    config: &Config,
    done: Result<&Summary, &AgentError>,
    ended: Duration,
    seconds: f64,
    progress: &Progress,
) {
    let ended_unix_s = ended.as_secs();
    let record = match done {
        Ok(summary) => summary.record(ended_unix_s),
        Err(error) if matches!(error.fault(), Fault::StateBusy | Fault::NotInitialised) => return,
        Err(error) => RunRecord::failed(ended_unix_s, seconds, error.code()),
    };
    if let Err(error) = history::keep(&State::look(&config.state), &record) {
        progress.say(&say!(
            "the counts of this run were not kept: {error}",
            error = error.said()
        ));
    }
}
