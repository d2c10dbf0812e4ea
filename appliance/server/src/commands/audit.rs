//! `appliance audit`: what is read from a store, whether its service runs or not.

use std::{
    io::Write as _,
    path::{Path, PathBuf},
};

use appliance_store::{Cosigned, LogSnapshot, Store, StoreError, limits as store_limits};
use keymgmt_custody::{audit::Checkpoint, cosignature::WitnessKey};
use serde_json::{Value, json};

use crate::{
    audit,
    clock::{Clock, utc},
    commands::{Failure, exported::audit_key, print, status::lines},
    config::{Config, read_file},
    setup::{self, CustodyFiles},
};

/// Which log is read.
#[derive(Debug, clap::Args)]
pub(super) struct LogArguments {
    /// The configuration file.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Take the newest checkpoint that lies beside the log, and the entries up to it. Needs no token.
    ///
    /// While the service runs, this is what happens anyway; its newest checkpoint is at most some seconds
    /// old. Without it, the log of a stopped service is read to its end and signed now.
    #[arg(long)]
    as_signed: bool,
}

/// Verifies every row, file and entry of the store, and its log against a signed checkpoint.
pub(super) fn verify(path: &Path) -> Result<(), Failure> {
    let config = Config::load(path)?;
    let custody_key = setup::custody_key(&config)?;
    let custody = CustodyFiles::load(&config, &custody_key)?.open(&config)?;
    let store = setup::store_read_only(&config, custody.clone())?;
    store.verify()?;
    let note = store.checkpoint()?;
    let signed = Checkpoint::verify(&note, &config.origin, custody.audit_public_key())?;
    let root = hex::encode(signed.root);
    print(&format!(
        "verified {} entries of {}, root {root}",
        signed.size, config.origin
    ))
}

/// Prints an entry with its proof, as an object or as the file that `verify --proof` reads.
pub(super) fn prove_entry(log: &LogArguments, index: u64, as_json: bool) -> Result<(), Failure> {
    let log = Opened::open(log)?;
    let file = log.snapshot.prove_entry(index)?;
    if !as_json {
        return print_as_is(&file);
    }
    let object = json!({
        "origin": log.snapshot.origin(),
        "index": index,
        "entry": log.snapshot.entry(index)?,
        "checkpoint": log.snapshot.note(),
        "proof": file,
        "audit_key": hex::encode(&log.audit_spki),
    });
    print(&object.to_string())
}

/// Prints the proof that the log of `old` entries is the beginning of this one.
pub(super) fn prove_growth(log: &LogArguments, old: u64) -> Result<(), Failure> {
    let log = Opened::open(log)?;
    print_as_is(&log.snapshot.prove_growth(old)?)
}

/// Writes the whole log, as text to standard output or as tiles into a folder.
pub(super) fn export(log: &LogArguments, tiles: Option<&Path>) -> Result<(), Failure> {
    let log = Opened::open(log)?.snapshot;
    if let Some(folder) = tiles {
        let files = log.export_tiles(folder)?;
        let (size, folder) = (log.checkpoint().size, folder.display());
        return print(&format!(
            "wrote {size} entries as {files} files into {folder}"
        ));
    }
    let mut out = std::io::stdout().lock();
    log.export(&mut out)?;
    out.flush().map_err(|error| Failure::output(&error))
}

/// Prints how long the log is, how old, how long it must be kept and who vouches for it.
pub(super) fn state(log: &LogArguments, as_json: bool) -> Result<(), Failure> {
    let log = Opened::open(log)?.snapshot;
    let object = describe(&log, Clock::System.now())?;
    if as_json {
        print(&object.to_string())
    } else {
        print(&lines(&object, "").join("\n"))
    }
}

/// Verifies a cosigned checkpoint against log and witness, and keeps it.
pub(super) fn cosign(log: &LogArguments, note: &Path, witness: &Path) -> Result<(), Failure> {
    let log = Opened::open(log)?;
    let note = read_text(note, "--note")?;
    let witness = WitnessKey::parse(&read_text(witness, "--witness")?)?;
    let (kept, newer) = log
        .snapshot
        .keep_cosigned(&note, &witness, &log.audit_spki)?;
    let what = if newer {
        "kept"
    } else {
        "holds, and a newer one of this witness was kept"
    };
    let (name, size, time) = (&kept.name, kept.size, utc(kept.unix_s));
    print(&format!(
        "{what}: {name} vouches for {size} entries at {time}"
    ))
}

/// Ends the present audit key: its last checkpoint names the next one.
pub(super) fn hand_over(path: &Path, new_key: &Path) -> Result<(), Failure> {
    let config = Config::load(path)?;
    let new_spki = audit_key(new_key)?;
    let custody_key = setup::custody_key(&config)?;
    let custody = CustodyFiles::load(&config, &custody_key)?.open(&config)?;
    let store = setup::store_read_only(&config, custody.clone())?;
    let last = store.into_snapshot()?.hand_over(&new_spki, &*custody)?;
    print_as_is(&last)
}

