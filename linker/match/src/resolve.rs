//! Research IDs that stay with persons from run to run.
//!
//! A *part* is the set of records that share a previous ID and a present cluster. Parts are taken
//! from the largest to the smallest, then from the oldest ID; a part gives its ID to its cluster if
//! neither has been served. So a cluster keeps the ID of its largest, then oldest, part, and an ID
//! stays with the largest piece of what it named. Clusters left over get minted IDs. Everything that
//! is not "same records, same ID" becomes an event.

use std::collections::{BTreeMap, BTreeSet};

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

/// A previous ID inside a present cluster.
struct Part {
    records: u32,
    age: u64,
    first: RecordKey,
    cluster: usize,
    id: ResearchId,
}

/// Gives every cluster an ID.
///
/// `previous` and `current` name each record at most once, in any order; the number beside a record
/// in `current` is its cluster. `age` orders IDs by when they were minted, smaller is older; a caller
/// that does not know returns the same number for all, and the part with the first record wins ties.
/// `mint` returns a fresh random ID.
///
/// # Errors
/// [`MatchError::RecordTwice`], or [`MatchError::MintRepeats`] if `mint` keeps returning used IDs.
pub fn resolve(
    previous: &[(RecordKey, ResearchId)],
    current: &[(RecordKey, u32)],
    age: &dyn Fn(ResearchId) -> u64,
    mint: &mut dyn FnMut() -> ResearchId,
) -> Result<Resolution, MatchError> {
    let previous_ids = sorted(previous, "previous assignments")?;
    let current = sorted(current, "clusters")?;
    let (cluster_of, sizes) = renumber(&current);
    let (parts, retired) = parts(&previous_ids, &current, &cluster_of, age);
    let mut used: BTreeSet<ResearchId> = previous_ids.iter().map(|&(_, id)| id).collect();
    let mut id_of: Vec<Option<ResearchId>> = vec![None; sizes.len()];
    let mut kept = BTreeSet::new();
    for part in &parts {
        if id_of[part.cluster].is_none() && kept.insert(part.id) {
            id_of[part.cluster] = Some(part.id);
        }
    }
    let mut events: Vec<Vec<IdEvent>> = vec![Vec::new(); sizes.len()];
    let mut ids = Vec::with_capacity(sizes.len());
    for (cluster, id) in id_of.into_iter().enumerate() {
        ids.push(match id {
            Some(id) => id,
            None => {
                let id = fresh(&mut used, mint)?;
                let records = sizes[cluster];
                events[cluster].push(IdEvent::Mint { id, records });
                id
            }
        });
    }
    for part in parts.iter().filter(|part| ids[part.cluster] != part.id) {
        let (now, was, records) = (ids[part.cluster], part.id, part.records);
        events[part.cluster].push(if kept.contains(&was) {
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
        });
    }
    let assignments = current.iter().zip(&cluster_of);
    Ok(Resolution {
        assignments: assignments
            .map(|(&(record, _), &cluster)| (record, ids[cluster]))
            .collect(),
        events: retired
            .into_iter()
            .chain(events.into_iter().flatten())
            .collect(),
    })
}

fn sorted<T: Copy>(
    list: &[(RecordKey, T)],
    name: &'static str,
) -> Result<Vec<(RecordKey, T)>, MatchError> {
    let mut list = list.to_vec();
    list.sort_unstable_by_key(|(record, _)| *record);
    if list.windows(2).any(|pair| pair[0].0 == pair[1].0) {
        return Err(MatchError::RecordTwice { list: name });
    }
    Ok(list)
}

/// Clusters numbered in the order of their first record, whatever the caller's numbers, and sizes.
fn renumber(current: &[(RecordKey, u32)]) -> (Vec<usize>, Vec<u32>) {
    let mut numbers: BTreeMap<u32, usize> = BTreeMap::new();
    let mut sizes: Vec<u32> = Vec::new();
    let cluster_of = current.iter().map(|&(_, cluster)| {
        let next = numbers.len();
        let number = *numbers.entry(cluster).or_insert(next);
        sizes.resize(sizes.len().max(number + 1), 0);
        sizes[number] += 1;
        number
    });
    (cluster_of.collect(), sizes)
}

