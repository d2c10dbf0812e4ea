//! The life of a run as a pure state machine.

/// Where a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RunState {
    /// Created; its batches may still change.
    Draft,
    /// The batches are fixed.
    Frozen,
    /// Blocks, sample, model, candidate pairs.
    Comparing,
    /// Pairs become clusters.
    Clustering,
    /// Clusters get research IDs.
    Resolving,
    /// The crosswalk can be released.
    Released,
    /// Stopped by an error.
    Failed(RunFailure),
    /// Taken back by a person.
    Withdrawn,
}

/// Why a run failed: stable codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RunFailure {
    /// Rows could not be read or were damaged.
    BadInput,
    /// A bound was passed.
    TooLarge,
    /// The model was refused.
    Model,
    /// The machine failed: kernel, threads, disk, HSM.
    Machine,
    /// A person cancelled the run.
    Cancelled,
}

impl RunFailure {
    /// The code on the wire.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::BadInput => "bad-input",
            Self::TooLarge => "too-large",
            Self::Model => "model-refused",
            Self::Machine => "machine",
            Self::Cancelled => "cancelled",
        }
    }
}

/// What happens to a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunEvent {
    /// The batches are fixed.
    Freeze,
    /// Work begins.
    Start,
    /// All candidate pairs are compared.
    Compared,
    /// All clusters are made.
    Clustered,
    /// All research IDs are assigned and durable.
    Resolved,
    /// The process that worked on the run is gone: the work starts again from the fixed batches.
    Restart,
    /// The work cannot go on.
    Fail(RunFailure),
    /// A person takes the run back.
    Withdraw,
}

/// An event that makes no sense in the present state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the run is in a state in which this cannot happen")]
pub struct RunRefusal {
    /// The state, which stays.
    pub state: RunState,
}

impl RunState {
    /// Whether nothing happens to the run any more, but for a withdrawal of a released one.
    #[must_use]
    pub fn is_final(self) -> bool {
        matches!(self, Self::Released | Self::Failed(_) | Self::Withdrawn)
    }
}

/// The next state.
///
/// # Errors
/// [`RunRefusal`] if the event cannot happen in this state; nothing changes.
pub fn advance(state: RunState, event: RunEvent) -> Result<RunState, RunRefusal> {
    use RunEvent as E;
    use RunState as S;
    match (state, event) {
        (S::Draft, E::Freeze) => Ok(S::Frozen),
        (S::Frozen, E::Start) => Ok(S::Comparing),
        (S::Comparing, E::Compared) => Ok(S::Clustering),
        (S::Clustering, E::Clustered) => Ok(S::Resolving),
        (S::Resolving, E::Resolved) => Ok(S::Released),
        (S::Frozen | S::Comparing | S::Clustering | S::Resolving, E::Restart) => Ok(S::Frozen),
        (open, E::Fail(failure)) if !open.is_final() => Ok(S::Failed(failure)),
        (open, E::Withdraw) if !open.is_final() || open == S::Released => Ok(S::Withdrawn),
        (state, _) => Err(RunRefusal { state }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATES: [RunState; 8] = [
        RunState::Draft,
        RunState::Frozen,
        RunState::Comparing,
        RunState::Clustering,
        RunState::Resolving,
        RunState::Released,
        RunState::Failed(RunFailure::Machine),
        RunState::Withdrawn,
    ];
    const EVENTS: [RunEvent; 8] = [
        RunEvent::Freeze,
        RunEvent::Start,
        RunEvent::Compared,
        RunEvent::Clustered,
        RunEvent::Resolved,
        RunEvent::Restart,
        RunEvent::Fail(RunFailure::Model),
        RunEvent::Withdraw,
    ];

    #[test]
    fn the_straight_way_leads_to_release() {
        let end = EVENTS[..5]
            .iter()
            .try_fold(RunState::Draft, |state, &event| advance(state, event));
        assert_eq!(end, Ok(RunState::Released));
    }

    #[test]
    fn the_table_of_states_and_events() {
        let table: Vec<String> = STATES
            .iter()
            .map(|&state| {
                EVENTS
                    .iter()
                    .map(|&event| {
                        if advance(state, event).is_ok() {
                            'x'
                        } else {
                            '.'
                        }
                    })
                    .collect()
            })
            .collect();
        let expected = [
            "x.....xx", ".x...xxx", "..x..xxx", "...x.xxx", "....xxxx", ".......x", "........",
            "........",
        ];
        assert_eq!(table, expected);
    }

    #[test]
    fn a_restart_goes_back_to_the_fixed_batches() {
        let again = advance(RunState::Clustering, RunEvent::Restart);
        assert_eq!(again, Ok(RunState::Frozen));
    }
}
