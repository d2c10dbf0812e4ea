//! What share of all links blocking finds, estimated without any truth.
//!
//! The links of sampled records are found by comparing those records with everything, and each is
//! looked up in the passes. The share of those that some pass has is unbiased, because whether a
//! record is drawn has nothing to do with blocks.
//!
//! It speaks of links. Matches that are too damaged to be links are mostly in no block either; they are
//! missing from the run's recall, which is the share of matches that would be links times this share.
//!
//! Its interval must know three things that a plain binomial interval does not. Links of one record
//! are lost together, since one damaged field hides a record from all its partners: so the units are
//! records, and the interval is of the *effective* number of independent losses. Losses are few, so
//! their clumping is itself hardly known: two losses of average clumping are added to what is
//! observed, which also tells what to think if nothing was lost. And a sample may be much of its run.

use crate::{
    compare::{Engine, Kept},
    error::MatchError,
    interval::wilson,
    rules::Decision,
    sample::Sample,
    sweep,
    watch::Watch,
    weigh::{Evaluation, Scorer},
};

/// Losses of average clumping that are added to the observed ones. Chosen by measured coverage: the
/// test below and the one of whole runs hold it.
const SMOOTHING: f64 = 2.0;

/// A share with its 95% interval, and what it rests on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct BlockingRecall {
    /// The estimate.
    pub(crate) share: f64,
    /// Lower end of the interval.
    pub(crate) low: f64,
    /// Upper end of the interval.
    pub(crate) high: f64,
}

impl BlockingRecall {
    /// For runs that compare everything: nothing can be missed.
    pub(crate) const COMPLETE: Self = Self {
        share: 1.0,
        low: 1.0,
        high: 1.0,
    };
}

/// Links of one sampled record, and how many of them blocking has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Seen {
    links: u32,
    found: u32,
}

/// Compares the sample with everything and looks its links up in the passes.
pub(crate) fn estimate(
    engine: Engine<'_>,
    scorer: &Scorer<'_>,
    sample: &Sample,
    done: &(dyn Fn(u64) + Sync),
) -> Result<BlockingRecall, MatchError> {
    let pairs = candidates(engine, scorer, sample, done)?;
    let mut rows: Vec<u32> = pairs.iter().flat_map(|&(a, b)| [a, b]).collect();
    rows.sort_unstable();
    rows.dedup();
    let rows: Vec<u32> = rows
        .into_iter()
        .flat_map(|record| engine.dataset.rows_of(record))
        .collect();
    let words = engine.dataset.fetch(engine.stop, &rows)?;
    let look = Look {
        engine,
        scorer,
        rows: &rows,
        words: &words,
    };
    let mut seen = vec![Seen::default(); sample.records.len()];
    for (a, b) in pairs {
        let Some(found) = look.link(a, b) else {
            continue;
        };
        // A link of two sampled records is one link of each.
        for end in [a, b] {
            if let Ok(place) = sample.records.binary_search(&end) {
                seen[place].links += 1;
                seen[place].found += u32::from(found);
            }
        }
    }
    Ok(interval(&seen, sample.of))
}

/// Pairs of a sampled record and another that have rows which are a link, in order.
fn candidates(
    engine: Engine<'_>,
    scorer: &Scorer<'_>,
    sample: &Sample,
    done: &(dyn Fn(u64) + Sync),
) -> Result<Vec<(u32, u32)>, MatchError> {
    let dataset = engine.dataset;
    let watch = Watch::of_links(dataset.schema(), dataset.grading(), scorer.weights());
    let found = sweep::sweep(
        engine,
        &sample.groups,
        &|_group, missing| watch.of(missing),
        &Vec::new,
        &|links: &mut Vec<(u32, u32)>, meeting| {
            for pair in meeting.pairs {
                if !scorer.weights().may_link(pair.pattern) {
                    continue;
                }
                let query = meeting.queries[pair.query as usize];
                let row = meeting.rows[pair.row as usize];
                let kept = weigh(engine, scorer, query, row, pair.pattern);
                let link = kept.filter(|kept| kept.decision == Decision::Link);
                links.extend(link.map(|link| (link.a, link.b)));
            }
        },
        done,
    )?;
    let mut pairs: Vec<(u32, u32)> = found.into_iter().flatten().collect();
    pairs.sort_unstable();
    pairs.dedup();
    Ok(pairs)
}

/// Some records' rows, to look at pairs of records.
struct Look<'a> {
    engine: Engine<'a>,
    scorer: &'a Scorer<'a>,
    /// Row numbers, in order.
    rows: &'a [u32],
    /// Their words.
    words: &'a [u64],
}

