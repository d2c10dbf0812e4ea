//! Seeded chance that gives the same numbers on every machine and in every order of use.

use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng as _, SeedableRng as _},
};
use sha2::{Digest as _, Sha256};

/// Chance for one purpose; hands out independent dice by index, so that making things in another
/// order, or making fewer of them, changes nothing about the others.
pub struct DiceBag([u8; 32]);

impl DiceBag {
    /// The bag of one purpose under `seed`.
    #[must_use]
    pub fn new(seed: u64, purpose: &str) -> Self {
        let mut hash = Sha256::new();
        hash.update(b"musubi-people/1");
        hash.update(seed.to_be_bytes());
        hash.update(purpose.as_bytes());
        Self(hash.finalize().into())
    }

    /// The dice of thing number `index`.
    #[must_use]
    pub fn at(&self, index: u64) -> Dice {
        let mut generator = ChaCha8Rng::from_seed(self.0);
        generator.set_stream(index);
        Dice(generator)
    }
}

/// A source of chance. `n` below 2^32 makes the bias of the remainder smaller than 2^-32.
pub struct Dice(ChaCha8Rng);

impl Dice {
    /// A number below `n`.
    ///
    /// # Panics
    /// If `n` is zero.
    pub fn below(&mut self, n: u32) -> u32 {
        u32::try_from(self.0.next_u64() % u64::from(n)).expect("a remainder is below its divisor")
    }

    /// A number from `low` to `high`, both included.
    pub fn between(&mut self, low: u32, high: u32) -> u32 {
        low + self.below(high - low + 1)
    }

    /// Whether something happens that happens `parts` times in 100,000.
    pub fn chance(&mut self, parts: u32) -> bool {
        self.below(100_000) < parts
    }

    /// One of `items`, each as likely as the others.
    ///
    /// # Panics
    /// If there are none, or four billion of them.
    pub fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        let count = u32::try_from(items.len()).expect("tables are small");
        items[self.below(count) as usize]
    }

    /// The index of one of several weights, given as their running sums.
    ///
    /// # Panics
    /// If there is no weight.
    pub fn weighted(&mut self, running_sums: &[u32]) -> usize {
        let total = *running_sums.last().expect("a table has entries");
        let value = self.below(total);
        running_sums.partition_point(|&sum| sum <= value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dice_do_not_depend_on_the_order_of_use() {
        let bag = DiceBag::new(7, "test");
        let mut late = bag.at(9);
        let mut early = bag.at(2);
        let first = (early.below(1000), late.below(1000));
        let (mut late, mut early) = (bag.at(9), bag.at(2));
        let second = (late.below(1000), early.below(1000));
        assert_eq!(first, (second.1, second.0));
    }

    #[test]
    fn the_first_numbers_are_fixed() {
        let mut dice = DiceBag::new(1, "golden").at(0);
        let numbers: Vec<u32> = (0..4).map(|_| dice.below(1_000_000)).collect();
        assert_eq!(
            numbers,
            [691_300, 283_346, 298_963, 259_652],
            "a change here changes everybody"
        );
    }

    #[test]
    fn weights_are_respected() {
        let mut dice = DiceBag::new(1, "weights").at(0);
        let hits = (0..10_000)
            .filter(|_| dice.weighted(&[1, 1, 10]) == 2)
            .count();
        assert!((8_800..9_200).contains(&hits), "{hits}");
    }
}
