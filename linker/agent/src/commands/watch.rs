//! `watch`: stays, looks at the source, and runs when [`Plan`] says so. One line in the log per event,
//! with counts and codes.
//!
//! It may be ended at any instant, as a run may be: what is sealed is on the disk, and the next start goes
//! on from there. A signal therefore does not wait for a batch to be sent.

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    task::spawn_blocking,
    time::{interval, sleep},
};

use super::{
    report,
    run::{self, Extent, Order, Outcome},
};
use crate::{
    config::Config,
    error::{AgentError, Fault},
    keys,
    limits::{WATCH_LOOK_SHARE, WATCH_TICK},
    local::{self, LocalClock},
    messages,
    notify::Notifier,
    packages,
    progress::Progress,
    say,
    say::{Noun, Say},
    source,
    state::{self, State},
    watch::{
        look::{Glance, look},
        plan::{Plan, Why},
    },
};

const MEMORY_BYTES_MAX: u64 = 4096;

/// What outlives the process.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Memory {
    done: String,
    /// Under which key epoch; earlier versions knew one and did not write it.
    #[serde(default)]
    epoch: Option<u32>,
}

/// Watches until it is asked to end.
pub(super) async fn watch(config: &Config, progress: &Progress) -> Result<(), AgentError> {
    let state = State::open(&config.state)?;
    let clock = LocalClock::new(config.utc_offset_minutes, local::system());
    // What a person must mend is said at the start, and not in an hour.
    let keys = keys::load(config, &state)?;
    packages::migrate(config, &state, &keys)?;
    let newest = packages::newest(config, &state, &keys, clock.utc().as_secs())?;
    let epoch = newest.content().epoch.0;
    source::of(config)?;
    let mut service = Service {
        config,
        path: config.source()?.path.clone(),
        state: &state,
        newest: epoch,
        progress,
        notifier: Notifier::from_environment(),
        signals: Signals::listen()?,
        plan: Plan::new(
            config.watch.clone(),
            remembered(&state, epoch)?,
            Duration::ZERO,
            clock.minute(),
        ),
        clock,
        began: Instant::now(),
        glance: None,
        next_look: Duration::ZERO,
    };
    progress.say(&say!("watching"));
    service.notifier.ready();
    let waits = say!("waiting for the source to change");
    service
        .notifier
        .status(&waits.to(progress.locale().language));
    while service.step().await?.is_some() {}
    service.notifier.stopping();
    progress.say(&say!("asked to end"));
    Ok(())
}

struct Service<'a> {
    config: &'a Config,
    path: PathBuf,
    state: &'a State,
    /// The newest key epoch of this site. No other comes while this process keeps the state folder.
    newest: u32,
    progress: &'a Progress,
    notifier: Notifier,
    signals: Signals,
    plan: Plan,
    clock: LocalClock,
    began: Instant,
    glance: Option<Glance>,
    next_look: Duration,
}

