//! One token among many: times and recall of the look-up index.
//!
//! Some records of a token set are held out and asked for; the other records of their persons stay in. The
//! model is trained on the records of some persons and scaled to the whole set, as if the whole had been run.

mod input;
mod measure;

use std::{num::NonZero, thread, time::Instant};

use clap::Args;
use linker_match::{Settings, lookup::LookupIndex};
use serde_json::{Value, json};

use self::{
    input::Input,
    measure::{Recall, Times, Truth, Updates},
};
use crate::{
    error::BenchError,
    evaluate::{float, ratio},
    machine, tokens,
    ui::{grouped, say},
};

/// What is asked for.
#[derive(Debug, Clone, Args)]
#[group(id = "lookup")]
#[command(
    after_help = "Says milliseconds of a look-up alone, on several threads and beside updates, recall against comparing every row, and answers against the truth.\n\
    Example:\n  bench lookup --tokens 10000000 --json > bench/record/lookup.json\n\
    Recorded figures: bench/record/lookup.json."
)]
pub struct Options {
    /// Which tokens; made first if they are not there.
    #[command(flatten)]
    pub set: tokens::Options,
    /// Records that are held out and looked up.
    #[arg(long, default_value_t = 2000)]
    pub queries: u32,
    /// As many of them are also compared with every row.
    #[arg(long, default_value_t = 300)]
    pub exhaustive: u32,
    /// Records that train the model.
    #[arg(long, default_value_t = 200_000)]
    pub training: u32,
}

impl Options {
    /// Threads of the measurement with several.
    fn threads(&self) -> usize {
        let threads = self.set.threads;
        let all = || thread::available_parallelism().map_or(1, NonZero::get);
        threads.map_or_else(all, NonZero::get)
    }
}

/// What was measured.
struct Outcome {
    kernel: &'static str,
    rows: usize,
    bytes: usize,
    build_seconds: f64,
    one: Times,
    many: Times,
    recall: Recall,
    truth: Truth,
    updates: Updates,
}

/// Runs it; the object to print, if one was asked for.
///
/// # Errors
/// [`BenchError`].
pub fn run(options: &Options) -> Result<Option<Value>, BenchError> {
    if options.queries == 0 || options.exhaustive > options.queries {
        return Err(BenchError::Option {
            what: "at least one query, and no more exhaustive ones than queries",
        });
    }
    let (set, _seconds) = tokens::make(&options.set)?;
    let input = Input::read(&set, options)?;
    say(&format!(
        "{} rows, {} queries; the model is {}",
        grouped(set.rows()),
        input.queries.len(),
        input.model.source.label()
    ));
    let settings = Settings {
        threads: options.threads(),
        ..Settings::standard()
    };
    let start = Instant::now();
    let index = input.index(&set, &settings)?;
    let build_seconds = start.elapsed().as_secs_f64();
    let outcome = measure(options, &input, &index, build_seconds)?;
    show(options, &outcome);
    Ok(options.set.json.then(|| object(options, &outcome)))
}

fn measure(
    options: &Options,
    input: &Input,
    index: &LookupIndex,
    build_seconds: f64,
) -> Result<Outcome, BenchError> {
    let (rows, bytes) = (index.rows(), index.bytes());
    // Once through, so that no measurement pays for the first touch of memory.
    let answers = measure::answers(index, &input.queries)?;
    let one = measure::times(index, &input.queries, 1)?;
    let many = measure::times(index, &input.queries, options.threads())?;
    let asked = &input.queries[..input.queries.len().min(options.exhaustive as usize)];
    let recall = measure::recall(index, asked, &answers, options.threads())?;
    let truth = measure::truth(input, &answers);
    let updates = measure::updates(index, &input.queries)?;
    let again = measure::answers(index, &input.queries)?;
    if again != answers {
        return Err(BenchError::Check {
            what: "after as many removals as inserts the answers are the same".to_owned(),
        });
    }
    Ok(Outcome {
        kernel: index.kernel(),
        rows,
        bytes,
        build_seconds,
        one,
        many,
        recall,
        truth,
        updates,
    })
}

