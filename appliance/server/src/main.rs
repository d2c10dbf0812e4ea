//! The binary `appliance`.

use std::{io::Write as _, panic::PanicHookInfo, process::ExitCode};

use appliance_server::commands::{self, Cli};
use clap::Parser as _;

fn main() -> ExitCode {
    std::panic::set_hook(Box::new(say_where));
    match commands::run(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // Nothing can be said if standard error is gone; the exit code remains.
            let _gone = writeln!(std::io::stderr(), "{failure}");
            failure.exit_code()
        }
    }
}

/// Says where a panic happened and nothing of what it says: its text could quote data.
fn say_where(panic: &PanicHookInfo<'_>) {
    if let Some(place) = panic.location() {
        let (file, line) = (place.file(), place.line());
        let _gone = writeln!(std::io::stderr(), "error [PANIC]: at {file}:{line}");
    }
}
