//! Times in the configuration: minutes of the day and the offset of local time.

use super::parse::value;
use crate::error::AgentError;

/// `HH:MM`, from 00:00 to 24:00, as minutes.
pub(super) fn minute(key: &str, text: &str) -> Result<u16, AgentError> {
    let minutes = two_and_two(text)
        .filter(|&(hours, minutes)| (hours < 24 && minutes < 60) || (hours, minutes) == (24, 0));
    let (hours, minutes) = minutes.ok_or_else(|| value(key, "a time of day is HH:MM"))?;
    Ok(hours * 60 + minutes)
}

/// `+HH:MM` or `-HH:MM` as minutes; no place on earth is more than 14 hours ahead or 12 behind.
pub(super) fn offset(key: &str, text: &str) -> Result<i32, AgentError> {
    let refused = || value(key, "it is +HH:MM or -HH:MM");
    let sign = match text.as_bytes().first() {
        Some(b'+') => 1,
        Some(b'-') => -1,
        _ => return Err(refused()),
    };
    let (hours, minutes) = two_and_two(&text[1..]).ok_or_else(refused)?;
    let offset = sign * i32::from(hours * 60 + minutes);
    if minutes < 60 && (-12 * 60..=14 * 60).contains(&offset) {
        Ok(offset)
    } else {
        Err(refused())
    }
}

/// Minutes as `HH:MM`.
pub(super) fn shown(minutes: u16) -> String {
    format!("{:02}:{:02}", minutes / 60, minutes % 60)
}

fn two_and_two(text: &str) -> Option<(u16, u16)> {
    let (hours, minutes) = text.split_once(':')?;
    let digits = |text: &str| text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(hours) || !digits(minutes) {
        return None;
    }
    Some((hours.parse().ok()?, minutes.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_offsets_are_read_at_their_limits() {
        for (text, minutes) in [
            ("00:00", 0),
            ("08:05", 485),
            ("23:59", 1439),
            ("24:00", 1440),
        ] {
            assert_eq!(minute("k", text).unwrap(), minutes);
            assert_eq!(shown(minutes), text);
        }
        for text in [
            "24:01", "25:00", "12:60", "8:00", "08:0", "+8:00", "0800", "", "-1:00",
        ] {
            assert!(minute("k", text).is_err(), "{text}");
        }
        for (text, minutes) in [
            ("+09:00", 540),
            ("-05:30", -330),
            ("+14:00", 840),
            ("-12:00", -720),
        ] {
            assert_eq!(offset("k", text).unwrap(), minutes);
        }
        for text in ["09:00", "+14:01", "-12:01", "+09:60", "+9:00", "", "+"] {
            assert!(offset("k", text).is_err(), "{text}");
        }
    }
}
