//! Thirty-two secret bytes that wipe themselves.

use std::fmt;

use subtle::ConstantTimeEq as _;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::error::CustodyError;

/// A 256-bit secret in host memory. No clone, no printing, constant-time comparison.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct Secret([u8; 32]);

impl Secret {
    /// Takes over secret bytes and wipes the source.
    #[must_use]
    pub fn take(bytes: &mut [u8; 32]) -> Self {
        let secret = Self(*bytes);
        bytes.zeroize();
        secret
    }

    /// Takes over secret bytes of any length and wipes the source.
    ///
    /// # Errors
    /// [`CustodyError::Malformed`] if there are not exactly 32.
    pub fn take_slice(what: &'static str, bytes: &mut [u8]) -> Result<Self, CustodyError> {
        let copied = <[u8; 32]>::try_from(&*bytes);
        bytes.zeroize();
        let mut copied = copied.ok().ok_or(CustodyError::Malformed {
            what,
            rule: "it does not hold 32 bytes",
        })?;
        Ok(Self::take(&mut copied))
    }

    /// A new secret from the operating system's generator.
    ///
    /// # Errors
    /// [`CustodyError::RandomUnavailable`].
    pub fn random() -> Result<Self, CustodyError> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).map_err(|_source| CustodyError::RandomUnavailable)?;
        Ok(Self::take(&mut bytes))
    }

    /// The secret bytes, for the one computation that needs them.
    #[must_use]
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}
