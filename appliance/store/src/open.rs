//! How a store comes to life: made, opened, opened again after a fault, opened for reading only.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{self, Write as _},
    os::unix::fs::{FileExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use keymgmt_custody::{
    Custody,
    hierarchy::{DerivingKey, Label},
};
use redb::{
    StorageBackend as _,
    backends::{FileBackend, InMemoryBackend},
};

use crate::{
    admit::SEGMENTS,
    audit, cosigned,
    database::{self, Database, RowKey, Rows, Table},
    error::StoreError,
    fault::{Fault, Health},
    files::{self, TEMPORARY},
    ids::IDS,
    limits,
    log::Log,
    outbox::recorded,
    record::{BatchRow, GenerationRow, ReleaseRow, Scope},
    releases::RELEASES,
    sealed::{Kind, SealedFile, SealedInfo},
    store::{State, Store, lock, rows_of},
    uploads::{UPLOADS, Uploads},
};

/// Says in plain text what the folder is. Written last when a store is made.
const IDENTITY: &str = "store.txt";
const LOCK: &str = "store.lock";

/// A sealed file that the database names.
pub(crate) type Named = (PathBuf, (Kind, String), SealedInfo);

impl Store {
    /// Opens the store in `folder`, or makes one. Files that the database does not name are swept, audit
    /// entries that did not reach the log are written, and the log is held against the database and
    /// against the last checkpoint.
    ///
    /// # Errors
    /// [`StoreError::DataInUse`] if another process has it open, [`StoreError::OtherScope`],
    /// [`StoreError::Damaged`], [`StoreError::AuditShort`], [`StoreError::RolledBack`], or an I/O error.
    pub fn open(
        folder: &Path,
        custody: Arc<dyn Custody>,
        scope: Scope,
        audit_origin: &str,
    ) -> Result<Self, StoreError> {
        files::make_folder(folder)?;
        let guard = take_lock(folder)?;
        let identity = identity(&scope, audit_origin, &*custody)?;
        for name in [TEMPORARY, SEGMENTS, IDS, RELEASES, UPLOADS] {
            files::make_folder(&folder.join(name))?;
        }
        for name in files::list(&folder.join(TEMPORARY))? {
            files::remove(&folder.join(TEMPORARY).join(name))?;
        }
        let key = row_key(&scope, &*custody)?;
        match read_identity(folder)? {
            Some(found) => compare_identity(&found, &identity)?,
            None => make(folder, &key, &identity)?,
        }
        let (state, database) = load(folder, &key, &scope)?;
        let note = audit::compare_checkpoint(folder, &state.log, audit_origin, &*custody)?;
        cosigned::compare_all(folder, &state.log, audit_origin, &*custody)?;
        let admitted = rows_of(&state.rows, Table::Batch).map(|(name, _)| name.to_vec());
        let uploads = Uploads::open(folder, &admitted.collect())?;
        let store = Self::assemble(
            (folder, guard, false),
            custody,
            scope,
            (audit_origin, key),
            (state, Some(database), uploads),
        );
        *lock(&store.note) = note;
        Ok(store)
    }

    /// Opens the store for reading only, for tools beside a stopped server. Nothing in the folder changes:
    /// the database is copied to memory and recovered there.
    ///
    /// # Errors
    /// As [`Self::open`]; [`StoreError::NoStore`] if there is none.
    pub fn open_read_only(
        folder: &Path,
        custody: Arc<dyn Custody>,
        scope: Scope,
        audit_origin: &str,
    ) -> Result<Self, StoreError> {
        let guard = share_lock(folder)?;
        let found = read_identity(folder)?.ok_or(StoreError::NoStore)?;
        compare_identity(&found, &identity(&scope, audit_origin, &*custody)?)?;
        let key = row_key(&scope, &*custody)?;
        let (database, rows) = Database::open(copy_to_memory(folder)?, &key)?;
        drop(database);
        let log = Log::open(folder, &recorded(&rows)?, false)?;
        audit::compare_checkpoint(folder, &log, audit_origin, &*custody)?;
        cosigned::compare_all(folder, &log, audit_origin, &*custody)?;
        for (path, name, info) in named_files(folder, &rows)? {
            SealedFile::inspect(&path, (name.0, &name.1), &info, &scope)?;
        }
        Ok(Self::assemble(
            (folder, guard, true),
            custody,
            scope,
            (audit_origin, key),
            (State { rows, log }, None, Uploads::default()),
        ))
    }

    /// Whether another process has the store in `folder` open for writing.
    ///
    /// # Errors
    /// [`StoreError::NoStore`] if there is none, or an I/O error.
    pub fn is_in_use(folder: &Path) -> Result<bool, StoreError> {
        match share_lock(folder) {
            Ok(_free) => Ok(false),
            Err(StoreError::DataInUse) => Ok(true),
            Err(error) => Err(error),
        }
    }

    /// Opens the store again after an I/O error, when its time has come on the caller's clock (`now` is
    /// the time since any fixed moment). To be called every second or so; it does nothing while all is well.
    pub fn reopen_if_due(&self, now: Duration) -> Health {
        if self.offline || !lock(&self.fault).is_due(now) {
            return self.health();
        }
        let mut writer = lock(&self.writer);
        let opened = probe(&self.folder).and_then(|()| {
            // redb locks its file: the old handle goes before the new one comes.
            writer.database = None;
            load(&self.folder, &self.key, &self.scope)
        });
        match opened {
            Ok((state, database)) => {
                writer.database = Some(database);
                *self.change() = state;
                *lock(&self.fault) = Fault::default();
            }
            Err(error) => lock(&self.fault).failed(&error, now),
        }
        self.health()
    }

    /// Every sealed file that the database names.
    pub(crate) fn sealed_files(&self) -> Result<Vec<Named>, StoreError> {
        named_files(&self.folder, &self.read().rows)
    }
}

/// Opens database and log and makes the folders agree with them.
fn load(folder: &Path, key: &RowKey, scope: &Scope) -> Result<(State, Database), StoreError> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .open(folder.join(database::FILE))
        .map_err(missing_database)?;
    let backend = FileBackend::new(file).map_err(|error| StoreError::database("opening", error))?;
    let (database, rows) = Database::open(backend, key)?;
    let log = Log::open(folder, &recorded(&rows)?, true)?;
    sweep(folder, &rows, scope)?;
    Ok((State { rows, log }, database))
}

