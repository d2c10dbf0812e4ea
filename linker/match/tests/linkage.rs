//! Whole runs on synthetic people.
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    unreachable_pub,
    reason = "test code"
)]

mod world;

use std::collections::BTreeSet;

use linker_kernels::available;
use linker_match::{
    Dataset, KernelChoice, Linkage, Lsh, MatchError, ModelSource, RecordKey, Settings,
    explain::Explainer, limits, link, plan, rules::Rule,
};
use linker_token::{Flags, RecordRef, Token, TokenBatch};
use proptest::prelude::*;
use world::{Dice, Values, World, blocked};

fn run(dataset: &Dataset, settings: &Settings) -> Linkage {
    link(dataset, settings, &|_| ()).expect("the run goes through")
}

/// The clusters of a world in which nobody is anybody else, plus these records.
fn with(records: &[(u16, usize, Values)]) -> (World, Dataset, Linkage) {
    let mut world = World::new(2000, 5);
    for (site, person, values) in records {
        world.add(*site, &[(1_000_000 + person, values.clone())]);
    }
    let dataset = world.dataset();
    let linkage = run(&dataset, &blocked());
    (world, dataset, linkage)
}

/// Clusters of the added persons: a list of cluster numbers per person.
fn clusters(world: &World, dataset: &Dataset, linkage: &Linkage, person: usize) -> Vec<u32> {
    let people = world.people_of(dataset);
    let records = people.iter().zip(&linkage.cluster_of_record);
    records
        .filter(|(found, _)| **found == 1_000_000 + person)
        .map(|(_, cluster)| *cluster)
        .collect()
}

fn stranger(seed: u64) -> Values {
    world::people(1, 77_000 + seed).remove(0)
}

#[test]
fn blocks_and_all_pairs_both_find_the_people() {
    let world = World::new(3000, 1);
    let dataset = world.dataset();
    for settings in [blocked(), Settings::standard()] {
        let linkage = run(&dataset, &settings);
        let (precision, recall) = world.quality(&dataset, &linkage);
        assert!(precision > 0.99 && recall > 0.97, "{precision} {recall}");
        assert_eq!(linkage.model.source, ModelSource::Trained);
        let estimates = linkage.estimates;
        assert!(
            (estimates.recall - recall).abs() < 0.02,
            "{estimates:?} {recall}"
        );
        assert!(estimates.precision > 0.98);
        assert!(estimates.low <= estimates.blocking_recall);
        assert!(estimates.blocking_recall <= estimates.high && estimates.high > 0.99);
        let costs: Vec<_> = linkage
            .passes
            .iter()
            .map(|pass| pass.plan.clone())
            .collect();
        assert_eq!(costs, plan(&dataset, &settings).passes);
    }
}

#[test]
fn the_model_knows_how_many_matches_there_are() {
    let world = World::new(4000, 2);
    let dataset = world.dataset();
    let linkage = run(&dataset, &blocked());
    let mut records = std::collections::BTreeMap::new();
    for person in world.people_of(&dataset) {
        *records.entry(person).or_insert(0_u64) += 1;
    }
    let matches: u64 = records.values().map(|n| n * (n - 1) / 2).sum();
    let rows = dataset.row_count() as f64;
    let truth = matches as f64 / (rows * (rows - 1.0) / 2.0);
    let ratio = linkage.model.prior / truth;
    assert!(
        (0.95..1.05).contains(&ratio),
        "prior {ratio} times the truth"
    );
    for segment in &linkage.model.segments {
        assert!(segment.weights.windows(2).all(|pair| pair[0] >= pair[1]));
    }
}

