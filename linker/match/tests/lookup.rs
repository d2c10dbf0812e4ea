//! The look-up index against the slow answers: a run's explanations, every row, an index made anew.
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    unreachable_pub,
    reason = "test code"
)]

#[expect(dead_code, reason = "the other test files use the rest")]
mod world;

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicBool, Ordering},
};

use linker_match::{
    Dataset, MatchError, Model, RecordKey, Settings,
    explain::Explainer,
    limits, link,
    lookup::{Answer, LookupIndex, LookupRow, Resolution},
    rules::Decision,
};
use linker_token::{Flags, Schema};
use proptest::prelude::*;
use world::{Dice, World, blocked};

type Row = (u32, Flags, Vec<u64>);

/// A world's rows with the numbers of their records.
struct Rows {
    dataset: Dataset,
    rows: Vec<Row>,
    model: Model,
    clusters: Vec<u32>,
}

impl Rows {
    fn new(people: usize, seed: u64) -> Self {
        let world = World::new(people, seed);
        let dataset = world.dataset();
        let linkage = link(&dataset, &blocked(), &|_| ()).expect("the run goes through");
        let mut rows = Vec::new();
        for (site, batch) in &world.batches {
            for index in 0..batch.len() {
                let key = RecordKey {
                    site: *site,
                    reference: batch.references()[index],
                };
                let record = dataset.keys().binary_search(&key).expect("it is there");
                rows.push((
                    record as u32,
                    batch.flags()[index],
                    batch.row(index).to_vec(),
                ));
            }
        }
        Self {
            dataset,
            rows,
            model: linkage.model,
            clusters: linkage.cluster_of_record,
        }
    }

    fn index<'a, All: IntoIterator<Item = &'a Row>>(&self, rows: All) -> LookupIndex {
        index(&blocked(), &self.model, rows)
    }

    fn token(&self, record: u32) -> Vec<LookupRow<'_>> {
        let rows = self.rows.iter().filter(|row| row.0 == record);
        rows.map(|(_, flags, bits)| LookupRow {
            flags: *flags,
            bits,
        })
        .collect()
    }

    fn others(&self, record: u32) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(move |row| row.0 != record)
    }
}

fn index<'a, All: IntoIterator<Item = &'a Row>>(
    settings: &Settings,
    model: &Model,
    rows: All,
) -> LookupIndex {
    let rows = rows
        .into_iter()
        .map(|(record, flags, bits)| (*record, *flags, bits));
    LookupIndex::build(&Schema::jp_1(), settings, model, rows).expect("the rows fit")
}

