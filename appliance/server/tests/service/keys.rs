//! A token with the appliance's keys, made once and copied for every test.
//!
//! SoftHSM2 reads its configuration's place from the environment, so a child of this test makes the keys.

use std::{
    collections::BTreeMap,
    env, fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use keymgmt_custody::{
    Custody as _, Oaep,
    enrolment::{Enrolment, SiteEntry, Stage},
    hierarchy::{Label, check_value_of, epoch_context},
    inventory::{Inventory, KeyEntry, KeyProof},
    pkcs11::{Pin, SecretUse, TokenName, UserSession, init_token},
    profile::Profile,
    software::SoftwareCustody,
};
use linker_token::{CheckValue, Epoch, ProjectId, Schema, SiteId};
use tempfile::TempDir;
use zeroize::Zeroizing;

const FOLDER: &str = "MUSUBI_TEST_KEYS";
const PROFILE: &str = include_str!("../../../../keymgmt/custody/profiles/softhsm2.toml");
pub(crate) const TOKEN: &str = "musubi-appliance";
const PIN: &str = "appliance-test-pin";

pub(crate) fn project() -> ProjectId {
    ProjectId::parse("demo").expect("a good name")
}

pub(crate) const EPOCH: Epoch = Epoch(1);
/// The epoch that follows, with keys of its own in the same token. Only the pseudonyms' key is the same.
pub(crate) const NEXT: Epoch = Epoch(2);
/// The check value of its encoding secret.
pub(crate) const NEXT_CHECK: CheckValue = CheckValue([8; 8]);
/// Signed inventories of the two epochs, and one whose pseudonyms' key is another.
pub(crate) const INVENTORY: &str = "appliance.inventory";
pub(crate) const NEXT_INVENTORY: &str = "appliance-2.inventory";
pub(crate) const OTHER_INVENTORY: &str = "appliance-other.inventory";
/// The check value of an encoding secret that no test holds.
pub(crate) const CHECK: CheckValue = CheckValue([7; 8]);

/// The custodians' signing key.
pub(crate) fn custodians() -> SoftwareCustody {
    SoftwareCustody::danger_for_tests(1000)
}

/// A site's signing key.
pub(crate) fn site_key(site: &str) -> SoftwareCustody {
    let seed = site
        .bytes()
        .fold(0, |seed, byte| seed * 31 + u64::from(byte));
    SoftwareCustody::danger_for_tests(seed)
}

/// Whether the token of these tests can be made here.
pub(crate) fn softhsm_is_here() -> bool {
    let module = Profile::parse(PROFILE).expect("the shipped profile parses");
    let here = Path::new(module.module()).exists();
    if !here {
        eprintln!("SKIPPED: SoftHSM2 is not installed ({})", module.module());
    }
    here
}

/// Puts token, inventory, PIN, profile and the custodians' public key into `folder`.
pub(crate) fn place(folder: &Path) {
    static MADE: OnceLock<TempDir> = OnceLock::new();
    let made = MADE.get_or_init(make);
    copy(made.path(), folder);
    configure(folder);
}

/// The SoftHSM2 configuration of a folder.
pub(crate) fn softhsm_conf(folder: &Path) -> PathBuf {
    folder.join("softhsm2.conf")
}

/// Signs an enrolment of `sites` under `check`, valid until `expires`.
pub(crate) fn enrol(folder: &Path, sites: &[&str], check: CheckValue, expires: u64) {
    let mut list = enrolment(EPOCH, check, sites);
    for entry in list.sites.values_mut() {
        entry.expires_unix_s = expires;
    }
    publish(folder, "enrolment.signed", &list);
}

/// A list of sites with the keys of these tests.
pub(crate) fn enrolment(epoch: Epoch, check: CheckValue, sites: &[&str]) -> Enrolment {
    let sites = sites.iter().map(|site| {
        let entry = SiteEntry {
            sign_spki: site_key(site).audit_public_key().to_vec(),
            expires_unix_s: u64::MAX / 2,
            receipt_nonce: [0; 16],
            revoked_unix_s: None,
        };
        (SiteId::parse(site).expect("a good name"), entry)
    });
    Enrolment {
        project: project(),
        epoch,
        schema: Schema::jp_1().digest(),
        secret_check: check,
        oaep: Oaep::Sha1,
        sites: sites.collect(),
    }
}

/// Signs a list as the custodians do.
pub(crate) fn publish(folder: &Path, name: &str, enrolment: &Enrolment) {
    let csk = custodians();
    let signed = enrolment
        .sign(Stage::Enrolled, csk.audit_public_key(), |digest| {
            csk.sign_audit(digest)
        })
        .expect("signs");
    fs::write(folder.join(name), signed).expect("writes");
}

/// Where the child that makes the keys leaves the second layer's seed, every byte under [`MASK`], so that
/// no process of a test has it in memory but the one that searches for it.
const SEED: &str = "second-layer.masked";
const MASK: u8 = 0xa5;

/// What the service must not leave in memory.
pub(crate) fn secrets(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let masked = fs::read(folder.join(SEED)).expect("reads");
    let seed = masked.iter().map(|byte| byte ^ MASK).collect();
    let pin = PIN.as_bytes().to_vec();
    BTreeMap::from([("PIN".to_owned(), pin), ("seed".to_owned(), seed)])
}

fn configure(folder: &Path) {
    let conf = format!(
        "directories.tokendir = {}\nobjectstore.backend = file\nlog.level = ERROR\n",
        folder.join("tokens").display()
    );
    fs::write(softhsm_conf(folder), conf).expect("writes");
}

fn make() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    fs::create_dir(folder.path().join("tokens")).expect("a folder");
    configure(folder.path());
    let status = Command::new(env::current_exe().expect("this test"))
        .args(["--exact", "keys::in_a_child_of_its_own", "--nocapture"])
        .env("SOFTHSM2_CONF", softhsm_conf(folder.path()))
        .env(FOLDER, folder.path())
        .status()
        .expect("starts");
    assert!(status.success(), "the child makes the keys");
    folder
}

