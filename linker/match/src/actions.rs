//! What one pass does with a pair, by the pair's pattern; and which pairs it need not look at.

use crate::{
    dataset::Dataset,
    limits,
    settings::Settings,
    watch::{Watch, Watched},
    weigh::Scorer,
};

/// Per pattern, what to do with its pairs in some blocks of one pass.
pub(crate) struct Actions {
    by_pattern: Vec<u8>,
    /// Per missing mask of a pair: the watch that is exact for this pass.
    watches: Vec<Option<Watched>>,
}

impl Actions {
    /// An earlier pass over a segment may have had the pair.
    pub(crate) const HAD: u8 = 1;
    /// The pair may be kept.
    pub(crate) const KEEP: u8 = 2;

    /// The actions of a pass, from blocks of rare values to blocks of frequent ones. `own` is the
    /// segment that is equal in all its pairs, `had` marks the segments of earlier passes. Pairs that
    /// these had are watched too, so that their number is exact.
    pub(crate) fn of_pass(
        dataset: &Dataset,
        scorer: &Scorer<'_>,
        settings: &Settings,
        own: Option<usize>,
        had: u8,
    ) -> Vec<Self> {
        let patterns = (0..).take(dataset.grading().patterns());
        let action = |pattern: u32| {
            let equal = scorer.entry(pattern).agreement.equal;
            let had = if equal & had == 0 { 0 } else { Self::HAD };
            let keep = scorer.weights().may_keep(pattern);
            had | if keep { Self::KEEP } else { 0 }
        };
        let base: Vec<u8> = patterns.clone().map(action).collect();
        let Some(segment) = own else {
            return vec![Self::new(dataset, 0, base)];
        };
        let classes = limits::BLOCK_CLASSES.into_iter();
        let each = classes.map(|class| {
            // A base retains pairs that a somewhat rarer value would keep.
            let class = class.saturating_sub(limits::CLASS_SLACK);
            let of = |other| if other == segment { class } else { 0 };
            let most = |pattern| scorer.weights().ceiling(pattern, of);
            let keep = |pattern| most(pattern) >= settings.review_threshold;
            let actions = patterns.clone().zip(&base);
            let actions = actions.map(|(pattern, &action)| {
                action & if keep(pattern) { u8::MAX } else { !Self::KEEP }
            });
            Self::new(dataset, 1 << segment, actions.collect())
        });
        each.collect()
    }

    fn new(dataset: &Dataset, own: u8, by_pattern: Vec<u8>) -> Self {
        let (schema, grading) = (dataset.schema(), dataset.grading());
        let watch = Watch::new(schema, grading, |pattern| by_pattern[pattern as usize] != 0);
        let masks = (0..=u8::MAX).take(1 << grading.segment_count());
        let watches = masks.map(|missing| watch.in_block(missing, own));
        Self {
            watches: watches.collect(),
            by_pattern,
        }
    }

    /// Which of a pass's actions are for a block whose value has this frequency class: what a frequent
    /// value is worth at most is known for the whole block, so most of its pairs need no look.
    pub(crate) fn level(class: u8) -> usize {
        let classes = limits::BLOCK_CLASSES.iter();
        classes.take_while(|&&least| least <= class).count() - 1
    }

    pub(crate) fn of(&self, pattern: u32) -> u8 {
        self.by_pattern[pattern as usize]
    }

    /// What to watch for queries that lack `missing` against rows that lack one of `rows`: with quiet
    /// pairs there is nothing to do. `None`: every pair must be looked at.
    pub(crate) fn watch(&self, missing: u8, rows: &[u8]) -> Option<Watched> {
        let mut each = rows
            .iter()
            .map(|row| self.watches[usize::from(missing | row)]);
        each.try_fold(Watched::NOTHING, |all, one| Some(all.or(one?)))
    }
}
