//! `appliance audit witness`: the part of whoever watches somebody else's log. Needs no store and no service.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use keymgmt_custody::{
    Secret,
    audit::Checkpoint,
    cosignature::{self, Watched, Witness},
    proof,
};
use zeroize::Zeroizing;

use crate::{
    clock::Clock,
    commands::{
        Failure,
        audit::{print_as_is, read_text},
        exported::audit_key,
        print,
        proved::note_in,
    },
};

/// What a witness needs for one step.
#[derive(Debug, clap::Args)]
pub(super) struct WitnessArguments {
    /// The witness's seed: the file that `witness-key` wrote.
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// The witness's name.
    #[arg(long, value_name = "NAME")]
    name: String,
    /// The log's audit key (SubjectPublicKeyInfo, DER), from the ceremony.
    #[arg(long, value_name = "FILE")]
    audit_key: PathBuf,
    /// Where the last cosigned checkpoint is remembered. Made by the first call; never go back behind it.
    #[arg(long, value_name = "FILE")]
    state: PathBuf,
    /// The first time the log's checkpoint; later what `appliance audit prove --from` prints for the size of
    /// the checkpoint that is remembered.
    note: PathBuf,
}

/// Makes a seed and prints the key that others verify with.
pub(super) fn key(name: &str, out: &Path) -> Result<(), Failure> {
    let seed = Secret::random()?;
    let witness = Witness::from_seed(name, &seed)?;
    let text = Zeroizing::new(hex::encode(seed.expose()) + "\n");
    write_new(out, text.as_bytes()).map_err(|error| Failure::output(&error))?;
    print(&witness.public().to_text())
}

/// Verifies that the log only grew, cosigns its checkpoint, remembers it and prints it.
pub(super) fn cosign(arguments: &WitnessArguments) -> Result<(), Failure> {
    let witness = Witness::from_seed(&arguments.name, &seed(&arguments.key)?)?;
    let spki = audit_key(&arguments.audit_key)?;
    let text = read_text(&arguments.note, "the checkpoint")?;
    let note = note_in(&text)?;
    let hashes = if note.len() == text.len() {
        Vec::new()
    } else {
        proof::growth_hashes(&text)?
    };
    let before = remembered(&arguments.state)?;
    // The log that was watched before is the only one that is cosigned into this state.
    let origin = before.as_deref().unwrap_or(note).lines().next();
    let origin = origin.unwrap_or_default().to_owned();
    let seen = before.map(|before| Checkpoint::verify(&before, &origin, &spki));
    let watched = Watched {
        origin: &origin,
        audit_spki: &spki,
        seen: seen.transpose()?,
    };
    let by = (witness.public(), Clock::System.now());
    let (cosigned, _) =
        cosignature::next(&watched, note, &hashes, by, |message| witness.sign(message))?;
    // Remembered before it is given away: a witness that forgets could be led back.
    remember(&arguments.state, &cosigned).map_err(|error| Failure::output(&error))?;
    print_as_is(&cosigned)
}

fn seed(path: &Path) -> Result<Secret, Failure> {
    let text = Zeroizing::new(read_text(path, "--key")?);
    let mut bytes = Zeroizing::new(hex::decode(text.trim_end()).unwrap_or_default());
    Ok(Secret::take_slice("a witness's seed", &mut bytes)?)
}

fn remembered(path: &Path) -> Result<Option<String>, Failure> {
    if path.exists() {
        read_text(path, "--state").map(Some)
    } else {
        Ok(None)
    }
}

fn remember(path: &Path, note: &str) -> io::Result<()> {
    let part = path.with_extension("part");
    let mut file = fs::File::create(&part)?;
    file.write_all(note.as_bytes())?;
    file.sync_all()?;
    fs::rename(part, path)
}

fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}
