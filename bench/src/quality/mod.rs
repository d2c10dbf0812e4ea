//! How well persons are found again, without servers: the same reading, encoding and matching as in the
//! service, over presets and seeds, with the weak spots by kind of error.

mod febrl;
mod interval;
mod pipeline;
mod spots;

use std::{collections::BTreeMap, fs, path::PathBuf};

use linker_match::Estimates;
use linker_token::Schema;
use serde_json::{Value, json};

pub use self::{
    pipeline::Outcome,
    spots::{Spot, Spots},
};
use crate::{
    error::{BenchError, file},
    errors::Preset,
    evaluate::Score,
    limits::PEOPLE_MAX,
    machine,
    people::Population,
    ui::say,
};

/// What is measured.
#[derive(Debug, Clone)]
pub struct Options {
    /// People of each set.
    pub people: u32,
    /// Seeds.
    pub seeds: Vec<u64>,
    /// Presets.
    pub presets: Vec<Preset>,
    /// Schema file instead of the shipped one.
    pub schema: Option<PathBuf>,
    /// Only the public FEBRL sets, no invented people.
    pub febrl_only: bool,
}

/// Measures every preset with every seed.
///
/// # Errors
/// [`BenchError`].
pub fn run(options: &Options) -> Result<Value, BenchError> {
    if options.people == 0 || options.people > PEOPLE_MAX || options.seeds.is_empty() {
        return Err(BenchError::Option {
            what: "1 to 10,000,000 people and at least one seed",
        });
    }
    let mut sets = Vec::new();
    let mut kernel = "";
    if !options.febrl_only {
        kernel = presets(options, &mut sets)?;
    }
    // A schema file is for Japanese fields, and FEBRL has none.
    if options.schema.is_none() {
        kernel = public_sets(&mut sets)?.unwrap_or(kernel);
    }
    Ok(json!({
        "bench": "quality",
        "machine": machine::machine(kernel),
        "commit": machine::commit(),
        "date": machine::date(),
        "people": options.people,
        "seeds": options.seeds,
        "sets": sets,
    }))
}

fn presets(options: &Options, sets: &mut Vec<Value>) -> Result<&'static str, BenchError> {
    let schema = schema(options)?;
    let mut kernel = "";
    for &preset in &options.presets {
        let (mut scores, mut intervals) = (Vec::new(), Vec::new());
        let mut spots = Spots::default();
        let mut weakest = Vec::new();
        for &seed in &options.seeds {
            let outcome = measure(options.people, seed, preset, &schema)?;
            kernel = outcome.kernel;
            show(preset, seed, &outcome);
            scores.push(outcome.score);
            intervals.push(outcome.f1_interval);
            spots.merge(&outcome.spots);
            weakest = spots.list();
        }
        show_spots(&weakest);
        sets.push(set(preset, &schema, &scores, &intervals, &weakest));
    }
    Ok(kernel)
}

/// The FEBRL sets, or one line that says why not. Returns the kernel's name.
fn public_sets(sets: &mut Vec<Value>) -> Result<Option<&'static str>, BenchError> {
    let folder = match febrl::folder() {
        Ok(folder) => folder,
        Err(reason) => {
            say(&format!("febrl             skipped: {reason}"));
            sets.push(json!({ "name": "febrl", "skipped": reason }));
            return Ok(None);
        }
    };
    let mut kernel = None;
    for (variant, schema) in febrl::schemas() {
        for set in &febrl::SETS {
            let linked = febrl::run(&folder, set, &schema)?;
            kernel = Some(linked.linkage.kernel);
            let score = Score::of(linked.records.clone());
            let interval = interval::of_f1(&linked.records, 1);
            show_public(
                set.name,
                variant,
                &score,
                interval,
                &linked.linkage.estimates,
            );
            sets.push(public_set(
                set.name, variant, &schema, &score, interval, &linked,
            ));
        }
    }
    Ok(kernel)
}

fn show_public(
    name: &str,
    variant: &str,
    score: &Score,
    (low, high): (f64, f64),
    estimates: &Estimates,
) {
    let peers = febrl::published(name).map_or(String::new(), |(anonlink, splink)| {
        format!("   published: anonlink {anonlink}  Splink on clear text {splink}")
    });
    say(&format!(
        "{name:<7} {variant:<16} P {:.4}  R {:.4}  F1 {:.4} [{low:.4}, {high:.4}]   model's own estimate \
         P {:.4}  R {:.4}{peers}",
        score.precision, score.recall, score.f1, estimates.precision, estimates.recall,
    ));
}

