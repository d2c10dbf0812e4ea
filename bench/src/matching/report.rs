//! What a run was like, as numbers and as lines.

use linker_match::{Estimates, PassReport};
use serde::{Deserialize, Serialize};

use super::exhaustive::Exhaustive;
use crate::{
    evaluate::{Score, float},
    ui::{grouped, say},
};

/// Seconds of the parts of a run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Seconds {
    /// Parts in the order in which they began.
    pub(super) parts: Vec<Part>,
    /// From the first byte read to the last research ID.
    pub(super) total: f64,
}

/// One part of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Part {
    name: String,
    seconds: f64,
}

impl Seconds {
    /// Adds seconds to a part.
    pub(super) fn add(&mut self, name: &str, seconds: f64) {
        match self.parts.iter_mut().find(|part| part.name == name) {
            Some(part) => part.seconds += seconds,
            None => self.parts.push(Part {
                name: name.to_owned(),
                seconds,
            }),
        }
    }

    /// Seconds of a part; 0 if there was none of this name.
    pub(super) fn of(&self, name: &str) -> f64 {
        let part = self.parts.iter().find(|part| part.name == name);
        part.map_or(0.0, |part| part.seconds)
    }
}

/// What one pass did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Pass {
    name: String,
    blocks: u64,
    largest_block: u64,
    blocks_split: u64,
    pairs: u64,
    pairs_repeated: u64,
    pairs_dropped: u64,
    links_first_found: u64,
}

impl Pass {
    pub(super) fn of(report: &PassReport) -> Self {
        let plan = &report.plan;
        Self {
            name: plan.name.clone(),
            blocks: plan.blocks,
            largest_block: plan.largest_block,
            blocks_split: plan.blocks_split,
            pairs: plan.pairs,
            pairs_repeated: report.pairs_repeated,
            pairs_dropped: plan.pairs_dropped,
            links_first_found: report.links_first_found,
        }
    }
}

/// What the run says about itself, without the truth.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Quality {
    precision: f64,
    recall: f64,
    f1: f64,
    blocking_recall: f64,
    blocking_recall_low: f64,
    blocking_recall_high: f64,
}

impl Quality {
    pub(super) fn of(estimates: &Estimates) -> Self {
        Self {
            precision: estimates.precision,
            recall: estimates.recall,
            f1: estimates.f1,
            blocking_recall: estimates.blocking_recall,
            blocking_recall_low: estimates.low,
            blocking_recall_high: estimates.high,
        }
    }
}

/// A whole run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Report {
    pub(super) kernel: String,
    /// The bound that the run was given; none if all rows were to be in memory.
    pub(super) memory_bytes: Option<u64>,
    pub(super) rows_in_memory: bool,
    pub(super) rows: u64,
    pub(super) records: u64,
    pub(super) rows_quarantined: u64,
    pub(super) passes: Vec<Pass>,
    pub(super) pairs_compared: u64,
    pub(super) links: u64,
    pub(super) review_pairs: u64,
    pub(super) clusters: u64,
    pub(super) clusters_over_bound: u64,
    pub(super) ids_minted: u64,
    pub(super) seconds: Seconds,
    pub(super) cpu_seconds: f64,
    pub(super) peak_rss_bytes: u64,
    pub(super) scratch_peak_bytes: u64,
    pub(super) estimates: Quality,
    pub(super) truth: Score,
    pub(super) exhaustive: Option<Exhaustive>,
}

/// What Splink 5.0.0 (DuckDB, two threads, plain text) took for one million synthetic records on a machine
/// of this kind: CPU seconds of the faster of two runs, and its memory. Recorded, not run here; its data
/// were other data, so this is a line for orientation.
const SPLINK_CPU_SECONDS: f64 = 62.9;
const SPLINK_PEAK_MIB: f64 = 2_242.0;
const SPLINK_RECORDS: f64 = 1e6;

impl Report {
    /// Says it as a table.
    pub(super) fn show(&self) {
        say(&format!(
            "{} rows, {} records, kernel {}",
            grouped(self.rows),
            grouped(self.records),
            self.kernel
        ));
        for Part { name, seconds } in &self.seconds.parts {
            say(&format!("  {name:<10} {seconds:>9.2} s"));
        }
        say(&format!(
            "  {:<10} {:>9.2} s   {:.1} CPU s",
            "total", self.seconds.total, self.cpu_seconds
        ));
        say(&format!(
            "  memory {} MiB at most, scratch {} MiB on disk at most",
            grouped(self.peak_rss_bytes >> 20),
            grouped(self.scratch_peak_bytes >> 20)
        ));
        self.show_passes();
        self.show_quality();
        self.show_ratios();
        if let Some(exhaustive) = &self.exhaustive {
            exhaustive.show();
        }
    }

    fn show_passes(&self) {
        say("  pass                     pairs      repeated       dropped   links first found");
        for pass in &self.passes {
            say(&format!(
                "  {:<14} {:>15} {:>13} {:>13} {:>12}",
                pass.name,
                grouped(pass.pairs),
                grouped(pass.pairs_repeated),
                grouped(pass.pairs_dropped),
                grouped(pass.links_first_found)
            ));
        }
        say(&format!(
            "  {} pairs compared, {} links, {} for review, {} clusters, {} over the bound",
            grouped(self.pairs_compared),
            grouped(self.links),
            grouped(self.review_pairs),
            grouped(self.clusters),
            grouped(self.clusters_over_bound)
        ));
    }

    fn show_quality(&self) {
        let (truth, estimates) = (&self.truth, &self.estimates);
        say(&format!(
            "  clusters against the truth: P {:.4}  R {:.4}  F1 {:.4}",
            truth.precision, truth.recall, truth.f1
        ));
        say(&format!(
            "  as the run estimates them:  P {:.4}  R {:.4}  F1 {:.4}",
            estimates.precision, estimates.recall, estimates.f1
        ));
        say(&format!(
            "  blocking finds {:.4} of the matches (95 %: {:.4} to {:.4})",
            estimates.blocking_recall,
            estimates.blocking_recall_low,
            estimates.blocking_recall_high
        ));
    }

    fn show_ratios(&self) {
        let rows = float(self.rows.max(1));
        let compare = self.seconds.of("compare");
        if compare > 0.0 {
            say(&format!(
                "  {:.1} M pairs/s in compare, {:.0} rows/s in all, {:.0} bytes of memory a row",
                float(self.pairs_compared) / compare / 1e6,
                rows / self.seconds.total,
                float(self.peak_rss_bytes) / rows
            ));
        }
        let scale = rows / SPLINK_RECORDS;
        // Blocking in plain text grows faster than the rows, so the line holds near its own size only.
        if (0.5..=2.0).contains(&scale) {
            let cpu = SPLINK_CPU_SECONDS * scale / self.cpu_seconds;
            let mib = float(self.peak_rss_bytes) / f64::from(1 << 20);
            say(&format!(
                "  Splink as recorded (a million other records, plain text): {cpu:.1} times the CPU seconds, \
                 {:.1} times the memory",
                SPLINK_PEAK_MIB * scale / mib
            ));
        }
    }
}
