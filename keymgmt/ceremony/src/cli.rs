//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::{
    booklet, check, clock::Clock, error::CeremonyError, folder, receipt, recipe::Recipe, rehearse,
    transcript,
};

/// Key ceremonies of the linkage unit.
///
/// Exit codes: 0 done, 1 refused, 2 usage, 64 configuration or a named file is missing, 65 bad input
/// data or a changed record, 69 token unavailable, 74 input or output, 77 not permitted.
#[derive(Debug, Parser)]
#[command(name = "ceremony", version, max_term_width = 100)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Print the booklet of a recipe, as Markdown.
    Plan {
        /// The recipe file.
        #[arg(long)]
        recipe: PathBuf,
    },
    /// Run a whole recipe on software tokens, without questions.
    Rehearse {
        /// The recipe file.
        #[arg(long)]
        recipe: PathBuf,
        #[command(flatten)]
        place: Place,
    },
    /// Verify sites' receipts in the custody token and sign the enrolment.
    Receipt {
        #[command(flatten)]
        place: Place,
        /// Receipt files, as tokenizers wrote them.
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// Work with transcripts.
    Transcript {
        #[command(subcommand)]
        verb: TranscriptVerb,
    },
    /// Use every key of both inventories and compare.
    Inventory {
        #[command(flatten)]
        place: Place,
    },
    /// Do every operation once in each token, with scratch keys.
    ///
    /// A token that is not initialised yet is named and passed over. Before `token-init` there is
    /// nothing to test: if neither token is found, this ends with TOKEN_NOT_FOUND (69).
    Selftest {
        /// The environment file.
        #[arg(long)]
        environment: PathBuf,
    },
}

#[derive(Debug, Args)]
struct Place {
    /// The environment file.
    #[arg(long)]
    environment: PathBuf,
    /// The folder of the ceremony's results.
    #[arg(long)]
    out: PathBuf,
}

#[derive(Debug, Subcommand)]
enum TranscriptVerb {
    /// Verify hashes, order and signatures, and name the first bad line.
    Verify {
        /// The transcript.
        file: PathBuf,
        /// The custody signing key (SubjectPublicKeyInfo, DER).
        #[arg(long)]
        csk: PathBuf,
    },
}

impl Arguments {
    /// Runs the verb; the result is for standard output.
    pub(crate) fn run(self, clock: Clock) -> Result<String, CeremonyError> {
        match self.verb {
            Verb::Plan { recipe } => Ok(booklet::booklet(&Recipe::load(&recipe)?)),
            Verb::Rehearse { recipe, place } => {
                rehearse::rehearse(&recipe, &place.environment, &place.out, clock)?;
                Ok(format!("{}\n", place.out.display()))
            }
            Verb::Receipt { place, files } => {
                let sites = receipt::receipts(&place.environment, &place.out, &files, clock)?;
                Ok(sites
                    .iter()
                    .map(|site| format!("enrolled {site}\n"))
                    .collect())
            }
            Verb::Transcript {
                verb: TranscriptVerb::Verify { file, csk },
            } => {
                let summary = transcript::verify(&file, &folder::read_bytes(&csk)?)?;
                let (lines, closings) = (summary.lines, summary.closings);
                let mut told = format!("whole: {lines} lines, {closings} signed closings\n");
                for line in summary.exceptions {
                    told.push_str(&format!(
                        "EXCEPTION in line {line}: an unsigned end was set aside and does not count\n"
                    ));
                }
                Ok(told)
            }
            Verb::Inventory { place } => {
                Ok(joined(&check::inventory(&place.environment, &place.out)?))
            }
            Verb::Selftest { environment } => Ok(joined(&check::selftest(&environment)?)),
        }
    }
}

fn joined(lines: &[String]) -> String {
    lines.iter().map(|line| format!("{line}\n")).collect()
}
