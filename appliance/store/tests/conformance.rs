//! What a store promises when nothing goes wrong.

mod common;

use std::{
    collections::BTreeMap,
    fs,
    io::Write as _,
    time::{Duration, Instant, UNIX_EPOCH},
};

use appliance_store::{Health, IdEvent, Store, StoreError, limits, verify_export};
use common::{
    ORIGIN, assignments, batch, commit_run, create_release, custody, entry, events, open,
    release_lines, run, scope, site, sites, try_open,
};
use keymgmt_custody::{Custody as _, audit, software::SoftwareCustody};
use linker_token::{BatchId, Epoch, RecordRef};

#[test]
fn an_upload_goes_on_where_it_stopped() {
    let folder = tempfile::tempdir().expect("a folder");
    let id = BatchId([7; 32]);
    let chunks: Vec<Vec<u8>> = (0..4_u8)
        .map(|n| vec![n; 10_000 + usize::from(n)])
        .collect();
    {
        let store = open(folder.path());
        assert_eq!(store.next_sequence(id), None);
        assert_eq!(
            store
                .begin_upload(id, &site("hospital"), b"header")
                .expect("begins"),
            0
        );
        assert_eq!(store.append_chunk(id, 0, &chunks[0]).expect("kept"), 1);
        let skipped = store.append_chunk(id, 2, &chunks[2]).expect_err("a gap");
        assert!(matches!(skipped, StoreError::OutOfOrder { expected: 1 }));
        assert_eq!(store.append_chunk(id, 1, &chunks[1]).expect("kept"), 2);
        assert_eq!(
            store
                .append_chunk(id, 0, &chunks[0])
                .expect("the same again"),
            2
        );
        let other = store
            .append_chunk(id, 0, &chunks[1])
            .expect_err("other bytes");
        assert_eq!(other.code(), "CONFLICT");
    }
    let path = common::file(folder.path(), "chunks");
    let mut torn = fs::OpenOptions::new()
        .append(true)
        .open(path)
        .expect("the file");
    torn.write_all(&[9; 777]).expect("a torn tail");
    let store = open(folder.path());
    assert_eq!(store.next_sequence(id), Some(2));
    assert_eq!(
        store
            .begin_upload(id, &site("hospital"), b"header")
            .expect("goes on"),
        2
    );
    assert_eq!(
        store
            .begin_upload(id, &site("hospital"), b"another")
            .expect_err("other header")
            .code(),
        "CONFLICT"
    );
    for sequence in 2..4_u32 {
        store
            .append_chunk(id, sequence, &chunks[sequence as usize])
            .expect("kept");
    }
    assert_eq!(store.chunks(id).expect("read"), chunks);
    assert_eq!(store.upload_header(id).expect("read"), b"header");
    store.discard_upload(id).expect("removed");
    assert_eq!(store.next_sequence(id), None);
    drop(store);
    assert!(open(folder.path()).uploads().is_empty());
}

#[test]
fn uploads_keep_their_bounds() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path());
    let id = BatchId([1; 32]);
    let header = vec![0; limits::UPLOAD_HEADER_BYTES_MAX + 1];
    assert_eq!(
        store
            .begin_upload(id, &site("hospital"), &header)
            .expect_err("one past")
            .code(),
        "TOO_LARGE"
    );
    store
        .begin_upload(id, &site("hospital"), &header[1..])
        .expect("the largest header");
    let chunk = vec![0; limits::CHUNK_BYTES_MAX + 1];
    assert_eq!(
        store
            .append_chunk(id, 0, &chunk)
            .expect_err("one past")
            .code(),
        "TOO_LARGE"
    );
    store
        .append_chunk(id, 0, &chunk[1..])
        .expect("the largest chunk");
    for sequence in 1..limits::CHUNKS_MAX {
        store.append_chunk(id, sequence, b"small").expect("kept");
    }
    let past = store.append_chunk(id, limits::CHUNKS_MAX, b"small");
    assert_eq!(past.expect_err("one past").code(), "TOO_LARGE");
    let begin = |number: usize, name: &str| {
        let mut id = [0; 32];
        id[..8].copy_from_slice(&number.to_le_bytes());
        store.begin_upload(BatchId(id), &site(name), b"")
    };
    for number in 1..limits::UPLOADS_PER_SITE {
        begin(number, "hospital").expect("begins");
    }
    let past = begin(limits::UPLOADS_MAX, "hospital");
    assert_eq!(past.expect_err("one past").code(), "TOO_LARGE");
    for number in limits::UPLOADS_PER_SITE..limits::UPLOADS_MAX {
        let name = format!("site-{}", number / limits::UPLOADS_PER_SITE);
        begin(number, &name).expect("begins");
    }
    let past = begin(limits::UPLOADS_MAX, "town");
    assert_eq!(past.expect_err("one past").code(), "TOO_LARGE");
}

