//! Clusters of made-up link graphs: weights are numbers, no rows are needed.
#![expect(
    clippy::disallowed_methods,
    reason = "test code: it measures, and takes its size from the environment"
)]

mod naive;

use std::{collections::BTreeSet, time::Instant};

use linker_token::RecordRef;

use super::*;
use crate::{
    dataset::RecordKey,
    limits::{self, WEIGHT_UNIT},
    random::SplitMix,
    verdict::{Constraints, Verdict, VerdictKind, Verdicts},
};

/// A link graph that says of every pair of records what they are to each other.
struct World {
    keys: Vec<RecordKey>,
    kept: Vec<Kept>,
    several_rows: BTreeSet<u32>,
    constraints: Constraints,
    settings: Settings,
}

const STRANGERS: (i32, Rule) = (-40, Rule::Contradiction);
const HOUSEHOLD: (i32, Rule) = (-3, Rule::Relatives);
const TWINS: (i32, Rule) = (12, Rule::Twins);
const THIN: (i32, Rule) = (5, Rule::ThinEvidence);
const UNSURE: (i32, Rule) = (1, Rule::Weight);

fn evaluation((weight, rule): (i32, Rule)) -> Evaluation {
    let settings = Settings::standard();
    let weight = weight.saturating_mul(WEIGHT_UNIT);
    let decision = if weight < settings.review_threshold || rule == Rule::Contradiction {
        Decision::NonMatch
    } else if rule != Rule::Weight || weight < settings.link_threshold {
        Decision::Review
    } else {
        Decision::Link
    };
    Evaluation {
        weight,
        decision,
        rule,
    }
}

impl World {
    fn new(records: u32) -> Self {
        let keys = (0..records).map(|record| {
            let mut reference = [0; 16];
            reference[..4].copy_from_slice(&record.to_be_bytes());
            RecordKey {
                site: 0,
                reference: RecordRef(reference),
            }
        });
        Self {
            keys: keys.collect(),
            kept: Vec::new(),
            several_rows: BTreeSet::new(),
            constraints: Constraints::default(),
            settings: Settings::standard(),
        }
    }

    /// Adds a pair to the kept ones; the last word on a pair counts.
    fn keep(&mut self, a: u32, b: u32, weight: i32) {
        self.kept
            .retain(|kept| (kept.a, kept.b) != (a.min(b), a.max(b)));
        self.kept.push(link(a, b, weight));
    }

    fn verdicts(&mut self, must: &[(u32, u32)], not: &[(u32, u32)]) {
        let keys = &self.keys;
        let make = |kind| {
            move |&(a, b): &(u32, u32)| Verdict {
                a: keys[a as usize],
                b: keys[b as usize],
                kind,
            }
        };
        let must = must.iter().map(make(VerdictKind::MustLink));
        let all = must.chain(not.iter().map(make(VerdictKind::DoNotLink)));
        self.constraints.verdicts = Verdicts::new(all.collect()).expect("no conflict");
    }

    fn run(&mut self, other: &(dyn Fn(u32, u32) -> (i32, Rule) + Sync)) -> Clusters {
        self.solve(other, true)
    }

    fn solve(
        &mut self,
        other: &(dyn Fn(u32, u32) -> (i32, Rule) + Sync),
        slowly_too: bool,
    ) -> Clusters {
        self.kept.sort_unstable();
        let decided = Decided::new(&self.keys, &self.constraints);
        let graph = Graph {
            records: self.keys.len(),
            kept: &self.kept,
            weigh: &|a, b| evaluation(other(a, b)),
            site: &|record| self.keys[record as usize].site,
            several_rows: &|record| self.several_rows.contains(&record),
            decided: &decided,
            settings: &self.settings,
        };
        let clusters = cluster(graph, &|_| ());
        if slowly_too {
            let slow = naive::cluster(graph);
            assert_eq!(clusters.cluster_of_record, slow, "the slow version");
        }
        clusters
    }
}

/// A link of so many bits.
fn link(a: u32, b: u32, weight: i32) -> Kept {
    Kept {
        a: a.min(b),
        b: a.max(b),
        weight: weight.saturating_mul(WEIGHT_UNIT),
        decision: Decision::Link,
        rule: Rule::Weight,
        pass: 0,
    }
}

