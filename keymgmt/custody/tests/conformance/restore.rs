//! Backup and restore inside one token, and the proof of destruction.

use cryptoki::object::{Attribute, ObjectClass};
use keymgmt_custody::{
    Secret, backup,
    hierarchy::Label,
    inventory::KeyEntry,
    pkcs11::{BACKUP_KEY, RESTORE_KEY, SecretUse, UserSession},
    site::SiteKeys,
};
use linker_token::CheckValue;

use crate::keys::{find, forged_backup_key, rights};
use crate::rig::{Rig, code, context};

/// How many objects with this label a user sees.
fn labelled(rig: &Rig, label: &str) -> usize {
    let found = rig
        .raw_session()
        .find_objects(&[Attribute::Label(label.as_bytes().to_vec())]);
    found.expect("finds").len()
}

fn receipt(user: &UserSession, key: &KeyEntry) -> Secret {
    let derived = user.hmac(&key.name, &key.id, Label::Receipt, b"nonce");
    derived.expect("derives")
}

pub(crate) fn a_key_is_backed_up_destroyed_and_restored(rig: &Rig) {
    rig.init();
    let officer = rig.officer();
    let key = officer.random().expect("random");
    let check = backup::check_value(&key).expect("a check value");
    let backup = officer.import_backup_key(&key).expect("imports");
    drop(officer);
    let user = rig.user();
    let lek = user.generate_secret("lek", SecretUse::Delivered, &context());
    let lek = lek.expect("generates");
    let lek_check = lek.check_value().expect("a secret");
    user.check_backup_key(&backup, check)
        .expect("the right one");
    let wrong = user.check_backup_key(&backup, CheckValue([0; 8]));
    assert_eq!(code(wrong), "KEY_MISMATCH");
    let before = receipt(&user, &lek);
    let blob = user.wrap_for_backup(&backup, &lek).expect("wraps");
    assert_eq!(blob.len(), 40);
    for (name, id) in [(BACKUP_KEY, &backup), ("lek", &lek.id)] {
        user.destroy(name, id).expect("destroys");
    }
    user.prove_destroyed(&lek).expect("gone");
    drop(user);

    let officer = rig.officer();
    let restore = officer.import_restore_key(&key).expect("imports");
    let other = officer.random().expect("random");
    let other = officer.import_restore_key(&other).expect("imports");
    drop(officer);
    let user = rig.user();
    let back = |backup, blob: &[u8], check| user.restore("lek", backup, blob, &context(), check);
    for place in [0, 8, 39] {
        let mut damaged = blob.clone();
        damaged[place] ^= 1;
        assert_eq!(
            code(back(&restore, &damaged, lek_check)),
            "NOT_AUTHENTIC",
            "byte {place}"
        );
    }
    assert_eq!(
        code(back(&other, &blob, lek_check)),
        "NOT_AUTHENTIC",
        "another backup key"
    );
    assert_eq!(code(back(&restore, &blob[1..], lek_check)), "MALFORMED");
    assert_eq!(
        code(back(&restore, &blob, CheckValue([0; 8]))),
        "WRONG_SECRET"
    );
    let elsewhere = user.restore("lek", &restore, &blob, b"another context", lek_check);
    assert_eq!(code(elsewhere), "WRONG_SECRET");
    assert_eq!(labelled(rig, "lek"), 0, "nothing stays of what was refused");
    assert!(
        user.wrap_for_backup(&restore, &lek).is_err(),
        "it only unwraps"
    );

    let restored = back(&restore, &blob, lek_check).expect("restores");
    assert_ne!(restored.id, lek.id);
    assert_eq!(restored.proof, lek.proof);
    for id in [&restore, &other] {
        user.destroy(RESTORE_KEY, id).expect("destroys");
    }
    assert_eq!(labelled(rig, RESTORE_KEY), 0);
    assert_eq!(
        code(back(&restore, &blob, lek_check)),
        "KEY_MISSING",
        "destroyed"
    );
    is_what_it_was(rig, user, &restored, &before);
}

/// The restored key: same answers, same rights, still to be delivered to enrolled sites and to nobody
/// else.
fn is_what_it_was(rig: &Rig, user: UserSession, restored: &KeyEntry, before: &Secret) {
    assert!(receipt(&user, restored) == *before);
    user.check(restored, &context()).expect("same rights");
    let session = rig.raw_session();
    let object = find(&session, ObjectClass::SECRET_KEY, &restored.id);
    assert_eq!(
        rights(&session, object),
        ["sign", "extractable", "sensitive"]
    );
    let forged = forged_backup_key(rig);
    user.wrap_for_backup(&forged, restored)
        .expect_err("still to trusted keys only");
    drop((session, user));
    let site = SiteKeys::generate().expect("keys");
    let site = rig
        .officer()
        .import_site_key("clinic", site.wrap_public_key());
    let wrapped = rig
        .user()
        .wrap_to_site(&site.expect("imports"), restored, rig.profile.oaep());
    wrapped.expect("wraps");
}

pub(crate) fn what_is_destroyed_is_proved_to_be_gone(rig: &Rig) {
    let inventory = rig.appliance_token();
    let user = rig.user();
    for entry in &inventory.keys {
        assert_eq!(
            code(user.prove_destroyed(entry)),
            "KEY_STILL_THERE",
            "{}",
            entry.name
        );
        user.destroy(&entry.name, &entry.id).expect("destroys");
        user.prove_destroyed(entry).expect("gone");
        assert_eq!(code(user.destroy(&entry.name, &entry.id)), "KEY_MISSING");
    }
    // The same public key under another name.
    let pair = user.generate_rsa("aik").expect("generates");
    let renamed = KeyEntry {
        id: inventory.keys[0].id,
        ..pair
    };
    assert_eq!(code(user.prove_destroyed(&renamed)), "KEY_STILL_THERE");
    assert_eq!(labelled(rig, "scratch"), 0, "the proof leaves nothing");

    // A session that was logged out finds no private key either, which proves nothing.
    let living = user.generate_secret("tmk", SecretUse::Fixed, &context());
    let living = living.expect("generates");
    rig.raw_session().logout().expect("logs out");
    assert_eq!(code(user.prove_destroyed(&living)), "HSM_UNAVAILABLE");
    drop(user);
    assert_eq!(code(rig.user().prove_destroyed(&living)), "KEY_STILL_THERE");
}