#[test]
fn an_abandoned_upload_expires() {
    let folder = tempfile::tempdir().expect("a folder");
    let id = BatchId([7; 32]);
    let store = open(folder.path());
    store
        .begin_upload(id, &site("hospital"), b"header")
        .expect("begins");
    store.append_chunk(id, 0, b"chunk").expect("kept");
    drop(store);
    let path = common::file(folder.path(), "chunks");
    let file = fs::File::options().write(true).open(path);
    let long_ago = Duration::from_secs(1_800_000_000);
    file.expect("the file")
        .set_modified(UNIX_EPOCH + long_ago)
        .expect("a time");
    let store = open(folder.path());
    let expire = |age| store.expire_upload(id, long_ago + age).expect("looks");
    assert_eq!(store.uploads()[0].touched, long_ago);
    assert!(!expire(limits::UPLOAD_TTL));
    assert!(expire(limits::UPLOAD_TTL + Duration::from_secs(1)));
    assert!(!expire(limits::UPLOAD_TTL * 2), "there is none any more");
    drop(store);
    assert!(open(folder.path()).uploads().is_empty());
}

#[test]
fn a_batch_is_admitted_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let (first, second) = (batch(700, 1), batch(3_000, 2));
    let store = open(folder.path());
    store
        .begin_upload(first.id(), &site("hospital"), b"header")
        .expect("begins");
    let done = first.admit(&store).expect("admitted");
    assert_eq!((done.audit_index, done.repeated), (0, false));
    assert_eq!(store.next_sequence(first.id()), None, "its upload is gone");
    let refused = store
        .begin_upload(first.id(), &site("hospital"), b"header")
        .expect_err("nothing to upload");
    assert_eq!(refused.code(), "ALREADY_ADMITTED");
    assert_eq!(second.admit(&store).expect("admitted").audit_index, 1);
    for _ in 0..100 {
        let again = first.admit(&store).expect("a repeat");
        assert_eq!((again.audit_index, again.repeated), (0, true));
    }
    drop(store);
    let store = open(folder.path());
    assert!(first.admit(&store).expect("a repeat").repeated);
    let found = common::read_all(&store);
    assert_eq!(found.len(), 2);
    for (row, tokens) in found {
        let expected = if row.batch_id == first.id() {
            &first
        } else {
            &second
        };
        assert_eq!(tokens, expected.tokens);
        assert_eq!(row.manifest, expected.manifest);
        assert_eq!(row.quarantined, expected.quarantined);
    }
    assert_eq!(store.audit_size(), 2);
    assert_eq!(
        store.audit_entry(0).expect("read"),
        entry(0, "admit", &first.id().to_string())
    );
    assert_eq!(
        store.audit_entry(2).expect_err("one past").code(),
        "NOT_FOUND"
    );
    store.verify().expect("all is as written");
}

#[test]
fn many_hands_admit_one_batch_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path());
    let batches: Vec<_> = (0..3).map(|seed| batch(500, seed)).collect();
    std::thread::scope(|threads| {
        for turn in 0..9 {
            let (store, batch) = (&store, &batches[turn % 3]);
            threads.spawn(move || batch.admit(store).expect("admitted"));
        }
    });
    assert_eq!(store.audit_size(), 3);
    assert_eq!(common::read_all(&store).len(), 3);
    assert_eq!(
        fs::read_dir(folder.path().join("tmp"))
            .expect("the folder")
            .count(),
        0
    );
}

