//! The log in tiles, judged by somebody else's code, and what is read beside a running service.
//!
//! `tlog_tiles` 0.2 (Cloudflare) authenticates every hash that it reads from our hash tiles against the root,
//! proves entries and growth from them, and names the tiles of a size; `signed_note` 0.2 splits our
//! checkpoint and finds the key id. The ECDSA signature itself is verified by AWS-LC in both, because neither
//! crate brings ECDSA.

mod common;

use std::{fs, path::Path, sync::Arc};

use appliance_store::{
    Health, LogSnapshot, ProofTree, Store, StoreError, limits, read_key_changes, verify_tiles,
};
use common::{ORIGIN, batch, custody, entry, open, scope};
use keymgmt_custody::{
    Custody, CustodyError, Secret,
    audit::{self, Checkpoint},
    cosignature::Witness,
    hierarchy::{DerivingKey, Label},
    key_change,
    proof::{self, Proven},
    software::SoftwareCustody,
    tile::Tile,
};
use signed_note::Note;
use tlog_tiles::{
    Tile as OtherTile, TileHashReader, TileReader,
    tlog::{self, HashReader as _},
};

fn spki() -> Vec<u8> {
    custody().audit_public_key().to_vec()
}

fn fill(store: &Store, entries: usize) {
    let mut left = entries;
    while left > 0 {
        let now = left.min(limits::AUDIT_BATCH_MAX);
        store
            .record_all(now, &|seq| entry(seq, "note", "x"))
            .expect("kept");
        left -= now;
    }
}

/// Our folder, read by the other implementation.
struct Folder<'a>(&'a Path);

impl TileReader for Folder<'_> {
    fn height(&self) -> u8 {
        8
    }

    fn read_tiles(&self, tiles: &[OtherTile]) -> Result<Vec<Vec<u8>>, tlog::Error> {
        let read = |tile: &OtherTile| {
            let path = here(&tile.path());
            Ok(fs::read(self.0.join(path)).expect("every tile that is asked for is there"))
        };
        tiles.iter().map(read).collect()
    }

    fn save_tiles(&self, _tiles: &[OtherTile], _data: &[Vec<u8>]) {}
}

/// The crate writes the height into paths, as Go's checksum database does; the specification leaves it out.
fn here(path: &str) -> String {
    path.replacen("tile/8/", "tile/", 1)
}

#[test]
fn another_implementation_reads_and_proves_our_tiles() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(&folder.path().join("data"));
    for (size, grow) in [(1, 1), (256, 255), (700, 444), (66_000, 65_300)] {
        fill(&store, grow);
        store.checkpoint().expect("signed");
        let log = LogSnapshot::open(&folder.path().join("data"), ORIGIN, &spki()).expect("opens");
        assert_eq!(log.checkpoint().size, size);
        let out = folder.path().join(format!("out-{size}"));
        log.export_tiles(&out).expect("written");

        // The same files as the other implementation expects for this size, hash tiles first.
        let ours: Vec<String> = Tile::all(size)
            .iter()
            .filter(|tile| tile.level.is_some())
            .map(Tile::path)
            .collect();
        let theirs = OtherTile::new_tiles(8, 0, size);
        let theirs: Vec<String> = theirs.iter().map(|tile| here(&tile.path())).collect();
        assert_eq!(ours, theirs, "{size}");

        let note = fs::read(out.join("checkpoint")).expect("read");
        let note = Note::from_bytes(&note).expect("a note");
        let head = tlog_tiles::Checkpoint::from_bytes(note.text()).expect("a checkpoint");
        assert_eq!((head.origin(), head.size()), (ORIGIN, size));
        let reader = Folder(&out);
        let hashes = TileHashReader::new(size, *head.hash(), &reader);
        // Reading a hash authenticates its tile and all above it against the root.
        for index in [0, size / 3, size / 2, size - 1] {
            let proof = tlog::prove_record(size, index, &hashes).expect("a proof");
            let leaf = tlog::record_hash(log.entry(index).expect("read").as_bytes());
            tlog::check_record(&proof, size, *head.hash(), index, leaf).expect("holds");
            let stored = [tlog::stored_hash_index(0, index)];
            let read = hashes.read_hashes(&stored).expect("authenticated");
            assert_eq!(read, [leaf], "{index} of {size}");
        }
        let bytes =
            fs::read(out.join("tile/0/000")).or_else(|_| fs::read(out.join("tile/0/000.p/1")));
        let first = bytes.expect("read");
        assert_eq!(
            OtherTile::subtree_hash(&first).0,
            ProofTreeOf(&first).root(),
            "a tile's root"
        );
        let mut read = |path: &str| Ok(fs::read(out.join(path)).ok());
        let verified = verify_tiles(&mut read, ORIGIN, &spki()).expect("holds");
        assert_eq!((verified.entries, verified.root), (size, head.hash().0));
    }
}

