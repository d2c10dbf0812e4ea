//! Key ceremonies: recipes, quorum, state and resume, terminal, transcript, booklet.
//!
//! Reading order: what is agreed on (`recipe`), what that comes to (`plan`), how it begins, goes on and
//! ends (`start`, `engine`, `resume`), what is done (`steps`), what is kept (`journal`, `transcript`), how
//! people are asked (`talk`, `terminal`, `texts`).

mod booklet;
mod challenge;
mod check;
mod cli;
mod clock;
mod engine;
mod environment;
mod error;
mod folder;
mod journal;
mod limits;
mod pause;
mod plan;
mod print;
mod quorum;
mod readout;
mod receipt;
mod recipe;
mod rehearse;
mod resume;
mod say;
mod share;
mod start;
mod steps;
mod talk;
mod terminal;
mod texts;
mod transcript;
mod verify_share;

use std::{error::Error as _, io::Write as _, process::ExitCode};

use clap::Parser as _;

use crate::{error::CeremonyError, say::Language};

fn main() -> ExitCode {
    let arguments = cli::Arguments::parse();
    let language = arguments.language();
    match arguments.run(clock::system) {
        Ok(text) => match std::io::stdout().write_all(text.as_bytes()) {
            Ok(()) => ExitCode::SUCCESS,
            Err(_closed) => ExitCode::from(74),
        },
        Err(error) => {
            // Nothing is left to do if even the error stream is closed.
            let _unwritable = std::io::stderr().write_all(report(&error, language).as_bytes());
            ExitCode::from(error.exit_code())
        }
    }
}

/// What happened, with its causes, and what to try.
fn report(error: &CeremonyError, language: Language) -> String {
    let mut text = format!("error [{}]: {error}", error.code());
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(&format!(": {inner}"));
        cause = inner.source();
    }
    if let Some(reason) = texts::reason(error.code(), language) {
        text.push_str(&format!("\n  {reason}"));
    }
    text.push_str(&format!("\n  try: {}\n", error.advice()));
    text
}
