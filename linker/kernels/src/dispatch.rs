//! Which kernels this processor has, which one is used, and whether they agree.

use std::sync::OnceLock;

use crate::{
    error::KernelError,
    kernel::{Kernel, Loops},
    scalar,
};

/// What the configuration may say about kernels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum KernelChoice {
    /// The fastest that the processor has.
    #[default]
    Auto,
    /// Plain Rust.
    Scalar,
    /// 64-bit words with a population count instruction.
    Popcnt,
    /// 256-bit vectors with nibble tables.
    Avx2,
    /// 512-bit vectors with a population count instruction.
    Avx512,
    /// 128-bit vectors of 64-bit ARM, counted by byte.
    Neon,
}

impl KernelChoice {
    /// Parses a configuration value.
    ///
    /// # Errors
    /// [`KernelError::Unknown`].
    pub fn parse(text: &str) -> Result<Self, KernelError> {
        match text {
            "auto" => Ok(Self::Auto),
            "scalar" => Ok(Self::Scalar),
            "popcnt" => Ok(Self::Popcnt),
            "neon" => Ok(Self::Neon),
            "avx2" => Ok(Self::Avx2),
            "avx512" => Ok(Self::Avx512),
            _ => Err(KernelError::Unknown),
        }
    }

    /// The configuration value.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Scalar => "scalar",
            Self::Popcnt => "popcnt",
            Self::Neon => "neon",
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
        }
    }
}

/// Every kernel that this processor has, best first. The scalar one is always there.
#[must_use]
pub fn available() -> &'static [Kernel] {
    static KERNELS: OnceLock<Vec<Kernel>> = OnceLock::new();
    KERNELS.get_or_init(detect)
}

/// The loops of one file; looks at single pairs are another's.
macro_rules! loops_of {
    ($file:ident, $pairs:ident) => {
        Loops {
            patterns: $file::patterns,
            loud: $file::loud,
            pattern_of: $pairs::pattern_of,
            overlap: $pairs::overlap,
            common: $file::common,
            segment_common: $file::segment_common,
            folded: $file::folded,
        }
    };
}

fn detect() -> Vec<Kernel> {
    let mut kernels = Vec::new();
    #[cfg(target_arch = "x86_64")]
    {
        use crate::x86_64::{avx2, avx512, popcnt};
        // Single pairs are counted by 64-bit words on every processor.
        if popcnt::detected() {
            if avx512::detected() {
                kernels.push(Kernel {
                    name: "avx512",
                    choice: KernelChoice::Avx512,
                    loops: loops_of!(avx512, popcnt),
                });
            }
            if avx2::detected() {
                kernels.push(Kernel {
                    name: "avx2",
                    choice: KernelChoice::Avx2,
                    loops: loops_of!(avx2, popcnt),
                });
            }
            kernels.push(Kernel {
                name: "popcnt",
                choice: KernelChoice::Popcnt,
                loops: loops_of!(popcnt, popcnt),
            });
        }
    }
    #[cfg(target_arch = "aarch64")]
    {
        use crate::aarch64::neon;
        if neon::detected() {
            kernels.push(Kernel {
                name: "neon",
                choice: KernelChoice::Neon,
                loops: loops_of!(neon, neon),
            });
        }
    }
    kernels.push(Kernel {
        name: "scalar",
        choice: KernelChoice::Scalar,
        loops: loops_of!(scalar, scalar),
    });
    kernels
}

/// The kernel that the configuration asks for.
///
/// # Errors
/// [`KernelError::Unavailable`] if this processor cannot run it.
pub fn selected(choice: KernelChoice) -> Result<Kernel, KernelError> {
    available()
        .iter()
        .find(|kernel| choice == KernelChoice::Auto || kernel.choice == choice)
        .copied()
        .ok_or(KernelError::Unavailable {
            name: choice.as_str(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices_have_names_and_scalar_is_always_there() {
        for choice in [
            KernelChoice::Auto,
            KernelChoice::Scalar,
            KernelChoice::Popcnt,
            KernelChoice::Avx2,
            KernelChoice::Avx512,
            KernelChoice::Neon,
        ] {
            assert_eq!(KernelChoice::parse(choice.as_str()), Ok(choice));
        }
        assert_eq!(KernelChoice::parse("fast"), Err(KernelError::Unknown));
        assert_eq!(
            selected(KernelChoice::Scalar).map(Kernel::name),
            Ok("scalar")
        );
        assert_eq!(
            selected(KernelChoice::Auto).map(Kernel::name),
            Ok(available()[0].name())
        );
    }
    #[test]
    fn the_best_kernel_of_a_processor_is_not_the_scalar_one() {
        #[cfg(target_arch = "aarch64")]
        assert_eq!(available()[0].name(), "neon");
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") {
            assert_ne!(available()[0].name(), "scalar");
        }
    }
}
