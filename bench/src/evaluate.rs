//! How well persons were found again: clusters compared with the truth, by pairs of records.

use serde::Serialize;

/// Clusters against the truth. Pairs are unordered pairs of records, over all sites together.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Score {
    /// Of the pairs put together, the share that is one person.
    pub precision: f64,
    /// Of the pairs that are one person, the share put together.
    pub recall: f64,
    /// Harmonic mean of both.
    pub f1: f64,
    /// Pairs put together.
    pub found_pairs: u64,
    /// Pairs that are one person.
    pub true_pairs: u64,
    /// Pairs that are both.
    pub correct_pairs: u64,
    /// Clusters.
    pub clusters: u64,
    /// Persons.
    pub persons: u64,
    /// Persons whose records make exactly one cluster.
    pub persons_exact: u64,
}

impl Score {
    /// Scores records given as (cluster, person).
    #[must_use]
    pub fn of(mut records: Vec<(u32, u32)>) -> Self {
        records.sort_unstable();
        let cluster_sizes = sizes(records.iter().map(|record| record.0));
        let cells = sizes(records.iter().copied());
        let mut persons: Vec<u32> = records.iter().map(|record| record.1).collect();
        persons.sort_unstable();
        let person_sizes = sizes(persons.into_iter());
        let (found, truth, correct) = (pairs(&cluster_sizes), pairs(&person_sizes), pairs(&cells));
        let exact = cells.iter().filter(|((cluster, person), size)| {
            size_of(&cluster_sizes, *cluster) == *size && size_of(&person_sizes, *person) == *size
        });
        let precision = ratio(correct, found);
        let recall = ratio(correct, truth);
        let sum = precision + recall;
        Self {
            precision,
            recall,
            f1: if sum > 0.0 {
                2.0 * precision * recall / sum
            } else {
                0.0
            },
            found_pairs: found,
            true_pairs: truth,
            correct_pairs: correct,
            clusters: cluster_sizes.len() as u64,
            persons: person_sizes.len() as u64,
            persons_exact: exact.count() as u64,
        }
    }
}

/// Runs of equal values in a sorted sequence, with their lengths.
fn sizes<T: PartialEq>(sorted: impl Iterator<Item = T>) -> Vec<(T, u64)> {
    let mut sizes: Vec<(T, u64)> = Vec::new();
    for value in sorted {
        match sizes.last_mut() {
            Some((last, size)) if *last == value => *size += 1,
            Some(_) | None => sizes.push((value, 1)),
        }
    }
    sizes
}

fn pairs<T>(sizes: &[(T, u64)]) -> u64 {
    sizes.iter().map(|(_, size)| size * (size - 1) / 2).sum()
}

fn size_of(sizes: &[(u32, u64)], key: u32) -> u64 {
    sizes
        .binary_search_by_key(&key, |entry| entry.0)
        .map_or(0, |place| sizes[place].1)
}

/// A share; one if there is nothing to share.
#[must_use]
pub fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        1.0
    } else {
        float(part) / float(whole)
    }
}

/// A count as a floating number; exact below 2^53.
#[must_use]
#[expect(
    clippy::cast_precision_loss,
    reason = "counts of records and pairs are far below 2^53"
)]
pub fn float(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_counted() {
        // Person 1 has three records, split 2 + 1; person 2's single record is mixed in.
        let score = Score::of(vec![(10, 1), (10, 1), (11, 1), (11, 2), (12, 3)]);
        assert_eq!(
            (score.found_pairs, score.true_pairs, score.correct_pairs),
            (2, 3, 1)
        );
        assert!((score.precision - 0.5).abs() < 1e-12);
        assert!((score.recall - 1.0 / 3.0).abs() < 1e-12);
        assert_eq!(
            (score.clusters, score.persons, score.persons_exact),
            (3, 3, 1)
        );
    }

    #[test]
    fn a_perfect_result_scores_one() {
        let score = Score::of(vec![(1, 1), (2, 2), (1, 1)]);
        assert!((score.f1 - 1.0).abs() < 1e-12);
        assert_eq!(score.persons_exact, 2);
    }
}
