//! Pairs between two sites in each of which a person has at most one record.
//!
//! A weight is the log odds of one pair alone. Between two such sites a record has one partner or none,
//! and its candidates compete. Let x be a pair's odds, and r the share of a site's records that have a
//! partner at the other site. Of the ways to pair the two sites' records off, those with the pair are to
//! those in which both records stay alone as x / ((1 − r)(1 − r')): to be alone is the rarer, the more
//! records have partners. Against that, either record may have another partner. With the odds of the
//! other candidates of each record, taken as free, the pair's odds become
//!
//! ```text
//! x / ((1 − r + Σ other candidates of a) (1 − r' + Σ other candidates of b))
//! ```
//!
//! r is learnt from the pairs themselves: the records' best pairs, each with its probability, of the
//! site that expects fewer. It is bounded, because pairs below the review threshold are not seen: see
//! [`limits::PARTNER_SHARE_MAX`]. Where few records have partners this hardly changes a weight, and two
//! candidates that are equally good are never links. Pairs that a rule holds back stay held.

use std::collections::BTreeMap;

use crate::{
    compare::Kept,
    limits,
    model::{probability, units},
    rules::{Decision, Rule},
    settings::Settings,
    verdict::Decided,
};

/// One end of a pair: the record, the other site, the pair's odds and probability.
struct End {
    record: u32,
    other: u16,
    odds: f64,
    probability: f64,
}

/// Gives pairs between sites free of duplicates the weights and decisions that follow from that.
pub(crate) fn compete(kept: &mut [Kept], decided: &Decided, settings: &Settings, site_of: &[u16]) {
    if !decided.has_sites() {
        return;
    }
    let ends = ends(kept, decided, site_of);
    let sums = sums(&ends);
    let alone = alone(&ends, site_of);
    for pair in kept {
        let Some([one, other]) = sites(pair, decided, site_of) else {
            continue;
        };
        if pair.rule != Rule::Weight {
            continue;
        }
        let odds = odds(pair.weight);
        let against = [(pair.a, one, other), (pair.b, other, one)].map(|(record, own, other)| {
            let at = sums.partition_point(|sum| (sum.0, sum.1) < (record, other));
            let rivals = (sums[at].2 - odds).max(0.0);
            // What is left of a difference of two large sums is rounding, and no rival.
            let rivals = if rivals > sums[at].2 * 1e-12 {
                rivals
            } else {
                0.0
            };
            (alone[&(own, other)] + rivals).log2()
        });
        let max = f64::from(limits::THRESHOLD_MAX / limits::WEIGHT_UNIT);
        let change = units((against[0] + against[1]).clamp(-max, max));
        pair.weight -= change;
        pair.decision = if pair.weight >= settings.link_threshold {
            Decision::Link
        } else if pair.weight >= settings.review_threshold {
            Decision::Review
        } else {
            Decision::NonMatch
        };
    }
}

fn odds(weight: i32) -> f64 {
    (f64::from(weight) / f64::from(limits::WEIGHT_UNIT)).exp2()
}

/// The sites of a pair whose records compete.
fn sites(pair: &Kept, decided: &Decided, site_of: &[u16]) -> Option<[u16; 2]> {
    let [one, other] = [pair.a, pair.b].map(|record| site_of[record as usize]);
    let free = one != other
        && decided.is_free_of_duplicates(one)
        && decided.is_free_of_duplicates(other)
        && !decided.are_apart_records(pair.a, pair.b);
    free.then_some([one, other])
}

/// Both ends of every pair whose records compete, by record and other site.
fn ends(kept: &[Kept], decided: &Decided, site_of: &[u16]) -> Vec<End> {
    let mut ends = Vec::new();
    for pair in kept {
        if let Some([one, other]) = sites(pair, decided, site_of) {
            ends.extend([(pair.a, other), (pair.b, one)].map(|(record, other)| End {
                record,
                other,
                odds: odds(pair.weight),
                probability: probability(pair.weight),
            }));
        }
    }
    // Stable: sums are taken in the order of the kept pairs.
    ends.sort_by_key(|end| (end.record, end.other));
    ends
}

/// Per record and other site the sum of its candidates' odds.
fn sums(ends: &[End]) -> Vec<(u32, u16, f64)> {
    let same = |a: &End, b: &End| (a.record, a.other) == (b.record, b.other);
    let groups = ends.chunk_by(same);
    groups
        .map(|group| {
            let sum = group.iter().map(|end| end.odds).sum();
            (group[0].record, group[0].other, sum)
        })
        .collect()
}

/// Per site and other site the share of its records that have no partner there.
fn alone(ends: &[End], site_of: &[u16]) -> BTreeMap<(u16, u16), f64> {
    let mut records: BTreeMap<u16, f64> = BTreeMap::new();
    for &site in site_of {
        *records.entry(site).or_default() += 1.0;
    }
    let mut partners: BTreeMap<(u16, u16), f64> = BTreeMap::new();
    for group in ends.chunk_by(|a, b| (a.record, a.other) == (b.record, b.other)) {
        let best = group.iter().map(|end| end.probability).fold(0.0, f64::max);
        let site = site_of[group[0].record as usize];
        *partners.entry((site, group[0].other)).or_default() += best;
    }
    let both = partners.iter().map(|(&(one, other), &expected)| {
        let back = partners.get(&(other, one)).copied().unwrap_or_default();
        let share = (expected.min(back) / records[&one]).min(limits::PARTNER_SHARE_MAX);
        ((one, other), 1.0 - share)
    });
    both.collect()
}

#[cfg(test)]
mod tests;
