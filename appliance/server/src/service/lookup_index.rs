//! The look-up index of the newest run that ended well: built beside everything else, exchanged as one.
//!
//! It is derived state: made from the segment files, the assignments and the model of one run, at the
//! start and after each run, by a thread of its own. Until the new one stands the old one answers, if
//! there is room for both. Nothing is built while no caller may ask.

mod build;

use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use appliance_store::GenerationRow;
use arc_swap::ArcSwapOption;
use keymgmt_custody::Secret;
use linker_match::lookup::LookupIndex;
use linker_token::{ProjectId, second_layer::SecondLayer};

use crate::{
    audit,
    auth::Method,
    error::ServiceError,
    limits, metrics,
    ready::Condition,
    service::{Appliance, release},
};

/// How it stands with the look-up index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IndexState {
    /// Nobody may ask, so there is none.
    Off,
    /// No run has ended well yet.
    NoRun,
    /// It is being built; an older one may answer meanwhile.
    Building,
    /// It answers.
    Ready {
        /// The run.
        run_id: String,
        /// Rows that can be found.
        rows: u64,
    },
    /// There is no room for it.
    TooLarge {
        /// Bytes that it needs.
        needed: u64,
        /// Bytes that it may have.
        bound: u64,
    },
    /// It could not be built; it is tried again.
    Failed {
        /// Why.
        code: &'static str,
    },
}

/// An index with all that an answer needs.
pub(super) struct Served {
    pub(super) index: LookupIndex,
    /// The permutation that admission applied to the index's rows.
    pub(super) layer: SecondLayer,
    pub(super) run_id: String,
    /// Per record of the run, the number of its person.
    pub(super) person_of_record: Vec<u32>,
    /// Per person, its research ID.
    research_ids: Vec<[u8; 16]>,
    built_at: u64,
    /// Keys of projects that have asked, so that an answer waits for the token once and not every time.
    keys: Mutex<BTreeMap<ProjectId, Arc<Secret>>>,
}

impl std::fmt::Debug for Served {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Served(..)")
    }
}

impl Served {
    /// The pseudonym of a record's person in a project, with check character.
    ///
    /// # Errors
    /// [`ServiceError::Hsm`] if the project asks for the first time and the token does not answer.
    pub(super) fn pseudonym(
        &self,
        appliance: &Appliance,
        project: &ProjectId,
        record: u32,
    ) -> Result<String, ServiceError> {
        let person = self.person_of_record.get(record as usize);
        let id = person.and_then(|&person| self.research_ids.get(person as usize));
        let id = id.ok_or(ServiceError::Internal)?;
        let known = self.keys().get(project).cloned();
        let key = match known {
            Some(key) => key,
            None => {
                // Only projects of the configuration's callers come this far, so the list is bounded.
                let entry = appliance.entry(audit::SELF, "derive-pseudonym-key", project.as_str());
                let key = appliance.around(&entry, |intent| {
                    release::project_key(appliance, project, intent)
                })?;
                let key = Arc::new(key);
                self.keys().insert(project.clone(), Arc::clone(&key));
                key
            }
        };
        Ok(crate::pseudonym::text(&crate::pseudonym::pseudonym(
            &key, id,
        )))
    }

    fn keys(&self) -> MutexGuard<'_, BTreeMap<ProjectId, Arc<Secret>>> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn bytes(&self) -> u64 {
        let persons = self.person_of_record.len() * 4 + self.research_ids.len() * 16;
        (self.index.bytes() + persons) as u64
    }
}

/// The index that answers, and what is known about the one to come.
#[derive(Debug, Default)]
pub(super) struct Lookups {
    served: ArcSwapOption<Served>,
    building: AtomicBool,
    /// Bytes that an index under construction may take.
    planned: AtomicU64,
    /// The run that was tried last without success, when, and why.
    tried: Mutex<Option<Tried>>,
}

#[derive(Debug, Clone)]
struct Tried {
    run_id: String,
    at: Instant,
    state: IndexState,
}

