//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::{
    cable, client::Client, crosswalk, demo, encode, error::BenchError, errors::Preset, kernels,
    keys, lookup, matching, quality, tokens,
};

/// What the user asked for.
#[derive(Debug, Parser)]
#[command(
    name = "bench",
    version,
    about = "Makes people, measures quality and speed, and shows the whole chain.",
    after_help = "Exit codes: 0 done, 1 a check failed or refused, 2 usage, 64 options, 69 service failed, 74 disk, 75 try again, 77 not permitted, 130 interrupted.",
    max_term_width = 100
)]
pub struct Cli {
    /// The verb.
    #[command(subcommand)]
    pub verb: Verb,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Runs the whole chain with real processes on loopback.
    Demo(Demo),
    /// Measures quality on invented people, without servers.
    Quality(Quality),
    /// Measures the inner loops against the tiled scalar kernel and against anonlink.
    Kernels(kernels::Options),
    /// Measures keys and the audit log: a token's rates, appends, proofs, the second layer.
    Keys(keys::Options),
    /// Measures a whole run over many tokens: load, block, compare, model, cluster, IDs.
    Match(matching::Options),
    /// Measures the look-up of one token among many.
    Lookup(lookup::Options),
    /// Measures a site's work on one core: read, normalise, encode, seal.
    Encode(encode::Options),
    /// Writes many tokens of invented people, with the truth, for the benches `match` and `lookup`.
    Tokens(tokens::Options),
    /// Streams a release to CSV and Parquet, as a processing service would.
    Crosswalk(Crosswalk),
    /// Breaks the line of one upload again and again, and looks whether every token arrives once.
    Cable(cable::Options),
    /// Writes the three sites' files and the truth into a folder.
    People(People),
}

/// Presets of errors on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PresetName {
    /// Registers that follow a law.
    CleanRegister,
    /// Two institutions with clerks and old systems beside one register.
    TypicalHospital,
    /// Most records damaged somewhere.
    Stress,
    /// The same, thinned: 59 % of what hospital and town both hold differs.
    #[value(name = "stress-59")]
    Stress59,
    /// The same, denser: 85 % of it differs.
    #[value(name = "stress-85")]
    Stress85,
}

impl From<PresetName> for Preset {
    fn from(name: PresetName) -> Self {
        match name {
            PresetName::CleanRegister => Self::CleanRegister,
            PresetName::TypicalHospital => Self::TypicalHospital,
            PresetName::Stress => Self::Stress,
            PresetName::Stress59 => Self::Stress59,
            PresetName::Stress85 => Self::Stress85,
        }
    }
}

/// Whom to invent.
#[derive(Debug, Clone, Copy, Args)]
pub struct Population {
    /// Number of people.
    #[arg(long, default_value_t = 20_000)]
    pub people: u32,
    /// Seed of the population: the same seed makes the same people on every machine.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
}

/// Arguments of `demo`.
#[derive(Debug, Args)]
pub struct Demo {
    /// Whom to invent.
    #[command(flatten)]
    pub population: Population,
    /// How bad the records are.
    #[arg(long, value_enum, default_value_t = PresetName::TypicalHospital)]
    pub errors: PresetName,
    /// Ends with one JSON object on standard output.
    #[arg(long)]
    pub json: bool,
    /// Keeps the server up at the end, until Ctrl-C.
    #[arg(long)]
    pub serve: bool,
    /// Where everything goes. A folder of an earlier demo is cleared.
    #[arg(long, value_name = "FOLDER", default_value = "target/demo")]
    pub folder: PathBuf,
    /// The program `ceremony` [default: beside this one].
    #[arg(long, value_name = "FILE")]
    pub ceremony: Option<PathBuf>,
    /// The program `appliance` [default: beside this one].
    #[arg(long, value_name = "FILE")]
    pub appliance: Option<PathBuf>,
    /// The program `tokenizer` [default: beside this one].
    #[arg(long, value_name = "FILE")]
    pub tokenizer: Option<PathBuf>,
}

impl Demo {
    /// The demo's options, with the programs found.
    ///
    /// # Errors
    /// [`BenchError::File`] if this program does not know where it lies.
    pub fn options(self) -> Result<demo::Options, BenchError> {
        let found = programs()?;
        Ok(demo::Options {
            people: self.population.people,
            seed: self.population.seed,
            preset: self.errors.into(),
            serve: self.serve,
            folder: self.folder,
            programs: demo::Programs {
                ceremony: self.ceremony.unwrap_or(found.ceremony),
                appliance: self.appliance.unwrap_or(found.appliance),
                tokenizer: self.tokenizer.unwrap_or(found.tokenizer),
                bench: found.bench,
            },
        })
    }
}

