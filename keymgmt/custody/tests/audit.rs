//! The audit tree and its checkpoints against independent implementations.

use keymgmt_custody::{
    Custody as _,
    audit::{
        Checkpoint, Hash, Tree, consistency_proof, inclusion_proof, leaf_hash, verify_consistency,
        verify_inclusion, verify_receipt,
    },
    p256,
    software::SoftwareCustody,
};
use proptest::prelude::{any, prop_assert, proptest};
use signed_note::{Note, Verifier, VerifierList};
use tlog_tiles::tlog::{self, HashReader};

const ORIGIN: &str = "musubi.example/demo";

/// The other implementation's store of hashes.
#[derive(Default)]
struct Stored(Vec<tlog::Hash>);

impl HashReader for Stored {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<tlog::Hash>, tlog::Error> {
        Ok(indexes
            .iter()
            .map(|index| self.0[usize::try_from(*index).expect("small")])
            .collect())
    }
}

impl Stored {
    fn append(&mut self, number: u64, entry: &[u8]) {
        let hashes = tlog::stored_hashes(number, entry, self).expect("hashes");
        self.0.extend(hashes);
    }
}

fn entry(number: u64) -> Vec<u8> {
    format!("{{\"seq\":{number}}}").into_bytes()
}

fn leaves(count: u64) -> Vec<Hash> {
    (0..count).map(|number| leaf_hash(&entry(number))).collect()
}

/// Every tree up to 70 leaves: roots and proofs equal to the other implementation's, and both verify
/// both.
#[test]
fn roots_and_proofs_are_those_of_tlog_tiles() {
    let mut other = Stored::default();
    let mut tree = Tree::default();
    let all = leaves(70);
    for size in 1..=70_u64 {
        other.append(size - 1, &entry(size - 1));
        tree.append(all[usize::try_from(size).expect("small") - 1]);
        let root = tlog::tree_hash(size, &other).expect("a root");
        assert_eq!(tree.root(), root.0, "root of {size}");
        for index in 0..size {
            let ours = inclusion_proof(&all, index, size).expect("a proof");
            let theirs = tlog::prove_record(size, index, &other).expect("a proof");
            assert_eq!(ours, plain(&theirs), "{index} in {size}");
            let leaf = leaf_hash(&entry(index));
            verify_inclusion(&leaf, index, size, &ours, &root.0).expect("verifies");
        }
        for old in 1..=size {
            let ours = consistency_proof(&all, old, size).expect("a proof");
            let theirs = tlog::prove_tree(size, old, &other).expect("a proof");
            assert_eq!(ours, plain(&theirs), "{old} to {size}");
            let old_root = Tree::from_leaves(&all[..usize::try_from(old).expect("small")]).root();
            verify_consistency((old, &old_root), (size, &root.0), &ours).expect("verifies");
        }
    }
}

fn plain(hashes: &[tlog::Hash]) -> Vec<Hash> {
    hashes.iter().map(|hash| hash.0).collect()
}

#[test]
fn the_empty_tree_is_the_hash_of_nothing() {
    let root = Tree::default().root();
    assert_eq!(
        hex::encode(root),
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    );
    assert_eq!(inclusion_proof(&[], 0, 0), None);
    assert_eq!(consistency_proof(&leaves(3), 0, 3), None);
    assert_eq!(consistency_proof(&leaves(3), 1, 4), None);
}

