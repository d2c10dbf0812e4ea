//! Which kernels this processor has, which one is used, and whether they agree.

use std::sync::OnceLock;

use crate::{error::KernelError, grading::Grading, limits, limits::LANES, scalar, tile::Tile};

/// Patterns of one row; the arguments are checked by [`Kernel::patterns`].
type Patterns = unsafe fn(&[u64], u8, &Tile, usize, &Grading, &mut [[u32; LANES]]);
/// Common bits of rows; the arguments are checked by [`Kernel::common`].
type Common = unsafe fn(&[u64], &Tile, &mut [[u16; LANES]]);

/// One family of inner loops that this processor can run. Only [`available`] makes them.
#[derive(Debug, Clone, Copy)]
pub struct Kernel {
    name: &'static str,
    choice: KernelChoice,
    patterns: Patterns,
    common: Common,
}

/// A pair that a sift lets through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sifted {
    /// Number of the query in the slice.
    pub query: u32,
    /// Number of the row in the tile.
    pub row: u32,
    /// The pattern of the two.
    pub pattern: u32,
}

/// What the configuration may say about kernels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum KernelChoice {
    /// The fastest that the processor has.
    #[default]
    Auto,
    /// Plain Rust.
    Scalar,
    /// 256-bit vectors with nibble tables.
    Avx2,
    /// 512-bit vectors with a population count instruction.
    Avx512,
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
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
        }
    }
}

impl Kernel {
    /// The kernel's name, as in the configuration.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.name
    }

    /// Patterns of `row` against the rows of `tile` from row `8·first_group` on, in tile order.
    ///
    /// `missing` marks the segments that `row` lacks. `buffer` is working memory and is overwritten.
    ///
    /// # Panics
    /// If `row`, `tile` and `grading` have different widths.
    pub fn patterns<'out>(
        self,
        row: &[u64],
        missing: u8,
        tile: &Tile,
        first_group: usize,
        grading: &Grading,
        buffer: &'out mut Vec<[u32; LANES]>,
    ) -> &'out [u32] {
        assert_eq!(row.len(), grading.row_words(), "row and grading fit");
        assert_eq!(row.len(), tile.row_words(), "row and tile fit");
        let groups = tile.groups().saturating_sub(first_group);
        if buffer.len() < groups {
            buffer.resize(groups, [0; LANES]);
        }
        let out = &mut buffer[..groups];
        // SAFETY: `available` lists a kernel only after the processor was asked for every feature
        // that its functions enable, and that is all they demand.
        unsafe { (self.patterns)(row, missing, tile, first_group, grading, out) };
        let len = tile.len().saturating_sub(first_group * LANES);
        &buffer[..groups].as_flattened()[..len]
    }

    /// Pairs of `queries` (whole rows that all lack the segments `missing`) and rows of `tile` from row
    /// `8·first_group` on in which at least one segment of the mask `watched`, present in both rows, is
    /// above its bottom level. All other pairs are quiet. Appends to `out` in no particular order.
    ///
    /// # Panics
    /// If `queries`, `tile` and `grading` have different widths.
    #[expect(clippy::too_many_arguments, reason = "an inner loop's whole world")]
    pub fn sift(
        self,
        queries: &[u64],
        missing: u8,
        tile: &Tile,
        first_group: usize,
        grading: &Grading,
        watched: u8,
        buffer: &mut Vec<[u32; LANES]>,
        out: &mut Vec<Sifted>,
    ) {
        let loud = |pattern: u32| {
            (0..grading.segment_count()).any(|segment| {
                let level = grading.level(pattern, segment);
                watched >> segment & 1 == 1
                    && level.is_some_and(|level| level + 1 < grading.levels(segment))
            })
        };
        for (query, row) in (0_u32..).zip(queries.chunks_exact(grading.row_words())) {
            let patterns = self.patterns(row, missing, tile, first_group, grading, buffer);
            let first = u32::try_from(first_group * LANES).unwrap_or(u32::MAX);
            for (row, &pattern) in (first..).zip(patterns) {
                if loud(pattern) {
                    out.push(Sifted {
                        query,
                        row,
                        pattern,
                    });
                }
            }
        }
    }

    /// Bits in common of each of `queries` (whole rows, one after another) with each row of `tile`.
    ///
    /// Line `q` of the answer starts at `q·8·tile.groups()` and has `tile.len()` counts of interest.
    ///
    /// # Panics
    /// If `queries` is not a whole number of rows of the tile's width.
    pub fn common<'out>(
        self,
        queries: &[u64],
        tile: &Tile,
        buffer: &'out mut Vec<[u16; LANES]>,
    ) -> &'out [u16] {
        assert_eq!(queries.len() % tile.row_words(), 0, "queries come whole");
        let groups = queries.len() / tile.row_words() * tile.groups();
        if buffer.len() < groups {
            buffer.resize(groups, [0; LANES]);
        }
        if groups > 0 {
            // SAFETY: as in `patterns`.
            unsafe { (self.common)(queries, tile, &mut buffer[..groups]) };
        }
        buffer[..groups].as_flattened()
    }
}

