//! What is kept of every run: counts, in one small file each. No value, no reference, no file name.

use std::{collections::BTreeMap, fs};

use serde::{Deserialize, Serialize};

use crate::{
    error::{AgentError, Fault},
    limits::{RUN_RECORD_BYTES_MAX, RUNS_KEPT_MAX},
    state::{self, State},
};

/// Version of the form.
const VERSION: u32 = 1;

/// Counts of one run. What a failed run did not come to is zero.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunRecord {
    /// Version of this form.
    pub version: u32,
    /// When the run ended, in seconds since 1970.
    pub ended_unix_s: u64,
    /// How long it took.
    pub seconds: f64,
    /// `done`, or the code of the error.
    pub result: String,
    /// Project of the key package.
    pub project: String,
    /// Its key epoch.
    pub epoch: u32,
    /// Files read.
    pub files: u64,
    /// Rows, claims or messages read.
    pub rows: u64,
    /// Of these, usable records.
    pub records: u64,
    /// Of these, left out, by reason.
    pub refused: BTreeMap<String, u64>,
    /// Records by what was noticed.
    pub quality: BTreeMap<String, u64>,
    /// Tokens in batches.
    pub tokens: u64,
    /// Batches sent.
    pub batches_sent: u32,
    /// Batches that the appliance had already.
    pub batches_known: u32,
    /// Receipts verified.
    pub receipts: u32,
    /// Rows admitted.
    pub rows_admitted: u64,
    /// Rows quarantined.
    pub rows_quarantined: u64,
    /// Why.
    pub quarantined_by_reason: BTreeMap<String, u64>,
}

impl RunRecord {
    /// A run that ended, and nothing else known.
    #[must_use]
    pub fn ended(ended_unix_s: u64, seconds: f64) -> Self {
        Self {
            version: VERSION,
            ended_unix_s,
            seconds,
            ..Self::default()
        }
    }

    /// A run that ended with an error.
    #[must_use]
    pub fn failed(ended_unix_s: u64, seconds: f64, code: &str) -> Self {
        Self {
            result: code.to_owned(),
            ..Self::ended(ended_unix_s, seconds)
        }
    }

    /// Whether it did all it should.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.result == "done"
    }

    /// Rows left out.
    #[must_use]
    pub fn refused_total(&self) -> u64 {
        self.refused.values().sum()
    }
}

/// Keeps the record of a run and forgets the oldest ones beyond the bound.
///
/// # Errors
/// [`Fault::StateIo`] or [`Fault::DiskFull`].
pub fn keep(state: &State, record: &RunRecord) -> Result<(), AgentError> {
    let folder = state.runs();
    state::make_folder(&folder)?;
    let bytes = serde_json::to_vec(record)
        .map_err(|error| AgentError::new(Fault::Internal, "a record of a run").because(error))?;
    let mut names = names(state)?;
    // Two runs may end within one second.
    let mut number = 0;
    let name = loop {
        let name = format!("{:012}-{number:03}.json", record.ended_unix_s);
        if !names.contains(&name) {
            break name;
        }
        number += 1;
    };
    state::write_atomic(&folder.join(&name), &bytes)?;
    names.push(name);
    names.sort_unstable();
    let beyond = names.len().saturating_sub(RUNS_KEPT_MAX);
    for name in &names[..beyond] {
        fs::remove_file(folder.join(name)).map_err(|error| AgentError::state("runs", error))?;
    }
    Ok(())
}

/// All records, the oldest first. One that cannot be read is left out and counted.
///
/// # Errors
/// [`Fault::StateIo`].
pub fn all(state: &State) -> Result<(Vec<RunRecord>, u64), AgentError> {
    let mut records = Vec::new();
    let mut damaged = 0;
    for name in names(state)? {
        let bytes = state::read_if_there(&state.runs().join(name), RUN_RECORD_BYTES_MAX)?;
        match serde_json::from_slice::<RunRecord>(&bytes.unwrap_or_default()) {
            Ok(record) if record.version == VERSION => records.push(record),
            Ok(_) | Err(_) => damaged += 1,
        }
    }
    Ok((records, damaged))
}

fn names(state: &State) -> Result<Vec<String>, AgentError> {
    let mut names = state::names(&state.runs(), "runs")?;
    names.retain(|name| name.ends_with(".json"));
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_come_back_in_order_and_damage_is_counted() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::look(folder.path());
        assert_eq!(all(&state).unwrap(), (Vec::new(), 0));
        let mut record = RunRecord::ended(1_800_000_000, 1.5);
        record.quality.insert("no-sex".to_owned(), 3);
        keep(&state, &record).unwrap();
        keep(
            &state,
            &RunRecord::failed(1_700_000_000, 0.0, "UNREACHABLE"),
        )
        .unwrap();
        keep(&state, &RunRecord::failed(1_700_000_000, 0.0, "DISK_FULL")).unwrap();
        let (records, damaged) = all(&state).unwrap();
        let results: Vec<_> = records.iter().map(|run| run.result.as_str()).collect();
        assert_eq!(
            (results, damaged),
            (vec!["UNREACHABLE", "DISK_FULL", ""], 0)
        );
        assert_eq!(records[2], record);
        fs::write(state.runs().join("000000000001-000.json"), b"{").unwrap();
        let (records, damaged) = all(&state).unwrap();
        assert_eq!((records.len(), damaged), (3, 1));
    }

    #[test]
    fn one_past_the_bound_forgets_the_oldest() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::look(folder.path());
        fs::create_dir(state.runs()).unwrap();
        for second in 0..RUNS_KEPT_MAX {
            fs::write(state.runs().join(format!("{second:012}-000.json")), b"{}").unwrap();
        }
        keep(&state, &RunRecord::ended(1_800_000_000, 0.0)).unwrap();
        let names = names(&state).unwrap();
        assert_eq!(names.len(), RUNS_KEPT_MAX);
        assert_eq!(names[0], "000000000001-000.json");
        assert_eq!(names.last().unwrap(), "001800000000-000.json");
    }
}
