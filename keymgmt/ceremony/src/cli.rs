//! The command line.

mod dispatch;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::{
    error::CeremonyError, say::Language, steps::elsewhere, talk::Talk, terminal::Terminal,
};

/// Key ceremonies of the linkage unit.
///
/// Exit codes: 0 done, 1 refused, 2 usage, 64 configuration or a named file is missing, 65 bad input
/// data or a changed record, 69 token unavailable, 74 input or output, 75 try again later, 77 not
/// permitted.
#[derive(Debug, Parser)]
#[command(name = "ceremony", version, max_term_width = 100)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Print the booklet of a recipe, as Markdown.
    ///
    /// With a folder it prints instead which actions the recipe comes to there, or why it cannot be done.
    Plan(PlanArguments),
    /// Run a whole recipe on software tokens, without questions.
    Rehearse {
        /// The recipe file.
        #[arg(long)]
        recipe: PathBuf,
        #[command(flatten)]
        place: Place,
    },
    /// Run a recipe with the custodians, on this terminal.
    Run {
        /// The recipe file.
        #[arg(long)]
        recipe: PathBuf,
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        voice: Voice,
    },
    /// Go on with an interrupted ceremony.
    ///
    /// What was begun of an unfinished action is done again. Keys, folder, recipe and environment must be
    /// as the last finished action left them.
    Resume {
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        voice: Voice,
    },
    /// End an interrupted ceremony: destroy the keys that it made, and sign the record.
    Abort(Remark),
    /// Record something that was not planned.
    Exception(Remark),
    /// Record a break. `resume` ends it.
    Break(Remark),
    /// Compare a custodian's share with the commitment on record.
    VerifyShare {
        /// The folder of the ceremony's results.
        #[arg(long)]
        out: PathBuf,
        /// Whose share.
        #[arg(long)]
        custodian: String,
        /// A file that holds it; without one it is typed here.
        #[arg(long)]
        share: Option<PathBuf>,
        #[command(flatten)]
        voice: Voice,
    },
    /// Write challenges by which sites prove that they hold the keys of their requests.
    ///
    /// NAME.challenge goes to the site, whose answer is verified when it is enrolled. NAME.expected stays
    /// here; it is no secret.
    Challenge {
        /// The recipe file.
        #[arg(long)]
        recipe: PathBuf,
        /// The environment file: it names the requests.
        #[arg(long)]
        environment: PathBuf,
        /// The folder for the files.
        #[arg(long)]
        out: PathBuf,
    },
    /// Verify sites' receipts in the custody token and sign the enrolment.
    Receipt {
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        voice: Voice,
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
    /// Use every key of both inventories, and put the result into the signed record.
    Attest {
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        voice: Voice,
    },
    /// Work in the token of `[restore]`, for another process of this program.
    #[command(name = elsewhere::VERB, hide = true)]
    Elsewhere {
        /// The environment file.
        #[arg(long)]
        environment: PathBuf,
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
struct PlanArguments {
    /// The recipe file.
    #[arg(long)]
    recipe: PathBuf,
    /// The environment file: the booklet names its tokens and the requests' fingerprints.
    #[arg(long)]
    environment: Option<PathBuf>,
    /// The folder of the ceremony's results: list the actions instead.
    #[arg(long, requires = "environment")]
    out: Option<PathBuf>,
    /// Write the booklet as PDF into this new file.
    #[arg(long, conflicts_with = "out")]
    pdf: Option<PathBuf>,
    #[command(flatten)]
    voice: Voice,
}

#[derive(Debug, Args)]
struct Remark {
    #[command(flatten)]
    place: Place,
    /// What happened, why, and who decided what: one line, never a secret.
    #[arg(long)]
    remark: String,
    #[command(flatten)]
    voice: Voice,
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

#[derive(Debug, Clone, Copy, Args)]
struct Voice {
    /// Language of the terminal, en or ja [default: the locale's].
    #[arg(long, hide_possible_values = true)]
    language: Option<Language>,
}

impl Voice {
    /// How this process talks: not at all where the ceremony is a rehearsal without questions.
    fn talk(self, silent: bool) -> Result<Talk, CeremonyError> {
        if silent {
            return Ok(Talk::Silent);
        }
        Terminal::open(self.language()).map(Talk::Terminal)
    }

    /// The terminal if there is one: PINs may be asked for; else files must hold them.
    fn talk_if_possible(self) -> Talk {
        Terminal::open(self.language()).map_or(Talk::Silent, Talk::Terminal)
    }

    fn language(self) -> Language {
        let variable = |name: &str| std::env::var(name).ok();
        self.language
            .unwrap_or_else(|| Language::from_variables(variable))
    }
}

impl Arguments {
    /// The language of this call.
    pub(crate) fn language(&self) -> Language {
        let locale = Voice { language: None };
        let voice = match &self.verb {
            Verb::Plan(arguments) => arguments.voice,
            Verb::Abort(remark) | Verb::Exception(remark) | Verb::Break(remark) => remark.voice,
            Verb::Run { voice, .. }
            | Verb::Resume { voice, .. }
            | Verb::VerifyShare { voice, .. }
            | Verb::Receipt { voice, .. }
            | Verb::Attest { voice, .. } => *voice,
            Verb::Rehearse { .. }
            | Verb::Challenge { .. }
            | Verb::Transcript { .. }
            | Verb::Inventory { .. }
            | Verb::Elsewhere { .. }
            | Verb::Selftest { .. } => locale,
        };
        voice.language()
    }
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
    /// Sign the end of a record whose actions are finished.
    Sign {
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        voice: Voice,
    },
}
