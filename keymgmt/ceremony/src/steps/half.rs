//! What an interrupted action left in the tokens.

use keymgmt_custody::{CustodyError, inventory::KeyId, pkcs11::UserSession};

use crate::{
    environment::TokenPlace,
    error::CeremonyError,
    journal::unhex,
    plan::Which,
    steps::{Room, check_serial, elsewhere},
    transcript::Made,
};

/// Destroys objects that were made by an action which was not finished. Nobody would ever ask for them,
/// and some of them may do what nothing should be able to do outside of its action: a restore key opens
/// blobs, a site's imported key takes secrets.
pub(crate) fn destroy(room: &mut Room<'_>, made: &[Made]) -> Result<(), CeremonyError> {
    for object in made {
        // What the journal knows was finished: the run ended between two lines.
        if room.journal.keys.iter().any(|key| key.id == object.id) {
            continue;
        }
        let damaged = || CeremonyError::WrongFolder {
            rule: "an object of its transcript does not parse",
        };
        let id = KeyId(unhex(&object.id).ok_or_else(damaged)?);
        let restore = room.environment.restore.as_ref();
        let other = restore.filter(|restore| {
            restore.token.label == object.token
                && restore.profile.module() != room.environment.profile.module()
        });
        if let Some(other) = other {
            if elsewhere::destroy(room.environment, &other.token, &object.key, &id, None)? {
                note(room, object)?;
            }
            continue;
        }
        let user = session(room, &object.token)?.ok_or_else(damaged)?;
        match user.destroy(&object.key, &id) {
            Err(CustodyError::KeyMissing { .. }) => continue,
            destroyed => destroyed?,
        }
        drop(user);
        note(room, object)?;
    }
    Ok(())
}

fn note(room: &mut Room<'_>, object: &Made) -> Result<(), CeremonyError> {
    let facts = [
        ("token", object.token.as_str()),
        ("key", &object.key),
        ("id", &object.id),
    ];
    let what = "what the interrupted action had made was destroyed";
    room.transcript.line("resume", what, &facts)
}

/// A session of the token with this label.
fn session(room: &Room<'_>, label: &str) -> Result<Option<UserSession>, CeremonyError> {
    for which in [Which::Custody, Which::Appliance] {
        if room.environment.place(which).label == label {
            return room.user(which).map(Some);
        }
    }
    let restore = room.environment.restore.as_ref();
    let Some(restore) = restore.filter(|restore| restore.token.label == label) else {
        return Ok(None);
    };
    let place: &TokenPlace = &restore.token;
    let name = check_serial(&restore.profile, place, None)?;
    let user = UserSession::open(&restore.profile, &name, &place.user_pin()?)?;
    Ok(Some(user))
}
