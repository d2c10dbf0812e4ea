//! What happens to a folder's keys after its first ceremony: rotation, revocation, new shares, other
//! custodians, the next epoch, the end.

use std::process::Command;

use keymgmt_custody::{
    deletion::DeletionStatement,
    enrolment::Enrolment,
    inventory::{Inventory, KeyProof},
    note,
    package::{CUSTODY_SIGNER, SitePackage},
    site::SiteKeys,
};
use linker_token::{Epoch, ProjectId};

use crate::rig::{Room, good, id, now, refused};

impl Room {
    pub(crate) fn inventory(&self, folder: &str, token: &str) -> Inventory {
        let csk = self.bytes(&format!("{folder}/csk.spki"));
        let text = self.text(&format!("{folder}/{token}.inventory"));
        Inventory::parse_verified(&text, &csk).expect("verifies")
    }

    /// A spare token in the same module, as the environment's `[restore]`.
    pub(crate) fn spare_token(&self) {
        let made = Command::new("softhsm2-util")
            .args(["--init-token", "--free", "--label", "musubi-spare"])
            .args([
                "--so-pin",
                "only-for-spare-officer",
                "--pin",
                "only-for-spare-user",
            ])
            .env("SOFTHSM2_CONF", self.at("softhsm2.conf"))
            .output()
            .expect("softhsm2-util runs");
        good(&made);
        for holder in ["spare-officer", "spare-user"] {
            let name = format!("{holder}.pin");
            self.write(&name, &format!("only-for-{holder}\n"));
            self.mode(&name, 0o600);
        }
        let environment = self.text("environment.toml");
        let spare = "\n[restore]\nprofile = \"softhsm2.toml\"\n\n[restore.token]\nlabel = \"musubi-spare\"\nofficer_pin_file = \"spare-officer.pin\"\nuser_pin_file = \"spare-user.pin\"\n";
        self.write("environment.toml", &format!("{environment}{spare}"));
    }

    /// A site's statement that it deleted the secret of the folder's epoch.
    pub(crate) fn deletion(&self, site: &str, epoch: u32, file: &str) {
        let keys = SiteKeys::load(&self.at(site)).expect("loads");
        let lek = self.inventory("out", "custody");
        let statement = DeletionStatement {
            project: ProjectId::parse("demo").expect("a name"),
            epoch: Epoch(epoch),
            site: id(site),
            secret_check: lek
                .key("lek")
                .expect("listed")
                .check_value()
                .expect("a secret"),
            deleted_unix_s: now(),
        };
        let signed = keys.deletion_statement(&statement).expect("signs");
        self.write(file, &signed);
    }

    fn enrolment(&self) -> Enrolment {
        let csk = self.bytes("out/csk.spki");
        Enrolment::parse_verified(&self.text("out/enrolment.signed"), &csk).expect("verifies")
    }
}

#[test]
fn keys_are_rotated_sites_revoked_and_shares_renewed() {
    let room = Room::new();
    good(&room.rehearse());
    for site in ["clinic", "hospital"] {
        room.accept(site);
        good(&room.receipt(&[&format!("{site}/receipt.note")]));
    }
    let before = room.inventory("out", "appliance");
    let audit = room.bytes("out/audit.spki");
    room.recipe("rotate.toml", &["rotate"], "rotate = [\"tmk\", \"ask\"]");
    good(&room.rehearse_recipe("rotate.toml"));
    let after = room.inventory("out", "appliance");
    for name in ["tmk", "ask"] {
        let old = before.key(name).expect("listed");
        let retired = after.key(&format!("{name}.retired-2")).expect("listed");
        assert_eq!((&old.id, &old.proof), (&retired.id, &retired.proof));
        assert_ne!(after.key(name).expect("listed").proof, old.proof);
    }
    assert_eq!(after.key("dkek").ok(), before.key("dkek").ok());
    assert_ne!(room.bytes("out/audit.spki"), audit);
    let ask = after.key("ask").expect("listed").proof.clone();
    assert_eq!(ask, KeyProof::P256(room.bytes("out/audit.spki")));
    good(&room.verb("inventory", &[]));

    room.recipe("revoke.toml", &["revoke-site"], "revoke = [\"hospital\"]");
    good(&room.rehearse_recipe("revoke.toml"));
    let revoked = room.enrolment();
    let refusal = revoked.site(&id("hospital"), now()).expect_err("revoked");
    assert_eq!(refusal.code(), "SITE_REVOKED");
    assert!(revoked.site(&id("clinic"), now()).is_ok());
    assert!(
        room.inventory("out", "custody")
            .key("site.hospital")
            .is_err()
    );

    // New shares: the old ones open nothing that is left.
    let old_share = room.text("out/shares/custodian-a.share");
    room.recipe("reshare.toml", &["reshare", "restore"], "");
    good(&room.rehearse_recipe("reshare.toml"));
    assert!(!room.at("out/backup/lek.blob").exists());
    assert!(room.at("out/backup/lek-4.blob").exists());
    room.write("old.share", &old_share);
    let verify = [
        "verify-share",
        "--out",
        "out",
        "--custodian",
        "custodian-a",
        "--share",
    ];
    let output = room.run(&[&verify[..], &["old.share"]].concat());
    refused(&output, "WRONG_SHARE", 65);
    let output = room.run(&[&verify[..], &["out/shares/custodian-a.share"]].concat());
    good(&output);
    good(&room.verb("inventory", &[]));
    let told = good(&room.verify_transcript());
    assert!(told.contains("6 signed closings"), "{told}");
}

