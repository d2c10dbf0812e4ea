//! One segment: which filter bits a record sets, and how they are diffused.

use std::ops::Range;

use linker_token::{
    Field, GramKind, Segment,
    limits::{FIELDS_MAX, ROW_WORDS_ALLOWED},
};
use zeroize::Zeroizing;

use super::{
    bits::{self, Bits, Drawn, Key, Known, ValueKey},
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
    positions: Cache,
    /// Bits of grams and values, if the segment is narrow enough.
    known: Option<Known>,
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
    /// Whether many people share its values, and its grams are numbered without looking at other parts.
    shared: bool,
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
                shared: is_shared(part.field),
            }
        });
        Self {
            words: segment.words.clone(),
            parts: parts.collect(),
            tags,
            budget: segment.budget(),
            filter_key,
            diffusion: Diffusion::new(segment, diffusion_key),
            positions: Cache::new(),
            known: (segment.words.len() <= bits::WORDS).then(Known::new),
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
        if self.known.is_some() {
            let filter = self.fill_known(&values, present);
            let out = &mut row[self.words.clone()];
            self.diffusion.apply(&filter[..out.len()], out);
            return true;
        }
        self.fill(&values, present);
        let out = &mut row[self.words.clone()];
        self.diffusion.apply(&self.filter[..out.len()], out);
        true
    }

    /// The filter of the values of all parts.
    fn fill(&mut self, values: &[Option<&str>; FIELDS_MAX], present: u32) {
        self.filter.fill(0);
        self.grams.clear();
        for at in 0..self.parts.len() {
            if values[at].is_some() {
                let draws = part_draws(self.budget, self.parts[at].share, present) as usize;
                self.fill_part(draws, at, values);
            }
        }
    }

    /// Adds one part that is present.
    fn fill_part(&mut self, draws: usize, at: usize, values: &[Option<&str>; FIELDS_MAX]) {
        let first = self.cut(at, values);
        match first {
            Some(first) => self.spend(draws, first),
            None => self.spend_whole(draws, at, values),
        }
    }

    /// Adds the grams of a part that is present, and says which is the first. `None`: it is a whole text
    /// that is not worth remembering.
    fn cut(&mut self, at: usize, values: &[Option<&str>; FIELDS_MAX]) -> Option<usize> {
        let part = &self.parts[at];
        let first = self.grams.len();
        let since = if part.shares_tag { 0 } else { first };
        let value = values[at].unwrap_or_default();
        let added = self.grams.add(part.tag, since, part.kind, value);
        added.then_some(first)
    }

    /// [`SegmentEncoder::fill`] from what is known. Adds to it what is not.
    fn fill_known(&mut self, values: &[Option<&str>; FIELDS_MAX], present: u32) -> Bits {
        let mut filter = Bits::default();
        self.grams.clear();
        for at in 0..self.parts.len() {
            let Some(value) = values[at] else {
                continue;
            };
            let (share, shared) = (self.parts[at].share, self.parts[at].shared);
            let draws = part_draws(self.budget, share, present) as usize;
            if shared && let Some(key) = ValueKey::new(at, draws, value) {
                let known = self.known.as_ref().and_then(|known| known.value(&key));
                match known {
                    Some(drawn) => add(&mut filter, &drawn.bits),
                    None => {
                        let bits = self.bits_of(|this| this.fill_part(draws, at, values));
                        let drawn = Drawn { bits, next: 0 };
                        let known = self.known.iter_mut();
                        known.for_each(|known| known.remember_value(&key, drawn));
                        add(&mut filter, &bits);
                    }
                }
                continue;
            }
            match self.cut(at, values) {
                Some(first) => self.spend_known(draws, first, &mut filter),
                None => {
                    let bits = self.bits_of(|this| this.spend_whole(draws, at, values));
                    add(&mut filter, &bits);
                }
            }
        }
        filter
    }

    /// [`SegmentEncoder::spend`] from what is known.
    fn spend_known(&mut self, draws: usize, first: usize, filter: &mut Bits) {
        let count = self.grams.len() - first;
        let (each, more) = (draws / count, draws % count);
        let mut nexts = [0; bits::WORDS.next_power_of_two()];
        for index in 0..count {
            let key = Key::gram(self.grams.from(first)[index], each);
            let known = self.known.as_ref().and_then(|known| known.get(key));
            let drawn = match known {
                Some(drawn) => drawn,
                None => self.learn(key, first + index, each),
            };
            add(filter, &drawn.bits);
            if index < more {
                nexts[usize::from(drawn.next / 64) % nexts.len()] |= 1 << (drawn.next % 64);
            }
        }
        for (filter, nexts) in filter.iter_mut().zip(nexts) {
            *filter |= nexts;
        }
    }

    /// Draws the bits of a gram that is not known, and remembers them.
    fn learn(&mut self, key: Key, index: usize, count: usize) -> Drawn {
        let bits = self.bits_of(|this| this.spend_on(index, count));
        let next = self.positions_of(index, count + 1)[count];
        let drawn = Drawn { bits, next };
        self.known
            .iter_mut()
            .for_each(|known| known.remember(key, drawn));
        drawn
    }

    /// The bits that something sets in an empty filter.
    fn bits_of(&mut self, set: impl FnOnce(&mut Self)) -> Bits {
        self.filter.fill(0);
        set(self);
        let mut bits = Bits::default();
        bits.copy_from_slice(&self.filter[..bits::WORDS]);
        bits
    }

    /// Spends `draws` evenly over the grams from `first` on; the first `draws % n` of them get one more.
    fn spend(&mut self, draws: usize, first: usize) {
        let count = self.grams.len() - first;
        let (each, more) = (draws / count, draws % count);
        self.positions.bring(self.grams.from(first));
        for index in 0..count {
            self.spend_on(first + index, each + usize::from(index < more));
        }
    }

    /// Sets the first `count` positions of a gram's list.
    fn spend_on(&mut self, index: usize, count: usize) {
        let mut filter = std::mem::take(&mut *self.filter);
        for &position in self.positions_of(index, count) {
            set(&mut filter, position);
        }
        *self.filter = filter;
    }

    /// The first `count` positions of a gram's list.
    fn positions_of(&mut self, index: usize, count: usize) -> &[u16] {
        let gram = self.grams.from(index)[0];
        if self.positions.known(gram, count).is_none() {
            gram.write(&self.tags, &mut self.message);
            let bits = self.words.len() * 64;
            self.positions
                .draw(&self.filter_key, &self.message, bits, gram, count);
        }
        self.positions.known(gram, count).unwrap_or_default()
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

/// Whether many people share the values of a field, which shares its tag with no other one.
fn is_shared(field: Field) -> bool {
    match field {
        Field::BirthYear
        | Field::BirthMonth
        | Field::BirthDay
        | Field::Sex
        | Field::PostalCode
        | Field::Town
        | Field::Block
        | Field::Insurer
        | Field::InsuredBranch => true,
        Field::KanaName
        | Field::KanjiName
        | Field::GivenName
        | Field::Surname
        | Field::Street
        | Field::InsuredNumber => false,
    }
}

fn add(filter: &mut Bits, bits: &Bits) {
    for (filter, bits) in filter.iter_mut().zip(bits) {
        *filter |= bits;
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

    /// One encoder of each segment that knows what it encoded before, and one that draws everything.
    fn pair(segment: &Segment) -> [SegmentEncoder; 2] {
        let new = || SegmentEncoder::new(segment, Prf::new(&[1; 32]), &Prf::new(&[2; 32]));
        let (knowing, mut drawing) = (new(), new());
        drawing.known = None;
        [knowing, drawing]
    }

    #[test]
    fn what_is_known_changes_nothing() {
        let texts = [
            "1",
            "12",
            "ササササ",
            "佐佐木",
            "岐阜市薮田南四",
            "ヤマダハナコ",
            "3-2-15",
        ];
        let long = "岐".repeat(40);
        let values = texts.iter().copied().chain([long.as_str(), "127:x", "abc"]);
        let values: Vec<&str> = values.collect();
        for segment in [linker_token::Schema::jp_1(), linker_token::Schema::en_1()]
            .iter()
            .flat_map(|schema| schema.segments())
        {
            let [mut knowing, mut drawing] = pair(segment);
            for round in 0..3 * values.len() * values.len() {
                // Every part has a value or none, and all meet each other.
                let parts = segment.parts.iter().enumerate();
                let chosen = parts.filter_map(|(at, part)| {
                    let value =
                        values.get((round / (1 + at * values.len()) + at) % (values.len() + 1));
                    value.map(|&value| (part.field, value))
                });
                let identifiers = Identifiers::from_normal(&chosen.collect::<Vec<_>>());
                let (mut row, mut expected) = ([0; 32], [0; 32]);
                let written = knowing.encode(&identifiers, &mut row);
                assert_eq!(written, drawing.encode(&identifiers, &mut expected));
                assert_eq!(row, expected, "{} {round}", segment.name);
            }
        }
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
