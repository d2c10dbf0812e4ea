//! AVX2: four rows in the lanes of one register, bits counted by nibble tables.
//!
//! The byte counts of up to [`BYTE_WORDS`] words (≤ 8 each) are summed as bytes before the eight bytes
//! of a lane are, so nothing overflows.

use std::arch::x86_64::{
    __m256i, _mm256_add_epi8, _mm256_add_epi64, _mm256_and_si256, _mm256_castsi256_pd,
    _mm256_cmpgt_epi64, _mm256_load_si256, _mm256_movemask_pd, _mm256_sad_epu8, _mm256_set1_epi8,
    _mm256_set1_epi64x, _mm256_setr_epi8, _mm256_setzero_si256, _mm256_shuffle_epi8,
    _mm256_srli_epi16, _mm256_store_si256, _mm256_xor_si256,
};

use crate::{
    fold::FoldTile,
    grading::{Grading, SegmentGrading},
    limits::{LANES, QUERY_STEP, TILE_GROUPS},
    sift,
    tile::{Lanes, Tile},
};

/// A group of a tile is two registers.
type Sums = [__m256i; 2];

/// Lanes of one register.
const HALF: usize = 4;
/// Counting is the bottleneck, not loading: queries are taken one by one.
const STEP: usize = 1;
/// Words whose byte counts are summed before the bytes of a lane are: 31 times 8 fit in a byte.
const BYTE_WORDS: usize = 16;

/// Whether the processor has every feature that this file enables.
pub(crate) fn detected() -> bool {
    is_x86_feature_detected!("avx2")
}

count_by_bytes!("avx2");
loops!("avx2");

#[inline]
#[target_feature(enable = "avx2")]
fn empty() -> Sums {
    [_mm256_setzero_si256(); 2]
}

#[inline]
#[target_feature(enable = "avx2")]
fn start(lanes: &Lanes) -> Sums {
    [load(lanes, 0), load(lanes, 1)]
}

#[inline]
#[target_feature(enable = "avx2")]
fn load(lanes: &Lanes, half: usize) -> __m256i {
    let four = lanes.0.as_chunks::<HALF>().0[half].as_ptr();
    // SAFETY: each half of `Lanes` is 32 readable bytes, aligned to 32 because the whole is to 64.
    unsafe { _mm256_load_si256(four.cast::<__m256i>()) }
}

/// Adds the bits of at most [`BYTE_WORDS`] words.
#[inline]
#[target_feature(enable = "avx2")]
fn add<const XOR: bool>(lanes: &[Lanes], row: &[u64], sums: &mut Sums) {
    for (half, sums) in sums.iter_mut().enumerate() {
        let mut bytes = _mm256_setzero_si256();
        for (lanes, &word) in lanes.iter().zip(row) {
            let (lanes, word) = (load(lanes, half), _mm256_set1_epi64x(word.cast_signed()));
            let bits = if XOR {
                _mm256_xor_si256(lanes, word)
            } else {
                _mm256_and_si256(lanes, word)
            };
            bytes = _mm256_add_epi8(bytes, by_byte(bits));
        }
        let words = _mm256_sad_epu8(bytes, _mm256_setzero_si256());
        *sums = _mm256_add_epi64(*sums, words);
    }
}

/// Set bits of each byte.
#[inline]
#[target_feature(enable = "avx2")]
fn by_byte(bits: __m256i) -> __m256i {
    let table = _mm256_setr_epi8(
        0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4, 0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3,
        3, 4,
    );
    let nibble = _mm256_set1_epi8(0x0f);
    let low = _mm256_shuffle_epi8(table, _mm256_and_si256(bits, nibble));
    let high = _mm256_and_si256(_mm256_srli_epi16::<4>(bits), nibble);
    _mm256_add_epi8(low, _mm256_shuffle_epi8(table, high))
}

#[inline]
#[target_feature(enable = "avx2")]
fn at_most(sums: &Sums, limit: i64) -> u8 {
    let limit = _mm256_set1_epi64x(limit);
    let [low, high] = *sums;
    !(above(low, limit) | above(high, limit) << HALF)
}

/// Lanes in which `a` is greater than `b`.
#[inline]
#[target_feature(enable = "avx2")]
fn above(a: __m256i, b: __m256i) -> u8 {
    let lanes = _mm256_movemask_pd(_mm256_castsi256_pd(_mm256_cmpgt_epi64(a, b)));
    u8::try_from(lanes).unwrap_or(0)
}

#[inline]
#[target_feature(enable = "avx2")]
fn stored(sums: &Sums) -> Lanes {
    let mut out = Lanes::default();
    for (out, sums) in out.0.as_chunks_mut::<HALF>().0.iter_mut().zip(sums) {
        // SAFETY: each half of `Lanes` is 32 writable bytes, aligned to 32 because the whole is to 64.
        unsafe { _mm256_store_si256(out.as_mut_ptr().cast::<__m256i>(), *sums) };
    }
    out
}

#[inline]
#[target_feature(enable = "avx2")]
fn take(sums: &Sums, near: u8, part: &SegmentGrading, out: &mut [u32; LANES]) {
    part.take_near(near, &stored(sums), out);
}

#[inline]
#[target_feature(enable = "avx2")]
fn narrowed(sums: &Sums) -> [u16; LANES] {
    stored(sums)
        .0
        .map(|sum| u16::try_from(sum).unwrap_or(u16::MAX))
}
