//! The stages, each measured with those before it; what a stage takes alone is the difference.

use std::{fs, io, path::Path};

use keymgmt_custody::{
    Custody as _, Oaep,
    batch::{Plaintext, seal_batch},
    software::SoftwareCustody,
};
use linker_agent::{
    config::{self, Encoding, Format},
    source::{Outcome, Source},
};
use linker_token::{
    CheckValue, Epoch, Manifest, ProjectId, Schema, SiteId, TokenBatch, limits::BATCH_ROWS_MAX,
};
use linker_tokenize::{Encoder, NORMALISER_VERSION, SourceRecord, TABLES_VERSION};

use crate::error::{BenchError, file};

/// Passes over the same bytes; the fastest counts.
const PASSES: usize = 5;

/// Seconds on the CPU for all records: of each stage with those before it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Times {
    pub(super) records: u64,
    pub(super) tokens: u64,
    pub(super) read: f64,
    pub(super) encoded: f64,
    pub(super) sealed: f64,
}

/// A site's encoder, and a key to seal to that is thrown away.
pub(super) struct Stages {
    schema: Schema,
    encoder: Encoder,
    custody: SoftwareCustody,
}

impl Stages {
    pub(super) fn new() -> Result<Self, BenchError> {
        let schema = Schema::jp_1();
        let encoder = Encoder::new(&schema, &[1; 32], &[2; 32], &project()?, Epoch(1));
        let custody = SoftwareCustody::danger_for_tests(1);
        // The first use makes the RSA key, which takes a second.
        let _made = custody.ingest_public_key();
        Ok(Self {
            schema,
            encoder,
            custody,
        })
    }

    /// Every stage over the files at `path`, as the agent reads them.
    pub(super) fn times(&mut self, format: Format, path: &Path) -> Result<Times, BenchError> {
        let files = Files::open(format, path)?;
        let mut records = 0;
        let read = fastest(|| {
            records = 0;
            files.walk(&mut |_record| records += 1)
        })?;
        let mut tokens = 0;
        let encoder = &mut self.encoder;
        let encoded = fastest(|| {
            tokens = 0;
            files.walk(&mut |record| encoder.encode_each(record, |_token| tokens += 1))
        })?;
        let sealed = fastest(|| self.sealed(&files))?;
        Ok(Times {
            records,
            tokens,
            read,
            encoded,
            sealed,
        })
    }

    /// The whole way once.
    pub(super) fn once(&mut self, format: Format, path: &Path) -> Result<(), BenchError> {
        self.sealed(&Files::open(format, path)?)
    }

    /// The whole way, batch by batch.
    fn sealed(&mut self, files: &Files<'_>) -> Result<(), BenchError> {
        let Self {
            schema,
            encoder,
            custody,
        } = self;
        let mut batch = TokenBatch::new(schema);
        let mut outcome = Ok(());
        let mut sequence = 0;
        files.walk(&mut |record| {
            encoder.encode_each(record, |token| {
                if batch.len() == BATCH_ROWS_MAX {
                    outcome = std::mem::replace(&mut outcome, Ok(()))
                        .and_then(|()| seal(&batch, schema, custody, sequence));
                    batch.clear();
                    sequence += 1;
                }
                if let Err(error) = batch.push(token) {
                    outcome = Err(failed("add a token")(error));
                }
            });
        })?;
        outcome.and_then(|()| seal(&batch, schema, custody, sequence))
    }
}

/// What the agent reads, with its own code.
struct Files<'a> {
    source: Source,
    path: &'a Path,
}

impl<'a> Files<'a> {
    fn open(format: Format, path: &'a Path) -> Result<Self, BenchError> {
        let source = config::Source {
            format,
            path: path.to_owned(),
            encoding: Encoding::Auto,
        };
        let source = Source::open(&source).map_err(failed("open the source"))?;
        Ok(Self { source, path })
    }

    /// Hands every record to a taker.
    fn walk(&self, take: &mut dyn FnMut(&SourceRecord)) -> Result<(), BenchError> {
        let read = self.source.read(self.path, &mut |_file, outcome| {
            if let Outcome::Record(record) = outcome {
                take(record);
            }
            Ok(())
        });
        read.map(|_tally| ()).map_err(failed("read the source"))
    }
}

fn seal(
    batch: &TokenBatch,
    schema: &Schema,
    custody: &SoftwareCustody,
    sequence: u32,
) -> Result<(), BenchError> {
    let plaintext = Plaintext::new(batch.to_bytes());
    let manifest = Manifest {
        site: SiteId::parse("town").map_err(failed("name the site"))?,
        project: project()?,
        epoch: Epoch(1),
        secret_check: CheckValue([0; 8]),
        schema: schema.digest(),
        normaliser: NORMALISER_VERSION.to_owned(),
        tables: TABLES_VERSION.to_owned(),
        sequence,
        last: false,
        rows: u32::try_from(batch.len()).map_err(failed("count a batch"))?,
        digest: plaintext.digest(),
        counts: [].into(),
    };
    let sealed = seal_batch(
        &manifest,
        &plaintext,
        custody.ingest_public_key(),
        Oaep::Sha256,
    );
    sealed
        .map(|sealed| {
            std::hint::black_box(sealed);
        })
        .map_err(failed("seal a batch"))
}

fn project() -> Result<ProjectId, BenchError> {
    ProjectId::parse("bench").map_err(failed("name the project"))
}

fn failed<E: std::error::Error + Send + Sync + 'static>(
    what: &'static str,
) -> impl FnOnce(E) -> BenchError {
    move |error| file(what)(io::Error::other(error))
}

fn fastest(mut work: impl FnMut() -> Result<(), BenchError>) -> Result<f64, BenchError> {
    let mut least = f64::INFINITY;
    for _ in 0..PASSES {
        let start = seconds_on_cpu()?;
        work()?;
        least = least.min(seconds_on_cpu()? - start);
    }
    Ok(least)
}

/// What the kernel counted for this thread.
fn seconds_on_cpu() -> Result<f64, BenchError> {
    let text = fs::read_to_string("/proc/thread-self/schedstat");
    let text = text.map_err(file("read this thread's time"))?;
    let first = text.split(' ').next().unwrap_or_default();
    first
        .parse::<f64>()
        .map(|nanoseconds| nanoseconds / 1e9)
        .map_err(failed("read this thread's time"))
}
