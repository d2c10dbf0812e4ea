//! The one error of this crate.

/// Why a grading or a kernel was refused.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum KernelError {
    /// The segments, cut points or widths do not fit together.
    #[error("the grading of segments is not usable: {rule}")]
    Grading {
        /// The rule that was broken.
        rule: &'static str,
    },
    /// The width or the threshold of a fold is not usable.
    #[error("the fold of rows is not usable: {rule}")]
    Fold {
        /// The rule that was broken.
        rule: &'static str,
    },
    /// The configuration names a kernel that this processor cannot run.
    #[error("this processor cannot run the kernel {name}")]
    Unavailable {
        /// The kernel.
        name: &'static str,
    },
    /// The configuration names a kernel that does not exist.
    #[error(
        "there is no kernel of that name; known are auto, scalar, popcnt, avx2, avx512 and neon"
    )]
    Unknown,
    /// A kernel computed something else than the scalar form: a broken processor or hypervisor.
    #[error("the kernel {name} failed its self-test")]
    SelfTest {
        /// The kernel.
        name: &'static str,
    },
}
