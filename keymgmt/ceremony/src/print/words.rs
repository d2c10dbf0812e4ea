//! Secret values as people write, read aloud and type them.
//!
//! Two forms, both whole: 24 English words, and 20 groups of five decimal digits. Words are those of
//! BIP-39 with its checksum, so that any other implementation of that standard reads them. Digits are for
//! rooms where English words are hard to hear: each group names itself when it is wrong.
//!
//! The word list is that of BIP-39 (bitcoin/bips, MIT licence), unchanged: a test holds its SHA-256.

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "all forms of values are made from references, so that no copy of a secret is"
)]
mod check;
mod error;
mod groups;
mod list;
mod near;
#[cfg(test)]
mod tests;

use keymgmt_custody::secret::Secret;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

pub(crate) use self::{
    check::{check_groups, check_words, confirm_check},
    error::WordsError,
    groups::{from_groups, groups_of, to_groups},
};

/// Words of a 256-bit value: 256 bits and 8 of checksum, 11 bits a word.
pub(crate) const WORDS: usize = 24;
/// 33 bytes of bits, and two that a window of three bytes may touch behind them.
const BUFFER: usize = 35;
const BITS: usize = 11;

/// The words of one value. Places in the list, not text: they wipe themselves.
pub(crate) struct Words(Zeroizing<[u16; WORDS]>);

impl Words {
    /// The words in their order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.0.iter().map(|place| list::word(*place))
    }

    /// The words with a space between them, as [`from_words`] reads them.
    pub(crate) fn text(&self) -> Zeroizing<String> {
        // 24 words of at most 8 letters and their spaces: never moved, so no copy is left behind.
        let mut text = Zeroizing::new(String::with_capacity(WORDS * 9));
        for (number, word) in self.iter().enumerate() {
            if number > 0 {
                text.push(' ');
            }
            text.push_str(word);
        }
        text
    }
}

/// The 24 words of a value.
pub(crate) fn to_words(value: &[u8; 32]) -> Words {
    let mut bytes = Zeroizing::new([0; BUFFER]);
    bytes[..32].copy_from_slice(value);
    bytes[32] = checksum(value);
    let mut places = Zeroizing::new([0; WORDS]);
    for (number, place) in places.iter_mut().enumerate() {
        *place = bits_at(&*bytes, number * BITS);
    }
    Words(places)
}

/// Reads 24 words back. Case, full-width letters and the number of spaces do not matter.
///
/// # Errors
/// [`WordsError::UnknownWord`] names the first place that holds no word of the list;
/// [`WordsError::Checksum`] if all are words, but not those of one value (8 bits: one wrong word in 256
/// passes, and then the share's commitment differs).
pub(crate) fn from_words(typed: &str) -> Result<Secret, WordsError> {
    let places = read(typed)?;
    value_of(&places).ok_or(WordsError::Checksum)
}

/// Which word of 24 is not the right one, found by trying every other word in each place until `right`
/// accepts the value (a share has a published commitment, so its verification can be asked). At most
/// 24 * 2,047 tries, of which the checksum lets one in 256 through. `None` if another number of words is
/// wrong than one.
pub(crate) fn wrong_word(typed: &str, right: impl Fn(&Secret) -> bool) -> Option<usize> {
    let given = read(typed).ok()?;
    for number in 0..WORDS {
        let mut tried = given.clone();
        for other in (0..list::LENGTH).filter(|other| *other != given[number]) {
            tried[number] = other;
            if value_of(&tried).is_some_and(|value| right(&value)) {
                return Some(number + 1);
            }
        }
    }
    None
}

/// The places of typed words in the list.
fn read(typed: &str) -> Result<Zeroizing<[u16; WORDS]>, WordsError> {
    let typed = plain(typed)?;
    let mut places = Zeroizing::new([0; WORDS]);
    let mut found = 0;
    for word in typed.split(separates).filter(|word| !word.is_empty()) {
        let place = list::place(word).ok_or_else(|| WordsError::UnknownWord {
            position: found + 1,
            nearest: near::nearest(word),
        })?;
        if let Some(slot) = places.get_mut(found) {
            *slot = place;
        }
        found += 1;
    }
    if found == WORDS {
        Ok(places)
    } else {
        Err(WordsError::Count {
            expected: WORDS,
            found,
        })
    }
}

/// The value of 24 words if their checksum is right.
fn value_of(places: &[u16; WORDS]) -> Option<Secret> {
    let mut bytes = Zeroizing::new([0; BUFFER]);
    for (number, place) in places.iter().enumerate() {
        put_bits(&mut *bytes, number * BITS, *place);
    }
    let mut value = Zeroizing::new([0; 32]);
    value.copy_from_slice(&bytes[..32]);
    (bytes[32] == checksum(&value)).then(|| Secret::take(&mut value))
}

fn checksum(value: &[u8; 32]) -> u8 {
    Sha256::digest(value)[0]
}

/// Eleven bits from a place on.
fn bits_at(bytes: &[u8], place: usize) -> u16 {
    let start = place / 8;
    let window = u32::from_be_bytes([0, bytes[start], bytes[start + 1], bytes[start + 2]]);
    let bits = (window >> (24 - BITS - place % 8)) & 0x7ff;
    u16::try_from(bits).expect("eleven bits fit in sixteen")
}

fn put_bits(bytes: &mut [u8], place: usize, bits: u16) {
    let start = place / 8;
    let window = (u32::from(bits) << (24 - BITS - place % 8)).to_be_bytes();
    for (byte, new) in bytes[start..].iter_mut().zip(&window[1..]) {
        *byte |= new;
    }
}

/// What was typed, in small ASCII letters and digits: an input method for Japanese writes the full-width
/// forms, and they look the same to the person who typed them.
fn plain(typed: &str) -> Result<Zeroizing<String>, WordsError> {
    if typed.len() > crate::limits::TYPED_BYTES_MAX {
        return Err(WordsError::TooLong);
    }
    let mut text = Zeroizing::new(String::with_capacity(typed.len()));
    for character in typed.chars() {
        let narrow = match u32::from(character) {
            code @ 0xff01..=0xff5e => char::from_u32(code - 0xfee0).unwrap_or(character),
            _ => character,
        };
        text.push(narrow.to_ascii_lowercase());
    }
    Ok(text)
}

/// What stands between words and between groups.
fn separates(character: char) -> bool {
    character.is_whitespace() || matches!(character, ',' | '-' | '.' | '、' | '。' | '・' | '−')
}
