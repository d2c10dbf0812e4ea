//! When a run begins. Pure: the time since the start and the local minute are passed in.

use std::time::Duration;

use super::look::Glance;
use crate::{
    config::Watch,
    error::AgentError,
    limits::{WATCH_RETRY_FIRST, WATCH_RETRY_MAX},
    local::DAY_MINUTES,
    say::Text,
    texts::with_places,
};

/// Why a run begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// The source has changed, and has rested since.
    Change,
    /// The schedule says so.
    Schedule,
    /// The last run failed on the way.
    Retry,
    /// The last run sealed everything, and something of it waits to be sent: the source is not read.
    Send,
    /// The appliance did not take the newest key epoch of this site when it was last asked: the source is not
    /// read before it does.
    Ask,
}

impl Why {
    /// For the log.
    #[must_use]
    pub fn text(self) -> &'static Text {
        match self {
            Self::Change => const { with_places("the source has changed", &[]) },
            Self::Schedule => const { with_places("it is time", &[]) },
            Self::Retry => const { with_places("once more", &[]) },
            Self::Send => const { with_places("sealed batches wait", &[]) },
            Self::Ask => const { with_places("the newest key epoch may be taken by now", &[]) },
        }
    }

    /// Whether a run begins that reads the source.
    #[must_use]
    pub fn reads(self) -> bool {
        match self {
            Self::Change | Self::Schedule | Self::Retry => true,
            Self::Send | Self::Ask => false,
        }
    }
}

/// When a run begins.
#[derive(Debug)]
pub struct Plan {
    watch: Watch,
    /// What the source looks like, and since when.
    seen: Option<(Glance, Duration)>,
    /// What it looked like when it was last sent as a whole.
    done: Option<Glance>,
    /// What it looked like when it was refused: only another source is worth a run.
    refused: Option<Glance>,
    /// A run of the schedule that waits for the source to rest.
    called: bool,
    minute: i64,
    next: Option<Duration>,
    retry: Option<(Duration, Why)>,
    /// When to ask whether the newest key epoch is taken.
    ask: Option<Duration>,
    pause: Duration,
}

impl Plan {
    /// A plan that begins now. `done` is what the source looked like when it was last sent as a whole.
    #[must_use]
    pub fn new(watch: Watch, done: Option<Glance>, now: Duration, minute: i64) -> Self {
        let next = watch.every_minutes.map(|_| now);
        Self {
            watch,
            seen: None,
            done,
            refused: None,
            called: false,
            minute,
            next,
            retry: None,
            ask: None,
            pause: WATCH_RETRY_FIRST,
        }
    }

    /// What the source looks like now; `None` if it is not there.
    pub fn looked(&mut self, glance: Option<Glance>, now: Duration) {
        match (glance, self.seen) {
            (Some(new), Some((old, _))) if new == old => (),
            (Some(new), _) => self.seen = Some((new, now)),
            (None, _) => self.seen = None,
        }
    }

    /// Whether a run begins now, and why.
    pub fn due(&mut self, now: Duration, minute: i64) -> Option<Why> {
        self.call(now, minute);
        if let Some((at, why)) = self.retry
            && now >= at
            && (why == Why::Send || self.rested(now).is_some())
        {
            self.retry = None;
            self.called = false;
            return Some(why);
        }
        if self.ask.is_some_and(|at| now >= at) {
            self.ask = Some(now + WATCH_RETRY_MAX);
            return Some(Why::Ask);
        }
        let glance = self.rested(now)?;
        if std::mem::take(&mut self.called) {
            self.retry = None;
            return Some(Why::Schedule);
        }
        let new = self.done != Some(glance) && self.refused != Some(glance);
        if self.watch.follow && new && self.retry.is_none() {
            return Some(Why::Change);
        }
        None
    }

    /// Notes whether a run was under the newest key epoch of this site. Where it was not, the appliance is
    /// asked once an hour; once it takes that epoch, the whole source goes under it.
    pub fn was_under(&mut self, newest: bool, why: Why, now: Duration) {
        if !newest {
            self.ask = Some(now + WATCH_RETRY_MAX);
        } else if self.ask.take().is_some() && why == Why::Ask {
            self.called = true;
        }
    }

