//! What a run would cost, before it runs.

use crate::{
    block::{self, Blocks},
    dataset::Dataset,
    lsh::LshPlan,
    settings::Settings,
};

/// The cost of one pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PassPlan {
    /// The segment that is equal in each block, `lsh-` and a number, or `all-pairs`.
    pub name: String,
    /// Blocks of two rows or more.
    pub blocks: u64,
    /// Rows of the largest block.
    pub largest_block: u64,
    /// Row pairs to compare.
    pub pairs: u64,
    /// Blocks that were above the cap and were split.
    pub blocks_split: u64,
    /// Row pairs of split blocks that are not compared in this pass.
    pub pairs_dropped: u64,
}

/// The cost of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// Rows, test records included.
    pub rows: u64,
    /// Records, test records included.
    pub records: u64,
    /// Pass by pass, without those over LSH tables: their blocks would take a reading of all rows.
    pub passes: Vec<PassPlan>,
    /// Whether the run has LSH tables, why, and the pairs and the recall that are expected of them.
    pub lsh: LshPlan,
    /// Row pairs of `passes`; a pair of two passes counts twice.
    pub pairs_total: u64,
    /// Rows that more records share than people have; their records are not compared.
    pub rows_quarantined: u64,
}

/// Makes the blocks and counts their pairs.
#[must_use]
pub fn plan(dataset: &Dataset, settings: &Settings) -> Plan {
    of_blocks(dataset, &block::build(dataset, settings, &|_| ()))
}

pub(crate) fn of_blocks(dataset: &Dataset, blocks: &Blocks) -> Plan {
    let passes: Vec<PassPlan> = blocks
        .passes
        .iter()
        .map(|pass| PassPlan {
            name: pass.name.clone(),
            blocks: pass.blocks,
            largest_block: pass.largest,
            pairs: pass.pairs,
            blocks_split: pass.split,
            pairs_dropped: pass.dropped,
        })
        .collect();
    Plan {
        rows: dataset.row_count() as u64,
        records: dataset.record_count() as u64,
        pairs_total: passes.iter().map(|pass| pass.pairs).sum(),
        passes,
        lsh: blocks.lsh,
        rows_quarantined: dataset.rows_quarantined(),
    }
}
