//! Sealed batches that wait to be accepted. A batch is whole on the disk before its first byte is sent,
//! because a batch sealed again would have another content key and could not be resumed.
//!
//! One folder per batch, named by its ID: `entry.json` and `chunk-000` onward. A folder that is still
//! being written has another name and is thrown away at the next start.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use keymgmt_custody::{batch::SealedBatch, package::OpenedPackage, site::SiteKeys};
use linker_token::{BatchId, Manifest};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::{
    config::read_bounded,
    error::{AgentError, Fault},
    limits::CHUNKS_MAX,
    say, state,
};

/// Names that begin so are unfinished.
const UNFINISHED: &str = "tmp-";
/// Largest sealed chunk: one MiB, nonce and tag, with room.
const CHUNK_FILE_BYTES_MAX: u64 = 2 << 20;
/// Largest `entry.json`: a manifest of 16 KiB as hex, a blob, 256 digests.
const ENTRY_BYTES_MAX: u64 = 128 * 1024;

/// What one batch takes on the disk beside its chunks, at most: its entry.
const ENTRY_ROOM: u64 = 64 * 1024;

/// The outbox of one site, which is its spool while the line is down.
#[derive(Debug)]
pub struct Outbox {
    folder: PathBuf,
    /// Bytes of all batches that wait, and how many there may be.
    used: AtomicU64,
    room: u64,
}

/// The keys that a sealed batch stands and falls with, as SHA-256 of their public halves, hex. A
/// package that is issued again can bring another ingest key within one epoch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyDigests {
    ingest_key_sha256: String,
    sign_key_sha256: String,
}

impl KeyDigests {
    /// Those of today.
    #[must_use]
    pub fn of(package: &OpenedPackage, keys: &SiteKeys) -> Self {
        Self {
            ingest_key_sha256: hash(&package.content().ingest_spki),
            sign_key_sha256: hash(keys.sign_public_key()),
        }
    }
}

/// One sealed batch, read back.
#[derive(Debug)]
pub struct Entry {
    /// What the site signed.
    pub manifest: Manifest,
    /// Its signature, r ‖ s.
    pub signature: Vec<u8>,
    /// The content key, sealed to the appliance.
    pub sealed_content_key: Vec<u8>,
    /// Sealed chunks in order.
    pub chunks: Vec<Vec<u8>>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawEntry {
    version: u32,
    manifest: String,
    keys: KeyDigests,
    signature: String,
    sealed_content_key: String,
    chunk_sha256: Vec<String>,
}

impl Outbox {
    /// Opens the outbox, which may hold so many bytes, and throws unfinished batches away.
    ///
    /// # Errors
    /// An error of the disk.
    pub fn open(folder: PathBuf, room: u64) -> Result<Self, AgentError> {
        let used = AtomicU64::new(0);
        let outbox = Self { folder, used, room };
        for name in names(&outbox.folder)? {
            if name.starts_with(UNFINISHED) {
                outbox.remove(&outbox.folder.join(name))?;
            }
        }
        outbox.used.store(bytes(&outbox.folder)?, Ordering::Relaxed);
        Ok(outbox)
    }

    /// The outbox to read only: nothing is thrown away and nothing can be put in.
    #[must_use]
    pub fn look(folder: PathBuf) -> Self {
        Self {
            folder,
            used: AtomicU64::new(0),
            room: 0,
        }
    }

    /// Bytes of the batches that wait.
    #[must_use]
    pub fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    /// Whether a batch waits.
    #[must_use]
    pub fn holds(&self, batch: BatchId) -> bool {
        self.folder.join(batch.to_string()).exists()
    }

    /// The batches that wait, in order of their IDs. Nothing is made or thrown away.
    ///
    /// # Errors
    /// An error of the disk.
    pub fn waiting(folder: &Path) -> Result<Vec<String>, AgentError> {
        let mut names = names(folder)?;
        names.retain(|name| !name.starts_with(UNFINISHED));
        Ok(names)
    }

