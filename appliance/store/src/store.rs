//! The store: who may change what, and the one way a change is made.

use std::{
    fs::File,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
        atomic::{AtomicU64, Ordering},
    },
};

use keymgmt_custody::Custody;

use crate::{
    database::{Changes, Database, RowKey, Rows, Table},
    error::StoreError,
    fault::{Fault, Health},
    files, limits,
    log::{Frames, Log},
    outbox,
    record::Scope,
    sealed::{Kind, SealedFile, SealedInfo},
    uploads::Uploads,
};

/// Sealed files that stay open, for pages of releases and look-ups.
const OPENED_MAX: usize = 8;

/// Everything the appliance keeps. Readers run side by side; changes are made one at a time.
///
/// All calls block on the disk, some on the token.
pub struct Store {
    pub(crate) folder: PathBuf,
    pub(crate) custody: Arc<dyn Custody>,
    pub(crate) scope: Scope,
    pub(crate) origin: String,
    pub(crate) key: RowKey,
    pub(crate) offline: bool,
    pub(crate) state: RwLock<State>,
    pub(crate) writer: Mutex<Writing>,
    pub(crate) fault: Mutex<Fault>,
    pub(crate) uploads: Mutex<Uploads>,
    pub(crate) note: Mutex<Option<(u64, String)>>,
    opened: Mutex<Vec<(String, Arc<SealedFile>)>>,
    temporary: AtomicU64,
    /// Held as long as the store lives: two servers on one folder would overwrite each other.
    _lock: File,
}

/// What readers see.
pub(crate) struct State {
    pub(crate) rows: Rows,
    pub(crate) log: Log,
}

/// What the one writer holds; no database while the store is read only for good.
pub(crate) struct Writing {
    pub(crate) database: Option<Database>,
}

/// Builds the text of an audit entry from its index.
pub(crate) type Entry<'a> = &'a dyn Fn(u64) -> String;

impl Store {
    pub(crate) fn assemble(
        (folder, lock, offline): (&Path, File, bool),
        custody: Arc<dyn Custody>,
        scope: Scope,
        (origin, key): (&str, RowKey),
        (state, database, uploads): (State, Option<Database>, Uploads),
    ) -> Self {
        Self {
            folder: folder.to_owned(),
            custody,
            scope,
            origin: origin.to_owned(),
            key,
            offline,
            state: RwLock::new(state),
            writer: Mutex::new(Writing { database }),
            fault: Mutex::new(Fault::default()),
            uploads: Mutex::new(uploads),
            note: Mutex::new(None),
            opened: Mutex::new(Vec::new()),
            temporary: AtomicU64::new(0),
            _lock: lock,
        }
    }

    /// What this store is for.
    #[must_use]
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// Name of the audit log.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Whether the store takes changes.
    #[must_use]
    pub fn health(&self) -> Health {
        if self.offline {
            Health::Offline
        } else {
            lock(&self.fault).health()
        }
    }

    /// Reads everything again: every row, every audit entry, every frame of every sealed file.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] names the first thing that is not what was written.
    pub fn verify(&self) -> Result<(), StoreError> {
        if let Some(database) = &lock(&self.writer).database {
            database.verify(&self.key, &self.read().rows)?;
        }
        for index in 0..self.audit_size() {
            self.audit_entry(index)?;
        }
        for (path, name, info) in self.sealed_files()? {
            let file =
                SealedFile::open(&path, (name.0, &name.1), &info, &self.scope, &*self.custody)?;
            file.read_all(|_frame| Ok(()))?;
        }
        Ok(())
    }

    /// Fails if the store takes no changes.
    pub(crate) fn writable(&self) -> Result<(), StoreError> {
        if self.offline {
            return Err(StoreError::Offline);
        }
        lock(&self.fault).refusal()
    }

    /// Remembers an I/O error of a change, so that the store stays read only until it is opened anew.
    pub(crate) fn watch<T>(&self, result: Result<T, StoreError>) -> Result<T, StoreError> {
        result.inspect_err(|error| {
            if error.is_fault() {
                lock(&self.fault).enter(error);
            }
        })
    }

    /// The one way a change is made: rows and audit entry in one transaction, then the log, then memory.
    ///
    /// `changes` and `entry` learn the entry's index. Readers see the change once its entry is durable.
    pub(crate) fn transact(
        &self,
        writer: &mut Writing,
        changes: impl FnOnce(u64) -> Changes,
        entry: Option<Entry<'_>>,
    ) -> Result<u64, StoreError> {
        self.transact_all(writer, changes, |index| {
            entry.iter().map(|build| build(index)).collect()
        })
    }

