//! The FEBRL sets with several encoding secrets each: the secret alone moves a figure, so that one is not enough.

use linker_token::Schema;
use serde_json::{Value, json};

use super::{febrl, interval};
use crate::{
    error::BenchError,
    evaluate::{Score, float},
    ui::say,
};

/// One set under one secret.
struct Outcome {
    score: Score,
    interval: (f64, f64),
    estimated: (f64, f64),
}

/// The FEBRL sets, or one line that says why not. Returns the kernel's name.
pub(super) fn run(keys: u32, sets: &mut Vec<Value>) -> Result<Option<&'static str>, BenchError> {
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
            let records = set.read(&folder)?;
            let mut outcomes = Vec::new();
            for key in 1..=keys {
                let linked = febrl::run(&records, &schema, key)?;
                kernel = Some(linked.linkage.kernel);
                let estimates = linked.linkage.estimates;
                outcomes.push(Outcome {
                    score: Score::of(linked.records.clone()),
                    interval: interval::of_f1(&linked.records, 1),
                    estimated: (estimates.precision, estimates.recall),
                });
            }
            show(set.name, variant, &outcomes);
            sets.push(to_json(set.name, variant, &schema, &outcomes));
        }
    }
    Ok(kernel)
}

/// Mean, least and most of a figure.
fn spread(outcomes: &[Outcome], of: impl Fn(&Outcome) -> f64) -> (f64, f64, f64) {
    let values = || outcomes.iter().map(&of);
    (
        values().sum::<f64>() / float(outcomes.len() as u64),
        values().fold(f64::INFINITY, f64::min),
        values().fold(f64::NEG_INFINITY, f64::max),
    )
}

fn show(name: &str, variant: &str, outcomes: &[Outcome]) {
    let peers = febrl::published(name).map_or(String::new(), |(anonlink, splink)| {
        format!("   published: anonlink {anonlink}  Splink on clear text {splink}")
    });
    let mean = |of: fn(&Outcome) -> f64| spread(outcomes, of).0;
    let (f1, least, most) = spread(outcomes, |outcome| outcome.score.f1);
    say(&format!(
        "{name:<7} {variant:<16} {} keys  P {:.4}  R {:.4}  F1 {f1:.4} ({least:.4} to {most:.4})   model's own \
         estimate P {:.4}  R {:.4}{peers}",
        outcomes.len(),
        mean(|outcome| outcome.score.precision),
        mean(|outcome| outcome.score.recall),
        mean(|outcome| outcome.estimated.0),
        mean(|outcome| outcome.estimated.1),
    ));
}

fn to_json(name: &str, variant: &str, schema: &Schema, outcomes: &[Outcome]) -> Value {
    let mean = |of: fn(&Outcome) -> f64| spread(outcomes, of).0;
    let (f1, least, most) = spread(outcomes, |outcome| outcome.score.f1);
    let published = febrl::published(name);
    json!({
        "name": name,
        "variant": variant,
        "schema": schema.name(),
        "schema_digest": schema.digest().to_string(),
        "unit": "clusters",
        "ours": {
            "precision": mean(|outcome| outcome.score.precision),
            "recall": mean(|outcome| outcome.score.recall),
            "f1": f1,
            // 95% by chance over persons, under the key with the least and the one with the most.
            "f1_low": spread(outcomes, |outcome| outcome.interval.0).1,
            "f1_high": spread(outcomes, |outcome| outcome.interval.1).2,
            "f1_least_key": least,
            "f1_most_key": most,
            "f1_by_key": outcomes.iter().map(|outcome| outcome.score.f1).collect::<Vec<_>>(),
            "estimated_precision": mean(|outcome| outcome.estimated.0),
            "estimated_recall": mean(|outcome| outcome.estimated.1),
        },
        // Published figures on the same files, not runs of this machine.
        "anonlink": published.map(|(anonlink, _)| anonlink),
        "splink": published.map(|(_, splink)| splink),
    })
}
