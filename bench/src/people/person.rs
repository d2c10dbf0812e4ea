//! One person: what was true before and after the events of the last five years.

use super::{
    insurance::Insurance,
    names::{FamilyName, GivenName},
    places::Address,
};

/// A calendar date.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Date {
    /// Year of the common era.
    pub year: u16,
    /// Month from 1.
    pub month: u8,
    /// Day from 1.
    pub day: u8,
}

/// The day on which the population is looked at. Months of events count back from it.
pub const TODAY: Date = Date {
    year: 2026,
    month: 10,
    day: 1,
};
/// How far back events are remembered, in months.
pub const MEMORY_MONTHS: u32 = 60;

impl Date {
    /// The first of the month `months` before [`TODAY`].
    ///
    /// # Panics
    /// If that lies before the year 1.
    #[must_use]
    pub fn months_ago(months: u32) -> Self {
        let count = u32::from(TODAY.year) * 12 + u32::from(TODAY.month) - 1 - months;
        Self {
            year: u16::try_from(count / 12).expect("years have four digits"),
            month: u8::try_from(count % 12 + 1).expect("a month is at most 12"),
            day: 1,
        }
    }

    /// Full months from this date to [`TODAY`].
    #[must_use]
    pub fn months_old(self) -> u32 {
        let months = |date: Self| u32::from(date.year) * 12 + u32::from(date.month);
        months(TODAY) - months(self) - u32::from(self.day > TODAY.day)
    }

    /// Days of this date's month.
    #[must_use]
    pub fn days_in_month(self) -> u8 {
        let leap = self.year.is_multiple_of(4)
            && (!self.year.is_multiple_of(100) || self.year.is_multiple_of(400));
        match self.month {
            4 | 6 | 9 | 11 => 30,
            2 if leap => 29,
            2 => 28,
            _ => 31,
        }
    }

    /// As `YYYYMMDD`.
    #[must_use]
    pub fn compact(self) -> String {
        format!("{:04}{:02}{:02}", self.year, self.month, self.day)
    }
}

/// Sex as registered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sex {
    /// Male.
    Male,
    /// Female.
    Female,
}

impl Sex {
    /// Place in tables by sex.
    #[must_use]
    pub fn index(self) -> usize {
        match self {
            Self::Male => 0,
            Self::Female => 1,
        }
    }

    /// The other one.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Male => Self::Female,
            Self::Female => Self::Male,
        }
    }
}

/// Something that changed once: the old value, the new one, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Changing<T> {
    before: T,
    now: T,
    months_ago: Option<u8>,
}

impl<T: Copy> Changing<T> {
    /// Never changed.
    pub fn always(now: T) -> Self {
        Self {
            before: now,
            now,
            months_ago: None,
        }
    }

    /// Changed `months_ago`, within [`MEMORY_MONTHS`].
    ///
    /// # Panics
    /// If that is longer ago than anybody remembers.
    pub fn changed(before: T, now: T, months_ago: u32) -> Self {
        assert!(
            months_ago < MEMORY_MONTHS,
            "older events are not remembered"
        );
        Self {
            before,
            now,
            months_ago: u8::try_from(months_ago).ok(),
        }
    }

    /// What was true `months` ago.
    pub fn as_of(&self, months: u32) -> T {
        match self.months_ago {
            Some(changed) if months > u32::from(changed) => self.before,
            Some(_) | None => self.now,
        }
    }

    /// What is true now.
    pub fn now(&self) -> T {
        self.now
    }

    /// The same change of something derived from it.
    pub fn map<U>(self, mut change: impl FnMut(T) -> U) -> Changing<U> {
        Changing {
            before: change(self.before),
            now: change(self.now),
            months_ago: self.months_ago,
        }
    }

    /// Whether there was a change.
    pub fn has_changed(&self) -> bool {
        self.months_ago.is_some()
    }
}

/// A family name as the register spells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Family {
    /// The name.
    pub name: FamilyName,
    /// Which old form the register has instead of the usual one; zero for the usual one.
    pub variant: u8,
}

/// One invented person.
#[derive(Debug, Clone, Copy)]
pub struct Person {
    /// Number in the population: the truth that records are compared with.
    pub number: u32,
    /// Household, shared by those who live together.
    pub household: u32,
    /// Sex.
    pub sex: Sex,
    /// Birth date.
    pub birth: Date,
    /// Given name.
    pub given: GivenName,
    /// Family name; marriages and divorces change it.
    pub family: Changing<Family>,
    /// Home; moves change it.
    pub home: Changing<Address>,
    /// Insurance; jobs, moves and the 75th birthday change it.
    pub insurance: Changing<Insurance>,
    /// Whether a twin was born with this person.
    pub twin: bool,
}

/// A person as somebody knew them at one time.
#[derive(Debug, Clone, Copy)]
pub struct View {
    /// Family name then.
    pub family: Family,
    /// Home then.
    pub home: Address,
    /// Insurance then.
    pub insurance: Insurance,
}

impl Person {
    /// The person as known `months` ago.
    #[must_use]
    pub fn as_of(&self, months: u32) -> View {
        View {
            family: self.family.as_of(months),
            home: self.home.as_of(months),
            insurance: self.insurance.as_of(months),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_count_back_and_forth() {
        assert_eq!(Date::months_ago(0), TODAY);
        assert_eq!(
            Date::months_ago(10),
            Date {
                year: 2025,
                month: 12,
                day: 1
            }
        );
        assert_eq!(Date::months_ago(777).months_old(), 777);
        assert_eq!(
            Date {
                year: 2000,
                month: 2,
                day: 1
            }
            .days_in_month(),
            29
        );
        assert_eq!(
            Date {
                year: 1900,
                month: 2,
                day: 1
            }
            .days_in_month(),
            28
        );
    }

    #[test]
    fn changes_are_seen_from_their_month_on() {
        let value = Changing::changed(1, 2, 10);
        assert_eq!(
            (value.as_of(11), value.as_of(10), value.as_of(0)),
            (1, 2, 2)
        );
        assert_eq!(Changing::always(3).as_of(59), 3);
    }
}