struct ProofTreeOf<'a>(&'a [u8]);

impl ProofTreeOf<'_> {
    fn root(&self) -> [u8; 32] {
        let mut tree = ProofTree::default();
        self.0
            .as_chunks::<32>()
            .0
            .iter()
            .for_each(|hash| tree.push(*hash));
        tree.root(tree.len())
    }
}

/// The kept tree against the functions that need nothing but the leaves.
#[test]
fn the_fast_tree_is_the_slow_one() {
    let leaves: Vec<[u8; 32]> = (0..300_u32)
        .map(|number| audit::leaf_hash(&number.to_le_bytes()))
        .collect();
    let mut tree = ProofTree::default();
    assert!(tree.is_empty());
    leaves.iter().for_each(|leaf| tree.push(*leaf));
    for size in 1..=300_usize {
        let slow = audit::Tree::from_leaves(&leaves[..size]).root();
        assert_eq!(tree.root(size), slow, "{size}");
        let (end, old) = (size as u64, size / 2 + 1);
        let path = audit::inclusion_proof(&leaves, end / 2, end);
        assert_eq!(Some(tree.inclusion(size / 2, size)), path);
        let path = audit::consistency_proof(&leaves, old as u64, end);
        assert_eq!(Some(tree.consistency(old, size)), path);
    }
    assert_eq!(tree.complete(8, 0, 1).map(<[_]>::len), Some(1));
    assert_eq!(tree.complete(8, 0, 2), None);
}

#[test]
fn a_running_store_is_read_without_lock_and_token() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path());
    let read = || LogSnapshot::open(folder.path(), ORIGIN, &spki());
    assert_eq!(read().expect_err("unsigned").code(), "NOT_FOUND");
    assert!(Store::is_in_use(folder.path()).expect("there"));
    fill(&store, 300);
    store.checkpoint().expect("signed");
    fill(&store, 7);
    let log = read().expect("opens");
    assert_eq!(
        log.checkpoint().size,
        300,
        "what is not signed yet is left out"
    );
    assert_eq!(log.entry(300).expect_err("one past").code(), "NOT_FOUND");
    assert_eq!(store.health(), Health::Writable);
    // The same tiles from the service and from the file.
    for tile in Tile::all(300) {
        let served = store.tile(&tile).expect("served");
        log.export_tiles(&folder.path().join("out"))
            .expect("written");
        let written = fs::read(folder.path().join("out").join(tile.path())).expect("read");
        assert_eq!(served, written, "{}", tile.path());
    }
    let beyond = Tile::parse("tile/0/001.p/51").expect("a path");
    assert_eq!(
        store.tile(&beyond).expect_err("unsigned").code(),
        "NOT_FOUND"
    );
    drop(store);
    assert!(!Store::is_in_use(folder.path()).expect("there"));
    let stopped = Store::open_read_only(folder.path(), custody(), scope(), ORIGIN);
    let log = stopped.expect("opens").into_snapshot().expect("signed");
    assert_eq!(log.checkpoint().size, 307, "all of it, signed now");
}

#[test]
fn proof_files_hold_without_the_store() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path());
    fill(&store, 500);
    store.checkpoint().expect("signed");
    let log = LogSnapshot::open(folder.path(), ORIGIN, &spki()).expect("opens");
    let verify = |file: &str| proof::verify(file, ORIGIN, &spki());
    let proven = verify(&log.prove_entry(321).expect("a proof")).expect("holds");
    let expected = entry(321, "note", "x").into_bytes();
    assert!(matches!(proven, Proven::Entry { index: 321, entry, .. } if entry == expected));
    for old in [1, 255, 256, 499, 500] {
        let proven = verify(&log.prove_growth(old).expect("a proof")).expect("holds");
        assert!(matches!(proven, Proven::Growth { old: seen, .. } if seen.size == old));
    }
    for refused in [
        log.prove_growth(0),
        log.prove_growth(501),
        log.prove_entry(500),
    ] {
        assert_eq!(refused.expect_err("not there").code(), "NOT_FOUND");
    }
}

fn cosign(store: &Store, witness: &Witness, time: u64) -> String {
    let note = store.checkpoint().expect("signed");
    let by = witness.public();
    by.cosign(&note, time, |message| witness.sign(message))
        .expect("cosigned")
}

