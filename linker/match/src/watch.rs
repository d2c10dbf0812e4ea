//! Which segments must be looked at so that nothing worth keeping is passed over.
//!
//! A pair of rows is *quiet* if every watched segment that both rows have is at its bottom level. A
//! watch is exact if no quiet pair can count, whatever its other segments say: then a sift that lets
//! only the others through loses nothing. The fewest words that make an exact watch are searched in
//! the table of patterns, once per model. Two facts make that cheap. Of a pattern only three masks
//! matter: which segments are missing, which are at the bottom, which are equal. And a watch that
//! fails for a pattern fails for every part of itself, so failures are spread from masks to subsets.

use linker_kernels::Grading;
use linker_token::Schema;

use crate::weigh::Weights;

/// The exact watches of one model.
pub(crate) struct Watch {
    /// Words of each segment: what watching it costs.
    words: Vec<usize>,
    /// Per missing mask: (bottom, equal) of the patterns that count, each once.
    counting: Vec<Vec<(u8, u8)>>,
    /// Per missing mask, the watch if nothing is known to be equal.
    masks: Vec<Option<u8>>,
}

impl Watch {
    /// For pairs that are kept: links and reviews.
    #[cfg(test)]
    pub(crate) fn of_kept(schema: &Schema, grading: &Grading, weights: &Weights) -> Self {
        Self::new(schema, grading, |pattern| weights.may_keep(pattern))
    }

    /// For links alone.
    pub(crate) fn of_links(schema: &Schema, grading: &Grading, weights: &Weights) -> Self {
        Self::new(schema, grading, |pattern| weights.may_link(pattern))
    }

    /// For pairs whose patterns `counts` accepts.
    pub(crate) fn new(schema: &Schema, grading: &Grading, counts: impl Fn(u32) -> bool) -> Self {
        let segments = grading.segment_count();
        let mut counting = vec![Vec::new(); 1 << segments];
        for pattern in (0_u32..).take(grading.patterns()).filter(|&p| counts(p)) {
            let (mut missing, mut bottom, mut equal) = (0_u8, 0_u8, 0_u8);
            for segment in 0..segments {
                match grading.level(pattern, segment) {
                    None => missing |= 1 << segment,
                    Some(level) => {
                        equal |= u8::from(level == 0) << segment;
                        bottom |= u8::from(level + 1 == grading.levels(segment)) << segment;
                    }
                }
            }
            counting[usize::from(missing)].push((bottom, equal));
        }
        for kinds in &mut counting {
            kinds.sort_unstable();
            kinds.dedup();
        }
        let mut watch = Self {
            words: schema.segments().iter().map(|s| s.words.len()).collect(),
            counting,
            masks: Vec::new(),
        };
        watch.masks = (0..=u8::MAX)
            .take(1 << segments)
            .map(|missing| watch.search(missing, 0))
            .collect();
        watch
    }

    /// The cheapest exact watch for pairs that lack `missing`. `Some(0)`: no such pair counts. `None`:
    /// even a pair that disagrees in everything may count, so every pattern must be looked at.
    pub(crate) fn mask(&self, missing: u8) -> Option<u8> {
        self.masks[usize::from(missing)]
    }

    /// As [`Self::mask`], for pairs that are known to be equal in the segments `equal`.
    pub(crate) fn mask_in_block(&self, missing: u8, equal: u8) -> Option<u8> {
        match equal & !missing {
            0 => self.mask(missing),
            equal => self.search(missing, equal),
        }
    }

    /// One watch for pairs with several missing masks. It is exact for each of them, since watching
    /// more lets more through, but not always the cheapest that is.
    #[cfg_attr(not(test), expect(dead_code, reason = "for blocks"))]
    pub(crate) fn mask_over(&self, missing: impl IntoIterator<Item = u8>, equal: u8) -> Option<u8> {
        let masks = missing.into_iter();
        let mut masks = masks.map(|missing| self.mask_in_block(missing, equal));
        masks.try_fold(0, |all, mask| Some(all | mask?))
    }

    fn search(&self, missing: u8, equal: u8) -> Option<u8> {
        let segments = self.words.len();
        let all = u8::try_from((1_usize << segments) - 1).expect("eight segments or fewer");
        let free = all & !missing & !equal;
        let mut fails = vec![false; 1 << segments];
        for &(bottom, also) in &self.counting[usize::from(missing)] {
            if also & equal == equal {
                fails[usize::from(bottom & free)] = true;
            }
        }
        for segment in 0..segments {
            for mask in 0..fails.len() {
                let part = mask & !(1 << segment);
                fails[part] |= fails[mask];
            }
        }
        let cost = |mask: u8| {
            let words = self.words.iter().enumerate();
            let watched = words.filter(|(segment, _)| mask >> segment & 1 == 1);
            let words: usize = watched.map(|(_, words)| words).sum();
            (words, mask.count_ones(), mask)
        };
        (0..=all)
            .filter(|&mask| mask & !free == 0 && !fails[usize::from(mask)])
            .min_by_key(|&mask| cost(mask))
    }
}

#[cfg(test)]
mod tests {
    use linker_token::Flags;

    use super::*;
    use crate::{
        model::{Model, ModelSource, Parameters},
        rules::Decision,
        settings::Settings,
    };

