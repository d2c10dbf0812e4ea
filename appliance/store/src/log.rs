//! The audit log file: frames of length, check and entry, synced before anything is answered.
//!
//! The check is the first eight bytes of the entry's leaf hash: it tells a torn tail from an entry. What
//! proves the log is the Merkle root, which the database and the signed checkpoints hold.

use std::{
    fs::{File, OpenOptions},
    io::{BufReader, Read},
    os::unix::fs::{FileExt as _, OpenOptionsExt as _},
    path::Path,
};

use crate::{
    error::StoreError,
    limits,
    tree::{self, Hash, Tree},
};

/// The log's name inside the data folder.
pub(crate) const FILE: &str = "audit.log";

const PREFIX_BYTES: usize = 4 + 8;

/// What the database knows of the log when it is opened.
pub(crate) struct Recorded {
    /// Entries that were durable in the file.
    pub(crate) logged: u64,
    /// Root over them.
    pub(crate) root: Hash,
    /// Entries after them that may not be in the file.
    pub(crate) pending: Vec<Vec<u8>>,
}

/// The open log.
pub(crate) struct Log {
    file: File,
    /// Where each entry's frame starts, and where the last one ends.
    offsets: Vec<u64>,
    tree: Tree,
    /// Entries that a read-only open found in the database and not in the file.
    unwritten: Vec<Vec<u8>>,
}

impl Log {
    /// Creates an empty log.
    pub(crate) fn create(folder: &Path) -> Result<(), StoreError> {
        let path = folder.join(FILE);
        let created = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .and_then(|file| file.sync_all());
        created.map_err(|error| StoreError::io("creating audit.log", error))?;
        crate::files::sync_parent(&path)
    }

    /// Opens the log and holds it against what the database recorded. When `write` is set, everything
    /// after the recorded entries is written and synced again: after a failed sync the system may show
    /// bytes that are not on the disk.
    pub(crate) fn open(
        folder: &Path,
        recorded: &Recorded,
        write: bool,
    ) -> Result<Self, StoreError> {
        let file = OpenOptions::new()
            .read(true)
            .write(write)
            .open(folder.join(FILE))
            .map_err(|error| short(recorded.logged, error))?;
        let (mut log, ended) = Self::scan(file, u64::MAX)?;
        log.compare(recorded, ended)?;
        let kept = usize::try_from(recorded.logged).expect("the log is in memory");
        if write {
            log.cut(kept, recorded)?;
            let pending = Frames::new(&recorded.pending);
            log.write_synced(&pending)?;
            log.take_over(&pending);
        } else {
            let missing = log.tree.len() - kept;
            for entry in &recorded.pending[missing..] {
                log.tree.push(tree::leaf_hash(entry));
                log.unwritten.push(entry.clone());
            }
        }
        Ok(log)
    }

    /// The first `size` entries of a log that another process may be writing: only frames that were whole
    /// and durable when a checkpoint of this size was signed are read, and those never change.
    pub(crate) fn open_prefix(folder: &Path, size: u64) -> Result<Self, StoreError> {
        let file = File::open(folder.join(FILE)).map_err(|error| short(size, error))?;
        let (log, _ended) = Self::scan(file, size)?;
        if log.len() < size {
            return Err(StoreError::AuditShort {
                recorded: size,
                found: log.len(),
            });
        }
        Ok(log)
    }

    /// Reads frames up to `limit`, the end, or the first one that is not whole. Says whether the file ends
    /// there.
    fn scan(file: File, limit: u64) -> Result<(Self, bool), StoreError> {
        let fail = |error| StoreError::io("reading audit.log", error);
        let length = file.metadata().map_err(fail)?.len();
        let mut log = Self {
            file,
            offsets: vec![0],
            tree: Tree::default(),
            unwritten: Vec::new(),
        };
        let reader = log.file.try_clone().map_err(fail)?;
        let mut reader = BufReader::with_capacity(1 << 20, reader);
        while log.len() < limit
            && let Some((length, leaf)) = read_frame(&mut reader).map_err(fail)?
        {
            log.push(length, leaf);
        }
        let ended = log.end() == length;
        Ok((log, ended))
    }

    fn compare(&self, recorded: &Recorded, ended: bool) -> Result<(), StoreError> {
        let (count, logged) = (self.len(), recorded.logged);
        if count < logged {
            return Err(if ended || self.torn()? {
                StoreError::AuditShort {
                    recorded: logged,
                    found: count,
                }
            } else {
                StoreError::damaged(format!("{FILE}, entry {count}"), "its check does not hold")
            });
        }
        let kept = usize::try_from(logged).expect("the log is in memory");
        if self.tree.root(kept) != recorded.root {
            return Err(StoreError::damaged(
                FILE,
                "its entries do not add up to the recorded root",
            ));
        }
        let (later, pending) = (self.tree.len() - kept, &recorded.pending);
        if later > pending.len() || (later == pending.len() && !ended) {
            return Err(StoreError::RolledBack {
                witness: "the audit log",
            });
        }
        for (index, entry) in (kept..self.tree.len()).zip(pending) {
            if self.tree.leaf(index) != Some(&tree::leaf_hash(entry)) {
                return Err(StoreError::damaged(
                    format!("{FILE}, entry {index}"),
                    "it is not the recorded one",
                ));
            }
        }
        Ok(())
    }

    /// Whether the bytes after the last whole frame are fewer than that frame says.
    fn torn(&self) -> Result<bool, StoreError> {
        let fail = |error| StoreError::io("reading audit.log", error);
        let left = self.file.metadata().map_err(fail)?.len() - self.end();
        if left < PREFIX_BYTES as u64 {
            return Ok(true);
        }
        let mut length = [0; 4];
        self.file
            .read_exact_at(&mut length, self.end())
            .map_err(fail)?;
        let length = u64::from(u32::from_le_bytes(length));
        Ok(length <= limits::AUDIT_ENTRY_BYTES_MAX as u64 && left < length + PREFIX_BYTES as u64)
    }

