//! One component of the link graph becomes clusters.
//!
//! Units (records, or records that verdicts joined) start alone. Links are taken in the order of
//! weight times likeness, where a link's likeness is the share of neighbours that its ends have in
//! common: a bad link between two persons, however heavy, has ends with other neighbours and is looked
//! at after the links inside the persons. What is left over then is taken from the largest mean weight
//! on. Two clusters merge
//!
//! * if no pair across them contradicts (names and birth dates both different), no verdict and no
//!   site free of duplicates keeps them apart, and they stay within the size bound,
//! * if the mean weight of all pairs reaches the link threshold, or if one is a unit alone and the
//!   heaviest pair, less log2 of the number of pairs, reaches it,
//! * if both are two units or more: if there are two links without a common end, so that no single
//!   link and no single record decides,
//! * if one is a unit alone: if at most two pairs look like twins or relatives for each link.
//!
//! The pairs of a unit alone are no independent witnesses: what is wrong with a damaged record counts
//! against it in every one of them, and it resembles the state of the person that it was made from. So
//! its best pair counts, discounted by the chances that it had. Two clusters of several units each have
//! no such excuse, and all their pairs count.
//!
//! A pair adds or takes at most 24 bits, and a pair that a rule holds back adds nothing.
//!
//! A record of several rows is a site's word that two states of the data are one person: a pair that
//! looks like twins or relatives, and to both ends of which it links, does not count against a unit
//! alone. A unit that verdicts made is a person's word, which is more: pairs to both ends of which it
//! links do not count at all, and it may be the common end of all links.

mod likeness;
mod opinion;

use std::cmp::Reverse;

use self::likeness::{Edge, Maps};
use super::{
    Graph,
    bond::{Bond, judge, records_of},
    cut,
};
use crate::{compare::Kept, limits};

/// What components became.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// (record, first record of its cluster)
    pub(super) heads: Vec<(u32, u32)>,
    /// Units that verdicts made and that had a part in these components.
    pub(super) units: Vec<u32>,
    pub(super) over_bound: u64,
    pub(super) cut: u64,
}

impl Outcome {
    pub(super) fn append(&mut self, other: Self) {
        self.heads.extend(other.heads);
        self.units.extend(other.units);
        self.over_bound += other.over_bound;
        self.cut += other.cut;
    }
}

/// A pair of units; as a place of two clusters' names also how many units they had when they were
/// refused.
#[derive(Debug, Clone, Copy, Default)]
struct Cell {
    support: i16,
    refused: u16,
    bond: Bond,
}

/// Working memory of one thread.
#[derive(Debug, Default)]
pub(super) struct Bench {
    /// The units of the component, sorted.
    units: Vec<u32>,
    /// Records in each unit; of a cluster at the cluster's name.
    records: Vec<u32>,
    /// Whether verdicts made any of the units.
    verdicts: bool,
    /// Whether a unit is a word that several states are one person.
    words: Vec<bool>,
    /// For each unit its cluster, named by one of its units.
    cluster_of: Vec<u32>,
    /// Units of a cluster form a ring.
    next: Vec<u32>,
    /// Units in each cluster, at the cluster's name.
    size: Vec<u32>,
    /// First unit of each cluster, at the cluster's name.
    first: Vec<u32>,
    over_bound: Vec<bool>,
    cells: Vec<Cell>,
    edges: Vec<Edge>,
    maps: Maps,
}

/// Clusters one component; `links` are places in the graph's kept pairs.
pub(super) fn solve(graph: Graph<'_>, links: &[u32], bench: &mut Bench, outcome: &mut Outcome) {
    let records = bench.load(graph, links);
    if records > limits::COMPONENT_RECORDS_MAX {
        outcome.cut += 1;
        outcome.append(cut::solve(graph, links));
    } else if bench.is_one_person(graph, links, records) {
        let first = bench.units[0];
        let heads = bench.units.iter().map(|&record| (record, first));
        outcome.heads.extend(heads);
    } else {
        let mut growing = Growing { graph, bench };
        growing.fill(links);
        growing.agree();
        growing.convince();
        growing.finish(outcome);
    }
}

