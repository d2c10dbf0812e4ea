//! Rows of a block against a tile of rows of the same block.

use std::ops::Range;

use linker_kernels::{Sifted, Tile, limits::LANES};

use crate::{
    actions::Actions,
    compare::{Engine, Found, Hunt},
    limits,
    rows::Shelf,
    watch::Watched,
};

/// Queries of one sift.
const QUERIES: usize = 8;

/// Working memory of one thread.
pub(crate) struct Bench {
    tile: Tile,
    buffer: Vec<[u32; LANES]>,
    sifted: Vec<Sifted>,
    queries: Side,
    rows: Side,
    pub(crate) found: Found,
}

/// What is known about the rows of one side of a meeting.
#[derive(Default)]
pub(crate) struct Side {
    /// The rows' words, if they do not stand side by side already.
    words: Vec<u64>,
    /// The segments that each row lacks.
    pub(crate) missing: Vec<u8>,
    /// The same, each once or a little more often.
    pub(crate) masks: Vec<u8>,
    /// For each row the first row after it with which an earlier pass may not have compared it.
    pub(crate) ends: Vec<usize>,
    /// For each earlier pass that splits blocks, the piece of each row.
    pub(crate) pieces: Vec<Option<u32>>,
}

impl Bench {
    pub(crate) fn new(width: usize) -> Self {
        Self {
            tile: Tile::new(width),
            buffer: Vec::new(),
            sifted: Vec::new(),
            queries: Side::default(),
            rows: Side::default(),
            found: Found::default(),
        }
    }

    /// Some places of a block against others of it, or each row against those after it if they are the
    /// same places.
    pub(crate) fn meet(
        &mut self,
        hunt: &Hunt<'_>,
        shelf: Shelf<'_>,
        queries: &Range<usize>,
        rows: &Range<usize>,
    ) {
        let triangle = queries == rows;
        let width = hunt.engine.dataset.grading().row_words();
        let row_numbers = &hunt.members.rows[rows.clone()];
        let query_numbers = &hunt.members.rows[queries.clone()];
        hunt.prepare(&mut self.rows, row_numbers);
        let row_words = shelf.side_by_side(rows.clone(), &mut self.rows.words);
        self.tile.clear();
        for (words, &missing) in row_words.chunks_exact(width).zip(&self.rows.missing) {
            self.tile.push(words, missing);
        }
        let (row_pieces, masks) = (&self.rows.pieces, &self.rows.masks);
        let ends = triangle.then_some(&self.rows.ends[..]);
        let had = ends.iter().flat_map(|ends| (1..).zip(*ends));
        self.found.repeated += had.map(|(next, &end)| (end - next) as u64).sum::<u64>();
        let (query_words, query_missing, query_pieces) = if triangle {
            (row_words, &self.rows.missing, row_pieces)
        } else {
            hunt.prepare(&mut self.queries, query_numbers);
            let words = shelf.side_by_side(queries.clone(), &mut self.queries.words);
            (words, &self.queries.missing, &self.queries.pieces)
        };
        let actions = hunt.actions(rows.start);
        let mut at = 0;
        let same = query_missing.chunk_by(|a, b| a == b);
        for group in same.flat_map(|same| same.chunks(QUERIES)) {
            let task = Task {
                hunt,
                actions,
                tile: &self.tile,
                words: &query_words[at * width..(at + group.len()) * width],
                missing: group[0],
                first: at,
                ends,
            };
            let look = |query: usize, row: usize, pattern: u32| {
                let pair = (query_numbers[query], row_numbers[row]);
                hunt.pair(
                    &mut self.found,
                    pair,
                    (pattern, actions.of(pattern)),
                    |split| {
                        query_pieces[split * query_numbers.len() + query]
                            == row_pieces[split * row_numbers.len() + row]
                    },
                );
            };
            match actions.watch(group[0], masks) {
                Some(watched) if rows.len() >= limits::SIFT_ROWS_MIN => {
                    task.sift(watched, &mut self.buffer, &mut self.sifted, look);
                }
                _ => task.all(&mut self.buffer, look),
            }
            at += group.len();
        }
    }
}

/// Some queries that lack the same segments, against the tile.
struct Task<'a> {
    hunt: &'a Hunt<'a>,
    actions: &'a Actions,
    tile: &'a Tile,
    words: &'a [u64],
    missing: u8,
    /// The first query's number.
    first: usize,
    /// If queries and rows are the same, the first row that each meets: each pair is looked at once.
    ends: Option<&'a [usize]>,
}

impl Task<'_> {
    /// The first row that a query meets.
    fn start(&self, query: usize) -> usize {
        self.ends.map_or(0, |ends| ends[query])
    }

    /// Looks at the pairs that are not quiet.
    fn sift(
        &self,
        watched: Watched,
        buffer: &mut Vec<[u32; LANES]>,
        sifted: &mut Vec<Sifted>,
        mut look: impl FnMut(usize, usize, u32),
    ) {
        let Engine {
            dataset, kernel, ..
        } = self.hunt.engine;
        let group = self.start(self.first) / LANES;
        sifted.clear();
        if watched.segments != 0 {
            let grading = dataset.hearing(watched.lowest);
            kernel.sift(
                self.words,
                self.missing,
                self.tile,
                group,
                grading,
                watched.segments,
                buffer,
                sifted,
            );
        }
        for pair in &*sifted {
            let (query, row) = (self.first + pair.query as usize, pair.row as usize);
            if row >= self.start(query) {
                look(query, row, pair.pattern);
            }
        }
    }

    /// Looks at all pairs with which there is something to do.
    fn all(&self, buffer: &mut Vec<[u32; LANES]>, mut look: impl FnMut(usize, usize, u32)) {
        let Engine {
            dataset, kernel, ..
        } = self.hunt.engine;
        let grading = dataset.grading();
        let queries = self.words.chunks_exact(grading.row_words());
        for (query, words) in (self.first..).zip(queries) {
            let start = self.start(query);
            if start >= self.tile.len() {
                continue;
            }
            let group = start / LANES;
            let patterns = kernel.patterns(words, self.missing, self.tile, group, grading, buffer);
            for (row, &pattern) in (start..).zip(&patterns[start - group * LANES..]) {
                if self.actions.of(pattern) != 0 {
                    look(query, row, pattern);
                }
            }
        }
    }
}
