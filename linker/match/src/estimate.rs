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

use linker_kernels::Grading;
use rayon::prelude::*;

use crate::{
    compare::Kept,
    dataset::RecordKey,
    limits,
    model::{Model, probability},
    weigh::Weights,
};

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

/// What estimates are made from.
pub(crate) struct Evidence<'a> {
    /// Pattern counts of the unbiased sample.
    pub(crate) counts: &'a [u64],
    pub(crate) weights: &'a Weights,
    pub(crate) model: &'a Model,
    pub(crate) grading: &'a Grading,
    pub(crate) link_threshold: i32,
    /// Every pair of records above the review threshold once, whatever was decided.
    pub(crate) pairs: &'a [Kept],
    pub(crate) cluster_of_record: &'a [u32],
    /// Record by record.
    pub(crate) keys: &'a [RecordKey],
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
    let sites = evidence.keys.iter().map(|key| usize::from(key.site) + 1);
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
        if together && let Some(pass) = passes.get_mut(usize::from(pair.pass)) {
            pass.0 += probability(pair.weight);
            pass.1 += 1;
        }
    }
    count_inside(
        evidence,
        &mut overall,
        &mut sites,
        limits::ESTIMATE_CLUSTERS,
    );
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
fn ends(evidence: &Evidence<'_>, pair: &Kept) -> impl Iterator<Item = usize> {
    let site = |record: u32| usize::from(evidence.keys[record as usize].site);
    let (a, b) = (site(pair.a), site(pair.b));
    std::iter::once(a).chain((a != b).then_some(b))
}

/// Counts the pairs inside clusters, weighed or not: of n records, k of a site have
/// n(n − 1)/2 − (n − k)(n − k − 1)/2 pairs with that site. Some clusters at a time, so that no list is as
/// long as the run.
fn count_inside(evidence: &Evidence<'_>, overall: &mut Sums, sites: &mut [Sums], step: u32) {
    let last = evidence.cluster_of_record.iter().max().copied();
    let starts = last.map_or(0..0, |last| 0..last + 1);
    let pairs = |records: usize| (records * records.saturating_sub(1) / 2) as u64;
    for start in starts.step_by(step as usize) {
        let records = evidence.cluster_of_record.par_iter().zip(evidence.keys);
        let mut members: Vec<(u32, u16)> = records
            .filter(|(cluster, _)| (start..start.saturating_add(step)).contains(cluster))
            .map(|(&cluster, key)| (cluster, key.site))
            .collect();
        members.par_sort_unstable();
        for cluster in members.chunk_by(|a, b| a.0 == b.0).filter(|c| c.len() > 1) {
            let all = pairs(cluster.len());
            overall.all_inside += all;
            for of_site in cluster.chunk_by(|a, b| a.1 == b.1) {
                let without = pairs(cluster.len() - of_site.len());
                sites[usize::from(of_site[0].1)].all_inside += all - without;
            }
        }
    }
}

/// Of the sample's expected matches, the share above the link threshold.
///
/// Below it a pattern has as many matches as its pairs' probability says, but no more than matches make
/// of it: pairs that lack the same segments, times the prior, times the pattern's share among matches.
/// In a true model both are the same. In large runs strangers who are alike in several ways at once, as
/// people of one family name are, make more pairs of a light pattern than the model expects, and the
/// surplus is strangers.
fn share_above(evidence: &Evidence<'_>) -> f64 {
    let (grading, model) = (evidence.grading, evidence.model);
    let levels = |pattern| (0..grading.segment_count()).map(move |s| grading.level(pattern, s));
    let lacking = |pattern| {
        let bits = (0..).zip(levels(pattern));
        bits.fold(0_usize, |mask, (bit, level)| {
            mask | usize::from(level.is_none()) << bit
        })
    };
    let seen = || {
        (0_u32..)
            .zip(evidence.counts)
            .filter(|(_, pairs)| **pairs > 0)
    };
    let mut of_mask = vec![0_u64; 1 << grading.segment_count()];
    for (pattern, &pairs) in seen() {
        of_mask[lacking(pattern)] += pairs;
    }
    let (mut matches, mut above) = (0.0, 0.0);
    for (pattern, &pairs) in seen() {
        let weight = evidence.weights.entry(pattern).weight;
        let expected = pairs as f64 * probability(weight);
        if weight >= evidence.link_threshold && evidence.weights.is_kept(pattern) {
            above += expected;
            matches += expected;
        } else {
            let segments = model.segments.iter().zip(levels(pattern));
            let share: f64 = segments
                .filter_map(|(s, level)| Some(s.m[level?]))
                .product();
            let all = of_mask[lacking(pattern)] as f64 * model.prior;
            matches += expected.min(all * share);
        }
    }
    if matches > 0.0 { above / matches } else { 1.0 }
}

#[cfg(test)]
mod tests;
