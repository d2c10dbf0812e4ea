//! Few rows against all rows, and few rows against one tile.
//!
//! Rows are grouped by the segments that they lack, on both sides, so that every meeting of a group
//! and a tile has one missing mask and one exact watch: the kernel then lets only those pairs through
//! that are not quiet.

use std::{ops::Range, sync::Mutex};

use linker_kernels::{
    Kernel, Sifted, Tile,
    limits::{LANES, TILE_ROWS},
};

use crate::{
    compare::Engine, dataset::Dataset, error::MatchError, settings::Cancel, watch::Watched,
};

/// Rows that lack the same segments.
pub(crate) struct Group {
    /// The segments that they lack.
    pub(crate) missing: u8,
    /// Their numbers.
    pub(crate) rows: Vec<u32>,
    /// Their words, one row after another.
    words: Vec<u64>,
}

impl Group {
    /// The words of some of the rows.
    pub(crate) fn words(&self, rows: Range<usize>, width: usize) -> &[u64] {
        &self.words[rows.start * width..rows.end * width]
    }

    /// Number of rows.
    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Those of the rows that `wanted` accepts.
    pub(crate) fn part(&self, width: usize, wanted: impl Fn(u32) -> bool) -> Self {
        let rows = self.rows.iter().zip(self.words.chunks_exact(width));
        let rows = rows.filter(|&(&row, _)| wanted(row));
        let (rows, words): (Vec<u32>, Vec<&[u64]>) = rows.unzip();
        Self {
            missing: self.missing,
            rows,
            words: words.concat(),
        }
    }
}

/// A group met a tile.
pub(crate) struct Meeting<'a> {
    /// Which of the groups.
    pub(crate) group: usize,
    /// The segments that the group, the tile's rows or both lack.
    pub(crate) missing: u8,
    /// Row numbers of the group; [`Sifted::query`] points here.
    pub(crate) queries: &'a [u32],
    /// Row numbers of the tile; [`Sifted::row`] points here.
    pub(crate) rows: &'a [u32],
    /// The pairs that are not quiet.
    pub(crate) pairs: &'a [Sifted],
}

/// A tile and working memory of one thread.
pub(crate) struct Sieve {
    kernel: Kernel,
    tile: Tile,
    buffer: Vec<[u32; LANES]>,
    pairs: Vec<Sifted>,
}

impl Sieve {
    pub(crate) fn new(engine: Engine<'_>) -> Self {
        Self {
            kernel: engine.kernel,
            tile: Tile::new(engine.dataset.grading().row_words()),
            buffer: Vec::new(),
            pairs: Vec::new(),
        }
    }

    /// Puts rows, all of which lack `missing`, into the tile.
    pub(crate) fn load<R: AsRef<[u64]>>(&mut self, rows: impl Iterator<Item = R>, missing: u8) {
        self.tile.clear();
        rows.for_each(|row| self.tile.push(row.as_ref(), missing));
    }

    /// Pairs of `queries`, all of which lack `missing`, with the tile's rows from row
    /// `8·first_group` on that are not quiet under the watch; with no watch, all of them.
    pub(crate) fn sift(
        &mut self,
        dataset: &Dataset,
        queries: &[u64],
        missing: u8,
        first_group: usize,
        watch: Option<Watched>,
    ) -> &[Sifted] {
        self.pairs.clear();
        let (kernel, tile) = (self.kernel, &self.tile);
        let (buffer, pairs) = (&mut self.buffer, &mut self.pairs);
        match watch {
            Some(Watched { segments: 0, .. }) => {}
            Some(Watched { segments, lowest }) => kernel.sift(
                queries,
                missing,
                tile,
                first_group,
                dataset.hearing(lowest),
                segments,
                buffer,
                pairs,
            ),
            None => {
                let grading = dataset.grading();
                let first = u32::try_from(first_group * LANES).expect("a tile is small");
                let queries = queries.chunks_exact(grading.row_words());
                for (query, words) in (0_u32..).zip(queries) {
                    let patterns =
                        kernel.patterns(words, missing, tile, first_group, grading, buffer);
                    let found = (first..).zip(patterns);
                    pairs.extend(found.map(|(row, &pattern)| Sifted {
                        query,
                        row,
                        pattern,
                    }));
                }
            }
        }
        pairs
    }
}

