//! Health insurance: who pays, under which symbol, number and branch.

use super::dice::Dice;

/// Kinds of insurance, by the law under which they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Municipal (国民健康保険): one number for the household, a branch for each member.
    Municipal,
    /// Health insurance association for small companies (協会けんぽ, law 01).
    Association,
    /// A company's or branch's own union (健保組合, law 06).
    Union,
    /// Civil servants and teachers (共済, laws 31 to 34).
    Mutual,
    /// From the 75th birthday on (後期高齢者, law 39): a number of eight digits for each person.
    LateElderly,
    /// Public assistance (生活保護, law 12): no insurer, a recipient number.
    Assistance,
}

/// A person's insurance at one time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Insurance {
    /// Under which law.
    pub kind: Kind,
    /// Which insurer of the kind.
    pub insurer: u16,
    /// Symbol: employer or place.
    pub symbol: u32,
    /// Number within the symbol.
    pub number: u32,
    /// Branch of the person.
    pub branch: u8,
}

/// Prefecture code of the demo's region.
const PREFECTURE: u32 = 21;

impl Insurance {
    /// A household's insurance while its head works, or has left work; branches are set per member.
    pub fn roll(dice: &mut Dice, in_city: bool, working: bool) -> Self {
        let roll = if working {
            dice.below(100)
        } else {
            dice.below(20)
        };
        let kind = match roll {
            0..18 => Kind::Municipal,
            18..20 => Kind::Assistance,
            20..62 => Kind::Association,
            62..88 => Kind::Union,
            _ => Kind::Mutual,
        };
        Self::of_kind(dice, kind, in_city)
    }

    /// An insurance of one kind.
    ///
    /// # Panics
    /// Never: insurers are few.
    pub fn of_kind(dice: &mut Dice, kind: Kind, in_city: bool) -> Self {
        let (insurers, symbols, numbers) = match kind {
            Kind::Municipal => (1, 1, 9_999_999),
            Kind::Association => (1, 99_999_999, 9_999),
            Kind::Union => (40, 9_999, 99_999),
            Kind::Mutual => (8, 1, 99_999_999),
            Kind::LateElderly => (1, 1, 99_999_999),
            Kind::Assistance => (2, 1, 9_999_999),
        };
        let insurer = match kind {
            Kind::Municipal => u32::from(!in_city),
            Kind::Association
            | Kind::Union
            | Kind::Mutual
            | Kind::LateElderly
            | Kind::Assistance => dice.below(insurers),
        };
        Self {
            kind,
            insurer: u16::try_from(insurer).expect("insurers are few"),
            symbol: dice.between(1, symbols),
            number: dice.between(1, numbers),
            branch: 0,
        }
    }

    /// The same insurance for another member of the household. Late elderly have their own number.
    #[must_use]
    pub fn with_branch(mut self, branch: u8) -> Self {
        self.branch = match self.kind {
            // Municipal branches count from 1, company branches from 0 (the insured).
            Kind::Municipal => branch + 1,
            Kind::Association | Kind::Union | Kind::Mutual => branch,
            Kind::LateElderly | Kind::Assistance => 0,
        };
        if self.kind == Kind::Assistance {
            self.number = (self.number + u32::from(branch)) % 10_000_000;
        }
        self
    }

    /// Number of the insurer or public payer: eight digits, six for municipal insurance.
    #[must_use]
    pub fn insurer_number(&self) -> String {
        let insurer = u32::from(self.insurer);
        let (law, body) = match self.kind {
            Kind::Municipal => {
                return with_check_digit(&format!("{PREFECTURE:02}{:03}", insurer + 1));
            }
            Kind::Association => (1, 1),
            Kind::Union => (6, 101 + insurer * 7),
            Kind::Mutual => (31 + insurer % 4, 11 + insurer / 4),
            Kind::LateElderly => (39, 201),
            Kind::Assistance => (12, 1 + insurer),
        };
        with_check_digit(&format!("{law:02}{PREFECTURE:02}{body:03}"))
    }

    /// Symbol as printed on the card; empty where the kind has none.
    #[must_use]
    pub fn symbol_text(&self) -> String {
        match self.kind {
            Kind::Municipal => ["岐", "大垣"][usize::from(self.insurer.min(1))].to_owned(),
            Kind::Association => format!("{:08}", self.symbol),
            Kind::Union => self.symbol.to_string(),
            Kind::Mutual => "公立岐阜".to_owned(),
            Kind::LateElderly | Kind::Assistance => String::new(),
        }
    }

    /// Number as printed on the card.
    #[must_use]
    pub fn number_text(&self) -> String {
        match self.kind {
            Kind::Municipal | Kind::Assistance => format!("{:07}", self.number),
            Kind::LateElderly => format!("{:08}", self.number),
            Kind::Association | Kind::Union | Kind::Mutual => self.number.to_string(),
        }
    }

    /// Branch as printed on the card; late elderly and public assistance have none.
    #[must_use]
    pub fn branch_text(&self) -> Option<String> {
        match self.kind {
            Kind::LateElderly | Kind::Assistance => None,
            Kind::Municipal | Kind::Association | Kind::Union | Kind::Mutual => {
                Some(format!("{:02}", self.branch))
            }
        }
    }
}

/// Appends the check digit: weights 2, 1 from the last digit, digit sums, ten minus the last digit.
fn with_check_digit(body: &str) -> String {
    let sum: u32 = body
        .bytes()
        .rev()
        .enumerate()
        .map(|(place, digit)| {
            let product = u32::from(digit - b'0') * if place % 2 == 0 { 2 } else { 1 };
            product / 10 + product % 10
        })
        .sum();
    format!("{body}{}", (10 - sum % 10) % 10)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::people::dice::DiceBag;

    #[test]
    fn check_digits_follow_the_rule() {
        // 01130012 is the Tokyo branch of the association, 138057 a ward of Tokyo.
        assert_eq!(with_check_digit("0113001"), "01130012");
        assert_eq!(with_check_digit("13805"), "138057");
    }

    #[test]
    fn numbers_have_the_length_of_their_kind() {
        let mut dice = DiceBag::new(1, "insurance").at(0);
        for kind in [
            Kind::Municipal,
            Kind::Association,
            Kind::Union,
            Kind::Mutual,
            Kind::LateElderly,
        ] {
            let insurance = Insurance::of_kind(&mut dice, kind, true);
            let digits = if kind == Kind::Municipal { 6 } else { 8 };
            assert_eq!(insurance.insurer_number().len(), digits);
        }
        assert_eq!(
            Insurance::of_kind(&mut dice, Kind::LateElderly, true)
                .number_text()
                .len(),
            8
        );
    }
}
