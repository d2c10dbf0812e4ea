//! From the bytes of a site's files to sealed batches, on one core.
//!
//! A table of the town and an SS-MIX2 tree of the hospital are made of the same invented people, then read,
//! normalised, encoded and sealed as a site does it. Seconds are those of this thread on the CPU, because other
//! programs share the machine.

mod peer;
mod report;
mod stages;

use std::{fs, path::Path};

use clap::Args;
use serde_json::Value;

use self::{report::Measured, stages::Stages};
use crate::{
    error::{BenchError, file},
    errors::Preset,
    people::Population,
    sites::{hospital, town},
    ui::Story,
};

/// Most rows: the table of a million takes 110 MB of memory.
const ROWS_MAX: u32 = 5_000_000;
/// Of ten people seven live in the town.
const PEOPLE_OF_ROWS: (u32, u32) = (10, 7);
/// Most people of the tree: every one is a file in five folders of its own.
const TREE_PEOPLE_MAX: u32 = 20_000;
/// Most people for the peer, which takes a second for ten thousand.
const PEER_PEOPLE_MAX: u32 = 20_000;
/// Where the peer's environment and the table for it lie.
const PEER_FOLDER: &str = "target/bench/clkhash";
/// How bad the records are.
const PRESET: Preset = Preset::TypicalHospital;

/// What is asked for.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// Rows of the town's table, about.
    #[arg(long, default_value_t = 200_000)]
    pub rows: u32,
    /// Seed of the people.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Leaves out clkhash, which is installed from the package index when first measured.
    #[arg(long)]
    pub no_peer: bool,
    /// Ends with one JSON object on standard output.
    #[arg(long)]
    pub json: bool,
}

/// Runs it; the object to print, if one was asked for.
///
/// # Errors
/// [`BenchError`].
pub fn run(options: &Options) -> Result<Option<Value>, BenchError> {
    if options.rows == 0 || options.rows > ROWS_MAX {
        return Err(BenchError::Option {
            what: "1 to 5,000,000 rows",
        });
    }
    let mut story = Story::default();
    let people =
        u64::from(options.rows) * u64::from(PEOPLE_OF_ROWS.0) / u64::from(PEOPLE_OF_ROWS.1);
    let people = u32::try_from(people).unwrap_or(ROWS_MAX);
    let table = table(people, options.seed)?;
    story.done("people");
    story.say(&format!(
        "the table of {people} people has {} bytes",
        table.len()
    ));

    let mut stages = Stages::new()?;
    // From here on, the peak is that of the site's work and of the table that it holds.
    reset_peak();
    let rows = stages.table(&table)?;
    let peak = crate::machine::peak_rss("self");
    let table_bytes = table.len() as u64;
    drop(table);
    story.done("table");

    let tree = tree(people.min(TREE_PEOPLE_MAX), options.seed)?;
    let patients = stages.tree(tree.path())?;
    drop(tree);
    story.done("tree");

    let peer = if options.no_peer {
        Err("it was left out".to_owned())
    } else {
        let population = Population::generate(people.min(PEER_PEOPLE_MAX), options.seed);
        peer::measure(Path::new(PEER_FOLDER), &population)
    };
    let measured = Measured {
        rows,
        patients,
        table_bytes,
        peak,
        peer,
    };
    measured.show();
    Ok(options.json.then(|| measured.json()))
}

fn table(people: u32, seed: u64) -> Result<Vec<u8>, BenchError> {
    let mut out = Vec::new();
    town::write(
        &Population::generate(people, seed),
        PRESET,
        &mut out,
        &mut |_| Ok(()),
    )
    .map_err(file("make the town's table"))?;
    out.shrink_to_fit();
    Ok(out)
}

fn tree(people: u32, seed: u64) -> Result<tempfile::TempDir, BenchError> {
    let folder = tempfile::tempdir().map_err(file("make a temporary folder"))?;
    let population = Population::generate(people, seed);
    hospital::write(&population, PRESET, folder.path(), &mut |_| Ok(()))
        .map_err(file("write the hospital's tree"))?;
    Ok(folder)
}

/// Sets this process's peak back to what it uses now. Where the system does not know how, the peak of making
/// the table stays in it.
fn reset_peak() {
    let _unknown = fs::write("/proc/self/clear_refs", "5");
}
