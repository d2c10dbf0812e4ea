//! Sensitivity and specificity, as studies of exact keys count them.
//!
//! One site asks another which of its own records are about somebody whom the other has too. Of its records whose
//! person the other has (*common*), those put together with a record of that very person are found: their share is
//! the sensitivity. Of its records whose person the other does not have, those put together with none of the
//! other's records are rightly left alone: their share is the specificity. A common record put together with
//! somebody else only is not found.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::{
    exact,
    interval::{self, Part},
    pipeline::{Held, Sources},
};
use crate::{
    evaluate::{float, ratio},
    sites::Site,
};

/// Who asks and who is asked. The first two is the way of the published study: both sides have addresses.
pub(super) const WAYS: [(Site, Site); 3] = [
    (Site::Hospital, Site::Town),
    (Site::Clinic, Site::Town),
    (Site::Clinic, Site::Hospital),
];

/// What one way of asking gave.
#[derive(Debug, Clone, Default)]
pub(super) struct Answers {
    /// By person: records found of those common, and records left alone of those not common.
    persons: Vec<(Counts, Counts)>,
}

/// Right and wrong answers.
#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    right: u64,
    wrong: u64,
}

/// A share with its 95% interval.
#[derive(Debug, Clone, Copy)]
pub(super) struct Share {
    pub(super) value: f64,
    pub(super) low: f64,
    pub(super) high: f64,
    pub(super) records: u64,
}

impl Share {
    pub(super) fn json(self) -> Value {
        json!({ "value": self.value, "low": self.low, "high": self.high, "records": self.records })
    }
}

impl Answers {
    /// Joins the answers of another population.
    pub(super) fn append(&mut self, other: Self) {
        self.persons.extend(other.persons);
    }

    /// Share of common records that were found.
    pub(super) fn sensitivity(&self) -> Share {
        self.share(|person| person.0)
    }

    /// Share of other records that were left alone.
    pub(super) fn specificity(&self) -> Share {
        self.share(|person| person.1)
    }

    fn share(&self, of: fn(&(Counts, Counts)) -> Counts) -> Share {
        let counts = || self.persons.iter().map(of);
        let parts: Vec<Part> = counts()
            .filter(|counts| counts.right + counts.wrong > 0)
            .map(|counts| Part {
                correct: float(counts.right),
                wrong: float(counts.wrong),
            })
            .collect();
        let right = counts().map(|counts| counts.right).sum::<u64>();
        let records = right + counts().map(|counts| counts.wrong).sum::<u64>();
        let (low, high) = interval::of_share(&parts, 1);
        Share {
            value: ratio(right, records),
            low,
            high,
            records,
        }
    }

    /// From records given as (asks, person, groups): two records are put together if they have a group in
    /// common. Records that neither ask nor are asked are left out by the caller.
    fn of<G: std::hash::Hash + Eq + Copy>(records: &[(bool, u32, &[Option<G>])]) -> Self {
        let mut asked: HashMap<G, Vec<u32>> = HashMap::new();
        let mut common: HashMap<u32, bool> = HashMap::new();
        for &(asks, person, groups) in records {
            if asks {
                continue;
            }
            common.insert(person, true);
            for &group in groups.iter().flatten() {
                asked.entry(group).or_default().push(person);
            }
        }
        let mut persons: HashMap<u32, (Counts, Counts)> = HashMap::new();
        for &(_, person, groups) in records.iter().filter(|record| record.0) {
            let found = || groups.iter().flatten().filter_map(|group| asked.get(group));
            let counts = persons.entry(person).or_default();
            let (right, counts) = if common.contains_key(&person) {
                let right = found().any(|persons| persons.contains(&person));
                (right, &mut counts.0)
            } else {
                (found().next().is_none(), &mut counts.1)
            };
            counts.right += u64::from(right);
            counts.wrong += u64::from(!right);
        }
        let mut persons: Vec<_> = persons.into_iter().collect();
        persons.sort_unstable_by_key(|person| person.0);
        Self {
            persons: persons.into_iter().map(|person| person.1).collect(),
        }
    }

