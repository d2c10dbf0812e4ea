//! Waiting for the appliance: pauses that double, up to the configured time.

use std::time::Duration;

use tokio::time::Instant;

use crate::{
    error::{AgentError, Fault},
    limits::{BACKOFF_FIRST, BACKOFF_MAX},
    progress::Progress,
};

/// One outage: since when, and how long the next pause is.
#[derive(Debug)]
pub struct Outage {
    retry_for: Duration,
    progress: Progress,
    since: Option<Instant>,
    pause: Duration,
}

impl Outage {
    pub(super) fn new(retry_for: Duration, progress: Progress) -> Self {
        Self {
            retry_for,
            progress,
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
        let passing = matches!(error.fault(), Fault::Unreachable | Fault::Unavailable);
        let now = Instant::now();
        let since = *self.since.get_or_insert(now);
        let left = self.retry_for.saturating_sub(now.duration_since(since));
        if !passing || left.is_zero() {
            return Err(error);
        }
        let pause = jitter(self.pause).min(left);
        let seconds = left.as_secs();
        self.progress
            .say(&format!("{error}; trying again for {seconds} s more"));
        tokio::time::sleep(pause).await;
        self.pause = (self.pause * 2).min(BACKOFF_MAX);
        Ok(())
    }
}

/// Between half and all of a pause, so that sites that lost the appliance together do not come back
/// together.
fn jitter(pause: Duration) -> Duration {
    let mut byte = [0];
    // Without random bytes the whole pause is as good.
    let share = getrandom::fill(&mut byte).map_or(255, |()| u32::from(byte[0]));
    pause / 2 + pause / 2 * share / 255
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_outage_is_waited_for_as_long_as_configured() {
        let mut outage = Outage::new(Duration::from_secs(600), Progress::Silent);
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
        let mut outage = Outage::new(Duration::from_secs(1), Progress::Silent);
        for _ in 0..100 {
            let error = AgentError::new(Fault::Unavailable, "");
            assert!(outage.wait(error).await.is_ok());
            outage.end();
        }
        let refused = AgentError::new(Fault::RemoteRefused, "");
        assert!(outage.wait(refused).await.is_err());
        let mut none = Outage::new(Duration::ZERO, Progress::Silent);
        let error = AgentError::new(Fault::Unreachable, "");
        assert!(none.wait(error).await.is_err(), "no patience configured");
    }

    #[test]
    fn jitter_stays_between_half_and_whole() {
        for _ in 0..100 {
            let pause = jitter(Duration::from_secs(10));
            assert!((5..=10).contains(&pause.as_secs()));
        }
    }
}
