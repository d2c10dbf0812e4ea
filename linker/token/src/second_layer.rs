//! The appliance's own layer: a keyed permutation of the bits within each segment.
//!
//! Similarities stay as they are, so this is a second lock and not an anonymiser: it keeps what a
//! site can compute from matching what the appliance stores.

use sha2::{Digest, Sha256};

use crate::schema::Schema;

/// Permutes rows of one schema. Built once from a 32-byte seed that only the HSM can make.
pub struct SecondLayer {
    row_words: usize,
    /// Output bit `i` is input bit `source[i]`.
    source: Vec<u16>,
}

impl std::fmt::Debug for SecondLayer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SecondLayer(..)")
    }
}

impl Drop for SecondLayer {
    fn drop(&mut self) {
        self.source.fill(0);
    }
}

impl SecondLayer {
    /// Draws the permutation: Fisher–Yates per segment over SHA-256(seed ‖ counter) in 32-bit words,
    /// with rejection so that every permutation is equally likely.
    ///
    /// # Panics
    /// Never: rows have at most 2,048 bits.
    #[must_use]
    pub fn new(schema: &Schema, seed: &[u8; 32]) -> Self {
        let bits = schema.row_words() * 64;
        let mut source: Vec<u16> = (0..bits)
            .map(|bit| u16::try_from(bit).expect("rows have at most 2,048 bits"))
            .collect();
        let mut stream = Stream {
            seed,
            counter: 0,
            block: [0; 32],
            used: 32,
        };
        for segment in schema.segments() {
            let part = &mut source[segment.words.start * 64..segment.words.end * 64];
            for upper in (1..part.len()).rev() {
                part.swap(upper, stream.below(upper + 1));
            }
        }
        Self {
            row_words: schema.row_words(),
            source,
        }
    }

    /// Permutes rows in place.
    ///
    /// Sixty-four rows at a time are turned into bit planes, so that moving a bit of all of them is moving a
    /// word. Which memory is touched does not depend on the rows, unlike with tables of bytes.
    ///
    /// # Panics
    /// If `rows` is not a whole number of rows of the schema.
    pub fn apply(&self, rows: &mut [u64]) {
        assert_eq!(rows.len() % self.row_words, 0, "rows come whole");
        let mut bundles = rows.chunks_exact_mut(64 * self.row_words);
        let mut planes = vec![[0_u64; 64]; self.row_words];
        for bundle in &mut bundles {
            self.bundle(bundle, &mut planes);
        }
        planes.fill([0; 64]);
        self.one_by_one(bundles.into_remainder());
    }

    fn bundle(&self, rows: &mut [u64], planes: &mut [[u64; 64]]) {
        for (word, planes) in planes.iter_mut().enumerate() {
            let column = rows[word..].iter().step_by(self.row_words);
            for (plane, row) in planes.iter_mut().zip(column) {
                *plane = *row;
            }
            transpose(planes);
        }
        let mut output = [0_u64; 64];
        for (word, bits) in self.source.as_chunks::<64>().0.iter().enumerate() {
            for (plane, &from) in output.iter_mut().zip(bits) {
                *plane = planes[usize::from(from) / 64][usize::from(from) % 64];
            }
            transpose(&mut output);
            let column = rows[word..].iter_mut().step_by(self.row_words);
            for (row, plane) in column.zip(&output) {
                *row = *plane;
            }
        }
        output.fill(0);
    }

    /// Bit by bit.
    fn one_by_one(&self, rows: &mut [u64]) {
        let mut output = vec![0_u64; self.row_words];
        for row in rows.chunks_exact_mut(self.row_words) {
            for (word, bits) in output.iter_mut().zip(self.source.as_chunks::<64>().0) {
                *word = bits.iter().enumerate().fold(0, |word, (at, &from)| {
                    word | (row[usize::from(from) / 64] >> (from % 64) & 1) << at
                });
            }
            row.copy_from_slice(&output);
        }
        output.fill(0);
    }
}

/// Exchanges bit `b` of word `w` with bit `w` of word `b`, by halves of halves (Warren, Hacker's Delight,
/// section 7-3).
fn transpose(square: &mut [u64; 64]) {
    let (mut width, mut mask) = (32, 0x0000_0000_ffff_ffff_u64);
    while width > 0 {
        for pair in square.chunks_exact_mut(2 * width) {
            let (upper, lower) = pair.split_at_mut(width);
            for (upper, lower) in upper.iter_mut().zip(lower) {
                let swapped = (*upper >> width ^ *lower) & mask;
                *upper ^= swapped << width;
                *lower ^= swapped;
            }
        }
        width /= 2;
        mask ^= mask << width;
    }
}

struct Stream<'a> {
    seed: &'a [u8; 32],
    counter: u64,
    block: [u8; 32],
    used: usize,
}

impl Stream<'_> {
    fn next(&mut self) -> u32 {
        if self.used == 32 {
            let hash = Sha256::new()
                .chain_update(self.seed)
                .chain_update(self.counter.to_le_bytes());
            self.block = hash.finalize().into();
            self.counter += 1;
            self.used = 0;
        }
        let word = self.block[self.used..self.used + 4].iter().rev();
        self.used += 4;
        word.fold(0, |word, &byte| word << 8 | u32::from(byte))
    }

    /// A number below `bound`, all equally likely.
    fn below(&mut self, bound: usize) -> usize {
        let bound = u32::try_from(bound).expect("bounded by the row's bits");
        let zone = u32::MAX - u32::MAX % bound;
        loop {
            let word = self.next();
            if word < zone {
                return (word % bound) as usize;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_permutes_within_segments_and_keeps_distances() {
        let schema = Schema::jp_1();
        let layer = SecondLayer::new(&schema, &[3; 32]);
        for (index, segment) in schema.segments().iter().enumerate() {
            let mut row = vec![0_u64; schema.row_words()];
            row[segment.words.clone()].fill(0x0123_4567_89ab_cdef);
            let ones: u32 = row.iter().map(|word| word.count_ones()).sum();
            layer.apply(&mut row);
            let inside: u32 = row[segment.words.clone()]
                .iter()
                .map(|word| word.count_ones())
                .sum();
            assert_eq!(inside, ones, "segment {index} keeps its bits");
            assert!(
                row.iter()
                    .enumerate()
                    .all(|(at, &word)| word == 0 || segment.words.contains(&at))
            );
        }
    }

    #[test]
    fn bundles_of_rows_are_permuted_as_rows_are_one_by_one() {
        for schema in [Schema::jp_1(), Schema::en_1()] {
            let layer = SecondLayer::new(&schema, &[7; 32]);
            let mut state = 1_u64;
            for rows in [1, 63, 64, 65, 200] {
                let mut some: Vec<u64> = (0..rows * schema.row_words())
                    .map(|_| {
                        // Knuth's MMIX generator; its upper half is random enough for bits.
                        state = state.wrapping_mul(6_364_136_223_846_793_005);
                        state = state.wrapping_add(1_442_695_040_888_963_407);
                        state ^ state >> 33
                    })
                    .collect();
                let mut slow = some.clone();
                layer.apply(&mut some);
                layer.one_by_one(&mut slow);
                assert_eq!(some, slow);
            }
        }
    }

    #[test]
    fn another_seed_is_another_permutation() {
        let schema = Schema::jp_1();
        let row: Vec<u64> = (1..=16).collect();
        let (mut one, mut two) = (row.clone(), row);
        SecondLayer::new(&schema, &[1; 32]).apply(&mut one);
        SecondLayer::new(&schema, &[2; 32]).apply(&mut two);
        assert_ne!(one, two);
    }
}