/// Two persons of `sizes` records, each fully linked with links of `inside` bits, and `extra` records.
fn persons(sizes: [u32; 2], extra: u32, inside: &mut dyn FnMut() -> i32) -> World {
    let mut world = World::new(sizes[0] + sizes[1] + extra);
    for person in [0..sizes[0], sizes[0]..sizes[0] + sizes[1]] {
        for a in person.clone() {
            for b in a + 1..person.end {
                let weight = inside();
                world.kept.push(link(a, b, weight));
            }
        }
    }
    world
}

const WEIGHTS: [i32; 7] = [2, 5, 10, 23, 24, 60, i32::MAX];
const ACROSS: [(i32, Rule); 5] = [STRANGERS, HOUSEHOLD, TWINS, THIN, UNSURE];

/// Every planted weight, every two sizes, whatever the persons are to each other.
#[test]
fn one_bad_link_never_merges_two_clean_clusters() {
    let mut random = SplitMix::new(1);
    for one in 2..=10 {
        for other in 2..=10 {
            for (weight, across) in WEIGHTS.into_iter().flat_map(|w| ACROSS.map(|a| (w, a))) {
                let mut inside = || 19 + i32::try_from(random.below(11)).expect("small");
                let mut world = persons([one, other], 0, &mut inside);
                let ends = [random.below(u64::from(one)), random.below(u64::from(other))];
                let ends = ends.map(|end| u32::try_from(end).expect("small"));
                world.keep(ends[0], one + ends[1], weight);
                let clusters = world.run(&|_, _| across);
                let expected: Vec<u32> = (0..one + other).map(|r| u32::from(r >= one)).collect();
                assert_eq!(
                    clusters.cluster_of_record, expected,
                    "{one} {other} {weight} {across:?}"
                );
                assert_eq!(clusters.refused.len(), 1);
                assert_eq!(clusters.refused[0].rule, Rule::Clusters);
            }
        }
    }
}

/// One bad record that looks like both persons: of the first one, or of neither.
#[test]
fn one_bad_record_never_merges_two_clean_clusters() {
    let mut random = SplitMix::new(2);
    for case in 0..3000_u32 {
        let mut below = |bound: u64| u32::try_from(random.below(bound)).expect("small");
        let of_neither = case % 2 == 0;
        // Without the bad record each person has two records or more.
        let sizes = [if of_neither { 2 } else { 3 } + below(8), 2 + below(9)];
        let weights = [below(7), below(7)].map(|at| WEIGHTS[at as usize]);
        let across = ACROSS[below(5) as usize];
        let share = 1 + u64::from(below(3));
        let mut random = SplitMix::new(u64::from(case));
        let mut inside = || 19 + i32::try_from(random.below(11)).expect("small");
        let mut world = persons(sizes, 1, &mut inside);
        let all = sizes[0] + sizes[1];
        let bad = if of_neither { all } else { 0 };
        for record in (0..all).filter(|&record| record != bad) {
            let own = !of_neither && record < sizes[0];
            if !own && random.below(share) == 0 {
                world.keep(bad, record, weights[usize::from(record < sizes[0])]);
            }
        }
        // Records of several rows are no better.
        if random.below(3) == 0 {
            world.several_rows.insert(bad);
        }
        let clusters = world.run(&|_, _| across);
        let cluster = |record: u32| clusters.cluster_of_record[record as usize];
        for a in (0..sizes[0]).filter(|&a| a != bad) {
            for b in sizes[0]..all {
                assert_ne!(cluster(a), cluster(b), "case {case}: {sizes:?} {across:?}");
            }
        }
    }
}

#[test]
fn a_record_of_several_rows_vouches_for_a_lone_one() {
    // 0, 1, 2 have the old name, 4 the new one, 3 has both.
    let old_and_new = |several: bool| {
        let mut world = persons([4, 1], 0, &mut || 20);
        world.keep(3, 4, 20);
        if several {
            world.several_rows.insert(3);
        }
        world.run(&|_, _| TWINS).count
    };
    assert_eq!(old_and_new(true), 1);
    assert_eq!(old_and_new(false), 2);
}

