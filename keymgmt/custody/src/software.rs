//! Keys in host memory, for tests only. No configuration can select this.

use std::sync::OnceLock;

use aws_lc_rs::{
    digest::{Digest, SHA256},
    encoding::AsDer as _,
    rsa::{KeySize, OaepPrivateDecryptingKey, PrivateDecryptingKey},
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _},
};
use sha2::{Digest as _, Sha256};

use crate::{
    custody::Custody,
    der,
    error::CustodyError,
    hierarchy::{DerivingKey, Label, derive_in_host},
    oaep::{self, Oaep},
    p256,
    secret::Secret,
};

/// RSA keys take a second to make, so all software custodies of one process share one.
static INGEST: OnceLock<Ingest> = OnceLock::new();

struct Ingest {
    key: OaepPrivateDecryptingKey,
    spki: Vec<u8>,
}

/// The appliance's keys in host memory. It keeps no promise of custody: anyone who reads this source
/// can compute the keys. Only tests construct it.
#[derive(Debug)]
pub struct SoftwareCustody {
    tmk: Secret,
    dkek: Secret,
    psk: Secret,
    audit: EcdsaKeyPair,
    audit_spki: Vec<u8>,
    oaep: Oaep,
}

impl SoftwareCustody {
    /// Keys that follow from `seed`: the same seed gives the same TMK, DKEK, PSK and audit key. The
    /// ingest key is one per process.
    ///
    /// # Panics
    /// Only if the cryptographic library is broken.
    #[must_use]
    pub fn danger_for_tests(seed: u64) -> Self {
        let audit = audit_key(seed);
        let point = audit.public_key().as_ref();
        let point = point.try_into().expect("P-256 points have 65 bytes");
        let audit_spki = p256::spki_of_point(point);
        Self {
            tmk: seeded("tmk", seed),
            dkek: seeded("dkek", seed),
            psk: seeded("psk", seed),
            audit,
            audit_spki,
            oaep: Oaep::Sha256,
        }
    }

    /// The same with another OAEP hash.
    #[must_use]
    pub fn with_oaep(self, oaep: Oaep) -> Self {
        Self { oaep, ..self }
    }
}

impl Custody for SoftwareCustody {
    fn derive(
        &self,
        key: DerivingKey,
        label: Label,
        context: &[u8],
    ) -> Result<Secret, CustodyError> {
        let key = match key {
            DerivingKey::Tmk => &self.tmk,
            DerivingKey::Dkek => &self.dkek,
            DerivingKey::Psk => &self.psk,
        };
        Ok(derive_in_host(key, label, context))
    }

    fn open_content_key(&self, sealed: &[u8]) -> Result<Secret, CustodyError> {
        oaep::open(&ingest().key, self.oaep, "a content key", sealed)
    }

    fn sign_audit(&self, digest: &[u8; 32]) -> Result<[u8; 64], CustodyError> {
        let failed = || CustodyError::Primitive {
            operation: "sign a digest",
        };
        let digest = Digest::import_less_safe(digest, &SHA256).ok();
        let digest = digest.ok_or_else(failed)?;
        let signature = self.audit.sign_digest(&digest).ok().ok_or_else(failed)?;
        signature.as_ref().try_into().ok().ok_or_else(failed)
    }

    fn audit_public_key(&self) -> &[u8] {
        &self.audit_spki
    }

    fn ingest_public_key(&self) -> &[u8] {
        &ingest().spki
    }

    fn random(&self, bytes: &mut [u8]) -> Result<(), CustodyError> {
        getrandom::fill(bytes).map_err(|_source| CustodyError::RandomUnavailable)
    }

    fn check_health(&self) -> Result<(), CustodyError> {
        Ok(())
    }
}

fn ingest() -> &'static Ingest {
    INGEST.get_or_init(|| {
        let key = PrivateDecryptingKey::generate(KeySize::Rsa3072).expect("RSA keys can be made");
        let spki = key
            .public_key()
            .as_der()
            .expect("RSA keys have an encoding");
        Ingest {
            spki: spki.as_ref().to_vec(),
            key: OaepPrivateDecryptingKey::new(key).expect("RSA keys can decrypt"),
        }
    })
}

fn seeded(name: &str, seed: u64) -> Secret {
    let digest = Sha256::new()
        .chain_update("danger, not a secret: ")
        .chain_update(name)
        .chain_update(seed.to_be_bytes())
        .finalize();
    let mut bytes = digest.into();
    Secret::take(&mut bytes)
}

/// An EC private key from a seed: `ECPrivateKey { 1, scalar }` (RFC 5915). A SHA-256 value is a valid
/// scalar but for a chance of 2^-32; the next seed is taken then.
fn audit_key(seed: u64) -> EcdsaKeyPair {
    (0..)
        .find_map(|round| {
            let scalar = seeded("ask", seed.wrapping_add(round << 32));
            let octets = [&[0x04, 0x20], &scalar.expose()[..]].concat();
            let key = der::sequence(&[der::unsigned(&[1]), octets]);
            EcdsaKeyPair::from_private_key_der(&ECDSA_P256_SHA256_FIXED_SIGNING, &key).ok()
        })
        .expect("some scalar is valid")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_keys() {
        let (one, two) = (
            SoftwareCustody::danger_for_tests(1),
            SoftwareCustody::danger_for_tests(1),
        );
        assert_eq!(one.audit_public_key(), two.audit_public_key());
        let derive = |custody: &SoftwareCustody, key| {
            custody.derive(key, Label::RowMac, b"c").expect("derives")
        };
        assert!(derive(&one, DerivingKey::Dkek) == derive(&two, DerivingKey::Dkek));
        assert!(derive(&one, DerivingKey::Dkek) != derive(&one, DerivingKey::Tmk));
        let other = SoftwareCustody::danger_for_tests(2);
        assert_ne!(one.audit_public_key(), other.audit_public_key());
    }

    #[test]
    fn content_keys_and_signatures_round_trip() {
        for hash in [Oaep::Sha1, Oaep::Sha256] {
            let custody = SoftwareCustody::danger_for_tests(3).with_oaep(hash);
            let key = Secret::take(&mut [5; 32]);
            let mut sealed = oaep::seal(custody.ingest_public_key(), hash, &key).expect("seals");
            assert!(custody.open_content_key(&sealed).expect("opens") == key);
            sealed[7] ^= 1;
            assert!(custody.open_content_key(&sealed).is_err());
        }
        let custody = SoftwareCustody::danger_for_tests(3);
        let signature = custody
            .sign_audit(&Sha256::digest(b"entry").into())
            .expect("signs");
        p256::verify_fixed("a test", custody.audit_public_key(), b"entry", &signature)
            .expect("verifies");
    }
}