    /// How a run ended that began when the source looked like `glance`. Returns what is done now, if
    /// that is new.
    pub fn ended(
        &mut self,
        glance: Option<Glance>,
        why: Why,
        end: &Result<(), AgentError>,
        all_sealed: bool,
        now: Duration,
    ) -> Option<Glance> {
        let Err(error) = end else {
            self.retry = None;
            self.pause = WATCH_RETRY_FIRST;
            // What was sent now was sealed by a run before.
            if why.reads() {
                self.done = glance;
            }
            return self.done;
        };
        if why == Why::Ask {
            // It is asked again anyway.
            return None;
        }
        let sealed = all_sealed || why == Why::Send;
        if all_sealed {
            self.done = glance;
        }
        match error.exit() {
            // Bad input stays bad until it is another.
            65 => self.refused = glance,
            // On the way, the disk, or another program: it may be over in a minute, or in days.
            69 | 74 | 75 => {
                let again = if sealed { Why::Send } else { Why::Retry };
                self.retry = Some((now + self.pause, again));
                self.pause = (self.pause * 2).min(WATCH_RETRY_MAX);
            }
            // A person must do something, and need not restart this process then.
            _ => self.retry = Some((now + WATCH_RETRY_MAX, Why::Retry)),
        }
        None
    }

    /// What the source looks like, if it has looked like that for long enough.
    fn rested(&self, now: Duration) -> Option<Glance> {
        let (glance, since) = self.seen?;
        (now.saturating_sub(since) >= self.watch.settle).then_some(glance)
    }