#[test]
fn what_a_witness_saw_cannot_be_undone() {
    let place = tempfile::tempdir().expect("a folder");
    let folder = place.path().join("data");
    let store = open(&folder);
    let witness = Witness::from_seed("town", &Secret::take(&mut [3; 32])).expect("a witness");
    fill(&store, 20);
    common::copy(&folder, &place.path().join("before"));
    fill(&store, 20);
    let cosigned = cosign(&store, &witness, 1_800_000_000);
    let log = LogSnapshot::open(&folder, ORIGIN, &spki()).expect("opens");
    let keep = |note: &str| log.keep_cosigned(note, witness.public(), &spki());
    let (kept, newer) = keep(&cosigned).expect("kept");
    assert_eq!((kept.size, kept.unix_s, newer), (40, 1_800_000_000, true));
    assert!(!keep(&cosigned).expect("holds").1, "it is there already");
    assert_eq!(log.cosigned().expect("read"), std::slice::from_ref(&kept));
    // It travels with the tiles.
    log.export_tiles(&place.path().join("out"))
        .expect("written");
    let beside = place
        .path()
        .join("out")
        .join(format!("witness/{}.note", kept.id));
    assert_eq!(fs::read_to_string(beside).expect("read"), cosigned);
    // Another witness, another log, no witness.
    let other = Witness::from_seed("town", &Secret::take(&mut [4; 32])).expect("a witness");
    let refused = log.keep_cosigned(&cosigned, other.public(), &spki());
    assert_eq!(refused.expect_err("another key").code(), "BAD_SIGNATURE");
    let plain = store.checkpoint().expect("signed");
    assert_eq!(
        keep(&plain).expect_err("no witness").code(),
        "BAD_SIGNATURE"
    );
    drop(store);
    drop(open(&folder));
    // The disk is set back to before, checkpoint and database and log; only the witness's word stayed.
    let back = place.path().join("before");
    common::copy(&folder.join("cosigned"), &back.join("cosigned"));
    let refused = common::try_open(&back).expect_err("rolled back");
    assert_eq!(refused.code(), "AUDIT_SHORT", "{refused}");
    let read_only = Store::open_read_only(&back, custody(), scope(), ORIGIN);
    assert_eq!(read_only.expect_err("rolled back").code(), "AUDIT_SHORT");
}

#[test]
fn one_past_the_most_witnesses_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path());
    fill(&store, 3);
    let log = || LogSnapshot::open(folder.path(), ORIGIN, &spki()).expect("opens");
    for number in 0..=limits::WITNESSES_MAX {
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&(number as u64).to_le_bytes());
        let witness = Witness::from_seed("w", &Secret::take(&mut seed)).expect("a witness");
        let cosigned = cosign(&store, &witness, 1);
        let kept = log().keep_cosigned(&cosigned, witness.public(), &spki());
        match kept {
            Ok((_, newer)) => assert!(newer && number < limits::WITNESSES_MAX),
            Err(error) => assert_eq!((error.code(), number), ("TOO_LARGE", limits::WITNESSES_MAX)),
        }
    }
    assert_eq!(log().cosigned().expect("read").len(), limits::WITNESSES_MAX);
}

#[test]
fn many_entries_are_one_transaction() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path());
    assert_eq!(store.record_all(0, &|_| String::new()).expect("nothing"), 0);
    fill(&store, 1);
    let many = limits::AUDIT_BATCH_MAX;
    assert_eq!(
        store
            .record_all(many, &|seq| entry(seq, "note", "y"))
            .expect("kept"),
        1
    );
    let past = store.record_all(many + 1, &|seq| entry(seq, "note", "y"));
    assert!(matches!(past, Err(StoreError::TooLarge { .. })));
    // One bad entry, and none of them is there.
    let refused = store.record_all(5, &|seq| {
        if seq % 5 == 3 {
            "\n".into()
        } else {
            "x".into()
        }
    });
    assert_eq!(refused.expect_err("no line of text").code(), "REFUSED");
    let size = store.audit_size();
    assert_eq!(size, 1 + many as u64);
    let note = store.checkpoint().expect("signed");
    let root = Checkpoint::verify(&note, ORIGIN, &spki())
        .expect("holds")
        .root;
    drop(store);
    // The log lost them all; the database has them in its outbox.
    let log = folder.path().join("audit.log");
    let frame = 12 + entry(0, "note", "x").len() as u64;
    for kept in [frame, frame + 1, frame + 5_000] {
        let file = fs::OpenOptions::new()
            .write(true)
            .open(&log)
            .expect("opens");
        file.set_len(kept).expect("cut");
        drop(file);
        let store = open(folder.path());
        assert_eq!(store.audit_size(), size, "cut to {kept}");
        let note = store.checkpoint().expect("signed");
        assert_eq!(
            Checkpoint::verify(&note, ORIGIN, &spki())
                .expect("holds")
                .root,
            root
        );
        drop(store);
    }
    let store = open(folder.path());
    batch(50, 1).admit(&store).expect("a batch behind them");
    drop(store);
    assert_eq!(open(folder.path()).audit_size(), size + 1);
}

