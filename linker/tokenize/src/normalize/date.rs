//! Birth dates: Gregorian and Japanese eras, in figures and in words, whole and in part.

use zeroize::Zeroizing;

use super::{numeral::numeral, quick, text};

/// What a text says about a birth date.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum BirthDate {
    /// A whole date.
    Whole {
        /// Gregorian year.
        year: u16,
        /// Month, from 1.
        month: u8,
        /// Day, from 1.
        day: u8,
        /// The era ended before the year or started after the date.
        overrun: bool,
    },
    /// Month or day are unknown. Never encoded: equal parts would look like an equal date.
    Partial,
    /// A date that systems write when they have none.
    Placeholder,
    /// Not a date.
    Unreadable,
}

impl std::fmt::Debug for BirthDate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("BirthDate(..)")
    }
}

/// An era: names, year before its first, and its first and last day as year, month, day.
pub(super) struct Era {
    names: [&'static str; 4],
    pub(super) offset: u16,
    first: (u16, u8, u8),
    last: (u16, u8, u8),
}

/// The claims code of an era is its place here, from 1.
pub(super) const ERAS: [Era; 5] = [
    Era {
        names: ["明治", "明", "M", "1"],
        offset: 1867,
        first: (1868, 10, 23),
        last: (1912, 7, 29),
    },
    Era {
        names: ["大正", "大", "T", "2"],
        offset: 1911,
        first: (1912, 7, 30),
        last: (1926, 12, 24),
    },
    Era {
        names: ["昭和", "昭", "S", "3"],
        offset: 1925,
        first: (1926, 12, 25),
        last: (1989, 1, 7),
    },
    Era {
        names: ["平成", "平", "H", "4"],
        offset: 1988,
        first: (1989, 1, 8),
        last: (2019, 4, 30),
    },
    Era {
        names: ["令和", "令", "R", "5"],
        offset: 2018,
        first: (2019, 5, 1),
        last: (9999, 12, 31),
    },
];

/// Earliest and latest year that a birth date may have. The latest is no clock, only a bound.
const YEARS: std::ops::RangeInclusive<u16> = 1860..=2150;

/// Dates that systems write when they have none: the first days of calendars and of counts of days. Nobody
/// alive was born before 1901, so no date after that is among them.
const PLACEHOLDERS: [(u16, u8, u8); 11] = [
    (1111, 11, 11),
    (1582, 10, 15),
    (1601, 1, 1),
    (1753, 1, 1),
    (1800, 1, 1),
    (1858, 11, 17),
    (1868, 1, 1),
    (1899, 12, 30),
    (1899, 12, 31),
    (1900, 1, 0),
    (1900, 1, 1),
];
/// Years that nobody is born in: all dates in them are placeholders.
const NOBODYS_YEARS: [u16; 4] = [0, 1, 2999, 9999];
/// The year of any era that says that there is none.
const ERA_YEAR: u16 = 99;
/// A month or day that says that it is unknown.
const UNKNOWN: u8 = 99;

/// Reads a birth date.
#[must_use]
pub fn parse(raw: &str) -> BirthDate {
    quick::date::parse(raw).unwrap_or_else(|| full_parse(raw))
}

/// The rule in full, for any text.
pub(super) fn full_parse(raw: &str) -> BirthDate {
    let text = in_figures(&text::clean(raw)).to_uppercase();
    // A time of day may follow, as in HL7 and spreadsheets.
    let text = text
        .split(['T', ' '])
        .next()
        .filter(|head| head.len() >= 8)
        .unwrap_or(&text);
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    let read = if digits { figures(text) } else { words(text) };
    let Some((year, month, day, era)) = read else {
        return BirthDate::Unreadable;
    };
    judge(year, month, day, era)
}

/// Kanji numerals as figures, as in 昭和四十五年三月二日.
fn in_figures(text: &str) -> Zeroizing<String> {
    let chars: Zeroizing<Vec<char>> = Zeroizing::new(text.chars().collect());
    let mut out = Zeroizing::new(String::with_capacity(2 * text.len()));
    let mut at = 0;
    while let Some(&c) = chars.get(at) {
        match numeral(&chars, at).filter(|_| !c.is_ascii_digit()) {
            Some((value, end)) => {
                out.push_str(&value.to_string());
                at = end;
            }
            None => {
                out.push(c);
                at += 1;
            }
        }
    }
    out
}

/// A year, month and day, unknown parts zero, and the era's place if one was named.
pub(super) type Parts = (u16, u8, u8, Option<usize>);

/// Figures only: `YYYYMMDD`, the same with a time, `YYYYMM`, `YYYY`, or era digit and `YYMMDD`.
fn figures(text: &str) -> Option<Parts> {
    let number = |range: std::ops::Range<usize>| text.get(range)?.parse::<u16>().ok();
    let small = |range| number(range).and_then(|n| u8::try_from(n).ok());
    match text.len() {
        4 => Some((number(0..4)?, 0, 0, None)),
        6 => Some((number(0..4)?, small(4..6)?, 0, None)),
        7 => {
            let era = usize::from(number(0..1)?).checked_sub(1)?;
            let year = ERAS.get(era)?.offset + number(1..3)?;
            Some((year, small(3..5)?, small(5..7)?, Some(era)))
        }
        8 | 12 | 14 => Some((number(0..4)?, small(4..6)?, small(6..8)?, None)),
        _ => None,
    }
}

/// An era or none, then parts separated by anything but digits; `S450302` too.
fn words(text: &str) -> Option<Parts> {
    let named = ERAS.iter().enumerate().find_map(|(at, era)| {
        let names = era.names[..3].iter();
        let mut rests = names.filter_map(|name| text.strip_prefix(name));
        rests.next().map(|rest| (at, rest))
    });
    let (era, rest) = match named {
        Some((at, rest)) => (Some(at), rest),
        None => (None, text),
    };
    let rest = rest
        .trim_start_matches(['.', '-', ' ', '/'])
        .replace('元', "1");
    let compact = era.is_some() && rest.len() == 6 && rest.bytes().all(|b| b.is_ascii_digit());
    let rest = if compact {
        format!("{}.{}.{}", &rest[..2], &rest[2..4], &rest[4..])
    } else {
        rest
    };
    let mut parts = [0_u16; 3];
    let mut count = 0;
    for part in rest
        .split(|c: char| !c.is_ascii_digit())
        .filter(|p| !p.is_empty())
    {
        *parts.get_mut(count)? = part.parse().ok()?;
        count += 1;
    }
    let written = rest.chars().all(|c| {
        c.is_ascii_digit()
            || matches!(
                c,
                '年' | '月'
                    | '日'
                    | '.'
                    | '-'
                    | '/'
                    | ' '
                    | '生'
                    | '不'
                    | '詳'
                    | '明'
                    | 'X'
                    | text::WILDCARD
            )
    });
    if count == 0 || !written {
        return None;
    }
    let offset = era.map_or(0, |at| ERAS[at].offset);
    let year = offset.checked_add(parts[0])?;
    Some((
        year,
        u8::try_from(parts[1]).ok()?,
        u8::try_from(parts[2]).ok()?,
        era,
    ))
}

pub(super) fn judge(year: u16, month: u8, day: u8, era: Option<usize>) -> BirthDate {
    let listed = year <= 1900 && PLACEHOLDERS.contains(&(year, month, day));
    let nobody = NOBODYS_YEARS.contains(&year);
    if listed || nobody || era.is_some_and(|at| year - ERAS[at].offset == ERA_YEAR) {
        return BirthDate::Placeholder;
    }
    let unknown = |part: u8| matches!(part, 0 | UNKNOWN);
    if !YEARS.contains(&year) || (month > 12 && !unknown(month)) {
        return BirthDate::Unreadable;
    }
    if unknown(month) || unknown(day) {
        return BirthDate::Partial;
    }
    if day > days_in(year, month) {
        return BirthDate::Unreadable;
    }
    let overrun = era.is_some_and(|at| {
        let date = (year, month, day);
        date < ERAS[at].first || date > ERAS[at].last
    });
    BirthDate::Whole {
        year,
        month,
        day,
        overrun,
    }
}

fn days_in(year: u16, month: u8) -> u8 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => {
            29
        }
        2 => 28,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(text: &str) -> Option<(u16, u8, u8, bool)> {
        match parse(text) {
            BirthDate::Whole {
                year,
                month,
                day,
                overrun,
            } => Some((year, month, day, overrun)),
            BirthDate::Partial | BirthDate::Placeholder | BirthDate::Unreadable => None,
        }
    }

