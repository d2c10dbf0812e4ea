//! A file in blocks: what is in memory of it at a time, and proof that all walks saw the same bytes.

mod rows;
mod unread;

use std::convert::Infallible;

use zeroize::Zeroizing;

pub(super) use self::{
    rows::{Cut, Row},
    unread::Unread,
};
use super::{FileReport, RowSink};
use crate::{
    error::{ReadError, RowError},
    limits::BLOCK_BYTES,
    record::SourceRecord,
};

/// Writes bytes of a file from a place on into a buffer and says how many; fewer than fit is no end.
pub type BytesAt<'a, E> = dyn FnMut(u64, &mut [u8]) -> Result<usize, E> + 'a;

/// Takes rows as they are read, as [`RowSink`] does, but lends the record, whose memory serves for the
/// next one. An error ends the reading.
pub type BlockSink<'a, E> = dyn FnMut(u64, Result<&SourceRecord, RowError>) -> Result<(), E> + 'a;

/// Why a file was not read to its end.
#[derive(Debug, PartialEq, Eq)]
pub enum Stopped<E> {
    /// The file as a whole is refused.
    File(ReadError),
    /// What the caller's source or sink said.
    Caller(E),
}

impl<E> From<ReadError> for Stopped<E> {
    fn from(error: ReadError) -> Self {
        Self::File(error)
    }
}

/// A file of any length that a reader walks over as often as it needs. One block of it is in memory at a time.
///
/// It has the bytes that it had when its length was asked for: what is written behind them later is not
/// read. Every block that a later walk reads must be the one that the first walk saw.
pub struct File<'f, E> {
    length: u64,
    bytes_at: &'f mut BytesAt<'f, E>,
    /// Bytes of a block.
    block: usize,
    /// Fingerprints of the blocks that were seen.
    seen: Vec<u64>,
    observed: bool,
}

impl<E> std::fmt::Debug for File<'_, E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("File(..)")
    }
}

impl<'f, E> File<'f, E> {
    /// The first `length` bytes of what `bytes_at` reads from wherever they are.
    pub fn new(length: u64, bytes_at: &'f mut BytesAt<'f, E>) -> Self {
        Self {
            length,
            bytes_at,
            block: BLOCK_BYTES,
            seen: Vec::new(),
            observed: false,
        }
    }

    /// The same file, and records keep how their values were written.
    #[must_use]
    pub fn observing(mut self, observed: bool) -> Self {
        self.observed = observed;
        self
    }

    /// The same file in blocks of another size: at least four bytes, which hold any mark, and at most
    /// [`BLOCK_BYTES`]. What is read does not depend on it.
    #[must_use]
    pub fn in_blocks_of(mut self, bytes: usize) -> Self {
        self.block = bytes.clamp(4, BLOCK_BYTES);
        self
    }

    /// How many bytes it has.
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    pub(super) fn is_observed(&self) -> bool {
        self.observed
    }

    /// What is known of the blocks that were seen.
    pub(super) fn seen(&self) -> Vec<u64> {
        self.seen.clone()
    }

    /// Blocks that an earlier reading saw, which this one must see again.
    pub(super) fn expect(&mut self, seen: &[u64]) {
        self.seen = seen.to_vec();
    }

    /// Reads bytes from a place on, as many as fit.
    pub(super) fn load(&mut self, at: u64, into: &mut [u8]) -> Result<(), Stopped<E>> {
        let mut filled = 0;
        while filled < into.len() {
            let read = (self.bytes_at)(at + filled as u64, &mut into[filled..]);
            match read.map_err(Stopped::Caller)? {
                0 => return Err(Stopped::File(ReadError::Changed)),
                read => filled += read.min(into.len() - filled),
            }
        }
        Ok(())
    }

    /// The first bytes, at most so many.
    pub(super) fn head(&mut self, most: usize) -> Result<Zeroizing<Vec<u8>>, Stopped<E>> {
        let length = usize::try_from(self.length).map_or(most, |length| length.min(most));
        let mut head = Zeroizing::new(vec![0; length]);
        self.load(0, &mut head)?;
        Ok(head)
    }

