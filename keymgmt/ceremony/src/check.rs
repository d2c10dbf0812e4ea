//! `selftest` and `inventory`: does everything answer as it must?

use std::path::Path;

use keymgmt_custody::{
    CustodyError,
    hierarchy::epoch_context,
    inventory::{Inventory, KeyProof},
    pkcs11::{UserSession, find_token},
};

use crate::{
    environment::{Environment, TokenPlace},
    error::CeremonyError,
    folder,
    limits::NOTE_BYTES_MAX,
    steps::{CustodyOfFolder, custody_of_folder},
    talk::Talk,
};

/// Does every operation of the portable core once in each initialised token. Returns one line per
/// token. A token that is not initialised yet is told; if none is, nothing was tested, and that is
/// never a success.
pub(crate) fn selftest(environment: &Path, talk: &Talk) -> Result<Vec<String>, CeremonyError> {
    let environment = Environment::load(environment)?;
    talk.pins(&environment)?;
    let mut lines = Vec::new();
    let mut tested = false;
    for place in [&environment.custody, &environment.appliance] {
        let state = match find_token(&environment.profile, &place.name()) {
            Err(CustodyError::TokenNotFound { .. }) => "not initialised",
            Err(other) => return Err(other.into()),
            Ok(_) => {
                user(&environment, place)?.probe()?;
                tested = true;
                "all operations right"
            }
        };
        lines.push(format!("{}: {state}", place.label));
    }
    if !tested {
        let (custody, appliance) = (&environment.custody.label, &environment.appliance.label);
        return Err(CustodyError::TokenNotFound {
            token: format!("{custody} or {appliance}"),
            test: environment.profile.is_test(),
        }
        .into());
    }
    Ok(lines)
}

/// Uses every key of both signed inventories and compares. Returns one line per key.
pub(crate) fn inventory(
    environment: &Path,
    out: &Path,
    talk: &Talk,
) -> Result<Vec<String>, CeremonyError> {
    let environment = Environment::load(environment)?;
    talk.pins(&environment)?;
    let CustodyOfFolder { csk, user, .. } = custody_of_folder(&environment, out)?;
    drop(user);
    let mut lines = Vec::new();
    for (name, place) in [
        ("custody.inventory", &environment.custody),
        ("appliance.inventory", &environment.appliance),
    ] {
        let signed = folder::read_text(&out.join(name), NOTE_BYTES_MAX)?;
        let inventory = Inventory::parse_verified(&signed, &csk)?;
        let pin = place.user_pin()?;
        let user = UserSession::open_listed(&environment.profile, &place.name(), &inventory, &pin)?;
        let context = epoch_context(&inventory.project, inventory.epoch);
        for key in &inventory.keys {
            user.check(key, &context)?;
            let kind = match key.proof {
                KeyProof::Secret(_) => "secret",
                KeyProof::P256(_) => "p256",
                KeyProof::Rsa(_) => "rsa-3072",
            };
            lines.push(format!(
                "{} {} {} {kind} right",
                place.label, key.name, key.id
            ));
        }
    }
    Ok(lines)
}

fn user(environment: &Environment, place: &TokenPlace) -> Result<UserSession, CeremonyError> {
    let pin = place.user_pin()?;
    Ok(UserSession::open(
        &environment.profile,
        &place.name(),
        &pin,
    )?)
}
