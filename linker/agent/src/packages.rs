//! Key packages by key epoch: accepted once, opened anew by every run, and destroyed when their epoch is
//! over.
//!
//! While a project changes to another epoch, a site has two. A run encodes under the newest one that the
//! appliance takes. The encoding secret is on the disk nowhere but inside its package.
//!
//! `epochs/N/` holds `package.pkg`, `checkpoint.json` (each epoch has an audit log of its own), and once the
//! secret is destroyed `deletion.note` and neither of the others.

mod forget;

use std::{
    fs,
    path::{Path, PathBuf},
};

use keymgmt_custody::{
    package::{OpenedPackage, PackageContent, SitePackage},
    site::SiteKeys,
};
use linker_token::Epoch;

pub use self::forget::forget;

use crate::{
    config::{Config, read_bounded, read_named},
    error::{AgentError, Fault},
    keys,
    limits::{PACKAGE_BYTES_MAX, PEM_BYTES_MAX},
    receipt, say,
    state::{self, State},
};

/// The packages that can be used, newest epoch first; at least one. An older one that cannot be opened any
/// more is left out: it has expired, and the newest one counts.
///
/// # Errors
/// [`Fault::NoPackage`], or why the newest one cannot be opened.
pub fn all(
    config: &Config,
    state: &State,
    keys: &SiteKeys,
    now: u64,
) -> Result<Vec<OpenedPackage>, AgentError> {
    let mut opened = Vec::new();
    for (path, epoch) in places(state)?.into_iter().rev() {
        let package = read(config, keys, &path, now).and_then(|package| of_epoch(package, epoch));
        match package {
            Ok(package) => opened.push(package),
            Err(error) if opened.is_empty() => return Err(error),
            Err(_older) => {}
        }
    }
    if opened.is_empty() {
        return Err(AgentError::new(Fault::NoPackage, ""));
    }
    Ok(opened)
}

/// The package of the newest epoch.
///
/// # Errors
/// As [`all`].
pub fn newest(
    config: &Config,
    state: &State,
    keys: &SiteKeys,
    now: u64,
) -> Result<OpenedPackage, AgentError> {
    Ok(all(config, state, keys, now)?.swap_remove(0))
}

/// Whether any package was accepted.
///
/// # Errors
/// An error of the disk.
pub fn any(state: &State) -> Result<bool, AgentError> {
    Ok(!places(state)?.is_empty())
}

/// The epochs whose keys were destroyed here, in order.
///
/// # Errors
/// An error of the disk.
pub fn forgotten(state: &State) -> Result<Vec<u32>, AgentError> {
    let names = state::names(&state.epochs(), "epochs")?;
    let mut epochs: Vec<u32> = names.iter().filter_map(|name| name.parse().ok()).collect();
    epochs.retain(|epoch| state.deletion(Epoch(*epoch)).exists());
    epochs.sort_unstable();
    Ok(epochs)
}

/// Checks a package, keeps it beside those of other epochs, and writes the receipt for the custodians.
/// Returns the receipt's place.
///
/// # Errors
/// [`Fault::PackageRefused`], or a fault of the files.
pub fn accept(
    config: &Config,
    state: &State,
    package: &Path,
    now: u64,
) -> Result<(OpenedPackage, PathBuf), AgentError> {
    let keys = keys::load(config, state)?;
    migrate(config, state, &keys)?;
    let bytes = read_bounded(package, PACKAGE_BYTES_MAX).map_err(|error| {
        AgentError::new(Fault::FileUnreadable, package.display().to_string()).because(error)
    })?;
    let opened = open(config, &keys, &bytes, now)?;
    check_place(config, state, &keys, &opened, now)?;
    let receipt = opened
        .receipt(&keys)
        .map_err(|error| AgentError::new(Fault::Internal, "package receipt").because(error))?;
    let epoch = opened.content().epoch;
    state::make_folder(&state.epoch(epoch))?;
    state::sync_folder(&state.epochs())?;
    state::write_atomic(&state.package(epoch), &bytes)?;
    state::write_atomic(&state.package_receipt(), receipt.as_bytes())?;
    Ok((opened, state.package_receipt()))
}