/// Groups rows by what they lack. Row order is kept within a group.
pub(crate) fn groups(
    dataset: &Dataset,
    stop: &Cancel,
    mut rows: Vec<u32>,
) -> Result<Vec<Group>, MatchError> {
    let missing = |row: u32| dataset.flags(row).missing_mask();
    rows.sort_by_key(|&row| missing(row));
    // One fetch for all of them: it may have to read everything.
    let words = dataset.fetch(stop, &rows)?;
    let width = dataset.grading().row_words();
    let mut start = 0;
    let groups = rows.chunk_by(|&a, &b| missing(a) == missing(b));
    let groups = groups.map(|rows| {
        let end = start + rows.len() * width;
        let words = words[start..end].to_vec();
        start = end;
        Group {
            missing: missing(rows[0]),
            rows: rows.to_vec(),
            words,
        }
    });
    Ok(groups.collect())
}

/// One thread's memory of a sweep.
struct Worker<S> {
    sieve: Sieve,
    /// The places in the chunk of the rows with each missing mask.
    places: Vec<Vec<usize>>,
    rows: Vec<u32>,
    state: S,
}

/// Runs the groups against all rows that may be compared, each row's own record included.
///
/// `watch` says for a group and a missing mask what the pairs are sifted by. Every meeting of some
/// queries of one group and a tile is shown to `visit` with one of the states,
/// which are returned: how many there are and who met whom depends on the threads, their sum must not.
pub(crate) fn sweep<S: Send>(
    engine: Engine<'_>,
    groups: &[Group],
    watch: &(dyn Fn(usize, u8) -> Option<Watched> + Sync),
    state: &(dyn Fn() -> S + Sync),
    visit: &(dyn Fn(&mut S, &Meeting<'_>) + Sync),
    done: &(dyn Fn(u64) + Sync),
) -> Result<Vec<S>, MatchError> {
    let workers: Mutex<Vec<Worker<S>>> = Mutex::new(Vec::new());
    let masks = 1 << engine.dataset.grading().segment_count();
    engine.dataset.scan(engine.stop, &|rows, words| {
        let idle = workers.lock().expect("no visitor panics").pop();
        let mut worker = idle.unwrap_or_else(|| Worker {
            sieve: Sieve::new(engine),
            places: vec![Vec::new(); masks],
            rows: Vec::new(),
            state: state(),
        });
        chunk(engine, groups, watch, visit, &mut worker, (rows, words));
        workers.lock().expect("no visitor panics").push(worker);
        done(rows.len() as u64);
    })?;
    let workers = workers.into_inner().expect("no visitor panics");
    Ok(workers.into_iter().map(|worker| worker.state).collect())
}

/// One chunk of a scan, mask by mask, tile by tile.
fn chunk<S>(
    engine: Engine<'_>,
    groups: &[Group],
    watch: &dyn Fn(usize, u8) -> Option<Watched>,
    visit: &dyn Fn(&mut S, &Meeting<'_>),
    worker: &mut Worker<S>,
    (rows, words): (&[u32], &[u64]),
) {
    let dataset = engine.dataset;
    let width = dataset.grading().row_words();
    worker.places.iter_mut().for_each(Vec::clear);
    for (place, &row) in rows.iter().enumerate() {
        let missing = dataset.flags(row).missing_mask();
        worker.places[usize::from(missing)].push(place);
    }
    for (lacking, places) in (0_u8..=u8::MAX).zip(&worker.places) {
        for places in places.chunks(TILE_ROWS) {
            let row = |&place: &usize| &words[place * width..(place + 1) * width];
            worker.sieve.load(places.iter().map(row), lacking);
            worker.rows.clear();
            worker.rows.extend(places.iter().map(|&place| rows[place]));
            for (number, group) in groups.iter().enumerate() {
                let missing = group.missing | lacking;
                let watch = watch(number, missing);
                let slices = group.rows.chunks(QUERY_ROWS);
                for (queries, words) in slices.zip(group.words.chunks(QUERY_ROWS * width)) {
                    let pairs = worker.sieve.sift(dataset, words, group.missing, 0, watch);
                    let meeting = Meeting {
                        group: number,
                        missing,
                        queries,
                        rows: &worker.rows,
                        pairs,
                    };
                    visit(&mut worker.state, &meeting);
                }
            }
        }
    }
}

/// Queries of one meeting. They and a tile stay in a core's second cache, and if nothing can be
/// sifted away the list of their pairs is 6 MiB.
const QUERY_ROWS: usize = 256;

#[cfg(test)]
pub(crate) mod tests;