proptest! {
    /// No altered proof, index, size, leaf or root verifies.
    #[test]
    fn altered_inclusion_proofs_fail(
        size in 2..300_u64,
        at in any::<u64>(),
        flip in any::<(u8, u8)>(),
        shift in 1..7_u64,
    ) {
        let all = leaves(size);
        let index = at % size;
        let leaf = all[usize::try_from(index).expect("small")];
        let root = Tree::from_leaves(&all).root();
        let proof = inclusion_proof(&all, index, size).expect("a proof");
        prop_assert!(verify_inclusion(&leaf, index, size, &proof, &root).is_ok());
        let mut bad = proof.clone();
        let place = usize::from(flip.0) % bad.len();
        bad[place][usize::from(flip.1) % 32] ^= 1;
        prop_assert!(verify_inclusion(&leaf, index, size, &bad, &root).is_err());
        let moved = (index + shift) % size;
        if moved != index {
            prop_assert!(verify_inclusion(&leaf, moved, size, &proof, &root).is_err());
        }
        prop_assert!(verify_inclusion(&leaf, size + shift, size, &proof, &root).is_err());
        prop_assert!(verify_inclusion(&[0; 32], index, size, &proof, &root).is_err());
        prop_assert!(verify_inclusion(&leaf, index, size, &proof[1..], &root).is_err());
        let longer = [&proof[..], &[[0; 32]]].concat();
        prop_assert!(verify_inclusion(&leaf, index, size, &longer, &root).is_err());
    }

    /// A log with one entry changed is not consistent with the log before.
    #[test]
    fn rewritten_logs_are_inconsistent(old in 1..200_u64, more in 1..100_u64, at in any::<u64>()) {
        let all = leaves(old + more);
        let mut forged = all.clone();
        forged[usize::try_from(at % old).expect("small")] = [7; 32];
        let old_root = Tree::from_leaves(&all[..usize::try_from(old).expect("small")]).root();
        let root = Tree::from_leaves(&forged).root();
        let proof = consistency_proof(&forged, old, old + more).expect("a proof");
        let verified = verify_consistency((old, &old_root), (old + more, &root), &proof);
        prop_assert!(verified.is_err());
    }
}

/// A verifier of the other implementation for our signature type 0x02.
struct EcdsaVerifier(Vec<u8>);

impl Verifier for EcdsaVerifier {
    fn name(&self) -> &'static str {
        ORIGIN
    }
    fn key_id(&self) -> u32 {
        let digest = <sha2::Sha256 as sha2::Digest>::digest(&self.0);
        u32::from_be_bytes(digest[..4].try_into().expect("four bytes"))
    }
    fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        p256::verify_der("a test", &self.0, message, signature).is_ok()
    }
}

#[test]
fn checkpoints_are_read_by_other_implementations() {
    let custody = SoftwareCustody::danger_for_tests(1);
    let root = Tree::from_leaves(&leaves(5)).root();
    let signed = Checkpoint::sign(ORIGIN, 5, &root, &custody).expect("signs");
    let note = Note::from_bytes(signed.as_bytes()).expect("a note");
    let verifier = EcdsaVerifier(custody.audit_public_key().to_vec());
    let known = VerifierList::new(vec![Box::new(verifier)]);
    let (verified, unknown) = note.verify(&known).expect("verifies");
    assert_eq!((verified.len(), unknown.len()), (1, 0));
    let read = tlog_tiles::Checkpoint::from_bytes(note.text()).expect("a checkpoint");
    assert_eq!(
        (read.origin(), read.size(), read.hash().0),
        (ORIGIN, 5, root)
    );
    assert_eq!(read.to_bytes(), note.text());
}

#[test]
fn receipts_hold_for_their_entry_only() {
    let custody = SoftwareCustody::danger_for_tests(1);
    let other = SoftwareCustody::danger_for_tests(2);
    let key = custody.audit_public_key();
    let all = leaves(100);
    let root = Tree::from_leaves(&all).root();
    let signed = Checkpoint::sign(ORIGIN, 100, &root, &custody).expect("signs");
    let proof = inclusion_proof(&all, 42, 100).expect("a proof");
    let check = |entry: &[u8], index, signed: &str, origin, key| {
        verify_receipt(entry, index, signed, &proof, origin, key).map_err(|error| error.code())
    };
    assert_eq!(
        check(&entry(42), 42, &signed, ORIGIN, key)
            .expect("holds")
            .size,
        100
    );
    assert_eq!(
        check(&entry(43), 42, &signed, ORIGIN, key),
        Err("BAD_PROOF")
    );
    assert_eq!(
        check(&entry(42), 43, &signed, ORIGIN, key),
        Err("BAD_PROOF")
    );
    assert_eq!(
        check(&entry(42), 42, &signed, "another.log", key),
        Err("BAD_SIGNATURE")
    );
    let stranger = other.audit_public_key();
    assert_eq!(
        check(&entry(42), 42, &signed, ORIGIN, stranger),
        Err("BAD_SIGNATURE")
    );
    let larger = signed.replacen("\n100\n", "\n101\n", 1);
    assert_eq!(
        check(&entry(42), 42, &larger, ORIGIN, key),
        Err("BAD_SIGNATURE")
    );
}
