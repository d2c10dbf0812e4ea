//! What witnesses say about the audit log (C2SP tlog-cosignature, type 0x04: Ed25519 with a time).
//!
//! A cosignature says: "at this time, this was the largest consistent checkpoint of this log that I saw".
//! A log that its operator rewrites cannot show these words again. The witness signs after it has checked
//! that the log only grew, which is what [`next`] does; where its key lies is its own affair.

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use sha2::{Digest as _, Sha256};

use crate::{
    audit::{Checkpoint, Hash, verify_consistency},
    error::CustodyError,
    limits::VERIFIER_KEY_BYTES_MAX,
    note::{self, KEY_ID_BYTES, SIGNATURE_START},
    secret::Secret,
};

/// The signature type of a cosignature by Ed25519.
const TYPE: u8 = 0x04;
/// Bytes behind the key ID: eight of time, sixty-four of signature.
const BODY_BYTES: usize = 8 + 64;
const WHAT: &str = "a cosignature";

/// A witness's name and public key, as a verifier pins them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WitnessKey {
    name: String,
    key: [u8; 32],
}

impl WitnessKey {
    /// Puts both together.
    ///
    /// # Errors
    /// [`CustodyError::Malformed`] for a name that notes cannot carry.
    pub fn new(name: &str, key: [u8; 32]) -> Result<Self, CustodyError> {
        note::check_name(name)?;
        Ok(Self {
            name: name.to_owned(),
            key,
        })
    }

    /// Reads a verifier key: `name+key id in hexadecimal+base64 of type and key` (C2SP signed-note).
    ///
    /// # Errors
    /// [`CustodyError::Malformed`] or [`CustodyError::TooLarge`].
    pub fn parse(text: &str) -> Result<Self, CustodyError> {
        let text = text.trim_end_matches('\n');
        if text.len() > VERIFIER_KEY_BYTES_MAX {
            return Err(CustodyError::TooLarge {
                what: "a witness's key",
                limit: VERIFIER_KEY_BYTES_MAX,
            });
        }
        let malformed = |rule| CustodyError::Malformed {
            what: "a witness's key",
            rule,
        };
        let mut parts = text.splitn(3, '+');
        let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(malformed("it is not name+key id+key"));
        };
        let key = STANDARD.decode(key).ok();
        let key = key.and_then(|key| match key.split_first() {
            Some((&TYPE, key)) => key.try_into().ok(),
            Some(_) | None => None,
        });
        let key = key.ok_or_else(|| malformed("it is not an Ed25519 key for cosignatures"))?;
        let witness = Self::new(name, key)?;
        if hex::encode(witness.id()) == id {
            Ok(witness)
        } else {
            Err(malformed("its key id does not belong to its key"))
        }
    }

    /// The verifier key as [`Self::parse`] reads it.
    #[must_use]
    pub fn to_text(&self) -> String {
        let key = STANDARD.encode([&[TYPE], &self.key[..]].concat());
        format!("{}+{}+{key}", self.name, hex::encode(self.id()))
    }

    /// The witness's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// First four bytes of SHA-256(name ‖ line end ‖ type ‖ key).
    #[must_use]
    pub fn id(&self) -> [u8; KEY_ID_BYTES] {
        let digest = Sha256::new()
            .chain_update(&self.name)
            .chain_update([b'\n', TYPE])
            .chain_update(self.key)
            .finalize();
        let mut id = [0; KEY_ID_BYTES];
        id.copy_from_slice(&digest[..KEY_ID_BYTES]);
        id
    }

    /// Adds a cosignature to a note. `sign` gives Ed25519 over a message, so the key may be in a token.
    ///
    /// # Errors
    /// The signer's, or what a note cannot carry.
    pub fn cosign(
        &self,
        note: &str,
        unix_s: u64,
        sign: impl FnOnce(&[u8]) -> Result<[u8; 64], CustodyError>,
    ) -> Result<String, CustodyError> {
        let text = note::unverified_text("a checkpoint", note)?;
        let signature = sign(message(text, unix_s).as_bytes())?;
        let body = [&self.id()[..], &unix_s.to_be_bytes(), &signature].concat();
        let body = STANDARD.encode(body);
        Ok(format!("{note}{SIGNATURE_START}{} {body}\n", self.name))
    }

    /// The time at which this witness cosigned a note.
    ///
    /// # Errors
    /// [`CustodyError::BadSignature`] if it did not.
    pub fn verify(&self, note: &str) -> Result<u64, CustodyError> {
        let bad = CustodyError::BadSignature { what: WHAT };
        let text = note::unverified_text("a checkpoint", note)?;
        let body = note::signatures("a checkpoint", note)?
            .find(|(name, body)| *name == self.name && body.starts_with(&self.id()));
        let Some((_, body)) = body else {
            return Err(bad);
        };
        let Some((time, signature)) = body[KEY_ID_BYTES..].split_first_chunk::<8>() else {
            return Err(bad);
        };
        if signature.len() + time.len() != BODY_BYTES {
            return Err(bad);
        }
        let unix_s = u64::from_be_bytes(*time);
        UnparsedPublicKey::new(&ED25519, &self.key)
            .verify(message(text, unix_s).as_bytes(), signature)
            .map_err(|_opaque| bad)?;
        Ok(unix_s)
    }
}

