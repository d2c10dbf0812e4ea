//! Signed notes (C2SP signed-note): text that people can read, with ECDSA P-256 signature lines.
//!
//! Signature type 0x02: DER signature over the text, key id = first four bytes of
//! SHA-256(SubjectPublicKeyInfo). Every document's text starts with a line that names its kind and
//! version, so a signature cannot be moved to another kind of document.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use sha2::{Digest as _, Sha256};

use crate::{
    error::CustodyError,
    limits::{NOTE_BYTES_MAX, NOTE_SIGNATURE_BYTES_MAX},
    p256,
};

/// What a signature line starts with: an em dash and a blank.
pub(crate) const SIGNATURE_START: &str = "\u{2014} ";
/// Bytes of the key ID in front of a signature.
pub const KEY_ID_BYTES: usize = 4;

/// Signs `text`, which must end with a line end. `sign` gives r ‖ s over a SHA-256 digest, so the key
/// may be in a token.
///
/// # Errors
/// [`CustodyError::Malformed`] for a text or name that notes cannot carry, [`CustodyError::TooLarge`] for
/// a note that nobody would read back, or the signer's error.
pub fn sign(
    text: &str,
    name: &str,
    spki: &[u8],
    sign: impl FnOnce(&[u8; 32]) -> Result<[u8; 64], CustodyError>,
) -> Result<String, CustodyError> {
    check_text(text)?;
    check_name(name)?;
    if text.len() + name.len() + NOTE_SIGNATURE_BYTES_MAX > NOTE_BYTES_MAX {
        return Err(CustodyError::TooLarge {
            what: "a note",
            limit: NOTE_BYTES_MAX,
        });
    }
    let signature = sign(&Sha256::digest(text).into())?;
    let body = [&key_id(spki)[..], &p256::der_of_fixed(&signature)].concat();
    let body = STANDARD.encode(body);
    Ok(format!("{text}\n{SIGNATURE_START}{name} {body}\n"))
}

/// The text of a note that `name` signed with this key. Signatures by others are ignored.
///
/// # Errors
/// [`CustodyError::BadSignature`] if there is no such signature or it does not verify,
/// [`CustodyError::Malformed`] or [`CustodyError::TooLarge`] for something that is no note.
pub fn open<'a>(
    what: &'static str,
    note: &'a str,
    name: &str,
    spki: &[u8],
) -> Result<&'a str, CustodyError> {
    let (text, _) = split(what, note)?;
    let (_, body) = signatures(what, note)?
        .find(|(signer, body)| *signer == name && body.starts_with(&key_id(spki)))
        .ok_or(CustodyError::BadSignature { what })?;
    p256::verify_der(what, spki, text.as_bytes(), &body[KEY_ID_BYTES..])?;
    Ok(text)
}

/// The signature lines of a note: each signer's name with key ID and signature, nothing verified. Lines that
/// do not parse are left out, as the specification wants it of signers that nobody knows.
///
/// # Errors
/// [`CustodyError::Malformed`] or [`CustodyError::TooLarge`].
pub fn signatures<'a>(
    what: &'static str,
    note: &'a str,
) -> Result<impl Iterator<Item = (&'a str, Vec<u8>)>, CustodyError> {
    let (_, signatures) = split(what, note)?;
    Ok(signatures.lines().filter_map(|line| {
        let (name, body) = line.strip_prefix(SIGNATURE_START)?.split_once(' ')?;
        Some((name, STANDARD.decode(body).ok()?))
    }))
}

/// The text of a note before anything is verified: only to learn which key must have signed it.
///
/// # Errors
/// [`CustodyError::Malformed`] or [`CustodyError::TooLarge`].
pub fn unverified_text<'a>(what: &'static str, note: &'a str) -> Result<&'a str, CustodyError> {
    split(what, note).map(|(text, _)| text)
}

