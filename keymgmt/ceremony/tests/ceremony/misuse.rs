//! Wrong moves: each is refused with its own code and reason, and changes nothing.

mod between;
mod material;
mod people;

use std::{fs, process::Output};

use crate::rig::{Room, good};

/// One wrong move: what it is, what is done, and how it must be refused.
pub(crate) struct Move {
    name: &'static str,
    wrong: fn(&Room) -> Output,
    code: &'static str,
    exit: i32,
    reason: &'static str,
}

pub(crate) const fn wrong(
    name: &'static str,
    wrong: fn(&Room) -> Output,
    code: &'static str,
    exit: i32,
    reason: &'static str,
) -> Move {
    Move {
        name,
        wrong,
        code,
        exit,
        reason,
    }
}

/// Files that a move may have edited; they are put back after it.
const EDITED: [&str; 12] = [
    "environment.toml",
    "recipe.toml",
    "clinic/request.note",
    "clinic/deletion.note",
    "custody-user.pin",
    "softhsm2.toml",
    "out/recipe.toml",
    "out/transcript.jsonl",
    "out/journal.json",
    "out/csk.spki",
    "out/backup/lek.blob",
    "out/shares/custodian-a.share",
];

/// Plays every move in a room, and sees that nothing of the folder changed.
pub(crate) fn play(room: &Room, moves: &[Move]) {
    for Move {
        name,
        wrong,
        code,
        exit,
        reason,
    } in moves
    {
        let before = room.fingerprint();
        let files: Vec<_> = EDITED
            .iter()
            .map(|file| fs::read(room.at(file)).ok())
            .collect();
        let output = wrong(room);
        for (file, bytes) in EDITED.iter().zip(files) {
            match bytes {
                Some(bytes) => fs::write(room.at(file), bytes).expect("puts back"),
                None => drop(fs::remove_file(room.at(file))),
            }
        }
        room.mode("custody-user.pin", 0o600);
        let told = String::from_utf8_lossy(&output.stderr);
        let right = output.status.code() == Some(*exit)
            && told.contains(&format!("error [{code}]: "))
            && told.contains(reason)
            && told.contains("\n  try: ");
        assert!(right, "{name}: {told}");
        assert_eq!(room.fingerprint(), before, "{name} changed something");
    }
}

fn restore(room: &Room) -> Output {
    room.recipe("move.toml", &["restore"], "");
    room.rehearse_recipe("move.toml")
}

/// The second room: another ceremony with the same names.
fn other() -> Room {
    let other = Room::new();
    good(&other.rehearse());
    other
}

#[test]
fn wrong_moves_are_refused_and_change_nothing() {
    let room = Room::new();
    good(&room.rehearse());
    for site in ["clinic", "hospital"] {
        room.accept(site);
    }
    good(&room.receipt(&["clinic/receipt.note"]));
    for moves in [
        &people::PEOPLE[..],
        &people::TOKENS,
        &people::FOLDERS,
        &material::SHARES,
        &material::SITES,
    ] {
        play(&room, moves);
    }
    good(&room.verify_transcript());
    good(&room.receipt(&["hospital/receipt.note"]));
}
