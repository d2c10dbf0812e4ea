//! From tokens to persons: blocks, candidate pairs, weights, decisions, clusters, research IDs.
//!
//! Pure: no clock, file, network, environment or hidden randomness. The same rows and settings give
//! the same clusters whatever the order of arrival, the number of threads and the kernel.
//!
//! To follow a run, read [`link`](fn@link): index and dataset, block, sample and em (the model), weigh
//! and rules (one pair), compare (all candidate pairs), records, cluster, under what people decided
//! ([`verdict`]). Rows need not fit in memory: see [`memory`] for what must, and rows and desk for how
//! the others come and go. Then [`resolve`] keeps research IDs stable from run to run, [`incremental`]
//! spares comparing again, [`lookup`] finds one token's record, [`explain`](fn@explain::explain) shows
//! one pair, and [`run`] is the life of a run.

#[cfg(test)]
extern crate self as linker_match;

mod access;
mod actions;
mod block;
mod cluster;
mod compare;
pub mod dataset;
mod desk;
pub mod drift;
mod em;
pub mod error;
pub mod estimate;
pub mod exhaustive;
pub mod explain;
mod forest;
pub mod incremental;
mod index;
pub mod interval;
pub mod limits;
mod link;
mod linkage;
pub mod lookup;
pub mod lsh;
mod meet;
pub mod memory;
pub mod model;
pub mod model_file;
mod plan;
mod random;
mod recall;
mod records;
pub mod resolve;
mod review;
mod rows;
pub mod rules;
pub mod run;
mod sample;
pub mod scratch;
pub mod settings;
mod sites;
pub mod source;
mod split;
mod sweep;
mod tally;
pub mod verdict;
mod watch;
mod weigh;
pub mod whole_row;

pub use dataset::{Dataset, RecordKey};
pub use error::MatchError;
pub use estimate::{Estimate, PassEstimate, SiteEstimate};
pub use exhaustive::{Candidates, Hits};
pub use incremental::Base;
pub use link::{Tools, link, link_delta, link_to_base, link_with};
pub use linkage::{Estimates, Linkage, PassReport, Progress, ReviewPair, Stage};
pub use linker_kernels::{KernelChoice, self_test};
pub use memory::Need;
pub use model::{Model, ModelSource, OtherClass, OtherKind, SegmentModel};
pub use model_file::ModelSettings;
pub use plan::{PassPlan, Plan, plan};
pub use resolve::ResearchId;
pub use scratch::{Scratch, ScratchError, ScratchFault};
pub use settings::{Cancel, Lsh, Settings};
pub use source::Source;
pub use verdict::{Constraints, Verdict, VerdictKind, Verdicts};

/// Synthetic people, as in the tests of whole runs.
#[cfg(test)]
#[path = "../tests/world/mod.rs"]
#[expect(
    dead_code,
    unreachable_pub,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "test code, shared with the tests of whole runs"
)]
mod world;
