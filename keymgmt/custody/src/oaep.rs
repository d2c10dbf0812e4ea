//! RSA-OAEP (RFC 8017 section 7.1) in the host: sealing to a public key, opening at a site.
//!
//! `aws-lc-rs` and not the `rsa` crate: its decryption is open to timing (RUSTSEC-2023-0071).

use std::fmt;

use aws_lc_rs::rsa::{
    OAEP_SHA1_MGF1SHA1, OAEP_SHA256_MGF1SHA256, OaepAlgorithm, OaepPrivateDecryptingKey,
    OaepPublicEncryptingKey, PublicEncryptingKey,
};
use zeroize::Zeroizing;

use crate::{
    der,
    error::CustodyError,
    limits::{RSA_BYTES, SPKI_BYTES_MAX},
    secret::Secret,
};

/// The hash inside OAEP. A module profile decides; packages and enrolments say which was used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Oaep {
    /// SHA-1 with MGF1-SHA-1, for SoftHSM2 in tests and demonstrations only. OAEP does not need
    /// collision resistance, but no profile for production may name SHA-1.
    Sha1,
    /// SHA-256 with MGF1-SHA-256.
    Sha256,
}

impl Oaep {
    /// The name in files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Sha1 => "sha1",
            Self::Sha256 => "sha256",
        }
    }

    /// Parses the name in files.
    ///
    /// # Errors
    /// [`CustodyError::Malformed`].
    pub fn parse(text: &str) -> Result<Self, CustodyError> {
        match text {
            "sha1" => Ok(Self::Sha1),
            "sha256" => Ok(Self::Sha256),
            _ => Err(CustodyError::Malformed {
                what: "an OAEP hash name",
                rule: "it is neither sha1 nor sha256",
            }),
        }
    }

    fn algorithm(self) -> &'static OaepAlgorithm {
        match self {
            Self::Sha1 => &OAEP_SHA1_MGF1SHA1,
            Self::Sha256 => &OAEP_SHA256_MGF1SHA256,
        }
    }
}

impl fmt::Display for Oaep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Checks that a `SubjectPublicKeyInfo` holds an RSA-3072 key.
///
/// # Errors
/// [`CustodyError::Malformed`] or [`CustodyError::TooLarge`].
pub fn check_spki(what: &'static str, spki: &[u8]) -> Result<(), CustodyError> {
    if spki.len() > SPKI_BYTES_MAX {
        return Err(CustodyError::TooLarge {
            what,
            limit: SPKI_BYTES_MAX,
        });
    }
    let numbers = der::rsa_numbers(what, spki)?;
    if numbers.modulus.len() == RSA_BYTES && numbers.modulus[0] & 0x80 != 0 {
        Ok(())
    } else {
        Err(CustodyError::Malformed {
            what,
            rule: "it is not an RSA key of 3072 bits",
        })
    }
}

/// Seals a secret to an RSA-3072 public key.
///
/// # Errors
/// [`CustodyError`] if the key is not one.
pub fn seal(spki: &[u8], oaep: Oaep, secret: &Secret) -> Result<Vec<u8>, CustodyError> {
    let primitive = || CustodyError::Primitive {
        operation: "seal with RSA-OAEP",
    };
    check_spki("a wrapping key", spki)?;
    let key = PublicEncryptingKey::from_der(spki)
        .ok()
        .and_then(|key| OaepPublicEncryptingKey::new(key).ok())
        .ok_or_else(primitive)?;
    let mut sealed = vec![0; key.ciphertext_size()];
    key.encrypt(oaep.algorithm(), secret.expose(), &mut sealed, None)
        .ok()
        .ok_or_else(primitive)?;
    Ok(sealed)
}

/// Opens a secret with a private key in the host.
///
/// # Errors
/// [`CustodyError::NotAuthentic`]; why it failed is not said, since that would be an oracle.
pub fn open(
    key: &OaepPrivateDecryptingKey,
    oaep: Oaep,
    what: &'static str,
    sealed: &[u8],
) -> Result<Secret, CustodyError> {
    let mut buffer = Zeroizing::new(vec![0; key.min_output_size()]);
    let opened = key
        .decrypt(oaep.algorithm(), sealed, &mut buffer, None)
        .ok()
        .ok_or(CustodyError::NotAuthentic { what })?;
    Secret::take_slice(what, opened)
}
