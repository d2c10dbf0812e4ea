//! Making keys, and taking over those that belong to no single epoch.

use keymgmt_custody::{
    CustodyError,
    hierarchy::{Label, check_value_of, epoch_context},
    inventory::{Inventory, KeyEntry, KeyProof},
    pkcs11::{SecretUse, UserSession},
};

use crate::{
    error::CeremonyError,
    folder,
    journal::TokenRecord,
    limits::NOTE_BYTES_MAX,
    plan::{KEYS, Which},
    steps::{Room, step_failed},
    transcript::{self, GENERATED},
};

/// Generates one key in its token.
pub(super) fn generate(
    room: &mut Room<'_>,
    which: Which,
    name: &'static str,
) -> Result<(), CeremonyError> {
    let user = room.user(which)?;
    let key = make(room, &user, name).map_err(|source| step_failed("generate", name, source))?;
    drop(user);
    room.journal.add_key(which, &key, false);
    room.note_key(which, &key, GENERATED)
}

/// Makes a key of the kind that its name says.
pub(super) fn make(
    room: &Room<'_>,
    user: &UserSession,
    name: &str,
) -> Result<KeyEntry, CustodyError> {
    let context = epoch_context(&room.recipe.project, room.recipe.epoch);
    match name {
        "csk" | "ask" => user.generate_p256(name),
        "aik" => user.generate_rsa(name),
        "lek" => user.generate_secret(name, SecretUse::Delivered, &context),
        _ => user.generate_secret(name, SecretUse::Fixed, &context),
    }
}

/// Takes over the tokens of the epoch before, and their keys that belong to no epoch.
pub(super) fn adopt(room: &mut Room<'_>) -> Result<(), CeremonyError> {
    let wrong = |rule| CeremonyError::WrongFolder { rule };
    let before = room.environment.previous.clone();
    let before = before.ok_or_else(|| wrong("the environment names no `previous` folder"))?;
    let csk = folder::read_bytes(&before.join("csk.spki"))?;
    transcript::verify(&before.join("transcript.jsonl"), &csk)?;
    let context = epoch_context(&room.recipe.project, room.recipe.epoch);
    for (which, file) in [
        (Which::Custody, "custody.inventory"),
        (Which::Appliance, "appliance.inventory"),
    ] {
        let signed = folder::read_text(&before.join(file), NOTE_BYTES_MAX)?;
        let inventory = Inventory::parse_verified(&signed, &csk)?;
        if inventory.project != room.recipe.project || inventory.epoch >= room.recipe.epoch {
            return Err(wrong(
                "the `previous` folder is no earlier epoch of the project",
            ));
        }
        let record = TokenRecord {
            label: inventory.label.clone(),
            serial: inventory.serial.clone(),
        };
        room.journal.tokens.insert(which.name().to_owned(), record);
        let user = room.user(which)?;
        let kept = KEYS.iter().filter(|(of, _, kept)| *of == which && *kept);
        for (_, name, _) in kept {
            let entry = inventory.key(name)?;
            user.check(entry, &epoch_context(&inventory.project, inventory.epoch))?;
            let key = renewed(&user, entry, &context)?;
            room.journal.add_key(which, &key, true);
            room.note_key(which, &key, "key taken over from the epoch before")?;
        }
    }
    if room.journal.entry(Which::Custody, "csk")?.public_key()? != csk {
        return Err(wrong(
            "the `previous` folder's csk.spki is not its custody token's key",
        ));
    }
    Ok(())
}

/// The same key, with the check value that it has in the new epoch.
fn renewed(user: &UserSession, entry: &KeyEntry, context: &[u8]) -> Result<KeyEntry, CustodyError> {
    let proof = match &entry.proof {
        KeyProof::Secret(_) => {
            let derived = user.hmac(&entry.name, &entry.id, Label::CheckValue, context)?;
            KeyProof::Secret(check_value_of(&derived))
        }
        public @ (KeyProof::P256(_) | KeyProof::Rsa(_)) => public.clone(),
    };
    Ok(KeyEntry {
        proof,
        ..entry.clone()
    })
}
