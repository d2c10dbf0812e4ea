//! clkhash on the same people: a virtual environment of its own, a table, one JSON object back.

use std::{fmt::Write as _, fs, path::Path, process::Command};

use serde_json::Value;

use super::PRESET;
use crate::{
    people::{Population, Sex, places::Places},
    sites::{self, Site},
};

/// The programs are part of this one, so that they are found wherever it runs.
const INSTALLER: &str = include_str!("../../peer/clkhash.sh");
const MEASURE: &str = include_str!("../../peer/clkhash_encode.py");
/// Measures; the fastest counts.
const REPEATS: usize = 3;

/// What clkhash takes, or one line on why it was not measured.
pub(super) fn measure(folder: &Path, population: &Population) -> Result<Value, String> {
    let write = |name: &str, text: &str| {
        let path = folder.join(name);
        fs::write(&path, text)
            .map_err(|error| format!("cannot write {}: {error}", path.display()))?;
        Ok::<_, String>(path)
    };
    fs::create_dir_all(folder)
        .map_err(|error| format!("cannot make {}: {error}", folder.display()))?;
    let installer = write("clkhash.sh", INSTALLER)?;
    let script = write("clkhash_encode.py", MEASURE)?;
    let table = write("people.tsv", &table(population)?)?;
    let output = Command::new("bash")
        .args([&installer, folder, &script, &table])
        .arg(REPEATS.to_string())
        .output();
    let output = output.map_err(|error| format!("cannot start bash: {error}"))?;
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        let last = text.trim().lines().last();
        return Err(last.unwrap_or("it failed without a word").to_owned());
    }
    serde_json::from_slice(&output.stdout)
        .map_err(|error| format!("its answer cannot be read: {error}"))
}

/// The town's records with the columns that its schema names.
fn table(population: &Population) -> Result<String, String> {
    let mut out = String::new();
    sites::records(population, Site::Town, PRESET, &mut |written| {
        let place = Places::shipped().of(written.home);
        let sex = match written.sex {
            Some(Sex::Male) => "M",
            Some(Sex::Female) => "F",
            None => "U",
        };
        let birth = written.birth;
        writeln!(
            out,
            "{}\t{}\t{}\t{}\t{:04}-{:02}-{:02}\t{sex}\t{}{}{}{}-{}-{}",
            written.family_text(),
            written.given,
            written.family_kana,
            written.given_kana,
            birth.year,
            birth.month,
            birth.day,
            place.prefecture,
            place.city,
            place.town,
            written.home.district,
            written.home.block,
            written.home.house,
        )
    })
    .map_err(|error| format!("the table cannot be made: {error}"))?;
    Ok(out)
}