impl Lookups {
    fn tried(&self) -> MutexGuard<'_, Option<Tried>> {
        self.tried.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The index that answers now.
///
/// # Errors
/// Why there is none: [`ServiceError::NoRun`], [`ServiceError::IndexBuilding`],
/// [`ServiceError::IndexTooLarge`] or [`ServiceError::IndexFailed`].
pub(super) fn served(appliance: &Appliance) -> Result<Arc<Served>, ServiceError> {
    if let Some(served) = appliance.lookups.served.load_full() {
        return Ok(served);
    }
    Err(match state(appliance)? {
        IndexState::NoRun => ServiceError::NoRun,
        IndexState::TooLarge { needed, bound } => ServiceError::IndexTooLarge { needed, bound },
        IndexState::Failed { .. } => ServiceError::IndexFailed,
        IndexState::Off | IndexState::Building | IndexState::Ready { .. } => {
            ServiceError::IndexBuilding
        }
    })
}

/// How it stands, for the status page.
///
/// # Errors
/// What the store says.
pub fn state(appliance: &Appliance) -> Result<IndexState, ServiceError> {
    if !is_wanted(appliance) {
        return Ok(IndexState::Off);
    }
    let Some(generation) = appliance.store().generation()? else {
        return Ok(IndexState::NoRun);
    };
    let lookups = &appliance.lookups;
    if let Some(served) = &*lookups.served.load()
        && served.run_id == generation.run_id
    {
        return Ok(IndexState::Ready {
            run_id: served.run_id.clone(),
            rows: served.index.rows() as u64,
        });
    }
    let tried = lookups.tried();
    let tried = tried
        .as_ref()
        .filter(|tried| tried.run_id == generation.run_id);
    Ok(tried.map_or(IndexState::Building, |tried| tried.state.clone()))
}

/// Bytes of the memory bound that belong to the look-up index and not to a run: those it has, those it
/// takes while it is built, and those that the newest run's will take.
pub(super) fn reserved(appliance: &Appliance) -> Result<u64, ServiceError> {
    let Some(bound) = share(appliance) else {
        return Ok(0);
    };
    let lookups = &appliance.lookups;
    let held = lookups
        .served
        .load()
        .as_ref()
        .map_or(0, |served| served.bytes());
    let now = held + lookups.planned.load(Ordering::Acquire);
    let soon = match (state(appliance)?, appliance.store().generation()?) {
        (IndexState::Building | IndexState::Failed { .. }, Some(generation)) => {
            build::Plan::of(appliance, generation)?.needed
        }
        _ => 0,
    };
    Ok(now.max(soon).min(bound))
}

/// Sees to it that the newest run's index is there or on its way, and that none is there that nobody may
/// ask. Returns at once.
pub fn refresh(appliance: &Arc<Appliance>) {
    note_age(appliance);
    let lookups = &appliance.lookups;
    if !is_wanted(appliance) {
        if lookups.served.swap(None).is_some() {
            metrics::lookup_index(0, 0);
            tracing::info!("the look-up index is given up: no caller may ask");
        }
        return;
    }
    let latch = appliance.latch();
    let able = [Condition::Keys, Condition::Store].map(|condition| latch.holds(condition));
    if able != [true; 2] || appliance.accepting().is_err() {
        return;
    }
    match due(appliance) {
        Ok(Some(generation)) => start(appliance, generation),
        Ok(None) => {}
        Err(error) => tracing::error!(code = error.code(), "the newest run cannot be read"),
    }
}

/// Whether any caller may ask for a single token's person.
fn is_wanted(appliance: &Appliance) -> bool {
    let trust = appliance.trust();
    trust
        .callers
        .iter()
        .any(|(_, grant)| grant.allows(Method::ResolveToken))
}

/// What the index may take of the memory bound, if there is one.
fn share(appliance: &Appliance) -> Option<u64> {
    let bound = appliance
        .settings
        .memory_bytes
        .filter(|_| is_wanted(appliance));
    bound.map(|bound| bound / limits::LOOKUP_MEMORY_SHARE)
}

/// The newest run, if its index is not there and may be tried.
fn due(appliance: &Appliance) -> Result<Option<GenerationRow>, ServiceError> {
    let Some(generation) = appliance.store().generation()? else {
        return Ok(None);
    };
    let lookups = &appliance.lookups;
    let served = lookups.served.load();
    if served
        .as_ref()
        .is_some_and(|served| served.run_id == generation.run_id)
    {
        return Ok(None);
    }
    let tried = lookups.tried();
    let tried = tried
        .as_ref()
        .filter(|tried| tried.run_id == generation.run_id);
    let wait = tried.is_some_and(|tried| {
        matches!(tried.state, IndexState::TooLarge { .. })
            || tried.at.elapsed() < limits::LOOKUP_RETRY
    });
    Ok((!wait).then_some(generation))
}

/// Builds on a thread of its own, unless one is at it.
fn start(appliance: &Arc<Appliance>, generation: GenerationRow) {
    if appliance.lookups.building.swap(true, Ordering::AcqRel) {
        return;
    }
    let builder = Builder(Arc::clone(appliance));
    let thread = std::thread::Builder::new().name("look-up index".to_owned());
    let spawned = thread.spawn(move || builder.build(generation));
    if spawned.is_err() {
        tracing::error!("no thread can be started to build the look-up index");
    }
}

/// The one who builds. Dropping it, even in a panic, makes room for the next.
struct Builder(Arc<Appliance>);

impl Builder {
    fn build(self, generation: GenerationRow) {
        let run_id = generation.run_id.clone();
        let started = Instant::now();
        let outcome = catch_unwind(AssertUnwindSafe(|| self.try_to(generation)));
        match outcome.unwrap_or(Err(ServiceError::Internal)) {
            Ok(served) => {
                let (rows, bytes) = (served.index.rows() as u64, served.bytes());
                self.0.lookups.served.store(Some(Arc::new(served)));
                *self.0.lookups.tried() = None;
                metrics::lookup_index(rows, bytes);
                metrics::lookup_index_age(Duration::ZERO);
                let seconds = started.elapsed().as_secs_f64();
                tracing::info!(run = %run_id, rows, bytes, seconds, "the look-up index answers");
            }
            Err(ServiceError::Stopping) => {}
            Err(error) => self.note(run_id, &error),
        }
    }

