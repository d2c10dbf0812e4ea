//! `inspect`: what a run would make of one file. Counts, places and codes; never a value.

use std::{collections::BTreeMap, fmt::Write as _, path::Path};

use serde::Serialize;

use crate::{
    config::Config,
    error::AgentError,
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

/// Reads one file, or one folder, in the configured format.
pub(super) fn file(config: &Config, path: &Path) -> Result<Report, AgentError> {
    let mut first_refused = Vec::new();
    let tally = source::of(config)?.read(path, &mut |_file, outcome| {
        if let Outcome::Refused(Refused { row, code, field }) = outcome
            && first_refused.len() < SHOWN_MAX
        {
            first_refused.push(Place { row, code, field });
        }
        Ok(())
    })?;
    Ok(Report {
        rows: tally.rows,
        records: tally.records,
        refused: tally.refused,
        quality: tally.quality,
        first_refused,
    })
}

impl Report {
    pub(super) fn text(&self) -> String {
        let mut out = format!("rows {}\nrecords {}\n", self.rows, self.records);
        for (title, counts) in [("left out", &self.refused), ("noticed", &self.quality)] {
            for (code, count) in counts {
                let _infallible = writeln!(out, "{title} {code} {count}");
            }
        }
        for place in &self.first_refused {
            let Place { row, code, field } = place;
            let _infallible = writeln!(out, "row {row} {code} {field}");
        }
        out
    }
}
