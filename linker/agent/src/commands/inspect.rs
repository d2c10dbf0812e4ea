//! `inspect`: what a run would make of one file. Counts, places and codes; never a value.

use std::{collections::BTreeMap, fmt::Write as _, path::Path};

use serde::Serialize;

use crate::{
    config::Config,
    error::{AgentError, Fault},
    messages,
    progress::Progress,
    source::{self, Outcome, Refused},
};

/// Most refused rows that are listed.
const SHOWN_MAX: usize = 20;

/// What was found in a file.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    rows: u64,
    records: u64,
    refused: BTreeMap<&'static str, u64>,
    quality: BTreeMap<&'static str, u64>,
    first_refused: Vec<Place>,
}

#[derive(Debug, Serialize)]
struct Place {
    row: u64,
    code: &'static str,
    field: &'static str,
}

/// Reads one file, or one folder, in the configured format. Without a usable record it is refused as
/// `run` refuses it, after `progress` was told what was found.
pub(super) fn file(
    config: &Config,
    path: &Path,
    progress: &Progress,
) -> Result<Report, AgentError> {
    let mut first_refused = Vec::new();
    let tally = source::of(config)?.read(path, &mut |_file, outcome| {
        if let Outcome::Refused(Refused { row, code, field }) = outcome
            && first_refused.len() < SHOWN_MAX
        {
            first_refused.push(Place { row, code, field });
        }
        Ok(())
    })?;
    let report = Report {
        rows: tally.rows,
        records: tally.records,
        refused: tally.refused,
        quality: tally.quality,
        first_refused,
    };
    if report.records == 0 {
        progress.say(report.text().trim_end());
        let rows = messages::count(report.rows, "row", "rows");
        return Err(AgentError::new(Fault::SourceEmpty, format!("{rows} read")));
    }
    Ok(report)
}

/// The lines of what was left out and what was noticed, by code.
pub(super) fn counts(
    refused: &BTreeMap<&'static str, u64>,
    quality: &BTreeMap<&'static str, u64>,
) -> Vec<String> {
    [("left out", refused), ("noticed", quality)]
        .into_iter()
        .flat_map(|(title, counts)| {
            let line = move |(code, count)| format!("{title} {code} {count}");
            counts.iter().map(line)
        })
        .collect()
}

impl Report {
    pub(super) fn text(&self) -> String {
        let mut out = format!("rows {}\nrecords {}\n", self.rows, self.records);
        for line in counts(&self.refused, &self.quality) {
            out += &line;
            out.push('\n');
        }
        for place in &self.first_refused {
            let Place { row, code, field } = place;
            let _infallible = writeln!(out, "row {row} {code} {field}");
        }
        out
    }
}
