//! What is counted of a column, and when the counts say that it holds a forbidden number.

use std::borrow::Cow;

use super::{Refusal, RefusedNumber};
use crate::{
    limits::REFUSE_STEPS,
    normalize::text::{is_dash, is_invisible},
};

/// Counts for one column.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct ColumnStatistics {
    twelve: Numbers,
    eleven: Numbers,
}

/// Counts for the numbers of one length. A number that stands in every row counts in every row: the file may
/// be that of one person.
#[derive(Debug, Clone, Copy, Default)]
struct Numbers {
    seen: u64,
    passed: u64,
    /// Which check digits those that passed have, a bit each.
    checks: u16,
}

impl Numbers {
    fn see(&mut self, digits: &[u8]) {
        self.seen += 1;
        if passes(digits) {
            self.passed += 1;
            self.checks |= 1 << digits.last().copied().unwrap_or(0);
        }
    }

    /// Whether more pass than chance makes.
    fn is_forbidden(&self) -> bool {
        REFUSE_STEPS.iter().any(|&(seen, percent, checks)| {
            self.seen >= seen
                && self.passed * 100 > self.seen * percent
                && self.checks.count_ones() >= checks
        })
    }
}

impl ColumnStatistics {
    /// Looks at one value.
    pub(crate) fn see(&mut self, value: &str) {
        let mut digits = [0_u8; 13];
        let length = digits_of(value, &mut digits);
        let body = &digits[..length.min(12)];
        // A repeated digit is a placeholder, and zeros would pass.
        let placeholder = body.windows(2).all(|pair| pair[0] == pair[1]);
        match length {
            12 if !placeholder => self.twelve.see(body),
            11 if !placeholder => self.eleven.see(body),
            _ => {}
        }
        digits.fill(0);
    }

    /// Looks at one value in bytes; decodes only what can be a number.
    pub(crate) fn see_bytes<'a>(
        &mut self,
        bytes: &'a [u8],
        decode: impl FnOnce(&'a [u8]) -> Option<Cow<'a, str>>,
    ) {
        // 11 digits to 12 full-width digits with separators, three bytes each.
        if !(11..=64).contains(&bytes.len()) {
            return;
        }
        if bytes[0].is_ascii_alphabetic() {
            return;
        }
        if let Some(text) = decode(bytes) {
            let text = match text {
                Cow::Borrowed(text) => {
                    self.see(text);
                    return;
                }
                Cow::Owned(text) => zeroize::Zeroizing::new(text),
            };
            self.see(&text);
        }
    }

    /// The verdict over everything seen so far.
    pub(crate) fn verdict(&self, column: &str) -> Result<(), Refusal> {
        let judge = |number, numbers: &Numbers| {
            if numbers.is_forbidden() {
                Err(Refusal {
                    number,
                    column: column.to_owned(),
                    values: Some((numbers.passed, numbers.seen)),
                })
            } else {
                Ok(())
            }
        };
        judge(RefusedNumber::MyNumber, &self.twelve)?;
        judge(RefusedNumber::ResidenceCode, &self.eleven)
    }
}

/// Writes the digits of a value that is nothing but digits and what people and spreadsheets put between,
/// before or after them. Returns their number, zero if there is anything else, thirteen if there are more
/// than twelve.
fn digits_of(value: &str, out: &mut [u8; 13]) -> usize {
    let value = value.trim();
    // A column with gaps is a column of fractions to some programs.
    let whole = value.split_once('.');
    let whole = whole.filter(|(_, rest)| !rest.is_empty() && rest.bytes().all(|b| b == b'0'));
    let value = whole.map_or(value, |(whole, _)| whole);
    let mut length = 0;
    for c in value.chars() {
        let digit = match c {
            '0'..='9' => u32::from(c) - u32::from('0'),
            '０'..='９' => u32::from(c) - u32::from('０'),
            '\'' | '’' | '"' | '=' | '.' | '．' => continue,
            c if c.is_whitespace() || is_dash(c) || is_invisible(c) => continue,
            _ => return 0,
        };
        if length == 13 {
            return 13;
        }
        out[length] = u8::try_from(digit).unwrap_or(0);
        length += 1;
    }
    length
}

/// The check digit modulo 11: weights 2 to 7 from the last body digit, starting again after 7; a
/// remainder of 0 or 1 gives 0, another one 11 minus itself.
///
/// For My Number this is the ordinance's rule; for the residence code the same rule is taken.
pub(super) fn passes(digits: &[u8]) -> bool {
    let Some((&check, body)) = digits.split_last() else {
        return false;
    };
    let weights = (2..=7).cycle();
    let sum: u32 = body
        .iter()
        .rev()
        .zip(weights)
        .map(|(&digit, weight)| u32::from(digit) * weight)
        .sum();
    let expected = match sum % 11 {
        0 | 1 => 0,
        remainder => 11 - remainder,
    };
    u32::from(check) == expected
}
