//! Proofs as files: what an auditor checks with nothing but the audit key.
//!
//! That an entry is in the log is a C2SP tlog-proof (the entry itself travels in its `extra` line). That a
//! log is the beginning of a longer one has no such form in the specifications; ours is made the same way.

use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::{
    audit::{Checkpoint, Hash, leaf_hash, verify_consistency, verify_inclusion},
    error::CustodyError,
    limits::{ENTRY_BYTES_MAX, PROOF_FILE_BYTES_MAX, PROOF_HASHES_MAX},
    note::{self, Lines},
};

const INCLUSION: &str = "c2sp.org/tlog-proof@v1";
const GROWTH: &str = "musubi-audit-growth/1";
const WHAT: &str = "a proof file";

/// What a proof file proves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proven {
    /// An entry is in the log.
    Entry {
        /// Its number.
        index: u64,
        /// Its bytes.
        entry: Vec<u8>,
        /// The signed state that holds it.
        checkpoint: Checkpoint,
    },
    /// A log is the beginning of a longer one.
    Growth {
        /// The shorter one. Its root is what the longer one's signature vouches for: compare it with the
        /// checkpoint that was kept.
        old: Checkpoint,
        /// The longer one.
        new: Checkpoint,
    },
}

/// The file that proves entry `index`.
#[must_use]
pub fn inclusion_file(index: u64, entry: &[u8], proof: &[Hash], checkpoint: &str) -> String {
    let extra = STANDARD.encode(entry);
    let hashes = lines(proof);
    format!("{INCLUSION}\nextra {extra}\nindex {index}\n{hashes}\n{checkpoint}")
}

/// The file that proves that the log of checkpoint `old` is the beginning of that of a signed checkpoint.
#[must_use]
pub fn growth_file(old: &Checkpoint, proof: &[Hash], checkpoint: &str) -> String {
    let root = STANDARD.encode(old.root);
    let (size, hashes) = (old.size, lines(proof));
    format!("{GROWTH}\nsize {size}\nroot {root}\n{hashes}\n{checkpoint}")
}

fn lines(proof: &[Hash]) -> String {
    proof
        .iter()
        .map(|hash| STANDARD.encode(hash) + "\n")
        .collect()
}

/// The name of the log that a proof file says it is about; it is believed only once the file verifies.
///
/// # Errors
/// [`CustodyError::Malformed`] or [`CustodyError::TooLarge`].
pub fn origin(file: &str) -> Result<&str, CustodyError> {
    let (_, checkpoint) = parts(file)?;
    Ok(checkpoint.lines().next().unwrap_or_default())
}

/// Verifies a proof file of the log `origin`.
///
/// # Errors
/// [`CustodyError::BadSignature`], [`CustodyError::BadProof`], [`CustodyError::Malformed`] or
/// [`CustodyError::TooLarge`].
pub fn verify(file: &str, origin: &str, audit_spki: &[u8]) -> Result<Proven, CustodyError> {
    let (head, note) = parts(file)?;
    let checkpoint = Checkpoint::verify(note, origin, audit_spki)?;
    if head.starts_with(INCLUSION) {
        let mut lines = Lines::new(WHAT, INCLUSION, head)?;
        let entry = lines.base64("extra")?;
        let index = lines.number("index")?;
        if entry.len() > ENTRY_BYTES_MAX {
            return Err(lines.refuse("its entry is longer than any"));
        }
        let proof = hashes(lines)?;
        let leaf = leaf_hash(&entry);
        verify_inclusion(&leaf, index, checkpoint.size, &proof, &checkpoint.root)?;
        return Ok(Proven::Entry {
            index,
            entry,
            checkpoint,
        });
    }
    let mut lines = Lines::new(WHAT, GROWTH, head)?;
    let size = lines.number("size")?;
    let root = lines.base64("root")?.try_into();
    let root = root.map_err(|_length| CustodyError::Malformed {
        what: WHAT,
        rule: "its root has not 32 bytes",
    })?;
    let old = Checkpoint { size, root };
    let proof = hashes(lines)?;
    let new = (checkpoint.size, &checkpoint.root);
    verify_consistency((old.size, &old.root), new, &proof)?;
    Ok(Proven::Growth {
        old,
        new: checkpoint,
    })
}

/// The lines of the proof with their line ends, and the note behind the empty line.
fn parts(file: &str) -> Result<(&str, &str), CustodyError> {
    if file.len() > PROOF_FILE_BYTES_MAX {
        return Err(CustodyError::TooLarge {
            what: WHAT,
            limit: PROOF_FILE_BYTES_MAX,
        });
    }
    let end = file.find("\n\n").ok_or(CustodyError::Malformed {
        what: WHAT,
        rule: "it has no checkpoint",
    })?;
    Ok((&file[..=end], &file[end + 2..]))
}

fn hashes(mut lines: Lines<'_>) -> Result<Vec<Hash>, CustodyError> {
    let mut hashes = Vec::new();
    while let Some(line) = lines.next_line() {
        let hash = STANDARD.decode(line).ok();
        let hash = hash.and_then(|hash| hash.try_into().ok());
        let room = hashes.len() < PROOF_HASHES_MAX;
        let hash = hash.filter(|_| room);
        hashes.push(hash.ok_or_else(|| lines.refuse("a hash does not parse"))?);
    }
    Ok(hashes)
}