/// What is signed: two lines of its own, then the note's text.
fn message(text: &str, unix_s: u64) -> String {
    format!("cosignature/v1\ntime {unix_s}\n{text}")
}

/// A witness whose key is a seed of 32 bytes in memory: for sites, and for custodians whose token has no
/// Ed25519.
pub struct Witness {
    pair: Ed25519KeyPair,
    public: WitnessKey,
}

impl std::fmt::Debug for Witness {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Witness").field(&self.public).finish()
    }
}

impl Witness {
    /// The witness of this name and seed.
    ///
    /// # Errors
    /// [`CustodyError::Malformed`] for a name that notes cannot carry.
    pub fn from_seed(name: &str, seed: &Secret) -> Result<Self, CustodyError> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed.expose()).map_err(|_opaque| {
            CustodyError::Primitive {
                operation: "take a seed of Ed25519",
            }
        })?;
        let key = pair.public_key().as_ref().try_into();
        let key = key.map_err(|_length| CustodyError::Primitive {
            operation: "make a public key of Ed25519",
        })?;
        let public = WitnessKey::new(name, key)?;
        Ok(Self { pair, public })
    }

    /// What others verify with.
    #[must_use]
    pub fn public(&self) -> &WitnessKey {
        &self.public
    }

    /// Ed25519 over a message.
    ///
    /// # Errors
    /// [`CustodyError::Primitive`], which no input explains.
    pub fn sign(&self, message: &[u8]) -> Result<[u8; 64], CustodyError> {
        let signature = self.pair.sign(message);
        signature
            .as_ref()
            .try_into()
            .map_err(|_length| CustodyError::Primitive {
                operation: "sign with Ed25519",
            })
    }
}

/// The log that a witness watches, and what it saw of it last.
#[derive(Debug, Clone, Copy)]
pub struct Watched<'a> {
    /// Name of the log.
    pub origin: &'a str,
    /// The log's audit key.
    pub audit_spki: &'a [u8],
    /// The largest checkpoint so far; nothing at first.
    pub seen: Option<Checkpoint>,
}

