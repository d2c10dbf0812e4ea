//! A part of the index that never changes: rows in record order and a table for every segment.

use std::{ops::Range, sync::Arc};

use linker_kernels::Tile;
use linker_token::{Flags, Schema};

use super::table::Table;
use crate::limits;

/// Words of a cache line. Rows start at one: a row of 128 bytes is then two lines instead of three.
const LINE_WORDS: usize = 8;

/// Rows on their way into a generation.
#[derive(Default)]
pub(super) struct Arrival {
    pub(super) rows: Vec<u64>,
    pub(super) records: Vec<u32>,
    pub(super) flags: Vec<Flags>,
}

/// Rows sorted by record, bits and flags. At most [`limits::LOOKUP_GENERATION_ROWS`].
pub(super) struct Generation {
    width: usize,
    segments: Vec<Range<usize>>,
    /// `skip` words, then the rows.
    words: Vec<u64>,
    skip: usize,
    records: Vec<u32>,
    flags: Vec<Flags>,
    tables: Vec<Table>,
}

/// Rows of a generation that were removed.
#[derive(Clone, Default)]
pub(super) struct Dead {
    marks: Vec<u64>,
    count: usize,
    /// Per segment, for the values that its table numbers: how many of their rows are marked.
    counted: Vec<Vec<u32>>,
}

/// A generation as one view sees it.
#[derive(Clone)]
pub(super) struct Slot {
    pub(super) generation: Arc<Generation>,
    dead: Option<Arc<Dead>>,
}

impl Arrival {
    pub(super) fn push(&mut self, record: u32, flags: Flags, row: &[u64]) {
        self.rows.extend_from_slice(row);
        self.records.push(record);
        self.flags.push(flags);
    }

    pub(super) fn len(&self) -> usize {
        self.records.len()
    }

    pub(super) fn row(&self, index: usize, width: usize) -> &[u64] {
        &self.rows[index * width..(index + 1) * width]
    }

    /// Row numbers in the order of a generation, without the repeats.
    pub(super) fn order(&self, width: usize) -> Vec<u32> {
        let key = |at: u32| {
            let at = at as usize;
            (self.records[at], self.row(at, width), self.flags[at].bits())
        };
        let mut order: Vec<u32> = (0..).take(self.len()).collect();
        if !order.windows(2).all(|pair| key(pair[0]) < key(pair[1])) {
            order.sort_unstable_by(|&a, &b| key(a).cmp(&key(b)));
            order.dedup_by(|b, a| key(*a) == key(*b));
        }
        order
    }
}

impl Generation {
    /// Takes the rows that `order` names. They are sorted and differ.
    pub(super) fn build(schema: &Schema, arrival: &Arrival, order: &[u32]) -> Self {
        let width = schema.row_words();
        let mut words: Vec<u64> = Vec::with_capacity(order.len() * width + LINE_WORDS);
        // A hint only: where the platform cannot tell, rows are slower and not wrong.
        let skip = words.as_ptr().align_offset(LINE_WORDS * size_of::<u64>());
        let skip = if skip < LINE_WORDS { skip } else { 0 };
        words.resize(skip, 0);
        for &row in order {
            words.extend_from_slice(arrival.row(row as usize, width));
        }
        let of = |row: &u32| *row as usize;
        let segments = schema.segments().iter();
        let mut generation = Self {
            width,
            segments: segments.map(|segment| segment.words.clone()).collect(),
            words,
            skip,
            records: order.iter().map(|row| arrival.records[of(row)]).collect(),
            flags: order.iter().map(|row| arrival.flags[of(row)]).collect(),
            tables: Vec::new(),
        };
        let count = generation.len();
        let segments = 0..schema.segments().len();
        generation.tables = segments
            .map(|segment| Table::build(count, &|row| generation.value(segment, row)))
            .collect();
        generation
    }

    pub(super) fn len(&self) -> u32 {
        u32::try_from(self.records.len()).expect("a generation's rows are bounded")
    }

    pub(super) fn row(&self, row: u32) -> &[u64] {
        let start = self.skip + row as usize * self.width;
        &self.words[start..start + self.width]
    }

    pub(super) fn flags(&self, row: u32) -> Flags {
        self.flags[row as usize]
    }

    pub(super) fn record(&self, row: u32) -> u32 {
        self.records[row as usize]
    }

    /// A row's bits in a segment that it has.
    fn value(&self, segment: usize, row: u32) -> Option<&[u64]> {
        let has = !self.flags(row).is_missing(segment);
        has.then(|| &self.row(row)[self.segments[segment].clone()])
    }

    /// The places in table `segment` of rows that equal `row` there.
    pub(super) fn range(&self, segment: usize, row: &[u64]) -> Range<u32> {
        let bits = &row[self.segments[segment].clone()];
        self.tables[segment].range(bits, |row| self.value(segment, row))
    }

    /// The rows at places of table `segment`.
    pub(super) fn rows_at(&self, segment: usize, places: &Range<u32>) -> &[u32] {
        self.tables[segment].rows(places)
    }

