//! The state folder: where things lie, and how they are written so that a crash leaves the old or the
//! new file, never half of one.
//!
//! `keys/` · `request.note` · `challenge-answer.note` · `epochs/N/` (package, checkpoint, deletion) ·
//! `receipt.note` (for the custodians) · `outbox/` · `refused/` · `receipts/` · `policy.json` · `table/` ·
//! `watch.json` · `problems.csv` · `runs/` · `lock`. Folders are 0700 and files 0600.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use linker_token::{BatchId, Epoch};

use crate::error::{AgentError, Fault};

/// The state folder of one site.
#[derive(Debug)]
pub struct State {
    folder: PathBuf,
    /// Held while this process may write; the system lets go of it when the process dies.
    _lock: Option<File>,
}

impl State {
    /// Opens the folder to write, makes it if it is not there, and keeps others out.
    ///
    /// # Errors
    /// [`Fault::StateBusy`] if another process works in it, or an error of the disk.
    pub fn open(folder: &Path) -> Result<Self, AgentError> {
        let state = Self::look(folder);
        for folder in [state.folder.clone(), state.outbox(), state.receipts()] {
            make_folder(&folder)?;
        }
        let path = state.folder.join("lock");
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&path)
            .map_err(|error| AgentError::state("lock", error))?;
        match lock.try_lock() {
            Ok(()) => (),
            Err(TryLockError::WouldBlock) => return Err(AgentError::new(Fault::StateBusy, "")),
            Err(TryLockError::Error(error)) => return Err(AgentError::state("lock", error)),
        }
        Ok(Self {
            _lock: Some(lock),
            ..state
        })
    }

    /// The folder to read only; nothing is made.
    #[must_use]
    pub fn look(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            _lock: None,
        }
    }

    /// The site's private keys.
    #[must_use]
    pub fn keys(&self) -> PathBuf {
        self.folder.join("keys")
    }

    /// The enrolment request for the custodians.
    #[must_use]
    pub fn request(&self) -> PathBuf {
        self.folder.join("request.note")
    }

    /// What belongs to single key epochs, one folder each.
    #[must_use]
    pub fn epochs(&self) -> PathBuf {
        self.folder.join("epochs")
    }

    /// What belongs to one key epoch.
    #[must_use]
    pub fn epoch(&self, epoch: Epoch) -> PathBuf {
        self.epochs().join(epoch.to_string())
    }

    /// The key package of an epoch, as it came.
    #[must_use]
    pub fn package(&self, epoch: Epoch) -> PathBuf {
        self.epoch(epoch).join("package.pkg")
    }

    /// The signed statement that the secret of an epoch was destroyed, for the custodians.
    #[must_use]
    pub fn deletion(&self, epoch: Epoch) -> PathBuf {
        self.epoch(epoch).join("deletion.note")
    }

    /// What is to be destroyed, while it is being destroyed.
    #[must_use]
    pub fn forgetting(&self, epoch: Epoch) -> PathBuf {
        self.epoch(epoch).join("forgetting.json")
    }

    /// The one key package of earlier versions, whose epoch only the package tells.
    #[must_use]
    pub fn only_package(&self) -> PathBuf {
        self.folder.join("package.pkg")
    }

    /// The one checkpoint of earlier versions.
    #[must_use]
    pub fn only_checkpoint(&self) -> PathBuf {
        self.folder.join("checkpoint.json")
    }

    /// The answer to the custodians' challenge.
    #[must_use]
    pub fn challenge_answer(&self) -> PathBuf {
        self.folder.join("challenge-answer.note")
    }

    /// The receipt of the key package, for the custodians.
    #[must_use]
    pub fn package_receipt(&self) -> PathBuf {
        self.folder.join("receipt.note")
    }

    /// Sealed batches that wait to be accepted, one folder each.
    #[must_use]
    pub fn outbox(&self) -> PathBuf {
        self.folder.join("outbox")
    }

    /// Left-over batches that the appliance refused for good, one folder each.
    #[must_use]
    pub fn refused(&self) -> PathBuf {
        self.folder.join("refused")
    }

    /// Verified upload receipts.
    #[must_use]
    pub fn receipts(&self) -> PathBuf {
        self.folder.join("receipts")
    }

    /// The verified upload receipt of one batch.
    #[must_use]
    pub fn receipt(&self, batch: BatchId) -> PathBuf {
        self.receipts().join(format!("{batch}.json"))
    }

    /// A receipt that failed its checks, kept as evidence.
    #[must_use]
    pub fn refused_receipt(&self, batch: BatchId) -> PathBuf {
        self.receipts().join(format!("{batch}.refused.json"))
    }

    /// The largest checkpoint of an epoch's audit log seen so far.
    #[must_use]
    pub fn checkpoint(&self, epoch: Epoch) -> PathBuf {
        self.epoch(epoch).join("checkpoint.json")
    }

    /// The linkage table, from references to local records, sealed. Never leaves the site.
    #[must_use]
    pub fn table(&self) -> PathBuf {
        self.folder.join("table")
    }

    /// The same in clear, as earlier versions kept it. The next run takes it over and removes it.
    #[must_use]
    pub fn clear_table(&self) -> PathBuf {
        self.folder.join("lookup.csv")
    }

    /// Counts of earlier runs, one small file each.
    #[must_use]
    pub fn runs(&self) -> PathBuf {
        self.folder.join("runs")
    }

    /// What the appliance's policy said when it last answered.
    #[must_use]
    pub fn policy(&self) -> PathBuf {
        self.folder.join("policy.json")
    }

    /// Which state of the source was last sent as a whole by `watch`.
    #[must_use]
    pub fn watch(&self) -> PathBuf {
        self.folder.join("watch.json")
    }

    /// The list of refused rows of the last run. Never leaves the site.
    #[must_use]
    pub fn problems(&self) -> PathBuf {
        self.folder.join("problems.csv")
    }
}

