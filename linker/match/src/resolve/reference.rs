//! The slow version, as plain as the rule: the fast one is held against it.

use std::collections::{BTreeMap, BTreeSet};

use super::{IdEvent, ResearchId, Resolution};
use crate::{dataset::RecordKey, error::MatchError, limits};

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
pub(super) fn resolve(
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
