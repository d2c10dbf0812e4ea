//! How well persons were found again: clusters compared with the truth, by pairs of records.

use serde::{Deserialize, Serialize};

/// Clusters against the truth. Pairs are unordered pairs of records, over all sites together.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
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
        Self::of_counts(&Counts {
            found,
            truth,
            correct,
            clusters: cluster_sizes.len() as u64,
            persons: person_sizes.len() as u64,
            exact: exact.count() as u64,
        })
    }

    /// Scores many records: record `i` is in cluster `cluster_of[i]` and about person `person_of[i]`. The
    /// same as [`Self::of`], without a list of sizes. `None` if the lists have not one length.
    #[must_use]
    pub fn by_record(cluster_of: &[u32], person_of: &[u32]) -> Option<Self> {
        if cluster_of.len() != person_of.len() {
            return None;
        }
        // Persons are numbered nearly without gaps, so their sizes are a table.
        let persons = person_of.iter().max().map_or(0, |&last| last as usize + 1);
        let mut size_of = vec![0_u32; persons];
        for &person in person_of {
            size_of[person as usize] += 1;
        }
        let cells = cluster_of.iter().zip(person_of);
        let mut cells: Vec<u64> = cells
            .map(|(&cluster, &person)| u64::from(cluster) << 32 | u64::from(person))
            .collect();
        cells.sort_unstable();
        let mut counts = Counts {
            truth: size_of.iter().map(|&size| pairs_of(u64::from(size))).sum(),
            persons: size_of.iter().filter(|size| **size > 0).count() as u64,
            ..Counts::default()
        };
        for cluster in cells.chunk_by(|a, b| a >> 32 == b >> 32) {
            counts.clusters += 1;
            counts.found += pairs_of(cluster.len() as u64);
            for cell in cluster.chunk_by(|a, b| a == b) {
                counts.correct += pairs_of(cell.len() as u64);
            }
            let person = cluster[0] & u64::from(u32::MAX);
            let whole = u64::from(size_of[usize::try_from(person).ok()?]) == cluster.len() as u64;
            counts.exact += u64::from(whole && cluster.iter().all(|cell| *cell == cluster[0]));
        }
        Some(Self::of_counts(&counts))
    }

    fn of_counts(counts: &Counts) -> Self {
        let precision = ratio(counts.correct, counts.found);
        let recall = ratio(counts.correct, counts.truth);
        let sum = precision + recall;
        Self {
            precision,
            recall,
            f1: if sum > 0.0 {
                2.0 * precision * recall / sum
            } else {
                0.0
            },
            found_pairs: counts.found,
            true_pairs: counts.truth,
            correct_pairs: counts.correct,
            clusters: counts.clusters,
            persons: counts.persons,
            persons_exact: counts.exact,
        }
    }
}

/// What a score is made of.
#[derive(Default)]
struct Counts {
    found: u64,
    truth: u64,
    correct: u64,
    clusters: u64,
    persons: u64,
    exact: u64,
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
    sizes.iter().map(|(_, size)| pairs_of(*size)).sum()
}

/// Pairs among so many.
fn pairs_of(size: u64) -> u64 {
    size * size.saturating_sub(1) / 2
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

    #[test]
    fn many_records_score_as_few_do() {
        let mut dice = crate::people::DiceBag::new(1, "scores").at(0);
        for round in 0..50 {
            let mut records = Vec::new();
            for _ in 0..dice.below(60) {
                records.push((dice.below(20), dice.below(20) * round));
            }
            let (clusters, persons): (Vec<u32>, Vec<u32>) = records.iter().copied().unzip();
            assert_eq!(
                Score::by_record(&clusters, &persons),
                Some(Score::of(records))
            );
        }
        assert_eq!(Score::by_record(&[1], &[]), None);
    }
}
