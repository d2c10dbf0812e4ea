//! The key epochs that one service serves: the one in force, and while sites move over, one beside it.
//!
//! Each epoch is an [`Appliance`] of its own with its own keys, store, log and enrolment, so nothing can
//! compare rows of two epochs. Which one is in force is a fact in the newer one's store, put there by
//! `appliance switch-epoch`, and fixed while a process lives.

use std::sync::Arc;

use appliance_store::Store;
use linker_token::{BatchId, Epoch, Manifest, canonical::Writer};

use crate::{
    audit,
    auth::Caller,
    error::ServiceError,
    service::{
        Appliance, intake,
        moving::{self, Moving, SiteMove},
        revocation,
    },
};

const MAGIC: [u8; 8] = *b"MSBEPCH1";
/// The newer store's fact that its epoch is in force.
const IN_FORCE: &str = "epoch-in-force";
/// The newer store's fact beside which epoch it was begun.
const FOLLOWS: &str = "epoch-follows";
/// The older store's fact that another epoch follows.
const FOLLOWED: &str = "epoch-followed";

/// The epoch in force, and the one beside it.
#[derive(Debug)]
pub struct Epochs {
    current: Arc<Appliance>,
    beside: Beside,
    moving: Moving,
}

/// What is served beside the epoch in force.
#[derive(Debug)]
enum Beside {
    Nothing,
    /// A newer epoch, to which sites move over.
    Next(Arc<Appliance>),
    /// The older epoch, which takes no uploads any more. Its runs and releases can be read.
    Former(Arc<Appliance>),
}

impl Epochs {
    /// One epoch, as nearly always.
    #[must_use]
    pub fn one(appliance: Arc<Appliance>) -> Self {
        Self {
            current: appliance,
            beside: Beside::Nothing,
            moving: Moving::default(),
        }
    }

    /// An older epoch and a newer one. The newer one is in force if it was put there.
    #[must_use]
    pub fn two(older: Arc<Appliance>, newer: Arc<Appliance>) -> Self {
        let (current, beside) = if is_in_force(newer.store()) {
            (newer, Beside::Former(older))
        } else {
            (older, Beside::Next(newer))
        };
        Self {
            current,
            beside,
            moving: Moving::default(),
        }
    }

    /// The epoch in force.
    #[must_use]
    pub fn current(&self) -> &Arc<Appliance> {
        &self.current
    }

    /// The next epoch, while sites move over to it.
    #[must_use]
    pub fn next(&self) -> Option<&Arc<Appliance>> {
        match &self.beside {
            Beside::Next(next) => Some(next),
            Beside::Nothing | Beside::Former(_) => None,
        }
    }

    /// The former epoch, after the change.
    #[must_use]
    pub fn former(&self) -> Option<&Arc<Appliance>> {
        match &self.beside {
            Beside::Former(former) => Some(former),
            Beside::Nothing | Beside::Next(_) => None,
        }
    }

    /// All that are served, the epoch in force first.
    pub fn all(&self) -> impl Iterator<Item = &Arc<Appliance>> {
        let beside = match &self.beside {
            Beside::Nothing => None,
            Beside::Next(one) | Beside::Former(one) => Some(one),
        };
        std::iter::once(&self.current).chain(beside)
    }

    /// The one that takes uploads of an epoch; for an epoch that nobody serves, the one in force, which
    /// says so.
    #[must_use]
    pub fn taking(&self, epoch: Epoch) -> &Arc<Appliance> {
        let next = self.next();
        let next = next.filter(|next| next.scope().epoch == epoch);
        next.unwrap_or(&self.current)
    }

    /// The one that takes an upload with these canonical bytes of a manifest.
    #[must_use]
    pub fn taking_manifest(&self, manifest: &[u8]) -> &Arc<Appliance> {
        let epoch = Manifest::from_bytes(manifest).map(|manifest| manifest.epoch);
        epoch.map_or(&self.current, |epoch| self.taking(epoch))
    }

    /// The one that knows a batch; the one in force if none does.
    ///
    /// # Errors
    /// What the store says.
    pub fn knowing(&self, batch_id: BatchId) -> Result<&Arc<Appliance>, ServiceError> {
        for appliance in self.all() {
            if intake::knows(appliance, batch_id)? {
                return Ok(appliance);
            }
        }
        Ok(&self.current)
    }

