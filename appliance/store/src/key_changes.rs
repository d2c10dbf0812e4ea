//! Changes of the audit key, kept beside the log: of each the last note of the old key and the first note of
//! the new one.
//!
//! Both steps are taken on the store of a stopped service, the first with the old token and the second with
//! the new one. In between, the store opens with neither key by mistake: the old one may go on, and then the
//! change is void, because its note is not the last any more.

use std::path::Path;

use keymgmt_custody::{
    Custody,
    key_change::{self, KeyChange},
    limits::KEY_CHANGES_MAX,
};

use crate::{
    audit::CHECKPOINT,
    error::StoreError,
    files::{self, TEMPORARY},
    snapshot::LogSnapshot,
};

/// Folder of the notes, inside the data folder and inside exported tiles.
pub(crate) const KEY_CHANGES: &str = "key-changes";

/// Path of one of the notes of change `number`, from 1.
#[must_use]
pub fn key_change_path(number: usize, last: bool) -> String {
    let which = if last { "last" } else { "first" };
    format!("{KEY_CHANGES}/{number:03}.{which}")
}

impl LogSnapshot {
    /// Ends the present key: signs the last checkpoint, which names the next key, and puts it in the place of
    /// the newest one.
    ///
    /// # Errors
    /// [`StoreError::Custody`] if the new key is none or the token does not sign.
    pub fn hand_over(&self, new_spki: &[u8], old: &dyn Custody) -> Result<String, StoreError> {
        let last = key_change::last_note(self.origin(), self.checkpoint(), new_spki, old)?;
        files::replace(self.folder(), CHECKPOINT, last.as_bytes())?;
        Ok(last)
    }

    /// Begins a new key: its first checkpoint names the old key, which this snapshot was opened with. Both
    /// notes are kept, then the new one becomes the newest checkpoint.
    ///
    /// # Errors
    /// [`StoreError::Custody`] if the newest checkpoint does not name this key.
    pub fn take_over(&self, old_spki: &[u8], new: &dyn Custody) -> Result<KeyChange, StoreError> {
        let (origin, at) = (self.origin(), self.checkpoint());
        let change = KeyChange {
            last: self.note().to_owned(),
            first: key_change::first_note(origin, at, old_spki, new)?,
        };
        key_change::follow(&change, origin, old_spki)?;
        let kept = self.key_changes()?;
        // A take-over that was cut off left its notes; it is finished, not repeated.
        let known = kept.iter().position(|kept| kept.last == change.last);
        let number = known.unwrap_or(kept.len()) + 1;
        if number > KEY_CHANGES_MAX {
            return Err(StoreError::TooLarge {
                what: "the changes of the audit key",
                limit: KEY_CHANGES_MAX as u64,
            });
        }
        for place in [KEY_CHANGES, TEMPORARY] {
            files::make_folder(&self.folder().join(place))?;
        }
        for (last, note) in [(true, &change.last), (false, &change.first)] {
            let path = key_change_path(number, last);
            let name = path.strip_prefix(KEY_CHANGES).unwrap_or_default();
            let name = name.trim_start_matches('/');
            files::replace_in(self.folder(), KEY_CHANGES, name, note.as_bytes())?;
        }
        files::replace(self.folder(), CHECKPOINT, change.first.as_bytes())?;
        Ok(change)
    }

    /// The changes of the audit key so far, oldest first.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn key_changes(&self) -> Result<Vec<KeyChange>, StoreError> {
        read_key_changes(&mut |path| read(self.folder(), path))
    }
}

/// Reads the notes of all changes. `read` gives the text at a path, or nothing if there is none.
///
/// # Errors
/// Those of `read`.
pub fn read_key_changes(
    read: &mut dyn FnMut(&str) -> Result<Option<String>, StoreError>,
) -> Result<Vec<KeyChange>, StoreError> {
    let mut changes = Vec::new();
    for number in 1..=KEY_CHANGES_MAX {
        let notes = [true, false].map(|last| read(&key_change_path(number, last)));
        let [last, first] = notes;
        let (Some(last), Some(first)) = (last?, first?) else {
            break;
        };
        changes.push(KeyChange { last, first });
    }
    Ok(changes)
}

fn read(folder: &Path, path: &str) -> Result<Option<String>, StoreError> {
    match std::fs::read_to_string(folder.join(path)) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(StoreError::io(format!("reading {path}"), error)),
    }
}
