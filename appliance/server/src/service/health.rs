//! The checks that hold or open the readiness conditions.

use std::time::Duration;

use appliance_store::Health;

use crate::{
    audit,
    error::ServiceError,
    limits,
    ready::Condition,
    service::{Appliance, run},
};

/// Uses a key, and logs what changed.
pub fn check_keys(appliance: &Appliance) {
    note_keys(appliance, appliance.custody().check_health().is_ok());
}

/// Takes over whether the keys can be used, and logs what changed.
pub fn note_keys(appliance: &Appliance, hold: bool) {
    set(appliance, Condition::Keys, hold);
}

/// Ends abandoned uploads, on a clock and a store that hold.
pub fn expire_uploads(appliance: &Appliance) {
    let latch = appliance.latch();
    if latch.holds(Condition::Clock)
        && latch.holds(Condition::Store)
        && let Err(error) = expire(appliance)
    {
        tracing::error!(
            code = error.code(),
            "an abandoned upload could not be removed"
        );
    }
}

/// Checks the store, which opens itself again after a fault, and the clock. `elapsed` is the time since
/// any fixed moment.
pub fn check_store_and_clock(appliance: &Appliance, elapsed: Duration) {
    let health = appliance.store().reopen_if_due(elapsed);
    let writable = health == Health::Writable;
    if set(appliance, Condition::Store, writable) && writable {
        // A run that failed while nothing could be written could not say so.
        if let Err(error) = run::end_abandoned(appliance) {
            tracing::error!(code = error.code(), "an abandoned run could not be ended");
        }
    }
    set(appliance, Condition::Clock, clock_is_sane(appliance));
}

/// Whether the audit log has grown so much, or so long ago, that it gets a checkpoint.
#[must_use]
pub fn checkpoint_is_due(appliance: &Appliance, since_last: Duration) -> bool {
    let signed = appliance.store().signed_checkpoint();
    let signed = signed.map_or(0, |(size, _)| size);
    let new = appliance.store().audit_size().saturating_sub(signed);
    let able = appliance.latch().holds(Condition::Keys);
    able && (new >= limits::CHECKPOINT_ENTRIES
        || (new > 0 && since_last >= limits::CHECKPOINT_INTERVAL))
}

/// Signs a checkpoint of the whole audit log, unless the newest one covers it.
pub fn sign_checkpoint(appliance: &Appliance) {
    if let Err(error) = appliance.store().checkpoint() {
        let code = error.code();
        tracing::warn!(code, "the audit log got no checkpoint; it is tried again");
    }
}

/// Runs every kernel of this machine against the plain one. Once is enough.
pub fn check_kernels(appliance: &Appliance) {
    set(
        appliance,
        Condition::Kernel,
        linker_match::self_test().is_ok(),
    );
}

/// Records a check and logs a change; returns whether there was one.
fn set(appliance: &Appliance, condition: Condition, holds: bool) -> bool {
    let changed = appliance.latch().set(condition, holds);
    if changed {
        let condition = condition.name();
        if holds {
            tracing::info!(condition, "a readiness condition holds");
        } else {
            tracing::warn!(condition, "a readiness condition is open");
        }
    }
    changed
}

/// Ends uploads that nobody has touched for a long time. One that a stream carries is left alone.
fn expire(appliance: &Appliance) -> Result<(), ServiceError> {
    let now = Duration::from_secs(appliance.now());
    let old = |touched| now.saturating_sub(touched) > appliance_store::limits::UPLOAD_TTL;
    let uploads = appliance.store().uploads().into_iter();
    for upload in uploads.filter(|upload| old(upload.touched)) {
        // The store looks again under the claim: a stream may just have ended.
        if let Ok(_claim) = appliance.claim(upload.batch_id)
            && appliance.store().expire_upload(upload.batch_id, now)?
        {
            tracing::info!(batch = %upload.batch_id, "an abandoned upload was removed");
        }
    }
    Ok(())
}

/// The clock stands neither before this program nor before the newest audit entry.
fn clock_is_sane(appliance: &Appliance) -> bool {
    let now = appliance.now();
    let newest = audit::newest(appliance.store());
    now >= limits::CLOCK_FLOOR && now + limits::CLOCK_BACKSTEP_SECONDS >= newest
}
