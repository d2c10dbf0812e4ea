//! The wire: messages and services of `linkage.v1`, generated from `linkage/v1/*.proto` and checked in.
//!
//! `tests/generated.rs` compares the checked-in code with the proto files and says how to refresh it.

/// Package `linkage.v1`.
#[rustfmt::skip]
#[allow(missing_docs, clippy::all, clippy::pedantic, clippy::nursery, clippy::restriction, reason = "generated")]
pub mod v1 {
    include!("gen/linkage.v1.rs");
}
