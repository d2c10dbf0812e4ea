//! Scratch space on a real disk that fills, and in a process that dies.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Command, Stdio},
    time::Instant,
};

use appliance_store::{ScratchRoom, SealedScratch, StoreError};

/// Names the folder in which the child of a test works.
const CHILD: &str = "MUSUBI_SCRATCH_TEST_FOLDER";

fn room(planned_bytes: u64) -> ScratchRoom {
    ScratchRoom {
        planned_bytes,
        bytes_max: 1 << 32,
        buffer_bytes: 8 << 20,
    }
}

/// Names of parts in the folder.
fn parts(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).expect("lists").map(|entry| {
        let name = entry.expect("an entry").file_name();
        name.into_string().expect("plain names")
    });
    names.filter(|name| name.ends_with(".part")).collect()
}

/// A row that no noise contains, as long as a real one.
fn row() -> Vec<u8> {
    b"sixteen letters.".repeat(10)
}

/// Not a test by itself: the child of [`a_killed_run_leaves_noise_that_is_swept`] appends for ever.
#[test]
fn child_that_is_killed() {
    let Ok(folder) = std::env::var(CHILD) else {
        return;
    };
    let mut scratch = SealedScratch::open(Path::new(&folder), room(0)).expect("opens");
    let rows = row().repeat(4096);
    for round in 0_u32.. {
        for part in 0..8 {
            scratch.append(part, &rows).expect("kept");
        }
        println!("\nround {round}");
    }
}

#[test]
fn a_killed_run_leaves_noise_that_is_swept() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path().join("scratch");
    let child = Command::new(std::env::current_exe().expect("this test binary"))
        .args(["--exact", "child_that_is_killed", "--nocapture"])
        .env(CHILD, &folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let mut child = child.expect("a child starts");
    let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    let mut rounds = lines.map_while(Result::ok);
    assert!(rounds.any(|line| line == "round 3"));
    let busy = SealedScratch::open(&folder, room(0));
    assert!(
        matches!(busy, Err(StoreError::DataInUse)),
        "the child has it"
    );
    child.kill().expect("kills");
    child.wait().expect("is gone");

    let left = parts(&folder);
    assert_eq!(left.len(), 8, "a killed process cannot clean up");
    for name in &left {
        let sealed = fs::read(folder.join(name)).expect("reads");
        assert!(sealed.len() > 1 << 20);
        let letters = row();
        assert!(!sealed.windows(11).any(|window| window == &letters[..11]));
    }
    fs::write(folder.join("letter.txt"), "mine").expect("writes");
    let scratch = SealedScratch::open(&folder, room(0)).expect("opens");
    assert_eq!(parts(&folder).len(), 0);
    drop(scratch);
    assert!(folder.join("letter.txt").exists());
}

/// A file system of 8 MiB, unmounted at the end.
struct Small<'a>(&'a Path);

impl<'a> Small<'a> {
    fn mount(at: &'a Path) -> Option<Self> {
        let mut mount = Command::new("mount");
        let mount = mount.args(["-t", "tmpfs", "-o", "size=8m", "musubi-test"]);
        let mounted = mount.arg(at).stderr(Stdio::null()).status();
        mounted
            .is_ok_and(|status| status.success())
            .then_some(Self(at))
    }
}

impl Drop for Small<'_> {
    fn drop(&mut self) {
        let status = Command::new("umount").arg("--lazy").arg(self.0).status();
        assert!(status.is_ok_and(|status| status.success()), "unmounted");
    }
}

#[test]
fn a_full_disk_is_said_and_emptied() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(_small) = Small::mount(folder.path()) else {
        eprintln!(
            "NOT CHECKED: a full disk of scratch space needs root to mount a small file system"
        );
        return;
    };
    let planned = SealedScratch::open(folder.path(), room(8 << 20));
    assert!(
        matches!(planned, Err(StoreError::DiskFull)),
        "a reserve stays"
    );
    let mut scratch = SealedScratch::open(folder.path(), room(7 << 20)).expect("there is room");
    let full = (0_u32..1000).find_map(|round| scratch.append(round % 5, &[7; 100_000]).err());
    assert!(matches!(full, Some(StoreError::DiskFull)));
    assert!(scratch.peak_bytes() > 6 << 20, "{}", scratch.peak_bytes());
    assert_eq!(parts(folder.path()).len(), 0, "the disk has room at once");
    drop(scratch);
    let mut scratch =
        SealedScratch::open(folder.path(), room(7 << 20)).expect("there is room again");
    scratch.append(0, &[7; 3 << 20]).expect("kept");
    let mut bytes = 0;
    scratch
        .take(0, &mut |piece| bytes += piece.len())
        .expect("whole");
    assert_eq!(bytes, 3 << 20);
}

/// Rates, for people: `cargo test --release -p appliance-store --test scratch rate -- --nocapture`.
#[test]
fn the_rate_is_printed() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut scratch = SealedScratch::open(
        folder.path(),
        ScratchRoom {
            buffer_bytes: 64 << 20,
            ..room(0)
        },
    )
    .expect("opens");
    let rows = if cfg!(debug_assertions) {
        1 << 14
    } else {
        1 << 22
    };
    let one = row();
    let (start, busy) = (Instant::now(), busy_seconds());
    for row in 0_u32..rows {
        scratch.append(row % 64, &one).expect("kept");
    }
    let megabytes = f64::from(rows) * 160e-6;
    let wrote = megabytes / start.elapsed().as_secs_f64();
    let wrote_busy = megabytes / (busy_seconds() - busy);
    let (start, mut bytes) = (Instant::now(), 0);
    for part in 0..64 {
        scratch
            .take(part, &mut |piece| bytes += piece.len())
            .expect("whole");
    }
    assert_eq!(bytes, rows as usize * 160);
    let read = megabytes / start.elapsed().as_secs_f64();
    println!(
        "{megabytes:.0} MB: sealed {wrote:.0} MB/s, {wrote_busy:.0} MB per CPU second; opened {read:.0} MB/s"
    );
}

/// Seconds that this thread was on a CPU: other processes do not count.
fn busy_seconds() -> f64 {
    let stat = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds = stat.split(' ').next().and_then(|field| field.parse().ok());
    nanoseconds.unwrap_or(f64::NAN) * 1e-9
}
