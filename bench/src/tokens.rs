//! Many tokens of invented people, with the truth.

mod make;
mod normal;
pub mod set;

use std::{
    fs,
    num::NonZero,
    path::{Path, PathBuf},
    thread,
};

use clap::Args;
use linker_token::Schema;
use serde_json::{Value, json};

pub use self::make::encoder;
use self::set::{MAKER, Request, TokenSet, TokenSetWriter};
use crate::{
    cli::PresetName,
    error::{BenchError, file},
    errors::Preset,
    limits::TOKENS_MAX,
    machine,
    ui::{Story, grouped, say},
};

/// What is asked for.
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "The same options make the same set, and a set that is there is used again.\n\
    Example:\n  bench tokens --tokens 1000000 --folder /data/tokens"
)]
pub struct Options {
    /// Number of tokens.
    #[arg(long, default_value_t = 1_000_000)]
    pub tokens: u64,
    /// Seed of the population: the same seed makes the same set on every machine.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// How bad the records are.
    #[arg(long, value_enum, default_value_t = PresetName::TypicalHospital)]
    pub errors: PresetName,
    /// A schema file for Japanese identifiers instead of the shipped jp-1.
    #[arg(long, value_name = "FILE")]
    pub schema: Option<PathBuf>,
    /// The schema without diffusion and with half-full segments.
    #[arg(long)]
    pub undiffused: bool,
    /// Where the set goes [default: target/bench/tokens-N-SEED-ERRORS-SCHEMA].
    #[arg(long, value_name = "FOLDER")]
    pub folder: Option<PathBuf>,
    /// Threads [default: as many as there are cores].
    #[arg(long)]
    pub threads: Option<NonZero<usize>>,
    /// Ends with one JSON object on standard output.
    #[arg(long)]
    pub json: bool,
}

/// Makes the set, unless it is there; the object to print, if one was asked for.
///
/// # Errors
/// [`BenchError`].
pub fn run(options: &Options) -> Result<Option<Value>, BenchError> {
    let (set, seconds) = make(options)?;
    let bytes = set.rows() * (set.schema().row_words() as u64 * 8 + 24);
    match seconds {
        Some(seconds) => say(&format!(
            "{} tokens of {} people in {} ({:.1} GB, {seconds:.1} s)",
            grouped(set.rows()),
            grouped(set.people()),
            set.folder().display(),
            crate::evaluate::float(bytes) / 1e9,
        )),
        None => say(&format!("{} is there already", set.folder().display())),
    }
    let request = set.request();
    Ok(options.json.then(|| {
        json!({
            "bench": "tokens",
            "machine": machine::machine(""),
            "commit": machine::commit(),
            "date": machine::date(),
            "folder": set.folder(),
            "tokens": set.rows(),
            "people": set.people(),
            "seed": request.seed,
            "errors": request.errors,
            "schema": set.schema().name(),
            "schema_digest": set.schema().digest().to_string(),
            "bytes": bytes,
            "seconds": seconds,
            "tokens_per_second": seconds.map(|seconds| crate::evaluate::float(set.rows()) / seconds),
        })
    }))
}

/// The set that the options ask for, opened or made; the seconds if it was made.
///
/// # Errors
/// [`BenchError`].
pub fn make(options: &Options) -> Result<(TokenSet, Option<f64>), BenchError> {
    if options.tokens == 0 || options.tokens > TOKENS_MAX {
        return Err(BenchError::Option {
            what: "1 to 200,000,000 tokens",
        });
    }
    let text = schema_text(options)?;
    let schema = Schema::parse(&text)
        .map_err(|error| file("use the schema file")(std::io::Error::other(error)))?;
    let preset = Preset::from(options.errors);
    let request = Request {
        tokens: options.tokens,
        seed: options.seed,
        errors: preset.name().to_owned(),
        maker: MAKER.to_owned(),
    };
    let folder = options.folder.clone().unwrap_or_else(|| {
        Path::new("target/bench").join(format!(
            "tokens-{}-{}-{}-{}",
            request.tokens,
            request.seed,
            request.errors,
            schema.name()
        ))
    });
    if let Some(set) = TokenSet::matching(&folder, &schema, &request) {
        return Ok((set, None));
    }
    let threads = options.threads.map_or_else(
        || thread::available_parallelism().map_or(1, usize::from),
        usize::from,
    );
    let plan = make::Plan {
        tokens: options.tokens,
        seed: options.seed,
        preset,
        schema: &schema,
        threads,
    };
    let story = Story::default();
    let mut writer = TokenSetWriter::create(&folder, &text)?;
    let people = make::make(&plan, &mut writer, &story)?;
    let set = writer.finish(&request, people)?;
    Ok((set, Some(story.total())))
}

