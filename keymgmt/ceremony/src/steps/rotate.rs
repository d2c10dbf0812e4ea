//! Replacing a key of the appliance token without the sites.

use crate::{
    error::CeremonyError,
    plan::Which,
    steps::{Room, keys, publish, step_failed},
    transcript::GENERATED,
};

/// Makes a new key of the same name. The old one stays in the token under the name of a retired key: the
/// appliance needs it once more, to turn what it holds over to the new one. `destroy` ends it.
pub(super) fn rotate(room: &mut Room<'_>, name: &'static str) -> Result<(), CeremonyError> {
    let which = Which::Appliance;
    let old = room.journal.entry(which, name)?;
    room.talk
        .confirm(&format!("rotate {name}"), publish::short_proof(&old))?;
    let user = room.user(which)?;
    let key =
        keys::make(room, &user, name).map_err(|source| step_failed("rotate", name, source))?;
    drop(user);
    // Named at once: until the action is finished, this line is all that knows of the new key.
    room.note_key(which, &key, GENERATED)?;
    let retired = retired(name, room.journal.ceremony);
    for record in &mut room.journal.keys {
        if record.token == which.name() && record.name == name {
            record.name.clone_from(&retired);
        }
    }
    room.journal.add_key(which, &key, false);
    let facts = [("key", name), ("retired", &retired)];
    room.transcript.line("rotate", "key replaced", &facts)
}

/// Under which name a key is listed once a ceremony replaced it.
pub(crate) fn retired(name: &str, ceremony: u32) -> String {
    format!("{name}.retired-{ceremony}")
}