    /// Makes a sealed batch durable.
    ///
    /// # Errors
    /// [`Fault::SpoolFull`], [`Fault::DiskFull`] or [`Fault::StateIo`]; nothing of the batch stays.
    pub fn put(
        &self,
        manifest: &Manifest,
        keys: KeyDigests,
        signature: &[u8],
        sealed: &SealedBatch,
    ) -> Result<(), AgentError> {
        let batch = manifest.batch_id();
        let chunks: usize = sealed.chunks.iter().map(Vec::len).sum();
        let (used, wanted) = (self.used(), chunks as u64 + ENTRY_ROOM);
        if used > 0 && used + wanted > self.room {
            let waiting = Self::waiting(&self.folder)?.len();
            let detail = say!(
                "{waiting} batches of {size} MiB wait",
                waiting = waiting,
                size = used >> 20
            );
            return Err(AgentError::new(Fault::SpoolFull, detail));
        }
        let unfinished = self.folder.join(format!("{UNFINISHED}{batch}"));
        let result = self.write(&unfinished, manifest, keys, signature, sealed);
        if result.is_err() {
            // The first error is the one to report; the next start throws the rest away.
            drop(fs::remove_dir_all(&unfinished));
        }
        if result.is_ok() {
            let taken = batch_bytes(&self.folder.join(batch.to_string()))?;
            self.used.fetch_add(taken, Ordering::Relaxed);
        }
        result
    }

    fn write(
        &self,
        unfinished: &Path,
        manifest: &Manifest,
        keys: KeyDigests,
        signature: &[u8],
        sealed: &SealedBatch,
    ) -> Result<(), AgentError> {
        let failed = |error| AgentError::state("outbox", error);
        state::make_folder(unfinished)?;
        let raw = RawEntry {
            version: 1,
            manifest: hex::encode(manifest.to_bytes()),
            keys,
            signature: hex::encode(signature),
            sealed_content_key: hex::encode(&sealed.sealed_content_key),
            chunk_sha256: sealed.chunks.iter().map(hash).collect(),
        };
        for (sequence, chunk) in sealed.chunks.iter().enumerate() {
            state::write_durable(&chunk_path(unfinished, sequence), chunk).map_err(failed)?;
        }
        let text = serde_json::to_vec(&raw)
            .map_err(|error| AgentError::new(Fault::Internal, "outbox").because(error))?;
        state::write_durable(&unfinished.join("entry.json"), &text).map_err(failed)?;
        state::sync_folder(unfinished)?;
        let place = self.folder.join(manifest.batch_id().to_string());
        fs::rename(unfinished, place).map_err(failed)?;
        state::sync_folder(&self.folder)
    }

    /// What a batch says about itself, without its chunks.
    ///
    /// # Errors
    /// [`Fault::StateDamaged`] with the folder.
    pub fn head(&self, name: &str) -> Result<(Manifest, KeyDigests), AgentError> {
        self.raw(name).map(|(raw, manifest)| (manifest, raw.keys))
    }

    /// Reads a batch back and checks every byte of it.
    ///
    /// # Errors
    /// [`Fault::StateDamaged`] with the folder.
    pub fn get(&self, name: &str) -> Result<Entry, AgentError> {
        let folder = self.folder.join(name);
        let damaged = || AgentError::new(Fault::StateDamaged, folder.display().to_string());
        let (raw, manifest) = self.raw(name)?;
        let unhex = |text: &str| hex::decode(text).map_err(|error| damaged().because(error));
        let mut chunks = Vec::with_capacity(raw.chunk_sha256.len());
        for (sequence, expected) in raw.chunk_sha256.iter().enumerate() {
            let chunk = read_bounded(&chunk_path(&folder, sequence), CHUNK_FILE_BYTES_MAX)
                .map_err(|error| damaged().because(error))?;
            if hash(&chunk) != *expected {
                return Err(damaged());
            }
            chunks.push(chunk);
        }
        Ok(Entry {
            manifest,
            signature: unhex(&raw.signature)?,
            sealed_content_key: unhex(&raw.sealed_content_key)?,
            chunks,
        })
    }

    fn raw(&self, name: &str) -> Result<(RawEntry, Manifest), AgentError> {
        let folder = self.folder.join(name);
        let damaged = || AgentError::new(Fault::StateDamaged, folder.display().to_string());
        let text = read_bounded(&folder.join("entry.json"), ENTRY_BYTES_MAX)
            .map_err(|error| damaged().because(error))?;
        let raw: RawEntry =
            serde_json::from_slice(&text).map_err(|error| damaged().because(error))?;
        let manifest = hex::decode(&raw.manifest).map_err(|error| damaged().because(error))?;
        let manifest = Manifest::from_bytes(&manifest).map_err(|error| damaged().because(error))?;
        let named = manifest.batch_id().to_string() == name;
        if raw.version != 1 || !named || raw.chunk_sha256.len() > CHUNKS_MAX {
            return Err(damaged());
        }
        Ok((raw, manifest))
    }

