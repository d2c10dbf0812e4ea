//! Wrong people, tokens and folders.

use std::process::Output;

use super::{Move, other, restore, wrong};
use crate::rig::Room;

fn present(room: &Room, names: &str) -> Output {
    room.edit(
        "environment.toml",
        "[\"custodian-a\", \"custodian-b\"]",
        names,
    );
    restore(room)
}

pub(super) const PEOPLE: [Move; 8] = [
    wrong(
        "too few custodians",
        |room| present(room, "[\"custodian-a\"]"),
        "NO_QUORUM",
        77,
        "fewer custodians confirmed than the threshold",
    ),
    wrong(
        "the same custodian twice",
        |room| present(room, "[\"custodian-a\", \"custodian-a\"]"),
        "NO_QUORUM",
        77,
        "fewer custodians confirmed than the threshold",
    ),
    wrong(
        "a stranger",
        |room| present(room, "[\"custodian-a\", \"somebody\"]"),
        "NO_QUORUM",
        77,
        "not a custodian",
    ),
    wrong(
        "the recipe changed after its confirmation",
        |room| {
            room.edit("out/recipe.toml", "valid_days = 400", "valid_days = 800");
            room.receipt(&["hospital/receipt.note"])
        },
        "NO_QUORUM",
        77,
        "not the one that was confirmed",
    ),
    wrong(
        "a PIN file that others may read",
        |room| {
            room.mode("custody-user.pin", 0o644);
            restore(room)
        },
        "BAD_PIN_FILE",
        64,
        "others than its owner",
    ),
    wrong(
        "a rehearsal with a profile of production",
        |room| {
            room.edit("softhsm2.toml", "test = true", "test = false");
            room.edit("softhsm2.toml", "oaep = \"sha1\"", "oaep = \"sha256\"");
            restore(room)
        },
        "BAD_CONFIG",
        64,
        "only with a profile that says `test = true`",
    ),
    wrong(
        "a ceremony without a terminal",
        |room| room.verb("run", &["--recipe", "recipe.toml"]),
        "NO_TERMINAL",
        64,
        "no terminal",
    ),
    wrong(
        "a remark of two lines",
        |room| room.verb("exception", &["--remark", "one\ntwo"]),
        "BAD_CONFIG",
        64,
        "one line",
    ),
];

pub(super) const TOKENS: [Move; 5] = [
    wrong(
        "a label that is taken",
        |room| {
            let place = ["--environment", "environment.toml", "--out", "out-2"];
            room.run(&[&["rehearse", "--recipe", "recipe.toml"], &place[..]].concat())
        },
        "TOKEN_AMBIGUOUS",
        64,
        "more than one token is named",
    ),
    wrong(
        "the two tokens exchanged",
        |room| {
            room.edit(
                "environment.toml",
                "\"musubi-custody\"",
                "\"musubi-between\"",
            );
            room.edit(
                "environment.toml",
                "\"musubi-appliance\"",
                "\"musubi-custody\"",
            );
            room.edit(
                "environment.toml",
                "\"musubi-between\"",
                "\"musubi-appliance\"",
            );
            restore(room)
        },
        "WRONG_TOKEN",
        69,
        "not the recorded one",
    ),
    wrong(
        "a token with another serial number than the environment's",
        |room| {
            let label = "label = \"musubi-custody\"\n";
            let serial = format!("{label}serial = \"0123456789abcdef\"\n");
            room.edit("environment.toml", label, &serial);
            restore(room)
        },
        "WRONG_TOKEN",
        69,
        "not the environment's",
    ),
    wrong(
        "a token that is not there",
        |room| {
            room.edit("environment.toml", "musubi-appliance", "musubi-nowhere");
            restore(room)
        },
        "TOKEN_NOT_FOUND",
        69,
        "musubi-nowhere",
    ),
    wrong(
        "a wrong PIN",
        |room| {
            room.write("custody-user.pin", "guess\n");
            room.verb("inventory", &[])
        },
        "WRONG_PIN",
        77,
        "refused the PIN",
    ),
];

pub(super) const FOLDERS: [Move; 9] = [
    wrong(
        "the transcript of another ceremony",
        |room| {
            room.write(
                "out/transcript.jsonl",
                &other().text("out/transcript.jsonl"),
            );
            restore(room)
        },
        "TRANSCRIPT_BROKEN",
        65,
        "its signature does not verify",
    ),
    wrong(
        "the journal of another ceremony",
        |room| {
            room.write("out/journal.json", &other().text("out/journal.json"));
            restore(room)
        },
        "WRONG_FOLDER",
        64,
        "not the one that its transcript names",
    ),
    wrong(
        "a journal that was edited",
        |room| {
            room.edit(
                "out/journal.json",
                "\"drilled_unix_s\": null",
                "\"drilled_unix_s\": 1",
            );
            room.recipe("move.toml", &["destroy"], "");
            room.rehearse_recipe("move.toml")
        },
        "WRONG_FOLDER",
        64,
        "not the one that its transcript names",
    ),
    wrong(
        "a recipe for another epoch",
        |room| {
            room.recipe("move.toml", &["restore"], "");
            room.edit("move.toml", "\nepoch = 1", "\nepoch = 2");
            room.rehearse_recipe("move.toml")
        },
        "WRONG_FOLDER",
        64,
        "another project, epoch or schema",
    ),
    wrong(
        "new keys in a folder that has some",
        |room| room.rehearse(),
        "EXISTS",
        1,
        "transcript.jsonl exists already",
    ),
    wrong(
        "going on with what has ended",
        |room| room.verb("resume", &[]),
        "CEREMONY_ENDED",
        1,
        "closed",
    ),
    wrong(
        "ending what has ended",
        |room| room.verb("abort", &["--remark", "no"]),
        "CEREMONY_ENDED",
        1,
        "closed",
    ),
    wrong(
        "signing what is signed",
        |room| {
            let place = ["--environment", "environment.toml", "--out", "out"];
            room.run(&[&["transcript", "sign"], &place[..]].concat())
        },
        "CEREMONY_ENDED",
        1,
        "signed to its last line",
    ),
    wrong(
        "a folder without a record",
        |room| {
            let place = ["--environment", "environment.toml", "--out", "clinic"];
            room.run(&[&["resume"], &place[..]].concat())
        },
        "WRONG_FOLDER",
        64,
        "no transcript",
    ),
];
