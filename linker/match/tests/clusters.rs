//! Whole runs under rules, verdicts and sites free of duplicates, in small worlds.
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    unreachable_pub,
    reason = "test code"
)]

#[expect(dead_code, reason = "the other test files use the rest")]
mod world;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use linker_kernels::available;
use linker_match::{
    Cancel, Constraints, Dataset, KernelChoice, Linkage, Need, RecordKey, Settings, Tools, Verdict,
    VerdictKind, Verdicts, link_with, rules::Rule, scratch::Memory, source::Batches,
};
use linker_token::{Flags, TokenBatch};
use proptest::prelude::*;
use world::{Dice, Values, World, blocked};

fn run(dataset: &Dataset, settings: &Settings, constraints: &Constraints) -> Linkage {
    let tools = Tools {
        progress: &|_| (),
        cancel: &Cancel::new(),
        constraints,
        scratch: None,
    };
    link_with(dataset, settings, tools).expect("the run goes through")
}

fn stranger(seed: u64) -> Values {
    world::people(1, 88_000 + seed).remove(0)
}

/// A world in which nobody is anybody else, plus records of persons from 1,000,000 on.
struct Small {
    world: World,
    dataset: Dataset,
}

impl Small {
    fn new(records: &[(u16, usize, Values)]) -> Self {
        let mut world = World::new(1000, 21);
        for (site, person, values) in records {
            world.add(*site, &[(1_000_000 + person, values.clone())]);
        }
        let dataset = world.dataset();
        Self { world, dataset }
    }

    fn records(&self, person: usize) -> Vec<u32> {
        let people = self.world.people_of(&self.dataset);
        let all = (0_u32..).zip(people);
        all.filter(|(_, found)| *found == 1_000_000 + person)
            .map(|(record, _)| record)
            .collect()
    }

    fn key(&self, record: u32) -> RecordKey {
        self.dataset.keys()[record as usize]
    }

    fn verdict(&self, a: u32, b: u32, kind: VerdictKind) -> Verdict {
        let (a, b) = (self.key(a), self.key(b));
        Verdict { a, b, kind }
    }

    fn run(&self, constraints: &Constraints) -> Linkage {
        run(&self.dataset, &blocked(), constraints)
    }

    /// The clusters of a person's records.
    fn clusters(&self, linkage: &Linkage, person: usize) -> Vec<u32> {
        let records = self.records(person).into_iter();
        records
            .map(|record| linkage.cluster_of_record[record as usize])
            .collect()
    }
}

fn verdicts(list: Vec<Verdict>) -> Constraints {
    Constraints {
        verdicts: Verdicts::new(list).expect("no conflict"),
        ..Constraints::default()
    }
}

/// A pair of one person whose second record is flagged and lacks some values.
fn flagged(seed: u64, flags: Flags, change: fn(&mut Values)) -> bool {
    let one = stranger(seed);
    let mut other = Values {
        flags,
        ..one.clone()
    };
    change(&mut other);
    let small = Small::new(&[(0, 1, one), (1, 1, other)]);
    let found = small.clusters(&small.run(&Constraints::default()), 1);
    found[0] == found[1]
}

#[test]
fn doubtful_evidence_needs_company() {
    let name_and_birth = |values: &mut Values| (values.place, values.number) = (None, None);
    let without_place = |values: &mut Values| values.place = None;
    let nothing = |_: &mut Values| ();
    for (flags, change, joins) in [
        (Flags::default(), name_and_birth as fn(&mut Values), true),
        // A weak evidence grade needs three kinds of identifiers.
        (Flags::WEAK_EVIDENCE, name_and_birth, false),
        (Flags::WEAK_EVIDENCE, without_place, true),
        // A wildcard name is no evidence, so birth is alone.
        (Flags::WILDCARD_NAME, name_and_birth, false),
        (Flags::WILDCARD_NAME, without_place, true),
        (Flags::PARTIAL_BIRTH, name_and_birth, false),
        (Flags::PARTIAL_BIRTH, without_place, true),
        (Flags::DECEASED, name_and_birth, true),
        (Flags::TEST_RECORD, nothing, false),
    ] {
        let bits = flags.bits();
        assert_eq!(flagged(1, flags, change), joins, "{bits:#x}");
    }
}