/// Every pair with an equal segment is compared, once, and no other.
#[test]
fn candidates_are_exactly_the_pairs_with_an_equal_segment() {
    let world = World::new(400, 3);
    let dataset = world.dataset();
    let mut tokens: Vec<Token> = Vec::new();
    for (_, batch) in &world.batches {
        for row in 0..batch.len() {
            tokens.push(Token {
                reference: batch.references()[row],
                flags: batch.flags()[row],
                row: batch.row(row).to_vec(),
            });
        }
    }
    let mut pairs = 0;
    for (at, a) in tokens.iter().enumerate() {
        for b in &tokens[at + 1..] {
            let mut segments = world.encoder.schema.segments().iter().enumerate();
            let missing = a.flags.missing_mask() | b.flags.missing_mask();
            pairs += u64::from(segments.any(|(index, segment)| {
                let words = segment.words.clone();
                missing >> index & 1 == 0 && a.row[words.clone()] == b.row[words]
            }));
        }
    }
    assert_eq!(run(&dataset, &blocked()).pairs_compared, pairs);
}

#[test]
fn oversized_blocks_are_split_and_the_loss_is_counted() {
    let world = World::new(2000, 4);
    let dataset = world.dataset();
    let free = plan(&dataset, &blocked());
    let settings = Settings {
        block_rows_max: 6,
        ..blocked()
    };
    let capped = plan(&dataset, &settings);
    for (free, capped) in free.passes.iter().zip(&capped.passes) {
        assert!(capped.largest_block <= 6);
        assert_eq!(free.pairs, capped.pairs + capped.pairs_dropped);
        assert_eq!(free.blocks_split + free.pairs_dropped, 0);
    }
    assert!(
        capped
            .passes
            .iter()
            .any(|pass| pass.blocks_split > 0 && pass.pairs_dropped > 0)
    );
    let linkage = run(&dataset, &settings);
    assert!(linkage.pairs_compared < run(&dataset, &blocked()).pairs_compared);
    assert!(
        world.quality(&dataset, &linkage).1 > 0.95,
        "a second segment keeps matches together"
    );
}

#[test]
fn twins_are_for_a_person_to_decide() {
    let one = stranger(1);
    let other = stranger(2);
    let twin = Values {
        kana: other.kana,
        kanji: other.kanji,
        ..one.clone()
    };
    let records = [
        (0, 1, one.clone()),
        (1, 1, one),
        (0, 2, twin.clone()),
        (1, 2, twin),
    ];
    let (world, dataset, linkage) = with(&records);
    let one = clusters(&world, &dataset, &linkage, 1);
    let two = clusters(&world, &dataset, &linkage, 2);
    assert_eq!(one[0], one[1]);
    assert_eq!(two[0], two[1]);
    assert_ne!(one[0], two[0]);
    let people = world.people_of(&dataset);
    let reviewed = linkage.review.iter().filter(|pair| {
        let ends = [pair.a, pair.b].map(|record| people[record as usize]);
        pair.rule == Rule::Twins && ends.contains(&1_000_001) && ends.contains(&1_000_002)
    });
    assert_eq!(reviewed.count(), 4);
}

#[test]
fn flagged_and_thin_evidence_never_links_alone() {
    let one = stranger(3);
    let flagged = |flags| Values {
        flags,
        place: None,
        number: None,
        ..one.clone()
    };
    for (flags, linked) in [
        (Flags::default(), true),
        (Flags::WEAK_EVIDENCE, false),
        (Flags::WILDCARD_NAME, false),
        (Flags::PARTIAL_BIRTH, false),
        (Flags::TEST_RECORD, false),
    ] {
        let (world, dataset, linkage) = with(&[(0, 1, one.clone()), (1, 1, flagged(flags))]);
        let found = clusters(&world, &dataset, &linkage, 1);
        assert_eq!(found[0] == found[1], linked, "{:#x}", flags.bits());
    }
}

#[test]
fn test_records_are_alone_even_when_equal() {
    let mut test = stranger(4);
    test.flags = Flags::TEST_RECORD;
    let (world, dataset, linkage) = with(&[(0, 1, test.clone()), (1, 1, test)]);
    let found = clusters(&world, &dataset, &linkage, 1);
    assert_ne!(found[0], found[1]);
    let people = world.people_of(&dataset);
    let reviewed = linkage
        .review
        .iter()
        .any(|pair| people[pair.a as usize] == 1_000_001);
    assert!(!reviewed);
}

