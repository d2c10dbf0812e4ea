//! The tokenizer agent of a source site: reads files, makes tokens, seals them, uploads them, keeps
//! the receipts.
//!
//! The agent keeps its state in one folder and may be killed at any instant; the next run goes on
//! where it stopped, because equal sources make equal batches and a sealed batch is durable before it
//! is sent. Identifiers exist here only inside values of `linker-tokenize`, which wipe themselves;
//! nothing that is logged, sent or reported can hold one.
//!
//! Reading order: language, say, texts, config, messages, state, keys, packages, crawl, source, table, pipeline, outbox,
//! uplink, receipt, submit, report, enquiry, commands.

pub mod cli;
pub mod columns;
pub mod commands;
pub mod config;
pub mod crawl;
pub mod enquiry;
pub mod error;
pub mod keys;
pub mod language;
pub mod limits;
pub mod local;
pub mod messages;
pub mod notify;
pub mod outbox;
pub mod packages;
pub mod panic;
pub mod pipeline;
pub mod problems;
pub mod progress;
pub mod receipt;
pub mod report;
pub mod say;
pub mod source;
pub mod state;
pub mod submit;
pub mod table;
pub mod texts;
pub mod uplink;
pub mod watch;

pub use error::{AgentError, Fault};
