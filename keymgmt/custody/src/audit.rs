//! The audit log's Merkle tree (RFC 6962 section 2.1) and its signed checkpoints (C2SP
//! tlog-checkpoint).
//!
//! A log that nobody else holds proves little: sites keep checkpoints and proofs as witnesses, and
//! verify them with the functions of this module.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use sha2::{Digest as _, Sha256};

use crate::{custody::Custody, error::CustodyError, limits::PROOF_HASHES_MAX, note};

/// A SHA-256 hash of the tree.
pub type Hash = [u8; 32];

/// Hash of a leaf: SHA-256(00 ‖ entry).
#[must_use]
pub fn leaf_hash(entry: &[u8]) -> Hash {
    Sha256::new()
        .chain_update([0])
        .chain_update(entry)
        .finalize()
        .into()
}

/// Hash of an inner node: SHA-256(01 ‖ left ‖ right).
#[must_use]
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    Sha256::new()
        .chain_update([1])
        .chain_update(left)
        .chain_update(right)
        .finalize()
        .into()
}

/// The right edge of a growing tree: one hash per complete subtree, at most 64. Appending costs one
/// hash on average; the leaves need not be read again.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tree {
    size: u64,
    stack: Vec<Hash>,
}

impl Tree {
    /// The tree over the leaf hashes of a stored log.
    #[must_use]
    pub fn from_leaves(leaves: &[Hash]) -> Self {
        let mut tree = Self::default();
        leaves.iter().for_each(|leaf| tree.append(*leaf));
        tree
    }

    /// Number of leaves.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Appends a leaf by its hash.
    pub fn append(&mut self, leaf: Hash) {
        let mut hash = leaf;
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.stack.pop() {
                hash = node_hash(&left, &hash);
            }
        }
        self.stack.push(hash);
        self.size += 1;
    }

    /// The root; of an empty tree SHA-256 of nothing.
    #[must_use]
    pub fn root(&self) -> Hash {
        let mut edge = self.stack.iter().rev();
        let Some(last) = edge.next() else {
            return Sha256::digest(b"").into();
        };
        edge.fold(*last, |right, left| node_hash(left, &right))
    }
}

/// Proof that leaf `index` is in the tree of the first `size` leaves. `None` if it is not, or if fewer
/// leaves are given.
#[must_use]
pub fn inclusion_proof(leaves: &[Hash], index: u64, size: u64) -> Option<Vec<Hash>> {
    let leaves = leaves.get(..usize::try_from(size).ok()?)?;
    let mut index = usize::try_from(index).ok().filter(|i| *i < leaves.len())?;
    let mut part = leaves;
    let mut proof = Vec::new();
    while part.len() > 1 {
        let (left, right) = part.split_at(split_point(part.len()));
        if index < left.len() {
            proof.push(subtree_root(right));
            part = left;
        } else {
            proof.push(subtree_root(left));
            index -= left.len();
            part = right;
        }
    }
    proof.reverse();
    Some(proof)
}

/// Proof that the tree of the first `old` leaves is a beginning of the tree of the first `new`.
/// `None` unless 0 < old ≤ new ≤ leaves.
#[must_use]
pub fn consistency_proof(leaves: &[Hash], old: u64, new: u64) -> Option<Vec<Hash>> {
    let mut part = leaves.get(..usize::try_from(new).ok()?)?;
    let mut old = usize::try_from(old)
        .ok()
        .filter(|old| (1..=part.len()).contains(old))?;
    let mut proof = Vec::new();
    // Whether the old tree's root is known to the verifier as it stands: RFC 6962's b.
    let mut whole = true;
    while old < part.len() {
        let (left, right) = part.split_at(split_point(part.len()));
        if old <= left.len() {
            proof.push(subtree_root(right));
            part = left;
        } else {
            proof.push(subtree_root(left));
            old -= left.len();
            part = right;
            whole = false;
        }
    }
    if !whole {
        proof.push(subtree_root(part));
    }
    proof.reverse();
    Some(proof)
}

/// The largest power of two below `count`, which is at least two.
fn split_point(count: usize) -> usize {
    1 << (count - 1).ilog2()
}

fn subtree_root(leaves: &[Hash]) -> Hash {
    Tree::from_leaves(leaves).root()
}

/// Checks that an entry with this leaf hash is number `index` in a tree (RFC 9162 section 2.1.3.2).
///
/// # Errors
/// [`CustodyError::BadProof`].
pub fn verify_inclusion(
    leaf: &Hash,
    index: u64,
    size: u64,
    proof: &[Hash],
    root: &Hash,
) -> Result<(), CustodyError> {
    let bad = CustodyError::BadProof {
        what: "inclusion proof",
    };
    if index >= size || proof.len() > PROOF_HASHES_MAX {
        return Err(bad);
    }
    let (mut node, mut last) = (index, size - 1);
    let mut hash = *leaf;
    for sibling in proof {
        if last == 0 {
            return Err(bad);
        }
        if node & 1 == 1 || node == last {
            hash = node_hash(sibling, &hash);
            while node & 1 == 0 && node != 0 {
                (node, last) = (node >> 1, last >> 1);
            }
        } else {
            hash = node_hash(&hash, sibling);
        }
        (node, last) = (node >> 1, last >> 1);
    }
    if last == 0 && hash == *root {
        Ok(())
    } else {
        Err(bad)
    }
}

