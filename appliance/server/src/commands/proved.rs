//! `appliance audit verify --tiles` and `--proof`: what an auditor checks with nothing but the audit key.

use std::{
    fs::File,
    io::{self, Read as _},
    path::Path,
};

use appliance_store::StoreError;
use keymgmt_custody::{
    CustodyError,
    audit::Checkpoint,
    cosignature::WitnessKey,
    key_change::{self, KeyChange},
    note,
    proof::{self, Proven},
    tile::CHECKPOINT_PATH,
};

use crate::{
    clock::utc,
    commands::{
        Failure,
        audit::read_text,
        exported::{audit_key, other_origin},
        print,
    },
    limits,
};

/// Verifies an exported log of tiles: every entry, every hash, the root and the signature.
pub(super) fn tiles(folder: &Path, key: &Path, origin: Option<&str>) -> Result<(), Failure> {
    let spki = audit_key(key)?;
    let mut read = |path: &str| read_tile(folder, path);
    let note = read(CHECKPOINT_PATH)?.ok_or_else(|| {
        let what = format!("{} holds no log in tiles", folder.display());
        let advice = "check --tiles: it is the folder that `appliance audit export --tiles` writes";
        Failure::new("NOT_AN_EXPORT", 64, &what, advice)
    })?;
    let note = String::from_utf8_lossy(&note).into_owned();
    let named = note.lines().next().unwrap_or_default();
    if origin.is_some_and(|origin| origin != named) {
        return Err(other_origin(folder));
    }
    let spki = present_key(folder, named, &spki)?;
    match appliance_store::verify_tiles(&mut read, named, &spki) {
        Ok(verified) => {
            let root = hex::encode(verified.root);
            let entries = verified.entries;
            print(&format!(
                "verified {entries} entries of {named}, root {root}"
            ))
        }
        Err(error @ StoreError::Damaged { .. }) => {
            let advice = "check --audit-key; if it is right, keep the folder as evidence";
            Err(Failure::of(&error, error.code(), 65, advice))
        }
        Err(error) => Err(error.into()),
    }
}

/// The key of today, followed from the one that is given through the changes beside the tiles. A folder in
/// which the given key is already that of today may have changes too: they are older.
fn present_key(folder: &Path, origin: &str, spki: &[u8]) -> Result<Vec<u8>, Failure> {
    let mut read = |path: &str| {
        let bytes = read_tile(folder, path)?;
        Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
    };
    let changes = appliance_store::read_key_changes(&mut read)?;
    let begins = |change: &KeyChange| Checkpoint::verify(&change.last, origin, spki).is_ok();
    let Some(first) = changes.iter().position(begins) else {
        return Ok(spki.to_vec());
    };
    key_change::follow_all(&changes[first..], origin, spki).map_err(|error| not_proved(&error))
}

/// What a proof is held against beside the audit key.
pub(super) struct Against<'a> {
    /// Name that the log must have.
    pub(super) origin: Option<&'a str>,
    /// A checkpoint that somebody kept, perhaps cosigned.
    pub(super) seen: Option<&'a Path>,
    /// The witness that must have cosigned it.
    pub(super) witness: Option<&'a Path>,
}

/// Verifies a proof file, and that its log begins with the checkpoint that was kept.
pub(super) fn proof(file: &Path, key: &Path, against: &Against<'_>) -> Result<(), Failure> {
    let spki = audit_key(key)?;
    let text = read_text(file, "--proof")?;
    let named = proof::origin(&text).map_err(|error| not_proved(&error))?;
    if against.origin.is_some_and(|origin| origin != named) {
        return Err(other_origin(file));
    }
    let proven = proof::verify(&text, named, &spki).map_err(|error| not_proved(&error))?;
    let kept = against
        .seen
        .map(|path| seen(path, named, &spki, against.witness));
    let kept = kept.transpose()?;
    match proven {
        Proven::Entry {
            index,
            entry,
            checkpoint,
        } => {
            if let Some((kept, _)) = &kept {
                same(kept, &checkpoint)?;
            }
            let (size, entry) = (checkpoint.size, String::from_utf8_lossy(&entry));
            print(&format!(
                "entry {index} of {size} of {named} is proved:\n{entry}"
            ))
        }
        Proven::Growth { old, new } => {
            let mut vouched = String::new();
            if let Some((kept, time)) = &kept {
                same(kept, &old)?;
                vouched = match time {
                    Some(time) => format!(", as its witness saw at {}", utc(*time)),
                    None => ", as the checkpoint says that was kept".to_owned(),
                };
            }
            let root = hex::encode(old.root);
            print(&format!(
                "the {} entries of {named} begin with {} entries of root {root}{vouched}",
                new.size, old.size
            ))
        }
    }
}

/// A checkpoint that was kept, and when its witness signed it.
fn seen(
    path: &Path,
    origin: &str,
    spki: &[u8],
    witness: Option<&Path>,
) -> Result<(Checkpoint, Option<u64>), Failure> {
    let text = read_text(path, "--seen")?;
    // A site keeps its checkpoint as an object with the note inside.
    let object = serde_json::from_str::<serde_json::Value>(&text).ok();
    let inside = object.and_then(|object| Some(object.get("note")?.as_str()?.to_owned()));
    let text = inside.unwrap_or(text);
    let seen = Checkpoint::verify(&text, origin, spki).map_err(|error| not_proved(&error))?;
    let time = match witness {
        None => None,
        Some(witness) => {
            let witness = WitnessKey::parse(&read_text(witness, "--witness")?)?;
            Some(witness.verify(&text).map_err(|error| not_proved(&error))?)
        }
    };
    Ok((seen, time))
}

fn same(kept: &Checkpoint, proved: &Checkpoint) -> Result<(), Failure> {
    if kept == proved {
        return Ok(());
    }
    let what = if kept.size == proved.size {
        "the log was rewritten: at that size it had another root"
    } else {
        "the proof is about another size than the checkpoint of --seen"
    };
    let advice = "ask for a proof of that size; if it is one, keep both files as evidence";
    Err(Failure::new("NOT_PROVED", 65, what, advice))
}

fn not_proved(error: &CustodyError) -> Failure {
    let advice = "check --audit-key; if it is right, keep the file as evidence";
    Failure::of(error, "NOT_PROVED", 65, advice)
}

/// One file of the folder, bounded; nothing if it is not there.
fn read_tile(folder: &Path, path: &str) -> Result<Option<Vec<u8>>, StoreError> {
    let file = match File::open(folder.join(path)) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unreadable(path, error)),
    };
    let mut bytes = Vec::new();
    file.take(limits::TILE_FILE_BYTES_MAX)
        .read_to_end(&mut bytes)
        .map_err(|error| unreadable(path, error))?;
    Ok(Some(bytes))
}

fn unreadable(path: &str, source: io::Error) -> StoreError {
    StoreError::Io {
        what: format!("reading {path}"),
        source,
    }
}

/// The signed note that a file holds: the file itself, or what follows its proof.
pub(super) fn note_in(text: &str) -> Result<&str, CustodyError> {
    if let Ok(note) = proof::checkpoint_note(text)
        && text.starts_with("musubi-audit-growth/")
    {
        return Ok(note);
    }
    note::unverified_text("a checkpoint", text)?;
    Ok(text)
}