    /// Drops everything after the first `kept` entries, in the file and in memory.
    fn cut(&mut self, kept: usize, recorded: &Recorded) -> Result<(), StoreError> {
        if kept == self.tree.len() {
            return self.cut_file();
        }
        let mut tree = Tree::default();
        for index in 0..kept {
            let leaf = self.tree.leaf(index).expect("compare counted them");
            tree.push(*leaf);
        }
        debug_assert_eq!(tree.root(kept), recorded.root, "compare proved the root");
        self.tree = tree;
        self.offsets.truncate(kept + 1);
        self.cut_file()
    }

    fn cut_file(&self) -> Result<(), StoreError> {
        self.file
            .set_len(self.end())
            .map_err(|error| StoreError::io("cutting audit.log", error))
    }

    /// Writes entries behind the last one in one piece and syncs them once. [`Self::take_over`] must follow.
    /// After an error the log must be opened anew. Only one caller may be here at a time.
    pub(crate) fn write_synced(&self, frames: &Frames) -> Result<(), StoreError> {
        self.file
            .write_all_at(&frames.bytes, self.end())
            .map_err(|error| StoreError::io("writing audit.log", error))?;
        self.file
            .sync_data()
            .map_err(|error| StoreError::io("syncing audit.log", error))
    }

    /// Takes over entries that are in the file now.
    pub(crate) fn take_over(&mut self, frames: &Frames) {
        for (length, leaf) in &frames.entries {
            self.push(*length, *leaf);
        }
    }

    fn push(&mut self, length: usize, leaf: Hash) {
        self.offsets
            .push(self.end() + (PREFIX_BYTES + length) as u64);
        self.tree.push(leaf);
    }

    /// Bytes of the entries and their frames.
    pub(crate) fn bytes(&self) -> u64 {
        self.end()
    }

    /// Number of entries.
    pub(crate) fn len(&self) -> u64 {
        self.tree.len() as u64
    }

    /// The Merkle tree over all entries.
    pub(crate) fn tree(&self) -> &Tree {
        &self.tree
    }

    /// Entry `index`, checked against the tree.
    pub(crate) fn entry(&self, index: u64) -> Result<Vec<u8>, StoreError> {
        let absent = StoreError::NotFound {
            what: "audit entry",
        };
        let Some(position) = usize::try_from(index).ok().filter(|i| *i < self.tree.len()) else {
            return Err(absent);
        };
        let written = self.offsets.len() - 1;
        if position >= written {
            return Ok(self.unwritten[position - written].clone());
        }
        let start = self.offsets[position] + PREFIX_BYTES as u64;
        let length = usize::try_from(self.offsets[position + 1] - start).unwrap_or(0);
        let mut entry = vec![0; length];
        self.file
            .read_exact_at(&mut entry, start)
            .map_err(|error| StoreError::io("reading audit.log", error))?;
        if self.tree.leaf(position) == Some(&tree::leaf_hash(&entry)) {
            Ok(entry)
        } else {
            Err(StoreError::damaged(
                format!("{FILE}, entry {index}"),
                "its hash does not hold",
            ))
        }
    }

    fn end(&self) -> u64 {
        *self.offsets.last().expect("offsets start with zero")
    }
}

/// Entries as they lie in the file, each hashed once.
#[derive(Default)]
pub(crate) struct Frames {
    bytes: Vec<u8>,
    entries: Vec<(usize, Hash)>,
}

impl Frames {
    pub(crate) fn new(entries: &[Vec<u8>]) -> Self {
        let length = entries.iter().map(|entry| PREFIX_BYTES + entry.len()).sum();
        let mut frames = Self {
            bytes: Vec::with_capacity(length),
            entries: Vec::with_capacity(entries.len()),
        };
        for entry in entries {
            let length = u32::try_from(entry.len()).expect("entries are bounded");
            let leaf = tree::leaf_hash(entry);
            frames.bytes.extend_from_slice(&length.to_le_bytes());
            frames.bytes.extend_from_slice(&leaf[..8]);
            frames.bytes.extend_from_slice(entry);
            frames.entries.push((entry.len(), leaf));
        }
        frames
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

fn short(recorded: u64, error: std::io::Error) -> StoreError {
    if error.kind() == std::io::ErrorKind::NotFound {
        StoreError::AuditShort { recorded, found: 0 }
    } else {
        StoreError::io("opening audit.log", error)
    }
}

/// Length and leaf of the next whole entry; `None` at the end or at a frame that is torn or damaged.
fn read_frame(reader: &mut impl Read) -> std::io::Result<Option<(usize, Hash)>> {
    let mut prefix = [0; PREFIX_BYTES];
    if !fill(reader, &mut prefix)? {
        return Ok(None);
    }
    let (length, check) = prefix.split_at(4);
    let length = u32::from_le_bytes(length.try_into().expect("four bytes")) as usize;
    if length > limits::AUDIT_ENTRY_BYTES_MAX {
        return Ok(None);
    }
    let mut entry = vec![0; length];
    if !fill(reader, &mut entry)? {
        return Ok(None);
    }
    let leaf = tree::leaf_hash(&entry);
    Ok((leaf[..8] == *check).then_some((length, leaf)))
}

fn fill(reader: &mut impl Read, bytes: &mut [u8]) -> std::io::Result<bool> {
    match reader.read_exact(bytes) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}
