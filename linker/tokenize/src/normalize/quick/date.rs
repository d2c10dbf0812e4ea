//! Birth dates in plain ASCII.

use crate::normalize::date::{BirthDate, ERAS, Parts, judge};

/// [`crate::normalize::date::parse`] of eight figures, or of a year in two or four figures, month and
/// day with a dot, hyphen or slash between them, after the letter of an era or none. `None`: the full
/// rule decides.
pub(in crate::normalize) fn parse(raw: &str) -> Option<BirthDate> {
    let bytes = raw.as_bytes();
    if bytes.len() == 8 && bytes.iter().all(u8::is_ascii_digit) {
        let (year, rest) = bytes.split_at(4);
        let (month, day) = rest.split_at(2);
        return Some(of((number(year), small(month), small(day), None)));
    }
    let (era, rest) = match bytes.first()? {
        b'M' => (Some(0), &bytes[1..]),
        b'T' => (Some(1), &bytes[1..]),
        b'S' => (Some(2), &bytes[1..]),
        b'H' => (Some(3), &bytes[1..]),
        b'R' => (Some(4), &bytes[1..]),
        _ => (None, bytes),
    };
    let mut parts = rest.splitn(3, |byte| matches!(byte, b'.' | b'-' | b'/'));
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    let figures = |part: &[u8], lengths: std::ops::RangeInclusive<usize>| {
        lengths.contains(&part.len()) && part.iter().all(u8::is_ascii_digit)
    };
    let lengths = if era.is_some() { 1..=2 } else { 4..=4 };
    if !figures(year, lengths) || !figures(month, 1..=2) || !figures(day, 1..=2) {
        return None;
    }
    let year = number(year) + era.map_or(0, |at| ERAS[at].offset);
    Some(of((year, small(month), small(day), era)))
}

fn of((year, month, day, era): Parts) -> BirthDate {
    judge(year, month, day, era)
}

/// At most four figures.
fn number(digits: &[u8]) -> u16 {
    digits
        .iter()
        .fold(0, |value, digit| value * 10 + u16::from(digit - b'0'))
}

/// At most two figures.
fn small(digits: &[u8]) -> u8 {
    digits
        .iter()
        .fold(0, |value, digit| value * 10 + (digit - b'0'))
}
