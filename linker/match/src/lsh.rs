//! The fifth kind of pass: Hamming LSH (Indyk and Motwani 1998), for pairs that are equal nowhere.
//!
//! A table draws bits from a birth segment and a name segment, half from each; rows that agree in all
//! of them share a bucket. So a pair is found although its birth date *and* its name are damaged.
//!
//! ```text
//! P = 1 − Π over tables (1 − p_birth^(k/2) · p_name^(k/2))
//! ```
//!
//! where p is the share of a segment's bits that one wrong character leaves alone. If it replaces the
//! share g of the grams of a filter of fill f, a filter bit differs with d = 2(1−f)(1−(1−f)^g), and an
//! output bit, the XOR of t of them, with (1−(1−2d)^t)/2. Strangers obey the same formula with a larger
//! g, which is less than 1 because dates share digits; their agreement says how many bits a bucket of a
//! given size needs. Diffusion leaves little: with t = 5 a wrong digit of a date keeps 76% of the bits
//! and a wrong character of a name 61%, where strangers agree in 50%.
//!
//! | schema, a million rows | bits | P | pairs per match that only LSH finds | default |
//! |---|---|---|---|---|
//! | jp-1 (t = 5) | 16 | 0.06 with 32 tables | 9·10⁶ | off |
//! | jp-1 without diffusion | 23 | 0.91 with 25 tables | 7·10⁵ | on |

use linker_token::{Schema, schema::Role, schema::Segment};

use crate::{limits, random::SplitMix, settings::Settings};

/// Share of the pairs with two damaged segments that a plan aims at.
pub const TARGET_RECALL: f64 = 0.9;
/// Matches per row that are equal in no segment: by the default model's shares of unequal segments
/// 0.07 · 0.25 · 0.25 · 0.4 · 0.5 of the matches, of which there is one for two rows.
const LOST_PER_ROW: f64 = 0.000_44;

/// What LSH would cost and find.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LshPlan {
    /// Number of tables, each a pass.
    pub tables: usize,
    /// Bits of a key.
    pub bits: usize,
    /// Probability that a pair with one wrong character in the birth segment and one in the name
    /// segment shares a bucket in some table, if it has the segments of all tables.
    pub expected_recall: f64,
    /// Row pairs in all buckets of all tables.
    pub expected_pairs: f64,
    /// Why it is on or off.
    pub verdict: LshVerdict,
}

/// Whether LSH is worth its pairs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LshVerdict {
    /// A match costs fewer pairs than [`limits::LSH_PAIRS_PER_MATCH`].
    Pays,
    /// A match costs more.
    TooManyPairs,
    /// The schema has no birth segment or no name segment.
    NoSegments,
    /// Not one table fits in the bound on pairs.
    NoRoom,
}

impl LshVerdict {
    /// A sentence for the plan of a run.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::Pays => "on: it finds pairs that are equal nowhere for few comparisons",
            Self::TooManyPairs => {
                "off: too many comparisons for one more match (diffused segments)"
            }
            Self::NoSegments => "off: the schema has no birth date or no name",
            Self::NoRoom => "off: it would not fit in the bound on pairs",
        }
    }
}

/// The bits of one table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LshTable {
    /// The two segments, one bit each.
    pub(crate) segments: u8,
    /// Word of the row and bit of the word.
    bits: Vec<(usize, u32)>,
}

impl LshTable {
    /// The row's bits of this table; `None` if the row lacks one of the two segments.
    #[cfg_attr(not(test), expect(dead_code, reason = "for the passes"))]
    pub(crate) fn key(&self, row: &[u64], missing: u8) -> Option<u64> {
        let bits = self.bits.iter();
        (missing & self.segments == 0)
            .then(|| bits.fold(0, |key, &(word, bit)| key << 1 | row[word] >> bit & 1))
    }
}

/// The tables of a run: none where they do not pay. The choice of bits follows from the seed.
#[cfg_attr(not(test), expect(dead_code, reason = "for the passes"))]
pub(crate) fn tables(schema: &Schema, settings: &Settings, rows: u64) -> Vec<LshTable> {
    let plan = plan(schema, rows, TARGET_RECALL, f64::INFINITY);
    match plan.verdict {
        LshVerdict::Pays => make(schema, settings.seed, &plan),
        LshVerdict::TooManyPairs | LshVerdict::NoSegments | LshVerdict::NoRoom => Vec::new(),
    }
}

