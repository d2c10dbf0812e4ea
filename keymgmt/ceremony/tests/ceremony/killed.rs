//! A ceremony that is killed at every point, in one chain, comes to the same end.

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Stdio},
};

use keymgmt_custody::inventory::Inventory;

use crate::{
    rehearsal::{
        check_a_quorum_restores_the_secret, check_both_sites_hold_one_secret,
        check_inventories_and_selftest,
    },
    rig::{Room, good, refused},
};

pub(crate) const REHEARSE: [&str; 7] = [
    "rehearse",
    "--recipe",
    "recipe.toml",
    "--environment",
    "environment.toml",
    "--out",
    "out",
];
pub(crate) const RESUME: [&str; 5] = [
    "resume",
    "--environment",
    "environment.toml",
    "--out",
    "out",
];

impl Room {
    /// Runs the binary and kills it at its n-th point. `None` if it came to its end before.
    pub(crate) fn killed_at(&self, arguments: &[&str], point: usize) -> Option<String> {
        let (mut child, point) = self.held_at(arguments, point)?;
        child.kill().expect("kills");
        child.wait().expect("ends");
        Some(point)
    }

    /// Runs the binary to its n-th point, where it waits for its end.
    pub(crate) fn held_at(&self, arguments: &[&str], point: usize) -> Option<(Child, String)> {
        self.write("pause", &point.to_string());
        let mut child = self
            .command(arguments)
            .env("CEREMONY_PAUSE_FILE", self.at("pause"))
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary runs");
        let mut told = String::new();
        for line in BufReader::new(child.stderr.take().expect("piped")).lines() {
            let line = line.expect("text");
            if let Some(point) = line.strip_prefix("PAUSED ") {
                return Some((child, point.to_owned()));
            }
            told.push_str(&format!("{line}\n"));
        }
        let status = child.wait().expect("ends");
        assert!(status.success(), "{told}");
        None
    }

    /// One chain of kills: each resumption goes one point further.
    fn killed_at_every_point(&self, first: &[&str]) -> Vec<String> {
        let mut points = vec![self.killed_at(first, 1).expect("paused")];
        assert_eq!(points, ["after open"]);
        let mut further = 1;
        while let Some(point) = self.killed_at(&RESUME, further) {
            // The next run begins with the action that is not finished.
            further = if point.starts_with("after ") {
                1
            } else {
                further + 1
            };
            points.push(point);
            assert!(points.len() < 100, "it gets further: {points:?}");
        }
        points
    }

    /// How many objects the ceremony's own tokens hold: SoftHSM2 has a file for each. In the spare token
    /// it leaves a file without a key for every key that is restored.
    fn objects(&self) -> usize {
        let tokens = std::fs::read_dir(self.at("tokens")).expect("lists");
        let tokens = tokens.map(|token| token.expect("a token").path());
        let own = tokens.filter(|token| {
            let label = std::fs::read(token.join("token.object")).expect("reads");
            !label.windows(12).any(|bytes| bytes == b"musubi-spare")
        });
        let files = own.flat_map(|token| {
            let files = std::fs::read_dir(token).expect("lists");
            files.map(|file| file.expect("a file").path())
        });
        files
            .filter(|path| path.extension().is_some_and(|end| end == "object"))
            .count()
    }

    /// When a drill was last on record.
    fn journal_facts(&self) -> String {
        let journal = self.text("out/journal.json");
        let line = journal.lines().find(|line| line.contains("drilled_unix_s"));
        line.expect("a line").to_owned()
    }

    fn names(&self, inventory: &str) -> Vec<String> {
        let csk = self.bytes("out/csk.spki");
        let text = self.text(&format!("out/{inventory}"));
        let inventory = Inventory::parse_verified(&text, &csk).expect("verifies");
        inventory.keys.into_iter().map(|key| key.name).collect()
    }

    fn files(&self) -> Vec<String> {
        let fingerprint = self.fingerprint();
        let paths = fingerprint.lines().filter_map(|line| line.rsplit_once(' '));
        let base = self.at("").display().to_string();
        paths
            .map(|(path, _)| path.trim_start_matches(&base).to_owned())
            .collect()
    }
}

/// Killed inside every action and after every action, in one chain: each resumption goes one point further.
#[test]
fn killed_at_every_point_it_comes_to_the_same_end() {
    let steps = ["token-init", "generate", "restore", "enrol-site", "issue"];
    let whole = Room::new();
    whole.recipe("recipe.toml", &steps, "");
    good(&whole.rehearse());

    let room = Room::new();
    room.recipe("recipe.toml", &steps, "");
    let points = room.killed_at_every_point(&REHEARSE);
    assert_eq!(points.len(), 1 + 2 * 16 + 1, "{points:?}");
    assert_eq!(points[1], "inside token-init custody");
    assert_eq!(points[33], "after publish");
    assert_eq!(room.objects(), whole.objects(), "nothing half made is left");

    good(&room.verify_transcript());
    assert_eq!(room.files(), whole.files());
    for inventory in ["custody.inventory", "appliance.inventory"] {
        assert_eq!(room.names(inventory), whole.names(inventory));
    }
    let transcript = room.text("out/transcript.jsonl");
    assert_eq!(
        transcript
            .matches("an interrupted ceremony goes on")
            .count(),
        34
    );
    check_both_sites_hold_one_secret(&room);
    check_a_quorum_restores_last(&room);
    check_inventories_and_selftest(&room);
    room.accept("clinic");
    good(&room.receipt(&["clinic/receipt.note"]));
    refused(&room.run(&RESUME), "CEREMONY_ENDED", 1);
}