/// A wildcard name and a number, nothing else: whatever it agrees with, it stays alone.
#[test]
fn a_wildcard_name_never_joins_alone() {
    let one = stranger(2);
    let wild = Values {
        flags: Flags::WILDCARD_NAME,
        birth: None,
        place: None,
        ..one.clone()
    };
    let small = Small::new(&[(0, 1, one.clone()), (1, 1, one), (2, 1, wild)]);
    let linkage = small.run(&Constraints::default());
    let found = small.clusters(&linkage, 1);
    assert_eq!(found[0], found[1]);
    assert_ne!(found[0], found[2]);
    let wild = small.records(1)[2];
    let reviewed = linkage.review.iter().filter(|pair| pair.b == wild);
    assert!(reviewed.clone().count() >= 2);
    assert!(reviewed.clone().all(|pair| pair.rule == Rule::ThinEvidence));
}

/// Twins of one surname, whose given names differ in both spellings, at several sites each, and one
/// record with so little in it that it fits both.
#[test]
fn twins_stay_two_whatever_joins_them() {
    let one = stranger(3);
    let change = |symbols: &Option<Vec<u64>>, from: usize, by: u64| {
        symbols.as_ref().map(|symbols| {
            let symbols = symbols.iter().enumerate();
            let changed = symbols.map(|(at, s)| if at < from { *s } else { (s + by) % 40 });
            changed.collect::<Vec<u64>>()
        })
    };
    let twin = Values {
        kana: change(&one.kana, 4, 7),
        kanji: change(&one.kanji, 2, 11),
        ..one.clone()
    };
    let nameless = Values {
        kana: None,
        kanji: None,
        ..one.clone()
    };
    let mut records = Vec::new();
    for site in 0..4 {
        records.push((site, 1, one.clone()));
        records.push((site, 2, twin.clone()));
    }
    records.push((5, 3, nameless));
    let small = Small::new(&records);
    let linkage = small.run(&Constraints::default());
    let of = |person| {
        small
            .clusters(&linkage, person)
            .into_iter()
            .collect::<BTreeSet<u32>>()
    };
    assert_eq!((of(1).len(), of(2).len()), (1, 1));
    assert_ne!(of(1), of(2));
}

#[test]
fn people_have_the_last_word() {
    let (one, other) = (stranger(4), stranger(5));
    let records = [
        (0, 1, one.clone()),
        (1, 1, one.clone()),
        (2, 1, one),
        (0, 2, other.clone()),
        (1, 2, other),
    ];
    let small = Small::new(&records);
    let (ones, others) = (small.records(1), small.records(2));
    let free = small.run(&Constraints::default());
    assert_eq!(small.clusters(&free, 1), [small.clusters(&free, 1)[0]; 3]);
    assert_ne!(small.clusters(&free, 1)[0], small.clusters(&free, 2)[0]);
    // Two strangers are one, and two equal records are not.
    let constraints = verdicts(vec![
        small.verdict(ones[0], others[0], VerdictKind::MustLink),
        small.verdict(ones[2], ones[1], VerdictKind::DoNotLink),
    ]);
    let linkage = small.run(&constraints);
    let (of_one, of_other) = (small.clusters(&linkage, 1), small.clusters(&linkage, 2));
    assert_eq!(of_one[0], of_other[0]);
    assert_eq!(of_other[0], of_other[1]);
    assert_ne!(of_one[1], of_one[2]);
    assert!(
        linkage
            .review
            .iter()
            .all(|pair| (pair.a, pair.b) != (ones[1], ones[2]))
    );
    assert!(linkage.review.iter().any(|pair| pair.rule == Rule::Verdict));
    assert_eq!(linkage.verdicts_without_effect, 0);
    // Verdicts on records that are not there change nothing.
    let absent = RecordKey {
        site: 77,
        ..small.key(ones[0])
    };
    let constraints = verdicts(vec![
        Verdict {
            a: small.key(ones[0]),
            b: absent,
            kind: VerdictKind::MustLink,
        },
        Verdict {
            a: absent,
            b: small.key(others[0]),
            kind: VerdictKind::MustLink,
        },
    ]);
    let linkage = small.run(&constraints);
    assert_eq!(linkage.cluster_of_record, free.cluster_of_record);
    assert_eq!(linkage.verdicts_without_effect, 2);
}