impl Bench {
    /// Notes the units of the links' ends and returns how many records they have.
    fn load(&mut self, graph: Graph<'_>, links: &[u32]) -> usize {
        let ends = links.iter().flat_map(|&place| {
            let Kept { a, b, .. } = graph.kept[place as usize];
            [a, b].map(|record| graph.decided.unit(record))
        });
        self.units.clear();
        self.units.extend(ends);
        self.units.sort_unstable();
        self.units.dedup();
        self.records.clear();
        let members = |unit| graph.decided.members(unit).len().max(1);
        let records = self.units.iter().map(|&unit| number(members(unit)));
        self.records.extend(records);
        self.records.iter().map(|&records| records as usize).sum()
    }

    /// Whether every pair of the component is a link and nothing forbids one: most components are
    /// like that.
    fn is_one_person(&self, graph: Graph<'_>, links: &[u32], records: usize) -> bool {
        links.len() == records * (records - 1) / 2
            && records == self.units.len()
            && records <= graph.settings.cluster_records_max
            && !graph.decided.has_sites()
    }

    fn unit(&self, graph: Graph<'_>, record: u32) -> u32 {
        let unit = graph.decided.unit(record);
        number(self.units.partition_point(|&other| other < unit))
    }

    fn ring(&self, cluster: u32) -> impl Iterator<Item = u32> + '_ {
        let rest = std::iter::successors(Some(self.next[cluster as usize]), |&unit| {
            Some(self.next[unit as usize])
        });
        std::iter::once(cluster).chain(rest.take_while(move |&unit| unit != cluster))
    }
}

fn number(count: usize) -> u32 {
    u32::try_from(count).expect("records are bounded")
}

/// Clusters of one component while they grow.
struct Growing<'a, 'b> {
    graph: Graph<'a>,
    bench: &'b mut Bench,
}

impl Growing<'_, '_> {
    /// Every unit alone, and the links between them.
    fn fill(&mut self, links: &[u32]) {
        let (graph, bench) = (self.graph, &mut *self.bench);
        let count = bench.units.len();
        bench.cluster_of.clear();
        bench.cluster_of.extend(0..number(count));
        bench.next.clear();
        bench.next.extend(0..number(count));
        bench.first.clear();
        bench.first.extend(0..number(count));
        bench.size.clear();
        bench.size.resize(count, 1);
        let bound = number(graph.settings.cluster_records_max);
        bench.over_bound.clear();
        let over = bench.records.iter().map(|&records| records > bound);
        bench.over_bound.extend(over);
        bench.verdicts = bench.records.iter().any(|&records| records > 1);
        bench.words.clear();
        let words = bench.units.iter().zip(&bench.records);
        let words = words.map(|(&unit, &records)| records > 1 || (graph.several_rows)(unit));
        bench.words.extend(words);
        bench.cells.clear();
        bench.cells.resize(count * count, Cell::default());
        bench.edges.clear();
        for &place in links {
            let link = graph.kept[place as usize];
            let (a, b) = (bench.unit(graph, link.a), bench.unit(graph, link.b));
            if a != b {
                bench.edges.push(Edge {
                    a: a.min(b),
                    b: a.max(b),
                    weight: link.weight,
                    likeness: 0,
                });
            }
        }
        self.one_edge_per_pair();
        let Bench {
            units, edges, maps, ..
        } = &mut *self.bench;
        likeness::order(self.graph, units, edges, maps);
    }

    /// Of several links between two units the heaviest; whether it holds, the cell says.
    fn one_edge_per_pair(&mut self) {
        let mut edges = std::mem::take(&mut self.bench.edges);
        edges.sort_unstable_by_key(|edge| (edge.a, edge.b, Reverse(edge.weight)));
        edges.dedup_by_key(|edge| (edge.a, edge.b));
        edges.retain(|edge| {
            !matches!(
                self.bond(edge.a, edge.b),
                Bond::Barred | Bond::Contradiction
            )
        });
        self.bench.edges = edges;
    }

    /// Merges link by link.
    fn agree(&mut self) {
        for at in 0..self.bench.edges.len() {
            let edge = self.bench.edges[at];
            let (a, b) = (self.cluster(edge.a), self.cluster(edge.b));
            if a != b && !self.was_refused(a, b) {
                match self.mean(a, b) {
                    Some(_) => self.merge(a, b),
                    None => self.refuse(a, b),
                }
            }
        }
    }

    /// Whether two clusters were weighed and have not changed since. Clusters only grow, so their
    /// number of units tells.
    fn was_refused(&self, a: u32, b: u32) -> bool {
        let units = self.bench.size[a as usize] + self.bench.size[b as usize];
        u32::from(self.bench.cells[self.place(a, b)].refused) == units
    }

