//! Runs whose rows do not fit in memory: the same result, and clear errors.
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    unreachable_pub,
    reason = "test code"
)]

#[expect(dead_code, reason = "other test files use the rest")]
mod world;

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use linker_match::{
    Cancel, Dataset, Linkage, Lsh, MatchError, Need, Scratch, ScratchError, ScratchFault, Settings,
    Source, Stage, Tools, link, link_with, scratch::Memory, source::Batches,
};
use linker_token::{Schema, TokenBatch};
use proptest::prelude::*;
use world::{Dice, World};

/// Small blocks, so that a part can be small.
fn settings() -> Settings {
    Settings {
        block_rows_max: 40,
        ..world::blocked()
    }
}

/// The least memory with which a run of this size starts.
fn tight(schema: &Schema, rows: u64, settings: &Settings) -> Settings {
    let need = Need::of(schema, rows, settings).expect("the run is not too large");
    assert!(need.away() < need.held());
    Settings {
        memory_bytes: Some(need.away()),
        ..*settings
    }
}

fn open(world: &World, settings: &Settings) -> Dataset {
    let source = Arc::new(Batches(world.batches.clone()));
    Dataset::open(&world.encoder.schema, source, settings).expect("the rows are sound")
}

fn run_away(
    dataset: &Dataset,
    settings: &Settings,
    scratch: &mut dyn Scratch,
) -> Result<Linkage, MatchError> {
    let tools = Tools {
        progress: &|_| (),
        constraints: &linker_match::Constraints::default(),
        cancel: &Cancel::new(),
        scratch: Some(scratch),
    };
    link_with(dataset, settings, tools)
}

/// Rows of a world.
fn rows(world: &World) -> u64 {
    Batches(world.batches.clone()).rows()
}

/// A world with splits, records of several rows, and a person with very many records.
fn world(people: usize, seed: u64) -> World {
    let mut world = World::new(people, seed);
    let mut dice = Dice::new(seed);
    let crowd = world::people(1, seed ^ 77).remove(0);
    let copies: Vec<_> = (0..90)
        .map(|_| (1_000_000, world::noisy(&crowd, &mut dice)))
        .collect();
    world.add(3, &copies);
    let mut double = TokenBatch::new(&world.encoder.schema);
    for (site, batch) in &world.batches {
        for row in (0..batch.len()).filter(|row| *site == 0 && row % 5 == 0) {
            let other = world::noisy(&crowd, &mut dice).token(&world.encoder, 0);
            let token = linker_token::Token {
                reference: batch.references()[row],
                ..other
            };
            double.push(&token).expect("the batch is small");
        }
    }
    world.batches.push((0, double));
    world
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6, ..ProptestConfig::default() })]

    /// Rows in memory or outside, whatever the order of the batches and the number of threads.
    #[test]
    fn the_result_is_the_same_in_little_memory(
        seed in any::<u64>(),
        exhaustive in any::<bool>(),
        tables in any::<bool>(),
    ) {
        let base = Settings {
            exhaustive_pairs_max: if exhaustive { u64::MAX } else { 0 },
            lsh: if tables { Lsh::On { target_recall_permille: 600 } } else { Lsh::Off },
            ..settings()
        };
        let mut world = world(300, seed);
        let expected = link(&open(&world, &base), &base, &|_| ()).expect("the run goes through");
        prop_assert!(exhaustive || expected.passes.iter().any(|pass| pass.plan.blocks_split > 0));
        prop_assert_eq!(expected.passes.len() > 5, tables && !exhaustive);
        let most = world.batches.len();
        world.batches.rotate_left(seed as usize % most);
        for threads in [1, 3] {
            let base = Settings { threads, ..base };
            let little = if exhaustive {
                let need = Need::of(&world.encoder.schema, rows(&world), &base).expect("few rows");
                Settings { memory_bytes: Some(need.held() - 1).max(Some(need.away())), ..base }
            } else {
                tight(&world.encoder.schema, rows(&world), &base)
            };
            let dataset = open(&world, &little);
            prop_assert!(exhaustive || !dataset.is_held());
            let mut scratch = Memory::default();
            let found = run_away(&dataset, &little, &mut scratch).expect("the run goes through");
            prop_assert_eq!(&found, &expected);
            prop_assert!(exhaustive || scratch.calls() > 20);
            prop_assert_eq!(scratch.parts_left(), 0);
        }
    }
}

#[test]
fn a_scratch_space_that_fails_at_any_call_ends_the_run() {
    let world = world(200, 5);
    let little = tight(&world.encoder.schema, rows(&world), &settings());
    let dataset = open(&world, &little);
    let mut scratch = Memory::default();
    run_away(&dataset, &little, &mut scratch).expect("nothing fails");
    for call in 0..scratch.calls() {
        let fault =
            [ScratchFault::Full, ScratchFault::Io, ScratchFault::Damaged][call as usize % 3];
        let found = run_away(&dataset, &little, &mut Memory::failing(call, fault));
        match found {
            Err(MatchError::Scratch(error)) => assert_eq!(error.fault(), fault),
            _ => panic!("call {call} failed and the run went on"),
        }
    }
}

