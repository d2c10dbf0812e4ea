//! The Fellegi–Sunter model: how likely each level is among matches (m) and non-matches (u).
//!
//! Non-matches are of several kinds, and a model that knows only one of them learns "household" or
//! "namesake" instead of "person", because in a population there can be more of those pairs than of
//! matches:
//!
//! * *strangers* agree by chance (u);
//! * *relatives* share a household: place, nearly the number, often a similar name;
//! * *namesakes* share a name, in all its spellings at once, which are far from independent.
//!
//! The weight of a pair is its odds against all of them, with λ matches, σ strangers and ρ of the
//! other kinds, whose level probabilities are g:
//!
//! weight = log2(λ/σ) + Σ log2(m/u) − log2(1 + Σ (ρ/σ)·Π g/u)
//!
//! The last term, the *doubt*, is never positive.

use linker_token::{
    Schema,
    schema::{Role, Segment},
};

use crate::limits;

/// Where a model comes from. Reports say which.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ModelSource {
    /// Expectation and maximisation over an unbiased sample of this run.
    Trained,
    /// The documented default: fewer records than training needs.
    DefaultFewRecords,
    /// The documented default: the sample holds too few matches to learn from.
    DefaultFewMatches,
    /// Fixed before the run, from an earlier one.
    Given,
}

impl ModelSource {
    /// `trained`, `default` or `given`.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Trained => "trained",
            Self::DefaultFewRecords | Self::DefaultFewMatches => "default",
            Self::Given => "given",
        }
    }
}

/// One segment's part of a model. Level 0 is the most similar.
#[derive(Debug, Clone, PartialEq)]
pub struct SegmentModel {
    /// The segment's name in the schema.
    pub name: String,
    /// Probability of each level among matches that have the segment.
    pub m: Vec<f64>,
    /// Probability of each level among strangers that have the segment.
    pub u: Vec<f64>,
    /// log2(m/u) in 1/256 bit, never rising with the level.
    pub weights: Vec<i32>,
    /// log2 of the rows that share an average value, in 1/256 bit: what the frequency of a value is
    /// compared with.
    pub frequency_base: i32,
}

/// A kind of non-match that is not a stranger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OtherKind {
    /// Two people of one household. Their birth dates are strangers'.
    Relatives,
    /// Two people of one name. They may be of an age; places and numbers are strangers'.
    Namesakes,
    /// Two people of one town. Their places and numbers are alike together, which strangers' are not;
    /// names and birth dates are strangers'.
    Neighbours,
    /// Two people of one name in one town: names as of namesakes, the rest as of neighbours. In a
    /// population of tens of millions there are as many of these pairs as matches.
    NeighbouringNamesakes,
}

/// One kind of non-match besides strangers.
#[derive(Debug, Clone, PartialEq)]
pub struct OtherClass {
    /// Which one.
    pub kind: OtherKind,
    /// Probability that a random pair of rows is of this kind.
    pub share: f64,
    /// Probability of each level, per segment, among such pairs that have the segment.
    pub levels: Vec<Vec<f64>>,
}

impl OtherKind {
    /// Whether pairs of this kind agree on a role as strangers do.
    pub(crate) fn is_strange(self, role: Role) -> bool {
        match self {
            Self::Relatives => role == Role::Birth,
            Self::Namesakes => role == Role::Place || role == Role::Number,
            Self::Neighbours => role == Role::Name || role == Role::Birth,
            Self::NeighbouringNamesakes => false,
        }
    }

    /// Whether pairs of this kind are often of an age without being of one birth date: given names have
    /// their years. Each level short of the bottom is at most [`limits::OF_AN_AGE_MAX`] times as likely
    /// as among strangers, or the class would take matches.
    pub(crate) fn is_of_an_age(self, role: Role) -> bool {
        matches!(self, Self::Namesakes | Self::NeighbouringNamesakes) && role == Role::Birth
    }

    /// How many of a segment's levels, from the top, pairs of this kind hardly ever reach: together for
    /// at most [`limits::RELATIVES_ONE_NAME_MAX`] of them. Relatives share a family name, not a name. A
    /// class without this ceiling takes matches whose birth date was mistyped beyond recognition, and
    /// then every such match is doubted.
    pub(crate) fn out_of_reach(self, segment: &Segment) -> usize {
        match (self, segment.role) {
            (Self::Relatives, Role::Name) => levels_of_one_name(segment),
            (
                Self::Relatives | Self::Namesakes | Self::Neighbours | Self::NeighbouringNamesakes,
                _,
            ) => 0,
        }
    }