    /// Notes the times of the schedule that have come.
    fn call(&mut self, now: Duration, minute: i64) {
        // After a sleep or a leap of the clock, one day holds every time of day.
        let from = self.minute.max(minute - DAY_MINUTES);
        let mut passed = from + 1..=minute;
        let is_time = |minute: i64| {
            let of_day = minute.rem_euclid(DAY_MINUTES);
            let times = &self.watch.daily_at;
            times.iter().any(|&time| i64::from(time) == of_day)
        };
        self.called |= passed.any(is_time);
        self.minute = minute;
        if let (Some(at), Some(every)) = (self.next, self.watch.every_minutes)
            && now >= at
        {
            self.called = true;
            self.next = Some(now + Duration::from_secs(60) * every);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Fault;

    const A: Glance = [1; 32];
    const B: Glance = [2; 32];

    fn watch() -> Watch {
        Watch {
            follow: true,
            poll: Duration::from_secs(10),
            settle: Duration::from_secs(30),
            daily_at: Vec::new(),
            every_minutes: None,
        }
    }

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn failed(fault: Fault) -> Result<(), AgentError> {
        Err(AgentError::new(fault, ""))
    }

    #[test]
    fn a_source_is_read_when_it_has_rested() {
        let mut plan = Plan::new(watch(), Some(A), at(0), 0);
        plan.looked(Some(A), at(0));
        assert_eq!(plan.due(at(100), 1), None, "it is done already");
        // A copy that grows is another source at every look.
        for (second, glance) in [(110, B), (130, [3; 32]), (150, [4; 32])] {
            plan.looked(Some(glance), at(second));
            assert_eq!(plan.due(at(second + 19), 2), None);
        }
        plan.looked(Some([4; 32]), at(170));
        assert_eq!(plan.due(at(179), 2), None);
        assert_eq!(plan.due(at(180), 3), Some(Why::Change));
        let done = plan.ended(Some([4; 32]), Why::Change, &Ok(()), true, at(200));
        assert_eq!(done, Some([4; 32]));
        assert_eq!(plan.due(at(10_000), 160), None);
        plan.looked(None, at(10_000));
        assert_eq!(
            plan.due(at(20_000), 300),
            None,
            "a drive that is not mounted"
        );
    }

    #[test]
    fn an_outage_is_retried_more_and_more_seldom_and_for_ever() {
        let mut plan = Plan::new(watch(), None, at(0), 0);
        plan.looked(Some(A), at(0));
        assert_eq!(plan.due(at(30), 0), Some(Why::Change));
        plan.ended(
            Some(A),
            Why::Change,
            &failed(Fault::Unreachable),
            true,
            at(30),
        );
        let (mut now, mut pauses) = (30, Vec::new());
        for _day in 0..3 * 24 {
            let next = (now..).find(|&second| plan.due(at(second), 0).is_some());
            let next = next.unwrap();
            pauses.push(next - now);
            now = next;
            plan.ended(
                Some(A),
                Why::Send,
                &failed(Fault::Unreachable),
                false,
                at(now),
            );
        }
        assert_eq!(pauses[..8], [60, 120, 240, 480, 960, 1920, 3600, 3600]);
        assert!(now > 2 * 86_400);
        let next = (now..).find_map(|second| Some((second, plan.due(at(second), 0)?)));
        let (now, why) = next.unwrap();
        assert_eq!(why, Why::Send, "nothing is read again");
        assert_eq!(plan.ended(Some(A), why, &Ok(()), false, at(now)), Some(A));
        assert_eq!(plan.due(at(now + 100_000), 0), None);
    }

    #[test]
    fn refused_input_waits_for_another_and_a_person_has_an_hour() {
        let mut plan = Plan::new(watch(), None, at(0), 0);
        plan.looked(Some(A), at(0));
        assert_eq!(plan.due(at(30), 0), Some(Why::Change));
        plan.ended(
            Some(A),
            Why::Change,
            &failed(Fault::MyNumberColumn),
            false,
            at(30),
        );
        assert_eq!(plan.due(at(1_000_000), 0), None);
        plan.looked(Some(B), at(1_000_000));
        assert_eq!(plan.due(at(1_000_030), 0), Some(Why::Change));
        let refusal = failed(Fault::CertificateExpired);
        plan.ended(Some(B), Why::Change, &refusal, false, at(1_000_030));
        assert_eq!(plan.due(at(1_003_629), 0), None);
        assert_eq!(plan.due(at(1_003_630), 0), Some(Why::Retry));
    }

    #[test]
    fn a_newer_epoch_is_asked_for_and_then_sent_whole() {
        let mut plan = Plan::new(watch(), Some(A), at(0), 0);
        plan.looked(Some(A), at(0));
        plan.was_under(false, Why::Change, at(40));
        assert_eq!(plan.due(at(3_639), 0), None);
        assert_eq!(plan.due(at(3_640), 0), Some(Why::Ask));
        // Not yet, or no answer: again in an hour, and the source is not read for it.
        plan.ended(Some(A), Why::Ask, &Ok(()), false, at(3_641));
        plan.was_under(false, Why::Ask, at(3_641));
        assert_eq!(plan.due(at(7_240), 0), None);
        assert_eq!(plan.due(at(7_241), 0), Some(Why::Ask));
        let outage = failed(Fault::Unreachable);
        assert_eq!(
            plan.ended(Some(A), Why::Ask, &outage, false, at(7_241)),
            None
        );
        assert_eq!(plan.due(at(10_840), 0), None);
        assert_eq!(plan.due(at(10_841), 0), Some(Why::Ask));
        // Now: the source has not changed and is read all the same, once.
        plan.ended(Some(A), Why::Ask, &Ok(()), false, at(10_842));
        plan.was_under(true, Why::Ask, at(10_842));
        assert_eq!(plan.due(at(10_843), 0), Some(Why::Schedule));
        plan.ended(Some(A), Why::Schedule, &Ok(()), true, at(10_900));
        plan.was_under(true, Why::Schedule, at(10_900));
        assert_eq!(plan.due(at(100_000), 0), None);
    }

    #[test]
    fn the_schedule_calls_once_for_each_time_and_waits_for_rest() {
        let quiet = Watch {
            follow: false,
            daily_at: vec![150, 1320],
            ..watch()
        };
        // 02:29 of some day.
        let day = 20_000 * DAY_MINUTES;
        let mut plan = Plan::new(quiet, None, at(0), day + 149);
        plan.looked(Some(A), at(0));
        assert_eq!(plan.due(at(59), day + 149), None);
        assert_eq!(plan.due(at(60), day + 150), Some(Why::Schedule));
        assert_eq!(plan.due(at(61), day + 150), None, "once");
        plan.looked(Some(B), at(62));
        assert_eq!(plan.due(at(70), day + 1320), None, "it has just changed");
        assert_eq!(plan.due(at(92), day + 1321), Some(Why::Schedule));
        // Off for a week: one run, not seven.
        let week = day + 7 * DAY_MINUTES;
        assert_eq!(plan.due(at(93), week), Some(Why::Schedule));
        assert_eq!(plan.due(at(94), week), None);
        // The clock goes back a day and on again.
        assert_eq!(plan.due(at(95), week - DAY_MINUTES), None);
        assert_eq!(
            plan.due(at(96), week - DAY_MINUTES + 150),
            Some(Why::Schedule)
        );
    }

    #[test]
    fn every_so_many_minutes_counts_from_the_beginning_of_runs() {
        let hourly = Watch {
            follow: false,
            every_minutes: Some(60),
            ..watch()
        };
        let mut plan = Plan::new(hourly, None, at(0), 0);
        plan.looked(Some(A), at(0));
        assert_eq!(plan.due(at(30), 0), Some(Why::Schedule), "at once");
        assert_eq!(plan.due(at(3_629), 0), None);
        assert_eq!(plan.due(at(3_630), 0), Some(Why::Schedule));
    }
}
