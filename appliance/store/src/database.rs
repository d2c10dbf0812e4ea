//! The embedded database: one table of rows, each with its own MAC, and one row that covers them all.
//!
//! redb's own checksums are no proof: reads do not verify them, and anyone can recompute them. So each
//! row carries an HMAC over key and value, and the root row carries the number of rows and the sum of
//! all full HMACs (a keyed multiset hash), itself under a MAC. A row that is altered, missing, added or
//! older than the rest is found when the store opens. After that, rows are served from memory.

use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
};

use hmac::{Hmac, KeyInit as _, Mac as _};
use keymgmt_custody::Secret;
use redb::{
    Durability, ReadableDatabase as _, ReadableTable as _, StorageBackend, TableDefinition,
};
use sha2::Sha256;

use crate::{error::StoreError, limits};

/// The database file's name.
pub(crate) const FILE: &str = "store.redb";

const ROWS: TableDefinition<'static, &[u8], &[u8]> = TableDefinition::new("rows");
const MAC_BYTES: usize = 16;
/// The one key outside every table: number of rows and their sum.
const ROOT: &[u8] = b"\0root";

/// Kinds of rows; the first byte of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Table {
    /// Size and root of the audit log.
    Audit,
    /// Audit entries that may not be in the log file yet.
    Outbox,
    /// Admitted batches.
    Batch,
    /// Runs.
    Run,
    /// Generations of assignments.
    Generation,
    /// Releases.
    Release,
    /// Facts.
    Fact,
}

impl Table {
    /// The key of a row.
    pub(crate) fn key(self, name: &[u8]) -> Vec<u8> {
        [&[self.tag()], name].concat()
    }

    /// The first byte of keys.
    pub(crate) fn tag(self) -> u8 {
        match self {
            Self::Audit => 2,
            Self::Outbox => 3,
            Self::Batch => 4,
            Self::Run => 5,
            Self::Generation => 6,
            Self::Release => 7,
            Self::Fact => 8,
        }
    }
}

/// All rows, as verified or committed.
pub(crate) type Rows = BTreeMap<Vec<u8>, Vec<u8>>;

/// Rows to put (`Some`) or to remove (`None`) in one transaction.
pub(crate) type Changes = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

/// The MAC key of rows.
pub(crate) struct RowKey(pub(crate) Secret);

impl RowKey {
    /// HMAC-SHA-256 over key length, key and value.
    fn mac(&self, key: &[u8], value: &[u8]) -> [u8; 32] {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(self.0.expose()).expect("HMAC takes keys of any length");
        mac.update(&(key.len() as u64).to_le_bytes());
        mac.update(key);
        mac.update(value);
        mac.finalize().into_bytes().into()
    }

    fn seal(&self, key: &[u8], value: &[u8]) -> Vec<u8> {
        [value, &self.mac(key, value)[..MAC_BYTES]].concat()
    }

    /// Checks a stored row and returns its value and full MAC.
    fn open<'a>(&self, key: &[u8], stored: &'a [u8]) -> Option<(&'a [u8], [u8; 32])> {
        let (value, mac) = stored.split_last_chunk::<MAC_BYTES>()?;
        let expected = self.mac(key, value);
        // A plain comparison: whoever can write rows here reads no timing of it.
        (expected[..MAC_BYTES] == mac[..]).then_some((value, expected))
    }
}

/// A keyed multiset hash (Clarke et al. 2003, MSet-Add): rows can be added and taken out in any order.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Sum {
    rows: u64,
    lanes: [u64; 4],
}

impl Sum {
    fn add(&mut self, mac: &[u8; 32]) {
        self.rows += 1;
        for (lane, word) in self.lanes.iter_mut().zip(mac.as_chunks::<8>().0) {
            *lane = lane.wrapping_add(u64::from_le_bytes(*word));
        }
    }

    fn take_out(&mut self, mac: &[u8; 32]) {
        self.rows -= 1;
        for (lane, word) in self.lanes.iter_mut().zip(mac.as_chunks::<8>().0) {
            *lane = lane.wrapping_sub(u64::from_le_bytes(*word));
        }
    }

    fn to_bytes(self) -> Vec<u8> {
        let mut bytes = self.rows.to_le_bytes().to_vec();
        self.lanes
            .iter()
            .for_each(|lane| bytes.extend_from_slice(&lane.to_le_bytes()));
        bytes
    }
}

/// The open database.
pub(crate) struct Database {
    engine: redb::Database,
    sum: Sum,
}

impl Database {
    /// Creates an empty database on `backend`.
    pub(crate) fn create(backend: impl StorageBackend, key: &RowKey) -> Result<Self, StoreError> {
        let mut database = Self {
            engine: guarded("creating", || build(backend))?,
            sum: Sum::default(),
        };
        database.commit(key, &Rows::new(), &Changes::new())?;
        Ok(database)
    }

