//! Links become clusters, and one bad link must not glue two persons together.
//!
//! The link graph falls into components that have nothing to do with each other. A component of two
//! records is one person if nothing forbids it. In a larger one (see [`component`]) all pairs across
//! two clusters are weighed before these merge, candidates or not, and most of them have to agree.
//! Components that are too large for that are cut first (see [`cut`]).
//!
//! What people decided stands above: records that must-link verdicts join are one *unit* from the
//! start, units that a do-not-link verdict keeps apart never meet in a cluster, and neither do two
//! records of one site that is free of duplicates. Links that no merge followed go to review.
//!
//! Components are worked on in parallel; the result does not depend on the number of threads.

mod bond;
mod component;
mod cut;
pub(crate) mod exclusive;

use std::collections::BTreeMap;

use rayon::prelude::*;

use self::component::{Bench, Outcome};
use crate::{
    compare::Kept,
    forest::Forest,
    rules::{Decision, Rule},
    settings::Settings,
    verdict::Decided,
    weigh::Evaluation,
};

/// Records whose components make one work item.
const ITEM_RECORDS: usize = 1 << 14;

/// What there is to cluster.
#[derive(Clone, Copy)]
pub(crate) struct Graph<'a> {
    /// Number of records.
    pub(crate) records: usize,
    /// Links and pairs for review, one entry per pair, sorted by its records.
    pub(crate) kept: &'a [Kept],
    /// Weighs two records that are not among the kept pairs.
    pub(crate) weigh: &'a (dyn Fn(u32, u32) -> Evaluation + Sync),
    /// The site of a record.
    pub(crate) site: &'a (dyn Fn(u32) -> u16 + Sync),
    /// Whether a record has several rows.
    pub(crate) several_rows: &'a (dyn Fn(u32) -> bool + Sync),
    pub(crate) decided: &'a Decided,
    pub(crate) settings: &'a Settings,
}

/// The clusters of a run.
#[derive(Debug)]
pub(crate) struct Clusters {
    /// For each record its cluster; clusters are numbered by their first record.
    pub(crate) cluster_of_record: Vec<u32>,
    pub(crate) count: u32,
    /// Links between different clusters that no verdict settles, and why they were refused.
    pub(crate) refused: Vec<Kept>,
    /// Clusters that a merge would have taken beyond the size bound, or that verdicts did.
    pub(crate) over_bound: u64,
    /// Components of the link graph that were too large to be looked at as a whole.
    pub(crate) cut: u64,
}

/// Clusters the records; `done` is told how many links are settled.
pub(crate) fn cluster(graph: Graph<'_>, done: &(dyn Fn(u64) + Sync)) -> Clusters {
    let root = roots(graph);
    let mut head: Vec<u32> = (0..).take(graph.records).collect();
    for &(record, unit) in graph.decided.joined() {
        head[record as usize] = unit;
    }
    let large = large_components(graph, &root);
    let (starts, links) = grouped(graph, &root, &large);
    let pairs = settle_pairs(graph, &root, &large, &mut head);
    drop((root, large));
    done(pairs);
    let items: Vec<usize> = (0..graph.records).step_by(ITEM_RECORDS).collect();
    let outcomes: Vec<Outcome> = items
        .into_par_iter()
        .map_init(Bench::default, |bench, first| {
            let mut outcome = Outcome::default();
            let ends = &starts[first..=graph.records.min(first + ITEM_RECORDS)];
            for range in ends.windows(2).filter(|range| range[0] < range[1]) {
                let links = &links[range[0] as usize..range[1] as usize];
                component::solve(graph, links, bench, &mut outcome);
            }
            done(u64::from(ends[ends.len() - 1] - ends[0]));
            outcome
        })
        .collect();
    drop((starts, links));
    for &(record, first) in outcomes.iter().flat_map(|outcome| &outcome.heads) {
        head[record as usize] = first;
    }
    let (cluster_of_record, count) = numbered(&head);
    let sum = |of: fn(&Outcome) -> u64| outcomes.iter().map(of).sum::<u64>();
    Clusters {
        refused: refused(graph, &cluster_of_record),
        over_bound: sum(|outcome| outcome.over_bound) + too_large_by_verdict(graph, &outcomes),
        cut: sum(|outcome| outcome.cut),
        cluster_of_record,
        count,
    }
}

/// The kept pairs that are links and that no person forbade.
fn is_link(graph: Graph<'_>, kept: &Kept) -> bool {
    kept.decision == Decision::Link && !graph.decided.are_apart_records(kept.a, kept.b)
}

/// For each record the first record of its component.
fn roots(graph: Graph<'_>) -> Vec<u32> {
    let mut forest = Forest::new(graph.records);
    let links = graph.kept.iter().filter(|kept| is_link(graph, kept));
    let pairs = links.map(|link| (link.a, link.b));
    for (a, b) in pairs.chain(graph.decided.joined().iter().copied()) {
        forest.join(a, b);
    }
    forest.roots()
}

