//! Training: expectation and maximisation over pattern counts (Dempster, Laird, Rubin 1977;
//! Fellegi and Sunter 1969 for the model), with one class of matches and several of non-matches.
//!
//! Relatives and namesakes are strangers in what they do not share: those parts are tied to the
//! strangers', so that no class can drift to matches or matches to it.
//!
//! The counts are of an unbiased sample of pairs, so the prior means something and u is learnt from
//! the same non-matches. The default model takes part as a few pseudo-pairs, which keeps rare levels
//! finite. After every round the ratio m/u is made monotone in the level by pooling neighbours that
//! violate it: a more similar segment never counts less.

use linker_kernels::Grading;
use linker_token::{Schema, schema::Role};

use crate::{
    error::MatchError,
    limits,
    model::{Model, ModelSource, OtherClass, Parameters},
    settings::Settings,
};

/// What training needs to know besides the counts.
pub(crate) struct Training<'a> {
    pub(crate) schema: &'a Schema,
    pub(crate) grading: &'a Grading,
    pub(crate) settings: &'a Settings,
    /// Records that may be compared.
    pub(crate) records: usize,
    /// Rows that have each segment.
    pub(crate) present: &'a [u64],
}

/// One pattern of the sample: its level per segment and how often it occurs.
struct Observed {
    levels: Vec<Option<usize>>,
    pairs: f64,
}

impl Training<'_> {
    /// A model for the run: trained, or the default if there is too little to learn from.
    pub(crate) fn model(&self, counts: &[u64]) -> Result<Model, MatchError> {
        let default = Parameters::default_for(self.schema, self.records);
        let sample_pairs: u64 = counts.iter().sum();
        if self.records < limits::TRAINING_RECORDS_MIN {
            return Ok(Model {
                sample_pairs,
                ..self.of(ModelSource::DefaultFewRecords, default)
            });
        }
        let observed = self.observed(counts);
        let (parameters, rounds) = train(self.schema, &observed, &default);
        let sample_matches = parameters.prior * sample_pairs as f64;
        if sample_matches < limits::TRAINING_MATCHES_MIN {
            return Ok(Model {
                sample_pairs,
                ..self.of(ModelSource::DefaultFewMatches, default)
            });
        }
        let model = Model {
            rounds,
            sample_pairs,
            sample_matches,
            ..self.of(ModelSource::Trained, parameters)
        };
        self.check(&model)?;
        Ok(model)
    }

    fn of(&self, source: ModelSource, parameters: Parameters) -> Model {
        Model::new(self.schema, source, parameters, self.present)
    }

    fn observed(&self, counts: &[u64]) -> Vec<Observed> {
        let segments = 0..self.grading.segment_count();
        (0_u32..)
            .zip(counts)
            .filter(|(_, pairs)| **pairs > 0)
            .map(|(pattern, &pairs)| Observed {
                levels: segments
                    .clone()
                    .map(|segment| self.grading.level(pattern, segment))
                    .collect(),
                pairs: pairs as f64,
            })
            .collect()
    }

    /// Refuses what cannot be a model of persons.
    fn check(&self, model: &Model) -> Result<(), MatchError> {
        let refuse = |rule| Err(MatchError::Model { rule });
        let partners = model.prior * self.records as f64;
        if partners > self.settings.cluster_records_max as f64 {
            return refuse("it expects more partners per record than a cluster may have");
        }
        for role in [Role::Name, Role::Birth] {
            let segments = self.schema.segments().iter().zip(&model.segments);
            let mut bottoms = segments
                .filter(|(segment, _)| segment.role == role)
                .map(|(_, model)| model.m[model.m.len() - 1])
                .peekable();
            if bottoms.peek().is_some() && bottoms.all(|bottom| bottom > 0.5) {
                return refuse("its matches mostly disagree on the name or on the birth date");
            }
        }
        let equal: i32 = model
            .segments
            .iter()
            .map(|segment| segment.weights[0])
            .sum();
        if model.prior_weight + equal < self.settings.link_threshold {
            return refuse("even equal rows would not be linked");
        }
        Ok(())
    }
}

/// Rounds until the shares of the classes stand still.
fn train(schema: &Schema, observed: &[Observed], default: &Parameters) -> (Parameters, u32) {
    let mut now = default.clone();
    now.u = vec_of_zeros(&default.u);
    for pattern in observed {
        add(&mut now.u, &pattern.levels, pattern.pairs);
    }
    smooth(&mut now.u, &default.u, limits::PRIOR_NON_MATCHES);
    for round in 1..=limits::EM_ROUNDS_MAX {
        let next = step(schema, observed, &now, default);
        let change = (next.prior / now.prior - 1.0).abs();
        now = next;
        if change < 1e-9 {
            return (now, round);
        }
    }
    (now, limits::EM_ROUNDS_MAX)
}

fn vec_of_zeros(like: &[Vec<f64>]) -> Vec<Vec<f64>> {
    like.iter().map(|levels| vec![0.0; levels.len()]).collect()
}

fn add(sums: &mut [Vec<f64>], levels: &[Option<usize>], pairs: f64) {
    for (sums, level) in sums.iter_mut().zip(levels) {
        if let Some(level) = *level {
            sums[level] += pairs;
        }
    }
}

