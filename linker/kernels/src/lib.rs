//! The inner loops of linkage, and the only unsafe code of the workspace.
//!
//! Two operations of one query row against a tile of rows:
//!
//! * **patterns**: the similarity level of every segment, as one number per pair ([`Grading`]);
//! * **common bits**: the AND-popcount of the whole row, from which Dice and Jaccard follow.
//!
//! Each has a scalar form, written for reading, and forms for what the processor has, chosen at run
//! time. All forms give the same numbers; [`self_test`] says so at start-up. Thresholds, blocks and
//! weights are the caller's, in safe code.
//!
//! Reading order: limits, grading, tile, scalar, dispatch, then the instruction sets.

pub mod dispatch;
pub mod error;
pub mod grading;
pub mod limits;
mod scalar;
pub mod tile;
#[cfg(target_arch = "x86_64")]
mod x86_64;

pub use dispatch::{Kernel, KernelChoice, Sifted, available, selected, self_test};
pub use error::KernelError;
pub use grading::Grading;
pub use tile::Tile;
