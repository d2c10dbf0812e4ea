//! How often each pattern occurs between a sample and everything.
//!
//! Nearly all pairs are of strangers and far apart, and how far hardly matters: that they are many is all
//! that training needs. So only some of the sampled records are looked at closely. Against the others the
//! sift hears less: pairs that are near in some segment are counted exactly, one by one, and how the quiet
//! ones are spread over their patterns is taken from the records that were looked at closely, for each
//! set of missing segments apart. Counts stay unbiased and their sum is exact.

use crate::{
    compare::Engine,
    dataset::Dataset,
    error::MatchError,
    limits,
    sample::Sample,
    sweep::{Group, Meeting, sweep},
    watch::Watched,
};

/// How many of the lowest levels are quiet where the look is not close.
const LOWEST: u8 = 1;

/// How often each pattern occurs between a row of the sample and a row of another record.
pub(crate) fn tally(
    engine: Engine<'_>,
    sample: &Sample,
    done: &(dyn Fn(u64) + Sync),
) -> Result<Vec<u64>, MatchError> {
    let rows: usize = sample.groups.iter().map(Group::len).sum();
    let pairs = rows as u64 * engine.dataset.row_count() as u64;
    let every = if pairs > limits::CLOSE_LOOK_PAIRS {
        limits::CLOSE_LOOK_EVERY
    } else {
        1
    };
    tally_of(engine, sample, every, done)
}

/// [`tally`] with a close look at one of `every` sampled records.
fn tally_of(
    engine: Engine<'_>,
    sample: &Sample,
    every: usize,
    done: &(dyn Fn(u64) + Sync),
) -> Result<Vec<u64>, MatchError> {
    let dataset = engine.dataset;
    let close: Vec<u32> = sample.records.iter().copied().step_by(every).collect();
    let is_close = |row: u32| close.binary_search(&dataset.record_of(row)).is_ok();
    let width = dataset.grading().row_words();
    let part = |wanted: bool| {
        let groups = sample.groups.iter();
        groups.map(move |group| group.part(width, |row| is_close(row) == wanted))
    };
    let groups: Vec<Group> = part(true).chain(part(false)).collect();
    let closely = sample.groups.len();
    let all = u8::try_from((1_u32 << dataset.grading().segment_count()) - 1)
        .expect("eight segments or fewer");
    let tables = Tables::new(dataset);
    let counted = sweep(
        engine,
        &groups,
        &|group, missing| {
            Some(Watched {
                segments: all & !missing,
                lowest: if group < closely { 0 } else { LOWEST },
            })
        },
        &|| Counts::new(&tables),
        &|counts, meeting| counts.take(&tables, meeting, meeting.group < closely),
        done,
    )?;
    let mut counts = Counts::new(&tables);
    counted.iter().for_each(|other| counts.add(other));
    for (row, pattern) in own(dataset, sample) {
        counts.take_off(&tables, pattern, is_close(row));
    }
    Ok(counts.whole(&tables))
}

/// What each pattern is.
struct Tables {
    /// Per pattern its missing mask.
    missing: Vec<u8>,
    /// Per pattern whether it is quiet where the look is not close.
    quiet: Vec<bool>,
    /// Per missing mask the pattern that is at the bottom in all that is there.
    bottoms: Vec<u32>,
}

impl Tables {
    fn new(dataset: &Dataset) -> Self {
        let (grading, less) = (dataset.grading(), dataset.hearing(LOWEST));
        let segments = grading.segment_count();
        let patterns = || (0_u32..).take(grading.patterns());
        let missing = |pattern| {
            (0..segments).fold(0_u8, |mask, segment| {
                mask | u8::from(grading.level(pattern, segment).is_none()) << segment
            })
        };
        let (zero, ones) = (
            vec![0; grading.row_words()],
            vec![u64::MAX; grading.row_words()],
        );
        let masks = (0..=u8::MAX).take(1 << segments);
        Self {
            missing: patterns().map(missing).collect(),
            quiet: patterns()
                .map(|pattern| (0..segments).all(|segment| less.is_quiet(pattern, segment)))
                .collect(),
            bottoms: masks
                .map(|missing| grading.pattern(&zero, &ones, missing))
                .collect(),
        }
    }
}

/// What was counted.
struct Counts {
    /// Per pattern, pairs of records that were looked at closely.
    close: Vec<u64>,
    /// Per pattern, pairs of the others; those of quiet patterns stay zero.
    near: Vec<u64>,
    /// Per missing mask, quiet pairs of the others.
    quiet: Vec<u64>,
}

impl Counts {
    fn new(tables: &Tables) -> Self {
        Self {
            close: vec![0; tables.missing.len()],
            near: vec![0; tables.missing.len()],
            quiet: vec![0; tables.bottoms.len()],
        }
    }

    fn take(&mut self, tables: &Tables, meeting: &Meeting<'_>, close: bool) {
        let missing = usize::from(meeting.missing);
        let rest = (meeting.queries.len() * meeting.rows.len() - meeting.pairs.len()) as u64;
        let counts = if close {
            self.close[tables.bottoms[missing] as usize] += rest;
            &mut self.close
        } else {
            self.quiet[missing] += rest;
            &mut self.near
        };
        for pair in meeting.pairs {
            counts[pair.pattern as usize] += 1;
        }
    }

    fn add(&mut self, other: &Self) {
        let add = |sums: &mut [u64], counts: &[u64]| {
            let both = sums.iter_mut().zip(counts);
            both.for_each(|(sum, count)| *sum += count);
        };
        add(&mut self.close, &other.close);
        add(&mut self.near, &other.near);
        add(&mut self.quiet, &other.quiet);
    }

