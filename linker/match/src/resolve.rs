//! Research IDs that stay with persons from run to run.
//!
//! A *part* is the set of records that share a previous ID and a present cluster. Parts are taken
//! from the largest to the smallest, then from the oldest ID; a part gives its ID to its cluster if
//! neither has been served. So a cluster keeps the ID of its largest, then oldest, part, and an ID
//! stays with the largest piece of what it named. Clusters left over get minted IDs. Everything that
//! is not "same records, same ID" becomes an event.

mod parts;
#[cfg(test)]
mod reference;
#[cfg(test)]
mod tests;

use std::{borrow::Cow, cmp::Reverse, collections::BTreeSet};

use rayon::prelude::*;

use self::parts::{NONE, Part, Previous};
use crate::{dataset::RecordKey, error::MatchError, limits};

/// A random 128-bit name of a person inside the linkage unit. Never shown outside; `Debug` hides it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResearchId([u8; 16]);

impl ResearchId {
    /// Wraps minted or stored bytes.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The bytes, for storage and pseudonyms.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 16] {
        self.0
    }

    /// Eight bytes as a number, in the order of the IDs.
    fn first_half(self) -> u64 {
        let (half, _) = self.0.split_first_chunk().expect("an ID has 16 bytes");
        u64::from_be_bytes(*half)
    }
}

impl std::fmt::Debug for ResearchId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ResearchId(..)")
    }
}

/// One change of IDs, in the order of the decision log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum IdEvent {
    /// A cluster without a previous ID to keep got a new one.
    Mint {
        /// The new ID.
        id: ResearchId,
        /// Records of the cluster.
        records: u32,
    },
    /// Records came to `kept` and their previous ID names no cluster any more.
    Merge {
        /// The ID that goes on.
        kept: ResearchId,
        /// The ID that ends.
        absorbed: ResearchId,
        /// Records that changed their ID.
        records: u32,
    },
    /// Records left an ID that goes on.
    Split {
        /// The ID they had.
        from: ResearchId,
        /// The ID they have.
        into: ResearchId,
        /// Records that changed their ID.
        records: u32,
    },
    /// No record of this ID is left in the run.
    Retire {
        /// The ID that ends.
        id: ResearchId,
        /// Records that it had.
        records: u32,
    },
}

/// Who has which ID now, and what changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolution {
    /// One ID per record, sorted by record.
    pub assignments: Vec<(RecordKey, ResearchId)>,
    /// Changes: retirements, then cluster by cluster in the order of their first record.
    pub events: Vec<IdEvent>,
}

/// The IDs of a run's clusters, and what changed, without a line per record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterIds {
    ids: Vec<ResearchId>,
    sizes: Vec<u32>,
    /// Clusters with a new ID, in order.
    minted: Vec<u32>,
    /// Merges and splits, in order of their clusters.
    changes: Vec<(u32, IdEvent)>,
    retired: Vec<IdEvent>,
}

impl ClusterIds {
    /// The ID of each cluster.
    #[must_use]
    pub fn ids(&self) -> &[ResearchId] {
        &self.ids
    }

    /// Number of clusters that got a new ID.
    #[must_use]
    pub fn minted(&self) -> usize {
        self.minted.len()
    }

    /// All changes, in the order of [`Resolution::events`]. They are made one by one: a first run of
    /// ten million clusters has as many, and a list of them would be the largest thing in memory.
    pub fn events(&self) -> impl Iterator<Item = IdEvent> + '_ {
        let mut changes = self.changes.iter().peekable();
        let mut minted = self.minted.iter().peekable();
        let by_cluster = std::iter::from_fn(move || {
            let change = changes.peek().map(|(cluster, _)| *cluster);
            match minted.next_if(|&&cluster| change.is_none_or(|change| cluster <= change)) {
                Some(&cluster) => Some(IdEvent::Mint {
                    id: self.ids[cluster as usize],
                    records: self.sizes[cluster as usize],
                }),
                None => changes.next().map(|(_, event)| *event),
            }
        });
        self.retired.iter().copied().chain(by_cluster)
    }
}

