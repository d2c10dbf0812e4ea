//! The binary `appliance`.

use std::{io::Write as _, process::ExitCode};

use appliance_server::commands::{self, Cli};
use clap::Parser as _;

fn main() -> ExitCode {
    match commands::run(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // Nothing can be said if standard error is gone; the exit code remains.
            let _gone = writeln!(std::io::stderr(), "{failure}");
            failure.exit_code()
        }
    }
}
