//! Check values in short, to be read aloud and to be typed instead of "y".
//!
//! A short form tells objects apart and stops a wrong hand; it proves nothing to anybody who could make
//! keys until one fits (33 bits of words). The whole check value is in the inventory and the transcript.

use zeroize::Zeroizing;

use super::{WordsError, groups, list, near, plain, separates};

/// Words of a short form: the first 33 bits.
const WORDS: usize = 3;
/// Groups of a short form: the first 39 bits, which are below 10^12.
const GROUPS: usize = 3;

/// The first 33 bits of a check value as three words.
pub(crate) fn check_words(value: &[u8; 8]) -> [&'static str; WORDS] {
    let bits = u64::from_be_bytes(*value);
    [53, 42, 31].map(|shift| {
        let place = u16::try_from((bits >> shift) & 0x7ff).expect("eleven bits fit in sixteen");
        list::word(place)
    })
}

/// The first 39 bits of a check value as three groups of four digits and a check digit.
pub(crate) fn check_groups(value: &[u8; 8]) -> String {
    let number = u64::from_be_bytes(*value) >> 25;
    let parts = [100_000_000, 10_000, 1].map(|power: u64| {
        u32::try_from(number / power % 10_000).expect("four digits fit in 32 bits")
    });
    String::clone(&groups::written(&parts))
}

/// Whether somebody typed the words or the digits of this check value, and not those of another.
///
/// # Errors
/// [`WordsError`]; a word that is not on the list and a group whose check digit does not fit are named,
/// so that a slip is told from the wrong object.
pub(crate) fn confirm_check(typed: &str, value: &[u8; 8]) -> Result<(), WordsError> {
    let text = plain(typed)?;
    let same = if text
        .trim_start()
        .starts_with(|first: char| first.is_ascii_digit())
    {
        let mut parts = Zeroizing::new([0; GROUPS]);
        groups::read(&text, &mut *parts)?;
        *groups::written(&*parts) == check_groups(value)
    } else {
        typed_words(&text)? == check_words(value)
    };
    if same {
        Ok(())
    } else {
        Err(WordsError::OtherCheckValue)
    }
}

fn typed_words(text: &str) -> Result<[&'static str; WORDS], WordsError> {
    let mut words = [""; WORDS];
    let mut found = 0;
    for word in text.split(separates).filter(|word| !word.is_empty()) {
        found += 1;
        let place = list::place(word).ok_or_else(|| WordsError::UnknownWord {
            position: found,
            nearest: near::nearest(word),
        })?;
        if let Some(slot) = words.get_mut(found - 1) {
            *slot = list::word(place);
        }
    }
    if found == WORDS {
        Ok(words)
    } else {
        Err(WordsError::Count {
            expected: WORDS,
            found,
        })
    }
}
