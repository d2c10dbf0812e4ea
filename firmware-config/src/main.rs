//! Binary `firmware-config`.

use std::{
    error::Error,
    io::{self, Write},
    process::ExitCode,
};

use clap::Parser;
use firmware_config::{FirmwareError, cli::Cli};

fn main() -> ExitCode {
    let cli = Cli::parse();
    match cli.run(&mut io::stdout().lock()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            explain(&error, &mut io::stderr().lock());
            ExitCode::from(error.exit_code())
        }
    }
}

/// Says what happened, why, and what to try. Nothing is left to do where stderr is closed.
fn explain(error: &FirmwareError, out: &mut dyn Write) {
    let mut text = format!("error [{}]: {error}\n", error.code());
    let mut cause = error.source();
    while let Some(inner) = cause {
        let lines = inner.to_string().trim_end().replace('\n', "\n    ");
        text.push_str(&format!("  because: {lines}\n"));
        cause = inner.source();
    }
    text.push_str(&format!("  try: {}\n", error.advice()));
    // The parser quotes the site file, which may hold codes that a terminal would obey.
    let text = text.replace(|c: char| c.is_control() && c != '\n', "?");
    let _closed = out.write_all(text.as_bytes());
}
