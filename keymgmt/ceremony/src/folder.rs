//! Files of a ceremony: read within bounds, written once, synced.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{ErrorKind, Read as _, Write as _},
    os::unix::fs::{DirBuilderExt as _, FileTypeExt as _, OpenOptionsExt as _},
    path::Path,
};

use crate::error::CeremonyError;

/// Who may read a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Readers {
    Owner,
    Everyone,
}

pub(crate) fn read_text(path: &Path, limit: u64) -> Result<String, CeremonyError> {
    let failed = |source| CeremonyError::File {
        operation: "read",
        path: path.to_owned(),
        source,
    };
    let file = File::open(path).map_err(failed)?;
    let mut text = String::new();
    let read = file
        .take(limit + 1)
        .read_to_string(&mut text)
        .map_err(failed)?;
    if read as u64 > limit {
        return Err(CeremonyError::TooLarge {
            path: path.to_owned(),
            limit,
        });
    }
    Ok(text)
}

/// Reads a file of at most `limit` bytes, whatever they are.
pub(crate) fn read_bytes_within(path: &Path, limit: u64) -> Result<Vec<u8>, CeremonyError> {
    let failed = |source| CeremonyError::File {
        operation: "read",
        path: path.to_owned(),
        source,
    };
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(failed)?;
    let read = file
        .take(limit + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    if read as u64 > limit {
        return Err(CeremonyError::TooLarge {
            path: path.to_owned(),
            limit,
        });
    }
    Ok(bytes)
}

pub(crate) fn read_bytes(path: &Path) -> Result<Vec<u8>, CeremonyError> {
    fs::read(path).map_err(|source| CeremonyError::File {
        operation: "read",
        path: path.to_owned(),
        source,
    })
}

/// Makes a folder that only the owner enters, and its parents.
pub(crate) fn make(path: &Path) -> Result<(), CeremonyError> {
    let made = fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path);
    made.map_err(|source| CeremonyError::File {
        operation: "make the folder",
        path: path.to_owned(),
        source,
    })
}

/// Writes a new file. An existing one is never overwritten.
pub(crate) fn write_new(path: &Path, bytes: &[u8], readers: Readers) -> Result<(), CeremonyError> {
    let failed = |source| CeremonyError::File {
        operation: "write",
        path: path.to_owned(),
        source,
    };
    let mode = match readers {
        Readers::Owner => 0o600,
        Readers::Everyone => 0o644,
    };
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(mode);
    let mut file = match options.open(path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            return Err(CeremonyError::Exists {
                path: path.to_owned(),
            });
        }
        opened => opened.map_err(failed)?,
    };
    file.write_all(bytes).map_err(failed)?;
    file.sync_all().map_err(failed)
}

/// Refuses everything but a device or a pipe: a file would keep what is written to it.
pub(crate) fn check_device(path: &Path) -> Result<(), CeremonyError> {
    let metadata = fs::metadata(path).map_err(|source| CeremonyError::File {
        operation: "print to",
        path: path.to_owned(),
        source,
    })?;
    let kind = metadata.file_type();
    if kind.is_char_device() || kind.is_fifo() {
        return Ok(());
    }
    Err(CeremonyError::Config {
        file: "the environment",
        rule: "`printer` must be a printer's device".to_owned(),
    })
}

/// Writes to a device or a pipe.
pub(crate) fn write_to_device(path: &Path, bytes: &[u8]) -> Result<(), CeremonyError> {
    check_device(path)?;
    let failed = |source| CeremonyError::File {
        operation: "print to",
        path: path.to_owned(),
        source,
    };
    let mut device = OpenOptions::new().write(true).open(path).map_err(failed)?;
    device.write_all(bytes).map_err(failed)?;
    device.flush().map_err(failed)
}

/// Replaces a file in one step: it is whole before and after.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> Result<(), CeremonyError> {
    replace_for(path, bytes, Readers::Everyone)
}

/// As [`replace`], with a choice of readers.
pub(crate) fn replace_for(path: &Path, bytes: &[u8], who: Readers) -> Result<(), CeremonyError> {
    let beside = path.with_extension("new");
    remove(&beside)?;
    write_new(&beside, bytes, who)?;
    put(&beside, path)
}

/// Removes a file, if it is there.
pub(crate) fn remove(path: &Path) -> Result<(), CeremonyError> {
    match fs::remove_file(path) {
        Err(source) if source.kind() != ErrorKind::NotFound => Err(CeremonyError::File {
            operation: "remove",
            path: path.to_owned(),
            source,
        }),
        _ => Ok(()),
    }
}

/// Names of the files in a folder, in order. A folder that is not there holds none.
pub(crate) fn names(path: &Path) -> Result<Vec<String>, CeremonyError> {
    let failed = |source| CeremonyError::File {
        operation: "list",
        path: path.to_owned(),
        source,
    };
    if !path.exists() {
        return Ok(Vec::new());
    }
    let mut names = Vec::new();
    for entry in fs::read_dir(path).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        names.push(name.to_string_lossy().into_owned());
    }
    names.sort_unstable();
    Ok(names)
}

/// Keeps other runs out of a folder for as long as the result lives.
pub(crate) fn lock(path: &Path) -> Result<File, CeremonyError> {
    let lock = path.join("ceremony.lock");
    let failed = |source| CeremonyError::File {
        operation: "lock",
        path: lock.clone(),
        source,
    };
    let mut options = OpenOptions::new();
    options.create(true).append(true).mode(0o600);
    let file = options.open(&lock).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(CeremonyError::Busy),
        Err(TryLockError::Error(source)) => Err(failed(source)),
    }
}

/// Puts a whole file in the place of another one.
pub(crate) fn put(whole: &Path, path: &Path) -> Result<(), CeremonyError> {
    let failed = |source| CeremonyError::File {
        operation: "replace",
        path: path.to_owned(),
        source,
    };
    fs::rename(whole, path).map_err(failed)?;
    let folder = path.parent().unwrap_or(Path::new("."));
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_go_to_devices_and_never_into_files() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("spool");
        write_new(&path, b"", Readers::Owner).expect("writes");
        let refused = write_to_device(&path, b"secret").expect_err("a file");
        assert_eq!(refused.code(), "BAD_CONFIG");
        assert_eq!(read_bytes(&path).expect("reads"), b"");
        write_to_device(Path::new("/dev/null"), b"secret").expect("a device");
        let absent = check_device(&folder.path().join("absent")).expect_err("absent");
        assert_eq!(absent.code(), "FILE");
    }

    #[test]
    fn a_folder_has_one_run_at_a_time() {
        let folder = tempfile::tempdir().expect("a folder");
        let first = lock(folder.path()).expect("free");
        assert_eq!(lock(folder.path()).expect_err("taken").code(), "BUSY");
        drop(first);
        lock(folder.path()).expect("free again");
    }

    #[test]
    fn files_are_bounded_and_never_overwritten() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("file");
        write_new(&path, b"12345", Readers::Owner).expect("writes");
        assert_eq!(read_text(&path, 5).expect("reads"), "12345");
        assert_eq!(
            read_text(&path, 4).expect_err("one past").code(),
            "TOO_LARGE"
        );
        let again = write_new(&path, b"other", Readers::Owner);
        assert_eq!(again.expect_err("exists").code(), "EXISTS");
        replace(&path, b"other").expect("replaces");
        assert_eq!(read_bytes(&path).expect("reads"), b"other");
    }
}