    /// Forgets a batch, after its receipt is durable or when it can never be accepted.
    ///
    /// # Errors
    /// An error of the disk.
    pub fn forget(&self, batch: BatchId) -> Result<(), AgentError> {
        let unfinished = self.folder.join(format!("{UNFINISHED}{batch}"));
        let place = self.folder.join(batch.to_string());
        let taken = batch_bytes(&place)?;
        // The rename first: a crash in between must not leave half a batch under its name.
        match fs::rename(place, &unfinished) {
            Ok(()) => {
                self.used.fetch_sub(taken, Ordering::Relaxed);
                self.remove(&unfinished)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(AgentError::state("outbox", error)),
        }
    }

    /// Moves a batch that was refused for good out of the way, into the folder `refused`, under its ID
    /// and the appliance's reason.
    ///
    /// # Errors
    /// An error of the disk.
    pub fn set_aside(
        &self,
        batch: BatchId,
        refused: &Path,
        reason: &str,
    ) -> Result<(), AgentError> {
        let failed = |error| AgentError::state("refused", error);
        state::make_folder(refused)?;
        let place = refused.join(format!("{batch}.{reason}"));
        if place.exists() {
            // The same rows, sealed another time and refused again: one of them is enough.
            fs::remove_dir_all(&place).map_err(failed)?;
        }
        let from = self.folder.join(batch.to_string());
        let taken = batch_bytes(&from)?;
        fs::rename(from, place).map_err(failed)?;
        self.used.fetch_sub(taken, Ordering::Relaxed);
        state::sync_folder(refused)?;
        state::sync_folder(&self.folder)
    }

    fn remove(&self, folder: &Path) -> Result<(), AgentError> {
        fs::remove_dir_all(folder).map_err(|error| AgentError::state("outbox", error))?;
        state::sync_folder(&self.folder)
    }
}

/// Bytes of all files of all batches in an outbox.
///
/// # Errors
/// An error of the disk.
pub fn bytes(folder: &Path) -> Result<u64, AgentError> {
    let mut sum = 0;
    for batch in names(folder)? {
        sum += batch_bytes(&folder.join(batch))?;
    }
    Ok(sum)
}

fn batch_bytes(batch: &Path) -> Result<u64, AgentError> {
    // A file that another process removes in between takes no room.
    let size = |name: &String| fs::metadata(batch.join(name)).map_or(0, |found| found.len());
    Ok(names(batch)?.iter().map(size).sum())
}

fn names(folder: &Path) -> Result<Vec<String>, AgentError> {
    state::names(folder, "outbox")
}

fn chunk_path(folder: &Path, sequence: usize) -> PathBuf {
    folder.join(format!("chunk-{sequence:03}"))
}

fn hash(chunk: impl AsRef<[u8]>) -> String {
    hex::encode(Sha256::digest(chunk))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::receipt::sample_manifest;

    fn put(outbox: &Outbox, rows: u32, bytes: usize) -> (BatchId, Result<(), AgentError>) {
        let mut manifest = sample_manifest();
        manifest.rows = rows;
        let keys = KeyDigests {
            ingest_key_sha256: String::new(),
            sign_key_sha256: String::new(),
        };
        let sealed = SealedBatch {
            sealed_content_key: vec![1; 384],
            chunks: vec![vec![2; bytes]],
        };
        let batch = manifest.batch_id();
        (batch, outbox.put(&manifest, keys, &[3; 64], &sealed))
    }

    #[test]
    fn the_bound_is_kept_to_the_batch_and_room_comes_back() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("outbox");
        state::make_folder(&place).unwrap();
        let room = 1 << 20;
        let outbox = Outbox::open(place.clone(), room).unwrap();
        let (large, result) = put(&outbox, 1, 2 << 20);
        result.unwrap();
        assert!(outbox.used() > room, "the first always fits");
        let error = put(&outbox, 2, 1).1.unwrap_err();
        assert_eq!((error.fault(), error.exit()), (Fault::SpoolFull, 75));
        assert!(outbox.holds(large));
        outbox.forget(large).unwrap();
        assert_eq!(outbox.used(), 0);

        let size = usize::try_from(room - ENTRY_ROOM).unwrap();
        let (small, result) = put(&outbox, 3, 1000);
        result.unwrap();
        // An entry takes less than what is kept free for it, so what is used now is measured.
        let left = size - usize::try_from(outbox.used()).unwrap();
        assert!(put(&outbox, 4, left + 1).1.is_err(), "one past");
        put(&outbox, 4, left).1.unwrap();
        let again = Outbox::open(place, room).unwrap();
        assert_eq!(again.used(), outbox.used(), "counted anew at the start");
        again
            .set_aside(small, &folder.path().join("refused"), "TOO_LARGE")
            .unwrap();
        assert!(again.used() < outbox.used());
        assert!(!again.holds(small));
    }
}
