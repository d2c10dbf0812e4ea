//! A token set on disk: batches as a site would seal them, the schema, and who every row is about.
//!
//! The folder holds `tokens.json` (written last, so that half a set is never taken for a whole one),
//! `schema.toml`, `NNNNN.tok` (canonical bytes of one batch each) and `truth.bin` (a number of a person in
//! four bytes, little-endian, for every row in the order of the batches).

use std::{
    fs::{self, File},
    io::{BufWriter, Write as _},
    path::{Path, PathBuf},
};

use linker_token::{Schema, TokenBatch};
use serde::{Deserialize, Serialize};

use crate::error::{BenchError, file};

const VERSION: u32 = 1;
const DESCRIPTION: &str = "tokens.json";
const SCHEMA: &str = "schema.toml";
const TRUTH: &str = "truth.bin";
/// Bytes of a batch besides its rows: magic, width, count.
const BATCH_HEAD_BYTES: usize = 16;
/// Bytes of a row besides its words: reference and flags.
const ROW_EXTRA_BYTES: usize = 20;

/// What makes the rows: invented people, their records at three sites, the normaliser and the encoder. Another
/// maker, or a change of what this one makes, has another name, so that no older set is taken for a new one.
pub const MAKER: &str = "people";

/// What a set was asked to be. The same request makes the same set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// Rows.
    pub tokens: u64,
    /// Seed of the population.
    pub seed: u64,
    /// Name of the preset of errors.
    pub errors: String,
    /// What made the rows.
    pub maker: String,
}

/// One file of rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchInfo {
    /// Name in the folder.
    pub file: String,
    /// Which site the rows are of.
    pub site: u16,
    /// How many.
    pub rows: u32,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Description {
    version: u32,
    #[serde(flatten)]
    request: Request,
    people: u64,
    schema: String,
    schema_digest: String,
    batches: Vec<BatchInfo>,
}

/// A whole set, opened for reading. Threads may share it.
#[derive(Debug)]
pub struct TokenSet {
    folder: PathBuf,
    schema: Schema,
    description: Description,
    /// Number of the first row of each batch.
    starts: Vec<u64>,
}

impl TokenSet {
    /// Opens a set and checks that its files are there and as long as they should be.
    ///
    /// # Errors
    /// [`BenchError::File`] if a file cannot be read, [`BenchError::Named`] if one is not what it should be.
    pub fn open(folder: &Path) -> Result<Self, BenchError> {
        let path = folder.join(DESCRIPTION);
        let bytes = fs::read(&path).map_err(file(format!("read {}", path.display())))?;
        let description: Description =
            serde_json::from_slice(&bytes).map_err(|error| damaged(&path, &error.to_string()))?;
        if description.version != VERSION {
            return Err(damaged(&path, "it is of another version"));
        }
        let schema = read_schema(folder)?;
        if schema.digest().to_string() != description.schema_digest {
            let reason = "its digest is not the one in tokens.json";
            return Err(damaged(&folder.join(SCHEMA), reason));
        }
        let mut starts = Vec::with_capacity(description.batches.len());
        let mut rows = 0;
        for (index, batch) in description.batches.iter().enumerate() {
            if batch.file != name_of(index) {
                return Err(damaged(&path, "its batches are out of order"));
            }
            let row_bytes = schema.row_words() * 8 + ROW_EXTRA_BYTES;
            let bytes = BATCH_HEAD_BYTES + batch.rows as usize * row_bytes;
            check_length(&folder.join(&batch.file), bytes as u64)?;
            starts.push(rows);
            rows += u64::from(batch.rows);
        }
        if rows != description.request.tokens {
            return Err(damaged(&path, "its batches do not add up to its tokens"));
        }
        check_length(&folder.join(TRUTH), rows * 4)?;
        Ok(Self {
            folder: folder.to_owned(),
            schema,
            description,
            starts,
        })
    }

    /// The set in `folder` if it is whole and is what was asked for.
    #[must_use]
    pub fn matching(folder: &Path, schema: &Schema, request: &Request) -> Option<Self> {
        let set = Self::open(folder).ok()?;
        let same = set.schema.digest() == schema.digest() && set.description.request == *request;
        same.then_some(set)
    }

    /// The folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The schema of all rows.
    #[must_use]
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// What was asked for.
    #[must_use]
    pub fn request(&self) -> &Request {
        &self.description.request
    }

    /// How many people were looked at. Some of them no site knows.
    #[must_use]
    pub fn people(&self) -> u64 {
        self.description.people
    }

    /// Rows in all batches.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.description.request.tokens
    }

    /// The batches in order.
    #[must_use]
    pub fn batches(&self) -> &[BatchInfo] {
        &self.description.batches
    }

    /// Number of the first row of batch `index`, as [`Self::truth`] counts them.
    ///
    /// # Panics
    /// If there is no such batch.
    #[must_use]
    pub fn first_row(&self, index: usize) -> u64 {
        self.starts[index]
    }

    /// Reads batch `index`: its site and its rows.
    ///
    /// # Errors
    /// [`BenchError::File`] if it cannot be read, [`BenchError::Named`] if it is damaged.
    ///
    /// # Panics
    /// If there is no such batch.
    pub fn read(&self, index: usize) -> Result<(u16, TokenBatch), BenchError> {
        let info = &self.description.batches[index];
        let path = self.folder.join(&info.file);
        let bytes = fs::read(&path).map_err(file(format!("read {}", path.display())))?;
        let batch = TokenBatch::from_bytes(&self.schema, &bytes)
            .map_err(|error| damaged(&path, &error.to_string()))?;
        if batch.len() != info.rows as usize {
            return Err(damaged(&path, "it has another number of rows"));
        }
        Ok((info.site, batch))
    }

    /// The person of every row, in the order of the batches.
    ///
    /// # Errors
    /// [`BenchError::File`] if it cannot be read, [`BenchError::Named`] if it is damaged.
    pub fn truth(&self) -> Result<Vec<u32>, BenchError> {
        let path = self.folder.join(TRUTH);
        let bytes = fs::read(&path).map_err(file(format!("read {}", path.display())))?;
        if bytes.len() as u64 != self.rows() * 4 {
            return Err(damaged(&path, "it has another length than its rows need"));
        }
        let numbers = bytes.as_chunks::<4>().0.iter();
        Ok(numbers.map(|bytes| u32::from_le_bytes(*bytes)).collect())
    }
}

