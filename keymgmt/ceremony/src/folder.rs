//! Files of a ceremony: read within bounds, written once, synced.

use std::{
    fs::{self, File, OpenOptions},
    io::{ErrorKind, Read as _, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
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

/// Replaces a file in one step: it is whole before and after.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> Result<(), CeremonyError> {
    let failed = |source| CeremonyError::File {
        operation: "replace",
        path: path.to_owned(),
        source,
    };
    let beside = path.with_extension("new");
    match fs::remove_file(&beside) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(failed(error)),
        _ => {}
    }
    write_new(&beside, bytes, Readers::Everyone)?;
    put(&beside, path)
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
