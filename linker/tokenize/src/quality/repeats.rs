//! Which values very many records share, without keeping a value.
//!
//! A count-min sketch: rows of counters, a counter of each row for a value, and the smallest of them is its
//! count or more. It never says too little.

use crate::limits::PHONE_REPEATS_MAX;

const ROWS: usize = 4;
/// With a million different values a counter has 61 others on average. All four of a value that occurs once
/// pass the limit by chance in fewer than one of 10¹² cases.
const COUNTERS: usize = 1 << 14;

/// Counts of values.
#[derive(Clone, Default, PartialEq, Eq)]
pub(super) struct Repeats(Vec<u16>);

impl std::fmt::Debug for Repeats {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Repeats(..)")
    }
}

impl Repeats {
    /// Counts a value. Whether it has passed the limit.
    pub(super) fn is_frequent(&mut self, value: &str) -> bool {
        if self.0.is_empty() {
            self.0 = vec![0; ROWS * COUNTERS];
        }
        let mut hash = mixed(value);
        let mut least = u16::MAX;
        for row in self.0.chunks_exact_mut(COUNTERS) {
            // The highest bits are the best mixed.
            let at = usize::try_from(hash >> 50).unwrap_or(0) % COUNTERS;
            row[at] = row[at].saturating_add(1);
            least = least.min(row[at]);
            hash = hash.wrapping_mul(STEP).rotate_left(23);
        }
        least > PHONE_REPEATS_MAX
    }

    /// Adds the counts of another.
    pub(super) fn merge(&mut self, other: &Self) {
        if self.0.is_empty() {
            self.0.clone_from(&other.0);
            return;
        }
        for (sum, count) in self.0.iter_mut().zip(&other.0) {
            *sum = sum.saturating_add(*count);
        }
    }
}

/// An odd number without a pattern.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

fn mixed(value: &str) -> u64 {
    let hash = value.bytes().fold(STEP, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(STEP).rotate_left(29)
    });
    (hash ^ (hash >> 32)).wrapping_mul(STEP)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_past_the_limit_is_frequent() {
        let mut repeats = Repeats::default();
        for _ in 0..PHONE_REPEATS_MAX {
            assert!(!repeats.is_frequent("0582000000"));
        }
        assert!(repeats.is_frequent("0582000000"));
        assert!(!repeats.is_frequent("0582000001"));
        let mut other = Repeats::default();
        other.merge(&repeats);
        assert!(other.is_frequent("0582000000"));
        assert_eq!(format!("{repeats:?}"), "Repeats(..)");
    }

    #[test]
    fn a_million_households_are_not_frequent() {
        let mut repeats = Repeats::default();
        let mut wrong = 0;
        for number in 0..1_000_000 {
            let phone = format!("0{}", 582_000_000 + number * 7);
            wrong += u32::from(repeats.is_frequent(&phone));
            if number % 10_000 == 0 {
                repeats.is_frequent("0312345678");
            }
        }
        // Nothing is dropped because of the count, so a few of the last may be wrong, not many.
        assert!(wrong < 100, "{wrong}");
        assert!(repeats.is_frequent("0312345678"));
    }
}