/// The one step of a witness: the note is the log's, the log only grew, and only then it is cosigned.
/// Returns the cosigned note and the checkpoint to remember.
///
/// # Errors
/// [`CustodyError::BadSignature`] for a note of another key or log, [`CustodyError::BadProof`] for a log
/// that is shorter than the one seen or another one.
pub fn next(
    watched: &Watched<'_>,
    note: &str,
    proof: &[Hash],
    (witness, unix_s): (&WitnessKey, u64),
    sign: impl FnOnce(&[u8]) -> Result<[u8; 64], CustodyError>,
) -> Result<(String, Checkpoint), CustodyError> {
    let new = Checkpoint::verify(note, watched.origin, watched.audit_spki)?;
    // The empty log is the beginning of every log; nothing can be proved from it.
    if let Some(seen) = watched.seen.filter(|seen| seen.size > 0) {
        if new.size < seen.size {
            return Err(CustodyError::BadProof {
                what: "growth of the log",
            });
        }
        verify_consistency((seen.size, &seen.root), (new.size, &new.root), proof)?;
    }
    Ok((witness.cosign(note, unix_s, sign)?, new))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        audit::{Tree, consistency_proof, leaf_hash},
        custody::Custody as _,
        software::SoftwareCustody,
    };

    const ORIGIN: &str = "musubi.example/log";

    fn witness(seed: u8) -> Witness {
        Witness::from_seed("custodians.example", &Secret::take(&mut [seed; 32])).expect("a witness")
    }

    fn leaves(count: u8) -> Vec<Hash> {
        (0..count).map(|number| leaf_hash(&[number])).collect()
    }

    fn note(log: &SoftwareCustody, leaves: &[Hash]) -> String {
        let root = Tree::from_leaves(leaves).root();
        Checkpoint::sign(ORIGIN, leaves.len() as u64, &root, log).expect("signs")
    }

    #[test]
    fn a_cosignature_holds_for_its_note_time_and_key() {
        let log = SoftwareCustody::danger_for_tests(1);
        let one = witness(1);
        let note = note(&log, &leaves(5));
        let cosigned = one
            .public()
            .cosign(&note, 1_800_000_000, |message| one.sign(message))
            .expect("cosigned");
        assert_eq!(
            one.public().verify(&cosigned).expect("holds"),
            1_800_000_000
        );
        Checkpoint::verify(&cosigned, ORIGIN, log.audit_public_key()).expect("still the log's");
        assert!(one.public().verify(&note).is_err(), "not cosigned");
        assert!(witness(2).public().verify(&cosigned).is_err(), "other key");
        let renamed = WitnessKey::new("other", one.public().key).expect("a name");
        assert!(renamed.verify(&cosigned).is_err(), "other name");
        let altered = cosigned.replacen("\n5\n", "\n6\n", 1);
        assert!(one.public().verify(&altered).is_err(), "other size");
        // A second witness adds a line and disturbs nobody.
        let two = witness(2);
        let both = two
            .public()
            .cosign(&cosigned, 7, |message| two.sign(message))
            .expect("cosigned");
        assert_eq!(one.public().verify(&both).expect("holds"), 1_800_000_000);
        assert_eq!(two.public().verify(&both).expect("holds"), 7);
    }

    #[test]
    fn keys_are_read_as_they_are_written() {
        let public = witness(1).public().clone();
        let text = public.to_text();
        assert_eq!(WitnessKey::parse(&text).expect("reads"), public);
        let digit = text.find('+').expect("parts") + 1;
        let mut other = text.clone().into_bytes();
        other[digit] ^= 1;
        let other = String::from_utf8(other).expect("text");
        for bad in [
            "",
            "name",
            "name+00000000",
            other.as_str(),
            &text.replace("custodians.example", "custodians"),
            &"x".repeat(VERIFIER_KEY_BYTES_MAX + 1),
        ] {
            assert!(WitnessKey::parse(bad).is_err(), "{bad}");
        }
        // A log's own key (type 0x01) is no witness's.
        let own = STANDARD.encode([&[1], &public.key[..]].concat());
        assert!(WitnessKey::parse(&format!("n+00000000+{own}")).is_err());
    }

    #[test]
    fn a_witness_signs_only_what_grew() {
        let log = SoftwareCustody::danger_for_tests(1);
        let one = witness(1);
        let all = leaves(9);
        let watched = |seen| Watched {
            origin: ORIGIN,
            audit_spki: log.audit_public_key(),
            seen,
        };
        let step = |seen, note: &str, proof: &[Hash]| {
            next(&watched(seen), note, proof, (one.public(), 1), |message| {
                one.sign(message)
            })
        };
        let (_, first) = step(None, &note(&log, &all[..5]), &[]).expect("the first");
        let proof = consistency_proof(&all, 5, 9).expect("a proof");
        let longer = note(&log, &all);
        let (cosigned, second) = step(Some(first), &longer, &proof).expect("it grew");
        assert_eq!(second.size, 9);
        one.public().verify(&cosigned).expect("cosigned");
        assert!(step(Some(first), &longer, &[]).is_err(), "no proof");
        let short = note(&log, &all[..5]);
        assert!(step(Some(second), &short, &[]).is_err(), "shorter");
        let mut forged = all.clone();
        forged[2] = [0; 32];
        let forged = note(&log, &forged);
        assert!(step(Some(first), &forged, &proof).is_err(), "rewritten");
        let stranger = SoftwareCustody::danger_for_tests(2);
        assert!(step(None, &note(&stranger, &all), &[]).is_err());
    }
}
