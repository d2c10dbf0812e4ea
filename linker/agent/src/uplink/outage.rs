//! Waiting for the appliance: pauses that double, up to the configured time.

use std::{cell::Cell, rc::Rc, time::Duration};

use tokio::time::Instant;

use crate::{
    error::{AgentError, Fault},
    limits::{BACKOFF_FIRST, BACKOFF_MAX},
    progress::Progress,
    say,
};

/// Draws the share of each pause, from a seed that the caller passes in. Not for secrets: it only keeps
/// sites that lost the appliance together from coming back together.
#[derive(Debug, Clone)]
pub struct Jitter(Rc<Cell<u64>>);

impl Jitter {
    /// Draws from this seed.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        Self(Rc::new(Cell::new(seed)))
    }

    /// Between half and all of a pause.
    fn of(&self, pause: Duration) -> Duration {
        // SplitMix64 (Steele, Lea, Flood 2014): one addition, then a mix of the sum.
        let state = self.0.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
        self.0.set(state);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let share = u32::from((mixed ^ (mixed >> 31)).to_be_bytes()[0]);
        pause / 2 + pause / 2 * share / 255
    }
}

/// Whether an error ends by itself when one waits.
#[must_use]
pub fn passes(error: &AgentError) -> bool {
    matches!(error.fault(), Fault::Unreachable | Fault::Unavailable)
}

/// One outage: since when, and how long the next pause is.
#[derive(Debug)]
pub struct Outage {
    retry_for: Duration,
    progress: Progress,
    jitter: Jitter,
    since: Option<Instant>,
    pause: Duration,
}

impl Outage {
    pub(super) fn new(retry_for: Duration, progress: Progress, jitter: Jitter) -> Self {
        Self {
            retry_for,
            progress,
            jitter,
            since: None,
            pause: BACKOFF_FIRST,
        }
    }

    /// The appliance got further than before, so that the next failure is a new outage.
    pub fn end(&mut self) {
        self.since = None;
        self.pause = BACKOFF_FIRST;
    }

    /// Waits before the next attempt.
    ///
    /// # Errors
    /// The error itself, if it will not pass by waiting, or the time is over.
    pub async fn wait(&mut self, error: AgentError) -> Result<(), AgentError> {
        let now = Instant::now();
        let since = *self.since.get_or_insert(now);
        let left = self.retry_for.saturating_sub(now.duration_since(since));
        if !passes(&error) || left.is_zero() {
            return Err(error);
        }
        let pause = self.jitter.of(self.pause).min(left);
        let seconds = left.as_secs();
        self.progress.say(&say!(
            "{error}; trying again for {seconds} s more",
            error = error.said(),
            seconds = seconds
        ));
        tokio::time::sleep(pause).await;
        self.pause = (self.pause * 2).min(BACKOFF_MAX);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patience(seconds: u64) -> Outage {
        let wait = Duration::from_secs(seconds);
        Outage::new(wait, Progress::Silent, Jitter::seeded(1))
    }

    #[tokio::test(start_paused = true)]
    async fn an_outage_is_waited_for_as_long_as_configured() {
        let mut outage = patience(600);
        let began = Instant::now();
        let mut attempts = 0;
        while outage
            .wait(AgentError::new(Fault::Unreachable, ""))
            .await
            .is_ok()
        {
            attempts += 1;
        }
        let waited = began.elapsed().as_secs();
        assert!((599..=601).contains(&waited), "{waited} s");
        assert!((20..60).contains(&attempts), "{attempts} attempts");
    }

    #[tokio::test(start_paused = true)]
    async fn progress_ends_an_outage_and_refusals_are_not_waited_for() {
        let mut outage = patience(1);
        for _ in 0..100 {
            let error = AgentError::new(Fault::Unavailable, "");
            assert!(outage.wait(error).await.is_ok());
            outage.end();
        }
        let refused = AgentError::new(Fault::RemoteRefused, "");
        assert!(outage.wait(refused).await.is_err());
        let mut none = patience(0);
        let error = AgentError::new(Fault::Unreachable, "");
        assert!(none.wait(error).await.is_err(), "no patience configured");
    }

    #[test]
    fn jitter_stays_between_half_and_whole_and_follows_its_seed() {
        let pauses = |seed| {
            let jitter = Jitter::seeded(seed);
            let draw = |_| jitter.of(Duration::from_secs(10));
            (0..100).map(draw).collect::<Vec<_>>()
        };
        let half_to_whole = Duration::from_secs(5)..=Duration::from_secs(10);
        assert!(pauses(1).iter().all(|pause| half_to_whole.contains(pause)));
        assert_eq!(pauses(1), pauses(1));
        assert_ne!(pauses(1), pauses(2), "two sites do not come back together");
        let sum: Duration = pauses(3).iter().sum();
        assert!((700..800).contains(&sum.as_secs()), "{sum:?}");
    }
}
