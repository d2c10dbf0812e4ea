//! The process dies, or the disk fills: what was acknowledged stays, nothing comes by halves.

mod common;

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
    sync::mpsc,
    time::{Duration, Instant},
};

use appliance_store::{Health, Store};
use common::{Dice, batch, count, entry, open, site, tokens};
use linker_token::BatchId;

/// Names the folder in which a child of a test works.
const CHILD: &str = "MUSUBI_STORE_TEST_FOLDER";
/// Row count of batch `number` of a child.
fn rows_of(number: u64) -> usize {
    50 + usize::try_from(number % 7).expect("few") * 400
}

/// Says on standard output what is acknowledged, as soon as it is.
fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    let said = writeln!(out, "{text}").and_then(|()| out.flush());
    said.expect("the parent listens");
}

/// Not a test by itself: the child of [`a_killed_process_loses_nothing`] admits and appends for ever.
#[test]
fn child_that_is_killed() {
    let Ok(folder) = std::env::var(CHILD) else {
        return;
    };
    let store = open(Path::new(&folder));
    let start = store.audit_size();
    for number in start.. {
        let batch = batch(rows_of(number), number);
        store
            .begin_upload(batch.id(), &site("hospital"), b"header")
            .expect("begins");
        for sequence in 0..3_u32 {
            let next = store
                .append_chunk(batch.id(), sequence, &[3; 20_000])
                .expect("kept");
            say(&format!("\nack upload {} {next}", batch.id()));
        }
        let admitted = batch.admit(&store).expect("admitted");
        say(&format!(
            "\nack batch {} {}",
            batch.id(),
            admitted.audit_index
        ));
    }
}

