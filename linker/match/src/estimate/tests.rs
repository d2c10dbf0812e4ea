use linker_token::{RecordRef, Schema};

use super::*;
use crate::{
    limits::WEIGHT_UNIT,
    model::{ModelSource, Parameters},
    rules::{Decision, Rule},
    settings::Settings,
};

struct World {
    grading: Grading,
    model: Model,
    weights: Weights,
}

fn world() -> World {
    let schema = Schema::en_1();
    let segments = schema.segments().iter();
    let parts: Vec<_> = segments.map(|s| (s.words.clone(), s.cuts())).collect();
    let grading = Grading::new(schema.row_words(), &parts).expect("the schema is gradable");
    let default = Parameters::default_for(&schema, 1000);
    let model = Model::new(&schema, ModelSource::Trained, default, &[1000; 4]);
    let weights = Weights::new(&schema, &grading, &Settings::standard(), &model);
    World {
        grading,
        model,
        weights,
    }
}

fn with(world: &World, counts: &[u64], pairs: &[Kept], clusters: &[u32]) -> Quality {
    let keys = [0, 1, 1, 2].map(|site| RecordKey {
        site,
        reference: RecordRef([0; 16]),
    });
    estimate(&Evidence {
        counts,
        weights: &world.weights,
        model: &world.model,
        grading: &world.grading,
        link_threshold: 2 * WEIGHT_UNIT,
        pairs,
        cluster_of_record: clusters,
        keys: &keys[..clusters.len()],
        blocking_recall: 1.0,
        passes: 2,
    })
}

fn check(pairs: &[(u32, u32, i32)], clusters: &[u32]) -> Quality {
    let kept: Vec<Kept> = (0..)
        .zip(pairs)
        .map(|(pass, &(a, b, bits))| Kept {
            a,
            b,
            weight: bits * WEIGHT_UNIT,
            decision: Decision::Review,
            rule: Rule::Weight,
            pass,
        })
        .collect();
    let world = world();
    with(&world, &vec![0; world.grading.patterns()], &kept, clusters)
}

/// How often the model makes each pattern without missing segments, of so many pairs.
fn made(world: &World, pairs: f64) -> Vec<u64> {
    let strangers = world.model.strangers();
    (0_u32..)
        .take(world.grading.patterns())
        .map(|pattern| {
            let product = |of: &dyn Fn(usize) -> Option<f64>| (0..4).map(of).product();
            let level = |s| world.grading.level(pattern, s);
            let segments = &world.model.segments;
            let m: Option<f64> = product(&|s| Some(segments[s].m[level(s)?]));
            let u: Option<f64> = product(&|s| Some(segments[s].u[level(s)?]));
            let others = world.model.others.iter().map(|other| {
                let g: Option<f64> = product(&|s| Some(other.levels[s][level(s)?]));
                other.share * g.unwrap_or(0.0)
            });
            let others: f64 = others.sum();
            let all = m
                .zip(u)
                .map_or(0.0, |(m, u)| world.model.prior * m + strangers * u + others);
            u64::from(crate::model::units(all * pairs / 256.0).unsigned_abs())
        })
        .collect()
}

#[test]
fn strangers_that_the_model_does_not_expect_are_no_lost_matches() {
    let world = world();
    let sure = Kept {
        a: 0,
        b: 1,
        weight: 50 * WEIGHT_UNIT,
        decision: Decision::Link,
        rule: Rule::Weight,
        pass: 0,
    };
    let mut counts = made(&world, 1e7);
    let true_model = with(&world, &counts, &[sure], &[0, 0]).overall.recall;
    assert!((0.8..0.999).contains(&true_model), "{true_model}");
    // A light pattern has a hundred times as many pairs as the model makes.
    let light = (0_u32..).zip(&counts).filter(|(pattern, pairs)| {
        **pairs > 0 && (-4..-1).contains(&(world.weights.entry(*pattern).weight / WEIGHT_UNIT))
    });
    let light: Vec<u32> = light.map(|(pattern, _)| pattern).collect();
    assert!(!light.is_empty());
    for pattern in light {
        counts[pattern as usize] *= 100;
    }
    let spoilt = with(&world, &counts, &[sure], &[0, 0]).overall.recall;
    assert!((spoilt - true_model).abs() < 0.01, "{spoilt} {true_model}");
}

#[test]
fn pairs_inside_clusters_are_counted_in_steps() {
    let world = world();
    let counts = vec![0; world.grading.patterns()];
    let keys = [0, 1, 1, 2, 0, 0].map(|site| RecordKey {
        site,
        reference: RecordRef([0; 16]),
    });
    let evidence = Evidence {
        counts: &counts,
        weights: &world.weights,
        model: &world.model,
        grading: &world.grading,
        link_threshold: 0,
        pairs: &[],
        cluster_of_record: &[0, 0, 0, 1, 2, 2],
        keys: &keys,
        blocking_recall: 1.0,
        passes: 0,
    };
    for step in [1, 2, 3, u32::MAX] {
        let (mut overall, mut sites) = (Sums::default(), vec![Sums::default(); 3]);
        count_inside(&evidence, &mut overall, &mut sites, step);
        assert_eq!(overall.all_inside, 4);
        let sites: Vec<u64> = sites.iter().map(|site| site.all_inside).collect();
        assert_eq!(sites, [3, 3, 0], "step {step}");
    }
}

#[test]
fn sure_pairs_that_stand_together_are_perfect() {
    let quality = check(&[(0, 1, 50), (1, 2, 50)], &[0, 0, 0]);
    assert!((quality.overall.precision - 1.0).abs() < 1e-9);
    assert!((quality.overall.recall - 1.0).abs() < 1e-9);
    let sites: Vec<u16> = quality.sites.iter().map(|site| site.site).collect();
    assert_eq!(sites, [0, 1]);
    assert_eq!(quality.sites[1].pairs, 2);
}

#[test]
fn a_sure_pair_that_was_kept_apart_costs_recall_and_a_doubtful_one_precision() {
    let quality = check(&[(0, 1, 50), (2, 3, 50)], &[0, 0, 1, 2]);
    assert!((quality.overall.recall - 0.5).abs() < 1e-9);
    assert!(
        (quality.sites[2].estimate.recall).abs() < 1e-9,
        "site 2 lost its only match"
    );
    let quality = check(&[(0, 1, 50), (2, 3, 0)], &[0, 0, 1, 1]);
    assert!((quality.overall.precision - 0.75).abs() < 1e-9);
    assert!((quality.passes[0].precision - 1.0).abs() < 1e-9);
    assert!((quality.passes[1].precision - 0.5).abs() < 1e-9);
    assert!((quality.passes[1].gain - 1.0 / 3.0).abs() < 1e-9);
}

#[test]
fn nothing_is_perfect() {
    let quality = check(&[], &[0, 1]);
    assert!((quality.overall.f1 - 1.0).abs() < 1e-9);
    assert!(quality.sites.is_empty());
}