    /// Hands over the blocks of the first `length` bytes, and with each whether it is the last. `false`: no
    /// more are wanted.
    pub(super) fn walk(
        &mut self,
        length: u64,
        mut see: impl FnMut(&[u8], bool) -> Result<bool, Stopped<E>>,
    ) -> Result<(), Stopped<E>> {
        let mut block = room_for(self.block, length);
        let mut at = 0;
        let mut number = 0;
        while at < length {
            self.next_block(at, length, number, &mut block)?;
            at += block.len() as u64;
            number += 1;
            if !see(&block, at == length)? {
                break;
            }
        }
        Ok(())
    }

    /// Reads the next block and compares it with what an earlier walk saw there.
    fn next_block(
        &mut self,
        at: u64,
        length: u64,
        number: usize,
        block: &mut Zeroizing<Vec<u8>>,
    ) -> Result<(), Stopped<E>> {
        block.truncate(usize::try_from(length - at).unwrap_or(usize::MAX));
        self.load(at, block)?;
        let seen = fingerprint(block);
        match self.seen.get(number) {
            None => self.seen.push(seen),
            Some(&before) if before == seen => {}
            Some(_) => return Err(Stopped::File(ReadError::Changed)),
        }
        Ok(())
    }
}

/// Reads bytes that are in memory with a reader of blocks. Its rows become the caller's own.
pub(super) fn in_memory(
    bytes: &[u8],
    sink: &mut RowSink<'_>,
    read: impl FnOnce(
        &mut File<'_, Infallible>,
        &mut BlockSink<'_, Infallible>,
    ) -> Result<FileReport, Stopped<Infallible>>,
) -> Result<FileReport, ReadError> {
    let mut bytes_at = bytes_of(bytes);
    let mut file = File::new(bytes.len() as u64, &mut bytes_at);
    let mut sink = |row, outcome: Result<&SourceRecord, RowError>| {
        sink(row, outcome.cloned());
        Ok(())
    };
    read(&mut file, &mut sink).map_err(|stopped| match stopped {
        Stopped::File(error) => error,
        Stopped::Caller(never) => match never {},
    })
}

/// What reads bytes that are in memory.
pub(super) fn bytes_of<E>(bytes: &[u8]) -> impl FnMut(u64, &mut [u8]) -> Result<usize, E> {
    move |at, space| {
        let rest = usize::try_from(at).ok().and_then(|at| bytes.get(at..));
        let rest = rest.unwrap_or_default();
        let length = rest.len().min(space.len());
        space[..length].copy_from_slice(&rest[..length]);
        Ok(length)
    }
}

fn room_for(block: usize, length: u64) -> Zeroizing<Vec<u8>> {
    let block = usize::try_from(length).map_or(block, |length| length.min(block));
    Zeroizing::new(vec![0; block])
}

/// What is kept of a block, to know it again. No secret: it tells accidents, such as an export that is
/// written anew while it is read, and whoever can write the file needs no collision.
fn fingerprint(block: &[u8]) -> u64 {
    const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
    let step = |state: u64, word: u64| (state ^ word).wrapping_mul(ODD).rotate_left(29);
    // Four at a time, because each step waits for the one before it.
    let mut lanes = [1_u64, 2, 3, 4];
    let (quads, tail) = block.as_chunks::<32>();
    for quad in quads {
        let words = quad.as_chunks::<8>().0;
        for (lane, word) in lanes.iter_mut().zip(words) {
            *lane = step(*lane, u64::from_le_bytes(*word));
        }
    }
    let mut state = block.len() as u64;
    for lane in lanes {
        state = step(state, lane);
    }
    tail.iter()
        .fold(state, |state, &byte| step(state, byte.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bit_of_a_block_counts() {
        let block: Vec<u8> = (0..=255).chain(0..45).collect();
        let whole = fingerprint(&block);
        for bit in 0..8 * block.len() {
            let mut other = block.clone();
            other[bit / 8] ^= 1 << (bit % 8);
            assert_ne!(fingerprint(&other), whole, "bit {bit}");
        }
        let mut longer = block.clone();
        longer.push(0);
        assert_ne!(fingerprint(&longer), whole);
        assert_ne!(fingerprint(&[0; 32]), fingerprint(&[0; 64]));
    }
}
