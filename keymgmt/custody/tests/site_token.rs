//! A site whose wrapping and signing key are in its own SoftHSM2 token. Each scenario runs in a process of
//! its own, because a PKCS#11 module reads its configuration once.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
};

use keymgmt_custody::{
    Custody as _, CustodyError, Oaep, Secret,
    batch::verify_manifest,
    challenge,
    deletion::DeletionStatement,
    hierarchy::check_value,
    oaep,
    package::{PackageContent, PackageReceipt, SitePackage, issue},
    pkcs11::{Pin, SiteToken, TokenName, init_token},
    profile::Profile,
    site::{EnrolRequest, SiteKeys},
    software::SoftwareCustody,
};
use linker_token::{CheckValue, Epoch, Manifest, ProjectId, SchemaDigest, SiteId};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

const PROFILE: &str = include_str!("../profiles/softhsm2.toml");
const FOLDER: &str = "MUSUBI_TEST_FOLDER";
const LABEL: &str = "clinic-keys";
const NOW: u64 = 1_800_000_000;

/// The folder in the child; in the parent none, and the parent starts the child.
fn folder(scenario: &str) -> Option<PathBuf> {
    if let Some(folder) = std::env::var_os(FOLDER) {
        return Some(PathBuf::from(folder));
    }
    let module = profile().module().to_owned();
    assert!(
        Path::new(&module).exists(),
        "SoftHSM2 is missing at {module}: install the package softhsm2 (`./run test` does)"
    );
    let folder = tempfile::tempdir().expect("a folder");
    let tokens = folder.path().join("tokens");
    fs::create_dir(&tokens).expect("a folder");
    let conf = folder.path().join("softhsm2.conf");
    let text = format!(
        "directories.tokendir = {}\nobjectstore.backend = file\nlog.level = ERROR\n",
        tokens.display()
    );
    fs::write(&conf, text).expect("writes");
    let output = Command::new(std::env::current_exe().expect("this binary"))
        .args(["--exact", scenario, "--nocapture"])
        .env("SOFTHSM2_CONF", conf)
        .env(FOLDER, folder.path())
        .output()
        .expect("the child runs");
    let told = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && told.contains("1 passed"),
        "{told}"
    );
    None
}

fn profile() -> Profile {
    Profile::parse(PROFILE).expect("parses")
}

fn pin(text: &str) -> Pin {
    Pin::new(Zeroizing::new(text.to_owned())).expect("a PIN")
}

fn token() -> TokenName {
    TokenName::Label(LABEL.to_owned())
}

fn site() -> SiteId {
    SiteId::parse("clinic").expect("a name")
}

/// A token with the site's keys, saved in a folder.
fn made(folder: &Path) -> (PathBuf, SiteKeys) {
    init_token(&profile(), LABEL, &pin("officer-pin"), &pin("user-pin")).expect("initialises");
    let made = SiteToken::generate(&profile(), token(), pin("user-pin")).expect("generates");
    let keys = SiteKeys::with_token(made).expect("keys");
    let place = folder.join("keys");
    fs::create_dir(&place).expect("a folder");
    keys.save(&place).expect("saves");
    (place, keys)
}

fn load(place: &Path, user_pin: &str) -> Result<SiteKeys, CustodyError> {
    SiteKeys::load_with_token(place, &profile(), token(), pin(user_pin))
}

fn refused(loaded: Result<SiteKeys, CustodyError>) -> &'static str {
    loaded.expect_err("must be refused").code()
}

/// Everything a site does with its two keys, by keys that were read back.
#[test]
fn the_token_does_what_the_files_do() {
    let Some(folder) = folder("the_token_does_what_the_files_do") else {
        return;
    };
    let (place, first) = made(&folder);
    let (wrap, sign) = (
        first.wrap_public_key().to_vec(),
        first.sign_public_key().to_vec(),
    );
    drop(first);
    let keys = load(&place, "user-pin").expect("loads");
    assert_eq!(
        (keys.wrap_public_key(), keys.sign_public_key()),
        (&wrap[..], &sign[..])
    );
    let request = keys
        .enrol_request(&site(), "tokenizer 0.1.0")
        .expect("signs");
    let request = EnrolRequest::parse_verified(&request).expect("verifies");

    let issued = challenge::issue(&request, Oaep::Sha1).expect("issues");
    let answer = keys
        .answer_challenge(&issued.file, &request)
        .expect("answers");
    challenge::verify(&answer, &request, &issued.commitment).expect("is right");

    a_package_opens(&keys, &request);
    let manifest = manifest();
    let signature = keys.sign_manifest(&manifest).expect("signs");
    verify_manifest(&manifest, &signature, &sign).expect("verifies");
    let statement = DeletionStatement {
        project: manifest.project.clone(),
        epoch: Epoch(1),
        site: site(),
        secret_check: CheckValue([1; 8]),
        deleted_unix_s: NOW,
    };
    let signed = keys.deletion_statement(&statement).expect("signs");
    DeletionStatement::parse_verified(&signed, &sign).expect("verifies");
    assert_eq!(format!("{keys:?}"), "SiteKeys(..)");
    no_private_key_is_in_a_file(&place);
}