/// Begins the configuration's audit key: its first checkpoint names the one before.
pub(super) fn take_over(path: &Path, old_key: &Path) -> Result<(), Failure> {
    let config = Config::load(path)?;
    let old_spki = audit_key(old_key)?;
    if Store::is_in_use(&config.data)? {
        return Err(StoreError::DataInUse.into());
    }
    let log = LogSnapshot::open(&config.data, &config.origin, &old_spki)?;
    let custody_key = setup::custody_key(&config)?;
    let custody = CustodyFiles::load(&config, &custody_key)?.open(&config)?;
    print_as_is(&log.take_over(&old_spki, &*custody)?.first)
}

/// A file of text that an option names.
pub(super) fn read_text(path: &Path, option: &'static str) -> Result<String, Failure> {
    let advice = "check the option's file";
    let bytes = read_file(path, option)
        .map_err(|error| Failure::of(&error, "UNREADABLE_FILE", 64, advice))?;
    String::from_utf8(bytes).map_err(|_opaque| {
        let what = format!("the file of {option} is not text");
        Failure::new("UNREADABLE_FILE", 64, &what, advice)
    })
}

/// Text that brings its own line ends.
pub(super) fn print_as_is(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .map_err(|error| Failure::output(&error))
}

/// A log that was opened for reading.
struct Opened {
    snapshot: LogSnapshot,
    audit_spki: Vec<u8>,
}

impl Opened {
    fn open(log: &LogArguments) -> Result<Self, Failure> {
        let config = Config::load(&log.config)?;
        let custody_key = setup::custody_key(&config)?;
        let audit_spki = setup::audit_key(&config, &custody_key)?;
        let snapshot = if log.as_signed || Store::is_in_use(&config.data)? {
            LogSnapshot::open(&config.data, &config.origin, &audit_spki)?
        } else {
            let custody = CustodyFiles::load(&config, &custody_key)?.open(&config)?;
            setup::store_read_only(&config, custody)?.into_snapshot()?
        };
        Ok(Self {
            snapshot,
            audit_spki,
        })
    }
}

fn describe(log: &LogSnapshot, now: u64) -> Result<Value, Failure> {
    let size = log.checkpoint().size;
    let times = |index: u64| -> Result<u64, Failure> {
        let entry = log.entry(index)?;
        Ok(audit::instant(entry.as_bytes()).unwrap_or(0))
    };
    let minimum = store_limits::AUDIT_RETENTION_MIN.as_secs();
    let past = first_bound(size, &times, now.saturating_sub(minimum))?;
    let time = |index: Option<u64>| -> Result<Option<String>, Failure> {
        let time = index
            .filter(|index| *index < size)
            .map(&times)
            .transpose()?;
        Ok(time.map(utc))
    };
    let bound = Some(past).filter(|past| *past < size);
    let deadline = bound.map(&times).transpose()?;
    let deadline = deadline.map(|time| utc(time.saturating_add(minimum)));
    let witness = |one: &Cosigned| json!({ "name": one.name, "key_id": one.id, "entries": one.size, "time": utc(one.unix_s) });
    Ok(json!({
        "origin": log.origin(),
        "entries": size,
        "root": hex::encode(log.checkpoint().root),
        "bytes": log.bytes(),
        "oldest_entry": time(Some(0))?,
        "newest_entry": time(size.checked_sub(1))?,
        "retention_days_min": minimum / (24 * 3600),
        "entries_past_retention": past,
        "next_deadline": deadline,
        "entries_until_full": store_limits::AUDIT_ENTRIES_MAX.saturating_sub(size),
        "witnesses": log.cosigned()?.iter().map(witness).collect::<Vec<_>>(),
    }))
}

/// The first entry that is younger than `limit`. Times never go back, so halving finds it.
fn first_bound(
    size: u64,
    times: &dyn Fn(u64) -> Result<u64, Failure>,
    limit: u64,
) -> Result<u64, Failure> {
    let (mut low, mut high) = (0, size);
    while low < high {
        let middle = low + (high - low) / 2;
        if times(middle)? <= limit {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    Ok(low)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_entry_that_must_be_kept_is_found() {
        let times = [10, 10, 20, 30, 30, 30, 45];
        let time = |index: u64| Ok(times[usize::try_from(index).expect("few")]);
        for limit in 0..50 {
            let slow = times.iter().filter(|time| **time <= limit).count() as u64;
            assert_eq!(first_bound(7, &time, limit).expect("reads"), slow);
        }
        assert_eq!(first_bound(0, &time, 9).expect("reads"), 0);
    }
}
