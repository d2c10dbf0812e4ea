//! Counting in bounded memory: the most frequent value, and how many values differ or repeat. Values come
//! as 64-bit keys, made with a secret that is drawn for one report.

use std::collections::HashMap;

/// Finds the most frequent keys. Exact up to its bound of different keys; beyond, a count is too low by
/// at most the number of keys seen over the bound.
#[derive(Debug)]
pub struct Frequent {
    counts: HashMap<u64, u64>,
    bound: usize,
    lost: u64,
}

impl Frequent {
    /// Nothing seen; remembers at most twice `bound` keys.
    #[must_use]
    pub fn new(bound: usize) -> Self {
        Self {
            counts: HashMap::new(),
            bound,
            lost: 0,
        }
    }

    /// Counts a key.
    pub fn see(&mut self, key: u64) {
        *self.counts.entry(key).or_default() += 1;
        if self.counts.len() > 2 * self.bound {
            self.shrink();
        }
    }

    /// Takes the count of the first key beyond the bound from all and forgets those that have no more:
    /// at least `bound` keys lose that much, so the loss stays below one part in `bound` of all.
    fn shrink(&mut self) {
        let mut counts: Vec<u64> = self.counts.values().copied().collect();
        let place = counts.len() - 1 - self.bound;
        let (_, &mut cut, _) = counts.select_nth_unstable(place);
        self.counts.retain(|_, count| {
            *count = count.saturating_sub(cut);
            *count > 0
        });
        self.lost += cut;
    }

    /// How often the most frequent key was seen, at least.
    #[must_use]
    pub fn most(&self) -> u64 {
        self.counts.values().copied().max().unwrap_or(0)
    }

    /// By how much a count may be too low.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.lost
    }

    /// Keys that are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.counts.len()
    }

    /// Whether nothing is remembered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }
}

/// What is remembered of one key.
#[derive(Debug, Clone, Copy)]
struct Seen {
    /// How often, and in the highest bit whether it came with several partners.
    count: u32,
    /// Half of the first partner's key: another partner is missed once in four thousand million.
    partner: u32,
}

const SEVERAL: u32 = 1 << 31;

/// Different keys, keys that repeat, and keys that come with several partners. Exact up to its bound of
/// different keys. Beyond, it goes on with a random half of the keys, then a quarter, and so on, and what
/// it says is an estimate, off by about one part in the square root of what it found.
#[derive(Debug)]
pub struct Sample {
    seen: HashMap<u64, Seen>,
    bound: usize,
    level: u32,
}

/// What a [`Sample`] says of all keys.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Repeats {
    /// Different keys.
    pub different: u64,
    /// Occurrences beyond the first of their key.
    pub repeated: u64,
    /// Keys with several partners.
    pub shared: u64,
    /// Whether these are counts; otherwise they are estimates.
    pub exact: bool,
}

impl Sample {
    /// Nothing seen; remembers at most `bound` keys.
    #[must_use]
    pub fn new(bound: usize) -> Self {
        Self {
            seen: HashMap::new(),
            bound,
            level: 0,
        }
    }

    /// Counts a key that comes with a partner.
    pub fn see(&mut self, key: u64, partner: u64) {
        if key.leading_zeros() < self.level {
            return;
        }
        let [half, _] = halves(partner);
        if let Some(seen) = self.seen.get_mut(&key) {
            let several = seen.partner != half || seen.count & SEVERAL != 0;
            let count = (seen.count & !SEVERAL).saturating_add(1).min(SEVERAL - 1);
            seen.count = if several { count | SEVERAL } else { count };
            return;
        }
        // Before the new one comes in: a table that grows past the bound takes twice the memory.
        while self.seen.len() >= self.bound {
            self.level += 1;
            let level = self.level;
            self.seen.retain(|key, _| key.leading_zeros() >= level);
            if key.leading_zeros() < level {
                return;
            }
        }
        let partner = half;
        self.seen.insert(key, Seen { count: 1, partner });
    }