impl Look<'_> {
    /// Whether blocking finds the link of two records; `None` if they are no link by their best rows.
    /// It is found if some pass has rows of theirs that would be kept: all their rows are weighed then.
    fn link(&self, a: u32, b: u32) -> Option<bool> {
        let dataset = self.engine.dataset;
        let (mut best, mut found) = (None, false);
        for row in dataset.rows_of(a) {
            for other in dataset.rows_of(b) {
                let missing =
                    dataset.flags(row).missing_mask() | dataset.flags(other).missing_mask();
                let (one, two) = (self.words(row), self.words(other));
                let pattern = dataset.grading().pattern(one, two, missing);
                let evaluation = self.scorer.rows(row, other, pattern);
                best = best.max(Some((evaluation.weight, evaluation.decision)));
                let mut passes = self.engine.blocks.passes.iter();
                found |= evaluation.decision != Decision::NonMatch
                    && passes.any(|pass| pass.has(dataset, row, other));
            }
        }
        best.is_some_and(|(_, decision)| decision == Decision::Link)
            .then_some(found)
    }

    fn words(&self, row: u32) -> &[u64] {
        let width = self.engine.dataset.grading().row_words();
        let place = self
            .rows
            .binary_search(&row)
            .expect("the records' rows are here");
        &self.words[place * width..(place + 1) * width]
    }
}

/// A pair of rows of two records, if it is a link or for review.
pub(crate) fn weigh(
    engine: Engine<'_>,
    scorer: &Scorer<'_>,
    query: u32,
    row: u32,
    pattern: u32,
) -> Option<Kept> {
    let record = |row: u32| engine.dataset.record_of(row);
    let (a, b) = (record(query), record(row));
    if a == b {
        return None;
    }
    let Evaluation {
        weight,
        decision,
        rule,
    } = scorer.rows(query, row, pattern);
    (decision != Decision::NonMatch).then_some(Kept {
        a: a.min(b),
        b: a.max(b),
        weight,
        decision,
        rule,
        pass: 0,
    })
}