#[test]
fn a_number_alone_links_nobody() {
    let one = stranger(5);
    let other = Values {
        number: one.number.clone(),
        ..stranger(6)
    };
    let (world, dataset, linkage) = with(&[(0, 1, one), (1, 2, other)]);
    let one = clusters(&world, &dataset, &linkage, 1);
    assert_ne!(one, clusters(&world, &dataset, &linkage, 2));
}

#[test]
fn rows_under_one_reference_are_one_record() {
    let before = stranger(7);
    let after = Values {
        kana: stranger(8).kana,
        kanji: stranger(8).kanji,
        ..before.clone()
    };
    let mut world = World::new(2000, 5);
    world.add(
        1,
        &[(1_000_001, before.clone()), (1_000_001, after.clone())],
    );
    let encoder = world::Encoder::new();
    let mut batch = TokenBatch::new(&encoder.schema);
    let reference = world::reference_of(9_999_999);
    for values in [&before, &after] {
        let token = Token {
            reference,
            ..values.token(&encoder, 0)
        };
        batch.push(&token).expect("the batch is small");
    }
    world.batches.push((0, batch));
    world.truth.insert((0, reference), 1_000_001);
    let dataset = world.dataset();
    let linkage = run(&dataset, &blocked());
    let found = clusters(&world, &dataset, &linkage, 1);
    assert_eq!(found.len(), 3, "two rows are one record");
    assert!(
        found.iter().all(|cluster| *cluster == found[0]),
        "both names lead to it"
    );
}

#[test]
fn a_row_of_ones_links_to_nobody() {
    let mut world = World::new(2000, 5);
    let mut batch = TokenBatch::new(&world.encoder.schema);
    let reference = RecordRef([255; 16]);
    let token = Token {
        reference,
        flags: Flags::default(),
        row: vec![u64::MAX; 16],
    };
    batch.push(&token).expect("the batch is small");
    world.batches.push((0, batch));
    world.truth.insert((0, reference), 1_000_001);
    let dataset = world.dataset();
    let linkage = run(&dataset, &Settings::standard());
    let found = clusters(&world, &dataset, &linkage, 1);
    let size = linkage
        .cluster_of_record
        .iter()
        .filter(|cluster| **cluster == found[0])
        .count();
    assert_eq!(size, 1);
}

#[test]
fn clusters_stop_at_the_bound() {
    let one = stranger(9);
    let records: Vec<_> = (0..12).map(|site| (site, 1, one.clone())).collect();
    let mut world = World::new(2000, 5);
    for (site, person, values) in &records {
        world.add(*site, &[(1_000_000 + person, values.clone())]);
    }
    let dataset = world.dataset();
    let settings = Settings {
        cluster_records_max: 10,
        ..blocked()
    };
    let linkage = run(&dataset, &settings);
    let found = clusters(&world, &dataset, &linkage, 1);
    let distinct: BTreeSet<u32> = found.iter().copied().collect();
    assert_eq!(distinct.len(), 2);
    assert_eq!(linkage.clusters_over_bound, 1);
    let refused = linkage
        .review
        .iter()
        .filter(|pair| pair.rule == Rule::Clusters);
    assert!(refused.count() >= 20);
}

#[test]
fn tiny_runs_say_that_their_model_is_the_default() {
    let world = World::new(40, 6);
    let dataset = world.dataset();
    let linkage = run(&dataset, &Settings::standard());
    assert_eq!(linkage.model.source, ModelSource::DefaultFewRecords);
    let (precision, recall) = world.quality(&dataset, &linkage);
    assert!(precision > 0.99 && recall > 0.9, "{precision} {recall}");
    let nobody = Dataset::build(&world.encoder.schema, []).expect("nothing fits");
    let linkage = run(&nobody, &Settings::standard());
    assert_eq!((linkage.cluster_count, linkage.review_pairs), (0, 0));
}

