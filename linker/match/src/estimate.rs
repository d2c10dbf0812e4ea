//! How good a result is, as the model sees it: no truth is used.
//!
//! A weight is log odds, so a pair of weight w is a match with 1 / (1 + 2^−w). Three things follow.
//!
//! * Precision is the mean of that over the pairs inside clusters. A pair that was never weighed,
//!   because only others brought its records together, counts as much as the mean of those that were.
//! * What the threshold leaves out is known from the unbiased sample: of its expected matches the share
//!   above the threshold, times what blocking finds.
//! * What clusters add by bringing together light pairs, and what rules and refused merges take away,
//!   is known from the pairs of the run: expected matches inside clusters by expected matches above the
//!   threshold.
//!
//! Recall is the product of the last two. Sites and passes are told apart by the same sums. A model's
//! blind spots stay blind: damage that comes in clusters of fields makes recall look better than it is,
//! and twins precision.

use crate::{model::probability, weigh::Weights};

/// Precision, recall and their harmonic mean, as the model expects them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// Of the pairs put together, the expected share that is one person.
    pub precision: f64,
    /// Of the pairs that are one person, the expected share put together.
    pub recall: f64,
    /// Harmonic mean of both.
    pub f1: f64,
}

/// The part of the pairs with a record of one site.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SiteEstimate {
    /// The site.
    pub site: u16,
    /// Pairs above the review threshold with at least one record of the site, put together or not.
    pub pairs: u64,
    /// How good they are.
    pub estimate: Estimate,
}

/// What a pass adds that no earlier one had.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PassEstimate {
    /// Pairs inside clusters that this pass was the first to find.
    pub pairs: u64,
    /// The expected share of them that is one person.
    pub precision: f64,
    /// The expected share of all matches inside clusters that only this and later passes find.
    pub gain: f64,
}

/// Overall, per site and per pass.
#[derive(Debug, Clone, PartialEq)]
pub struct Quality {
    /// All pairs.
    pub overall: Estimate,
    /// Sites in order, those with no pair left out.
    pub sites: Vec<SiteEstimate>,
    /// Passes in order.
    pub passes: Vec<PassEstimate>,
}

/// A pair of records that reached the review threshold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Weighed {
    pub(crate) a: u32,
    pub(crate) b: u32,
    pub(crate) weight: i32,
    /// The first pass that had it.
    pub(crate) pass: usize,
}

/// What estimates are made from.
pub(crate) struct Evidence<'a> {
    /// Pattern counts of the unbiased sample.
    pub(crate) counts: &'a [u64],
    pub(crate) weights: &'a Weights,
    pub(crate) link_threshold: i32,
    /// Every pair of records above the review threshold once, whatever was decided.
    pub(crate) pairs: &'a [Weighed],
    pub(crate) cluster_of_record: &'a [u32],
    pub(crate) site_of_record: &'a [u16],
    /// Share of all links that blocking finds.
    pub(crate) blocking_recall: f64,
    /// Passes of the run.
    pub(crate) passes: usize,
}

/// Sums of expectations over pairs.
#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    pairs: u64,
    /// Expected matches above the link threshold, and above the review threshold inside clusters.
    above: f64,
    inside: f64,
    weighed_inside: u64,
    /// Pairs inside clusters, weighed or not.
    all_inside: u64,
}

impl Sums {
    fn take(&mut self, weight: i32, link_threshold: i32, together: bool) {
        let match_share = probability(weight);
        self.pairs += 1;
        if weight >= link_threshold {
            self.above += match_share;
        }
        if together {
            self.inside += match_share;
            self.weighed_inside += 1;
        }
    }

    fn precision(&self) -> f64 {
        mean(self.inside, self.weighed_inside)
    }

    /// `share` is the part of all matches that lies above the link threshold and in some block.
    fn estimate(&self, share: f64) -> Estimate {
        let precision = self.precision();
        let unseen = self.all_inside.saturating_sub(self.weighed_inside) as f64;
        let inside = self.inside + unseen * precision;
        let recall = if self.above > 0.0 {
            (share * inside / self.above).min(1.0)
        } else {
            share
        };
        let sum = precision + recall;
        let f1 = if sum > 0.0 {
            2.0 * precision * recall / sum
        } else {
            0.0
        };
        Estimate {
            precision,
            recall,
            f1,
        }
    }
}

fn mean(sum: f64, count: u64) -> f64 {
    if count == 0 { 1.0 } else { sum / count as f64 }
}