#[test]
fn an_epoch_is_restored_on_another_token_and_destroyed() {
    let room = Room::new();
    good(&room.rehearse());
    room.spare_token();
    room.recipe("destroy.toml", &["destroy"], "");
    refused(&room.rehearse_recipe("destroy.toml"), "BAD_PLAN", 64);
    room.recipe("drill.toml", &["restore"], "");
    good(&room.rehearse_recipe("drill.toml"));
    let transcript = room.text("out/transcript.jsonl");
    let mut lines = transcript.lines();
    let drill = lines.find(|line| line.contains("the check value is right"));
    assert!(
        drill
            .expect("a line")
            .contains("\"token\":\"musubi-spare\"")
    );

    room.deletion("clinic", 1, "clinic/deletion.note");
    let request = "request = \"clinic/request.note\"\n";
    let deletion = format!("{request}deletion = \"clinic/deletion.note\"\n");
    room.edit("environment.toml", request, &deletion);
    let blob = room.bytes("out/backup/lek.blob");
    // The drill's copy must be at hand, or nothing is destroyed.
    let without = room.copied();
    let spare = "[restore.token]\nlabel = \"musubi-spare\"";
    let other = "[restore.token]\nlabel = \"musubi-other\"";
    without.edit("environment.toml", spare, other);
    let output = without.rehearse_recipe("destroy.toml");
    refused(&output, "WRONG_TOKEN", 69);
    assert!(without.at("out/backup/lek.blob").exists());
    good(&room.rehearse_recipe("destroy.toml"));
    check_certificate(&room, &blob);
    // The undead key: what is left does not bring it back, and nothing more is planned here.
    for steps in [["restore"], ["reshare"], ["rotate"]] {
        let more = if steps == ["rotate"] {
            "rotate = [\"tmk\"]"
        } else {
            ""
        };
        room.recipe("again.toml", &steps, more);
        refused(&room.rehearse_recipe("again.toml"), "BAD_PLAN", 64);
    }
    assert!(!room.at("out/backup/lek.blob").exists());
    good(&room.verify_transcript());
}

fn check_certificate(room: &Room, blob: &[u8]) {
    use sha2::{Digest as _, Sha256};
    let csk = room.bytes("out/csk.spki");
    let signed = room.text("out/destruction.signed");
    let text = note::open("a certificate", &signed, CUSTODY_SIGNER, &csk).expect("verifies");
    for wanted in [
        "\nkey custody lek ",
        "\nkey custody site.clinic ",
        "\nkey restored lek ",
        "\nkey appliance tmk ",
        "\nkey appliance dkek ",
        "\ndeleted-by clinic\n",
        "\nno-statement hospital\n",
        &format!("\nblob lek.blob {}\n", hex::encode(Sha256::digest(blob))),
    ] {
        assert!(text.contains(wanted), "{wanted} in {text}");
    }
    let told = good(&room.verb("inventory", &[]));
    for gone in [" lek ", " tmk ", " dkek ", " site."] {
        assert!(!told.contains(gone), "{gone} in {told}");
    }
    for kept in [" csk ", " psk ", " aik ", " ask "] {
        assert!(told.contains(kept), "{kept} in {told}");
    }
}

#[test]
fn a_handover_gives_other_people_new_shares() {
    let room = Room::new();
    good(&room.rehearse());
    room.recipe("handover.toml", &["handover"], "");
    refused(&room.rehearse_recipe("handover.toml"), "BAD_PLAN", 64);
    room.edit("handover.toml", "custodian-c", "custodian-d");
    room.edit("environment.toml", "custodian-a", "custodian-d");
    good(&room.rehearse_recipe("handover.toml"));
    for (name, holds) in [
        ("custodian-d", true),
        ("custodian-a", true),
        ("custodian-c", false),
    ] {
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
        let output = room.run(&arguments);
        match holds {
            true => drop(good(&output)),
            false => refused(&output, "WRONG_SHARE", 65),
        }
    }
}

#[test]
fn the_next_epoch_keeps_what_belongs_to_no_epoch() {
    let room = Room::new();
    good(&room.rehearse());
    room.recipe("epoch-2.toml", &["generate", "enrol-site", "issue"], "");
    room.edit("epoch-2.toml", "\nepoch = 1", "\nepoch = 2");
    let second = [
        "--recipe",
        "epoch-2.toml",
        "--environment",
        "environment.toml",
        "--out",
        "out-2",
    ];
    let rehearse = [&["rehearse"], &second[..]].concat();
    refused(&room.run(&rehearse), "BAD_PLAN", 64);
    let environment = room.text("environment.toml");
    room.write(
        "environment.toml",
        &format!("previous = \"out\"\n{environment}"),
    );
    good(&room.run(&rehearse));
    for (token, kept, made) in [
        ("custody", &["csk"][..], &["lek"][..]),
        ("appliance", &["psk", "aik", "ask"], &["tmk", "dkek"]),
    ] {
        let (one, two) = (room.inventory("out", token), room.inventory("out-2", token));
        for name in kept {
            assert_eq!(
                one.key(name).expect("one").id,
                two.key(name).expect("two").id
            );
        }
        for name in made {
            assert_ne!(
                one.key(name).expect("one").id,
                two.key(name).expect("two").id
            );
        }
    }
    let open = |folder: &str| {
        let keys = SiteKeys::load(&room.at("clinic")).expect("loads");
        let package = room.bytes(&format!("{folder}/packages/clinic.pkg"));
        let csk = room.bytes("out/csk.spki");
        SitePackage::open(&package, &keys, &id("clinic"), &csk, now()).expect("opens")
    };
    let (one, two) = (open("out"), open("out-2"));
    assert!(one.secret() != two.secret(), "a secret of its own");
    assert_eq!(two.content().epoch, Epoch(2));
    let inventory = [
        "inventory",
        "--environment",
        "environment.toml",
        "--out",
        "out-2",
    ];
    good(&room.run(&inventory));
}
