//! Where the rows of a run are, and how work gets at them.
//!
//! Work asks for a *list*: row numbers in an order of its own, cut into groups that are never torn
//! apart. If all rows are in memory it gets the whole list at once. If not, the list is cut into parts
//! that fit; the source is read once, every row goes to the parts that want it, through the scratch
//! space, and then one part after another is loaded with its rows in the list's order. The work is the
//! same code in both cases and sees the same rows.

use std::{ops::Range, sync::Arc};

use linker_token::TokenBatch;

use crate::{
    desk::Desk,
    error::MatchError,
    index::{NONE, number},
    scratch::Scratch,
    settings::Cancel,
    source::Source,
};

/// Where the rows are.
pub(crate) enum Store {
    /// In memory, in the order of arrival.
    Held {
        words: Vec<u64>,
        /// For each row its place in the order of arrival.
        place: Vec<u32>,
    },
    /// Outside.
    Away(Away),
}

/// Rows that are read again whenever they are needed.
pub(crate) struct Away {
    pub(crate) source: Arc<dyn Source>,
    /// In the order of arrival: each row's number, or [`NONE`] for a repeat.
    pub(crate) row_of: Vec<u32>,
    /// Bytes that rows and their buffers may take.
    pub(crate) room: usize,
}

/// Row numbers in an order of the work's own.
#[derive(Clone, Copy)]
pub(crate) struct List<'a> {
    pub(crate) rows: &'a [u32],
    /// Where the groups start, and the end.
    pub(crate) starts: &'a [u32],
}

/// The rows of some groups of a list, by their place in the list.
#[derive(Clone, Copy)]
pub(crate) enum Shelf<'a> {
    /// All rows are in memory in the order of arrival.
    Held {
        words: &'a [u64],
        place: &'a [u32],
        rows: &'a [u32],
        width: usize,
    },
    /// These rows stand in the list's order.
    Loaded {
        words: &'a [u64],
        first: usize,
        width: usize,
    },
}

/// Work with the rows of some groups of a list.
pub(crate) type Work<'w> = dyn FnMut(Range<usize>, Shelf<'_>) -> Result<(), MatchError> + 'w;

/// A look at a batch and its rows' numbers.
type Batch<'w> = dyn FnMut(&[u32], &TokenBatch) -> Result<(), MatchError> + 'w;

/// What work with rows needs besides the data set.
pub(crate) struct Reach<'a> {
    pub(crate) stop: &'a Cancel,
    pub(crate) scratch: Option<&'a mut dyn Scratch>,
    /// Numbers of parts are never used twice in a run.
    pub(crate) next_part: u32,
}

impl<'a> Shelf<'a> {
    /// The row at a place of the list.
    pub(crate) fn at(self, at: usize) -> &'a [u64] {
        match self {
            Self::Held {
                words,
                place,
                rows,
                width,
            } => {
                let start = place[rows[at] as usize] as usize * width;
                &words[start..start + width]
            }
            Self::Loaded {
                words,
                first,
                width,
            } => &words[(at - first) * width..(at - first + 1) * width],
        }
    }

    /// The rows at these places side by side; `buffer` is used if they do not stand so already.
    pub(crate) fn side_by_side<'b>(
        self,
        places: Range<usize>,
        buffer: &'b mut Vec<u64>,
    ) -> &'b [u64]
    where
        'a: 'b,
    {
        match self {
            Self::Held { .. } => {
                buffer.clear();
                places.for_each(|at| buffer.extend_from_slice(self.at(at)));
                buffer
            }
            Self::Loaded {
                words,
                first,
                width,
            } => &words[(places.start - first) * width..(places.end - first) * width],
        }
    }
}

/// For each row the places of a list at which it stands.
struct Places {
    last: Vec<u32>,
    /// For each place the place before it with the same row; empty if no row stands twice.
    before: Vec<u32>,
}

impl Places {
    fn new(rows: usize, list: &[u32]) -> Self {
        let (mut last, mut before) = (vec![NONE; rows], Vec::new());
        for (place, &row) in (0..).zip(list) {
            let last = &mut last[row as usize];
            if *last != NONE {
                before.resize(list.len(), NONE);
                before[place as usize] = *last;
            }
            *last = place;
        }
        Self { last, before }
    }

    fn of(&self, row: u32) -> impl Iterator<Item = u32> {
        let some = |place: u32| (place != NONE).then_some(place);
        std::iter::successors(some(self.last[row as usize]), move |&place| {
            self.before.get(place as usize).copied().and_then(some)
        })
    }
}

/// A run of groups that is loaded at once.
pub(crate) struct Part {
    pub(crate) groups: Range<usize>,
    pub(crate) places: Range<usize>,
}

impl Away {
    /// Shows all batches, each with its rows' numbers.
    pub(crate) fn stream(&self, stop: &Cancel, visit: &mut Batch<'_>) -> Result<(), MatchError> {
        let mut at = 0;
        self.source.read(&mut |_site, batch| {
            stop.check()?;
            let rows = self.row_of.get(at..at + batch.len()).ok_or_else(changed)?;
            at += batch.len();
            visit(rows, &batch)
        })?;
        if at == self.row_of.len() {
            Ok(())
        } else {
            Err(changed())
        }
    }

    /// See [`crate::dataset::Dataset::with_rows`].
    pub(crate) fn with_rows(
        &self,
        (rows, width): (usize, usize),
        list: List<'_>,
        reach: &mut Reach<'_>,
        work: &mut Work<'_>,
    ) -> Result<(), MatchError> {
        let parts = self.parts(width, list)?;
        if parts.is_empty() {
            return Ok(());
        }
        if parts.len() > 1 && reach.scratch.is_none() {
            return Err(MatchError::ScratchMissing);
        }
        let mut desk = Desk::new(width, &parts, self.room, reach.next_part);
        reach.next_part += number(parts.len());
        let places = Places::new(rows, list.rows);
        self.stream(reach.stop, &mut |rows, batch| {
            for (&row, words) in rows.iter().zip(batch.rows().chunks_exact(width)) {
                if row != NONE {
                    for place in places.of(row) {
                        desk.put(&parts, place, words, reach.scratch.as_deref_mut())?;
                    }
                }
            }
            Ok(())
        })?;
        drop(places);
        desk.close(reach.scratch.as_deref_mut())?;
        for (at, part) in parts.iter().enumerate() {
            reach.stop.check()?;
            if let (1.., Some(scratch)) = (at, reach.scratch.as_deref_mut()) {
                desk.load(at, part, scratch)?;
            }
            let shelf = Shelf::Loaded {
                words: desk.words(),
                first: part.places.start,
                width,
            };
            work(part.groups.clone(), shelf)?;
        }
        Ok(())
    }

    /// Cuts a list between groups into parts of at most half the room.
    fn parts(&self, width: usize, list: List<'_>) -> Result<Vec<Part>, MatchError> {
        let most = self.room / 2 / (8 * width);
        let mut parts: Vec<Part> = Vec::new();
        for (group, ends) in list.starts.windows(2).enumerate() {
            let places = ends[0] as usize..ends[1] as usize;
            if places.len() > most {
                return Err(MatchError::Memory {
                    needed: (2 * 8 * width * places.len()) as u64,
                    bound: self.room as u64,
                });
            }
            match parts.last_mut() {
                Some(part) if places.end - part.places.start <= most => {
                    part.groups.end = group + 1;
                    part.places.end = places.end;
                }
                _ => parts.push(Part {
                    groups: group..group + 1,
                    places,
                }),
            }
        }
        Ok(parts)
    }
}

fn changed() -> MatchError {
    MatchError::Source("the source gives other rows than before".into())
}
