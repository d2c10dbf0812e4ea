//! The order in which links are taken: by weight times likeness.

use std::cmp::Reverse;

use super::{Graph, number, records_of};
use crate::limits;

/// A link inside the component.
#[derive(Debug, Clone, Copy)]
pub(super) struct Edge {
    pub(super) a: u32,
    pub(super) b: u32,
    pub(super) weight: i32,
    /// How alike the neighbours of its ends are, in thousandths.
    pub(super) likeness: u32,
}

/// Bits for pairs of units: working memory.
#[derive(Debug, Default)]
pub(super) struct Maps {
    neighbours: Vec<u64>,
    /// Empty if there are no sites free of duplicates.
    rivals: Vec<u64>,
}

/// Puts heavy links between ends of equal neighbours first.
pub(super) fn order(graph: Graph<'_>, units: &[u32], edges: &mut [Edge], maps: &mut Maps) {
    mark_rivals(graph, units, &mut maps.rivals);
    let words = units.len().div_ceil(64);
    let Maps { neighbours, rivals } = maps;
    neighbours.clear();
    neighbours.resize(units.len() * words, 0);
    let all = (0..number(units.len())).map(|unit| (unit, unit));
    let both = edges
        .iter()
        .flat_map(|edge| [(edge.a, edge.b), (edge.b, edge.a)]);
    for (a, b) in all.chain(both) {
        neighbours[a as usize * words + b as usize / 64] |= 1 << (b % 64);
    }
    for edge in &mut *edges {
        let (mut common, mut differ) = (0, 0);
        let (a, b) = (edge.a as usize * words, edge.b as usize * words);
        for word in 0..words {
            let (one, other) = (neighbours[a + word], neighbours[b + word]);
            // Who may not meet the other end competes for this one, and says nothing against
            // the link.
            let rival = match rivals.get(a + word) {
                Some(rival) => rival | rivals[b + word],
                None => 0,
            };
            common += (one & other).count_ones();
            differ += ((one ^ other) & !rival).count_ones();
        }
        edge.likeness = common * 1000 / (common + differ);
    }
    let key = |edge: &Edge| {
        let weight = i64::from(edge.weight.min(limits::MERGE_WEIGHT_MAX));
        let rank = weight * i64::from(edge.likeness);
        (Reverse(rank), Reverse(edge.weight), edge.a, edge.b)
    };
    edges.sort_unstable_by_key(key);
}

/// For each unit the units that have a record in the same site free of duplicates.
fn mark_rivals(graph: Graph<'_>, units: &[u32], rivals: &mut Vec<u64>) {
    let words = units.len().div_ceil(64);
    rivals.clear();
    let mut at_site: Vec<(u16, u32)> = Vec::new();
    if graph.decided.has_sites() {
        for (at, &unit) in (0_u32..).zip(units) {
            let sites = records_of(graph, unit).map(|record| ((graph.site)(record), at));
            at_site.extend(sites.filter(|&(site, _)| graph.decided.is_free_of_duplicates(site)));
        }
        at_site.sort_unstable();
        rivals.resize(units.len() * words, 0);
    }
    for same in at_site.chunk_by(|a, b| a.0 == b.0) {
        let mut all = vec![0_u64; words];
        for &(_, unit) in same {
            all[unit as usize / 64] |= 1 << (unit % 64);
        }
        for &(_, unit) in same {
            let row = &mut rivals[unit as usize * words..][..words];
            let both = row.iter_mut().zip(&all);
            both.for_each(|(rival, all)| *rival |= all);
        }
    }
}