    fn graded(schema: &Schema) -> Grading {
        let segments = schema.segments().iter();
        let parts: Vec<_> = segments.map(|s| (s.words.clone(), s.cuts())).collect();
        Grading::new(schema.row_words(), &parts).expect("the schema is gradable")
    }

    fn weights(schema: &Schema, settings: &Settings, records: usize) -> (Grading, Weights) {
        let grading = graded(schema);
        let parameters = Parameters::default_for(schema, records);
        let present = vec![records as u64; schema.segments().len()];
        let model = Model::new(schema, ModelSource::Trained, parameters, &present);
        let weights = Weights::new(schema, &grading, settings, &model);
        (grading, weights)
    }

    /// Whether a pair of this pattern is decided as `Review` or `Link` for some flags and some
    /// frequencies: the definition, with every flag that a rule reads.
    fn decided(weights: &Weights, pattern: u32, at_least: Decision) -> bool {
        let flags = [
            Flags::default(),
            Flags::WEAK_EVIDENCE,
            Flags::PARTIAL_BIRTH,
            Flags::WILDCARD_NAME,
            Flags::TWIN_OR_NEWBORN,
            Flags::TEST_RECORD,
        ];
        flags.into_iter().any(|flags| {
            let pair = (flags, Flags::default());
            // Class 0 has the largest correction, so this is the heaviest such pair.
            weights.evaluate(pattern, pair, |_| 0).decision >= at_least
        })
    }

    fn quiet(grading: &Grading, pattern: u32, watched: u8, equal: u8) -> bool {
        (0..grading.segment_count()).all(|segment| {
            let level = grading.level(pattern, segment);
            (watched >> segment & 1 == 0
                || level.is_none_or(|level| level + 1 == grading.levels(segment)))
                && (equal >> segment & 1 == 0 || level == Some(0))
        })
    }

    fn missing(grading: &Grading, pattern: u32) -> u8 {
        let segments = 0..grading.segment_count();
        segments.fold(0, |mask, segment| {
            mask | u8::from(grading.level(pattern, segment).is_none()) << segment
        })
    }

    /// The watch is exact, and no cheaper one is.
    #[test]
    fn every_watch_is_exact_and_the_cheapest() {
        for (schema, records, review) in [
            (Schema::jp_1(), 1_000_000, -4 * 256),
            (Schema::jp_1(), 3_000, -4 * 256),
            (Schema::en_1(), 20_000, 0),
        ] {
            let settings = Settings {
                review_threshold: review,
                ..Settings::standard()
            };
            let (grading, weights) = weights(&schema, &settings, records);
            for (watch, at_least) in [
                (
                    Watch::of_kept(&schema, &grading, &weights),
                    Decision::Review,
                ),
                (Watch::of_links(&schema, &grading, &weights), Decision::Link),
            ] {
                let patterns = (0_u32..).take(grading.patterns());
                let counting: Vec<(u32, u8)> = patterns
                    .filter(|&pattern| decided(&weights, pattern, at_least))
                    .map(|pattern| (pattern, missing(&grading, pattern)))
                    .collect();
                let all = u8::try_from((1_u32 << schema.segments().len()) - 1).expect("small");
                for lacking in 0..=all {
                    for equal in std::iter::once(0).chain((0..8).map(|s| 1 << s)) {
                        if equal & !all | equal & lacking != 0 {
                            continue;
                        }
                        let exact = |mask: u8| {
                            !counting.iter().any(|&(pattern, missing)| {
                                missing == lacking && quiet(&grading, pattern, mask, equal)
                            })
                        };
                        let words = |mask: u8| -> usize {
                            let segments = schema.segments().iter().enumerate();
                            let watched = segments.filter(|(s, _)| mask >> s & 1 == 1);
                            watched.map(|(_, segment)| segment.words.len()).sum()
                        };
                        let found = watch.mask_in_block(lacking, equal);
                        let masks = 0..=(all & !lacking & !equal);
                        let masks = masks.filter(|mask| mask & (lacking | equal) == 0);
                        let cheapest = masks.filter(|&mask| exact(mask)).map(words).min();
                        assert_eq!(found.map(words), cheapest);
                        assert!(found.is_none_or(exact));
                    }
                }
            }
        }
    }

    #[test]
    fn a_watch_over_several_masks_is_exact_for_each() {
        let schema = Schema::jp_1();
        let (grading, weights) = weights(&schema, &Settings::standard(), 100_000);
        let watch = Watch::of_kept(&schema, &grading, &weights);
        let both = watch.mask_over([0, 0b10], 0b100).expect("there is one");
        for missing in [0, 0b10] {
            let one = watch.mask_in_block(missing, 0b100).expect("there is one");
            assert_eq!(both & one, one);
        }
    }

    #[test]
    fn a_threshold_below_everything_needs_every_pattern() {
        let schema = Schema::jp_1();
        let settings = Settings {
            review_threshold: -100 * 256,
            ..Settings::standard()
        };
        let (grading, weights) = weights(&schema, &settings, 1000);
        let watch = Watch::of_kept(&schema, &grading, &weights);
        // Without a name and a birth date nothing contradicts.
        assert_eq!(watch.mask(0b111), None);
        assert_eq!(watch.mask_over([0, 0b111], 0), None);
        // With them, a pair that disagrees in both is never kept.
        assert_eq!(watch.mask(0), Some(0b111));
    }
}
