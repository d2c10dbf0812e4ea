//! What a look-up answers.

use crate::rules::{Decision, Rule};

/// A record that may be the token's person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candidate {
    /// Its number.
    pub record: u32,
    /// Weight of the token against the record, in 1/256 bit.
    pub weight: i32,
    /// Link or review.
    pub decision: Decision,
    /// What decided.
    pub rule: Rule,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Answer {
    /// Links and reviews, heaviest first, then by record; as many as were asked for.
    pub candidates: Vec<Candidate>,
    /// Links that the limit left off.
    pub links_left_off: usize,
    /// Reviews that the limit left off.
    pub reviews_left_off: usize,
    /// Pairs of rows compared.
    pub compared: u64,
    /// Whether a value of the token is so frequent that records which share only this one were left
    /// out, or too many records came near.
    pub capped: bool,
}

/// Whom a token belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resolution {
    /// All links agree on one person.
    Person {
        /// The record of the heaviest link.
        record: u32,
        /// Its cluster; `None` if it was inserted after the clusters were made and stands alone.
        cluster: Option<u32>,
    },
    /// There are links to several persons.
    Ambiguous,
    /// There is no link, and a person has to look.
    Review,
    /// Nobody is near.
    Unknown,
}

impl Answer {
    /// Whom the token belongs to, given every record's cluster.
    #[must_use]
    pub fn decide(&self, cluster_of_record: &[u32]) -> Resolution {
        let cluster = |record: u32| cluster_of_record.get(record as usize).copied();
        let links = self.candidates.iter();
        let mut links = links.filter(|candidate| candidate.decision == Decision::Link);
        let Some(best) = links.next() else {
            return if self.links_left_off > 0 {
                Resolution::Ambiguous
            } else if self.candidates.len() + self.reviews_left_off > 0 {
                Resolution::Review
            } else {
                Resolution::Unknown
            };
        };
        let person = cluster(best.record);
        // A record without a cluster is a person of its own until the next run.
        let same = |other: &Candidate| person.is_some() && cluster(other.record) == person;
        if self.links_left_off > 0 || !links.all(same) {
            return Resolution::Ambiguous;
        }
        Resolution::Person {
            record: best.record,
            cluster: person,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(candidates: &[(u32, Decision)]) -> Answer {
        let candidates = candidates.iter().map(|&(record, decision)| Candidate {
            record,
            weight: 1000,
            decision,
            rule: Rule::Weight,
        });
        Answer {
            candidates: candidates.collect(),
            ..Answer::default()
        }
    }

    #[test]
    fn the_table_of_resolutions() {
        use Decision::{Link, Review};
        // Records 0 and 1 are one person, record 2 is another, record 9 has no cluster yet.
        let clusters = [0, 0, 2];
        let person = |record, cluster| Resolution::Person { record, cluster };
        for (candidates, expected) in [
            (&[][..], Resolution::Unknown),
            (&[(0, Review)], Resolution::Review),
            (&[(1, Link)], person(1, Some(0))),
            (&[(2, Review), (1, Link), (0, Link)], person(1, Some(0))),
            (&[(1, Link), (2, Link)], Resolution::Ambiguous),
            (&[(9, Link)], person(9, None)),
            (&[(9, Link), (8, Link)], Resolution::Ambiguous),
            (&[(1, Link), (9, Link)], Resolution::Ambiguous),
        ] {
            assert_eq!(answer(candidates).decide(&clusters), expected);
        }
    }

    #[test]
    fn what_the_limit_left_off_counts() {
        let mut one = answer(&[(1, Decision::Link)]);
        one.reviews_left_off = 3;
        assert!(matches!(one.decide(&[0, 0]), Resolution::Person { .. }));
        one.links_left_off = 1;
        assert_eq!(one.decide(&[0, 0]), Resolution::Ambiguous);
        let mut none = answer(&[]);
        none.reviews_left_off = 1;
        assert_eq!(none.decide(&[]), Resolution::Review);
        none.links_left_off = 1;
        assert_eq!(none.decide(&[]), Resolution::Ambiguous);
    }
}
