//! What all tests of the store share: made-up rows, a software token, whole-folder helpers.

#![expect(dead_code, reason = "each test file uses a part of this")]
#![expect(unreachable_pub, reason = "this is a module of several test crates")]

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use appliance_store::{
    Admission, AdmittedBatch, Assignment, BatchRow, IdEvent, ReleaseDraft, ReleaseLine,
    ResolutionDraft, RunRow, Scope, Store, StoreError,
};
use keymgmt_custody::{Custody, software::SoftwareCustody};
use linker_token::{
    BatchId, CheckValue, Epoch, Flags, Manifest, ProjectId, RecordRef, Schema, SiteId, Token,
    TokenBatch,
};

/// The log's name in all tests.
pub const ORIGIN: &str = "musubi.example/test";

/// SplitMix64: the same rows for the same seed.
pub struct Dice(pub u64);

impl Dice {
    /// The next number.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound as u64).expect("the bound fits")
    }

    /// Sixteen bytes.
    pub fn id(&mut self) -> [u8; 16] {
        let mut id = [0; 16];
        id[..8].copy_from_slice(&self.next().to_le_bytes());
        id[8..].copy_from_slice(&self.next().to_le_bytes());
        id
    }
}

/// A number from the environment, for long runs.
pub fn count(name: &str, usual: u64) -> u64 {
    std::env::var(name).map_or(usual, |text| text.parse().expect("a number"))
}

pub fn custody() -> Arc<dyn Custody> {
    Arc::new(SoftwareCustody::danger_for_tests(1))
}

pub fn scope() -> Scope {
    Scope {
        project: ProjectId::parse("demo").expect("a name"),
        epoch: Epoch(1),
        schema: Schema::jp_1(),
    }
}

pub fn try_open(folder: &Path) -> Result<Store, StoreError> {
    Store::open(folder, custody(), scope(), ORIGIN)
}

pub fn open(folder: &Path) -> Store {
    try_open(folder).expect("the store opens")
}

pub fn site(name: &str) -> SiteId {
    SiteId::parse(name).expect("a name")
}

/// Random rows.
pub fn tokens(rows: usize, seed: u64) -> TokenBatch {
    let schema = Schema::jp_1();
    let mut dice = Dice(seed);
    let mut batch = TokenBatch::new(&schema);
    for _ in 0..rows {
        let token = Token {
            reference: RecordRef(dice.id()),
            flags: Flags::default(),
            row: (0..schema.row_words()).map(|_| dice.next()).collect(),
        };
        batch.push(&token).expect("rows fit");
    }
    batch
}

/// A batch as the service would hand it over.
pub struct Batch {
    pub manifest: Manifest,
    pub bytes: Vec<u8>,
    pub tokens: TokenBatch,
    pub quarantined: BTreeMap<String, u32>,
}

/// One batch of `rows` rows, of which two more were set aside.
pub fn batch(rows: usize, seed: u64) -> Batch {
    let tokens = tokens(rows, seed);
    let manifest = Manifest {
        site: site("hospital"),
        project: scope().project,
        epoch: Epoch(1),
        secret_check: CheckValue([1; 8]),
        schema: scope().schema.digest(),
        normaliser: "1".to_owned(),
        tables: "1".to_owned(),
        sequence: 0,
        last: true,
        rows: u32::try_from(rows + 2).expect("few rows"),
        digest: tokens.digest(),
        counts: BTreeMap::new(),
    };
    Batch {
        bytes: manifest.to_bytes(),
        manifest,
        tokens,
        quarantined: BTreeMap::from([("repeated".to_owned(), 2)]),
    }
}

impl Batch {
    pub fn id(&self) -> BatchId {
        self.manifest.batch_id()
    }

    pub fn admission(&self) -> Admission<'_> {
        Admission {
            batch_id: self.id(),
            manifest_bytes: &self.bytes,
            signature: &[9; 64],
            tokens: &self.tokens,
            quarantined: &self.quarantined,
        }
    }

    pub fn admit(&self, store: &Store) -> Result<AdmittedBatch, StoreError> {
        let id = self.id();
        store.admit(&self.admission(), &|seq| {
            entry(seq, "admit", &id.to_string())
        })
    }
}

