//! The Merkle tree of the audit log (RFC 6962 section 2), kept whole so that proofs cost log n.
//!
//! Pure: no file and no clock. `keymgmt_custody::audit` has the slow functions that need nothing but the
//! leaves; the tests hold both against each other.

pub(crate) use keymgmt_custody::audit::{Hash, leaf_hash, node_hash};
use sha2::{Digest as _, Sha256};

/// All complete subtrees: level `h` holds the roots of aligned groups of 2^h leaves.
#[derive(Debug, Clone, Default)]
pub struct Tree {
    levels: Vec<Vec<Hash>>,
}

impl Tree {
    /// Number of leaves.
    #[must_use]
    pub fn len(&self) -> usize {
        self.levels.first().map_or(0, Vec::len)
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Leaf `index`.
    #[must_use]
    pub fn leaf(&self, index: usize) -> Option<&Hash> {
        self.levels.first()?.get(index)
    }

    /// Roots of complete subtrees of 2^`level` leaves, as many as there are from `first` up to `end`.
    #[must_use]
    pub fn complete(&self, level: usize, first: usize, end: usize) -> Option<&[Hash]> {
        self.levels.get(level)?.get(first..end)
    }

    /// Adds a leaf.
    pub fn push(&mut self, leaf: Hash) {
        let mut hash = leaf;
        for level in 0.. {
            if self.levels.len() == level {
                self.levels.push(Vec::new());
            }
            let row = &mut self.levels[level];
            row.push(hash);
            if row.len() % 2 == 1 {
                return;
            }
            hash = node_hash(&row[row.len() - 2], &row[row.len() - 1]);
        }
    }

    /// Root over the first `size` leaves.
    ///
    /// # Panics
    /// If there are fewer leaves.
    #[must_use]
    pub fn root(&self, size: usize) -> Hash {
        if size == 0 {
            return Sha256::digest([]).into();
        }
        self.subtree(0, size)
    }

    /// The audit path of leaf `index` in the tree of `size` leaves.
    ///
    /// # Panics
    /// If there are fewer leaves, or `index` is not below `size`.
    #[must_use]
    pub fn inclusion(&self, index: usize, size: usize) -> Vec<Hash> {
        let mut path = Vec::new();
        let (mut start, mut end) = (0, size);
        while end - start > 1 {
            let middle = start + split(end - start);
            if index < middle {
                path.push(self.subtree(middle, end));
                end = middle;
            } else {
                path.push(self.subtree(start, middle));
                start = middle;
            }
        }
        path.reverse();
        path
    }

    /// The proof that the tree of `old` leaves, at least one, is a prefix of the tree of `size` leaves.
    ///
    /// # Panics
    /// If there are fewer leaves, or `old` is zero or above `size`.
    #[must_use]
    pub fn consistency(&self, old: usize, size: usize) -> Vec<Hash> {
        let mut path = Vec::new();
        if old == size {
            return path;
        }
        let (mut start, mut end) = (0, size);
        let mut whole = true;
        while end != old {
            let middle = start + split(end - start);
            if old <= middle {
                path.push(self.subtree(middle, end));
                end = middle;
            } else {
                path.push(self.subtree(start, middle));
                start = middle;
                whole = false;
            }
        }
        if !whole {
            path.push(self.subtree(start, end));
        }
        path.reverse();
        path
    }

    /// Root of the leaves `start..end`, where `start` is aligned as the recursion of the RFC makes it.
    fn subtree(&self, start: usize, end: usize) -> Hash {
        let count = end - start;
        if count.is_power_of_two() {
            let level = count.trailing_zeros() as usize;
            return self.levels[level][start >> level];
        }
        let middle = start + split(count);
        node_hash(&self.subtree(start, middle), &self.subtree(middle, end))
    }
}

/// The largest power of two below `count`, which is at least 2.
fn split(count: usize) -> usize {
    1 << (usize::BITS - 1 - (count - 1).leading_zeros())
}
