//! A table in blocks: what is in memory of it at a time, and proof that two walks saw the same bytes.

use encoding_rs::{Decoder, UTF_16BE, UTF_16LE};
use zeroize::Zeroizing;

use super::Stopped;
use crate::{
    error::ReadError,
    format::{
        encoding::BOM,
        rows::{RowEnd, Rows, Span},
    },
    limits::BLOCK_BYTES,
};

/// Writes bytes of a file from a place on into a buffer and says how many; fewer than fit is no end.
pub type BytesAt<'a, E> = dyn FnMut(u64, &mut [u8]) -> Result<usize, E> + 'a;

/// One row of a walk: its number, its bytes, where its fields lie in them, how it ended.
pub(super) struct Row<'a> {
    pub(super) number: u64,
    pub(super) bytes: &'a [u8],
    pub(super) fields: &'a [Span],
    pub(super) end: RowEnd,
}

/// Hands every block of a file to `see`, and then every row that ends in it to `take`.
///
/// The file has the bytes that it had when its `length` was asked for: what is written behind them later
/// is not read.
pub(super) fn walk<E>(
    length: u64,
    delimiter: u8,
    bytes_at: &mut BytesAt<'_, E>,
    mut see: impl FnMut(&[u8]) -> Result<(), ReadError>,
    mut take: impl FnMut(Row<'_>) -> Result<(), Stopped<E>>,
) -> Result<(), Stopped<E>> {
    let mut window = Window::new(length);
    let mut fields = Vec::new();
    let (mut at, mut number, mut skipping) = (0, 0, false);
    while at < length {
        let block = window.load(at, length, bytes_at)?;
        see(block).map_err(Stopped::File)?;
        at += block.len() as u64;
        let whole = at == length;
        window.take_in(whole);
        let mut rows = Rows::part(window.unread(), delimiter, whole, skipping);
        while let Some((bytes, end)) = rows.next(&mut fields) {
            number += 1;
            let fields = &fields;
            take(Row {
                number,
                bytes,
                fields,
                end,
            })?;
        }
        let (read, still) = rows.state();
        window.begin += read;
        skipping = still;
    }
    Ok(())
}

/// What is in memory of a file. All of it is wiped when dropped, and none of it ever grows.
struct Window {
    /// The present block, as it is in the file.
    block: Zeroizing<Vec<u8>>,
    /// Rows that are not yet read, and room for the text of a block.
    text: Zeroizing<Vec<u8>>,
    begin: usize,
    end: usize,
    /// Only UTF-16 becomes another text before rows are cut.
    decoder: Option<Decoder>,
    first: bool,
}

impl Window {
    fn new(length: u64) -> Self {
        let block = usize::try_from(length).map_or(BLOCK_BYTES, |length| length.min(BLOCK_BYTES));
        Self {
            block: Zeroizing::new(vec![0; block]),
            text: Zeroizing::new(Vec::new()),
            begin: 0,
            end: 0,
            decoder: None,
            first: true,
        }
    }

    /// Reads the next block.
    fn load<E>(
        &mut self,
        at: u64,
        length: u64,
        bytes_at: &mut BytesAt<'_, E>,
    ) -> Result<&[u8], Stopped<E>> {
        let rest = usize::try_from(length - at).unwrap_or(usize::MAX);
        self.block.truncate(rest);
        let mut filled = 0;
        while filled < self.block.len() {
            let read = bytes_at(at + filled as u64, &mut self.block[filled..]);
            match read.map_err(Stopped::Caller)? {
                0 => return Err(Stopped::File(ReadError::Changed)),
                read => filled += read.min(self.block.len() - filled),
            }
        }
        Ok(&self.block)
    }

    /// Puts the block's text behind the rows that are not yet read.
    fn take_in(&mut self, last: bool) {
        let mut block = self.block.as_slice();
        if std::mem::take(&mut self.first) {
            let utf16 = match block {
                [0xff, 0xfe, ..] => Some(UTF_16LE),
                [0xfe, 0xff, ..] => Some(UTF_16BE),
                _ => None,
            };
            self.decoder = utf16.map(|encoding| encoding.new_decoder_with_bom_removal());
            block = block.strip_prefix(BOM).unwrap_or(block);
        }
        self.text.copy_within(self.begin..self.end, 0);
        self.end -= self.begin;
        self.begin = 0;
        let room = self.decoder.as_ref().map_or(block.len(), |decoder| {
            let most = decoder.max_utf8_buffer_length(block.len());
            most.unwrap_or(usize::MAX)
        });
        make_room(&mut self.text, self.end, room);
        let free = &mut self.text[self.end..];
        self.end += match &mut self.decoder {
            None => {
                free[..block.len()].copy_from_slice(block);
                block.len()
            }
            // The room is enough for all of it, and a damaged unit becomes the mark of one.
            Some(decoder) => decoder.decode_to_utf8(block, free, last).2,
        };
    }

    fn unread(&self) -> &[u8] {
        &self.text[self.begin..self.end]
    }
}

/// Makes room behind the first `used` bytes without leaving a copy of them.
fn make_room(text: &mut Zeroizing<Vec<u8>>, used: usize, room: usize) {
    if text.len() < used + room {
        let mut larger = Zeroizing::new(vec![0; used + room + room / 4]);
        larger[..used].copy_from_slice(&text[..used]);
        *text = larger;
    }
}

/// What is kept of a block, to know it again. No secret: it tells accidents, such as an export that is
/// written anew while it is read, and whoever can write the file needs no collision.
pub(super) fn fingerprint(block: &[u8]) -> u64 {
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
