//! The 2,048 English words of BIP-39, sorted, each known by its first four letters.

use std::sync::LazyLock;

/// How many words there are: eleven bits choose one.
pub(super) const LENGTH: u16 = 2048;

static WORDS: LazyLock<Vec<&'static str>> =
    LazyLock::new(|| include_str!("english.txt").lines().collect());

pub(super) fn all() -> &'static [&'static str] {
    &WORDS
}

/// The word at a place below [`LENGTH`].
pub(super) fn word(place: u16) -> &'static str {
    WORDS
        .get(usize::from(place))
        .expect("eleven bits choose one of 2,048 words")
}

/// The place of a word.
pub(super) fn place(word: &str) -> Option<u16> {
    let place = WORDS.binary_search(&word).ok()?;
    u16::try_from(place).ok()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use sha2::{Digest as _, Sha256};

    use super::*;

    /// The hash of the list as the standard's repository has it.
    #[test]
    fn the_list_is_the_standards() {
        assert_eq!(
            hex::encode(Sha256::digest(include_bytes!("english.txt"))),
            "2f5eed53a4727b4bf8880d8f3f199efc90e58503646d9ff8eff3a2ed3b24dbda"
        );
        assert_eq!(all().len(), usize::from(LENGTH));
        assert!(all().is_sorted());
        let starts: BTreeSet<&str> = all()
            .iter()
            .map(|word| &word[..word.len().min(4)])
            .collect();
        assert_eq!(starts.len(), all().len());
        for place_there in 0..LENGTH {
            assert_eq!(place(word(place_there)), Some(place_there));
        }
    }
}
