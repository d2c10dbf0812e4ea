//! Files that changed behind the store's back: no answer may be silently wrong.

mod common;

use std::{fs, path::Path};

use appliance_store::StoreError;
use common::{Dice, answers, batch, copy, count, custody, file, files, furnish, open, try_open};

/// Opens a changed folder and compares every answer with the right one. Returns whether it was noticed.
fn noticed(folder: &Path, right: &std::collections::BTreeMap<String, Vec<u8>>, what: &str) -> bool {
    let store = match try_open(folder) {
        Ok(store) => store,
        Err(error) => {
            let parsed = matches!(error, StoreError::Token(_));
            assert!(!parsed, "{what}: a row behind its MAC is bad");
            return true;
        }
    };
    let found = answers(&store);
    let mut noticed = false;
    for (question, answer) in right {
        let given = found.get(question).map_or(b"".as_slice(), Vec::as_slice);
        if question.starts_with("upload") {
            // A damaged upload goes back to its last whole chunk, or begins anew: the site sends again.
            assert!(
                answer.starts_with(given),
                "{what}: an upload has other chunks"
            );
            noticed |= given != answer;
            continue;
        }
        assert!(!given.is_empty(), "{what}: no answer to {question}");
        if given.starts_with(b"error ") {
            noticed = true;
        } else {
            assert!(given == answer, "{what}: {question} was answered wrongly");
        }
    }
    let unknown = found.keys().find(|question| !right.contains_key(*question));
    assert_eq!(unknown, None, "{what}: an answer to no question");
    noticed
}

/// `BIT_FLIPS` sets the number of flipped bits.
#[test]
fn no_flipped_bit_changes_an_answer() {
    let place = tempfile::tempdir().expect("a folder");
    let whole = place.path().join("whole");
    furnish(&whole);
    let right = answers(&open(&whole));
    let names: Vec<_> = files(&whole);
    let (mut caught, mut harmless) = (0, 0);
    for number in 0..count("BIT_FLIPS", 100) {
        let mut dice = Dice(number);
        let broken = place.path().join("broken");
        copy(&whole, &broken);
        let path = &names[usize::try_from(number).expect("few") % names.len()];
        let target = broken.join(path.strip_prefix(&whole).expect("it is inside"));
        let mut bytes = fs::read(&target).expect("read");
        if bytes.is_empty() {
            continue;
        }
        let mut at = dice.below(bytes.len());
        // Databases are mostly empty pages; every other flip goes where something is.
        while number % 2 == 0 && bytes[at] == 0 {
            at = (at + 1) % bytes.len();
        }
        bytes[at] ^= 1 << dice.below(8);
        fs::write(&target, &bytes).expect("written");
        let what = format!("flip {number}: byte {at} of {}", target.display());
        if noticed(&broken, &right, &what) {
            caught += 1;
        } else {
            harmless += 1;
        }
        fs::remove_dir_all(&broken).expect("removed");
    }
    println!("{caught} flips noticed, {harmless} without effect, 0 wrong answers");
    assert!(caught > 0);
}

#[test]
fn every_byte_of_sealed_files_and_log_counts() {
    let place = tempfile::tempdir().expect("a folder");
    furnish(place.path());
    let right = answers(&open(place.path()));
    for end in [
        ".seg",
        ".lines",
        ".events",
        ".release",
        "audit.log",
        "checkpoint.note",
    ] {
        let path = file(place.path(), end);
        let whole = fs::read(&path).expect("read");
        let edges = (0..24).chain(whole.len().saturating_sub(24)..whole.len());
        for at in edges.filter(|at| *at < whole.len()) {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x40;
            fs::write(&path, &bytes).expect("written");
            let noticed = noticed(place.path(), &right, &format!("byte {at} of {end}"));
            // The last entry of the log is still in the database's outbox, so it heals.
            assert!(
                noticed || end == "audit.log",
                "byte {at} of {end} was not noticed"
            );
            fs::write(&path, &whole).expect("restored");
        }
    }
    assert!(!noticed(place.path(), &right, "restored"));
}

#[test]
fn truncated_and_missing_files_are_named_at_start() {
    let place = tempfile::tempdir().expect("a folder");
    furnish(place.path());
    for end in [".seg", ".lines", ".events", ".release"] {
        let path = file(place.path(), end);
        let name = path
            .file_name()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        let whole = fs::read(&path).expect("read");
        for kept in [0, 40, whole.len() / 2, whole.len() - 1] {
            fs::write(&path, &whole[..kept]).expect("written");
            let error = try_open(place.path()).expect_err("a truncated file");
            assert!(
                error.to_string().contains(&name),
                "{error} does not name {name}"
            );
        }
        fs::remove_file(&path).expect("removed");
        let error = try_open(place.path()).expect_err("a missing file");
        assert!(
            error.to_string().contains(&name),
            "{error} does not name {name}"
        );
        fs::write(&path, &whole).expect("restored");
    }
    let path = file(place.path(), "store.redb");
    fs::remove_file(&path).expect("removed");
    let error = try_open(place.path()).expect_err("no database");
    assert!(error.to_string().contains("store.redb"), "{error}");
}

#[test]
fn swapped_files_are_refused() {
    let place = tempfile::tempdir().expect("a folder");
    furnish(place.path());
    let mut segments = files(&place.path().join("segments"));
    segments.sort_by_key(|path| fs::metadata(path).expect("there").len());
    let (one, two) = (&segments[1], &segments[2]);
    let (first, second) = (fs::read(one).expect("read"), fs::read(two).expect("read"));
    assert_eq!(first.len(), second.len(), "the two look alike from outside");
    fs::write(one, &second).expect("written");
    fs::write(two, &first).expect("written");
    assert_eq!(
        try_open(place.path()).expect_err("swapped").code(),
        "DAMAGED"
    );
}

