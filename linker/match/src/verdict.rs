//! What people and sites know about records, which outranks every rule and weight.
//!
//! A *verdict* is a person's word on one pair of records, for ever, until it is reversed; reversing is
//! the caller's business: a run gets the verdicts that hold. Must-link verdicts are closed under
//! transitivity, so that the records they join are one unit before anything is clustered. A
//! do-not-link verdict keeps apart the two clusters that hold its records, whatever brought those
//! records there. Verdicts that contradict each other stop a run: only people can settle that.

use crate::{dataset::RecordKey, error::MatchError, forest::Forest, index::number, limits};

/// What a person said about a pair of records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum VerdictKind {
    /// One person.
    MustLink,
    /// Two persons.
    DoNotLink,
}

/// A person's word on a pair of records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Verdict {
    /// One record.
    pub a: RecordKey,
    /// The other.
    pub b: RecordKey,
    /// What was said.
    pub kind: VerdictKind,
}

/// Verdicts that do not contradict each other, in canonical order: each pair once, `a` before `b`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Verdicts {
    list: Vec<Verdict>,
}

/// What a run has to respect besides its rows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Constraints {
    /// What people decided.
    pub verdicts: Verdicts,
    /// Sites in which a person has at most one record: master registers, lists free of duplicates.
    pub sites_without_duplicates: Vec<u16>,
}

impl Verdicts {
    /// Checks and orders verdicts. Records that no run knows are welcome: they may come back.
    ///
    /// # Errors
    /// [`MatchError::VerdictsConflict`] if must-link verdicts join what do-not-link verdicts keep
    /// apart, and [`MatchError::TooMany`].
    pub fn new(mut list: Vec<Verdict>) -> Result<Self, MatchError> {
        if list.len() > limits::VERDICTS_MAX {
            return Err(MatchError::TooMany {
                what: "the verdicts",
                limit: limits::VERDICTS_MAX as u64,
            });
        }
        for verdict in &mut list {
            if verdict.a > verdict.b {
                std::mem::swap(&mut verdict.a, &mut verdict.b);
            }
        }
        list.sort_unstable();
        list.dedup();
        let ends = list.iter().flat_map(|verdict| [verdict.a, verdict.b]);
        let mut keys: Vec<RecordKey> = ends.collect();
        keys.sort_unstable();
        keys.dedup();
        let root = roots(&keys, &list)?;
        let joined = |verdict: &&Verdict| {
            let ends = [verdict.a, verdict.b].map(|key| place(&keys, &key).map(|at| root[at]));
            verdict.kind == VerdictKind::DoNotLink && ends[0] == ends[1]
        };
        match list.iter().filter(joined).count() as u64 {
            0 => Ok(Self { list }),
            conflicts => Err(MatchError::VerdictsConflict { conflicts }),
        }
    }

    /// The verdicts in canonical order.
    #[must_use]
    pub fn list(&self) -> &[Verdict] {
        &self.list
    }
}

fn place(keys: &[RecordKey], key: &RecordKey) -> Option<usize> {
    keys.binary_search(key).ok()
}

/// For each key the first key that must-link verdicts join it to. Verdicts on other keys are left out.
fn roots(keys: &[RecordKey], verdicts: &[Verdict]) -> Result<Vec<u32>, MatchError> {
    let mut forest = Forest::new(keys.len());
    let must = verdicts
        .iter()
        .filter(|verdict| verdict.kind == VerdictKind::MustLink);
    for verdict in must {
        if let (Some(a), Some(b)) = (place(keys, &verdict.a), place(keys, &verdict.b)) {
            forest.join(number(a), number(b));
        }
    }
    let root = forest.roots();
    let mut records = vec![0_usize; keys.len()];
    for &root in &root {
        records[root as usize] += 1;
    }
    if records.into_iter().max() > Some(limits::CLUSTER_RECORDS_MAX) {
        return Err(MatchError::TooMany {
            what: "the records that must-link verdicts join",
            limit: limits::CLUSTER_RECORDS_MAX as u64,
        });
    }
    Ok(root)
}

