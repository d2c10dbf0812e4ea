//! How a run grows. `MUSUBI_MATCH_PEOPLE` sets the number of people; rates are printed.
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::disallowed_methods,
    unreachable_pub,
    reason = "test code: it measures, and takes its size from the environment"
)]

#[expect(dead_code, reason = "the other test file uses the rest")]
mod world;

use std::time::Instant;

use linker_match::{Progress, Settings, link};
use world::World;

#[test]
fn a_larger_run_is_linked_well() {
    let people = std::env::var("MUSUBI_MATCH_PEOPLE").ok();
    let people = people.and_then(|text| text.parse().ok());
    let world = World::new(people.unwrap_or(15_000), 11);
    let start = Instant::now();
    let dataset = world.dataset();
    println!(
        "{} rows built in {:.2?}",
        dataset.row_count(),
        start.elapsed()
    );
    for threads in [0, 1] {
        let settings = Settings {
            threads,
            ..world::blocked()
        };
        let start = Instant::now();
        let told = |progress: Progress| {
            if progress.done == 0 {
                println!("{:?} at {:.2?}", progress.stage, start.elapsed());
            }
        };
        let linkage = link(&dataset, &settings, &told).expect("the run goes through");
        println!("all at {:.2?}, {threads} threads", start.elapsed());
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
    }
}
