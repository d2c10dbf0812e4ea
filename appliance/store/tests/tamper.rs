//! Exported logs that somebody changed: every change is found, and the first bad entry is named.
//!
//! `TAMPERINGS` sets how many changes each test makes; they are drawn from a seed.

mod common;

use std::{collections::BTreeMap, fs, path::Path};

use appliance_store::{LogSnapshot, StoreError, verify_export, verify_tiles};
use common::{Dice, ORIGIN, count, custody, entry, files, open};

/// Two whole bundles and a part of a third.
const ENTRIES: usize = 600;

/// A log of [`ENTRIES`] entries as text and as tiles.
struct Exported {
    text: String,
    tiles: BTreeMap<String, Vec<u8>>,
    spki: Vec<u8>,
}

impl Exported {
    fn make() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let store = open(&folder.path().join("data"));
        store
            .record_all(ENTRIES, &|seq| {
                entry(
                    seq,
                    "note",
                    &"x".repeat(usize::try_from(seq % 7).expect("few")),
                )
            })
            .expect("kept");
        store.checkpoint().expect("signed");
        let spki = custody().audit_public_key().to_vec();
        // The store stays open: this is the export beside a running service.
        let log = LogSnapshot::open(&folder.path().join("data"), ORIGIN, &spki).expect("opens");
        let mut text = Vec::new();
        log.export(&mut text).expect("exported");
        let out = folder.path().join("out");
        assert_eq!(log.export_tiles(&out).expect("written"), 3 + 3 + 1 + 1);
        let named = |path: &Path| {
            let name = path.strip_prefix(&out).expect("inside").to_string_lossy();
            (name.into_owned(), fs::read(path).expect("read"))
        };
        Self {
            text: String::from_utf8(text).expect("text"),
            tiles: files(&out).iter().map(|path| named(path)).collect(),
            spki,
        }
    }

    /// What the verification of a changed text says.
    fn text_refused(&self, text: &[u8], what: &str) -> String {
        let verified = verify_export(&mut &*text, ORIGIN, &self.spki);
        refusal(verified.map(drop), what)
    }

    /// What the verification of changed tiles says.
    fn tiles_refused(&self, tiles: &BTreeMap<String, Vec<u8>>, what: &str) -> String {
        let mut read = |path: &str| Ok(tiles.get(path).cloned());
        let verified = verify_tiles(&mut read, ORIGIN, &self.spki);
        refusal(verified.map(drop), what)
    }
}

fn refusal(verified: Result<(), StoreError>, what: &str) -> String {
    let error = verified.expect_err(what);
    assert_eq!(error.code(), "DAMAGED", "{what}: {error}");
    error.to_string()
}

/// The entry to which the byte at `at` of the text belongs: nothing for the head and the checkpoint.
fn entry_at(text: &str, at: usize) -> Option<usize> {
    let line = text.as_bytes()[..at]
        .iter()
        .filter(|byte| **byte == b'\n')
        .count();
    line.checked_sub(3).filter(|entry| *entry < ENTRIES)
}

#[test]
fn a_log_that_nobody_changed_holds() {
    let log = Exported::make();
    let text = verify_export(&mut log.text.as_bytes(), ORIGIN, &log.spki).expect("holds");
    let mut read = |path: &str| Ok(log.tiles.get(path).cloned());
    let tiles = verify_tiles(&mut read, ORIGIN, &log.spki).expect("holds");
    assert_eq!(text, tiles);
    assert_eq!(text.entries, ENTRIES as u64);
}

#[test]
fn every_changed_byte_of_the_text_is_found() {
    let log = Exported::make();
    let mut dice = Dice(1);
    for _ in 0..count("TAMPERINGS", 1000) {
        let at = dice.below(log.text.len());
        let mut bytes = log.text.clone().into_bytes();
        bytes[at] ^= u8::try_from(1 + dice.below(255)).expect("a byte");
        let what = format!("byte {at} is {:#04x}", bytes[at]);
        let said = log.text_refused(&bytes, &what);
        if let Some(entry) = entry_at(&log.text, at) {
            let named = format!("entry {entry} of");
            assert!(said.contains(&named), "{what}: {said}");
        }
    }
}

#[test]
fn removed_and_swapped_entries_and_cut_texts_are_found() {
    let log = Exported::make();
    let lines: Vec<&str> = log.text.split_inclusive('\n').collect();
    let mut dice = Dice(2);
    for number in 0..count("TAMPERINGS", 1000) {
        let (one, two) = (dice.below(ENTRIES), dice.below(ENTRIES));
        let (text, named) = match number % 3 {
            0 => {
                let mut lines = lines.clone();
                lines.remove(3 + one);
                (lines.concat(), format!("entry {one} of"))
            }
            1 if one == two => continue,
            1 => {
                let mut lines = lines.clone();
                lines.swap(3 + one, 3 + two);
                (lines.concat(), format!("entry {} of", one.min(two)))
            }
            _ => {
                let at = dice.below(log.text.len());
                // A line without its end is still whole; the next one is missing.
                let first_lost = at + usize::from(log.text.as_bytes()[at] == b'\n');
                let named = match entry_at(&log.text, first_lost) {
                    Some(entry) => format!("entry {entry} of"),
                    None => "log".to_owned(),
                };
                (log.text[..at].to_owned(), named)
            }
        };
        let what = format!("change {number} of {one} and {two}");
        let said = log.text_refused(text.as_bytes(), &what);
        assert!(
            said.contains(&named),
            "{what}: {said} does not name {named}"
        );
    }
}

