//! Rows on their way to the parts of a list.

use crate::{
    error::MatchError,
    index::number,
    limits,
    rows::Part,
    scratch::{Scratch, ScratchError, ScratchFault},
};

/// One part in the making: the first goes to its place at once, the others by way of the scratch space.
pub(crate) struct Desk {
    width: usize,
    words: Vec<u64>,
    /// Bytes that wait for each part, and how many make it worth a call.
    boxes: Vec<Vec<u8>>,
    flush: usize,
    first_part: u32,
}

impl Desk {
    /// Makes room for the first part. The parts get numbers from `first_part` on.
    pub(crate) fn new(width: usize, parts: &[Part], room: usize, first_part: u32) -> Self {
        let rows = parts.first().map_or(0, |part| part.places.len());
        Self {
            width,
            words: vec![0; rows * width],
            flush: (room / 4 / parts.len().max(1)).clamp(1, limits::SCRATCH_BYTES),
            boxes: vec![Vec::new(); parts.len()],
            first_part,
        }
    }

    /// The rows of the part that is at hand.
    pub(crate) fn words(&self) -> &[u64] {
        &self.words
    }

    /// Takes a row to the part that has its place.
    pub(crate) fn put(
        &mut self,
        parts: &[Part],
        place: u32,
        words: &[u64],
        scratch: Option<&mut (dyn Scratch + '_)>,
    ) -> Result<(), MatchError> {
        let at = place as usize;
        let part = parts.partition_point(|part| part.places.end <= at);
        if part == 0 {
            self.words[at * self.width..(at + 1) * self.width].copy_from_slice(words);
            return Ok(());
        }
        let waiting = &mut self.boxes[part];
        waiting.extend_from_slice(&place.to_le_bytes());
        words
            .iter()
            .for_each(|word| waiting.extend_from_slice(&word.to_le_bytes()));
        if let (true, Some(scratch)) = (waiting.len() >= self.flush, scratch) {
            scratch.append(self.first_part + number(part), waiting)?;
            waiting.clear();
        }
        Ok(())
    }

    /// Hands over what still waits.
    pub(crate) fn close(
        &mut self,
        scratch: Option<&mut (dyn Scratch + '_)>,
    ) -> Result<(), MatchError> {
        if let Some(scratch) = scratch {
            for (part, waiting) in (self.first_part..).zip(&mut self.boxes) {
                if !waiting.is_empty() {
                    scratch.append(part, waiting)?;
                }
                *waiting = Vec::new();
            }
        }
        Ok(())
    }

    /// Loads part number `at`. A row too many, too few or in a wrong place means that the scratch space
    /// gave back something else.
    pub(crate) fn load(
        &mut self,
        at: usize,
        part: &Part,
        scratch: &mut (dyn Scratch + '_),
    ) -> Result<(), ScratchError> {
        let (width, first) = (self.width, part.places.start);
        self.words.clear();
        self.words.resize(part.places.len() * width, 0);
        let (mut loaded, mut sound) = (0, true);
        let mut take = |bytes: &[u8]| {
            let (place, row) = bytes.split_at(4);
            let place = place
                .iter()
                .rev()
                .fold(0, |sum, &byte| sum << 8 | usize::from(byte));
            if !part.places.contains(&place) {
                sound = false;
                return;
            }
            let to = &mut self.words[(place - first) * width..(place - first + 1) * width];
            for (word, bytes) in to.iter_mut().zip(row.as_chunks::<8>().0) {
                *word = u64::from_le_bytes(*bytes);
            }
            loaded += 1;
        };
        let (size, mut torn) = (4 + 8 * width, Vec::new());
        scratch.take(self.first_part + number(at), &mut |mut bytes| {
            if !torn.is_empty() {
                let (head, rest) = bytes.split_at(bytes.len().min(size - torn.len()));
                torn.extend_from_slice(head);
                bytes = rest;
                if torn.len() == size {
                    take(&torn);
                    torn.clear();
                }
            }
            let rows = bytes.chunks_exact(size);
            torn.extend_from_slice(rows.remainder());
            rows.for_each(&mut take);
        })?;
        if sound && torn.is_empty() && loaded == part.places.len() {
            Ok(())
        } else {
            Err(ScratchError::new(ScratchFault::Damaged))
        }
    }
}
