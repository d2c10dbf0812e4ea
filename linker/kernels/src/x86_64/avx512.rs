//! AVX-512 with VPOPCNTDQ: eight rows in the lanes of one register.
//!
//! One word of eight rows is loaded, combined with the query's broadcast word, counted by one
//! instruction and added. Lanes are 64 bits wide and a row has at most 2,048 bits, so nothing
//! overflows. Levels are compare masks; a missing segment is a lane that the masks leave out.

use std::arch::x86_64::{
    __m128i, __m256i, __m512i, _mm_loadl_epi64, _mm_storeu_si128, _mm256_storeu_si256,
    _mm512_add_epi64, _mm512_and_si512, _mm512_cvtepi64_epi16, _mm512_cvtepi64_epi32,
    _mm512_cvtepu8_epi64, _mm512_load_si512, _mm512_mask_add_epi64, _mm512_mask_cmpgt_epi64_mask,
    _mm512_or_si512, _mm512_popcnt_epi64, _mm512_set1_epi64, _mm512_setzero_si512,
    _mm512_testn_epi64_mask, _mm512_xor_si512,
};

use crate::{
    grading::Grading,
    limits::{LANES, QUERY_STEP},
    tile::{Lanes, Tile},
};

/// Whether the processor has every feature that this file enables.
pub(crate) fn detected() -> bool {
    is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512vpopcntdq")
}

#[inline]
#[target_feature(enable = "avx512f,avx512vpopcntdq")]
fn load(lanes: &Lanes) -> __m512i {
    // SAFETY: a reference to `Lanes` is 64 readable bytes, aligned to 64.
    unsafe { _mm512_load_si512(lanes.0.as_ptr().cast::<__m512i>()) }
}

#[inline]
#[target_feature(enable = "avx512f,avx512vpopcntdq")]
fn marks(marks: [u8; LANES]) -> __m512i {
    let marks = marks.as_ptr().cast::<__m128i>();
    // SAFETY: the instruction reads eight bytes and the array has eight.
    let marks = unsafe { _mm_loadl_epi64(marks) };
    _mm512_cvtepu8_epi64(marks)
}

/// See `scalar::patterns`. The caller has checked the widths.
#[target_feature(enable = "avx512f,avx512vpopcntdq")]
pub(crate) fn patterns(
    row: &[u64],
    missing: u8,
    tile: &Tile,
    first: usize,
    grading: &Grading,
    out: &mut [[u32; LANES]],
) {
    let missing = _mm512_set1_epi64(i64::from(missing));
    for (group, out) in (first..tile.groups()).zip(out) {
        let words = tile.group(group);
        let missing = _mm512_or_si512(missing, marks(tile.marks(group)));
        let mut pattern = _mm512_setzero_si512();
        for (index, part) in grading.segments().iter().enumerate() {
            let mut distance = _mm512_setzero_si512();
            let pairs = words[part.words.clone()]
                .iter()
                .zip(&row[part.words.clone()]);
            for (lanes, &word) in pairs {
                let word = _mm512_set1_epi64(word.cast_signed());
                let differing = _mm512_xor_si512(load(lanes), word);
                distance = _mm512_add_epi64(distance, _mm512_popcnt_epi64(differing));
            }
            let present = _mm512_testn_epi64_mask(missing, _mm512_set1_epi64(1 << index));
            let stride = _mm512_set1_epi64(i64::from(part.stride));
            pattern = _mm512_mask_add_epi64(pattern, present, pattern, stride);
            for &cut in &part.cuts {
                let cut = _mm512_set1_epi64(i64::from(cut));
                let above = _mm512_mask_cmpgt_epi64_mask(present, distance, cut);
                pattern = _mm512_mask_add_epi64(pattern, above, pattern, stride);
            }
        }
        let narrow = _mm512_cvtepi64_epi32(pattern);
        let out = out.as_mut_ptr().cast::<__m256i>();
        // SAFETY: the array behind `out` is 32 writable bytes; the store needs no alignment.
        unsafe { _mm256_storeu_si256(out, narrow) };
    }
}

/// See `scalar::common`. The caller has checked the widths.
#[target_feature(enable = "avx512f,avx512vpopcntdq")]
pub(crate) fn common(queries: &[u64], tile: &Tile, out: &mut [[u16; LANES]]) {
    let (width, groups) = (tile.row_words(), tile.groups());
    let mut steps = queries.chunks_exact(QUERY_STEP * width);
    let (full, rest) = out.split_at_mut(steps.len() * QUERY_STEP * groups);
    for (queries, out) in (&mut steps).zip(full.chunks_exact_mut(QUERY_STEP * groups)) {
        lines::<QUERY_STEP>(queries, tile, out);
    }
    let rest = rest.chunks_exact_mut(groups);
    for (query, out) in steps.remainder().chunks_exact(width).zip(rest) {
        lines::<1>(query, tile, out);
    }
}

/// `Q` queries at once, so that a loaded word of the tile serves `Q` times.
#[inline]
#[target_feature(enable = "avx512f,avx512vpopcntdq")]
fn lines<const Q: usize>(queries: &[u64], tile: &Tile, out: &mut [[u16; LANES]]) {
    let (width, groups) = (tile.row_words(), tile.groups());
    let queries: [&[u64]; Q] = std::array::from_fn(|q| &queries[q * width..(q + 1) * width]);
    for group in 0..groups {
        let mut counts = [_mm512_setzero_si512(); Q];
        for (word, lanes) in tile.group(group).iter().enumerate() {
            let lanes = load(lanes);
            for (count, query) in counts.iter_mut().zip(&queries) {
                let query = _mm512_set1_epi64(query[word].cast_signed());
                let both = _mm512_popcnt_epi64(_mm512_and_si512(lanes, query));
                *count = _mm512_add_epi64(*count, both);
            }
        }
        for (q, count) in counts.into_iter().enumerate() {
            let narrow = _mm512_cvtepi64_epi16(count);
            let out = out[q * groups + group].as_mut_ptr().cast::<__m128i>();
            // SAFETY: the array behind `out` is 16 writable bytes; the store needs no alignment.
            unsafe { _mm_storeu_si128(out, narrow) };
        }
    }
}
