//! The appliance's token: its work, and who is not let in.

use std::collections::BTreeMap;

use keymgmt_custody::{
    Custody as _, CustodyError, Secret,
    audit::{Checkpoint, Tree},
    batch::{Plaintext, open_batch, seal_batch, verify_manifest},
    envelope::{open_data_key, seal_data_key},
    hierarchy::{DerivingKey, Label},
    inventory::{Inventory, KeyId, KeyProof},
    oaep, p256,
    pkcs11::{AppliancePkcs11, TokenName, UserSession, find_token, init_token},
    profile::Profile,
    site::SiteKeys,
};
use linker_token::{CheckValue, Epoch, Manifest, SchemaDigest, SiteId};
use sha2::{Digest as _, Sha256};

use crate::maker::Maker;
use crate::rig::{LABEL, OFFICER_PIN, Rig, USER_PIN, code, pin, project, token};

pub(crate) fn the_appliance_token_does_its_work(rig: &Rig) {
    let inventory = rig.appliance_token();
    let custody = rig.open(&inventory).expect("opens");
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
    a_batch_opens_and_garbage_does_not(&custody, rig.profile.oaep());

    // Closed and opened again: the same keys.
    drop(custody);
    let again = rig.open(&inventory).expect("opens");
    assert!(open_data_key(&again, b"segment", &sealed).expect("opens") == data_key);
}

fn a_batch_opens_and_garbage_does_not(custody: &AppliancePkcs11, hash: keymgmt_custody::Oaep) {
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
    let batch =
        seal_batch(&manifest, &Plaintext::new(b"rows".to_vec()), ingest, hash).expect("seals");
    let signature = keys.sign_manifest(&manifest).expect("signs");
    let verified = verify_manifest(&manifest, &signature, keys.sign_public_key());
    let verified = verified.expect("verifies");
    let content_key = &batch.sealed_content_key;
    let opened = open_batch(custody, &verified, content_key, &batch.chunks).expect("opens");
    assert_eq!(**opened, *b"rows");

    let secret = Secret::random().expect("random");
    let foreign = oaep::seal(keys.wrap_public_key(), hash, &secret).expect("seals");
    assert_eq!(code(custody.open_content_key(&foreign)), "NOT_AUTHENTIC");
    assert_eq!(code(custody.open_content_key(&foreign[1..])), "MALFORMED");
    custody.check_health().expect("still healthy");
}

pub(crate) fn wrong_pins_tokens_and_inventories_are_refused(rig: &Rig) {
    let inventory = rig.appliance_token();
    assert_eq!(code(rig.open_with(&inventory, "not-the-pin")), "WRONG_PIN");
    let missing = TokenName::Label("nothing".to_owned());
    let found = find_token(&rig.profile, &missing).expect_err("no such token");
    assert_eq!(found.code(), "TOKEN_NOT_FOUND");
    let facts = find_token(&rig.profile, &TokenName::Serial(inventory.serial.clone()));
    assert_eq!(facts.expect("by serial number").label, LABEL);
    if rig.maker != Maker::Named {
        let again = init_token(&rig.profile, LABEL, &pin(OFFICER_PIN), &pin(USER_PIN));
        assert_eq!(code(again), "TOKEN_AMBIGUOUS", "the label is taken");
    }

    let altered = |alter: &dyn Fn(&mut Inventory)| {
        let mut other = inventory.clone();
        alter(&mut other);
        code(rig.open(&other))
    };
    let number = "0000";
    assert_eq!(
        altered(&|other| number.clone_into(&mut other.serial)),
        "KEY_MISMATCH"
    );
    // Told apart before the PIN is offered: a wrong one is not even found to be wrong.
    let mut stranger = inventory.clone();
    number.clone_into(&mut stranger.serial);
    assert_eq!(
        code(rig.open_with(&stranger, "not-the-pin")),
        "KEY_MISMATCH"
    );
    let wrong = pin("not-the-pin");
    let session = UserSession::open_listed(&rig.profile, &token(), &stranger, &wrong);
    assert_eq!(code(session), "KEY_MISMATCH");
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
    rig.open(&inventory).expect("the right one still opens");
}

#[test]
fn a_missing_module_is_named() {
    let text = Maker::SoftHsm2.profile_text();
    let text = text.replace("/usr/lib/softhsm", "/usr/lib/nowhere");
    let profile = Profile::parse(&text).expect("parses");
    let error = find_token(&profile, &token()).expect_err("no module");
    assert_eq!(error.code(), "MODULE_UNAVAILABLE");
    assert!(error.to_string().contains("/usr/lib/nowhere"));
    assert!(error.advice().contains("install"));
}

#[test]
fn a_missing_software_token_is_missed_with_its_folder() {
    let missing = |test| CustodyError::TokenNotFound {
        token: "nothing".to_owned(),
        test,
    };
    assert!(missing(true).advice().contains("is SOFTHSM2_CONF set"));
    assert!(!missing(false).advice().contains("SOFTHSM2_CONF"));
}