fn a_package_opens(keys: &SiteKeys, request: &EnrolRequest) {
    let (custodian, appliance) = (
        SoftwareCustody::danger_for_tests(100),
        SoftwareCustody::danger_for_tests(1),
    );
    let lek = || Secret::take(&mut [0x4c; 32]);
    let project = ProjectId::parse("demo").expect("a name");
    let mut content = PackageContent {
        check: check_value(&lek(), &project, Epoch(1)),
        project,
        epoch: Epoch(1),
        site: site(),
        schema: SchemaDigest([8; 32]),
        oaep: Oaep::Sha1,
        wrapped_secret: oaep::seal(&request.wrap_spki, Oaep::Sha1, &lek()).expect("seals"),
        wrap_digest: Sha256::digest(&request.wrap_spki).into(),
        ingest_spki: appliance.ingest_public_key().to_vec(),
        audit_spki: appliance.audit_public_key().to_vec(),
        issued_unix_s: NOW,
        expires_unix_s: NOW + 1,
        receipt_nonce: [5; 16],
    };
    let csk = custodian.audit_public_key();
    let open = |content: &PackageContent| {
        let sign = |digest: &[u8; 32]| custodian.sign_audit(digest);
        let package = issue(content, &request.outer_point, csk, sign).expect("issues");
        SitePackage::open(&package, keys, &site(), csk, NOW)
    };
    let opened = open(&content).expect("opens");
    assert!(*opened.secret() == lek());
    let receipt = opened.receipt(keys).expect("signs");
    PackageReceipt::parse_verified(&receipt, &site(), keys.sign_public_key()).expect("verifies");
    // Sealed to another key, the token refuses, and goes on working.
    let other = appliance.ingest_public_key();
    content.wrapped_secret = oaep::seal(other, Oaep::Sha1, &lek()).expect("seals");
    assert_eq!(
        open(&content).expect_err("another key").code(),
        "NOT_AUTHENTIC"
    );
    content.wrapped_secret = oaep::seal(&request.wrap_spki, Oaep::Sha1, &lek()).expect("seals");
    assert!(open(&content).is_ok());
}

fn manifest() -> Manifest {
    Manifest {
        site: site(),
        project: ProjectId::parse("demo").expect("a name"),
        epoch: Epoch(1),
        secret_check: CheckValue([1; 8]),
        schema: SchemaDigest([2; 32]),
        normaliser: "1".to_owned(),
        tables: "1".to_owned(),
        sequence: 0,
        last: true,
        rows: 1,
        digest: [0; 32],
        counts: [].into(),
    }
}

fn no_private_key_is_in_a_file(place: &Path) {
    let mut names: Vec<_> = fs::read_dir(place)
        .expect("reads")
        .map(|entry| {
            entry
                .expect("reads")
                .file_name()
                .into_string()
                .expect("a name")
        })
        .collect();
    names.sort_unstable();
    assert_eq!(names, ["outer.key", "reference.key", "token.keys"]);
}

#[test]
fn wrong_pins_lists_and_tokens_are_refused() {
    let Some(folder) = folder("wrong_pins_lists_and_tokens_are_refused") else {
        return;
    };
    let (place, keys) = made(&folder);
    drop(keys);
    assert_eq!(refused(load(&place, "not-the-pin")), "WRONG_PIN");
    assert_eq!(
        refused(SiteKeys::load(&place)),
        "MALFORMED",
        "no token is named"
    );
    let list = place.join("token.keys");
    let good = fs::read_to_string(&list).expect("reads");
    let with = |text: &str| {
        fs::write(&list, text).expect("writes");
        refused(load(&place, "user-pin"))
    };
    let serial = good.lines().nth(1).expect("a serial number");
    // Told apart before the PIN is offered.
    assert_eq!(with(&good.replace(serial, "serial 0000")), "KEY_MISMATCH");
    let id = good.lines().nth(2).expect("a key");
    let id = id.split(' ').nth(1).expect("an ID");
    assert_eq!(with(&good.replacen(id, &"0".repeat(32), 1)), "KEY_MISSING");
    // The public half of another key: a list that somebody wrote.
    let other = SiteKeys::generate().expect("keys");
    let line = |name: &str| {
        let line = good.lines().find(|line| line.starts_with(name));
        line.expect("a line").to_owned()
    };
    let spki = {
        use base64::{Engine as _, engine::general_purpose::STANDARD};
        STANDARD.encode(other.sign_public_key())
    };
    let sign = line("sign ");
    let own = sign.split(' ').nth(2).expect("a key");
    assert_eq!(with(&good.replacen(own, &spki, 1)), "KEY_MISMATCH");
    for (from, to) in [("wrap ", "warp "), ("/v1", "/v2"), ("sign ", "sign x")] {
        assert_eq!(with(&good.replacen(from, to, 1)), "MALFORMED", "{to}");
    }
    fs::write(&list, &good).expect("writes");
    assert!(load(&place, "user-pin").is_ok());
    let open = fs::Permissions::from_mode(0o644);
    fs::set_permissions(&list, open).expect("chmod");
    assert_eq!(refused(load(&place, "user-pin")), "KEY_FILE");
}

/// The token's store vanishes under the open session and comes back.
#[test]
fn a_lost_token_is_found_again() {
    let Some(folder) = folder("a_lost_token_is_found_again") else {
        return;
    };
    let (_place, keys) = made(&folder);
    let sign = || keys.sign_manifest(&manifest());
    sign().expect("signs");
    fs::rename(folder.join("tokens"), folder.join("gone")).expect("moves");
    fs::create_dir(folder.join("tokens")).expect("a folder");
    // A module may go on with what it has in memory, so what it says now is not judged.
    let _gone = sign();
    fs::remove_dir_all(folder.join("tokens")).expect("removes");
    fs::rename(folder.join("gone"), folder.join("tokens")).expect("moves back");
    let signature = sign().expect("signs again");
    verify_manifest(&manifest(), &signature, keys.sign_public_key()).expect("verifies");
}
