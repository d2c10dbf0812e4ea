//! What is left in the memory of the program when it ends: no PIN, no share, no key.
//!
//! The kernel stops the real program at its exit, when everything was dropped and before its memory is
//! taken away, and all of that memory is searched. The same search finds what nobody wipes: a variable of
//! the environment, and the recipe's title, which was on the heap.

#[path = "../../../custody/tests/needles/exit.rs"]
mod exit;
#[path = "../../../custody/tests/needles/mod.rs"]
mod needles;

use std::{collections::BTreeMap, fs, process::Stdio};

use keymgmt_custody::{
    Secret,
    backup::{self, Share},
};
use linker_token::CheckValue;

use self::{exit::Held, needles::Needles};
use crate::rig::Room;

const PINS: [&str; 4] = [
    "custody-officer",
    "custody-user",
    "appliance-officer",
    "appliance-user",
];

#[test]
fn nothing_is_left_when_a_ceremony_ends() {
    let room = Room::new();
    let mut secrets = BTreeMap::new();
    for name in PINS {
        // Long enough for two pieces of a search.
        let pin = hex::encode(&Secret::random().expect("random").expose()[..16]);
        room.write(&format!("{name}.pin"), &format!("{pin}\n"));
        room.mode(&format!("{name}.pin"), 0o600);
        secrets.insert(format!("PIN {name}"), pin.into_bytes());
    }
    let arguments = ["rehearse", "--recipe", "recipe.toml"];
    let place = ["--environment", "environment.toml", "--out", "out"];
    let mut command = room.command(&[&arguments[..], &place].concat());
    let mut process = command
        .env(
            "MUSUBI_TEST_PLANTED",
            "planted-words-that-are-certainly-there",
        )
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the binary runs");
    let held = Held::of(process.id());
    held.until_exit();

    secrets.extend(made(&room));
    let unwiped = [
        ("planted", "planted-words-that-are-certainly-there"),
        ("title", "Demonstration: keys of epoch 1"),
    ];
    let unwiped = unwiped.map(|(name, text)| (name.to_owned(), text.as_bytes().to_vec()));
    let searched = |secrets: &BTreeMap<String, Vec<u8>>| Needles::of(secrets).search(process.id());
    let certain = searched(&unwiped.into());
    let found = searched(&secrets);
    held.let_go();
    assert!(process.wait().expect("ends").success());
    for name in ["planted as bytes", "title as bytes"] {
        let seen = certain.iter().any(|found| found.starts_with(name));
        assert!(seen, "the search finds what is there: {certain:?}");
    }
    assert_eq!(secrets.len(), 4 + 3 + 2);
    assert!(found.is_empty(), "left in memory: {found:#?}");
}

/// The shares, the backup key and the encoding secret of the ceremony.
fn made(room: &Room) -> BTreeMap<String, Vec<u8>> {
    let mut secrets = BTreeMap::new();
    let read = |custodian: &str| {
        let text = room.text(&format!("out/shares/{custodian}.share"));
        Share::parse(&text).expect("a share")
    };
    let shares = ["custodian-a", "custodian-b", "custodian-c"].map(read);
    for share in &shares {
        let name = format!("share of {}", share.custodian());
        secrets.insert(name, share.value().expose().to_vec());
    }
    let commit = |share: &Share| (share.custodian().to_owned(), share.commitment());
    let commitments = shares.iter().map(commit).collect();
    let transcript = room.text("out/transcript.jsonl");
    let line = transcript
        .lines()
        .find(|line| line.contains("\"key\":\"bk\"") && line.contains("\"check\""));
    let (_, check) = line
        .and_then(|line| line.split_once("\"check\":\""))
        .expect("a check value");
    let mut value = [0; 8];
    hex::decode_to_slice(&check[..16], &mut value).expect("a check value");
    let key = backup::combine(&shares, CheckValue(value), &commitments).expect("combines");
    let blob = fs::read(room.at("out/backup/lek.blob")).expect("reads");
    let lek = backup::open_blob(&key, &blob).expect("opens");
    secrets.insert("backup key".to_owned(), key.expose().to_vec());
    secrets.insert("encoding secret".to_owned(), lek.expose().to_vec());
    secrets
}
