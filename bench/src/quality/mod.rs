//! How well persons are found again, without servers: the same reading, encoding and matching as in the
//! service, over presets and seeds, with the weak spots by kind of error.

mod compare;
mod exact;
mod febrl;
mod interval;
mod layouts;
mod pipeline;
mod presets;
mod public;
mod screening;
mod spots;

use std::{fs, path::PathBuf};

use linker_token::Schema;
use serde_json::{Value, json};

pub use self::{
    presets::{Outcome, measure},
    spots::{Spot, Spots},
};
use crate::{
    error::{BenchError, file},
    errors::Preset,
    limits::{KEYS_MAX, PEOPLE_MAX},
    machine,
};

/// What is measured.
#[derive(Debug, Clone)]
pub struct Options {
    /// People of each set.
    pub people: u32,
    /// Seeds.
    pub seeds: Vec<u64>,
    /// Presets.
    pub presets: Vec<Preset>,
    /// Schema file instead of the shipped one.
    pub schema: Option<PathBuf>,
    /// Compare layouts instead of measuring one: those named, or all.
    pub compare: Option<Vec<String>>,
    /// Only the public FEBRL sets, no invented people.
    pub febrl_only: bool,
    /// Encoding secrets with which each FEBRL set is measured.
    pub keys: u32,
}

/// Measures every preset with every seed.
///
/// # Errors
/// [`BenchError`].
pub fn run(options: &Options) -> Result<Value, BenchError> {
    if options.people == 0 || options.people > PEOPLE_MAX || options.seeds.is_empty() {
        return Err(BenchError::Option {
            what: "1 to 10,000,000 people and at least one seed",
        });
    }
    if options.keys == 0 || options.keys > KEYS_MAX {
        return Err(BenchError::Option {
            what: "1 to 1,000 keys",
        });
    }
    if let Some(names) = &options.compare {
        return compare::run(options, names);
    }
    let mut sets = Vec::new();
    let mut kernel = "";
    if !options.febrl_only {
        kernel = presets::run(options, &schema(options)?, &mut sets)?;
    }
    // A schema file is for Japanese fields, and FEBRL has none.
    if options.schema.is_none() {
        kernel = public::run(options.keys, &mut sets)?.unwrap_or(kernel);
    }
    Ok(json!({
        "bench": "quality",
        "machine": machine::machine(kernel),
        "commit": machine::commit(),
        "date": machine::date(),
        "people": options.people,
        "seeds": options.seeds,
        "sets": sets,
    }))
}

fn schema(options: &Options) -> Result<Schema, BenchError> {
    let Some(path) = &options.schema else {
        return Ok(Schema::jp_1());
    };
    let text = fs::read_to_string(path).map_err(file(format!("read {}", path.display())))?;
    Schema::parse(&text).map_err(|error| file("use the schema file")(std::io::Error::other(error)))
}
