//! What the appliance does, one operation a function, without a word of transport.
//!
//! Calls block on disk, HSM and CPU: the listeners run them through [`blocking`].

pub mod header;
pub mod health;
mod ids;
pub mod intake;
mod job;
pub mod overview;
pub mod plan;
pub mod release;
pub mod run;
pub mod run_record;

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use appliance_store::{Scope, Store};
use arc_swap::ArcSwap;
use keymgmt_custody::{Custody, audit::Checkpoint, enrolment::Enrolment};
use linker_match::Settings;
use linker_token::BatchId;
use tokio::sync::Semaphore;

use crate::{audit::Entry, auth::Callers, clock::Clock, error::ServiceError, limits, ready::Latch};

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
    custody: Arc<dyn Custody>,
    store: Store,
    clock: Clock,
    latch: Latch,
    trust: ArcSwap<Trust>,
    claims: Arc<Mutex<BTreeSet<BatchId>>>,
    board: run::Board,
    stopping: AtomicBool,
    upload_slots: Arc<Semaphore>,
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
    /// The keys.
    pub custody: Arc<dyn Custody>,
    /// The store, opened with the same keys.
    pub store: Store,
    /// The clock.
    pub clock: Clock,
    /// Callers and enrolment.
    pub trust: Trust,
}

impl Appliance {
    /// Puts the parts together and ends what the last process left unfinished.
    ///
    /// # Errors
    /// What the store says.
    pub fn new(parts: Parts) -> Result<Self, ServiceError> {
        let board = run::Board::load(&parts.store)?;
        let appliance = Self {
            scope: parts.scope,
            origin: parts.origin,
            settings: parts.settings,
            custody: parts.custody,
            store: parts.store,
            clock: parts.clock,
            latch: Latch::default(),
            trust: ArcSwap::from_pointee(parts.trust),
            claims: Arc::default(),
            board,
            stopping: AtomicBool::new(false),
            upload_slots: Arc::new(Semaphore::new(limits::UPLOADS_MAX)),
            admission_slots: Arc::new(Semaphore::new(limits::ADMISSIONS_MAX)),
        };
        run::end_interrupted(&appliance)?;
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

    /// Exchanges callers and enrolment.
    pub fn replace_trust(&self, trust: Trust) {
        self.trust.store(Arc::new(trust));
    }

    /// Seconds since 1970.
    #[must_use]
    pub fn now(&self) -> u64 {
        self.clock.now()
    }

    /// Places for upload streams.
    #[must_use]
    pub fn upload_slots(&self) -> Arc<Semaphore> {
        self.upload_slots.clone()
    }

    /// Places for batches that are opened and admitted.
    #[must_use]
    pub fn admission_slots(&self) -> Arc<Semaphore> {
        self.admission_slots.clone()
    }

    /// Takes no new work from now on.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
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

    /// An audit entry of now.
    #[must_use]
    pub fn entry(&self, actor: &str, operation: &'static str, subject: &str) -> Entry {
        Entry::new(self.now(), actor, operation, subject)
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

    /// An audit entry with a signed checkpoint and the way between them.
    ///
    /// # Errors
    /// [`ServiceError::Hsm`] if the log has grown and the token does not answer.
    pub fn prove(&self, index: u64) -> Result<Proof, ServiceError> {
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
        Ok(Proof {
            entry: entry.into_bytes(),
            checkpoint,
            hashes,
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
