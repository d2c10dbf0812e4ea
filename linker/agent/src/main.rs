//! `tokenizer`: the agent of a source site.

use std::{
    env,
    ffi::OsString,
    io::Write as _,
    process::ExitCode,
    time::{Duration, SystemTime},
};

use linker_agent::{
    AgentError, Fault,
    cli::{self, Cli, Verb},
    commands, language,
    language::Locale,
    limits, messages, panic,
    progress::Progress,
    say,
};

fn main() -> ExitCode {
    let args: Vec<OsString> = env::args_os().collect();
    let locale = Locale::choose(language::wish(&args), |name| env::var(name).ok());
    panic::report_place_only(locale);
    if locale.fell_back {
        let said = say!(
            "the locale's character set is not one that this program writes, so it speaks English; --lang ja writes UTF-8"
        );
        warn(locale, &said.line(locale.language));
    }
    match cli::parse(&args, locale.language) {
        Ok(cli) => work(&cli, locale),
        Err(stop) if stop.exit == 0 => print(locale, &stop.text, ExitCode::SUCCESS),
        Err(stop) => {
            warn(locale, &stop.text);
            ExitCode::from(stop.exit)
        }
    }
}

fn work(cli: &Cli, locale: Locale) -> ExitCode {
    // One thread for the network, and no scheduler of many: that one would need a mathematical library
    // besides the C library. Reading and encoding have threads of their own.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build_local(tokio::runtime::LocalOptions::default());
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            let error = AgentError::new(Fault::Internal, "").because(error);
            warn(locale, &messages::render(&error, locale.language));
            return ExitCode::from(error.exit());
        }
    };
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let now = now.unwrap_or(Duration::ZERO);
    let progress = Progress::detect(locale);
    let language = locale.language;
    // JSON is UTF-8 wherever it is read.
    let json = wants_json(&cli.verb);
    let out = if json { Locale::default() } else { locale };
    let done = runtime.block_on(commands::dispatch(&cli.verb, language, &progress, now));
    // A reading thread that is in the middle of something is not waited for long: whatever it does, the
    // next start goes on from what is on the disk.
    runtime.shutdown_timeout(limits::STOP_WAIT);
    match done {
        Ok(text) => print(out, &text, ExitCode::SUCCESS),
        Err(error) => {
            warn(locale, &messages::render(&error, language));
            let text = match error.output() {
                Some(output) => output.to_owned(),
                None if json => messages::render_json(&error, language),
                None => String::new(),
            };
            print(out, &text, ExitCode::from(error.exit()))
        }
    }
}

/// Says something beside the output. A closed pipe must not stop the work.
fn warn(locale: Locale, text: &str) {
    drop(std::io::stderr().write_all(&locale.encode(text)));
}

fn print(locale: Locale, text: &str, code: ExitCode) -> ExitCode {
    match std::io::stdout().write_all(&locale.encode(text)) {
        Ok(()) => code,
        Err(_closed) => ExitCode::from(74),
    }
}

fn wants_json(verb: &Verb) -> bool {
    match verb {
        Verb::Init(args) => args.json,
        Verb::Run(args) => args.json,
        Verb::Status(args) => args.json,
        Verb::Check(args) => args.told.json,
        Verb::Report(args) => args.told.json,
        Verb::Lookup(args) => args.json,
        Verb::Enrol(_)
        | Verb::AnswerChallenge(_)
        | Verb::AcceptKey(_)
        | Verb::ForgetKey(_)
        | Verb::Watch(_)
        | Verb::Table(_)
        | Verb::CheckConfig(_) => false,
    }
}