/// Writes a set, batch by batch. Until [`Self::finish`] the folder is not a set.
#[derive(Debug)]
pub struct TokenSetWriter {
    folder: PathBuf,
    schema: Schema,
    truth: BufWriter<File>,
    batches: Vec<BatchInfo>,
    rows: u64,
}

impl TokenSetWriter {
    /// Starts in `folder`, which is made if need be. An earlier set in it is removed.
    ///
    /// # Errors
    /// [`BenchError::Named`] if the folder holds anything else, [`BenchError::File`] if it cannot be
    /// written.
    pub fn create(folder: &Path, schema_text: &str) -> Result<Self, BenchError> {
        fs::create_dir_all(folder).map_err(file(format!("make {}", folder.display())))?;
        clear(folder)?;
        let path = folder.join(SCHEMA);
        fs::write(&path, schema_text).map_err(file(format!("write {}", path.display())))?;
        let path = folder.join(TRUTH);
        let truth = File::create(&path).map_err(file(format!("make {}", path.display())))?;
        Ok(Self {
            folder: folder.to_owned(),
            schema: read_schema(folder)?,
            truth: BufWriter::new(truth),
            batches: Vec::new(),
            rows: 0,
        })
    }

    /// Adds a batch of one site with the person of every row.
    ///
    /// # Errors
    /// [`BenchError::File`] if it cannot be written.
    ///
    /// # Panics
    /// If there are not as many people as rows.
    pub fn push(
        &mut self,
        site: u16,
        batch: &TokenBatch,
        people: &[u32],
    ) -> Result<(), BenchError> {
        assert_eq!(batch.len(), people.len(), "every row is about one person");
        let name = name_of(self.batches.len());
        let path = self.folder.join(&name);
        fs::write(&path, batch.to_bytes()).map_err(file(format!("write {}", path.display())))?;
        for person in people {
            self.truth
                .write_all(&person.to_le_bytes())
                .map_err(file("write the truth"))?;
        }
        self.rows += people.len() as u64;
        self.batches.push(BatchInfo {
            file: name,
            site,
            rows: u32::try_from(people.len()).expect("a batch is bounded"),
        });
        Ok(())
    }

    /// Rows so far.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Ends the set and opens it. `request.tokens` is set to what was written.
    ///
    /// # Errors
    /// [`BenchError`] if it cannot be written or read back.
    pub fn finish(mut self, request: &Request, people: u64) -> Result<TokenSet, BenchError> {
        self.truth.flush().map_err(file("write the truth"))?;
        let description = Description {
            version: VERSION,
            request: Request {
                tokens: self.rows,
                ..request.clone()
            },
            people,
            schema: self.schema.name().to_owned(),
            schema_digest: self.schema.digest().to_string(),
            batches: self.batches,
        };
        let path = self.folder.join(DESCRIPTION);
        let text = serde_json::to_vec_pretty(&description).map_err(std::io::Error::from);
        text.and_then(|text| fs::write(&path, text))
            .map_err(file(format!("write {}", path.display())))?;
        TokenSet::open(&self.folder)
    }
}

fn name_of(index: usize) -> String {
    format!("{index:05}.tok")
}

fn damaged(path: &Path, reason: &str) -> BenchError {
    BenchError::Named {
        path: path.to_owned(),
        reason: format!("{reason}; delete the folder and make the set again"),
    }
}

fn read_schema(folder: &Path) -> Result<Schema, BenchError> {
    let path = folder.join(SCHEMA);
    let text = fs::read_to_string(&path).map_err(file(format!("read {}", path.display())))?;
    Schema::parse(&text).map_err(|error| damaged(&path, &error.to_string()))
}

fn check_length(path: &Path, bytes: u64) -> Result<(), BenchError> {
    let metadata = fs::metadata(path).map_err(file(format!("read {}", path.display())))?;
    if metadata.len() == bytes {
        Ok(())
    } else {
        Err(damaged(path, "it has another length than its rows need"))
    }
}

/// Removes an earlier set, and nothing else.
fn clear(folder: &Path) -> Result<(), BenchError> {
    let cannot = || format!("clear {}", folder.display());
    let mut ours = Vec::new();
    for entry in fs::read_dir(folder).map_err(file(cannot()))? {
        let path = entry.map_err(file(cannot()))?.path();
        let known = [DESCRIPTION, SCHEMA, TRUTH]
            .iter()
            .any(|name| path.ends_with(name));
        if !known && path.extension().is_none_or(|extension| extension != "tok") {
            return Err(BenchError::Named {
                path: folder.to_owned(),
                reason: "it holds something else than a token set".to_owned(),
            });
        }
        ours.push(path);
    }
    // The description first: what is left of a set that was half removed is no set.
    ours.sort_by_key(|path| !path.ends_with(DESCRIPTION));
    ours.iter()
        .try_for_each(|path| fs::remove_file(path).map_err(file(cannot())))
}

#[cfg(test)]
mod tests;