    #[test]
    fn one_day_in_many_spellings() {
        for text in [
            "19700302",
            "1970-03-02",
            "1970/3/2",
            "1970.3.2",
            "1970年3月2日",
            "１９７０年３月２日",
            "S45.3.2",
            "s45/03/02",
            "S450302",
            "昭和45年3月2日",
            "昭45.3.2",
            "昭和 45年 3月 2日",
            "3450302",
            "1970-03-02T00:00:00",
            "1970/03/02 0:00",
            "197003020915",
            "1970年3月2日生",
            "昭和四十五年三月二日",
            "一九七〇年三月二日",
        ] {
            assert_eq!(whole(text), Some((1970, 3, 2, false)), "{text}");
        }
        assert_eq!(whole("昭和二十年十二月十日"), Some((1945, 12, 10, false)));
        assert_eq!(whole("令和元年5月1日"), Some((2019, 5, 1, false)));
        assert_eq!(whole("5010501"), Some((2019, 5, 1, false)));
        assert_eq!(whole("大正15年12月24日"), Some((1926, 12, 24, false)));
        assert_eq!(whole("T15.3.2"), Some((1926, 3, 2, false)));
    }

    #[test]
    fn eras_at_their_borders() {
        assert_eq!(whole("昭和64年1月7日"), Some((1989, 1, 7, false)));
        assert_eq!(whole("昭和64年1月8日"), Some((1989, 1, 8, true)));
        assert_eq!(whole("平成元年1月7日"), Some((1989, 1, 7, true)));
        assert_eq!(whole("昭和65年1月1日"), Some((1990, 1, 1, true)));
        assert_eq!(whole("平成31年5月1日"), Some((2019, 5, 1, true)));
    }

    #[test]
    fn parts_placeholders_and_nonsense() {
        for text in [
            "19700300",
            "19700000",
            "1970年3月",
            "1970",
            "197003",
            "昭和45年3月不詳日",
            "19709999",
            "19700399",
            "S45.3.99",
        ] {
            assert!(parse(text) == BirthDate::Partial, "{text}");
        }
        for text in [
            "19000101",
            "1900-01-01",
            "99991231",
            "00000000",
            "1899/12/30",
            "1900/1/0",
            "0001-01-01",
            "00010101",
            "00000101",
            "9999",
            "9999-12-31",
            "99999999",
            "2999/12/31",
            "S99.12.31",
            "4991231",
            "1753-01-01",
        ] {
            assert!(parse(text) == BirthDate::Placeholder, "{text}");
        }
        for text in [
            "", "19701301", "19700230", "20230229", "abc", "18590101", "21510101", "25000",
            "850312", "1-2-3-4", "6450302",
        ] {
            assert!(parse(text) == BirthDate::Unreadable, "{text}");
        }
        assert_eq!(whole("20000229"), Some((2000, 2, 29, false)));
    }
}