    /// One pair less.
    fn take_off(&mut self, tables: &Tables, pattern: u32, close: bool) {
        let pattern = pattern as usize;
        let count = match (close, tables.quiet[pattern]) {
            (true, _) => &mut self.close[pattern],
            (false, false) => &mut self.near[pattern],
            (false, true) => &mut self.quiet[usize::from(tables.missing[pattern])],
        };
        *count -= 1;
    }

    /// The counts of the whole sample: the quiet pairs that nobody looked at closely are spread like those
    /// that somebody did.
    fn whole(&self, tables: &Tables) -> Vec<u64> {
        let each = self.close.iter().zip(&self.near);
        let mut whole: Vec<u64> = each.map(|(close, near)| close + near).collect();
        let mut seen = vec![0_u128; self.quiet.len()];
        let far = || {
            let patterns = self.close.iter().zip(&tables.missing).zip(&tables.quiet);
            let quiet = patterns.enumerate().filter(|(_, (_, quiet))| **quiet);
            quiet.map(|(pattern, ((&count, &missing), _))| (pattern, count, usize::from(missing)))
        };
        for (_, count, missing) in far() {
            seen[missing] += u128::from(count);
        }
        // Shares of running sums, so that what rounding takes from one pattern the next one gets.
        let mut sums = vec![(0_u128, 0_u64); self.quiet.len()];
        for (pattern, count, missing) in far() {
            if count > 0 {
                let (sum, given) = &mut sums[missing];
                *sum += u128::from(count);
                let due = *sum * u128::from(self.quiet[missing]) / seen[missing];
                let due = u64::try_from(due).expect("a share of a count is one");
                whole[pattern] += due - *given;
                *given = due;
            }
        }
        for (missing, &quiet) in self.quiet.iter().enumerate() {
            if seen[missing] == 0 {
                whole[tables.bottoms[missing] as usize] += quiet;
            }
        }
        whole
    }
}

/// The patterns between the rows of each sampled record, each row with itself included, with one of the
/// rows.
fn own(dataset: &Dataset, sample: &Sample) -> Vec<(u32, u32)> {
    let width = dataset.grading().row_words();
    let mut rows: Vec<(u32, u32, u8, &[u64])> = Vec::new();
    for group in &sample.groups {
        let words = group.words(0..group.len(), width).chunks_exact(width);
        let each = group.rows.iter().zip(words);
        rows.extend(each.map(|(&row, words)| (dataset.record_of(row), row, group.missing, words)));
    }
    rows.sort_unstable_by_key(|&(record, row, ..)| (record, row));
    let mut patterns = Vec::with_capacity(rows.len());
    for rows in rows.chunk_by(|a, b| a.0 == b.0) {
        for &(_, row, one, a) in rows {
            for &(_, _, other, b) in rows {
                patterns.push((row, dataset.grading().pattern(a, b, one | other)));
            }
        }
    }
    patterns
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        block, sample,
        settings::{Cancel, Settings},
        sweep::tests::{motley, slow},
        world,
    };

    fn counted(every: &[usize]) -> Vec<(Tables, Vec<u64>, Vec<u64>)> {
        let dataset = motley();
        let stop = &Cancel::new();
        let settings = Settings {
            sample_records: 200,
            ..world::blocked()
        };
        let blocks = block::build(&dataset, &settings, &|_| ());
        let sample = sample::draw(&dataset, stop, &settings).expect("rows are in memory");
        let rows: usize = sample.groups.iter().map(Group::len).sum();
        assert!(
            rows > sample.records.len(),
            "some records have several rows"
        );
        let expected = slow(&dataset, &sample);
        let mut found = Vec::new();
        for &kernel in linker_kernels::available() {
            let engine = Engine {
                dataset: &dataset,
                blocks: &blocks,
                kernel,
                stop,
            };
            for &every in every {
                let counts = tally_of(engine, &sample, every, &|_| ());
                let counts = counts.expect("rows are in memory");
                found.push((Tables::new(&dataset), counts, expected.clone()));
            }
        }
        found
    }

    /// A close look at everybody counts what looking at every pair counts, with every kernel.
    #[test]
    fn it_counts_every_pair() {
        for (_, found, expected) in counted(&[1]) {
            assert!(found == expected);
        }
    }

    /// A close look at some still counts near pairs exactly, and far ones in sum and nearly each.
    #[test]
    fn few_close_looks_lose_nothing_that_is_near() {
        for (tables, found, expected) in counted(&[2, 5, 1000]) {
            let mut sums = vec![[0_u64; 2]; tables.bottoms.len()];
            for (pattern, (&found, &expected)) in found.iter().zip(&expected).enumerate() {
                if tables.quiet[pattern] {
                    let [one, other] = &mut sums[usize::from(tables.missing[pattern])];
                    *one += found;
                    *other += expected;
                } else {
                    assert_eq!(found, expected, "pattern {pattern}");
                }
            }
            assert!(sums.iter().all(|[found, expected]| found == expected));
        }
        let (tables, found, expected) = counted(&[2]).remove(0);
        let far = (0..found.len()).filter(|&p| tables.quiet[p] && expected[p] > 5000);
        let wrong = |p: usize| (found[p] as f64 / expected[p] as f64 - 1.0).abs();
        let (count, worst) = far
            .map(wrong)
            .fold((0, 0.0_f64), |(n, w), e| (n + 1, w.max(e)));
        assert!(
            count > 3 && worst < 0.15,
            "{count} patterns, at most {worst:.3} off"
        );
    }
}