#[test]
fn admission_holds_manifest_and_rows_together() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path());
    let good = batch(50, 1);
    let mut other = batch(50, 1);
    other.manifest.epoch = Epoch(2);
    other.bytes = other.manifest.to_bytes();
    assert_eq!(
        other.admit(&store).expect_err("another epoch").code(),
        "REFUSED"
    );
    let mut fewer = batch(50, 1);
    fewer.quarantined = BTreeMap::new();
    assert_eq!(
        fewer.admit(&store).expect_err("rows are missing").code(),
        "REFUSED"
    );
    let mut misnamed = good.admission();
    misnamed.batch_id = BatchId([0; 32]);
    let refused = store.admit(&misnamed, &|seq| entry(seq, "admit", "x"));
    assert_eq!(refused.expect_err("another name").code(), "REFUSED");
    let two_lines = store.admit(&good.admission(), &|_| "a\nb".to_owned());
    assert_eq!(two_lines.expect_err("two lines").code(), "REFUSED");
    let long = "x".repeat(limits::AUDIT_ENTRY_BYTES_MAX + 1);
    let refused = store.admit(&good.admission(), &|_| long.clone());
    assert_eq!(refused.expect_err("one past").code(), "TOO_LARGE");
    assert!(store.batches().expect("read").is_empty());
    assert_eq!(
        common::files(&folder.path().join("segments")).len(),
        0,
        "nothing is left"
    );
    good.admit(&store).expect("admitted at last");
}

#[test]
fn runs_move_one_version_at_a_time() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path());
    let put = |row| store.put_run(&row, None);
    assert_eq!(
        put(run("run-1", 2, "draft")).expect_err("a gap").code(),
        "CONFLICT"
    );
    put(run("run-1", 1, "draft")).expect("kept");
    put(run("run-1", 1, "draft")).expect("a repeat");
    assert_eq!(
        put(run("run-1", 1, "other"))
            .expect_err("two writers")
            .code(),
        "CONFLICT"
    );
    let noted = store.put_run(
        &run("run-1", 2, "failed"),
        Some(&|seq| entry(seq, "fail", "run-1")),
    );
    assert_eq!(noted.expect("kept"), Some(0));
    put(run("run-2", 1, "draft")).expect("kept");
    assert_eq!(
        put(run("Run", 1, "draft")).expect_err("a bad name").code(),
        "REFUSED"
    );
    drop(store);
    let store = open(folder.path());
    assert_eq!(
        store.get_run("run-1").expect("read"),
        Some(run("run-1", 2, "failed"))
    );
    assert_eq!(
        store.list_runs("run-1", 9).expect("read"),
        [run("run-2", 1, "draft")]
    );
    assert_eq!(store.list_runs("", 1).expect("read").len(), 1);
}

#[test]
fn a_resolution_is_kept_and_found() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path());
    assert!(store.assignments().expect("none yet").lines.is_empty());
    let mut lines = assignments(5_000, 3);
    let done = commit_run(&store, "run-1", lines.clone());
    assert_eq!((done.audit_index, done.repeated), (1, false));
    lines.sort_unstable();
    drop(store);
    let store = open(folder.path());
    let found = store.assignments().expect("read");
    assert_eq!(found.lines, lines);
    assert_eq!(found.sites, sites());
    for line in lines.iter().step_by(61).chain([&lines[0], &lines[4_999]]) {
        let site = &sites()[usize::from(line.site)];
        let id = store.research_id(site, line.reference).expect("read");
        assert_eq!(id, Some(line.research_id));
        let other = &sites()[1 - usize::from(line.site)];
        assert_eq!(
            store.research_id(other, line.reference).expect("read"),
            None
        );
    }
    for unknown in [[0; 16], [255; 16]] {
        let found = store
            .research_id(&site("town"), RecordRef(unknown))
            .expect("read");
        assert_eq!(found, None);
    }
    assert_eq!(
        store
            .research_id(&site("nowhere"), lines[0].reference)
            .expect("read"),
        None
    );
    let row = store.generation().expect("read").expect("one");
    assert_eq!(store.id_events(&row).expect("read"), events());
    assert_eq!(
        store.get_run("run-1").expect("read"),
        Some(run("run-1", 2, "resolved"))
    );
    commit_run(&store, "run-2", assignments(10, 4));
    assert_eq!(store.assignments().expect("read").lines.len(), 10);
    let first = &store.generations().expect("read")[0];
    assert_eq!(
        store
            .assignments_of(first)
            .expect("the past is readable")
            .lines,
        lines
    );
}

