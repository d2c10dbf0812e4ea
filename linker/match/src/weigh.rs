//! The weight of one pair and what follows from it.

use linker_kernels::Grading;
use linker_token::{Flags, Schema};

use crate::{
    block::Blocks,
    dataset::Dataset,
    limits,
    model::Model,
    rules::{Agreement, Decision, Roles, Rule},
    settings::Settings,
};

/// What the model and the rules say about a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Evaluation {
    pub(crate) weight: i32,
    pub(crate) decision: Decision,
    pub(crate) rule: Rule,
}

/// What a pattern is worth, computed once for every pattern.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PatternEntry {
    /// Prior, level weights and the doubt.
    pub(crate) weight: i32,
    /// The most that value frequencies can make of it.
    pub(crate) bound: i32,
    pub(crate) agreement: Agreement,
}

/// What a model, a schema and settings make of patterns; knows no rows.
pub(crate) struct Weights {
    settings: Settings,
    roles: Roles,
    table: Vec<PatternEntry>,
    /// Per segment and frequency class: what to add to an exact agreement.
    frequency: Vec<Vec<i32>>,
}

impl Weights {
    pub(crate) fn new(
        schema: &Schema,
        grading: &Grading,
        settings: &Settings,
        model: &Model,
    ) -> Self {
        let segments = model.segments.iter();
        let frequency: Vec<Vec<i32>> = segments.map(|s| frequencies(s.frequency_base)).collect();
        let patterns = (0_u32..).take(grading.patterns());
        Self {
            settings: *settings,
            roles: Roles::new(schema, settings.hold_twins),
            table: patterns
                .map(|pattern| entry(grading, model, &frequency, pattern))
                .collect(),
            frequency,
        }
    }

    pub(crate) fn entry(&self, pattern: u32) -> &PatternEntry {
        &self.table[pattern as usize]
    }

    /// Whether no rule holds back a pair of this pattern between rows without flags.
    pub(crate) fn is_free(&self, pattern: u32) -> bool {
        let agreement = self.entry(pattern).agreement;
        let none = Flags::default();
        self.roles.holds(agreement, none, none).is_none()
    }

    /// Whether a pair of this pattern between rows without flags can be a link or for review.
    pub(crate) fn is_kept(&self, pattern: u32) -> bool {
        let agreement = self.entry(pattern).agreement;
        let none = Flags::default();
        self.roles.holds(agreement, none, none) != Some(Rule::Contradiction)
    }

    /// Correction of an equal segment for its value's frequency. One name in several spellings is one
    /// value, so of the corrections of the equal names the strongest counts and not the sum.
    fn correction(&self, equal: u8, segment: usize, class: &impl Fn(usize) -> u8) -> i32 {
        let of = |segment: usize| self.frequency[segment][usize::from(class(segment))];
        let names = equal & self.roles.names();
        if names >> segment & 1 == 0 {
            return of(segment);
        }
        let others = (0..self.frequency.len()).filter(|s| names >> s & 1 == 1);
        let strongest = others.max_by_key(|&s| (of(s).abs(), std::cmp::Reverse(s)));
        if strongest == Some(segment) {
            of(segment)
        } else {
            0
        }
    }

    /// The most that a pair of rows can weigh if its values are as frequent as `class` says or more.
    /// Frequent names may hide each other's corrections, so only the favourable ones are added up.
    pub(crate) fn ceiling(&self, pattern: u32, class: impl Fn(usize) -> u8) -> i32 {
        let entry = self.entry(pattern);
        let (mut weight, mut up, mut best) = (entry.weight, 0, None);
        for segment in 0..self.frequency.len() {
            if entry.agreement.equal >> segment & 1 == 0 {
                continue;
            }
            let correction = self.frequency[segment][usize::from(class(segment))];
            if self.roles.names() >> segment & 1 == 1 {
                up += correction.max(0);
                best = best.max(Some(correction));
            } else {
                weight += correction;
            }
        }
        weight + best.map_or(0, |best| if best > 0 { up } else { best })
    }

    /// Whether some pair of this pattern is a link or for review. A pair that contradicts itself is
    /// neither, whatever its flags.
    pub(crate) fn may_keep(&self, pattern: u32) -> bool {
        let entry = self.entry(pattern);
        let none = Flags::default();
        entry.bound >= self.settings.review_threshold
            && self.roles.holds(entry.agreement, none, none) != Some(Rule::Contradiction)
    }

    /// Whether some pair of this pattern is a link. Flags only hold more back.
    pub(crate) fn may_link(&self, pattern: u32) -> bool {
        self.entry(pattern).bound >= self.settings.link_threshold && self.is_free(pattern)
    }

