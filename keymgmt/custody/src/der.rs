//! The few DER shapes (X.690) that keys and signatures need.

use crate::error::CustodyError;

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const SEQUENCE: u8 = 0x30;
/// `AlgorithmIdentifier { rsaEncryption, NULL }` (RFC 3279).
const RSA_ALGORITHM: [u8; 15] = [
    0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00,
];

/// An RSA public key as numbers, big-endian without leading zeros.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RsaNumbers {
    /// The modulus.
    pub(crate) modulus: Vec<u8>,
    /// The public exponent.
    pub(crate) exponent: Vec<u8>,
}

/// `SubjectPublicKeyInfo` of an RSA key.
pub(crate) fn rsa_spki(numbers: &RsaNumbers) -> Vec<u8> {
    let key = sequence(&[unsigned(&numbers.modulus), unsigned(&numbers.exponent)]);
    let bits = tagged(BIT_STRING, &[&[0], &key[..]].concat());
    sequence(&[RSA_ALGORITHM.to_vec(), bits])
}

/// The numbers of an RSA `SubjectPublicKeyInfo`. Only the one canonical encoding is accepted.
///
/// # Errors
/// [`CustodyError::Malformed`].
pub(crate) fn rsa_numbers(what: &'static str, spki: &[u8]) -> Result<RsaNumbers, CustodyError> {
    let malformed = || CustodyError::Malformed {
        what,
        rule: "it is not an RSA public key",
    };
    let body = element(SEQUENCE, spki).ok_or_else(malformed)?.0;
    let bits = body
        .strip_prefix(&RSA_ALGORITHM[..])
        .ok_or_else(malformed)?;
    let key = element(BIT_STRING, bits).ok_or_else(malformed)?.0;
    let key = key.strip_prefix(&[0]).ok_or_else(malformed)?;
    let key = element(SEQUENCE, key).ok_or_else(malformed)?.0;
    let (modulus, rest) = element(INTEGER, key).ok_or_else(malformed)?;
    let (exponent, _) = element(INTEGER, rest).ok_or_else(malformed)?;
    let numbers = RsaNumbers {
        modulus: trimmed(modulus).to_vec(),
        exponent: trimmed(exponent).to_vec(),
    };
    if rsa_spki(&numbers) == spki {
        Ok(numbers)
    } else {
        Err(malformed())
    }
}

/// The content of a DER OCTET STRING: PKCS#11 wraps EC points in one.
pub(crate) fn octet_string(bytes: &[u8]) -> Option<&[u8]> {
    let (content, rest) = element(0x04, bytes)?;
    rest.is_empty().then_some(content)
}

/// A SEQUENCE of parts that are encoded already.
pub(crate) fn sequence(parts: &[Vec<u8>]) -> Vec<u8> {
    tagged(SEQUENCE, &parts.concat())
}

/// A non-negative INTEGER from big-endian bytes.
pub(crate) fn unsigned(bytes: &[u8]) -> Vec<u8> {
    let digits = trimmed(bytes);
    let high = digits.first().is_none_or(|first| first & 0x80 != 0);
    let zero: &[u8] = if high { &[0] } else { &[] };
    tagged(INTEGER, &[zero, digits].concat())
}

fn trimmed(bytes: &[u8]) -> &[u8] {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    &bytes[zeros..]
}

fn tagged(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len().to_be_bytes();
    let digits = trimmed(&length);
    let mut out = vec![tag];
    match (digits, content.len()) {
        (_, short @ 0..0x80) => out.push(u8::try_from(short).expect("below 0x80")),
        (digits, _) => {
            out.push(0x80 | u8::try_from(digits.len()).expect("a length has at most 8 digits"));
            out.extend_from_slice(digits);
        }
    }
    out.extend_from_slice(content);
    out
}

/// Content and rest of an element with this tag. Lengths of up to two bytes occur here.
fn element(tag: u8, bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&found, rest) = bytes.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        short @ 0..=0x7f => (usize::from(short), rest),
        0x81 => rest
            .split_first()
            .map(|(one, rest)| (usize::from(*one), rest))?,
        0x82 => rest
            .split_first_chunk::<2>()
            .map(|(two, rest)| (usize::from(u16::from_be_bytes(*two)), rest))?,
        _ => return None,
    };
    (found == tag).then_some(())?;
    rest.split_at_checked(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rsa_keys_round_trip_and_only_canonically() {
        let numbers = RsaNumbers {
            modulus: vec![0xa5; 384],
            exponent: vec![1, 0, 1],
        };
        let spki = rsa_spki(&numbers);
        assert_eq!(spki.len(), 422);
        assert_eq!(rsa_numbers("a key", &spki).expect("parses"), numbers);
        for length in 0..spki.len() {
            assert!(
                rsa_numbers("a key", &spki[..length]).is_err(),
                "cut to {length}"
            );
        }
        let longer = [&spki[..], &[0]].concat();
        assert!(rsa_numbers("a key", &longer).is_err());
    }

    #[test]
    fn integers_have_a_sign_bit() {
        assert_eq!(unsigned(&[0, 0x80]), [2, 2, 0, 0x80]);
        assert_eq!(unsigned(&[0, 0x7f]), [2, 1, 0x7f]);
        assert_eq!(unsigned(&[0]), [2, 1, 0]);
        assert_eq!(octet_string(&[4, 1, 9]), Some(&[9][..]));
        assert_eq!(octet_string(&[4, 1, 9, 9]), None);
    }
}
