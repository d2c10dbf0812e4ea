//! ECDSA over P-256 with SHA-256 (FIPS 186-5): key encodings, signature encodings, verification.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_FIXED, EcdsaVerificationAlgorithm, UnparsedPublicKey,
};

use crate::{der, error::CustodyError};

/// `SubjectPublicKeyInfo` of a P-256 key up to the point: `id-ecPublicKey`, `prime256v1` (RFC 5480).
const SPKI_PREFIX: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a,
    0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];
/// Bytes of an uncompressed point.
pub const POINT_BYTES: usize = 65;

/// `SubjectPublicKeyInfo` around an uncompressed point.
#[must_use]
pub fn spki_of_point(point: &[u8; POINT_BYTES]) -> Vec<u8> {
    [&SPKI_PREFIX[..], point].concat()
}

/// Checks the form of a P-256 `SubjectPublicKeyInfo`; there is exactly one.
///
/// # Errors
/// [`CustodyError::Malformed`].
pub fn check_spki(what: &'static str, spki: &[u8]) -> Result<(), CustodyError> {
    let good = spki.len() == SPKI_PREFIX.len() + POINT_BYTES
        && spki.starts_with(&SPKI_PREFIX)
        && spki[SPKI_PREFIX.len()] == 4;
    if good {
        Ok(())
    } else {
        Err(CustodyError::Malformed {
            what,
            rule: "it is not a P-256 public key",
        })
    }
}

/// Verifies r ‖ s over a message.
///
/// # Errors
/// [`CustodyError::BadSignature`] or [`CustodyError::Malformed`].
pub fn verify_fixed(
    what: &'static str,
    spki: &[u8],
    message: &[u8],
    signature: &[u8],
) -> Result<(), CustodyError> {
    verify(&ECDSA_P256_SHA256_FIXED, what, spki, message, signature)
}

/// Verifies a DER signature over a message.
///
/// # Errors
/// [`CustodyError::BadSignature`] or [`CustodyError::Malformed`].
pub fn verify_der(
    what: &'static str,
    spki: &[u8],
    message: &[u8],
    signature: &[u8],
) -> Result<(), CustodyError> {
    verify(&ECDSA_P256_SHA256_ASN1, what, spki, message, signature)
}

/// Verifies a signature in the form that the algorithm names.
fn verify(
    form: &'static EcdsaVerificationAlgorithm,
    what: &'static str,
    spki: &[u8],
    message: &[u8],
    signature: &[u8],
) -> Result<(), CustodyError> {
    check_spki("a signing key", spki)?;
    UnparsedPublicKey::new(form, spki)
        .verify(message, signature)
        .map_err(|_opaque| CustodyError::BadSignature { what })
}

/// r ‖ s as PKCS#11 gives it, in DER as notes want it: `SEQUENCE { INTEGER r, INTEGER s }`.
#[must_use]
pub fn der_of_fixed(signature: &[u8; 64]) -> Vec<u8> {
    let (r, s) = signature.split_at(32);
    der::sequence(&[der::unsigned(r), der::unsigned(s)])
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::{
        rand::SystemRandom,
        signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _},
    };

    use super::*;

    #[test]
    fn both_encodings_verify() {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key");
        let point = pair.public_key().as_ref().try_into().expect("a point");
        let spki = spki_of_point(point);
        // Integers of r and s are shorter or longer by chance; sixty-four signatures meet all cases.
        for round in 0..64_u8 {
            let signature = pair.sign(&SystemRandom::new(), &[round]).expect("signs");
            verify_fixed("a test", &spki, &[round], signature.as_ref()).expect("fixed verifies");
            let fixed = signature.as_ref().try_into().expect("64 bytes");
            verify_der("a test", &spki, &[round], &der_of_fixed(fixed)).expect("DER verifies");
            assert!(verify_fixed("a test", &spki, b"other", signature.as_ref()).is_err());
        }
        assert!(
            verify_fixed("a test", &point[..], b"m", &[0; 64]).is_err(),
            "a bare point"
        );
    }
}