    /// The one whose store has a run; the one in force if none has.
    ///
    /// # Errors
    /// What the store says.
    pub fn with_run(&self, run_id: &str) -> Result<&Arc<Appliance>, ServiceError> {
        self.having(|store| Ok(store.get_run(run_id)?.is_some()))
    }

    /// The one whose store has a release; the one in force if none has.
    ///
    /// # Errors
    /// What the store says.
    pub fn with_release(&self, release_id: &str) -> Result<&Arc<Appliance>, ServiceError> {
        self.having(|store| Ok(store.release(release_id)?.is_some()))
    }

    fn having(
        &self,
        has: impl Fn(&Store) -> Result<bool, ServiceError>,
    ) -> Result<&Arc<Appliance>, ServiceError> {
        if !has(self.current.store())?
            && let Some(former) = self.former()
            && has(former.store())?
        {
            return Ok(former);
        }
        Ok(&self.current)
    }

    /// Refuses a caller whose site is revoked in any epoch that is served: the custodians revoke sites, not
    /// epochs of sites.
    ///
    /// # Errors
    /// [`ServiceError::SiteRevoked`].
    pub fn check_caller(&self, caller: &Caller) -> Result<(), ServiceError> {
        self.all()
            .try_for_each(|appliance| revocation::check_caller(appliance, caller))
    }

    /// How far the sites have moved over, as last counted; nothing without a next epoch.
    #[must_use]
    pub fn moves(&self) -> Option<Arc<Vec<SiteMove>>> {
        self.next()?;
        Some(self.moving.counted())
    }

    /// Counts anew how far the sites have moved over, if something changed and it is time. Reads every row
    /// of both epochs, so it has its own pace.
    pub fn count_moves(&self) {
        if let Some(next) = self.next() {
            self.moving.count(self.current.store(), next);
        }
    }
}

/// Notes, when a newer epoch is opened beside an older one for the first time, which one it follows. From
/// then on its store is not served alone until it was put in force.
///
/// # Errors
/// [`ServiceError::OtherEpoch`] if it was opened beside another one before, or the store's.
pub fn note_opened(older: &Store, newer: &Appliance) -> Result<(), ServiceError> {
    check_begun(older)?;
    let mut out = Writer::new(MAGIC);
    out.u32(older.scope().epoch.0);
    out.text(older.origin());
    let body = out.finish();
    let known = newer.store().fact(FOLLOWS);
    if known.as_ref().is_some_and(|known| *known != body) {
        return Err(ServiceError::OtherEpoch {
            rule: "the next epoch was begun beside another epoch than that of [linkage]",
        });
    }
    let subject = format!("epoch-{}", newer.scope().epoch);
    let entry = newer
        .entry(audit::SELF, "open-epoch", &subject)
        .detail("former-epoch", &older.scope().epoch.to_string())
        .detail("former-log", older.origin());
    let store = newer.store();
    Ok(store.put_fact(FOLLOWS, &body, &|seq| entry.render(seq))?)
}

/// Refuses an epoch in `[linkage]` that was begun as the next one and never put in force: people would lose
/// their research IDs.
///
/// # Errors
/// [`ServiceError::OtherEpoch`].
pub fn check_begun(store: &Store) -> Result<(), ServiceError> {
    if store.fact(FOLLOWS).is_some() && !is_in_force(store) {
        return Err(ServiceError::OtherEpoch {
            rule: "the epoch of [linkage] was begun as the next one and is not in force yet",
        });
    }
    Ok(())
}

/// Refuses to serve an epoch alone that was followed by another: sites would go on with an epoch that has
/// ended.
///
/// # Errors
/// [`ServiceError::OtherEpoch`].
pub fn check_alone(store: &Store) -> Result<(), ServiceError> {
    check_begun(store)?;
    if store.fact(FOLLOWED).is_some() {
        return Err(ServiceError::OtherEpoch {
            rule: "the epoch of [linkage] has ended, and the next one is in force",
        });
    }
    Ok(())
}

/// Whether a store's epoch was put in force.
#[must_use]
pub fn is_in_force(store: &Store) -> bool {
    store.fact(IN_FORCE).is_some()
}