/// Which entry the byte at `at` of a bundle belongs to.
fn entry_of_bundle(bytes: &[u8], at: usize) -> usize {
    let (mut end, mut entry) = (0, 0);
    loop {
        end += 2 + usize::from(u16::from_be_bytes([bytes[end], bytes[end + 1]]));
        if at < end {
            return entry;
        }
        entry += 1;
    }
}

/// What must be named for a change at byte `at` of a file of the tiles.
fn named(path: &str, bytes: &[u8], at: usize) -> String {
    let mut parts = path.split('/').skip(1);
    let (level, number) = (
        parts.next().unwrap_or_default(),
        parts.next().unwrap_or_default(),
    );
    let first = number[..number.len().min(3)].parse::<usize>().unwrap_or(0) * 256;
    match level {
        "" => "checkpoint".to_owned(),
        "entries" => format!("entry {} of", first + entry_of_bundle(bytes, at)),
        "0" => format!("entry {} of", first + at / 32),
        _ => format!(
            "{path}, entries {} to {}",
            at / 32 * 256,
            at / 32 * 256 + 255
        ),
    }
}

#[test]
fn every_changed_byte_of_the_tiles_is_found() {
    let log = Exported::make();
    let paths: Vec<&String> = log.tiles.keys().collect();
    let mut dice = Dice(3);
    for number in 0..count("TAMPERINGS", 1000) {
        let path = paths[dice.below(paths.len())];
        let mut tiles = log.tiles.clone();
        let bytes = tiles.get_mut(path).expect("is there");
        let at = dice.below(bytes.len());
        let expected = named(path, bytes, at);
        let what = format!("change {number}: byte {at} of {path}");
        if dice.below(4) == 0 {
            bytes.truncate(at);
        } else {
            bytes[at] ^= u8::try_from(1 + dice.below(255)).expect("a byte");
        }
        let cut = bytes.len() == at && !path.starts_with("tile/entries");
        let said = log.tiles_refused(&tiles, &what);
        // A hash tile that is cut off is named itself: it says nothing about its entries any more.
        let expected = if cut { path.clone() } else { expected };
        assert!(
            said.contains(&expected),
            "{what}: {said} does not name {expected}"
        );
    }
}

#[test]
fn moved_and_removed_files_and_entries_of_the_tiles_are_found() {
    let log = Exported::make();
    for path in log.tiles.keys() {
        let mut tiles = log.tiles.clone();
        tiles.remove(path);
        let said = log.tiles_refused(&tiles, path);
        assert!(said.contains(path.as_str()), "{said} does not name {path}");
    }
    let bundles = ["tile/entries/000", "tile/entries/001"];
    let mut swapped = log.tiles.clone();
    swapped.insert(bundles[0].to_owned(), log.tiles[bundles[1]].clone());
    swapped.insert(bundles[1].to_owned(), log.tiles[bundles[0]].clone());
    assert!(
        log.tiles_refused(&swapped, "swapped bundles")
            .contains("entry 0 of")
    );
    let mut dice = Dice(4);
    for _ in 0..count("TAMPERINGS", 1000) {
        let path = bundles[dice.below(2)];
        let first = if path == bundles[0] { 0 } else { 256 };
        let (mut entries, whole) = keymgmt_custody::tile::open_bundle(&log.tiles[path]);
        assert!(whole && entries.len() == 256);
        let (one, two) = (dice.below(256), dice.below(256));
        if dice.below(2) == 0 {
            entries.remove(one);
        } else if one == two {
            continue;
        } else {
            entries.swap(one, two);
        }
        let lowest = if entries.len() == 256 {
            one.min(two)
        } else {
            one
        };
        let mut tiles = log.tiles.clone();
        let bundle = keymgmt_custody::tile::bundle(entries).expect("fits");
        tiles.insert(path.to_owned(), bundle);
        let said = log.tiles_refused(&tiles, "moved entries");
        let named = format!("entry {} of", first + lowest);
        assert!(said.contains(&named), "{said} does not name {named}");
    }
}

/// Whoever changes an entry can compute all hashes above it. Then only the root differs; if the tiles above
/// are left, they name the 256 entries.
#[test]
fn consistent_changes_do_not_reach_the_signed_root() {
    let log = Exported::make();
    let path = "tile/entries/001";
    let (entries, _) = keymgmt_custody::tile::open_bundle(&log.tiles[path]);
    let mut forged: Vec<Vec<u8>> = entries.iter().map(|entry| entry.to_vec()).collect();
    forged[7] = b"{}".to_vec();
    let leaves: Vec<[u8; 32]> = forged
        .iter()
        .map(|entry| keymgmt_custody::audit::leaf_hash(entry))
        .collect();
    let mut tiles = log.tiles.clone();
    let bundle = keymgmt_custody::tile::bundle(forged.iter().map(Vec::as_slice)).expect("fits");
    tiles.insert(path.to_owned(), bundle);
    tiles.insert("tile/0/001".to_owned(), leaves.concat());
    let said = log.tiles_refused(&tiles, "an entry and its hash");
    assert!(said.contains("entries 256 to 511"), "{said}");
    let root = keymgmt_custody::audit::Tree::from_leaves(&leaves).root();
    let above = tiles.get_mut("tile/1/000.p/2").expect("is there");
    above[32..].copy_from_slice(&root);
    let said = log.tiles_refused(&tiles, "everything below the root");
    assert!(
        said.contains("not those of the signed checkpoint"),
        "{said}"
    );
}
