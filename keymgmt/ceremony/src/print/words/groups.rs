//! Decimal groups: four digits and a check digit, twenty times.
//!
//! The value and a checksum of it are one number, `value + c * 2^256` with `c` below 863, written with 80
//! decimal digits: 863 * 2^256 is 9.99 * 10^79. So all 80 digits are used, and `c` sees what check digits
//! cannot: two groups exchanged, both right by themselves.
//!
//! The check digit of a group is Damm's, whose table is a quasigroup: every wrong digit and every two
//! neighbours exchanged are found. It starts from the group's place (modulo ten) instead of zero, so a
//! group left out or written in another row is found where it happens. ISO 7064 MOD 11,10 finds wrong
//! digits as surely, but lets a few exchanged neighbours through.

use keymgmt_custody::secret::Secret;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::{error::WordsError, plain, separates};

/// Groups of a 256-bit value.
pub(crate) const GROUPS: usize = 20;
/// Digits of a group, the last of which checks the others.
pub(super) const DIGITS: usize = 5;
/// What the four digits of a group count to.
const BASE: u32 = 10_000;
/// The largest prime for which value and checksum fit into 80 digits.
const CHECK_MODULUS: u64 = 863;
/// The value's 32 bytes and two in front of them for the checksum.
const BUFFER: usize = 34;
const DOMAIN: &[u8] = b"musubi/groups/v1\0";

/// Damm's table: totally anti-symmetric, zero on its diagonal.
const DAMM: [[u8; 10]; 10] = [
    [0, 3, 1, 7, 5, 9, 8, 6, 4, 2],
    [7, 0, 9, 2, 1, 5, 4, 8, 6, 3],
    [4, 2, 0, 6, 8, 7, 1, 3, 5, 9],
    [1, 7, 5, 0, 9, 8, 3, 4, 2, 6],
    [6, 1, 2, 3, 0, 4, 5, 9, 7, 8],
    [3, 6, 7, 4, 2, 0, 9, 5, 8, 1],
    [5, 8, 6, 9, 7, 2, 0, 1, 3, 4],
    [8, 9, 4, 5, 3, 6, 2, 0, 1, 7],
    [9, 4, 3, 8, 6, 1, 7, 2, 0, 5],
    [2, 5, 8, 1, 4, 3, 6, 7, 9, 0],
];

/// The groups of a value with a space between them.
pub(crate) fn to_groups(value: &[u8; 32]) -> Zeroizing<String> {
    let mut number = Zeroizing::new([0; BUFFER]);
    number[..2].copy_from_slice(&checksum(value).to_be_bytes());
    number[2..].copy_from_slice(value);
    let mut parts = Zeroizing::new([0_u32; GROUPS]);
    for part in parts.iter_mut().rev() {
        *part = divide(&mut *number);
    }
    written(&*parts)
}

/// Reads groups back. Full-width digits and what stands between groups do not matter.
///
/// # Errors
/// [`WordsError::Group`] names the first group that is wrong.
pub(crate) fn from_groups(typed: &str) -> Result<Secret, WordsError> {
    let mut number = Zeroizing::new([0; BUFFER]);
    let mut parts = Zeroizing::new([0_u32; GROUPS]);
    read(typed, &mut *parts)?;
    for part in parts.iter() {
        multiply_and_add(&mut *number, *part);
    }
    let mut value = Zeroizing::new([0; 32]);
    value.copy_from_slice(&number[2..]);
    if number[..2] == checksum(&value).to_be_bytes() {
        Ok(Secret::take(&mut value))
    } else {
        Err(WordsError::Groups)
    }
}

/// The groups of a text one by one, for a sheet that numbers them.
pub(crate) fn groups_of(text: &str) -> impl Iterator<Item = &str> {
    text.split(' ')
}

/// Numbers below [`BASE`] as groups, each with the check digit of its place.
pub(super) fn written(parts: &[u32]) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(parts.len() * (DIGITS + 1)));
    for (place, part) in parts.iter().enumerate() {
        if place > 0 {
            text.push(' ');
        }
        let mut state = start(place);
        for power in [1000, 100, 10, 1] {
            let digit = part / power % 10;
            state = DAMM[state][usize::try_from(digit).expect("a digit is small")].into();
            text.push(char::from_digit(digit, 10).expect("a digit is below ten"));
        }
        text.push(char::from_digit(closing(state), 10).expect("a digit is below ten"));
    }
    text
}

/// Reads as many groups as there are parts. A text without any separator is cut after every fifth digit.
pub(super) fn read(typed: &str, parts: &mut [u32]) -> Result<(), WordsError> {
    let typed = plain(typed)?;
    let whole = typed.trim();
    let cut = whole.len() == parts.len() * DIGITS && whole.bytes().all(|b| b.is_ascii_digit());
    let mut found = 0;
    let mut take = |group: &str| {
        let part = check(found, group)?;
        if let Some(place) = parts.get_mut(found) {
            *place = part;
        }
        found += 1;
        Ok(())
    };
    if cut {
        for start in (0..whole.len()).step_by(DIGITS) {
            take(&whole[start..start + DIGITS])?;
        }
    } else {
        for group in whole.split(separates).filter(|group| !group.is_empty()) {
            take(group)?;
        }
    }
    if found == parts.len() {
        Ok(())
    } else {
        Err(WordsError::Count {
            expected: parts.len(),
            found,
        })
    }
}

/// The number of a group, if it is one and stands in its place.
fn check(place: usize, group: &str) -> Result<u32, WordsError> {
    let wrong = |rule| WordsError::Group {
        group: place + 1,
        rule,
    };
    let mut state = start(place);
    let mut number = 0;
    let mut digits = 0;
    for character in group.chars() {
        let digit = character.to_digit(10);
        let digit = digit.ok_or_else(|| wrong("it has something else than digits"))?;
        state = DAMM[state][usize::try_from(digit).expect("a digit is small")].into();
        digits += 1;
        if digits < DIGITS {
            number = number * 10 + digit;
        }
    }
    if digits != DIGITS {
        Err(wrong("it does not have five digits"))
    } else if state != 0 {
        Err(wrong("its check digit does not fit"))
    } else {
        Ok(number)
    }
}

/// Where the check digit of a place starts.
fn start(place: usize) -> usize {
    (place + 1) % 10
}

/// The digit that brings a state back to zero: the table has zeros on its diagonal.
fn closing(state: usize) -> u32 {
    u32::try_from(state).expect("a state is below ten")
}

fn checksum(value: &[u8; 32]) -> u16 {
    let digest = Sha256::new().chain_update(DOMAIN).chain_update(value);
    let mut first = [0; 8];
    first.copy_from_slice(&digest.finalize()[..8]);
    let rest = u64::from_be_bytes(first) % CHECK_MODULUS;
    u16::try_from(rest).expect("863 fits in sixteen bits")
}

/// Divides a number by [`BASE`] in place; the rest.
fn divide(number: &mut [u8]) -> u32 {
    let mut rest = 0;
    for byte in number {
        let part = rest * 256 + u32::from(*byte);
        *byte = u8::try_from(part / BASE).expect("the rest is below the divisor");
        rest = part % BASE;
    }
    rest
}

/// Multiplies a number by [`BASE`] in place and adds. Twenty groups never overflow 34 bytes:
/// 10^80 is below 2^266.
fn multiply_and_add(number: &mut [u8], more: u32) {
    let mut carry = more;
    for byte in number.iter_mut().rev() {
        let part = u32::from(*byte) * BASE + carry;
        *byte = part.to_le_bytes()[0];
        carry = part >> 8;
    }
}
