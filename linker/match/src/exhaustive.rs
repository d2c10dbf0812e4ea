//! Everything against everything, exactly, without blocks.
//!
//! Rows are grouped by the segments that they lack and cut into strips of one tile. Each strip meets
//! itself and every strip before it; the sift under the watch of the two strips' missing mask passes
//! over what can never be kept, so the result is that of looking at every pair, at the price of
//! counting bits. Rows stand in memory once more, in the order of the strips.

use std::{
    ops::Range,
    sync::atomic::{AtomicU64, Ordering},
};

use linker_kernels::limits::{LANES, TILE_ROWS};
use rayon::prelude::*;

use crate::{
    block::{self, pairs_of},
    compare::{self, Engine, Found, Kept},
    dataset::Dataset,
    error::MatchError,
    limits, lsh,
    model::Model,
    recall::weigh,
    records::Judge,
    rows::Reach,
    rules::Decision,
    settings::{Cancel, Settings},
    sweep::{self, Group, Sieve},
    watch::{Watch, Watched},
    weigh::Scorer,
};

/// Which pairs are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Candidates {
    /// All of them.
    Everything,
    /// Those that some pass has, LSH tables included where the settings say so.
    Blocks,
}

/// The pairs of records that a model links, whatever becomes of them in clusters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hits {
    pairs: Vec<(u32, u32)>,
    compared: u64,
}

impl Hits {
    /// Compares the pairs and keeps the links. The settings' own bound on exhaustive runs does not
    /// count: the caller has decided. `done` hears of row pairs, from worker threads.
    ///
    /// # Errors
    /// [`MatchError`], as in [`crate::link()`].
    pub fn find(
        dataset: &Dataset,
        settings: &Settings,
        model: &Model,
        candidates: Candidates,
        done: &(dyn Fn(u64) + Sync),
    ) -> Result<Self, MatchError> {
        settings.check()?;
        let kernel = linker_kernels::selected(settings.kernel).map_err(MatchError::Kernel)?;
        // Passes are made in either case, because they count how often values occur.
        let settings = &Settings {
            exhaustive_pairs_max: 0,
            ..*settings
        };
        let work = || {
            let stop = &Cancel::new();
            let mut blocks = block::build(dataset, settings, &|_| ());
            if candidates == Candidates::Blocks {
                lsh::add_passes(dataset, settings, stop, &mut blocks)?;
            }
            let members = std::mem::take(&mut blocks.members);
            let mut reach = Reach {
                stop,
                scratch: None,
                next_part: 0,
            };
            let engine = Engine {
                dataset,
                blocks: &blocks,
                kernel,
                stop,
            };
            let scorer = Scorer::new(dataset, &blocks, settings, model);
            let compared = AtomicU64::new(0);
            let count = |pairs| {
                compared.fetch_add(pairs, Ordering::Relaxed);
                done(pairs);
            };
            let mut kept = Vec::new();
            match candidates {
                Candidates::Everything => {
                    let watch =
                        Watch::of_links(dataset.schema(), dataset.grading(), scorer.weights());
                    kept = all(engine, &scorer, &watch, &count)?.kept;
                }
                Candidates::Blocks => {
                    for (number, members) in members.iter().enumerate() {
                        let pass = (number, members, None);
                        let found =
                            compare::pass(engine, &scorer, settings, pass, &mut reach, &count)?;
                        kept.extend(found.kept);
                    }
                }
            }
            let judge = Judge {
                engine,
                scorer: &scorer,
            };
            let kept = judge.by_record(kept, &mut reach)?;
            let links = kept.iter().filter(|pair| pair.decision == Decision::Link);
            Ok(Self {
                pairs: links.map(|pair| (pair.a, pair.b)).collect(),
                compared: compared.into_inner(),
            })
        };
        rayon::ThreadPoolBuilder::new()
            .num_threads(settings.threads)
            .build()
            .map_err(MatchError::Threads)?
            .install(work)
    }

    /// The pairs: record numbers, the smaller first, in order.
    #[must_use]
    pub fn pairs(&self) -> &[(u32, u32)] {
        &self.pairs
    }

    /// Row pairs that were compared; a pair of two passes counts twice.
    #[must_use]
    pub fn compared(&self) -> u64 {
        self.compared
    }

