//! The signed inventory against the token, key by key.

use keymgmt_custody::inventory::{Inventory, KeyEntry, KeyProof};
use linker_token::CheckValue;

use crate::keys::delivered;
use crate::rig::{Rig, code, context};

pub(crate) fn an_inventory_is_checked_key_by_key(rig: &Rig) {
    let mut inventory = rig.appliance_token();
    let user = rig.user();
    let csk = user.generate_p256("csk").expect("generates");
    inventory.keys.push(csk.clone());
    inventory.keys.push(delivered(&user));
    let spki = csk.public_key().expect("a pair");
    let signed = inventory.sign(spki, |digest| user.sign(&csk.name, &csk.id, digest));
    let signed = signed.expect("signs");
    let read = Inventory::parse_verified(&signed, spki).expect("verifies");
    assert_eq!(read, inventory);
    for entry in &read.keys {
        user.check(entry, &context()).expect("is what it was");
    }

    let check = |entry: &KeyEntry| code(user.check(entry, &context()));
    let with_proof = |entry: &KeyEntry, proof: &KeyProof| KeyEntry {
        proof: proof.clone(),
        ..entry.clone()
    };
    let [tmk, dkek, _, aik, ask, csk, lek] = &read.keys[..] else {
        panic!("seven keys");
    };
    let zero = KeyProof::Secret(CheckValue([0; 8]));
    assert_eq!(check(&with_proof(tmk, &zero)), "KEY_MISMATCH");
    assert_eq!(check(&with_proof(tmk, &dkek.proof)), "KEY_MISMATCH");
    assert_eq!(check(&with_proof(ask, &csk.proof)), "KEY_MISMATCH");
    assert_eq!(
        check(&with_proof(tmk, &ask.proof)),
        "KEY_MISSING",
        "of another kind"
    );
    let other = user.generate_rsa("other").expect("generates");
    assert_eq!(check(&with_proof(aik, &other.proof)), "KEY_MISMATCH");
    // Names say what a key may do: a fixed key that calls itself LEK is refused, and the reverse.
    let renamed = |entry: &KeyEntry, name: &str| KeyEntry {
        name: name.to_owned(),
        ..entry.clone()
    };
    assert_eq!(check(&renamed(tmk, "lek")), "KEY_MISMATCH");
    assert_eq!(check(&renamed(lek, "tmk")), "KEY_MISMATCH");
    assert!(user.check(lek, b"another context").is_err());
    user.destroy("tmk", &tmk.id).expect("destroys");
    assert_eq!(check(tmk), "KEY_MISSING");
}
