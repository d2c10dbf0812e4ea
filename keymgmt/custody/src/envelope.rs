//! Sealing in the host under keys that the token guards.
//!
//! AES-GCM never runs in the token: modules differ in how they treat the IV, and one of them repeats
//! a nonce silently. The token gives one HMAC per data key, and the host does the rest.

use std::fmt;

use aes_gcm::{
    Aes256Gcm, Nonce,
    aead::{Aead as _, KeyInit as _, Payload},
};
use zeroize::Zeroizing;

use crate::{
    custody::Custody,
    error::CustodyError,
    hierarchy::{DerivingKey, Label},
    limits::{ENVELOPE_NONCE_BYTES, FRAME_BYTES_MAX, SEALED_DATA_KEY_BYTES, TAG_BYTES},
    secret::Secret,
};

/// Seals a data key: `nonce ‖ AES-256-GCM(k, zero IV, key, context)` with
/// k = HMAC(DKEK, block(nonce ‖ context)). k is used once, so the zero IV is right.
///
/// `context` names the place that the data key belongs to; the envelope opens nowhere else.
///
/// # Errors
/// [`CustodyError`] if the token does not answer.
pub fn seal_data_key(
    custody: &dyn Custody,
    context: &[u8],
    data_key: &Secret,
) -> Result<Vec<u8>, CustodyError> {
    let mut nonce = [0; ENVELOPE_NONCE_BYTES];
    custody.random(&mut nonce)?;
    let cipher = envelope_cipher(custody, &nonce, context)?;
    let payload = Payload {
        msg: data_key.expose(),
        aad: context,
    };
    let sealed = cipher
        .encrypt(&Nonce::default(), payload)
        .map_err(|_opaque| CustodyError::Primitive {
            operation: "seal a data key",
        })?;
    Ok([&nonce[..], &sealed].concat())
}

/// Opens what [`seal_data_key`] sealed for the same context.
///
/// # Errors
/// [`CustodyError::NotAuthentic`] for another context, another DKEK or altered bytes.
pub fn open_data_key(
    custody: &dyn Custody,
    context: &[u8],
    sealed: &[u8],
) -> Result<Secret, CustodyError> {
    let what = "a sealed data key";
    let (nonce, body) = sealed
        .split_first_chunk::<ENVELOPE_NONCE_BYTES>()
        .filter(|_| sealed.len() == SEALED_DATA_KEY_BYTES)
        .ok_or(CustodyError::Malformed {
            what,
            rule: "its length is wrong",
        })?;
    let cipher = envelope_cipher(custody, nonce, context)?;
    let payload = Payload {
        msg: body,
        aad: context,
    };
    let opened = cipher.decrypt(&Nonce::default(), payload);
    let mut opened = Zeroizing::new(opened.map_err(|_opaque| CustodyError::NotAuthentic { what })?);
    Secret::take_slice(what, &mut opened)
}

fn envelope_cipher(
    custody: &dyn Custody,
    nonce: &[u8; ENVELOPE_NONCE_BYTES],
    context: &[u8],
) -> Result<Aes256Gcm, CustodyError> {
    let bound = [&nonce[..], context].concat();
    let key = custody.derive(DerivingKey::Dkek, Label::DataKeyEnvelope, &bound)?;
    Ok(Aes256Gcm::new(key.expose().into()))
}

/// AES-256-GCM over numbered frames of one file or batch.
///
/// The nonce is the last flag and the frame's number, so a key must seal each number once: make a new
/// data key for every file, and write every file once. Frames cannot be altered, moved, repeated or
/// cut off: number, last flag and the caller's data are authenticated (STREAM, Hoang et al. 2015).
pub struct FrameCipher(Aes256Gcm);

impl FrameCipher {
    /// Frames under `key`, which seals nothing else.
    #[must_use]
    pub fn new(key: &Secret) -> Self {
        Self(Aes256Gcm::new(key.expose().into()))
    }