#[test]
fn a_resolution_is_refused_whole() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path());
    commit_run(&store, "run-1", assignments(10, 4));
    let commit = |run_id: &str, sites: &[_], lines, events: &[IdEvent]| {
        let draft = appliance_store::ResolutionDraft {
            run: run(run_id, 1, "resolved"),
            sites,
            lines,
            events,
        };
        store.commit_resolution(draft, &|seq| entry(seq, "resolve", run_id))
    };
    assert!(
        commit("run-1", &sites(), assignments(3, 9), &[])
            .expect("a repeat")
            .repeated
    );
    let line = assignments(1, 9)[0];
    let twice = commit("run-2", &sites(), vec![line, line], &[]);
    assert_eq!(
        twice.expect_err("two lines for one record").code(),
        "REFUSED"
    );
    let mut astray = line;
    astray.site = 2;
    let refused = commit("run-2", &sites(), vec![astray], &[]);
    assert_eq!(refused.expect_err("no such site").code(), "REFUSED");
    let reversed: Vec<_> = sites().into_iter().rev().collect();
    assert_eq!(
        commit("run-2", &reversed, vec![line], &[])
            .expect_err("unsorted")
            .code(),
        "REFUSED"
    );
    let many = IdEvent::Merge {
        kept: [0; 16],
        ended: vec![[1; 16]; limits::EVENT_PARTS_MAX + 1],
    };
    assert_eq!(
        commit("run-2", &sites(), vec![line], &[many])
            .expect_err("one past")
            .code(),
        "TOO_LARGE"
    );
    assert_eq!(store.generations().expect("read").len(), 1);
    assert_eq!(common::files(&folder.path().join("ids")).len(), 2);
}

#[test]
fn a_release_never_changes() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path());
    let early = create_release(&store, "release-1", release_lines(5, 1));
    assert_eq!(early.expect_err("no run").code(), "NOT_FOUND");
    commit_run(&store, "run-1", assignments(10, 4));
    let mut lines = release_lines(5_000, 6);
    let done = create_release(&store, "release-1", lines.clone()).expect("made");
    lines.reverse();
    let again = create_release(&store, "release-1", lines.clone()).expect("a repeat");
    assert_eq!(
        (again.audit_index, again.repeated),
        (done.audit_index, true)
    );
    let other = create_release(&store, "release-1", release_lines(5_000, 7));
    assert_eq!(other.expect_err("other lines").code(), "CONFLICT");
    lines.sort_unstable();
    drop(store);
    let store = open(folder.path());
    let (mut found, mut cursor) = (Vec::new(), Some(0));
    while let Some(at) = cursor {
        let page = store.release_rows("release-1", at, 333).expect("a page");
        found.extend(page.lines);
        cursor = page.next;
    }
    assert_eq!(found, lines);
    let end = store.release_rows("release-1", 5_000, 10).expect("the end");
    assert_eq!((end.lines.len(), end.next), (0, None));
    assert_eq!(
        store.release_rows("x", 0, 1).expect_err("none").code(),
        "NOT_FOUND"
    );
    let row = store.release("release-1").expect("read").expect("one");
    assert_eq!(
        (row.lines, row.body.as_slice()),
        (5_000, b"approval 7".as_slice())
    );
}

