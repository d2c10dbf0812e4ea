//! Which pairs a person should look at.

use crate::{
    cluster::Clusters,
    compare::Kept,
    linkage::ReviewPair,
    rules::{Decision, Rule},
    verdict::Decided,
};

/// All pairs for review, heaviest first: pairs that are no links, and links that no merge followed.
/// A merely light pair is settled if other links brought its records together; one that a rule held
/// back is not. A pair with a verdict of its own is.
pub(crate) fn pairs(kept: &[Kept], clusters: &Clusters, decided: &Decided) -> Vec<ReviewPair> {
    let cluster = |record: u32| clusters.cluster_of_record[record as usize];
    let held = kept.iter().copied().filter(|kept| {
        let settled = kept.rule == Rule::Weight && cluster(kept.a) == cluster(kept.b);
        kept.decision == Decision::Review && !settled && !decided.settles(kept.a, kept.b)
    });
    let refused = clusters.refused.iter().copied();
    let mut review: Vec<ReviewPair> = held
        .chain(refused)
        .map(|kept| ReviewPair {
            a: kept.a,
            b: kept.b,
            weight: kept.weight,
            rule: kept.rule,
        })
        .collect();
    review.sort_unstable_by_key(|pair| (std::cmp::Reverse(pair.weight), pair.a, pair.b));
    review
}
