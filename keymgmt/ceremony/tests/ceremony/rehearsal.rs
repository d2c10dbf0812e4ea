//! The whole ceremony on real SoftHSM2 tokens, through the binary, as a demonstration runs it.

use std::{collections::BTreeMap, fs};

use keymgmt_custody::{
    Custody as _,
    backup::{self, Share},
    enrolment::{Enrolment, Stage},
    hierarchy::check_value,
    inventory::{Inventory, KeyProof},
    package::SitePackage,
    site::SiteKeys,
    software::SoftwareCustody,
};
use linker_token::CheckValue;
use sha2::{Digest as _, Sha256};

use crate::rig::{Room, good, id, now, refused};

#[test]
fn a_rehearsal_delivers_the_secret_and_enrols_those_who_answer() {
    let room = Room::new();
    let told = good(&room.rehearse());
    assert!(told.contains("WARNING: OAEP with SHA-1"), "SHA-1 is loud");
    let again = room.rehearse();
    refused(&again, "EXISTS", 1);
    good(&room.verify_transcript());
    let transcript = room.text("out/transcript.jsonl");
    assert!(
        transcript
            .lines()
            .all(|line| line.contains("\"mode\":\"REHEARSAL\""))
    );

    // Receipts: one site answers, then the other; the enrolment grows.
    room.accept("clinic");
    good(&room.receipt(&["clinic/receipt.note"]));
    let csk = room.bytes("out/csk.spki");
    let enrolment = Enrolment::parse_verified(&room.text("out/enrolment.signed"), &csk);
    let enrolment = enrolment.expect("verifies");
    assert!(enrolment.site(&id("clinic"), now()).is_ok());
    let absent = enrolment
        .site(&id("hospital"), now())
        .expect_err("no receipt yet");
    assert_eq!(absent.code(), "FOREIGN_SITE");
    let late = now() + 401 * 86_400;
    assert_eq!(
        enrolment
            .site(&id("clinic"), late)
            .expect_err("too late")
            .code(),
        "EXPIRED"
    );
    room.accept("hospital");
    good(&room.receipt(&["hospital/receipt.note"]));
    let enrolment = Enrolment::parse_verified(&room.text("out/enrolment.signed"), &csk);
    assert_eq!(enrolment.expect("verifies").sites.len(), 2);
    let verified = good(&room.verify_transcript());
    assert!(verified.contains("3 signed closings"), "{verified}");

    check_both_sites_hold_one_secret(&room);
    check_a_quorum_restores_the_secret(&room);
    check_inventories_and_selftest(&room);
    check_the_audit_key_is_published(&room);
}

/// The auditor's key is the appliance token's, and the signed transcript names its digest.
fn check_the_audit_key_is_published(room: &Room) {
    let audit = room.bytes("out/audit.spki");
    let csk = room.bytes("out/csk.spki");
    let inventory = Inventory::parse_verified(&room.text("out/appliance.inventory"), &csk);
    let inventory = inventory.expect("verifies");
    let ask = inventory.key("ask").expect("listed").proof.clone();
    assert_eq!(ask, KeyProof::P256(audit.clone()));
    let digest = hex::encode(Sha256::digest(&audit));
    let transcript = room.text("out/transcript.jsonl");
    let mut lines = transcript.lines();
    let listed = lines.find(|line| line.contains("\"file\":\"audit.spki\""));
    assert!(listed.expect("a line").contains(&digest));
}

pub(crate) fn check_both_sites_hold_one_secret(room: &Room) {
    let csk = room.bytes("out/csk.spki");
    let open = |site: &str, package: &str, now| {
        let keys = SiteKeys::load(&room.at(site)).expect("loads");
        let package = room.bytes(&format!("out/packages/{package}.pkg"));
        SitePackage::open(&package, &keys, &id(site), &csk, now)
    };
    let clinic = open("clinic", "clinic", now()).expect("opens");
    let hospital = open("hospital", "hospital", now()).expect("opens");
    assert!(clinic.secret() == hospital.secret());
    let foreign = open("clinic", "hospital", now()).expect_err("another site's");
    assert_eq!(foreign.code(), "FOREIGN_PACKAGE");
    let late = open("clinic", "clinic", now() + 401 * 86_400).expect_err("late");
    assert_eq!(late.code(), "EXPIRED");
}

