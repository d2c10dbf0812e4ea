//! The same rows once more without blocks: what everything against everything finds, and how long it takes.

pub(super) mod segment;
pub(super) mod whole_row;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use self::{segment::Segment, whole_row::WholeRow};

/// How everything is compared with everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Mode {
    /// Segment by segment, with the model and the link threshold of the run.
    Segment,
    /// Whole rows, by their Dice coefficient (--dice). Meant for a schema without diffusion.
    WholeRow,
}

/// What looking at every pair found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "mode", rename_all = "kebab-case")]
pub(super) enum Exhaustive {
    /// See [`Mode::Segment`].
    Segment(Segment),
    /// See [`Mode::WholeRow`].
    WholeRow(WholeRow),
}

impl Exhaustive {
    /// Whether nothing that the blocked run knew is missing.
    pub(super) fn is_whole(&self) -> bool {
        match self {
            Self::Segment(found) => found.is_whole(),
            Self::WholeRow(found) => found.is_whole(),
        }
    }

    /// Says it.
    pub(super) fn show(&self) {
        match self {
            Self::Segment(found) => found.show(),
            Self::WholeRow(found) => found.show(),
        }
    }
}