/// Share of the links that blocking has, and its interval, from a sample of `of` records.
///
/// With y links and z losses per record, Y and Z their sums and p = Z/Y, losses come in clumps of
/// c = Σ(z − p·y)² / (Z·(1 − p)) on average, as in the variance of a ratio of sums; a record that
/// loses all its links gives Σy²/Y. Z/c losses among Y/c links are then nearly independent, and their
/// interval is Wilson's (1927), which stays inside 0..1 and is honest at the ends. Drawing without
/// replacement makes the sample worth −ln(1 − f)/f times its size f: the exact factor if one rare
/// thing is sought, and less than the usual 1/(1 − f), which is for many.
fn interval(seen: &[Seen], of: usize) -> BlockingRecall {
    let sum = |value: &dyn Fn(&Seen) -> f64| seen.iter().map(value).sum::<f64>();
    let lost = |seen: &Seen| f64::from(seen.links - seen.found);
    let links = sum(&|seen| f64::from(seen.links));
    let losses = sum(&lost);
    if links <= 0.0 {
        return BlockingRecall {
            share: 1.0,
            low: 0.0,
            high: 1.0,
        };
    }
    let (p, drawn) = (losses / links, seen.len() as f64 / of as f64);
    if seen.len() >= of {
        let share = 1.0 - p;
        return BlockingRecall {
            share,
            low: share,
            high: share,
        };
    }
    let together = sum(&|seen| f64::from(seen.links).powi(2)) / links;
    let spread = if losses < links {
        sum(&|seen| (lost(seen) - p * f64::from(seen.links)).powi(2)) / (1.0 - p)
    } else {
        losses * together
    };
    let clump = (spread + SMOOTHING * together) / (losses + SMOOTHING);
    let worth = -(1.0 - drawn).ln() / drawn;
    let (low, high) = wilson(1.0 - p, links / clump * worth);
    BlockingRecall {
        share: 1.0 - p,
        low,
        high,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        block,
        exhaustive::{Candidates, Hits},
        model::{Model, ModelSource, Parameters},
        random::SplitMix,
        sample,
        settings::{Cancel, Settings},
        sweep::tests::motley,
    };

    /// Of all records, the estimate is what comparing everything and comparing blocks say, also where
    /// records have several rows and blocks are cut to pieces.
    #[test]
    fn a_census_is_exact() {
        let dataset = motley();
        let parameters = Parameters::default_for(dataset.schema(), dataset.record_count());
        let present = vec![1000; dataset.schema().segments().len()];
        let model = Model::new(dataset.schema(), ModelSource::Trained, parameters, &present);
        let settings = Settings {
            sample_records: dataset.record_count(),
            block_rows_max: 2,
            ..crate::world::blocked()
        };
        let find = |candidates| {
            Hits::find(&dataset, &settings, &model, candidates, &|_| ()).expect("it goes through")
        };
        let (all, some) = (find(Candidates::Everything), find(Candidates::Blocks));
        let truth = all.common(&some) as f64 / all.pairs().len() as f64;
        assert!(truth < 0.999, "the blocks lose something: {truth}");
        let blocks = block::build(&dataset, &settings, &|_| ());
        let engine = Engine {
            dataset: &dataset,
            blocks: &blocks,
            kernel: linker_kernels::available()[0],
            stop: &Cancel::new(),
        };
        let scorer = Scorer::new(&dataset, &blocks, &settings, &model);
        let sample = sample::draw(&dataset, engine.stop, &settings).expect("rows are in memory");
        let found = estimate(engine, &scorer, &sample, &|_| ()).expect("rows are in memory");
        assert!((found.share - truth).abs() < 1e-12, "{found:?} {truth}");
        assert!(found.low >= found.share && found.high <= found.share);
    }

    #[test]
    fn the_ends() {
        let one = Seen { links: 2, found: 2 };
        let none = Seen { links: 2, found: 0 };
        let nothing = interval(&[Seen::default(); 10], 100);
        assert_eq!((nothing.low, nothing.high), (0.0, 1.0));
        let all = interval(&[one; 10], 10);
        assert_eq!((all.share, all.low, all.high), (1.0, 1.0, 1.0));
        let some = interval(&[one; 100], 1000);
        assert!(some.low > 0.9 && some.low < 0.99 && some.high >= 1.0);
        let lost = interval(&[none; 100], 1000);
        assert!(lost.low <= 0.0 && lost.high > 0.01 && lost.high < 0.1);
        // The more of the run was seen, the narrower.
        let much = interval(&[one; 100], 110);
        assert!(much.low > some.low);
    }

    /// Persons of 1 to 4 records, some of 15; a damaged record loses all its links, or each link is
    /// lost alone.
    fn population(random: &mut SplitMix, records: usize, permille: u64, alone: bool) -> Vec<Seen> {
        let mut population: Vec<Seen> = Vec::with_capacity(records);
        while population.len() < records {
            let size = match random.below(1000) {
                0..350 => 1,
                350..650 => 2,
                650..890 => 3,
                890..995 => 4,
                _ => 15,
            };
            let start = population.len();
            population.resize(start + size, Seen::default());
            let damaged: Vec<bool> = (0..size).map(|_| random.below(1000) < permille).collect();
            for a in 0..size {
                for b in a + 1..size {
                    let lost = if alone {
                        random.below(1000) < permille
                    } else {
                        damaged[a] || damaged[b]
                    };
                    for end in [start + a, start + b] {
                        population[end].links += 1;
                        population[end].found += u32::from(!lost);
                    }
                }
            }
        }
        population
    }

    /// The interval holds the truth in 95 of 100 samples on average, and in 90 in the worst case.
    #[test]
    fn the_interval_covers_what_it_promises() {
        let mut random = SplitMix::new(7);
        let (mut covered, mut all) = (0, 0);
        for (records, drawn) in [(3000, 400), (3000, 1000), (20_000, 1500)] {
            for permille in [1, 3, 10, 40] {
                for alone in [false, true] {
                    let (mut hits, mut samples) = (0, 0);
                    for _ in 0..20 {
                        let population = population(&mut random, records, permille, alone);
                        let truth = interval(&population, population.len()).share;
                        for _ in 0..20 {
                            let numbers = (0_u32..).take(population.len());
                            let chosen = random.choose(numbers, population.len(), drawn);
                            let seen: Vec<Seen> =
                                chosen.iter().map(|&r| population[r as usize]).collect();
                            let found = interval(&seen, population.len());
                            hits += u32::from(found.low <= truth && truth <= found.high);
                            samples += 1;
                        }
                    }
                    let share = f64::from(hits) / f64::from(samples);
                    println!("{drawn} of {records}, {permille}, alone {alone}: {share:.3}");
                    assert!(share >= 0.90, "{drawn} of {records}, {permille}, {alone}");
                    covered += hits;
                    all += samples;
                }
            }
        }
        assert!(f64::from(covered) >= 0.95 * f64::from(all));
    }
}
