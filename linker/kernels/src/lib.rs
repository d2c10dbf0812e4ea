//! The inner loops of linkage, and the only unsafe code of the workspace.
//!
//! Operations of query rows against a tile of rows:
//!
//! * **patterns**: the similarity level of every segment, as one number per pair ([`Grading`]);
//! * **sift**: the patterns of those few pairs that are similar in a watched segment;
//! * **common bits**: the AND-popcount of the whole row, or of each segment, from which Dice follows;
//! * **similar**: pairs of whole rows above a Dice threshold, exact, through [`fold`]s.
//!
//! Each has a scalar form, written for reading, and forms for what the processor has, chosen at run
//! time. All forms give the same numbers; [`self_test`] says so at start-up. Thresholds, blocks and
//! weights are the caller's, in safe code.
//!
//! Reading order: limits, grading, tile, fold, scalar, kernel, sift, dispatch, loops, then the instruction
//! sets.

#[macro_use]
mod loops;

#[cfg(target_arch = "aarch64")]
mod aarch64;
pub mod dispatch;
pub mod error;
pub mod fold;
pub mod grading;
mod kernel;
pub mod limits;
mod scalar;
mod self_test;
mod sift;
pub mod tile;
#[cfg(target_arch = "x86_64")]
mod x86_64;

pub use dispatch::{KernelChoice, available, selected};
pub use error::KernelError;
pub use fold::{Fold, FoldTile, Similar};
pub use grading::Grading;
pub use kernel::{Kernel, Sifted};
pub use self_test::self_test;
pub use tile::Tile;
