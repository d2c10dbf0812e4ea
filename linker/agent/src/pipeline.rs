//! Records to batches: encodes, drops repeated tokens, cuts batches, and notes every reference in the
//! linkage table before its batch is handed on.
//!
//! Everything here follows from the source, the keys and the batch size, so that a run over an equal
//! source makes batches with equal IDs, whatever happened to the run before it.

use std::{
    collections::{BTreeMap, HashSet},
    path::Path,
};

use keymgmt_custody::{batch::Plaintext, package::OpenedPackage, site::SiteKeys};
use linker_token::{Manifest, Schema, Token, TokenBatch, limits::MANIFEST_COUNTS_MAX};
use linker_tokenize::{Encoder, NORMALISER_VERSION, SourceRecord, TABLES_VERSION};
use sha2::{Digest as _, Sha256};

use crate::{
    error::{AgentError, Fault},
    limits::{BATCHES_MAX, DISTINCT_TOKENS_MAX},
    say,
    source::{Outcome, Source, Tally},
    table::LinkageTable,
};

/// Counter of records that no token could be made of.
const NO_TOKEN: &str = "record-without-token";

/// A batch that is ready to be sealed.
pub struct Ready {
    /// What will be signed.
    pub manifest: Manifest,
    /// The batch's canonical bytes.
    pub plaintext: Plaintext,
}

impl std::fmt::Debug for Ready {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Ready(..)")
    }
}

/// What became of the records of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Made {
    /// Tokens in batches.
    pub tokens: u64,
    /// Tokens that were made before in this run, bit for bit.
    pub repeated: u64,
    /// Batches.
    pub batches: u32,
}

/// Takes batches as they fill.
pub type BatchSink<'a> = dyn FnMut(Ready) -> Result<(), AgentError> + 'a;

/// Everything that a run encodes with.
pub struct Encoding<'a> {
    /// The schema in force.
    pub schema: &'a Schema,
    /// The package with the encoding secret.
    pub package: &'a OpenedPackage,
    /// The site's keys; the reference key is used.
    pub keys: &'a SiteKeys,
    /// Rows of a batch.
    pub batch_rows: usize,
}

impl std::fmt::Debug for Encoding<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Encoding(..)")
    }
}

impl Encoding<'_> {
    /// Reads the source and hands over its batches, the last one marked as such. `expected` is what
    /// the check of the source saw.
    ///
    /// # Errors
    /// A fault of the source, of the state folder, or what `sink` returns.
    pub fn run(
        &self,
        source: &Source,
        path: &Path,
        expected: &Tally,
        table: &mut LinkageTable,
        sink: &mut BatchSink<'_>,
    ) -> Result<Made, AgentError> {
        let content = self.package.content();
        let mut encoder = Encoder::new(
            self.schema,
            self.package.secret().expose(),
            self.keys.reference_key().expose(),
            &content.project,
            content.epoch,
        );
        let mut batcher = Batcher::new(self);
        let tally = source.read(path, &mut |_file, outcome| match outcome {
            Outcome::Record(record) => batcher.record(&mut encoder, record, table, sink),
            Outcome::Refused(refused) => {
                batcher.count(refused.code);
                Ok(())
            }
            Outcome::Deletion => Ok(()),
        })?;
        if tally != *expected {
            return Err(AgentError::new(Fault::SourceChanged, ""));
        }
        batcher.finish(table, sink)
    }
}

/// Fills one batch after another.
struct Batcher<'a> {
    encoding: &'a Encoding<'a>,
    batch: TokenBatch,
    counts: BTreeMap<&'static str, u32>,
    /// Only asked, never walked. Sixteen bytes of a SHA-256 name a token: two different tokens of
    /// sixteen million are mistaken for each other with a chance of 2^-81.
    known: HashSet<[u8; 16]>,
    made: Made,
}

impl<'a> Batcher<'a> {
    fn new(encoding: &'a Encoding<'a>) -> Self {
        Self {
            encoding,
            batch: TokenBatch::new(encoding.schema),
            counts: BTreeMap::new(),
            known: HashSet::new(),
            made: Made::default(),
        }
    }

    fn record(
        &mut self,
        encoder: &mut Encoder,
        record: &SourceRecord,
        table: &mut LinkageTable,
        sink: &mut BatchSink<'_>,
    ) -> Result<(), AgentError> {
        let tokens = encoder.encode(record);
        if tokens.is_empty() {
            self.count(NO_TOKEN);
            return Ok(());
        }
        let mut new = false;
        for token in tokens {
            if !self.is_new(&token)? {
                self.made.repeated += 1;
                continue;
            }
            if self.batch.len() == self.encoding.batch_rows {
                self.hand_over(false, table, sink)?;
            }
            self.batch
                .push(&token)
                .map_err(|error| AgentError::new(Fault::Internal, "a batch").because(error))?;
            table.add(token.reference, record.local_id())?;
            self.made.tokens += 1;
            new = true;
        }
        if new {
            for quality in record.quality().iter() {
                self.count(quality.code());
            }
        }
        Ok(())
    }

    fn finish(
        mut self,
        table: &mut LinkageTable,
        sink: &mut BatchSink<'_>,
    ) -> Result<Made, AgentError> {
        if self.batch.is_empty() {
            return Err(AgentError::new(Fault::SourceEmpty, ""));
        }
        self.hand_over(true, table, sink)?;
        Ok(self.made)
    }

    fn hand_over(
        &mut self,
        last: bool,
        table: &mut LinkageTable,
        sink: &mut BatchSink<'_>,
    ) -> Result<(), AgentError> {
        if self.made.batches >= BATCHES_MAX {
            let detail = say!("more than {limit} batches", limit = BATCHES_MAX);
            return Err(AgentError::new(Fault::SourceTooLarge, detail));
        }
        table.sync()?;
        let batch = std::mem::replace(&mut self.batch, TokenBatch::new(self.encoding.schema));
        let counts = std::mem::take(&mut self.counts);
        let plaintext = Plaintext::new(batch.to_bytes());
        let content = self.encoding.package.content();
        let manifest = Manifest {
            site: content.site.clone(),
            project: content.project.clone(),
            epoch: content.epoch,
            secret_check: content.check,
            schema: content.schema,
            normaliser: NORMALISER_VERSION.to_owned(),
            tables: TABLES_VERSION.to_owned(),
            sequence: self.made.batches,
            last,
            rows: u32::try_from(batch.len()).expect("batches are bounded"),
            digest: plaintext.digest(),
            counts: counts
                .into_iter()
                .take(MANIFEST_COUNTS_MAX)
                .map(|(code, count)| (code.to_owned(), count))
                .collect(),
        };
        self.made.batches += 1;
        sink(Ready {
            manifest,
            plaintext,
        })
    }

    fn is_new(&mut self, token: &Token) -> Result<bool, AgentError> {
        let mut hash = Sha256::new();
        hash.update(token.reference.0);
        hash.update(token.flags.bits().to_le_bytes());
        token
            .row
            .iter()
            .for_each(|word| hash.update(word.to_le_bytes()));
        let hash: [u8; 32] = hash.finalize().into();
        let name = hash.first_chunk().expect("32 bytes hold 16");
        let new = self.known.insert(*name);
        if self.known.len() > DISTINCT_TOKENS_MAX {
            let detail = say!(
                "more than {limit} different tokens",
                limit = DISTINCT_TOKENS_MAX
            );
            return Err(AgentError::new(Fault::SourceTooLarge, detail));
        }
        Ok(new)
    }

    fn count(&mut self, code: &'static str) {
        let count = self.counts.entry(code).or_default();
        *count = count.saturating_add(1);
    }
}
