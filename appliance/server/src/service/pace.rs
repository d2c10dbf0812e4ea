//! How often a caller may ask: each question is a try, so questions are few.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use crate::limits;

/// So many questions at once, then one in so much time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pace {
    pub(super) burst: u32,
    pub(super) every: Duration,
}

/// Per caller: when all that it has asked would have been asked at the steady pace.
#[derive(Debug, Default)]
pub(super) struct Paces(Mutex<BTreeMap<String, Duration>>);

impl Paces {
    /// Counts one question of `caller` at `now`, the time since any fixed moment.
    ///
    /// # Errors
    /// How long to wait, if it is one too many. It does not count then.
    pub(super) fn take(&self, caller: &str, pace: Pace, now: Duration) -> Result<(), Duration> {
        let mut paces = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let paid = paces.get(caller).copied().unwrap_or(now).max(now);
        let ahead = paid.saturating_sub(now);
        let allowed = pace.every * pace.burst.saturating_sub(1);
        if ahead > allowed {
            return Err(ahead.saturating_sub(allowed));
        }
        if paces.len() >= limits::CALLERS_MAX {
            // Callers that a reload took away: what is in the past says nothing any more.
            paces.retain(|_, paid| *paid > now);
        }
        paces.insert(caller.to_owned(), paid + pace.every);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACE: Pace = Pace {
        burst: 3,
        every: Duration::from_secs(10),
    };

    #[test]
    fn a_burst_then_the_steady_pace_and_every_caller_for_itself() {
        let paces = Paces::default();
        let at = |caller: &str, seconds| paces.take(caller, PACE, Duration::from_secs(seconds));
        for _ in 0..PACE.burst {
            assert_eq!(at("a", 100), Ok(()));
        }
        assert_eq!(at("a", 100), Err(Duration::from_secs(10)), "one past");
        assert_eq!(at("a", 109), Err(Duration::from_secs(1)));
        assert_eq!(at("b", 109), Ok(()));
        assert_eq!(at("a", 110), Ok(()));
        assert!(at("a", 110).is_err());
        // After a long silence the burst is there again, and no more than it.
        for _ in 0..PACE.burst {
            assert_eq!(at("a", 10_000), Ok(()));
        }
        assert!(at("a", 10_000).is_err());
    }

    #[test]
    fn callers_of_the_past_are_forgotten() {
        let paces = Paces::default();
        for caller in 0..limits::CALLERS_MAX {
            assert_eq!(
                paces.take(&caller.to_string(), PACE, Duration::ZERO),
                Ok(())
            );
        }
        let later = Duration::from_secs(60);
        assert_eq!(paces.take("new", PACE, later), Ok(()));
        assert_eq!(paces.0.lock().expect("is whole").len(), 1);
    }
}
