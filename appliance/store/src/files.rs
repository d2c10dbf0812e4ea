//! Files that are there after a power cut, or not at all.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::Path,
};

use crate::error::StoreError;

/// Folder inside the data folder for files that are not finished. Emptied at start.
pub(crate) const TEMPORARY: &str = "tmp";

/// Makes a folder that only this user reads, and makes its name durable.
pub(crate) fn make_folder(path: &Path) -> Result<(), StoreError> {
    let made = fs::DirBuilder::new().mode(0o700).create(path);
    match made {
        Ok(()) => sync_parent(path),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        Err(error) => Err(StoreError::io(format!("making {}", name(path)), error)),
    }
}

/// Creates a file that must not exist yet, readable by this user only.
pub(crate) fn create_new(path: &Path) -> Result<File, StoreError> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map_err(|error| StoreError::io(format!("creating {}", name(path)), error))
}

/// Opens a file for reading.
pub(crate) fn open(path: &Path) -> Result<File, StoreError> {
    match File::open(path) {
        Ok(file) => Ok(file),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err(StoreError::damaged(name(path), "the file is missing"))
        }
        Err(error) => Err(StoreError::io(format!("opening {}", name(path)), error)),
    }
}

/// Puts a finished, synced file in its place: rename, then sync of the folder.
pub(crate) fn put_in_place(from: &Path, to: &Path) -> Result<(), StoreError> {
    fs::rename(from, to)
        .map_err(|error| StoreError::io(format!("renaming to {}", name(to)), error))?;
    sync_parent(to)
}

/// Replaces a small file as a whole.
pub(crate) fn replace(folder: &Path, file_name: &str, bytes: &[u8]) -> Result<(), StoreError> {
    replace_in(folder, "", file_name, bytes)
}

/// Replaces a small file of a folder inside the data folder.
pub(crate) fn replace_in(
    folder: &Path,
    place: &str,
    file_name: &str,
    bytes: &[u8],
) -> Result<(), StoreError> {
    let temporary = folder.join(TEMPORARY).join(format!("{file_name}.new"));
    remove(&temporary)?;
    let mut file = create_new(&temporary)?;
    let written = file.write_all(bytes).and_then(|()| file.sync_data());
    written.map_err(|error| StoreError::io(format!("writing {file_name}"), error))?;
    put_in_place(&temporary, &folder.join(place).join(file_name))
}

/// Syncs the folder that holds `path`, so that a new name survives a power cut.
pub(crate) fn sync_parent(path: &Path) -> Result<(), StoreError> {
    let parent = path.parent().unwrap_or(Path::new("."));
    File::open(parent)
        .and_then(|folder| folder.sync_all())
        .map_err(|error| StoreError::io(format!("syncing folder {}", name(parent)), error))
}

/// Removes a file; a file that is not there is as good as removed.
pub(crate) fn remove(path: &Path) -> Result<(), StoreError> {
    match fs::remove_file(path) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(StoreError::io(format!("removing {}", name(path)), error)),
    }
}

/// Names in a folder, sorted.
pub(crate) fn list(folder: &Path) -> Result<Vec<String>, StoreError> {
    let fail = |error| StoreError::io(format!("listing {}", name(folder)), error);
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(fail)? {
        names.push(
            entry
                .map_err(fail)?
                .file_name()
                .to_string_lossy()
                .into_owned(),
        );
    }
    names.sort();
    Ok(names)
}

/// The last part of a path: names of files say enough, and paths may tell more than they should.
pub(crate) fn name(path: &Path) -> String {
    path.file_name()
        .map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}
