//! AVX-512 with VPOPCNTDQ: eight rows in the lanes of one register.
//!
//! One word of eight rows is loaded, combined with the query's broadcast word, counted by one
//! instruction and added. Lanes are 64 bits wide and a row has at most 2,048 bits, so nothing
//! overflows. Levels and bounds are compare masks.

use std::arch::x86_64::{
    __m128i, __m256i, __m512i, _mm_storeu_si128, _mm256_loadu_si256, _mm256_storeu_si256,
    _mm256_sub_epi32, _mm512_add_epi64, _mm512_and_si512, _mm512_cmple_epi64_mask,
    _mm512_cvtepi64_epi16, _mm512_cvtepi64_epi32, _mm512_load_si512, _mm512_mask_add_epi64,
    _mm512_mask_cmple_epi64_mask, _mm512_popcnt_epi64, _mm512_set1_epi64, _mm512_setzero_si512,
    _mm512_xor_si512,
};

use crate::{
    fold::FoldTile,
    grading::{Grading, SegmentGrading},
    limits::{LANES, QUERY_STEP, TILE_GROUPS},
    sift,
    tile::{Lanes, Tile},
};

type Sums = __m512i;

/// A loaded word of eight rows serves so many queries.
const STEP: usize = QUERY_STEP;

/// Whether the processor has every feature that this file enables.
pub(crate) fn detected() -> bool {
    is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512vpopcntdq")
}

loops!("avx512f,avx512vpopcntdq");

#[inline]
#[target_feature(enable = "avx512f,avx512vpopcntdq")]
fn empty() -> Sums {
    _mm512_setzero_si512()
}

#[inline]
#[target_feature(enable = "avx512f,avx512vpopcntdq")]
fn start(lanes: &Lanes) -> Sums {
    // SAFETY: a reference to `Lanes` is 64 readable bytes, aligned to 64.
    unsafe { _mm512_load_si512(lanes.0.as_ptr().cast::<__m512i>()) }
}

#[inline]
#[target_feature(enable = "avx512f,avx512vpopcntdq")]
fn count<const W: usize, const Q: usize, const XOR: bool>(
    lanes: &[Lanes],
    rows: [&[u64]; Q],
    sums: &mut [Sums; Q],
) {
    // With a known number of words the loop unrolls.
    let words = if W == 0 { lanes.len() } else { W };
    let lanes = &lanes[..words];
    for word in 0..words {
        let lanes = start(&lanes[word]);
        for (sums, row) in sums.iter_mut().zip(rows) {
            let row = _mm512_set1_epi64(row[word].cast_signed());
            let bits = if XOR {
                _mm512_xor_si512(lanes, row)
            } else {
                _mm512_and_si512(lanes, row)
            };
            *sums = _mm512_add_epi64(*sums, _mm512_popcnt_epi64(bits));
        }
    }
}

#[inline]
#[target_feature(enable = "avx512f,avx512vpopcntdq")]
fn at_most(sums: &Sums, limit: i64) -> u8 {
    _mm512_cmple_epi64_mask(*sums, _mm512_set1_epi64(limit))
}

#[inline]
#[target_feature(enable = "avx512f,avx512vpopcntdq")]
fn take(sums: &Sums, near: u8, part: &SegmentGrading, out: &mut [u32; LANES]) {
    let stride = _mm512_set1_epi64(i64::from(part.stride));
    let mut digits = _mm512_setzero_si512();
    for &cut in &part.cuts {
        let cut = _mm512_set1_epi64(i64::from(cut));
        let within = _mm512_mask_cmple_epi64_mask(near, *sums, cut);
        digits = _mm512_mask_add_epi64(digits, within, digits, stride);
    }
    let out = out.as_mut_ptr().cast::<__m256i>();
    // SAFETY: the array behind `out` is 32 readable bytes; the load needs no alignment.
    let before = unsafe { _mm256_loadu_si256(out) };
    let rest = _mm256_sub_epi32(before, _mm512_cvtepi64_epi32(digits));
    // SAFETY: the array behind `out` is 32 writable bytes; the store needs no alignment.
    unsafe { _mm256_storeu_si256(out, rest) };
}

#[inline]
#[target_feature(enable = "avx512f,avx512vpopcntdq")]
fn narrowed(sums: &Sums) -> [u16; LANES] {
    let mut out = [0; LANES];
    let narrow = _mm512_cvtepi64_epi16(*sums);
    // SAFETY: the array is 16 writable bytes; the store needs no alignment.
    unsafe { _mm_storeu_si128(out.as_mut_ptr().cast::<__m128i>(), narrow) };
    out
}
