//! Rows segment by segment, with the model of the run.

use std::time::Instant;

use linker_match::{Candidates, Dataset, Hits, Model, Settings};
use serde::{Deserialize, Serialize};

use super::super::{child::cpu_seconds, clock::Clock};
use crate::{
    error::BenchError,
    evaluate::{float, ratio},
    ui::{grouped, say},
};

/// What looking at every pair of rows found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(in super::super) struct Segment {
    /// Least weight of a hit, in 1/256 bit.
    link_threshold: i32,
    seconds: f64,
    /// Seconds of all threads; a machine with other work to do changes these least.
    cpu_seconds: f64,
    /// Pairs of rows: all of them.
    pairs: u64,
    /// Pairs of records that are links.
    hits: u64,
    /// The same with the pairs of the blocks alone.
    blocked_seconds: f64,
    /// Pairs of rows in blocks; a pair of two passes counts twice.
    blocked_pairs: u64,
    blocked_hits: u64,
    /// Those of them that are hits here; more is a defect.
    blocked_hits_contained: u64,
    /// The share of all hits that blocks hold: counted, not estimated.
    blocking_recall: f64,
}

/// Looks at the pairs of the blocks and then at every pair, under one model and one bound.
pub(in super::super) fn find(
    dataset: &Dataset,
    settings: &Settings,
    model: &Model,
) -> Result<Segment, BenchError> {
    if !dataset.is_held() {
        return Err(BenchError::Option {
            what: "--exhaustive segment needs all rows in memory: leave out --memory-gib",
        });
    }
    let rows = dataset.row_count() as u64;
    let clock = Clock::start();
    let timed = |candidates, name, total| -> Result<_, BenchError> {
        clock.part(name, total);
        let (start, cpu) = (Instant::now(), cpu_seconds());
        let hits = Hits::find(dataset, settings, model, candidates, &|pairs| {
            clock.more(pairs);
        });
        let cpu = cpu_seconds() - cpu;
        Ok((hits?, start.elapsed().as_secs_f64(), cpu))
    };
    let (blocked, blocked_seconds, _) = timed(Candidates::Blocks, "blocks", 0)?;
    let pairs = rows * rows.saturating_sub(1) / 2;
    let (all, seconds, cpu_seconds) = timed(Candidates::Everything, "all", pairs)?;
    clock.stop();
    let common = all.common(&blocked) as u64;
    let hits = all.pairs().len() as u64;
    Ok(Segment {
        link_threshold: settings.link_threshold,
        seconds,
        cpu_seconds,
        pairs: all.compared(),
        hits,
        blocked_seconds,
        blocked_pairs: blocked.compared(),
        blocked_hits: blocked.pairs().len() as u64,
        blocked_hits_contained: common,
        blocking_recall: ratio(common, hits),
    })
}

impl Segment {
    /// Whether nothing that the blocked run knew is missing.
    pub(super) fn is_whole(&self) -> bool {
        self.blocked_hits == self.blocked_hits_contained
    }

    /// Pairs of records that are links, of all pairs.
    #[cfg(test)]
    pub(in super::super) fn hits(&self) -> u64 {
        self.hits
    }

    /// Says it.
    pub(super) fn show(&self) {
        say(&format!(
            "  all pairs by segment, {:.1} bits and more: {:.2} s, {:.1} CPU s, {:.0} M pairs/s; those of blocks {:.2} s",
            f64::from(self.link_threshold) / f64::from(linker_match::limits::WEIGHT_UNIT),
            self.seconds,
            self.cpu_seconds,
            float(self.pairs) / self.seconds / 1e6,
            self.blocked_seconds,
        ));
        say(&format!(
            "  {} hits, {:.5} of them in blocks; blocks hold {}, of which {} are missing here",
            grouped(self.hits),
            self.blocking_recall,
            grouped(self.blocked_hits),
            grouped(self.blocked_hits - self.blocked_hits_contained)
        ));
    }
}