    /// How many of `others` are here too.
    #[must_use]
    pub fn common(&self, others: &Self) -> usize {
        let here = |pair: &&(u32, u32)| self.pairs.binary_search(pair).is_ok();
        others.pairs.iter().filter(here).count()
    }

    /// Whether all of `others` are here too.
    #[must_use]
    pub fn contains(&self, others: &Self) -> bool {
        self.common(others) == others.pairs.len()
    }
}

/// A tile's rows: a piece of a group.
struct Strip {
    group: usize,
    rows: Range<usize>,
}

/// One strip in the tile, and the strips that it meets: up to and with itself.
struct Item {
    tile: usize,
    queries: Range<usize>,
}

/// Strips that one item's tile meets: 16 times 4 million pairs are some fifty milliseconds.
const ITEM_STRIPS: usize = 16;
/// Queries against the same strip go in slices, so that at most this many rows of the tile are
/// compared twice in the triangle.
const TRIANGLE_ROWS: usize = 64;

fn all(
    engine: Engine<'_>,
    scorer: &Scorer<'_>,
    watch: &Watch,
    done: &(dyn Fn(u64) + Sync),
) -> Result<Found, MatchError> {
    let dataset = engine.dataset;
    let groups = sweep::groups(dataset, engine.stop, dataset.eligible().collect())?;
    let strips: Vec<Strip> = (0..)
        .zip(&groups)
        .flat_map(|(group, rows)| {
            let count = rows.len();
            let starts = (0..count).step_by(TILE_ROWS);
            starts.map(move |start| Strip {
                group,
                rows: start..count.min(start + TILE_ROWS),
            })
        })
        .collect();
    let items: Vec<Item> = (0..strips.len())
        .flat_map(|tile| {
            let starts = (0..=tile).step_by(ITEM_STRIPS);
            starts.map(move |start| Item {
                tile,
                queries: start..(tile + 1).min(start + ITEM_STRIPS),
            })
        })
        .collect();
    let rows = dataset.row_count() as u64;
    let limit = (limits::KEPT_PAIRS_PER_ROW * rows).max(limits::KEPT_PAIRS_FLOOR);
    let kept = AtomicU64::new(0);
    let work = Work {
        engine,
        scorer,
        watch,
        groups: &groups,
        strips: &strips,
    };
    let found: Vec<Found> = items
        .par_iter()
        .map_init(
            || Sieve::new(engine),
            |sieve, item| {
                if kept.load(Ordering::Relaxed) > limit {
                    return Found::default();
                }
                let (found, pairs) = work.item(sieve, item);
                kept.fetch_add(found.kept.len() as u64, Ordering::Relaxed);
                done(pairs);
                found
            },
        )
        .collect();
    if kept.into_inner() > limit {
        return Err(MatchError::TooMany {
            what: "the pairs above the review threshold",
            limit,
        });
    }
    Ok(Found {
        repeated: 0,
        links: found.iter().map(|found| found.links).sum(),
        kept: found.into_iter().flat_map(|found| found.kept).collect(),
        retained: Vec::new(),
    })
}

struct Work<'a> {
    engine: Engine<'a>,
    scorer: &'a Scorer<'a>,
    watch: &'a Watch,
    groups: &'a [Group],
    strips: &'a [Strip],
}

