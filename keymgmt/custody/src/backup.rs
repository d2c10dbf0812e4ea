//! The backup key (BK), split among custodians by Shamir's scheme over GF(256).
//!
//! No crate authenticates a share, so each carries set, index, threshold and checksum, and its
//! SHA-256 commitment stands in the ceremony's transcript. A share has 256 bits of entropy: the
//! commitment tells nothing. A combined key counts only when its check value is right.

use std::fmt;

use aws_lc_rs::key_wrap::{AES_256, AesKek, KeyWrap as _};
use getrandom::{SysRng, rand_core::UnwrapErr};
use linker_token::CheckValue;
use sha2::{Digest as _, Sha256};
use vsss_rs::Gf256;
use zeroize::Zeroizing;

use crate::{error::CustodyError, limits::CUSTODIANS_MAX, note::Lines, secret::Secret};

const KIND: &str = "musubi/share/v1";
const COMMITMENT: &[u8] = b"musubi/share-commitment/v1\0";

/// One custodian's share of a backup key.
pub struct Share {
    set: [u8; 8],
    custodian: String,
    index: u8,
    threshold: u8,
    shares: u8,
    value: Secret,
}

impl Share {
    /// Whose share it is.
    #[must_use]
    pub fn custodian(&self) -> &str {
        &self.custodian
    }

    /// SHA-256 over set, index and value, for the transcript.
    #[must_use]
    pub fn commitment(&self) -> [u8; 32] {
        Sha256::new()
            .chain_update(COMMITMENT)
            .chain_update(self.set)
            .chain_update([self.index])
            .chain_update(self.value.expose())
            .finalize()
            .into()
    }

    /// The share as it is handed to its custodian.
    #[must_use]
    pub fn to_text(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(512));
        text.push_str(&self.body());
        let check = hex::encode(&Sha256::digest(text.as_bytes())[..4]);
        text.push_str(&format!("check {check}\n"));
        text
    }

    /// Reads a share back.
    ///
    /// # Errors
    /// [`CustodyError::Malformed`] if anything is damaged.
    pub fn parse(text: &str) -> Result<Self, CustodyError> {
        let what = "a share";
        let mut lines = Lines::new(what, KIND, text)?;
        let share = Self {
            set: lines.hex("set")?,
            custodian: lines.value("custodian")?.to_owned(),
            index: lines.number("index")?,
            threshold: lines.number("threshold")?,
            shares: lines.number("shares")?,
            value: Secret::take(&mut lines.hex("share")?),
        };
        let check: [u8; 4] = lines.hex("check")?;
        let known = Sha256::digest(share.body().as_bytes());
        let good = known.starts_with(&check)
            && (1..=share.shares).contains(&share.index)
            && (2..=share.shares).contains(&share.threshold);
        if !good {
            return Err(lines.refuse("its checksum or its numbers are wrong"));
        }
        lines.finish()?;
        Ok(share)
    }

    fn body(&self) -> Zeroizing<String> {
        let value = Zeroizing::new(hex::encode(self.value.expose()));
        Zeroizing::new(format!(
            "{KIND}\nset {}\ncustodian {}\nindex {}\nthreshold {}\nshares {}\nshare {}\n",
            hex::encode(self.set),
            self.custodian,
            self.index,
            self.threshold,
            self.shares,
            *value,
        ))
    }
}

impl fmt::Debug for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Share({} of {}, ..)", self.index, self.shares)
    }
}

/// Splits a key so that any `threshold` of the custodians can combine it again.
///
/// # Errors
/// [`CustodyError::Malformed`] unless 2 ≤ threshold ≤ custodians, [`CustodyError::TooLarge`].
pub fn split(
    key: &Secret,
    threshold: usize,
    custodians: &[String],
) -> Result<Vec<Share>, CustodyError> {
    let count = custodians.len();
    if count > CUSTODIANS_MAX {
        return Err(CustodyError::TooLarge {
            what: "the number of custodians",
            limit: CUSTODIANS_MAX,
        });
    }
    if !(2..=count).contains(&threshold) {
        return Err(CustodyError::Malformed {
            what: "a quorum",
            rule: "the threshold must be at least 2 and at most the number of custodians",
        });
    }
    let mut set = [0; 8];
    getrandom::fill(&mut set).map_err(|_source| CustodyError::RandomUnavailable)?;
    let failed = || CustodyError::Primitive {
        operation: "split a key",
    };
    let parts = Gf256::split_bytes(threshold, count, key.expose(), UnwrapErr(SysRng));
    let parts = Zeroizing::new(parts.ok().ok_or_else(failed)?);
    let small = |number: usize| u8::try_from(number).ok().ok_or_else(failed);
    let mut shares = Vec::with_capacity(count);
    for (part, custodian) in parts.iter().zip(custodians) {
        let (index, value) = part.split_first().ok_or_else(failed)?;
        shares.push(Share {
            set,
            custodian: custodian.clone(),
            index: *index,
            threshold: small(threshold)?,
            shares: small(count)?,
            value: Secret::take_slice("a share", &mut Zeroizing::new(value.to_vec()))?,
        });
    }
    Ok(shares)
}

