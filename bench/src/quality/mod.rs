//! How well persons are found again, without servers: the same reading, encoding and matching as in the
//! service, over presets and seeds, with the weak spots by kind of error.

mod pipeline;
mod spots;

use std::{collections::BTreeMap, fs, path::PathBuf};

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
    let schema = schema(options)?;
    let (mut sets, mut kernel) = (Vec::new(), "");
    for &preset in &options.presets {
        let mut scores = Vec::new();
        let mut spots = Spots::default();
        let mut weakest = Vec::new();
        for &seed in &options.seeds {
            let outcome = measure(options.people, seed, preset, &schema)?;
            kernel = outcome.kernel;
            show(preset, seed, &outcome);
            scores.push(outcome.score);
            spots.merge(&outcome.spots);
            weakest = spots.list();
        }
        show_spots(&weakest);
        sets.push(set(preset, &schema, &scores, &weakest));
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
        "{:<17} seed {seed}  P {precision:.4}  R {recall:.4}  F1 {f1:.4}   model's own estimate P {:.4}  R {:.4}   \
         review {}   {:.1} s",
        preset.name(),
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

fn set(preset: Preset, schema: &Schema, scores: &[Score], spots: &[Spot]) -> Value {
    let mean = |value: fn(&Score) -> f64| {
        scores.iter().map(value).sum::<f64>() / crate::evaluate::float(scores.len() as u64)
    };
    let f1 = scores.iter().map(|score| score.f1);
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
            // Over seeds, not a confidence interval: the least and the largest.
            "f1_low": f1.clone().fold(f64::INFINITY, f64::min),
            "f1_high": f1.fold(0.0, f64::max),
        },
        "anonlink": null,
        "splink": null,
        "exact_keys": null,
        "skipped": { "anonlink": "not run by this bench yet", "splink": "not run by this bench yet", "exact_keys": "not run by this bench yet" },
        "weak_spots": spots,
    })
}
