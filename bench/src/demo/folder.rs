//! Where everything of a demo lies.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    thread,
};

use crate::{
    error::{BenchError, file},
    sites::Site,
};

/// Marks a folder as made by a demo, so that the next one may clear it.
const MARK: &str = ".musubi-demo";

/// Where the files of the last demo wait for their removal.
const ASIDE: &str = ".old";
/// Where those wait whose removal was interrupted.
const UNFINISHED: &str = ".older";

/// The removal of an earlier demo's files, going on in the background.
type Removal = thread::JoinHandle<io::Result<()>>;

/// The demo's folder. All paths are absolute, because every process starts in its own folder.
#[derive(Debug, Clone)]
pub struct Folder {
    path: PathBuf,
    removal: Arc<Mutex<Option<Removal>>>,
}

impl Folder {
    /// Makes the folder, or clears one that an earlier demo made. What was in it is put aside at once and
    /// removed by a thread of its own: a tree of patients takes as long to remove as to write.
    ///
    /// # Errors
    /// [`BenchError::ForeignFolder`] if it holds something else, or an error of the disk.
    pub fn fresh(path: &Path) -> Result<Self, BenchError> {
        let failed = || file(format!("make the folder {}", path.display()));
        fs::create_dir_all(path).map_err(failed())?;
        let path = path.canonicalize().map_err(failed())?;
        let is_empty = path.read_dir().map_err(failed())?.next().is_none();
        if !is_empty && !path.join(MARK).exists() {
            return Err(BenchError::ForeignFolder { folder: path });
        }
        let removal = put_aside(&path).map_err(failed())?;
        let folder = Self {
            path,
            removal: Arc::new(Mutex::new(Some(removal))),
        };
        fs::write(
            folder.path.join(MARK),
            "Made by the demo, which clears this folder.\n",
        )
        .map_err(failed())?;
        let parts = [
            folder.pki(),
            folder.logs(),
            folder.results(),
            folder.tokens(),
        ];
        let sites = Site::ALL.map(|site| folder.site(site));
        for part in parts
            .into_iter()
            .chain([folder.ceremony(), folder.appliance(), folder.desk()])
            .chain(sites)
        {
            fs::create_dir_all(part).map_err(failed())?;
        }
        Ok(folder)
    }

    /// The folder of a demo that has run.
    ///
    /// # Errors
    /// [`BenchError::ForeignFolder`] if no demo made it, or an error of the disk.
    pub fn of_a_demo(path: &Path) -> Result<Self, BenchError> {
        let found = path.canonicalize();
        let path = found.map_err(file(format!("find the folder {}", path.display())))?;
        if path.join(MARK).exists() {
            Ok(Self {
                path,
                removal: Arc::default(),
            })
        } else {
            Err(BenchError::ForeignFolder { folder: path })
        }
    }

    /// Waits until the files of an earlier demo are gone.
    ///
    /// # Errors
    /// [`BenchError::File`].
    pub fn wait_for_removal(&self) -> Result<(), BenchError> {
        let removal = self
            .removal
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let removed = removal.map_or(Ok(()), |removal| {
            removal
                .join()
                .unwrap_or_else(|_panic| Err(io::Error::other("a thread panicked")))
        });
        removed.map_err(file("remove the files of the last demo"))
    }

    /// The folder itself.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Certificates, keys and revocation list of the demo's CA.
    #[must_use]
    pub fn pki(&self) -> PathBuf {
        self.path.join("pki")
    }

    /// Messages of every process.
    #[must_use]
    pub fn logs(&self) -> PathBuf {
        self.path.join("logs")
    }

    /// Crosswalk, summary.
    #[must_use]
    pub fn results(&self) -> PathBuf {
        self.path.join("results")
    }

    /// Both tokens of the software HSM.
    #[must_use]
    pub fn tokens(&self) -> PathBuf {
        self.path.join("softhsm").join("tokens")
    }

    /// Configuration of the software HSM.
    #[must_use]
    pub fn softhsm_conf(&self) -> PathBuf {
        self.path.join("softhsm").join("softhsm2.conf")
    }

    /// The ceremony's recipe, environment and results.
    #[must_use]
    pub fn ceremony(&self) -> PathBuf {
        self.path.join("ceremony")
    }

    /// The appliance's configuration and data.
    #[must_use]
    pub fn appliance(&self) -> PathBuf {
        self.path.join("appliance")
    }

    /// One site's files, configuration and state.
    #[must_use]
    pub fn site(&self, site: Site) -> PathBuf {
        self.path.join("sites").join(site.name())
    }

    /// One site's agent configuration.
    #[must_use]
    pub fn agent_config(&self, site: Site) -> PathBuf {
        self.site(site).join("tokenizer.toml")
    }

    /// One site's linkage table as it exports it.
    #[must_use]
    pub fn table(&self, site: Site) -> PathBuf {
        self.site(site).join("table.csv")
    }

    /// The consultation desk's configuration and state.
    #[must_use]
    pub fn desk(&self) -> PathBuf {
        self.path.join("desk")
    }

    /// The consultation desk's agent configuration.
    #[must_use]
    pub fn desk_config(&self) -> PathBuf {
        self.desk().join("tokenizer.toml")
    }

    /// Which record is about whom; nobody but the evaluation reads it.
    #[must_use]
    pub fn truth(&self) -> PathBuf {
        self.path.join("truth.csv")
    }
}

/// Moves everything but the mark out of the way and starts to remove it. What an earlier demo did not get
/// removed goes with it.
fn put_aside(folder: &Path) -> io::Result<Removal> {
    let aside = folder.join(ASIDE);
    if aside.exists() {
        fs::rename(&aside, folder.join(UNFINISHED))?;
    }
    fs::create_dir(&aside)?;
    for entry in folder.read_dir()? {
        let name = entry?.file_name();
        if name != MARK && name != ASIDE {
            fs::rename(folder.join(&name), aside.join(&name))?;
        }
    }
    Ok(thread::spawn(move || fs::remove_dir_all(aside)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_demos_folder_is_cleared() {
        let outer = tempfile::tempdir().unwrap();
        let path = outer.path().join("demo");
        let folder = Folder::fresh(&path).unwrap();
        folder.wait_for_removal().unwrap();
        fs::write(folder.results().join("old"), "old").unwrap();
        // As if the removal had been interrupted the last time.
        fs::create_dir_all(path.join(ASIDE).join("older")).unwrap();
        let folder = Folder::fresh(&path).unwrap();
        assert!(!folder.results().join("old").exists());
        folder.wait_for_removal().unwrap();
        assert!(!path.join(ASIDE).exists() && !path.join(UNFINISHED).exists());

        let foreign = outer.path().join("foreign");
        fs::create_dir(&foreign).unwrap();
        fs::write(foreign.join("letter"), "dear").unwrap();
        let refused = Folder::fresh(&foreign).unwrap_err();
        assert_eq!(refused.code(), "FOREIGN_FOLDER");
        assert!(foreign.join("letter").exists());
    }
}
