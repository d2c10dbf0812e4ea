//! The log as one text file: a line per entry with index and leaf hash, then the signed checkpoint.

use std::io::{self, BufRead, Read as _, Write};

use keymgmt_custody::audit::{Checkpoint, Tree};

use crate::{
    error::StoreError,
    limits,
    tree::{self, Hash},
};

/// First line of an exported log.
const EXPORT: &str = "musubi-audit-export/1";

/// What the verification of an exported log found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VerifiedExport {
    /// Entries.
    pub entries: u64,
    /// Root over them, as signed.
    pub root: [u8; 32],
}

/// Writes a log of `size` entries under its signed checkpoint.
pub(crate) fn write(
    out: &mut dyn Write,
    (origin, note, size): (&str, &str, u64),
    entry: &dyn Fn(u64) -> Result<String, StoreError>,
) -> Result<(), StoreError> {
    let fail = |error| StoreError::io("exporting the audit log", error);
    writeln!(out, "{EXPORT}\n{origin}\n{size}").map_err(fail)?;
    for index in 0..size {
        let entry = entry(index)?;
        let leaf = hex(&tree::leaf_hash(entry.as_bytes()));
        writeln!(out, "{index} {leaf} {entry}").map_err(fail)?;
    }
    write!(out, "\n{note}").map_err(fail)
}

/// Verifies an exported log without the store: every leaf, the root, and the checkpoint's signature.
///
/// # Errors
/// [`StoreError::Damaged`] names the first entry that was altered, removed or moved.
pub fn verify_export(
    mut input: &mut dyn BufRead,
    origin: &str,
    audit_spki: &[u8],
) -> Result<VerifiedExport, StoreError> {
    let bad = |rule| StoreError::damaged("the exported log", rule);
    if next_line(input)?.as_deref() != Some(EXPORT) {
        return Err(bad("it is not an exported log of this version"));
    }
    if next_line(input)?.as_deref() != Some(origin) {
        return Err(bad("it is of another log"));
    }
    let size = next_line(input)?.and_then(|line| {
        let size = line.parse::<u64>().ok();
        size.filter(|size| size.to_string() == line)
    });
    let size = size
        .filter(|size| *size <= limits::AUDIT_ENTRIES_MAX)
        .ok_or_else(|| bad("its size does not parse"))?;
    let mut tree = Tree::from_leaves(&[]);
    for index in 0..size {
        let line = next_line(input)?.unwrap_or_default();
        let leaf = exported_leaf(&line, index).ok_or_else(|| {
            StoreError::damaged(
                format!("entry {index} of the exported log"),
                "it was altered, removed or moved",
            )
        })?;
        tree.append(leaf);
    }
    match next_line(input)?.as_deref() {
        Some("") => {}
        None => return Err(bad("its checkpoint is missing")),
        Some(_) => {
            return Err(StoreError::damaged(
                format!("entry {size} of the exported log"),
                "it follows the last one that its size says",
            ));
        }
    }
    let mut note = String::new();
    let unsigned = || bad("its checkpoint is not signed by this key for this log");
    match (&mut input)
        .take(limits::NOTE_FILE_BYTES_MAX)
        .read_to_string(&mut note)
    {
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::InvalidData => return Err(unsigned()),
        Err(error) => return Err(StoreError::io("reading the exported log", error)),
    }
    let signed = Checkpoint::verify(&note, origin, audit_spki).map_err(|_refused| unsigned())?;
    if signed.size != size || signed.root != tree.root() {
        return Err(bad("its entries are not those of the signed checkpoint"));
    }
    Ok(VerifiedExport {
        entries: size,
        root: signed.root,
    })
}

fn next_line(input: &mut dyn BufRead) -> Result<Option<String>, StoreError> {
    let mut line = String::new();
    // Index, leaf and spaces take fewer than 128 bytes beside the entry.
    let limit = limits::AUDIT_ENTRY_BYTES_MAX as u64 + 128;
    let read = io::Read::take(&mut *input, limit).read_line(&mut line);
    match read {
        Ok(0) => Ok(None),
        Ok(_) => Ok(Some(line.trim_end_matches('\n').to_owned())),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => Ok(Some(String::new())),
        Err(error) => Err(StoreError::io("reading the exported log", error)),
    }
}

/// The leaf of an exported line, if the line is entry `index` and its hash holds.
fn exported_leaf(line: &str, index: u64) -> Option<Hash> {
    let (number, rest) = line.split_once(' ')?;
    let (leaf, entry) = rest.split_once(' ')?;
    let computed = tree::leaf_hash(entry.as_bytes());
    (number == index.to_string() && leaf == hex(&computed)).then_some(computed)
}

fn hex(hash: &Hash) -> String {
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}