fn split<'a>(what: &'static str, note: &'a str) -> Result<(&'a str, &'a str), CustodyError> {
    if note.len() > NOTE_BYTES_MAX {
        return Err(CustodyError::TooLarge {
            what,
            limit: NOTE_BYTES_MAX,
        });
    }
    let end = note.rfind("\n\n").ok_or(CustodyError::Malformed {
        what,
        rule: "it has no signature lines",
    })?;
    let (text, signatures) = (&note[..=end], &note[end + 2..]);
    // A note that lost its last byte is not the note that was signed.
    if !signatures.ends_with('\n') {
        return Err(CustodyError::Malformed {
            what,
            rule: "its last line does not end",
        });
    }
    check_text(text)?;
    Ok((text, signatures))
}

fn check_text(text: &str) -> Result<(), CustodyError> {
    let good = text.ends_with('\n') && !text.contains(|c: char| c.is_control() && c != '\n');
    if good {
        Ok(())
    } else {
        Err(CustodyError::Malformed {
            what: "a note's text",
            rule: "it has control characters or no final line end",
        })
    }
}

pub(crate) fn check_name(name: &str) -> Result<(), CustodyError> {
    let good = !name.is_empty()
        && !name.contains(|c: char| c.is_whitespace() || c.is_control() || c == '+');
    if good {
        Ok(())
    } else {
        Err(CustodyError::Malformed {
            what: "a signer's name",
            rule: "it is empty or has spaces or '+'",
        })
    }
}

fn key_id(spki: &[u8]) -> [u8; KEY_ID_BYTES] {
    let mut id = [0; KEY_ID_BYTES];
    id.copy_from_slice(&Sha256::digest(spki)[..KEY_ID_BYTES]);
    id
}

/// Reads a document's lines `key value` in their fixed order. Everything unexpected is refused.
#[derive(Debug)]
pub(crate) struct Lines<'a> {
    what: &'static str,
    rest: std::iter::Peekable<std::str::Lines<'a>>,
}

impl<'a> Lines<'a> {
    /// Checks the first line, which names kind and version.
    pub(crate) fn new(what: &'static str, kind: &str, text: &'a str) -> Result<Self, CustodyError> {
        let mut rest = text.lines().peekable();
        if rest.next() == Some(kind) {
            Ok(Self { what, rest })
        } else {
            Err(CustodyError::Malformed {
                what,
                rule: "it is of another kind or version",
            })
        }
    }

    pub(crate) fn refuse(&self, rule: &'static str) -> CustodyError {
        CustodyError::Malformed {
            what: self.what,
            rule,
        }
    }

    /// The value of the next line, which must have this key.
    pub(crate) fn value(&mut self, key: &str) -> Result<&'a str, CustodyError> {
        self.optional(key)
            .ok_or_else(|| self.refuse("a line is missing or out of order"))
    }

    /// The value of the next line if it has this key.
    pub(crate) fn optional(&mut self, key: &str) -> Option<&'a str> {
        let value = self.rest.peek()?.strip_prefix(key)?.strip_prefix(' ')?;
        self.rest.next();
        Some(value)
    }

    pub(crate) fn number<N: std::str::FromStr + ToString>(
        &mut self,
        key: &str,
    ) -> Result<N, CustodyError> {
        let text = self.value(key)?;
        parse_number(text).ok_or_else(|| self.refuse("a number does not parse"))
    }

    pub(crate) fn hex<const N: usize>(&mut self, key: &str) -> Result<[u8; N], CustodyError> {
        let text = self.value(key)?;
        parse_hex(text).ok_or_else(|| self.refuse("a hexadecimal value does not parse"))
    }

    pub(crate) fn base64(&mut self, key: &str) -> Result<Vec<u8>, CustodyError> {
        let text = self.value(key)?;
        STANDARD
            .decode(text)
            .ok()
            .ok_or_else(|| self.refuse("a base64 value does not parse"))
    }

    /// The next line, whatever it says.
    pub(crate) fn next_line(&mut self) -> Option<&'a str> {
        self.rest.next()
    }

    pub(crate) fn finish(mut self) -> Result<(), CustodyError> {
        if self.rest.next().is_none() {
            Ok(())
        } else {
            Err(self.refuse("it has lines too many"))
        }
    }
}

