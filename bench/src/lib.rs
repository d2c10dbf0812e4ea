//! Data maker, quality measures, kernel and pipeline benches, and the demo.
//!
//! Reading order: people (an invented population), sites and errors (what three institutions hold of
//! it), evaluate (how well it was found again), then the benches and the demo.

pub mod cable;
pub mod cli;
pub mod client;
pub mod crosswalk;
pub mod demo;
pub mod encode;
pub mod error;
pub mod errors;
pub mod evaluate;
pub mod kernels;
pub mod keys;
pub mod limits;
pub mod lookup;
pub mod machine;
pub mod matching;
mod peer;
pub mod people;
pub mod quality;
pub mod sites;
pub mod tokens;
pub mod ui;