    /// Whether the schema can tell this kind from strangers.
    fn is_in(self, schema: &Schema) -> bool {
        let count = |roles: &[Role]| {
            let segments = schema.segments().iter();
            segments
                .filter(|segment| roles.contains(&segment.role))
                .count()
        };
        match self {
            Self::Relatives => count(&[Role::Place, Role::Number]) > 0,
            Self::Namesakes => count(&[Role::Name]) > 1,
            Self::Neighbours => count(&[Role::Place, Role::Number]) > 1,
            Self::NeighbouringNamesakes => {
                Self::Namesakes.is_in(schema) && Self::Neighbours.is_in(schema)
            }
        }
    }

    /// See [`Parameters::default_for`].
    fn default_levels(self, role: Role, levels: usize, u: &[f64]) -> Vec<f64> {
        match (self, role) {
            (kind, role) if kind.is_strange(role) || kind.is_of_an_age(role) => u.to_vec(),
            (Self::Relatives, Role::Place) => ladder(levels, 0.80, 0.05, 0.5),
            (Self::Relatives, Role::Number) => ladder(levels, 0.10, 0.10, 0.5),
            (Self::Relatives, _) => ladder(levels, 0.002, 0.90, 0.5),
            (Self::Neighbours | Self::NeighbouringNamesakes, Role::Place) => {
                ladder(levels, 0.002, 0.50, 2.0)
            }
            (Self::Neighbours | Self::NeighbouringNamesakes, Role::Number) => {
                ladder(levels, 0.0001, 0.50, 2.0)
            }
            (_, _) => ladder(levels, 0.80, 0.10, 0.5),
        }
    }
}

/// Levels that two values reach only if they share more than three quarters of their grams, as two
/// spellings of one name do and the names of two relatives do not.
///
/// With fill f, the grams that both values have set 1 − (1 − f)^¾ of the filter bits and those that
/// one of them has q = 1 − (1 − f)^¼, so a bit differs with d = (1 − f)^¾ · 2q(1 − q), and after
/// diffusion by t with (1 − (1 − 2d)^t)/2. One standard deviation is left to chance.
fn levels_of_one_name(segment: &Segment) -> usize {
    let empty = 1.0 - f64::from(segment.fill_permille) / 1000.0;
    let own = 1.0 - empty.powf(0.25);
    let differ = empty.powf(0.75) * 2.0 * own * (1.0 - own);
    let alike = 1.0 - 2.0 * differ;
    let distance = (1.0 - alike.powi(segment.diffusion.try_into().unwrap_or(i32::MAX))) / 2.0;
    let bits = segment.bits() as f64;
    let least = distance - (distance * (1.0 - distance) / bits).sqrt();
    let cuts = segment.cuts_permille.iter();
    cuts.filter(|&&cut| f64::from(cut) / 1000.0 < least).count()
}

/// A model of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    /// Where it comes from.
    pub source: ModelSource,
    /// Probability that a random pair of rows is a match.
    pub prior: f64,
    /// Kinds of non-matches besides strangers.
    pub others: Vec<OtherClass>,
    /// log2 of the prior odds against strangers, in 1/256 bit. Part of every pair's weight.
    pub prior_weight: i32,
    /// Segments in row order.
    pub segments: Vec<SegmentModel>,
    /// Rounds of training.
    pub rounds: u32,
    /// Row pairs of the sample.
    pub sample_pairs: u64,
    /// Matches among them, as the model expects.
    pub sample_matches: f64,
}

/// Probabilities from which weights follow.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Parameters {
    pub(crate) prior: f64,
    pub(crate) m: Vec<Vec<f64>>,
    pub(crate) u: Vec<Vec<f64>>,
    pub(crate) others: Vec<OtherClass>,
}

