//! `table`: the linkage table, opened for those who must read it. It leaves the sealed folder only by
//! these two explicit commands.

use std::{
    fs::{File, OpenOptions},
    io::{self, BufWriter, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
    sync::Arc,
};

use linker_token::RecordRef;

use crate::{
    config::Config,
    error::{AgentError, Fault},
    keys,
    problems::quoted,
    progress::Progress,
    say,
    say::Noun,
    state::State,
    table::{self, Seal},
};

const HEADER: &[u8] = b"reference,record\n";

fn seal(config: &Config, state: &State) -> Result<Seal, AgentError> {
    Ok(Seal::new(
        Arc::new(keys::load(config, state)?),
        config.site.clone(),
    ))
}

/// The site's own number of one record. The reference is never repeated in an error.
pub(super) fn find(config: &Config, reference: &str) -> Result<String, AgentError> {
    let state = State::look(&config.state);
    let mut wanted = [0; 16];
    hex::decode_to_slice(reference, &mut wanted).map_err(|_opaque| {
        let detail = say!("a record reference has 32 hexadecimal digits");
        AgentError::new(Fault::ReferenceUnknown, detail)
    })?;
    let found = table::find(&state.table(), &seal(config, &state)?, RecordRef(wanted))?;
    let record = found.ok_or_else(|| AgentError::new(Fault::ReferenceUnknown, ""))?;
    Ok(format!("{}\n", String::from_utf8_lossy(&record)))
}

/// Writes the whole table, in clear, into a new file that only this user may read: CSV with the columns
/// `reference` and `record`, for the processing tier of this site.
pub(super) fn export(
    config: &Config,
    place: &Path,
    progress: &Progress,
) -> Result<String, AgentError> {
    let state = State::look(&config.state);
    let seal = seal(config, &state)?;
    let file = create(place).map_err(|error| unusable(place, error))?;
    let mut out = BufWriter::new(file);
    let written = out.write_all(HEADER);
    written.map_err(|error| unusable(place, error))?;
    let entries = table::entries(&state.table(), &seal, &mut |reference, record| {
        let record = quoted(&String::from_utf8_lossy(record));
        writeln!(out, "{},{record}", hex::encode(reference.0))
            .map_err(|error| unusable(place, error))
    })?;
    out.flush()
        .and_then(|()| out.get_ref().sync_all())
        .map_err(|error| unusable(place, error))?;
    progress.say(&say!(
        "{entries} written in clear; keep the file as you keep patient records, and delete it after use",
        entries = Noun::Entries.count(entries)
    ));
    Ok(String::new())
}

/// A file that was there is never written over: it could be the only copy of something.
fn create(place: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    options.open(place)
}

fn unusable(place: &Path, error: io::Error) -> AgentError {
    AgentError::new(Fault::OutputUnusable, place.display().to_string()).because(error)
}
