//! Thirty-two secret bytes that wipe themselves.

use std::fmt;

use subtle::ConstantTimeEq as _;
use zeroize::{Zeroize as _, Zeroizing};

use crate::error::CustodyError;

/// A 256-bit secret in host memory. No clone, no printing, constant-time comparison.
///
/// The bytes lie on the heap and stay there: moving a value that holds them itself would leave a copy on
/// the stack at each move, which nobody wipes.
pub struct Secret(Box<Zeroizing<[u8; 32]>>);

impl Secret {
    /// Takes over secret bytes and wipes the source.
    #[must_use]
    pub fn take(bytes: &mut [u8; 32]) -> Self {
        let mut kept = Box::new(Zeroizing::new([0; 32]));
        kept.copy_from_slice(&bytes[..]);
        bytes.zeroize();
        Self(kept)
    }

    /// Takes over secret bytes of any length and wipes the source.
    ///
    /// # Errors
    /// [`CustodyError::Malformed`] if there are not exactly 32.
    pub fn take_slice(what: &'static str, bytes: &mut [u8]) -> Result<Self, CustodyError> {
        let taken = <&mut [u8; 32]>::try_from(&mut *bytes).map(Self::take);
        let taken = taken.ok();
        bytes.zeroize();
        taken.ok_or(CustodyError::Malformed {
            what,
            rule: "it does not hold 32 bytes",
        })
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
        self.expose().ct_eq(other.expose()).into()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}