/// Makes the keys when it is the child; passes at once otherwise.
#[test]
fn in_a_child_of_its_own() {
    let Some(folder) = env::var_os(FOLDER).map(PathBuf::from) else {
        return;
    };
    let pin = |text: &str| Pin::new(Zeroizing::new(text.to_owned())).expect("a good PIN");
    let profile = Profile::parse(PROFILE).expect("the shipped profile parses");
    init_token(&profile, TOKEN, &pin("officer-test-pin"), &pin(PIN)).expect("a token");
    let token = TokenName::Label(TOKEN.to_owned());
    let session = UserSession::open(&profile, &token, &pin(PIN)).expect("a login");
    let inventory = |epoch, keys| Inventory {
        serial: session.facts().serial.clone(),
        label: TOKEN.to_owned(),
        project: project(),
        epoch,
        keys,
    };
    let secrets = |epoch, names: &[&str]| -> Vec<KeyEntry> {
        let context = epoch_context(&project(), epoch);
        let key = |name: &&str| session.generate_secret(name, SecretUse::Fixed, &context);
        names
            .iter()
            .map(|name| key(name).expect("a secret"))
            .collect()
    };
    let pairs = || {
        [
            session.generate_rsa("aik").expect("a pair"),
            session.generate_p256("ask").expect("a pair"),
        ]
    };
    let mut first = secrets(EPOCH, &["tmk", "dkek", "psk"]);
    first.extend(pairs());
    let mut context = epoch_context(&project(), EPOCH);
    context.extend_from_slice(&Schema::jp_1().digest().0);
    let seed = session.hmac("tmk", &first[0].id, Label::Permutation, &context);
    let seed = seed.expect("an HMAC");
    let masked: Vec<u8> = seed.expose().iter().map(|byte| byte ^ MASK).collect();
    fs::write(folder.join(SEED), masked).expect("writes");
    // One key has another check value in another epoch, because the value is bound to it.
    let mut psk = first[2].clone();
    let context = epoch_context(&project(), NEXT);
    let derived = session.hmac("psk", &psk.id, Label::CheckValue, &context);
    psk.proof = KeyProof::Secret(check_value_of(&derived.expect("an HMAC")));
    let mut second = secrets(NEXT, &["tmk", "dkek"]);
    second.push(psk);
    second.extend(pairs());
    let mut other = second.clone();
    other[2] = secrets(NEXT, &["psk"]).remove(0);
    let csk = custodians();
    for (name, epoch, keys) in [
        (INVENTORY, EPOCH, first),
        (NEXT_INVENTORY, NEXT, second),
        (OTHER_INVENTORY, NEXT, other),
    ] {
        let signed = inventory(epoch, keys)
            .sign(csk.audit_public_key(), |digest| csk.sign_audit(digest))
            .expect("signs");
        fs::write(folder.join(name), signed).expect("writes");
    }
    for (name, content) in [
        ("appliance.pin", PIN.as_bytes()),
        ("csk.spki", csk.audit_public_key()),
        ("softhsm2.toml", PROFILE.as_bytes()),
    ] {
        fs::write(folder.join(name), content).expect("writes");
    }
    let private = fs::Permissions::from_mode(0o600);
    fs::set_permissions(folder.join("appliance.pin"), private).expect("is ours");
}

/// The inventory in a folder.
pub(crate) fn inventory(folder: &Path) -> Inventory {
    inventory_of(folder, INVENTORY)
}

/// The inventory of either epoch.
pub(crate) fn inventory_of(folder: &Path, name: &str) -> Inventory {
    let signed = fs::read_to_string(folder.join(name)).expect("reads");
    Inventory::parse_verified(&signed, custodians().audit_public_key()).expect("verifies")
}

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).expect("reads") {
        let entry = entry.expect("reads");
        let target = to.join(entry.file_name());
        if entry.file_type().expect("reads").is_dir() {
            fs::create_dir_all(&target).expect("a folder");
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("copies");
        }
    }
}
