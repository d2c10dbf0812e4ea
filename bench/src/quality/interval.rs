//! How far a figure could be off by chance: a bootstrap over persons.

use std::collections::BTreeMap;

use crate::{evaluate::float, people::dice::DiceBag};

/// Times that the persons are drawn anew: the ends of a 95% interval are the 13th values.
const DRAWS: usize = 500;

/// One person's part of a share.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Part {
    /// What went right, in any unit.
    pub(super) correct: f64,
    /// What went wrong, in the same unit.
    pub(super) wrong: f64,
}

/// The 95% interval of F1, from records given as (cluster, person): persons are drawn with
/// replacement, because the records of one person are right or wrong together.
#[must_use]
pub(super) fn of_f1(records: &[(u32, u32)], seed: u64) -> (f64, f64) {
    // Correct counts pairs put together rightly twice; wrong counts pairs missed, and half of the wrong
    // pairs that the person's records are in.
    of_share(&parts(records), seed)
}

/// The 95% interval of the share of what went right. One if nothing was at stake.
#[must_use]
pub(super) fn of_share(parts: &[Part], seed: u64) -> (f64, f64) {
    if parts.is_empty() {
        return (1.0, 1.0);
    }
    let count = u32::try_from(parts.len()).unwrap_or(u32::MAX);
    let mut dice = DiceBag::new(seed, "bootstrap").at(0);
    let mut scores: Vec<f64> = (0..DRAWS)
        .map(|_| {
            let mut sum = Part::default();
            for _ in 0..parts.len() {
                let part = parts[dice.below(count) as usize];
                sum.correct += part.correct;
                sum.wrong += part.wrong;
            }
            let all = sum.correct + sum.wrong;
            if all > 0.0 { sum.correct / all } else { 1.0 }
        })
        .collect();
    scores.sort_unstable_by(f64::total_cmp);
    (scores[DRAWS / 40], scores[DRAWS - 1 - DRAWS / 40])
}

fn parts(records: &[(u32, u32)]) -> Vec<Part> {
    let (mut cells, mut clusters, mut persons) =
        (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
    for &(cluster, person) in records {
        *cells.entry((cluster, person)).or_insert(0_u64) += 1;
        *clusters.entry(cluster).or_insert(0_u64) += 1;
        *persons.entry(person).or_insert(0_u64) += 1;
    }
    let pairs = |count: u64| float(count * count.saturating_sub(1) / 2);
    let mut parts: BTreeMap<u32, Part> = BTreeMap::new();
    for (&(cluster, person), &size) in &cells {
        let part = parts.entry(person).or_default();
        part.correct += 2.0 * pairs(size);
        part.wrong -= pairs(size);
        part.wrong += float(size * (clusters[&cluster] - size)) / 2.0;
    }
    for (person, part) in &mut parts {
        part.wrong += pairs(persons[person]);
    }
    parts.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate::Score;

    #[test]
    fn the_parts_add_up_to_f1() {
        let records = [(10, 1), (10, 1), (11, 1), (11, 2), (12, 3), (12, 3)];
        let parts = parts(&records);
        let correct: f64 = parts.iter().map(|part| part.correct).sum();
        let wrong: f64 = parts.iter().map(|part| part.wrong).sum();
        let score = Score::of(records.to_vec());
        assert!((correct / (correct + wrong) - score.f1).abs() < 1e-12);
    }

    #[test]
    fn the_interval_holds_f1_and_is_the_same_for_one_seed() {
        let records: Vec<(u32, u32)> = (0..2000)
            .map(|record| {
                (
                    record / 2 + u32::from(record % 40 == 1) * 10_000,
                    record / 2,
                )
            })
            .collect();
        let f1 = Score::of(records.clone()).f1;
        let (low, high) = of_f1(&records, 1);
        assert!(
            low < f1 && f1 < high && high - low < 0.03,
            "{low} {f1} {high}"
        );
        assert_eq!(of_f1(&records, 1), (low, high));
        assert_ne!(of_f1(&records, 2), (low, high));
    }
}
