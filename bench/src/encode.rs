//! From the bytes of a site's files to sealed batches, on one core.
//!
//! A table of the town and an SS-MIX2 tree of the hospital are made of the same invented people, then read,
//! normalised, encoded and sealed as a site does it. Seconds are those of this thread on the CPU, because other
//! programs share the machine.

mod peer;
mod report;
mod stages;

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
};

use clap::Args;
use linker_agent::config::Format;
use serde_json::Value;

use self::{report::Measured, stages::Stages};
use crate::{
    error::{BenchError, file},
    errors::Preset,
    people::Population,
    sites::{hospital, town},
    ui::Story,
};

/// Most rows: the table of a million has 104 MB.
const ROWS_MAX: u32 = 5_000_000;
/// Most mebibytes of the large table.
const LARGE_MIB_MAX: u64 = 1 << 20;
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
    /// Mebibytes of the table whose reading, encoding and sealing must not take more memory than a small one's.
    #[arg(long, default_value_t = 512)]
    pub large_mib: u64,
    /// Leaves out the SS-MIX2 tree.
    #[arg(long)]
    pub no_tree: bool,
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
    if options.large_mib > LARGE_MIB_MAX {
        return Err(BenchError::Option {
            what: "a large table of at most 1,048,576 MiB",
        });
    }
    let mut story = Story::default();
    let people =
        u64::from(options.rows) * u64::from(PEOPLE_OF_ROWS.0) / u64::from(PEOPLE_OF_ROWS.1);
    let people = u32::try_from(people).unwrap_or(ROWS_MAX);
    let folder = tempfile::tempdir().map_err(file("make a temporary folder"))?;
    let table = Table::write(folder.path(), people, options.seed)?;
    story.done("people");
    story.say(&format!(
        "the table of {people} people has {} bytes",
        table.bytes
    ));

    let mut stages = Stages::new()?;
    let rows = stages.times(table.format(), &table.file)?;
    story.done("table");
    let large_bytes = table.repeat(options.large_mib << 20)?;
    // From here on, the peak is that of the site's work.
    reset_peak();
    stages.once(table.format(), &table.large)?;
    let peak = crate::machine::peak_rss("self");
    fs::remove_file(&table.large).map_err(file("remove the large table"))?;
    story.done("large table");

    let patients = if options.no_tree {
        None
    } else {
        let tree = tree(people.min(TREE_PEOPLE_MAX), options.seed)?;
        Some(stages.times(Format::SsMix2, tree.path())?)
    };
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
        table_bytes: table.bytes,
        large_bytes,
        peak,
        peer,
    };
    measured.show();
    Ok(options.json.then(|| measured.json()))
}

/// The town's table and a large one of the same rows, again and again.
struct Table {
    file: PathBuf,
    large: PathBuf,
    mapping: PathBuf,
    bytes: u64,
}

impl Table {
    fn write(folder: &Path, people: u32, seed: u64) -> Result<Self, BenchError> {
        let table = Self {
            file: folder.join("town.csv"),
            large: folder.join("large.csv"),
            mapping: folder.join("town.toml"),
            bytes: 0,
        };
        fs::write(&table.mapping, town::MAPPING).map_err(file("write the mapping"))?;
        let made = file("make the town's table");
        let mut out = Vec::new();
        let population = Population::generate(people, seed);
        town::write(&population, PRESET, &mut out, &mut |_| Ok(()))
            .and_then(|()| fs::write(&table.file, &out))
            .map_err(made)?;
        let bytes = out.len() as u64;
        Ok(Self { bytes, ..table })
    }

    fn format(&self) -> Format {
        let mapping = self.mapping.clone();
        Format::Csv { mapping }
    }

    /// Writes the large table; the bytes that it has.
    fn repeat(&self, bytes: u64) -> Result<u64, BenchError> {
        let made = || file("make the large table");
        let whole = fs::read(&self.file).map_err(made())?;
        let header = whole.iter().position(|&byte| byte == b'\n');
        let (header, rows) = whole.split_at(header.map_or(0, |at| at + 1));
        let mut out = fs::File::create(&self.large).map_err(made())?;
        out.write_all(header).map_err(made())?;
        let mut written = header.len() as u64;
        while written < bytes {
            out.write_all(rows).map_err(made())?;
            written += rows.len() as u64;
        }
        Ok(written)
    }
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
