//! The one error of this crate. No variant carries a row, a reference or a research ID.

use crate::scratch::ScratchError;

/// Why a run cannot go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MatchError {
    /// A batch has rows of another width than the schema's.
    #[error("a batch has rows of another width than the schema")]
    RowWidth,
    /// A bound of [`crate::limits`] was passed.
    #[error("{what} exceed the limit of {limit}")]
    TooMany {
        /// What there is too much of.
        what: &'static str,
        /// The limit.
        limit: u64,
    },
    /// The settings contradict each other or a limit.
    #[error("the settings are not usable: {rule}")]
    Settings {
        /// The rule that was broken.
        rule: &'static str,
    },
    /// The schema's segments and cut points cannot be graded.
    #[error("the schema cannot be graded")]
    Schema(#[source] linker_kernels::KernelError),
    /// The kernel is not there or failed.
    #[error("the kernel cannot be used")]
    Kernel(#[source] linker_kernels::KernelError),
    /// The threads could not be started.
    #[error("the worker threads could not be started")]
    Threads(#[source] rayon::ThreadPoolBuildError),
    /// The trained model cannot be a model of persons.
    #[error("the trained model is implausible: {rule}")]
    Model {
        /// What about it is implausible.
        rule: &'static str,
    },
    /// Clusters are not in the order in which a run gives them.
    #[error("the clusters are not usable: {rule}")]
    Clusters {
        /// The rule that was broken.
        rule: &'static str,
    },
    /// The source of research IDs gives IDs that are in use.
    #[error("the source of research IDs repeats itself")]
    MintRepeats,
    /// People said of the same records that they are one person and that they are not.
    #[error("{conflicts} do-not-link verdicts contradict must-link verdicts: reverse one side")]
    VerdictsConflict {
        /// How many do-not-link verdicts stand against must-link verdicts or what follows from them.
        conflicts: u64,
    },
    /// A source of rows failed, or gave other rows than before.
    #[error("the rows of the run cannot be read")]
    Source(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The scratch space of a run beyond memory failed.
    #[error("the run cannot go on without scratch space")]
    Scratch(#[from] ScratchError),
    /// The run is beyond the memory bound and was given no scratch space.
    #[error("the rows do not fit in the memory bound, and the run has no scratch space")]
    ScratchMissing,
    /// The memory bound is too small even for a run that keeps no rows in memory.
    #[error("the run needs {needed} bytes of memory and may use {bound}: raise the bound")]
    Memory {
        /// Bytes that it needs.
        needed: u64,
        /// The bound.
        bound: u64,
    },
    /// The caller asked the run to stop.
    #[error("the run was cancelled")]
    Cancelled,
    /// A run cannot build on what another one left: a full run is needed.
    #[error("the run cannot build on this base: {rule}")]
    Base {
        /// What does not fit.
        rule: &'static str,
    },
    /// A record occurs twice in a list that must name it once.
    #[error("a record occurs twice in the {list}")]
    RecordTwice {
        /// Which list.
        list: &'static str,
    },
}
