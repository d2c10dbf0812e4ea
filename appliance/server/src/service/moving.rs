//! How far each site has moved over to the next key epoch.
//!
//! A record's reference does not depend on the epoch, so what is counted is exact: of the records that a
//! site has under the older epoch, how many it has sent again under the newer one. A site has moved when it
//! said itself that a submission is whole, and nearly all of its records are there. Not all, because people
//! leave a source for good reasons; a site that sends much less than it had sent is looked at first.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use appliance_store::{BatchRow, Store};
use linker_token::{RecordRef, SiteId};

use crate::{error::ServiceError, limits, metrics, service::Appliance};

/// How far one site has moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SiteMove {
    /// The site.
    pub site: String,
    /// Its records under the older epoch.
    pub records_before: u64,
    /// Its records under the newer epoch.
    pub records: u64,
    /// How many of the former are among the latter.
    pub carried: u64,
    /// What that means.
    pub state: MoveState,
}

/// How far a site has moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum MoveState {
    /// Nothing was sent under the newer epoch.
    NotBegun,
    /// No submission is whole.
    UnderWay,
    /// A submission is whole, and too many of the records are missing in it.
    Short,
    /// A submission is whole and nearly all records are in it.
    Complete,
}

impl MoveState {
    /// Every state.
    pub const ALL: [Self; 4] = [Self::NotBegun, Self::UnderWay, Self::Short, Self::Complete];

    /// The stable code.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::NotBegun => "not-begun",
            Self::UnderWay => "under-way",
            Self::Short => "short",
            Self::Complete => "complete",
        }
    }
}

impl SiteMove {
    /// Whether the epoch should not change yet for this site.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        self.state != MoveState::Complete
    }
}

/// What was last counted.
#[derive(Debug, Default)]
pub struct Moving(Mutex<Counted>);

#[derive(Debug, Default)]
struct Counted {
    moves: Arc<Vec<SiteMove>>,
    /// Batches of both epochs at that time.
    of: Option<[usize; 2]>,
    /// When to look again, on the time since the start.
    due: Duration,
}

impl Moving {
    pub(super) fn counted(&self) -> Arc<Vec<SiteMove>> {
        let counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&counted.moves)
    }

    /// Counts if batches came since, and not for longer than one part in twenty of the time.
    pub(super) fn count(&self, older: &Store, newer: &Appliance) {
        let now = newer.elapsed();
        let counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if now < counted.due {
            return;
        }
        let (Ok(before), Ok(after)) = (older.batches(), newer.store().batches()) else {
            return;
        };
        let of = [before.len(), after.len()];
        if counted.of == Some(of) {
            return;
        }
        // Readers see the last count meanwhile. Nobody else counts: one task does so, one after the other.
        drop(counted);
        let moves = count(older, newer.store(), &|| newer.accepting());
        let took = newer.elapsed().saturating_sub(now);
        let mut counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counted.due = newer.elapsed() + (took * limits::MOVES_SHARE).max(limits::MOVES_EVERY);
        match moves {
            Ok(moves) => {
                for site in &moves {
                    metrics::site_move(
                        &site.site,
                        site.records_before,
                        site.carried,
                        !site.is_missing(),
                    );
                }
                counted.moves = Arc::new(moves);
                counted.of = Some(of);
            }
            Err(ServiceError::Stopping) => {}
            Err(error) => tracing::error!(
                code = error.code(),
                "how far sites have moved could not be counted"
            ),
        }
    }
}

/// Counts site by site, so that the references of one site are in memory and no more. `go_on` fails when
/// the service ends.
pub(super) fn count(
    older: &Store,
    newer: &Store,
    go_on: &dyn Fn() -> Result<(), ServiceError>,
) -> Result<Vec<SiteMove>, ServiceError> {
    let (before, now) = (by_site(older)?, by_site(newer)?);
    let sites: BTreeSet<&SiteId> = before.keys().chain(now.keys()).collect();
    let nothing = Vec::new();
    let moves = sites.into_iter().map(|site| {
        let former = references(older, before.get(site).unwrap_or(&nothing), go_on)?;
        let sent = now.get(site).unwrap_or(&nothing);
        let present = references(newer, sent, go_on)?;
        let carried = common(&former, &present);
        let (before, records) = (former.len() as u64, present.len() as u64);
        Ok(SiteMove {
            site: site.to_string(),
            records_before: before,
            records,
            carried,
            state: judge(sent, before, carried),
        })
    });
    moves.collect()
}