/// The same for what happens to keys later, up to their destruction: what an interrupted action has
/// destroyed already is not missed, and what it has made already is made again.
#[test]
fn a_later_ceremony_killed_at_every_point_comes_to_its_end() {
    let room = Room::new();
    good(&room.rehearse());
    room.accept("clinic");
    good(&room.receipt(&["clinic/receipt.note"]));
    room.spare_token();
    let more = "rotate = [\"tmk\"]\nrevoke = [\"clinic\"]";
    let steps = ["rotate", "revoke-site", "reshare", "restore"];
    room.recipe("later.toml", &steps, more);
    let later = |recipe| [&REHEARSE[..2], &[recipe], &REHEARSE[3..]].concat();
    let whole = room.copied();
    good(&whole.rehearse_recipe("later.toml"));
    let points = room.killed_at_every_point(&later("later.toml"));
    assert_eq!(points.len(), 1 + 2 * 5 + 2, "{points:?}");
    assert_eq!(room.objects(), whole.objects(), "nothing half made is left");
    good(&room.verify_transcript());
    good(&room.verb("inventory", &[]));
    assert_eq!(
        room.names("custody.inventory"),
        ["csk", "lek", "site.hospital"]
    );
    let appliance = ["tmk.retired-2", "dkek", "psk", "aik", "ask", "tmk"];
    assert_eq!(room.names("appliance.inventory"), appliance);

    room.recipe("destroy.toml", &["destroy"], "");
    let points = room.killed_at_every_point(&later("destroy.toml"));
    assert_eq!(points.len(), 1 + 2 * 2 + 5, "{points:?}");
    good(&room.verify_transcript());
    good(&room.verb("inventory", &[]));
    assert_eq!(room.names("custody.inventory"), ["csk"]);
    assert_eq!(room.names("appliance.inventory"), ["psk", "aik", "ask"]);
    assert!(room.at("out/destruction.signed").exists());
    assert_eq!(
        std::fs::read_dir(room.at("out/backup"))
            .expect("lists")
            .count(),
        0
    );
}

/// A process works with one module, so another module's token gets its key through another process: here the
/// same module under another path. What an interrupted drill left there is destroyed there.
#[test]
fn another_modules_token_takes_the_secret() {
    let room = Room::new();
    good(&room.rehearse());
    room.spare_token();
    std::fs::copy(crate::rig::MODULE, room.at("libother.so")).expect("copies");
    let profile = room.text("softhsm2.toml");
    let other = room.at("libother.so").display().to_string();
    room.write("other.toml", &profile.replace(crate::rig::MODULE, &other));
    let spare = "[restore]\nprofile = \"softhsm2.toml\"";
    room.edit(
        "environment.toml",
        spare,
        &spare.replace("softhsm2", "other"),
    );
    room.recipe("drill.toml", &["restore"], "");
    let drill = [&REHEARSE[..2], &["drill.toml"], &REHEARSE[3..]].concat();
    let points = room.killed_at_every_point(&drill);
    assert_eq!(points.len(), 1 + 2 * 2, "{points:?}");
    good(&room.verify_transcript());
    let transcript = room.text("out/transcript.jsonl");
    let restored = transcript.matches("the check value is right").count();
    let destroyed = transcript.matches("what the interrupted action had made was destroyed");
    assert_eq!((restored, destroyed.count()), (2, 1), "{transcript}");
    assert!(
        transcript.contains("\"token\":\"musubi-spare\""),
        "{transcript}"
    );
    // A wrong PIN there is that process's error, and the drill is not on record.
    room.write("spare-officer.pin", "guess\n");
    let before = room.journal_facts();
    refused(&room.rehearse_recipe("drill.toml"), "RESTORE_FAILED", 69);
    assert_eq!(room.journal_facts(), before);
}

/// An aborted later ceremony leaves the keys of the epoch as they were.
#[test]
fn an_aborted_rotation_puts_the_old_key_back() {
    let room = Room::new();
    good(&room.rehearse());
    let before = room.inventory("out", "appliance");
    room.recipe("later.toml", &["rotate"], "rotate = [\"tmk\", \"dkek\"]");
    let later = [&REHEARSE[..2], &["later.toml"], &REHEARSE[3..]].concat();
    let point = room.killed_at(&later, 3).expect("paused");
    assert_eq!(point, "after rotate tmk");
    good(&room.verb("abort", &["--remark", "wrong key"]));
    good(&room.verify_transcript());
    good(&room.verb("inventory", &[]));
    assert_eq!(room.inventory("out", "appliance"), before);
    // The next ceremony finds the old key in force.
    good(&room.rehearse_recipe("later.toml"));
    let after = room.inventory("out", "appliance");
    let retired = after.key("tmk.retired-3").expect("listed");
    assert_eq!(retired.id, before.key("tmk").expect("listed").id);
}

/// The backup was made twice; the last one counts, and it is the one of the journal and of the folder.
fn check_a_quorum_restores_last(room: &Room) {
    let transcript = room.text("out/transcript.jsonl");
    assert_eq!(transcript.matches("token copy of bk destroyed").count(), 2);
    check_a_quorum_restores_the_secret(room);
    for name in ["custodian-a", "custodian-b", "custodian-c"] {
        let file = format!("out/shares/{name}.share");
        let arguments = [
            "verify-share",
            "--out",
            "out",
            "--custodian",
            name,
            "--share",
            &file,
        ];
        good(&room.run(&arguments));
    }
}
