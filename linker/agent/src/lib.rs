//! The tokenizer agent of a source site: reads files, makes tokens, seals them, uploads them, keeps
//! the receipts.
//!
//! The agent keeps its state in one folder and may be killed at any instant; the next run goes on
//! where it stopped, because equal sources make equal batches and a sealed batch is durable before it
//! is sent. Identifiers exist here only inside values of `linker-tokenize`, which wipe themselves;
//! nothing that is logged, sent or reported can hold one.
//!
//! Reading order: config, messages, state, keys, crawl, source, pipeline, outbox, uplink, receipt,
//! submit, commands.

pub mod cli;
pub mod commands;
pub mod config;
pub mod crawl;
pub mod error;
pub mod keys;
pub mod limits;
pub mod lookup;
pub mod messages;
pub mod outbox;
pub mod panic;
pub mod pipeline;
pub mod progress;
pub mod receipt;
pub mod source;
pub mod state;
pub mod submit;
pub mod uplink;

pub use error::{AgentError, Fault};