    /// Weighs a pair of rows. `class` tells the frequency class of a segment that is equal in both.
    pub(crate) fn evaluate(
        &self,
        pattern: u32,
        (one, other): (Flags, Flags),
        class: impl Fn(usize) -> u8,
    ) -> Evaluation {
        let entry = self.entry(pattern);
        let mut weight = entry.weight;
        for segment in 0..self.frequency.len() {
            if entry.agreement.equal >> segment & 1 == 1 {
                weight += self.correction(entry.agreement.equal, segment, &class);
            }
        }
        let held = self.roles.holds(entry.agreement, one, other);
        let rule = held.unwrap_or(Rule::Weight);
        let decision = if weight < self.settings.review_threshold
            || matches!(rule, Rule::Contradiction | Rule::TestRecord)
        {
            Decision::NonMatch
        } else if held.is_some() || weight < self.settings.link_threshold {
            Decision::Review
        } else {
            Decision::Link
        };
        Evaluation {
            weight,
            decision,
            rule,
        }
    }
}

/// Weighs pairs of one run. The same integers on every engine.
pub(crate) struct Scorer<'a> {
    dataset: &'a Dataset,
    blocks: &'a Blocks,
    weights: Weights,
}

impl<'a> Scorer<'a> {
    pub(crate) fn new(
        dataset: &'a Dataset,
        blocks: &'a Blocks,
        settings: &'a Settings,
        model: &Model,
    ) -> Self {
        Self {
            dataset,
            blocks,
            weights: Weights::new(dataset.schema(), dataset.grading(), settings, model),
        }
    }

    pub(crate) fn weights(&self) -> &Weights {
        &self.weights
    }

    pub(crate) fn entry(&self, pattern: u32) -> &PatternEntry {
        self.weights.entry(pattern)
    }

    /// Correction of segment `segment`, equal in this pattern, for the frequency of the value in a row.
    pub(crate) fn frequency(&self, pattern: u32, segment: usize, row: u32) -> i32 {
        let equal = self.entry(pattern).agreement.equal;
        let class = |segment: usize| self.blocks.classes[segment][row as usize];
        self.weights.correction(equal, segment, &class)
    }

    /// The most that two rows can weigh after their values became rarer; `classes` are per segment and
    /// row.
    pub(crate) fn ceiling(&self, (a, b): (u32, u32), pattern: u32, classes: &[Vec<u8>]) -> i32 {
        self.weights.ceiling(pattern, |segment| {
            let classes = &classes[segment];
            let class = classes[a as usize].min(classes[b as usize]);
            class.saturating_sub(limits::CLASS_SLACK)
        })
    }

    /// Weighs two rows whose pattern is known.
    pub(crate) fn rows(&self, a: u32, b: u32, pattern: u32) -> Evaluation {
        let flags = (self.dataset.flags(a), self.dataset.flags(b));
        let class = |segment: usize| self.blocks.classes[segment][a as usize];
        self.weights.evaluate(pattern, flags, class)
    }
}

/// The class of a value that so many rows have: eight times log2, rounded; a byte reaches 2^31.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "rows are bounded below 2^31, so the value lies between 0 and 248"
)]
pub(crate) fn frequency_class(rows: usize) -> u8 {
    ((rows as f64).log2() * 8.0).round() as u8
}

const _: () = assert!((limits::ROWS_MAX.ilog2() + 1) * 8 <= u8::MAX as u32);

/// Per class c (8·log2 of the rows with a value): base − 32·c, floored at rare values and clamped.
fn frequencies(base: i32) -> Vec<i32> {
    let rare = i32::from(limits::RARE_CLASS);
    (0..=i32::from(u8::MAX))
        .map(|class| {
            let rows = class.max(rare) * (limits::WEIGHT_UNIT / 8);
            (base - rows).clamp(-limits::FREQUENCY_DOWN_MAX, limits::FREQUENCY_UP_MAX)
        })
        .collect()
}

fn entry(grading: &Grading, model: &Model, frequency: &[Vec<i32>], pattern: u32) -> PatternEntry {
    let mut agreement = Agreement::default();
    let (mut weight, mut up) = (model.prior_weight, 0);
    for (index, segment) in model.segments.iter().enumerate() {
        let Some(level) = grading.level(pattern, index) else {
            continue;
        };
        let bit = |set: bool| u8::from(set) << index;
        let last = grading.levels(index) - 1;
        agreement.present |= bit(true);
        agreement.equal |= bit(level == 0);
        agreement.near |= bit(level <= 1 && level < last);
        agreement.bottom |= bit(level == last);
        agreement.support |= bit(segment.weights[level] >= limits::WEIGHT_UNIT);
        weight += segment.weights[level];
        if level == 0 {
            // Class 0 has the largest correction.
            up += frequency[index][0];
        }
    }
    let segments = 0..grading.segment_count();
    let levels: Vec<_> = segments
        .map(|index| grading.level(pattern, index))
        .collect();
    weight += model.doubt(&levels);
    PatternEntry {
        weight,
        bound: weight + up,
        agreement,
    }
}

const _: () = assert!(
    limits::WEIGHT_UNIT % 8 == 0,
    "frequency classes are eighths"
);
const _: () = assert!(
    limits::RARE_ROWS.is_power_of_two(),
    "its logarithm is exact"
);
