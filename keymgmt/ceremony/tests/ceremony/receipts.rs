//! Receipts: who is enrolled by them, who is not, and what an interruption leaves.

use std::fs;

use keymgmt_custody::{
    Custody as _, Secret,
    enrolment::Enrolment,
    hierarchy::check_value,
    oaep,
    package::{OpenedPackage, SitePackage, issue},
    site::{EnrolRequest, SiteKeys},
    software::SoftwareCustody,
};
use sha2::{Digest as _, Sha256};

use crate::rig::{Room, good, id, now, refused};

#[test]
fn bad_receipts_enrol_nobody() {
    let room = Room::new();
    good(&room.rehearse());
    room.accept("clinic");
    room.accept("hospital");
    let receipt = room.text("clinic/receipt.note");

    room.write("bad.note", &receipt.replace("site clinic", "site hospital"));
    refused(&room.receipt(&["bad.note"]), "BAD_RECEIPT", 65);
    room.write("bad.note", &receipt.replacen("mac ", "mac 0", 1));
    refused(&room.receipt(&["bad.note"]), "MALFORMED", 65);
    // Signed with keys that were never enrolled.
    let stranger = SiteKeys::generate().expect("keys");
    let keys = SiteKeys::load(&room.at("clinic")).expect("loads");
    let package = room.bytes("out/packages/clinic.pkg");
    let csk = room.bytes("out/csk.spki");
    let opened = SitePackage::open(&package, &keys, &id("clinic"), &csk, now()).expect("opens");
    room.write("bad.note", &opened.receipt(&stranger).expect("signs"));
    refused(&room.receipt(&["bad.note"]), "BAD_RECEIPT", 65);
    // Signed by the right key for the right package, but computed with another encoding secret.
    room.write(
        "bad.note",
        &receipt_for_another_secret(&room, &opened, &keys),
    );
    let output = room.receipt(&["bad.note"]);
    refused(&output, "BAD_RECEIPT", 65);
    assert!(String::from_utf8_lossy(&output.stderr).contains("with this encoding secret"));
    // One good receipt beside a bad one: all or nothing.
    refused(
        &room.receipt(&["hospital/receipt.note", "bad.note"]),
        "BAD_RECEIPT",
        65,
    );
    assert!(!room.at("out/enrolment.signed").exists());
    good(&room.verify_transcript());

    let mut lines: Vec<_> = room
        .text("out/transcript.jsonl")
        .lines()
        .map(str::to_owned)
        .collect();
    lines[3] = lines[3].replacen("serial", "cereal", 1);
    room.write("out/transcript.jsonl", &(lines.join("\n") + "\n"));
    let broken = room.verify_transcript();
    refused(&broken, "TRANSCRIPT_BROKEN", 65);
    assert!(String::from_utf8_lossy(&broken.stderr).contains("line 4: it was altered"));
    refused(
        &room.receipt(&["clinic/receipt.note"]),
        "TRANSCRIPT_BROKEN",
        65,
    );
    fs::write(room.at("out/transcript.jsonl"), [0xff]).expect("writes");
    refused(&room.verify_transcript(), "TRANSCRIPT_BROKEN", 65);
    let inventory = room.text("out/custody.inventory");
    room.write(
        "out/custody.inventory",
        &inventory.replacen("project demo", "project memo", 1),
    );
    let place = ["--environment", "environment.toml", "--out", "out"];
    let changed = room.run(&[&["inventory"], &place[..]].concat());
    refused(&changed, "BAD_SIGNATURE", 65);
}

/// A receipt as a site would write it that got the package's words right, and its secret wrong.
pub(crate) fn receipt_for_another_secret(
    room: &Room,
    opened: &OpenedPackage,
    keys: &SiteKeys,
) -> String {
    let mut content = opened.content().clone();
    let other = Secret::take(&mut [1; 32]);
    content.check = check_value(&other, &content.project, content.epoch);
    let sealed = oaep::seal(keys.wrap_public_key(), content.oaep, &other);
    content.wrapped_secret = sealed.expect("seals");
    let forger = SoftwareCustody::danger_for_tests(666);
    let csk = forger.audit_public_key();
    let request = EnrolRequest::parse_verified(&room.text("clinic/request.note"));
    let outer = request.expect("verifies").outer_point;
    let package = issue(&content, &outer, csk, |digest| forger.sign_audit(digest));
    let package = package.expect("issues");
    let opened = SitePackage::open(&package, keys, &content.site, csk, now()).expect("opens");
    opened.receipt(keys).expect("signs")
}

/// Power fails at any point of a receipt: the next run starts from the last signed closing.
#[test]
fn an_interrupted_receipt_is_done_again() {
    let room = Room::new();
    good(&room.rehearse());
    room.accept("clinic");
    let before = room.text("out/transcript.jsonl");
    good(&room.receipt(&["clinic/receipt.note"]));
    let whole = room.text("out/transcript.jsonl");
    let first_line = before.len() + whole[before.len()..].find('\n').expect("a line") + 1;
    for end in [
        before.len() + 1,
        first_line,
        first_line + 5,
        whole.len() - 1,
    ] {
        fs::remove_file(room.at("out/enrolment.signed")).expect("removes");
        room.write("out/transcript.jsonl", &whole[..end]);
        good(&room.receipt(&["clinic/receipt.note"]));
        let told = good(&room.verify_transcript());
        assert!(
            told.contains("2 signed closings\nEXCEPTION in line "),
            "{told}"
        );
        let csk = room.bytes("out/csk.spki");
        let text = room.text("out/enrolment.signed");
        let enrolment = Enrolment::parse_verified(&text, &csk).expect("verifies");
        assert_eq!(enrolment.sites.len(), 1);
        let recorded = hex::encode(Sha256::digest(text));
        assert!(room.text("out/transcript.jsonl").contains(&recorded));
    }
}
