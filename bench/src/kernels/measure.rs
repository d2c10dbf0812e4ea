//! Rates: short slices of every kernel and operation in rotation, so that noise hits all alike.

use std::{sync::Barrier, thread, time::Instant};

use linker_kernels::{Kernel, available};

use super::work::{Block, Buffers, Marks, Operation, Outcome, run};

/// Length of a slice. Shorter than what a busy system leaves a thread at a time, so that most slices run
/// undisturbed and their median is the kernel's rate and not the system's.
const SLICE_SECONDS: f64 = 0.001;

/// One kernel and one operation.
pub(super) type Contender = (Kernel, Operation);

/// Every available kernel with every operation.
pub(super) fn contenders() -> Vec<Contender> {
    let operations = Operation::ALL.into_iter();
    operations
        .flat_map(|operation| available().iter().map(move |&kernel| (kernel, operation)))
        .collect()
}

/// Pairs a second of each contender, on `cores` threads at once, for about `seconds`.
pub(super) fn rates(blocks: &[Block<'_>], marks: &Marks, cores: usize, seconds: f64) -> Vec<f64> {
    let (contenders, start) = (contenders(), Barrier::new(cores));
    let of_thread = |number: usize| {
        let (queries, tile) = (
            &blocks[number % blocks.len()],
            &blocks[(number + 1) % blocks.len()],
        );
        let mut buffers = Buffers::default();
        let mut slice = |(kernel, operation): Contender, rows: usize| {
            let begin = Instant::now();
            let all = (queries, 0..rows);
            let outcome = run(kernel, operation, all, tile, marks, &mut buffers, false);
            std::hint::black_box(outcome);
            crate::evaluate::float(outcome.pairs) / begin.elapsed().as_secs_f64()
        };
        let mut sizes = Vec::new();
        for &contender in &contenders {
            // The first call warms up, the second is the estimate.
            slice(contender, queries.missing.len().min(16));
            let rate = slice(contender, queries.missing.len().min(16));
            sizes.push(rows_of_a_slice(
                rate,
                queries.missing.len(),
                tile.missing.len(),
            ));
        }
        start.wait();
        let begin = Instant::now();
        let mut rates = vec![Vec::new(); contenders.len()];
        while begin.elapsed().as_secs_f64() < seconds || rates[0].len() < 5 {
            for ((&contender, rates), &rows) in contenders.iter().zip(&mut rates).zip(&sizes) {
                rates.push(slice(contender, rows));
            }
        }
        rates.into_iter().map(median).collect::<Vec<f64>>()
    };
    let all: Vec<Vec<f64>> = thread::scope(|scope| {
        let threads: Vec<_> = (0..cores)
            .map(|number| scope.spawn(move || of_thread(number)))
            .collect();
        let ended = threads.into_iter().map(|thread| thread.join());
        ended
            .map(|rates| rates.expect("a measure does not panic"))
            .collect()
    });
    let sum = |contender: usize| all.iter().map(|rates| rates[contender]).sum();
    (0..contenders.len()).map(sum).collect()
}

/// A slice of about [`SLICE_SECONDS`], in whole steps of the kernels.
fn rows_of_a_slice(rate: f64, most: usize, tile: usize) -> usize {
    let wanted = rate * SLICE_SECONDS / crate::evaluate::float(tile.max(1) as u64);
    let mut rows = 4;
    while crate::evaluate::float(rows as u64) < wanted && rows + 4 <= most {
        rows += 4;
    }
    rows.min(most)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

/// Every row against every row with one kernel and one operation: hits and checksum. Two threads.
pub(super) fn outcome(
    blocks: &[Block<'_>],
    marks: &Marks,
    (kernel, operation): Contender,
    cores: usize,
) -> Outcome {
    let of_thread = |number: usize| {
        let (mut sum, mut buffers) = (Outcome::default(), Buffers::default());
        for (i, queries) in blocks.iter().enumerate() {
            for (j, tile) in blocks.iter().enumerate() {
                if (i * blocks.len() + j) % cores == number {
                    let all = (queries, 0..queries.missing.len());
                    sum.add(run(kernel, operation, all, tile, marks, &mut buffers, true));
                }
            }
        }
        sum
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..cores)
            .map(|number| scope.spawn(move || of_thread(number)))
            .collect();
        let mut sum = Outcome::default();
        for thread in threads {
            sum.add(thread.join().expect("a comparison does not panic"));
        }
        sum
    })
}
