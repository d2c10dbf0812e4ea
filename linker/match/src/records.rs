//! From pairs of rows to pairs of records.
//!
//! A record with several rows is weighed by its best pair of rows. For that, and for pairs inside a
//! component of the link graph that nobody compared, rows are needed again; see [`crate::rows`].

use std::cmp::Reverse;

use rayon::prelude::*;

use crate::{
    compare::{Engine, Kept},
    error::MatchError,
    forest::Forest,
    index::number,
    limits,
    rows::{List, Reach},
    rules::Decision,
    weigh::{Evaluation, Scorer},
};

/// Weighs records of which the rows are at hand.
#[derive(Clone, Copy)]
pub(crate) struct Judge<'a> {
    pub(crate) engine: Engine<'a>,
    pub(crate) scorer: &'a Scorer<'a>,
}

impl Judge<'_> {
    /// Weighs two records by their best pair of rows; `row` gives a row's words.
    ///
    /// A row is one state of a person's data, so the best pair of states is meant, not the best of
    /// each segment: choosing segment by segment would let chance agreements add up.
    pub(crate) fn records<'w>(
        self,
        (a, b): (u32, u32),
        row: impl Fn(u32) -> &'w [u64],
    ) -> Evaluation {
        let dataset = self.engine.dataset;
        let (rows, others) = (dataset.rows_of(a), dataset.rows_of(b));
        rows.flat_map(|one| others.clone().map(move |other| (one, other)))
            .map(|(one, other)| {
                let pattern = self.engine.pattern((one, row(one)), (other, row(other)));
                self.scorer.rows(one, other, pattern)
            })
            .max_by_key(|evaluation| (evaluation.weight, evaluation.decision))
            .expect("a record has at least one row")
    }

    /// The pattern of two records' best pair of rows.
    pub(crate) fn pattern<'w>(self, (a, b): (u32, u32), row: impl Fn(u32) -> &'w [u64]) -> u32 {
        let dataset = self.engine.dataset;
        let (rows, others) = (dataset.rows_of(a), dataset.rows_of(b));
        rows.flat_map(|one| others.clone().map(move |other| (one, other)))
            .map(|(one, other)| {
                let pattern = self.engine.pattern((one, row(one)), (other, row(other)));
                (self.scorer.rows(one, other, pattern), pattern)
            })
            .max_by_key(|(evaluation, pattern)| (evaluation.weight, evaluation.decision, *pattern))
            .expect("a record has at least one row")
            .1
    }

    /// One entry per pair of records, weighed by their best rows, in order.
    pub(crate) fn by_record(
        self,
        mut kept: Vec<Kept>,
        reach: &mut Reach<'_>,
    ) -> Result<Vec<Kept>, MatchError> {
        kept.par_sort_unstable_by_key(|pair| {
            (pair.a, pair.b, Reverse((pair.weight, pair.decision)))
        });
        kept.dedup_by(|pair, best| {
            let same = (pair.a, pair.b) == (best.a, best.b);
            if same {
                best.pass = best.pass.min(pair.pass);
            }
            same
        });
        let dataset = self.engine.dataset;
        let single = |record: u32| dataset.rows_of(record).len() == 1;
        let several: Vec<u32> = (0..)
            .zip(&kept)
            .filter(|(_, pair)| !(single(pair.a) && single(pair.b)))
            .map(|(at, _)| at)
            .collect();
        let (mut rows, mut starts) = (Vec::new(), vec![0]);
        for &at in &several {
            let pair = kept[at as usize];
            rows.extend(dataset.rows_of(pair.a).chain(dataset.rows_of(pair.b)));
            starts.push(number(rows.len()));
        }
        let list = List {
            rows: &rows,
            starts: &starts,
        };
        dataset.with_rows(list, reach, &mut |groups, shelf| {
            let some = &several[groups.clone()];
            let weighed: Vec<Evaluation> = groups
                .into_par_iter()
                .zip(some)
                .map(|(group, &at)| {
                    let pair = kept[at as usize];
                    let place = |row| place_of(&rows, &starts, group, row);
                    self.records((pair.a, pair.b), |row| shelf.at(place(row)))
                })
                .collect();
            for (&at, evaluation) in some.iter().zip(weighed) {
                let pair = &mut kept[at as usize];
                pair.weight = evaluation.weight;
                pair.decision = evaluation.decision;
                pair.rule = evaluation.rule;
            }
            Ok(())
        })?;
        kept.retain(|pair| pair.decision != Decision::NonMatch);
        Ok(kept)
    }
}

/// The place of a row in a group, whose rows are sorted.
fn place_of(rows: &[u32], starts: &[u32], group: usize, row: u32) -> usize {
    let (start, end) = (starts[group] as usize, starts[group + 1] as usize);
    start + rows[start..end].partition_point(|&other| other < row)
}

