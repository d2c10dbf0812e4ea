//! One segment: which filter bits a record sets, and how they are diffused.

use std::ops::Range;

use linker_token::{Segment, schema::FieldPart};
use zeroize::Zeroizing;

use super::{
    cache::Cache,
    grams::Messages,
    keys::{Draws, Prf},
};
use crate::{
    limits::{DRAWN_PERMILLE_MIN, PRESENT_PERMILLE_MIN},
    record::Identifiers,
};

/// Encodes one segment of the schema.
pub(super) struct SegmentEncoder {
    words: Range<usize>,
    parts: Vec<FieldPart>,
    budget: u32,
    filter_key: Prf,
    /// Output bits that each filter bit toggles, `words` words per filter bit. Empty: no diffusion.
    toggles: Zeroizing<Vec<u64>>,
    known: Cache,
    filter: Zeroizing<Vec<u64>>,
    messages: Messages,
}

impl SegmentEncoder {
    pub(super) fn new(segment: &Segment, filter_key: Prf, diffusion_key: &Prf) -> Self {
        Self {
            words: segment.words.clone(),
            parts: segment.parts.clone(),
            budget: segment.budget(),
            filter_key,
            toggles: toggles(segment, diffusion_key),
            known: Cache::new(),
            filter: Zeroizing::new(vec![0; segment.words.len()]),
            messages: Messages::new(),
        }
    }

    /// Writes the segment into its words of `row`. `false`: too little is present, nothing written.
    pub(super) fn encode(&mut self, identifiers: &Identifiers, row: &mut [u64]) -> bool {
        let present: u32 = self
            .parts
            .iter()
            .filter(|part| identifiers.get(part.field).is_some())
            .map(|part| part.share_permille)
            .sum();
        if present < PRESENT_PERMILLE_MIN {
            return false;
        }
        self.filter.fill(0);
        self.messages.clear();
        for part in &self.parts {
            let Some(value) = identifiers.get(part.field) else {
                continue;
            };
            let first = self.messages.len();
            self.messages.add(part.field, part.grams, value);
            let draws = part_draws(self.budget, part.share_permille, present);
            let grams = first..self.messages.len();
            spend(
                draws as usize,
                grams,
                &self.messages,
                &self.filter_key,
                &mut self.known,
                &mut self.filter,
            );
        }
        self.diffuse(&mut row[self.words.clone()]);
        true
    }

    fn diffuse(&self, out: &mut [u64]) {
        if self.toggles.is_empty() {
            out.copy_from_slice(&self.filter);
            return;
        }
        let width = self.words.len();
        for (at, &word) in self.filter.iter().enumerate() {
            let mut word = word;
            while word != 0 {
                let bit = at * 64 + word.trailing_zeros() as usize;
                let toggles = &self.toggles[bit * width..(bit + 1) * width];
                for (out, toggle) in out.iter_mut().zip(toggles) {
                    *out ^= toggle;
                }
                word &= word - 1;
            }
        }
    }
}

/// Spends `draws` evenly over some grams; the first `draws % n` of them get one more.
fn spend(
    draws: usize,
    grams: Range<usize>,
    messages: &Messages,
    key: &Prf,
    known: &mut Cache,
    filter: &mut [u64],
) {
    let (bits, first, count) = (filter.len() * 64, grams.start, grams.len());
    for index in grams {
        let mine = draws / count + usize::from(index - first < draws % count);
        for &position in known.positions(key, messages.get(index), bits, mine) {
            filter[usize::from(position) / 64] |= 1 << (position % 64);
        }
    }
}

/// Draws of one part: `budget · share / 1000`, raised when so much is missing that less than
/// [`DRAWN_PERMILLE_MIN`] of the budget would be drawn. Rounded to the nearest, halves up.
///
/// A part that is missing on one side only should cost that side's bits and no more: raising the
/// others always would double the distance to a complete record. Below the floor the filter would be
/// so empty that frequencies show, so there safety goes first.
fn part_draws(budget: u32, share: u32, present: u32) -> u32 {
    let (budget, share, present) = (u64::from(budget), u64::from(share), u64::from(present));
    let target = present.max(u64::from(DRAWN_PERMILLE_MIN));
    let (numerator, denominator) = (budget * share * target, 1000 * present);
    let draws = (2 * numerator + denominator) / (2 * denominator);
    u32::try_from(draws).expect("a part draws at most its segment's budget")
}

/// Output bit `i` is the XOR of `t` different filter bits, drawn for `i = 0, 1, …` from one stream;
/// a bit that was already drawn for the same `i` is skipped. Turned round: per filter bit, the output
/// bits that it toggles.
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
    use super::*;

    #[test]
    fn a_missing_part_leaves_the_others_alone_until_the_floor() {
        // Complete, one fifth missing, at the floor, below it.
        assert_eq!(part_draws(100, 800, 1000), 80);
        assert_eq!(part_draws(100, 800, 800), 80);
        assert_eq!(part_draws(100, 700, 700), 70);
        assert_eq!(part_draws(100, 699, 699), 70);
        assert_eq!(part_draws(100, 400, 400), 70);
    }

    #[test]
    fn shares_just_below_the_minimum_are_missing() {
        let text = include_str!("../../../token/schemas/en-1.toml");
        let encode = |year: u32| {
            let text = text
                .replace("share-permille = 440", &format!("share-permille = {year}"))
                .replacen(
                    "share-permille = 280",
                    &format!("share-permille = {}", 720 - year),
                    1,
                );
            let schema = linker_token::Schema::parse(&text).expect("shares still add up");
            let segment = &schema.segments()[1];
            let mut encoder = SegmentEncoder::new(segment, Prf::new(&[1; 32]), &Prf::new(&[2; 32]));
            let identifiers = Identifiers::from_normal(&[(linker_token::Field::BirthYear, "1985")]);
            encoder.encode(&identifiers, &mut [0; 16])
        };
        assert!(encode(PRESENT_PERMILLE_MIN));
        assert!(!encode(PRESENT_PERMILLE_MIN - 1));
    }
}
