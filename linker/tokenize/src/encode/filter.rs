//! One segment: which filter bits a record sets, and how they are diffused.

use std::ops::Range;

use linker_token::{
    Field, GramKind, Segment,
    limits::{FIELDS_MAX, ROW_WORDS_ALLOWED},
};
use zeroize::Zeroizing;

use super::{
    cache::Cache,
    diffusion::Diffusion,
    grams::{self, Grams},
    keys::{Draws, Prf},
};
use crate::{
    limits::{DRAWN_PERMILLE_MIN, PRESENT_PERMILLE_MIN},
    record::Identifiers,
};

/// Words of the widest row. A power of two, so that a position needs no check.
const WORDS: usize = ROW_WORDS_ALLOWED[ROW_WORDS_ALLOWED.len() - 1];

const _: () = assert!(WORDS.is_power_of_two());

/// Bytes of a message besides a whole value: the longest tag has 14, two characters 8, a position and a
/// repeat 3 each, separators 3. A message never grows, because that would leave a copy of it behind.
const MESSAGE_EXTRA_BYTES: usize = 64;

/// Encodes one segment of the schema.
pub(super) struct SegmentEncoder {
    words: Range<usize>,
    parts: Vec<Part>,
    /// Tags of the fields, by their numbers.
    tags: Vec<&'static str>,
    budget: u32,
    filter_key: Prf,
    diffusion: Diffusion,
    known: Cache,
    grams: Grams,
    filter: Zeroizing<[u64; WORDS]>,
    message: Zeroizing<String>,
}

/// One field.
struct Part {
    field: Field,
    kind: GramKind,
    share: u32,
    /// Number of its tag.
    tag: u8,
    /// Whether a field before it has the same tag.
    shares_tag: bool,
}

impl SegmentEncoder {
    pub(super) fn new(segment: &Segment, filter_key: Prf, diffusion_key: &Prf) -> Self {
        let mut tags: Vec<&'static str> = Vec::with_capacity(FIELDS_MAX);
        let parts = segment.parts.iter().map(|part| {
            let tag = grams::tag(part.field);
            let known = tags.iter().position(|known| *known == tag);
            let number = known.unwrap_or(tags.len());
            if known.is_none() {
                tags.push(tag);
            }
            Part {
                field: part.field,
                kind: part.grams,
                share: part.share_permille,
                tag: u8::try_from(number).expect("a segment has at most eight fields"),
                shares_tag: known.is_some(),
            }
        });
        Self {
            words: segment.words.clone(),
            parts: parts.collect(),
            tags,
            budget: segment.budget(),
            filter_key,
            diffusion: Diffusion::new(segment, diffusion_key),
            known: Cache::new(),
            grams: Grams::new(),
            filter: Zeroizing::new([0; WORDS]),
            message: Zeroizing::new(String::with_capacity(MESSAGE_EXTRA_BYTES)),
        }
    }

    /// Writes the segment into its words of `row`. `false`: too little is present, nothing written.
    pub(super) fn encode(&mut self, identifiers: &Identifiers, row: &mut [u64]) -> bool {
        let mut values = [None; FIELDS_MAX];
        let mut present = 0;
        for (part, value) in self.parts.iter().zip(&mut values) {
            *value = identifiers.get(part.field);
            present += if value.is_some() { part.share } else { 0 };
        }
        if present < PRESENT_PERMILLE_MIN {
            return false;
        }
        let width = self.words.len();
        self.filter[..width].fill(0);
        self.grams.clear();
        for at in 0..self.parts.len() {
            let part = &self.parts[at];
            let Some(value) = values[at] else {
                continue;
            };
            let draws = part_draws(self.budget, part.share, present) as usize;
            let first = self.grams.len();
            let since = if part.shares_tag { 0 } else { first };
            if self.grams.add(part.tag, since, part.kind, value) {
                self.spend(draws, first);
            } else {
                self.spend_whole(draws, at, &values);
            }
        }
        self.diffusion
            .apply(&self.filter[..width], &mut row[self.words.clone()]);
        true
    }

    /// Spends `draws` evenly over the grams from `first` on; the first `draws % n` of them get one more.
    fn spend(&mut self, draws: usize, first: usize) {
        let grams = self.grams.from(first);
        let (each, more) = (draws / grams.len(), draws % grams.len());
        self.known.bring(grams);
        for (index, &gram) in grams.iter().enumerate() {
            let count = each + usize::from(index < more);
            let positions = match self.known.known(gram, count) {
                Some(positions) => positions,
                None => {
                    gram.write(&self.tags, &mut self.message);
                    let bits = self.words.len() * 64;
                    self.known
                        .draw(&self.filter_key, &self.message, bits, gram, count)
                }
            };
            for &position in positions {
                set(&mut self.filter, position);
            }
        }
    }

    /// Spends `draws` on the only gram of part `at`, a text that is not worth remembering.
    fn spend_whole(&mut self, draws: usize, at: usize, values: &[Option<&str>; FIELDS_MAX]) {
        let part = &self.parts[at];
        let value = values[at].unwrap_or_default();
        let equal = |&(earlier, other): &(&Part, &Option<&str>)| {
            earlier.tag == part.tag && earlier.kind == GramKind::Whole && *other == Some(value)
        };
        let repeat = self.parts[..at].iter().zip(values).filter(equal).count();
        let tag = self.tags[usize::from(part.tag)];
        if self.message.capacity() < value.len() + MESSAGE_EXTRA_BYTES {
            let room = value.len() + MESSAGE_EXTRA_BYTES;
            self.message = Zeroizing::new(String::with_capacity(room));
        }
        grams::write_whole(tag, value, repeat, &mut self.message);
        let bits = self.words.len() * 64;
        for position in Draws::new(&self.filter_key, self.message.as_bytes(), bits).take(draws) {
            set(&mut self.filter, position);
        }
    }
}

fn set(filter: &mut [u64; WORDS], position: u16) {
    filter[usize::from(position / 64) % WORDS] |= 1 << (position % 64);
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
            let identifiers = Identifiers::from_normal(&[(Field::BirthYear, "1985")]);
            encoder.encode(&identifiers, &mut [0; 16])
        };
        assert!(encode(PRESENT_PERMILLE_MIN));
        assert!(!encode(PRESENT_PERMILLE_MIN - 1));
    }
}
