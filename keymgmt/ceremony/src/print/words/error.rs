//! What is wrong with something typed. No variant says what was typed or what would be right.

use std::fmt;

/// Why words or groups are not a value.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum WordsError {
    #[error("word {position} is not on the list")]
    UnknownWord { position: usize, nearest: Nearest },
    #[error("{found} were typed, not {expected}")]
    Count { expected: usize, found: usize },
    #[error("every word is on the list, but together they are not what was printed")]
    Checksum,
    #[error("group {group} is wrong: {rule}")]
    Group { group: usize, rule: &'static str },
    #[error("every group is right by itself, but together they are not what was printed")]
    Groups,
    #[error("these are the words or digits of something else")]
    OtherCheckValue,
    #[error("more was typed than any value has")]
    TooLong,
}

impl WordsError {
    /// What to try.
    pub(crate) fn advice(&self) -> &'static str {
        match self {
            Self::UnknownWord { .. } => "look at that word on the paper again, letter by letter",
            Self::Count { .. } => "count them on the paper: none may be left out or typed twice",
            Self::Checksum => {
                "compare every word with the paper, first those that look alike, then their order"
            }
            Self::Group { .. } => "look at that group and the one before it on the paper again",
            Self::Groups => "compare the order of the groups with the paper",
            Self::OtherCheckValue => "stop: the object on the screen is not the one on the paper",
            Self::TooLong => "type one value only",
        }
    }
}

/// Words of the list that are near to a typed one. They may be part of a secret, so they are shown only to
/// whoever typed it: no message and no debug output has them.
#[derive(PartialEq, Eq)]
pub(crate) struct Nearest([Option<&'static str>; 3]);

impl Nearest {
    pub(super) fn new(words: impl IntoIterator<Item = &'static str>) -> Self {
        let mut nearest = [None; 3];
        for (place, word) in nearest.iter_mut().zip(words) {
            *place = Some(word);
        }
        Self(nearest)
    }

    /// The likeliest first; at most three.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.0.iter().copied().flatten()
    }
}

impl fmt::Debug for Nearest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Nearest(..)")
    }
}