fn find(index: &LookupIndex, token: &[LookupRow<'_>]) -> Answer {
    index.lookup(token, usize::MAX).expect("the token fits")
}

/// The token weighs what it would weigh in a run that has it as one more record.
#[test]
fn weights_are_those_of_a_run() {
    let rows = Rows::new(1500, 31);
    let settings = blocked();
    let explainer = Explainer::new(&rows.dataset, &settings, &rows.model);
    let mut found = 0;
    for record in (0..rows.dataset.record_count() as u32).step_by(67) {
        let index = rows.index(rows.others(record));
        let answer = index
            .exhaustive(&rows.token(record), usize::MAX)
            .expect("it fits");
        let answer: BTreeMap<u32, _> = answer.candidates.iter().map(|c| (c.record, c)).collect();
        let key = &rows.dataset.keys()[record as usize];
        for (other, other_key) in (0_u32..).zip(rows.dataset.keys()) {
            // Explaining a pair builds the whole table of weights: strangers are only sampled.
            if !answer.contains_key(&other) && (record + other) % 61 > 0 {
                continue;
            }
            let Some(explained) = explainer
                .explain(key, other_key)
                .expect("the rows are in memory")
                .filter(|_| other != record)
            else {
                continue;
            };
            let candidate = answer.get(&other);
            let decision = candidate.map_or(Decision::NonMatch, |candidate| candidate.decision);
            assert_eq!(decision, explained.decision);
            if let Some(candidate) = candidate {
                assert_eq!(candidate.weight, explained.weight);
                found += 1;
            }
        }
    }
    assert!(found > 30, "{found}");
}

/// All that a look-up misses shares no value with the token; what it finds weighs the same.
#[test]
fn a_lookup_finds_what_a_comparison_with_everything_finds() {
    let rows = Rows::new(6000, 32);
    let index = rows.index(&rows.rows);
    let (mut links, mut missed, mut people) = (0, 0, 0);
    for record in (0..rows.dataset.record_count() as u32).step_by(23) {
        let token = rows.token(record);
        let answer = find(&index, &token);
        let all = index
            .exhaustive(&token, usize::MAX)
            .expect("the token fits");
        assert!(!answer.capped && answer.compared < all.compared / 4);
        let found = |record| answer.candidates.iter().find(|c| c.record == record);
        for candidate in &all.candidates {
            let here = found(candidate.record);
            assert!(here.is_none_or(|here| here == candidate));
            if candidate.decision == Decision::Link {
                links += 1;
                missed += usize::from(here.is_none());
            }
        }
        assert!(answer.candidates.iter().all(|c| all.candidates.contains(c)));
        // The record itself is in the index: the answer is its cluster, or somebody has to look.
        match answer.decide(&rows.clusters) {
            Resolution::Person { cluster, .. } => {
                people += 1;
                assert_eq!(cluster, Some(rows.clusters[record as usize]));
            }
            Resolution::Ambiguous | Resolution::Review => {}
            Resolution::Unknown => assert!(links > 0, "a full row finds itself"),
        }
    }
    assert!(missed * 200 <= links, "{missed} of {links}");
    assert!(people > 400, "{people}");
}

#[test]
fn a_small_index_compares_everything() {
    let rows = Rows::new(400, 33);
    let index = index(&Settings::standard(), &rows.model, &rows.rows);
    let token = rows.token(5);
    let answer = find(&index, &token);
    assert_eq!(answer.compared, (index.rows() * token.len()) as u64);
    let all = index.exhaustive(&token, usize::MAX);
    assert_eq!(answer, all.expect("the token fits"));
}

#[test]
fn the_limit_leaves_off_the_lightest_and_says_so() {
    let rows = Rows::new(400, 34);
    let index = rows.index(&rows.rows);
    let record = (0..).find(|&record| find(&index, &rows.token(record)).candidates.len() > 1);
    let token = rows.token(record.expect("people have several records"));
    let all = find(&index, &token);
    let one = index.lookup(&token, 1).expect("the token fits");
    assert_eq!(one.candidates[..], all.candidates[..1]);
    let left_off = one.links_left_off + one.reviews_left_off;
    assert_eq!(left_off + 1, all.candidates.len());
    assert!(
        all.candidates
            .is_sorted_by_key(|c| std::cmp::Reverse(c.weight))
    );
}

#[test]
fn an_empty_index_and_an_empty_token_find_nothing() {
    let rows = Rows::new(400, 35);
    let empty = rows.index([]);
    assert_eq!(find(&empty, &rows.token(0)), Answer::default());
    assert_eq!(find(&rows.index(&rows.rows), &[]), Answer::default());
    assert_eq!((empty.rows(), empty.bytes()), (0, 0));
    empty.remove(&[3]);
}

#[test]
fn unusable_rows_are_refused_and_nothing_changes() {
    let rows = Rows::new(400, 36);
    let index = rows.index(&rows.rows);
    let before = index.rows();
    let flags = Flags::default();
    let narrow = LookupRow {
        flags,
        bits: &[0; 8],
    };
    let refused = index.lookup(&[narrow], 5);
    assert!(matches!(refused, Err(MatchError::RowWidth)));
    let refused = index.insert([(0, flags, vec![1; 16]), (1, flags, vec![1; 15])]);
    assert!(matches!(refused, Err(MatchError::RowWidth)));
    assert_eq!(index.rows(), before);
    let token = vec![rows.token(0)[0]; limits::LOOKUP_TOKEN_ROWS + 1];
    assert!(matches!(
        index.lookup(&token, 5),
        Err(MatchError::TooMany { .. })
    ));
    assert!(index.lookup(&token[1..], 5).is_ok());
    let mut model = rows.model.clone();
    model.segments.pop();
    let nothing = std::iter::empty::<Row>();
    let refused = LookupIndex::build(&Schema::jp_1(), &blocked(), &model, nothing);
    assert!(matches!(refused, Err(MatchError::Model { .. })));
    assert!(!format!("{narrow:?} {index:?}").contains("0, 0"));
}

#[test]
fn test_records_are_never_compared() {
    let rows = Rows::new(400, 37);
    let index = rows.index(&rows.rows);
    let record = rows.rows[0].0;
    let token = rows.token(record);
    let finds = |index: &LookupIndex| {
        let answer = find(index, &token);
        answer.candidates.iter().any(|c| c.record == record)
    };
    assert!(finds(&index));
    // One flagged row, whenever it comes, hides all rows of its record.
    let flagged = (record, Flags::TEST_RECORD, vec![0x3333_3333_3333_3333; 16]);
    index.insert([flagged.clone()]).expect("the row fits");
    assert!(!finds(&index));
    index.insert([rows.rows[0].clone()]).expect("the row fits");
    assert!(!finds(&index));
    let fresh = rows.index([&flagged].into_iter().chain(&rows.rows));
    assert_eq!(find(&fresh, &token), find(&index, &token));
    // Once removed, the number may be another record's.
    index.remove(&[record]);
    index.insert([rows.rows[0].clone()]).expect("the row fits");
    assert!(finds(&index));
    let asked = LookupRow {
        flags: token[0].flags.with(Flags::TEST_RECORD),
        ..token[0]
    };
    assert_eq!(find(&index, &[asked]), Answer::default());
}

/// Values that every record has: bounded work, and the answer says that something was left out.
#[test]
fn frequent_values_do_not_cost_more_than_the_bounds() {
    let rows = Rows::new(400, 38);
    let mut dice = Dice::new(9);
    let count = 3 * limits::LOOKUP_VALUE_ROWS as u32;
    // All rows share kana and birth, every second one kanji; place and number are their own.
    let many: Vec<Row> = (0..count)
        .map(|record| {
            let row = (0..16).map(|word| match word {
                0..5 | 8..11 => 0x5555_5555_5555_5555,
                5..8 if record % 2 == 0 => 0x3333_3333_3333_3333,
                _ => dice.roll(),
            });
            (record, Flags::default(), row.collect())
        })
        .collect();
    let index = rows.index(&many);
    let cap = limits::LOOKUP_VALUE_ROWS as u64;
    for word in [0, u64::MAX, 0x5555_5555_5555_5555] {
        let row = [word; 16];
        let token = LookupRow {
            flags: Flags::default(),
            bits: &row,
        };
        let answer = find(&index, &[token]);
        assert_eq!(answer.capped, word == 0x5555_5555_5555_5555);
        assert!(answer.compared <= cap);
    }
    // A record's own row is found through its place and number.
    let (record, flags, bits) = &many[40_001];
    let token = LookupRow {
        flags: *flags,
        bits,
    };
    let answer = find(&index, &[token]);
    assert!(answer.capped && answer.compared <= 5 * cap);
    assert!(answer.candidates.iter().any(|c| c.record == *record));
    assert!(answer.candidates.len() <= limits::LOOKUP_KEPT_RECORDS);
    // Removing rows brings the value below the bound again: nothing is capped any more.
    index.remove(&(0..count - cap as u32).collect::<Vec<_>>());
    assert_eq!(index.rows() as u64, cap);
    let answer = find(&index, &[token]);
    assert!(answer.compared == cap, "{answer:?}");
}

/// One row more than a generation takes: both parts are found.
#[test]
fn rows_beyond_one_generation_go_into_another() {
    let rows = Rows::new(400, 39);
    let count = limits::LOOKUP_GENERATION_ROWS as u32 + 1;
    let row = |record: u32| -> Vec<u64> {
        vec![u64::from(record).wrapping_mul(0x9e37_79b9_7f4a_7c15); 16]
    };
    let all = (0..count)
        .rev()
        .map(|record| (record, Flags::default(), row(record)));
    let index = LookupIndex::build(&Schema::jp_1(), &blocked(), &rows.model, all);
    let index = index.expect("the rows fit");
    assert_eq!(index.rows(), count as usize);
    assert!(index.bytes() / (count as usize) < 128 + 90);
    for record in [0, 1, count / 2, count - 1] {
        let bits = row(record);
        let token = LookupRow {
            flags: Flags::default(),
            bits: &bits,
        };
        let answer = find(&index, &[token]);
        assert_eq!(answer.compared, 1);
        assert_eq!(answer.candidates[0].record, record);
        // A row that is there already is not stored twice.
        index
            .insert([(record, Flags::default(), bits)])
            .expect("the row fits");
        assert_eq!(index.rows(), count as usize);
    }
}

#[test]
fn lookups_go_on_while_rows_come_and_go() {
    let rows = Rows::new(1500, 40);
    let half = rows.rows.len() / 2;
    let (old, new) = rows.rows.split_at(half);
    let index = rows.index(old);
    let expected: Vec<(Vec<LookupRow<'_>>, Answer)> = (0..50)
        .map(|at| {
            let token = rows.token(old[at * 7].0);
            let answer = find(&index, &token);
            (token, answer)
        })
        .collect();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    for (token, before) in &expected {
                        // Whatever is inserted or removed meanwhile, the old links stay found.
                        let answer = find(&index, token);
                        let own = before.candidates.iter().filter(|c| c.weight > 20 * 256);
                        for candidate in own {
                            let found = |c: &&_| **c == candidate.record;
                            let records = answer.candidates.iter().map(|c| c.record);
                            let records: Vec<u32> = records.collect();
                            assert!(records.iter().any(|c| found(&c)));
                        }
                    }
                }
            });
        }
        for row in new {
            index.insert([row.clone()]).expect("the row fits");
        }
        let old: Vec<u32> = old.iter().map(|row| row.0).collect();
        let gone = new
            .iter()
            .map(|row| row.0)
            .filter(|record| !old.contains(record));
        gone.for_each(|record| index.remove(&[record]));
        stop.store(true, Ordering::Relaxed);
    });
}

