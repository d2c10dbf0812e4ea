use linker_token::{Flags, Token, TokenBatch};

use super::*;
use crate::{
    block,
    sample::Sample,
    world::{self, Values, World},
};

/// People, some of whom have two rows under one reference, some of whose records are tests, and
/// some of whose rows lack nearly everything.
pub(crate) fn motley() -> Dataset {
    let mut world = World::new(700, 21);
    let spare: Vec<Values> = world::people(120, 22);
    for (number, values) in (5_000_000_u64..).zip(&spare) {
        let bare = Values {
            kanji: None,
            place: None,
            birth: values.birth.clone().filter(|_| number % 3 > 0),
            number: values.number.clone().filter(|_| number % 2 > 0),
            ..values.clone()
        };
        let test = Values {
            flags: Flags::TEST_RECORD,
            ..bare.clone()
        };
        let nothing = Values {
            kana: None,
            birth: None,
            number: None,
            ..bare.clone()
        };
        let mut batch = TokenBatch::new(&world.encoder.schema);
        let rows = match number % 4 {
            0 => vec![values.clone(), bare],
            1 => vec![bare, values.clone(), nothing],
            2 => vec![values.clone(), test],
            _ => vec![nothing],
        };
        for values in rows {
            let token = Token {
                reference: world::reference_of(number),
                ..values.token(&world.encoder, 0)
            };
            batch.push(&token).expect("the batch is small");
        }
        for site in 0..2 {
            world.batches.push((site, batch.clone()));
        }
    }
    world.dataset()
}

/// The definition: pair by pair, word by word.
pub(crate) fn slow(dataset: &Dataset, sample: &Sample) -> Vec<u64> {
    let mut counts = vec![0; dataset.grading().patterns()];
    for &query in sample.groups.iter().flat_map(|group| &group.rows) {
        for row in dataset.eligible() {
            if dataset.record_of(query) != dataset.record_of(row) {
                let missing =
                    dataset.flags(query).missing_mask() | dataset.flags(row).missing_mask();
                let (a, b) = (dataset.held_row(query), dataset.held_row(row));
                counts[dataset.grading().pattern(a, b, missing) as usize] += 1;
            }
        }
    }
    counts
}

/// A sift with no watch shows every pair, and any watch shows those that are not quiet.
#[test]
fn a_sieve_lets_through_what_it_must() {
    let dataset = motley();
    let blocks = block::build(&dataset, &world::blocked(), &|_| ());
    let engine = Engine {
        dataset: &dataset,
        blocks: &blocks,
        kernel: linker_kernels::available()[0],
        stop: &Cancel::new(),
    };
    let eligible = dataset.eligible().collect();
    let groups = groups(&dataset, engine.stop, eligible).expect("rows are in memory");
    let grading = dataset.grading();
    let width = grading.row_words();
    for group in groups {
        let rows = 0..group.len().min(90);
        let words = group.words(rows.clone(), width);
        let mut sieve = Sieve::new(engine);
        sieve.load(words.chunks_exact(width), group.missing);
        let sorted = |sieve: &mut Sieve, watch| {
            let pairs = sieve.sift(&dataset, words, group.missing, 1, watch);
            let mut pairs = pairs.to_vec();
            pairs.sort_unstable();
            pairs
        };
        let every = sorted(&mut sieve, None);
        assert_eq!(every.len(), rows.len() * rows.len().saturating_sub(LANES));
        for (segments, lowest) in (0..32).flat_map(|all| (0..=2).map(move |lowest| (all, lowest))) {
            let mut loud = every.clone();
            loud.retain(|pair| {
                (0..5).any(|segment| {
                    let heard = (grading.levels(segment) - 2).saturating_sub(usize::from(lowest));
                    let level = grading.level(pair.pattern, segment);
                    segments >> segment & 1 == 1 && level.is_some_and(|level| level <= heard)
                })
            });
            let watched = Watched { segments, lowest };
            assert_eq!(sorted(&mut sieve, Some(watched)), loud);
        }
    }
}
