//! Kernels: rates and ratios of the inner loops.
//!
//! Rows are invented people's, made by the real encoder. Ratios are against the tiled scalar kernel with a
//! population count instruction, measured in the same run, because absolute rates are the machine's.

mod measure;
mod peer;
mod report;
mod rows;
mod work;

use std::{path::Path, thread};

use clap::Args;
use linker_kernels::{FoldTile, Tile, limits::TILE_ROWS, self_test};
use serde_json::Value;

use self::{
    report::Result as Measured,
    rows::Rows,
    work::{Block, Marks, Operation, Outcome},
};
use crate::{
    error::{BenchError, file},
    ui::Story,
};

/// Fewest rows: a tile of queries and one of candidates for each of two threads.
const ROWS_MIN: usize = 2 * TILE_ROWS;
/// Most rows: every pair of them is computed by every kernel, the slow one included.
const ROWS_MAX: usize = 1 << 16;
/// Where the peer's environment and the rows for it lie.
const PEER_FOLDER: &str = "target/bench/peer";

/// What is asked for.
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Says pairs per second of each operation and kernel on one core and on two, the ratio to the tiled scalar kernel, and anonlink's rate on the same rows. Fails if two kernels disagree.\n\
    Example:\n  bench kernels --seconds 40 --json > bench/record/kernels.json\n\
    Recorded figures: bench/record/kernels.json."
)]
pub struct Options {
    /// Rows; every pair of them is computed by every kernel to compare the results.
    #[arg(long, default_value_t = 10_240)]
    pub rows: usize,
    /// Seconds of measuring, half on one core and half on two.
    #[arg(long, default_value_t = 20)]
    pub seconds: u32,
    /// Seed of the people.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Leaves out anonlink, which is installed from the package index when first measured.
    #[arg(long)]
    pub no_peer: bool,
    /// Ends with one JSON object on standard output.
    #[arg(long)]
    pub json: bool,
}

/// Runs it; the object to print, if one was asked for.
///
/// # Errors
/// [`BenchError`]: among them that two kernels disagree.
pub fn run(options: &Options) -> Result<Option<Value>, BenchError> {
    if !(ROWS_MIN..=ROWS_MAX).contains(&options.rows) || options.seconds == 0 {
        return Err(BenchError::Option {
            what: "4,096 to 65,536 rows and at least one second",
        });
    }
    self_test().map_err(|error| BenchError::Check {
        what: error.to_string(),
    })?;
    let story = Story::default();
    let cores = thread::available_parallelism()
        .map_or(1, usize::from)
        .min(2);
    let records = rows::records(options.rows, options.seed)?;
    let (mut whole, mut shipped) = (
        Rows::whole(&records, options.seed),
        Rows::shipped(&records, options.seed),
    );
    let count = whole.len().min(shipped.len());
    whole.truncate(count);
    shipped.truncate(count);
    let marks = marks(&shipped);
    let blocks = blocks(&whole, &shipped)?;
    story.say(&format!("{count} rows of invented people are encoded"));
    let equality = compare(&blocks, &marks, cores)?;
    story.say(&format!(
        "all kernels give the same results on {} pairs, operation by operation",
        crate::ui::grouped(equality.pairs)
    ));
    let seconds = f64::from(options.seconds) / 2.0;
    let one = measure::rates(&blocks, &marks, 1, seconds);
    let several = measure::rates(&blocks, &marks, cores, seconds);
    let peer = if options.no_peer {
        Err("left out as asked".to_owned())
    } else {
        story.say("anonlink on the same rows (installed when first asked for)");
        let width = whole.schema.row_words();
        peer::measure(
            Path::new(PEER_FOLDER),
            &whole.words,
            width,
            count / 2,
            cores,
        )
    };
    let measured = Measured {
        rows: count,
        likeness: whole.likeness(),
        folds: blocks[0]
            .folds
            .iter()
            .map(|fold| (fold.0, fold.1.fold().fold_words()))
            .collect(),
        equality,
        cores,
        one,
        several,
        peer,
    };
    measured.show();
    Ok(options.json.then(|| measured.json()))
}

/// A sift watches names and births: whoever differs in all of them is not the same person.
fn marks(rows: &Rows) -> Marks {
    let watched = (0..).zip(rows.schema.segments());
    let watched =
        watched.filter(|(_, segment)| ["kana", "kanji", "birth"].contains(&segment.name.as_str()));
    Marks {
        grading: rows.grading(),
        watched: watched.fold(0, |mask, (index, _)| mask | 1 << index),
    }
}

