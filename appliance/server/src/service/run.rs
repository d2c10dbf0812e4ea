//! Runs: asked for, worked on by one thread, watched, and never left stuck.

use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use appliance_store::Store;
use sha2::{Digest as _, Sha256};
use tokio::sync::watch;

use crate::{
    auth::Caller,
    error::ServiceError,
    limits, metrics,
    ready::Condition,
    service::{
        Appliance,
        job::Job,
        lookup_index,
        run_record::{INTERRUPTED, Run, State},
    },
};

/// Which runs there are, and which one is worked on.
#[derive(Debug, Default)]
pub struct Board {
    notes: Mutex<Notes>,
    busy: [AtomicBool; 3],
}

#[derive(Debug, Default)]
struct Notes {
    by_request: BTreeMap<[u8; 32], String>,
    active: Option<(String, watch::Receiver<Run>)>,
}

impl Board {
    /// The board of a store that was just opened.
    ///
    /// # Errors
    /// What the store says.
    pub fn load(store: &Store) -> Result<Self, ServiceError> {
        let board = Self::default();
        for run in all(store)? {
            board.notes().by_request.insert(run.request, run.run_id);
        }
        Ok(board)
    }

    fn notes(&self) -> MutexGuard<'_, Notes> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A run to watch.
#[derive(Debug)]
pub enum Watched {
    /// It has ended.
    Ended(Box<Run>),
    /// It is worked on; the channel closes after its last state.
    Running(watch::Receiver<Run>),
}

/// Starts a run over everything that is admitted. The same request returns the first run.
///
/// # Errors
/// [`ServiceError::Busy`] while another run is worked on, [`ServiceError::NothingToLink`],
/// [`ServiceError::NotReady`] or the store's.
pub fn create(
    appliance: &Arc<Appliance>,
    caller: &Caller,
    request_id: &str,
) -> Result<Run, ServiceError> {
    let request = request_digest(caller, request_id);
    let mut notes = appliance.board.notes();
    if let Some(run_id) = notes.by_request.get(&request).cloned() {
        drop(notes);
        return find(appliance, &run_id);
    }
    appliance.accepting()?;
    for condition in Condition::ALL {
        appliance.latch().require(condition)?;
    }
    if appliance.store().batches()?.is_empty() {
        return Err(ServiceError::NothingToLink);
    }
    let heavy = Heavy::take(appliance, Work::Run)?;
    let run_id = name(notes.by_request.len() + 1, &request);
    let run = Run::new(run_id, request, appliance.now());
    let entry = appliance.entry(caller.uri(), "create-run", &run.run_id);
    appliance
        .store()
        .put_run(&run.to_row(), Some(&|seq| entry.render(seq)))?;
    let (sender, receiver) = watch::channel(run.clone());
    notes.by_request.insert(request, run.run_id.clone());
    notes.active = Some((run.run_id.clone(), receiver));
    drop(notes);
    let (worker, job) = (appliance.clone(), Job::new(run.clone(), sender));
    let actor = caller.uri().to_owned();
    let spawned = std::thread::Builder::new()
        .name("run".to_owned())
        .spawn(move || {
            work(&worker, job, &actor);
            drop(heavy);
            lookup_index::refresh(&worker);
        });
    if spawned.is_err() {
        appliance.board.notes().active = None;
        end_interrupted(appliance)?;
        return Err(ServiceError::Internal);
    }
    Ok(run)
}

/// One run as it stands.
///
/// # Errors
/// [`ServiceError::NotFound`].
pub fn find(appliance: &Appliance, run_id: &str) -> Result<Run, ServiceError> {
    if let Some((active, receiver)) = &appliance.board.notes().active
        && active == run_id
    {
        return Ok(receiver.borrow().clone());
    }
    let row = appliance.store().get_run(run_id)?;
    Run::from_row(&row.ok_or(ServiceError::NotFound { what: "run" })?)
}

/// Runs in the order of their names, which is that of their creation, behind the named one.
///
/// # Errors
/// What the store says.
pub fn list(appliance: &Appliance, after_run_id: &str) -> Result<Vec<Run>, ServiceError> {
    let all = runs(appliance)?.into_iter();
    Ok(all
        .filter(|run| *run.run_id > *after_run_id)
        .take(limits::RUNS_PAGE)
        .collect())
}

/// All runs, oldest first, as they stand.
///
/// # Errors
/// What the store says.
pub fn runs(appliance: &Appliance) -> Result<Vec<Run>, ServiceError> {
    let mut runs = all(appliance.store())?;
    if let Some((active, receiver)) = &appliance.board.notes().active {
        for run in runs.iter_mut().filter(|run| run.run_id == *active) {
            run.clone_from(&receiver.borrow());
        }
    }
    Ok(runs)
}

/// The states of a run from now on.
///
/// # Errors
/// [`ServiceError::NotFound`].
pub fn watch(appliance: &Appliance, run_id: &str) -> Result<Watched, ServiceError> {
    if let Some((active, receiver)) = &appliance.board.notes().active
        && active == run_id
    {
        return Ok(Watched::Running(receiver.clone()));
    }
    find(appliance, run_id).map(|run| Watched::Ended(Box::new(run)))
}

/// Whether a run is worked on.
#[must_use]
pub fn is_active(appliance: &Appliance) -> bool {
    appliance.board.notes().active.is_some()
}

/// Memory-hungry work. There is one place for each kind, so that whoever plans or releases all the time
/// keeps nobody from running. Each holds all rows once, or all lines of a release, which are fewer bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// A run.
    Run,
    /// A plan; not begun while a run is worked on.
    Plan,
    /// A release.
    Release,
}