impl Parameters {
    /// The documented default. Every record is expected to have one partner, two relatives, and a
    /// tenth of a namesake.
    ///
    /// | role | m equal | m bottom | u equal | relatives equal, bottom | namesakes equal, bottom |
    /// |---|---|---|---|---|---|
    /// | name | 0.75 | 0.08 | 1/20,000 | 0.002, 0.90 | 0.80, 0.10 |
    /// | birth | 0.93 | 0.02 | 1/20,000 | as strangers | as strangers |
    /// | place | 0.60 | 0.30 | 1/3,000 | 0.80, 0.05 | as strangers |
    /// | number | 0.50 | 0.40 | 1/50,000 | 0.10, 0.10 | as strangers |
    ///
    /// What is left falls by half from level to level; among strangers the levels between equal and
    /// bottom have 0.004 together, doubling from level to level.
    pub(crate) fn default_for(schema: &Schema, records: usize) -> Self {
        let each = 1.0 / (records.max(10) as f64);
        let neighbours = limits::NEIGHBOURS_DEFAULT;
        let kinds = [
            (OtherKind::Relatives, 2.0 * each),
            (OtherKind::Namesakes, 0.1 * each),
            (OtherKind::Neighbours, neighbours),
            (OtherKind::NeighbouringNamesakes, 0.1 * each * neighbours),
        ];
        let kinds = kinds.into_iter().filter(|(kind, _)| kind.is_in(schema));
        let mut parameters = Self {
            prior: each,
            m: Vec::new(),
            u: Vec::new(),
            others: kinds
                .map(|(kind, share)| OtherClass {
                    kind,
                    share,
                    levels: Vec::new(),
                })
                .collect(),
        };
        for segment in schema.segments() {
            let (equal, bottom, chance) = match segment.role {
                Role::Name => (0.75, 0.08, 1.0 / 20_000.0),
                Role::Birth => (0.93, 0.02, 1.0 / 20_000.0),
                Role::Place => (0.60, 0.30, 1.0 / 3_000.0),
                Role::Number => (0.50, 0.40, 1.0 / 50_000.0),
            };
            let levels = segment.levels();
            let u = ladder(levels, chance, 1.0 - chance - 0.004, 2.0);
            for other in &mut parameters.others {
                let levels = other.kind.default_levels(segment.role, levels, &u);
                other.levels.push(levels);
            }
            parameters.m.push(ladder(levels, equal, bottom, 0.5));
            parameters.u.push(u);
        }
        parameters
    }

    /// The same without relatives, for data of which it is known that there are no households. A class of
    /// pairs that do not exist fills with damaged matches instead, and every such match is then doubted.
    pub(crate) fn without_relatives(mut self) -> Self {
        self.others
            .retain(|other| other.kind != OtherKind::Relatives);
        self
    }

    /// Probability that a random pair is of two strangers.
    pub(crate) fn strangers(&self) -> f64 {
        strangers(self.prior, &self.others)
    }
}

fn strangers(prior: f64, others: &[OtherClass]) -> f64 {
    1.0 - prior - others.iter().map(|other| other.share).sum::<f64>()
}

/// Probabilities of levels: the ends as given, between them each `factor` times the one before. With
/// two levels only, the bottom is all that is not equal.
fn ladder(levels: usize, equal: f64, bottom: f64, factor: f64) -> Vec<f64> {
    let between: Vec<f64> = (0..levels - 2)
        .map(|level| factor.powi(power(level)))
        .collect();
    if between.is_empty() {
        return vec![equal, 1.0 - equal];
    }
    let unit = (1.0 - equal - bottom) / between.iter().sum::<f64>();
    let between = between.into_iter().map(|share| share * unit);
    std::iter::once(equal)
        .chain(between)
        .chain([bottom])
        .collect()
}

fn power(level: usize) -> i32 {
    i32::try_from(level).expect("levels are few")
}

impl Model {
    /// Turns probabilities into integer weights. `present` counts the rows that have each segment.
    pub(crate) fn new(
        schema: &Schema,
        source: ModelSource,
        parameters: Parameters,
        present: &[u64],
    ) -> Self {
        let strangers = parameters.strangers();
        let Parameters {
            prior,
            m,
            mut u,
            others,
        } = parameters;
        // A level that strangers hardly ever reach proves no more than a million to one. The floor is
        // under u itself, so that weight and doubt speak of the same strangers.
        for (u, m) in u.iter_mut().flatten().zip(m.iter().flatten()) {
            *u = u.max(m / f64::from(limits::SEGMENT_RATIO_MAX));
        }
        let levels = m.into_iter().zip(u).zip(present);
        let segments = schema.segments().iter().zip(levels);
        Self {
            source,
            prior,
            others,
            prior_weight: units((prior / strangers).log2()),
            segments: segments
                .map(|(segment, ((m, u), &present))| {
                    let ratios = m.iter().zip(&u);
                    let alike = (u[0] * present as f64).max(f64::from(limits::RARE_ROWS));
                    SegmentModel {
                        name: segment.name.clone(),
                        weights: ratios.map(|(m, u)| segment_weight(m / u)).collect(),
                        frequency_base: units(alike.log2()),
                        m,
                        u,
                    }
                })
                .collect(),
            rounds: 0,
            sample_pairs: 0,
            sample_matches: 0.0,
        }
    }

