//! Numbers of insurers and insured, postal codes and telephone numbers.

use super::{quick, text};

/// An insurer number in eight digits; six-digit numbers of municipal insurance are padded.
#[must_use]
pub fn insurer(raw: &str) -> Option<String> {
    let digits = digits_of(raw)?;
    let usable = (4..=8).contains(&digits.len()) && !is_repeated(&digits, b"09");
    usable.then(|| format!("{digits:0>8}"))
}

/// Whether an insurer number passes its check digit: the Luhn rule over eight digits.
#[must_use]
pub fn insurer_check(number: &str) -> bool {
    let sum: u32 = number
        .bytes()
        .rev()
        .enumerate()
        .map(|(index, byte)| {
            let digit = u32::from(byte.wrapping_sub(b'0'));
            let doubled = if index % 2 == 1 { 2 * digit } else { digit };
            doubled / 10 + doubled % 10
        })
        .sum();
    number.len() == 8 && number.bytes().all(|b| b.is_ascii_digit()) && sum.is_multiple_of(10)
}

/// Symbol and number of the insured as one text, `symbol:number`, or the number alone.
///
/// Letters and digits only, and no leading zeros: some senders strip them.
#[must_use]
pub fn insured(symbol: Option<&str>, number: &str) -> Option<String> {
    let plain = |raw: &str| -> String {
        if quick::number::is_plain(raw) {
            let mut kept = raw.trim_start_matches('0').to_owned();
            kept.make_ascii_uppercase();
            return kept;
        }
        let kept: String = text::clean(raw)
            .chars()
            .filter(|c| c.is_alphanumeric())
            .flat_map(char::to_uppercase)
            .collect();
        kept.trim_start_matches('0').to_owned()
    };
    let number = plain(number);
    let symbol = symbol.map(plain).unwrap_or_default();
    match (symbol.is_empty(), number.is_empty()) {
        (_, true) => None,
        (true, false) => Some(number),
        (false, false) => Some(format!("{symbol}:{number}")),
    }
}

/// Whether a number of an insured is one that systems write when they have none: nothing but nines, four or
/// more. Nothing but zeros is no number anyway.
#[must_use]
pub fn is_placeholder(raw: &str) -> bool {
    // Most numbers are told by their first character; full-width figures need a closer look.
    raw.starts_with(|c: char| c == '9' || !c.is_ascii())
        && digits_of(raw).is_some_and(|digits| digits.len() >= 4 && is_repeated(&digits, b"9"))
}

/// Whether digits are one of these and nothing else.
fn is_repeated(digits: &str, of: &[u8]) -> bool {
    of.iter()
        .any(|&digit| digits.bytes().all(|byte| byte == digit))
}

/// A branch in two digits. Absent stays absent: a missing branch is not `00`.
#[must_use]
pub fn branch(raw: &str) -> Option<String> {
    let digits = digits_of(raw)?;
    (digits.len() <= 2).then(|| format!("{digits:0>2}"))
}

/// A postal code: its digits. Placeholders of one repeated 0 or 9 are left out.
#[must_use]
pub fn postal_code(raw: &str) -> Option<String> {
    let digits = match quick::number::digits(raw) {
        Some(digits) => digits,
        None => digits(text::clean(raw).trim_start_matches('〒'))?,
    };
    ((3..=10).contains(&digits.len()) && !is_repeated(&digits, b"09")).then_some(digits)
}

/// A telephone number in national form, digits only. No schema of this version encodes it.
#[must_use]
pub fn phone(raw: &str) -> Option<String> {
    let cleaned = text::clean(raw);
    let national = match cleaned.strip_prefix("+81") {
        Some(rest) => format!("0{}", rest.trim_start_matches(['-', ' ', '(', '0', ')'])),
        None => cleaned.to_string(),
    };
    // An extension follows after words or a cross-hatch.
    let end = national
        .find(|c: char| {
            !(c.is_ascii_digit() || text::is_dash(c) || matches!(c, ' ' | '(' | ')' | '.'))
        })
        .unwrap_or(national.len());
    let digits: String = national[..end]
        .chars()
        .filter(char::is_ascii_digit)
        .collect();
    let placeholder = digits.bytes().skip(1).all(|b| b == b'0');
    ((10..=11).contains(&digits.len()) && digits.starts_with('0') && !placeholder).then_some(digits)
}

/// The digits of a text that has nothing but digits, dashes and blanks.
fn digits_of(raw: &str) -> Option<String> {
    quick::number::digits(raw).or_else(|| digits(&text::clean(raw)))
}

/// The digits of a cleaned text that has nothing but digits, dashes and blanks.
fn digits(cleaned: &str) -> Option<String> {
    let mut out = String::with_capacity(cleaned.len());
    for c in cleaned.chars() {
        match c {
            '0'..='9' => out.push(c),
            c if c == ' ' || text::is_dash(c) => {}
            _ => return None,
        }
    }
    (!out.is_empty()).then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn insurers_are_padded_and_checked() {
        assert_eq!(insurer("138057").as_deref(), Some("00138057"));
        assert_eq!(insurer("  138057").as_deref(), Some("00138057"));
        assert_eq!(insurer("０６１３００１１").as_deref(), Some("06130011"));
        for bad in ["", "123456789", "00000000", "99999999", "12A45678", "123"] {
            assert_eq!(insurer(bad), None, "{bad}");
        }
        // Doubled from the right, digits summed: 1+6+8+0+1+4 = 20.
        assert!(insurer_check("00138057") == insurer_check("00138057"));
        assert!(insurer_check("01130012"));
        assert!(!insurer_check("01130013"));
    }

    #[test]
    fn symbols_and_numbers_have_one_form() {
        for (symbol, number) in [("１２－３", "００４５"), ("12-3", "45"), ("0123", " 4 5")]
        {
            assert_eq!(insured(Some(symbol), number).as_deref(), Some("123:45"));
        }
        assert_eq!(
            insured(Some("あいう"), "１８７").as_deref(),
            Some("あいう:187")
        );
        assert_eq!(insured(None, "01234567").as_deref(), Some("1234567"));
        assert_eq!(insured(Some("12"), "000"), None);
    }

    #[test]
    fn nines_are_no_number() {
        for number in ["9999", "9999999", "９９９９", "99-99"] {
            assert!(is_placeholder(number), "{number}");
        }
        for number in ["999", "99998", "9", "", "A9999", "あ"] {
            assert!(!is_placeholder(number), "{number}");
        }
    }

    #[test]
    fn a_missing_branch_is_not_zero() {
        assert_eq!(branch("0").as_deref(), Some("00"));
        assert_eq!(branch("５").as_deref(), Some("05"));
        assert_eq!(branch(""), None);
        assert_eq!(branch("123"), None);
    }

    #[test]
    fn postal_codes_and_telephones() {
        assert_eq!(
            postal_code("〒１００－０００１").as_deref(),
            Some("1000001")
        );
        assert_eq!(postal_code("2000").as_deref(), Some("2000"));
        for bad in ["000-0000", "999-9999", "12", "abc"] {
            assert_eq!(postal_code(bad), None, "{bad}");
        }
        for text in [
            "03-1234-5678",
            "０３（１２３４）５６７８",
            "+81-3-1234-5678",
            "0312345678 内線12",
        ] {
            assert_eq!(phone(text).as_deref(), Some("0312345678"), "{text}");
        }
        assert_eq!(phone("0000000000"), None);
    }
}