fn by_site(store: &Store) -> Result<BTreeMap<SiteId, Vec<BatchRow>>, ServiceError> {
    let mut by_site: BTreeMap<SiteId, Vec<BatchRow>> = BTreeMap::new();
    for batch in store.batches()? {
        by_site
            .entry(batch.manifest.site.clone())
            .or_default()
            .push(batch);
    }
    Ok(by_site)
}

/// The references of these batches, sorted, each once.
fn references(
    store: &Store,
    batches: &[BatchRow],
    go_on: &dyn Fn() -> Result<(), ServiceError>,
) -> Result<Vec<RecordRef>, ServiceError> {
    let mut all: Vec<RecordRef> = Vec::new();
    for batch in batches {
        go_on()?;
        all.extend_from_slice(store.read_segment(batch)?.references());
    }
    all.sort_unstable();
    all.dedup();
    Ok(all)
}

/// How many of one sorted list are in the other.
fn common(one: &[RecordRef], other: &[RecordRef]) -> u64 {
    let mut rest = other.iter().peekable();
    let found = one.iter().filter(|reference| {
        while rest.next_if(|next| next < reference).is_some() {}
        rest.peek() == Some(reference)
    });
    found.count() as u64
}

fn judge(sent: &[BatchRow], before: u64, carried: u64) -> MoveState {
    if sent.is_empty() {
        MoveState::NotBegun
    } else if !has_whole_submission(sent) {
        MoveState::UnderWay
    } else if carried * 1000 < before * limits::MOVED_PERMILLE_MIN {
        MoveState::Short
    } else {
        MoveState::Complete
    }
}

/// Whether the batch that a site called the last is there, and one for every number before it.
fn has_whole_submission(sent: &[BatchRow]) -> bool {
    let numbers: BTreeSet<u32> = sent.iter().map(|batch| batch.manifest.sequence).collect();
    let lasts = sent.iter().filter(|batch| batch.manifest.last);
    lasts
        .map(|batch| batch.manifest.sequence)
        .any(|last| (0..last).all(|number| numbers.contains(&number)))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use linker_token::{BatchId, CheckValue, Epoch, Manifest, ProjectId, SchemaDigest};

    use super::*;

    fn batch(sequence: u32, last: bool) -> BatchRow {
        BatchRow {
            batch_id: BatchId([0; 32]),
            manifest: Manifest {
                site: SiteId::parse("hospital").expect("a name"),
                project: ProjectId::parse("demo").expect("a name"),
                epoch: Epoch(2),
                secret_check: CheckValue([0; 8]),
                schema: SchemaDigest([0; 32]),
                normaliser: String::new(),
                tables: String::new(),
                sequence,
                last,
                rows: 1,
                digest: [0; 32],
                counts: BTreeMap::new(),
            },
            signature: Vec::new(),
            rows: 1,
            quarantined: BTreeMap::new(),
            audit_index: 0,
        }
    }

    #[test]
    fn a_site_has_moved_when_it_said_so_and_its_records_are_there() {
        use MoveState::{Complete, NotBegun, Short, UnderWay};
        let whole = [batch(1, true), batch(0, false)];
        for (sent, before, carried, expected) in [
            (&[][..], 10, 0, NotBegun),
            (&whole[1..], 10, 10, UnderWay),
            // The last one came and the first did not.
            (&whole[..1], 10, 10, UnderWay),
            (&whole[..], 1000, 899, Short),
            (&whole[..], 1000, 900, Complete),
            (&whole[..], 0, 0, Complete),
        ] {
            assert_eq!(judge(sent, before, carried), expected, "{carried}");
        }
    }

    #[test]
    fn common_references_are_counted() {
        let list = |numbers: &[u8]| -> Vec<RecordRef> {
            numbers.iter().map(|&n| RecordRef([n; 16])).collect()
        };
        for (one, other, expected) in [
            (&[1, 2, 3][..], &[2, 3, 4][..], 2),
            (&[], &[1], 0),
            (&[1], &[], 0),
            (&[1, 5, 9], &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9], 3),
            (&[4], &[1, 2, 3], 0),
        ] {
            assert_eq!(common(&list(one), &list(other)), expected);
        }
    }
}
