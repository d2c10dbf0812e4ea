//! 64-bit words and the `popcnt` instruction, row by row: the honest base line of every ratio, and for
//! processors without wide registers.

use crate::{
    fold::FoldTile,
    grading::{Grading, SegmentGrading},
    limits::{LANES, QUERY_STEP, TILE_GROUPS},
    sift,
    tile::{Lanes, Tile},
};

type Sums = Lanes;

/// The tile is in the first level of the cache after the first query, which is near enough.
const STEP: usize = 1;

/// Whether the processor has every feature that this file enables.
pub(crate) fn detected() -> bool {
    is_x86_feature_detected!("popcnt")
}

loops!("popcnt");

/// See `Grading::pattern`.
#[target_feature(enable = "popcnt")]
pub(crate) fn pattern_of(a: &[u64], b: &[u64], missing: u8, grading: &Grading) -> u32 {
    grading.pattern(a, b, missing)
}

/// See `scalar::overlap`.
#[target_feature(enable = "popcnt")]
pub(crate) fn overlap(a: &[u64], b: &[u64]) -> (u32, u32) {
    crate::scalar::overlap(a, b)
}

#[inline]
fn empty() -> Sums {
    Lanes::default()
}

#[inline]
fn start(lanes: &Lanes) -> Sums {
    *lanes
}

#[inline]
#[target_feature(enable = "popcnt")]
fn count<const W: usize, const Q: usize, const XOR: bool>(
    lanes: &[Lanes],
    rows: [&[u64]; Q],
    sums: &mut [Sums; Q],
) {
    // With a known number of words the loop unrolls.
    let words = if W == 0 { lanes.len() } else { W };
    let lanes = &lanes[..words];
    for (sums, row) in sums.iter_mut().zip(rows) {
        let row = &row[..words];
        let mut counts = sums.0;
        for word in 0..words {
            for (count, lane) in counts.iter_mut().zip(lanes[word].0) {
                let bits = if XOR {
                    lane ^ row[word]
                } else {
                    lane & row[word]
                };
                *count = count.wrapping_add(u64::from(bits.count_ones()));
            }
        }
        sums.0 = counts;
    }
}

#[inline]
fn at_most(sums: &Sums, limit: i64) -> u8 {
    let lanes = sums.0.iter().enumerate();
    lanes.fold(0, |lanes, (lane, sum)| {
        lanes | u8::from(sum.cast_signed() <= limit) << lane
    })
}

#[inline]
fn take(sums: &Sums, near: u8, part: &SegmentGrading, out: &mut [u32; LANES]) {
    part.take_near(near, sums, out);
}

#[inline]
fn narrowed(sums: &Sums) -> [u16; LANES] {
    sums.0.map(|sum| u16::try_from(sum).unwrap_or(u16::MAX))
}
