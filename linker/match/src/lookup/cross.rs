//! Values with too many rows to compare: the rows that have two of them at once.
//!
//! This is what splitting a block by a second segment leaves of it. A row that shares one frequent value
//! with the token and none of its other values is left out, and the answer says so. What is chosen
//! depends on the rows alone, not on how they lie in generations.

use super::{search::Probe, view::View};
use crate::limits;

/// Adds rows that have at least two of the values `many`, up to `cap` of them: if there are more, those
/// that have more of the values, and then those of the first records.
pub(super) fn rows(view: &View, many: &[&Probe], cap: usize, wanted: &mut [Vec<u32>]) {
    let mut hits = Vec::new();
    for (one, other) in pairs(many) {
        for (slot, (a, b)) in one.places.iter().zip(&other.places).enumerate() {
            let place = &view.slots[slot];
            let a = place.generation.rows_at(one.segment, a);
            let b = place.generation.rows_at(other.segment, b);
            let (short, long) = if a.len() <= b.len() { (a, b) } else { (b, a) };
            intersect(short, long, |row| {
                if place.is_alive(row) {
                    hits.push((slot, row));
                }
            });
        }
    }
    hits.sort_unstable();
    let mut counted: Vec<(usize, (usize, u32))> = hits
        .chunk_by(|a, b| a == b)
        .map(|same| (same.len(), same[0]))
        .collect();
    if counted.len() > cap {
        choose(view, &mut counted, cap);
    }
    for (_, (slot, row)) in counted {
        wanted[slot].push(row);
    }
}

/// Pairs of values, those of the fewest rows first, as long as the work is bounded.
fn pairs<'a>(many: &[&'a Probe]) -> Vec<(&'a Probe, &'a Probe)> {
    let mut sorted = many.to_vec();
    sorted.sort_unstable_by_key(|probe| (probe.rows, probe.segment));
    let mut work = 0;
    let mut pairs = Vec::new();
    for (at, &one) in sorted.iter().enumerate() {
        for &other in &sorted[at + 1..] {
            work += one.rows as u64;
            if work <= limits::LOOKUP_CROSS_ROWS {
                pairs.push((one, other));
            }
        }
    }
    pairs
}

/// Numbers that are in both sorted lists, in ever longer steps through the longer one.
fn intersect(short: &[u32], mut long: &[u32], mut found: impl FnMut(u32)) {
    for &number in short {
        let mut step = 1;
        while step < long.len() && long[step] < number {
            step *= 2;
        }
        let near = &long[step / 2..long.len().min(step + 1)];
        let skip = step / 2 + near.partition_point(|&other| other < number);
        long = &long[skip.min(long.len())..];
        match long.first() {
            Some(&other) if other == number => found(number),
            Some(_) => {}
            None => return,
        }
    }
}

/// Keeps at most `cap` rows: the most values first, then whole records in their order.
fn choose(view: &View, counted: &mut Vec<(usize, (usize, u32))>, cap: usize) {
    let record =
        |&(_, (slot, row)): &(usize, (usize, u32))| view.slots[slot].generation.record(row);
    counted.sort_by_key(|hit| (std::cmp::Reverse(hit.0), record(hit)));
    let mut end = cap;
    let first_out = record(&counted[cap]);
    while end > 0 && counted[end - 1].0 == counted[cap].0 && record(&counted[end - 1]) == first_out
    {
        end -= 1;
    }
    counted.truncate(end);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intersections_are_those_of_sets() {
        for (a, b) in [(3_u32, 5_u32), (1, 7), (2, 2), (11, 1), (50, 3)] {
            let one: Vec<u32> = (0..300).filter(|n| n % a == 0).collect();
            let two: Vec<u32> = (0..200).filter(|n| n % b == 1 % b).collect();
            let expected: Vec<u32> = one.iter().copied().filter(|n| two.contains(n)).collect();
            for (short, long) in [(&one, &two), (&two, &one)] {
                let mut found = Vec::new();
                intersect(short, long, |number| found.push(number));
                assert_eq!(found, expected);
            }
        }
        intersect(&[1], &[], |_| panic!("there is nothing to find"));
    }
}
