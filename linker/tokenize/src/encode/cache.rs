//! Positions of grams that were seen before. A look-up table with open addressing, because its behaviour
//! must not depend on a hidden seed and its contents must be wiped.

use zeroize::Zeroizing;

use super::keys::{Draws, Prf};
use crate::limits::GRAM_CACHE_MAX;

/// Grams of one segment. Bounded: when full, it is emptied and fills again.
pub(super) struct Cache {
    entries: Vec<Entry>,
    /// Number of an entry plus one; zero is empty. A power of two, at least twice the entries.
    slots: Vec<u32>,
}

struct Entry {
    hash: u64,
    message: Zeroizing<String>,
    /// The beginning of the gram's fixed list.
    positions: Zeroizing<Vec<u16>>,
}

const FIRST_SLOTS: usize = 1024;

const _: () = assert!(
    GRAM_CACHE_MAX < 1 << 31,
    "numbers of entries fit into a slot"
);

impl Cache {
    pub(super) fn new() -> Self {
        Self {
            entries: Vec::new(),
            slots: vec![0; FIRST_SLOTS],
        }
    }

    /// The first `count` positions of a gram's fixed list.
    pub(super) fn positions(
        &mut self,
        key: &Prf,
        message: &str,
        bits: usize,
        count: usize,
    ) -> &[u16] {
        let hash = fnv(message.as_bytes());
        let at = match self.find(hash, message) {
            Some(at) => at,
            None => self.insert(hash, message),
        };
        let positions = &mut self.entries[at].positions;
        if positions.len() < count {
            // Whole blocks of sixteen: a value of another length needs a few more or fewer.
            let draws = Draws::new(key, message.as_bytes(), bits);
            *positions = Zeroizing::new(draws.take(count.next_multiple_of(16)).collect());
        }
        &self.entries[at].positions[..count]
    }

    fn find(&self, hash: u64, message: &str) -> Option<usize> {
        let mut slot = self.home(hash);
        loop {
            let at = (self.slots[slot] as usize).checked_sub(1)?;
            let entry = &self.entries[at];
            if entry.hash == hash && *entry.message == message {
                return Some(at);
            }
            slot = (slot + 1) & (self.slots.len() - 1);
        }
    }

    fn insert(&mut self, hash: u64, message: &str) -> usize {
        if self.entries.len() >= GRAM_CACHE_MAX {
            *self = Self::new();
        }
        let at = self.entries.len();
        self.entries.push(Entry {
            hash,
            message: Zeroizing::new(message.to_owned()),
            positions: Zeroizing::new(Vec::new()),
        });
        if self.slots.len() < 2 * self.entries.len() {
            self.slots = vec![0; 2 * self.slots.len()];
            for at in 0..self.entries.len() {
                self.place(at);
            }
        } else {
            self.place(at);
        }
        at
    }

    /// Writes an entry's number into the first free slot from its home on.
    fn place(&mut self, at: usize) {
        let mut slot = self.home(self.entries[at].hash);
        while self.slots[slot] != 0 {
            slot = (slot + 1) & (self.slots.len() - 1);
        }
        self.slots[slot] = u32::try_from(at + 1).expect("bounded by GRAM_CACHE_MAX");
    }

    fn home(&self, hash: u64) -> usize {
        let mask = self.slots.len() as u64 - 1;
        usize::try_from(hash >> 20 & mask).expect("below the number of slots")
    }
}

/// FNV-1a, 64 bits. The cache serves one site's own data, so nobody gains by colliding it.
fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_cache_changes_nothing() {
        let key = Prf::new(&[7; 32]);
        let mut cache = Cache::new();
        let before = cache.positions(&key, "gram", 320, 20).to_vec();
        for index in 1..GRAM_CACHE_MAX {
            cache.positions(&key, &index.to_string(), 320, 0);
        }
        assert_eq!(cache.entries.len(), GRAM_CACHE_MAX);
        assert_eq!(cache.positions(&key, "gram", 320, 20), before);
        cache.positions(&key, "one past", 320, 1);
        assert_eq!(cache.entries.len(), 1, "one past the limit empties it");
        assert_eq!(cache.positions(&key, "gram", 320, 20), before);
    }

    #[test]
    fn a_shorter_list_is_the_beginning_of_a_longer_one() {
        let key = Prf::new(&[7; 32]);
        let long = Cache::new().positions(&key, "gram", 320, 40).to_vec();
        let mut cache = Cache::new();
        for count in [5, 16, 17, 0, 40] {
            assert_eq!(cache.positions(&key, "gram", 320, count), &long[..count]);
        }
    }
}
