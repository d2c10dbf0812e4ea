//! Runs a bench or the demo.

use std::process::ExitCode;

use bench::{
    cable,
    cli::{self, Cli, Verb},
    crosswalk, demo, encode,
    error::BenchError,
    kernels, keys, lookup, matching, quality, tokens, ui,
};
use clap::Parser as _;
use serde_json::Value;

fn main() -> ExitCode {
    let outcome = match Cli::parse().verb {
        Verb::Demo(arguments) => {
            let json = arguments.json;
            arguments
                .options()
                .and_then(|options| block_on(demo::run(&options)))
                .map(|summary| json.then_some(summary))
        }
        Verb::Quality(arguments) => {
            let json = arguments.json;
            quality::run(&arguments.options()).map(|result| json.then_some(result))
        }
        Verb::Kernels(options) => kernels::run(&options),
        Verb::Keys(options) => keys::run(&options),
        Verb::Match(options) => matching::run(&options),
        Verb::Lookup(options) => lookup::run(&options),
        Verb::Encode(options) => encode::run(&options),
        Verb::Tokens(options) => tokens::run(&options),
        Verb::Cable(options) => cli::programs().and_then(|programs| {
            let result = block_on(cable::run(&options, &programs))?;
            Ok(options.json.then_some(result))
        }),
        Verb::Crosswalk(arguments) => block_on(crosswalk::run(&arguments.options())).map(Some),
        Verb::People(arguments) => {
            let population = arguments.population;
            let preset = arguments.errors.into();
            demo::people(
                &arguments.folder,
                population.people,
                population.seed,
                preset,
            )
            .map(|()| None)
        }
    };
    match outcome.and_then(print) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            ui::say(&format!(
                "error [{}]: {error}\n  try: {}",
                error.code(),
                error.advice()
            ));
            error.exit_code()
        }
    }
}

fn block_on<T>(future: impl Future<Output = Result<T, BenchError>>) -> Result<T, BenchError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    let runtime = runtime.map_err(bench::error::file("start the runtime"))?;
    runtime.block_on(future)
}

fn print(result: Option<Value>) -> Result<(), BenchError> {
    result.map_or(Ok(()), |object| {
        ui::data(&object.to_string()).map_err(bench::error::file("write to standard output"))
    })
}