/// Gives back other bytes than it got.
struct Crooked {
    honest: Memory,
    /// What to do with the bytes of a part.
    bend: fn(&mut Vec<u8>),
}

impl Scratch for Crooked {
    fn append(&mut self, part: u32, bytes: &[u8]) -> Result<(), ScratchError> {
        self.honest.append(part, bytes)
    }

    fn take(&mut self, part: u32, sink: &mut dyn FnMut(&[u8])) -> Result<(), ScratchError> {
        let mut all = Vec::new();
        self.honest
            .take(part, &mut |bytes| all.extend_from_slice(bytes))?;
        (self.bend)(&mut all);
        sink(&all);
        Ok(())
    }

    fn peak_bytes(&self) -> u64 {
        self.honest.peak_bytes()
    }
}

#[test]
fn rows_that_come_back_torn_missing_or_misplaced_are_noticed() {
    let world = world(200, 6);
    let little = tight(&world.encoder.schema, rows(&world), &settings());
    let dataset = open(&world, &little);
    let bends: [fn(&mut Vec<u8>); 4] = [
        |bytes| bytes.truncate(bytes.len().saturating_sub(1)),
        |bytes| bytes.truncate(bytes.len().saturating_sub(132)),
        |bytes| bytes.extend_from_within(..132),
        |bytes| bytes[3] ^= 0x40,
    ];
    for bend in bends {
        let mut scratch = Crooked {
            honest: Memory::default(),
            bend,
        };
        let found = run_away(&dataset, &little, &mut scratch);
        assert!(
            matches!(found, Err(MatchError::Scratch(error)) if error.fault() == ScratchFault::Damaged)
        );
    }
}

/// A source that must not be read, or that changes between two readings.
struct Odd {
    batches: Batches,
    readings: AtomicUsize,
    /// Batches to leave out from the second reading on.
    lost: usize,
    readable: bool,
}

impl Odd {
    fn new(world: &World, lost: usize, readable: bool) -> Arc<Self> {
        Arc::new(Self {
            batches: Batches(world.batches.clone()),
            readings: AtomicUsize::new(0),
            lost,
            readable,
        })
    }
}

impl Source for Odd {
    fn rows(&self) -> u64 {
        self.batches.rows()
    }

    fn read(
        &self,
        visit: &mut dyn FnMut(u16, TokenBatch) -> Result<(), MatchError>,
    ) -> Result<(), MatchError> {
        assert!(self.readable, "nothing is read");
        let lost = if self.readings.fetch_add(1, Ordering::Relaxed) > 0 {
            self.lost
        } else {
            0
        };
        let mut batches = self.batches.0.iter().skip(lost);
        batches.try_for_each(|(site, batch)| visit(*site, batch.clone()))
    }
}

#[test]
fn too_little_memory_is_said_before_anything_is_read() {
    let world = world(200, 7);
    let schema = &world.encoder.schema;
    let least = tight(schema, rows(&world), &settings());
    let bound = least.memory_bytes.map(|bytes| bytes - 1);
    let less = Settings {
        memory_bytes: bound,
        ..least
    };
    let refused = Dataset::open(schema, Odd::new(&world, 0, false), &less);
    let needed = least.memory_bytes;
    assert!(matches!(
        refused,
        Err(MatchError::Memory { needed: n, bound: b }) if Some(n) == needed && Some(b) == bound
    ));
    let enough = Dataset::open(schema, Odd::new(&world, 0, true), &least);
    assert!(!enough.expect("it fits").is_held());
}

#[test]
fn a_source_that_changes_is_noticed() {
    let world = world(200, 8);
    let schema = &world.encoder.schema;
    let little = tight(schema, rows(&world), &settings());
    let dataset = Dataset::open(schema, Odd::new(&world, 1, true), &little).expect("it opens");
    let found = run_away(&dataset, &little, &mut Memory::default());
    assert!(matches!(found, Err(MatchError::Source(_))));
}

#[test]
fn a_run_beyond_memory_needs_scratch_space() {
    let world = world(200, 9);
    let little = tight(&world.encoder.schema, rows(&world), &settings());
    let dataset = open(&world, &little);
    let found = link(&dataset, &little, &|_| ());
    assert!(matches!(found, Err(MatchError::ScratchMissing)));
}

#[test]
fn a_run_stops_in_every_stage_when_it_is_asked_to() {
    let world = world(300, 10);
    let little = tight(&world.encoder.schema, rows(&world), &settings());
    for settings in [settings(), little] {
        let dataset = open(&world, &settings);
        for stage in [Stage::Block, Stage::Em, Stage::Compare, Stage::Cluster] {
            let cancel = Cancel::new();
            let tools = Tools {
                progress: &|progress| {
                    if progress.stage == stage {
                        cancel.cancel();
                    }
                },
                constraints: &linker_match::Constraints::default(),
                cancel: &cancel,
                scratch: Some(&mut Memory::default()),
            };
            let found = link_with(&dataset, &settings, tools);
            assert!(matches!(found, Err(MatchError::Cancelled)), "{stage:?}");
        }
    }
}