    fn try_to(&self, generation: GenerationRow) -> Result<Served, ServiceError> {
        let appliance = &*self.0;
        let plan = build::Plan::of(appliance, generation)?;
        self.make_room(plan.needed)?;
        plan.build(appliance)
    }

    /// Refuses what does not fit. If there is no room for the old index beside the new one, the old one
    /// goes first, and nothing answers until the new one stands.
    fn make_room(&self, needed: u64) -> Result<(), ServiceError> {
        let lookups = &self.0.lookups;
        if let Some(bound) = share(&self.0) {
            let held = lookups.served.load().as_ref().map_or(0, |old| old.bytes());
            if held + needed > bound {
                lookups.served.store(None);
                metrics::lookup_index(0, 0);
            }
            check_room(needed, bound)?;
        }
        lookups.planned.store(needed, Ordering::Release);
        Ok(())
    }

    fn note(&self, run_id: String, error: &ServiceError) {
        let state = if let ServiceError::IndexTooLarge { needed, bound } = *error {
            tracing::error!(run = %run_id, needed, bound, "there is no room for the look-up index");
            IndexState::TooLarge { needed, bound }
        } else {
            let cause = std::error::Error::source(error).map(ToString::to_string);
            let code = error.code();
            tracing::error!(run = %run_id, code, cause, "the look-up index could not be built");
            IndexState::Failed { code }
        };
        *self.0.lookups.tried() = Some(Tried {
            run_id,
            at: Instant::now(),
            state,
        });
    }
}

fn check_room(needed: u64, bound: u64) -> Result<(), ServiceError> {
    if needed > bound {
        return Err(ServiceError::IndexTooLarge { needed, bound });
    }
    Ok(())
}

impl Drop for Builder {
    fn drop(&mut self) {
        let lookups = &self.0.lookups;
        lookups.planned.store(0, Ordering::Release);
        lookups.building.store(false, Ordering::Release);
    }
}

fn note_age(appliance: &Appliance) {
    let built_at = appliance
        .lookups
        .served
        .load()
        .as_ref()
        .map(|served| served.built_at);
    if let Some(built_at) = built_at {
        let age = appliance.now().saturating_sub(built_at);
        metrics::lookup_index_age(Duration::from_secs(age));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_that_does_not_fit_is_refused() {
        assert!(check_room(1 << 30, 1 << 30).is_ok());
        let past = check_room((1 << 30) + 1, 1 << 30).expect_err("one past");
        assert_eq!(past.code(), "INDEX_TOO_LARGE");
    }
}
