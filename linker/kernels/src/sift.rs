//! Which pairs are worth a look, for all kernels.
//!
//! Nearly all pairs of a sift are quiet, so a kernel first says only which lanes are loud, segment
//! by segment, and whole patterns are made of the few groups that have such lanes.

use crate::{
    grading::Grading,
    kernel::{Loops, Sifted},
    limits::{LANES, QUERY_STEP, TILE_GROUPS},
    tile::Tile,
};

/// Numbers of all groups that a tile can have.
pub(crate) const GROUPS: [u16; TILE_GROUPS] = {
    let mut groups = [0; TILE_GROUPS];
    let (mut group, mut number) = (0, 0);
    while group < TILE_GROUPS {
        groups[group] = number;
        group += 1;
        number += 1;
    }
    groups
};

/// The first of `groups` if they are neighbours: rising numbers, so the ends tell.
pub(crate) fn neighbours(groups: &[u16]) -> Option<usize> {
    let (first, last) = (*groups.first()?, *groups.last()?);
    (usize::from(last - first) + 1 == groups.len()).then_some(usize::from(first))
}

/// What is sifted; the widths fit.
#[derive(Clone, Copy)]
pub(crate) struct Task<'a> {
    pub(crate) queries: &'a [u64],
    pub(crate) missing: u8,
    pub(crate) tile: &'a Tile,
    pub(crate) first_group: usize,
    pub(crate) grading: &'a Grading,
    pub(crate) watched: u8,
}

/// See `Kernel::sift`.
///
/// # Safety
/// The processor has the features that the loops are compiled for.
pub(crate) unsafe fn run(
    loops: Loops,
    task: Task<'_>,
    buffer: &mut Vec<[u32; LANES]>,
    out: &mut Vec<Sifted>,
) {
    let Task { tile, grading, .. } = task;
    let first = task.first_group;
    if first >= tile.groups() {
        return;
    }
    let (width, groups) = (grading.row_words(), tile.groups() - first);
    if buffer.len() < groups {
        buffer.resize(groups, [0; LANES]);
    }
    let watched = task.watched & !task.missing;
    let mut query = 0;
    for queries in task.queries.chunks(QUERY_STEP * width) {
        let mut loud = [[0; TILE_GROUPS]; QUERY_STEP];
        let mut near = [[0; TILE_GROUPS]; QUERY_STEP];
        for (index, part) in grading.segments().iter().enumerate() {
            if watched >> index & 1 == 1 {
                // SAFETY: the caller's promise.
                unsafe { (loops.loud)(queries, tile, first, part, &mut near) };
                let present = &tile.present(index)[first..];
                add_present(&near, &present[..groups], &mut loud);
            }
        }
        for (row, loud) in queries.chunks_exact(width).zip(&loud) {
            let (mut list, mut lanes) = ([0; TILE_GROUPS], [0; TILE_GROUPS]);
            let count = listed(&loud[..groups], first, &mut list, &mut lanes);
            let list = &list[..count];
            // SAFETY: the caller's promise.
            unsafe {
                (loops.patterns)(row, task.missing, tile, list, grading, &mut buffer[..count])
            };
            for ((&group, &lanes), patterns) in list.iter().zip(&lanes).zip(&*buffer) {
                out.extend(rows_of(group, lanes).map(|row| Sifted {
                    query,
                    row,
                    pattern: patterns[row as usize % LANES],
                }));
            }
            query += 1;
        }
    }
}

/// Adds to `loud` the near lanes whose row has the segment.
fn add_present(
    near: &[[u8; TILE_GROUPS]; QUERY_STEP],
    present: &[u8],
    loud: &mut [[u8; TILE_GROUPS]; QUERY_STEP],
) {
    for (near, loud) in near.iter().zip(loud) {
        for ((near, present), loud) in near.iter().zip(present).zip(loud) {
            *loud |= near & present;
        }
    }
}

/// Lists the groups that have a loud lane, and those lanes. Nobody can predict which they are, so eight
/// groups are looked at together, and one by one without a branch.
pub(crate) fn listed(
    loud: &[u8],
    first: usize,
    list: &mut [u16; TILE_GROUPS],
    lanes: &mut [u8; TILE_GROUPS],
) -> usize {
    let mut count = 0;
    let (eights, rest) = loud.as_chunks::<8>();
    let (numbers, last) = GROUPS[first..][..loud.len()].as_chunks::<8>();
    let eights = eights.iter().zip(numbers);
    let eights = eights.filter(|(loud, _)| u64::from_ne_bytes(**loud) != 0);
    let eights = eights.map(|(loud, numbers)| (&loud[..], &numbers[..]));
    for (loud, numbers) in eights.chain([(rest, last)]) {
        for (&loud, &number) in loud.iter().zip(numbers) {
            list[count % TILE_GROUPS] = number;
            lanes[count % TILE_GROUPS] = loud;
            count += usize::from(loud != 0);
        }
    }
    count
}

/// The numbers of the rows in some lanes of a group.
pub(crate) fn rows_of(group: u16, mut lanes: u8) -> impl Iterator<Item = u32> {
    std::iter::from_fn(move || {
        let lane = (lanes != 0).then(|| lanes.trailing_zeros())?;
        lanes &= lanes - 1;
        Some(u32::from(group) * 8 + lane)
    })
}