impl Work {
    fn index(self) -> usize {
        match self {
            Self::Run => 0,
            Self::Plan => 1,
            Self::Release => 2,
        }
    }

    fn busy(self) -> ServiceError {
        ServiceError::Busy {
            what: match self {
                Self::Run => "another run",
                Self::Plan => "a run or another plan",
                Self::Release => "another release",
            },
        }
    }
}

/// Does memory-hungry work unless other such work is under way.
///
/// # Errors
/// [`ServiceError::Busy`], or the work's.
pub fn alone<T>(
    appliance: &Arc<Appliance>,
    kind: Work,
    work: impl FnOnce() -> Result<T, ServiceError>,
) -> Result<T, ServiceError> {
    if kind == Work::Plan && is_active(appliance) {
        return Err(kind.busy());
    }
    let _heavy = Heavy::take(appliance, kind)?;
    work()
}

/// The newest run that ended well.
pub(super) fn newest_released(appliance: &Appliance) -> Result<Option<Run>, ServiceError> {
    newest_released_of(appliance.store())
}

/// Persons who ever received a research ID before a run whose epoch's newest run is `last`. The first run of
/// an epoch goes on counting where the epoch before ended.
pub(super) fn cumulative_before(
    appliance: &Appliance,
    last: Option<&Run>,
) -> Result<u64, ServiceError> {
    let counts = match (last, &appliance.before) {
        (Some(last), _) => last.counts,
        (None, Some(before)) => newest_released_of(before)?.and_then(|run| run.counts),
        (None, None) => None,
    };
    Ok(counts.map_or(0, |counts| counts.cumulative))
}

fn newest_released_of(store: &Store) -> Result<Option<Run>, ServiceError> {
    let mut runs = all(store)?.into_iter();
    Ok(runs.rfind(|run| run.state == State::Released))
}

/// SHA-256 over caller and request ID: a request ID means something to its caller only.
pub(super) fn request_digest(caller: &Caller, request_id: &str) -> [u8; 32] {
    Sha256::new()
        .chain_update(caller.uri())
        .chain_update([0])
        .chain_update(request_id)
        .finalize()
        .into()
}

/// Marks as failed what nobody works on any more.
pub(super) fn end_abandoned(appliance: &Appliance) -> Result<(), ServiceError> {
    let notes = appliance.board.notes();
    if notes.active.is_some() {
        return Ok(());
    }
    end_interrupted(appliance)
}

/// Marks as failed what the last process left unfinished.
pub(super) fn end_interrupted(appliance: &Appliance) -> Result<(), ServiceError> {
    for mut run in all(appliance.store())?
        .into_iter()
        .filter(|run| !run.state.is_final())
    {
        run.state = State::Failed;
        INTERRUPTED.clone_into(&mut run.failure_code);
        run.version += 1;
        let entry = appliance
            .entry(crate::audit::SELF, "end-run", &run.run_id)
            .result(INTERRUPTED);
        appliance
            .store()
            .put_run(&run.to_row(), Some(&|seq| entry.render(seq)))?;
        tracing::warn!(run = %run.run_id, "a run that was cut off is marked as failed");
    }
    Ok(())
}

fn all(store: &Store) -> Result<Vec<Run>, ServiceError> {
    let mut runs: Vec<Run> = Vec::new();
    loop {
        let after = runs.last().map_or("", |run| &run.run_id);
        let page = store.list_runs(after, appliance_store::limits::LIST_MAX)?;
        if page.is_empty() {
            return Ok(runs);
        }
        for row in &page {
            runs.push(Run::from_row(row)?);
        }
    }
}

/// Works on a run to its end, whatever happens.
fn work(appliance: &Arc<Appliance>, mut job: Job, actor: &str) {
    let outcome = catch_unwind(AssertUnwindSafe(|| job.execute(appliance, actor)));
    let result = outcome.unwrap_or(Err(ServiceError::Internal));
    match result {
        Ok(()) => metrics::run("released"),
        Err(ServiceError::Stopping) => {
            tracing::warn!(run = %job.run().run_id, "a run was cut off by the service's end");
        }
        Err(error) => {
            metrics::run("failed");
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            tracing::error!(run = %job.run().run_id, code = error.code(), cause, "a run failed");
            if let Err(error) = job.fail(appliance, &error) {
                tracing::error!(
                    code = error.code(),
                    "the failure of a run could not be kept"
                );
            }
        }
    }
    appliance.board.notes().active = None;
}

/// `run-000012-0a1b2c3d`: the number sorts, the digits keep stores apart.
fn name(number: usize, request: &[u8; 32]) -> String {
    format!("run-{number:06}-{}", hex::encode(&request[..4]))
}

/// The one place for a kind of memory-hungry work.
struct Heavy(Arc<Appliance>, Work);

impl Heavy {
    fn take(appliance: &Arc<Appliance>, work: Work) -> Result<Self, ServiceError> {
        if appliance.board.busy[work.index()].swap(true, Ordering::AcqRel) {
            Err(work.busy())
        } else {
            Ok(Self(appliance.clone(), work))
        }
    }
}

impl Drop for Heavy {
    fn drop(&mut self) {
        self.0.board.busy[self.1.index()].store(false, Ordering::Release);
    }
}
