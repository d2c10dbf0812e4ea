//! From one audit key to the next: the last note of the old key names the new one, the first note of the new
//! key names the old one.
//!
//! Both are checkpoints of the same size and root, each with one extension line (C2SP tlog-checkpoint allows
//! them), so any client reads them. Whoever knows the first key of a log follows it to the present one.

use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::{
    audit::{Checkpoint, Hash},
    custody::Custody,
    error::CustodyError,
    limits::KEY_CHANGES_MAX,
    note, p256,
};

const NEXT: &str = "next-key ";
const PREVIOUS: &str = "previous-key ";
const WHAT: &str = "a change of the audit key";

/// The two notes of one change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyChange {
    /// The last note of the old key.
    pub last: String,
    /// The first note of the new key.
    pub first: String,
}

/// The last note of the key that `old` holds: it names the new one.
///
/// # Errors
/// [`CustodyError::Malformed`] if the new key is none, or the signer's error.
pub fn last_note(
    origin: &str,
    at: &Checkpoint,
    new_spki: &[u8],
    old: &dyn Custody,
) -> Result<String, CustodyError> {
    signed(origin, at, (NEXT, new_spki), old)
}

/// The first note of the key that `new` holds: it names the old one.
///
/// # Errors
/// [`CustodyError::Malformed`] if the old key is none, or the signer's error.
pub fn first_note(
    origin: &str,
    at: &Checkpoint,
    old_spki: &[u8],
    new: &dyn Custody,
) -> Result<String, CustodyError> {
    signed(origin, at, (PREVIOUS, old_spki), new)
}

fn signed(
    origin: &str,
    at: &Checkpoint,
    (kind, spki): (&str, &[u8]),
    custody: &dyn Custody,
) -> Result<String, CustodyError> {
    p256::check_spki("an audit key", spki)?;
    let line = format!("{kind}{}\n", STANDARD.encode(spki));
    Checkpoint::sign_with(origin, (at.size, &at.root), &line, custody)
}

/// The new audit key and the checkpoint at which it took over, if the old key named it and it named the old
/// one at the same size and root.
///
/// # Errors
/// [`CustodyError::BadSignature`] or [`CustodyError::Malformed`].
pub fn follow(
    change: &KeyChange,
    origin: &str,
    old_spki: &[u8],
) -> Result<(Vec<u8>, Checkpoint), CustodyError> {
    let malformed = |rule| CustodyError::Malformed { what: WHAT, rule };
    let end = Checkpoint::verify(&change.last, origin, old_spki)?;
    let new = named(&change.last, NEXT).ok_or_else(|| malformed("it names no new key"))?;
    p256::check_spki("an audit key", &new)?;
    let start = Checkpoint::verify(&change.first, origin, &new)?;
    if end != start {
        return Err(malformed(
            "the new key begins elsewhere than the old one ends",
        ));
    }
    if named(&change.first, PREVIOUS).as_deref() != Some(old_spki) {
        return Err(malformed("the new key does not name the old one"));
    }
    Ok((new, start))
}

/// Follows a log from its first audit key through every change to the present one.
///
/// # Errors
/// As [`follow`]; [`CustodyError::BadProof`] if a later change is of a shorter log;
/// [`CustodyError::TooLarge`] for more changes than any log has.
pub fn follow_all(
    changes: &[KeyChange],
    origin: &str,
    first_spki: &[u8],
) -> Result<Vec<u8>, CustodyError> {
    if changes.len() > KEY_CHANGES_MAX {
        return Err(CustodyError::TooLarge {
            what: "the changes of the audit key",
            limit: KEY_CHANGES_MAX,
        });
    }
    let mut key = first_spki.to_vec();
    let mut size = 0;
    let mut root: Option<Hash> = None;
    for change in changes {
        let (next, at) = follow(change, origin, &key)?;
        if at.size < size || (at.size == size && root.is_some_and(|root| root != at.root)) {
            return Err(CustodyError::BadProof {
                what: "order of the changes of the audit key",
            });
        }
        (key, size, root) = (next, at.size, Some(at.root));
    }
    Ok(key)
}