fn blocks<'r>(whole: &'r Rows, shipped: &'r Rows) -> Result<Vec<Block<'r>>, BenchError> {
    let width = whole.schema.row_words();
    let kernel = linker_kernels::available()[0];
    // Rows stand in the order of the register: every so manyth is a random sample.
    let stride = (whole.len() / linker_kernels::limits::FOLD_SAMPLE_ROWS).max(1);
    let sample: Vec<u64> = whole
        .words
        .chunks_exact(width)
        .step_by(stride)
        .flat_map(|row| row.iter().copied())
        .collect();
    let mut folds = Vec::new();
    for operation in Operation::ALL {
        if let Operation::Similar(permille) = operation {
            let fold = kernel.fitting_fold(width, permille, &sample);
            let fold = fold.map_err(|error| file("choose a fold")(std::io::Error::other(error)))?;
            folds.push((permille, fold));
        }
    }
    let tile = |rows: &[u64], missing: &[u8]| {
        let mut tile = Tile::new(width);
        for (row, &missing) in rows.chunks_exact(width).zip(missing) {
            tile.push(row, missing);
        }
        tile
    };
    let rows = whole
        .words
        .chunks(width * TILE_ROWS)
        .zip(shipped.words.chunks(width * TILE_ROWS));
    let missing = whole
        .missing
        .chunks(TILE_ROWS)
        .zip(shipped.missing.chunks(TILE_ROWS));
    let blocks = rows
        .zip(missing)
        .map(|((whole, segmented), (none, missing))| Block {
            whole,
            whole_tile: tile(whole, none),
            folds: folds
                .iter()
                .map(|&(permille, fold)| (permille, FoldTile::new(fold, whole)))
                .collect(),
            segmented,
            missing,
            segmented_tile: tile(segmented, missing),
        });
    Ok(blocks.collect())
}

/// Every row against every row by every kernel: the results of each operation must be the same.
fn compare(
    blocks: &[Block<'_>],
    marks: &Marks,
    cores: usize,
) -> Result<report::Equality, BenchError> {
    let mut expected: Vec<(Operation, Outcome)> = Vec::new();
    let mut pairs = 0;
    for (kernel, operation) in measure::contenders() {
        let outcome = measure::outcome(blocks, marks, (kernel, operation), cores);
        pairs = outcome.pairs;
        match expected.iter().find(|known| known.0 == operation) {
            None => expected.push((operation, outcome)),
            Some((_, known)) if *known == outcome => {}
            Some(_) => {
                return Err(BenchError::Check {
                    what: format!(
                        "the kernel {} computes {} otherwise",
                        kernel.name(),
                        operation.name()
                    ),
                });
            }
        }
    }
    Ok(report::Equality {
        pairs,
        outcomes: expected,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_comparison_finds_pairs_and_no_difference() {
        let records = rows::records(300, 3).expect("a small register is made");
        let (whole, shipped) = (Rows::whole(&records, 3), Rows::shipped(&records, 3));
        assert_eq!((whole.len(), shipped.len()), (300, 300));
        let (dice, bits) = whole.likeness();
        assert!(
            (0.3..0.7).contains(&dice) && (350.0..600.0).contains(&bits),
            "{dice} {bits}"
        );
        let blocks = blocks(&whole, &shipped).expect("the rows fold");
        let equality = compare(&blocks, &marks(&shipped), 2).expect("all kernels agree");
        assert_eq!(equality.pairs, 300 * 300);
        for (operation, outcome) in equality.outcomes {
            // Every row is at least similar to itself.
            let counted = matches!(operation, Operation::Similar(_) | Operation::Sift);
            assert!(!counted || outcome.hits >= 300, "{}", operation.name());
            assert_ne!(outcome.checksum, 0);
        }
    }

    #[test]
    fn options_have_bounds() {
        for (rows, seconds) in [(ROWS_MIN - 1, 1), (ROWS_MAX + 1, 1), (ROWS_MIN, 0)] {
            let options = Options {
                rows,
                seconds,
                seed: 1,
                no_peer: true,
                json: false,
            };
            assert!(matches!(run(&options), Err(BenchError::Option { .. })));
        }
    }
}
