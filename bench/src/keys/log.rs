//! The audit log: appends with their syncs, and proofs in a large tree.

use std::{fs, path::Path, sync::Arc, time::Instant};

use appliance_server::audit::{Entry, Time};
use appliance_store::{ProofTree, Scope, Store};
use keymgmt_custody::{
    audit::{Checkpoint, leaf_hash, verify_consistency, verify_inclusion},
    proof,
    software::SoftwareCustody,
};
use linker_token::{Epoch, ProjectId, Schema};
use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

use super::{Options, failed, rate};
use crate::{
    error::{BenchError, file},
    evaluate::float,
    ui::{grouped, say},
};

/// Where the store of the measurement lies: on the disk of the working folder, because a file system in
/// memory syncs nothing.
const FOLDER: &str = "target/bench";
const ORIGIN: &str = "musubi.example/bench";
/// Proofs of each kind that are made and verified.
const PROOFS: u32 = 1_000;

/// What the log takes and what its proofs cost.
pub(super) struct Log {
    single: f64,
    /// Appends a second in batches, with their syncs.
    pub(super) batched: f64,
    batch: usize,
    entry_bytes: usize,
    proofs: Proofs,
}

struct Proofs {
    entries: usize,
    build_seconds: f64,
    root_us: f64,
    inclusion: One,
    consistency: One,
    file_bytes: usize,
}

/// One kind of proof.
struct One {
    bytes_max: usize,
    make_us: f64,
    verify_us: f64,
}

pub(super) fn measure(options: &Options) -> Result<Log, BenchError> {
    fs::create_dir_all(FOLDER).map_err(file("make the folder of the bench"))?;
    let folder = tempfile::tempdir_in(FOLDER).map_err(file("make a temporary folder"))?;
    let store = open(folder.path())?;
    let entry = Entry::new(
        Time::At(1_800_000_000),
        "spiffe://musubi.example/site/hospital",
        "admit",
        &"0a".repeat(32),
    )
    .count("rows", 65_536)
    .count("admitted", 65_500)
    .count("quarantined-repeated", 36);
    let seconds = f64::from(options.seconds);
    let single = rate(seconds, || {
        store
            .record(&|seq| entry.render(seq))
            .map(drop)
            .map_err(failed)
    })?;
    let batches = rate(seconds, || {
        store
            .record_all(options.batch, &|seq| entry.render(seq))
            .map(drop)
            .map_err(failed)
    })?;
    drop(store);
    Ok(Log {
        single,
        batched: batches * float(options.batch as u64),
        batch: options.batch,
        entry_bytes: entry.render(1_000_000).len(),
        proofs: proofs(&entry, options.entries as usize)?,
    })
}

fn open(folder: &Path) -> Result<Store, BenchError> {
    let custody = Arc::new(SoftwareCustody::danger_for_tests(1));
    let scope = Scope {
        project: ProjectId::parse("bench").map_err(failed)?,
        epoch: Epoch(1),
        schema: Schema::jp_1(),
    };
    Store::open(&folder.join("data"), custody, scope, ORIGIN).map_err(failed)
}