    fn refuse(&mut self, a: u32, b: u32) {
        let units = self.bench.size[a as usize] + self.bench.size[b as usize];
        let units = u16::try_from(units).expect("components are bounded");
        for place in [self.place(a, b), self.place(b, a)] {
            self.bench.cells[place].refused = units;
        }
    }

    /// Merges what links still join, from the largest mean weight on, until nothing changes.
    fn convince(&mut self) {
        let mut changed = vec![false; self.bench.units.len()];
        loop {
            let edges = self.bench.edges.iter();
            let ends = edges.map(|edge| (self.cluster(edge.a), self.cluster(edge.b)));
            let apart = ends.filter(|(a, b)| a != b);
            let mut open: Vec<(u32, u32)> = apart.map(|(a, b)| (a.min(b), a.max(b))).collect();
            open.sort_unstable();
            open.dedup();
            let mut ready = Vec::new();
            for (a, b) in open {
                if self.was_refused(a, b) {
                    continue;
                }
                if let Some(mean) = self.mean(a, b) {
                    let first = [a, b].map(|cluster| self.bench.first[cluster as usize]);
                    let order = (
                        Reverse(mean),
                        first[0].min(first[1]),
                        first[0].max(first[1]),
                    );
                    ready.push((order, a, b));
                } else {
                    self.refuse(a, b);
                }
            }
            if ready.is_empty() {
                return;
            }
            ready.sort_unstable();
            changed.fill(false);
            for (_, a, b) in ready {
                if !changed[a as usize] && !changed[b as usize] {
                    changed[a as usize] = true;
                    changed[b as usize] = true;
                    self.merge(a, b);
                }
            }
        }
    }

    fn cluster(&self, unit: u32) -> u32 {
        self.bench.cluster_of[unit as usize]
    }

    fn place(&self, a: u32, b: u32) -> usize {
        a as usize * self.bench.units.len() + b as usize
    }

    /// Whether two clusters together stay within the size bound; if not, the larger one is marked.
    fn fits(&mut self, a: u32, b: u32) -> bool {
        let records = [a, b].map(|cluster| self.bench.records[cluster as usize] as usize);
        let fits = records[0] + records[1] <= self.graph.settings.cluster_records_max;
        if !fits {
            let larger = if records[0] >= records[1] { a } else { b };
            self.bench.over_bound[larger as usize] = true;
        }
        fits
    }

    /// The larger cluster keeps its name, so that a unit is renamed a few times only.
    fn merge(&mut self, a: u32, b: u32) {
        let bench = &mut *self.bench;
        let (into, from) = if bench.size[a as usize] >= bench.size[b as usize] {
            (a, b)
        } else {
            (b, a)
        };
        let mut unit = from;
        loop {
            bench.cluster_of[unit as usize] = into;
            unit = bench.next[unit as usize];
            if unit == from {
                break;
            }
        }
        bench.next.swap(into as usize, from as usize);
        bench.first[into as usize] = bench.first[a as usize].min(bench.first[b as usize]);
        bench.size[into as usize] += bench.size[from as usize];
        bench.records[into as usize] += bench.records[from as usize];
        bench.over_bound[into as usize] |= bench.over_bound[from as usize];
    }

    fn finish(self, outcome: &mut Outcome) {
        let (graph, bench) = (self.graph, self.bench);
        for name in 0..number(bench.units.len()) {
            if bench.cluster_of[name as usize] != name {
                continue;
            }
            outcome.over_bound += u64::from(bench.over_bound[name as usize]);
            let units = bench.ring(name).map(|unit| bench.units[unit as usize]);
            // The first record of a unit is its name, so this is the first record of the cluster.
            let first = bench.units[bench.first[name as usize] as usize];
            for unit in units {
                let heads = outcome.heads.len();
                outcome
                    .heads
                    .extend(records_of(graph, unit).map(|record| (record, first)));
                if outcome.heads.len() > heads + 1 {
                    outcome.units.push(unit);
                }
            }
        }
    }

    /// What two units are to each other; weighed once.
    fn bond(&mut self, a: u32, b: u32) -> Bond {
        let place = self.place(a, b);
        if self.bench.cells[place].bond == Bond::Unknown {
            let units = &self.bench.units;
            let (bond, support) = judge(self.graph, units[a as usize], units[b as usize]);
            for place in [place, self.place(b, a)] {
                let cell = &mut self.bench.cells[place];
                (cell.bond, cell.support) = (bond, support);
            }
        }
        self.bench.cells[place].bond
    }
}