impl Service<'_> {
    /// One look and, if it is due, one run. `None` when the service was asked to end.
    async fn step(&mut self) -> Result<Option<()>, AgentError> {
        if attended(&mut self.signals, &self.notifier, sleep(WATCH_TICK))
            .await
            .is_none()
        {
            return Ok(None);
        }
        if self.began.elapsed() >= self.next_look && self.look().await.is_none() {
            return Ok(None);
        }
        let Some(why) = self.plan.due(self.began.elapsed(), self.clock.minute()) else {
            return Ok(Some(()));
        };
        self.progress
            .say(&say!("a run begins: {why}", why = why.text()));
        self.status(&say!("running: {why}", why = why.text()));
        let order = Order {
            config: self.config,
            state: self.state,
            extent: if why.reads() {
                Extent::All
            } else {
                Extent::SendOnly
            },
            progress: self.progress,
            clock: &self.clock,
            jitter: run::jitter(),
        };
        let run = Box::pin(run::run(&order));
        match attended(&mut self.signals, &self.notifier, run).await {
            Some(outcome) => self.ended(why, &outcome).map(Some),
            None => Ok(None),
        }
    }

    /// What the service manager shows.
    fn status(&self, said: &Say) {
        let text = said.to(self.progress.locale().language);
        self.notifier.status(&text);
    }

    async fn look(&mut self) -> Option<()> {
        let path = self.path.clone();
        let before = Instant::now();
        let looking = spawn_blocking(move || look(&path));
        let looked = attended(&mut self.signals, &self.notifier, looking).await?;
        let took = before.elapsed();
        let glance = looked.ok().and_then(Result::ok);
        if glance.is_none() && self.glance.is_some() {
            self.progress.say(&say!("the source is not there"));
        }
        self.glance = glance;
        let now = self.began.elapsed();
        self.plan.looked(glance, now);
        self.next_look = now + self.config.watch.poll.max(took * WATCH_LOOK_SHARE);
        Some(())
    }

    fn ended(&mut self, why: Why, outcome: &Outcome) -> Result<(), AgentError> {
        let now = self.began.elapsed();
        let (result, all_sealed) = (&outcome.result, outcome.all_sealed);
        let done = self.plan.ended(self.glance, why, result, all_sealed, now);
        if let Some(done) = done {
            remember(self.state, done, outcome.summary.epoch)?;
        }
        if result.is_ok() {
            let newest = outcome.summary.epoch >= self.newest;
            self.plan.was_under(newest, why, now);
        }
        if why.reads() {
            let done = result.as_ref().map(|()| &outcome.summary);
            let seconds = outcome.summary.seconds;
            report::keep(self.config, done, self.clock.utc(), seconds, self.progress);
        }
        let waiting = Noun::WaitingBatches.count(outcome.summary.batches_waiting);
        match result {
            Ok(()) => {
                self.progress.say(&outcome.summary.said());
                self.status(&say!(
                    "last run: {admitted} admitted; {waiting}",
                    admitted = Noun::Rows.count(outcome.summary.rows_admitted),
                    waiting = waiting
                ));
            }
            Err(error) => {
                let language = self.progress.locale().language;
                let told = messages::render(error, language);
                self.progress.say_text(told.trim_end());
                self.status(&say!(
                    "last run: {code}; {waiting}",
                    code = error.code(),
                    waiting = waiting
                ));
            }
        }
        // The source may have changed while it was read.
        self.next_look = now;
        Ok(())
    }
}

/// Waits for `work`, and tells the service manager meanwhile that the process is alive. `None` when it was
/// asked to end.
async fn attended<T>(
    signals: &mut Signals,
    notifier: &Notifier,
    work: impl Future<Output = T>,
) -> Option<T> {
    tokio::pin!(work);
    let mut tick = interval(WATCH_TICK);
    loop {
        tokio::select! {
            done = &mut work => return Some(done),
            () = signals.any() => return None,
            _now = tick.tick() => notifier.alive(),
        }
    }
}

/// What asks this process to end.
struct Signals([Signal; 2]);

impl Signals {
    fn listen() -> Result<Self, AgentError> {
        let listen = |kind| {
            signal(kind).map_err(|error| AgentError::new(Fault::Internal, "signals").because(error))
        };
        Ok(Self([
            listen(SignalKind::terminate())?,
            listen(SignalKind::interrupt())?,
        ]))
    }

    async fn any(&mut self) {
        let [terminate, interrupt] = &mut self.0;
        tokio::select! {
            _signal = terminate.recv() => {}
            _signal = interrupt.recv() => {}
        }
    }
}

/// What was last sent as a whole. Under a newer key epoch nothing was.
fn remembered(state: &State, epoch: u32) -> Result<Option<Glance>, AgentError> {
    let Some(bytes) = state::read_if_there(&state.watch(), MEMORY_BYTES_MAX)? else {
        return Ok(None);
    };
    let mut glance = [0; 32];
    let memory: Option<Memory> = serde_json::from_slice(&bytes).ok();
    // What cannot be read costs one run that finds everything there.
    let memory = memory.filter(|memory| memory.epoch.is_none_or(|of| of >= epoch));
    let read = memory.and_then(|memory| hex::decode_to_slice(memory.done, &mut glance).ok());
    Ok(read.map(|()| glance))
}

fn remember(state: &State, done: Glance, epoch: u32) -> Result<(), AgentError> {
    let memory = Memory {
        done: hex::encode(done),
        epoch: Some(epoch),
    };
    let bytes = serde_json::to_vec(&memory)
        .map_err(|error| AgentError::new(Fault::Internal, "JSON").because(error))?;
    state::write_atomic(&state.watch(), &bytes)
}