/// For each root whether its component is more than two records without verdicts.
fn large_components(graph: Graph<'_>, root: &[u32]) -> Vec<bool> {
    let mut records = vec![0_u8; root.len()];
    for &root in root {
        let count = &mut records[root as usize];
        *count = count.saturating_add(1);
    }
    let mut large: Vec<bool> = records.into_iter().map(|count| count > 2).collect();
    for &(record, _) in graph.decided.joined() {
        large[root[record as usize] as usize] = true;
    }
    large
}

/// The links of large components, as places in the kept pairs, one component after another: where
/// each root's links start, and the links.
fn grouped(graph: Graph<'_>, root: &[u32], large: &[bool]) -> (Vec<u32>, Vec<u32>) {
    let mut starts = vec![0_u32; graph.records + 1];
    let in_large = || {
        let links = (0_u32..).zip(graph.kept);
        links
            .filter(|(_, kept)| is_link(graph, kept))
            .map(|(place, kept)| (place, root[kept.a as usize]))
            .filter(|(_, root)| large[*root as usize])
    };
    in_large().for_each(|(_, root)| starts[root as usize + 1] += 1);
    for at in 1..starts.len() {
        starts[at] += starts[at - 1];
    }
    let mut next = starts.clone();
    let mut links = vec![0; starts[graph.records] as usize];
    for (place, root) in in_large() {
        links[next[root as usize] as usize] = place;
        next[root as usize] += 1;
    }
    (starts, links)
}

/// Joins the records of components of two and returns how many there are.
fn settle_pairs(graph: Graph<'_>, root: &[u32], large: &[bool], head: &mut [u32]) -> u64 {
    let links = graph.kept.iter().filter(|kept| is_link(graph, kept));
    let mut count = 0;
    for link in links.filter(|link| !large[root[link.a as usize] as usize]) {
        count += 1;
        if !same_site(graph, link.a, link.b) {
            head[link.b as usize] = link.a;
        }
    }
    count
}

/// Whether two records are of one site in which a person has at most one.
fn same_site(graph: Graph<'_>, a: u32, b: u32) -> bool {
    let site = (graph.site)(a);
    site == (graph.site)(b) && graph.decided.is_free_of_duplicates(site)
}

/// Clusters numbered by their first record, from the first record of each record's cluster.
fn numbered(head: &[u32]) -> (Vec<u32>, u32) {
    let mut cluster_of_record = vec![0; head.len()];
    let mut count = 0;
    for (record, first) in (0_u32..).zip(head) {
        cluster_of_record[record as usize] = if *first == record {
            count += 1;
            count - 1
        } else {
            cluster_of_record[*first as usize]
        };
    }
    (cluster_of_record, count)
}

/// Units above the size bound in which no link had a part, so that no component told of them.
fn too_large_by_verdict(graph: Graph<'_>, outcomes: &[Outcome]) -> u64 {
    let members = graph.decided.members_by_unit();
    let mut seen: Vec<u32> = outcomes
        .iter()
        .flat_map(|outcome| outcome.units.iter().copied())
        .collect();
    seen.sort_unstable();
    let large = members.filter(|unit| unit.len() > graph.settings.cluster_records_max);
    large
        .filter(|unit| seen.binary_search(&unit[0].0).is_err())
        .count() as u64
}

/// Links between different clusters, and why nothing followed from them.
fn refused(graph: Graph<'_>, cluster_of_record: &[u32]) -> Vec<Kept> {
    let cluster = |record: u32| cluster_of_record[record as usize];
    let links = graph.kept.par_iter().copied().filter(|kept| {
        kept.decision == Decision::Link
            && cluster(kept.a) != cluster(kept.b)
            && !graph.decided.settles(kept.a, kept.b)
    });
    let rule = Rule::Clusters;
    let mut refused: Vec<Kept> = links.map(|link| Kept { rule, ..link }).collect();
    if graph.decided.is_empty() || refused.is_empty() {
        return refused;
    }
    let mut members: Vec<(u32, u32)> = cluster_of_record.iter().copied().zip(0..).collect();
    members.par_sort_unstable();
    let members = |cluster: u32| {
        let start = members.partition_point(|member| member.0 < cluster);
        let rest = members[start..].iter();
        rest.take_while(move |member| member.0 == cluster)
            .map(|member| member.1)
    };
    let mut known = BTreeMap::new();
    for link in &mut refused {
        let (one, other) = (cluster(link.a), cluster(link.b));
        let ends = (one.min(other), one.max(other));
        link.rule = *known.entry(ends).or_insert_with(|| {
            let pairs = members(one).flat_map(|a| members(other).map(move |b| (a, b)));
            let mut rule = Rule::Clusters;
            for (a, b) in pairs {
                if graph.decided.are_apart_records(a, b) {
                    return Rule::Verdict;
                }
                if same_site(graph, a, b) {
                    rule = Rule::OnePerSite;
                }
            }
            rule
        });
    }
    refused
}

#[cfg(test)]
mod tests;