#[test]
fn a_site_free_of_duplicates_gives_a_person_one_record() {
    let one = stranger(6);
    let mut like = one.clone();
    like.place = stranger(7).place;
    // Site 0 has the person and, nearly, the person again; site 1 has the person.
    let records = [(0, 1, one.clone()), (0, 1, like), (1, 1, one)];
    let small = Small::new(&records);
    let free = small.clusters(&small.run(&Constraints::default()), 1);
    assert_eq!(free, [free[0]; 3]);
    let constraints = Constraints {
        sites_without_duplicates: vec![0, 1],
        ..Constraints::default()
    };
    let linkage = small.run(&constraints);
    let records = small.records(1);
    let of = |record: u32| linkage.cluster_of_record[record as usize];
    let key = |record: u32| small.key(record).site;
    let alone = records.iter().filter(|&&record| {
        records
            .iter()
            .filter(|&&other| of(other) == of(record))
            .count()
            == 1
    });
    assert_eq!(
        alone.clone().map(|&record| key(record)).collect::<Vec<_>>(),
        [0]
    );
    let rules: BTreeSet<Rule> = linkage
        .review
        .iter()
        .filter(|pair| records.contains(&pair.a))
        .map(|pair| pair.rule)
        .collect();
    assert_eq!(rules, BTreeSet::from([Rule::OnePerSite]));
    for (a, x) in small.dataset.keys().iter().enumerate() {
        for (b, y) in small.dataset.keys().iter().enumerate().skip(a + 1) {
            let together = of(a as u32) == of(b as u32);
            assert!(!(together && x.site == y.site && x.site < 2));
        }
    }
}

/// Verdicts drawn from a run: links taken apart, pairs for review and strangers joined.
fn some_verdicts(dataset: &Dataset, linkage: &Linkage, dice: &mut Dice) -> Constraints {
    let count = dataset.record_count() as u64;
    let mut cluster: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for (record, of) in (0_u32..).zip(&linkage.cluster_of_record) {
        cluster.entry(*of).or_default().push(record);
    }
    let mut list = Vec::new();
    let mut say = |a: u32, b: u32, kind| {
        let keys = dataset.keys();
        list.push(Verdict {
            a: keys[a as usize],
            b: keys[b as usize],
            kind,
        });
    };
    for _ in 0..10 {
        let some = &cluster[&(dice.below(cluster.len() as u64) as u32)];
        if some.len() > 1 {
            say(some[0], some[1], VerdictKind::DoNotLink);
        }
        // Only records above every one that is kept apart, so that nothing conflicts.
        let [a, b] = [(); 2].map(|()| dice.below(count) as u32);
        if cluster[&linkage.cluster_of_record[a as usize]].len() == 1
            && cluster[&linkage.cluster_of_record[b as usize]].len() == 1
        {
            say(a, b, VerdictKind::MustLink);
        }
    }
    for pair in linkage.review.iter().take(3) {
        say(pair.a, pair.b, VerdictKind::DoNotLink);
    }
    match Verdicts::new(list) {
        Ok(verdicts) => Constraints {
            verdicts,
            sites_without_duplicates: vec![1],
        },
        Err(_) => Constraints::default(),
    }
}