/// Adds `pairs` pseudo-pairs of the default and divides by the sum.
fn smooth(sums: &mut [Vec<f64>], default: &[Vec<f64>], pairs: f64) {
    for (sums, default) in sums.iter_mut().zip(default) {
        let total = sums.iter().sum::<f64>() + pairs;
        for (sum, default) in sums.iter_mut().zip(default) {
            *sum = (*sum + pairs * default) / total;
        }
    }
}

/// One round: how likely each pattern is of each class, then new probabilities from that.
fn step(
    schema: &Schema,
    observed: &[Observed],
    now: &Parameters,
    default: &Parameters,
) -> Parameters {
    let match_ratios = ratios(&now.m, &now.u);
    let other_ratios: Vec<_> = now
        .others
        .iter()
        .map(|o| ratios(&o.levels, &now.u))
        .collect();
    let (mut m, mut u) = (vec_of_zeros(&now.m), vec_of_zeros(&now.u));
    let empty = now.others.iter().map(|other| OtherClass {
        kind: other.kind,
        share: 0.0,
        levels: vec_of_zeros(&other.levels),
    });
    let mut others: Vec<OtherClass> = empty.collect();
    let (mut matches, mut pairs) = (0.0, 0.0);
    for pattern in observed {
        let odds = now.prior / now.strangers() * product(&match_ratios, &pattern.levels);
        let other_odds: Vec<f64> = now
            .others
            .iter()
            .zip(&other_ratios)
            .map(|(other, ratios)| other.share / now.strangers() * product(ratios, &pattern.levels))
            .collect();
        let share = pattern.pairs / (1.0 + odds + other_odds.iter().sum::<f64>());
        add(&mut m, &pattern.levels, share * odds);
        add(&mut u, &pattern.levels, share);
        matches += share * odds;
        for (other, odds) in others.iter_mut().zip(other_odds) {
            add(&mut other.levels, &pattern.levels, share * odds);
            other.share += share * odds;
        }
        pairs += pattern.pairs;
    }
    smooth(&mut m, &default.m, limits::PRIOR_MATCHES);
    smooth(&mut u, &default.u, limits::PRIOR_NON_MATCHES);
    m.iter_mut().zip(&u).for_each(|(m, u)| make_monotone(m, u));
    for (other, default) in others.iter_mut().zip(&default.others) {
        other.share = (other.share / pairs).min(limits::PRIOR_MAX);
        smooth(&mut other.levels, &default.levels, limits::PRIOR_MATCHES);
        let levels = schema.segments().iter().zip(&mut other.levels).zip(&u);
        for ((segment, levels), u) in levels {
            if other.kind.is_strange(segment.role) {
                levels.copy_from_slice(u);
            } else {
                let reach = other.kind.out_of_reach(segment);
                bound_top(levels, reach, limits::RELATIVES_ONE_NAME_MAX);
            }
        }
    }
    Parameters {
        prior: (matches / pairs).clamp(1e-15, limits::PRIOR_MAX),
        m,
        u,
        others,
    }
}

/// Lets the first `top` levels have at most `most` together; the others take the rest.
fn bound_top(levels: &mut [f64], top: usize, most: f64) {
    let (near, far) = levels.split_at_mut(top);
    let (had, left) = (near.iter().sum::<f64>(), far.iter().sum::<f64>());
    if had > most && left > 0.0 {
        near.iter_mut().for_each(|share| *share *= most / had);
        let rest = (1.0 - most) / left;
        far.iter_mut().for_each(|share| *share *= rest);
    }
}

fn ratios(class: &[Vec<f64>], strangers: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let segments = class.iter().zip(strangers);
    segments
        .map(|(class, u)| class.iter().zip(u).map(|(class, u)| class / u).collect())
        .collect()
}

/// Eight ratios, each within 1e±9, stay far inside a double.
fn product(ratios: &[Vec<f64>], levels: &[Option<usize>]) -> f64 {
    let levels = ratios.iter().zip(levels);
    levels
        .filter_map(|(ratios, level)| level.map(|level| ratios[level]))
        .product()
}

/// Pools neighbouring levels until m/u does not rise with the level; m keeps its sum.
fn make_monotone(m: &mut [f64], u: &[f64]) {
    let mut pools: Vec<(f64, f64, usize)> = Vec::with_capacity(m.len());
    for (&m, &u) in m.iter().zip(u) {
        pools.push((m, u, 1));
        while let [.., before, last] = pools.as_mut_slice() {
            if before.0 * last.1 >= last.0 * before.1 {
                break;
            }
            before.0 += last.0;
            before.1 += last.1;
            before.2 += last.2;
            pools.pop();
        }
    }
    let ratios = pools
        .into_iter()
        .flat_map(|(m, u, levels)| std::iter::repeat_n(m / u, levels));
    for ((m, u), ratio) in m.iter_mut().zip(u).zip(ratios) {
        *m = ratio * u;
    }
}

#[cfg(test)]
mod tests {
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
            let chance = |p: &[Vec<f64>]| -> f64 {
                p.iter().zip(&levels).map(|(p, &level)| p[level]).product()
            };
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
}
