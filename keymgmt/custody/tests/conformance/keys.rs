//! Kinds of keys: what each may do, and what it may not whoever asks.

use cryptoki::{
    mechanism::Mechanism,
    object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle},
    session::Session,
};
use keymgmt_custody::{
    Custody as _, Oaep,
    hierarchy::{Label, check_value_of, derive_in_host},
    inventory::{KeyEntry, KeyId, KeyProof},
    pkcs11::{SecretUse, UserSession},
    profile::Trusted,
    site::SiteKeys,
};

use crate::maker::Maker;
use crate::rig::{Rig, code, context};

pub(crate) fn the_portable_core_works(rig: &Rig) {
    rig.init();
    rig.user().probe().expect("works");
}

pub(crate) fn delivered(user: &UserSession) -> KeyEntry {
    let lek = user.generate_secret("lek", SecretUse::Delivered, &context());
    lek.expect("generates")
}

pub(crate) fn find(session: &Session, class: ObjectClass, id: &KeyId) -> ObjectHandle {
    let template = [Attribute::Class(class), Attribute::Id(id.0.to_vec())];
    let found = session.find_objects(&template).expect("finds");
    assert_eq!(found.len(), 1, "{class:?}");
    found[0]
}

/// The usage attributes that are TRUE, with those of custody. What a token does not tell is missing.
pub(crate) fn rights(session: &Session, key: ObjectHandle) -> Vec<&'static str> {
    let types = [
        AttributeType::Encrypt,
        AttributeType::Decrypt,
        AttributeType::Sign,
        AttributeType::Verify,
        AttributeType::Wrap,
        AttributeType::Unwrap,
        AttributeType::Derive,
        AttributeType::Extractable,
        AttributeType::Modifiable,
        AttributeType::Sensitive,
    ];
    let mut rights = Vec::new();
    for told in session.get_attributes(key, &types).expect("tells") {
        rights.extend(match told {
            Attribute::Encrypt(true) => Some("encrypt"),
            Attribute::Decrypt(true) => Some("decrypt"),
            Attribute::Sign(true) => Some("sign"),
            Attribute::Verify(true) => Some("verify"),
            Attribute::Wrap(true) => Some("wrap"),
            Attribute::Unwrap(true) => Some("unwrap"),
            Attribute::Derive(true) => Some("derive"),
            Attribute::Extractable(true) => Some("extractable"),
            Attribute::Modifiable(true) => Some("modifiable"),
            Attribute::Sensitive(true) => Some("sensitive"),
            _ => None,
        });
    }
    rights
}

pub(crate) fn every_key_has_its_rights_and_no_more(rig: &Rig) {
    let inventory = rig.appliance_token();
    let officer = rig.officer();
    let key = officer.random().expect("random");
    let backup = officer.import_backup_key(&key).expect("imports");
    let restore = officer.import_restore_key(&key).expect("imports");
    let site = SiteKeys::generate().expect("keys");
    let site = officer.import_site_key("clinic", site.wrap_public_key());
    let site = site.expect("imports");
    drop(officer);
    let user = rig.user();
    let lek = delivered(&user);
    let id = |name| inventory.key(name).expect("is listed").id;

    let session = rig.raw_session();
    let kept = |class, id: KeyId| rights(&session, find(&session, class, &id));
    for name in ["tmk", "dkek", "psk"] {
        assert_eq!(
            kept(ObjectClass::SECRET_KEY, id(name)),
            ["sign", "sensitive"],
            "{name}"
        );
    }
    assert_eq!(
        kept(ObjectClass::SECRET_KEY, lek.id),
        ["sign", "extractable", "sensitive"]
    );
    assert_eq!(kept(ObjectClass::SECRET_KEY, backup), ["wrap", "sensitive"]);
    assert_eq!(
        kept(ObjectClass::SECRET_KEY, restore),
        ["unwrap", "sensitive"]
    );
    assert_eq!(
        kept(ObjectClass::PRIVATE_KEY, id("aik")),
        ["decrypt", "sensitive"]
    );
    assert_eq!(
        kept(ObjectClass::PRIVATE_KEY, id("ask")),
        ["sign", "sensitive"]
    );
    assert_eq!(kept(ObjectClass::PUBLIC_KEY, site.id), ["wrap"]);

    let secret = |id: KeyId| find(&session, ObjectClass::SECRET_KEY, &id);
    let private = |name| find(&session, ObjectClass::PRIVATE_KEY, &id(name));
    let [tmk, lek] = [id("tmk"), lek.id].map(secret);
    let [backup, restore] = [backup, restore].map(secret);
    nothing_is_told_or_made_easier(&session, &[tmk, lek, backup, restore]);
    let wrap = |wrapping, key| session.wrap_key(&Mechanism::AesKeyWrap, wrapping, key);
    assert!(wrap(backup, tmk).is_err(), "stays");
    assert!(wrap(restore, lek).is_err(), "unwraps only");
    let block = [0; 16];
    assert!(session.encrypt(&Mechanism::AesEcb, backup, &block).is_err());
    assert!(
        session
            .decrypt(&Mechanism::AesEcb, restore, &block)
            .is_err()
    );
    assert!(
        session
            .sign(&Mechanism::RsaPkcs, private("aik"), &block)
            .is_err()
    );
    assert!(
        session
            .sign(&Mechanism::Ecdsa, private("ask"), &[1; 32])
            .is_ok()
    );
}