    /// Probability that a random pair is of two strangers.
    pub(crate) fn strangers(&self) -> f64 {
        strangers(self.prior, &self.others)
    }

    /// What the possibility that two rows are of relatives or namesakes takes from their weight, in
    /// 1/256 bit: −log2(1 + Σ (ρ/σ)·Π g/u) over the levels that both rows have.
    #[must_use]
    pub fn doubt(&self, levels: &[Option<usize>]) -> i32 {
        let strangers = self.strangers();
        let odds = self.others.iter().map(|other| {
            let segments = self.segments.iter().zip(&other.levels).zip(levels);
            let ratios = segments
                .filter_map(|((segment, g), level)| level.map(|level| g[level] / segment.u[level]));
            other.share / strangers * ratios.product::<f64>()
        });
        -units((1.0 + odds.sum::<f64>()).log2())
    }
}

/// log2(m/u). The ratio has its ceiling already; the floor keeps a level that matches never reach finite.
pub(crate) fn segment_weight(ratio: f64) -> i32 {
    units(ratio.log2()).max(-limits::SEGMENT_WEIGHT_MAX)
}

/// Bits to 1/256 bit.
#[expect(
    clippy::cast_possible_truncation,
    reason = "the cast saturates and callers clamp far below"
)]
pub(crate) fn units(bits: f64) -> i32 {
    (bits * f64::from(limits::WEIGHT_UNIT)).round() as i32
}

/// The probability that a pair of this weight is a match.
pub(crate) fn probability(weight: i32) -> f64 {
    let bits = f64::from(weight) / f64::from(limits::WEIGHT_UNIT);
    1.0 / (1.0 + (-bits).exp2())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_a_distribution_and_its_weights_fall() {
        for schema in [Schema::jp_1(), Schema::en_1()] {
            let default = Parameters::default_for(&schema, 1000);
            let others = default.others.iter().flat_map(|other| &other.levels);
            for levels in default.m.iter().chain(&default.u).chain(others) {
                assert!((levels.iter().sum::<f64>() - 1.0).abs() < 1e-9);
                assert!(levels.iter().all(|&p| p > 0.0));
            }
            let source = ModelSource::DefaultFewRecords;
            let present = vec![1000; schema.segments().len()];
            let model = Model::new(&schema, source, default, &present);
            assert_eq!(model.source.label(), "default");
            for segment in &model.segments {
                assert!(segment.weights.windows(2).all(|pair| pair[0] > pair[1]));
            }
        }
    }

    /// Equal rows of a huge run, in which strangers never agree on anything, are still a match: the
    /// doubt may not count an agreement for more than the weight does.
    #[test]
    fn doubt_does_not_outweigh_perfect_agreement() {
        let schema = Schema::jp_1();
        let mut parameters = Parameters::default_for(&schema, 1_000_000);
        for u in &mut parameters.u {
            u[0] = 1e-12;
        }
        let present = vec![1_000_000; schema.segments().len()];
        let model = Model::new(&schema, ModelSource::Trained, parameters, &present);
        let equal: Vec<Option<usize>> = vec![Some(0); schema.segments().len()];
        let weight: i32 = model
            .segments
            .iter()
            .map(|segment| segment.weights[0])
            .sum();
        assert!(model.prior_weight + weight + model.doubt(&equal) > 20 * limits::WEIGHT_UNIT);
    }

    /// Hardened rows tell one name from two up to a distance of a third, plain ones up to an eighth.
    #[test]
    fn one_name_ends_where_a_quarter_of_the_grams_differs() {
        let hard = Schema::en_1();
        assert_eq!(levels_of_one_name(&hard.segments()[0]), 4);
        let mut plain = hard.segments()[0].clone();
        (plain.diffusion, plain.fill_permille) = (1, 500);
        assert_eq!(levels_of_one_name(&plain), 2);
        let kinds = [OtherKind::Relatives, OtherKind::Namesakes];
        let reach = |kind: OtherKind, at: usize| kind.out_of_reach(&hard.segments()[at]);
        assert_eq!(kinds.map(|kind| reach(kind, 0)), [4, 0]);
        assert_eq!(kinds.map(|kind| reach(kind, 2)), [0, 0]);
    }

    #[test]
    fn weights_are_log_odds() {
        assert!((probability(0) - 0.5).abs() < 1e-12);
        assert!((probability(2 * limits::WEIGHT_UNIT) - 0.8).abs() < 1e-12);
        assert_eq!(units(-1.5), -384);
    }
}
