//! Wrong moves while a ceremony is open, and after a site was revoked.

use super::{Move, play, restore, wrong};
use crate::rig::{Room, good, refused};

const OPEN: [Move; 4] = [
    wrong(
        "a ceremony while another one is open",
        restore,
        "CEREMONY_OPEN",
        1,
        "not finished",
    ),
    wrong(
        "a receipt while a ceremony is open",
        |room| room.receipt(&["clinic/receipt.note"]),
        "CEREMONY_OPEN",
        1,
        "not finished",
    ),
    wrong(
        "signing before the end",
        |room| {
            let place = ["--environment", "environment.toml", "--out", "out"];
            room.run(&[&["transcript", "sign"], &place[..]].concat())
        },
        "CEREMONY_OPEN",
        1,
        "no end to sign",
    ),
    wrong(
        "another environment at the resumption",
        |room| {
            room.edit("environment.toml", "[rehearsal]", "# changed\n[rehearsal]");
            room.verb("resume", &[])
        },
        "ENVIRONMENT_CHANGED",
        64,
        "not the one",
    ),
];

const REVOKED: [Move; 2] = [
    wrong(
        "the receipt of a revoked site",
        |room| room.receipt(&["hospital/receipt.note"]),
        "BAD_RECEIPT",
        65,
        "revoked",
    ),
    wrong(
        "revoking a site twice",
        |room| {
            room.recipe("move.toml", &["revoke-site"], "revoke = [\"hospital\"]");
            room.rehearse_recipe("move.toml")
        },
        "BAD_PLAN",
        64,
        "revoked before",
    ),
];

/// Moves that need an open ceremony or a site that was revoked.
#[test]
fn wrong_moves_between_ceremonies_are_refused() {
    let room = Room::new();
    good(&room.rehearse());
    for site in ["clinic", "hospital"] {
        room.accept(site);
    }
    room.recipe(
        "recipe-r.toml",
        &["restore", "revoke-site"],
        "revoke = [\"hospital\"]",
    );
    let run = [
        "rehearse",
        "--recipe",
        "recipe-r.toml",
        "--environment",
        "environment.toml",
        "--out",
        "out",
    ];
    assert!(room.killed_at(&run, 1).is_some());
    play(&room, &OPEN);
    good(&room.verb("resume", &[]));
    play(&room, &REVOKED);
    statements_of_others(&room);
}

/// A deletion statement that is not about this secret stops the destruction.
fn statements_of_others(room: &Room) {
    let request = "request = \"clinic/request.note\"\n";
    let deletion = format!("{request}deletion = \"clinic/deletion.note\"\n");
    room.edit("environment.toml", request, &deletion);
    room.recipe("destroy.toml", &["destroy"], "");
    room.deletion("hospital", 1, "clinic/deletion.note");
    let output = room.copied().rehearse_recipe("destroy.toml");
    refused(&output, "BAD_STATEMENT", 65);
    room.deletion("clinic", 2, "clinic/deletion.note");
    let output = room.copied().rehearse_recipe("destroy.toml");
    refused(&output, "BAD_STATEMENT", 65);
}
