//! Which segments must be looked at so that nothing worth keeping is passed over.
//!
//! A pair of rows is *quiet* if every watched segment that both rows have is at its bottom level, or at
//! one of the lowest levels above it: strangers are often there by chance, and a pair that is nowhere
//! nearer seldom counts. A watch is exact if no quiet pair can count, whatever its other segments say:
//! then a sift that lets only the others through loses nothing. The fewest words that make an exact
//! watch, and among those the most levels that are quiet, are searched in the table of patterns, once
//! per model. Two facts make that cheap. Of a pattern only three masks matter: which segments are
//! missing, which are quiet, which are equal. And a watch that fails for a pattern fails for every part
//! of itself, so failures are spread from masks to subsets.

use linker_kernels::Grading;
use linker_token::Schema;

use crate::weigh::Weights;

/// What a sift looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Watched {
    /// The segments, a bit for each.
    pub(crate) segments: u8,
    /// How many of the lowest levels above the bottom are quiet too, at most [`LOWEST_MAX`].
    pub(crate) lowest: u8,
}

/// Most levels that are as quiet as the bottom. With a third one, and the schemas that there are, no more
/// pairs would be quiet.
pub(crate) const LOWEST_MAX: u8 = 2;

impl Watched {
    /// No pair is let through.
    pub(crate) const NOTHING: Self = Self {
        segments: 0,
        lowest: LOWEST_MAX,
    };

    /// Lets through what either of the two does, so it is exact where one of them is.
    pub(crate) fn or(self, other: Self) -> Self {
        Self {
            segments: self.segments | other.segments,
            lowest: self.lowest.min(other.lowest),
        }
    }
}

/// The exact watches of one model.
pub(crate) struct Watch {
    /// Words of each segment: what watching it costs.
    words: Vec<usize>,
    /// Per number of lowest levels and missing mask: (quiet, equal) of the patterns that count, each once.
    counting: Vec<Vec<Vec<(u8, u8)>>>,
    /// Per missing mask, the watch if nothing is known to be equal.
    known: Vec<Option<Watched>>,
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
        let counts: Vec<u32> = (0..)
            .take(grading.patterns())
            .filter(|&p| counts(p))
            .collect();
        let counting = (0..=LOWEST_MAX).map(|lowest| {
            let grading = grading.hearing_less(usize::from(lowest));
            kinds(&grading, &counts)
        });
        let mut watch = Self {
            words: schema.segments().iter().map(|s| s.words.len()).collect(),
            counting: counting.collect(),
            known: Vec::new(),
        };
        watch.known = (0..=u8::MAX)
            .take(1 << segments)
            .map(|missing| watch.search(missing, 0))
            .collect();
        watch
    }

    /// The cheapest exact watch for pairs that lack `missing`. No segments: no such pair counts. `None`:
    /// even a pair that disagrees in everything may count, so every pattern must be looked at.
    pub(crate) fn of(&self, missing: u8) -> Option<Watched> {
        self.known[usize::from(missing)]
    }

    /// As [`Self::of`], for pairs that are known to be equal in the segments `equal`.
    pub(crate) fn in_block(&self, missing: u8, equal: u8) -> Option<Watched> {
        match equal & !missing {
            0 => self.of(missing),
            equal => self.search(missing, equal),
        }
    }

    fn search(&self, missing: u8, equal: u8) -> Option<Watched> {
        let cost = |segments: u8| {
            let words = self.words.iter().enumerate();
            let watched = words.filter(|(segment, _)| segments >> segment & 1 == 1);
            watched.map(|(_, words)| words).sum::<usize>()
        };
        let each = (0..=LOWEST_MAX).rev().filter_map(|lowest| {
            let counting = &self.counting[usize::from(lowest)][usize::from(missing)];
            let exact = self.exact(counting, missing, equal);
            let segments = exact.min_by_key(|&mask| (cost(mask), mask.count_ones(), mask))?;
            Some(Watched { segments, lowest })
        });
        // Of several with as many words, the first: it hears least.
        let cheapest = each.min_by_key(|watched| cost(watched.segments))?;
        Some(match cheapest.segments {
            0 => Watched::NOTHING,
            _ => cheapest,
        })
    }

    /// The watches that no counting pattern with this missing mask slips through.
    fn exact(
        &self,
        counting: &[(u8, u8)],
        missing: u8,
        equal: u8,
    ) -> impl Iterator<Item = u8> + use<> {
        let segments = self.words.len();
        let all = u8::try_from((1_usize << segments) - 1).expect("eight segments or fewer");
        let free = all & !missing & !equal;
        let mut fails = vec![false; 1 << segments];
        for &(quiet, also) in counting {
            if also & equal == equal {
                fails[usize::from(quiet & free)] = true;
            }
        }
        for segment in 0..segments {
            for mask in 0..fails.len() {
                let part = mask & !(1 << segment);
                fails[part] |= fails[mask];
            }
        }
        (0..=all).filter(move |&mask| mask & !free == 0 && !fails[usize::from(mask)])
    }
}