fn public_set(
    name: &str,
    variant: &str,
    schema: &Schema,
    score: &Score,
    (low, high): (f64, f64),
    linked: &febrl::Linked,
) -> Value {
    let published = febrl::published(name);
    let estimates = linked.linkage.estimates;
    json!({
        "name": name,
        "variant": variant,
        "schema": schema.name(),
        "schema_digest": schema.digest().to_string(),
        "unit": "clusters",
        "ours": {
            "precision": score.precision,
            "recall": score.recall,
            "f1": score.f1,
            "f1_low": low,
            "f1_high": high,
            "estimated_precision": estimates.precision,
            "estimated_recall": estimates.recall,
        },
        // Published figures on the same files, not runs of this machine.
        "anonlink": published.map(|(anonlink, _)| anonlink),
        "splink": published.map(|(_, splink)| splink),
    })
}

/// One population, one preset.
///
/// # Errors
/// [`BenchError`].
pub fn measure(
    people: u32,
    seed: u64,
    preset: Preset,
    schema: &Schema,
) -> Result<Outcome, BenchError> {
    pipeline::run(&Population::generate(people, seed), preset, schema)
}

fn schema(options: &Options) -> Result<Schema, BenchError> {
    let Some(path) = &options.schema else {
        return Ok(Schema::jp_1());
    };
    let text = fs::read_to_string(path).map_err(file(format!("read {}", path.display())))?;
    Schema::parse(&text).map_err(|error| file("use the schema file")(std::io::Error::other(error)))
}

fn show(preset: Preset, seed: u64, outcome: &Outcome) {
    let Score {
        precision,
        recall,
        f1,
        ..
    } = outcome.score;
    let estimates = outcome.estimates;
    say(&format!(
        "{:<17} seed {seed}  P {precision:.4}  R {recall:.4}  F1 {f1:.4} [{:.4}, {:.4}]   model's own estimate \
         P {:.4}  R {:.4}   review {}   {:.1} s",
        preset.name(),
        outcome.f1_interval.0,
        outcome.f1_interval.1,
        estimates.precision,
        estimates.recall,
        outcome.review_pairs,
        outcome.seconds,
    ));
}

fn show_spots(spots: &[Spot]) {
    say("                    missed pairs by what differs (a pair may count in several):");
    for spot in spots {
        say(&format!(
            "                    {:<34} {:>8} of {:>9}  {:6.2} %",
            spot.name,
            spot.wrong,
            spot.pairs,
            spot.share * 100.0
        ));
    }
}

fn set(
    preset: Preset,
    schema: &Schema,
    scores: &[Score],
    intervals: &[(f64, f64)],
    spots: &[Spot],
) -> Value {
    let mean = |value: fn(&Score) -> f64| {
        scores.iter().map(value).sum::<f64>() / crate::evaluate::float(scores.len() as u64)
    };
    let low = intervals.iter().map(|interval| interval.0);
    let high = intervals.iter().map(|interval| interval.1);
    let spots: BTreeMap<&str, Value> = spots
        .iter()
        .map(|spot| {
            (
                spot.name,
                json!({ "wrong": spot.wrong, "pairs": spot.pairs, "share": spot.share }),
            )
        })
        .collect();
    json!({
        "name": preset.name(),
        "schema": schema.name(),
        "schema_digest": schema.digest().to_string(),
        "unit": "clusters",
        "ours": {
            "precision": mean(|score| score.precision),
            "recall": mean(|score| score.recall),
            "f1": mean(|score| score.f1),
            // 95% by chance over persons; over several seeds the widest ends.
            "f1_low": low.fold(f64::INFINITY, f64::min),
            "f1_high": high.fold(0.0, f64::max),
        },
        "anonlink": null,
        "splink": null,
        "exact_keys": null,
        "skipped": { "anonlink": "not run by this bench yet", "splink": "not run by this bench yet", "exact_keys": "not run by this bench yet" },
        "weak_spots": spots,
    })
}
