//! What the appliance does, one operation a function, without a word of transport.
//!
//! Calls block on disk, HSM and CPU: the listeners run them through [`blocking`].

pub mod epochs;
pub mod header;
pub mod health;
mod ids;
pub mod intake;
pub mod intent;
mod job;
pub mod lookup_index;
pub mod moving;
pub mod overview;
mod pace;
mod places;
pub mod plan;
pub mod release;
pub mod resolve_token;
pub mod revocation;
mod rows;
pub mod run;
pub mod run_evidence;
pub mod run_record;
pub mod scratch;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use appliance_store::{Scope, Store};
use arc_swap::ArcSwap;
use keymgmt_custody::{Custody, audit::Checkpoint, enrolment::Enrolment};
use linker_match::{Cancel, Settings};
use linker_token::{BatchId, SiteId};
pub use places::Place;
use tokio::sync::Semaphore;

use crate::{
    audit::{self, Entry, Stamp, Time},
    auth::Callers,
    clock::Clock,
    error::ServiceError,
    limits,
    ready::Latch,
};

/// Whom the appliance trusts; exchanged as one on reload.
#[derive(Debug)]
pub struct Trust {
    /// Who may call what.
    pub callers: Callers,
    /// The enrolled sites, signed by the custodians.
    pub enrolment: Enrolment,
}

/// Everything an operation needs.
pub struct Appliance {
    scope: Scope,
    origin: String,
    settings: Settings,
    scratch: PathBuf,
    cancel: Cancel,
    custody: Arc<dyn Custody>,
    store: Arc<Store>,
    before: Option<Arc<Store>>,
    clock: Clock,
    stamp: Stamp,
    latch: Latch,
    trust: ArcSwap<Trust>,
    claims: Arc<Mutex<BTreeSet<BatchId>>>,
    board: run::Board,
    stopping: AtomicBool,
    places: places::Places,
    lookups: lookup_index::Lookups,
    paces: pace::Paces,
    refusals: pace::Paces,
    started: Instant,
    site_rows: Mutex<BTreeMap<SiteId, u64>>,
    admission_slots: Arc<Semaphore>,
}

impl std::fmt::Debug for Appliance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Appliance(..)")
    }
}

/// What an appliance is made of.
pub struct Parts {
    /// Project, epoch, schema.
    pub scope: Scope,
    /// Name of the audit log.
    pub origin: String,
    /// How runs compare and decide.
    pub settings: Settings,
    /// Folder for rows of a run that do not fit in memory.
    pub scratch: PathBuf,
    /// The keys.
    pub custody: Arc<dyn Custody>,
    /// The store, opened with the same keys.
    pub store: Store,
    /// The store of the epoch before, from which persons keep their research IDs.
    pub before: Option<Arc<Store>>,
    /// The clock.
    pub clock: Clock,
    /// Callers and enrolment.
    pub trust: Trust,
    /// The readiness conditions, all open.
    pub latch: Latch,
}

impl Appliance {
    /// Puts the parts together and ends what the last process left unfinished.
    ///
    /// # Errors
    /// What the store says.
    pub fn new(parts: Parts) -> Result<Self, ServiceError> {
        let board = run::Board::load(&parts.store)?;
        let latch = parts.latch;
        let mut site_rows = BTreeMap::new();
        for row in parts.store.batches()? {
            *site_rows.entry(row.manifest.site).or_default() += u64::from(row.rows);
        }
        let newest = audit::newest(&parts.store);
        let appliance = Self {
            stamp: Stamp::new(parts.clock.clone(), newest),
            scope: parts.scope,
            origin: parts.origin,
            settings: parts.settings,
            scratch: parts.scratch,
            cancel: Cancel::new(),
            custody: parts.custody,
            store: Arc::new(parts.store),
            before: parts.before,
            clock: parts.clock,
            latch,
            trust: ArcSwap::from_pointee(parts.trust),
            claims: Arc::default(),
            board,
            stopping: AtomicBool::new(false),
            places: places::Places::default(),
            lookups: lookup_index::Lookups::default(),
            paces: pace::Paces::default(),
            refusals: pace::Paces::default(),
            started: Instant::now(),
            site_rows: Mutex::new(site_rows),
            admission_slots: Arc::new(Semaphore::new(limits::ADMISSIONS_MAX)),
        };
        run::end_interrupted(&appliance)?;
        revocation::take_up(&appliance, &appliance.trust().enrolment)?;
        Ok(appliance)
    }

    /// Project, epoch, schema.
    #[must_use]
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// The keys.
    #[must_use]
    pub fn custody(&self) -> &dyn Custody {
        &*self.custody
    }

    /// The store.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The store, for who outlives a call.
    #[must_use]
    pub fn shared_store(&self) -> Arc<Store> {
        Arc::clone(&self.store)
    }

    /// The readiness conditions.
    #[must_use]
    pub fn latch(&self) -> &Latch {
        &self.latch
    }

    /// Callers and enrolment in force.
    #[must_use]
    pub fn trust(&self) -> Arc<Trust> {
        self.trust.load_full()
    }

    /// Exchanges callers and enrolment, whose revocations [`revocation::take_up`] made durable before.
    pub fn replace_trust(&self, trust: Trust) {
        self.trust.store(Arc::new(trust));
    }

    /// Seconds since 1970.
    #[must_use]
    pub fn now(&self) -> u64 {
        self.clock.now()
    }