/// Per missing mask, which segments are quiet and which are equal in the patterns.
fn kinds(grading: &Grading, patterns: &[u32]) -> Vec<Vec<(u8, u8)>> {
    let segments = grading.segment_count();
    let mut kinds = vec![Vec::new(); 1 << segments];
    for &pattern in patterns {
        let (mut missing, mut quiet, mut equal) = (0_u8, 0_u8, 0_u8);
        for segment in 0..segments {
            let level = grading.level(pattern, segment);
            missing |= u8::from(level.is_none()) << segment;
            equal |= u8::from(level == Some(0)) << segment;
            quiet |= u8::from(grading.is_quiet(pattern, segment)) << segment;
        }
        kinds[usize::from(missing)].push((quiet & !missing, equal));
    }
    for kinds in &mut kinds {
        kinds.sort_unstable();
        kinds.dedup();
    }
    kinds
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

    fn quiet(grading: &Grading, pattern: u32, watched: Watched, equal: u8) -> bool {
        (0..grading.segment_count()).all(|segment| {
            let level = grading.level(pattern, segment);
            let heard = (grading.levels(segment) - 2).saturating_sub(watched.lowest.into());
            (watched.segments >> segment & 1 == 0 || level.is_none_or(|level| level > heard))
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
                        let exact = |watched: Watched| {
                            !counting.iter().any(|&(pattern, missing)| {
                                missing == lacking && quiet(&grading, pattern, watched, equal)
                            })
                        };
                        let words = |watched: Watched| -> usize {
                            let segments = schema.segments().iter().enumerate();
                            let watched = segments.filter(|(s, _)| watched.segments >> s & 1 == 1);
                            watched.map(|(_, segment)| segment.words.len()).sum()
                        };
                        let found = watch.in_block(lacking, equal);
                        let masks = 0..=(all & !lacking & !equal);
                        let masks = masks.filter(|mask| mask & (lacking | equal) == 0);
                        let every = masks.flat_map(|segments| {
                            (0..=LOWEST_MAX).map(move |lowest| Watched { segments, lowest })
                        });
                        let best = every.filter(|&watched| exact(watched));
                        let best = best.min_by_key(|&w| (words(w), LOWEST_MAX - w.lowest));
                        let cost = |w: Watched| (words(w), w.lowest);
                        assert_eq!(found.map(cost), best.map(cost));
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
        let [one, other] = [0, 0b10].map(|missing| watch.in_block(missing, 0b100));
        let (one, other) = (one.expect("there is one"), other.expect("there is one"));
        let both = one.or(other);
        let patterns = (0_u32..).take(grading.patterns());
        for pattern in patterns.filter(|&pattern| quiet(&grading, pattern, both, 0b100)) {
            assert!(quiet(&grading, pattern, one, 0b100) && quiet(&grading, pattern, other, 0b100));
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
        assert_eq!(watch.of(0b111), None);
        // With them, a pair that disagrees in both is never kept.
        assert_eq!(watch.of(0).map(|watched| watched.segments), Some(0b111));
    }
}
