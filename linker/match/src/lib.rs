//! From tokens to persons: blocks, candidate pairs, weights, decisions, clusters, research IDs.
//!
//! Pure: no clock, file, network, environment or hidden randomness. The same rows and settings give
//! the same clusters whatever the order of arrival, the number of threads and the kernel.
//!
//! To follow a run, read [`link`](fn@link): dataset, block, sample and em (the model), weigh and rules
//! (one pair), compare (all candidate pairs), cluster. Then [`resolve`] keeps research IDs stable
//! from run to run, [`explain`](fn@explain::explain) shows one pair, and [`run`] is the life of a run.

mod block;
mod cluster;
mod compare;
pub mod dataset;
mod em;
pub mod error;
pub mod explain;
pub mod limits;
mod link;
pub mod model;
mod plan;
mod random;
pub mod resolve;
pub mod rules;
pub mod run;
mod sample;
pub mod settings;
mod weigh;

pub use dataset::{Dataset, RecordKey};
pub use error::MatchError;
pub use link::{Estimates, Linkage, PassReport, Progress, ReviewPair, Stage, link};
pub use linker_kernels::{KernelChoice, self_test};
pub use model::{Model, ModelSource, OtherClass, OtherKind, SegmentModel};
pub use plan::{PassPlan, Plan, plan};
pub use resolve::ResearchId;
pub use settings::Settings;
