//! The audit log as callers see it: entries, proofs, checkpoints, and a copy to verify elsewhere.

use std::{
    io::{self, BufRead, Write},
    path::Path,
};

use keymgmt_custody::{
    Custody,
    audit::{Checkpoint, Tree},
};

use crate::{
    database::Changes,
    error::StoreError,
    files, limits,
    log::Log,
    store::{Store, lock},
    tree::{self, Hash},
};

/// The newest checkpoint, kept so that a shorter log is noticed.
const CHECKPOINT: &str = "checkpoint.note";
/// First line of an exported log.
const EXPORT: &str = "musubi-audit-export/1";

/// What the verification of an exported log found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VerifiedExport {
    /// Entries.
    pub entries: u64,
    /// Root over them, as signed.
    pub root: [u8; 32],
}

impl Store {
    /// Puts down an event that changes no state, such as a refusal. Returns its index.
    ///
    /// # Errors
    /// I/O errors: what cannot be put down must not be answered.
    pub fn record(&self, entry: &dyn Fn(u64) -> String) -> Result<u64, StoreError> {
        let mut writer = lock(&self.writer);
        self.transact(&mut writer, |_| Changes::new(), Some(entry))
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

    /// Writes the whole log with its checkpoint as text that [`verify_export`] reads: one line per entry
    /// with index and leaf hash, then the signed note.
    ///
    /// # Errors
    /// [`StoreError::Io`] if `out` does not take it.
    pub fn export(&self, out: &mut dyn Write) -> Result<(), StoreError> {
        let note = self.checkpoint()?;
        let signed = Checkpoint::verify(&note, &self.origin, self.custody.audit_public_key())?;
        let fail = |error| StoreError::io("exporting the audit log", error);
        writeln!(out, "{EXPORT}\n{}\n{}", self.origin, signed.size).map_err(fail)?;
        for index in 0..signed.size {
            let entry = self.audit_entry(index)?;
            let leaf = hex(&tree::leaf_hash(entry.as_bytes()));
            writeln!(out, "{index} {leaf} {entry}").map_err(fail)?;
        }
        write!(out, "\n{note}").map_err(fail)
    }
}

/// Verifies an exported log without the store: every leaf, the root, and the checkpoint's signature.
///
/// # Errors
/// [`StoreError::Damaged`] names the first entry that was altered, removed or moved.
pub fn verify_export(
    input: &mut dyn BufRead,
    origin: &str,
    audit_spki: &[u8],
) -> Result<VerifiedExport, StoreError> {
    let bad = |rule| StoreError::damaged("the exported log", rule);
    if next_line(input)?.as_deref() != Some(EXPORT) {
        return Err(bad("it is not an exported log of this version"));
    }
    if next_line(input)?.as_deref() != Some(origin) {
        return Err(bad("it is of another log"));
    }
    let size = next_line(input)?.and_then(|line| line.parse::<u64>().ok());
    let size = size
        .filter(|size| *size <= limits::AUDIT_ENTRIES_MAX)
        .ok_or_else(|| bad("its size does not parse"))?;
    let mut tree = Tree::from_leaves(&[]);
    for index in 0..size {
        let line = next_line(input)?.unwrap_or_default();
        let leaf = exported_leaf(&line, index).ok_or_else(|| {
            StoreError::damaged(
                format!("entry {index} of the exported log"),
                "it was altered, removed or moved",
            )
        })?;
        tree.append(leaf);
    }
    if next_line(input)?.as_deref() != Some("") {
        return Err(bad("there are more entries than its size says"));
    }
    let mut note = String::new();
    input
        .read_to_string(&mut note)
        .map_err(|error| StoreError::io("reading the exported log", error))?;
    let signed = Checkpoint::verify(&note, origin, audit_spki)
        .map_err(|_refused| bad("its checkpoint is not signed by this key for this log"))?;
    if signed.size != size || signed.root != tree.root() {
        return Err(bad("its entries are not those of the signed checkpoint"));
    }
    Ok(VerifiedExport {
        entries: size,
        root: signed.root,
    })
}

/// Holds the log against the checkpoint that was signed last.
pub(crate) fn compare_checkpoint(
    folder: &Path,
    log: &Log,
    origin: &str,
    custody: &dyn Custody,
) -> Result<(), StoreError> {
    let note = match std::fs::read_to_string(folder.join(CHECKPOINT)) {
        Ok(note) => note,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => String::new(),
        Err(error) => return Err(StoreError::io("reading checkpoint.note", error)),
    };
    let signed = Checkpoint::verify(&note, origin, custody.audit_public_key())
        .map_err(|_refused| StoreError::damaged(CHECKPOINT, "its signature does not hold"))?;
    if signed.size > log.len() {
        return Err(StoreError::AuditShort {
            recorded: signed.size,
            found: log.len(),
        });
    }
    if log.tree().root(position(signed.size)) == signed.root {
        Ok(())
    } else {
        Err(StoreError::damaged(
            "audit.log",
            "its entries are not those of the last checkpoint",
        ))
    }
}

fn next_line(input: &mut dyn BufRead) -> Result<Option<String>, StoreError> {
    let mut line = String::new();
    // Index, leaf and spaces take fewer than 128 bytes beside the entry.
    let limit = limits::AUDIT_ENTRY_BYTES_MAX as u64 + 128;
    let read = io::Read::take(&mut *input, limit).read_line(&mut line);
    match read {
        Ok(0) => Ok(None),
        Ok(_) => Ok(Some(line.trim_end_matches('\n').to_owned())),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => Ok(Some(String::new())),
        Err(error) => Err(StoreError::io("reading the exported log", error)),
    }
}

/// The leaf of an exported line, if the line is entry `index` and its hash holds.
fn exported_leaf(line: &str, index: u64) -> Option<Hash> {
    let (number, rest) = line.split_once(' ')?;
    let (leaf, entry) = rest.split_once(' ')?;
    let computed = tree::leaf_hash(entry.as_bytes());
    (number == index.to_string() && leaf == hex(&computed)).then_some(computed)
}

fn hex(hash: &Hash) -> String {
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Entries are in memory, so their numbers fit.
fn position(index: u64) -> usize {
    usize::try_from(index).unwrap_or(usize::MAX)
}
