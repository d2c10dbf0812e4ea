//! A random sample of records against everything: unbiased, whatever the blocks.
//!
//! It serves twice. Its pattern counts train the model; and with the model its links are looked up
//! in the blocks, which says what share of all links blocking finds.

use std::sync::atomic::{AtomicU64, Ordering};

use linker_kernels::limits::TILE_ROWS;
use rayon::prelude::*;

use crate::{
    compare::Engine, limits, random::SplitMix, rules::Decision, settings::Settings, weigh::Scorer,
};

/// Rows of the sampled records.
pub(crate) fn draw(engine: Engine<'_>, settings: &Settings) -> Vec<u32> {
    let dataset = engine.dataset;
    let mut records: Vec<u32> = engine
        .blocks
        .eligible
        .iter()
        .map(|&r| dataset.record_of(r))
        .collect();
    records.dedup();
    let affordable = limits::SAMPLE_PAIRS_MAX / (engine.blocks.eligible.len() as u64).max(1);
    let affordable = usize::try_from(affordable).unwrap_or(usize::MAX).max(1);
    // Small runs are compared completely: everything costs no more than a sample of a large run.
    let all = if records.len() as u64 * engine.blocks.eligible.len() as u64 <= 25_000_000 {
        records.len()
    } else {
        settings.sample_records
    };
    let chosen = SplitMix::new(settings.seed).choose(&records, all.min(affordable));
    chosen
        .into_iter()
        .flat_map(|record| dataset.rows_of(record))
        .collect()
}

/// How often each pattern occurs between a row of `queries` and a row of another record.
pub(crate) fn tally(engine: Engine<'_>, queries: &[u32], done: &(dyn Fn(u64) + Sync)) -> Vec<u64> {
    let patterns = engine.dataset.grading().patterns();
    let chunks: Vec<&[u32]> = engine.blocks.eligible.chunks(TILE_ROWS).collect();
    let workers = rayon::current_num_threads();
    (0..workers)
        .into_par_iter()
        .map(|worker| {
            let mut counts = vec![0_u64; patterns];
            let mut bench = engine.bench();
            for rows in chunks.iter().skip(worker).step_by(workers) {
                engine.run(&mut bench, queries, rows, false, |query, rows, patterns| {
                    count(&mut counts, patterns);
                    for pattern in own(engine, query, rows, patterns) {
                        counts[*pattern as usize] -= 1;
                    }
                });
                done(rows.len() as u64);
            }
            counts
        })
        .reduce(
            || vec![0; patterns],
            |mut sum, counts| {
                sum.iter_mut()
                    .zip(counts)
                    .for_each(|(sum, count)| *sum += count);
                sum
            },
        )
}

/// Counts patterns; runs of the same one, which is mostly "nothing agrees", are added at once.
fn count(counts: &mut [u64], patterns: &[u32]) {
    for run in patterns.chunk_by(|a, b| a == b) {
        counts[run[0] as usize] += run.len() as u64;
    }
}

/// The patterns of the query's own record, whose rows stand side by side.
fn own<'p>(engine: Engine<'_>, query: u32, rows: &[u32], patterns: &'p [u32]) -> &'p [u32] {
    let range = engine.dataset.rows_of(engine.dataset.record_of(query));
    let start = rows.partition_point(|&row| row < range.start);
    let end = rows.partition_point(|&row| row < range.end);
    &patterns[start..end]
}

/// Links between the sample and everything, and how many of them some pass compares.
pub(crate) fn recall(
    engine: Engine<'_>,
    scorer: &Scorer<'_>,
    settings: &Settings,
    queries: &[u32],
    done: &(dyn Fn(u64) + Sync),
) -> (u64, u64) {
    let (links, found) = (AtomicU64::new(0), AtomicU64::new(0));
    let chunks: Vec<&[u32]> = engine.blocks.eligible.chunks(TILE_ROWS).collect();
    chunks.par_iter().for_each_init(
        || engine.bench(),
        |bench, rows| {
            engine.run(bench, queries, rows, false, |query, rows, patterns| {
                for (&row, &pattern) in rows.iter().zip(patterns) {
                    if scorer.entry(pattern).bound >= settings.link_threshold
                        && engine.dataset.record_of(query) != engine.dataset.record_of(row)
                        && scorer.rows(query, row, pattern).decision == Decision::Link
                    {
                        links.fetch_add(1, Ordering::Relaxed);
                        let has = engine.blocks.passes.iter().any(|pass| pass.has(query, row));
                        found.fetch_add(u64::from(has), Ordering::Relaxed);
                    }
                }
            });
            done(rows.len() as u64);
        },
    );
    (links.into_inner(), found.into_inner())
}

/// Share and 95% interval after Wilson (1927), which stays inside 0..1 and is honest at the ends.
pub(crate) fn wilson(found: u64, of: u64) -> (f64, f64, f64) {
    if of == 0 {
        return (1.0, 0.0, 1.0);
    }
    let (n, share, z2) = (of as f64, found as f64 / of as f64, 1.96 * 1.96);
    let middle = (share + z2 / (2.0 * n)) / (1.0 + z2 / n);
    let spread = (share * (1.0 - share) / n + z2 / (4.0 * n * n)).sqrt() * 1.96 / (1.0 + z2 / n);
    let (low, high) = (middle - spread, middle + spread);
    (share, low.clamp(0.0, share), high.clamp(share, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wilson_is_the_published_interval() {
        let (share, low, high) = wilson(90, 100);
        assert!((share - 0.9).abs() < 1e-12);
        assert!((low - 0.8256).abs() < 1e-3 && (high - 0.9448).abs() < 1e-3);
        let (_, low, high) = wilson(100, 100);
        assert!(low > 0.96 && high >= 1.0);
    }
}
