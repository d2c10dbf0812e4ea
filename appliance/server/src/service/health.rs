//! The checks that hold or open the readiness conditions.

use std::time::Duration;

use appliance_store::Health;

use crate::{
    audit, limits,
    ready::Condition,
    service::{Appliance, run},
};

/// Uses a key, and logs what changed.
pub fn check_keys(appliance: &Appliance) {
    set(
        appliance,
        Condition::Keys,
        appliance.custody().check_health().is_ok(),
    );
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

/// The clock stands neither before this program nor before the newest audit entry.
fn clock_is_sane(appliance: &Appliance) -> bool {
    let now = appliance.now();
    let newest = appliance.store().audit_size().checked_sub(1);
    let newest = newest.and_then(|index| appliance.store().audit_entry(index).ok());
    let newest = newest
        .and_then(|entry| audit::instant(entry.as_bytes()))
        .unwrap_or(0);
    now >= limits::CLOCK_FLOOR && now + limits::CLOCK_BACKSTEP_SECONDS >= newest
}
