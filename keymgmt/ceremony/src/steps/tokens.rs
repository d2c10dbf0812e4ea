//! Initialising tokens.

use keymgmt_custody::pkcs11::{TokenFacts, UserSession, find_token, init_token};

use crate::{
    error::CeremonyError,
    plan::Which,
    steps::{Room, step_failed},
    texts,
};

/// Initialises one token and sets both PINs.
pub(super) fn init(room: &mut Room<'_>, which: Which) -> Result<(), CeremonyError> {
    let place = room.environment.place(which);
    let (profile, label) = (&room.environment.profile, place.label.clone());
    let facts = match find_token(profile, &place.name()) {
        // The interrupted run initialised it: before that run began, the label was free.
        Ok(facts) if room.begun => half_made(room, which, facts)?,
        _ => {
            let (officer, user) = (place.officer_pin()?, place.user_pin()?);
            let made = init_token(profile, &label, &officer, &user);
            made.map_err(|source| step_failed("token-init", &label, source))?
        }
    };
    room.journal.add_token(which, &facts);
    let values = [
        ("label", facts.label.as_str()),
        ("serial", &facts.serial),
        ("maker", &facts.manufacturer),
        ("model", &facts.model),
    ];
    room.talk.tell(texts::TOKEN, &values)?;
    let facts = [
        ("label", facts.label.as_str()),
        ("serial", &facts.serial),
        ("manufacturer", &facts.manufacturer),
        ("model", &facts.model),
    ];
    room.transcript
        .line("token-init", "token initialised", &facts)
}

/// A token that lets the user in is finished. One that does not was left between its two PINs, and only
/// its maker's tool can begin it anew.
fn half_made(
    room: &Room<'_>,
    which: Which,
    facts: TokenFacts,
) -> Result<TokenFacts, CeremonyError> {
    let place = room.environment.place(which);
    let pin = place.user_pin()?;
    match UserSession::open(&room.environment.profile, &place.name(), &pin) {
        Ok(_session) => Ok(facts),
        Err(source) => {
            let what = format!(
                "{}: initialised by the interrupted run, but without its user PIN; erase it with its maker's tool; login",
                place.label
            );
            Err(step_failed("token-init", &what, source))
        }
    }
}