/// Rows outside memory: pairs across what people joined are weighed beforehand, too.
#[test]
fn verdicts_count_beyond_memory() {
    let world = World::new(400, 31);
    let settings = Settings {
        block_rows_max: 40,
        ..blocked()
    };
    let dataset = world.dataset();
    let free = run(&dataset, &settings, &Constraints::default());
    let constraints = some_verdicts(&dataset, &free, &mut Dice::new(3));
    assert!(!constraints.verdicts.list().is_empty());
    let rows = dataset.row_count() as u64;
    let need = Need::of(&world.encoder.schema, rows, &settings).expect("a small run");
    let tight = Settings {
        memory_bytes: Some(need.away()),
        ..settings
    };
    let source = Arc::new(Batches(world.batches.clone()));
    let away = Dataset::open(&world.encoder.schema, source, &tight).expect("the rows are sound");
    assert!(!away.is_held());
    let mut scratch = Memory::default();
    let tools = Tools {
        progress: &|_| (),
        cancel: &Cancel::new(),
        constraints: &constraints,
        scratch: Some(&mut scratch),
    };
    let found = link_with(&away, &tight, tools).expect("the run goes through");
    assert_eq!(found, run(&dataset, &settings, &constraints));
    assert_ne!(found.cluster_of_record, free.cluster_of_record);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3, ..ProptestConfig::default() })]

    /// Under verdicts and sites free of duplicates, too: arrival order, threads and kernel change
    /// nothing.
    #[test]
    fn clusters_depend_on_the_data_alone(seed in any::<u64>(), exhaustive in any::<bool>()) {
        let world = World::new(400, seed);
        let base = if exhaustive { Settings::standard() } else { blocked() };
        let dataset = world.dataset();
        let mut dice = Dice::new(seed);
        let free = run(&dataset, &base, &Constraints::default());
        let constraints = some_verdicts(&dataset, &free, &mut dice);
        let expected = run(&dataset, &base, &constraints);
        let mut rows: Vec<(u64, u16, TokenBatch)> = Vec::new();
        for (site, batch) in &world.batches {
            for row in 0..batch.len() {
                rows.push((dice.roll(), *site, batch.retain(|other| other == row)));
            }
        }
        rows.sort_by_key(|(order, ..)| *order);
        let shuffled = rows.into_iter().map(|(_, site, batch)| (site, batch));
        let shuffled = Dataset::build(&world.encoder.schema, shuffled).expect("batches fit");
        for kernel in available() {
            for threads in [1, 2, 4] {
                let kernel = KernelChoice::parse(kernel.name()).expect("kernels have names");
                let settings = Settings { threads, kernel, ..base };
                let found = run(&shuffled, &settings, &constraints);
                prop_assert_eq!(&found, &Linkage { kernel: found.kernel, ..expected.clone() });
            }
        }
    }

    /// Other numbers for the sites give the same clusters of the same records.
    #[test]
    fn site_numbers_mean_nothing(seed in any::<u64>()) {
        let world = World::new(600, seed);
        let renamed = |site: u16| [7, 3, 5][usize::from(site)];
        let batches = world.batches.iter().map(|(site, batch)| (renamed(*site), batch.clone()));
        let other = Dataset::build(&world.encoder.schema, batches).expect("batches fit");
        let dataset = world.dataset();
        let clusters = |dataset: &Dataset, name: &dyn Fn(u16) -> u16| {
            // Everything is the sample, so that the model does not depend on which records are drawn.
            let linkage = run(dataset, &Settings::standard(), &Constraints::default());
            let mut clusters: BTreeMap<u32, BTreeSet<RecordKey>> = BTreeMap::new();
            for (key, cluster) in dataset.keys().iter().zip(&linkage.cluster_of_record) {
                let key = RecordKey { site: name(key.site), ..*key };
                clusters.entry(*cluster).or_default().insert(key);
            }
            clusters.into_values().collect::<BTreeSet<_>>()
        };
        let back = |site: u16| [9, 9, 9, 1, 9, 2, 9, 0][usize::from(site)];
        prop_assert_eq!(clusters(&dataset, &|site| site), clusters(&other, &back));
    }
}
