//! How counts of people are shown: those below a limit are not, in any form of a report.
//!
//! "2 records with an unknown sex" can be two people whom somebody knows. A hidden count must not follow
//! from the others by subtraction, so beside a hidden part of one whole all its other parts are rounded.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::limits::SHOWN_COUNT_MIN;
pub use crate::say::grouped;

/// A count as it is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// As it is.
    Exactly(u64),
    /// It is not zero, and below this limit.
    Below(u64),
    /// Rounded to tens.
    About(u64),
}

impl Shown {
    /// A count that stands alone.
    #[must_use]
    pub fn of(count: u64) -> Self {
        if count == 0 || count >= SHOWN_COUNT_MIN {
            Self::Exactly(count)
        } else {
            Self::Below(SHOWN_COUNT_MIN)
        }
    }

    /// The parts of one whole, whose sum is known to the reader.
    #[must_use]
    pub fn parts<const N: usize>(counts: [u64; N]) -> [Self; N] {
        let hides = counts.iter().any(|&count| Self::of(count).is_hidden());
        counts.map(|count| match Self::of(count) {
            Self::Exactly(count) if hides && count > 0 => {
                let tens = (count + SHOWN_COUNT_MIN / 2) / SHOWN_COUNT_MIN;
                Self::About(tens * SHOWN_COUNT_MIN)
            }
            small @ (Self::Exactly(_) | Self::Below(_) | Self::About(_)) => small,
        })
    }

    /// The same for any number of parts.
    #[must_use]
    pub fn all(counts: &[u64]) -> Vec<Self> {
        let hides = counts.iter().any(|&count| Self::of(count).is_hidden());
        let hide = |&count: &u64| {
            if hides {
                // Beside a count of one, which is hidden.
                Self::parts([count, 1])[0]
            } else {
                Self::of(count)
            }
        };
        counts.iter().map(hide).collect()
    }

    /// Whether it is not shown.
    #[must_use]
    pub fn is_hidden(self) -> bool {
        matches!(self, Self::Below(_))
    }

    /// What a bar of a chart is drawn for.
    #[must_use]
    pub fn height(self) -> u64 {
        match self {
            Self::Exactly(count) | Self::About(count) => count,
            Self::Below(limit) => limit / 2,
        }
    }

    /// Its share of a whole in percent, with one figure after the point; `-` of nothing.
    #[must_use]
    pub fn percent(self, whole: u64) -> String {
        if whole == 0 {
            return "-".to_owned();
        }
        match self {
            Self::Exactly(0) => "0.0%".to_owned(),
            Self::Exactly(count) | Self::About(count) => percent(count.min(whole), whole),
            // Rounded up: less than nothing would be none.
            Self::Below(limit) => {
                let permille = (1000 * limit.min(whole)).div_ceil(whole);
                format!("<{}", percent(permille, 1000))
            }
        }
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exactly(count) => f.write_str(&grouped(*count)),
            Self::Below(limit) => write!(f, "<{limit}"),
            Self::About(count) => write!(f, "~{}", grouped(*count)),
        }
    }
}

/// A number where it is shown as it is, otherwise a text: `"<10"` or `"~120"`.
impl Serialize for Shown {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Exactly(count) => serializer.serialize_u64(*count),
            Self::Below(limit) => serializer.collect_str(&format_args!("<{limit}")),
            Self::About(count) => serializer.collect_str(&format_args!("~{count}")),
        }
    }
}

/// Thousandths of a whole, rounded.
#[must_use]
pub fn permille(count: u64, whole: u64) -> u64 {
    let (count, whole) = (u128::from(count), u128::from(whole.max(1)));
    u64::try_from((2000 * count + whole) / (2 * whole)).unwrap_or(u64::MAX)
}

fn percent(count: u64, whole: u64) -> String {
    let permille = permille(count, whole);
    format!("{}.{}%", permille / 10, permille % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_counts_are_hidden_at_the_limit_and_below() {
        assert_eq!(Shown::of(0).to_string(), "0");
        assert_eq!(Shown::of(1).to_string(), "<10");
        assert_eq!(Shown::of(SHOWN_COUNT_MIN - 1).to_string(), "<10");
        assert_eq!(Shown::of(SHOWN_COUNT_MIN).to_string(), "10");
        assert_eq!(Shown::of(1_234_567).to_string(), "1,234,567");
    }

    #[test]
    fn a_hidden_part_does_not_follow_from_the_others() {
        let texts = |counts| Shown::parts::<3>(counts).map(|shown| shown.to_string());
        assert_eq!(texts([988, 12, 0]), ["988", "12", "0"]);
        // Of a thousand: anything from 1 to 9 fits all of these.
        for small in 1..SHOWN_COUNT_MIN {
            assert_eq!(texts([996 - small, 4, small])[1..], ["<10", "<10"]);
        }
        for small in 1..=4 {
            assert_eq!(texts([1000 - small, 0, small]), ["~1,000", "0", "<10"]);
        }
        let listed: Vec<_> = Shown::all(&[995, 3]).iter().map(Shown::to_string).collect();
        assert_eq!(listed, ["~1,000", "<10"]);
    }

    #[test]
    fn shares() {
        assert_eq!(Shown::of(125).percent(1000), "12.5%");
        assert_eq!(Shown::of(3).percent(1000), "<1.0%");
        assert_eq!(Shown::of(3).percent(5), "<100.0%");
        assert_eq!(Shown::of(3).percent(1_000_000), "<0.1%");
        assert_eq!(Shown::of(0).percent(1000), "0.0%");
        assert_eq!(Shown::of(0).percent(0), "-");
        assert_eq!(permille(2, 3), 667);
        assert_eq!(permille(u64::MAX, u64::MAX), 1000);
    }

    #[test]
    fn in_json_a_hidden_count_is_a_text() {
        let json = serde_json::to_string(&[Shown::of(3), Shown::of(12), Shown::About(20)]);
        assert_eq!(json.unwrap(), r#"["<10",12,"~20"]"#);
    }
}