#[test]
fn proofs_and_checkpoints_verify_elsewhere() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path());
    let token = custody();
    let mut leaves = Vec::new();
    for number in 0..70_u64 {
        let text = entry(number, "note", "x");
        leaves.push(audit::leaf_hash(text.as_bytes()));
        assert_eq!(
            store.record(&|seq| entry(seq, "note", "x")).expect("kept"),
            number
        );
        let size = number + 1;
        let note = store.checkpoint().expect("signed");
        assert_eq!(note, store.checkpoint().expect("kept"), "signed once");
        for index in [0, number / 2, number] {
            let proof = store.inclusion_proof(index, size).expect("a proof");
            let reference = audit::inclusion_proof(&leaves, index, size);
            assert_eq!(Some(&proof), reference.as_ref(), "{index} in {size}");
            let text = store.audit_entry(index).expect("read");
            let spki = token.audit_public_key();
            audit::verify_receipt(text.as_bytes(), index, &note, &proof, ORIGIN, spki)
                .expect("the receipt holds");
        }
        for old in 1..=size {
            let proof = store.consistency_proof(old, size).expect("a proof");
            assert_eq!(
                Some(proof),
                audit::consistency_proof(&leaves, old, size),
                "{old} to {size}"
            );
        }
    }
    assert!(store.inclusion_proof(70, 70).is_err() && store.inclusion_proof(0, 71).is_err());
    assert!(store.consistency_proof(1, 71).is_err());
}

#[test]
fn an_exported_log_names_what_was_changed() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path());
    for _ in 0..20 {
        store.record(&|seq| entry(seq, "note", "x")).expect("kept");
    }
    let mut text = Vec::new();
    store.export(&mut text).expect("exported");
    let text = String::from_utf8(text).expect("text");
    let spki = custody().audit_public_key().to_vec();
    let verify = |text: &str| verify_export(&mut text.as_bytes(), ORIGIN, &spki);
    let found = verify(&text).expect("the log holds");
    assert_eq!(found.entries, 20);
    let lines: Vec<&str> = text.lines().collect();
    let without = |skip: usize| -> String {
        let kept = lines.iter().enumerate().filter(|(n, _)| *n != skip);
        kept.map(|(_, line)| format!("{line}\n")).collect()
    };
    for (changed, named) in [
        (text.replace("\"seq\":7,", "\"seq\":8,"), "entry 7 of"),
        (without(3 + 5), "entry 5 of"),
        (text.replacen("\n4 ", "\n5 ", 1), "entry 4 of"),
        (without(3 + 19), "entry 19 of"),
    ] {
        let error = verify(&changed).expect_err("a changed log").to_string();
        assert!(error.contains(named), "{error} does not name {named}");
    }
    assert!(verify(&text.replace("\n20\n", "\n19\n")).is_err());
    let other = SoftwareCustody::danger_for_tests(2);
    let forged = verify_export(&mut text.as_bytes(), ORIGIN, other.audit_public_key());
    assert_eq!(forged.expect_err("another key").code(), "DAMAGED");
}

#[test]
fn a_folder_has_one_owner() {
    let folder = tempfile::tempdir().expect("a folder");
    let read_only = |folder| Store::open_read_only(folder, custody(), scope(), ORIGIN);
    assert_eq!(
        read_only(folder.path()).expect_err("nothing there").code(),
        "NO_STORE"
    );
    let store = open(folder.path());
    batch(50, 1).admit(&store).expect("admitted");
    assert_eq!(
        try_open(folder.path()).expect_err("two servers").code(),
        "DATA_IN_USE"
    );
    assert_eq!(
        read_only(folder.path()).expect_err("a server runs").code(),
        "DATA_IN_USE"
    );
    drop(store);
    let before: Vec<_> = common::files(folder.path())
        .iter()
        .map(fs::read)
        .map(Result::ok)
        .collect();
    let (one, two) = (read_only(folder.path()), read_only(folder.path()));
    let (one, two) = (one.expect("opens"), two.expect("readers share"));
    assert_eq!(one.health(), Health::Offline);
    assert_eq!(common::read_all(&one).len(), 1);
    assert_eq!(two.audit_size(), 1);
    one.verify().expect("all is as written");
    one.checkpoint().expect("signed");
    assert_eq!(
        batch(50, 2).admit(&one).expect_err("reading only").code(),
        "OFFLINE"
    );
    assert_eq!(
        try_open(folder.path())
            .expect_err("readers are there")
            .code(),
        "DATA_IN_USE"
    );
    drop((one, two));
    let after: Vec<_> = common::files(folder.path())
        .iter()
        .map(fs::read)
        .map(Result::ok)
        .collect();
    assert!(before == after, "reading changes nothing");
}