/// Constraints in the record numbers of one run. Records that verdicts join are a *unit*, named by
/// its first record; every other record is a unit of its own.
#[derive(Debug, Default)]
pub(crate) struct Decided {
    /// (record, unit) of records that verdicts join, sorted.
    unit_of: Vec<(u32, u32)>,
    /// (unit, record), sorted.
    members: Vec<(u32, u32)>,
    /// Pairs of units kept apart, sorted, the smaller first.
    apart: Vec<(u32, u32)>,
    /// Pairs of records with a verdict, sorted, the smaller first.
    settled: Vec<(u32, u32)>,
    /// Sites in which a person has at most one record, sorted.
    sites: Vec<u16>,
    /// Verdicts that name a record which the run does not have.
    pub(crate) without_effect: u64,
}

impl Decided {
    /// `keys` are the run's records in order.
    pub(crate) fn new(keys: &[RecordKey], constraints: &Constraints) -> Self {
        let mut sites = constraints.sites_without_duplicates.clone();
        sites.sort_unstable();
        sites.dedup();
        let mut decided = Self {
            sites,
            ..Self::default()
        };
        let record = |key| place(keys, key).and_then(|at| u32::try_from(at).ok());
        let mut must = Vec::new();
        for verdict in constraints.verdicts.list() {
            let (Some(a), Some(b)) = (record(&verdict.a), record(&verdict.b)) else {
                decided.without_effect += 1;
                continue;
            };
            decided.settled.push((a, b));
            match verdict.kind {
                VerdictKind::MustLink => must.push((a, b)),
                VerdictKind::DoNotLink => decided.apart.push((a, b)),
            }
        }
        decided.settled.sort_unstable();
        decided.join(&must);
        let mut apart = std::mem::take(&mut decided.apart);
        for (a, b) in &mut apart {
            let (one, other) = (decided.unit(*a), decided.unit(*b));
            (*a, *b) = (one.min(other), one.max(other));
        }
        apart.sort_unstable();
        apart.dedup();
        decided.apart = apart;
        decided
    }

    fn join(&mut self, must: &[(u32, u32)]) {
        let mut records: Vec<u32> = must.iter().flat_map(|&(a, b)| [a, b]).collect();
        records.sort_unstable();
        records.dedup();
        let mut forest = Forest::new(records.len());
        for (a, b) in must {
            let at = |record| number(records.partition_point(|other| other < record));
            forest.join(at(a), at(b));
        }
        let units = forest
            .roots()
            .into_iter()
            .map(|root| records[root as usize]);
        self.unit_of = records.iter().copied().zip(units).collect();
        self.members = self
            .unit_of
            .iter()
            .map(|&(record, unit)| (unit, record))
            .collect();
        self.members.sort_unstable();
    }

    /// Whether there is nothing to respect.
    pub(crate) fn is_empty(&self) -> bool {
        self.settled.is_empty() && self.sites.is_empty()
    }

    /// Records that verdicts join, each with its unit.
    pub(crate) fn joined(&self) -> &[(u32, u32)] {
        &self.unit_of
    }

    /// The unit of a record.
    pub(crate) fn unit(&self, record: u32) -> u32 {
        let found = self.unit_of.binary_search_by_key(&record, |entry| entry.0);
        found.map_or(record, |at| self.unit_of[at].1)
    }

    /// The records of a unit that verdicts made: none for a record of its own.
    pub(crate) fn members(&self, unit: u32) -> &[(u32, u32)] {
        let start = self.members.partition_point(|entry| entry.0 < unit);
        let count = self.members[start..].partition_point(|entry| entry.0 == unit);
        &self.members[start..start + count]
    }

    /// Whether a person keeps two units apart.
    pub(crate) fn are_apart(&self, a: u32, b: u32) -> bool {
        !self.apart.is_empty() && self.apart.binary_search(&(a.min(b), a.max(b))).is_ok()
    }

    /// Whether a person keeps the units of two records apart.
    pub(crate) fn are_apart_records(&self, a: u32, b: u32) -> bool {
        !self.apart.is_empty() && self.are_apart(self.unit(a), self.unit(b))
    }

    /// Units that verdicts made, each as its (unit, record) entries.
    pub(crate) fn members_by_unit(&self) -> impl Iterator<Item = &[(u32, u32)]> {
        self.members.chunk_by(|a, b| a.0 == b.0)
    }

    /// Whether there is a verdict on this very pair of records, so that nobody need look again.
    pub(crate) fn settles(&self, a: u32, b: u32) -> bool {
        !self.settled.is_empty() && self.settled.binary_search(&(a.min(b), a.max(b))).is_ok()
    }

