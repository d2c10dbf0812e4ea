//! Facts: kept with their entry, found again, and never doubled.

mod common;

use std::cell::Cell;

use appliance_store::limits::FACT_BYTES_MAX;
use common::{open, try_open};

fn entry(seq: u64) -> String {
    format!(r#"{{"seq":{seq},"operation":"test"}}"#)
}

#[test]
fn a_fact_outlives_the_process_and_a_repeat_writes_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path());
    let asked = Cell::new(0);
    let counted = |seq| {
        asked.set(asked.get() + 1);
        entry(seq)
    };
    assert_eq!(store.fact("revoked-a"), None);
    store
        .put_fact("revoked-a", b"one", &counted)
        .expect("is kept");
    store
        .put_fact("revoked-a", b"one", &counted)
        .expect("a repeat");
    assert_eq!((asked.get(), store.audit_size()), (1, 1));
    store
        .put_fact("revoked-a", b"two", &counted)
        .expect("changes");
    store.put_fact("revoked-b", b"", &counted).expect("is kept");
    store.put_fact("other", b"x", &counted).expect("is kept");
    assert_eq!((asked.get(), store.audit_size()), (4, 4));
    drop(store);
    let store = open(folder.path());
    let revoked = store.facts("revoked-");
    let expected = [("revoked-a", &b"two"[..]), ("revoked-b", b"")];
    let expected = expected.map(|(name, body)| (name.to_owned(), body.to_vec()));
    assert_eq!(revoked, expected);
    assert_eq!(store.fact("other").as_deref(), Some(&b"x"[..]));
    assert_eq!(store.facts("nothing"), []);
    store.verify().expect("is whole");
}

#[test]
fn names_and_sizes_are_bounded() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path());
    for name in ["", "Upper", "with space", "a/b", &"x".repeat(65)] {
        let refused = store.put_fact(name, b"", &entry).expect_err(name);
        assert_eq!(refused.code(), "REFUSED", "{name}");
    }
    let full = vec![7; FACT_BYTES_MAX + 1];
    store.put_fact("full", &full[1..], &entry).expect("fits");
    let past = store.put_fact("more", &full, &entry).expect_err("one past");
    assert_eq!(past.code(), "TOO_LARGE");
    assert_eq!(store.audit_size(), 1, "a refusal leaves no entry");
}

/// A fact is a row of the database like any other: one changed byte of the file is found.
#[test]
fn an_altered_fact_is_found() {
    let folder = tempfile::tempdir().expect("a folder");
    let mark = b"a fact that can be found in the file";
    open(folder.path())
        .put_fact("marked", mark, &entry)
        .expect("is kept");
    let path = folder.path().join("store.redb");
    let mut bytes = std::fs::read(&path).expect("reads");
    let places: Vec<usize> = (0..bytes.len() - mark.len())
        .filter(|&at| bytes[at..].starts_with(mark))
        .collect();
    assert!(!places.is_empty());
    for at in places {
        bytes[at] ^= 1;
    }
    std::fs::write(&path, bytes).expect("writes");
    assert!(try_open(folder.path()).is_err());
}
