//! `run`: policy, left-over batches, check of the source, then batch after batch.
//!
//! Three things go on side by side. One thread reads and encodes; [`making`] seals each batch into the
//! outbox; [`delivery`] sends what lies there and verifies the receipts. The outbox on the disk is all
//! that lies between the last two, so a line that is down stops neither reading nor sealing: the
//! batches wait, and go first next time. Nothing is sent twice, because a batch is named by its content
//! and the appliance is asked for it by name before anything is sent.

mod delivery;
mod epoch;
mod line;
mod making;

use std::{
    cell::{Cell, RefCell},
    collections::BTreeSet,
    sync::Arc,
};

use keymgmt_custody::{package::OpenedPackage, site::SiteKeys};
use linker_token::BatchId;
use tokio::sync::mpsc;

use self::{
    delivery::deliver,
    epoch::{left_over, place, tell_of_epoch},
    line::{KeptPolicy, Line, remembered},
    making::{Work, make},
};
use super::{summary::Summary, warn_of_sha1};
use crate::{
    cli,
    config::Config,
    error::AgentError,
    keys,
    local::{self, LocalClock},
    outbox::Outbox,
    packages,
    pipeline::Made,
    progress::Progress,
    receipt::Witness,
    say,
    say::Noun,
    source::{self, Tally},
    state::State,
    submit::{Sealer, Sender},
    uplink::{Jitter, passes},
};

/// How far a run goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    /// Reads, seals, sends.
    All,
    /// Reads and seals; the appliance is not called.
    SealOnly,
    /// Sends what is sealed; the source is not read.
    SendOnly,
}

/// What a run needs to know.
pub(super) struct Order<'a> {
    pub(super) config: &'a Config,
    pub(super) state: &'a State,
    pub(super) extent: Extent,
    pub(super) progress: &'a Progress,
    pub(super) clock: &'a LocalClock,
    /// Draws the pauses between attempts.
    pub(super) jitter: Jitter,
}

/// The verb: one run, as the arguments say.
pub(super) async fn once(
    config: &Config,
    args: &cli::Run,
    progress: &Progress,
) -> Result<Summary, AgentError> {
    let extent = match (args.offline, args.send) {
        (true, _) => Extent::SealOnly,
        (false, true) => Extent::SendOnly,
        (false, false) => Extent::All,
    };
    let state = State::open(&config.state)?;
    let clock = LocalClock::new(config.utc_offset_minutes, local::system());
    let outcome = Box::pin(run(&Order {
        config,
        state: &state,
        extent,
        progress,
        clock: &clock,
        jitter: jitter(),
    }))
    .await;
    outcome.result.map(|()| outcome.summary)
}

/// Pauses that differ from site to site. Without random bytes any seed is as good.
pub(super) fn jitter() -> Jitter {
    Jitter::seeded(getrandom::u64().unwrap_or(0))
}

/// What a run came to, whether it ended well or not.
pub(super) struct Outcome {
    pub(super) summary: Summary,
    pub(super) result: Result<(), AgentError>,
    /// Whether every row of the source is with the appliance or sealed in the outbox.
    pub(super) all_sealed: bool,
}

/// Reads the source, seals, sends, verifies.
pub(super) async fn run(order: &Order<'_>) -> Outcome {
    let began = tokio::time::Instant::now();
    let mut outcome = Outcome {
        summary: Summary::default(),
        result: Ok(()),
        all_sealed: false,
    };
    outcome.result = Box::pin(pass(order, &mut outcome.summary, &mut outcome.all_sealed)).await;
    outcome.summary.seconds = began.elapsed().as_secs_f64();
    outcome.summary.measure();
    if let Ok(waiting) = Outbox::waiting(&order.state.outbox()) {
        outcome.summary.batches_waiting = waiting.len() as u64;
        if !waiting.is_empty() {
            order.progress.say(&say!(
                "{waiting} in the outbox, to be sent first next time",
                waiting = Noun::SealedBatches.count(waiting.len() as u64)
            ));
        }
    }
    outcome
}

/// What both halves of a run share.
pub(super) struct Desk<'a> {
    state: &'a State,
    outbox: &'a Outbox,
    package: &'a OpenedPackage,
    progress: Progress,
    /// Never borrowed while something is waited for.
    summary: RefCell<&'a mut Summary>,
    /// Left-over batches that were found again in the source and are not sealed anew.
    relied_on: RefCell<BTreeSet<BatchId>>,
    /// Whether the left-over batches are behind us.
    left_over_sent: Cell<bool>,
    /// Whether sending was given up in this run.
    gave_up: Cell<bool>,
}

