//! Local time, as far as an agent needs it: the day and the minute of the day. The clock is passed in, and
//! the offset from UTC is configured: a server's own zone is often UTC, and where this runs there is
//! no summer time to follow.

use std::{fmt, sync::Arc, time::Duration};

/// Time since 1970, UTC.
pub type Wall = Arc<dyn Fn() -> Duration + Send + Sync>;

/// A wall clock with an offset.
#[derive(Clone)]
pub struct LocalClock {
    offset_minutes: i32,
    wall: Wall,
}

impl LocalClock {
    /// The clock of a place that is so many minutes ahead of UTC.
    #[must_use]
    pub fn new(offset_minutes: i32, wall: Wall) -> Self {
        Self {
            offset_minutes,
            wall,
        }
    }

    /// Time since 1970, UTC.
    #[must_use]
    pub fn utc(&self) -> Duration {
        (self.wall)()
    }

    /// Minutes since the beginning of 1970 in local time.
    #[must_use]
    pub fn minute(&self) -> i64 {
        let minutes = i64::try_from((self.wall)().as_secs() / 60).unwrap_or(i64::MAX / 2);
        minutes + i64::from(self.offset_minutes)
    }

    /// Minutes since midnight.
    #[must_use]
    pub fn minute_of_day(&self) -> u16 {
        u16::try_from(self.minute().rem_euclid(DAY_MINUTES)).unwrap_or(0)
    }
}

/// Minutes of a day.
pub const DAY_MINUTES: i64 = 24 * 60;

impl fmt::Debug for LocalClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LocalClock({} min)", self.offset_minutes)
    }
}

/// The clock of this machine. The one place that reads it.
#[must_use]
pub fn system() -> Wall {
    Arc::new(|| {
        std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap_or(Duration::ZERO)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn midnight_is_local() {
        let at = |seconds: u64, offset| {
            LocalClock::new(offset, Arc::new(move || Duration::from_secs(seconds)))
        };
        // 15:00 UTC is midnight nine hours ahead.
        assert_eq!(at(15 * 3600, 540).minute_of_day(), 0);
        assert_eq!(at(15 * 3600 - 1, 540).minute_of_day(), 1439);
        assert_eq!(at(0, -300).minute_of_day(), 1140);
        assert_eq!(at(0, -300).minute(), -300);
    }
}
