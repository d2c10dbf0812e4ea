//! What a run would cost, before it runs.

use std::sync::Arc;

use appliance_store::BatchRow;
use linker_match::{Dataset, Settings};
use linker_token::SiteId;

use crate::{
    error::ServiceError,
    service::{
        Appliance, lookup_index,
        rows::{Segments, run_error},
    },
};

/// The cost of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Rows that would be compared.
    pub rows: u64,
    /// Records they belong to.
    pub records: u64,
    /// What each pass would do.
    pub passes: Vec<Pass>,
    /// Pairs over all passes.
    pub pairs_total: u64,
}

/// The cost of one pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pass {
    /// The pass.
    pub name: String,
    /// Blocks.
    pub blocks: u64,
    /// Rows of the largest block.
    pub largest_block: u64,
    /// Candidate pairs.
    pub pairs: u64,
    /// Blocks above the cap, which were split.
    pub blocks_split: u64,
}

/// Plans a run over everything that is admitted now.
///
/// # Errors
/// [`ServiceError::NothingToLink`] or the store's.
pub fn plan(appliance: &Appliance, actor: &str) -> Result<Plan, ServiceError> {
    let frozen = Frozen::of_now(appliance)?;
    // Every batch is opened, so the log says so first.
    let entry = appliance
        .entry(actor, "plan-run", "")
        .count("batches", frozen.batch_count() as u64);
    appliance.around(&entry, |_intent| read(appliance, &frozen))
}

fn read(appliance: &Appliance, frozen: &Frozen) -> Result<Plan, ServiceError> {
    let dataset = frozen.load(appliance)?;
    let plan = linker_match::plan(&dataset, &appliance.settings);
    let passes = plan.passes.into_iter().map(|pass| Pass {
        name: pass.name,
        blocks: pass.blocks,
        largest_block: pass.largest_block,
        pairs: pass.pairs,
        blocks_split: pass.blocks_split,
    });
    Ok(Plan {
        rows: plan.rows,
        records: plan.records,
        passes: passes.collect(),
        pairs_total: plan.pairs_total,
    })
}

/// The batches of one run, fixed: what is admitted later belongs to the next.
#[derive(Debug)]
pub(super) struct Frozen {
    pub(super) sites: Vec<SiteId>,
    batches: Vec<BatchRow>,
}

impl Frozen {
    /// Everything admitted now.
    pub(super) fn of_now(appliance: &Appliance) -> Result<Self, ServiceError> {
        let batches = appliance.store().batches()?;
        if batches.is_empty() {
            return Err(ServiceError::NothingToLink);
        }
        let mut sites: Vec<SiteId> = batches
            .iter()
            .map(|batch| batch.manifest.site.clone())
            .collect();
        sites.sort_unstable();
        sites.dedup();
        Ok(Self { sites, batches })
    }

    /// Number of batches.
    pub(super) fn batch_count(&self) -> usize {
        self.batches.len()
    }

    /// Takes the batches in, one by one: into memory, or only their index if the rows do not fit in the
    /// memory bound. A damaged batch ends the load.
    pub(super) fn load(&self, appliance: &Appliance) -> Result<Dataset, ServiceError> {
        let site_of = |batch: &BatchRow| {
            let site = self.sites.binary_search(&batch.manifest.site).ok();
            site.and_then(|site| u16::try_from(site).ok())
                .ok_or(ServiceError::Internal)
        };
        let batches = self.batches.iter();
        let batches = batches.map(|batch| Ok((site_of(batch)?, batch.clone())));
        let batches = batches.collect::<Result<Vec<_>, ServiceError>>()?;
        let source = Arc::new(Segments::new(appliance.store.clone(), batches));
        let schema = &appliance.scope().schema;
        // The look-up index has its part of the bound beside every run.
        let reserved = lookup_index::reserved(appliance)?;
        let bound = appliance.settings.memory_bytes;
        let settings = Settings {
            memory_bytes: bound.map(|bound| bound.saturating_sub(reserved)),
            ..appliance.settings
        };
        Dataset::open(schema, source, &settings).map_err(run_error)
    }
}
