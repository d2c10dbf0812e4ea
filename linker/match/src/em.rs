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
    model::{Model, ModelSource, OtherClass, OtherKind, Parameters},
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
        let mut default = Parameters::default_for(self.schema, self.records);
        if !self.settings.hold_twins {
            default = default.without_relatives();
        }
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
    // Matches and relatives, who are alike, wait until the classes that chance makes know how many pairs
    // they are. In a large population there are more namesakes than matches, and matches that start
    // beside an empty class of namesakes would take its pairs and become namesakes themselves.
    for _ in 0..limits::EM_ROUNDS_WAITING {
        let mut next = step(schema, observed, &now, default);
        for (next, default) in next.others.iter_mut().zip(&default.others) {
            if next.kind == OtherKind::Relatives {
                next.clone_from(default);
            }
        }
        now = Parameters {
            prior: default.prior,
            m: default.m.clone(),
            ..next
        };
    }
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
    tie(schema, &mut others, pairs);
    for (other, default) in others.iter_mut().zip(&default.others) {
        other.share = (other.share / pairs).min(limits::PRIOR_MAX);
        smooth(&mut other.levels, &default.levels, limits::PRIOR_MATCHES);
        let levels = schema.segments().iter().zip(&mut other.levels).zip(&u);
        for ((segment, levels), u) in levels {
            if other.kind.is_strange(segment.role) {
                levels.copy_from_slice(u);
            } else if other.kind.is_of_an_age(segment.role) {
                bound_ratio(levels, u, limits::OF_AN_AGE_MAX);
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

/// Lets no level but the last be more than `most` times as likely as among strangers.
fn bound_ratio(levels: &mut [f64], u: &[f64], most: f64) {
    let (last, others) = levels.split_last_mut().expect("a segment has levels");
    for (level, u) in others.iter_mut().zip(u) {
        *level = level.min(most * u);
    }
    *last = 1.0 - others.iter().sum::<f64>();
}

/// Neighbouring namesakes have nothing of their own: their names count for all namesakes, their places
/// and numbers for all neighbours, and there are as many as the two kinds meet by chance.
fn tie(schema: &Schema, others: &mut [OtherClass], pairs: f64) {
    let find = |kind| others.iter().position(|other| other.kind == kind);
    let (Some(names), Some(places), Some(both)) = (
        find(OtherKind::Namesakes),
        find(OtherKind::Neighbours),
        find(OtherKind::NeighbouringNamesakes),
    ) else {
        return;
    };
    let extra = others[both].clone();
    for one in [names, places] {
        others[one].share += extra.share;
        let kind = others[one].kind;
        let segments = schema.segments().iter().zip(&extra.levels);
        for (at, (segment, levels)) in segments.enumerate() {
            if !kind.is_strange(segment.role) {
                let mine = others[one].levels[at].iter_mut();
                mine.zip(levels).for_each(|(mine, level)| *mine += level);
                others[both].levels[at] = others[one].levels[at].clone();
            }
        }
    }
    others[both].share = others[names].share / pairs * others[places].share;
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
mod tests;
