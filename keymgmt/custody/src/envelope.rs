//! Sealing in the host under keys that the token guards.
//!
//! AES-GCM never runs in the token: modules differ in how they treat the IV, and one of them repeats
//! a nonce silently. The token gives one HMAC per data key, and the host does the rest.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use zeroize::Zeroizing;

use crate::{
    custody::Custody,
    error::CustodyError,
    hierarchy::{DerivingKey, Label},
    limits::{ENVELOPE_NONCE_BYTES, FRAME_BYTES_MAX, SEALED_DATA_KEY_BYTES, TAG_BYTES},
    secret::Secret,
    stack::swept,
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
    let key = envelope_key(custody, &nonce, context)?;
    let sealed = swept(|| Cipher::new(&key).seal([0; NONCE_LEN], context, data_key.expose()));
    let sealed = sealed.ok_or(CustodyError::Primitive {
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
    let key = envelope_key(custody, nonce, context)?;
    let opened = swept(|| Cipher::new(&key).open([0; NONCE_LEN], context, body));
    let mut opened = opened.ok_or(CustodyError::NotAuthentic { what })?;
    Secret::take_slice(what, &mut opened)
}

fn envelope_key(
    custody: &dyn Custody,
    nonce: &[u8; ENVELOPE_NONCE_BYTES],
    context: &[u8],
) -> Result<Secret, CustodyError> {
    let bound = [&nonce[..], context].concat();
    custody.derive(DerivingKey::Dkek, Label::DataKeyEnvelope, &bound)
}

/// AES-256-GCM under one key. The caller never uses a nonce twice. The library wipes its copy of the key
/// when it frees it.
struct Cipher(LessSafeKey);

impl Cipher {
    fn new(key: &Secret) -> Self {
        let key = UnboundKey::new(&AES_256_GCM, key.expose());
        Self(LessSafeKey::new(
            key.expect("a secret has the bytes that AES-256 needs"),
        ))
    }

    /// `ciphertext ‖ tag`. `None`: the library failed.
    fn seal(&self, nonce: [u8; NONCE_LEN], aad: &[u8], plaintext: &[u8]) -> Option<Vec<u8>> {
        // Room for the tag from the start: a buffer that grows would leave the plaintext behind.
        let mut sealed = Vec::with_capacity(plaintext.len() + TAG_BYTES);
        sealed.extend_from_slice(plaintext);
        let nonce = Nonce::assume_unique_for_key(nonce);
        let done = self
            .0
            .seal_in_place_append_tag(nonce, Aad::from(aad), &mut sealed);
        done.ok().map(|()| sealed)
    }

    /// The plaintext. `None`: it is not authentic.
    fn open(
        &self,
        nonce: [u8; NONCE_LEN],
        aad: &[u8],
        sealed: &[u8],
    ) -> Option<Zeroizing<Vec<u8>>> {
        let mut opened = Zeroizing::new(sealed.to_vec());
        let nonce = Nonce::assume_unique_for_key(nonce);
        let plain = self.0.open_in_place(nonce, Aad::from(aad), &mut opened);
        let length = plain.ok()?.len();
        opened.truncate(length);
        Some(opened)
    }
}

/// AES-256-GCM over numbered frames of one file or batch.
///
/// The nonce is the last flag and the frame's number, so a key must seal each number once: make a new
/// data key for every file, and write every file once. Frames cannot be altered, moved, repeated or
/// cut off: number, last flag and the caller's data are authenticated (STREAM, Hoang et al. 2015).
pub struct FrameCipher(Cipher);

impl FrameCipher {
    /// Frames under `key`, which seals nothing else.
    #[must_use]
    pub fn new(key: &Secret) -> Self {
        Self(swept(|| Cipher::new(key)))
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
        let sealed = swept(|| self.0.seal(frame_nonce(number, last), aad, plaintext));
        sealed.ok_or(CustodyError::Primitive {
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
        let opened = swept(|| self.0.open(frame_nonce(number, last), aad, sealed));
        opened.ok_or(CustodyError::NotAuthentic { what: "a frame" })
    }
}

impl fmt::Debug for FrameCipher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FrameCipher(..)")
    }
}

/// `last flag ‖ 000000 ‖ number`, the number in eight bytes, big-endian.
fn frame_nonce(number: u64, last: bool) -> [u8; NONCE_LEN] {
    let mut nonce = [0; NONCE_LEN];
    nonce[0] = u8::from(last);
    nonce[4..].copy_from_slice(&number.to_be_bytes());
    nonce
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

    /// The AES-GCM of another maker seals to the same bytes and opens ours.
    #[test]
    fn frames_are_aes_gcm() {
        use aes_gcm::{
            Aes256Gcm,
            aead::{Aead as _, KeyInit as _, Payload},
        };
        let ours = FrameCipher::new(&Secret::take(&mut [3; 32]));
        let theirs = Aes256Gcm::new(&[3; 32].into());
        for length in [0, 1, 15, 16, 17, 1000, 70_000] {
            let plaintext: Vec<u8> = (0..=u8::MAX).cycle().take(length).collect();
            for (number, last) in [(0, false), (5, true), (u64::MAX, false)] {
                let sealed = ours.seal(number, last, b"file", &plaintext).expect("seals");
                let payload = Payload {
                    msg: &plaintext,
                    aad: b"file",
                };
                let nonce = frame_nonce(number, last).into();
                let expected = theirs.encrypt(&nonce, payload).expect("seals");
                assert_eq!(sealed, expected);
                let opened = ours.open(number, last, b"file", &expected).expect("opens");
                assert_eq!(**opened, *plaintext);
            }
        }
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
