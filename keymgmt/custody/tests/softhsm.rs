//! Real SoftHSM2 tokens, in process. Each scenario runs in a process of its own, because a PKCS#11
//! module keeps global state and reads its configuration once.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use cryptoki::{
    context::Pkcs11,
    object::{Attribute, KeyType, ObjectClass},
    session::UserType,
    types::AuthPin,
};
use keymgmt_custody::{
    Custody, CustodyError, Oaep, Secret,
    audit::{Checkpoint, Tree},
    batch::{Plaintext, open_batch, seal_batch, verify_manifest},
    envelope::{open_data_key, seal_data_key},
    hierarchy::{DerivingKey, Label, epoch_context},
    inventory::{Inventory, KeyId, KeyProof},
    oaep, p256,
    pkcs11::{
        AppliancePkcs11, OfficerSession, Pin, SecretUse, TokenFacts, TokenName, UserSession,
        find_token, init_token,
    },
    profile::Profile,
    site::SiteKeys,
};
use linker_token::{CheckValue, Epoch, Manifest, ProjectId, SchemaDigest, SiteId};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

const MODULE: &str = "/usr/lib/softhsm/libsofthsm2.so";
const PROFILE: &str = include_str!("../profiles/softhsm2.toml");
const FOLDER: &str = "MUSUBI_TEST_FOLDER";
const LABEL: &str = "musubi-appliance";

