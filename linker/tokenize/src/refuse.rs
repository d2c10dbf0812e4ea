//! Numbers that Japanese law keeps out of this work: My Number and the residence code.
//!
//! One 12-digit number in ten passes the check digit by chance, so single values prove nothing and
//! columns are judged. A refused file is refused whole, there is no override, and only the column
//! and counts are reported. Nothing here keeps a value or makes a hash of one: the statistics are four numbers
//! a column.

mod statistics;

use std::{collections::BTreeMap, fmt};

pub(crate) use self::statistics::ColumnStatistics;

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

    /// How many values passed the check digit, of how many that had its length; `None` if the header gave
    /// the column away.
    #[must_use]
    pub fn values(&self) -> Option<(u64, u64)> {
        self.values
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
    // The code of HL7 for a national number of persons of Japan, which has no other.
    if name == "nnjpn" {
        return Some(RefusedNumber::MyNumber);
    }
    if has(&[
        "マイナンバ",
        "まいなんば",
        "個人番号",
        "税番号",
        "mynumber",
        "kojinbango",
        "kojinbangou",
    ]) {
        // 個人番号カード is the card, and columns about it hold dates or yes and no.
        (!name.contains("カード")).then_some(RefusedNumber::MyNumber)
    } else if has(&[
        "住民票コード",
        "住民票番号",
        "住民コード",
        "住基コード",
        "juminhyocode",
        "jukicode",
        "residencecode",
    ]) {
        Some(RefusedNumber::ResidenceCode)
    } else {
        None
    }
}

/// Statistics over many small files of one source, by the name of a field such as `PID-3`.
#[derive(Debug, Clone, Default)]
pub struct Screen {
    columns: BTreeMap<&'static str, ColumnStatistics>,
    hint: Option<(RefusedNumber, &'static str)>,
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

    /// Looks at what a value says that it is, such as the type of an identifier.
    pub fn see_kind(&mut self, column: &'static str, kind: &str) {
        if self.hint.is_none() && !kind.is_empty() {
            self.hint = header_hint(kind).map(|number| (number, column));
        }
    }

    /// The verdict over everything seen so far.
    ///
    /// # Errors
    /// [`Refusal`] for the first column that holds a refused number.
    pub fn verdict(&self) -> Result<(), Refusal> {
        if let Some((number, place)) = self.hint {
            return Err(Refusal::by_place(number, place));
        }
        self.columns
            .iter()
            .try_for_each(|(name, column)| column.verdict(name))
    }
}

#[cfg(test)]
mod tests {
    use super::{statistics::passes, *};

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
        for length in [12, 11] {
            assert!(verdict(length, 7, 0).is_ok(), "seven values are too few");
            assert!(verdict(length, 8, 0).is_err());
            assert!(verdict(length, 8, 2).is_ok(), "exactly 80 % of few");
            assert!(verdict(length, 9, 2).is_err());
            assert!(verdict(length, 12, 8).is_ok(), "exactly 60 %");
            assert!(verdict(length, 13, 8).is_err());
            assert!(verdict(length, 40, 60).is_ok(), "exactly 40 % of many");
            assert!(verdict(length, 41, 60).is_err());
            assert!(
                verdict(length, 90, 210).is_ok(),
                "exactly 30 % of very many"
            );
            assert!(verdict(length, 91, 210).is_err());
            assert!(verdict(length, 100, 900).is_ok(), "chance makes one in ten");
        }
    }

    #[test]
    fn other_spellings_count_and_other_lengths_do_not() {
        let wide = |text: &str| -> String {
            let wide = |c: char| char::from_u32(u32::from(c) + 0xfee0).expect("a full-width digit");
            text.chars().map(wide).collect()
        };
        let spellings: [fn(&str) -> String; 8] = [
            |n| format!("{} {} {}", &n[..4], &n[4..8], &n[8..]),
            |n| format!("{}-{}-{}", &n[..4], &n[4..8], &n[8..]),
            |n| format!("{}―{}", &n[..4], &n[4..]),
            |n| format!("'{n}"),
            |n| format!("=\"{n}\""),
            |n| format!("{n}.0"),
            |n| format!("{}.{}.{}", &n[..4], &n[4..8], &n[8..]),
            |n| format!("\u{feff}{}\u{a0}{}\u{3000}", &n[..4], &n[4..]),
        ];
        for spelling in spellings {
            let mut screens = [Screen::new(), Screen::new()];
            for counter in 1..=8 {
                let text = spelling(&number(counter, 12, true));
                screens[0].see("PID-3", &text);
                let text = spelling(&number(counter, 11, true));
                screens[1].see("PID-3", &text);
            }
            assert!(screens.iter().all(|screen| screen.verdict().is_err()));
        }
        let mut screen = Screen::new();
        for counter in 1..=8 {
            let wide = wide(&number(counter, 12, true));
            screen.see("PID-3", &format!("{}－{}", &wide[..12], &wide[12..]));
        }
        assert!(screen.verdict().is_err());
        let mut screen = Screen::new();
        for counter in 1..=8 {
            screen.see("PID-3", &format!("{}0", number(counter, 12, true)));
            screen.see("PID-3", &format!("A{}", number(counter, 12, true)));
            screen.see("PID-3", &format!("{}.5", number(counter, 12, true)));
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
            "マイナンバ－",
            "社会保障・税番号",
            "NNJPN",
        ] {
            assert_eq!(
                header_hint(header),
                Some(RefusedNumber::MyNumber),
                "{header}"
            );
        }
        for header in ["住民票コード", "住民票ｺｰﾄﾞ", "住基コード", "juminhyo_code"]
        {
            let hint = header_hint(header);
            assert_eq!(hint, Some(RefusedNumber::ResidenceCode), "{header}");
        }
        for header in ["患者番号", "個人番号カード有無", "氏名", "保険者番号"] {
            assert_eq!(header_hint(header), None, "{header}");
        }
    }

    #[test]
    fn what_says_that_it_is_such_a_number_is_one() {
        let mut screen = Screen::new();
        for kind in ["MR", "", "PI", "NNKOR"] {
            screen.see_kind("PID-3", kind);
        }
        assert!(screen.verdict().is_ok());
        screen.see_kind("PID-3", "NNJPN");
        let refusal = screen.verdict().expect_err("it says so");
        assert_eq!(
            refusal.to_string(),
            "PID-3 holds My Number, as its header says"
        );
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
