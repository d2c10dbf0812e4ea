//! Open folders. An SS-MIX2 tree has five of them for every patient, so what the kernel is asked is counted:
//! one call to open a folder below an open one, two to list it, one to close it.

use std::{
    ffi::OsStr,
    fs::File,
    mem::MaybeUninit,
    os::{fd::OwnedFd, unix::ffi::OsStrExt as _},
    path::Path,
};

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, RawDir, openat, statat};

use crate::{
    error::{AgentError, Fault},
    limits::{FOLDER_ENTRIES_MAX, LISTING_BYTES},
    say,
};

/// What the kernel writes names into, for one folder after another.
pub(super) type Listing = Vec<MaybeUninit<u8>>;

/// Room for a part of a folder.
pub(super) fn listing() -> Listing {
    vec![MaybeUninit::uninit(); LISTING_BYTES]
}

/// An open folder.
#[derive(Debug)]
pub(super) struct Folder(OwnedFd);

// The path of an SS-MIX2 folder holds the patient's number: it goes into no message.
fn failed(error: rustix::io::Errno) -> AgentError {
    AgentError::new(Fault::SourceIo, "a folder").because(std::io::Error::from(error))
}

impl Folder {
    /// Opens the folder at a path, which may be a link.
    pub(super) fn open(path: &Path) -> Result<Self, AgentError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let opened = openat(CWD, path, flags, Mode::empty());
        opened.map(Self).map_err(failed)
    }

    /// Opens a folder inside this one, which may not be a link.
    pub(super) fn folder(&self, name: &str) -> Result<Self, AgentError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let opened = openat(&self.0, name, flags, Mode::empty());
        opened.map(Self).map_err(failed)
    }

    /// Opens a file inside this folder, which may not be a link.
    pub(super) fn file(&self, name: &OsStr) -> std::io::Result<File> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let opened = openat(&self.0, name, flags, Mode::empty())?;
        Ok(File::from(opened))
    }

    /// Names in byte order, and whether each is a folder. Links are neither followed nor named.
    pub(super) fn entries(&self, listing: &mut Listing) -> Result<Vec<(String, bool)>, AgentError> {
        let mut names = Vec::new();
        let mut entries = RawDir::new(&self.0, listing);
        while let Some(entry) = entries.next() {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name();
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            let mut kind = entry.file_type();
            // Some file systems do not say.
            if kind == FileType::Unknown {
                let stat = statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW).map_err(failed)?;
                kind = FileType::from_raw_mode(stat.st_mode);
            }
            if !matches!(kind, FileType::RegularFile | FileType::Directory) {
                continue;
            }
            if names.len() >= FOLDER_ENTRIES_MAX {
                let detail = say!(
                    "a folder with more than {limit} entries",
                    limit = FOLDER_ENTRIES_MAX
                );
                return Err(AgentError::new(Fault::SourceTooLarge, detail));
            }
            let name = name.to_str().map_err(|_not_utf8| {
                AgentError::new(Fault::SourceIo, "a file name that is not UTF-8")
            })?;
            names.push((name.to_owned(), kind == FileType::Directory));
        }
        names.sort_unstable();
        Ok(names)
    }
}

/// A file that was found.
#[derive(Debug, Clone, Copy)]
pub struct Found<'a> {
    pub(super) path: &'a Path,
    /// The folder that it lies in, if that is open.
    pub(super) folder: Option<&'a Folder>,
}

impl<'a> Found<'a> {
    /// A file outside any walk.
    #[must_use]
    pub fn at(path: &'a Path) -> Self {
        Self { path, folder: None }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.path
    }

    /// Opens it.
    ///
    /// # Errors
    /// What the system says.
    pub fn open(&self) -> std::io::Result<File> {
        match (self.folder, self.path.file_name()) {
            (Some(folder), Some(name)) => folder.file(OsStr::from_bytes(name.as_bytes())),
            _ => File::open(self.path),
        }
    }
}
