//! Why two records are, or are not, one person: levels and weights, never bits.

use crate::{
    block::{self, Blocks},
    dataset::{Dataset, RecordKey},
    error::MatchError,
    model::Model,
    rules::{Decision, Rule},
    settings::{Cancel, Settings},
    weigh::Scorer,
};

/// One segment's part of a pair's weight.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentExplanation {
    /// The segment's name.
    pub name: String,
    /// Its level, 0 for equal bits; `None` if either row lacks it.
    pub level: Option<usize>,
    /// Number of levels.
    pub levels: usize,
    /// Weight of the level, in 1/256 bit.
    pub weight: i32,
    /// Correction for a rare or frequent value, in 1/256 bit.
    pub frequency: i32,
}

/// A pair's weight, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// Prior odds, in 1/256 bit.
    pub prior: i32,
    /// Segments in row order.
    pub segments: Vec<SegmentExplanation>,
    /// What the possibility of relatives or namesakes takes away, in 1/256 bit.
    pub doubt: i32,
    /// The sum.
    pub weight: i32,
    /// The verdict.
    pub decision: Decision,
    /// What decided.
    pub rule: Rule,
}

/// Explains pairs of one data set under one model. Building it counts values once.
pub struct Explainer<'a> {
    dataset: &'a Dataset,
    settings: &'a Settings,
    model: &'a Model,
    blocks: Blocks,
}

impl std::fmt::Debug for Explainer<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Explainer(..)")
    }
}

impl<'a> Explainer<'a> {
    /// Counts how often values occur.
    #[must_use]
    pub fn new(dataset: &'a Dataset, settings: &'a Settings, model: &'a Model) -> Self {
        Self {
            dataset,
            settings,
            model,
            blocks: block::build(dataset, settings, &|_| ()),
        }
    }

    /// Explains the best pair of rows of two records; `None` if a record is not in the data set.
    ///
    /// # Errors
    /// [`MatchError::Source`] if the rows are not in memory and cannot be read.
    pub fn explain(&self, a: &RecordKey, b: &RecordKey) -> Result<Option<Explanation>, MatchError> {
        let record = |key| {
            let found = self.dataset.keys().binary_search(key).ok();
            found.and_then(|record| u32::try_from(record).ok())
        };
        let (Some(a), Some(b)) = (record(a), record(b)) else {
            return Ok(None);
        };
        let scorer = Scorer::new(self.dataset, &self.blocks, self.settings, self.model);
        let dataset = self.dataset;
        let rows: Vec<u32> = dataset.rows_of(a).chain(dataset.rows_of(b)).collect();
        let words = dataset.fetch(&Cancel::new(), &rows)?;
        let width = dataset.grading().row_words();
        let states: Vec<(u32, &[u64])> = rows.into_iter().zip(words.chunks_exact(width)).collect();
        let (ones, others) = states.split_at(dataset.rows_of(a).len());
        let pairs = ones
            .iter()
            .flat_map(|one| others.iter().map(move |other| (one, other)));
        let weighed = pairs.map(|(&(row, one), &(other, two))| {
            let missing = dataset.flags(row).missing_mask() | dataset.flags(other).missing_mask();
            let pattern = dataset.grading().pattern(one, two, missing);
            (scorer.rows(row, other, pattern), row, pattern)
        });
        let best = weighed.max_by_key(|(evaluation, ..)| (evaluation.weight, evaluation.decision));
        let Some((evaluation, row, pattern)) = best else {
            return Ok(None);
        };
        let grading = self.dataset.grading();
        let segments = self
            .model
            .segments
            .iter()
            .enumerate()
            .map(|(index, segment)| {
                let level = grading.level(pattern, index);
                SegmentExplanation {
                    name: segment.name.clone(),
                    level,
                    levels: grading.levels(index),
                    weight: level.map_or(0, |level| segment.weights[level]),
                    frequency: match level {
                        Some(0) => scorer.frequency(pattern, index, row),
                        _ => 0,
                    },
                }
            });
        let segment_count = 0..grading.segment_count();
        let levels: Vec<_> = segment_count.map(|s| grading.level(pattern, s)).collect();
        Ok(Some(Explanation {
            prior: self.model.prior_weight,
            doubt: self.model.doubt(&levels),
            segments: segments.collect(),
            weight: evaluation.weight,
            decision: evaluation.decision,
            rule: evaluation.rule,
        }))
    }
}

/// Explains one pair. For many pairs keep an [`Explainer`].
///
/// # Errors
/// See [`Explainer::explain`].
pub fn explain(
    dataset: &Dataset,
    settings: &Settings,
    model: &Model,
    a: &RecordKey,
    b: &RecordKey,
) -> Result<Option<Explanation>, MatchError> {
    Explainer::new(dataset, settings, model).explain(a, b)
}
