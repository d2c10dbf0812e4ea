//! What a measure of the kernels says: a table for people, an object for programs.

use linker_kernels::available;
use serde_json::{Map, Value, json};

use super::{
    measure::contenders,
    work::{Operation, Outcome},
};
use crate::{machine, ui::say};

/// What every kernel computed alike.
pub(super) struct Equality {
    pub(super) pairs: u64,
    pub(super) outcomes: Vec<(Operation, Outcome)>,
}

/// Everything that was measured. Rates are in the order of [`contenders`].
pub(super) struct Result {
    pub(super) rows: usize,
    /// Median Dice coefficient of random pairs of whole rows, and mean bits of one.
    pub(super) likeness: (f64, f64),
    /// Words of the fold that was chosen for each threshold.
    pub(super) folds: Vec<(u32, usize)>,
    pub(super) equality: Equality,
    pub(super) cores: usize,
    pub(super) one: Vec<f64>,
    pub(super) several: Vec<f64>,
    pub(super) peer: std::result::Result<Value, String>,
}

/// What a figure should reach, and what it is.
struct Target {
    name: &'static str,
    at_least: f64,
    value: Option<f64>,
}

impl Result {
    /// The rate on one core over that of the base line's comparable operation.
    fn ratio(&self, kernel: &str, operation: Operation) -> f64 {
        rate(kernel, operation, &self.one) / rate(base(), operation.base(), &self.one)
    }

    /// anonlink's pairs a second: in one process or in several.
    fn peer_rate(&self, processes: &str, threshold: &str) -> Option<f64> {
        let peer = self.peer.as_ref().ok()?;
        peer[processes][threshold]["pairs_per_second"].as_f64()
    }

    fn targets(&self) -> Vec<Target> {
        let best = available()[0].name();
        let over = |operation, threshold| {
            let peer = self.peer_rate("one", threshold)?;
            Some(rate(best, operation, &self.one) / peer)
        };
        let over_several = |operation, threshold| {
            let peer = self.peer_rate("several", threshold)?;
            Some(rate(best, operation, &self.several) / peer)
        };
        let target = |name, at_least, value| Target {
            name,
            at_least,
            value,
        };
        vec![
            target(
                "full over the base line",
                4.5,
                Some(self.ratio(best, Operation::Full)),
            ),
            target(
                "similar at 0.85 over the base line",
                10.0,
                Some(self.ratio(best, Operation::Similar(850))),
            ),
            target(
                "similar at 0.80 over the base line",
                7.0,
                Some(self.ratio(best, Operation::Similar(800))),
            ),
            target(
                "full over anonlink at 0.85, one core",
                7.0,
                over(Operation::Full, "0.85"),
            ),
            target(
                "similar at 0.80 over anonlink, one core",
                13.0,
                over(Operation::Similar(800), "0.8"),
            ),
            target(
                "similar at 0.80 over anonlink, all cores",
                13.0,
                over_several(Operation::Similar(800), "0.8"),
            ),
        ]
    }

    pub(super) fn show(&self) {
        let (dice, bits) = self.likeness;
        say(&format!(
            "\n{} rows of 1,024 bits; whole rows: {bits:.0} bits set, Dice of random pairs {dice:.2} (median)",
            self.rows
        ));
        say(&format!(
            "million pairs a second, medians; ratio: over {} of the same run, one core\n",
            base()
        ));
        say(&format!(
            "{:<12} {:<14} {:>10} {:>10} {:>8}",
            "operation",
            "kernel",
            "1 core",
            format!("{} cores", self.cores),
            "ratio"
        ));
        for ((kernel, operation), (one, several)) in contenders()
            .into_iter()
            .zip(self.one.iter().zip(&self.several))
        {
            let fold = self
                .folds
                .iter()
                .find(|fold| operation == Operation::Similar(fold.0));
            let fold = fold.map_or(String::new(), |fold| format!("  ({} words)", fold.1));
            say(&format!(
                "{:<12} {:<14} {:>10.0} {:>10.0} {:>8.2}{fold}",
                operation.name(),
                kernel.name(),
                one / 1e6,
                several / 1e6,
                self.ratio(kernel.name(), operation)
            ));
        }
        match &self.peer {
            Err(why) => say(&format!("\nskipped: anonlink: {why}")),
            Ok(_) => {
                for (threshold, one) in ["0.85", "0.8"].map(|t| (t, self.peer_rate("one", t))) {
                    let several = self.peer_rate("several", threshold);
                    say(&format!(
                        "{:<12} {:<14} {:>10.0} {:>10.0}",
                        format!("dice {threshold}"),
                        "anonlink",
                        one.unwrap_or(0.0) / 1e6,
                        several.unwrap_or(0.0) / 1e6
                    ));
                }
            }
        }
        say("");
        for target in self.targets() {
            let Some(value) = target.value else { continue };
            let verdict = if value >= target.at_least {
                "reached"
            } else {
                "MISSED"
            };
            say(&format!(
                "{:<42} {value:6.1}   target {:4.1}   {verdict}",
                target.name, target.at_least
            ));
        }
    }

    pub(super) fn json(&self) -> Value {
        let mut operations = Map::new();
        for operation in Operation::ALL {
            let kernels = available().iter().map(|kernel| {
                let name = kernel.name();
                let rates = json!({
                    "one_core": rate(name, operation, &self.one).round(),
                    "all_cores": rate(name, operation, &self.several).round(),
                    "ratio": rounded(self.ratio(name, operation)),
                });
                (name.to_owned(), rates)
            });
            operations.insert(operation.name(), Value::Object(kernels.collect()));
        }
        let equal = self.equality.outcomes.iter().map(|(operation, outcome)| {
            let outcome =
                json!({ "hits": outcome.hits, "checksum": format!("{:016x}", outcome.checksum) });
            (operation.name(), outcome)
        });
        let folds = self
            .folds
            .iter()
            .map(|(permille, words)| (permille.to_string(), json!(words)));
        let targets = self.targets().into_iter().map(|target| {
            json!({ "name": target.name, "at_least": target.at_least, "value": target.value.map(rounded) })
        });
        json!({
            "bench": "kernels",
            "machine": machine::machine(available()[0].name()),
            "commit": machine::commit(),
            "date": machine::date(),
            "unit": "pairs per second, median of slices of a millisecond in rotation",
            "rows": {
                "count": self.rows,
                "bits": 1024,
                "made_by": "linker-tokenize from invented people: jp-1 for patterns and sift, one undiffused segment for the rest",
                "mean_bits_set": rounded(self.likeness.1),
                "random_pair_dice_median": rounded(self.likeness.0),
            },
            "cores": self.cores,
            "base_line": base(),
            "fold_words": Value::Object(folds.collect()),
            "operations": operations,
            "equal": { "pairs_per_operation": self.equality.pairs, "outcomes": Value::Object(equal.collect()) },
            "anonlink": self.peer.as_ref().ok(),
            "skipped": self.peer.as_ref().err(),
            "targets": Value::Array(targets.collect()),
        })
    }
}

/// The rate of one kernel and operation.
fn rate(kernel: &str, operation: Operation, rates: &[f64]) -> f64 {
    let all = contenders().into_iter().zip(rates);
    let mut all = all.filter(|((k, o), _)| k.name() == kernel && *o == operation);
    all.next().map_or(0.0, |(_, &rate)| rate)
}

/// The kernel that ratios are against.
fn base() -> &'static str {
    let popcnt = available().iter().find(|kernel| kernel.name() == "popcnt");
    popcnt.map_or("scalar", |kernel| kernel.name())
}

fn rounded(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}
