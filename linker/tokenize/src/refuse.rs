//! Numbers that Japanese law keeps out of this work: My Number and the residence code.
//!
//! One 12-digit number in ten passes the check digit by chance, so single values prove nothing and
//! columns are judged. A refused file is refused whole, there is no override, and only the column
//! and counts are reported. Nothing here keeps a value: the statistics are four numbers a column.

use std::{borrow::Cow, collections::BTreeMap, fmt};

use crate::limits::{REFUSE_PASS_PERCENT, REFUSE_VALUES_MIN};

/// A number that must not be processed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusedNumber {
    /// My Number (個人番号): 12 digits, the last a check digit modulo 11.
    MyNumber,
    /// Residence code (住民票コード): 11 digits, the last a check digit modulo 11.
    ResidenceCode,
}

impl fmt::Display for RefusedNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::MyNumber => "My Number",
            Self::ResidenceCode => "the residence code",
        })
    }
}

/// Why a file was stopped. Names a column by its place, never by text from the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    number: RefusedNumber,
    column: String,
    /// How many values passed and how many had the right length; `None` if the header gave it away.
    values: Option<(u64, u64)>,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} holds {}", self.column, self.number)?;
        match self.values {
            None => f.write_str(", as its header says"),
            Some((passed, seen)) => {
                write!(
                    f,
                    ": {passed} of {seen} numbers of its length pass its check digit"
                )
            }
        }
    }
}

impl Refusal {
    pub(crate) fn by_header(number: RefusedNumber, column: usize) -> Self {
        Self {
            number,
            column: format!("column {column}"),
            values: None,
        }
    }

    /// The place must be the reader's own words, never text from the file.
    pub(crate) fn by_place(number: RefusedNumber, place: &'static str) -> Self {
        Self {
            number,
            column: place.to_owned(),
            values: None,
        }
    }

    /// Which number.
    #[must_use]
    pub fn number(&self) -> RefusedNumber {
        self.number
    }

    /// Which column, such as `column 5` or `PID-3`.
    #[must_use]
    pub fn column(&self) -> &str {
        &self.column
    }
}

/// Whether a header says that its column holds a refused number.
#[must_use]
pub fn header_hint(header: &str) -> Option<RefusedNumber> {
    use unicode_normalization::UnicodeNormalization as _;
    let name: String = header
        .nfkc()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect();
    let has = |hints: &[&str]| hints.iter().any(|hint| name.contains(hint));
    if has(&[
        "マイナンバー",
        "まいなんばー",
        "個人番号",
        "mynumber",
        "kojinbango",
        "kojinbangou",
    ]) {
        // 個人番号カード is the card, and columns about it hold dates or yes and no.
        (!name.contains("カード")).then_some(RefusedNumber::MyNumber)
    } else if has(&[
        "住民票コード",
        "住民コード",
        "juminhyocode",
        "residencecode",
    ]) {
        Some(RefusedNumber::ResidenceCode)
    } else {
        None
    }
}

/// Counts for one column.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct ColumnStatistics {
    twelve: u64,
    twelve_passed: u64,
    eleven: u64,
    eleven_passed: u64,
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
            12 if !placeholder => {
                self.twelve += 1;
                self.twelve_passed += u64::from(passes(body));
            }
            11 if !placeholder => {
                self.eleven += 1;
                self.eleven_passed += u64::from(passes(body));
            }
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
        let judge = |number, passed, seen| {
            if seen >= REFUSE_VALUES_MIN && passed * 100 > seen * REFUSE_PASS_PERCENT {
                Err(Refusal {
                    number,
                    column: column.to_owned(),
                    values: Some((passed, seen)),
                })
            } else {
                Ok(())
            }
        };
        judge(RefusedNumber::MyNumber, self.twelve_passed, self.twelve)?;
        judge(
            RefusedNumber::ResidenceCode,
            self.eleven_passed,
            self.eleven,
        )
    }
}

/// Statistics over many small files of one source, by the name of a field such as `PID-3`.
#[derive(Debug, Clone, Default)]
pub struct Screen {
    columns: BTreeMap<&'static str, ColumnStatistics>,
}

impl Screen {
    /// Nothing seen yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Looks at one value of a column.
    pub fn see(&mut self, column: &'static str, value: &str) {
        self.columns.entry(column).or_default().see(value);
    }