/// The key in the one extension line of a note.
fn named(signed: &str, kind: &str) -> Option<Vec<u8>> {
    let text = note::unverified_text(WHAT, signed).ok()?;
    let mut lines = text.lines().skip(3);
    let line = lines.next().filter(|_| lines.next().is_none())?;
    STANDARD.decode(line.strip_prefix(kind)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{audit::Tree, software::SoftwareCustody};

    const ORIGIN: &str = "musubi.example/log";

    fn at(size: u8) -> Checkpoint {
        let leaves: Vec<Hash> = (0..size).map(|number| [number; 32]).collect();
        Checkpoint {
            size: u64::from(size),
            root: Tree::from_leaves(&leaves).root(),
        }
    }

    fn change(old: &SoftwareCustody, new: &SoftwareCustody, at: &Checkpoint) -> KeyChange {
        let last = last_note(ORIGIN, at, new.audit_public_key(), old);
        let first = first_note(ORIGIN, at, old.audit_public_key(), new);
        KeyChange {
            last: last.expect("signs"),
            first: first.expect("signs"),
        }
    }

    #[test]
    fn keys_are_followed_from_the_first_to_the_present_one() {
        let keys = [1, 2, 3].map(SoftwareCustody::danger_for_tests);
        let changes = [
            change(&keys[0], &keys[1], &at(5)),
            change(&keys[1], &keys[2], &at(9)),
        ];
        let first = keys[0].audit_public_key();
        let present = follow_all(&changes, ORIGIN, first).expect("follows");
        assert_eq!(present, keys[2].audit_public_key());
        assert_eq!(follow_all(&[], ORIGIN, first).expect("none"), first);
        // A checkpoint with an extension line is a checkpoint.
        let read = Checkpoint::verify(&changes[0].last, ORIGIN, first).expect("verifies");
        assert_eq!(read, at(5));
    }

    #[test]
    fn what_does_not_fit_together_is_refused() {
        let keys = [1, 2, 3].map(SoftwareCustody::danger_for_tests);
        let good = change(&keys[0], &keys[1], &at(5));
        let first = keys[0].audit_public_key();
        let refused = |change: &KeyChange| {
            follow(change, ORIGIN, first)
                .expect_err("must be refused")
                .code()
        };
        let elsewhere = change(&keys[0], &keys[1], &at(6));
        let other = change(&keys[0], &keys[2], &at(5));
        let stranger = change(&keys[2], &keys[1], &at(5));
        for (last, begin, code) in [
            (&good.last, &elsewhere.first, "MALFORMED"),
            (&good.last, &other.first, "BAD_SIGNATURE"),
            (&good.last, &stranger.first, "MALFORMED"),
            (&stranger.last, &good.first, "BAD_SIGNATURE"),
            (&good.first, &good.last, "BAD_SIGNATURE"),
        ] {
            let (last, first) = (last.clone(), begin.clone());
            assert_eq!(refused(&KeyChange { last, first }), code);
        }
        let plain = Checkpoint::sign(ORIGIN, 5, &at(5).root, &keys[0]).expect("signs");
        let unnamed = KeyChange {
            last: plain,
            ..good.clone()
        };
        assert_eq!(refused(&unnamed), "MALFORMED");
        assert!(last_note(ORIGIN, &at(5), b"no key", &keys[0]).is_err());
        let back = [
            change(&keys[0], &keys[1], &at(9)),
            change(&keys[1], &keys[2], &at(5)),
        ];
        let shorter = follow_all(&back, ORIGIN, first).expect_err("shorter");
        assert_eq!(shorter.code(), "BAD_PROOF");
        let many = vec![good; KEY_CHANGES_MAX + 1];
        let many = follow_all(&many, ORIGIN, first).expect_err("one past");
        assert_eq!(many.code(), "TOO_LARGE");
    }
}
