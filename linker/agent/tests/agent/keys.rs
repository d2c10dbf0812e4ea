//! Keys and packages: made once, accepted only from the pinned custodians.

use std::{fs, os::unix::fs::PermissionsExt as _};

use crate::support::{
    appliance::Appliance,
    site::{EPOCH, Site, text, tree},
};
use keymgmt_custody::{Custody as _, Oaep, software::SoftwareCustody};
use linker_token::Epoch;

pub(crate) fn code_of(output: &std::process::Output) -> (Option<i32>, String) {
    let error = text(&output.stderr);
    let code = error.split(['[', ']']).nth(1).unwrap_or("").to_owned();
    (output.status.code(), code)
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_made_once_and_are_private() {
    let appliance = Appliance::start().await;
    let site = Site::new(&appliance);
    assert_eq!(
        code_of(&site.run(&["run"])),
        (Some(64), "NOT_INITIALISED".into())
    );
    let first = site.run(&["enrol"]);
    assert_eq!(first.status.code(), Some(0), "{}", text(&first.stderr));
    let again = site.run(&["enrol"]);
    assert_eq!(
        text(&first.stdout),
        text(&again.stdout),
        "a repeat changes nothing"
    );
    for (path, _) in tree(&site.path("state")) {
        let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{}", path.display());
    }
    let mode = fs::metadata(site.path("state"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o700);
    assert_eq!(
        code_of(&site.run(&["run"])),
        (Some(64), "NO_PACKAGE".into())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_while_keys_are_made_leaves_none() {
    let appliance = Appliance::start().await;
    let site = Site::new(&appliance);
    fs::create_dir_all(site.path("state/keys.tmp")).unwrap();
    site.write("state/keys.tmp/wrap.pk8", b"half");
    assert_eq!(site.run(&["enrol"]).status.code(), Some(0));
    assert!(!site.path("state/keys.tmp").exists());
    fs::remove_file(site.path("state/request.note")).unwrap();
    assert_eq!(
        site.run(&["enrol"]).status.code(),
        Some(0),
        "the request is made anew"
    );
    fs::remove_file(site.path("state/keys/sign.pk8")).unwrap();
    assert_eq!(
        code_of(&site.run(&["enrol"])),
        (Some(74), "KEYS_DAMAGED".into())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn packages_are_checked_before_they_are_kept() {
    let appliance = Appliance::start().await;
    let site = Site::new(&appliance);
    let other = Site::new(&appliance);
    assert_eq!(site.run(&["enrol"]).status.code(), Some(0));
    assert_eq!(other.run(&["enrol"]).status.code(), Some(0));
    let good = site.package(&appliance, Epoch(EPOCH));
    let mut altered = good.clone();
    let last = altered.len() - 1;
    altered[last] ^= 1;
    let foreign = other.package(&appliance, Epoch(EPOCH));
    let path = site.path("site.pkg");
    let accept = |bytes: &[u8]| {
        site.write("site.pkg", bytes);
        site.run(&["accept-key", path.to_str().unwrap()])
    };
    let refused = (Some(1), "PACKAGE_REFUSED".to_owned());
    for bytes in [&altered[..], &foreign, b"", &good[..40]] {
        assert_eq!(code_of(&accept(bytes)), refused);
        assert!(!site.path("state/epochs/7/package.pkg").exists());
    }
    let stranger = SoftwareCustody::danger_for_tests(901);
    site.write("csk.spki", stranger.audit_public_key());
    assert_eq!(code_of(&accept(&good)), refused);
    site.write("csk.spki", site.csk.audit_public_key());
    let output = accept(&good);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains("project demo\nepoch 7\nschema jp-1 "));
    assert!(site.path("state/receipt.note").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_package_with_sha1_is_accepted_with_a_warning() {
    let appliance = Appliance::start().await;
    let site = Site::new(&appliance);
    assert_eq!(site.run(&["enrol"]).status.code(), Some(0));
    let ingest = appliance.custody.ingest_public_key();
    for (oaep, warned) in [(Oaep::Sha1, true), (Oaep::Sha256, false)] {
        let package = site.package_for(&appliance, Epoch(EPOCH), ingest, oaep);
        let said = site.accept_package(&package);
        assert_eq!(said.contains("warning: "), warned, "{said}");
    }
}

/// The package may carry no secret in clear, on disk or on screen.
#[tokio::test(flavor = "multi_thread")]
async fn the_secret_is_nowhere_in_clear() {
    let appliance = Appliance::start().await;
    let site = Site::enrolled(&appliance);
    site.people(10);
    site.upload(0).await;
    let secret = [7_u8; 32];
    for (path, bytes) in tree(site.folder.path()) {
        let hex = hex::encode(secret);
        let found = bytes.windows(32).any(|window| window == secret)
            || bytes.windows(64).any(|window| window == hex.as_bytes());
        assert!(!found, "{}", path.display());
    }
}
