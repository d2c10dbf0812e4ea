//! Parts: which previous ID stands in which present cluster, with how many records.

use rayon::prelude::*;

use super::{IdEvent, ResearchId};
use crate::{dataset::RecordKey, limits};

/// No cluster, no ID.
pub(super) const NONE: u32 = u32::MAX;

const _: () = assert!(
    limits::ASSIGNMENTS_MAX < NONE as usize,
    "a number is left to mean none"
);

/// A previous ID inside a present cluster.
pub(super) struct Part {
    pub(super) age: u64,
    pub(super) records: u32,
    /// Place of the first record among the previous assignments, which are sorted by record.
    pub(super) first: u32,
    pub(super) cluster: u32,
    /// Place of the ID among the previous IDs.
    pub(super) id: u32,
}

/// What the previous assignments say about the present clusters.
pub(super) struct Previous {
    /// The previous IDs, sorted, each once.
    pub(super) ids: Vec<ResearchId>,
    /// All parts, in the order of their IDs.
    pub(super) parts: Vec<Part>,
    /// The IDs of which no record is left, in their order.
    pub(super) retired: Vec<IdEvent>,
}

impl Previous {
    /// `previous` is sorted by record; record `i` of the present ones is `key(i)`, sorted too.
    pub(super) fn read(
        previous: &[(RecordKey, ResearchId)],
        key: &dyn Fn(usize) -> RecordKey,
        cluster_of: &[u32],
        age: &dyn Fn(ResearchId) -> u64,
    ) -> Self {
        let clusters = present(previous, key, cluster_of);
        let order = by_id(previous);
        let mut read = Self {
            ids: Vec::new(),
            parts: Vec::new(),
            retired: Vec::new(),
        };
        let id = |entry: &(u64, u32)| previous[entry.1 as usize].1;
        let mut members: Vec<(u32, u32)> = Vec::new();
        for group in order.chunk_by(|a, b| a.0 == b.0 && id(a) == id(b)) {
            let of_group = id(&group[0]);
            members.clear();
            let places = group.iter().map(|&(_, place)| place);
            members.extend(
                places
                    .map(|place| (clusters[place as usize], place))
                    .filter(|&(cluster, _)| cluster != NONE),
            );
            members.sort_unstable();
            read.add(of_group, &members, age);
            if members.is_empty() {
                let records = number(group.len());
                let id = of_group;
                read.retired.push(IdEvent::Retire { id, records });
            }
        }
        read
    }

    /// Adds the parts of one ID; `members` are the clusters and places of its records.
    fn add(&mut self, id: ResearchId, members: &[(u32, u32)], age: &dyn Fn(ResearchId) -> u64) {
        let place = number(self.ids.len());
        self.ids.push(id);
        let parts = members.chunk_by(|a, b| a.0 == b.0);
        self.parts.extend(parts.map(|part| Part {
            age: age(id),
            records: number(part.len()),
            first: part[0].1,
            cluster: part[0].0,
            id: place,
        }));
    }
}

/// For each previous assignment the cluster of its record, or [`NONE`] if it is not in the run.
fn present(
    previous: &[(RecordKey, ResearchId)],
    key: &dyn Fn(usize) -> RecordKey,
    cluster_of: &[u32],
) -> Vec<u32> {
    let mut at = 0;
    let clusters = previous.iter().map(|&(record, _)| {
        while at < cluster_of.len() && key(at) < record {
            at += 1;
        }
        if at < cluster_of.len() && key(at) == record {
            cluster_of[at]
        } else {
            NONE
        }
    });
    clusters.collect()
}

/// Places of the previous assignments in the order of their IDs, each beside the ID's first half:
/// half the bytes of whole IDs to move, and the other half decides next to never.
fn by_id(previous: &[(RecordKey, ResearchId)]) -> Vec<(u64, u32)> {
    let halves = previous.iter().map(|(_, id)| id.first_half());
    let mut order: Vec<(u64, u32)> = halves.zip(0..).collect();
    let id = |place: u32| previous[place as usize].1;
    order.par_sort_unstable_by(|a, b| {
        let halves = a.0.cmp(&b.0);
        halves.then_with(|| (id(a.1), a.1).cmp(&(id(b.1), b.1)))
    });
    order
}

fn number(count: usize) -> u32 {
    u32::try_from(count).expect("assignments are bounded")
}