    /// Opens a database and verifies every row of it.
    pub(crate) fn open(
        backend: impl StorageBackend,
        key: &RowKey,
    ) -> Result<(Self, Rows), StoreError> {
        let (engine, rows, sum) = guarded("opening", || {
            let mut engine = build(backend)?;
            // The engine repairs what only it needs (its free list); rows are ours to judge.
            engine
                .check_integrity()
                .map_err(|error| StoreError::database("checking", error))?;
            let (rows, sum) = read(&engine, key)?;
            Ok((engine, rows, sum))
        })?;
        Ok((Self { engine, sum }, rows))
    }

    /// Puts and removes rows in one transaction. After an error the database must be opened anew.
    pub(crate) fn commit(
        &mut self,
        key: &RowKey,
        rows: &Rows,
        changes: &Changes,
    ) -> Result<(), StoreError> {
        let mut sum = self.sum;
        for (name, value) in changes {
            if let Some(old) = rows.get(name) {
                sum.take_out(&key.mac(name, old));
            }
            if let Some(new) = value {
                sum.add(&key.mac(name, new));
            }
        }
        let mut sealed: Changes = changes
            .iter()
            .map(|(name, value)| (name.clone(), value.as_ref().map(|v| key.seal(name, v))))
            .collect();
        sealed.insert(ROOT.to_vec(), Some(key.seal(ROOT, &sum.to_bytes())));
        guarded("committing", || write(&self.engine, &sealed))?;
        self.sum = sum;
        Ok(())
    }

    /// Reads every row again and compares it with what memory holds.
    pub(crate) fn verify(&self, key: &RowKey, rows: &Rows) -> Result<(), StoreError> {
        let (found, _sum) = guarded("verifying", || read(&self.engine, key))?;
        if found == *rows {
            Ok(())
        } else {
            Err(StoreError::damaged(
                FILE,
                "its rows are not the ones committed",
            ))
        }
    }
}

fn build(backend: impl StorageBackend) -> Result<redb::Database, StoreError> {
    redb::Builder::new()
        .set_cache_size(limits::DATABASE_CACHE_BYTES)
        .create_with_backend(backend)
        .map_err(|error| StoreError::database("opening", error))
}

/// redb asserts its own structure: on a damaged file it may panic where others return an error.
fn guarded<T>(
    what: &'static str,
    body: impl FnOnce() -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    catch_unwind(AssertUnwindSafe(body)).unwrap_or(Err(StoreError::DatabaseStopped { what }))
}

fn write(engine: &redb::Database, sealed: &Changes) -> Result<(), StoreError> {
    let mut transaction = engine
        .begin_write()
        .map_err(|error| StoreError::database("beginning", error))?;
    transaction.set_two_phase_commit(true);
    transaction
        .set_durability(Durability::Immediate)
        .map_err(|error| StoreError::database("beginning", error))?;
    {
        let mut table = transaction
            .open_table(ROWS)
            .map_err(|error| StoreError::database("writing", error))?;
        for (name, value) in sealed {
            let done = match value {
                Some(value) => table.insert(name.as_slice(), value.as_slice()).map(drop),
                None => table.remove(name.as_slice()).map(drop),
            };
            done.map_err(|error| StoreError::database("writing", error))?;
        }
    }
    transaction
        .commit()
        .map_err(|error| StoreError::database("committing", error))
}

/// Reads all rows and checks each MAC and the root row.
fn read(engine: &redb::Database, key: &RowKey) -> Result<(Rows, Sum), StoreError> {
    let fail = |error| StoreError::database("reading", error);
    let transaction = engine
        .begin_read()
        .map_err(|error| StoreError::database("reading", error))?;
    let table = match transaction.open_table(ROWS) {
        Ok(table) => table,
        Err(error) => return Err(StoreError::database("reading", error)),
    };
    let (mut rows, mut sum, mut root) = (Rows::new(), Sum::default(), None);
    for entry in table.iter().map_err(fail)? {
        let (name, stored) = entry.map_err(fail)?;
        let (name, stored) = (name.value(), stored.value());
        let (value, mac) = key
            .open(name, stored)
            .ok_or_else(|| StoreError::damaged(FILE, "a row does not match its MAC"))?;
        if name == ROOT {
            root = Some(value.to_vec());
            continue;
        }
        if rows.len() >= limits::ROWS_MAX {
            return Err(StoreError::TooLarge {
                what: "the database",
                limit: limits::ROWS_MAX as u64,
            });
        }
        sum.add(&mac);
        rows.insert(name.to_vec(), value.to_vec());
    }
    if root.is_some_and(|root| root == sum.to_bytes()) {
        Ok((rows, sum))
    } else {
        Err(StoreError::damaged(
            FILE,
            "its rows do not add up to the root row",
        ))
    }
}