/// A damaged record resembles one state of its person and none of the others.
#[test]
fn a_damaged_record_joins_by_its_best_link() {
    let with = |best: i32| {
        let mut world = persons([4, 1], 0, &mut || 20);
        world.keep(3, 4, best);
        world.run(&|_, _| (-9, Rule::Weight)).count
    };
    // Four pairs are four chances: two bits above the threshold of two.
    assert_eq!((with(3), with(4)), (2, 1));
    // Two such persons stay two.
    let mut world = persons([4, 2], 0, &mut || 20);
    world.keep(3, 4, 12);
    world.keep(2, 5, 12);
    assert_eq!(world.run(&|_, _| (-9, Rule::Weight)).count, 2);
}

/// Random graphs with all that there is: the fast version is compared with the slow one in `run`.
#[test]
fn random_graphs_are_clustered_as_defined() {
    let mut random = SplitMix::new(3);
    for case in 0..600 {
        let mut below = |bound: u64| u32::try_from(random.below(bound)).expect("small");
        let records = 2 + below(14);
        let mut world = World::new(records);
        world.settings.cluster_records_max = 2 + below(8) as usize;
        for record in 0..records {
            world.keys[record as usize].site = u16::try_from(below(4)).expect("small");
            if below(4) == 0 {
                world.several_rows.insert(record);
            }
        }
        world.keys.sort_unstable();
        if case % 3 == 0 {
            world.constraints.sites_without_duplicates = vec![1, 2];
        }
        let salt = u64::from(below(1 << 20));
        let other = move |a: u32, b: u32| {
            let mut random = SplitMix::new(salt ^ u64::from(a * 64 + b));
            let at = usize::try_from(random.below(8)).expect("small");
            [
                STRANGERS,
                HOUSEHOLD,
                TWINS,
                THIN,
                UNSURE,
                (9, Rule::Weight),
                (4, Rule::Weight),
                (0, Rule::Weight),
            ][at]
        };
        for a in 0..records {
            for b in a + 1..records {
                let found = evaluation(other(a, b));
                if found.decision != Decision::NonMatch && below(4) > 0 {
                    let Evaluation {
                        weight,
                        decision,
                        rule,
                    } = found;
                    world.kept.push(Kept {
                        a,
                        b,
                        weight,
                        decision,
                        rule,
                        pass: 0,
                    });
                }
            }
        }
        let pair =
            |below: &mut dyn FnMut(u64) -> u32| (below(records.into()), below(records.into()));
        if case % 4 < 2 {
            let must: Vec<_> = (0..below(4)).map(|_| pair(&mut below)).collect();
            world.verdicts(&must, &[]);
            let decided = Decided::new(&world.keys, &world.constraints);
            let not = (0..below(6)).map(|_| pair(&mut below));
            let not: Vec<_> = not
                .filter(|&(a, b)| decided.unit(a) != decided.unit(b))
                .collect();
            world.verdicts(&must, &not);
        }
        let clusters = world.run(&other);
        let decided = Decided::new(&world.keys, &world.constraints);
        let cluster = |record: u32| clusters.cluster_of_record[record as usize];
        for a in 0..records {
            for b in a + 1..records {
                if decided.unit(a) == decided.unit(b) {
                    assert_eq!(cluster(a), cluster(b), "must-link");
                } else {
                    let apart = decided.are_apart_records(a, b);
                    assert!(!apart || cluster(a) != cluster(b), "do-not-link");
                }
            }
        }
    }
}

/// A person who joins two records of two persons joins the persons.
#[test]
fn a_verdict_joins_whole_clusters() {
    for across in ACROSS {
        let mut world = persons([4, 5], 0, &mut || 20);
        world.verdicts(&[(1, 6)], &[]);
        let clusters = world.run(&|_, _| across);
        assert_eq!(clusters.count, 1, "{across:?}");
        // But not what another person keeps apart.
        world.verdicts(&[(1, 6)], &[(2, 7)]);
        let clusters = world.run(&|_, _| across);
        let of = &clusters.cluster_of_record;
        assert!(of[1] == of[6] && of[2] != of[7], "{across:?}");
    }
}