    /// Whether there are sites in which a person has at most one record.
    pub(crate) fn has_sites(&self) -> bool {
        !self.sites.is_empty()
    }

    /// Whether a person has at most one record in a site.
    pub(crate) fn is_free_of_duplicates(&self, site: u16) -> bool {
        !self.sites.is_empty() && self.sites.binary_search(&site).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use linker_token::RecordRef;

    use super::*;

    fn key(number: u8) -> RecordKey {
        RecordKey {
            site: u16::from(number % 3),
            reference: RecordRef([number; 16]),
        }
    }

    fn verdicts(must: &[(u8, u8)], not: &[(u8, u8)]) -> Result<Verdicts, MatchError> {
        let make = |kind| {
            move |&(a, b): &(u8, u8)| Verdict {
                a: key(a),
                b: key(b),
                kind,
            }
        };
        let must = must.iter().map(make(VerdictKind::MustLink));
        let not = not.iter().map(make(VerdictKind::DoNotLink));
        Verdicts::new(must.chain(not).collect())
    }

    #[test]
    fn contradictions_are_counted_and_never_named() {
        assert!(verdicts(&[(1, 2), (2, 3)], &[(3, 4)]).is_ok());
        for (must, not, expected) in [
            (&[(1, 2)][..], &[(2, 1)][..], 1),
            (&[(1, 2), (2, 3)], &[(3, 1)], 1),
            (&[(1, 2), (3, 4), (4, 2)], &[(1, 4), (3, 2), (5, 1)], 2),
            (&[], &[(1, 1)], 1),
        ] {
            let error = verdicts(must, not).expect_err("they contradict each other");
            let MatchError::VerdictsConflict { conflicts } = error else {
                panic!("another error");
            };
            assert_eq!(conflicts, expected);
        }
        let error = verdicts(&[(65, 66)], &[(66, 65)]).expect_err("they contradict each other");
        assert!(
            !format!("{error} {error:?}").contains("65"),
            "no reference shows"
        );
    }

    #[test]
    fn verdicts_have_one_form() {
        let one = verdicts(&[(2, 1), (1, 2), (4, 7)], &[(9, 1)]).expect("no conflict");
        let two = verdicts(&[(7, 4), (2, 1)], &[(1, 9), (9, 1)]).expect("no conflict");
        assert_eq!(one, two);
        assert_eq!(one.list().len(), 3);
    }

    #[test]
    fn joined_records_are_bounded() {
        let chain = |records: usize| {
            let key = |at: usize| RecordKey {
                site: u16::try_from(at).expect("a small number"),
                reference: RecordRef([0; 16]),
            };
            let links = (1..records).map(|at| Verdict {
                a: key(at - 1),
                b: key(at),
                kind: VerdictKind::MustLink,
            });
            Verdicts::new(links.rev().collect())
        };
        assert!(chain(limits::CLUSTER_RECORDS_MAX).is_ok());
        let refused = chain(limits::CLUSTER_RECORDS_MAX + 1);
        assert!(matches!(refused, Err(MatchError::TooMany { .. })));
    }

    #[test]
    fn unknown_records_have_no_effect() {
        let mut keys: Vec<RecordKey> = (0..6).map(key).collect();
        keys.sort_unstable();
        let record = |number| {
            let at = place(&keys, &key(number)).expect("it is there");
            u32::try_from(at).expect("a small number")
        };
        // 9 is unknown, so it does not join 1 and 2.
        let verdicts = verdicts(&[(1, 9), (9, 2), (3, 4)], &[(4, 5)]).expect("no conflict");
        let constraints = Constraints {
            verdicts,
            sites_without_duplicates: vec![2, 1, 2],
        };
        let decided = Decided::new(&keys, &constraints);
        assert_eq!(decided.without_effect, 2);
        assert_ne!(decided.unit(record(1)), decided.unit(record(2)));
        assert_eq!(decided.unit(record(3)), decided.unit(record(4)));
        assert_eq!(decided.members(decided.unit(record(4))).len(), 2);
        assert_eq!(decided.members(record(1)).len(), 0);
        assert!(decided.are_apart(record(5), decided.unit(record(3))));
        assert!(decided.settles(record(5), record(4)) && !decided.settles(record(5), record(3)));
        assert!(decided.is_free_of_duplicates(1) && !decided.is_free_of_duplicates(0));
    }
}