impl Work<'_> {
    /// Works through one item and returns how many row pairs it had.
    fn item(&self, sieve: &mut Sieve, item: &Item) -> (Found, u64) {
        let dataset = self.engine.dataset;
        let width = dataset.grading().row_words();
        let strip = &self.strips[item.tile];
        let rows = &self.groups[strip.group];
        let (mut found, mut pairs, mut loaded) = (Found::default(), 0, false);
        for at in item.queries.clone() {
            let others = &self.strips[at];
            let queries = &self.groups[others.group];
            let triangle = at == item.tile;
            pairs += if triangle {
                pairs_of(others.rows.len() as u64)
            } else {
                (strip.rows.len() * others.rows.len()) as u64
            };
            let watch = self.watch.of(rows.missing | queries.missing);
            if watch == Some(Watched::NOTHING) {
                continue;
            }
            if !loaded {
                let words = rows.words(strip.rows.clone(), width);
                sieve.load(words.chunks_exact(width), rows.missing);
                loaded = true;
            }
            let step = if triangle { TRIANGLE_ROWS } else { TILE_ROWS };
            for start in others.rows.clone().step_by(step) {
                let slice = start..others.rows.end.min(start + step);
                let first = if triangle {
                    start - strip.rows.start
                } else {
                    0
                };
                let words = queries.words(slice.clone(), width);
                let sifted = sieve.sift(dataset, words, queries.missing, first / LANES, watch);
                for pair in sifted {
                    let query = start + pair.query as usize;
                    let row = strip.rows.start + pair.row as usize;
                    if !triangle || query < row {
                        let (query, row) = (queries.rows[query], rows.rows[row]);
                        self.keep(query, row, pair.pattern, &mut found);
                    }
                }
            }
        }
        (found, pairs)
    }

    fn keep(&self, query: u32, row: u32, pattern: u32, found: &mut Found) {
        if !self.scorer.weights().may_keep(pattern) {
            return;
        }
        let kept: Option<Kept> = weigh(self.engine, self.scorer, query, row, pattern);
        if let Some(kept) = kept {
            found.links += u64::from(kept.decision == Decision::Link);
            found.kept.push(kept);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        model::{ModelSource, Parameters},
        sweep::tests::motley,
        world,
    };

    fn model(dataset: &Dataset) -> Model {
        let parameters = Parameters::default_for(dataset.schema(), dataset.record_count());
        let present = vec![1000; dataset.schema().segments().len()];
        Model::new(dataset.schema(), ModelSource::Trained, parameters, &present)
    }

    /// The definition: every pair of rows, pattern by pattern.
    fn slow(engine: Engine<'_>, scorer: &Scorer<'_>) -> Vec<Kept> {
        let rows: Vec<u32> = engine.dataset.eligible().collect();
        let mut kept = Vec::new();
        for (at, &row) in rows.iter().enumerate() {
            for &other in &rows[at + 1..] {
                let words = |row| (row, engine.dataset.held_row(row));
                let pattern = engine.pattern(words(row), words(other));
                kept.extend(weigh(engine, scorer, row, other, pattern));
            }
        }
        kept.sort_unstable();
        kept
    }

    #[test]
    fn nothing_that_counts_is_passed_over() {
        let dataset = motley();
        let standard = world::blocked();
        let blocks = block::build(&dataset, &standard, &|_| ());
        let model = model(&dataset);
        for (review, every) in [(standard.review_threshold, false), (-40 * 256, true)] {
            let settings = Settings {
                review_threshold: review,
                ..standard
            };
            let scorer = Scorer::new(&dataset, &blocks, &settings, &model);
            for &kernel in linker_kernels::available() {
                let engine = Engine {
                    dataset: &dataset,
                    blocks: &blocks,
                    kernel,
                    stop: &Cancel::new(),
                };
                let expected = slow(engine, &scorer);
                assert!(expected.len() > 500 && (!every || expected.len() > 20_000));
                let seen = AtomicU64::new(0);
                let count = |pairs| {
                    seen.fetch_add(pairs, Ordering::Relaxed);
                };
                let watch = Watch::of_kept(dataset.schema(), dataset.grading(), scorer.weights());
                let mut found = all(engine, &scorer, &watch, &count).expect("few are kept");
                found.kept.sort_unstable();
                assert_eq!(found.kept, expected);
                let links = expected.iter().filter(|k| k.decision == Decision::Link);
                assert_eq!(found.links, links.count() as u64);
                assert_eq!(
                    seen.into_inner(),
                    pairs_of(dataset.eligible().count() as u64)
                );
            }
        }
    }

    #[test]
    fn hits_of_blocks_are_hits_of_everything() {
        let dataset = motley();
        let model = model(&dataset);
        let find = |candidates| {
            Hits::find(&dataset, &Settings::standard(), &model, candidates, &|_| ())
                .expect("the run goes through")
        };
        let (all, some) = (find(Candidates::Everything), find(Candidates::Blocks));
        assert!(all.contains(&some) && !some.pairs().is_empty());
        assert_eq!(all.common(&some), some.pairs().len());
        assert_eq!(all.compared(), pairs_of(dataset.eligible().count() as u64));
        assert!(some.compared() < all.compared());
    }
}
