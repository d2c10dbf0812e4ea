//! The vocabulary that crosses the trust boundary between a source site and the linkage unit.
//!
//! A *token* is one record as it leaves a site: an opaque reference, flags and one row of bits cut
//! into *segments*. `SPEC.md` beside this crate says everything another implementation needs.
//! Nothing here can hold an identifier: rows are already encoded.
//!
//! Reading order: names, schema, token, batch, manifest, then what the appliance does with rows
//! before it stores them (hostile, second layer).

pub mod batch;
pub mod canonical;
pub mod error;
pub mod hostile;
pub mod limits;
pub mod manifest;
pub mod names;
pub mod schema;
pub mod second_layer;
pub mod token;

pub use batch::TokenBatch;
pub use error::TokenError;
pub use manifest::{BatchId, Manifest};
pub use names::{CheckValue, Epoch, ProjectId, RecordRef, SchemaDigest, SiteId};
pub use schema::{Field, GramKind, Schema, Segment};
pub use token::{Flags, Token};
