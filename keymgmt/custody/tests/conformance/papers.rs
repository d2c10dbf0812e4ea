//! What one process leaves for the next: the signed inventory of a token.

use std::{fs, path::Path};

use keymgmt_custody::inventory::Inventory;

use crate::rig::Rig;

/// Signs the inventory with a new key of the token and leaves both in the rig's folder.
pub(crate) fn leave(rig: &Rig, inventory: &Inventory) {
    let user = rig.user();
    let csk = user.generate_p256("csk").expect("generates");
    let spki = csk.public_key().expect("a pair");
    let signed = inventory.sign(spki, |digest| user.sign(&csk.name, &csk.id, digest));
    fs::write(rig.folder.join("inventory"), signed.expect("signs")).expect("writes");
    fs::write(rig.folder.join("csk"), spki).expect("writes");
}

/// Reads it in another process.
pub(crate) fn read(folder: &Path) -> Inventory {
    let signed = fs::read_to_string(folder.join("inventory")).expect("reads");
    let spki = fs::read(folder.join("csk")).expect("reads");
    Inventory::parse_verified(&signed, &spki).expect("verifies")
}
