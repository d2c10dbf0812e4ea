//! Enquiries beside a run, and an index that has no room.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use appliance_server::{
    error::ServiceError,
    limits,
    service::{
        Appliance,
        epochs::Epochs,
        lookup_index::{self, IndexState},
        overview::overview,
        resolve_token::{Question, Resolved, TokenAnswer, resolve},
        run,
        run_record::State,
    },
};
use keymgmt_custody::software::SoftwareCustody;
use linker_match::Settings;
use linker_token::{CheckValue, Epoch, Flags, Schema, limits::BATCH_ROWS_MAX};

use super::{appliance, batch, caller, project, row, rows_asked_for, run_to_its_end, upload};

/// Each may ask a burst; together they are enough for percentiles.
const ASKERS: usize = 20;

fn question(site: &str, person: u64) -> Question {
    Question {
        linkage_project: project(),
        epoch: Epoch(1),
        schema: Schema::jp_1().digest(),
        secret_check: CheckValue([7; 8]),
        flags: Flags::default(),
        row: row(&Schema::jp_1(), site, person),
        project: Some(project()),
    }
}

/// Asks as one asker after the other, so that none is out of breath.
struct Crowd<'a> {
    appliance: &'a Appliance,
    asked: usize,
}

impl Crowd<'_> {
    fn ask(&mut self, person: u64) -> Result<Resolved, ServiceError> {
        let asker = caller(self.appliance, &format!("asker-{}", self.asked % ASKERS));
        self.asked += 1;
        resolve(self.appliance, &asker, &question("hospital", person))
    }

    /// Milliseconds of answers about persons of the hospital.
    fn times(&mut self, count: usize, persons: u64) -> Vec<f64> {
        let mut times: Vec<f64> = Vec::with_capacity(count);
        for at in 0..count as u64 {
            let begun = Instant::now();
            let resolved = self.ask(at * 7919 % persons).expect("an answer");
            times.push(begun.elapsed().as_secs_f64() * 1e3);
            // Persons whose values chance has made alike may be ambiguous, nobody is unknown.
            assert_ne!(resolved.answer, TokenAnswer::Nobody);
        }
        times.sort_unstable_by(f64::total_cmp);
        times
    }
}

fn show(what: &str, times: &[f64]) {
    let at = |percent: usize| times[(times.len() * percent / 100).min(times.len() - 1)];
    println!(
        "{what}: {} enquiries, p50 {:.2} p90 {:.2} p99 {:.2} max {:.2} ms",
        times.len(),
        at(50),
        at(90),
        at(99),
        times[times.len() - 1]
    );
}

fn until_settled(appliance: &Arc<Appliance>) -> IndexState {
    let begun = Instant::now();
    loop {
        lookup_index::refresh(appliance);
        let state = lookup_index::state(appliance).expect("the store is well");
        if state != IndexState::Building {
            return state;
        }
        std::thread::park_timeout(Duration::from_millis(5));
        assert!(begun.elapsed() < Duration::from_secs(600), "it settles");
    }
}

/// Two sites of half the rows each, and one run.
fn linked(data: &Path, site_key: &SoftwareCustody, rows: u64) -> Arc<Appliance> {
    let appliance = appliance(data, site_key, Settings::standard(), ASKERS);
    for (site, first) in [("hospital", 0), ("town", rows / 4)] {
        let mut at = first;
        while at < first + rows / 2 {
            let end = (first + rows / 2).min(at + BATCH_ROWS_MAX as u64);
            upload(&appliance, site_key, site, &batch(site, at..end));
            at = end;
        }
    }
    let operator = caller(&appliance, "operator");
    let run = run::create(&appliance, &operator, "1").expect("starts");
    assert_eq!(run_to_its_end(&appliance, &run).state, State::Released);
    appliance
}

#[test]
fn enquiries_are_answered_beside_a_run() {
    let rows = rows_asked_for();
    let folder = tempfile::tempdir().expect("a folder");
    let site_key = SoftwareCustody::danger_for_tests(2);
    let appliance = linked(&folder.path().join("data"), &site_key, rows);
    let begun = Instant::now();
    let IndexState::Ready { rows: found, .. } = until_settled(&appliance) else {
        panic!("the index answers")
    };
    assert_eq!(found, rows);
    println!(
        "index of {rows} rows: {:.1} s",
        begun.elapsed().as_secs_f64()
    );
    let mut crowd = Crowd {
        appliance: &appliance,
        asked: 0,
    };
    let stranger = crowd.ask(1 << 50).expect("an answer");
    assert_eq!(stranger.answer, TokenAnswer::Nobody);
    let burst = limits::ENQUIRY_PACE_PROCESSING.0 as usize;
    let count = ASKERS * burst / 4;
    show("alone", &crowd.times(count, rows / 2));
    let operator = caller(&appliance, "operator");
    let second = run::create(&appliance, &operator, "2").expect("starts");
    let mut during = Vec::new();
    while run::is_active(&appliance) && during.len() < 2 * count {
        during.extend(crowd.times(1, rows / 2));
    }
    during.sort_unstable_by(f64::total_cmp);
    assert!(!during.is_empty(), "the run was going on");
    show("beside a run", &during);
    assert_eq!(run_to_its_end(&appliance, &second).state, State::Released);
}

/// A bound that the run before did not have: half of it is one byte too little for the index, then enough.
#[test]
fn an_index_without_room_is_said_and_not_built() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let site_key = SoftwareCustody::danger_for_tests(2);
    let first = linked(&data, &site_key, 2000);
    assert!(matches!(until_settled(&first), IndexState::Ready { .. }));
    drop_whole(first);
    let reopened = |memory_bytes| {
        let settings = Settings {
            memory_bytes: Some(memory_bytes),
            ..Settings::standard()
        };
        appliance(&data, &site_key, settings, ASKERS)
    };
    let small = reopened(1 << 20);
    let state = until_settled(&small);
    let IndexState::TooLarge { needed, bound } = state else {
        panic!("there is no room: {state:?}")
    };
    assert_eq!(bound, (1 << 20) / limits::LOOKUP_MEMORY_SHARE);
    let mut crowd = Crowd {
        appliance: &small,
        asked: 0,
    };
    let refused = crowd.ask(1).expect_err("a refusal");
    assert_eq!(refused.code(), "INDEX_TOO_LARGE");
    assert!(refused.advice().contains("service.memory_gib"));
    assert_eq!(
        overview(&Epochs::one(small.clone()))
            .expect("reads")
            .lookup_index,
        state
    );
    drop_whole(small);
    let enough = needed * limits::LOOKUP_MEMORY_SHARE;
    for (memory, fits) in [(enough - 1, false), (enough, true)] {
        let appliance = reopened(memory);
        let state = until_settled(&appliance);
        assert_eq!(matches!(state, IndexState::Ready { .. }), fits, "{state:?}");
        drop_whole(appliance);
    }
}

/// Waits until no thread holds the appliance any more, so that its store can be opened again.
fn drop_whole(mut appliance: Arc<Appliance>) {
    let begun = Instant::now();
    while let Err(shared) = Arc::try_unwrap(appliance) {
        appliance = shared;
        assert!(begun.elapsed() < Duration::from_secs(60), "it is let go");
        std::thread::park_timeout(Duration::from_millis(5));
    }
}
