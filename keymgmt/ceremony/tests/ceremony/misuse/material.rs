//! Wrong shares, blobs, receipts, requests and sites.

use std::{fs, process::Output};

use keymgmt_custody::{
    Custody as _,
    hierarchy::check_value,
    package::{SitePackage, issue},
    site::{EnrolRequest, SiteKeys},
    software::SoftwareCustody,
};
use linker_token::Epoch;

use super::{Move, other, restore, wrong};
use crate::rig::{Room, id, now};

fn verify_share(room: &Room, custodian: &str, file: &str) -> Output {
    let arguments = [
        "verify-share",
        "--out",
        "out",
        "--custodian",
        custodian,
        "--share",
        file,
    ];
    room.run(&arguments)
}

/// A receipt that the site's right keys sign for a package of another epoch.
fn receipt_of_another_epoch(room: &Room) -> Output {
    let keys = SiteKeys::load(&room.at("clinic")).expect("loads");
    let package = room.bytes("out/packages/clinic.pkg");
    let csk = room.bytes("out/csk.spki");
    let opened = SitePackage::open(&package, &keys, &id("clinic"), &csk, now()).expect("opens");
    let mut content = opened.content().clone();
    content.epoch = Epoch(2);
    content.check = check_value(opened.secret(), &content.project, content.epoch);
    let forger = SoftwareCustody::danger_for_tests(666);
    let csk = forger.audit_public_key();
    let request = EnrolRequest::parse_verified(&room.text("clinic/request.note"));
    let outer = request.expect("verifies").outer_point;
    let package = issue(&content, &outer, csk, |digest| forger.sign_audit(digest)).expect("issues");
    let opened = SitePackage::open(&package, &keys, &content.site, csk, now()).expect("opens");
    room.write("late.note", &opened.receipt(&keys).expect("signs"));
    room.receipt(&["late.note"])
}

pub(super) const SHARES: [Move; 5] = [
    wrong(
        "the share of another set",
        |room| {
            room.write("old.share", &other().text("out/shares/custodian-a.share"));
            verify_share(room, "custodian-a", "old.share")
        },
        "WRONG_SHARE",
        65,
        "custodian-a",
    ),
    wrong(
        "the share of another custodian",
        |room| verify_share(room, "custodian-b", "out/shares/custodian-c.share"),
        "WRONG_SHARE",
        65,
        "custodian-b",
    ),
    wrong(
        "a drill with the share of another set",
        |room| {
            let share = other().text("out/shares/custodian-a.share");
            room.write("out/shares/custodian-a.share", &share);
            room.recipe("move.toml", &["restore"], "");
            // The ceremony opens, asks for the shares, and stops: that is on record, so it is played in a
            // folder of its own.
            let copy = room.copied();
            copy.rehearse_recipe("move.toml")
        },
        "WRONG_SHARE",
        65,
        "custodian-a",
    ),
    wrong(
        "a drill with a damaged blob",
        |room| {
            let mut blob = room.bytes("out/backup/lek.blob");
            blob[7] ^= 1;
            fs::write(room.at("out/backup/lek.blob"), blob).expect("writes");
            let copy = room.copied();
            restore(&copy)
        },
        "NOT_AUTHENTIC",
        65,
        "backup blob",
    ),
    wrong(
        "destroying without a restore drill",
        |room| {
            room.recipe("move.toml", &["destroy"], "");
            room.rehearse_recipe("move.toml")
        },
        "BAD_PLAN",
        64,
        "no restore drill is on record",
    ),
];

pub(super) const SITES: [Move; 8] = [
    wrong(
        "a receipt that was taken already",
        |room| room.receipt(&["clinic/receipt.note"]),
        "BAD_RECEIPT",
        65,
        "enrolled already",
    ),
    wrong(
        "a receipt of another epoch",
        receipt_of_another_epoch,
        "BAD_RECEIPT",
        65,
        "another package",
    ),
    wrong(
        "a receipt in another site's name",
        |room| {
            let text = room.text("clinic/receipt.note");
            room.write("move.note", &text.replace("site clinic", "site hospital"));
            room.receipt(&["move.note"])
        },
        "BAD_RECEIPT",
        65,
        "did not sign it",
    ),
    wrong(
        "a second package for a site that has one",
        |room| {
            room.recipe("move.toml", &["issue"], "");
            room.rehearse_recipe("move.toml")
        },
        "BAD_PLAN",
        64,
        "package already",
    ),
    wrong(
        "the request of another site",
        |room| {
            room.edit(
                "environment.toml",
                "request = \"clinic/",
                "request = \"hospital/",
            );
            let place = ["--environment", "environment.toml", "--out", "out-2"];
            room.run(&[&["rehearse", "--recipe", "recipe.toml"], &place[..]].concat())
        },
        "BAD_REQUEST",
        65,
        "another site",
    ),
    wrong(
        "revoking a site that is unknown",
        |room| {
            room.recipe("move.toml", &["revoke-site"], "revoke = [\"pharmacy\"]");
            room.rehearse_recipe("move.toml")
        },
        "BAD_PLAN",
        64,
        "never had a package",
    ),
    wrong(
        "enrolling a site twice",
        |room| {
            room.recipe("move.toml", &["enrol-site"], "");
            room.rehearse_recipe("move.toml")
        },
        "BAD_PLAN",
        64,
        "enrolled already",
    ),
    wrong(
        "an enrolment signed by another key",
        |room| {
            fs::write(room.at("out/csk.spki"), other().bytes("out/csk.spki")).expect("writes");
            room.receipt(&["hospital/receipt.note"])
        },
        "BAD_SIGNATURE",
        65,
        "key inventory",
    ),
];
