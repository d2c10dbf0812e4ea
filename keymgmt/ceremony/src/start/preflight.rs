//! Everything that can be known to fail, asked before anything is changed.

use keymgmt_custody::{CustodyError, pkcs11::find_token};

use crate::{
    environment::{Environment, Login, TokenPlace},
    error::CeremonyError,
    folder,
    journal::Journal,
    plan::{Action, Which},
    recipe::Recipe,
    steps::{check_serial, sites},
};

/// Everything that can be known to fail is asked before anything is changed.
pub(super) fn preflight(
    recipe: &Recipe,
    environment: &Environment,
    plan: &[Action],
    before: &Journal,
) -> Result<(), CeremonyError> {
    let delivers = |action: &Action| matches!(action, Action::EnrolSite(_) | Action::Issue(_));
    if plan.iter().any(delivers) {
        sites::read_requests(recipe, environment)?;
    }
    check_pins(environment)?;
    if let Some(printer) = &environment.printer {
        folder::check_device(printer)?;
    }
    for which in [Which::Custody, Which::Appliance] {
        let place = environment.place(which);
        if plan.contains(&Action::TokenInit(which)) {
            check_free(environment, place)?;
            continue;
        }
        let record = before.tokens.get(which.name());
        let record = record.map(|record| record.serial.as_str());
        check_serial(&environment.profile, place, record)?;
    }
    // A second module is loaded only when it is needed.
    let restore = environment.restore.as_ref();
    let same = restore.filter(|restore| restore.profile.module() == environment.profile.module());
    if let Some(restore) = same.filter(|_| plan.contains(&Action::Restore)) {
        check_serial(&restore.profile, &restore.token, None)?;
    }
    Ok(())
}

/// A PIN file that cannot be read, or that others can read, is found before the first change.
fn check_pins(environment: &Environment) -> Result<(), CeremonyError> {
    for place in environment.places() {
        let untyped = place.untyped();
        if !untyped.contains(&Login::Officer) {
            drop(place.officer_pin()?);
        }
        if !untyped.contains(&Login::User) {
            drop(place.user_pin()?);
        }
    }
    Ok(())
}

/// A label that is taken belongs to somebody else's keys.
fn check_free(environment: &Environment, place: &TokenPlace) -> Result<(), CeremonyError> {
    match find_token(&environment.profile, &place.name()) {
        Err(CustodyError::TokenNotFound { .. }) => Ok(()),
        Ok(_) => Err(CustodyError::TokenAmbiguous {
            token: place.label.clone(),
        }
        .into()),
        Err(other) => Err(other.into()),
    }
}