#[test]
fn verdicts_outrank_weights_rules_and_the_size_bound() {
    let mut world = persons([3, 3], 2, &mut || 20);
    world.keep(0, 3, 30);
    // Two strangers are one person, and a pair that every weight joins is not.
    world.verdicts(&[(0, 6), (6, 7)], &[(2, 1), (7, 3)]);
    let clusters = world.run(&|_, _| STRANGERS);
    let of = &clusters.cluster_of_record;
    assert!(of[0] == of[6] && of[6] == of[7], "must-link is transitive");
    assert!(of[1] != of[2]);
    assert!(of[3] == of[4] && of[4] == of[5]);
    assert!(of[0] != of[3], "also through must-link");
    let rules: Vec<Rule> = clusters.refused.iter().map(|link| link.rule).collect();
    assert!(rules.contains(&Rule::Verdict));
    assert!(
        clusters
            .refused
            .iter()
            .all(|link| (link.a, link.b) != (1, 2)),
        "settled by a person"
    );
    // Verdicts beyond the size bound stand and are told, linked or not.
    for linked in [false, true] {
        let mut world = World::new(6);
        world.settings.cluster_records_max = 3;
        world.verdicts(&[(0, 1), (1, 2), (2, 3)], &[]);
        if linked {
            world.keep(0, 5, 20);
        }
        let clusters = world.run(&|_, _| STRANGERS);
        assert_eq!(clusters.cluster_of_record, [0, 0, 0, 0, 1, 2]);
        assert_eq!(clusters.over_bound, 1);
    }
}

/// Between two sites free of duplicates the clusters are the stable matching of the weight graph.
#[test]
fn two_sites_free_of_duplicates_are_matched_one_to_one() {
    let mut random = SplitMix::new(5);
    for case in 0..400 {
        let (left, right) = (1 + random.below(7), 1 + random.below(7));
        let (left, right) = (
            u32::try_from(left).expect("small"),
            u32::try_from(right).expect("small"),
        );
        let mut world = World::new(left + right);
        for record in left..left + right {
            world.keys[record as usize].site = 1;
        }
        world.constraints.sites_without_duplicates = vec![0, 1];
        let mut weights = Vec::new();
        for a in 0..left {
            for b in left..left + right {
                // Few different weights, so that ties are frequent.
                let weight = i32::try_from(random.below(if case % 2 == 0 { 4 } else { 1000 }));
                if random.below(3) > 0 {
                    world.keep(a, b, 2 + weight.expect("small"));
                    weights.push((2 + weight.expect("small"), a, b));
                }
            }
        }
        let clusters = world.run(&|_, _| STRANGERS);
        let matched = stable(left, &weights);
        let cluster = |record: u32| clusters.cluster_of_record[record as usize];
        for a in 0..left {
            for b in left..left + right {
                assert_eq!(
                    cluster(a) == cluster(b),
                    matched.contains(&(a, b)),
                    "case {case}"
                );
            }
        }
        for refused in &clusters.refused {
            assert_eq!(refused.rule, Rule::OnePerSite);
        }
    }
}

/// Gale and Shapley: the left side proposes from its best; ties go to the lower numbers.
fn stable(left: u32, weights: &[(i32, u32, u32)]) -> BTreeSet<(u32, u32)> {
    let rank = |&(weight, a, b): &(i32, u32, u32)| (std::cmp::Reverse(weight), a, b);
    let mut lists: Vec<Vec<(i32, u32, u32)>> = (0..left)
        .map(|a| {
            let mut list: Vec<_> = weights.iter().copied().filter(|w| w.1 == a).collect();
            list.sort_by_key(|edge| std::cmp::Reverse(rank(edge)));
            list
        })
        .collect();
    let mut engaged: BTreeMap<u32, (i32, u32, u32)> = BTreeMap::new();
    let mut free: Vec<u32> = (0..left).collect();
    while let Some(a) = free.pop() {
        let Some(proposal) = lists[a as usize].pop() else {
            continue;
        };
        match engaged.get(&proposal.2).copied() {
            Some(held) if rank(&held) < rank(&proposal) => free.push(a),
            held => {
                free.extend(held.map(|held| held.1));
                engaged.insert(proposal.2, proposal);
            }
        }
    }
    engaged.values().map(|&(_, a, b)| (a, b)).collect()
}

