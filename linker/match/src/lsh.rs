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

use crate::{
    block::{self, Blocks, RowKey},
    dataset::Dataset,
    error::MatchError,
    limits,
    random::SplitMix,
    settings::{Cancel, Lsh, Settings},
};

/// Share of the pairs with two damaged segments that a plan aims at.
pub const TARGET_RECALL: f64 = 0.9;
/// Matches per row that are equal in no segment: by the default model's shares of unequal segments
/// 0.07 · 0.25 · 0.25 · 0.4 · 0.5 of the matches, of which there is one for two rows.
const LOST_PER_ROW: f64 = 0.000_44;

/// What LSH costs and finds, or would if it were on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LshPlan {
    /// Number of tables; each is a pass if the verdict is to have them.
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

impl LshPlan {
    /// Tables that the run has.
    #[must_use]
    pub fn tables_used(&self) -> usize {
        if self.verdict.is_on() { self.tables } else { 0 }
    }

    /// No tables.
    pub(crate) fn off(verdict: LshVerdict) -> Self {
        Self {
            tables: 0,
            bits: 0,
            expected_recall: 0.0,
            expected_pairs: 0.0,
            verdict,
        }
    }
}

/// Whether LSH is worth its pairs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LshVerdict {
    /// A match costs fewer pairs than [`limits::LSH_PAIRS_PER_MATCH`].
    Pays,
    /// The settings ask for it, whatever it costs.
    Asked,
    /// The settings do not want it.
    NotAsked,
    /// The run compares everything with everything: there is nothing left to find.
    Exhaustive,
    /// The run has fewer rows than [`limits::LSH_ROWS_MIN`].
    FewRows,
    /// A match costs more.
    TooManyPairs,
    /// The schema has no birth segment or no name segment.
    NoSegments,
    /// Not one table fits in the bound on pairs.
    NoRoom,
}

impl LshVerdict {
    /// Whether the run has the tables.
    #[must_use]
    pub fn is_on(self) -> bool {
        matches!(self, Self::Pays | Self::Asked)
    }

    /// A sentence for the plan of a run.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::Pays => "on: it finds pairs that are equal nowhere for few comparisons",
            Self::Asked => "on: the settings ask for it",
            Self::NotAsked => "off: the settings do not want it",
            Self::Exhaustive => "off: the run compares everything with everything",
            Self::FewRows => "off: so few rows can be compared with each other completely",
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
    pub(crate) fn key(&self, row: &[u64], missing: u8) -> Option<u64> {
        let bits = self.bits.iter();
        (missing & self.segments == 0)
            .then(|| bits.fold(0, |key, &(word, bit)| key << 1 | row[word] >> bit & 1))
    }

    /// Names the choice of bits: a delta run compares a bucket in part only if its base had the same
    /// table.
    fn identity(&self) -> u64 {
        let start = u64::from(self.segments);
        self.bits.iter().fold(start, |hash, &(word, bit)| {
            let bit = 64 * word as u64 + u64::from(bit);
            let mixed = (hash.rotate_left(25) ^ bit).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            mixed ^ mixed >> 29
        })
    }
}

/// Decides about a run of `rows` rows before it starts.
pub(crate) fn decide(schema: &Schema, settings: &Settings, rows: u64, exhaustive: bool) -> LshPlan {
    let target = match settings.lsh {
        Lsh::Off => return LshPlan::off(LshVerdict::NotAsked),
        Lsh::Auto | Lsh::On { .. } if exhaustive => return LshPlan::off(LshVerdict::Exhaustive),
        Lsh::Auto if rows < limits::LSH_ROWS_MIN => return LshPlan::off(LshVerdict::FewRows),
        Lsh::Auto => TARGET_RECALL,
        Lsh::On {
            target_recall_permille,
        } => f64::from(target_recall_permille) / 1000.0,
    };
    let plan = plan(schema, rows, target, f64::INFINITY);
    if settings.lsh == Lsh::Auto || plan.tables == 0 {
        return plan;
    }
    let verdict = LshVerdict::Asked;
    LshPlan { verdict, ..plan }
}

/// Adds the passes over the tables that the plan in `blocks` has. One scan of the rows for all of them.
pub(crate) fn add_passes(
    dataset: &Dataset,
    settings: &Settings,
    stop: &Cancel,
    blocks: &mut Blocks,
) -> Result<(), MatchError> {
    if !blocks.lsh.verdict.is_on() {
        return Ok(());
    }
    let tables = make(dataset.schema(), settings.seed, &blocks.lsh);
    let of = |table: &LshTable| {
        let table = table.clone();
        move |row: &[u64], missing: u8| table.key(row, missing)
    };
    let keys: Vec<_> = tables.iter().map(of).collect();
    let keys: Vec<RowKey<'_>> = keys.iter().map(|key| key as RowKey<'_>).collect();
    let columns = block::keys(dataset, stop, &keys)?;
    for (number, (table, column)) in (1..).zip(tables.iter().zip(columns)) {
        stop.check()?;
        let name = format!("lsh-{number}");
        let (pass, members) = block::key_pass(dataset, settings, (name, table.identity()), column);
        blocks.passes.push(pass);
        blocks.members.push(members);
    }
    Ok(())
}

/// Chooses the bits so that buckets have [`limits::LSH_BUCKET_ROWS`] rows on average, then the tables
/// for the target, as many as the bounds allow.
#[must_use]
pub fn plan(schema: &Schema, rows: u64, target_recall: f64, pairs_max: f64) -> LshPlan {
    let pairs = segment_pairs(schema);
    let Some(&first) = pairs.first() else {
        return LshPlan::off(LshVerdict::NoSegments);
    };
    let agree = |(birth, name): (usize, usize), strangers: bool, bits: usize| {
        let of = |segment: usize, bits: usize| {
            agreement(&schema.segments()[segment], strangers).powf(bits as f64)
        };
        of(birth, bits / 2) * of(name, bits - bits / 2)
    };
    let room = usize::try_from(limits::LSH_TABLE_ROWS_MAX / rows.max(1)).unwrap_or(usize::MAX);
    let rows = rows.max(2) as f64;
    let bucket = |bits| rows * agree(first, true, bits);
    let bits = (2..limits::LSH_BITS_MAX).find(|&bits| bucket(bits) <= limits::LSH_BUCKET_ROWS);
    let bits = bits.unwrap_or(limits::LSH_BITS_MAX);
    let (mut tables, mut missed, mut expected) = (0, 1.0, 0.0);
    let most = limits::LSH_TABLES_MAX.min(room);
    for &pair in pairs.iter().cycle().take(most) {
        let cost = rows * rows / 2.0 * agree(pair, true, bits);
        if expected + cost > pairs_max || 1.0 - missed >= target_recall {
            break;
        }
        tables += 1;
        expected += cost;
        missed *= 1.0 - agree(pair, false, bits);
    }
    if tables == 0 {
        return LshPlan::off(LshVerdict::NoRoom);
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
mod tests;
