//! Revoking a site.

use keymgmt_custody::CustodyError;
use linker_token::SiteId;

use crate::{
    error::CeremonyError,
    journal::unhex,
    plan::Which,
    steps::{Room, publish::short, step_failed},
};

/// Destroys a site's trusted key in the custody token, so that no secret can be wrapped to it any more,
/// and notes the revocation, which the lists carry from the next publishing on.
pub(super) fn revoke(room: &mut Room<'_>, site: &SiteId) -> Result<(), CeremonyError> {
    let name = site.to_string();
    let record = room.journal.sites.get(&name);
    let digest = record.and_then(|record| unhex::<32>(&record.request_sha256));
    let digest = digest.ok_or(CeremonyError::WrongFolder {
        rule: "its journal does not name the site",
    })?;
    room.talk
        .confirm(&format!("revoke {name}"), short(&digest))?;
    let key = room
        .journal
        .entry(Which::Custody, &format!("site.{name}"))?;
    let user = room.user(Which::Custody)?;
    match user.destroy(&key.name, &key.id) {
        // The interrupted run destroyed it.
        Err(CustodyError::KeyMissing { .. }) if room.begun => {}
        destroyed => destroyed.map_err(|source| step_failed("revoke-site", &name, source))?,
    }
    drop(user);
    let facts = [("site", name.as_str()), ("id", &key.id.to_string())];
    let what = "site key destroyed, site revoked";
    room.transcript.line("revoke-site", what, &facts)?;
    room.journal.remove_key(Which::Custody, &key.name);
    let now = (room.clock)();
    if let Some(record) = room.journal.sites.get_mut(&name) {
        record.revoked_unix_s = Some(now);
    }
    Ok(())
}