    /// The same with any number of entries: one transaction, one write to the log, one sync of it.
    pub(crate) fn transact_all(
        &self,
        writer: &mut Writing,
        changes: impl FnOnce(u64) -> Changes,
        entries: impl FnOnce(u64) -> Vec<String>,
    ) -> Result<u64, StoreError> {
        self.writable()?;
        // Only the holder of the writer adds entries, so the index stays right.
        let index = self.audit_size();
        let entries = (index..)
            .zip(entries(index))
            .map(|(index, entry)| check_entry(index, entry))
            .collect::<Result<Vec<_>, _>>()?;
        let frames = Frames::new(&entries);
        let mut changes = changes(index);
        let state = self.read();
        check_changes(&state.rows, &changes)?;
        if !frames.is_empty() {
            outbox::note(&state.rows, &state.log, &mut changes, &entries);
        }
        let database = writer.database.as_mut().ok_or(StoreError::ReadOnly)?;
        let committed = database.commit(&self.key, &state.rows, &changes);
        self.watch(committed)?;
        if !frames.is_empty() {
            self.watch(state.log.write_synced(&frames))?;
        }
        drop(state);
        let mut state = self.change();
        for (name, value) in changes {
            match value {
                Some(value) => state.rows.insert(name, value),
                None => state.rows.remove(&name),
            };
        }
        state.log.take_over(&frames);
        Ok(index)
    }

    /// A name for a file that is not finished; unique in this process, and the folder is emptied at start.
    pub(crate) fn temporary(&self) -> PathBuf {
        let number = self.temporary.fetch_add(1, Ordering::Relaxed);
        self.folder
            .join(files::TEMPORARY)
            .join(format!("{number}.part"))
    }

    /// A sealed file, kept open for the next call.
    pub(crate) fn sealed(
        &self,
        folder: &str,
        (kind, name): (Kind, &str),
        info: &SealedInfo,
    ) -> Result<Arc<SealedFile>, StoreError> {
        if let Some((_, file)) = lock(&self.opened).iter().find(|(known, _)| known == name) {
            return Ok(Arc::clone(file));
        }
        let path = self.folder.join(folder).join(name);
        let file = SealedFile::open(&path, (kind, name), info, &self.scope, &*self.custody)?;
        let file = Arc::new(file);
        let mut opened = lock(&self.opened);
        if opened.len() >= OPENED_MAX {
            opened.remove(0);
        }
        opened.push((name.to_owned(), Arc::clone(&file)));
        Ok(file)
    }

    pub(crate) fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn change(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Store(..)")
    }
}

/// Locks a mutex. A panic elsewhere leaves these values whole: each is replaced in one step.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Rows of one table: name without the table's tag, and value.
pub(crate) fn rows_of(rows: &Rows, table: Table) -> impl Iterator<Item = (&[u8], &[u8])> {
    let tag = table.tag();
    rows.range(vec![tag]..vec![tag + 1])
        .map(|(name, value)| (&name[1..], value.as_slice()))
}

/// Entries are one line of text, so that an exported log is read line by line.
fn check_entry(index: u64, entry: String) -> Result<Vec<u8>, StoreError> {
    if index >= limits::AUDIT_ENTRIES_MAX {
        return Err(StoreError::TooLarge {
            what: "the audit log",
            limit: limits::AUDIT_ENTRIES_MAX,
        });
    }
    if entry.len() > limits::AUDIT_ENTRY_BYTES_MAX {
        return Err(StoreError::TooLarge {
            what: "an audit entry",
            limit: limits::AUDIT_ENTRY_BYTES_MAX as u64,
        });
    }
    if entry.is_empty() || entry.contains(char::is_control) {
        return Err(StoreError::Refused {
            rule: "an audit entry is one line of text",
        });
    }
    Ok(entry.into_bytes())
}

fn check_changes(rows: &Rows, changes: &Changes) -> Result<(), StoreError> {
    if rows.len() + changes.len() + 2 > limits::ROWS_MAX {
        return Err(StoreError::TooLarge {
            what: "the database",
            limit: limits::ROWS_MAX as u64,
        });
    }
    let largest = changes.values().flatten().map(Vec::len).max();
    if largest.is_some_and(|bytes| bytes > limits::ROW_BYTES_MAX) {
        return Err(StoreError::TooLarge {
            what: "a database row",
            limit: limits::ROW_BYTES_MAX as u64,
        });
    }
    Ok(())
}
