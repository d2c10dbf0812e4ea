use super::*;
use crate::model::OtherKind;

#[test]
fn pooling_makes_ratios_fall_and_keeps_the_sum() {
    let mut m = [0.5, 0.05, 0.15, 0.3];
    let u = [0.001, 0.009, 0.01, 0.98];
    make_monotone(&mut m, &u);
    let ratios: Vec<f64> = m.iter().zip(&u).map(|(m, u)| m / u).collect();
    assert!(ratios.windows(2).all(|pair| pair[0] >= pair[1] - 1e-12));
    assert!((m.iter().sum::<f64>() - 1.0).abs() < 1e-12);
    assert!(
        (ratios[1] - ratios[2]).abs() < 1e-9,
        "the violators are pooled"
    );
}

fn gradable(schema: Schema) -> (Schema, Grading) {
    let segments = schema.segments().iter();
    let parts: Vec<_> = segments.map(|s| (s.words.clone(), s.cuts())).collect();
    let grading = Grading::new(schema.row_words(), &parts).expect("the schema is gradable");
    (schema, grading)
}

/// How often a model makes each pattern in which nothing is missing, of so many pairs.
fn expected(grading: &Grading, truth: &Parameters, pairs: f64) -> Vec<u64> {
    let mut counts = vec![0_u64; grading.patterns()];
    for (pattern, count) in (0_u32..).zip(&mut counts) {
        let levels = (0..grading.segment_count()).map(|s| grading.level(pattern, s));
        let Some(levels) = levels.collect::<Option<Vec<usize>>>() else {
            continue;
        };
        let chance =
            |p: &[Vec<f64>]| -> f64 { p.iter().zip(&levels).map(|(p, &level)| p[level]).product() };
        let others = truth.others.iter();
        let share = truth.prior * chance(&truth.m)
            + others.map(|o| o.share * chance(&o.levels)).sum::<f64>()
            + truth.strangers() * chance(&truth.u);
        *count = crate::model::units(share * pairs / 256.0)
            .unsigned_abs()
            .into();
    }
    counts
}

/// Exact expected counts of a known model are learnt back.
#[test]
fn a_known_model_is_found_again() {
    let (schema, grading) = gradable(Schema::en_1());
    let mut truth = Parameters::default_for(&schema, 2000);
    truth.prior = 1.0 / 1500.0;
    truth.others[0].share = 3.0 / 1500.0;
    truth.others[0].levels[0] = vec![0.002, 0.003, 0.003, 0.004, 0.018, 0.05, 0.12, 0.8];
    truth.m[0] = vec![0.6, 0.17, 0.07, 0.05, 0.04, 0.02, 0.01, 0.04];
    let counts = expected(&grading, &truth, 1e7);
    let training = Training {
        schema: &schema,
        grading: &grading,
        settings: &Settings::standard(),
        records: 2000,
        present: &[2000; 4],
    };
    let model = training.model(&counts).expect("the model is plausible");
    assert_eq!(model.source, ModelSource::Trained);
    assert!((model.prior * 1500.0 - 1.0).abs() < 0.02, "{}", model.prior);
    assert!((model.others[0].share * 500.0 - 1.0).abs() < 0.02);
    for (found, truth) in model.segments[0].m.iter().zip(&truth.m[0]) {
        assert!((found - truth).abs() < 0.01);
    }
    for segment in &model.segments {
        assert!(segment.weights.windows(2).all(|pair| pair[0] >= pair[1]));
    }
}

/// Pairs with whole names and addresses in common and another birth date are mistyped matches.
#[test]
fn matches_with_a_wrong_birth_date_do_not_become_relatives() {
    let (schema, grading) = gradable(Schema::en_1());
    let mut truth = Parameters::default_for(&schema, 2000);
    truth.prior = 1.0 / 500.0;
    truth.m = (0..4)
        .map(|segment| {
            let (equal, bottom) = if segment == 1 {
                (0.96, 0.005)
            } else {
                (0.50, 0.42)
            };
            let levels = grading.levels(segment);
            let mut m = vec![(1.0 - equal - bottom) / (levels - 2) as f64; levels];
            (m[0], m[levels - 1]) = (equal, bottom);
            m
        })
        .collect();
    let mut mistyped = truth.m.clone();
    mistyped[1].clone_from(&truth.u[1]);
    truth.others[0].share = truth.prior;
    truth.others[0].levels = mistyped;
    let training = Training {
        schema: &schema,
        grading: &grading,
        settings: &Settings::standard(),
        records: 2000,
        present: &[2000; 4],
    };
    let counts = expected(&grading, &truth, 1e7);
    let model = training.model(&counts).expect("the model is plausible");
    let name = &model.others[0].levels[0];
    let reach = OtherKind::Relatives.out_of_reach(&schema.segments()[0]);
    let whole: f64 = name[..reach].iter().sum();
    assert!(whole < limits::RELATIVES_ONE_NAME_MAX + 1e-9, "{whole}");
    let bottom = grading.levels(1) - 1;
    let doubt = model.doubt(&[Some(0), Some(bottom), Some(0), Some(0)]);
    assert!(doubt > -8 * limits::WEIGHT_UNIT, "{doubt}");
}

