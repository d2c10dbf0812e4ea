//! The audit log as callers see it: entries, proofs, checkpoints, and a copy to verify elsewhere.

use std::{
    io::{self, Write},
    path::Path,
    sync::PoisonError,
};

use keymgmt_custody::{Custody, audit::Checkpoint, tile::Tile};

use crate::{
    database::Changes,
    error::StoreError,
    export, files, limits,
    log::Log,
    snapshot::LogSnapshot,
    store::{Store, lock},
    tiles,
};

/// The newest checkpoint, kept so that a shorter log is noticed.
pub(crate) const CHECKPOINT: &str = "checkpoint.note";
impl Store {
    /// Puts down an event that changes no state, such as a refusal. Returns its index.
    ///
    /// # Errors
    /// I/O errors: what cannot be put down must not be answered.
    pub fn record(&self, entry: &dyn Fn(u64) -> String) -> Result<u64, StoreError> {
        let mut writer = lock(&self.writer);
        self.transact(&mut writer, |_| Changes::new(), Some(entry))
    }

    /// Puts down `count` events in one transaction and one sync; `entry` makes the text of each from its
    /// index. Returns the index of the first. All of them are there, or none.
    ///
    /// # Errors
    /// As [`Self::record`]; [`StoreError::TooLarge`] above [`limits::AUDIT_BATCH_MAX`].
    pub fn record_all(
        &self,
        count: usize,
        entry: &dyn Fn(u64) -> String,
    ) -> Result<u64, StoreError> {
        if count > limits::AUDIT_BATCH_MAX {
            return Err(StoreError::TooLarge {
                what: "a batch of audit entries",
                limit: limits::AUDIT_BATCH_MAX as u64,
            });
        }
        let mut writer = lock(&self.writer);
        self.transact_all(
            &mut writer,
            |_| Changes::new(),
            |first| (first..).take(count).map(entry).collect(),
        )
    }

    /// Number of entries.
    #[must_use]
    pub fn audit_size(&self) -> u64 {
        self.read().log.len()
    }

    /// Entry `index`, checked against the tree.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]; [`StoreError::Damaged`] names the entry.
    pub fn audit_entry(&self, index: u64) -> Result<String, StoreError> {
        let entry = self.read().log.entry(index)?;
        String::from_utf8(entry).map_err(|_text| {
            StoreError::damaged(format!("audit.log, entry {index}"), "it is not text")
        })
    }

    /// The signed checkpoint of the whole log (C2SP tlog-checkpoint). Signed anew only when the log grew.
    ///
    /// # Errors
    /// [`StoreError::Custody`] if the token does not sign.
    pub fn checkpoint(&self) -> Result<String, StoreError> {
        let mut note = lock(&self.note);
        let (size, root) = {
            let state = self.read();
            let count = state.log.tree().len();
            (state.log.len(), state.log.tree().root(count))
        };
        if let Some((signed, text)) = &*note
            && *signed == size
        {
            return Ok(text.clone());
        }
        let text = Checkpoint::sign(&self.origin, size, &root, &*self.custody)?;
        if self.writable().is_ok() {
            self.watch(files::replace(&self.folder, CHECKPOINT, text.as_bytes()))?;
        }
        *note = Some((size, text.clone()));
        Ok(text)
    }

    /// The proof that entry `index` is in the log of `size` entries (RFC 6962 section 2.1.1).
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if the log has fewer entries.
    pub fn inclusion_proof(&self, index: u64, size: u64) -> Result<Vec<[u8; 32]>, StoreError> {
        let state = self.read();
        if index >= size || size > state.log.len() {
            return Err(StoreError::NotFound {
                what: "audit entry",
            });
        }
        Ok(state.log.tree().inclusion(position(index), position(size)))
    }