/// Chooses the bits so that buckets have [`limits::LSH_BUCKET_ROWS`] rows on average, then the tables
/// for the target, as many as the bounds allow.
#[must_use]
pub fn plan(schema: &Schema, rows: u64, target_recall: f64, pairs_max: f64) -> LshPlan {
    let off = |verdict| LshPlan {
        tables: 0,
        bits: 0,
        expected_recall: 0.0,
        expected_pairs: 0.0,
        verdict,
    };
    let pairs = segment_pairs(schema);
    let Some(&first) = pairs.first() else {
        return off(LshVerdict::NoSegments);
    };
    let agree = |(birth, name): (usize, usize), strangers: bool, bits: usize| {
        let of = |segment: usize, bits: usize| {
            agreement(&schema.segments()[segment], strangers).powf(bits as f64)
        };
        of(birth, bits / 2) * of(name, bits - bits / 2)
    };
    let rows = rows.max(2) as f64;
    let bucket = |bits| rows * agree(first, true, bits);
    let bits = (2..limits::LSH_BITS_MAX).find(|&bits| bucket(bits) <= limits::LSH_BUCKET_ROWS);
    let bits = bits.unwrap_or(limits::LSH_BITS_MAX);
    let (mut tables, mut missed, mut expected) = (0, 1.0, 0.0);
    for &pair in pairs.iter().cycle().take(limits::LSH_TABLES_MAX) {
        let cost = rows * rows / 2.0 * agree(pair, true, bits);
        if expected + cost > pairs_max || 1.0 - missed >= target_recall {
            break;
        }
        tables += 1;
        expected += cost;
        missed *= 1.0 - agree(pair, false, bits);
    }
    if tables == 0 {
        return off(LshVerdict::NoRoom);
    }
    let matches = rows * LOST_PER_ROW * (1.0 - missed);
    LshPlan {
        tables,
        bits,
        expected_recall: 1.0 - missed,
        expected_pairs: expected,
        verdict: if expected <= matches * limits::LSH_PAIRS_PER_MATCH {
            LshVerdict::Pays
        } else {
            LshVerdict::TooManyPairs
        },
    }
}

/// The tables of a plan, in which the pairs of segments take turns.
fn make(schema: &Schema, seed: u64, plan: &LshPlan) -> Vec<LshTable> {
    // The sample of a run is drawn from the seed itself.
    let mut random = SplitMix::new(seed ^ 0x6c73_6800_0000_0000);
    let pairs = segment_pairs(schema).into_iter().cycle();
    let tables = pairs.take(plan.tables).map(|(birth, name)| {
        let mut bits = draw(schema, &mut random, birth, plan.bits / 2);
        bits.extend(draw(schema, &mut random, name, plan.bits - plan.bits / 2));
        LshTable {
            segments: 1 << birth | 1 << name,
            bits,
        }
    });
    tables.collect()
}

fn draw(schema: &Schema, random: &mut SplitMix, segment: usize, count: usize) -> Vec<(usize, u32)> {
    let segment = &schema.segments()[segment];
    let chosen = random
        .choose(0..u32::MAX, segment.bits(), count)
        .into_iter();
    let place = |bit: u32| (segment.words.start + (bit / 64) as usize, bit % 64);
    chosen.map(place).collect()
}

/// Every birth segment with every name segment.
fn segment_pairs(schema: &Schema) -> Vec<(usize, usize)> {
    let with = |role| {
        let segments = schema.segments().iter().enumerate();
        segments.filter_map(move |(index, segment)| (segment.role == role).then_some(index))
    };
    with(Role::Birth)
        .flat_map(|birth| with(Role::Name).map(move |name| (birth, name)))
        .collect()
}