fn nothing_is_told_or_made_easier(session: &Session, keys: &[ObjectHandle]) {
    for key in keys {
        let value = session.get_attributes(*key, &[AttributeType::Value]);
        assert!(
            value.is_ok_and(|value| value.is_empty()),
            "no value is told"
        );
        for easier in [Attribute::Extractable(true), Attribute::Sensitive(false)] {
            assert!(session.update_attributes(*key, &[easier]).is_err());
        }
    }
}

/// What the token or, behind it, the library forbids: no fixed key leaves, and the encoding secret leaves
/// only to keys that the security officer made.
pub(crate) fn the_secret_leaves_to_enrolled_sites_only(rig: &Rig) {
    let inventory = rig.appliance_token();
    let hash = rig.profile.oaep();
    let user = rig.user();
    let lek = delivered(&user);
    let forged = forged_backup_key(rig);
    let refused = user
        .wrap_for_backup(&forged, &lek)
        .expect_err("not trusted");
    let by_token = refused.to_string().contains("KeyNotWrappable");
    let by_library = refused.code() == "KEY_MISMATCH";
    match rig.profile.trusted() {
        Trusted::Officer => assert!(by_token, "{refused}"),
        Trusted::None => assert!(by_library, "{refused}"),
    }
    drop(user);

    // The appliance's own key as a site's: what is wrapped to it can be looked at.
    let ingest = inventory.key("aik").expect("is listed");
    let spki = ingest.public_key().expect("a pair");
    let officer = rig.officer();
    let site = officer.import_site_key("clinic", spki).expect("imports");
    drop(officer);
    let user = rig.user();
    let wrapped = user.wrap_to_site(&site, &lek, hash).expect("wraps");
    assert_eq!(wrapped.len(), 384);
    let custody = rig.open(&inventory).expect("opens");
    let opened = custody.open_content_key(&wrapped).expect("opens");
    let check = check_value_of(&derive_in_host(&opened, Label::CheckValue, &context()));
    assert_eq!(
        lek.proof,
        KeyProof::Secret(check),
        "computed in the token and in the host"
    );

    let tmk = inventory.key("tmk").expect("is listed");
    let refused = user.wrap_to_site(&site, tmk, hash).expect_err("fixed");
    assert!(
        refused.to_string().contains("KeyUnextractable"),
        "{refused}"
    );
    a_foreign_key_gets_nothing(rig, &user, &site, &lek);
    if rig.maker == Maker::SoftHsm2 {
        assert_eq!(
            code(user.wrap_to_site(&site, &lek, Oaep::Sha256)),
            "HSM_UNAVAILABLE"
        );
    }
}

/// A user session makes a wrapping key of its own and passes it off as the site's.
fn a_foreign_key_gets_nothing(rig: &Rig, user: &UserSession, site: &KeyEntry, lek: &KeyEntry) {
    let foreign = user.generate_rsa("foreign").expect("generates");
    let session = rig.raw_session();
    let made = find(&session, ObjectClass::PUBLIC_KEY, &foreign.id);
    let types = [AttributeType::Modulus, AttributeType::PublicExponent];
    let numbers = session.get_attributes(made, &types).expect("tells");
    let forged = KeyId([0x66; 16]);
    let mut template = vec![
        Attribute::Class(ObjectClass::PUBLIC_KEY),
        Attribute::KeyType(KeyType::RSA),
        Attribute::Token(true),
        Attribute::Private(false),
        Attribute::Id(forged.0.to_vec()),
        Attribute::Wrap(true),
        Attribute::Encrypt(false),
        Attribute::Verify(false),
    ];
    template.extend(numbers);
    session
        .create_object(&template)
        .expect("users may make public keys");
    let claimed = KeyEntry {
        id: forged,
        ..site.clone()
    };
    let hash = rig.profile.oaep();
    assert_eq!(code(user.wrap_to_site(&claimed, lek, hash)), "KEY_MISMATCH");
    if rig.profile.trusted() == Trusted::Officer {
        // Even with an entry of its own it gets nothing.
        let own = KeyEntry {
            proof: foreign.proof,
            ..claimed
        };
        let refused = user.wrap_to_site(&own, lek, hash).expect_err("not trusted");
        assert!(refused.to_string().contains("KeyNotWrappable"), "{refused}");
    }
}

/// What a rogue user session could do: make an AES key itself and call it a backup key.
pub(crate) fn forged_backup_key(rig: &Rig) -> KeyId {
    let session = rig.raw_session();
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
