//! The stages, each measured with those before it; what a stage takes alone is the difference.

use std::{fs, io, path::Path};

use keymgmt_custody::{Custody as _, Oaep, batch::seal_batch, software::SoftwareCustody};
use linker_token::{
    CheckValue, Epoch, Manifest, ProjectId, Schema, SiteId, TokenBatch, limits::BATCH_ROWS_MAX,
};
use linker_tokenize::{
    CsvMapping, Encoder, NORMALISER_VERSION, SourceRecord, TABLES_VERSION,
    format::{
        csv,
        ssmix2::{self, Adt, FileState},
    },
};

use crate::{
    error::{BenchError, file},
    sites::town,
};

/// Passes over the same bytes; the fastest counts.
const PASSES: usize = 3;

/// Seconds on the CPU for all records: of each stage with those before it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Times {
    pub(super) records: u64,
    pub(super) tokens: u64,
    pub(super) read: f64,
    pub(super) encoded: f64,
    pub(super) sealed: f64,
}

/// Hands every record of a source to a taker.
type Source<'a> = &'a dyn Fn(&mut dyn FnMut(&SourceRecord)) -> Result<(), BenchError>;

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

    pub(super) fn table(&mut self, bytes: &[u8]) -> Result<Times, BenchError> {
        let mapping = CsvMapping::parse(town::MAPPING).map_err(failed("read the mapping"))?;
        self.times(&|take| {
            csv::read(&mapping, bytes, &mut |_row, outcome| {
                if let Ok(record) = &outcome {
                    take(record);
                }
            })
            .map(|_report| ())
            .map_err(failed("read the town's table"))
        })
    }

    pub(super) fn tree(&mut self, root: &Path) -> Result<Times, BenchError> {
        self.times(&|take| walk(root, take))
    }

    fn times(&mut self, source: Source<'_>) -> Result<Times, BenchError> {
        let mut records = 0;
        let read = fastest(|| {
            records = 0;
            source(&mut |_record| records += 1)
        })?;
        let mut tokens = 0;
        let encoder = &mut self.encoder;
        let encoded = fastest(|| {
            tokens = 0;
            source(&mut |record| encoder.encode_each(record, |_token| tokens += 1))
        })?;
        let sealed = fastest(|| self.sealed(source))?;
        Ok(Times {
            records,
            tokens,
            read,
            encoded,
            sealed,
        })
    }

    /// The whole way, batch by batch.
    fn sealed(&mut self, source: Source<'_>) -> Result<(), BenchError> {
        let Self {
            schema,
            encoder,
            custody,
        } = self;
        let mut batch = TokenBatch::new(schema);
        let mut outcome = Ok(());
        let mut sequence = 0;
        source(&mut |record| {
            encoder.encode_each(record, |token| {
                if batch.len() == BATCH_ROWS_MAX {
                    let full = std::mem::replace(&mut batch, TokenBatch::new(schema));
                    outcome = std::mem::replace(&mut outcome, Ok(()))
                        .and_then(|()| seal(&full, schema, custody, sequence));
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

fn seal(
    batch: &TokenBatch,
    schema: &Schema,
    custody: &SoftwareCustody,
    sequence: u32,
) -> Result<(), BenchError> {
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
        digest: batch.digest(),
        counts: [].into(),
    };
    let plaintext = batch.to_bytes();
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

/// Reads every current message below a folder.
fn walk(folder: &Path, take: &mut dyn FnMut(&SourceRecord)) -> Result<(), BenchError> {
    let unread = || file("read the hospital's tree");
    for entry in fs::read_dir(folder).map_err(unread())? {
        let entry = entry.map_err(unread())?;
        if entry.file_type().map_err(unread())?.is_dir() {
            walk(&entry.path(), take)?;
            continue;
        }
        if ssmix2::file_state(&entry.file_name().to_string_lossy()) != Some(FileState::Current) {
            continue;
        }
        let bytes = fs::read(entry.path()).map_err(unread())?;
        if let Ok(Adt::Current(record)) = ssmix2::read(&bytes) {
            take(&record);
        }
    }
    Ok(())
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
