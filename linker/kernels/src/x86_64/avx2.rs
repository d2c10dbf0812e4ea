//! AVX2: four rows in the lanes of one register, bits counted by nibble tables.
//!
//! A byte's count is at most 8 and the eight counts of a word are summed at once into its 64-bit
//! lane, so nothing overflows.

use std::arch::x86_64::{
    __m256i, _mm256_add_epi8, _mm256_add_epi64, _mm256_and_si256, _mm256_cmpeq_epi64,
    _mm256_cmpgt_epi64, _mm256_load_si256, _mm256_sad_epu8, _mm256_set1_epi8, _mm256_set1_epi64x,
    _mm256_setr_epi8, _mm256_setr_epi64x, _mm256_setzero_si256, _mm256_shuffle_epi8,
    _mm256_srli_epi16, _mm256_storeu_si256, _mm256_xor_si256,
};

use crate::{
    grading::Grading,
    limits::LANES,
    tile::{Lanes, Tile},
};

/// Lanes of one register; a group of a tile is two of them.
const HALF: usize = 4;

/// Whether the processor has every feature that this file enables.
pub(crate) fn detected() -> bool {
    is_x86_feature_detected!("avx2")
}

#[inline]
#[target_feature(enable = "avx2")]
fn load(lanes: &Lanes, half: usize) -> __m256i {
    let four = lanes.0.as_chunks::<HALF>().0[half].as_ptr();
    // SAFETY: each half of `Lanes` is 32 readable bytes, aligned to 32 because the whole is to 64.
    unsafe { _mm256_load_si256(four.cast::<__m256i>()) }
}

#[inline]
#[target_feature(enable = "avx2")]
fn store(four: __m256i) -> [u64; HALF] {
    let mut out = [0; HALF];
    // SAFETY: the array is 32 writable bytes; the store needs no alignment.
    unsafe { _mm256_storeu_si256(out.as_mut_ptr().cast::<__m256i>(), four) };
    out
}

/// Set bits of each 64-bit lane.
#[inline]
#[target_feature(enable = "avx2")]
fn count(bits: __m256i) -> __m256i {
    let table = _mm256_setr_epi8(
        0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4, 0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3,
        3, 4,
    );
    let nibble = _mm256_set1_epi8(0x0f);
    let low = _mm256_shuffle_epi8(table, _mm256_and_si256(bits, nibble));
    let high = _mm256_and_si256(_mm256_srli_epi16::<4>(bits), nibble);
    let bytes = _mm256_add_epi8(low, _mm256_shuffle_epi8(table, high));
    _mm256_sad_epu8(bytes, _mm256_setzero_si256())
}

/// See `scalar::patterns`. The caller has checked the widths.
#[target_feature(enable = "avx2")]
pub(crate) fn patterns(
    row: &[u64],
    missing: u8,
    tile: &Tile,
    first: usize,
    grading: &Grading,
    out: &mut [[u32; LANES]],
) {
    for (group, out) in (first..tile.groups()).zip(out) {
        let (words, marks) = (tile.group(group), tile.marks(group));
        for (half, out) in out.as_chunks_mut::<HALF>().0.iter_mut().enumerate() {
            let marks = marks.as_chunks::<HALF>().0[half].map(|mark| i64::from(mark | missing));
            let missing = _mm256_setr_epi64x(marks[0], marks[1], marks[2], marks[3]);
            let mut pattern = _mm256_setzero_si256();
            for (index, part) in grading.segments().iter().enumerate() {
                let mut distance = _mm256_setzero_si256();
                let pairs = words[part.words.clone()]
                    .iter()
                    .zip(&row[part.words.clone()]);
                for (lanes, &word) in pairs {
                    let word = _mm256_set1_epi64x(word.cast_signed());
                    let differing = _mm256_xor_si256(load(lanes, half), word);
                    distance = _mm256_add_epi64(distance, count(differing));
                }
                let mark = _mm256_and_si256(missing, _mm256_set1_epi64x(1 << index));
                let present = _mm256_cmpeq_epi64(mark, _mm256_setzero_si256());
                let stride = _mm256_set1_epi64x(i64::from(part.stride));
                let stride = _mm256_and_si256(stride, present);
                pattern = _mm256_add_epi64(pattern, stride);
                for &cut in &part.cuts {
                    let above = _mm256_cmpgt_epi64(distance, _mm256_set1_epi64x(i64::from(cut)));
                    pattern = _mm256_add_epi64(pattern, _mm256_and_si256(above, stride));
                }
            }
            *out = store(pattern).map(|pattern| u32::try_from(pattern).unwrap_or(u32::MAX));
        }
    }
}

/// See `scalar::common`. The caller has checked the widths.
#[target_feature(enable = "avx2")]
pub(crate) fn common(queries: &[u64], tile: &Tile, out: &mut [[u16; LANES]]) {
    let lines = out.chunks_exact_mut(tile.groups());
    for (query, line) in queries.chunks_exact(tile.row_words()).zip(lines) {
        for (group, out) in line.iter_mut().enumerate() {
            for (half, out) in out.as_chunks_mut::<HALF>().0.iter_mut().enumerate() {
                let mut sum = _mm256_setzero_si256();
                for (lanes, &word) in tile.group(group).iter().zip(query) {
                    let word = _mm256_set1_epi64x(word.cast_signed());
                    sum = _mm256_add_epi64(sum, count(_mm256_and_si256(load(lanes, half), word)));
                }
                *out = store(sum).map(|bits| u16::try_from(bits).unwrap_or(u16::MAX));
            }
        }
    }
}