    /// The rows of a record, whose number is at least that of row `from`'s record.
    pub(super) fn rows_of(&self, record: u32, from: u32) -> Range<u32> {
        let records = &self.records[from as usize..];
        let ends = (records.first(), records.last());
        if ends.0.is_none_or(|&first| record < first) {
            return from..from;
        }
        if ends.1.is_some_and(|&last| record > last) {
            return self.len()..self.len();
        }
        // In ever longer steps: a sorted list of records is found in little more than its own length.
        let mut step = 1;
        while step < records.len() && records[step] < record {
            step *= 2;
        }
        let near = &records[step / 2..records.len().min(step + 1)];
        let start = step / 2 + near.partition_point(|&other| other < record);
        let rows = records[start..]
            .iter()
            .take_while(|other| **other == record);
        let place = |at: usize| u32::try_from(at).expect("a generation's rows are bounded");
        from + place(start)..from + place(start + rows.count())
    }

    /// Puts rows into a tile.
    pub(super) fn fill(&self, tile: &mut Tile, rows: &[u32]) {
        tile.clear();
        // One word of every line first: these reads wait for memory side by side.
        let lines = |&row: &u32| self.row(row).iter().step_by(LINE_WORDS);
        let touched = rows.iter().flat_map(lines).fold(0, |all, word| all ^ word);
        std::hint::black_box(touched);
        for &row in rows {
            tile.push(self.row(row), self.flags(row).missing_mask());
        }
    }

    /// Bytes in memory.
    pub(super) fn bytes(&self) -> usize {
        let tables: usize = self.tables.iter().map(Table::bytes).sum();
        self.words.capacity() * 8 + (self.records.capacity() + self.flags.capacity()) * 4 + tables
    }
}

impl Slot {
    pub(super) fn new(generation: Generation) -> Self {
        Self {
            generation: Arc::new(generation),
            dead: None,
        }
    }

    /// Rows that were not removed.
    pub(super) fn alive(&self) -> usize {
        self.generation.len() as usize - self.dead.as_ref().map_or(0, |dead| dead.count)
    }

    pub(super) fn is_alive(&self, row: u32) -> bool {
        let dead = self.dead.as_ref();
        dead.is_none_or(|dead| dead.marks[row as usize / 64] >> (row % 64) & 1 == 0)
    }

    /// How many rows at these places of table `segment` were not removed. The places are a value's.
    pub(super) fn alive_at(&self, segment: usize, places: &Range<u32>) -> usize {
        let Some(dead) = &self.dead else {
            return places.len();
        };
        match self.generation.tables[segment].counted(places) {
            Some(value) => places.len() - dead.counted[segment][value] as usize,
            None => {
                let rows = self.generation.rows_at(segment, places).iter();
                rows.filter(|&&row| self.is_alive(row)).count()
            }
        }
    }

    /// The rows of a record that were not removed.
    pub(super) fn rows_of(&self, record: u32) -> impl Iterator<Item = u32> {
        let rows = self.generation.rows_of(record, 0);
        rows.filter(|&row| self.is_alive(row))
    }

    /// Removes rows. Views that have this slot already keep seeing them.
    pub(super) fn remove(&mut self, rows: &[u32]) {
        let generation = &self.generation;
        if rows.is_empty() {
            return;
        }
        let dead = self.dead.get_or_insert_with(|| {
            let tables = generation.tables.iter();
            Arc::new(Dead {
                marks: vec![0; generation.records.len().div_ceil(64)],
                count: 0,
                counted: tables
                    .map(|table| vec![0; table.counted_values()])
                    .collect(),
            })
        });
        let dead = Arc::make_mut(dead);
        for &row in rows {
            let mark = &mut dead.marks[row as usize / 64];
            if *mark >> (row % 64) & 1 == 1 {
                continue;
            }
            *mark |= 1 << (row % 64);
            dead.count += 1;
            for (segment, table) in generation.tables.iter().enumerate() {
                if table.counted_values() == 0 || generation.value(segment, row).is_none() {
                    continue;
                }
                let places = generation.range(segment, generation.row(row));
                if let Some(value) = table.counted(&places) {
                    dead.counted[segment][value] += 1;
                }
            }
        }
    }

    /// Whether any row was removed.
    pub(super) fn has_removed(&self) -> bool {
        self.dead.is_some()
    }

    /// Whether so many rows were removed that the generation should be made anew.
    pub(super) fn is_worn(&self) -> bool {
        let rows = self.generation.records.len();
        self.alive() < rows - rows / 8
    }

    /// Adds the rows that were not removed to `arrival`.
    pub(super) fn drain(&self, arrival: &mut Arrival) {
        for row in (0..self.generation.len()).filter(|&row| self.is_alive(row)) {
            let (record, flags) = (self.generation.record(row), self.generation.flags(row));
            arrival.push(record, flags, self.generation.row(row));
        }
    }

    /// Bytes in memory.
    pub(super) fn bytes(&self) -> usize {
        let dead = self.dead.as_ref().map_or(0, |dead| dead.marks.len() * 8);
        self.generation.bytes() + dead
    }
}

const _: () = assert!(limits::LOOKUP_GENERATION_ROWS < u32::MAX as usize);
