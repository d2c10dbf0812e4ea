//! Rows that no honest site sends must neither slow a run down nor link anybody.
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    unreachable_pub,
    reason = "test code"
)]

#[expect(dead_code, reason = "other test files use the rest")]
mod world;

use linker_match::{Linkage, Settings, limits, link, plan};
use linker_token::{Flags, Token, TokenBatch};
use world::{Dice, World, reference_of};

/// Adds rows to a world; each is one record of a person of its own.
fn poison(world: &mut World, rows: impl Iterator<Item = Vec<u64>>) {
    let mut batch = TokenBatch::new(&world.encoder.schema);
    for (number, row) in (50_000_000..).zip(rows) {
        let token = Token {
            reference: reference_of(number),
            flags: Flags::default(),
            row,
        };
        world.truth.insert((7, token.reference), number as usize);
        batch.push(&token).expect("the batch is small");
    }
    world.batches.push((7, batch));
}

/// Links a world, and checks that the honest people are found and that pairs stay bounded.
fn check(world: &World, settings: &Settings) -> Linkage {
    let dataset = world.dataset();
    let rows = dataset.row_count() as u64;
    let planned = plan(&dataset, settings);
    assert!(planned.pairs_total < rows * 300, "{planned:?}");
    let linkage = link(&dataset, settings, &|_| ()).expect("the run goes through");
    assert_eq!(planned.rows_quarantined, linkage.rows_quarantined);
    let (precision, recall) = world.quality(&dataset, &linkage);
    assert!(precision > 0.99 && recall > 0.96, "{precision} {recall}");
    linkage
}

#[test]
fn one_row_in_ten_the_same_is_set_aside() {
    let mut world = World::new(3000, 21);
    let row = world.batches[0].1.row(0).to_vec();
    let mut dice = Dice::new(3);
    let forged: Vec<u64> = (0..row.len()).map(|_| dice.roll()).collect();
    poison(&mut world, std::iter::repeat_n(forged, 700));
    assert_eq!(check(&world, &world::blocked()).rows_quarantined, 700);
}

#[test]
fn the_bound_on_equal_rows_is_the_last_that_is_compared() {
    let most = limits::SAME_ROW_RECORDS_MAX;
    for (copies, quarantined) in [(most, 0), (most + 1, most + 1)] {
        let mut world = World::new(500, 22);
        let mut dice = Dice::new(4);
        let forged: Vec<u64> = (0..16).map(|_| dice.roll()).collect();
        poison(&mut world, std::iter::repeat_n(forged, copies));
        let found = plan(&world.dataset(), &world::blocked());
        assert_eq!(found.rows_quarantined, quarantined as u64);
    }
}

#[test]
fn one_row_in_ten_of_ones_or_zeros_matches_nobody() {
    let mut world = World::new(3000, 23);
    let blank = |number: usize| {
        vec![
            if number.is_multiple_of(2) {
                u64::MAX
            } else {
                0
            };
            16
        ]
    };
    poison(&mut world, (0..700).map(blank));
    assert_eq!(check(&world, &world::blocked()).rows_quarantined, 700);
    // Also where nothing is blocked, and if they are few.
    let mut world = World::new(1000, 23);
    poison(&mut world, (0..40).map(blank));
    let dataset = world.dataset();
    let linkage = link(&dataset, &Settings::standard(), &|_| ()).expect("the run goes through");
    let people = world.people_of(&dataset);
    let clusters = people.iter().zip(&linkage.cluster_of_record);
    let mut blank: Vec<u32> = clusters
        .filter(|(person, _)| **person >= 50_000_000)
        .map(|(_, cluster)| *cluster)
        .collect();
    blank.sort_unstable();
    blank.dedup();
    assert_eq!(blank.len(), 40);
}

#[test]
fn rows_that_share_all_but_one_segment_are_split() {
    let mut world = World::new(3000, 24);
    let mut dice = Dice::new(5);
    let forged: Vec<u64> = (0..16).map(|_| dice.roll()).collect();
    // The last two words differ.
    let rows: Vec<Vec<u64>> = (0..2000)
        .map(|_| {
            let mut row = forged.clone();
            row[14..].iter_mut().for_each(|word| *word = dice.roll());
            row
        })
        .collect();
    poison(&mut world, rows.into_iter());
    let settings = Settings {
        block_rows_max: 64,
        ..world::blocked()
    };
    let dataset = world.dataset();
    let planned = plan(&dataset, &settings);
    assert!(planned.passes.iter().all(|pass| pass.largest_block <= 64));
    assert!(planned.pairs_total < 500_000, "{planned:?}");
    assert!(planned.passes[0].pairs_dropped > 1_900_000);
}

#[test]
fn a_site_with_one_reference_for_all_rows_is_set_aside() {
    let most = limits::RECORD_ROWS_MAX;
    for (rows, quarantined) in [(most, 0), (most + 1, most + 1)] {
        let mut world = World::new(500, 25);
        let mut batch = TokenBatch::new(&world.encoder.schema);
        for values in world::people(rows, 26) {
            let token = values.token(&world.encoder, 50_000_000);
            batch.push(&token).expect("the batch is small");
        }
        world.batches.push((7, batch));
        let found = plan(&world.dataset(), &world::blocked());
        assert_eq!(found.rows_quarantined, quarantined as u64);
    }
}
