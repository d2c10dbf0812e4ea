//! The backup key (BK), split among custodians by Shamir's scheme over GF(256).
//!
//! No crate authenticates a share, so each carries set, index, threshold and checksum, and its
//! SHA-256 commitment stands in the ceremony's transcript. A share has 256 bits of entropy: the
//! commitment tells nothing. Each share is compared with its commitment before any is combined, so that
//! a wrong one is named; a combined key counts only when its check value is right.

mod share;

use std::collections::BTreeMap;

use aws_lc_rs::key_wrap::{AES_256, AesKek, KeyWrap as _};
use getrandom::{SysRng, rand_core::UnwrapErr};
use linker_token::CheckValue;
use vsss_rs::Gf256;
use zeroize::Zeroizing;

use crate::{
    error::CustodyError,
    limits::{CUSTODIANS_MAX, WRAPPED_KEY_BYTES},
    secret::Secret,
    stack::swept,
};

pub use share::Share;

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
        let value = Secret::take_slice("a share", &mut Zeroizing::new(value.to_vec()))?;
        let (threshold, count) = (small(threshold)?, small(count)?);
        shares.push(Share::from_value(
            set, custodian, *index, threshold, count, value,
        )?);
    }
    Ok(shares)
}

/// Compares a share with the commitment that the transcript holds for its custodian.
///
/// # Errors
/// [`CustodyError::WrongShare`].
pub fn verify_share(share: &Share, commitment: &[u8; 32]) -> Result<(), CustodyError> {
    if share.commitment() == *commitment {
        Ok(())
    } else {
        Err(wrong_share(share))
    }
}

/// Combines shares of one set and checks the result. `commitments` holds what the transcript says of
/// each custodian's share.
///
/// # Errors
/// [`CustodyError::WrongShare`] for the first share that is not what its custodian was given,
/// [`CustodyError::Malformed`] for too few or repeated shares, [`CustodyError::WrongSecret`] if the check
/// value is another.
pub fn combine(
    shares: &[Share],
    expected: CheckValue,
    commitments: &BTreeMap<String, [u8; 32]>,
) -> Result<Secret, CustodyError> {
    let refuse = |rule| CustodyError::Malformed {
        what: "a set of shares",
        rule,
    };
    let first = shares.first().ok_or_else(|| refuse("it is empty"))?;
    for share in shares {
        let commitment = commitments.get(share.custodian());
        verify_share(share, commitment.ok_or_else(|| wrong_share(share))?)?;
    }
    if shares.iter().any(|share| share.set() != first.set()) {
        return Err(refuse("its shares come from different sets"));
    }
    if shares.len() < usize::from(first.threshold()) {
        return Err(refuse("it has fewer shares than the threshold"));
    }
    let parts: Zeroizing<Vec<Vec<u8>>> = Zeroizing::new(
        shares
            .iter()
            .map(|share| [&[share.index()], &share.value().expose()[..]].concat())
            .collect(),
    );
    let combined = Gf256::combine_bytes(&*parts);
    let mut combined = Zeroizing::new(combined.ok().ok_or_else(|| refuse("its shares repeat"))?);
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
    let mut wrapped = [0; WRAPPED_KEY_BYTES];
    let done = swept(|| kek(key)?.wrap(&[0; 32], &mut wrapped).ok());
    done.ok_or(CustodyError::Primitive {
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
    let mut buffer = Zeroizing::new([0; WRAPPED_KEY_BYTES]);
    swept(|| {
        let opened = kek(key)?.unwrap(blob, &mut buffer[..]).ok()?;
        Some(Secret::take_slice(what, opened))
    })
    .ok_or(CustodyError::NotAuthentic { what })?
}

fn wrong_share(share: &Share) -> CustodyError {
    CustodyError::WrongShare {
        custodian: share.custodian().to_owned(),
    }
}

/// Callers wipe the stack: the library expands the key there and leaves it.
fn kek(key: &Secret) -> Option<AesKek> {
    AesKek::new(&AES_256, key.expose()).ok()
}

#[cfg(test)]
mod tests;
