//! A small seeded generator for samples. Never for keys.

/// `SplitMix64` (Steele, Lea, Flood 2014): a counter through a mixing function.
#[derive(Debug, Clone)]
pub(crate) struct SplitMix(u64);

impl SplitMix {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ word >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ word >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ word >> 31
    }

    /// A number below `bound`: the upper half of a 128-bit product. The bias is below bound / 2^64.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        let product = u128::from(self.next()) * u128::from(bound);
        u64::try_from(product >> 64).unwrap_or(0)
    }

    /// `count` of `of` items, each subset equally likely, in the given order (Knuth, algorithm S).
    pub(crate) fn choose(
        &mut self,
        items: impl Iterator<Item = u32>,
        of: usize,
        count: usize,
    ) -> Vec<u32> {
        let mut wanted = count.min(of);
        let mut chosen = Vec::with_capacity(wanted);
        for (index, item) in items.take(of).enumerate() {
            let left = (of - index) as u64;
            if self.below(left) < wanted as u64 {
                chosen.push(item);
                wanted -= 1;
            }
        }
        chosen
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_published_generator() {
        // First outputs for the seed 1234567, as in the authors' reference code.
        let mut random = SplitMix::new(1_234_567);
        assert_eq!(random.next(), 6_457_827_717_110_365_317);
        assert_eq!(random.next(), 3_203_168_211_198_807_973);
    }

    #[test]
    fn a_sample_has_its_size_and_no_repeats() {
        let choose = |count| SplitMix::new(5).choose(0..1000, 1000, count);
        assert_eq!(choose(100).len(), 100);
        assert!(choose(100).windows(2).all(|pair| pair[0] < pair[1]));
        assert!(choose(2000).into_iter().eq(0..1000));
    }
}
