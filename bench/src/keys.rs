//! Keys and the audit log: what a token gives a second, what the log takes, what a proof costs.
//!
//! A software token says nothing about hardware; its rates tell what the code around it costs, and whether a
//! change made it dearer. The module reads its configuration from the environment once, so what touches a
//! token happens in a child process with a folder of its own.

mod layer;
mod log;
mod token;

use std::{
    path::PathBuf,
    process::{Command, Stdio},
};

use clap::Args;
use serde_json::{Value, json};

use self::{layer::Permutations, log::Log};
use crate::{
    error::{BenchError, file},
    limits, machine,
    ui::{Story, grouped, say},
};

/// Appends a second that the audit log must take in batches, its syncs included.
const APPENDS_MIN: f64 = 50_000.0;
/// Rows a second that one core must permute at 1,024 bits.
const ROWS_MIN: f64 = 5_000_000.0;

/// What is asked for.
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Says envelopes and deliveries per second on a token, appends per second of the audit log with its syncs, one by one and in batches, size and time of proofs in a large log, and rows per second of the second layer by bit planes and bit by bit. Fails if the two permutations disagree or a proof does not verify.\n\
    Example:\n  bench keys --json > bench/record/keys.json\n\
    Another module: bench keys --profile profile.toml\n\
    Recorded figures: bench/record/keys.json."
)]
pub struct Options {
    /// Entries of the log in which proofs are made.
    #[arg(long, default_value_t = 10_000_000)]
    pub entries: u32,
    /// Seconds of each measurement.
    #[arg(long, default_value_t = 3)]
    pub seconds: u32,
    /// Entries that the log takes at once.
    #[arg(long, default_value_t = 1024)]
    pub batch: usize,
    /// A module profile [default: that of SoftHSM2].
    #[arg(long, value_name = "FILE")]
    pub profile: Option<PathBuf>,
    /// Leaves out what needs a token.
    #[arg(long)]
    pub no_token: bool,
    /// Ends with one JSON object on standard output.
    #[arg(long)]
    pub json: bool,
    /// Measures on a token in this folder and prints the object: what the bench starts itself with.
    #[arg(long, hide = true, value_name = "FOLDER")]
    pub child: Option<PathBuf>,
}

/// Runs it; the object to print, if one was asked for.
///
/// # Errors
/// [`BenchError`]: among them that two ways to the same result disagree.
pub fn run(options: &Options) -> Result<Option<Value>, BenchError> {
    if let Some(folder) = &options.child {
        return token::run(folder, options).map(Some);
    }
    if !(1..=limits::LOG_ENTRIES_MAX).contains(&options.entries)
        || !(1..=appliance_store::limits::AUDIT_BATCH_MAX).contains(&options.batch)
        || options.seconds == 0
    {
        return Err(BenchError::Option {
            what: "1 to 16,777,216 entries, 1 to 4,096 at once, and at least one second",
        });
    }
    let mut story = Story::default();
    let on_token = if options.no_token {
        Value::Null
    } else {
        measure_token(options)?
    };
    story.done("token");
    let log = log::measure(options)?;
    story.done("log");
    let layer = layer::measure(f64::from(options.seconds))?;
    show(&on_token, &log, &layer);
    story.say("measured");
    let object = json!({
        "bench": "keys",
        "machine": machine::machine(""),
        "commit": machine::commit(),
        "date": machine::date(),
        "seconds_each": options.seconds,
        "token": on_token,
        "audit": log.object(),
        "second_layer": layer.object(),
        "targets": {
            "appends_per_second": APPENDS_MIN,
            "appends_met": log.batched >= APPENDS_MIN,
            "rows_per_second": ROWS_MIN,
            "rows_met": layer.planes >= ROWS_MIN,
        },
    });
    Ok(options.json.then_some(object))
}

/// Starts this program again with a token folder of its own.
fn measure_token(options: &Options) -> Result<Value, BenchError> {
    let folder = tempfile::tempdir().map_err(file("make a temporary folder"))?;
    let environment = token::prepare(folder.path())?;
    let program = std::env::current_exe().map_err(file("find this program"))?;
    let mut child = Command::new(program);
    child.arg("keys").arg("--child").arg(folder.path());
    child.args(["--seconds", &options.seconds.to_string()]);
    if let Some(profile) = &options.profile {
        child.arg("--profile").arg(profile);
    }
    let output = child
        .envs(environment)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(file("start the measures on a token"))?;
    if !output.status.success() {
        return Err(BenchError::Run {
            status: output.status.to_string(),
        });
    }
    serde_json::from_slice(&output.stdout)
        .map_err(|error| file("read the measures on a token")(error.into()))
}

fn show(token: &Value, log: &Log, layer: &Permutations) {
    if let Some(rates) = token["per_second"].as_object() {
        let name = token["profile"].as_str().unwrap_or_default();
        for (what, rate) in rates {
            say(&format!(
                "{what:<28} {:>12.0} /s on {name}",
                rate.as_f64().unwrap_or(0.0)
            ));
        }
    }
    log.show();
    layer.show();
    let verdict = |met: bool| if met { "met" } else { "NOT met" };
    say(&format!(
        "targets: {} appends/s {}, {} rows/s {}",
        grouped(50_000),
        verdict(log.batched >= APPENDS_MIN),
        grouped(5_000_000),
        verdict(layer.planes >= ROWS_MIN)
    ));
}

/// Calls `work` for about so many seconds; calls a second.
fn rate(seconds: f64, mut work: impl FnMut() -> Result<(), BenchError>) -> Result<f64, BenchError> {
    work()?;
    let start = std::time::Instant::now();
    let mut calls = 0.0;
    while start.elapsed().as_secs_f64() < seconds {
        work()?;
        calls += 1.0;
    }
    Ok(calls / start.elapsed().as_secs_f64())
}

/// What a library of ours refused to do in the middle of a measurement.
fn failed(error: impl std::fmt::Display) -> BenchError {
    BenchError::Check {
        what: error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_measure_goes_through() {
        let options = Options {
            entries: 5_000,
            seconds: 1,
            batch: 64,
            profile: None,
            no_token: true,
            json: true,
            child: None,
        };
        let object = run(&options).expect("it runs").expect("an object");
        let number = |pointer: &str| object.pointer(pointer).and_then(Value::as_f64);
        let batched = number("/audit/appends/batched_per_second").expect("a rate");
        let single = number("/audit/appends/single_per_second").expect("a rate");
        assert!(batched > single, "{batched} {single}");
        assert_eq!(number("/audit/proofs/entries"), Some(5_000.0));
        assert!(number("/second_layer/bit_planes_per_second").expect("a rate") > 0.0);
        assert_eq!(object["token"], Value::Null);
        let past = Options {
            entries: limits::LOG_ENTRIES_MAX + 1,
            ..options
        };
        assert_eq!(run(&past).expect_err("one past").code(), "OPTION");
    }
}