#[test]
fn an_explanation_adds_up() {
    let world = World::new(2000, 8);
    let dataset = world.dataset();
    let settings = blocked();
    let linkage = run(&dataset, &settings);
    let explainer = Explainer::new(&dataset, &settings, &linkage.model);
    let key = |record: u32| dataset.keys()[record as usize];
    for pair in linkage.review.iter().take(50) {
        let shown = explainer
            .explain(&key(pair.a), &key(pair.b))
            .expect("rows are in memory")
            .expect("both are there");
        let parts = shown
            .segments
            .iter()
            .map(|part| part.weight + part.frequency);
        assert_eq!(shown.prior + shown.doubt + parts.sum::<i32>(), shown.weight);
        assert_eq!(shown.weight, pair.weight);
        let back = explainer.explain(&key(pair.b), &key(pair.a));
        let back = back.expect("rows are in memory").expect("both are there");
        assert_eq!(back.weight, shown.weight);
    }
    let unknown = RecordKey {
        site: 99,
        reference: RecordRef([0; 16]),
    };
    assert!(matches!(explainer.explain(&unknown, &key(0)), Ok(None)));
}

#[test]
fn data_without_matches_are_not_linked() {
    let mut world = World::empty();
    let people: Vec<_> = world::people(1500, 9).into_iter().enumerate().collect();
    world.add(0, &people);
    let dataset = world.dataset();
    let linkage = run(&dataset, &Settings::standard());
    assert!(dataset.record_count() - linkage.cluster_count as usize <= 2);
}

/// 1,500 rows with a place only make 1,124,250 pairs, and no rule refuses any of them.
#[test]
fn too_many_kept_pairs_stop_the_run() {
    let mut world = World::empty();
    let people = world::people(1500, 10).into_iter().map(|values| Values {
        kana: None,
        kanji: None,
        birth: None,
        number: None,
        ..values
    });
    let people: Vec<_> = people.enumerate().collect();
    world.add(0, &people);
    let settings = Settings {
        review_threshold: -100 * limits::WEIGHT_UNIT,
        ..Settings::standard()
    };
    let stopped = link(&world.dataset(), &settings, &|_| ());
    assert!(matches!(stopped, Err(MatchError::TooMany { .. })));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4, ..ProptestConfig::default() })]

    /// Arrival order, threads and kernel change nothing.
    #[test]
    fn clusters_depend_on_the_rows_alone(
        seed in any::<u64>(),
        exhaustive in any::<bool>(),
        tables in any::<bool>(),
    ) {
        let world = World::new(500, seed);
        let base = if exhaustive { Settings::standard() } else { blocked() };
        let on = Lsh::On { target_recall_permille: 600 };
        let base = Settings { lsh: if tables { on } else { Lsh::Off }, ..base };
        let dataset = world.dataset();
        let expected = run(&dataset, &base);
        let mut dice = Dice::new(seed);
        let mut rows = Vec::new();
        for (site, batch) in &world.batches {
            for row in 0..batch.len() {
                rows.push((dice.roll(), *site, batch.retain(|other| other == row)));
            }
        }
        rows.sort_by_key(|(order, ..)| *order);
        let shuffled = rows.into_iter().map(|(_, site, batch)| (site, batch));
        let shuffled = Dataset::build(&world.encoder.schema, shuffled).expect("batches fit");
        prop_assert_eq!(dataset.keys(), shuffled.keys());
        for kernel in available() {
            for threads in [1, 2, 3] {
                let kernel = KernelChoice::parse(kernel.name()).expect("kernels have names");
                let settings = Settings { threads, kernel, ..base };
                let found = run(&shuffled, &settings);
                prop_assert_eq!(&found, &Linkage { kernel: found.kernel, ..expected.clone() });
            }
        }
    }
}