/// Makes a folder that only this user may enter.
///
/// # Errors
/// [`Fault::StateIo`] or [`Fault::DiskFull`].
pub fn make_folder(folder: &Path) -> Result<(), AgentError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(|error| AgentError::state(folder.display().to_string(), error))
}

/// Writes a file so that after a crash it is there whole or not at all: temporary name, fsync, rename,
/// fsync of the folder.
///
/// # Errors
/// [`Fault::StateIo`] or [`Fault::DiskFull`]; the temporary file is removed.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> Result<(), AgentError> {
    let shown = || path.display().to_string();
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".tmp");
    let temporary = path.with_file_name(name);
    let result = write_durable(&temporary, bytes).and_then(|()| fs::rename(&temporary, path));
    if let Err(error) = result {
        // The full disk is the error to report; a temporary file that stays is overwritten next time.
        drop(fs::remove_file(&temporary));
        return Err(AgentError::state(shown(), error));
    }
    sync_folder(path.parent().unwrap_or(Path::new(".")))
}

/// Writes a new file of mode 0600 and waits until it is on the disk.
///
/// # Errors
/// The error of the system.
pub fn write_durable(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .create(true)
        .truncate(true)
        .write(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Waits until the names in a folder are on the disk.
///
/// # Errors
/// [`Fault::StateIo`] or [`Fault::DiskFull`].
pub fn sync_folder(folder: &Path) -> Result<(), AgentError> {
    File::open(folder)
        .and_then(|file| file.sync_all())
        .map_err(|error| AgentError::state(folder.display().to_string(), error))
}

/// Names in a folder in order; none if it is not there. `shown` names it in an error.
///
/// # Errors
/// [`Fault::StateIo`].
pub(crate) fn names(folder: &Path, shown: &'static str) -> Result<Vec<String>, AgentError> {
    let failed = |error| AgentError::state(shown, error);
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    let mut names = Vec::new();
    for entry in entries {
        let name = entry.map_err(failed)?.file_name();
        names.push(name.to_string_lossy().into_owned());
    }
    names.sort_unstable();
    Ok(names)
}

/// Reads a file of the state folder; `None` if it is not there.
///
/// # Errors
/// [`Fault::StateIo`].
pub fn read_if_there(path: &Path, limit: u64) -> Result<Option<Vec<u8>>, AgentError> {
    match crate::config::read_bounded(path, limit) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(AgentError::state(path.display().to_string(), error)),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn two_cannot_work_in_one_folder() {
        let folder = tempfile::tempdir().unwrap();
        let first = State::open(folder.path()).unwrap();
        let second = State::open(folder.path()).unwrap_err();
        assert_eq!(second.fault(), Fault::StateBusy);
        drop(first);
        assert!(State::open(folder.path()).is_ok());
    }

    #[test]
    fn files_are_private_and_replaced_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        write_atomic(&path, b"old").unwrap();
        write_atomic(&path, b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_file_that_is_not_there_is_not_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("none");
        assert!(read_if_there(&path, 1).unwrap().is_none());
        fs::write(&path, b"xx").unwrap();
        assert!(read_if_there(&path, 1).is_err());
        assert_eq!(read_if_there(&path, 2).unwrap().unwrap(), b"xx");
    }
}