/// Runs a scenario in a child process of this test binary, with its own token folder.
fn in_child(scenario: &str) {
    assert!(
        Path::new(MODULE).exists(),
        "SoftHSM2 is missing at {MODULE}: install the package softhsm2 (`./run test` does)"
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
}

/// The folder in the child; in the parent none, and the parent starts the child.
fn folder(scenario: &str) -> Option<PathBuf> {
    let folder = std::env::var_os(FOLDER).map(PathBuf::from);
    if folder.is_none() {
        in_child(scenario);
    }
    folder
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

fn project() -> ProjectId {
    ProjectId::parse("demo").expect("a name")
}

fn user() -> UserSession {
    UserSession::open(&profile(), &token(), &pin("user-pin")).expect("logs in")
}

fn init() -> TokenFacts {
    init_token(&profile(), LABEL, &pin("officer-pin"), &pin("user-pin")).expect("initialises")
}

/// An appliance token with its five keys.
fn appliance_token() -> Inventory {
    let facts = init();
    let user = user();
    let context = epoch_context(&project(), Epoch(1));
    let mut keys = Vec::new();
    for name in ["tmk", "dkek", "psk"] {
        keys.push(
            user.generate_secret(name, SecretUse::Fixed, &context)
                .expect("generates"),
        );
    }
    keys.push(user.generate_rsa("aik").expect("generates"));
    keys.push(user.generate_p256("ask").expect("generates"));
    Inventory {
        serial: facts.serial,
        label: facts.label,
        project: project(),
        epoch: Epoch(1),
        keys,
    }
}

fn open(inventory: &Inventory) -> Result<AppliancePkcs11, CustodyError> {
    open_with(inventory, "user-pin")
}

fn open_with(inventory: &Inventory, user_pin: &str) -> Result<AppliancePkcs11, CustodyError> {
    AppliancePkcs11::open(
        &profile(),
        token(),
        pin(user_pin),
        inventory,
        &project(),
        Epoch(1),
    )
}

fn refused(opened: Result<AppliancePkcs11, CustodyError>) -> &'static str {
    opened.expect_err("must be refused").code()
}

#[test]
fn the_appliance_token_does_its_work() {
    if folder("the_appliance_token_does_its_work").is_none() {
        return;
    }
    let inventory = appliance_token();
    let custody = open(&inventory).expect("opens");
    custody.check_health().expect("healthy");
    assert_eq!(format!("{custody:?}"), "AppliancePkcs11(musubi-appliance)");

    let derive = |key, label, context: &[u8]| custody.derive(key, label, context).expect("derives");
    let seed = derive(DerivingKey::Tmk, Label::Permutation, b"context");
    assert!(seed == derive(DerivingKey::Tmk, Label::Permutation, b"context"));
    assert!(seed != derive(DerivingKey::Tmk, Label::Permutation, b"another"));
    assert!(seed != derive(DerivingKey::Psk, Label::Permutation, b"context"));

    let data_key = Secret::random().expect("random");
    let sealed = seal_data_key(&custody, b"segment", &data_key).expect("seals");
    assert!(open_data_key(&custody, b"segment", &sealed).expect("opens") == data_key);
    assert!(open_data_key(&custody, b"another", &sealed).is_err());

    let root = Tree::default().root();
    let signed = Checkpoint::sign("a.log", 0, &root, &custody).expect("signs");
    Checkpoint::verify(&signed, "a.log", custody.audit_public_key()).expect("verifies");
    let digest = Sha256::digest(b"m").into();
    let signature = custody.sign_audit(&digest).expect("signs");
    p256::verify_fixed("a test", custody.audit_public_key(), b"m", &signature).expect("verifies");
    let mut drawn = [0; 40];
    custody.random(&mut drawn).expect("random");
    assert_ne!(drawn, [0; 40]);
    a_batch_opens_and_garbage_does_not(&custody);

    // Closed and opened again: the same keys.
    drop(custody);
    let again = open(&inventory).expect("opens");
    assert!(open_data_key(&again, b"segment", &sealed).expect("opens") == data_key);
}

fn a_batch_opens_and_garbage_does_not(custody: &AppliancePkcs11) {
    let keys = SiteKeys::generate().expect("keys");
    let manifest = Manifest {
        site: SiteId::parse("clinic").expect("a name"),
        project: project(),
        epoch: Epoch(1),
        secret_check: CheckValue([1; 8]),
        schema: SchemaDigest([2; 32]),
        normaliser: "1".to_owned(),
        tables: "1".to_owned(),
        sequence: 0,
        last: true,
        rows: 1,
        digest: Sha256::digest(b"rows").into(),
        counts: BTreeMap::new(),
    };
    let ingest = custody.ingest_public_key();
    let batch = seal_batch(
        &manifest,
        &Plaintext::new(b"rows".to_vec()),
        ingest,
        Oaep::Sha1,
    )
    .expect("seals");
    let signature = keys.sign_manifest(&manifest).expect("signs");
    let verified = verify_manifest(&manifest, &signature, keys.sign_public_key());
    let verified = verified.expect("verifies");
    let content_key = &batch.sealed_content_key;
    let opened = open_batch(custody, &verified, content_key, &batch.chunks).expect("opens");
    assert_eq!(**opened, *b"rows");

    let foreign = oaep::seal(
        keys.wrap_public_key(),
        Oaep::Sha1,
        &Secret::random().expect("random"),
    );
    let foreign = foreign.expect("seals");
    let refused = custody
        .open_content_key(&foreign)
        .expect_err("sealed to another key");
    assert_eq!(refused.code(), "NOT_AUTHENTIC");
    let refused = custody
        .open_content_key(&foreign[1..])
        .expect_err("too short");
    assert_eq!(refused.code(), "MALFORMED");
    custody.check_health().expect("still healthy");
}

#[test]
fn wrong_pins_tokens_and_inventories_are_refused() {
    if folder("wrong_pins_tokens_and_inventories_are_refused").is_none() {
        return;
    }
    let inventory = appliance_token();
    assert_eq!(refused(open_with(&inventory, "not-the-pin")), "WRONG_PIN");
    let missing = TokenName::Label("nothing".to_owned());
    let found = find_token(&profile(), &missing).expect_err("no such token");
    assert_eq!(found.code(), "TOKEN_NOT_FOUND");
    assert!(found.advice().contains("is SOFTHSM2_CONF set"));
    let hardware = CustodyError::TokenNotFound {
        token: "nothing".to_owned(),
        test: false,
    };
    assert!(!hardware.advice().contains("SOFTHSM2_CONF"));
    let facts = find_token(&profile(), &TokenName::Serial(inventory.serial.clone()));
    assert_eq!(facts.expect("by serial number").label, LABEL);
    let again = init_token(&profile(), LABEL, &pin("officer-pin"), &pin("user-pin"));
    assert_eq!(
        again.expect_err("the label is taken").code(),
        "TOKEN_AMBIGUOUS"
    );

    let altered = |alter: &dyn Fn(&mut Inventory)| {
        let mut other = inventory.clone();
        alter(&mut other);
        refused(open(&other))
    };
    assert_eq!(
        altered(&|other| other.serial = "0000".to_owned()),
        "KEY_MISMATCH"
    );
    // Told apart before the PIN is offered: a wrong one is not even found to be wrong.
    let mut stranger = inventory.clone();
    stranger.serial = "0000".to_owned();
    assert_eq!(refused(open_with(&stranger, "not-the-pin")), "KEY_MISMATCH");
    let session = UserSession::open_listed(&profile(), &token(), &stranger, &pin("not-the-pin"));
    assert_eq!(session.expect_err("another").code(), "KEY_MISMATCH");
    assert_eq!(altered(&|other| other.epoch = Epoch(2)), "KEY_MISMATCH");
    assert_eq!(
        altered(&|other| other.keys[0].id = KeyId([0; 16])),
        "KEY_MISSING"
    );
    assert_eq!(altered(&|other| drop(other.keys.remove(4))), "KEY_MISSING");
    let check = KeyProof::Secret(CheckValue([0; 8]));
    assert_eq!(
        altered(&|other| other.keys[1].proof = check.clone()),
        "KEY_MISMATCH"
    );
    let other_key = inventory.keys[0].id;
    assert_eq!(
        altered(&|other| other.keys[1].id = other_key),
        "KEY_MISMATCH"
    );
}

#[test]
fn a_missing_module_is_named() {
    let text = PROFILE.replace("/usr/lib/softhsm", "/usr/lib/nowhere");
    let profile = Profile::parse(&text).expect("parses");
    let error = find_token(&profile, &token()).expect_err("no module");
    assert_eq!(error.code(), "MODULE_UNAVAILABLE");
    assert!(error.to_string().contains("/usr/lib/nowhere"));
    assert!(error.advice().contains("install"));
}

/// The store of a software token vanishes under the open session and comes back.
#[test]
fn a_lost_token_is_found_again_without_restart() {
    let Some(folder) = folder("a_lost_token_is_found_again_without_restart") else {
        return;
    };
    let inventory = appliance_token();
    let custody = open(&inventory).expect("opens");
    let seed = custody
        .derive(DerivingKey::Tmk, Label::Permutation, b"c")
        .expect("derives");
    fs::rename(folder.join("tokens"), folder.join("gone")).expect("moves");
    fs::create_dir(folder.join("tokens")).expect("a folder");
    for _ in 0..3 {
        assert!(custody.check_health().is_err(), "the token is gone");
    }
    fs::remove_dir_all(folder.join("tokens")).expect("removes");
    fs::rename(folder.join("gone"), folder.join("tokens")).expect("moves back");
    custody.check_health().expect("healthy again");
    let again = custody
        .derive(DerivingKey::Tmk, Label::Permutation, b"c")
        .expect("derives");
    assert!(seed == again);
}

/// What the token itself forbids: no fixed key leaves, and the encoding secret leaves only to keys
/// that the security officer made.
#[test]
fn the_token_enforces_who_gets_the_secret() {
    if folder("the_token_enforces_who_gets_the_secret").is_none() {
        return;
    }
    init();
    let user = user();
    let lek = user
        .generate_secret("lek", SecretUse::Delivered, b"c")
        .expect("generates");
    let tmk = user
        .generate_secret("tmk", SecretUse::Fixed, b"c")
        .expect("generates");
    let forged = import_untrusted_key();
    let refused = user
        .wrap_for_backup(&forged, &lek)
        .expect_err("not trusted");
    assert!(refused.to_string().contains("KeyNotWrappable"), "{refused}");
    drop(user);

    let keys = SiteKeys::generate().expect("keys");
    let officer = OfficerSession::open(&profile(), &token(), &pin("officer-pin")).expect("logs in");
    let site = officer
        .import_site_key("clinic", keys.wrap_public_key())
        .expect("imports");
    drop(officer);
    let user = self::user();
    assert_eq!(
        user.wrap_to_site(&site, &lek, Oaep::Sha1)
            .expect("wraps")
            .len(),
        384
    );
    let refused = user
        .wrap_to_site(&site, &tmk, Oaep::Sha1)
        .expect_err("fixed");
    assert!(
        refused.to_string().contains("KeyUnextractable"),
        "{refused}"
    );
    let refused = user
        .wrap_to_site(&site, &lek, Oaep::Sha256)
        .expect_err("SoftHSM2 cannot");
    assert_eq!(refused.code(), "HSM_UNAVAILABLE");
    user.check(&lek, b"c").expect("is what it was");
    user.destroy("lek", &lek.id).expect("destroys");
    let gone = user.check(&lek, b"c").expect_err("destroyed");
    assert_eq!(gone.code(), "KEY_MISSING");
}

/// What a rogue user session could do: make an AES key itself and call it a backup key.
fn import_untrusted_key() -> KeyId {
    let context = Pkcs11::new(MODULE).expect("the module is loaded already");
    let slots = context.get_slots_with_initialized_token().expect("slots");
    let session = context.open_rw_session(slots[0]).expect("a session");
    // Logged in already: login belongs to the process.
    let login = session.login(UserType::User, Some(&AuthPin::from("user-pin")));
    assert!(login.is_err(), "already logged in");
    let id = KeyId([0x55; 16]);
    let template = [
        Attribute::Class(ObjectClass::SECRET_KEY),
        Attribute::KeyType(KeyType::AES),
        Attribute::Token(true),
        Attribute::Value(vec![1; 32]),
        Attribute::Id(id.0.to_vec()),
        Attribute::Wrap(true),
        Attribute::Unwrap(true),
    ];
    session
        .create_object(&template)
        .expect("users may make keys");
    let mut trusted = template.to_vec();
    trusted.push(Attribute::Trusted(true));
    assert!(
        session.create_object(&trusted).is_err(),
        "but not trusted ones"
    );
    id
}