/// A run of so many records whose pairs follow a model with `change` made to it.
fn run(records: usize, change: impl Fn(&mut Parameters)) -> Result<Model, MatchError> {
    let (schema, grading) = gradable(Schema::jp_1());
    let mut truth = Parameters::default_for(&schema, records);
    change(&mut truth);
    let training = Training {
        schema: &schema,
        grading: &grading,
        settings: &Settings::standard(),
        records,
        present: &[records as u64; 5],
    };
    let pairs = (records * (records - 1) / 2) as f64;
    training.model(&expected(&grading, &truth, pairs))
}

fn share_of(model: &Model, kind: OtherKind) -> f64 {
    let of = model.others.iter().find(|other| other.kind == kind);
    of.map_or(0.0, |other| other.share)
}

/// Everybody lives with four others and nobody has a second record.
#[test]
fn households_without_matches_are_not_learnt_as_persons() {
    let model = run(5000, |truth| {
        truth.prior = 1e-12;
        truth.others[0].share = 4.0 / 5000.0;
    });
    match model {
        Ok(model) => {
            assert!(model.source != ModelSource::Trained || model.prior < 0.1 / 5000.0);
            let relatives = share_of(&model, OtherKind::Relatives) * 5000.0;
            assert!(model.source != ModelSource::Trained || relatives > 3.0);
        }
        Err(MatchError::Model { .. }) => {}
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn everything_five_times_is_learnt_and_a_thousand_times_is_refused() {
    let model = run(5000, |truth| truth.prior = 4.0 / 5000.0).expect("it is plausible");
    assert_eq!(model.source, ModelSource::Trained);
    assert!((model.prior * 5000.0 - 4.0).abs() < 0.1, "{}", model.prior);
    let copies = run(5000, |truth| truth.prior = 0.15);
    assert!(matches!(copies, Err(MatchError::Model { .. })));
}

#[test]
fn a_run_without_matches_takes_the_default() {
    let model = run(5000, |truth| {
        truth.prior = 1e-12;
        truth.others.iter_mut().for_each(|other| other.share = 1e-9);
    });
    let model = model.expect("the default is plausible");
    assert_eq!(model.source, ModelSource::DefaultFewMatches);
}

/// One site has few duplicates: five hundred among five thousand records. Rounding to whole pairs
/// loses some of them.
#[test]
fn one_site_with_few_duplicates_is_learnt() {
    let model = run(5000, |truth| truth.prior = 500.0 / 12_497_500.0);
    let model = model.expect("it is plausible");
    let found = model.sample_matches / 500.0;
    assert!((0.85..=1.02).contains(&found), "{found}");
}

#[test]
fn too_little_is_not_trained_on() {
    let (schema, grading) = gradable(Schema::en_1());
    let mut counts = vec![0; grading.patterns()];
    let last = counts.len() - 1;
    counts[last] = 1_000_000;
    let mut training = Training {
        schema: &schema,
        grading: &grading,
        settings: &Settings::standard(),
        records: limits::TRAINING_RECORDS_MIN - 1,
        present: &[1000; 4],
    };
    let few_records = training.model(&counts).expect("the default is plausible");
    assert_eq!(few_records.source, ModelSource::DefaultFewRecords);
    training.records = 1000;
    let few_matches = training.model(&counts).expect("the default is plausible");
    assert_eq!(few_matches.source, ModelSource::DefaultFewMatches);
}

#[test]
fn a_model_that_cannot_be_of_persons_is_refused() {
    let (schema, grading) = gradable(Schema::en_1());
    let lowest = |segment| grading.levels(segment) - 1;
    let bottom = [lowest(0), lowest(1), lowest(2), lowest(3)];
    let level = |levels: [usize; 4]| {
        let matching = |pattern: &u32| {
            (0..4).all(|segment| grading.level(*pattern, segment) == Some(levels[segment]))
        };
        let patterns = 0_u32..(1 << 20);
        patterns.clone().find(matching).expect("the pattern exists") as usize
    };
    let training = Training {
        schema: &schema,
        grading: &grading,
        settings: &Settings::standard(),
        records: 10_000,
        present: &[10_000; 4],
    };
    let mut counts = vec![0; grading.patterns()];
    counts[level(bottom)] = 1_000_000;
    counts[level([0, 0, 0, 0])] = 100;
    assert!(training.model(&counts).is_ok());
    counts[level([0, 0, 0, 0])] = 100_000;
    assert!(matches!(
        training.model(&counts),
        Err(MatchError::Model { .. })
    ));
}

/// Where there are no households, an address shared under another name is a damaged match, and no class of
/// relatives may take it.
#[test]
fn without_households_there_are_no_relatives() {
    let (schema, grading) = gradable(Schema::en_1());
    let mut truth = Parameters::default_for(&schema, 2000).without_relatives();
    truth.prior = 1.0 / 1500.0;
    // A third of the matches have another name, which is what relatives look like.
    truth.m[0] = vec![0.3, 0.1, 0.1, 0.05, 0.05, 0.04, 0.03, 0.33];
    let counts = expected(&grading, &truth, 1e7);
    let settings = Settings {
        hold_twins: false,
        ..Settings::standard()
    };
    let training = Training {
        schema: &schema,
        grading: &grading,
        settings: &settings,
        records: 2000,
        present: &[2000; 4],
    };
    let model = training.model(&counts).expect("the model is plausible");
    let mut kinds = model.others.iter().map(|other| other.kind);
    assert!(kinds.all(|kind| kind != OtherKind::Relatives));
    assert!((model.prior * 1500.0 - 1.0).abs() < 0.02, "{}", model.prior);
    assert!((model.segments[0].m[7] - 0.33).abs() < 0.01);
}