/// Removes what no row names, and finds what a row names and is not there.
fn sweep(folder: &Path, rows: &Rows, scope: &Scope) -> Result<(), StoreError> {
    let named = named_files(folder, rows)?;
    for (path, name, info) in &named {
        SealedFile::inspect(path, (name.0, &name.1), info, scope)?;
    }
    for place in [SEGMENTS, IDS, RELEASES] {
        let place = folder.join(place);
        for name in files::list(&place)? {
            let path = place.join(name);
            if !named.iter().any(|(known, _, _)| *known == path) {
                files::remove(&path)?;
            }
        }
    }
    Ok(())
}

fn named_files(folder: &Path, rows: &Rows) -> Result<Vec<Named>, StoreError> {
    let mut named = Vec::new();
    let mut add = |place: &str, kind, name: String, info: &SealedInfo| {
        named.push((folder.join(place).join(&name), (kind, name), info.clone()));
    };
    for (_, row) in rows_of(rows, Table::Batch) {
        let (row, file) = BatchRow::from_bytes(row)?;
        add(SEGMENTS, Kind::Tokens, row.file_name(), &file);
    }
    for (_, row) in rows_of(rows, Table::Generation) {
        let (row, [lines, events]) = GenerationRow::from_bytes(row)?;
        add(IDS, Kind::Assignments, row.lines_name(), &lines);
        add(IDS, Kind::Events, row.events_name(), &events);
    }
    for (_, row) in rows_of(rows, Table::Release) {
        let (row, file) = ReleaseRow::from_bytes(row)?;
        add(RELEASES, Kind::Release, row.file_name(), &file);
    }
    Ok(named)
}

/// Makes an empty store. Its identity is written last: without it, a half-made store is made anew.
fn make(folder: &Path, key: &RowKey, identity: &[String]) -> Result<(), StoreError> {
    for place in [SEGMENTS, IDS, RELEASES] {
        if !files::list(&folder.join(place))?.is_empty() {
            return Err(StoreError::damaged(
                IDENTITY,
                "it is missing beside files of a store",
            ));
        }
    }
    if std::fs::metadata(folder.join(crate::log::FILE)).is_ok_and(|log| log.len() > 0) {
        return Err(StoreError::damaged(
            IDENTITY,
            "it is missing beside an audit log",
        ));
    }
    Log::create(folder)?;
    // The first writes of a database are not atomic, so it gets its name when it is whole.
    let temporary = folder.join(TEMPORARY).join(database::FILE);
    let file = files::create_new(&temporary)?;
    let backend =
        FileBackend::new(file).map_err(|error| StoreError::database("creating", error))?;
    drop(Database::create(backend, key)?);
    let synced = File::open(&temporary).and_then(|file| file.sync_all());
    synced.map_err(|error| StoreError::io("syncing store.redb", error))?;
    files::put_in_place(&temporary, &folder.join(database::FILE))?;
    files::replace(folder, IDENTITY, (identity.join("\n") + "\n").as_bytes())
}