/// Gives every cluster an ID.
///
/// `previous` and `current` name each record at most once, in any order; the number beside a record
/// in `current` is its cluster. `age` orders IDs by when they were minted, smaller is older; a caller
/// that does not know returns the same number for all, and the part with the first record wins ties.
/// `mint` returns a fresh random ID.
///
/// # Errors
/// [`MatchError::RecordTwice`], [`MatchError::TooMany`], or [`MatchError::MintRepeats`] if `mint`
/// keeps returning used IDs.
pub fn resolve(
    previous: &[(RecordKey, ResearchId)],
    current: &[(RecordKey, u32)],
    age: &dyn Fn(ResearchId) -> u64,
    mint: &mut dyn FnMut() -> ResearchId,
) -> Result<Resolution, MatchError> {
    let previous = sorted(previous, "previous assignments")?;
    let current = sorted(current, "clusters")?;
    let cluster_of = renumber(&current);
    let key = |record: usize| current[record].0;
    let clusters = assign(&previous, (&key, &cluster_of), age, mint)?;
    let ids = cluster_of
        .iter()
        .map(|&cluster| clusters.ids[cluster as usize]);
    Ok(Resolution {
        assignments: current.iter().map(|&(record, _)| record).zip(ids).collect(),
        events: clusters.events().collect(),
    })
}

/// [`resolve`] for a run's own arrays, without copies: `keys` are the records in canonical order and
/// `cluster_of_record` numbers clusters by their first record, as [`Linkage`](crate::Linkage) does.
///
/// # Errors
/// As [`resolve`]; [`MatchError::Clusters`] if the arrays are not in that order.
pub fn resolve_clusters(
    previous: &[(RecordKey, ResearchId)],
    keys: &[RecordKey],
    cluster_of_record: &[u32],
    age: &dyn Fn(ResearchId) -> u64,
    mint: &mut dyn FnMut() -> ResearchId,
) -> Result<ClusterIds, MatchError> {
    let refuse = |rule| Err(MatchError::Clusters { rule });
    if keys.len() != cluster_of_record.len() {
        return refuse("each record has one cluster");
    }
    if !keys.is_sorted_by(|a, b| a < b) {
        return refuse("records are in canonical order, each once");
    }
    let mut next = 0;
    for &cluster in cluster_of_record {
        if cluster > next {
            return refuse("clusters are numbered by their first record");
        }
        next += u32::from(cluster == next);
    }
    let previous = sorted(previous, "previous assignments")?;
    assign(
        &previous,
        (&|record| keys[record], cluster_of_record),
        age,
        mint,
    )
}

/// The rule itself, on sorted records and clusters numbered by their first record.
fn assign(
    previous: &[(RecordKey, ResearchId)],
    (key, cluster_of): (&dyn Fn(usize) -> RecordKey, &[u32]),
    age: &dyn Fn(ResearchId) -> u64,
    mint: &mut dyn FnMut() -> ResearchId,
) -> Result<ClusterIds, MatchError> {
    bounded(previous.len().max(cluster_of.len()))?;
    let sizes = sizes(cluster_of);
    let Previous {
        ids: previous_ids,
        mut parts,
        retired,
    } = Previous::read(previous, key, cluster_of, age);
    parts.par_sort_unstable_by_key(|part| (Reverse(part.records), part.age, part.first));
    let mut id_of = vec![NONE; sizes.len()];
    let mut kept = vec![false; previous_ids.len()];
    for part in &parts {
        let (id, cluster) = (part.id as usize, part.cluster as usize);
        if id_of[cluster] == NONE && !kept[id] {
            (id_of[cluster], kept[id]) = (part.id, true);
        }
    }
    let clusters = (0_u32..).zip(&id_of);
    let fresh = clusters.filter(|(_, id)| **id == NONE);
    let minted: Vec<u32> = fresh.map(|(cluster, _)| cluster).collect();
    let new = mint_all(&previous_ids, minted.len(), mint)?;
    let mut new = new.into_iter();
    let ids: Vec<ResearchId> = id_of
        .iter()
        .filter_map(|&id| {
            let old = previous_ids.get(id as usize).copied();
            old.or_else(|| new.next())
        })
        .collect();
    let moved = parts
        .iter()
        .filter(|part| id_of[part.cluster as usize] != part.id);
    let mut changes: Vec<(u32, IdEvent)> = moved
        .map(|part| {
            let now = ids[part.cluster as usize];
            let was = previous_ids[part.id as usize];
            (part.cluster, change(part, now, was, kept[part.id as usize]))
        })
        .collect();
    // Stable: within a cluster the changes stay in the order in which its parts were served.
    changes.sort_by_key(|(cluster, _)| *cluster);
    Ok(ClusterIds {
        ids,
        sizes,
        minted,
        changes,
        retired,
    })
}