fn show(options: &Options, outcome: &Outcome) {
    say(&format!(
        "index       {} rows in {:.1} s, {:.1} B a row, {:.2} GiB",
        grouped(outcome.rows as u64),
        outcome.build_seconds,
        ratio(outcome.bytes as u64, outcome.rows as u64),
        float(outcome.bytes as u64) / float(1 << 30),
    ));
    let threads = format!("{} threads", options.threads());
    let during = &outcome.updates.during;
    for (name, times) in [
        ("1 thread", &outcome.one),
        (threads.as_str(), &outcome.many),
        ("updating", during),
    ] {
        say(&format!(
            "{name:<10}  p50 {:7.3}  p90 {:7.3}  p99 {:7.3}  max {:7.3} ms   {:9.0} look-ups/s;  p99 {:.3} ms without the {} that lost their core",
            times.p50,
            times.p90,
            times.p99,
            times.max,
            times.rate,
            times.p99_alone,
            times.disturbed
        ));
    }
    let recall = &outcome.recall;
    say(&format!(
        "recall      {:.4} ({:.4} to {:.4}) of the {} links that a comparison with every row finds, {} queries",
        recall.share, recall.low, recall.high, recall.links, recall.queries
    ));
    let truth = &outcome.truth;
    say(&format!(
        "truth       links: precision {:.4}, recall {:.4}; {} compared a query, {} capped",
        truth.precision, truth.recall, truth.compared_mean, truth.capped
    ));
    say(&format!(
        "            known persons: right {}, wrong {}, ambiguous {}, review {}, none {}; unknown persons: none {}, else {}",
        truth.right,
        truth.wrong,
        truth.ambiguous,
        truth.review,
        truth.none,
        truth.unknown_none,
        truth.unknown_else
    ));
    say(&format!(
        "updates     {:.0} inserts/s (longest {:.1} ms), {:.0} removals/s (longest {:.1} ms)",
        outcome.updates.inserts,
        outcome.updates.insert_max,
        outcome.updates.removals,
        outcome.updates.removal_max
    ));
}

fn object(options: &Options, outcome: &Outcome) -> Value {
    let times = |times: &Times| {
        json!({
            "p50_ms": times.p50, "p90_ms": times.p90, "p99_ms": times.p99, "max_ms": times.max,
            "lookups_per_second": times.rate,
            "undisturbed_p99_ms": times.p99_alone, "disturbed": times.disturbed,
        })
    };
    let (recall, truth, updates) = (&outcome.recall, &outcome.truth, &outcome.updates);
    json!({
        "bench": "lookup",
        "machine": machine::machine(outcome.kernel),
        "commit": machine::commit(),
        "date": machine::date(),
        "tokens": options.set.tokens,
        "seed": options.set.seed,
        "errors": crate::errors::Preset::from(options.set.errors).name(),
        "undiffused": options.set.undiffused,
        "queries": options.queries,
        "training_records": options.training,
        "index": {
            "rows": outcome.rows,
            "bytes": outcome.bytes,
            "bytes_per_row": ratio(outcome.bytes as u64, outcome.rows as u64),
            "build_seconds": outcome.build_seconds,
            "peak_rss_bytes": machine::peak_rss("self"),
        },
        "one_thread": times(&outcome.one),
        "threads": options.threads(),
        "many_threads": times(&outcome.many),
        "while_updating": times(&updates.during),
        "updates": {
            "inserts_per_second": updates.inserts, "insert_max_ms": updates.insert_max,
            "removals_per_second": updates.removals, "removal_max_ms": updates.removal_max,
        },
        "recall_against_every_row": {
            "queries": recall.queries, "links": recall.links, "found": recall.found,
            "share": recall.share, "low": recall.low, "high": recall.high,
        },
        "against_the_truth": {
            "link_precision": truth.precision, "link_recall": truth.recall,
            "rows_compared_mean": truth.compared_mean, "capped": truth.capped,
            "known": {
                "right": truth.right, "wrong": truth.wrong, "ambiguous": truth.ambiguous,
                "review": truth.review, "none": truth.none,
            },
            "unknown": { "none": truth.unknown_none, "else": truth.unknown_else },
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::PresetName;

    #[test]
    fn a_small_set_is_looked_up_well() {
        let folder = tempfile::tempdir().expect("there is a place for temporary files");
        let options = Options {
            set: tokens::Options {
                tokens: 20_000,
                seed: 1,
                errors: PresetName::TypicalHospital,
                schema: None,
                undiffused: false,
                folder: Some(folder.path().join("set")),
                threads: NonZero::new(2),
                json: true,
            },
            queries: 200,
            exhaustive: 200,
            training: 20_000,
        };
        let object = run(&options)
            .expect("it runs")
            .expect("an object was asked for");
        let share = |group: &str, name: &str| object[group][name].as_f64().expect("a number");
        assert!(share("recall_against_every_row", "share") > 0.99);
        assert!(share("against_the_truth", "link_precision") > 0.99);
        assert!(share("against_the_truth", "link_recall") > 0.95);
        assert!(share("index", "bytes_per_row") < 128.0 + 90.0);
        let many = Options {
            exhaustive: 201,
            ..options
        };
        assert!(run(&many).is_err());
    }
}