/// Proofs in a log of `count` entries that differ in their numbers.
fn proofs(entry: &Entry, count: usize) -> Result<Proofs, BenchError> {
    let start = Instant::now();
    let mut tree = ProofTree::default();
    for index in 0..count as u64 {
        tree.push(leaf_hash(entry.render(index).as_bytes()));
    }
    let build_seconds = start.elapsed().as_secs_f64();
    let size = count as u64;
    let start = Instant::now();
    let root = tree.root(count);
    let root_us = start.elapsed().as_secs_f64() * 1e6;
    let mut dice = ChaCha8Rng::seed_from_u64(1);
    let mut draw = || usize::try_from(dice.next_u64() % size).unwrap_or(0);
    let places: Vec<usize> = (0..PROOFS).map(|_| draw()).collect();

    let start = Instant::now();
    let paths: Vec<_> = places.iter().map(|at| tree.inclusion(*at, count)).collect();
    let made = start.elapsed().as_secs_f64();
    let leaves: Vec<_> = places.iter().filter_map(|at| tree.leaf(*at)).collect();
    let start = Instant::now();
    for ((at, path), leaf) in places.iter().zip(&paths).zip(leaves) {
        verify_inclusion(leaf, *at as u64, size, path, &root).map_err(failed)?;
    }
    let inclusion = one(&paths, made, start.elapsed().as_secs_f64());

    let olds: Vec<usize> = places.iter().map(|at| at + 1).collect();
    let roots: Vec<_> = olds.iter().map(|old| tree.root(*old)).collect();
    let start = Instant::now();
    let paths: Vec<_> = olds
        .iter()
        .map(|old| tree.consistency(*old, count))
        .collect();
    let made = start.elapsed().as_secs_f64();
    let start = Instant::now();
    for ((old, path), old_root) in olds.iter().zip(&paths).zip(&roots) {
        let old = (*old as u64, old_root);
        verify_consistency(old, (size, &root), path).map_err(failed)?;
    }
    let consistency = one(&paths, made, start.elapsed().as_secs_f64());

    let keys = SoftwareCustody::danger_for_tests(1);
    let note = Checkpoint::sign(ORIGIN, size, &root, &keys).map_err(failed)?;
    let line = entry.render(places[0] as u64);
    let path = tree.inclusion(places[0], count);
    let text = proof::inclusion_file(places[0] as u64, line.as_bytes(), &path, &note);
    let spki = keymgmt_custody::Custody::audit_public_key(&keys);
    proof::verify(&text, ORIGIN, spki).map_err(failed)?;
    Ok(Proofs {
        entries: count,
        build_seconds,
        root_us,
        inclusion,
        consistency,
        file_bytes: text.len(),
    })
}

fn one(paths: &[Vec<[u8; 32]>], made: f64, verified: f64) -> One {
    let each = 1e6 / f64::from(PROOFS);
    One {
        bytes_max: paths.iter().map(|path| path.len() * 32).max().unwrap_or(0),
        make_us: made * each,
        verify_us: verified * each,
    }
}

impl Log {
    pub(super) fn show(&self) {
        say(&format!(
            "{:<28} {:>12.0} /s one by one, {:.0} /s in batches of {} ({:.0} times), {} bytes each, synced",
            "audit appends",
            self.single,
            self.batched,
            self.batch,
            self.batched / self.single,
            self.entry_bytes
        ));
        let proofs = &self.proofs;
        say(&format!(
            "{:<28} {} entries built in {:.1} s; root {:.1} us",
            "audit tree",
            grouped(proofs.entries as u64),
            proofs.build_seconds,
            proofs.root_us
        ));
        for (name, one) in [
            ("inclusion", &proofs.inclusion),
            ("consistency", &proofs.consistency),
        ] {
            say(&format!(
                "  {name:<26} at most {} bytes, made in {:.2} us, verified in {:.2} us",
                one.bytes_max, one.make_us, one.verify_us
            ));
        }
        say(&format!("  a proof file has {} bytes", proofs.file_bytes));
    }

    pub(super) fn object(&self) -> Value {
        let one = |one: &One| {
            json!({
                "bytes_max": one.bytes_max,
                "make_us": one.make_us,
                "verify_us": one.verify_us,
            })
        };
        let proofs = &self.proofs;
        json!({
            "appends": {
                "entry_bytes": self.entry_bytes,
                "single_per_second": self.single,
                "batch": self.batch,
                "batched_per_second": self.batched,
                "ratio": self.batched / self.single,
            },
            "proofs": {
                "entries": proofs.entries,
                "build_seconds": proofs.build_seconds,
                "root_us": proofs.root_us,
                "inclusion": one(&proofs.inclusion),
                "consistency": one(&proofs.consistency),
                "file_bytes": proofs.file_bytes,
            },
        })
    }
}