#[test]
fn a_purge_leaves_nothing_of_removed_rows() {
    let rows = Rows::new(400, 42);
    let index = rows.index(&rows.rows);
    index.remove(&[1, 2, 3]);
    let (before, count) = (index.bytes(), index.rows());
    index.purge();
    let fresh = rows.index(rows.rows.iter().filter(|row| !(1..4).contains(&row.0)));
    assert_eq!((index.rows(), index.bytes()), (count, fresh.bytes()));
    assert!(index.bytes() < before);
    let token = rows.token(2);
    assert_eq!(find(&index, &token), find(&fresh, &token));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever came and went, the index answers as one made of what is left.
    #[test]
    fn an_updated_index_is_an_index_made_anew(
        seed in 0_u64..1000,
        steps in prop::collection::vec((any::<bool>(), 0_u64..300, 0_u64..60), 1..40),
    ) {
        let rows = shared();
        let mut dice = Dice::new(seed);
        let index = rows.index(rows.rows.iter().take(dice.below(400) as usize));
        let mut left: Vec<&Row> = Vec::new();
        left.extend(rows.rows.iter().take(Dice::new(seed).below(400) as usize));
        for (insert, from, count) in steps {
            if insert {
                let chosen = rows.rows.iter().skip(from as usize * 3).take(count as usize);
                let chosen: Vec<&Row> = chosen.collect();
                index.insert(chosen.iter().map(|row| (row.0, row.1, &row.2))).expect("they fit");
                left.extend(chosen);
            } else {
                let records: Vec<u32> = (0..count).map(|_| dice.below(900) as u32).collect();
                index.remove(&records);
                left.retain(|row| !records.contains(&row.0));
            }
        }
        let fresh = rows.index(left.iter().copied());
        prop_assert_eq!(index.rows(), fresh.rows());
        for at in (0..rows.rows.len()).step_by(41) {
            let token = rows.token(rows.rows[at].0);
            prop_assert_eq!(find(&index, &token), find(&fresh, &token));
            let all = |index: &LookupIndex| index.exhaustive(&token, 5).expect("the token fits");
            prop_assert_eq!(all(&index), all(&fresh));
        }
    }
}

fn shared() -> &'static Rows {
    static ROWS: std::sync::OnceLock<Rows> = std::sync::OnceLock::new();
    ROWS.get_or_init(|| Rows::new(450, 41))
}