#[test]
fn frames_cannot_move_inside_a_file() {
    let place = tempfile::tempdir().expect("a folder");
    let store = open(place.path());
    batch(3_000, 4).admit(&store).expect("admitted");
    drop(store);
    let path = file(place.path(), ".seg");
    let mut bytes = fs::read(&path).expect("read");
    let frame = 64 * 1024 + 16;
    let start = bytes.len() - 56 - (bytes.len() - 56) % frame;
    assert!(start >= 2 * frame, "the file has several frames");
    let header = 8 + 4 + 4 + 68 + 4 + 4 + 4 + 32 + 4;
    let (head, tail) = bytes.split_at_mut(header + frame);
    head[header..].swap_with_slice(&mut tail[..frame]);
    fs::write(&path, &bytes).expect("written");
    let store = open(place.path());
    let row = store.batches().expect("read").swap_remove(0);
    assert_eq!(
        store.read_segment(&row).expect_err("moved").code(),
        "DAMAGED"
    );
    assert_eq!(store.verify().expect_err("moved").code(), "DAMAGED");
}

#[test]
fn a_flip_under_an_open_store_is_noticed() {
    let place = tempfile::tempdir().expect("a folder");
    furnish(place.path());
    let store = open(place.path());
    let right = answers(&store);
    for end in [
        ".seg",
        ".lines",
        ".events",
        ".release",
        "audit.log",
        "chunks",
    ] {
        let path = file(place.path(), end);
        let mut bytes = fs::read(&path).expect("read");
        let at = bytes.len() / 3;
        bytes[at] ^= 1;
        fs::write(&path, &bytes).expect("written");
        let found = answers(&store);
        let wrong = right.iter().filter(|(question, answer)| {
            found[*question] != **answer && !found[*question].starts_with(b"error ")
        });
        assert_eq!(wrong.count(), 0, "{end}");
        bytes[at] ^= 1;
        fs::write(&path, &bytes).expect("restored");
    }
}

#[test]
fn a_shorter_audit_log_is_refused() {
    let place = tempfile::tempdir().expect("a folder");
    furnish(place.path());
    let path = file(place.path(), "audit.log");
    let whole = fs::read(&path).expect("read");
    let entries = open(place.path()).audit_size();
    let mut ends = vec![0];
    while *ends.last().expect("one") < whole.len() {
        let at = *ends.last().expect("one");
        let length = u32::from_le_bytes(whole[at..at + 4].try_into().expect("four"));
        ends.push(at + 12 + length as usize);
    }
    assert_eq!(ends.len() as u64, entries + 1);
    for (found, end) in ends[..ends.len() - 2].iter().enumerate() {
        fs::write(&path, &whole[..*end]).expect("written");
        let error = try_open(place.path()).expect_err("entries are gone");
        let expected = format!(
            "the audit log holds {found} entries, but {} were recorded",
            entries - 1
        );
        assert_eq!(error.to_string(), expected);
    }
    fs::remove_file(&path).expect("removed");
    assert_eq!(
        try_open(place.path()).expect_err("no log").code(),
        "AUDIT_SHORT"
    );
    // The newest entry may be missing or torn anywhere: the database still has it.
    for kept in ends[ends.len() - 2]..=whole.len() {
        fs::write(&path, &whole[..kept]).expect("written");
        assert_eq!(open(place.path()).audit_size(), entries, "cut at {kept}");
        assert_eq!(fs::read(&path).expect("read"), whole, "cut at {kept}");
    }
}

#[test]
fn yesterdays_files_are_refused() {
    let place = tempfile::tempdir().expect("a folder");
    let (now, then) = (place.path().join("now"), place.path().join("then"));
    furnish(&now);
    copy(&now, &then);
    let store = open(&now);
    batch(20, 77).admit(&store).expect("admitted");
    batch(20, 78).admit(&store).expect("admitted");
    store.checkpoint().expect("signed");
    drop(store);
    let restored = place.path().join("restored");
    let expected = [("store.redb", "ROLLED_BACK"), ("audit.log", "AUDIT_SHORT")];
    for (name, code) in expected {
        copy(&now, &restored);
        fs::copy(then.join(name), restored.join(name)).expect("copied");
        assert_eq!(try_open(&restored).expect_err(name).code(), code, "{name}");
        fs::remove_dir_all(&restored).expect("removed");
    }
    // Database and log together: the newest checkpoint is the witness.
    copy(&now, &restored);
    for (name, _) in expected {
        fs::copy(then.join(name), restored.join(name)).expect("copied");
    }
    assert_eq!(try_open(&restored).expect_err("both").code(), "AUDIT_SHORT");
}

#[test]
fn files_that_nothing_names_are_swept() {
    let place = tempfile::tempdir().expect("a folder");
    furnish(place.path());
    let before = files(place.path());
    for stray in [
        "segments/00.seg",
        "ids/run-9.lines",
        "releases/x.release",
        "tmp/3.part",
    ] {
        fs::write(place.path().join(stray), b"half a file").expect("written");
    }
    fs::create_dir(place.path().join("uploads/not-a-batch")).expect("made");
    drop(open(place.path()));
    assert_eq!(files(place.path()), before);
    assert!(!place.path().join("uploads/not-a-batch").exists());
    // Without its identity a folder with content is not taken for a new one.
    fs::remove_file(place.path().join("store.txt")).expect("removed");
    assert_eq!(
        try_open(place.path()).expect_err("no identity").code(),
        "DAMAGED"
    );
    drop(custody());
}
