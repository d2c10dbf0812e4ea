//! The checks that go on while the service runs.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{
    sync::watch,
    time::{MissedTickBehavior, interval, timeout},
};

use crate::{
    limits,
    service::{Appliance, epochs::Epochs, health, lookup_index},
};

/// Checks stores and clock every second. Nothing here waits for the HSM.
pub(super) async fn stores_and_clock(epochs: Arc<Epochs>, mut stop: watch::Receiver<bool>) {
    let started = Instant::now();
    let mut ticks = interval(limits::HEALTH_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
        let epochs = epochs.clone();
        let check = tokio::task::spawn_blocking(move || {
            for appliance in epochs.all() {
                health::check_store_and_clock(appliance, started.elapsed());
                health::expire_uploads(appliance);
            }
            lookup_index::refresh(epochs.current());
        });
        if check.await.is_err() {
            tracing::error!("a health check ended without an answer");
        }
    }
}

/// Signs a checkpoint of the audit log when it grew by a tile or is some seconds old, so that what is
/// exported and shown to witnesses is never far behind. A token that hangs holds up nothing else.
pub(super) async fn checkpoints(appliance: Arc<Appliance>, mut stop: watch::Receiver<bool>) {
    let mut ticks = interval(limits::HEALTH_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut last = Instant::now();
    loop {
        let stopping = tokio::select! {
            _ = ticks.tick() => false,
            _ = stop.wait_for(|stop| *stop) => true,
        };
        if stopping || health::checkpoint_is_due(&appliance, last.elapsed()) {
            let appliance = appliance.clone();
            let sign = tokio::task::spawn_blocking(move || health::sign_checkpoint(&appliance));
            if sign.await.is_err() {
                tracing::error!("the signing of a checkpoint ended without an answer");
            }
            last = Instant::now();
        }
        if stopping {
            return;
        }
    }
}

/// Counts how far sites have moved over to the next key epoch, beside everything else.
pub(super) async fn moves(epochs: Arc<Epochs>, mut stop: watch::Receiver<bool>) {
    if epochs.next().is_none() {
        return;
    }
    let mut ticks = interval(limits::HEALTH_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
        let epochs = epochs.clone();
        let count = tokio::task::spawn_blocking(move || epochs.count_moves());
        if count.await.is_err() {
            tracing::error!("a count of moves ended without an answer");
        }
    }
}

/// Uses a key every few seconds.
pub(super) async fn keys(appliance: Arc<Appliance>, stop: watch::Receiver<bool>) {
    let times = (limits::HEALTH_KEY_INTERVAL, limits::HEALTH_KEY_TIMEOUT);
    let checked = appliance.clone();
    let check = move || checked.custody().check_health().is_ok();
    watch_keys(
        check,
        |hold| health::note_keys(&appliance, hold),
        times,
        stop,
    )
    .await;
}

/// Runs `check` at an interval and notes what it says, or `false` while it takes longer than it may. It
/// cannot be called off, so no other one is started before it has ended.
async fn watch_keys(
    check: impl Fn() -> bool + Clone + Send + 'static,
    note: impl Fn(bool),
    (every, limit): (Duration, Duration),
    mut stop: watch::Receiver<bool>,
) {
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
        let mut running = tokio::task::spawn_blocking(check.clone());
        let ended = match timeout(limit, &mut running).await {
            Ok(ended) => ended,
            Err(_hangs) => {
                note(false);
                tokio::select! {
                    ended = running => ended,
                    _ = stop.wait_for(|stop| *stop) => return,
                }
            }
        };
        note(ended.unwrap_or(false));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Mutex,
        atomic::{AtomicU32, Ordering},
        mpsc,
    };

    use super::*;

    #[tokio::test]
    async fn a_check_that_hangs_counts_as_failed_and_is_not_started_twice() {
        let (go_on, gate) = mpsc::channel::<()>();
        let gate = Arc::new(Mutex::new(gate));
        let started = Arc::new(AtomicU32::new(0));
        let (noted, mut notes) = watch::channel(None);
        let (stop, stopped) = watch::channel(false);
        let count = started.clone();
        let check = move || {
            // The first check hangs until the test lets it go.
            if count.fetch_add(1, Ordering::SeqCst) == 0 {
                gate.lock().expect("is whole").recv().expect("comes");
            }
            true
        };
        let note = move |hold| {
            noted.send_replace(Some(hold));
        };
        let times = (Duration::from_millis(1), Duration::from_millis(20));
        let watching = tokio::spawn(watch_keys(check, note, times, stopped));
        let held = |notes: &Option<bool>| *notes == Some(true);
        notes.wait_for(Option::is_some).await.expect("a note");
        assert!(!held(&notes.borrow()), "it hangs");
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert_eq!(started.load(Ordering::SeqCst), 1);
        go_on.send(()).expect("it waits");
        notes.wait_for(held).await.expect("it answers");
        stop.send_replace(true);
        watching.await.expect("ends");
    }
}
