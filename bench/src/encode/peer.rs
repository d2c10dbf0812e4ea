//! clkhash on the same people.

use std::{fmt::Write as _, path::Path};

use serde_json::Value;

use super::PRESET;
use crate::{
    peer::Peer,
    people::{Population, Sex, places::Places},
    sites::{self, Site},
};

/// The program is part of this one, so that it is found wherever it runs.
const MEASURE: &str = include_str!("../../peer/clkhash_encode.py");
/// Measures; the fastest counts.
const REPEATS: usize = 3;

/// What clkhash takes, or one line on why it was not measured.
pub(super) fn measure(folder: &Path, population: &Population) -> Result<Value, String> {
    let peer = Peer {
        package: "clkhash",
        version: "0.18.3",
        folder,
    };
    let script = peer.write("clkhash_encode.py", MEASURE.as_bytes())?;
    let table = peer.write("people.tsv", table(population)?.as_bytes())?;
    peer.run(&script, &[table.into(), REPEATS.to_string().into()])
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