    /// Of clusters, in the order of the sources' records.
    pub(super) fn of_clusters(sources: &Sources, clusters: &[u32], way: (Site, Site)) -> Self {
        let groups: Vec<[Option<u32>; 1]> = clusters.iter().map(|&c| [Some(c)]).collect();
        let records = parties(sources, way).map(|(at, asks, held)| {
            let person = held.written.person;
            (asks, person, groups[at].as_slice())
        });
        Self::of(&records.collect::<Vec<_>>())
    }

    /// Of exact keys: one answer per key, and one for any of them.
    pub(super) fn of_keys(sources: &Sources, way: (Site, Site)) -> Vec<(&'static str, Self)> {
        let parties: Vec<_> = parties(sources, way).collect();
        let keys: Vec<_> = parties
            .iter()
            .map(|(_, _, held)| exact::keys(held))
            .collect();
        // A group is the key's number and its value.
        let groups: Vec<Vec<Option<(usize, &str)>>> = keys
            .iter()
            .map(|keys| {
                let keys = keys.iter().enumerate();
                keys.map(|(number, key)| Some((number, key.as_deref()?)))
                    .collect()
            })
            .collect();
        let answers = |range: std::ops::Range<usize>| {
            let records = parties
                .iter()
                .zip(&groups)
                .map(|((_, asks, held), groups)| {
                    (*asks, held.written.person, &groups[range.clone()])
                });
            Self::of(&records.collect::<Vec<_>>())
        };
        let each = exact::KEYS.iter().enumerate();
        let mut all: Vec<_> = each
            .map(|(number, name)| (*name, answers(number..number + 1)))
            .collect();
        all.push(("any of these keys", answers(0..exact::KEYS.len())));
        all
    }
}

/// The records of one way, with their places among all records and whether they ask.
fn parties(
    sources: &Sources,
    (asks, asked): (Site, Site),
) -> impl Iterator<Item = (usize, bool, &Held)> {
    let sites = sources.sites.iter();
    let all = sites.flat_map(|(site, held)| held.iter().map(move |held| (*site, held)));
    all.enumerate()
        .filter(move |(_, (site, _))| *site == asks || *site == asked)
        .map(move |(at, (site, held))| (at, site == asks, held))
}

/// Of the pairs of records of one person at two sites, those damaged in a name, the birth date, the sex or, where
/// both sites keep one, the address. Claims have none.
pub(super) fn damaged(sources: &Sources, way: (Site, Site)) -> (u64, u64) {
    let mut asked: HashMap<u32, Vec<&Held>> = HashMap::new();
    for (_, asks, held) in parties(sources, way) {
        if !asks {
            asked.entry(held.written.person).or_default().push(held);
        }
    }
    let with_address = way.0 != Site::Clinic && way.1 != Site::Clinic;
    let (mut damaged, mut pairs) = (0, 0);
    for (_, _, one) in parties(sources, way).filter(|party| party.1) {
        for other in asked.get(&one.written.person).into_iter().flatten() {
            pairs += 1;
            damaged += u64::from(exact::is_damaged(one, other, with_address));
        }
    }
    (damaged, pairs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_counted_as_the_words_say() {
        let [one, two, none] = [[Some(1)], [Some(2)], [None]];
        let records = [
            (false, 10, one.as_slice()),
            (false, 11, two.as_slice()),
            // Found; not found; found under somebody else's only.
            (true, 10, one.as_slice()),
            (true, 10, none.as_slice()),
            (true, 11, one.as_slice()),
            // Nobody's: left alone, and taken for person 11.
            (true, 12, none.as_slice()),
            (true, 13, two.as_slice()),
        ];
        let answers = Answers::of(&records);
        let (sensitivity, specificity) = (answers.sensitivity(), answers.specificity());
        assert_eq!((sensitivity.records, specificity.records), (3, 2));
        assert!((sensitivity.value - 1.0 / 3.0).abs() < 1e-12);
        assert!((specificity.value - 0.5).abs() < 1e-12);
        assert!(sensitivity.low <= sensitivity.value && sensitivity.value <= sensitivity.high);
    }
}