/// What the folder is for, one fact a line. The check value tells another token from a damaged file.
fn identity(scope: &Scope, origin: &str, custody: &dyn Custody) -> Result<Vec<String>, StoreError> {
    if origin.is_empty() || origin.contains(char::is_whitespace) {
        return Err(StoreError::Refused {
            rule: "the name of the audit log has no spaces",
        });
    }
    let check = custody.derive(DerivingKey::Dkek, Label::CheckValue, b"store/v1")?;
    let check: String = check.expose()[..8]
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect();
    Ok(vec![
        "musubi-store/1".to_owned(),
        format!("project {}", scope.project),
        format!("epoch {}", scope.epoch),
        format!("schema {}", scope.schema.digest()),
        format!("log {origin}"),
        format!("key {check}"),
    ])
}

fn read_identity(folder: &Path) -> Result<Option<Vec<String>>, StoreError> {
    match std::fs::read(folder.join(IDENTITY)) {
        Ok(bytes) => {
            let text = String::from_utf8_lossy(&bytes);
            Ok(Some(text.lines().map(str::to_owned).collect()))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(StoreError::io("reading store.txt", error)),
    }
}

fn compare_identity(found: &[String], expected: &[String]) -> Result<(), StoreError> {
    let facts = ["format", "project", "epoch", "schema", "audit log", "token"];
    for (index, what) in facts.into_iter().enumerate() {
        if found.get(index) != expected.get(index) {
            return Err(StoreError::OtherScope { what });
        }
    }
    Ok(())
}

fn row_key(scope: &Scope, custody: &dyn Custody) -> Result<RowKey, StoreError> {
    let context = format!("store/v1\0{}\0{}", scope.project, scope.epoch);
    let key = custody.derive(DerivingKey::Dkek, Label::RowMac, context.as_bytes())?;
    Ok(RowKey(key))
}

fn take_lock(folder: &Path) -> Result<File, StoreError> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(folder.join(LOCK))
        .map_err(|error| StoreError::io("opening store.lock", error))?;
    let taken = file.try_lock();
    locked(file, taken)
}

fn share_lock(folder: &Path) -> Result<File, StoreError> {
    match File::open(folder.join(LOCK)) {
        Ok(file) => {
            let taken = file.try_lock_shared();
            locked(file, taken)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(StoreError::NoStore),
        Err(error) => Err(StoreError::io("opening store.lock", error)),
    }
}

fn locked(file: File, taken: Result<(), TryLockError>) -> Result<File, StoreError> {
    match taken {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::DataInUse),
        Err(TryLockError::Error(error)) => Err(StoreError::io("locking store.lock", error)),
    }
}

/// Whether there is space again, and the disk takes and keeps bytes.
fn probe(folder: &Path) -> Result<(), StoreError> {
    let path = folder.join(TEMPORARY).join("probe");
    files::remove(&path)?;
    let mut file = files::create_new(&path)?;
    let written = file
        .write_all(&vec![0x5a; limits::PROBE_BYTES])
        .and_then(|()| file.sync_all());
    drop(file);
    files::remove(&path)?;
    written.map_err(|error| StoreError::io("probing the disk", error))
}

fn copy_to_memory(folder: &Path) -> Result<InMemoryBackend, StoreError> {
    let fail = |error| StoreError::io("reading store.redb", error);
    let file = File::open(folder.join(database::FILE)).map_err(missing_database)?;
    let length = file.metadata().map_err(fail)?.len();
    if length > limits::DATABASE_BYTES_MAX {
        return Err(StoreError::TooLarge {
            what: "the database",
            limit: limits::DATABASE_BYTES_MAX,
        });
    }
    let memory = InMemoryBackend::new();
    memory.set_len(length).map_err(fail)?;
    let mut part = vec![0; 1 << 20];
    let mut at = 0;
    while at < length {
        let left = usize::try_from(length - at).unwrap_or(usize::MAX);
        let part = &mut part[..left.min(1 << 20)];
        file.read_exact_at(part, at).map_err(fail)?;
        memory.write(at, part).map_err(fail)?;
        at += part.len() as u64;
    }
    Ok(memory)
}

fn missing_database(error: io::Error) -> StoreError {
    if error.kind() == io::ErrorKind::NotFound {
        StoreError::damaged(database::FILE, "the file is missing")
    } else {
        StoreError::io("opening store.redb", error)
    }
}
