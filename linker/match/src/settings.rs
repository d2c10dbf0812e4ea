//! What the caller decides about a run.

use std::sync::atomic::{AtomicBool, Ordering};

use linker_kernels::KernelChoice;

use crate::{error::MatchError, limits, limits::WEIGHT_UNIT};

/// Settings of a run. Weights are in 1/256 bit and include the prior odds, so 0 is "as likely as not".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Pairs of at least this weight are links, unless a rule holds them back.
    pub link_threshold: i32,
    /// Pairs of at least this weight that are not links are for review.
    pub review_threshold: i32,
    /// Blocks of more rows are split by a second segment.
    pub block_rows_max: usize,
    /// Clusters do not grow beyond this many records.
    pub cluster_records_max: usize,
    /// Worker threads; 0 means one per core. Does not change the result.
    pub threads: usize,
    /// Which kernel to use. Does not change the result.
    pub kernel: KernelChoice,
    /// Seed of the random sample of records that trains and checks the model.
    pub seed: u64,
    /// Records of that sample.
    pub sample_records: usize,
    /// Runs of at most this many row pairs compare everything with everything, without blocks.
    pub exhaustive_pairs_max: u64,
    /// Whether the rules that keep households apart hold back pairs: twins, relatives, contradictions
    /// and thin evidence, and whether the model has a class of relatives. Off only where it is known that
    /// there are no households, as in some test data, in which the same address with another name is a
    /// damaged record of one person.
    pub hold_twins: bool,
    /// Bytes of memory that the run may use, after the arithmetic of [`crate::memory`]. Beyond it the
    /// rows stay outside. `None`: all rows are in memory. Does not change the result.
    pub memory_bytes: Option<u64>,
    /// Whether pairs that are equal in no segment are looked for in buckets of similar rows.
    pub lsh: Lsh,
}

/// Passes over LSH tables (see [`crate::lsh`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lsh {
    /// Where they find a match for few comparisons: for schemas with little or no diffusion.
    Auto,
    /// Never.
    Off,
    /// In every run that has blocks, whatever they cost.
    On {
        /// Share of the pairs damaged in birth date and name that the tables aim at, of a thousand.
        target_recall_permille: u16,
    },
}

/// Asks a run to stop, from any thread and for good.
#[derive(Debug, Default)]
pub struct Cancel(AtomicBool);

impl Cancel {
    /// Nobody has asked yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether somebody has asked.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    pub(crate) fn check(&self) -> Result<(), MatchError> {
        if self.is_cancelled() {
            Err(MatchError::Cancelled)
        } else {
            Ok(())
        }
    }
}

impl Settings {
    /// The defaults: link from 2 bits on (four to one), review from −4 bits (one to sixteen).
    #[must_use]
    pub fn standard() -> Self {
        Self {
            link_threshold: 2 * WEIGHT_UNIT,
            review_threshold: -4 * WEIGHT_UNIT,
            block_rows_max: 4096,
            cluster_records_max: 100,
            threads: 0,
            kernel: KernelChoice::Auto,
            seed: 0x006d_7573_7562_6931,
            sample_records: 1500,
            exhaustive_pairs_max: 400_000_000,
            hold_twins: true,
            memory_bytes: None,
            lsh: Lsh::Auto,
        }
    }

    /// Refuses settings that contradict each other or a limit.
    pub(crate) fn check(&self) -> Result<(), MatchError> {
        let refuse = |rule| Err(MatchError::Settings { rule });
        if self.review_threshold > self.link_threshold {
            return refuse("the review threshold is at most the link threshold");
        }
        if self.link_threshold.abs().max(self.review_threshold.abs()) > 100 * WEIGHT_UNIT {
            return refuse("thresholds lie within 100 bits");
        }
        if !(2..=limits::BLOCK_ROWS_MAX).contains(&self.block_rows_max) {
            return refuse("a block has 2 to 65,536 rows");
        }
        if !(2..=limits::CLUSTER_RECORDS_MAX).contains(&self.cluster_records_max) {
            return refuse("a cluster has 2 to 1,000 records");
        }
        if self.sample_records == 0 {
            return refuse("the sample has at least one record");
        }
        if let Lsh::On {
            target_recall_permille: 0 | 1001..,
        } = self.lsh
        {
            return refuse("the target of LSH is 1 to 1,000 permille");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_checked_at_their_limits() {
        fn on(target_recall_permille: u16) -> Lsh {
            Lsh::On {
                target_recall_permille,
            }
        }
        assert!(Settings::standard().check().is_ok());
        let bad: [fn(&mut Settings); 8] = [
            |s| s.review_threshold = s.link_threshold + 1,
            |s| s.link_threshold = 100 * WEIGHT_UNIT + 1,
            |s| s.block_rows_max = limits::BLOCK_ROWS_MAX + 1,
            |s| s.block_rows_max = 1,
            |s| s.cluster_records_max = limits::CLUSTER_RECORDS_MAX + 1,
            |s| s.sample_records = 0,
            |s| s.lsh = on(0),
            |s| s.lsh = on(1001),
        ];
        for change in bad {
            let mut settings = Settings::standard();
            change(&mut settings);
            assert!(settings.check().is_err());
        }
    }
}
