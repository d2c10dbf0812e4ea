//! What two units of a component are to each other.

use super::{Graph, same_site};
use crate::{
    compare::Kept,
    limits,
    rules::{Decision, Rule},
    weigh::Evaluation,
};

/// What two units are to each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Bond {
    #[default]
    Unknown,
    /// A link: the weight says so and no rule holds it back.
    Link,
    /// The weight counts, but is too small for a link, or the evidence is thin.
    Weak,
    /// They look like twins or relatives.
    Held,
    /// They are two persons, as far as the rows say.
    Contradiction,
    /// They are never in one cluster: a person or a site says so.
    Barred,
}

/// Weighs two units by their best pair of records: verdicts made them one record of several rows.
pub(super) fn judge(graph: Graph<'_>, a: u32, b: u32) -> (Bond, i16) {
    if graph.decided.are_apart(a, b) {
        return (Bond::Barred, 0);
    }
    let pairs =
        || records_of(graph, a).flat_map(|one| records_of(graph, b).map(move |two| (one, two)));
    if pairs().any(|(one, other)| same_site(graph, one, other)) {
        return (Bond::Barred, 0);
    }
    let all = pairs().map(|(one, other)| evaluate(graph, one, other));
    let best = all.max_by_key(|found| (!bars(found.rule), found.weight, found.decision));
    best.map_or((Bond::Barred, 0), |best| rate(graph, best))
}

/// The records of a unit.
pub(super) fn records_of(graph: Graph<'_>, unit: u32) -> impl Iterator<Item = u32> + '_ {
    let members = graph.decided.members(unit);
    let alone = members.is_empty().then_some(unit);
    alone
        .into_iter()
        .chain(members.iter().map(|&(_, record)| record))
}

fn bars(rule: Rule) -> bool {
    matches!(rule, Rule::Contradiction | Rule::TestRecord)
}

fn evaluate(graph: Graph<'_>, a: u32, b: u32) -> Evaluation {
    let (a, b) = (a.min(b), a.max(b));
    let found = graph
        .kept
        .binary_search_by_key(&(a, b), |kept| (kept.a, kept.b));
    found.map_or_else(
        |_absent| (graph.weigh)(a, b),
        |place| {
            let Kept {
                weight,
                decision,
                rule,
                ..
            } = graph.kept[place];
            Evaluation {
                weight,
                decision,
                rule,
            }
        },
    )
}

/// What an evaluation adds to a merge. A threshold above 24 bits would never be reached by a mean of
/// weights cut at 24 bits, so the cut follows it.
fn rate(graph: Graph<'_>, found: Evaluation) -> (Bond, i16) {
    let max = limits::MERGE_WEIGHT_MAX.max(graph.settings.link_threshold);
    let weight = found.weight.clamp(-max, max);
    let (bond, weight) = match found.rule {
        Rule::Contradiction | Rule::TestRecord => (Bond::Contradiction, 0),
        Rule::Weight if found.decision == Decision::Link => (Bond::Link, weight),
        Rule::Weight => (Bond::Weak, weight),
        Rule::Twins | Rule::Relatives => (Bond::Held, weight.min(0)),
        Rule::ThinEvidence | Rule::Clusters | Rule::OnePerSite | Rule::Verdict => {
            (Bond::Weak, weight.min(0))
        }
    };
    (bond, i16::try_from(weight).expect("at most 100 bits"))
}