/// Makes the estimates.
pub(crate) fn estimate(evidence: &Evidence<'_>) -> Quality {
    let sites = evidence
        .site_of_record
        .iter()
        .map(|&site| usize::from(site) + 1);
    let mut sites = vec![Sums::default(); sites.max().unwrap_or(0)];
    let mut passes = vec![(0.0, 0_u64); evidence.passes];
    let mut overall = Sums::default();
    for pair in evidence.pairs {
        let together = evidence.cluster_of_record[pair.a as usize]
            == evidence.cluster_of_record[pair.b as usize];
        overall.take(pair.weight, evidence.link_threshold, together);
        for site in ends(evidence, pair) {
            sites[site].take(pair.weight, evidence.link_threshold, together);
        }
        if together && let Some(pass) = passes.get_mut(pair.pass) {
            pass.0 += probability(pair.weight);
            pass.1 += 1;
        }
    }
    count_inside(evidence, &mut overall, &mut sites);
    let share = share_above(evidence) * evidence.blocking_recall;
    let with_pairs = (0_u16..).zip(&sites).filter(|(_, sums)| sums.pairs > 0);
    Quality {
        overall: overall.estimate(share),
        sites: with_pairs
            .map(|(site, sums)| SiteEstimate {
                site,
                pairs: sums.pairs,
                estimate: sums.estimate(share),
            })
            .collect(),
        passes: passes
            .into_iter()
            .map(|(matches, pairs)| PassEstimate {
                pairs,
                precision: mean(matches, pairs),
                gain: if overall.inside > 0.0 {
                    matches / overall.inside
                } else {
                    0.0
                },
            })
            .collect(),
    }
}

/// The sites of a pair: one if both records are of one site.
fn ends(evidence: &Evidence<'_>, pair: &Weighed) -> impl Iterator<Item = usize> {
    let site = |record: u32| usize::from(evidence.site_of_record[record as usize]);
    let (a, b) = (site(pair.a), site(pair.b));
    std::iter::once(a).chain((a != b).then_some(b))
}

/// Counts the pairs inside clusters, weighed or not: of n records, k of a site have
/// n(n − 1)/2 − (n − k)(n − k − 1)/2 pairs with that site.
fn count_inside(evidence: &Evidence<'_>, overall: &mut Sums, sites: &mut [Sums]) {
    let records = evidence.cluster_of_record.iter();
    let mut members: Vec<(u32, u16)> = records
        .zip(evidence.site_of_record)
        .map(|(&cluster, &site)| (cluster, site))
        .collect();
    members.sort_unstable();
    let pairs = |records: usize| (records * records.saturating_sub(1) / 2) as u64;
    for cluster in members.chunk_by(|a, b| a.0 == b.0).filter(|c| c.len() > 1) {
        let all = pairs(cluster.len());
        overall.all_inside += all;
        for of_site in cluster.chunk_by(|a, b| a.1 == b.1) {
            let without = pairs(cluster.len() - of_site.len());
            sites[usize::from(of_site[0].1)].all_inside += all - without;
        }
    }
}

/// Of the sample's expected matches, the share above the link threshold.
fn share_above(evidence: &Evidence<'_>) -> f64 {
    let (mut matches, mut above) = (0.0, 0.0);
    for (pattern, &pairs) in (0_u32..)
        .zip(evidence.counts)
        .filter(|(_, pairs)| **pairs > 0)
    {
        let weight = evidence.weights.entry(pattern).weight;
        let expected = pairs as f64 * probability(weight);
        matches += expected;
        if weight >= evidence.link_threshold && evidence.weights.is_kept(pattern) {
            above += expected;
        }
    }
    if matches > 0.0 { above / matches } else { 1.0 }
}

#[cfg(test)]
mod tests {
    use linker_kernels::Grading;
    use linker_token::Schema;

    use super::*;
    use crate::{
        limits::WEIGHT_UNIT,
        model::{Model, ModelSource, Parameters},
        settings::Settings,
    };

    fn weights() -> (Weights, usize) {
        let schema = Schema::en_1();
        let segments = schema.segments().iter();
        let parts: Vec<_> = segments.map(|s| (s.words.clone(), s.cuts())).collect();
        let grading = Grading::new(schema.row_words(), &parts).expect("the schema is gradable");
        let default = Parameters::default_for(&schema, 1000);
        let model = Model::new(&schema, ModelSource::Trained, default, &[1000; 4]);
        let weights = Weights::new(&schema, &grading, &Settings::standard(), &model);
        (weights, grading.patterns())
    }

    fn check(pairs: &[(u32, u32, i32)], clusters: &[u32]) -> Quality {
        let (weights, patterns) = weights();
        let pairs: Vec<Weighed> = pairs
            .iter()
            .enumerate()
            .map(|(pass, &(a, b, bits))| Weighed {
                a,
                b,
                weight: bits * WEIGHT_UNIT,
                pass,
            })
            .collect();
        estimate(&Evidence {
            counts: &vec![0; patterns],
            weights: &weights,
            link_threshold: 2 * WEIGHT_UNIT,
            pairs: &pairs,
            cluster_of_record: clusters,
            site_of_record: &[0, 1, 1, 2][..clusters.len()],
            blocking_recall: 1.0,
            passes: 2,
        })
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
}