    /// The proof that the log of `old` entries is the start of the log of `new` entries. Nothing can be
    /// proved from the empty log (RFC 6962 section 2.1.2), so `old` is at least one.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if the log has fewer entries.
    pub fn consistency_proof(&self, old: u64, new: u64) -> Result<Vec<[u8; 32]>, StoreError> {
        let state = self.read();
        if old == 0 || old > new || new > state.log.len() {
            return Err(StoreError::NotFound {
                what: "audit log of that size",
            });
        }
        Ok(state.log.tree().consistency(position(old), position(new)))
    }

    /// Writes the whole log with its checkpoint as text that [`crate::verify_export`] reads: one line per
    /// entry with index and leaf hash, then the signed note.
    ///
    /// # Errors
    /// [`StoreError::Io`] if `out` does not take it.
    pub fn export(&self, out: &mut dyn Write) -> Result<(), StoreError> {
        let note = self.checkpoint()?;
        let signed = Checkpoint::verify(&note, &self.origin, self.custody.audit_public_key())?;
        let entry = |index| self.audit_entry(index);
        export::write(out, (&self.origin, &note, signed.size), &entry)
    }

    /// The bytes of one tile of the log up to the newest signed checkpoint (C2SP tlog-tiles).
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if the checkpoint does not cover it.
    pub fn tile(&self, tile: &Tile) -> Result<Vec<u8>, StoreError> {
        let signed = lock(&self.note).as_ref().map_or(0, |(size, _)| *size);
        tiles::bytes(&self.read().log, signed, tile)
    }

    /// The newest checkpoint that this process signed or found signed; no new one is made.
    #[must_use]
    pub fn signed_checkpoint(&self) -> Option<(u64, String)> {
        lock(&self.note).clone()
    }

    /// Takes the log out of a store that was opened for reading only, under a checkpoint of now.
    ///
    /// # Errors
    /// [`StoreError::Custody`] if the token does not sign.
    pub fn into_snapshot(self) -> Result<LogSnapshot, StoreError> {
        let note = self.checkpoint()?;
        let signed = Checkpoint::verify(&note, &self.origin, self.custody.audit_public_key())?;
        let state = self.state.into_inner();
        let state = state.unwrap_or_else(PoisonError::into_inner);
        let place = (self.folder.as_path(), self.origin.as_str());
        Ok(LogSnapshot::new(place, state.log, (note, signed)))
    }
}

/// Holds the log against the checkpoint that was signed last.
/// Returns that checkpoint.
pub(crate) fn compare_checkpoint(
    folder: &Path,
    log: &Log,
    origin: &str,
    custody: &dyn Custody,
) -> Result<Option<(u64, String)>, StoreError> {
    let Some(note) = read_checkpoint(folder)? else {
        return Ok(None);
    };
    let signed = Checkpoint::verify(&note, origin, custody.audit_public_key())
        .map_err(|_refused| StoreError::damaged(CHECKPOINT, "its signature does not hold"))?;
    compare(
        log,
        &signed,
        "its entries are not those of the last checkpoint",
    )?;
    Ok(Some((signed.size, note)))
}

/// The checkpoint that was signed last, as text.
pub(crate) fn read_checkpoint(folder: &Path) -> Result<Option<String>, StoreError> {
    match std::fs::read_to_string(folder.join(CHECKPOINT)) {
        Ok(note) => Ok(Some(note)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        // What is no text is no note; its signature will say so.
        Err(error) if error.kind() == io::ErrorKind::InvalidData => Ok(Some(String::new())),
        Err(error) => Err(StoreError::io("reading checkpoint.note", error)),
    }
}

/// Holds the log against a checkpoint that was verified.
pub(crate) fn compare(
    log: &Log,
    signed: &Checkpoint,
    rule: &'static str,
) -> Result<(), StoreError> {
    if signed.size > log.len() {
        return Err(StoreError::AuditShort {
            recorded: signed.size,
            found: log.len(),
        });
    }
    if log.tree().root(position(signed.size)) == signed.root {
        Ok(())
    } else {
        Err(StoreError::damaged("audit.log", rule))
    }
}

/// Entries are in memory, so their numbers fit.
pub(crate) fn position(index: u64) -> usize {
    usize::try_from(index).unwrap_or(usize::MAX)
}
