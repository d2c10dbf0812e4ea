//! NEON: two rows in the lanes of one register, bits counted by byte.
//!
//! The byte counts of up to [`BYTE_WORDS`] words (≤ 8 each) are summed as bytes before the eight bytes
//! of a lane are, so nothing overflows.

use std::arch::{
    aarch64::{
        uint8x16_t, uint64x2_t, vaddq_u8, vaddq_u64, vandq_u64, vcleq_s64, vcntq_u8, vdupq_n_s64,
        vdupq_n_u8, vdupq_n_u64, veorq_u64, vgetq_lane_u64, vld1q_u64, vpaddlq_u8, vpaddlq_u16,
        vpaddlq_u32, vreinterpretq_s64_u64, vreinterpretq_u8_u64, vst1q_u64,
    },
    is_aarch64_feature_detected,
};

use crate::{
    fold::FoldTile,
    grading::{Grading, SegmentGrading},
    limits::{LANES, QUERY_STEP, TILE_GROUPS},
    sift,
    tile::{Lanes, Tile},
};

/// A group of a tile is four registers.
type Sums = [uint64x2_t; 4];

/// Lanes of one register.
const PAIR: usize = 2;
/// Counting is the bottleneck, not loading: queries are taken one by one.
const STEP: usize = 1;
/// Words whose byte counts are summed before the bytes of a lane are: 31 times 8 fit in a byte.
const BYTE_WORDS: usize = 16;

/// Whether the processor has every feature that this file enables.
pub(crate) fn detected() -> bool {
    is_aarch64_feature_detected!("neon")
}

count_by_bytes!("neon");
loops!("neon");

/// See `Grading::pattern`.
#[target_feature(enable = "neon")]
pub(crate) fn pattern_of(a: &[u64], b: &[u64], missing: u8, grading: &Grading) -> u32 {
    grading.pattern(a, b, missing)
}

/// See `scalar::overlap`.
#[target_feature(enable = "neon")]
pub(crate) fn overlap(a: &[u64], b: &[u64]) -> (u32, u32) {
    crate::scalar::overlap(a, b)
}

#[inline]
#[target_feature(enable = "neon")]
fn empty() -> Sums {
    [vdupq_n_u64(0); 4]
}

#[inline]
#[target_feature(enable = "neon")]
fn start(lanes: &Lanes) -> Sums {
    [
        load(lanes, 0),
        load(lanes, 1),
        load(lanes, 2),
        load(lanes, 3),
    ]
}

#[inline]
#[target_feature(enable = "neon")]
fn load(lanes: &Lanes, pair: usize) -> uint64x2_t {
    let two = &lanes.0.as_chunks::<PAIR>().0[pair];
    // SAFETY: the array is 16 readable bytes; the load needs the alignment of its elements.
    unsafe { vld1q_u64(two.as_ptr()) }
}

/// Adds the bits of at most [`BYTE_WORDS`] words.
#[inline]
#[target_feature(enable = "neon")]
fn add<const XOR: bool>(lanes: &[Lanes], row: &[u64], sums: &mut Sums) {
    for (pair, sums) in sums.iter_mut().enumerate() {
        let mut bytes = vdupq_n_u8(0);
        for (lanes, &word) in lanes.iter().zip(row) {
            let (lanes, word) = (load(lanes, pair), vdupq_n_u64(word));
            let bits = if XOR {
                veorq_u64(lanes, word)
            } else {
                vandq_u64(lanes, word)
            };
            bytes = vaddq_u8(bytes, vcntq_u8(vreinterpretq_u8_u64(bits)));
        }
        *sums = vaddq_u64(*sums, by_lane(bytes));
    }
}

/// The sum of the eight bytes of each lane.
#[inline]
#[target_feature(enable = "neon")]
fn by_lane(bytes: uint8x16_t) -> uint64x2_t {
    vpaddlq_u32(vpaddlq_u16(vpaddlq_u8(bytes)))
}

#[inline]
#[target_feature(enable = "neon")]
fn at_most(sums: &Sums, limit: i64) -> u8 {
    let limit = vdupq_n_s64(limit);
    let mut lanes = 0;
    for (pair, sums) in sums.iter().enumerate() {
        let within = vcleq_s64(vreinterpretq_s64_u64(*sums), limit);
        let low = u8::from(vgetq_lane_u64::<0>(within) != 0);
        let high = u8::from(vgetq_lane_u64::<1>(within) != 0);
        lanes |= (low | high << 1) << (PAIR * pair);
    }
    lanes
}

#[inline]
#[target_feature(enable = "neon")]
fn stored(sums: &Sums) -> Lanes {
    let mut out = Lanes::default();
    for (out, sums) in out.0.as_chunks_mut::<PAIR>().0.iter_mut().zip(sums) {
        // SAFETY: the array is 16 writable bytes; the store needs the alignment of its elements.
        unsafe { vst1q_u64(out.as_mut_ptr(), *sums) };
    }
    out
}

#[inline]
#[target_feature(enable = "neon")]
fn take(sums: &Sums, near: u8, part: &SegmentGrading, out: &mut [u32; LANES]) {
    part.take_near(near, &stored(sums), out);
}

#[inline]
#[target_feature(enable = "neon")]
fn narrowed(sums: &Sums) -> [u16; LANES] {
    stored(sums)
        .0
        .map(|sum| u16::try_from(sum).unwrap_or(u16::MAX))
}
