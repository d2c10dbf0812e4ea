//! Peers from the Python index: a virtual environment of its own for each, one JSON object back.

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

/// The programs are part of this one, so that they are found wherever it runs.
const INSTALLER: &str = include_str!("../peer/install.sh");

/// A package that is measured beside our own code.
pub(crate) struct Peer<'a> {
    /// Its name in the index.
    pub(crate) package: &'static str,
    /// The version that the recorded figures belong to.
    pub(crate) version: &'static str,
    /// Where its environment and its input lie.
    pub(crate) folder: &'a Path,
}

impl Peer<'_> {
    /// Writes a file into the peer's folder.
    ///
    /// # Errors
    /// One line for the user.
    pub(crate) fn write(&self, name: &str, bytes: &[u8]) -> Result<PathBuf, String> {
        fs::create_dir_all(self.folder)
            .map_err(|error| format!("cannot make {}: {error}", self.folder.display()))?;
        let path = self.folder.join(name);
        fs::write(&path, bytes)
            .map_err(|error| format!("cannot write {}: {error}", path.display()))?;
        Ok(path)
    }

    /// Installs the package, if it is not there, and runs a script with it.
    ///
    /// # Errors
    /// One line for the user on why it was not measured.
    pub(crate) fn run(&self, script: &Path, arguments: &[OsString]) -> Result<Value, String> {
        let installer = self.write("install.sh", INSTALLER.as_bytes())?;
        let output = Command::new("bash")
            .arg(installer)
            .args([self.package, self.version])
            .args([self.folder, script])
            .args(arguments)
            .output();
        let output = output.map_err(|error| format!("cannot start bash: {error}"))?;
        if !output.status.success() {
            let text = String::from_utf8_lossy(&output.stderr).into_owned();
            let last = text.trim().lines().last();
            return Err(last.unwrap_or("it failed without a word").to_owned());
        }
        serde_json::from_slice(&output.stdout)
            .map_err(|error| format!("its answer cannot be read: {error}"))
    }
}
