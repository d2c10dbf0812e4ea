//! Copies of the encoding secret that restore drills left in other tokens: an epoch is not destroyed while one
//! of them lives.

use keymgmt_custody::{
    CustodyError,
    inventory::{KeyEntry, KeyId, KeyProof},
    pkcs11::UserSession,
};
use linker_token::CheckValue;

use crate::{
    environment::{Environment, RestorePlace},
    error::CeremonyError,
    journal::{RestoredRecord, unhex},
    steps::{Room, check_serial, elsewhere, step_failed},
};

/// Every token with a copy must be at hand before anything is destroyed.
pub(super) fn check(room: &Room<'_>) -> Result<(), CeremonyError> {
    for copy in &room.journal.restored {
        let place = place(room.environment, copy)?;
        if same_module(room.environment, place) {
            check_serial(&place.profile, &place.token, Some(&copy.serial))?;
        }
    }
    Ok(())
}

/// Destroys every copy and says which, for the certificate.
pub(super) fn destroy(
    room: &mut Room<'_>,
    check: CheckValue,
) -> Result<Vec<String>, CeremonyError> {
    let mut lines = Vec::new();
    for copy in room.journal.restored.clone() {
        let place = place(room.environment, &copy)?;
        let damaged = CeremonyError::WrongFolder {
            rule: "a restored key of its journal does not parse",
        };
        let id = KeyId(unhex(&copy.id).ok_or(damaged)?);
        if same_module(room.environment, place) {
            destroy_here(place, &copy, id, check, room.begun)?;
        } else {
            let serial = Some(copy.serial.as_str());
            let gone = elsewhere::destroy(room.environment, &place.token, "lek", &id, serial)?;
            if !gone && !room.begun {
                return Err(failed(CustodyError::KeyMissing {
                    name: "lek".to_owned(),
                }));
            }
        }
        let facts = [
            ("token", copy.label.as_str()),
            ("serial", &copy.serial),
            ("key", "lek"),
            ("id", &copy.id),
        ];
        let what = "restored key destroyed";
        room.transcript.line("destroy", what, &facts)?;
        lines.push(format!(
            "key restored lek {} {check} {}",
            copy.id, copy.serial
        ));
    }
    Ok(lines)
}

fn destroy_here(
    place: &RestorePlace,
    copy: &RestoredRecord,
    id: KeyId,
    check: CheckValue,
    begun: bool,
) -> Result<(), CeremonyError> {
    let name = check_serial(&place.profile, &place.token, Some(&copy.serial))?;
    let user = UserSession::open(&place.profile, &name, &place.token.user_pin()?)?;
    match user.destroy("lek", &id) {
        // The interrupted run destroyed it.
        Err(CustodyError::KeyMissing { .. }) if begun => {}
        destroyed => destroyed.map_err(failed)?,
    }
    let entry = KeyEntry {
        name: "lek".to_owned(),
        id,
        proof: KeyProof::Secret(check),
    };
    user.prove_destroyed(&entry).map_err(failed)
}

fn place<'a>(
    environment: &'a Environment,
    copy: &RestoredRecord,
) -> Result<&'a RestorePlace, CeremonyError> {
    let restore = environment.restore.as_ref();
    let named = restore.filter(|restore| restore.token.label == copy.label);
    named.ok_or_else(|| CeremonyError::WrongToken {
        token: copy.label.clone(),
        rule: "a restored key in it must be destroyed too, but `[restore]` does not name it",
    })
}

fn same_module(environment: &Environment, place: &RestorePlace) -> bool {
    environment.profile.module() == place.profile.module()
}

fn failed(source: CustodyError) -> CeremonyError {
    step_failed("destroy", "the restored lek", source)
}