/// An audit entry as the service writes them.
pub fn entry(seq: u64, operation: &str, subject: &str) -> String {
    format!(r#"{{"seq":{seq},"operation":"{operation}","subject":"{subject}","result":"ok"}}"#)
}

pub fn run(run_id: &str, version: u32, state: &str) -> RunRow {
    RunRow {
        run_id: run_id.to_owned(),
        version,
        state: state.to_owned(),
        body: b"{\"pairs\":12}".to_vec(),
    }
}

pub fn sites() -> Vec<SiteId> {
    vec![site("hospital"), site("town")]
}

/// Unsorted lines for two sites.
pub fn assignments(lines: usize, seed: u64) -> Vec<Assignment> {
    let mut dice = Dice(seed);
    let line = |dice: &mut Dice| Assignment {
        site: u16::from(dice.below(2) == 1),
        reference: RecordRef(dice.id()),
        research_id: dice.id(),
    };
    (0..lines).map(|_| line(&mut dice)).collect()
}

pub fn release_lines(lines: usize, seed: u64) -> Vec<ReleaseLine> {
    let line = |line: Assignment| ReleaseLine {
        site: line.site,
        reference: line.reference,
        pseudonym: line.research_id,
    };
    assignments(lines, seed).into_iter().map(line).collect()
}

pub fn events() -> Vec<IdEvent> {
    vec![
        IdEvent::Mint { id: [1; 16] },
        IdEvent::Merge {
            kept: [1; 16],
            ended: vec![[2; 16], [3; 16]],
        },
        IdEvent::Split {
            from: [1; 16],
            into: vec![[4; 16]],
        },
    ]
}

/// A run with its generation.
pub fn commit_run(store: &Store, run_id: &str, lines: Vec<Assignment>) -> AdmittedBatch {
    let started = store.put_run(
        &run(run_id, 1, "comparing"),
        Some(&|seq| entry(seq, "run", run_id)),
    );
    started.expect("a run starts");
    let draft = ResolutionDraft {
        run: run(run_id, 2, "resolved"),
        sites: &sites(),
        lines,
        events: &events(),
    };
    let done = store.commit_resolution(draft, &|seq| entry(seq, "resolve", run_id));
    done.expect("a run is committed")
}

pub fn create_release(
    store: &Store,
    release_id: &str,
    lines: Vec<ReleaseLine>,
) -> Result<AdmittedBatch, StoreError> {
    let draft = ReleaseDraft {
        release_id: release_id.to_owned(),
        run_id: "run-1".to_owned(),
        body: b"approval 7".to_vec(),
        sites: &sites(),
        lines,
    };
    store.create_release(draft, &|seq| entry(seq, "release", release_id))
}

/// Everything that a store answers, one named answer each; an answer that is an error is its code.
pub fn answers(store: &Store) -> BTreeMap<String, Vec<u8>> {
    let mut all = BTreeMap::new();
    let mut put = |name: String, answer: Result<String, StoreError>| {
        let text = answer.unwrap_or_else(|error| format!("error {}", error.code()));
        all.insert(name, text.into_bytes());
    };
    let batches = store.batches();
    put(
        "batches".into(),
        batches
            .as_ref()
            .map(|b| format!("{b:?}"))
            .map_err(clone_code),
    );
    for row in batches.iter().flatten() {
        let tokens = store.read_segment(row).map(|tokens| hex(&tokens.digest()));
        put(format!("segment {}", row.batch_id), tokens);
    }
    put(
        "runs".into(),
        store.list_runs("", 99).map(|runs| format!("{runs:?}")),
    );
    put(
        "generations".into(),
        store.generations().map(|rows| format!("{rows:?}")),
    );
    if let Ok(Some(row)) = store.generation() {
        let assigned = store.assignments_of(&row).map(|found| {
            let ids = found
                .lines
                .iter()
                .map(|l| hex(&l.reference.0) + &hex(&l.research_id));
            ids.collect::<Vec<_>>().join(",")
        });
        put("assignments".into(), assigned);
        let events = store.id_events(&row).map(|events| events.len().to_string());
        put("events".into(), events);
    }
    put(
        "releases".into(),
        store.releases().map(|rows| format!("{rows:?}")),
    );
    for row in store.releases().iter().flatten() {
        for at in (0..row.lines).step_by(1_000) {
            let page = store.release_rows(&row.release_id, at, 1_000).map(|page| {
                let lines = page.lines.iter();
                lines
                    .map(|l| hex(&l.reference.0) + &hex(&l.pseudonym))
                    .collect::<String>()
            });
            put(format!("lines {at} of {}", row.release_id), page);
        }
    }
    put("audit size".into(), Ok(store.audit_size().to_string()));
    for index in 0..store.audit_size() {
        put(format!("audit {index}"), store.audit_entry(index));
    }
    for state in store.uploads() {
        let chunks = store
            .chunks(state.batch_id)
            .map(|chunks| hex(&chunks.concat()));
        put(format!("upload {}", state.batch_id), chunks);
    }
    all
}

fn clone_code(error: &StoreError) -> StoreError {
    StoreError::Refused { rule: error.code() }
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A store with one of everything.
pub fn furnish(folder: &Path) {
    let store = open(folder);
    for seed in 0..2 {
        batch(600, seed).admit(&store).expect("a batch is admitted");
    }
    commit_run(&store, "run-1", assignments(4_000, 5));
    create_release(&store, "release-1", release_lines(4_000, 6)).expect("a release is made");
    let id = BatchId([0xab; 32]);
    store
        .begin_upload(id, &site("hospital"), b"header")
        .expect("an upload begins");
    store
        .append_chunk(id, 0, &[1; 5_000])
        .expect("a chunk is kept");
    store
        .append_chunk(id, 1, &[2; 5_000])
        .expect("a chunk is kept");
    store.checkpoint().expect("a checkpoint is signed");
    batch(300, 9).admit(&store).expect("a batch is admitted");
}

/// All files below a folder, sorted.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("the folder is there") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// Copies a folder.
pub fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("the folder is made");
    for entry in fs::read_dir(from).expect("the folder is there") {
        let path = entry.expect("an entry").path();
        let target = to.join(path.file_name().expect("a name"));
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, &target).expect("a file is copied");
        }
    }
}

/// The one file whose name ends so.
pub fn file(folder: &Path, end: &str) -> PathBuf {
    let mut found = files(folder);
    found.retain(|path| path.to_string_lossy().ends_with(end));
    found.swap_remove(0)
}

/// Reads every row of every batch.
pub fn read_all(store: &Store) -> Vec<(BatchRow, TokenBatch)> {
    let rows = store.batches().expect("rows are read");
    let read = |row: BatchRow| {
        let tokens = store.read_segment(&row).expect("a segment is read");
        (row, tokens)
    };
    rows.into_iter().map(read).collect()
}
