//! The log as static files (C2SP tlog-tiles): their bytes, and the check of files that somebody hands over.
//!
//! Unlike the text, tiles localise a change that was made everywhere at once: each hash of a level vouches
//! for 256 hashes or entries below it, and the uppermost ones add up to the signed root.

use keymgmt_custody::{
    audit::{Checkpoint, Hash, Tree},
    tile::{self, CHECKPOINT_PATH, TILE_HEIGHT, TILE_WIDTH, Tile},
};

use crate::{
    VerifiedExport, error::StoreError, limits, log::Log, snapshot::position, tree::leaf_hash,
};

/// Gives the file at a path of the specification, or nothing if there is none.
pub type ReadFile<'a> = dyn FnMut(&str) -> Result<Option<Vec<u8>>, StoreError> + 'a;

/// The bytes of a tile of the first `size` entries of a log.
pub(crate) fn bytes(log: &Log, size: u64, tile: &Tile) -> Result<Vec<u8>, StoreError> {
    if !tile.is_in(size) {
        return Err(StoreError::NotFound { what: "tile" });
    }
    let end = tile.first() + u64::from(tile.width);
    let Some(level) = tile.level else {
        let entries = (tile.first()..end).map(|index| log.entry(index));
        let entries = entries.collect::<Result<Vec<_>, _>>()?;
        return Ok(tile::bundle(entries.iter().map(Vec::as_slice))?);
    };
    let level = usize::from(level) * usize::from(TILE_HEIGHT);
    let hashes = log
        .tree()
        .complete(level, position(tile.first()), position(end));
    let hashes = hashes.ok_or(StoreError::NotFound { what: "tile" })?;
    Ok(hashes.concat())
}

/// Verifies a log of tiles without the store: every entry against its hash, every hash against the one
/// above, the uppermost ones against the signed root.
///
/// # Errors
/// [`StoreError::Damaged`] names the first entry or tile that was altered, removed or moved.
pub fn verify_tiles(
    read: &mut ReadFile<'_>,
    origin: &str,
    audit_spki: &[u8],
) -> Result<VerifiedExport, StoreError> {
    let note = read(CHECKPOINT_PATH)?.and_then(|note| String::from_utf8(note).ok());
    let signed = note.and_then(|note| Checkpoint::verify(&note, origin, audit_spki).ok());
    let signed = signed.filter(|signed| signed.size <= limits::AUDIT_ENTRIES_MAX);
    let signed = signed.ok_or_else(|| {
        let rule = "it is not signed by this key for this log";
        StoreError::damaged(CHECKPOINT_PATH, rule)
    })?;
    let tiles = Tile::all(signed.size);
    let mut below = Vec::with_capacity(position(signed.size));
    for bundle in tiles.iter().filter(|tile| tile.level.is_none()) {
        read_bundle(read, bundle, &mut below)?;
    }
    let tree = Tree::from_leaves(&below);
    for level in 1.. {
        let above = roots(&below);
        for tile in tiles.iter().filter(|tile| tile.level == Some(level)) {
            compare_level(read, tile, &above)?;
        }
        if above.is_empty() {
            break;
        }
        below = above;
    }
    if tree.root() == signed.root {
        Ok(VerifiedExport {
            entries: signed.size,
            root: signed.root,
        })
    } else {
        Err(StoreError::damaged(
            "the log in tiles",
            "its entries are not those of the signed checkpoint",
        ))
    }
}

/// Reads the entries of a bundle and holds each against its hash of level 0.
fn read_bundle(
    read: &mut ReadFile<'_>,
    bundle: &Tile,
    leaves: &mut Vec<Hash>,
) -> Result<(), StoreError> {
    let named = |index: u64, rule| StoreError::damaged(format!("entry {index} of the tiles"), rule);
    let hashes_tile = Tile {
        level: Some(0),
        ..*bundle
    };
    let hashes = read(&hashes_tile.path())?;
    let hashes = hashes
        .as_deref()
        .and_then(|bytes| tile::open_hashes(bytes, bundle.width));
    let hashes = hashes.ok_or_else(|| {
        let rule = "it is missing, or has not as many hashes as the log says";
        StoreError::damaged(hashes_tile.path(), rule)
    })?;
    let bytes = read(&bundle.path())?;
    let bytes = bytes.ok_or_else(|| StoreError::damaged(bundle.path(), "it is missing"))?;
    let (entries, whole) = tile::open_bundle(&bytes);
    for ((index, hash), entry) in (bundle.first()..).zip(hashes).zip(&entries) {
        if leaf_hash(entry) != *hash {
            return Err(named(
                index,
                "it, or its hash, was altered, removed or moved",
            ));
        }
    }
    let count = entries.len() as u64;
    if count < u64::from(bundle.width) {
        return Err(named(bundle.first() + count, "it is cut off or missing"));
    }
    if count > u64::from(bundle.width) || !whole {
        let end = bundle.first() + u64::from(bundle.width);
        return Err(named(end, "it does not belong to its bundle"));
    }
    leaves.extend_from_slice(hashes);
    Ok(())
}

/// Holds a tile of an upper level against the roots that were computed from below.
fn compare_level(
    read: &mut ReadFile<'_>,
    tile: &Tile,
    computed: &[Hash],
) -> Result<(), StoreError> {
    let bytes = read(&tile.path())?;
    let hashes = bytes
        .as_deref()
        .and_then(|bytes| tile::open_hashes(bytes, tile.width));
    let hashes = hashes.ok_or_else(|| {
        let rule = "it is missing, or has not as many hashes as the log says";
        StoreError::damaged(tile.path(), rule)
    })?;
    let computed = computed.get(position(tile.first())..).unwrap_or_default();
    let differs = hashes
        .iter()
        .zip(computed)
        .position(|(one, two)| one != two);
    match differs {
        None => Ok(()),
        Some(at) => {
            let shift = u32::from(tile.level.unwrap_or(0)) * u32::from(TILE_HEIGHT);
            let first = (tile.first() + at as u64) << shift;
            let last = first + (1 << shift) - 1;
            Err(StoreError::damaged(
                format!("{}, entries {first} to {last}", tile.path()),
                "its hash is not that of the entries below",
            ))
        }
    }
}

/// The roots of all whole groups of 256 hashes.
fn roots(below: &[Hash]) -> Vec<Hash> {
    let groups = below.chunks_exact(position(TILE_WIDTH));
    groups
        .map(|group| Tree::from_leaves(group).root())
        .collect()
}
