//! Checkpoints that witnesses cosigned, kept beside the log: the newest of each.
//!
//! They are what the appliance's operator cannot make again. When the store opens, the log is held against
//! every one of them, so a disk that was set back behind a witness's word does not come up.

use std::path::Path;

use keymgmt_custody::{Custody, audit::Checkpoint, note, note::KEY_ID_BYTES};

use crate::{
    audit::compare,
    error::StoreError,
    files::{self, TEMPORARY},
    limits,
    log::Log,
};

/// Folder of the cosigned checkpoints inside the data folder.
pub(crate) const COSIGNED: &str = "cosigned";

/// A checkpoint with a witness's word for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cosigned {
    /// The witness's key id, hexadecimal.
    pub id: String,
    /// The witness's name.
    pub name: String,
    /// Entries that the witness vouches for.
    pub size: u64,
    /// When, in seconds since 1970 on the witness's clock.
    pub unix_s: u64,
    /// The note with both signatures.
    pub note: String,
}

/// Everything kept, by key id.
pub(crate) fn all(folder: &Path) -> Result<Vec<Cosigned>, StoreError> {
    let place = folder.join(COSIGNED);
    if !place.is_dir() {
        return Ok(Vec::new());
    }
    files::list(&place)?
        .iter()
        .filter_map(|name| name.strip_suffix(".note"))
        .map(|id| {
            let what = || format!("{COSIGNED}/{id}.note");
            let text = std::fs::read_to_string(place.join(format!("{id}.note")))
                .map_err(|error| StoreError::io(format!("reading {}", what()), error))?;
            read(id, &text)
                .ok_or_else(|| StoreError::damaged(what(), "it is no cosigned checkpoint"))
        })
        .collect()
}

/// What a kept note says; nothing is verified here.
fn read(id: &str, text: &str) -> Option<Cosigned> {
    let what = "a checkpoint";
    let (name, body) = note::signatures(what, text)
        .ok()?
        .find(|(_, body)| body.get(..KEY_ID_BYTES).map(hex::encode).as_deref() == Some(id))?;
    let time = body.get(KEY_ID_BYTES..KEY_ID_BYTES + 8)?.try_into().ok()?;
    let size = note::unverified_text(what, text).ok()?.lines().nth(1)?;
    Some(Cosigned {
        id: id.to_owned(),
        name: name.to_owned(),
        size: size.parse().ok()?,
        unix_s: u64::from_be_bytes(time),
        note: text.to_owned(),
    })
}

/// Keeps a verified one unless a larger one of the same witness is there. Returns whether it was kept.
pub(crate) fn keep(folder: &Path, new: &Cosigned) -> Result<bool, StoreError> {
    let kept = all(folder)?;
    match kept.iter().find(|old| old.id == new.id) {
        Some(old) if (old.size, old.unix_s) >= (new.size, new.unix_s) => return Ok(false),
        Some(_) => {}
        None if kept.len() >= limits::WITNESSES_MAX => {
            return Err(StoreError::TooLarge {
                what: "the number of witnesses",
                limit: limits::WITNESSES_MAX as u64,
            });
        }
        None => {}
    }
    for place in [COSIGNED, TEMPORARY] {
        files::make_folder(&folder.join(place))?;
    }
    let name = format!("{}.note", new.id);
    files::replace_in(folder, COSIGNED, &name, new.note.as_bytes())?;
    Ok(true)
}

/// Holds the log against every kept checkpoint that this audit key signed. Those of an earlier key are
/// proved by the notes of the key change, not here.
pub(crate) fn compare_all(
    folder: &Path,
    log: &Log,
    origin: &str,
    custody: &dyn Custody,
) -> Result<(), StoreError> {
    for one in all(folder)? {
        if let Ok(seen) = Checkpoint::verify(&one.note, origin, custody.audit_public_key()) {
            compare(log, &seen, "a witness saw other entries")?;
        }
    }
    Ok(())
}