fn schema_text(options: &Options) -> Result<String, BenchError> {
    let text = match &options.schema {
        Some(path) => fs::read_to_string(path).map_err(file(format!("read {}", path.display())))?,
        None => include_str!("../../linker/token/schemas/jp-1.toml").to_owned(),
    };
    if options.undiffused {
        make::undiffused(&text)
    } else {
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use linker_token::RecordRef;

    use super::*;

    fn options(folder: &Path, threads: usize) -> Options {
        Options {
            tokens: 3_000,
            seed: 3,
            errors: PresetName::Stress,
            schema: None,
            undiffused: false,
            folder: Some(folder.to_owned()),
            threads: NonZero::new(threads),
            json: false,
        }
    }

    fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
        let entries = fs::read_dir(folder).expect("a folder");
        let paths = entries.map(|entry| entry.expect("an entry").path());
        paths
            .map(|path| {
                let name = path.strip_prefix(folder).expect("inside").to_owned();
                (name, fs::read(&path).expect("a file"))
            })
            .collect()
    }

    #[test]
    fn a_set_depends_on_its_seed_and_not_on_threads_or_shards() {
        let folders: Vec<_> = (0..4).map(|_| tempfile::tempdir().expect("one")).collect();
        let paths: Vec<&Path> = folders.iter().map(|folder| folder.path()).collect();
        let (_, seconds) = make(&options(paths[0], 1)).expect("made");
        assert!(seconds.is_some());
        make(&options(paths[1], 3)).expect("made");
        assert_eq!(files(paths[0]), files(paths[1]));
        let (_, seconds) = make(&options(paths[1], 3)).expect("there");
        assert_eq!(seconds, None, "a set that is there is used again");
        let mut other = options(paths[2], 2);
        other.seed = 4;
        make(&other).expect("made");
        assert_ne!(files(paths[0]), files(paths[2]));
        let mut other = options(paths[3], 2);
        other.undiffused = true;
        let (set, _) = make(&other).expect("made");
        assert_eq!(set.schema().name(), "jp-1-plain");
        assert!(
            set.schema()
                .segments()
                .iter()
                .all(|segment| segment.diffusion == 1)
        );
    }

    /// The person of a row is the one whom the row is about: rows of one person are alike, references are
    /// unique, and what an own encoder makes of the person's record is in the set.
    #[test]
    fn the_truth_is_about_the_rows() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut options = options(folder.path(), 2);
        options.errors = PresetName::CleanRegister;
        let (set, _) = make(&options).expect("made");
        let truth = set.truth().expect("reads");
        assert_eq!((set.rows(), truth.len()), (3_000, 3_000));
        let birth = set.schema().segments()[2].words.clone();
        let mut births: BTreeMap<u32, BTreeSet<Vec<u64>>> = BTreeMap::new();
        let mut references: BTreeMap<(u16, RecordRef), u32> = BTreeMap::new();
        for index in 0..set.batches().len() {
            let (site, batch) = set.read(index).expect("reads");
            for row in 0..batch.len() {
                let at = usize::try_from(set.first_row(index)).expect("small") + row;
                let words = batch.row(row)[birth.clone()].to_vec();
                births.entry(truth[at]).or_default().insert(words);
                let reference = (site, batch.references()[row]);
                // A former name gives a second row under the same reference, of the same person.
                assert_eq!(*references.entry(reference).or_insert(truth[at]), truth[at]);
            }
        }
        let different = births.values().filter(|rows| rows.len() > 1).count();
        assert!(
            births.len() > 1_000 && different < 5,
            "{different} of {}",
            births.len()
        );
        assert!(references.len() > 2_900, "{}", references.len());
    }

    #[test]
    fn one_past_the_limit_is_refused() {
        for tokens in [0, TOKENS_MAX + 1] {
            let mut options = options(Path::new("nowhere"), 1);
            options.tokens = tokens;
            assert!(matches!(make(&options), Err(BenchError::Option { .. })));
        }
    }
}