/// All parts in the order in which they are served, and the IDs of which no record is left.
fn parts(
    previous: &[(RecordKey, ResearchId)],
    current: &[(RecordKey, u32)],
    cluster_of: &[usize],
    age: &dyn Fn(ResearchId) -> u64,
) -> (Vec<Part>, Vec<IdEvent>) {
    let mut found: BTreeMap<(ResearchId, usize), (u32, RecordKey)> = BTreeMap::new();
    let mut before: BTreeMap<ResearchId, (u32, u32)> = BTreeMap::new();
    let mut at = 0;
    for &(record, id) in previous {
        while current.get(at).is_some_and(|(other, _)| *other < record) {
            at += 1;
        }
        let (records, present) = before.entry(id).or_default();
        *records += 1;
        if current.get(at).is_some_and(|(other, _)| *other == record) {
            *present += 1;
            let part = found.entry((id, cluster_of[at])).or_insert((0, record));
            part.0 += 1;
        }
    }
    let mut parts: Vec<Part> = found
        .into_iter()
        .map(|((id, cluster), (records, first))| Part {
            records,
            age: age(id),
            first,
            cluster,
            id,
        })
        .collect();
    parts.sort_by_key(|part| (std::cmp::Reverse(part.records), part.age, part.first));
    let gone = before.into_iter().filter(|(_, (_, present))| *present == 0);
    let retired = gone.map(|(id, (records, _))| IdEvent::Retire { id, records });
    (parts, retired.collect())
}

fn fresh(
    used: &mut BTreeSet<ResearchId>,
    mint: &mut dyn FnMut() -> ResearchId,
) -> Result<ResearchId, MatchError> {
    (0..limits::MINT_TRIES)
        .map(|_| mint())
        .find(|&id| used.insert(id))
        .ok_or(MatchError::MintRepeats)
}

#[cfg(test)]
mod tests {
    use linker_token::RecordRef;

    use super::*;

    fn record(number: u8) -> RecordKey {
        RecordKey {
            site: 0,
            reference: RecordRef([number; 16]),
        }
    }

    fn id(number: u8) -> ResearchId {
        ResearchId([number; 16])
    }

    /// Lists of (record, ID) and (record, cluster) in; who has which ID and what changed out.
    fn check(previous: &[(u8, u8)], current: &[(u8, u32)]) -> (Vec<u8>, Vec<IdEvent>) {
        let previous: Vec<_> = previous.iter().map(|&(r, i)| (record(r), id(i))).collect();
        let current: Vec<_> = current.iter().map(|&(r, c)| (record(r), c)).collect();
        let mut next = 100;
        let mut mint = || {
            next += 1;
            id(next)
        };
        let resolution = resolve(&previous, &current, &|id| id.0[0].into(), &mut mint)
            .expect("the lists are sound");
        let ids = resolution.assignments.iter().map(|(_, id)| id.0[0]);
        (ids.collect(), resolution.events)
    }

    #[test]
    fn a_first_run_mints_and_a_second_changes_nothing() {
        let (ids, events) = check(&[], &[(1, 7), (2, 7), (3, 5)]);
        assert_eq!(ids, [101, 101, 102]);
        assert_eq!(events.len(), 2);
        let (ids, events) = check(&[(1, 9), (2, 9), (3, 4)], &[(3, 0), (1, 1), (2, 1)]);
        assert_eq!((ids, events), (vec![9, 9, 4], vec![]));
    }

    #[test]
    fn a_merge_keeps_the_largest_then_the_oldest() {
        let merged = [(1, 0), (2, 0), (3, 0)];
        let (ids, events) = check(&[(1, 5), (2, 6), (3, 6)], &merged);
        assert_eq!(ids, [6, 6, 6]);
        let (kept, absorbed, records) = (id(6), id(5), 1);
        assert_eq!(
            events,
            [IdEvent::Merge {
                kept,
                absorbed,
                records
            }]
        );
        let (ids, _) = check(&[(1, 6), (2, 5)], &merged[..2]);
        assert_eq!(ids, [5, 5], "of equal parts the older ID stays");
    }

    #[test]
    fn a_split_leaves_the_id_with_the_largest_piece() {
        let (ids, events) = check(&[(1, 5), (2, 5), (3, 5)], &[(1, 0), (2, 1), (3, 1)]);
        assert_eq!(ids, [101, 5, 5]);
        let (from, into, records) = (id(5), id(101), 1);
        let minted = IdEvent::Mint { id: into, records };
        assert_eq!(
            events,
            [
                minted,
                IdEvent::Split {
                    from,
                    into,
                    records
                }
            ]
        );
    }

    #[test]
    fn records_that_leave_retire_their_id() {
        let (ids, events) = check(&[(1, 5), (2, 6)], &[(2, 0)]);
        assert_eq!(ids, [6]);
        assert_eq!(
            events,
            [IdEvent::Retire {
                id: id(5),
                records: 1
            }]
        );
    }

    #[test]
    fn a_mint_that_repeats_and_a_record_twice_are_refused() {
        let age = |_| 0;
        let previous = [(record(1), id(1))];
        let current = [(record(1), 0), (record(2), 1)];
        let repeats = resolve(&previous, &current, &age, &mut || id(1));
        assert!(matches!(repeats, Err(MatchError::MintRepeats)));
        let twice = [current[0], current[0]];
        let refused = resolve(&previous, &twice, &age, &mut || id(1));
        assert!(matches!(refused, Err(MatchError::RecordTwice { .. })));
    }
}