/// Checks that an older tree is a beginning of a newer one (RFC 9162 section 2.1.4.2).
///
/// # Errors
/// [`CustodyError::BadProof`].
pub fn verify_consistency(
    old: (u64, &Hash),
    new: (u64, &Hash),
    proof: &[Hash],
) -> Result<(), CustodyError> {
    let good = if old.0 == new.0 {
        old.1 == new.1 && proof.is_empty()
    } else {
        consistency_roots(old, new.0, proof) == Some((*old.1, *new.1))
    };
    if good {
        Ok(())
    } else {
        Err(CustodyError::BadProof {
            what: "consistency proof",
        })
    }
}

/// The two roots that a proof leads to; `None` if the proof has the wrong length.
fn consistency_roots(old: (u64, &Hash), new: u64, proof: &[Hash]) -> Option<(Hash, Hash)> {
    if old.0 == 0 || old.0 > new || proof.len() > PROOF_HASHES_MAX {
        return None;
    }
    let mut path = proof.iter();
    let first = if old.0.is_power_of_two() {
        *old.1
    } else {
        *path.next()?
    };
    let up = (old.0 - 1).trailing_ones();
    let (mut node, mut last) = ((old.0 - 1) >> up, (new - 1) >> up);
    let (mut old_root, mut new_root) = (first, first);
    for sibling in path {
        if last == 0 {
            return None;
        }
        if node & 1 == 1 || node == last {
            old_root = node_hash(sibling, &old_root);
            new_root = node_hash(sibling, &new_root);
            while node & 1 == 0 && node != 0 {
                (node, last) = (node >> 1, last >> 1);
            }
        } else {
            new_root = node_hash(&new_root, sibling);
        }
        (node, last) = (node >> 1, last >> 1);
    }
    (last == 0).then_some((old_root, new_root))
}

/// The state of a log at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checkpoint {
    /// Number of entries.
    pub size: u64,
    /// Root of the tree over them.
    pub root: Hash,
}

impl Checkpoint {
    /// Signs a checkpoint with the audit key.
    ///
    /// # Errors
    /// [`CustodyError`] if the token does not answer, or `origin` is no signer's name.
    pub fn sign(
        origin: &str,
        size: u64,
        root: &Hash,
        custody: &dyn Custody,
    ) -> Result<String, CustodyError> {
        Self::sign_with(origin, (size, root), "", custody)
    }

    /// The same with extension lines, each with its line end.
    ///
    /// # Errors
    /// As [`Self::sign`].
    pub(crate) fn sign_with(
        origin: &str,
        (size, root): (u64, &Hash),
        extension: &str,
        custody: &dyn Custody,
    ) -> Result<String, CustodyError> {
        let text = format!("{origin}\n{size}\n{}\n{extension}", STANDARD.encode(root));
        let spki = custody.audit_public_key();
        note::sign(&text, origin, spki, |digest| custody.sign_audit(digest))
    }

    /// Verifies a signed checkpoint of the log `origin`. Extension lines are signed too and mean nothing here.
    ///
    /// # Errors
    /// [`CustodyError::BadSignature`] or [`CustodyError::Malformed`].
    pub fn verify(signed: &str, origin: &str, audit_spki: &[u8]) -> Result<Self, CustodyError> {
        let what = "a checkpoint";
        let text = note::open(what, signed, origin, audit_spki)?;
        let malformed = |rule| CustodyError::Malformed { what, rule };
        let mut lines = text.lines();
        if lines.next() != Some(origin) {
            return Err(malformed("it belongs to another log"));
        }
        let size = lines.next().and_then(note::parse_number);
        let root = lines.next().and_then(|line| STANDARD.decode(line).ok());
        let root = root.and_then(|root| root.try_into().ok());
        let extension = lines.all(|line| !line.is_empty());
        match (size, root, extension) {
            (Some(size), Some(root), true) => Ok(Self { size, root }),
            _ => Err(malformed("its size or root does not parse")),
        }
    }
}

/// Verifies a receipt: that `entry` is number `index` of the log under a signed checkpoint.
///
/// # Errors
/// [`CustodyError::BadSignature`], [`CustodyError::BadProof`] or [`CustodyError::Malformed`].
pub fn verify_receipt(
    entry: &[u8],
    index: u64,
    checkpoint: &str,
    proof: &[Hash],
    origin: &str,
    audit_spki: &[u8],
) -> Result<Checkpoint, CustodyError> {
    let checkpoint = Checkpoint::verify(checkpoint, origin, audit_spki)?;
    let leaf = leaf_hash(entry);
    verify_inclusion(&leaf, index, checkpoint.size, proof, &checkpoint.root)?;
    Ok(checkpoint)
}
