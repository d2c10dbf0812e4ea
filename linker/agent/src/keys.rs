//! Keys of the site: made once, enrolled by the custodians, and the package that they send back.

use std::{
    fs,
    path::{Path, PathBuf},
};

use keymgmt_custody::{
    CustodyError,
    package::{OpenedPackage, SitePackage},
    site::{EnrolRequest, SiteKeys},
};
use linker_token::Schema;

use crate::{
    config::{Config, read_bounded, read_named},
    error::{AgentError, Fault},
    limits::{PACKAGE_BYTES_MAX, PEM_BYTES_MAX},
    state::{self, State},
};

const REQUEST_BYTES_MAX: u64 = 64 * 1024;

/// Makes the site's keys and the enrolment request, or only what is missing of them. Keys that are
/// there are never replaced.
///
/// # Errors
/// A fault of the state folder.
pub fn enrol(config: &Config, state: &State) -> Result<EnrolRequest, AgentError> {
    if !state.keys().exists() {
        make_keys(&state.keys())?;
    }
    let keys = load(state)?;
    if !state.request().exists() {
        let software = concat!("tokenizer/", env!("CARGO_PKG_VERSION"));
        let request = keys
            .enrol_request(&config.site, software)
            .map_err(|error| AgentError::new(Fault::Internal, "enrol request").because(error))?;
        state::write_atomic(&state.request(), request.as_bytes())?;
    }
    let request = read_request(state)?;
    if request.site != config.site || request.sign_spki != keys.sign_public_key() {
        let detail = "request.note is not for this site's name and keys";
        return Err(AgentError::new(Fault::StateDamaged, detail));
    }
    Ok(request)
}

/// Makes keys in a folder of another name first, so that a crash never leaves half of them.
fn make_keys(folder: &Path) -> Result<(), AgentError> {
    let unfinished = folder.with_extension("tmp");
    if unfinished.exists() {
        fs::remove_dir_all(&unfinished).map_err(|error| AgentError::state("keys", error))?;
    }
    state::make_folder(&unfinished)?;
    let keys = SiteKeys::generate()
        .map_err(|error| AgentError::new(Fault::Internal, "key generation").because(error))?;
    keys.save(&unfinished).map_err(of_key_file)?;
    state::sync_folder(&unfinished)?;
    fs::rename(&unfinished, folder).map_err(|error| AgentError::state("keys", error))?;
    state::sync_folder(folder.parent().unwrap_or(Path::new(".")))
}

fn of_key_file(error: CustodyError) -> AgentError {
    if let CustodyError::KeyFile { source, .. } = error {
        AgentError::state("keys", source)
    } else {
        AgentError::new(Fault::Internal, "keys").because(error)
    }
}

/// The site's keys.
///
/// # Errors
/// [`Fault::NotInitialised`] or [`Fault::KeysDamaged`].
pub fn load(state: &State) -> Result<SiteKeys, AgentError> {
    if !state.keys().exists() {
        return Err(AgentError::new(Fault::NotInitialised, ""));
    }
    SiteKeys::load(&state.keys())
        .map_err(|error| AgentError::new(Fault::KeysDamaged, "keys").because(error))
}

/// The enrolment request in the state folder.
///
/// # Errors
/// [`Fault::NotInitialised`] or [`Fault::StateDamaged`].
pub fn read_request(state: &State) -> Result<EnrolRequest, AgentError> {
    let bytes = state::read_if_there(&state.request(), REQUEST_BYTES_MAX)?
        .ok_or_else(|| AgentError::new(Fault::NotInitialised, ""))?;
    let damaged = || AgentError::new(Fault::StateDamaged, "request.note");
    let text = String::from_utf8(bytes).map_err(|error| damaged().because(error))?;
    EnrolRequest::parse_verified(&text).map_err(|error| damaged().because(error))
}

/// Checks a package, keeps it, and writes the receipt for the custodians. Returns the receipt's place.
///
/// # Errors
/// [`Fault::PackageRefused`], or a fault of the files.
pub fn accept(
    config: &Config,
    state: &State,
    package: &Path,
    now: u64,
) -> Result<(OpenedPackage, PathBuf), AgentError> {
    let keys = load(state)?;
    let bytes = read_bounded(package, PACKAGE_BYTES_MAX).map_err(|error| {
        AgentError::new(Fault::FileUnreadable, package.display().to_string()).because(error)
    })?;
    let opened = open(config, &keys, &bytes, now)?;
    let receipt = opened
        .receipt(&keys)
        .map_err(|error| AgentError::new(Fault::Internal, "package receipt").because(error))?;
    state::write_atomic(&state.package(), &bytes)?;
    state::write_atomic(&state.package_receipt(), receipt.as_bytes())?;
    Ok((opened, state.package_receipt()))
}

/// The package that was accepted, opened and checked anew.
///
/// # Errors
/// [`Fault::NoPackage`] or [`Fault::PackageRefused`].
pub fn accepted(
    config: &Config,
    state: &State,
    keys: &SiteKeys,
    now: u64,
) -> Result<OpenedPackage, AgentError> {
    let bytes = state::read_if_there(&state.package(), PACKAGE_BYTES_MAX)?
        .ok_or_else(|| AgentError::new(Fault::NoPackage, ""))?;
    open(config, keys, &bytes, now)
}

fn open(
    config: &Config,
    keys: &SiteKeys,
    bytes: &[u8],
    now: u64,
) -> Result<OpenedPackage, AgentError> {
    let pinned = read_named("keys.custody_key", &config.custody_key, PEM_BYTES_MAX)?;
    let opened = SitePackage::open(bytes, keys, &config.site, &pinned, now)
        .map_err(|error| AgentError::new(Fault::PackageRefused, error.code()).because(error))?;
    schema(&opened)?;
    Ok(opened)
}

/// The schema that a package names.
///
/// # Errors
/// [`Fault::SchemaUnknown`].
pub fn schema(package: &OpenedPackage) -> Result<Schema, AgentError> {
    let digest = package.content().schema;
    [Schema::jp_1(), Schema::en_1()]
        .into_iter()
        .find(|schema| schema.digest() == digest)
        .ok_or_else(|| AgentError::new(Fault::SchemaUnknown, digest.to_string()))
}
