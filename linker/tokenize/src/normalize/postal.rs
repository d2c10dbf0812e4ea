//! Japan Post's table of postal codes: fills what one of postal code and address lacks, and notices where
//! they contradict one another.
//!
//! What both sides have is never changed, so complete data give the tokens that they give without the table.
//! What is filled depends on the code and the town of the record alone and not on how the record writes its
//! prefecture, so two records that are alike before are alike after. `README.md` says what that does for
//! linkage.

mod table;

use self::table::{Place, table};
use super::address;

/// What the table adds to a record.
#[derive(Default, PartialEq, Eq)]
pub struct Filled {
    /// The town with its municipality, in normal form, where the record has none or leaves the municipality
    /// out.
    pub town: Option<String>,
    /// The postal code, where the record has none or a part of one and its town has one code only.
    pub code: Option<String>,
    /// The record's code is that of another municipality than the address names.
    pub contradiction: bool,
}

impl std::fmt::Debug for Filled {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Filled(..)")
    }
}

impl Filled {
    fn town(town: String) -> Self {
        Self {
            town: Some(town),
            ..Self::default()
        }
    }

    fn code(code: u32) -> Self {
        let mut digits = [b'0'; CODE_DIGITS];
        let mut rest = code;
        for digit in digits.iter_mut().rev() {
            *digit = b"0123456789"[(rest % 10) as usize];
            rest /= 10;
        }
        Self {
            code: Some(digits.iter().copied().map(char::from).collect()),
            ..Self::default()
        }
    }
}

/// Digits of a postal code.
const CODE_DIGITS: usize = 7;

/// What the table adds to a postal code (its digits, or nothing), the prefecture of an address and its town
/// (both in normal form, or nothing).
#[must_use]
pub fn fill(code: &str, prefecture: Option<&str>, town: &str) -> Filled {
    if code.len() == CODE_DIGITS {
        with_code(code, prefecture, town)
    } else if town.is_empty() {
        Filled::default()
    } else {
        without_code(code, town)
    }
}

/// The municipality and the section of a town in normal form, if the table knows the municipality.
#[must_use]
pub fn split(town: &str) -> Option<(&str, &str)> {
    let length = table().municipality_of(town)?;
    town.split_at_checked(length)
}

fn with_code(code: &str, prefecture: Option<&str>, town: &str) -> Filled {
    let places = table().places(number(code));
    if town.is_empty() {
        return places
            .only_town()
            .map_or_else(Filled::default, Filled::town);
    }
    if places.is_empty() {
        return Filled::default();
    }
    let elsewhere =
        prefecture.is_some_and(|named| places.iter().all(|at| at.prefecture() != named));
    if elsewhere
        || !places
            .iter()
            .any(|place| town.starts_with(place.municipality()))
    {
        let whole = places.iter().filter(|_| !elsewhere);
        let mut whole = whole.filter_map(|place| with_municipality(&place, town));
        return match (whole.next(), whole.next()) {
            (Some(one), None) => Filled::town(one),
            (Some(one), Some(other)) if one == other => Filled::town(one),
            (Some(_), Some(_)) => Filled::default(),
            (None, _) => Filled {
                contradiction: elsewhere || table().municipality_of(town).is_some(),
                ..Filled::default()
            },
        };
    }
    Filled::default()
}

/// A town that leaves its municipality, or the city before a ward, out. The rules for addresses see both
/// again, because a character at the seam may depend on both.
fn with_municipality(place: &Place<'_>, town: &str) -> Option<String> {
    let name = place.municipality();
    let missing = if place.begins(town) {
        name
    } else {
        let (city, ward) = name.split_at_checked(name.find('市')? + '市'.len_utf8())?;
        Some(city).filter(|_| ward.ends_with('区') && town.starts_with(ward))?
    };
    Some(address::parse(&[missing, town].concat()).town)
}

fn without_code(part: &str, town: &str) -> Filled {
    // Spreadsheets drop zeros at the beginning. Real codes have two of them at most.
    if (CODE_DIGITS - 2..CODE_DIGITS).contains(&part.len()) {
        let restored = number(part);
        let places = table().places(restored);
        if places
            .iter()
            .any(|place| town.starts_with(place.municipality()))
        {
            return Filled::code(restored);
        }
    }
    let Some(code) = table().code_of(town) else {
        return Filled::default();
    };
    let filled = Filled::code(code);
    // Of a code in part, or of nothing, it is the rest.
    let same = filled
        .code
        .as_ref()
        .is_some_and(|code| code.starts_with(part));
    if same { filled } else { Filled::default() }
}

/// At most seven digits.
fn number(digits: &str) -> u32 {
    digits.bytes().fold(0, |value, digit| {
        value * 10 + u32::from(digit.wrapping_sub(b'0'))
    })
}

#[cfg(test)]
mod tests;
