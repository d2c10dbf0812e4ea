//! Sealed batches that wait to be accepted. A batch is whole on the disk before its first byte is sent,
//! because a batch sealed again would have another content key and could not be resumed.
//!
//! One folder per batch, named by its ID: `entry.json` and `chunk-000` onward. A folder that is still
//! being written has another name and is thrown away at the next start.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use keymgmt_custody::{batch::SealedBatch, package::OpenedPackage, site::SiteKeys};
use linker_token::{BatchId, Manifest};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::{
    config::read_bounded,
    error::{AgentError, Fault},
    limits::CHUNKS_MAX,
    state,
};

/// Names that begin so are unfinished.
const UNFINISHED: &str = "tmp-";
/// Largest sealed chunk: one MiB, nonce and tag, with room.
const CHUNK_FILE_BYTES_MAX: u64 = 2 << 20;
/// Largest `entry.json`: a manifest of 16 KiB as hex, a blob, 256 digests.
const ENTRY_BYTES_MAX: u64 = 128 * 1024;

/// The outbox of one site.
#[derive(Debug)]
pub struct Outbox {
    folder: PathBuf,
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
    /// To which key it is sealed, and with which it is signed.
    pub keys: KeyDigests,
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
    /// Opens the outbox and throws unfinished batches away.
    ///
    /// # Errors
    /// An error of the disk.
    pub fn open(folder: PathBuf) -> Result<Self, AgentError> {
        let outbox = Self { folder };
        for name in outbox.names()? {
            if name.starts_with(UNFINISHED) {
                outbox.remove(&outbox.folder.join(name))?;
            }
        }
        Ok(outbox)
    }

    /// The batches that wait, in order of their IDs. Nothing is made or thrown away.
    ///
    /// # Errors
    /// An error of the disk.
    pub fn waiting(folder: &Path) -> Result<Vec<String>, AgentError> {
        let outbox = Self {
            folder: folder.to_owned(),
        };
        let mut names = outbox.names()?;
        names.retain(|name| !name.starts_with(UNFINISHED));
        Ok(names)
    }

    /// Makes a sealed batch durable.
    ///
    /// # Errors
    /// [`Fault::DiskFull`] or [`Fault::StateIo`]; nothing of the batch stays.
    pub fn put(
        &self,
        manifest: &Manifest,
        keys: KeyDigests,
        signature: &[u8],
        sealed: &SealedBatch,
    ) -> Result<(), AgentError> {
        let batch = manifest.batch_id();
        let unfinished = self.folder.join(format!("{UNFINISHED}{batch}"));
        let result = self.write(&unfinished, manifest, keys, signature, sealed);
        if result.is_err() {
            // The first error is the one to report; the next start throws the rest away.
            drop(fs::remove_dir_all(&unfinished));
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

    /// Reads a batch back and checks every byte of it.
    ///
    /// # Errors
    /// [`Fault::StateDamaged`] with the folder.
    pub fn get(&self, name: &str) -> Result<Entry, AgentError> {
        let folder = self.folder.join(name);
        let damaged = || AgentError::new(Fault::StateDamaged, folder.display().to_string());
        let text = read_bounded(&folder.join("entry.json"), ENTRY_BYTES_MAX)
            .map_err(|error| damaged().because(error))?;
        let raw: RawEntry =
            serde_json::from_slice(&text).map_err(|error| damaged().because(error))?;
        let unhex = |text: &str| hex::decode(text).map_err(|error| damaged().because(error));
        let manifest = Manifest::from_bytes(&unhex(&raw.manifest)?)
            .map_err(|error| damaged().because(error))?;
        let named = manifest.batch_id().to_string() == name;
        if raw.version != 1 || !named || raw.chunk_sha256.len() > CHUNKS_MAX {
            return Err(damaged());
        }
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
            keys: raw.keys,
            signature: unhex(&raw.signature)?,
            sealed_content_key: unhex(&raw.sealed_content_key)?,
            chunks,
        })
    }

    /// Forgets a batch, after its receipt is durable or when it can never be accepted.
    ///
    /// # Errors
    /// An error of the disk.
    pub fn forget(&self, batch: BatchId) -> Result<(), AgentError> {
        let unfinished = self.folder.join(format!("{UNFINISHED}{batch}"));
        // The rename first: a crash in between must not leave half a batch under its name.
        match fs::rename(self.folder.join(batch.to_string()), &unfinished) {
            Ok(()) => self.remove(&unfinished),
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
        fs::rename(self.folder.join(batch.to_string()), place).map_err(failed)?;
        state::sync_folder(refused)?;
        state::sync_folder(&self.folder)
    }

    fn names(&self) -> Result<Vec<String>, AgentError> {
        let failed = |error| AgentError::state("outbox", error);
        let entries = match fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(failed(error)),
        };
        let mut names = Vec::new();
        for entry in entries {
            let name = entry.map_err(failed)?.file_name();
            names.push(name.to_string_lossy().into_owned());
        }
        names.sort_unstable();
        Ok(names)
    }

    fn remove(&self, folder: &Path) -> Result<(), AgentError> {
        fs::remove_dir_all(folder).map_err(|error| AgentError::state("outbox", error))?;
        state::sync_folder(&self.folder)
    }
}

fn chunk_path(folder: &Path, sequence: usize) -> PathBuf {
    folder.join(format!("chunk-{sequence:03}"))
}

fn hash(chunk: impl AsRef<[u8]>) -> String {
    hex::encode(Sha256::digest(chunk))
}