/// A number in its one canonical form: no sign, no leading zeros.
pub(crate) fn parse_number<N: std::str::FromStr + ToString>(text: &str) -> Option<N> {
    text.parse::<N>()
        .ok()
        .filter(|number| number.to_string() == text)
}

/// Lower-case hexadecimal of exactly `N` bytes.
pub(crate) fn parse_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    hex::decode_to_slice(text, &mut bytes).ok()?;
    (hex::encode(bytes) == text).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{custody::Custody as _, software::SoftwareCustody};

    fn signed(custody: &SoftwareCustody, name: &str) -> String {
        let spki = custody.audit_public_key();
        sign("kind/v1\nkey value\n", name, spki, |digest| {
            custody.sign_audit(digest)
        })
        .expect("signs")
    }

    #[test]
    fn a_note_opens_for_its_signer_only() {
        let custody = SoftwareCustody::danger_for_tests(1);
        let other = SoftwareCustody::danger_for_tests(2);
        let note = signed(&custody, "one");
        let key = custody.audit_public_key();
        assert_eq!(
            open("a note", &note, "one", key).expect("opens"),
            "kind/v1\nkey value\n"
        );
        assert!(open("a note", &note, "two", key).is_err());
        assert!(open("a note", &note, "one", other.audit_public_key()).is_err());
        assert!(open("a note", &note.replace("value", "valve"), "one", key).is_err());
        assert!(open("a note", "kind/v1\n", "one", key).is_err());
        let long = "x".repeat(NOTE_BYTES_MAX + 1);
        assert_eq!(
            open("a note", &long, "one", key)
                .expect_err("one past")
                .code(),
            "TOO_LARGE"
        );
    }

    #[test]
    fn what_is_signed_can_be_read_back() {
        let custody = SoftwareCustody::danger_for_tests(1);
        let key = custody.audit_public_key();
        let signed = |bytes: usize| {
            let text = format!("{}\n", "x".repeat(bytes - 1));
            sign(&text, "one", key, |digest| custody.sign_audit(digest))
        };
        let most = NOTE_BYTES_MAX - NOTE_SIGNATURE_BYTES_MAX - "one".len();
        let note = signed(most).expect("signs");
        assert!(open("a note", &note, "one", key).is_ok());
        let refused = signed(most + 1).expect_err("one past");
        assert_eq!(refused.code(), "TOO_LARGE");
    }

    #[test]
    fn names_and_texts_that_notes_cannot_carry_are_refused() {
        let never = |_: &[u8; 32]| -> Result<[u8; 64], CustodyError> { panic!("never signed") };
        for (text, name) in [
            ("a", "n"),
            ("a\r\n", "n"),
            ("a\n", ""),
            ("a\n", "n n"),
            ("a\n", "+"),
        ] {
            assert!(sign(text, name, &[], never).is_err(), "{text:?} {name:?}");
        }
    }

    #[test]
    fn lines_are_read_strictly() {
        let mut lines = Lines::new("a note", "k/v1", "k/v1\nn 7\nh 00ff\n").expect("its kind");
        assert_eq!(lines.number::<u32>("n").expect("a number"), 7);
        assert_eq!(lines.hex::<2>("h").expect("hex"), [0, 255]);
        lines.finish().expect("the end");
        assert!(Lines::new("a note", "k/v2", "k/v1\n").is_err());
        assert_eq!(parse_number::<u32>("07"), None);
        assert_eq!(parse_number::<u32>("+7"), None);
        assert_eq!(parse_hex::<1>("FF"), None);
    }
}
