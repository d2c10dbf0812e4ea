//! anonlink on the same rows.

use std::{ffi::OsString, path::Path};

use serde_json::Value;

use crate::peer::Peer;

/// The program is part of this one, so that it is found wherever it runs.
const MEASURE: &str = include_str!("../../peer/anonlink_dice.py");
/// Measures of each threshold; their median counts.
const REPEATS: usize = 3;

/// What anonlink takes, or one line on why it was not measured.
pub(super) fn measure(
    folder: &Path,
    rows: &[u64],
    row_words: usize,
    count: usize,
    cores: usize,
) -> Result<Value, String> {
    let count = count.min(rows.len() / row_words / 2);
    let bytes: Vec<u8> = rows[..2 * count * row_words]
        .iter()
        .flat_map(|word| word.to_le_bytes())
        .collect();
    let peer = Peer {
        package: "anonlink",
        version: "0.15.3",
        folder,
    };
    let script = peer.write("anonlink_dice.py", MEASURE.as_bytes())?;
    let file = peer.write("rows.bin", &bytes)?;
    let numbers = [8 * row_words, count, REPEATS, cores].map(|number| number.to_string());
    let arguments: Vec<OsString> = [file.into_os_string()]
        .into_iter()
        .chain(numbers.map(OsString::from))
        .chain(["0.85", "0.8"].map(OsString::from))
        .collect();
    peer.run(&script, &arguments)
}
