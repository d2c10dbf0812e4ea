//! The one error of this crate. No variant carries a row, a reference or a research ID.

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
    /// The source of research IDs gives IDs that are in use.
    #[error("the source of research IDs repeats itself")]
    MintRepeats,
    /// A record occurs twice in a list that must name it once.
    #[error("a record occurs twice in the {list}")]
    RecordTwice {
        /// Which list.
        list: &'static str,
    },
}