    /// The verdict over everything seen so far.
    ///
    /// # Errors
    /// [`Refusal`] for the first column that holds a refused number.
    pub fn verdict(&self) -> Result<(), Refusal> {
        self.columns
            .iter()
            .try_for_each(|(name, column)| column.verdict(name))
    }
}

/// Writes the digits of a value that is nothing but digits, blanks and hyphens. Returns their
/// number, zero if there is anything else, thirteen if there are more than twelve.
fn digits_of(value: &str, out: &mut [u8; 13]) -> usize {
    let mut length = 0;
    for c in value.trim().chars() {
        let digit = match c {
            '0'..='9' => u32::from(c) - u32::from('0'),
            '０'..='９' => u32::from(c) - u32::from('０'),
            ' ' | '\u{3000}' | '-' | '－' | '‐' | '−' | 'ー' => continue,
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
fn passes(digits: &[u8]) -> bool {
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A 12- or 11-digit number made from a counter, with a right or wrong check digit.
    fn number(counter: u64, length: usize, right: bool) -> String {
        let body: Vec<u8> = format!(
            "{:0width$}",
            counter * 7_654_321 + 1_234_567,
            width = length - 1
        )
        .bytes()
        .map(|b| b - b'0')
        .collect();
        let mut digits: Vec<u8> = body;
        digits.push(0);
        while !passes(&digits) {
            *digits.last_mut().expect("not empty") += 1;
        }
        if !right {
            let last = digits.last_mut().expect("not empty");
            *last = (*last + 1) % 10;
        }
        digits.iter().map(|d| char::from(d + b'0')).collect()
    }

    fn verdict(length: usize, right: u64, wrong: u64) -> Result<(), Refusal> {
        let mut screen = Screen::new();
        for counter in 0..right + wrong {
            screen.see("PID-3", &number(counter + 1, length, counter < right));
        }
        screen.verdict()
    }

    #[test]
    fn the_published_example_passes() {
        // The worked example of the ordinance's commentaries: body 12345678901, check digit 8.
        assert!(passes(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1, 8]));
        assert!(!passes(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1, 9]));
    }

    #[test]
    fn thresholds_at_and_one_past() {
        assert!(verdict(12, 7, 0).is_ok(), "seven values are too few");
        assert!(verdict(12, 8, 0).is_err());
        assert!(verdict(12, 6, 4).is_ok(), "exactly 60 % is allowed");
        assert!(verdict(12, 7, 4).is_err(), "63 % is not");
        assert!(verdict(12, 1, 9).is_ok());
        assert!(verdict(11, 7, 0).is_ok());
        assert!(verdict(11, 8, 0).is_err());
    }

    #[test]
    fn other_spellings_count_and_other_lengths_do_not() {
        let mut screen = Screen::new();
        for counter in 1..=8 {
            let wide: String = number(counter, 12, true)
                .chars()
                .map(|c| char::from_u32(u32::from(c) + 0xfee0).expect("a full-width digit"))
                .collect();
            screen.see("PID-3", &format!("{}－{}", &wide[..12], &wide[12..]));
        }
        assert!(screen.verdict().is_err());
        let mut screen = Screen::new();
        for counter in 1..=8 {
            screen.see("PID-3", &format!("{}0", number(counter, 12, true)));
            screen.see("PID-3", &format!("A{}", number(counter, 12, true)));
            screen.see("PID-3", "000000000000");
        }
        assert!(screen.verdict().is_ok());
    }

    #[test]
    fn headers_give_it_away() {
        for header in [
            "個人番号",
            "マイナンバー",
            "ﾏｲﾅﾝﾊﾞｰ",
            "My Number",
            "my_number",
            "ＭＹＮＵＭＢＥＲ",
        ] {
            assert_eq!(
                header_hint(header),
                Some(RefusedNumber::MyNumber),
                "{header}"
            );
        }
        assert_eq!(
            header_hint("住民票コード"),
            Some(RefusedNumber::ResidenceCode)
        );
        for header in ["患者番号", "個人番号カード有無", "氏名", "保険者番号"] {
            assert_eq!(header_hint(header), None, "{header}");
        }
    }

    #[test]
    fn a_refusal_tells_no_value() {
        let refusal = verdict(12, 9, 0).expect_err("all pass");
        let text = refusal.to_string();
        assert_eq!(
            text,
            "PID-3 holds My Number: 9 of 9 numbers of its length pass its check digit"
        );
        for counter in 1..=9 {
            assert!(!format!("{refusal:?}{text}").contains(&number(counter, 12, true)));
        }
    }
}
