//! Components that are too large to be looked at as a whole.
//!
//! Agglomeration needs work and memory that grow with the square of a component. Above
//! [`limits::COMPONENT_RECORDS_MAX`] records, which only poisoned data or a bad model reach, links are
//! taken from the heaviest to the lightest and join pieces as long as these stay within the bound.
//! Links across pieces are given up: they go to review, and the run reports how many components were
//! cut. The records of a person, whose links are heavy, come together before pieces are full.

use std::cmp::Reverse;

use rayon::prelude::*;

use super::{
    Graph,
    component::{self, Bench, Outcome},
};
use crate::{compare::Kept, forest::Forest, limits};

/// Cuts a component and clusters its pieces.
pub(super) fn solve(graph: Graph<'_>, links: &[u32]) -> Outcome {
    let mut links = links.to_vec();
    links.par_sort_unstable_by_key(|&place| {
        let Kept { a, b, weight, .. } = graph.kept[place as usize];
        (Reverse(weight), a, b)
    });
    let pieces = pieces(graph, &mut links);
    let outcomes = pieces
        .par_iter()
        .map_init(Bench::default, |bench, piece| {
            let mut outcome = Outcome::default();
            component::solve(graph, piece, bench, &mut outcome);
            outcome
        })
        .collect::<Vec<Outcome>>();
    let mut all = Outcome::default();
    outcomes.into_iter().for_each(|outcome| all.append(outcome));
    all
}

/// The links inside pieces, piece by piece. Links across pieces are dropped.
fn pieces<'a>(graph: Graph<'_>, links: &'a mut Vec<u32>) -> Vec<&'a [u32]> {
    let unit = |record| graph.decided.unit(record);
    let ends = links.iter().flat_map(|&place| {
        let Kept { a, b, .. } = graph.kept[place as usize];
        [unit(a), unit(b)]
    });
    let mut units: Vec<u32> = ends.collect();
    units.sort_unstable();
    units.dedup();
    let at = |record| {
        let place = units.partition_point(|&other| other < unit(record));
        u32::try_from(place).expect("records are bounded")
    };
    let mut forest = Forest::new(units.len());
    let members = |unit: &u32| graph.decided.members(*unit).len().max(1);
    let mut records: Vec<usize> = units.iter().map(members).collect();
    for &place in links.iter() {
        let Kept { a, b, .. } = graph.kept[place as usize];
        let (a, b) = (forest.root(at(a)), forest.root(at(b)));
        let together = records[a as usize] + records[b as usize];
        if a != b && together <= limits::COMPONENT_RECORDS_MAX {
            forest.join(a, b);
            records[a.min(b) as usize] = together;
        }
    }
    let root = forest.roots();
    let piece = |place: &u32| root[at(graph.kept[*place as usize].a) as usize];
    links.retain(|place| piece(place) == root[at(graph.kept[*place as usize].b) as usize]);
    links.par_sort_unstable_by_key(|place| (piece(place), *place));
    let same = |a: &u32, b: &u32| piece(a) == piece(b);
    links.chunk_by(same).collect()
}
