//! The command line. The English help stands here, the Japanese one in `cli/words.rs`.

mod help;
mod words;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

pub use self::help::{Stop, command, parse};
use crate::language::Language;

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
    /// Language of messages: ja or en. Default: that of the locale.
    #[arg(
        long,
        global = true,
        value_name = "LANGUAGE",
        hide_possible_values = true
    )]
    pub lang: Option<Language>,
    /// The verb.
    #[command(subcommand)]
    pub verb: Verb,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Looks at a file or folder and writes a first configuration for it.
    Init(Init),
    /// Reports what a run would make of the source: a dry run that sends nothing and keeps nothing.
    Check(Check),
    /// Makes the site's keys and the enrolment request for the custodians.
    Enrol(Common),
    /// Answers the custodians' challenge: proves that the keys of the request are this site's.
    #[command(name = "answer-challenge")]
    AnswerChallenge(AnswerChallenge),
    /// Opens the custodians' key package, checks it, and writes the receipt for them.
    #[command(name = "accept-key")]
    AcceptKey(AcceptKey),
    /// Destroys the key of a key epoch that is over, and writes the statement for the custodians.
    #[command(name = "forget-key")]
    ForgetKey(ForgetKey),
    /// Reads the source, seals the tokens, uploads them and verifies the receipts.
    Run(Run),
    /// Stays, and runs whenever the source has changed or the schedule says so.
    Watch(Common),
    /// Opens the linkage table: from record references to the site's own numbers.
    #[command(subcommand)]
    Table(TableVerb),
    /// Shows keys, package, what waits to be sent, and what was received.
    Status(WithJson),
    /// Reports what earlier runs sent, and what got worse from one to the next.
    Report(Report),
    /// At a consultation desk: asks whether one person is in.
    Lookup(Lookup),
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

/// Arguments of `init`.
#[derive(Debug, Args)]
pub struct Init {
    /// A file of the source, or the folder of all of them.
    #[arg(long, value_name = "PATH")]
    pub from: PathBuf,
    /// The name under which the custodians know this site.
    #[arg(long, value_name = "SITE")]
    pub site: Option<String>,
    /// The folder to write to. Default: the current one.
    #[arg(long, value_name = "FOLDER")]
    pub into: Option<PathBuf>,
    /// Replaces files that are there already.
    #[arg(long)]
    pub force: bool,
    /// Prints one JSON object on standard output.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `run`.
#[derive(Debug, Args)]
pub struct Run {
    /// The configuration file.
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
    /// Only reads and seals: the appliance is not called. A later run sends.
    #[arg(long, conflicts_with = "send")]
    pub offline: bool,
    /// Only sends what is sealed already: the source is not read.
    #[arg(long)]
    pub send: bool,
    /// Prints one JSON object on standard output.
    #[arg(long)]
    pub json: bool,
}

/// What is done with the linkage table.
#[derive(Debug, Subcommand)]
pub enum TableVerb {
    /// Prints the site's own number of one record.
    Find(TableFind),
    /// Writes the whole table, in clear, into a new file: CSV with reference and record.
    Export(TableExport),
}

/// Arguments of `table find`.
#[derive(Debug, Args)]
pub struct TableFind {
    /// The record reference: 32 hexadecimal digits.
    #[arg(value_name = "REFERENCE")]
    pub reference: String,
    /// The configuration file.
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
}

/// Arguments of `table export`.
#[derive(Debug, Args)]
pub struct TableExport {
    /// The file to write; it must not be there yet.
    #[arg(value_name = "CSV")]
    pub file: PathBuf,
    /// The configuration file.
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
}

/// Arguments of `accept-key`.
#[derive(Debug, Args)]
pub struct AcceptKey {
    /// The key package from the custodians.
    #[arg(value_name = "PACKAGE")]
    pub package: PathBuf,
    /// The configuration file.
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
}

/// Arguments of `answer-challenge`.
#[derive(Debug, Args)]
pub struct AnswerChallenge {
    /// The challenge from the custodians.
    #[arg(value_name = "CHALLENGE")]
    pub challenge: PathBuf,
    /// The configuration file.
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
}

/// Arguments of `forget-key`.
#[derive(Debug, Args)]
pub struct ForgetKey {
    /// The key epoch whose key is destroyed. `tokenizer status` names those that are kept.
    #[arg(long, value_name = "NUMBER")]
    pub epoch: u32,
    /// The project ends: the key is destroyed although no newer one is in use.
    #[arg(long)]
    pub last: bool,
    /// The configuration file.
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
}

/// Arguments of `lookup`.
#[derive(Debug, Args)]
#[command(
    after_help = "Identifiers are asked for at the terminal, one line each, and wiped after use; an empty \
                        line leaves one out. They are no arguments: those stand in the list of processes and in \
                        the shell's history.\n\n\
                        With --stdin a front end gives one object: JSON such as {\"kana-name\": \"...\", \
                        \"birth-date\": \"...\"}, or lines FIELD=VALUE. Fields: kana-name, kanji-name, given-name, \
                        surname, birth-date, sex, postal-code, address, town, street, block, insurer, \
                        insured-symbol, insured-number, insured-branch."
)]
pub struct Lookup {
    /// The configuration file.
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
    /// Reads one object from standard input instead of asking at the terminal.
    #[arg(long)]
    pub stdin: bool,
    /// Prints one JSON object on standard output.
    #[arg(long)]
    pub json: bool,
    /// Whatever else was written there. It is counted, not kept and not repeated.
    #[arg(hide = true, num_args = 0.., trailing_var_arg = true, allow_hyphen_values = true)]
    pub stray: Vec<Stray>,
}

/// An argument that may be somebody's name.
#[derive(Debug, Clone, Copy)]
pub struct Stray;

impl std::str::FromStr for Stray {
    type Err = std::convert::Infallible;

    fn from_str(_text: &str) -> Result<Self, Self::Err> {
        Ok(Self)
    }
}

/// Arguments of `check`.
#[derive(Debug, Args)]
pub struct Check {
    /// The file or folder to read in the format of the configured source; without it, that source.
    #[arg(value_name = "FILE_OR_FOLDER")]
    pub source: Option<PathBuf>,
    /// The configuration file.
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
    /// How the report is told.
    #[command(flatten)]
    pub told: Told,
}

/// Arguments of `report`.
#[derive(Debug, Args)]
pub struct Report {
    /// The configuration file.
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
    /// How the report is told.
    #[command(flatten)]
    pub told: Told,
}

/// How a report is told.
#[derive(Debug, Args)]
pub struct Told {
    /// Prints one JSON object on standard output.
    #[arg(long)]
    pub json: bool,
    /// Writes the report with its charts to this file, too.
    #[arg(long, value_name = "OUT.html")]
    pub html: Option<PathBuf>,
}