/// Weights of pairs of records inside one component of the link graph, compared or not.
pub(crate) enum Across<'a> {
    /// Rows are in memory: pairs are weighed when they are asked for.
    Held(Judge<'a>),
    /// Weighed beforehand.
    Weighed {
        judge: Judge<'a>,
        kept: &'a [Kept],
        /// Pairs of small components that are not kept, sorted.
        pairs: Vec<Kept>,
        /// Rows of large components, sorted, and their words.
        rows: Vec<u32>,
        words: Vec<u64>,
    },
}

impl<'a> Across<'a> {
    /// Prepares for the components that the links, and pairs that people joined, make of the records.
    pub(crate) fn new(
        judge: Judge<'a>,
        kept: &'a [Kept],
        joined: &[(u32, u32)],
        reach: &mut Reach<'_>,
    ) -> Result<Self, MatchError> {
        let dataset = judge.engine.dataset;
        if dataset.is_held() {
            return Ok(Self::Held(judge));
        }
        let components = components(dataset.record_count(), kept, joined);
        let (mut rows, mut starts) = (Vec::new(), vec![0]);
        let mut large = Vec::new();
        let mut groups: Vec<&[(u32, u32)]> = Vec::new();
        for component in components.chunk_by(|a, b| a.0 == b.0) {
            let all = component
                .iter()
                .flat_map(|&(_, record)| dataset.rows_of(record));
            let all: Vec<u32> = all.collect();
            if all.len() > limits::COMPONENT_ROWS_MAX {
                large.extend(all);
            } else if component.len() > 2 {
                rows.extend(all);
                starts.push(number(rows.len()));
                groups.push(component);
            }
        }
        let mut pairs = Vec::new();
        let list = List {
            rows: &rows,
            starts: &starts,
        };
        dataset.with_rows(list, reach, &mut |range, shelf| {
            let found = range.into_par_iter().flat_map_iter(|group| {
                let row = |row| shelf.at(place_of(&rows, &starts, group, row));
                judge.strangers(kept, groups[group], row)
            });
            pairs.par_extend(found);
            Ok(())
        })?;
        pairs.par_sort_unstable_by_key(|pair| (pair.a, pair.b));
        large.sort_unstable();
        dataset.check_room(large.len())?;
        let words = dataset.fetch(judge.engine.stop, &large)?;
        Ok(Self::Weighed {
            judge,
            kept,
            pairs,
            rows: large,
            words,
        })
    }

    /// Weighs two records of one component.
    pub(crate) fn weigh(&self, a: u32, b: u32) -> Evaluation {
        match self {
            Self::Held(judge) => judge.records((a, b), |row| judge.engine.dataset.held_row(row)),
            Self::Weighed {
                judge,
                kept,
                pairs,
                rows,
                words,
            } => {
                let known = known(kept, a, b).or_else(|| known(pairs, a, b));
                known.unwrap_or_else(|| {
                    let width = judge.engine.dataset.grading().row_words();
                    let at = |row| rows.partition_point(|&other| other < row) * width;
                    judge.records((a, b), |row| &words[at(row)..at(row) + width])
                })
            }
        }
    }
}

impl Judge<'_> {
    /// Weighs the pairs of a component that are not kept.
    fn strangers<'w>(
        self,
        kept: &[Kept],
        component: &[(u32, u32)],
        row: impl Fn(u32) -> &'w [u64] + Copy,
    ) -> Vec<Kept> {
        let mut found = Vec::new();
        for (at, &(_, a)) in component.iter().enumerate() {
            for &(_, b) in &component[at + 1..] {
                if known(kept, a, b).is_none() {
                    let Evaluation {
                        weight,
                        decision,
                        rule,
                    } = self.records((a, b), row);
                    found.push(Kept {
                        a,
                        b,
                        weight,
                        decision,
                        rule,
                        pass: u8::MAX,
                    });
                }
            }
        }
        found
    }
}

/// The pair's weight if it is among the sorted pairs.
fn known(pairs: &[Kept], a: u32, b: u32) -> Option<Evaluation> {
    let key = (a.min(b), a.max(b));
    let at = pairs
        .binary_search_by_key(&key, |pair| (pair.a, pair.b))
        .ok()?;
    let Kept {
        weight,
        decision,
        rule,
        ..
    } = pairs[at];
    Some(Evaluation {
        weight,
        decision,
        rule,
    })
}

/// (first record of the component, record), sorted, for all records with a link or a joined pair.
fn components(records: usize, kept: &[Kept], joined: &[(u32, u32)]) -> Vec<(u32, u32)> {
    let mut forest = Forest::new(records);
    let links = || {
        let links = kept.iter().filter(|pair| pair.decision == Decision::Link);
        let links = links.map(|link| (link.a, link.b));
        links.chain(joined.iter().copied())
    };
    for (a, b) in links() {
        forest.join(a, b);
    }
    let mut linked: Vec<u32> = links().flat_map(|(a, b)| [a, b]).collect();
    linked.par_sort_unstable();
    linked.dedup();
    let rooted = linked
        .into_iter()
        .map(|record| (forest.root(record), record));
    let mut rooted: Vec<(u32, u32)> = rooted.collect();
    rooted.par_sort_unstable();
    rooted
}