/// The restore drill: two of three shares and the blob give the secret back; one does not.
pub(crate) fn check_a_quorum_restores_the_secret(room: &Room) {
    let csk = room.bytes("out/csk.spki");
    let inventory = Inventory::parse_verified(&room.text("out/custody.inventory"), &csk);
    let inventory = inventory.expect("verifies");
    let transcript = room.text("out/transcript.jsonl");
    let line = transcript
        .lines()
        .rfind(|line| line.contains("\"key\":\"bk\""))
        .expect("a line");
    let (_, check) = line.split_once("\"check\":\"").expect("a check value");
    let mut bytes = [0; 8];
    hex::decode_to_slice(&check[..16], &mut bytes).expect("hexadecimal");
    let share = |name: &str| {
        let text = room.text(&format!("out/shares/{name}.share"));
        let share = Share::parse(&text).expect("parses");
        assert!(
            transcript.contains(&hex::encode(share.commitment())),
            "committed"
        );
        share
    };
    let two = [share("custodian-a"), share("custodian-c")];
    let commitments: BTreeMap<_, _> = two
        .iter()
        .map(|share| (share.custodian().to_owned(), share.commitment()))
        .collect();
    let key = backup::combine(&two, CheckValue(bytes), &commitments).expect("combines");
    let lek = backup::open_blob(&key, &room.bytes("out/backup/lek.blob")).expect("opens");
    let restored = check_value(&lek, &inventory.project, inventory.epoch);
    let listed = inventory.key("lek").expect("listed").proof.clone();
    assert_eq!(listed, KeyProof::Secret(restored));
    assert!(backup::combine(&two[..1], CheckValue(bytes), &commitments).is_err());
}

pub(crate) fn check_inventories_and_selftest(room: &Room) {
    let place = ["--environment", "environment.toml", "--out", "out"];
    let told = good(&room.run(&[&["inventory"], &place[..]].concat()));
    for key in [
        "csk",
        "lek",
        "site.clinic",
        "site.hospital",
        "tmk",
        "dkek",
        "psk",
        "aik",
        "ask",
    ] {
        assert!(told.contains(&format!(" {key} ")), "{key} in {told}");
    }
    let told = good(&room.run(&["selftest", "--environment", "environment.toml"]));
    assert_eq!(told.matches("all operations right").count(), 2, "{told}");
}

#[test]
fn the_pre_flight_changes_nothing() {
    let room = Room::new();
    room.edit(
        "environment.toml",
        "\"custodian-a\", \"custodian-b\"]",
        "\"custodian-a\"]",
    );
    refused(&room.rehearse(), "NO_QUORUM", 77);
    room.edit(
        "environment.toml",
        "\"custodian-a\"]",
        "\"custodian-a\", \"custodian-b\"]",
    );
    room.edit("softhsm2.toml", "/usr/lib/softhsm", "/usr/lib/nowhere");
    refused(&room.rehearse(), "MODULE_UNAVAILABLE", 69);
    room.edit("softhsm2.toml", "/usr/lib/nowhere", "/usr/lib/softhsm");
    room.edit("softhsm2.toml", "test = true", "test = false");
    refused(&room.rehearse(), "BAD_PROFILE", 64);
    room.edit("softhsm2.toml", "test = false", "test = true");
    room.write("clinic/request.note", &room.text("hospital/request.note"));
    refused(&room.rehearse(), "BAD_REQUEST", 65);
    room.write("clinic/request.note", "nothing\n");
    refused(&room.rehearse(), "BAD_REQUEST", 65);
    let keys = SiteKeys::load(&room.at("clinic")).expect("loads");
    let request = keys
        .enrol_request(&id("clinic"), "tokenizer 0.1.0")
        .expect("signs");
    room.write("clinic/request.note", &request);
    fs::remove_file(room.at("custody-user.pin")).expect("removes");
    refused(&room.rehearse(), "KEY_FILE", 64);
    assert!(!room.at("out").exists());
    assert_eq!(fs::read_dir(room.at("tokens")).expect("lists").count(), 0);
}