/// Puts the newer epoch in force: first the older log says so, then the newer store. What is interrupted
/// between the two is finished by a repeat. `now` is in seconds since 1970; `without` are sites that are
/// missing and were named.
///
/// # Errors
/// What the stores say.
pub fn put_in_force(
    (older, newer): (&Store, &Store),
    now: u64,
    moves: &[SiteMove],
    without: &[String],
) -> Result<(), ServiceError> {
    let (from, to) = (older.scope().epoch, newer.scope().epoch);
    let missing = moves.iter().filter(|site| site.is_missing()).count() as u64;
    let entry = |store: &Store, operation, subject: &str| {
        // Never below the entry before, whatever the clock says.
        let time = audit::Time::At(now.max(audit::newest(store)));
        audit::Entry::new(time, audit::SELF, operation, subject)
            .count("sites", moves.len() as u64)
            .count("sites-missing", missing)
            .detail("without", &without.join(","))
    };
    let body = |epoch: Epoch, log: &str, size: u64| {
        let mut out = Writer::new(MAGIC);
        out.u32(epoch.0);
        out.text(log);
        out.u64(size);
        out.u32(u32::try_from(without.len()).unwrap_or(u32::MAX));
        without.iter().for_each(|site| out.text(site));
        out.finish()
    };
    if older.fact(FOLLOWED).is_none() {
        let record = entry(older, "end-epoch", &format!("epoch-{from}"))
            .detail("next-epoch", &to.to_string())
            .detail("next-log", newer.origin());
        let body = body(to, newer.origin(), newer.audit_size());
        older.put_fact(FOLLOWED, &body, &|seq| record.render(seq))?;
    }
    if !is_in_force(newer) {
        let signed = older.checkpoint()?;
        let root = signed.lines().nth(2).unwrap_or_default().to_owned();
        let record = entry(newer, "begin-epoch", &format!("epoch-{to}"))
            .count("former-log-size", older.audit_size())
            .detail("former-epoch", &from.to_string())
            .detail("former-log", older.origin())
            .detail("former-log-root", &root);
        let body = body(from, older.origin(), older.audit_size());
        newer.put_fact(IN_FORCE, &body, &|seq| record.render(seq))?;
    }
    Ok(())
}

/// How far the sites have moved from one store's epoch to the other's.
///
/// # Errors
/// What the stores say.
pub fn moves(older: &Store, newer: &Store) -> Result<Vec<SiteMove>, ServiceError> {
    moving::count(older, newer, &|| Ok(()))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use appliance_store::Scope;
    use keymgmt_custody::software::SoftwareCustody;
    use linker_token::{ProjectId, Schema};

    use super::*;
    use crate::service::moving::MoveState;

    fn store(folder: &Path, epoch: u32) -> Store {
        let scope = Scope {
            project: ProjectId::parse("demo").expect("a name"),
            epoch: Epoch(epoch),
            schema: Schema::jp_1(),
        };
        let custody = Arc::new(SoftwareCustody::danger_for_tests(epoch.into()));
        let (place, log) = (folder.join(epoch.to_string()), format!("a.log/{epoch}"));
        Store::open(&place, custody, scope, &log).expect("opens")
    }

    fn entries(store: &Store, operation: &str) -> usize {
        let entries = (0..store.audit_size()).map(|index| store.audit_entry(index).expect("reads"));
        let wanted = format!(r#""operation":"{operation}""#);
        entries.filter(|entry| entry.contains(&wanted)).count()
    }

    /// Cut off between the two stores, the act is finished by a repeat, and no entry is written twice.
    #[test]
    fn a_change_that_was_cut_off_is_finished_by_a_repeat() {
        let folder = tempfile::tempdir().expect("a folder");
        let (older, newer) = (store(folder.path(), 1), store(folder.path(), 2));
        let moves = [SiteMove {
            site: "town".to_owned(),
            records_before: 1,
            records: 0,
            carried: 0,
            state: MoveState::NotBegun,
        }];
        let without = ["town".to_owned()];
        let written = older.put_fact(FOLLOWED, b"as it was", &|seq| {
            format!(r#"{{"seq":{seq},"operation":"end-epoch"}}"#)
        });
        written.expect("is kept");
        assert!(!is_in_force(&newer), "only half of it is done");
        assert!(check_alone(&older).is_err());
        for _ in 0..2 {
            put_in_force((&older, &newer), 5, &moves, &without).expect("goes through");
            assert!(is_in_force(&newer));
            assert_eq!(entries(&older, "end-epoch"), 1);
            assert_eq!(entries(&newer, "begin-epoch"), 1);
        }
        check_alone(&newer).expect("is in force");
        check_begun(&newer).expect("is in force");
    }
}
