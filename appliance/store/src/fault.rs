//! What the store does after an I/O error: read only, then opened again with growing waits.

use std::time::Duration;

use crate::{error::StoreError, limits};

/// Whether the store takes changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// It does.
    Writable,
    /// It does not, since an I/O error; it will be opened again.
    ReadOnly {
        /// The error's stable code, such as `DISK_FULL`.
        code: &'static str,
        /// Attempts to open it again so far.
        attempts: u32,
    },
    /// It was opened for reading only and stays so.
    Offline,
}

/// The fault that a store is in.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Fault {
    code: Option<&'static str>,
    attempts: u32,
    /// When to try next, on the caller's clock; `None` until the caller tells the time.
    due: Option<Duration>,
}

impl Fault {
    /// Enters the fault; the first cause stays.
    pub(crate) fn enter(&mut self, error: &StoreError) {
        if self.code.is_none() {
            *self = Self {
                code: Some(error.code()),
                attempts: 0,
                due: None,
            };
        }
    }

    /// The error for a change that comes now, if there is a fault.
    pub(crate) fn refusal(&self) -> Result<(), StoreError> {
        match self.code {
            None => Ok(()),
            Some("DISK_FULL") => Err(StoreError::DiskFull),
            Some(_) => Err(StoreError::ReadOnly),
        }
    }

    pub(crate) fn health(&self) -> Health {
        match self.code {
            None => Health::Writable,
            Some(code) => Health::ReadOnly {
                code,
                attempts: self.attempts,
            },
        }
    }

    /// Whether an attempt is due. The first call after the fault starts the clock.
    pub(crate) fn is_due(&mut self, now: Duration) -> bool {
        match (self.code, self.due) {
            (None, _) => false,
            (Some(_), None) => {
                self.due = Some(now + self.wait());
                false
            }
            (Some(_), Some(due)) => now >= due,
        }
    }

    /// An attempt failed.
    pub(crate) fn failed(&mut self, error: &StoreError, now: Duration) {
        self.code = Some(error.code());
        self.attempts = self.attempts.saturating_add(1);
        self.due = Some(now + self.wait());
    }

    fn wait(&self) -> Duration {
        limits::RETRY_FIRST
            .saturating_mul(1 << self.attempts.min(10))
            .min(limits::RETRY_LONGEST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_their_bound() {
        let mut fault = Fault::default();
        assert!(
            !fault.is_due(Duration::from_secs(9)),
            "no fault, nothing due"
        );
        fault.enter(&StoreError::DiskFull);
        assert!(fault.refusal().is_err());
        let mut now = Duration::from_secs(100);
        assert!(!fault.is_due(now), "the first call starts the clock");
        let mut waits = Vec::new();
        for _ in 0..7 {
            let started = now;
            while !fault.is_due(now) {
                now += Duration::from_secs(1);
            }
            waits.push((now - started).as_secs());
            fault.failed(&StoreError::DiskFull, now);
        }
        assert_eq!(waits, [1, 2, 4, 8, 15, 15, 15]);
    }
}