/// A self-test that found no token tested nothing, which is no success.
#[test]
fn a_selftest_needs_a_token() {
    let room = Room::new();
    let selftest = ["selftest", "--environment", "environment.toml"];
    let output = room.run(&selftest);
    refused(&output, "TOKEN_NOT_FOUND", 69);
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(
        told.contains("musubi-custody or musubi-appliance"),
        "{told}"
    );
    assert!(told.contains("is SOFTHSM2_CONF set"), "{told}");
    // One of the two is enough to test something, and the other one is named.
    good(&room.rehearse());
    room.edit("environment.toml", "musubi-appliance", "musubi-later");
    let told = good(&room.run(&selftest));
    assert!(
        told.contains("musubi-custody: all operations right"),
        "{told}"
    );
    assert!(told.contains("musubi-later: not initialised"), "{told}");
    // A new folder with a token's label that is taken: the environment is wrong.
    room.edit("environment.toml", "musubi-later", "musubi-appliance");
    let place = ["--environment", "environment.toml", "--out", "other"];
    let output = room.run(&[&["rehearse", "--recipe", "recipe.toml"], &place[..]].concat());
    refused(&output, "TOKEN_AMBIGUOUS", 64);
}

#[test]
fn a_wrong_pin_is_tried_once_and_named() {
    let room = Room::new();
    good(&room.rehearse());
    room.write("custody-user.pin", "not-the-pin\n");
    let place = ["--environment", "environment.toml", "--out", "out"];
    let output = room.run(&[&["inventory"], &place[..]].concat());
    refused(&output, "WRONG_PIN", 77);
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(!told.contains("not-the-pin"), "{told}");
    room.write("custody-user.pin", "two\nlines\n");
    refused(
        &room.run(&[&["inventory"], &place[..]].concat()),
        "BAD_PIN_FILE",
        64,
    );
    room.write("custody-user.pin", "only-for-custody-user\n");
    for mode in [0o640, 0o604, 0o666] {
        room.mode("custody-user.pin", mode);
        let output = room.run(&[&["inventory"], &place[..]].concat());
        refused(&output, "BAD_PIN_FILE", 64);
        assert!(String::from_utf8_lossy(&output.stderr).contains("chmod 600"));
    }
    room.mode("custody-user.pin", 0o400);
    good(&room.run(&[&["inventory"], &place[..]].concat()));
}

/// A folder is only as good as the token says: whoever holds the folder can sign it anew.
#[test]
fn a_folder_signed_by_another_key_is_refused() {
    let room = Room::new();
    good(&room.rehearse());
    room.accept("clinic");
    let forger = SoftwareCustody::danger_for_tests(666);
    let sign = |digest: &[u8; 32]| forger.sign_audit(digest);
    let forged = forger.audit_public_key();
    let csk = room.bytes("out/csk.spki");
    let inventory = Inventory::parse_verified(&room.text("out/custody.inventory"), &csk);
    let inventory = inventory.expect("verifies");
    let issued = Enrolment::parse_stage(Stage::Issued, &room.text("out/issued.signed"), &csk);
    let issued = issued.expect("verifies");

    let signed = issued.sign(Stage::Issued, forged, sign).expect("signs");
    room.write("out/issued.signed", &signed);
    fs::write(room.at("out/csk.spki"), forged).expect("writes");
    // The inventory names the token's key; then it claims that the token's key is the forger's.
    for claim in [csk.as_slice(), forged] {
        let mut inventory = inventory.clone();
        inventory.keys[0].proof = KeyProof::P256(claim.to_vec());
        let signed = inventory.sign(forged, sign).expect("signs");
        room.write("out/custody.inventory", &signed);
        refused(&room.receipt(&["clinic/receipt.note"]), "KEY_MISMATCH", 1);
        let place = ["--environment", "environment.toml", "--out", "out"];
        let output = room.run(&[&["inventory"], &place[..]].concat());
        refused(&output, "KEY_MISMATCH", 1);
    }
    assert!(!room.at("out/enrolment.signed").exists());
}

/// No PIN, share or secret in what the binary prints or in the transcript.
#[test]
fn nothing_secret_is_printed() {
    let room = Room::new();
    let mut told = good(&room.rehearse());
    told.push_str(&room.text("out/transcript.jsonl"));
    let mut secrets = Vec::new();
    for custodian in ["custodian-a", "custodian-b", "custodian-c"] {
        let share = room.text(&format!("out/shares/{custodian}.share"));
        let (_, value) = share.split_once("\nshare ").expect("a value");
        secrets.push(value[..64].to_owned());
    }
    let keys = SiteKeys::load(&room.at("clinic")).expect("loads");
    let csk = room.bytes("out/csk.spki");
    let package = room.bytes("out/packages/clinic.pkg");
    let opened = SitePackage::open(&package, &keys, &id("clinic"), &csk, now()).expect("opens");
    secrets.push(hex::encode(opened.secret().expose()));
    secrets.push("only-for-".to_owned());
    for secret in secrets {
        assert!(!told.contains(&secret), "a secret was printed");
    }
}