/// Combines shares of one set and checks the result.
///
/// # Errors
/// [`CustodyError::Malformed`] for too few, repeated or mixed shares, [`CustodyError::WrongSecret`] if
/// the check value is another.
pub fn combine(shares: &[Share], expected: CheckValue) -> Result<Secret, CustodyError> {
    let refuse = |rule| CustodyError::Malformed {
        what: "a set of shares",
        rule,
    };
    let first = shares.first().ok_or_else(|| refuse("it is empty"))?;
    if shares.iter().any(|share| share.set != first.set) {
        return Err(refuse("its shares come from different sets"));
    }
    if shares.len() < usize::from(first.threshold) {
        return Err(refuse("it has fewer shares than the threshold"));
    }
    let parts: Zeroizing<Vec<Vec<u8>>> = Zeroizing::new(
        shares
            .iter()
            .map(|share| [&[share.index], &share.value.expose()[..]].concat())
            .collect(),
    );
    let combined = Gf256::combine_bytes(&*parts);
    let mut combined = combined.ok().ok_or_else(|| refuse("its shares repeat"))?;
    let key = Secret::take_slice("a combined key", &mut combined)?;
    if check_value(&key)? == expected {
        Ok(key)
    } else {
        Err(CustodyError::WrongSecret {
            what: "the combined key",
        })
    }
}

/// The check value of a wrap-only key: RFC 3394 is deterministic, so wrapping a public constant gives
/// a fingerprint. The first eight bytes of 32 zero bytes wrapped.
///
/// # Errors
/// [`CustodyError::Primitive`].
pub fn check_value(key: &Secret) -> Result<CheckValue, CustodyError> {
    let mut wrapped = [0; 40];
    let done = kek(key)?.wrap(&[0; 32], &mut wrapped);
    done.ok().ok_or(CustodyError::Primitive {
        operation: "wrap a key",
    })?;
    let mut check = [0; 8];
    check.copy_from_slice(&wrapped[..8]);
    Ok(CheckValue(check))
}

/// Opens a backup blob (RFC 3394) in the host: for restore drills, where the secret is compared with
/// its check value and dropped.
///
/// # Errors
/// [`CustodyError::NotAuthentic`] for another key or an altered blob.
pub fn open_blob(key: &Secret, blob: &[u8]) -> Result<Secret, CustodyError> {
    let what = "a backup blob";
    let mut buffer = Zeroizing::new([0; 40]);
    let opened = kek(key)?.unwrap(blob, &mut buffer[..]);
    let opened = opened.ok().ok_or(CustodyError::NotAuthentic { what })?;
    Secret::take_slice(what, opened)
}

fn kek(key: &Secret) -> Result<AesKek, CustodyError> {
    let kek = AesKek::new(&AES_256, key.expose());
    kek.ok().ok_or(CustodyError::Primitive {
        operation: "use an AES key",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(count: usize) -> Vec<String> {
        (0..count)
            .map(|number| format!("custodian-{number}"))
            .collect()
    }

    fn key() -> Secret {
        Secret::take(&mut [0x42; 32])
    }

    #[test]
    fn any_threshold_of_shares_combines_and_fewer_never() {
        let shares = split(&key(), 3, &names(5)).expect("splits");
        let check = check_value(&key()).expect("a check value");
        let pick = |indexes: &[usize]| -> Vec<Share> {
            let again = |index: &usize| Share::parse(&shares[*index].to_text()).expect("parses");
            indexes.iter().map(again).collect()
        };
        for some in [[0, 1, 2], [4, 2, 0], [1, 3, 4]] {
            assert!(combine(&pick(&some), check).expect("combines") == key());
        }
        assert!(combine(&pick(&[0, 1]), check).is_err(), "too few");
        assert!(combine(&pick(&[0, 1, 1]), check).is_err(), "one twice");
        assert!(combine(&[], check).is_err(), "none");
        let others = split(&key(), 3, &names(5)).expect("splits");
        let mut mixed = pick(&[0, 1]);
        mixed.push(Share::parse(&others[2].to_text()).expect("parses"));
        assert!(combine(&mixed, check).is_err(), "mixed sets");
        let wrong = combine(&pick(&[0, 1, 2]), CheckValue([0; 8])).expect_err("another key");
        assert_eq!(wrong.code(), "WRONG_SECRET");
    }

    #[test]
    fn damaged_shares_are_noticed() {
        let shares = split(&key(), 2, &names(2)).expect("splits");
        let text = shares[0].to_text();
        for (place, byte) in text.bytes().enumerate() {
            if byte == b'0' {
                let mut bad = text.as_bytes().to_vec();
                bad[place] = b'1';
                let bad = String::from_utf8(bad).expect("text");
                assert!(Share::parse(&bad).is_err(), "place {place}");
            }
        }
        assert_ne!(shares[0].commitment(), shares[1].commitment());
    }

    #[test]
    fn quorums_have_limits() {
        assert!(split(&key(), 1, &names(3)).is_err());
        assert!(split(&key(), 4, &names(3)).is_err());
        assert!(split(&key(), 2, &names(CUSTODIANS_MAX)).is_ok());
        let refused = split(&key(), 2, &names(CUSTODIANS_MAX + 1)).expect_err("one past");
        assert_eq!(refused.code(), "TOO_LARGE");
    }

    /// RFC 3394 section 4.6: 256 bits of key data with a 256-bit KEK.
    #[test]
    fn blobs_are_rfc_3394() {
        let mut kek = [0; 32];
        let bytes = (0..).zip(&mut kek);
        bytes.for_each(|(number, byte)| *byte = number);
        let blob =
            "28c9f404c4b810f4cbccb35cfb87f8263f5786e2d80ed326cbc7f0e71a99f43bfb988b9b7a02dd21";
        let blob = hex::decode(blob).expect("hexadecimal");
        let opened = open_blob(&Secret::take(&mut kek), &blob).expect("opens");
        let data = "00112233445566778899aabbccddeeff000102030405060708090a0b0c0d0e0f";
        assert_eq!(hex::encode(opened.expose()), data);
        assert_eq!(
            open_blob(&key(), &blob).expect_err("another key").code(),
            "NOT_AUTHENTIC"
        );
    }
}