/// The programs beside this one.
///
/// # Errors
/// [`BenchError::File`] if this program does not know where it lies.
pub fn programs() -> Result<demo::Programs, BenchError> {
    let bench = std::env::current_exe().map_err(crate::error::file("find this program"))?;
    Ok(demo::Programs {
        ceremony: bench.with_file_name("ceremony"),
        appliance: bench.with_file_name("appliance"),
        tokenizer: bench.with_file_name("tokenizer"),
        bench,
    })
}

/// Arguments of `quality`.
#[derive(Debug, Args)]
pub struct Quality {
    /// Number of people of each set.
    #[arg(long, default_value_t = 20_000)]
    pub people: u32,
    /// Seeds; every preset is measured with each.
    #[arg(long, value_delimiter = ',', default_value = "1,2,3")]
    pub seeds: Vec<u64>,
    /// Presets to measure [default: all].
    #[arg(long = "preset", alias = "errors", value_enum, value_delimiter = ',')]
    pub presets: Vec<PresetName>,
    /// Without a file: compares layouts of jp-1. With one: measures that schema instead of the shipped one.
    #[arg(long, value_name = "FILE", num_args = 0..=1)]
    pub schema: Option<Option<PathBuf>>,
    /// Layouts to compare, by name [default: all].
    #[arg(long, value_delimiter = ',', requires = "schema")]
    pub layouts: Vec<String>,
    /// Measures only the public FEBRL sets, which are fetched with Python's pip.
    #[arg(long)]
    pub febrl: bool,
    /// Encoding secrets with which each FEBRL set is measured.
    #[arg(long, default_value_t = 6)]
    pub keys: u32,
    /// Ends with one JSON object on standard output.
    #[arg(long)]
    pub json: bool,
}

impl Quality {
    /// The measure's options.
    #[must_use]
    pub fn options(self) -> quality::Options {
        let presets: Vec<Preset> = self.presets.into_iter().map(Preset::from).collect();
        quality::Options {
            people: self.people,
            seeds: self.seeds,
            presets: if presets.is_empty() {
                Preset::ALL.to_vec()
            } else {
                presets
            },
            compare: matches!(self.schema, Some(None)).then_some(self.layouts),
            schema: self.schema.flatten(),
            febrl_only: self.febrl,
            keys: self.keys,
        }
    }
}

/// Arguments of `crosswalk`.
#[derive(Debug, Args)]
pub struct Crosswalk {
    /// Host and port of the appliance.
    #[arg(long)]
    pub address: String,
    /// Name in the appliance's certificate.
    #[arg(long)]
    pub server_name: String,
    /// Issuer of the appliance's certificate, PEM.
    #[arg(long, value_name = "FILE")]
    pub ca: PathBuf,
    /// Own certificate, PEM.
    #[arg(long, value_name = "FILE")]
    pub certificate: PathBuf,
    /// Own private key, PEM.
    #[arg(long, value_name = "FILE")]
    pub key: PathBuf,
    /// The release.
    #[arg(long)]
    pub release: String,
    /// CSV file to write.
    #[arg(long, value_name = "FILE")]
    pub csv: PathBuf,
    /// Parquet file to write.
    #[arg(long, value_name = "FILE")]
    pub parquet: PathBuf,
}

impl Crosswalk {
    /// The stream's options.
    #[must_use]
    pub fn options(self) -> crosswalk::Options {
        crosswalk::Options {
            client: Client {
                address: self.address,
                server_name: self.server_name,
                ca: self.ca,
                certificate: self.certificate,
                key: self.key,
            },
            release: self.release,
            csv: self.csv,
            parquet: self.parquet,
        }
    }
}

/// Arguments of `people`.
#[derive(Debug, Args)]
pub struct People {
    /// Whom to invent.
    #[command(flatten)]
    pub population: Population,
    /// How bad the records are.
    #[arg(long, value_enum, default_value_t = PresetName::TypicalHospital)]
    pub errors: PresetName,
    /// Where the files go. A folder of an earlier demo is cleared.
    #[arg(long, value_name = "FOLDER")]
    pub folder: PathBuf,
}
