//! Days of the calendar from seconds since 1970, in UTC.

use std::fmt;

/// One day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Day {
    /// Gregorian year.
    pub year: u64,
    /// Month, from 1.
    pub month: u64,
    /// Day, from 1.
    pub day: u64,
}

impl Day {
    /// The day of an instant. Days are counted from 1 March of year 0, so that the leap day ends a year;
    /// 146,097 days are 400 years.
    #[must_use]
    pub fn of_unix(seconds: u64) -> Self {
        let shifted = seconds / 86_400 + 719_468;
        let (era, of_era) = (shifted / 146_097, shifted % 146_097);
        let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let from_march = (5 * of_year + 2) / 153;
        let day = of_year - (153 * from_march + 2) / 5 + 1;
        let month = if from_march < 10 {
            from_march + 3
        } else {
            from_march - 9
        };
        let year = year_of_era + era * 400 + u64::from(month <= 2);
        Self { year, month, day }
    }

    /// Whole years from a day to this one; `None` if that day is still to come.
    #[must_use]
    pub fn years_since(self, born: Self) -> Option<u64> {
        let before = (self.month, self.day) < (born.month, born.day);
        (born <= self).then(|| self.year - born.year - u64::from(before))
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

/// Day and minute of an instant, UTC.
#[must_use]
pub fn minute(seconds: u64) -> String {
    let (hour, minute) = (seconds / 3600 % 24, seconds / 60 % 60);
    format!("{} {hour:02}:{minute:02}", Day::of_unix(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_days() {
        for (seconds, day) in [
            (0, "1970-01-01"),
            (951_782_400, "2000-02-29"),
            (1_795_132_800, "2026-11-20"),
            (4_107_542_400, "2100-03-01"),
        ] {
            assert_eq!(Day::of_unix(seconds).to_string(), day);
        }
        assert_eq!(minute(951_782_400 + 3_723), "2000-02-29 01:02");
    }

    #[test]
    fn ages() {
        let day = |year, month, day| Day { year, month, day };
        let today = day(2026, 11, 20);
        assert_eq!(today.years_since(day(2000, 11, 20)), Some(26));
        assert_eq!(today.years_since(day(2000, 11, 21)), Some(25));
        assert_eq!(today.years_since(today), Some(0));
        assert_eq!(today.years_since(day(2026, 11, 21)), None);
    }
}
