//! The linkage unit as a service: admission of batches, runs, research IDs, releases.
//!
//! To follow a batch: [`tls`] accepts the connection, [`auth`] names the caller, `grpc` converts, and
//! [`service::intake`] checks and admits. [`service::run`] links what was admitted,
//! [`service::release`] freezes a crosswalk. [`convert`] is the only file that knows both the wire and
//! the domain; [`setup`] opens keys and store from a [`config`]; [`commands`] are the verbs of the binary.

mod admin;
pub mod audit;
pub mod auth;
pub mod clock;
pub mod commands;
pub mod config;
pub mod convert;
pub mod error;
mod grpc;
pub mod limits;
pub mod metrics;
pub mod pseudonym;
pub mod ready;
pub mod reasons;
pub mod service;
pub mod setup;
pub mod tls;