    /// Time since this process began, which no clock on the wall can turn back.
    fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// Takes a place for an upload stream of `site`.
    ///
    /// # Errors
    /// [`ServiceError::Busy`] if all are taken, or all that one site may have.
    pub fn upload_place(&self, site: &SiteId) -> Result<Place, ServiceError> {
        self.places.take(site)
    }

    /// Refuses a batch of `rows` that its site has no room for.
    fn check_site_rows(&self, site: &SiteId, rows: u32) -> Result<(), ServiceError> {
        let site_rows = self.site_rows.lock();
        let site_rows = site_rows.unwrap_or_else(PoisonError::into_inner);
        check_rows(site_rows.get(site).copied().unwrap_or(0), rows)
    }

    /// Counts the rows of a batch that was just admitted.
    fn count_site_rows(&self, site: &SiteId, rows: u32) {
        let site_rows = self.site_rows.lock();
        let mut site_rows = site_rows.unwrap_or_else(PoisonError::into_inner);
        *site_rows.entry(site.clone()).or_default() += u64::from(rows);
    }

    /// Places for batches that are opened and admitted.
    #[must_use]
    pub fn admission_slots(&self) -> Arc<Semaphore> {
        self.admission_slots.clone()
    }

    /// Takes no new work from now on.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
        self.cancel.cancel();
    }

    /// Refuses once the service is stopping.
    ///
    /// # Errors
    /// [`ServiceError::Stopping`].
    pub fn accepting(&self) -> Result<(), ServiceError> {
        if self.stopping.load(Ordering::Acquire) {
            Err(ServiceError::Stopping)
        } else {
            Ok(())
        }
    }

    /// An audit entry of the moment in which it is written.
    #[must_use]
    pub fn entry(&self, actor: &str, operation: &'static str, subject: &str) -> Entry {
        let time = Time::Written(self.stamp.clone());
        Entry::new(time, actor, operation, subject)
    }

    /// Writes an entry that belongs to no state change.
    ///
    /// # Errors
    /// What the store says.
    pub fn append_audit(&self, entry: &Entry) -> Result<u64, ServiceError> {
        Ok(self.store.record(&|seq| entry.render(seq))?)
    }

    /// Reserves a batch for one stream.
    ///
    /// # Errors
    /// [`ServiceError::Busy`] if another stream carries it.
    pub fn claim(&self, batch_id: BatchId) -> Result<Claim, ServiceError> {
        let mut claims = self.claims.lock().unwrap_or_else(PoisonError::into_inner);
        if claims.insert(batch_id) {
            Ok(Claim {
                claims: self.claims.clone(),
                batch_id,
            })
        } else {
            Err(ServiceError::Busy {
                what: "an upload of this batch",
            })
        }
    }

    /// An audit entry with a signed checkpoint, the way between them, and the way to that checkpoint from
    /// the one of size `seen`. A size that the log never had gets no such way.
    ///
    /// # Errors
    /// [`ServiceError::Hsm`] if the log has grown and the token does not answer.
    pub fn prove(&self, index: u64, seen: u64) -> Result<Proof, ServiceError> {
        let entry = self.store.audit_entry(index)?;
        let checkpoint = self.store.checkpoint()?;
        let audit_key = self.custody.audit_public_key();
        let verified =
            Checkpoint::verify(&checkpoint, &self.origin, audit_key).map_err(|_opaque| {
                ServiceError::Damaged {
                    what: "a checkpoint",
                }
            })?;
        let hashes = self.store.inclusion_proof(index, verified.size)?;
        let consistency = if (1..verified.size).contains(&seen) {
            self.store.consistency_proof(seen, verified.size)?
        } else {
            Vec::new()
        };
        Ok(Proof {
            entry: entry.into_bytes(),
            checkpoint,
            hashes,
            consistency,
        })
    }
}

/// An audit entry and its proof.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// The entry's bytes.
    pub entry: Vec<u8>,
    /// A signed checkpoint that covers it.
    pub checkpoint: String,
    /// Hashes from the entry to the checkpoint's root.
    pub hashes: Vec<[u8; 32]>,
    /// Hashes from an older checkpoint's root to this one's.
    pub consistency: Vec<[u8; 32]>,
}

/// The bound of the rows that one site holds.
fn check_rows(held: u64, rows: u32) -> Result<(), ServiceError> {
    if held + u64::from(rows) > limits::SITE_ROWS_MAX {
        return Err(ServiceError::TooLarge {
            what: "the number of rows of this site",
            limit: usize::try_from(limits::SITE_ROWS_MAX).unwrap_or(usize::MAX),
        });
    }
    Ok(())
}

/// One stream's hold on a batch; dropping it lets go.
#[derive(Debug)]
pub struct Claim {
    claims: Arc<Mutex<BTreeSet<BatchId>>>,
    batch_id: BatchId,
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.claims
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&self.batch_id);
    }
}

/// Runs blocking work on a thread of its own.
///
/// # Errors
/// The work's, or [`ServiceError::Internal`] if it panicked.
pub async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ServiceError> + Send + 'static,
) -> Result<T, ServiceError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(_panicked) => Err(ServiceError::Internal),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rows_of_a_site_are_bounded() {
        assert!(check_rows(limits::SITE_ROWS_MAX - 1, 1).is_ok());
        let past = check_rows(limits::SITE_ROWS_MAX, 1).expect_err("one past");
        assert_eq!(past.code(), "TOO_LARGE");
        assert!(check_rows(0, u32::MAX).is_err());
    }
}
