//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// What the user asked for.
#[derive(Debug, Parser)]
#[command(
    name = "tokenizer",
    version,
    about = "Reads a site's files, makes sealed tokens, uploads them and keeps the receipts.",
    after_help = "Exit codes: 0 done, 1 refused, 2 usage, 64 configuration, 65 bad input data, \
                  69 service failed, 74 disk, 75 try again, 77 not permitted.",
    max_term_width = 100
)]
pub struct Cli {
    /// The verb.
    #[command(subcommand)]
    pub verb: Verb,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Makes the site's keys and the enrolment request for the custodians.
    Init(Common),
    /// Opens the custodians' key package, checks it, and writes the receipt for them.
    Accept(Accept),
    /// Reads the source, seals the tokens, uploads them and verifies the receipts.
    Run(WithJson),
    /// Shows keys, package, what waits to be sent, and what was received.
    Status(WithJson),
    /// Reads one file and counts what a run would make of it. Sends nothing, keeps nothing.
    Inspect(Inspect),
    /// Checks the configuration and the files that it names, and prints what is in force.
    CheckConfig(Common),
}

/// What every verb needs.
#[derive(Debug, Args)]
pub struct Common {
    /// The configuration file.
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
}

/// For verbs that scripts read.
#[derive(Debug, Args)]
pub struct WithJson {
    /// The configuration file.
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
    /// Prints one JSON object on standard output.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `accept`.
#[derive(Debug, Args)]
pub struct Accept {
    /// The key package from the custodians.
    #[arg(value_name = "PACKAGE")]
    pub package: PathBuf,
    /// The configuration file.
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
}

/// Arguments of `inspect`.
#[derive(Debug, Args)]
pub struct Inspect {
    /// The file to read, in the format of the configured source.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// The configuration file.
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
    /// Prints one JSON object on standard output.
    #[arg(long)]
    pub json: bool,
}