    /// Seals frame `number`. `aad` names the file; both sides know it.
    ///
    /// # Errors
    /// [`CustodyError::TooLarge`] past the frame limit.
    pub fn seal(
        &self,
        number: u64,
        last: bool,
        aad: &[u8],
        plaintext: &[u8],
    ) -> Result<Vec<u8>, CustodyError> {
        if plaintext.len() > FRAME_BYTES_MAX {
            return Err(CustodyError::TooLarge {
                what: "a frame",
                limit: FRAME_BYTES_MAX,
            });
        }
        let payload = Payload {
            msg: plaintext,
            aad,
        };
        self.0
            .encrypt(&frame_nonce(number, last), payload)
            .map_err(|_opaque| CustodyError::Primitive {
                operation: "seal a frame",
            })
    }

    /// Opens frame `number`.
    ///
    /// # Errors
    /// [`CustodyError::NotAuthentic`] if it was altered or belongs elsewhere.
    pub fn open(
        &self,
        number: u64,
        last: bool,
        aad: &[u8],
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, CustodyError> {
        if sealed.len() > FRAME_BYTES_MAX + TAG_BYTES {
            return Err(CustodyError::TooLarge {
                what: "a sealed frame",
                limit: FRAME_BYTES_MAX + TAG_BYTES,
            });
        }
        let payload = Payload { msg: sealed, aad };
        self.0
            .decrypt(&frame_nonce(number, last), payload)
            .map(Zeroizing::new)
            .map_err(|_opaque| CustodyError::NotAuthentic { what: "a frame" })
    }
}

impl fmt::Debug for FrameCipher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FrameCipher(..)")
    }
}

/// `last flag ‖ 000000 ‖ number`, the number in eight bytes, big-endian.
fn frame_nonce(number: u64, last: bool) -> Nonce<aes_gcm::aead::consts::U12> {
    let mut nonce = [0; 12];
    nonce[0] = u8::from(last);
    nonce[4..].copy_from_slice(&number.to_be_bytes());
    nonce.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::software::SoftwareCustody;

    #[test]
    fn an_envelope_opens_only_in_its_place() {
        let custody = SoftwareCustody::danger_for_tests(1);
        let key = Secret::take(&mut [9; 32]);
        let sealed = seal_data_key(&custody, b"segment 1", &key).expect("seals");
        assert_eq!(sealed.len(), SEALED_DATA_KEY_BYTES);
        let opened = open_data_key(&custody, b"segment 1", &sealed).expect("opens");
        assert!(opened == key);
        assert!(open_data_key(&custody, b"segment 2", &sealed).is_err());
        let other = SoftwareCustody::danger_for_tests(2);
        assert!(open_data_key(&other, b"segment 1", &sealed).is_err());
        for index in 0..sealed.len() {
            let mut bad = sealed.clone();
            bad[index] ^= 1;
            assert!(
                open_data_key(&custody, b"segment 1", &bad).is_err(),
                "byte {index}"
            );
        }
        assert!(open_data_key(&custody, b"segment 1", &sealed[1..]).is_err());
        let again = seal_data_key(&custody, b"segment 1", &key).expect("seals");
        assert_ne!(again, sealed, "every envelope has its own nonce");
    }

    #[test]
    fn frames_keep_their_place() {
        let cipher = FrameCipher::new(&Secret::take(&mut [3; 32]));
        let sealed = cipher.seal(5, false, b"file", b"rows").expect("seals");
        assert_eq!(
            **cipher.open(5, false, b"file", &sealed).expect("opens"),
            *b"rows"
        );
        assert!(cipher.open(6, false, b"file", &sealed).is_err());
        assert!(cipher.open(5, true, b"file", &sealed).is_err());
        assert!(cipher.open(5, false, b"other", &sealed).is_err());
        let full = vec![0; FRAME_BYTES_MAX + 1];
        assert!(cipher.seal(0, true, b"", &full[1..]).is_ok());
        assert_eq!(
            cipher
                .seal(0, true, b"", &full)
                .expect_err("one past")
                .code(),
            "TOO_LARGE"
        );
    }
}
