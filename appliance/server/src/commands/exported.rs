//! `appliance audit verify --log`: an exported log without the store.
//!
//! A mistyped option must not look like damage, so what is wrong with the options is said first and in
//! other words than what is wrong with the log.

use std::{
    fs::File,
    io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom},
    path::Path,
};

use appliance_store::StoreError;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use sha2::{Digest as _, Sha256};

use crate::{
    commands::{Failure, print},
    config::{ConfigError, read_file},
    limits,
};

/// What every export starts with, whatever its version.
const EXPORT: &[u8] = b"musubi-audit-export/";
/// What a signature line of a note starts with (C2SP signed-note).
const SIGNATURE: &str = "\u{2014} ";
/// Bytes of the key's digest in front of a signature (C2SP signed-note).
const KEY_ID_BYTES: usize = 4;

/// Verifies every entry, the root and the checkpoint's signature.
pub(super) fn verify(log: &Path, audit_key: &Path, origin: Option<&str>) -> Result<(), Failure> {
    let spki = self::audit_key(audit_key)?;
    let unreadable = |error| unreadable(log, error);
    let mut file = File::open(log).map_err(unreadable)?;
    let named = head(&mut file).map_err(unreadable)?.ok_or_else(|| {
        let what = format!("{} is not an exported log", log.display());
        let advice = "check --log: it is the file that `appliance audit export` writes";
        Failure::new("NOT_AN_EXPORT", 64, &what, advice)
    })?;
    if let Some(origin) = origin
        && origin != named
    {
        return Err(other_origin(log));
    }
    file.rewind().map_err(unreadable)?;
    match appliance_store::verify_export(&mut BufReader::new(&file), &named, &spki) {
        Ok(verified) => {
            let root = hex::encode(verified.root);
            print(&format!(
                "verified {} entries of {named}, root {root}",
                verified.entries
            ))
        }
        Err(error @ StoreError::Damaged { .. }) => {
            if !by_another_key(&mut file, &named, &spki).map_err(unreadable)? {
                let advice = "keep the file as evidence";
                return Err(Failure::of(&error, error.code(), 65, advice));
            }
            let what = format!(
                "the checkpoint in {} is signed by another key",
                log.display()
            );
            let advice = "check --audit-key: the DER file audit.spki that the ceremony writes";
            Err(Failure::new("OTHER_KEY", 64, &what, advice))
        }
        Err(error) => Err(error.into()),
    }
}

/// The audit key as the ceremony wrote it.
pub(super) fn audit_key(path: &Path) -> Result<Vec<u8>, Failure> {
    read_file(path, "--audit-key").map_err(|error| {
        let advice = "check --audit-key: the DER file audit.spki that the ceremony writes";
        Failure::of(&error, "UNREADABLE_KEY", 64, advice)
    })
}

pub(super) fn other_origin(log: &Path) -> Failure {
    let what = format!("{} is a log of another origin", log.display());
    let advice = "check --origin: it is `service.origin` of the service that wrote the log";
    Failure::new("OTHER_ORIGIN", 64, &what, advice)
}

fn unreadable(log: &Path, error: io::Error) -> Failure {
    let error = ConfigError::read("--log", log, error);
    Failure::of(&error, "UNREADABLE_LOG", 64, "check --log")
}

/// The origin that an export says it has; nothing if the file is no export.
fn head(file: &mut File) -> io::Result<Option<String>> {
    let mut reader = BufReader::new(file.take(limits::EXPORT_HEAD_BYTES_MAX));
    let mut line = Vec::new();
    reader.read_until(b'\n', &mut line)?;
    if !line.starts_with(EXPORT) {
        return Ok(None);
    }
    line.clear();
    reader.read_until(b'\n', &mut line)?;
    let origin = String::from_utf8_lossy(&line);
    Ok(Some(origin.trim_end_matches('\n').to_owned()))
}

/// Whether the log's signer signed the checkpoint, but only with other keys than this one. The key ID alone
/// is compared: it tells a wrong file from a wrong signature, and nothing is trusted for it.
fn by_another_key(file: &mut File, origin: &str, spki: &[u8]) -> io::Result<bool> {
    let length = file.metadata()?.len();
    let start = length.saturating_sub(limits::EXPORT_NOTE_BYTES_MAX);
    file.seek(SeekFrom::Start(start))?;
    let mut tail = Vec::new();
    file.take(limits::EXPORT_NOTE_BYTES_MAX)
        .read_to_end(&mut tail)?;
    let tail = String::from_utf8_lossy(&tail);
    let digest = Sha256::digest(spki);
    let mut others = false;
    for line in tail.lines() {
        let body = line
            .strip_prefix(SIGNATURE)
            .and_then(|line| line.split_once(' '))
            .filter(|(signer, _)| *signer == origin)
            .and_then(|(_, body)| STANDARD.decode(body).ok());
        match body {
            Some(body) if body.starts_with(&digest[..KEY_ID_BYTES]) => return Ok(false),
            Some(_) => others = true,
            None => {}
        }
    }
    Ok(others)
}
