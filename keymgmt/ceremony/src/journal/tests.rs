//! A journal is believed only where the transcript names it.

use keymgmt_custody::inventory::KeyId;
use linker_token::CheckValue;

use super::*;

#[test]
fn only_the_named_state_is_loaded() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path();
    let mut journal = Journal::empty("demo", 1, "jp-1");
    let first = journal.write_next(out).expect("writes");
    Journal::commit(out).expect("commits");
    assert_eq!(Journal::load(out, Some(&first)).expect("loads"), journal);

    // Written, not named: the old state counts.
    journal.done = 1;
    let second = journal.write_next(out).expect("writes");
    assert_eq!(Journal::load(out, Some(&first)).expect("loads").done, 0);
    // Named, not yet in its place: the new state counts, and takes its place.
    assert_eq!(Journal::load(out, Some(&second)).expect("loads").done, 1);
    assert!(!out.join(NEXT).exists());
    assert_eq!(Journal::load(out, Some(&second)).expect("loads").done, 1);
    for named in [Some(first.as_str()), None, Some("00")] {
        let refused = Journal::load(out, named).expect_err("not named");
        assert_eq!(refused.code(), "WRONG_FOLDER");
    }
}

#[test]
fn keys_come_back_as_they_were() {
    let mut journal = Journal::empty("demo", 1, "jp-1");
    let keys = [
        KeyProof::Secret(CheckValue([7; 8])),
        KeyProof::P256(vec![1, 2, 3]),
        KeyProof::Rsa(vec![4, 5]),
    ];
    for (proof, name) in keys.into_iter().zip(["lek", "csk", "aik"]) {
        let entry = KeyEntry {
            name: name.to_owned(),
            id: KeyId([9; 16]),
            proof,
        };
        journal.add_key(Which::Custody, &entry, false);
        assert_eq!(journal.entry(Which::Custody, name).expect("there"), entry);
    }
    assert_eq!(journal.entries(Which::Custody).expect("parse").len(), 3);
    assert!(journal.entry(Which::Appliance, "lek").is_err());
    journal.remove_key(Which::Custody, "lek");
    let gone = journal.entry(Which::Custody, "lek").expect_err("gone");
    assert_eq!(gone.code(), "KEY_MISSING");
    assert_eq!(unhex::<2>("00f"), None);
}
