//! A glance at the source: names, sizes and times of change of all its files as one digest. No file is
//! opened. Equal digests mean that nothing was added, replaced, appended to or removed.

use std::{
    fs, io,
    os::unix::ffi::OsStrExt as _,
    path::Path,
    time::{Duration, UNIX_EPOCH},
};

use sha2::{Digest as _, Sha256};

use crate::limits::{FOLDER_ENTRIES_MAX, SOURCE_DEPTH_MAX};

/// What a source looked like.
pub type Glance = [u8; 32];

/// Looks at a file or at everything below a folder.
///
/// # Errors
/// The error of the system, if the source itself is not there or cannot be listed. A file that goes in
/// the meantime is no error: the next glance differs.
pub fn look(path: &Path) -> io::Result<Glance> {
    let mut hash = Sha256::new();
    let metadata = fs::metadata(path)?;
    note(&mut hash, path, &metadata);
    if metadata.is_dir() {
        folder(&mut hash, path, 0)?;
    }
    Ok(hash.finalize().into())
}

fn folder(hash: &mut Sha256, path: &Path, depth: usize) -> io::Result<()> {
    if depth > SOURCE_DEPTH_MAX {
        return Ok(());
    }
    let mut entries = Vec::new();
    // One more than a run would read, which will say that there are too many.
    for entry in fs::read_dir(path)?.take(FOLDER_ENTRIES_MAX + 1) {
        entries.push(entry?.path());
    }
    entries.sort_unstable();
    for entry in entries {
        match fs::metadata(&entry) {
            Ok(metadata) if metadata.is_dir() => {
                note(hash, &entry, &metadata);
                match folder(hash, &entry, depth + 1) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                    Ok(()) | Err(_) => (),
                }
            }
            Ok(metadata) => note(hash, &entry, &metadata),
            Err(_gone) => hash.update(b"gone"),
        }
    }
    Ok(())
}

fn note(hash: &mut Sha256, path: &Path, metadata: &fs::Metadata) {
    let name = path.file_name().unwrap_or_default().as_bytes();
    hash.update((name.len() as u64).to_be_bytes());
    hash.update(name);
    hash.update([u8::from(metadata.is_dir())]);
    // A folder's own size and time differ between file systems; what lies in it is noted by itself.
    if !metadata.is_dir() {
        let changed = metadata.modified().ok();
        let changed = changed.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        let changed = changed.unwrap_or(Duration::ZERO);
        hash.update(metadata.len().to_be_bytes());
        hash.update(changed.as_nanos().to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_change_is_seen_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let source = folder.path().join("source");
        assert!(look(&source).is_err());
        fs::create_dir_all(source.join("a/b")).unwrap();
        fs::write(source.join("a/b/1"), "one").unwrap();
        let first = look(&source).unwrap();
        assert_eq!(look(&source).unwrap(), first);
        fs::read(source.join("a/b/1")).unwrap();
        assert_eq!(look(&source).unwrap(), first, "reading changes nothing");
        let mut seen = vec![first];
        let mut changed = |what: &str| {
            let now = look(&source).unwrap();
            assert!(!seen.contains(&now), "{what}");
            seen.push(now);
        };
        fs::write(source.join("a/b/1"), "longer").unwrap();
        changed("appended");
        fs::write(source.join("a/2"), "").unwrap();
        changed("added");
        fs::rename(source.join("a/2"), source.join("a/3")).unwrap();
        changed("renamed");
        fs::create_dir(source.join("c")).unwrap();
        changed("a folder");
        let later = std::time::SystemTime::now() + Duration::from_secs(5);
        let file = fs::File::options().write(true).open(source.join("a/3"));
        file.unwrap().set_modified(later).unwrap();
        changed("touched");
        fs::remove_file(source.join("a/b/1")).unwrap();
        changed("removed");
    }
}