#[test]
fn a_folder_keeps_its_scope() {
    let folder = tempfile::tempdir().expect("a folder");
    drop(open(folder.path()));
    let mut other = scope();
    other.epoch = Epoch(2);
    let opened = Store::open(folder.path(), custody(), other, ORIGIN);
    assert_eq!(opened.expect_err("another epoch").code(), "OTHER_SCOPE");
    let opened = Store::open(folder.path(), custody(), scope(), "another.example/log");
    assert_eq!(opened.expect_err("another log").code(), "OTHER_SCOPE");
    let token = std::sync::Arc::new(SoftwareCustody::danger_for_tests(2));
    let opened = Store::open(folder.path(), token, scope(), ORIGIN);
    assert_eq!(
        opened.expect_err("another token").to_string(),
        "the data folder belongs to another token"
    );
}

/// The largest batch, and how long it takes here.
#[test]
fn a_full_batch_is_admitted() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path());
    let batch = batch(linker_token::limits::BATCH_ROWS_MAX, 1);
    let start = Instant::now();
    batch.admit(&store).expect("admitted");
    let admitted = start.elapsed();
    let row = store.batches().expect("read").swap_remove(0);
    let start = Instant::now();
    let tokens = store.read_segment(&row).expect("read");
    println!(
        "65,536 rows: admitted in {admitted:?}, read in {:?}",
        start.elapsed()
    );
    assert_eq!(tokens, batch.tokens);
    let start = Instant::now();
    for _ in 0..20 {
        store.record(&|seq| entry(seq, "note", "x")).expect("kept");
    }
    println!("one audited change: {:?}", start.elapsed() / 20);
    let start = Instant::now();
    commit_run(&store, "run-1", assignments(1_000_000, 4));
    println!(
        "1,000,000 assignments made and committed in {:?}",
        start.elapsed()
    );
    let start = Instant::now();
    assert_eq!(store.assignments().expect("read").lines.len(), 1_000_000);
    println!("1,000,000 assignments read in {:?}", start.elapsed());
    let line = assignments(3, 4)[2];
    let start = Instant::now();
    for _ in 0..20 {
        let found = store.research_id(&sites()[usize::from(line.site)], line.reference);
        assert_eq!(found.expect("read"), Some(line.research_id));
    }
    println!("one look-up among them: {:?}", start.elapsed() / 20);
}

#[test]
fn nothing_personal_is_readable_on_disk() {
    let folder = tempfile::tempdir().expect("a folder");
    common::furnish(folder.path());
    let mut marks: Vec<Vec<u8>> = Vec::new();
    for seed in [0, 1] {
        let tokens = common::tokens(600, seed);
        marks.push(tokens.references()[17].0.to_vec());
        marks.push(
            tokens
                .row(17)
                .iter()
                .flat_map(|word| word.to_le_bytes())
                .collect(),
        );
    }
    let line = assignments(4_000, 5)[33];
    let released = release_lines(4_000, 6)[33];
    marks.extend(
        [
            line.reference.0,
            line.research_id,
            released.reference.0,
            released.pseudonym,
        ]
        .map(Vec::from),
    );
    let paths = common::files(folder.path());
    assert!(paths.len() >= 12, "{paths:?}");
    for path in paths {
        let bytes = fs::read(&path).expect("read");
        for mark in &marks {
            let found = bytes.windows(16).any(|window| window == &mark[..16]);
            assert!(!found, "a mark is readable in {}", path.display());
        }
        let mode = std::os::unix::fs::PermissionsExt::mode(
            &fs::metadata(&path).expect("there").permissions(),
        );
        assert_eq!(mode & 0o077, 0, "{} is open to others", path.display());
    }
}