/// Poisoned data make components of any size; time and memory stay bounded.
#[test]
fn huge_components_are_cut_and_told() {
    let star = |records: u32| {
        let mut world = World::new(records);
        world.kept = (1..records).map(|leaf| link(0, leaf, 20)).collect();
        world
    };
    let clique = |records: u32| {
        let mut world = World::new(records);
        let pairs = (0..records).flat_map(|a| (a + 1..records).map(move |b| (a, b)));
        world.kept = pairs.map(|(a, b)| link(a, b, 20)).collect();
        world
    };
    let random = |records: u32, links: u32| {
        let mut random = SplitMix::new(4);
        let mut world = World::new(records);
        for _ in 0..links {
            let [a, b] = [(); 2].map(|()| random.below(u64::from(records)));
            let [a, b, weight] =
                [a, b, 2 + random.below(30)].map(|n| u32::try_from(n).expect("small"));
            if a != b {
                world
                    .kept
                    .push(link(a, b, i32::try_from(weight).expect("small")));
            }
        }
        world.kept.sort_unstable();
        world.kept.dedup_by_key(|kept| (kept.a, kept.b));
        world
    };
    let bound = u32::try_from(limits::COMPONENT_RECORDS_MAX).expect("small");
    for (name, mut world, cut) in [
        ("a star", star(50_001), 1),
        ("a star at the bound", star(bound), 0),
        ("a star one past the bound", star(bound + 1), 1),
        ("a clique", clique(317), 0),
        ("a clique one past the bound", clique(bound + 1), 1),
        ("a tangle", random(5000, 50_000), 1),
        ("a tangle at the bound", random(bound, 50_000), 0),
    ] {
        for across in [STRANGERS, TWINS, UNSURE, (9, Rule::Weight)] {
            let start = Instant::now();
            let clusters = world.solve(&|_, _| across, false);
            let (links, took) = (world.kept.len(), start.elapsed());
            println!(
                "{name}, {across:?}: {links} links, {} clusters, {took:.2?}",
                clusters.count
            );
            assert_eq!(clusters.cut, cut, "{name}");
            assert!(took.as_secs() < 2, "{name}");
            let mut sizes = vec![0; clusters.count as usize];
            for &cluster in &clusters.cluster_of_record {
                sizes[cluster as usize] += 1;
            }
            assert!(sizes.into_iter().max() <= Some(world.settings.cluster_records_max));
        }
    }
}

/// A person's records come together before a piece is full, even in the middle of a tangle.
#[test]
fn a_cut_keeps_persons_together() {
    let mut random = SplitMix::new(9);
    let mut world = World::new(6000);
    let person = |record: u32| record / 3;
    for a in (0..6000).step_by(3) {
        world
            .kept
            .extend([(a, a + 1), (a, a + 2), (a + 1, a + 2)].map(|(a, b)| link(a, b, 30)));
    }
    for _ in 0..10_000 {
        let [a, b] = [(); 2].map(|()| u32::try_from(random.below(6000)).expect("small"));
        if person(a) != person(b) {
            world.kept.push(link(a, b, 3));
        }
    }
    world.kept.sort_unstable();
    world.kept.dedup_by_key(|kept| (kept.a, kept.b));
    let clusters = world.solve(&|_, _| STRANGERS, false);
    assert_eq!((clusters.cut, clusters.count), (1, 2000));
    assert!((0..6000).all(|record| clusters.cluster_of_record[record as usize] == person(record)));
}

/// How fast links become clusters; `MUSUBI_MATCH_LINKS` sets how many.
#[test]
fn many_links_are_clustered_fast() {
    let links = std::env::var("MUSUBI_MATCH_LINKS").ok();
    let links: u32 = links.and_then(|text| text.parse().ok()).unwrap_or(200_000);
    let mut random = SplitMix::new(6);
    let mut world = World::new(links);
    // Components of two, then of three with two or three links; some records are alone.
    let (mut record, mut made) = (0, 0);
    while record + 3 < links && made < links {
        let kind = random.below(10);
        let [a, b, c] = [record, record + 1, record + 2];
        let pairs = match kind {
            0 => vec![],
            1..6 => vec![(a, b)],
            6..9 => vec![(a, b), (a, c), (b, c)],
            _ => vec![(a, b), (b, c)],
        };
        made += u32::try_from(pairs.len()).expect("small");
        world
            .kept
            .extend(pairs.iter().map(|&(a, b)| link(a, b, 20)));
        record += 1 + u32::from(kind > 0) + u32::from(kind > 5);
    }
    for threads in [1, 2] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        let start = Instant::now();
        let clusters = pool
            .expect("threads start")
            .install(|| world.solve(&|_, _| UNSURE, false));
        println!(
            "{made} links of {links} records, {} clusters, {threads} threads: {:.2?}",
            clusters.count,
            start.elapsed()
        );
        assert!(clusters.count < links && clusters.cut == 0);
    }
}
