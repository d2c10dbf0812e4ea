//! The state of the service in numbers, for the status page and the command line.

use std::{collections::BTreeMap, sync::Arc};

use linker_token::SiteId;

use crate::{
    error::ServiceError,
    limits,
    ready::Condition,
    service::{
        Appliance,
        epochs::Epochs,
        lookup_index::{self, IndexState},
        moving::SiteMove,
        run::runs,
        run_evidence::Evidence,
        run_record::{Counts, Run, State},
    },
};

/// The state of the service in numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct Overview {
    /// The linkage project.
    pub project: String,
    /// The key epoch.
    pub epoch: u32,
    /// The schema's name.
    pub schema: String,
    /// Whether every readiness condition holds.
    pub is_ready: bool,
    /// Each condition, in the order of [`Condition::ALL`].
    pub conditions: [bool; Condition::ALL.len()],
    /// Counts of the newest run that ended well.
    pub counts: Option<Counts>,
    /// Estimates of that run by site and pass, and what changed since the one before.
    pub evidence: Option<Arc<Evidence>>,
    /// Sites with batches, sorted.
    pub sites: Vec<SiteLine>,
    /// The newest runs, newest first.
    pub runs: Vec<Run>,
    /// Entries of the audit log.
    pub audit_entries: u64,
    /// How it stands with the look-up index.
    pub lookup_index: IndexState,
    /// The next key epoch, while sites move over to it.
    pub next: Option<NextLine>,
}

/// The next key epoch, and how far the sites have moved over to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NextLine {
    /// Its number.
    pub epoch: u32,
    /// Every site of either epoch, sorted.
    pub moves: Arc<Vec<SiteMove>>,
}

/// One site's totals.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SiteLine {
    /// The site.
    pub site: String,
    /// Batches admitted.
    pub batches: u64,
    /// Rows admitted.
    pub rows: u64,
    /// Rows set aside.
    pub quarantined: u64,
    /// When the last batch was admitted, in seconds since 1970, as far as the audit log says.
    pub last_at: Option<u64>,
}

/// The state now.
///
/// # Errors
/// What the store says.
pub fn overview(epochs: &Epochs) -> Result<Overview, ServiceError> {
    let appliance = &**epochs.current();
    let latch = appliance.latch();
    let mut newest = runs(appliance)?;
    newest.reverse();
    let done = newest.iter().find(|run| run.state == State::Released);
    let counts = done.and_then(|run| run.counts);
    let evidence = done.and_then(|run| run.evidence.clone());
    newest.truncate(limits::PAGE_ROWS);
    Ok(Overview {
        project: appliance.scope().project.to_string(),
        epoch: appliance.scope().epoch.0,
        schema: appliance.scope().schema.name().to_owned(),
        is_ready: latch.is_ready(),
        conditions: Condition::ALL.map(|condition| latch.holds(condition)),
        counts,
        evidence,
        sites: sites(appliance)?,
        runs: newest,
        audit_entries: appliance.store().audit_size(),
        lookup_index: lookup_index::state(appliance)?,
        next: epochs
            .next()
            .zip(epochs.moves())
            .map(|(next, moves)| NextLine {
                epoch: next.scope().epoch.0,
                moves,
            }),
    })
}

fn sites(appliance: &Appliance) -> Result<Vec<SiteLine>, ServiceError> {
    let mut lines: BTreeMap<SiteId, (SiteLine, u64)> = BTreeMap::new();
    for batch in appliance.store().batches()? {
        let site = batch.manifest.site.clone();
        let (line, last) = lines.entry(site.clone()).or_insert_with(|| {
            let site = site.to_string();
            (
                SiteLine {
                    site,
                    batches: 0,
                    rows: 0,
                    quarantined: 0,
                    last_at: None,
                },
                0,
            )
        });
        line.batches += 1;
        line.rows += u64::from(batch.rows);
        line.quarantined += batch
            .quarantined
            .values()
            .map(|&count| u64::from(count))
            .sum::<u64>();
        *last = (*last).max(batch.audit_index);
    }
    lines
        .into_values()
        .map(|(line, last)| {
            let entry = appliance.store().audit_entry(last)?;
            Ok(SiteLine {
                last_at: crate::audit::instant(entry.as_bytes()),
                ..line
            })
        })
        .collect()
}
