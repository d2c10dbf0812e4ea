//! `tokenizer`: the agent of a source site.

use std::{
    io::Write as _,
    process::ExitCode,
    time::{Duration, SystemTime},
};

use clap::Parser as _;
use linker_agent::{
    cli::{Cli, Verb},
    commands, messages, panic,
    progress::Progress,
};

fn main() -> ExitCode {
    panic::report_place_only();
    let cli = Cli::parse();
    // One thread for the network, and no scheduler of many: that one would need a mathematical library
    // besides the C library. Reading and encoding have threads of their own.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build_local(tokio::runtime::LocalOptions::default());
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            drop(writeln!(std::io::stderr(), "error [INTERNAL]: {error}"));
            return ExitCode::from(69);
        }
    };
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let now = now.unwrap_or(Duration::ZERO);
    let progress = Progress::detect();
    let done = runtime.block_on(commands::dispatch(&cli.verb, &progress, now));
    let (text, code) = match done {
        Ok(text) => (text, ExitCode::SUCCESS),
        Err(error) => {
            drop(write!(std::io::stderr(), "{}", messages::render(&error)));
            let text = if wants_json(&cli.verb) {
                messages::render_json(&error)
            } else {
                String::new()
            };
            (text, ExitCode::from(error.exit()))
        }
    };
    match std::io::stdout().write_all(text.as_bytes()) {
        Ok(()) => code,
        Err(_closed) => ExitCode::from(74),
    }
}

fn wants_json(verb: &Verb) -> bool {
    match verb {
        Verb::Run(args) | Verb::Status(args) => args.json,
        Verb::Inspect(args) => args.json,
        Verb::Init(_) | Verb::Accept(_) | Verb::CheckConfig(_) => false,
    }
}
