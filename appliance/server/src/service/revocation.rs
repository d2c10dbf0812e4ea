//! Revoked sites: refused from the moment that a list revokes them, and never taken back in by an older
//! list.
//!
//! The signed enrolment says who is revoked. It is read at the start and at each SIGHUP, and taken over as
//! one: uploads of other sites go on. Because a list is a file, and an older one verifies as well, each
//! revocation is also a fact in the store, under the key that was revoked: a list in which that key stands
//! without its revocation is refused. A site that is to come back is enrolled with new keys.

use appliance_store::Store;
use keymgmt_custody::enrolment::Enrolment;
use linker_token::{
    SiteId,
    canonical::{Reader, Writer},
};
use sha2::{Digest as _, Sha256};

use crate::{
    audit,
    auth::{Caller, Grant},
    error::ServiceError,
    limits, metrics,
    service::{Appliance, header, pace::Pace},
};

const MAGIC: [u8; 8] = *b"MSBREVK1";
const PREFIX: &str = "revoked-";
/// The operation of an entry, and the detail with the digest of the key.
const REVOKE: &str = "revoke-site";
const KEY: &str = "key";

/// Refuses a site that a list revokes.
///
/// # Errors
/// [`ServiceError::SiteRevoked`].
pub fn check(enrolment: &Enrolment, site: &SiteId) -> Result<(), ServiceError> {
    let entry = enrolment.sites.get(site);
    if entry.is_some_and(|entry| entry.revoked_unix_s.is_some()) {
        Err(ServiceError::SiteRevoked)
    } else {
        Ok(())
    }
}

/// Refuses every call of a caller whose site or desk is revoked.
///
/// # Errors
/// [`ServiceError::SiteRevoked`].
pub fn check_caller(appliance: &Appliance, caller: &Caller) -> Result<(), ServiceError> {
    let refused = site_of(caller).map_or(Ok(()), |site| check(&appliance.trust().enrolment, site));
    refused.inspect_err(|_revoked| metrics::revoked_call())
}

/// Notes a refused call of a revoked site in the audit log, a few times an hour at most: a site that
/// hammers must not fill the log.
///
/// # Errors
/// What the store says.
pub fn note_refusal(appliance: &Appliance, caller: &Caller) -> Result<(), ServiceError> {
    let Some(site) = site_of(caller) else {
        return Ok(());
    };
    let (burst, every) = limits::REVOKED_PACE;
    let pace = Pace { burst, every };
    let taken = appliance
        .refusals
        .take(site.as_str(), pace, appliance.elapsed());
    if taken.is_err() {
        return Ok(());
    }
    let entry = appliance.entry(caller.uri(), "refuse-site", site.as_str());
    let entry = entry.result(ServiceError::SiteRevoked.code());
    appliance.append_audit(&entry).map(drop)
}

/// Refuses a list that takes a revocation back which a store remembers.
///
/// # Errors
/// [`ServiceError::OldEnrolment`].
pub fn check_list(store: &Store, enrolment: &Enrolment) -> Result<(), ServiceError> {
    for (site, entry) in &enrolment.sites {
        let known = store.fact(&fact_name(&entry.sign_spki));
        if entry.revoked_unix_s.is_none() && known.is_some() {
            return Err(ServiceError::OldEnrolment { site: site.clone() });
        }
    }
    Ok(())
}

/// Takes a list's revocations up before it comes into force: each becomes a fact with an audit entry of its
/// own, and what the site had begun to upload is removed.
///
/// # Errors
/// [`ServiceError::OldEnrolment`] for a list that takes a revocation back, or the store's.
pub fn take_up(appliance: &Appliance, enrolment: &Enrolment) -> Result<(), ServiceError> {
    check_list(appliance.store(), enrolment)?;
    let mut count = 0;
    for (site, entry) in enrolment.revoked() {
        let digest = hex::encode(Sha256::digest(&entry.sign_spki));
        let record = appliance.entry(audit::SELF, REVOKE, site.as_str());
        let record = record.detail(KEY, &digest);
        let name = fact_name(&entry.sign_spki);
        let rendered = |seq| record.render(seq);
        let body = body(site.as_str(), &digest);
        appliance.store().put_fact(&name, &body, &rendered)?;
        forget_uploads(appliance, site)?;
        count += 1;
    }
    metrics::sites_revoked(count);
    Ok(())
}

/// Takes the revocations of the older epoch's store over into the newer one's: custodians revoke sites, not
/// epochs of sites.
///
/// # Errors
/// What the stores say.
pub fn carry_over(older: &Store, newer: &Store, now: u64) -> Result<(), ServiceError> {
    let damaged = |_opaque| ServiceError::Damaged {
        what: "the fact of a revocation",
    };
    for (name, body) in older.facts(PREFIX) {
        let mut input = Reader::new("a revocation", MAGIC, &body).map_err(damaged)?;
        let site = input.text(limits::TEXT_BYTES_MAX).map_err(damaged)?;
        let digest = input.text(limits::TEXT_BYTES_MAX).map_err(damaged)?;
        // Never below the entry before, whatever the clock says.
        let time = audit::Time::At(now.max(audit::newest(newer)));
        let record = audit::Entry::new(time, audit::SELF, REVOKE, site).detail(KEY, digest);
        newer.put_fact(&name, &body, &|seq| record.render(seq))?;
    }
    Ok(())
}

fn body(site: &str, digest: &str) -> Vec<u8> {
    let mut out = Writer::new(MAGIC);
    out.text(site);
    out.text(digest);
    out.finish()
}

/// Removes what a revoked site had begun. An upload that a stream carries ends at its next chunk.
fn forget_uploads(appliance: &Appliance, site: &SiteId) -> Result<(), ServiceError> {
    for upload in appliance.store().uploads() {
        let stored = header::stored(appliance, upload.batch_id)?;
        if stored.is_some_and(|stored| header::names_site(&stored, site))
            && let Ok(_claim) = appliance.claim(upload.batch_id)
        {
            appliance.store().discard_upload(upload.batch_id)?;
            tracing::info!(%site, batch = %upload.batch_id, "an upload of a revoked site was removed");
        }
    }
    Ok(())
}

fn site_of(caller: &Caller) -> Option<&SiteId> {
    match caller.grant() {
        Grant::Site(site) | Grant::Consultation(site) => Some(site),
        Grant::Processing { .. } | Grant::Operator => None,
    }
}

/// Facts go by the key: a site that was enrolled anew may be revoked anew.
fn fact_name(sign_spki: &[u8]) -> String {
    let digest = hex::encode(Sha256::digest(sign_spki));
    format!("{PREFIX}{}", &digest[..32])
}
