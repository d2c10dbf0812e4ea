//! Everything against everything, at sizes that unit tests do not have.
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::disallowed_methods,
    unreachable_pub,
    reason = "test code: it measures, and takes its size from the environment"
)]

#[expect(dead_code, reason = "the other test files use the rest")]
mod world;

use std::sync::Mutex;

use linker_match::{Candidates, Hits, Settings, Stage, link};
use world::World;

/// Seconds of processor time that this process has used; zero where the system does not say.
fn cpu() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat
        .rsplit(')')
        .next()
        .unwrap_or_default()
        .split_whitespace();
    let ticks = fields
        .skip(11)
        .take(2)
        .filter_map(|text| text.parse::<f64>().ok());
    ticks.sum::<f64>() / 100.0
}

/// The sample, its second sweep, and all pairs, with their rates. `MUSUBI_MATCH_PEOPLE` sets the number
/// of people. Every hit of the blocks is a hit of everything.
#[test]
fn everything_contains_what_the_blocks_have() {
    let people = std::env::var("MUSUBI_MATCH_PEOPLE").ok();
    let people = people.and_then(|text| text.parse().ok()).unwrap_or(5_000);
    let world = World::new(people, 31);
    let dataset = world.dataset();
    let settings = Settings {
        threads: std::env::var("MUSUBI_MATCH_THREADS")
            .ok()
            .and_then(|text| text.parse().ok())
            .unwrap_or(0),
        ..world::blocked()
    };
    let rows = dataset.row_count() as u64;
    let seen: Mutex<Vec<(Stage, u64, f64)>> = Mutex::new(Vec::new());
    let linkage = link(&dataset, &settings, &|progress| {
        let mut seen = seen.lock().expect("no caller panics");
        seen.push((progress.stage, progress.done, cpu()));
    });
    let linkage = linkage.expect("the run goes through");
    let seen = seen.into_inner().expect("no caller panics");
    let at = |done| {
        let mut sample = seen.iter().filter(|(stage, ..)| *stage == Stage::Em);
        sample
            .find(|(_, units, _)| *units >= done)
            .expect("the stage went through")
            .2
    };
    println!(
        "{rows} rows, processor seconds: tally {:.2}, training and recall {:.2}",
        at(rows) - at(0),
        at(2 * rows) - at(rows)
    );
    let find = |candidates| {
        let start = cpu();
        let hits = Hits::find(&dataset, &settings, &linkage.model, candidates, &|_| ());
        let hits = hits.expect("the run goes through");
        let rate = hits.compared() as f64 / (cpu() - start).max(0.01) / 1e6;
        println!(
            "{candidates:?}: {} of {} pairs, {rate:.0} M/s and core, passes included",
            hits.pairs().len(),
            hits.compared()
        );
        hits
    };
    let (all, blocks) = (find(Candidates::Everything), find(Candidates::Blocks));
    assert_eq!(all.compared(), rows * (rows - 1) / 2);
    assert!(all.contains(&blocks));
    let share = all.common(&blocks) as f64 / all.pairs().len() as f64;
    assert!(share > 0.99, "{share}");
    println!(
        "blocking recall {share:.5}, estimated {:?}",
        linkage.estimates
    );
}