async fn pass(
    order: &Order<'_>,
    summary: &mut Summary,
    all_sealed: &mut bool,
) -> Result<(), AgentError> {
    let (config, state) = (order.config, order.state);
    let keys = Arc::new(keys::load(config, state)?);
    let Chosen {
        package,
        others,
        line,
        before,
    } = Box::pin(choose(order, &keys, summary)).await?;
    let outbox = Arc::new(Outbox::open(state.outbox(), config.spool_bytes)?);
    let left_over = left_over((&outbox, state), (&package, &others), &keys, order.progress)?;
    let desk = Desk {
        state,
        outbox: &outbox,
        package: &package,
        progress: order.progress.clone(),
        summary: RefCell::new(summary),
        relied_on: RefCell::default(),
        left_over_sent: Cell::new(left_over.is_empty()),
        gave_up: Cell::new(false),
    };
    let sealer = Sealer {
        outbox: outbox.clone(),
        keys: keys.clone(),
        package: package.clone(),
    };
    let Some(line) = line else {
        let rows = before.map(|policy| policy.batch_rows_max);
        let work = work(order, &package, &keys, rows)?;
        let made = Box::pin(make(work, &desk, &sealer, None)).await?;
        *all_sealed = true;
        desk.summary.borrow_mut().read(&made.0, &made.1);
        return Ok(());
    };
    let origin = config.appliance.origin.clone();
    let sender = Sender {
        uplink: &line.uplink,
        outbox: &outbox,
        witness: RefCell::new(Witness::load(
            state,
            (
                package.content().epoch,
                package.content().audit_spki.clone(),
            ),
            origin,
        )?),
        progress: order.progress.clone(),
    };
    if order.extent == Extent::SendOnly {
        let (nothing, queue) = mpsc::unbounded_channel();
        drop(nothing);
        return Box::pin(deliver(&desk, &sender, left_over, queue, !line.answered)).await;
    }
    let rows = match line.rows_max {
        Some(rows) => Some(rows),
        None => before.map(|policy| policy.batch_rows_max),
    };
    let work = work(order, &package, &keys, rows)?;
    let (result, made) = both(&desk, &sealer, &sender, &line, left_over, work).await;
    if let Some((tally, made)) = made {
        *all_sealed = true;
        desk.summary.borrow_mut().read(&tally, &made);
    }
    result
}

/// Under what a run goes.
struct Chosen {
    package: Arc<OpenedPackage>,
    /// The packages of other epochs.
    others: Vec<OpenedPackage>,
    /// Nothing when the appliance is not to be called.
    line: Option<Line>,
    /// What the policy said before.
    before: Option<KeptPolicy>,
}

/// Asks the appliance which epoch it takes, and chooses that one's package. While it does not answer, the
/// epoch is that of the last run that it answered.
async fn choose(
    order: &Order<'_>,
    keys: &SiteKeys,
    summary: &mut Summary,
) -> Result<Chosen, AgentError> {
    let (config, state) = (order.config, order.state);
    packages::migrate(config, state, keys)?;
    let now = order.clock.utc().as_secs();
    let mut packages = packages::all(config, state, keys, now)?;
    *summary = Summary::new(packages[0].content());
    let before = remembered(state)?;
    let line = if order.extent == Extent::SealOnly {
        None
    } else {
        Some(Line::open(order, &packages).await?)
    };
    let known = before.as_ref().and_then(KeptPolicy::epoch);
    let epoch = line.as_ref().and_then(|line| line.epoch).or(known);
    let package = packages.remove(place(&packages, epoch));
    *summary = Summary::new(package.content());
    tell_of_epoch(order.progress, package.content().epoch, known, &packages);
    warn_of_sha1(order.progress, &package);
    Ok(Chosen {
        package: Arc::new(package),
        others: packages,
        line,
        before,
    })
}

/// Seals and sends side by side until both have ended. A refusal ends both at once. An outage that
/// outlasts the configured patience ends only the sending; the rest is sealed all the same.
async fn both(
    desk: &Desk<'_>,
    sealer: &Sealer,
    sender: &Sender<'_>,
    line: &Line,
    left_over: Vec<BatchId>,
    work: Work,
) -> (Result<(), AgentError>, Option<(Tally, Made)>) {
    let (enqueue, queue) = mpsc::unbounded_channel();
    let mut sending = Box::pin(deliver(desk, sender, left_over, queue, !line.answered));
    let mut sealing = Box::pin(make(work, desk, sealer, Some((sender, enqueue))));
    let (mut sent, mut made) = (None, None);
    loop {
        tokio::select! {
            result = &mut sending, if sent.is_none() => {
                if let Err(error) = &result
                    && !passes(error)
                {
                    return (result, None);
                }
                desk.gave_up.set(result.is_err());
                sender.uplink.tell();
                sent = Some(result);
            }
            result = &mut sealing, if made.is_none() => {
                if result.is_err() && (desk.gave_up.get() || !sender.uplink.is_up()) {
                    return (result.map(|_made| ()), None);
                }
                made = Some(result);
            }
        }
        if sent.is_some() && made.is_some() {
            break;
        }
    }
    match (made, sent) {
        (Some(Ok(made)), Some(sent)) => (sent, Some(made)),
        (Some(Err(error)), _) => (Err(error), None),
        (None, _) | (_, None) => unreachable!("the loop ends when both have"),
    }
}

/// What the reading thread gets. The appliance's bound on rows cuts batches, so the last one that is
/// known is used while it does not answer: other cuts would make other batches of the same rows.
fn work(
    order: &Order<'_>,
    package: &Arc<OpenedPackage>,
    keys: &Arc<SiteKeys>,
    rows_max: Option<u32>,
) -> Result<Work, AgentError> {
    let config = order.config;
    let rows_max = rows_max.map_or(config.batch_rows, |rows| rows as usize);
    Ok(Work {
        source: Arc::new(source::of(config)?),
        path: config.source()?.path.clone(),
        schema: keys::schema(package)?,
        package: package.clone(),
        keys: keys.clone(),
        site: config.site.clone(),
        batch_rows: config.batch_rows.min(rows_max),
    })
}
