//! Key ceremonies: `plan`, `rehearse`, `receipt`, `transcript verify`, `inventory`, `selftest`.

mod booklet;
mod check;
mod cli;
mod clock;
mod delivery;
mod environment;
mod error;
mod folder;
mod limits;
#[cfg_attr(
    not(test),
    expect(
        dead_code,
        unused_imports,
        reason = "the verbs that print and read shares are wired by their own modules"
    )
)]
mod print;
mod quorum;
mod receipt;
mod recipe;
mod rehearse;
mod steps;
mod transcript;

use std::{error::Error as _, io::Write as _, process::ExitCode};

use clap::Parser as _;

use crate::error::CeremonyError;

fn main() -> ExitCode {
    match cli::Arguments::parse().run(clock::system) {
        Ok(text) => match std::io::stdout().write_all(text.as_bytes()) {
            Ok(()) => ExitCode::SUCCESS,
            Err(_closed) => ExitCode::from(74),
        },
        Err(error) => {
            // Nothing is left to do if even the error stream is closed.
            let _unwritable = std::io::stderr().write_all(report(&error).as_bytes());
            ExitCode::from(error.exit_code())
        }
    }
}

/// What happened, with its causes, and what to try.
fn report(error: &CeremonyError) -> String {
    let mut text = format!("error [{}]: {error}", error.code());
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(&format!(": {inner}"));
        cause = inner.source();
    }
    text.push_str(&format!("\n  try: {}\n", error.advice()));
    text
}
