//! Cuts a file of any length into messages, as [`Messages`](super::Messages) cuts bytes that are in memory.

use super::{FRAME_END, FRAME_START, MessageBytes, START};
use crate::{
    format::{
        blocks::{File, Stopped, Unread},
        encoding::BOM,
    },
    limits::ADT_BYTES_MAX,
};

/// Bytes that are kept of a message that is too long for any reader: enough to see that it is.
const KEPT_BYTES: usize = ADT_BYTES_MAX + 1;
/// Bytes behind them that the next message can begin in: its first three and the one before it.
const TAIL_BYTES: usize = START.len();

/// Hands every block to `see`, and then every message that ends in it to `take`.
pub(super) fn messages<E>(
    file: &mut File<'_, E>,
    mut see: impl FnMut(&[u8]),
    mut take: impl FnMut(MessageBytes<'_>) -> Result<(), Stopped<E>>,
) -> Result<(), Stopped<E>> {
    let mut cutter = Cutter::default();
    file.walk(file.length(), |block, whole| {
        see(block);
        cutter.add(block);
        while let Some(end) = cutter.end(whole) {
            if let Some(message) = cutter.message(end) {
                take(message)?;
            }
            cutter.pass(end);
        }
        cutter.forget();
        Ok(true)
    })
}

#[derive(Default)]
struct Cutter {
    /// From the beginning of the present message on.
    unread: Unread,
    /// Of these, bytes in which the next message does not begin.
    looked: usize,
    /// Whether a message has begun; what stands before the first is none.
    begun: bool,
    /// The byte before the message; none before the file.
    before: Option<u8>,
    /// What was left out of a message that is too long held the end of its frame.
    closed: bool,
    /// Whether a block was seen.
    any: bool,
}

impl Cutter {
    fn add(&mut self, block: &[u8]) {
        let first = !std::mem::replace(&mut self.any, true);
        let marked = block.strip_prefix(BOM).filter(|_| first);
        self.unread.add(marked.unwrap_or(block));
    }

    /// Where the present message ends, if that can be said.
    fn end(&mut self, whole: bool) -> Option<usize> {
        let bytes = self.unread.bytes();
        let least = if self.begun { START.len() } else { 0 };
        let mut at = self.looked.max(least);
        while let Some(next) = bytes
            .get(at..)
            .and_then(|rest| rest.iter().position(|&b| b == b'M'))
        {
            at += next;
            let before = at.checked_sub(1).map_or(self.before, |at| Some(bytes[at]));
            if bytes[at..].starts_with(START) && before.is_none_or(|b| b"\r\n\x0b\x1c".contains(&b))
            {
                return Some(at);
            }
            at += 1;
        }
        self.looked = bytes.len().saturating_sub(START.len() - 1);
        (whole && !bytes.is_empty()).then_some(bytes.len())
    }

    /// The present message, if there is one.
    fn message(&self, end: usize) -> Option<MessageBytes<'_>> {
        self.begun.then_some(())?;
        let whole = &self.unread.bytes()[..end];
        let framed = self.before == Some(FRAME_START);
        let frame_end = whole.iter().position(|&b| b == FRAME_END);
        let frame_end = frame_end.or(self.closed.then_some(KEPT_BYTES));
        Some(MessageBytes::of(whole, framed, frame_end))
    }

    /// Goes on behind the present message.
    fn pass(&mut self, end: usize) {
        let last = self.unread.bytes()[..end].last().copied();
        self.before = last.or(self.before);
        self.unread.consume(end);
        self.looked = 0;
        self.begun = true;
        self.closed = false;
    }

    /// Leaves out what is needed no more: what stands before the first message, and of a message that is too
    /// long everything but its beginning.
    fn forget(&mut self) {
        let length = self.unread.bytes().len();
        let kept = if self.begun { KEPT_BYTES } else { 0 };
        let Some(to) = length.checked_sub(TAIL_BYTES).filter(|&to| to > kept) else {
            return;
        };
        let left_out = &self.unread.bytes()[kept..to];
        self.closed |= self.begun && left_out.contains(&FRAME_END);
        if !self.begun {
            self.before = left_out.last().copied();
        }
        self.unread.cut_out(kept, to);
        self.looked = kept + 1;
    }
}

/// Whether a file that opens an envelope closes it.
#[derive(Default)]
pub(super) struct Envelope {
    /// The first bytes of the present segment.
    begun: [u8; START.len()],
    length: usize,
    seen: [bool; 4],
}

impl Envelope {
    const KINDS: [&'static [u8]; 4] = [b"FHS|", b"FTS|", b"BHS|", b"BTS|"];

    pub(super) fn add(&mut self, block: &[u8]) {
        let segments = block.split(|&b| matches!(b, b'\r' | b'\n'));
        for (index, segment) in segments.enumerate() {
            if index > 0 {
                self.length = 0;
            }
            for &byte in segment.iter().take(START.len() - self.length) {
                self.begun[self.length] = byte;
                self.length += 1;
                if self.length == START.len() {
                    self.see();
                }
            }
        }
    }

    fn see(&mut self) {
        for (seen, kind) in self.seen.iter_mut().zip(Self::KINDS) {
            *seen |= self.begun == kind;
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        let [file, file_end, batch, batch_end] = self.seen;
        (!file || file_end) && (!batch || batch_end)
    }
}

#[cfg(test)]
mod tests;
