//! The estimate of blocking recall against the truth, on a hundred populations.
//!
//! In each of them some records are damaged in every segment at once, so that blocks of equal
//! segments lose them. Comparing everything with everything tells what share of the links the blocks
//! really have; the run's interval, from a sample of its records, must contain it.
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    unreachable_pub,
    reason = "test code"
)]

#[expect(dead_code, reason = "the other test files use the rest")]
mod world;

use std::collections::BTreeMap;

use linker_match::{Candidates, Hits, Settings, link};
use linker_token::RecordRef;
use world::{Dice, Values, World, blocked, noisy};

/// People at three sites. `permille` of the records are damaged in all that they have.
fn population(count: usize, seed: u64, permille: u64) -> World {
    let mut world = World::empty();
    let mut dice = Dice::new(seed);
    let people = world::people(count, seed);
    for (site, share) in [(0, 500), (1, 900), (2, 700)] {
        let mut rows: Vec<(usize, Values)> = Vec::new();
        for (person, values) in people.iter().enumerate() {
            if dice.chance(share) {
                let mut values = noisy(values, &mut dice);
                if dice.chance(permille) {
                    damage(&mut values, &mut dice);
                }
                rows.push((person, values));
            }
        }
        world.add(site, &rows);
    }
    world
}

/// One wrong character or digit in the name and in the birth date, no kanji name, another address,
/// another number.
fn damage(values: &mut Values, dice: &mut Dice) {
    let spoil = |symbols: &mut Option<Vec<u64>>, add: u64, dice: &mut Dice| {
        if let Some(symbols) = symbols {
            let at = dice.below(symbols.len() as u64 - 1) as usize;
            symbols[at] = (symbols[at] + add) % 10;
        }
    };
    spoil(&mut values.kana, 1 + dice.below(8), dice);
    spoil(&mut values.birth, 1 + dice.below(8), dice);
    spoil(&mut values.place, 1 + dice.below(8), dice);
    spoil(&mut values.number, 1 + dice.below(8), dice);
    values.kanji = None;
}

/// The share of true matches that have an equal segment.
fn recall_of_matches(world: &World) -> f64 {
    let mut persons: BTreeMap<usize, Vec<(u16, RecordRef)>> = BTreeMap::new();
    for (&key, &person) in &world.truth {
        persons.entry(person).or_default().push(key);
    }
    let mut rows = BTreeMap::new();
    for (site, batch) in &world.batches {
        for row in 0..batch.len() {
            let key = (*site, batch.references()[row]);
            rows.insert(key, (batch.flags()[row], batch.row(row)));
        }
    }
    let equal = |a, b| {
        let ((one, a), (other, b)) = (rows[a], rows[b]);
        let missing = one.missing_mask() | other.missing_mask();
        let mut segments = world.encoder.schema.segments().iter().enumerate();
        segments.any(|(index, segment)| {
            missing >> index & 1 == 0 && a[segment.words.clone()] == b[segment.words.clone()]
        })
    };
    let (mut matches, mut found) = (0, 0);
    for records in persons.values() {
        for (at, a) in records.iter().enumerate() {
            for b in &records[at + 1..] {
                matches += 1;
                found += u32::from(equal(a, b));
            }
        }
    }
    f64::from(found) / f64::from(matches)
}

#[test]
fn the_interval_contains_the_true_blocking_recall() {
    let (mut links, mut matches, mut width, mut sum) = (0, 0, 0.0, 0.0);
    for set in 0..100_u64 {
        let permille = [4, 6, 9, 14, 20, 28, 40][set as usize % 7];
        let world = population(1000 + 9 * set as usize, 900 + set, permille);
        let dataset = world.dataset();
        let settings = Settings {
            sample_records: [300, 450, 600][set as usize % 3],
            seed: set,
            ..blocked()
        };
        let linkage = link(&dataset, &settings, &|_| ()).expect("the run goes through");
        let find = |candidates| {
            Hits::find(&dataset, &settings, &linkage.model, candidates, &|_| ())
                .expect("it goes through")
        };
        let (all, some) = (find(Candidates::Everything), find(Candidates::Blocks));
        let truth = all.common(&some) as f64 / all.pairs().len() as f64;
        let estimates = linkage.estimates;
        let inside = |truth| estimates.low <= truth && truth <= estimates.high;
        links += u32::from(inside(truth));
        matches += u32::from(inside(recall_of_matches(&world)));
        width += estimates.high - estimates.low;
        sum += truth;
        println!(
            "{} records, {} links, true {truth:.4} (matches {:.4}), {:.4} in {:.4}..{:.4} {}",
            dataset.record_count(),
            all.pairs().len(),
            recall_of_matches(&world),
            estimates.blocking_recall,
            estimates.low,
            estimates.high,
            if inside(truth) { "" } else { "MISSED" }
        );
    }
    println!(
        "links {links}, matches {matches}, mean width {:.4}, mean {:.4}",
        width / 100.0,
        sum / 100.0
    );
    assert!(links >= 90, "{links} of 100 intervals contain the truth");
}
