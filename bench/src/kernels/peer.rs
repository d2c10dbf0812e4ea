//! anonlink on the same rows: a virtual environment of its own, a file of rows, one JSON object back.

use std::{fs, path::Path, process::Command};

use serde_json::Value;

/// The programs are part of this one, so that they are found wherever it runs.
const INSTALLER: &str = include_str!("../../peer/anonlink.sh");
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
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.join(name);
        fs::write(&path, bytes)
            .map_err(|error| format!("cannot write {}: {error}", path.display()))?;
        Ok::<_, String>(path)
    };
    fs::create_dir_all(folder)
        .map_err(|error| format!("cannot make {}: {error}", folder.display()))?;
    let installer = write("anonlink.sh", INSTALLER.as_bytes())?;
    let script = write("anonlink_dice.py", MEASURE.as_bytes())?;
    let file = write("rows.bin", &bytes)?;
    let output = Command::new("bash")
        .args([&installer, folder, &script, &file])
        .args([8 * row_words, count, REPEATS, cores].map(|number| number.to_string()))
        .args(["0.85", "0.8"])
        .output();
    let output = output.map_err(|error| format!("cannot start bash: {error}"))?;
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(text
            .trim()
            .lines()
            .last()
            .unwrap_or("it failed without a word")
            .to_owned());
    }
    serde_json::from_slice(&output.stdout)
        .map_err(|error| format!("its answer cannot be read: {error}"))
}
