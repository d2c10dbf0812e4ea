//! The second layer: rows a second by bit planes and bit by bit, in turns of the same run.

use std::time::Instant;

use linker_token::{Schema, second_layer::SecondLayer};
use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

use crate::{error::BenchError, evaluate::float, ui::say};

/// Rows that are permuted again and again: 2 MiB at 1,024 bits, as large as a batch's part in the cache.
const ROWS: usize = 16_384;
/// Fewer rows than a bundle of bit planes has are permuted bit by bit.
const SMALL: usize = 63;

/// Rates on one core.
pub(super) struct Permutations {
    /// Rows a second by bit planes.
    pub(super) planes: f64,
    one_by_one: f64,
    bits: usize,
}

pub(super) fn measure(seconds: f64) -> Result<Permutations, BenchError> {
    let schema = Schema::jp_1();
    let layer = SecondLayer::new(&schema, &[7; 32]);
    let words = schema.row_words();
    let mut dice = ChaCha8Rng::seed_from_u64(1);
    let mut rows: Vec<u64> = (0..ROWS * words).map(|_| dice.next_u64()).collect();
    let mut slow = rows.clone();
    layer.apply(&mut rows);
    slow.chunks_mut(SMALL * words)
        .for_each(|rows| layer.apply(rows));
    if rows != slow {
        return Err(BenchError::Check {
            what: "both ways permute alike".to_owned(),
        });
    }
    let (mut planes, mut one_by_one) = (Vec::new(), Vec::new());
    let start = Instant::now();
    while start.elapsed().as_secs_f64() < seconds || planes.len() < 5 {
        planes.push(rate(|| layer.apply(&mut rows)));
        one_by_one.push(rate(|| {
            slow.chunks_mut(SMALL * words)
                .for_each(|rows| layer.apply(rows));
        }));
    }
    Ok(Permutations {
        planes: median(planes),
        one_by_one: median(one_by_one),
        bits: words * 64,
    })
}

fn rate(work: impl FnOnce()) -> f64 {
    let start = Instant::now();
    work();
    float(ROWS as u64) / start.elapsed().as_secs_f64()
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}

impl Permutations {
    pub(super) fn show(&self) {
        say(&format!(
            "{:<28} {:>12.0} rows/s on one core, {:.1} times those bit by bit ({:.0}), {} bits",
            "second layer",
            self.planes,
            self.planes / self.one_by_one,
            self.one_by_one,
            self.bits
        ));
    }

    pub(super) fn object(&self) -> Value {
        json!({
            "bits": self.bits,
            "bit_planes_per_second": self.planes,
            "bit_by_bit_per_second": self.one_by_one,
            "ratio": self.planes / self.one_by_one,
        })
    }
}
