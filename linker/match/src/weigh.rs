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

    /// Correction of segment `segment` for a value of frequency class `class`.
    pub(crate) fn frequency(&self, segment: usize, class: u8) -> i32 {
        self.frequency[segment][usize::from(class)]
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
                weight += self.frequency(segment, class(segment));
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

    pub(crate) fn entry(&self, pattern: u32) -> &PatternEntry {
        self.weights.entry(pattern)
    }

    /// Whether no rule holds back a pair of this pattern between rows without flags.
    pub(crate) fn is_free(&self, pattern: u32) -> bool {
        self.weights.is_free(pattern)
    }

    /// Correction of segment `segment` for the frequency of the value in row `row`.
    pub(crate) fn frequency(&self, segment: usize, row: u32) -> i32 {
        let class = self.blocks.classes[segment][row as usize];
        self.weights.frequency(segment, class)
    }

    /// The pattern of two rows.
    pub(crate) fn pattern(&self, a: u32, b: u32) -> u32 {
        let data = self.dataset;
        let missing = data.flags(a).missing_mask() | data.flags(b).missing_mask();
        data.grading().pattern(data.row(a), data.row(b), missing)
    }

    /// Weighs two rows whose pattern is known.
    pub(crate) fn rows(&self, a: u32, b: u32, pattern: u32) -> Evaluation {
        let flags = (self.dataset.flags(a), self.dataset.flags(b));
        let class = |segment: usize| self.blocks.classes[segment][a as usize];
        self.weights.evaluate(pattern, flags, class)
    }

    /// Weighs two records by their best pair of rows.
    ///
    /// A row is one state of a person's data, so the best pair of states is meant, not the best of
    /// each segment: choosing segment by segment would let chance agreements add up.
    pub(crate) fn records(&self, a: u32, b: u32) -> Evaluation {
        let (rows, others) = (self.dataset.rows_of(a), self.dataset.rows_of(b));
        rows.flat_map(|row| others.clone().map(move |other| (row, other)))
            .map(|(row, other)| self.rows(row, other, self.pattern(row, other)))
            .max_by_key(|evaluation| (evaluation.weight, evaluation.decision))
            .expect("a record has at least one row")
    }
}

/// Per class c (8·log2 of the rows with a value): base − 32·c, floored at rare values and clamped.
fn frequencies(base: i32) -> Vec<i32> {
    let rare = i32::try_from(8 * limits::RARE_ROWS.ilog2()).expect("a small number");
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
