//! Pseudonyms: what a project sees instead of a research ID.

use hmac::{Hmac, KeyInit as _, Mac as _};
use keymgmt_custody::Secret;
use sha2::Sha256;

/// Crockford's base 32: no I, L, O or U, so that a pseudonym survives being read aloud.
const ALPHABET: [u8; 32] = *b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// Bits of a pseudonym. Among 10^8 persons two share one with a
/// probability of 10^16 / 2^101, or 4·10^-15.
const BITS: usize = 100;
/// Characters that carry the pseudonym, five bits each.
const BODY: usize = BITS / 5;
/// Characters with the check character.
pub const LENGTH: usize = BODY + 1;

/// The pseudonym of one person in one project: the first 100 bits of HMAC-SHA-256 under the
/// project's key, then zeros.
///
/// # Panics
/// Never: HMAC takes keys of any length.
#[must_use]
pub fn pseudonym(key: &Secret, research_id: &[u8; 16]) -> [u8; 16] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.expose()).expect("HMAC takes any key length");
    mac.update(research_id);
    let digest: [u8; 32] = mac.finalize().into_bytes().into();
    let mut value = [0; 16];
    value[..BITS / 8].copy_from_slice(&digest[..BITS / 8]);
    value[BITS / 8] = digest[BITS / 8] & 0xf0;
    value
}

/// The pseudonym as people see it: 20 characters and a check character.
#[must_use]
pub fn text(value: &[u8; 16]) -> String {
    let mut text = String::with_capacity(LENGTH);
    let bits = u128::from_be_bytes(*value);
    for at in 0..BODY {
        let digit = (bits >> (123 - 5 * at)) & 31;
        text.push(char::from(ALPHABET[usize::try_from(digit).unwrap_or(0)]));
    }
    text.push(check_character(&text));
    text
}

/// Whether `text` has the shape of a pseudonym and its check character fits.
#[must_use]
pub fn is_valid(text: &str) -> bool {
    text.len() == LENGTH
        && text.is_ascii()
        && text.bytes().take(BODY).all(|byte| ALPHABET.contains(&byte))
        && text.chars().last() == text.get(..BODY).map(check_character)
}

/// ISO 7064 MOD 37,36: finds every single wrong character and nearly all swaps of neighbours.
fn check_character(body: &str) -> char {
    let mut product = 36;
    for byte in body.bytes() {
        let mut sum = (product + value(byte)) % 36;
        if sum == 0 {
            sum = 36;
        }
        product = sum * 2 % 37;
    }
    let check = (37 - product) % 36;
    char::from_digit(check, 36).map_or('0', |digit| digit.to_ascii_uppercase())
}

/// 0 to 9, then A to Z.
fn value(byte: u8) -> u32 {
    char::from(byte).to_digit(36).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_check_character_is_the_standards() {
        // The example of ISO 7064 as used by the Global Release Identifier: A1-2425GABC1234002-M.
        assert_eq!(check_character("A12425GABC1234002"), 'M');
    }

    #[test]
    fn a_changed_character_is_found() {
        let written = text(&pseudonym(&Secret::take(&mut [7; 32]), &[9; 16]));
        assert_eq!(written.len(), LENGTH);
        assert!(is_valid(&written));
        for at in 0..BODY {
            for &other in &ALPHABET {
                let mut changed = written.clone().into_bytes();
                if changed[at] != other {
                    changed[at] = other;
                    assert!(!is_valid(&String::from_utf8(changed).expect("ASCII")));
                }
            }
        }
    }

    #[test]
    fn text_is_base_32_of_the_value() {
        let mut value = [0; 16];
        assert_eq!(text(&value)[..BODY], *"00000000000000000000");
        value[0] = 0b0000_1000;
        value[12] = 0xf0;
        assert_eq!(text(&value)[..BODY], *"1000000000000000000F");
    }

    #[test]
    fn projects_cannot_be_joined() {
        let one = pseudonym(&Secret::take(&mut [1; 32]), &[9; 16]);
        let two = pseudonym(&Secret::take(&mut [2; 32]), &[9; 16]);
        assert_ne!(one, two);
        assert_eq!(one, pseudonym(&Secret::take(&mut [1; 32]), &[9; 16]));
        assert_eq!(one[12] & 0x0f, 0);
        assert_eq!(one[13..], [0; 3]);
    }
}
