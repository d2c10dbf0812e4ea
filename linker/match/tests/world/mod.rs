//! Synthetic people and a small encoder: numbers stand for names, nothing is an identifier.
//!
//! The encoder does what the real one does in form (grams, keyed filters filled by a budget, each
//! output bit the XOR of five filter bits), so that similar values give similar bits.

use std::collections::BTreeMap;

use linker_match::{Dataset, Linkage, Settings};
use linker_token::{Flags, RecordRef, Schema, Token, TokenBatch};

/// A seeded generator of the test's own.
#[derive(Clone)]
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        hash(self.0)
    }

    pub fn below(&mut self, bound: u64) -> u64 {
        self.roll() % bound
    }

    pub fn chance(&mut self, permille: u64) -> bool {
        self.below(1000) < permille
    }

    /// Small numbers are frequent, as surnames are: roughly 1/(n+1).
    fn skewed(&mut self, bound: u64) -> u64 {
        let exponent = self.below(1 << 20) as f64 / f64::from(1 << 20);
        ((bound as f64).powf(exponent) - 1.0) as u64
    }
}

fn hash(mut word: u64) -> u64 {
    word = (word ^ word >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ word >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ word >> 31
}

/// Turns lists of symbols into segments.
pub struct Encoder {
    pub schema: Schema,
    /// Per segment and filter bit: the output bits it flips.
    pub masks: Vec<Vec<Vec<u64>>>,
}

impl Encoder {
    pub fn new() -> Self {
        Self::of(Schema::jp_1())
    }

    /// An encoder for a schema with the segments of jp-1.
    pub fn of(schema: Schema) -> Self {
        let segments = schema.segments().iter().enumerate();
        let masks = segments.map(|(index, segment)| {
            let bits = segment.bits();
            let mut masks = vec![vec![0_u64; segment.words.len()]; bits];
            let mut dice = Dice::new(index as u64);
            for output in 0..bits {
                for _ in 0..segment.diffusion {
                    let bit = dice.below(bits as u64) as usize;
                    masks[bit][output / 64] ^= 1 << (output % 64);
                }
            }
            masks
        });
        Self {
            masks: masks.collect(),
            schema,
        }
    }

    pub fn encode(&self, segment: usize, grams: &[u64]) -> Vec<u64> {
        let masks = &self.masks[segment];
        let budget = self.schema.segments()[segment].budget() as usize;
        let mut filter = vec![false; masks.len()];
        for (at, gram) in grams.iter().enumerate() {
            let share = budget * (at + 1) / grams.len() - budget * at / grams.len();
            let mut dice = Dice::new(gram.wrapping_mul(31) + segment as u64);
            (0..share).for_each(|_| filter[dice.below(masks.len() as u64) as usize] = true);
        }
        let mut out = vec![0; masks[0].len()];
        for mask in masks
            .iter()
            .zip(filter)
            .filter(|(_, set)| *set)
            .map(|(mask, _)| mask)
        {
            out.iter_mut()
                .zip(mask)
                .for_each(|(out, mask)| *out ^= mask);
        }
        out
    }
}

/// One record's values; `None` is missing.
#[derive(Clone, PartialEq, Eq)]
pub struct Values {
    pub kana: Option<Vec<u64>>,
    pub kanji: Option<Vec<u64>>,
    /// Eight digits and a sex.
    pub birth: Option<Vec<u64>>,
    pub place: Option<Vec<u64>>,
    /// Eight insurer digits, eight number digits, branch.
    pub number: Option<Vec<u64>>,
    pub flags: Flags,
}

fn bigrams(symbols: &[u64]) -> Vec<u64> {
    let padded: Vec<u64> = [999].iter().chain(symbols).chain(&[999]).copied().collect();
    padded
        .windows(2)
        .map(|pair| pair[0] * 1000 + pair[1])
        .collect()
}

fn positional(symbols: &[u64]) -> Vec<u64> {
    (1..)
        .zip(symbols)
        .map(|(at, symbol)| at * 1_000_000 + symbol)
        .collect()
}

impl Values {
    pub fn token(&self, encoder: &Encoder, reference: u64) -> Token {
        let unigrams = |symbols: &Vec<u64>| [bigrams(symbols), symbols.clone()].concat();
        let grams = [
            self.kana.as_ref().map(|symbols| bigrams(symbols)),
            self.kanji.as_ref().map(unigrams),
            self.birth.as_ref().map(|symbols| positional(symbols)),
            self.place.as_ref().map(unigrams),
            self.number.as_ref().map(|symbols| positional(symbols)),
        ];
        let mut flags = self.flags;
        let mut row = Vec::new();
        for (index, grams) in grams.iter().enumerate() {
            let words = encoder.schema.segments()[index].words.len();
            match grams {
                Some(grams) => row.extend(encoder.encode(index, grams)),
                None => {
                    flags = flags.with_missing(index);
                    row.extend(vec![0; words]);
                }
            }
        }
        Token {
            reference: reference_of(reference),
            flags,
            row,
        }
    }
}

/// References whose order has nothing to do with the person.
pub fn reference_of(number: u64) -> RecordRef {
    let mut reference = [0; 16];
    reference[..8].copy_from_slice(&hash(number ^ 0x5555).to_be_bytes());
    reference[8..].copy_from_slice(&number.to_be_bytes());
    RecordRef(reference)
}

fn symbols(name: u64, salt: u64, len: u64, alphabet: u64) -> Vec<u64> {
    let mut dice = Dice::new(hash(name ^ salt << 56));
    (0..len).map(|_| dice.below(alphabet)).collect()
}

/// People in households: they share surname, place and number but for the branch.
pub fn people(count: usize, seed: u64) -> Vec<Values> {
    let mut dice = Dice::new(seed);
    let mut people = Vec::with_capacity(count);
    while people.len() < count {
        let surname = dice.skewed(20_000);
        let place = dice.roll();
        let town = dice.skewed(3_000);
        let number = dice.roll();
        let insurer = dice.below(200);
        let mut given_names = Vec::new();
        for branch in 0..1 + dice.below(4) {
            let given = dice.skewed(5_000);
            if given_names.contains(&given) {
                continue;
            }
            given_names.push(given);
            let day = dice.below(28_000);
            let (year, rest) = (1930 + day / 336, day % 336);
            let date = format!("{year:04}{:02}{:02}", 1 + rest / 28, 1 + rest % 28);
            let digits = |text: String| text.bytes().map(u64::from).collect::<Vec<u64>>();
            people.push(Values {
                kana: Some([symbols(surname, 1, 4, 45), symbols(given, 2, 3, 45)].concat()),
                kanji: Some([symbols(surname, 3, 2, 600), symbols(given, 4, 2, 600)].concat()),
                birth: Some([digits(date), vec![dice.below(2) + 50]].concat()),
                place: Some([symbols(town, 5, 5, 500), symbols(place, 6, 4, 10)].concat()),
                number: Some(
                    [
                        symbols(insurer, 7, 8, 10),
                        symbols(number, 8, 8, 10),
                        vec![100 + branch],
                    ]
                    .concat(),
                ),
                flags: Flags::default(),
            });
        }
    }
    people.truncate(count);
    people
}

/// What a source site makes of a person.
pub fn noisy(person: &Values, dice: &mut Dice) -> Values {
    let mut values = person.clone();
    let spoil = |symbols: &mut Option<Vec<u64>>, alphabet: u64, dice: &mut Dice| {
        if let Some(symbols) = symbols {
            let at = dice.below(symbols.len() as u64) as usize;
            symbols[at] = dice.below(alphabet);
        }
    };
    if dice.chance(40) {
        spoil(&mut values.kana, 45, dice);
    }
    if dice.chance(60) {
        spoil(&mut values.kanji, 600, dice);
    }
    if dice.chance(15) {
        spoil(&mut values.birth, 10, dice);
    }
    if dice.chance(150) {
        values.place = Some(symbols(dice.roll() % 1_000_000, 9, 9, 500));
    } else if dice.chance(100) {
        spoil(&mut values.place, 10, dice);
    }
    if dice.chance(150) {
        values.number = Some(symbols(dice.roll() % 1_000_000, 10, 17, 10));
    }
    if dice.chance(200) {
        values.kanji = None;
    }
    if dice.chance(100) {
        values.number = None;
    }
    values
}

/// A population at three sites, and who is who: (site, reference) -> person.
pub struct World {
    pub encoder: Encoder,
    pub batches: Vec<(u16, TokenBatch)>,
    pub truth: BTreeMap<(u16, RecordRef), usize>,
}

impl World {
    pub fn new(count: usize, seed: u64) -> Self {
        let encoder = Encoder::new();
        let mut dice = Dice::new(seed ^ 0xabcd);
        let people = people(count, seed);
        let mut world = Self {
            batches: Vec::new(),
            truth: BTreeMap::new(),
            encoder,
        };
        for (site, share) in [(0, 500), (1, 900), (2, 700)] {
            let mut rows = Vec::new();
            for (person, values) in people.iter().enumerate() {
                if dice.chance(share) {
                    rows.push((person, noisy(values, &mut dice)));
                    if dice.chance(20) {
                        rows.push((person, noisy(values, &mut dice)));
                    }
                }
            }
            world.add(site, &rows);
        }
        world
    }

    pub fn empty() -> Self {
        Self {
            encoder: Encoder::new(),
            batches: Vec::new(),
            truth: BTreeMap::new(),
        }
    }

    /// Adds records of a site: (person, values).
    pub fn add(&mut self, site: u16, rows: &[(usize, Values)]) {
        for rows in rows.chunks(4096) {
            let mut batch = TokenBatch::new(&self.encoder.schema);
            for (person, values) in rows {
                let token = values.token(&self.encoder, self.truth.len() as u64);
                self.truth.insert((site, token.reference), *person);
                batch.push(&token).expect("batches are small");
            }
            self.batches.push((site, batch));
        }
    }

    pub fn dataset(&self) -> Dataset {
        Dataset::build(&self.encoder.schema, self.batches.iter().cloned()).expect("batches fit")
    }

    pub fn people_of(&self, dataset: &Dataset) -> Vec<usize> {
        let keys = dataset.keys().iter();
        keys.map(|key| self.truth[&(key.site, key.reference)])
            .collect()
    }

    /// Pairwise precision and recall of the clusters.
    pub fn quality(&self, dataset: &Dataset, linkage: &Linkage) -> (f64, f64) {
        let people = self.people_of(dataset);
        let pairs = |groups: BTreeMap<(usize, u32), u64>| -> f64 {
            groups.values().map(|&n| (n * (n - 1) / 2) as f64).sum()
        };
        let group = |key: &dyn Fn(usize, u32) -> (usize, u32)| {
            let mut groups = BTreeMap::new();
            for (&person, &cluster) in people.iter().zip(&linkage.cluster_of_record) {
                *groups.entry(key(person, cluster)).or_insert(0) += 1;
            }
            pairs(groups)
        };
        let both = group(&|person, cluster| (person, cluster));
        let truth = group(&|person, _| (person, 0));
        let found = group(&|_, cluster| (0, cluster));
        (both / found.max(1.0), both / truth.max(1.0))
    }
}

/// Standard settings that use blocks even for small runs.
pub fn blocked() -> Settings {
    Settings {
        exhaustive_pairs_max: 0,
        ..Settings::standard()
    }
}
