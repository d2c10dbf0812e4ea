//! The log as it stood at its newest signed checkpoint, read beside a running service.
//!
//! The log file only grows, and its first entries were durable before their checkpoint was signed. So a
//! reader needs no lock, no token and no database: the checkpoint says how many entries to read, and its
//! root whether they are the right ones. A snapshot of the database would have meant a second process
//! inside redb's one-process lock, and the entries are not there anyway.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
};

use keymgmt_custody::{
    audit::Checkpoint,
    cosignature::WitnessKey,
    proof,
    tile::{CHECKPOINT_PATH, Tile},
};

pub(crate) use crate::audit::position;
use crate::{
    audit::{compare, read_checkpoint},
    cosigned::{self, Cosigned},
    error::StoreError,
    export,
    key_changes::key_change_path,
    log::Log,
    tiles,
};

/// Folder of cosigned checkpoints in exported tiles.
const WITNESSES: &str = "witness";

/// A log up to one signed checkpoint.
pub struct LogSnapshot {
    folder: PathBuf,
    origin: String,
    log: Log,
    note: String,
    signed: Checkpoint,
}

impl std::fmt::Debug for LogSnapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LogSnapshot(..)")
    }
}

impl LogSnapshot {
    /// Reads the log of the store in `folder`, whether a service runs on it or not. What came after the
    /// newest checkpoint is left out.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if nothing was signed yet, [`StoreError::Damaged`] or
    /// [`StoreError::AuditShort`] if the log is not what was signed.
    pub fn open(folder: &Path, origin: &str, audit_spki: &[u8]) -> Result<Self, StoreError> {
        let note = read_checkpoint(folder)?.ok_or(StoreError::NotFound {
            what: "signed checkpoint",
        })?;
        let signed = Checkpoint::verify(&note, origin, audit_spki).map_err(|_refused| {
            StoreError::damaged("checkpoint.note", "its signature does not hold")
        })?;
        let log = Log::open_prefix(folder, signed.size)?;
        let rule = "its entries are not those of the last checkpoint";
        compare(&log, &signed, rule)?;
        Ok(Self::new((folder, origin), log, (note, signed)))
    }

    pub(crate) fn new(
        (folder, origin): (&Path, &str),
        log: Log,
        (note, signed): (String, Checkpoint),
    ) -> Self {
        Self {
            folder: folder.to_owned(),
            origin: origin.to_owned(),
            log,
            note,
            signed,
        }
    }

    /// Size and root.
    #[must_use]
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.signed
    }

    /// The signed checkpoint.
    #[must_use]
    pub fn note(&self) -> &str {
        &self.note
    }

    /// Name of the log.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Bytes of the log's file up to here.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.log.bytes()
    }

    /// Entry `index`.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]; [`StoreError::Damaged`] names the entry.
    pub fn entry(&self, index: u64) -> Result<String, StoreError> {
        if index >= self.signed.size {
            return Err(StoreError::NotFound {
                what: "audit entry",
            });
        }
        String::from_utf8(self.log.entry(index)?).map_err(|_text| {
            StoreError::damaged(format!("audit.log, entry {index}"), "it is not text")
        })
    }

    /// The file that proves entry `index` (C2SP tlog-proof).
    ///
    /// # Errors
    /// As [`Self::entry`].
    pub fn prove_entry(&self, index: u64) -> Result<String, StoreError> {
        let entry = self.entry(index)?;
        let tree = self.log.tree();
        let path = tree.inclusion(position(index), position(self.signed.size));
        Ok(proof::inclusion_file(
            index,
            entry.as_bytes(),
            &path,
            &self.note,
        ))
    }

    /// The file that proves that the log of `old` entries is the beginning of this one.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] unless there were so many, and at least one.
    pub fn prove_growth(&self, old: u64) -> Result<String, StoreError> {
        if old == 0 || old > self.signed.size {
            return Err(StoreError::NotFound {
                what: "audit log of that size",
            });
        }
        let tree = self.log.tree();
        let root = tree.root(position(old));
        let path = tree.consistency(position(old), position(self.signed.size));
        let old = Checkpoint { size: old, root };
        Ok(proof::growth_file(&old, &path, &self.note))
    }

    /// Writes the log as text that [`crate::verify_export`] reads.
    ///
    /// # Errors
    /// [`StoreError::Io`] if `out` does not take it.
    pub fn export(&self, out: &mut dyn Write) -> Result<(), StoreError> {
        let head = (self.origin.as_str(), self.note.as_str(), self.signed.size);
        export::write(out, head, &|index| self.entry(index))
    }

    /// Writes the log as tiles into a folder, with cosigned checkpoints and changes of the key beside them. Tiles of an earlier
    /// export are written again; the checkpoint comes last, so that whoever reads it finds its tiles.
    /// Returns the number of files.
    ///
    /// # Errors
    /// [`StoreError::Io`] if the folder does not take them.
    pub fn export_tiles(&self, folder: &Path) -> Result<usize, StoreError> {
        let tiles = Tile::all(self.signed.size);
        for tile in &tiles {
            let bytes = tiles::bytes(&self.log, self.signed.size, tile)?;
            write(folder, &tile.path(), &bytes)?;
        }
        let cosigned = self.cosigned()?;
        for one in &cosigned {
            let path = format!("{WITNESSES}/{}.note", one.id);
            write(folder, &path, one.note.as_bytes())?;
        }
        let changes = self.key_changes()?;
        for (number, change) in (1..).zip(&changes) {
            write(
                folder,
                &key_change_path(number, true),
                change.last.as_bytes(),
            )?;
            write(
                folder,
                &key_change_path(number, false),
                change.first.as_bytes(),
            )?;
        }
        write(folder, CHECKPOINT_PATH, self.note.as_bytes())?;
        Ok(tiles.len() + cosigned.len() + 2 * changes.len() + 1)
    }

    /// The cosigned checkpoints that were kept.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] if one is none.
    pub fn cosigned(&self) -> Result<Vec<Cosigned>, StoreError> {
        cosigned::all(&self.folder)
    }

    /// Verifies a checkpoint that a witness cosigned, holds it against the log, and keeps it in the place of
    /// the same witness's last one. Returns it, and whether it is newer than the one that was kept.
    ///
    /// # Errors
    /// [`StoreError::Custody`] if a signature does not hold, [`StoreError::AuditShort`] or
    /// [`StoreError::Damaged`] if the witness saw another log.
    pub fn keep_cosigned(
        &self,
        note: &str,
        witness: &WitnessKey,
        audit_spki: &[u8],
    ) -> Result<(Cosigned, bool), StoreError> {
        let unix_s = witness.verify(note)?;
        let seen = Checkpoint::verify(note, &self.origin, audit_spki)?;
        compare(&self.log, &seen, "a witness saw other entries")?;
        let cosigned = Cosigned {
            id: hex::encode(witness.id()),
            name: witness.name().to_owned(),
            size: seen.size,
            unix_s,
            note: note.to_owned(),
        };
        let newer = cosigned::keep(&self.folder, &cosigned)?;
        Ok((cosigned, newer))
    }
}

fn write(folder: &Path, path: &str, bytes: &[u8]) -> Result<(), StoreError> {
    let target = folder.join(path);
    let parent = target.parent().unwrap_or(folder);
    fs::create_dir_all(parent)
        .and_then(|()| fs::write(&target, bytes))
        .map_err(|error| StoreError::io(format!("writing {path}"), error))
}
