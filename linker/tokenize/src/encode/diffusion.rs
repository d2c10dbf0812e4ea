//! The diffusion of a filter: each output bit is the XOR of some filter bits, so the whole is linear, and the
//! output of a filter is the XOR of the outputs of its pieces. Those are in tables (the method of the four
//! Russians).

use linker_token::Segment;
use zeroize::Zeroizing;

use super::keys::{Draws, Prf};

/// Filter bits of one piece. Four, not eight: the tables of all segments together then stay in a core's
/// nearest caches (jp-1: 114 KiB; with eight 916 KiB and measured no faster), and a row of 2,048 bits in one
/// segment needs 2 MiB.
const PIECE_BITS: usize = 4;
const PIECES_PER_WORD: usize = 64 / PIECE_BITS;
const VALUES: usize = 1 << PIECE_BITS;

/// Turns a filter into a segment.
pub(super) struct Diffusion {
    width: usize,
    /// Per piece and value of the piece, the output words. Empty: no diffusion.
    table: Zeroizing<Vec<u64>>,
}

impl Diffusion {
    pub(super) fn new(segment: &Segment, key: &Prf) -> Self {
        let width = segment.words.len();
        let toggles = toggles(segment, key);
        let mut table = Zeroizing::new(Vec::new());
        table.reserve_exact(toggles.len() / PIECE_BITS * VALUES);
        for piece in toggles.chunks_exact(PIECE_BITS * width) {
            for value in 0..VALUES {
                let bits = (0..PIECE_BITS).filter(|bit| value >> bit & 1 == 1);
                let word = |word| {
                    bits.clone()
                        .fold(0, |sum, bit| sum ^ piece[bit * width + word])
                };
                table.extend((0..width).map(word));
            }
        }
        Self { width, table }
    }

    /// Writes the segment of `filter` to `out`; both are as wide as the segment.
    pub(super) fn apply(&self, filter: &[u64], out: &mut [u64]) {
        if self.table.is_empty() {
            out.copy_from_slice(filter);
            return;
        }
        // Widths that are known when this is compiled keep the sums in registers.
        match self.width {
            1 => self.sum::<1>(filter, out),
            2 => self.sum::<2>(filter, out),
            3 => self.sum::<3>(filter, out),
            4 => self.sum::<4>(filter, out),
            5 => self.sum::<5>(filter, out),
            6 => self.sum::<6>(filter, out),
            8 => self.sum::<8>(filter, out),
            16 => self.sum::<16>(filter, out),
            _ => self.sum_any(filter, out),
        }
    }

    fn sum<const WIDTH: usize>(&self, filter: &[u64], out: &mut [u64]) {
        let mut sums = [0; WIDTH];
        let pieces = self.table.as_chunks::<WIDTH>().0.as_chunks::<VALUES>().0;
        for (&word, pieces) in filter.iter().zip(pieces.chunks_exact(PIECES_PER_WORD)) {
            let mut word = word;
            for piece in pieces {
                let row = &piece[usize::from(word.to_le_bytes()[0]) % VALUES];
                for (sum, word) in sums.iter_mut().zip(row) {
                    *sum ^= word;
                }
                word >>= PIECE_BITS;
            }
        }
        out.copy_from_slice(&sums);
    }

    fn sum_any(&self, filter: &[u64], out: &mut [u64]) {
        out.fill(0);
        let pieces = self.table.chunks_exact(VALUES * self.width);
        for (at, piece) in pieces.enumerate() {
            let word = filter[at / PIECES_PER_WORD] >> (at % PIECES_PER_WORD * PIECE_BITS);
            let value = usize::from(word.to_le_bytes()[0]) % VALUES;
            for (sum, word) in out.iter_mut().zip(&piece[value * self.width..]) {
                *sum ^= word;
            }
        }
    }
}

/// Output bit `i` is the XOR of `t` different filter bits, drawn for `i = 0, 1, …` from one stream;
/// a bit that was already drawn for the same `i` is skipped. Turned round: per filter bit, the output
/// bits that it toggles, as many words as the segment has. Empty: no diffusion.
fn toggles(segment: &Segment, key: &Prf) -> Zeroizing<Vec<u64>> {
    if segment.diffusion == 1 {
        return Zeroizing::new(Vec::new());
    }
    let (bits, width) = (segment.bits(), segment.words.len());
    let mut toggles = Zeroizing::new(vec![0_u64; bits * width]);
    let mut draws = Draws::new(key, b"", bits);
    for output in 0..bits {
        let mut chosen = 0;
        while chosen < segment.diffusion {
            let Some(from) = draws.next() else { break };
            let slot = &mut toggles[usize::from(from) * width + output / 64];
            let mask = 1_u64 << (output % 64);
            if *slot & mask == 0 {
                *slot |= mask;
                chosen += 1;
            }
        }
    }
    toggles
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Bit by bit.
    fn slow(toggles: &[u64], width: usize, filter: &[u64]) -> Vec<u64> {
        let mut out = vec![0; width];
        for bit in (0..width * 64).filter(|bit| filter[bit / 64] >> (bit % 64) & 1 == 1) {
            for (out, toggle) in out.iter_mut().zip(&toggles[bit * width..]) {
                *out ^= toggle;
            }
        }
        out
    }

    proptest! {
        #[test]
        fn tables_say_what_single_bits_say(
            width in 1_usize..=32,
            diffusion in 1_u32..=10,
            filter in proptest::collection::vec(any::<u64>(), 32),
        ) {
            let mut segment = linker_token::Schema::jp_1().segments()[0].clone();
            segment.words = 3..3 + width;
            segment.diffusion = diffusion;
            let key = Prf::new(&[3; 32]);
            let mut out = vec![7; width];
            Diffusion::new(&segment, &key).apply(&filter[..width], &mut out);
            let expected = if diffusion == 1 {
                filter[..width].to_vec()
            } else {
                slow(&toggles(&segment, &key), width, &filter)
            };
            prop_assert_eq!(out, expected);
        }
    }
}
