//! A whole run over many tokens: times, memory, disk.
//!
//! The token set is made, or found, by the process that the user started. The run itself happens in a
//! fresh child of the same program, so that the peak of its memory is the matcher's alone.

mod child;
mod clock;
mod exhaustive;
mod record;
mod report;
mod source;
mod truth;

use std::{
    path::PathBuf,
    process::{Command, Stdio},
};

use clap::{Args, ValueEnum as _};
use serde_json::{Value, json};

pub use self::exhaustive::Mode;
use self::report::Report;
use crate::{
    error::{BenchError, file},
    machine,
    tokens::{self, set::TokenSet},
    ui::say,
};

/// What is asked for.
#[derive(Debug, Clone, Args)]
#[group(id = "match")]
#[command(
    after_help = "Says seconds of each part, memory and disk, pairs by pass, clusters against the truth, and the run's own estimates.\n\
    Examples:\n  bench match --tokens 1000000 --record bench/record/match.json\n  bench match --tokens 10000000 --memory-gib 2\n  \
    bench match --exhaustive segment\n  bench match --undiffused --exhaustive whole-row --dice 0.8\n\
    Recorded figures: bench/record/match.json."
)]
pub struct Options {
    /// Which tokens; made first if they are not there.
    #[command(flatten)]
    pub set: tokens::Options,
    /// Memory that the run may use, in GiB. Beyond it rows wait on disk, sealed [default: no bound].
    #[arg(long, value_name = "GIB")]
    pub memory_gib: Option<f64>,
    /// Compares everything with everything as well, and checks that it finds what the run found.
    #[arg(long, value_enum, value_name = "HOW")]
    pub exhaustive: Option<Mode>,
    /// Least Dice coefficient of two rows that are similar.
    #[arg(long, default_value_t = 0.8)]
    pub dice: f64,
    /// Adds the result to this file, in place of an older one of the same size and commit.
    #[arg(long, value_name = "FILE")]
    pub record: Option<PathBuf>,
    /// Runs over the set in this folder, in this process: what the parent starts.
    #[arg(long, value_name = "FOLDER", hide = true)]
    pub child: Option<PathBuf>,
}

impl Options {
    /// The bound on memory.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a cast from float saturates, and a bound of nothing is refused by the run"
    )]
    fn memory_bytes(&self) -> Option<u64> {
        self.memory_gib.map(|gib| (gib * f64::from(1 << 30)) as u64)
    }

    /// The least Dice coefficient in thousandths.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the number is checked first"
    )]
    fn dice_permille(&self) -> Result<u32, BenchError> {
        if !(0.5..=1.0).contains(&self.dice) {
            return Err(BenchError::Option {
                what: "a Dice coefficient to look for is 0.5 to 1",
            });
        }
        Ok((self.dice * 1000.0).round() as u32)
    }

    /// Beside the token set, and not in it: a folder with other things in it is no set.
    fn scratch_folder(set: &TokenSet) -> PathBuf {
        let name = set.folder().file_name().unwrap_or_default();
        set.folder()
            .with_file_name(format!("{}.scratch", name.display()))
    }
}

/// Runs it; the object to print, if one was asked for.
///
/// # Errors
/// [`BenchError`].
pub fn run(options: &Options) -> Result<Option<Value>, BenchError> {
    if let Some(set) = &options.child {
        let report = child::run(TokenSet::open(set)?, options)?;
        return serde_json::to_value(report)
            .map(Some)
            .map_err(|error| file("write the result")(error.into()));
    }
    options.dice_permille()?;
    let (set, seconds) = tokens::make(&options.set)?;
    let made = seconds.map_or("are there".to_owned(), |seconds| {
        format!("took {seconds:.1} s")
    });
    say(&format!("the tokens in {} {made}", set.folder().display()));
    let report = measure(&set, options)?;
    report.show();
    let result = result(&set, &report);
    if let Some(path) = &options.record {
        record::add(path, &result)?;
    }
    if report
        .exhaustive
        .as_ref()
        .is_some_and(|all| !all.is_whole())
    {
        return Err(BenchError::Check {
            what: "the search of everything misses pairs that the blocked run found".to_owned(),
        });
    }
    Ok(options.set.json.then_some(result))
}

/// Runs the child. What it says on standard error goes to the user; the result is its standard output.
fn measure(set: &TokenSet, options: &Options) -> Result<Report, BenchError> {
    let program = std::env::current_exe().map_err(file("find this program"))?;
    let mut child = Command::new(program);
    child.arg("match").arg("--child").arg(set.folder());
    if let Some(gib) = options.memory_gib {
        child.args(["--memory-gib", &gib.to_string()]);
    }
    child.args(["--seed", &options.set.seed.to_string()]);
    if let Some(threads) = options.set.threads {
        child.args(["--threads", &threads.to_string()]);
    }
    child.args(["--dice", &options.dice.to_string()]);
    if let Some(mode) = options.exhaustive.and_then(|mode| mode.to_possible_value()) {
        child.args(["--exhaustive", mode.get_name()]);
    }
    let output = child
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(file("start the run"))?;
    if !output.status.success() {
        return Err(BenchError::Run {
            status: output.status.to_string(),
        });
    }
    serde_json::from_slice(&output.stdout)
        .map_err(|error| file("read the result of the run")(error.into()))
}

fn result(set: &TokenSet, report: &Report) -> Value {
    json!({
        "bench": "match",
        "machine": machine::machine(&report.kernel),
        "commit": machine::commit(),
        "date": machine::date(),
        "request": set.request(),
        "people": set.people(),
        "schema": set.schema().name(),
        "schema_digest": set.schema().digest().to_string(),
        "run": report,
    })
}