/// Every kernel that this processor has, best first. The scalar one is always there.
#[must_use]
pub fn available() -> &'static [Kernel] {
    static KERNELS: OnceLock<Vec<Kernel>> = OnceLock::new();
    KERNELS.get_or_init(detect)
}

fn detect() -> Vec<Kernel> {
    let mut kernels = Vec::new();
    #[cfg(target_arch = "x86_64")]
    {
        use crate::x86_64::{avx2, avx512};
        if avx512::detected() {
            kernels.push(Kernel {
                name: "avx512",
                choice: KernelChoice::Avx512,
                patterns: avx512::patterns,
                common: avx512::common,
            });
        }
        if avx2::detected() {
            kernels.push(Kernel {
                name: "avx2",
                choice: KernelChoice::Avx2,
                patterns: avx2::patterns,
                common: avx2::common,
            });
        }
    }
    kernels.push(Kernel {
        name: "scalar",
        choice: KernelChoice::Scalar,
        patterns: scalar::patterns,
        common: scalar::common,
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

/// Runs every available kernel on fixed rows and compares it with the scalar one.
///
/// # Errors
/// [`KernelError::SelfTest`]: the machine must not compute.
pub fn self_test() -> Result<(), KernelError> {
    available().iter().try_for_each(|&kernel| check(kernel))
}

fn check(kernel: Kernel) -> Result<(), KernelError> {
    let differs = KernelError::SelfTest { name: kernel.name };
    for row_words in limits::ROW_WORDS_ALLOWED {
        let cuts = vec![0, 20, 80, 120];
        let parts = [
            (0..3, cuts.clone()),
            (3..5, cuts.clone()),
            (5..row_words, cuts),
        ];
        let grading = Grading::new(row_words, &parts)?;
        let mut tile = Tile::new(row_words);
        let rows: Vec<u64> = (0..row_words as u64 * 21).map(mixed).collect();
        for (index, row) in rows.chunks_exact(row_words).enumerate() {
            tile.push(row, [0, 0, 1, 4][index % 4]);
        }
        let (mut found, mut expected) = (Vec::new(), vec![[0; LANES]; tile.groups()]);
        for (index, row) in rows.chunks_exact(row_words).enumerate() {
            let missing = [0, 0, 0, 2][index % 4];
            scalar::patterns(row, missing, &tile, 0, &grading, &mut expected);
            let expected = &expected.as_flattened()[..tile.len()];
            if kernel.patterns(row, missing, &tile, 0, &grading, &mut found) != expected {
                return Err(differs);
            }
        }
        let (mut found, mut expected) = (Vec::new(), vec![[0; LANES]; 21 * tile.groups()]);
        scalar::common(&rows, &tile, &mut expected);
        if kernel.common(&rows, &tile, &mut found) != expected.as_flattened() {
            return Err(differs);
        }
    }
    Ok(())
}

/// Fixed test words: some full, some empty, the rest mixed by the SplitMix64 finaliser.
fn mixed(index: u64) -> u64 {
    let mut word = index.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    word = (word ^ word >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    match index % 61 {
        0..20 => u64::MAX,
        20..35 => 0,
        _ => word ^ word >> 27,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kernel_passes_its_self_test() {
        assert_eq!(self_test(), Ok(()));
    }

    #[test]
    fn choices_have_names_and_scalar_is_always_there() {
        for choice in [
            KernelChoice::Auto,
            KernelChoice::Scalar,
            KernelChoice::Avx2,
            KernelChoice::Avx512,
        ] {
            assert_eq!(KernelChoice::parse(choice.as_str()), Ok(choice));
        }
        assert_eq!(KernelChoice::parse("neon"), Err(KernelError::Unknown));
        assert_eq!(
            selected(KernelChoice::Scalar).map(Kernel::name),
            Ok("scalar")
        );
        assert_eq!(
            selected(KernelChoice::Auto).map(Kernel::name),
            Ok(available()[0].name())
        );
    }
}
