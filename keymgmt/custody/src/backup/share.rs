//! One custodian's share: its fields, its commitment, its text.

use std::fmt::{self, Write as _};

use linker_token::limits::NAME_BYTES_MAX;
use sha2::{Digest as _, Sha256};
use zeroize::{Zeroize as _, Zeroizing};

use crate::{error::CustodyError, limits::CUSTODIANS_MAX, note::Lines, secret::Secret};

const WHAT: &str = "a share";
const KIND: &str = "musubi/share/v1";
const COMMITMENT: &[u8] = b"musubi/share-commitment/v1\0";
/// Bytes of a share's text without the custodian's name: the first line, five keys, 16 + 3 · 3 + 64 + 8
/// characters of values, line ends. 150 rounded up, so that the text never grows into a second buffer
/// and leaves the first one behind unwiped.
const TEXT_BYTES: usize = 256;

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
    /// A share from its parts, as they are typed in from a printed sheet.
    ///
    /// # Errors
    /// [`CustodyError::Malformed`] unless 1 ≤ index ≤ shares and 2 ≤ threshold ≤ shares, with a name for
    /// the custodian.
    pub fn from_value(
        set: [u8; 8],
        custodian: &str,
        index: u8,
        threshold: u8,
        shares: u8,
        value: Secret,
    ) -> Result<Self, CustodyError> {
        let named = (1..=NAME_BYTES_MAX).contains(&custodian.len())
            && !custodian.contains(char::is_control);
        let good = named
            && usize::from(shares) <= CUSTODIANS_MAX
            && (1..=shares).contains(&index)
            && (2..=shares).contains(&threshold);
        if !good {
            return Err(CustodyError::Malformed {
                what: WHAT,
                rule: "its custodian's name or its numbers are impossible",
            });
        }
        Ok(Self {
            set,
            custodian: custodian.to_owned(),
            index,
            threshold,
            shares,
            value,
        })
    }

    /// Which split it comes from: random, the same for all shares of one split.
    #[must_use]
    pub fn set(&self) -> [u8; 8] {
        self.set
    }

    /// Whose share it is.
    #[must_use]
    pub fn custodian(&self) -> &str {
        &self.custodian
    }

    /// The point of the polynomial, from 1.
    #[must_use]
    pub fn index(&self) -> u8 {
        self.index
    }

    /// How many shares combine.
    #[must_use]
    pub fn threshold(&self) -> u8 {
        self.threshold
    }

    /// How many shares there are.
    #[must_use]
    pub fn shares(&self) -> u8 {
        self.shares
    }

    /// The secret part, for the printed sheet and nothing else.
    #[must_use]
    pub fn value(&self) -> &Secret {
        &self.value
    }

    /// SHA-256 over set, index and value, for the transcript.
    #[must_use]
    pub fn commitment(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update(COMMITMENT);
        hash.update(self.set);
        hash.update([self.index]);
        hash.update(self.value.expose());
        hash.finalize_reset().into()
    }

    /// The share as it is handed to its custodian.
    #[must_use]
    pub fn to_text(&self) -> Zeroizing<String> {
        let mut text = self.body();
        let check = hex::encode(&Sha256::digest(text.as_bytes())[..4]);
        text.push_str("check ");
        text.push_str(&check);
        text.push('\n');
        text
    }

    /// Reads a share back.
    ///
    /// # Errors
    /// [`CustodyError::Malformed`] if anything is damaged.
    pub fn parse(text: &str) -> Result<Self, CustodyError> {
        let mut lines = Lines::new(WHAT, KIND, text)?;
        let set = lines.hex("set")?;
        let custodian = lines.value("custodian")?;
        let index = lines.number("index")?;
        let threshold = lines.number("threshold")?;
        let shares = lines.number("shares")?;
        let value = secret_of_hex(lines.value("share")?)
            .ok_or_else(|| lines.refuse("a hexadecimal value does not parse"))?;
        let share = Self::from_value(set, custodian, index, threshold, shares, value)?;
        let check: [u8; 4] = lines.hex("check")?;
        let known = Sha256::digest(share.body().as_bytes());
        if !known.starts_with(&check) {
            return Err(lines.refuse("its checksum is wrong"));
        }
        lines.finish()?;
        Ok(share)
    }

    fn body(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(TEXT_BYTES + self.custodian.len()));
        let written = write!(
            text,
            "{KIND}\nset {}\ncustodian {}\nindex {}\nthreshold {}\nshares {}\nshare ",
            hex::encode(self.set),
            self.custodian,
            self.index,
            self.threshold,
            self.shares,
        );
        written.expect("a text takes what is written");
        let mut value = Zeroizing::new([0; 64]);
        hex::encode_to_slice(self.value.expose(), &mut value[..]).expect("64 digits for 32 bytes");
        text.push_str(str::from_utf8(&value[..]).expect("digits are text"));
        text.push('\n');
        text
    }
}

impl fmt::Debug for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Share({} of {}, ..)", self.index, self.shares)
    }
}

/// Lower-case hexadecimal of 32 bytes, without a second copy of the digits.
fn secret_of_hex(text: &str) -> Option<Secret> {
    let canonical = text
        .bytes()
        .all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
    let mut bytes = [0; 32];
    let decoded = hex::decode_to_slice(text, &mut bytes);
    let secret = (canonical && decoded.is_ok()).then(|| Secret::take(&mut bytes));
    bytes.zeroize();
    secret
}
