//! `check`: what a run would make of a source, as a report. Sends nothing, keeps nothing, and needs no
//! keys: tokens are made under a secret that is thrown away.

use std::{path::Path, time::Duration};

use linker_token::Schema;
use linker_tokenize::RawField;

use crate::{
    config::Config,
    error::{AgentError, Fault},
    keys,
    language::Language,
    packages,
    problems::Problems,
    progress::Progress,
    report::{
        data::{Places, Report, Seen},
        day::Day,
        files::Files,
        findings::Readiness,
        html,
        profile::Profile,
        terminal,
    },
    say,
    source::{self, Outcome, Source, Tally},
    state::State,
};

/// How a report is wanted.
pub(super) struct Wanted<'a> {
    /// The file or folder to read in place of the configured source.
    pub(super) path: Option<&'a Path>,
    /// JSON in place of text.
    pub(super) json: bool,
    /// Where the HTML goes.
    pub(super) html: Option<&'a Path>,
    pub(super) language: Language,
}

/// Reads the source as a run would and reports on it. What a run would refuse, and what should not be
/// sent, is an error that carries the report.
pub(super) fn report(
    config: &Config,
    wanted: &Wanted<'_>,
    progress: &Progress,
    now: Duration,
) -> Result<String, AgentError> {
    let configured = config.source()?;
    let path = wanted.path.unwrap_or(&configured.path);
    let source = source::of(config)?.observing();
    let schema = schema(config, &source, now);
    let today = Day::of_unix(now.as_secs());
    let declared = source.mapping().and_then(|mapping| mapping.encoding());
    let files = Files::look(&configured.format, path, declared)?;

    let task = progress.task(&say!("checking"), None);
    // The same judgement as before a run: it comes first, since a source with forbidden numbers is not
    // looked at any further.
    let judged = source.check(path, &mut Problems::new(), &|| task.add(1));
    drop(task);
    let refused = judged.err();
    let fault = refused.as_ref().map(AgentError::fault);
    let mut profile = Profile::new(&schema, today)?;
    let mut places = Places::default();
    let tally = if fault.is_none_or(is_of_records) {
        let task = progress.task(&say!("counting"), None);
        let tally = count(&source, path, &mut profile, &mut places, &|| task.add(1));
        // A walk that fails did so before, and that error is the one to report.
        tally.unwrap_or_default()
    } else {
        Tally::default()
    };
    let seen = Seen {
        profile,
        tally,
        files,
        places: places.numbered(&configured.format, path)?,
    };
    let report = Report::new(
        config,
        schema.name(),
        today,
        seen,
        refused.as_ref(),
        wanted.language,
    );
    if let Some(path) = wanted.html {
        let page = html::render(&report, wanted.language);
        std::fs::write(path, page).map_err(|error| {
            AgentError::new(Fault::ReportUnwritable, path.display().to_string()).because(error)
        })?;
    }
    let text = if wanted.json {
        super::json(&report)?
    } else {
        terminal::render(&report, wanted.language)
    };
    match refused {
        Some(error) => Err(error.with_output(text)),
        None if report.readiness == Readiness::DoNotSend => {
            Err(AgentError::new(Fault::NotReady, "").with_output(text))
        }
        None => Ok(text),
    }
}

/// Whether a fault is one of single records, so that counting them shows where it lies.
fn is_of_records(fault: Fault) -> bool {
    matches!(
        fault,
        Fault::RowsRefused | Fault::FieldUnreadable | Fault::SourceEmpty
    )
}

/// The schema of the accepted package; before there is one, that of the language in which the source
/// gives names.
fn schema(config: &Config, source: &Source, now: Duration) -> Schema {
    let state = State::look(&config.state);
    let accepted = keys::load(config, &state)
        .and_then(|keys| packages::newest(config, &state, &keys, now.as_secs()))
        .and_then(|package| keys::schema(&package));
    accepted.unwrap_or_else(|_not_enrolled| {
        let latin = |field| matches!(field, RawField::Surname | RawField::GivenName);
        let has_latin = |mapping: &linker_tokenize::CsvMapping| mapping.fields().any(latin);
        if source.mapping().is_some_and(has_latin) {
            Schema::en_1()
        } else {
            Schema::jp_1()
        }
    })
}

fn count(
    source: &Source,
    path: &Path,
    profile: &mut Profile,
    places: &mut Places,
    seen: &dyn Fn(),
) -> Result<Tally, AgentError> {
    source.read(path, &mut |file, outcome| {
        match outcome {
            Outcome::Record(record) => profile.see(record),
            Outcome::Refused(refused) => places.add(file, refused),
            Outcome::Deletion => {}
        }
        seen();
        Ok(())
    })
}
