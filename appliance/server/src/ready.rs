//! Readiness: open conditions, each closed only by a check that passed.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::{error::ServiceError, metrics};

/// What must hold before work is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// The token answers and a key was used.
    Keys,
    /// The store is open for writing.
    Store,
    /// The kernel passed its self-test.
    Kernel,
    /// The clock does not stand before what is known to be past.
    Clock,
}

impl Condition {
    /// Every condition.
    pub const ALL: [Self; 4] = [Self::Keys, Self::Store, Self::Kernel, Self::Clock];

    /// The condition's name on the admin listener.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Keys => "keys",
            Self::Store => "store",
            Self::Kernel => "kernel",
            Self::Clock => "clock",
        }
    }

    fn index(self) -> usize {
        match self {
            Self::Keys => 0,
            Self::Store => 1,
            Self::Kernel => 2,
            Self::Clock => 3,
        }
    }
}

/// The conditions of one key epoch; all are open at first.
#[derive(Debug, Default)]
pub struct Latch {
    held: [AtomicBool; Condition::ALL.len()],
    beside: bool,
}

impl Latch {
    /// The conditions of an epoch beside the one in force, which metrics do not mistake for the latter's.
    #[must_use]
    pub fn beside() -> Self {
        Self {
            beside: true,
            ..Self::default()
        }
    }

    /// Records a check; returns whether it changed anything.
    pub fn set(&self, condition: Condition, holds: bool) -> bool {
        metrics::ready(condition.name(), self.beside, holds);
        self.held[condition.index()].swap(holds, Ordering::AcqRel) != holds
    }

    /// Whether a condition holds.
    #[must_use]
    pub fn holds(&self, condition: Condition) -> bool {
        self.held[condition.index()].load(Ordering::Acquire)
    }

    /// Whether every condition holds.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        Condition::ALL
            .into_iter()
            .all(|condition| self.holds(condition))
    }

    /// Refuses unless `condition` holds.
    ///
    /// # Errors
    /// [`ServiceError::NotReady`], or [`ServiceError::HsmGone`] for the keys.
    pub fn require(&self, condition: Condition) -> Result<(), ServiceError> {
        match (self.holds(condition), condition) {
            (true, _) => Ok(()),
            (false, Condition::Keys) => Err(ServiceError::HsmGone),
            (false, other) => Err(ServiceError::NotReady {
                condition: other.name(),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_open_condition_is_not_ready() {
        let latch = Latch::default();
        for (index, condition) in Condition::ALL.into_iter().enumerate() {
            assert_eq!(condition.index(), index);
            assert!(!latch.is_ready());
            assert!(latch.require(condition).is_err());
            assert!(latch.set(condition, true));
        }
        assert!(latch.is_ready());
        assert!(latch.set(Condition::Clock, false));
        assert!(!latch.is_ready());
    }
}