/// The share of bits that agree after one wrong character, or between strangers.
fn agreement(segment: &Segment, strangers: bool) -> f64 {
    let replaced = match (segment.role, strangers) {
        // One of eight digits and a sex; strangers share a century and often a first digit.
        (Role::Birth, false) => 1.0 / 9.0,
        (Role::Birth, true) => 0.6,
        // A character is in two of some eight bigrams; strangers share few.
        (Role::Name | Role::Place | Role::Number, false) => 0.25,
        (Role::Name | Role::Place | Role::Number, true) => 0.95,
    };
    let empty = 1.0 - f64::from(segment.fill_permille) / 1000.0;
    let differ = 2.0 * empty * (1.0 - empty.powf(replaced));
    let even = (1.0 - 2.0 * differ).powf(f64::from(segment.diffusion));
    f64::midpoint(1.0, even)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::world::{self, Dice, Encoder, Values};

    fn jp_1(diffusion: u32) -> Schema {
        let text = include_str!("../../token/schemas/jp-1.toml");
        let text = text.replace("diffusion = 5", &format!("diffusion = {diffusion}"));
        Schema::parse(&text).expect("the schema parses")
    }

    fn row(encoder: &Encoder, values: &Values) -> (Vec<u64>, u8) {
        let token = values.token(encoder, 0);
        (token.row, token.flags.missing_mask())
    }

    /// One wrong digit of the birth date and one wrong character in each name.
    fn damaged(values: &Values, dice: &mut Dice) -> Values {
        let mut values = values.clone();
        let spoil = |symbols: &mut Option<Vec<u64>>, alphabet: u64, dice: &mut Dice| {
            let symbols = symbols.as_mut().expect("people have everything");
            let at = dice.below(symbols.len() as u64 - 1);
            let at = usize::try_from(at).expect("a short list");
            symbols[at] = (symbols[at] + 1 + dice.below(alphabet - 1)) % alphabet;
        };
        spoil(&mut values.birth, 10, dice);
        spoil(&mut values.kana, 45, dice);
        spoil(&mut values.kanji, 600, dice);
        values
    }

    /// Measured recall of damaged pairs and pairs in buckets, beside the plan's.
    fn measure(diffusion: u32, people: usize, tables: usize) -> (LshPlan, f64, f64) {
        let schema = jp_1(diffusion);
        let encoder = Encoder::of(schema.clone());
        let mut plan = plan(&schema, people as u64, 1.0, f64::INFINITY);
        plan.tables = plan.tables.min(tables);
        let made = make(&schema, 1, &plan);
        let per_table =
            1.0 - (1.0 - plan.expected_recall).powf(1.0 / limits::LSH_TABLES_MAX as f64);
        plan.expected_recall = 1.0 - (1.0 - per_table).powf(plan.tables as f64);
        plan.expected_pairs *= plan.tables as f64 / limits::LSH_TABLES_MAX as f64;
        let mut dice = Dice::new(3);
        let people = world::people(people, 4);
        let (mut found, tried) = (0, 1500);
        for values in &people[..tried] {
            let (a, b) = (
                row(&encoder, values),
                row(&encoder, &damaged(values, &mut dice)),
            );
            let shared = |table: &LshTable| table.key(&a.0, a.1) == table.key(&b.0, b.1);
            found += usize::from(made.iter().any(shared));
        }
        let rows: Vec<_> = people.iter().map(|values| row(&encoder, values)).collect();
        let mut pairs = 0;
        for table in &made {
            let mut buckets: BTreeMap<u64, u64> = BTreeMap::new();
            for (row, missing) in &rows {
                if let Some(key) = table.key(row, *missing) {
                    *buckets.entry(key).or_default() += 1;
                }
            }
            pairs += buckets.values().map(|&n| n * (n - 1) / 2).sum::<u64>();
        }
        (plan, found as f64 / tried as f64, pairs as f64)
    }

    #[test]
    fn recall_and_buckets_are_as_planned() {
        for (diffusion, tables) in [(1, 12), (3, 12), (5, 32)] {
            let (plan, recall, pairs) = measure(diffusion, 20_000, tables);
            println!("t = {diffusion}: {plan:?}, measured {recall:.3}, {pairs:.0} pairs");
            assert!((recall - plan.expected_recall).abs() < 0.12);
            let ratio = pairs / plan.expected_pairs;
            assert!((0.3..3.0).contains(&ratio), "{ratio}");
        }
    }

    #[test]
    fn it_pays_without_diffusion_and_not_with_it() {
        for rows in [1_000_000, 10_000_000] {
            let plain = plan(&jp_1(1), rows, TARGET_RECALL, f64::INFINITY);
            let diffused = plan(&jp_1(5), rows, TARGET_RECALL, f64::INFINITY);
            println!("{rows}: plain {plain:?}\n diffused {diffused:?}");
            assert_eq!(plain.verdict, LshVerdict::Pays);
            assert_eq!(diffused.verdict, LshVerdict::TooManyPairs);
            assert!(diffused.expected_recall < plain.expected_recall);
            let settings = Settings::standard();
            assert_eq!(tables(&jp_1(1), &settings, rows).len(), plain.tables);
            assert!(tables(&jp_1(5), &settings, rows).is_empty());
        }
    }

    #[test]
    fn bounds_and_missing_segments() {
        let schema = jp_1(1);
        let none = plan(&schema, 1_000_000, TARGET_RECALL, 1.0);
        assert_eq!((none.tables, none.verdict), (0, LshVerdict::NoRoom));
        let free = plan(&schema, 1_000_000, 1.0, f64::INFINITY);
        assert_eq!(free.tables, limits::LSH_TABLES_MAX);
        let half = plan(&schema, 1_000_000, 1.0, free.expected_pairs / 2.0);
        assert!(half.tables < free.tables && half.expected_pairs <= free.expected_pairs / 2.0);
        let huge = plan(&schema, u64::MAX, TARGET_RECALL, f64::INFINITY);
        assert!(huge.bits <= limits::LSH_BITS_MAX);
        let made = make(&schema, 1, &free);
        assert_ne!(made[0], made[2]);
        assert_eq!(make(&schema, 1, &free), made);
        for table in &made {
            assert_eq!(table.bits.len(), free.bits);
            assert_eq!(table.segments.count_ones(), 2);
            assert!(table.key(&[0; 16], table.segments & 0b11).is_none());
            assert_eq!(table.key(&[0; 16], 0), Some(0));
        }
        let text = include_str!("../../token/schemas/jp-1.toml");
        let nameless = text.replace("role = \"name\"", "role = \"place\"");
        let nameless = Schema::parse(&nameless).expect("the schema parses");
        let off = plan(&nameless, 1_000_000, TARGET_RECALL, f64::INFINITY);
        assert_eq!(off.verdict, LshVerdict::NoSegments);
    }
}