    /// Counts, or estimates.
    #[must_use]
    pub fn repeats(&self) -> Repeats {
        let mut repeats = Repeats {
            different: self.seen.len() as u64,
            exact: self.level == 0,
            ..Repeats::default()
        };
        let beyond = |seen: &Seen| u64::from((seen.count & !SEVERAL) - 1);
        repeats.repeated = self.seen.values().map(beyond).sum();
        let shared = self.seen.values().filter(|seen| seen.count & SEVERAL != 0);
        repeats.shared = shared.count() as u64;
        for number in [
            &mut repeats.different,
            &mut repeats.repeated,
            &mut repeats.shared,
        ] {
            *number = number.checked_shl(self.level).unwrap_or(u64::MAX);
        }
        repeats
    }

    /// Keys that are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.seen.len()
    }

    /// Whether nothing is remembered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.seen.is_empty()
    }
}

fn halves(key: u64) -> [u32; 2] {
    let bytes = key.to_le_bytes();
    let half =
        |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
    [half(0), half(4)]
}

#[cfg(test)]
mod tests {
    use std::{
        collections::{BTreeMap, BTreeSet},
        hash::{BuildHasher as _, RandomState},
    };

    use proptest::prelude::*;

    use super::*;

    fn spread(value: u64) -> u64 {
        // A fixed mixing, so that the test says the same every time.
        let mixed = (value ^ value >> 31).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (mixed ^ mixed >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9)
    }

    proptest! {
        #[test]
        fn the_most_frequent_key_is_found(
            keys in prop::collection::vec(0_u64..60, 1..400),
            bound in 2_usize..40,
        ) {
            let mut frequent = Frequent::new(bound);
            let mut naive = BTreeMap::<u64, u64>::new();
            for &key in &keys {
                frequent.see(key);
                *naive.entry(key).or_default() += 1;
                prop_assert!(frequent.len() <= 2 * bound);
            }
            let most = naive.values().copied().max().unwrap_or(0);
            prop_assert!(frequent.most() <= most);
            prop_assert!(most <= frequent.most() + frequent.lost());
            prop_assert!(frequent.lost() * bound as u64 <= keys.len() as u64);
            if naive.len() <= 2 * bound {
                prop_assert_eq!(frequent.most(), most);
            }
        }

        #[test]
        fn repeats_are_exact_up_to_the_bound(
            pairs in prop::collection::vec((0_u64..30, 0_u64..4), 0..200),
        ) {
            let mut sample = Sample::new(30);
            let mut naive = BTreeMap::<u64, (u64, BTreeSet<u64>)>::new();
            for &(key, partner) in &pairs {
                sample.see(spread(key), spread(partner));
                let of_key = naive.entry(key).or_default();
                of_key.0 += 1;
                of_key.1.insert(partner);
            }
            let expected = Repeats {
                different: naive.len() as u64,
                repeated: naive.values().map(|(count, _)| count - 1).sum(),
                shared: naive.values().filter(|(_, partners)| partners.len() > 1).count() as u64,
                exact: true,
            };
            prop_assert_eq!(sample.repeats(), expected);
        }
    }

    #[test]
    fn one_key_past_the_bound_makes_an_estimate() {
        let mut sample = Sample::new(64);
        for key in 0..64 {
            sample.see(spread(key), 0);
        }
        assert!(sample.repeats().exact);
        sample.see(spread(64), 0);
        assert!(!sample.repeats().exact);
    }

    #[test]
    fn memory_stays_bounded_and_estimates_near() {
        let keys = RandomState::new();
        let (mut sample, mut frequent) = (Sample::new(7 << 9), Frequent::new(256));
        for number in 0..400_000_u64 {
            // One in ten comes twice, the second time with another partner.
            let key = keys.hash_one(number);
            sample.see(key, 1);
            frequent.see(key);
            frequent.see(7);
            if number % 10 == 0 {
                sample.see(key, 2);
            }
            assert!(sample.len() <= 7 << 9 && frequent.len() <= 512);
        }
        let repeats = sample.repeats();
        // About 3,000 keys are left: one standard deviation is 2%, of a tenth of them 6%.
        assert!(repeats.different.abs_diff(400_000) < 60_000, "{repeats:?}");
        assert!(repeats.repeated.abs_diff(40_000) < 16_000, "{repeats:?}");
        assert_eq!(repeats.shared, repeats.repeated);
        assert!(frequent.most() + frequent.lost() >= 400_000);
        assert!(frequent.most() > 390_000);
    }
}