fn change(part: &Part, now: ResearchId, was: ResearchId, goes_on: bool) -> IdEvent {
    let records = part.records;
    if goes_on {
        let (from, into) = (was, now);
        IdEvent::Split {
            from,
            into,
            records,
        }
    } else {
        let (kept, absorbed) = (now, was);
        IdEvent::Merge {
            kept,
            absorbed,
            records,
        }
    }
}

/// The list sorted by record; a list that is sorted already is not copied.
fn sorted<'a, T: Copy + Send>(
    list: &'a [(RecordKey, T)],
    name: &'static str,
) -> Result<Cow<'a, [(RecordKey, T)]>, MatchError> {
    if list.is_sorted_by(|a, b| a.0 < b.0) {
        return Ok(Cow::Borrowed(list));
    }
    let mut list = list.to_vec();
    list.par_sort_unstable_by_key(|(record, _)| *record);
    if list.windows(2).any(|pair| pair[0].0 == pair[1].0) {
        return Err(MatchError::RecordTwice { list: name });
    }
    Ok(Cow::Owned(list))
}

/// Record and ID numbers are 32 bits here.
fn bounded(records: usize) -> Result<(), MatchError> {
    if records > limits::ASSIGNMENTS_MAX {
        return Err(MatchError::TooMany {
            what: "the records with research IDs",
            limit: limits::ASSIGNMENTS_MAX as u64,
        });
    }
    Ok(())
}

/// Clusters numbered in the order of their first record, whatever the caller's numbers.
fn renumber(current: &[(RecordKey, u32)]) -> Vec<u32> {
    let mut names: Vec<u32> = current.iter().map(|&(_, cluster)| cluster).collect();
    names.par_sort_unstable();
    names.dedup();
    // Callers mostly number from 0 without gaps; then a name is its place.
    let dense = names
        .last()
        .is_none_or(|&last| last as usize == names.len() - 1);
    let mut numbers = vec![NONE; names.len()];
    let mut next = 0;
    let cluster_of = current.iter().map(|&(_, cluster)| {
        let place = if dense {
            cluster as usize
        } else {
            names.partition_point(|&name| name < cluster)
        };
        if numbers[place] == NONE {
            numbers[place] = next;
            next += 1;
        }
        numbers[place]
    });
    cluster_of.collect()
}

/// Records of each cluster.
fn sizes(cluster_of: &[u32]) -> Vec<u32> {
    let mut sizes: Vec<u32> = Vec::new();
    for &cluster in cluster_of {
        if cluster as usize == sizes.len() {
            sizes.push(0);
        }
        sizes[cluster as usize] += 1;
    }
    sizes
}

/// `count` new IDs. `previous` is sorted.
///
/// IDs are random, so none repeats; that is checked at once, by their first halves. If two halves are
/// equal, what was drawn is gone through again one by one.
fn mint_all(
    previous: &[ResearchId],
    count: usize,
    mint: &mut dyn FnMut() -> ResearchId,
) -> Result<Vec<ResearchId>, MatchError> {
    let drawn: Vec<ResearchId> = std::iter::repeat_with(&mut *mint).take(count).collect();
    let mut halves: Vec<u64> = drawn.par_iter().map(|id| id.first_half()).collect();
    halves.par_sort_unstable();
    let repeats = halves.par_windows(2).any(|pair| pair[0] == pair[1])
        || halves.par_iter().any(|&half| {
            let place = previous.partition_point(|id| id.first_half() < half);
            previous
                .get(place)
                .is_some_and(|id| id.first_half() == half)
        });
    if repeats {
        one_by_one(previous, &drawn, mint)
    } else {
        Ok(drawn)
    }
}

/// Mints again from what was `drawn`, and then from `mint`, leaving out IDs in use.
fn one_by_one(
    previous: &[ResearchId],
    drawn: &[ResearchId],
    mint: &mut dyn FnMut() -> ResearchId,
) -> Result<Vec<ResearchId>, MatchError> {
    let mut used = BTreeSet::new();
    let mut again = drawn.iter().copied();
    let mut fresh = || {
        (0..limits::MINT_TRIES)
            .map(|_| again.next().unwrap_or_else(&mut *mint))
            .find(|id| previous.binary_search(id).is_err() && used.insert(*id))
            .ok_or(MatchError::MintRepeats)
    };
    drawn.iter().map(|_| fresh()).collect()
}
