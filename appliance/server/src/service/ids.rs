//! Research IDs of a run: carried over from the run before, minted for the rest.

mod carried;

use std::collections::{BTreeMap, BTreeSet};

use appliance_store::{Assignment, IdEvent};
use linker_match::{
    Dataset, Linkage, RecordKey, ResearchId,
    resolve::{self, Resolution},
};
use linker_token::SiteId;

use crate::{
    error::ServiceError,
    service::{Appliance, run_record::Counts},
};

/// Every record's research ID, and what happened to IDs.
pub(super) struct Ids {
    pub(super) sites: Vec<SiteId>,
    pub(super) lines: Vec<Assignment>,
    pub(super) events: Vec<IdEvent>,
}

impl Ids {
    /// Gives every cluster an ID: its former one where there is one.
    pub(super) fn resolve(
        appliance: &Appliance,
        sites: &[SiteId],
        dataset: &Dataset,
        linkage: &Linkage,
    ) -> Result<Self, ServiceError> {
        let previous = carried::previous(appliance, sites)?;
        let keys = dataset.keys().iter().copied();
        let current: Vec<(RecordKey, u32)> = keys
            .zip(linkage.cluster_of_record.iter().copied())
            .collect();
        let mut source = Source { failed: false };
        let resolution = resolve::resolve(&previous, &current, &|_| 0, &mut || source.mint());
        source.check()?;
        let Resolution {
            assignments,
            events,
        } = resolution.map_err(ServiceError::RunFailed)?;
        let lines = assignments.into_iter().map(|(key, id)| Assignment {
            site: key.site,
            reference: key.reference,
            research_id: id.to_bytes(),
        });
        Ok(Self {
            sites: sites.to_vec(),
            lines: lines.collect(),
            events: stored(&events),
        })
    }

    /// The three counts of people, and what else the run counts. Test records are no persons.
    pub(super) fn counts(
        &self,
        dataset: &Dataset,
        linkage: &Linkage,
        cumulative_before: u64,
    ) -> Counts {
        let mut at_site: Vec<(u16, u32)> = Vec::with_capacity(dataset.record_count());
        let mut persons: BTreeSet<[u8; 16]> = BTreeSet::new();
        for (record, (key, &cluster)) in
            (0..).zip(dataset.keys().iter().zip(&linkage.cluster_of_record))
        {
            if !dataset.is_test(record) {
                at_site.push((key.site, cluster));
                persons.insert(self.lines[record as usize].research_id);
            }
        }
        at_site.sort_unstable();
        at_site.dedup();
        let minted = self.events.iter().filter(|event| {
            if let IdEvent::Mint { id } = event {
                persons.contains(id)
            } else {
                false
            }
        });
        Counts {
            persons_found: persons.len() as u64,
            sum_of_site_uniques: at_site.len() as u64,
            cumulative: cumulative_before + minted.count() as u64,
            records: dataset.record_count() as u64,
            review_pairs: linkage.review_pairs,
            clusters_over_bound: linkage.clusters_over_bound,
        }
    }
}

/// Random IDs from the operating system; a failure is kept until the end.
struct Source {
    failed: bool,
}

impl Source {
    fn mint(&mut self) -> ResearchId {
        let mut bytes = [0; 16];
        if getrandom::fill(&mut bytes).is_err() {
            self.failed = true;
        }
        ResearchId::from_bytes(bytes)
    }

    fn check(&self) -> Result<(), ServiceError> {
        if self.failed {
            Err(ServiceError::Internal)
        } else {
            Ok(())
        }
    }
}

/// Events as the store keeps them: one merge per ID that goes on, one split per ID that was split.
fn stored(events: &[resolve::IdEvent]) -> Vec<IdEvent> {
    let mut merges: BTreeMap<[u8; 16], Vec<[u8; 16]>> = BTreeMap::new();
    let mut splits: BTreeMap<[u8; 16], Vec<[u8; 16]>> = BTreeMap::new();
    let mut out = Vec::new();
    for event in events {
        match *event {
            resolve::IdEvent::Mint { id, .. } => out.push(IdEvent::Mint { id: id.to_bytes() }),
            resolve::IdEvent::Merge { kept, absorbed, .. } => {
                merges
                    .entry(kept.to_bytes())
                    .or_default()
                    .push(absorbed.to_bytes());
            }
            resolve::IdEvent::Split { from, into, .. } => {
                splits
                    .entry(from.to_bytes())
                    .or_default()
                    .push(into.to_bytes());
            }
            // Records never leave the store, so no ID loses all of them.
            resolve::IdEvent::Retire { .. } => {}
        }
    }
    out.extend(
        merges
            .into_iter()
            .map(|(kept, ended)| IdEvent::Merge { kept, ended }),
    );
    out.extend(
        splits
            .into_iter()
            .map(|(from, into)| IdEvent::Split { from, into }),
    );
    out
}