fn start_child(
    test: &str,
    folder: &Path,
    wrapper: Option<&str>,
) -> (Child, BufReader<ChildStdout>) {
    let program = std::env::current_exe().expect("this test binary");
    let mut command = wrapper.map_or_else(
        || Command::new(&program),
        |script| {
            let mut shell = Command::new("sh");
            shell.arg("-c").arg(script).arg(&program);
            shell
        },
    );
    let started = command
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .env(CHILD, folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let mut child = started.expect("a child starts");
    let lines = child.stdout.take().expect("piped");
    (child, BufReader::new(lines))
}

/// What a child acknowledged: batches with their index, and the last state of uploads.
#[derive(Default)]
struct Acknowledged {
    batches: Vec<(String, u64)>,
    upload: Option<(String, u32)>,
}

impl Acknowledged {
    fn take(&mut self, line: &str) {
        let words: Vec<&str> = line.split(' ').collect();
        match words[..] {
            ["ack", "batch", id, index] => {
                self.batches
                    .push((id.to_owned(), index.parse().expect("a number")));
                self.upload = None;
            }
            ["ack", "upload", id, next] => {
                self.upload = Some((id.to_owned(), next.parse().expect("a number")));
            }
            _ => {}
        }
    }
}

/// `KILLS` sets the number of killed children.
#[test]
fn a_killed_process_loses_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    drop(open(folder.path()));
    let mut all = Acknowledged::default();
    for number in 0..count("KILLS", 12) {
        let mut dice = Dice(number);
        let (mut child, lines) = start_child("child_that_is_killed", folder.path(), None);
        let (sender, heard) = mpsc::channel();
        let reader = std::thread::spawn(move || {
            for line in lines.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        // Some children die before they begin, the others some moments after their first words.
        let mut end = Instant::now() + Duration::from_micros(dice.next() % 40_000);
        let mut first = number % 4 != 0;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let left = if first { Duration::from_secs(20) } else { left };
            let Ok(line) = heard.recv_timeout(left) else {
                break;
            };
            if first && line.starts_with("ack") {
                first = false;
                end = Instant::now() + Duration::from_micros(dice.next() % 250_000);
            }
            all.take(&line);
        }
        child.kill().expect("killed");
        child.wait().expect("gone");
        reader.join().expect("the reader ends");
        heard.try_iter().for_each(|line| all.take(&line));
        check(&open(folder.path()), &all, number);
    }
    println!("{} batches acknowledged and kept", all.batches.len());
    assert!(!all.batches.is_empty(), "the children never came to work");
}

fn check(store: &Store, all: &Acknowledged, number: u64) {
    let found = common::read_all(store);
    for (id, index) in &all.batches {
        let kept = found
            .iter()
            .find(|(row, _)| row.batch_id.to_string() == *id);
        let kept = kept.map(|(row, _)| row.audit_index);
        assert_eq!(kept, Some(*index), "kill {number}: batch {id} was lost");
    }
    for (row, rows) in &found {
        let number = row.audit_index;
        assert!(
            *rows == tokens(rows_of(number), number),
            "batch {number} has other rows"
        );
        let text = entry(number, "admit", &row.batch_id.to_string());
        assert_eq!(store.audit_entry(number).expect("read"), text);
    }
    assert_eq!(
        store.audit_size(),
        found.len() as u64,
        "one change, one entry"
    );
    if let Some((id, next)) = &all.upload
        && !found.iter().any(|(row, _)| row.batch_id.to_string() == *id)
    {
        let uploads = store.uploads();
        let state = uploads
            .iter()
            .find(|state| state.batch_id.to_string() == *id);
        let kept = state.map_or(0, |state| state.next_sequence);
        assert!(
            kept >= *next,
            "kill {number}: an acknowledged chunk was lost"
        );
    }
    store.verify().expect("all is as written");
}

/// Fills what is left of a disk but for `left` bytes.
fn fill(path: &Path, left: u64) {
    let mut file = fs::File::create(path).expect("a filler");
    while file.write_all(&[1; 4_096]).is_ok() {}
    let length = file.metadata().expect("there").len();
    file.set_len(length.saturating_sub(left)).expect("shorter");
}

/// Admits until the disk is full, sees that reads go on, frees space, and sees that writes go on.
fn full_and_free(folder: &Path, free: impl FnOnce()) {
    let store = open(&folder.join("data"));
    let mut admitted = 0;
    let refused = loop {
        let batch = batch(2_000, 1_000 + admitted);
        match batch.admit(&store) {
            Ok(done) => assert_eq!(done.audit_index, admitted),
            Err(error) => break error,
        }
        admitted += 1;
    };
    assert_eq!(refused.code(), "DISK_FULL");
    let code = "DISK_FULL";
    assert_eq!(store.health(), Health::ReadOnly { code, attempts: 0 });
    let upload = store
        .begin_upload(BatchId([1; 32]), &site("hospital"), b"")
        .expect_err("no space");
    assert_eq!(upload.code(), "DISK_FULL");
    let seconds = Duration::from_secs;
    assert_eq!(
        store.reopen_if_due(seconds(100)),
        Health::ReadOnly { code, attempts: 0 }
    );
    let seen = common::read_all(&store).len() as u64;
    assert_eq!(seen, admitted, "reads go on");
    (0..admitted).for_each(|index| drop(store.audit_entry(index).expect("audit reads go on")));
    free();
    assert_eq!(store.reopen_if_due(seconds(102)), Health::Writable);
    // The batch in doubt is there as a whole or not at all; sent again, it is there once.
    let batches = common::read_all(&store).len() as u64;
    assert!(batches == admitted || batches == admitted + 1);
    assert_eq!(store.audit_size(), batches);
    batch(2_000, 1_000 + admitted)
        .admit(&store)
        .expect("sent again");
    batch(2_000, 1).admit(&store).expect("writes go on");
    assert_eq!(store.audit_size(), admitted + 2);
    store.verify().expect("all is as written");
    drop(store);
    assert_eq!(
        common::read_all(&open(&folder.join("data"))).len() as u64,
        admitted + 2
    );
}

/// `FULL_DISKS` sets the number of places at which the disk is full. Needs the right to mount.
#[test]
fn a_full_disk_stops_writing_only() {
    for number in 0..count("FULL_DISKS", 6) {
        let folder = tempfile::tempdir().expect("a folder");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=8m", "none"])
            .arg(folder.path())
            .stderr(Stdio::null())
            .status();
        if !mounted.is_ok_and(|status| status.success()) {
            println!("SKIPPED: no right to mount; the file size limit below covers the rest");
            return;
        }
        let filler = folder.path().join("filler");
        drop(open(&folder.path().join("data")));
        fill(&filler, 400_000 + Dice(number).next() % 2_000_000);
        let outcome = std::panic::catch_unwind(|| {
            full_and_free(folder.path(), || fs::remove_file(&filler).expect("removed"));
        });
        let unmounted = Command::new("umount").arg(folder.path()).status();
        assert!(unmounted.expect("umount runs").success());
        if let Err(panic) = outcome {
            println!("disk {number} failed");
            std::panic::resume_unwind(panic);
        }
    }
}

/// Not a test by itself: the child of [`a_file_size_limit_is_a_full_disk`].
#[test]
fn child_with_small_files() {
    let Ok(folder) = std::env::var(CHILD) else {
        return;
    };
    let store = open(Path::new(&folder));
    batch(2_000, 1).admit(&store).expect("small enough");
    let error = batch(32_000, 2)
        .admit(&store)
        .expect_err("too large for a file");
    say(&format!("\nack {} {:?}", error.code(), store.health()));
    let read = common::read_all(&store).len();
    let health = store.reopen_if_due(Duration::from_secs(1));
    let health = (health, store.reopen_if_due(Duration::from_secs(3)));
    batch(2_000, 3).admit(&store).expect("small enough again");
    say(&format!("ack {read} {:?} {}", health.1, store.audit_size()));
}

#[test]
fn a_file_size_limit_is_a_full_disk() {
    let folder = tempfile::tempdir().expect("a folder");
    // 4 MB in blocks of 512 bytes. The limit's signal is ignored, so that writes fail instead.
    let limited = r#"trap "" XFSZ; ulimit -f 8192; exec "$0" "$@""#;
    let (mut child, lines) = start_child("child_with_small_files", folder.path(), Some(limited));
    let said: Vec<String> = lines.lines().map_while(Result::ok).collect();
    assert!(child.wait().expect("ends").success(), "{said:?}");
    let said: Vec<&String> = said.iter().filter(|line| line.starts_with("ack")).collect();
    assert_eq!(
        said,
        [
            "ack DISK_FULL ReadOnly { code: \"DISK_FULL\", attempts: 0 }",
            "ack 1 Writable 2",
        ]
    );
    assert_eq!(common::read_all(&open(folder.path())).len(), 2);
}
