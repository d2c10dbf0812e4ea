//! The agent as a service: what it waits for, what it tells the service manager, and how it ends.

use std::{
    fs,
    io::Read as _,
    os::unix::net::UnixDatagram,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use crate::support::{
    appliance::{Appliance, Stop},
    site::{Site, people},
};

/// How long something may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

fn quick(site: &Site) {
    let text = fs::read_to_string(site.path("tokenizer.toml")).unwrap();
    let watch = "[watch]\npoll_seconds = 1\nsettle_seconds = 4\n";
    site.write("tokenizer.toml", format!("{text}{watch}"));
}

/// A service that runs; it is killed when a test fails.
struct Service(Child);

impl Drop for Service {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

impl Service {
    fn start(site: &Site, variables: &[(&str, &str)]) -> Self {
        let mut command = site.command(&["watch"]);
        command.envs(variables.iter().copied());
        command.stdout(Stdio::null());
        Self(command.spawn().unwrap())
    }

    /// Asks it to end; returns its exit code, how long that took, and all it said.
    async fn stop(mut self) -> (Option<i32>, Duration, String) {
        let began = Instant::now();
        let kill = format!("kill -TERM {}", self.0.id());
        assert!(
            Command::new("sh")
                .args(["-c", &kill])
                .status()
                .unwrap()
                .success()
        );
        while self.0.try_wait().unwrap().is_none() {
            assert!(began.elapsed() < PATIENCE, "it ends when it is asked to");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let took = began.elapsed();
        let mut said = String::new();
        let errors = self.0.stderr.as_mut().unwrap();
        errors.read_to_string(&mut said).unwrap();
        (self.0.wait().unwrap().code(), took, said)
    }
}

async fn until(mut holds: impl FnMut() -> bool, what: &str) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < PATIENCE, "{what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_is_sent_when_it_has_rested_and_not_before() {
    let appliance = Appliance::start().await;
    let site = Site::enrolled(&appliance);
    quick(&site);
    site.people(200);
    let service = Service::start(&site, &[]);
    until(|| appliance.rows() == 200, "the source is sent").await;
    // A copy under way: half of a row, then pauses that are shorter than the time to settle.
    let whole = people(0..300);
    for end in [whole.len() / 3, whole.len() / 2, whole.len() - 10] {
        site.write("source.csv", &whole.as_bytes()[..end]);
        tokio::time::sleep(Duration::from_millis(900)).await;
        assert_eq!(appliance.admissions(), 1, "nothing of a copy under way");
    }
    let noted = || fs::read(site.path("state/watch.json")).unwrap_or_default();
    let first = noted();
    site.write("source.csv", &whole);
    until(|| appliance.admissions() == 2, "the whole copy is sent").await;
    // Stopped before it has noted that, it would rightly begin again.
    until(|| noted() != first, "what was sent is noted").await;
    let (code, took, said) = service.stop().await;
    assert_eq!(code, Some(0), "{said}");
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert_eq!(
        said.matches("a run begins: the source has changed").count(),
        2,
        "{said}"
    );
    for mark in ["山", "0000007", "source.csv"] {
        assert!(!said.contains(mark), "{mark} in {said}");
    }
    // It remembers over a restart what is sent.
    let service = Service::start(&site, &[]);
    tokio::time::sleep(Duration::from_secs(8)).await;
    let (_, _, said) = service.stop().await;
    assert!(!said.contains("a run begins"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_service_manager_hears_of_it_and_two_do_not_work_at_once() {
    let appliance = Appliance::start().await;
    let site = Site::enrolled(&appliance);
    quick(&site);
    site.people(50);
    let place = site.path("notify");
    let manager = UnixDatagram::bind(&place).unwrap();
    manager.set_read_timeout(Some(PATIENCE)).unwrap();
    let service = Service::start(&site, &[("NOTIFY_SOCKET", place.to_str().unwrap())]);
    let listen = tokio::task::spawn_blocking(move || {
        let mut heard: Vec<String> = Vec::new();
        let mut buffer = [0; 1024];
        while !heard.iter().any(|line| line == "STOPPING=1") {
            let count = manager.recv(&mut buffer).unwrap();
            heard.push(String::from_utf8(buffer[..count].to_vec()).unwrap());
        }
        heard
    });
    until(|| appliance.rows() == 50, "the source is sent").await;
    for verb in ["run", "watch"] {
        let output = site.run(&[verb]);
        assert_eq!(output.status.code(), Some(75), "{verb}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("[STATE_BUSY]"));
    }
    assert_eq!(
        site.run(&["status"]).status.code(),
        Some(0),
        "looking is free"
    );
    tokio::time::sleep(Duration::from_secs(2)).await;
    let (code, ..) = service.stop().await;
    assert_eq!(code, Some(0));
    let heard = listen.await.unwrap();
    assert_eq!(heard[0], "READY=1");
    let count = |wanted: &str| heard.iter().filter(|line| line.starts_with(wanted)).count();
    assert!(count("WATCHDOG=1") >= 3, "{heard:?}");
    assert_eq!(
        count("STATUS=running: the source has changed"),
        1,
        "{heard:?}"
    );
    assert_eq!(
        count("STATUS=last run: 50 rows admitted; 0 sealed batches wait"),
        1,
        "{heard:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_ends_a_run_in_the_middle_and_the_next_start_goes_on() {
    let appliance = Appliance::start().await;
    let site = Site::enrolled(&appliance);
    quick(&site);
    site.people(15_000);
    appliance.lock().stop = Some(Stop::Chunk(1));
    let service = Service::start(&site, &[]);
    appliance.stopped.notified().await;
    let (code, took, said) = service.stop().await;
    assert_eq!(code, Some(0), "{said}");
    assert!(took < Duration::from_secs(8), "{took:?}");
    let service = Service::start(&site, &[]);
    until(|| appliance.rows() == 15_000, "it goes on").await;
    until(
        || site.files("state/receipts").len() == 1,
        "the receipt is kept",
    )
    .await;
    assert_eq!(appliance.lock().chunks_kept, 3, "no chunk is sent twice");
    drop(service);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_and_a_refused_source_do_not_end_the_service() {
    let appliance = Appliance::start().await;
    let site = Site::enrolled(&appliance);
    site.reconfigure("retry_for_seconds = 5", "retry_for_seconds = 0");
    quick(&site);
    site.write("source.csv", "number,individual_number\n1,123456789018\n");
    let mut service = Service::start(&site, &[]);
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert!(service.0.try_wait().unwrap().is_none(), "it stays");
    appliance.lock().unavailable = 1_000;
    site.people(100);
    let outbox = || site.files("state/outbox").len();
    until(|| outbox() == 1, "the source is sealed during the outage").await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let (code, _, said) = service.stop().await;
    assert_eq!(code, Some(0));
    assert!(said.contains("error [COLUMN_WRONG]"), "{said}");
    assert!(said.contains("error [UNAVAILABLE]"), "{said}");
    appliance.lock().unavailable = 0;
    let service = Service::start(&site, &[]);
    until(|| appliance.rows() == 100, "it is sent later").await;
    drop(service);
}