/// Refuses a package that would take something back: of another project, of an epoch that was forgotten, or
/// older than the one of its epoch that is kept.
fn check_place(
    config: &Config,
    state: &State,
    keys: &SiteKeys,
    opened: &OpenedPackage,
    now: u64,
) -> Result<(), AgentError> {
    let content = opened.content();
    let refused = |rule| Err(AgentError::new(Fault::PackageRefused, rule));
    if state.deletion(content.epoch).exists() || state.forgetting(content.epoch).exists() {
        return refused(say!("the key of this epoch was destroyed here"));
    }
    let kept = match all(config, state, keys, now) {
        Ok(kept) => kept,
        Err(error) if error.fault() == Fault::NoPackage => return Ok(()),
        // What is kept may be what the new package mends.
        Err(_unusable) => return Ok(()),
    };
    for other in kept.iter().map(OpenedPackage::content) {
        if other.project != content.project {
            return refused(say!(
                "it is for another project than the package that is kept; each project has a state folder of its own"
            ));
        }
        if other.epoch == content.epoch && content.issued_unix_s < other.issued_unix_s {
            return refused(say!("a newer package of this epoch is kept already"));
        }
    }
    Ok(())
}

/// Takes the files of an earlier version, which knew one epoch, into its folder. Whatever instant this is
/// killed at, the next call ends it: the old package goes last.
///
/// # Errors
/// An error of the disk. A package that is not this site's stays where it is.
pub fn migrate(config: &Config, state: &State, keys: &SiteKeys) -> Result<(), AgentError> {
    let old = state.only_package();
    let Some(bytes) = state::read_if_there(&old, PACKAGE_BYTES_MAX)? else {
        return Ok(());
    };
    let Ok(content) = content(config, keys, &bytes) else {
        return Ok(());
    };
    let epoch = content.epoch;
    state::make_folder(&state.epoch(epoch))?;
    state::sync_folder(&state.epochs())?;
    if let Some(seen) = state::read_if_there(&state.only_checkpoint(), receipt::KEPT_BYTES_MAX)? {
        state::write_atomic(&state.checkpoint(epoch), &seen)?;
        remove(&state.only_checkpoint())?;
    }
    state::write_atomic(&state.package(epoch), &bytes)?;
    remove(&old)
}

/// The places of packages with their epochs, oldest first. The one place of an earlier version, whose epoch
/// only the package tells, counts as the oldest.
fn places(state: &State) -> Result<Vec<(PathBuf, Option<Epoch>)>, AgentError> {
    let mut epochs: Vec<Epoch> = state::names(&state.epochs(), "epochs")?
        .iter()
        .filter_map(|name| name.parse().ok().map(Epoch))
        .filter(|epoch| state.package(*epoch).exists())
        .collect();
    epochs.sort_unstable();
    let old = state.only_package();
    let old = old.exists().then_some((old, None));
    let kept = epochs
        .into_iter()
        .map(|epoch| (state.package(epoch), Some(epoch)));
    Ok(old.into_iter().chain(kept).collect())
}

fn read(
    config: &Config,
    keys: &SiteKeys,
    path: &Path,
    now: u64,
) -> Result<OpenedPackage, AgentError> {
    let bytes = state::read_if_there(path, PACKAGE_BYTES_MAX)?
        .ok_or_else(|| AgentError::new(Fault::NoPackage, ""))?;
    open(config, keys, &bytes, now)
}

/// A package lies in the folder of its own epoch.
fn of_epoch(package: OpenedPackage, epoch: Option<Epoch>) -> Result<OpenedPackage, AgentError> {
    if epoch.is_none_or(|epoch| epoch == package.content().epoch) {
        Ok(package)
    } else {
        Err(AgentError::new(Fault::StateDamaged, "epochs"))
    }
}

/// What a package says, whether it is still valid or not.
fn content(config: &Config, keys: &SiteKeys, bytes: &[u8]) -> Result<PackageContent, AgentError> {
    let pinned = read_named("keys.custody_key", &config.custody_key, PEM_BYTES_MAX)?;
    SitePackage::content(bytes, keys, &config.site, &pinned).map_err(keys::refused)
}

fn open(
    config: &Config,
    keys: &SiteKeys,
    bytes: &[u8],
    now: u64,
) -> Result<OpenedPackage, AgentError> {
    let pinned = read_named("keys.custody_key", &config.custody_key, PEM_BYTES_MAX)?;
    let opened =
        SitePackage::open(bytes, keys, &config.site, &pinned, now).map_err(keys::refused)?;
    keys::schema(&opened)?;
    Ok(opened)
}

fn remove(path: &Path) -> Result<(), AgentError> {
    match fs::remove_file(path) {
        Ok(()) => state::sync_folder(path.parent().unwrap_or(Path::new("."))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(AgentError::state(path.display().to_string(), error)),
    }
}
