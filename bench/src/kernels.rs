//! Kernels: rates and ratios of the inner loops.

use clap::Args;
use serde_json::Value;

use crate::error::BenchError;

/// What is asked for.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// Ends with one JSON object on standard output.
    #[arg(long)]
    pub json: bool,
}

/// Runs it; the object to print, if one was asked for.
///
/// # Errors
/// [`BenchError`].
pub fn run(options: &Options) -> Result<Option<Value>, BenchError> {
    Ok(options.json.then(|| Value::Null))
}
