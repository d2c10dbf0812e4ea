//! Several parts as one: every reference once, in order.

use std::{cmp::Reverse, collections::BinaryHeap, path::Path};

use linker_token::RecordRef;

use super::{EntrySink, Reader, Seal, part::Name};
use crate::error::AgentError;

/// The union of parts.
pub(super) struct Union {
    readers: Vec<Reader>,
    /// The present entry of each reader that has one.
    front: BinaryHeap<Reverse<(RecordRef, usize)>>,
    last: Option<RecordRef>,
}

impl Union {
    pub(super) fn open(folder: &Path, names: &[Name], seal: &Seal) -> Result<Self, AgentError> {
        let mut union = Self {
            readers: Vec::with_capacity(names.len()),
            front: BinaryHeap::with_capacity(names.len()),
            last: None,
        };
        for name in names {
            union.readers.push(Reader::open(folder, name, seal)?);
        }
        for index in 0..union.readers.len() {
            union.advance(index)?;
        }
        Ok(union)
    }

    /// Hands over the next entry; `false` if there is none.
    pub(super) fn step(&mut self, sink: &mut EntrySink<'_>) -> Result<bool, AgentError> {
        let Some(Reverse((reference, index))) = self.front.pop() else {
            return Ok(false);
        };
        if self.last != Some(reference) {
            self.last = Some(reference);
            sink(reference, self.readers[index].record())?;
        }
        self.advance(index)?;
        Ok(true)
    }

    fn advance(&mut self, index: usize) -> Result<(), AgentError> {
        if let Some(reference) = self.readers[index].next()? {
            self.front.push(Reverse((reference, index)));
        }
        Ok(())
    }
}
