//! How a run grows. `MUSUBI_MATCH_PEOPLE` sets the number of people; rates are printed.
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::disallowed_methods,
    clippy::print_stdout,
    unreachable_pub,
    reason = "test code: it measures, and takes its size from the environment"
)]

#[expect(dead_code, reason = "the other test file uses the rest")]
mod world;

use std::{sync::Arc, time::Instant};

use linker_match::{
    Cancel, Dataset, Linkage, Need, Progress, Settings, Tools, link_with, scratch::Memory,
    source::Batches,
};
use world::World;

/// Bytes of this process that are in memory now and that were at most, since the last call.
fn resident() -> (u64, u64) {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let field = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name));
        let kib = line.and_then(|line| line.split_whitespace().nth(1));
        kib.and_then(|kib| kib.parse::<u64>().ok()).unwrap_or(0) << 10
    };
    // Not every kernel lets the peak be reset; then it is the peak of the whole process.
    let _reset = std::fs::write("/proc/self/clear_refs", "5");
    (field("VmRSS"), field("VmHWM"))
}

/// Seconds of processor time so far: on a busy machine the clock on the wall says little.
fn processor() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = stat.split_whitespace().collect();
    let ticks = |at: usize| {
        fields
            .get(at)
            .and_then(|ticks| ticks.parse().ok())
            .unwrap_or(0.0)
    };
    (ticks(13) + ticks(14)) / 100.0
}

fn run(source: &Arc<Batches>, settings: &Settings) -> (Dataset, Linkage) {
    let (before, _) = resident();
    let (start, cpu) = (Instant::now(), processor());
    let world = World::empty();
    let dataset = Dataset::open(&world.encoder.schema, source.clone(), settings);
    let dataset = dataset.expect("the rows fit");
    let rows = dataset.row_count() as u64;
    println!(
        "{rows} rows, in memory: {}, opened in {:.2?}, {:.2} s of processor",
        dataset.is_held(),
        start.elapsed(),
        processor() - cpu
    );
    let told = |progress: Progress| {
        if progress.done == 0 {
            let cpu = processor() - cpu;
            println!(
                "{:?} at {:.2?}, {cpu:.2} s of processor",
                progress.stage,
                start.elapsed()
            );
        }
    };
    let mut scratch = Memory::default();
    let tools = Tools {
        progress: &told,
        cancel: &Cancel::new(),
        constraints: &linker_match::Constraints::default(),
        scratch: Some(&mut scratch),
    };
    let linkage = link_with(&dataset, settings, tools).expect("the run goes through");
    let cpu = processor() - cpu;
    println!("all at {:.2?}, {cpu:.2} s of processor", start.elapsed());
    let (_, peak) = resident();
    let (mib, used) = (1 << 20, peak.saturating_sub(before));
    println!(
        "peak {} MiB above what was there, {} bytes per row; scratch {} MiB",
        used / mib,
        used / rows.max(1),
        linker_match::Scratch::peak_bytes(&scratch) / mib
    );
    // The arithmetic holds, and for a run that is not tiny it is not far from the truth.
    let schema = &world.encoder.schema;
    let need = Need::of(schema, rows, settings).expect("the run is not too large");
    let bound = settings.memory_bytes.unwrap_or(need.held());
    let own = used.saturating_sub(linker_match::Scratch::peak_bytes(&scratch));
    assert!(own <= bound, "{own} bytes where {bound} were enough");
    if rows > 500_000 && used > 0 {
        assert!(own >= bound / 3, "{own} bytes where {bound} were asked for");
    }
    for pass in &linkage.passes {
        println!("{pass:?}");
    }
    (dataset, linkage)
}

#[test]
fn a_larger_run_is_linked_well() {
    let people = std::env::var("MUSUBI_MATCH_PEOPLE").ok();
    let people = people.and_then(|text| text.parse().ok());
    let mut world = World::new(people.unwrap_or(15_000), 11);
    let source = Arc::new(Batches(std::mem::take(&mut world.batches)));
    let sample = std::env::var("MUSUBI_MATCH_SAMPLE").ok();
    let sample = sample.and_then(|text| text.parse().ok());
    let settings = Settings {
        sample_records: sample.unwrap_or(1500),
        ..world::blocked()
    };
    let (dataset, linkage) = run(&source, &settings);
    println!(
        "{} pairs, {} for review",
        linkage.pairs_compared, linkage.review_pairs
    );
    let (precision, recall) = world.quality(&dataset, &linkage);
    println!(
        "precision {precision:.4} recall {recall:.4} {:?}",
        linkage.estimates
    );
    assert!(precision > 0.995 && recall > 0.95);
    assert_eq!(linkage.model.source.label(), "trained");
    let schema = &world.encoder.schema;
    let need = Need::of(schema, dataset.row_count() as u64, &settings);
    let need = need.expect("the run is not too large");
    drop(dataset);
    // Room for a fifth of the rows.
    let outside = Settings {
        memory_bytes: Some(need.away() + (need.held() - need.away().min(need.held())) / 5 * 2),
        ..settings
    };
    println!("{need:?}, {outside:?}");
    let (_, away) = run(&source, &outside);
    assert_eq!(away, linkage);
}
