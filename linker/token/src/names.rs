//! Names and numbers that both sides of the trust boundary use. Parsed once, then trusted.

use std::fmt;

use crate::{error::TokenError, limits};

/// Checks a name: 1 to 32 characters from `a-z 0-9 -`, starting with a letter.
fn parse_name(text: &str, what: &'static str) -> Result<String, TokenError> {
    let good = text.len() <= limits::NAME_BYTES_MAX
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if good {
        Ok(text.to_owned())
    } else {
        Err(TokenError::Name { what })
    }
}

macro_rules! name {
    ($(#[$doc:meta])* $type:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $type(String);

        impl $type {
            /// Parses a name.
            ///
            /// # Errors
            /// [`TokenError::Name`] if it is empty, too long or has other characters.
            pub fn parse(text: &str) -> Result<Self, TokenError> {
                parse_name(text, $what).map(Self)
            }

            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name!(
    /// The organisation that runs a tokenizer.
    SiteId,
    "a site name"
);
name!(
    /// A linkage project. Keys, epochs and pseudonyms belong to one project.
    ProjectId,
    "a project name"
);

/// The period in which one encoding secret is valid. Tokens of different epochs are never compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Epoch(pub u32);

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// SHA-256 of a schema's canonical form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SchemaDigest(pub [u8; 32]);

impl fmt::Display for SchemaDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Public fingerprint of a secret key: the first eight bytes of its HMAC over a fixed block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CheckValue(pub [u8; 8]);

impl fmt::Display for CheckValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// A site's opaque name for one record. The processing tier holds the same one.
///
/// It says nothing about the person, but it is personal all the same: `Debug` hides it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordRef(pub [u8; limits::REFERENCE_BYTES]);

impl fmt::Debug for RecordRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecordRef(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_parsed_at_their_limits() {
        assert!(SiteId::parse(&"a".repeat(32)).is_ok());
        for bad in ["", "A", "1a", "a_b", "a b", "あ", "../x", &"a".repeat(33)] {
            assert!(SiteId::parse(bad).is_err(), "{bad:?} must be refused");
        }
    }

    #[test]
    fn references_are_not_printed() {
        assert_eq!(format!("{:?}", RecordRef([7; 16])), "RecordRef(..)");
    }
}
