//! What the bench says: a table for people, an object for programs.

use serde_json::{Value, json};

use super::stages::Times;
use crate::{
    evaluate::float,
    machine,
    ui::{grouped, say},
};

/// Everything that was measured.
pub(super) struct Measured {
    pub(super) rows: Times,
    /// Of the tree, if it was not left out.
    pub(super) patients: Option<Times>,
    pub(super) table_bytes: u64,
    pub(super) large_bytes: u64,
    pub(super) peak: Option<u64>,
    pub(super) peer: Result<Value, String>,
}

/// What a figure should reach, and what it is.
struct Target {
    name: &'static str,
    bound: f64,
    value: f64,
    /// Whether the bound is the most.
    most: bool,
}

impl Target {
    fn reached(&self) -> bool {
        if self.most {
            self.value <= self.bound
        } else {
            self.value >= self.bound
        }
    }
}

impl Times {
    /// Microseconds a record, of each stage alone and of all.
    fn each(&self) -> [(&'static str, f64); 4] {
        let each = |seconds: f64| seconds * 1e6 / float(self.records.max(1));
        [
            ("read and normalise", each(self.read)),
            ("encode", each(self.encoded - self.read)),
            ("batch and seal", each(self.sealed - self.encoded)),
            ("all", each(self.sealed)),
        ]
    }

    fn rate(&self) -> f64 {
        float(self.records) / self.sealed
    }

    fn show(&self, what: &str) {
        say(&format!(
            "\n{what}: {} records, {} tokens",
            grouped(self.records),
            grouped(self.tokens)
        ));
        for (stage, each) in self.each() {
            say(&format!(
                "  {stage:<20} {each:>8.2} us {:>12.0} records/s",
                1e6 / each.max(1e-9)
            ));
        }
    }

    fn json(&self) -> Value {
        let stages = self
            .each()
            .into_iter()
            .map(|(stage, each)| (stage.to_owned(), json!(rounded(each))));
        json!({
            "records": self.records,
            "tokens": self.tokens,
            "microseconds": stages.collect::<serde_json::Map<_, _>>(),
            "records_per_second": self.rate().round(),
        })
    }
}

impl Measured {
    fn peer_rate(&self) -> Option<f64> {
        self.peer.as_ref().ok()?["records_per_second"].as_f64()
    }

    fn targets(&self) -> Vec<Target> {
        let target = |name, bound, value, most| Target {
            name,
            bound,
            value,
            most,
        };
        let mut targets = vec![target(
            "table to sealed batch, records/s",
            500_000.0,
            self.rows.rate(),
            false,
        )];
        if let Some(patients) = &self.patients {
            targets.push(target(
                "SS-MIX2 tree, patients/s",
                30_000.0,
                patients.rate(),
                false,
            ));
        }
        if let Some(peak) = self.peak {
            let mebibytes = float(peak) / float(1 << 20);
            targets.push(target("peak memory, MiB", 256.0, mebibytes, true));
        }
        if let Some(peer) = self.peer_rate() {
            targets.push(target(
                "table over clkhash",
                33.0,
                self.rows.rate() / peer,
                false,
            ));
        }
        targets
    }

    pub(super) fn show(&self) {
        self.rows.show("town's table, CP932");
        if let Some(patients) = &self.patients {
            patients.show("hospital's SS-MIX2 tree");
        }
        match (&self.peer, self.peer_rate()) {
            (Err(why), _) => say(&format!("\nskipped: clkhash: {why}")),
            (Ok(_), rate) => say(&format!(
                "\nclkhash, one process: {:.0} records/s",
                rate.unwrap_or(0.0)
            )),
        }
        say("");
        for target in self.targets() {
            say(&format!(
                "{:<36} {:>10.1}   target {} {:.0}   {}",
                target.name,
                target.value,
                if target.most { "<=" } else { ">=" },
                target.bound,
                if target.reached() {
                    "reached"
                } else {
                    "MISSED"
                }
            ));
        }
    }

    pub(super) fn json(&self) -> Value {
        let targets = self.targets().into_iter().map(|target| {
            let bound = if target.most { "at_most" } else { "at_least" };
            json!({
                "name": target.name,
                bound: target.bound,
                "value": rounded(target.value),
                "reached": target.reached(),
            })
        });
        json!({
            "bench": "encode",
            "machine": machine::machine(""),
            "commit": machine::commit(),
            "date": machine::date(),
            "unit": "microseconds of one core a record, fastest of five passes",
            "table": self.rows.json(),
            "table_bytes": self.table_bytes,
            "tree": self.patients.as_ref().map(Times::json),
            "large_table_bytes": self.large_bytes,
            "peak_rss_bytes": self.peak,
            "records_per_second": self.rows.rate().round(),
            "patients_per_second": self.patients.as_ref().map(|patients| patients.rate().round()),
            "clkhash": self.peer.as_ref().ok(),
            "over_clkhash": self.peer_rate().map(|peer| rounded(self.rows.rate() / peer)),
            "skipped": self.peer.as_ref().err(),
            "targets": targets.collect::<Vec<_>>(),
        })
    }
}

fn rounded(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}
