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
    /// # Panics
    /// If `rows` is not a whole number of rows of the schema.
    pub fn apply(&self, rows: &mut [u64]) {
        assert_eq!(rows.len() % self.row_words, 0, "rows come whole");
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
    fn another_seed_is_another_permutation() {
        let schema = Schema::jp_1();
        let row: Vec<u64> = (1..=16).collect();
        let (mut one, mut two) = (row.clone(), row);
        SecondLayer::new(&schema, &[1; 32]).apply(&mut one);
        SecondLayer::new(&schema, &[2; 32]).apply(&mut two);
        assert_ne!(one, two);
    }
}