/// The signed note inside a proof file, for whoever keeps or cosigns it.
///
/// # Errors
/// [`CustodyError::Malformed`] or [`CustodyError::TooLarge`].
pub fn checkpoint_note(file: &str) -> Result<&str, CustodyError> {
    let (_, checkpoint) = parts(file)?;
    note::unverified_text("a checkpoint", checkpoint)?;
    Ok(checkpoint)
}

/// The hashes of a growth file, for a witness that checks them against what it saw itself.
///
/// # Errors
/// [`CustodyError::Malformed`] or [`CustodyError::TooLarge`].
pub fn growth_hashes(file: &str) -> Result<Vec<Hash>, CustodyError> {
    let (head, _) = parts(file)?;
    let mut lines = Lines::new(WHAT, GROWTH, head)?;
    lines.number::<u64>("size")?;
    lines.base64("root")?;
    hashes(lines)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        audit::{Tree, consistency_proof, inclusion_proof},
        custody::Custody as _,
        software::SoftwareCustody,
    };

    const ORIGIN: &str = "musubi.example/log";

    struct Made {
        custody: SoftwareCustody,
        entry: String,
        growth: String,
        old: Checkpoint,
    }

    fn made() -> Made {
        let custody = SoftwareCustody::danger_for_tests(1);
        let leaves: Vec<Hash> = (0..100_u8).map(|number| leaf_hash(&[number])).collect();
        let root = Tree::from_leaves(&leaves).root();
        let note = Checkpoint::sign(ORIGIN, 100, &root, &custody).expect("signs");
        let old = Checkpoint {
            size: 60,
            root: Tree::from_leaves(&leaves[..60]).root(),
        };
        let inclusion = inclusion_proof(&leaves, 42, 100).expect("a proof");
        let consistency = consistency_proof(&leaves, 60, 100).expect("a proof");
        Made {
            entry: inclusion_file(42, &[42], &inclusion, &note),
            growth: growth_file(&old, &consistency, &note),
            custody,
            old,
        }
    }

    #[test]
    fn both_kinds_verify() {
        let made = made();
        let key = made.custody.audit_public_key();
        assert_eq!(origin(&made.entry).expect("a name"), ORIGIN);
        let Proven::Entry {
            index,
            entry,
            checkpoint,
        } = verify(&made.entry, ORIGIN, key).expect("holds")
        else {
            panic!("it proves an entry")
        };
        assert_eq!((index, entry, checkpoint.size), (42, vec![42], 100));
        let Proven::Growth { old, new } = verify(&made.growth, ORIGIN, key).expect("holds") else {
            panic!("it proves growth")
        };
        assert_eq!((old, new.size), (made.old, 100));
        assert!(verify(&made.entry, "another.log", key).is_err());
        let other = SoftwareCustody::danger_for_tests(2);
        assert!(verify(&made.entry, ORIGIN, other.audit_public_key()).is_err());
        let note = checkpoint_note(&made.growth).expect("a note");
        Checkpoint::verify(note, ORIGIN, key).expect("is signed");
        assert_eq!(growth_hashes(&made.growth).expect("hashes").len(), 6);
        assert!(growth_hashes(&made.entry).is_err());
    }

    /// Every byte of both files counts.
    #[test]
    fn no_byte_can_be_altered() {
        let made = made();
        let key = made.custody.audit_public_key();
        for file in [&made.entry, &made.growth] {
            for at in 0..file.len() {
                for flip in [1, 2, 0x20] {
                    let mut bytes = file.clone().into_bytes();
                    bytes[at] ^= flip;
                    let text = String::from_utf8_lossy(&bytes);
                    assert!(verify(&text, ORIGIN, key).is_err(), "byte {at} ^ {flip}");
                }
                assert!(verify(&file[..file.floor_char_boundary(at)], ORIGIN, key).is_err());
            }
        }
    }

    #[test]
    fn files_are_bounded() {
        let made = made();
        let key = made.custody.audit_public_key();
        let long = format!("{}{}", made.entry, "x".repeat(PROOF_FILE_BYTES_MAX));
        let refused = verify(&long, ORIGIN, key).expect_err("one past");
        assert_eq!(refused.code(), "TOO_LARGE");
        let hash = STANDARD.encode([0; 32]) + "\n";
        let many = made.entry.replacen(
            "index 42\n",
            &("index 42\n".to_owned() + &hash.repeat(64)),
            1,
        );
        assert_eq!(
            verify(&many, ORIGIN, key).expect_err("too many").code(),
            "MALFORMED"
        );
        let entry = vec![7; ENTRY_BYTES_MAX + 1];
        let note = checkpoint_note(&made.entry).expect("a note");
        let file = inclusion_file(0, &entry, &[], note);
        assert_eq!(
            verify(&file, ORIGIN, key).expect_err("one past").code(),
            "MALFORMED"
        );
    }
}