#[test]
fn the_audit_key_changes_and_the_log_goes_on() {
    let place = tempfile::tempdir().expect("a folder");
    let folder = place.path().join("data");
    let store = open(&folder);
    fill(&store, 20);
    drop(store);
    // Another audit key over the same data keys, as a token with a new ASK has them.
    let new = OtherAuditKey(
        SoftwareCustody::danger_for_tests(1),
        SoftwareCustody::danger_for_tests(2),
    );
    let new: Arc<dyn Custody> = Arc::new(new);
    let new_key = new.audit_public_key().to_vec();
    let opened =
        |custody: &Arc<dyn Custody>| Store::open(&folder, custody.clone(), scope(), ORIGIN);
    let stopped = || {
        let store = Store::open_read_only(&folder, custody(), scope(), ORIGIN);
        store.expect("opens").into_snapshot().expect("signed")
    };
    stopped().hand_over(&new_key, &*custody()).expect("signed");
    // The old key goes on: the change is void.
    fill(&open(&folder), 1);
    open(&folder).checkpoint().expect("signed");
    let log = LogSnapshot::open(&folder, ORIGIN, &spki()).expect("opens");
    let void = log
        .take_over(&spki(), &*new)
        .expect_err("another note came after it");
    assert_eq!(void.code(), "MALFORMED");
    assert_eq!(
        opened(&new).expect_err("not the log's key").code(),
        "DAMAGED"
    );
    stopped().hand_over(&new_key, &*custody()).expect("signed");
    let log = LogSnapshot::open(&folder, ORIGIN, &spki()).expect("opens");
    let change = log.take_over(&spki(), &*new).expect("taken over");
    // Cut off before its last step, it is finished by the next attempt.
    fs::write(folder.join("checkpoint.note"), &change.last).expect("written");
    let log = LogSnapshot::open(&folder, ORIGIN, &spki()).expect("opens");
    log.take_over(&spki(), &*new).expect("taken over");
    assert_eq!(log.key_changes().expect("read").len(), 1);

    let store = opened(&new).expect("opens with the new key");
    fill(&store, 4);
    store.checkpoint().expect("signed");
    drop(store);
    assert_eq!(
        common::try_open(&folder)
            .expect_err("the old key is over")
            .code(),
        "DAMAGED"
    );
    let log = LogSnapshot::open(&folder, ORIGIN, &new_key).expect("opens");
    assert_eq!(log.checkpoint().size, 25);
    let out = place.path().join("out");
    log.export_tiles(&out).expect("written");
    let mut read = |path: &str| Ok(fs::read_to_string(out.join(path)).ok());
    let changes = read_key_changes(&mut read).expect("read");
    let present = key_change::follow_all(&changes, ORIGIN, &spki()).expect("follows");
    assert_eq!(present, new_key);
    let mut read = |path: &str| Ok(fs::read(out.join(path)).ok());
    assert_eq!(
        verify_tiles(&mut read, ORIGIN, &present)
            .expect("holds")
            .entries,
        25
    );
}

/// Keys of one token, and the audit key of another.
struct OtherAuditKey(SoftwareCustody, SoftwareCustody);

impl Custody for OtherAuditKey {
    fn derive(
        &self,
        key: DerivingKey,
        label: Label,
        context: &[u8],
    ) -> Result<Secret, CustodyError> {
        self.0.derive(key, label, context)
    }

    fn open_content_key(&self, sealed: &[u8]) -> Result<Secret, CustodyError> {
        self.0.open_content_key(sealed)
    }

    fn sign_audit(&self, digest: &[u8; 32]) -> Result<[u8; 64], CustodyError> {
        self.1.sign_audit(digest)
    }

    fn audit_public_key(&self) -> &[u8] {
        self.1.audit_public_key()
    }

    fn ingest_public_key(&self) -> &[u8] {
        self.0.ingest_public_key()
    }

    fn random(&self, bytes: &mut [u8]) -> Result<(), CustodyError> {
        self.0.random(bytes)
    }

    fn check_health(&self) -> Result<(), CustodyError> {
        self.0.check_health()
    }
}
