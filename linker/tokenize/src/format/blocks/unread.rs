//! Bytes of a file between the block that brought them and their use.

use zeroize::Zeroizing;

/// Bytes that were read and are not yet used. They are wiped when dropped, and growing leaves no copy.
#[derive(Default)]
pub(in crate::format) struct Unread {
    bytes: Zeroizing<Vec<u8>>,
    begin: usize,
    end: usize,
}

impl Unread {
    pub(in crate::format) fn bytes(&self) -> &[u8] {
        &self.bytes[self.begin..self.end]
    }

    /// Puts bytes behind those that are there.
    pub(in crate::format) fn add(&mut self, more: &[u8]) {
        self.free(more.len())[..more.len()].copy_from_slice(more);
        self.end += more.len();
    }

    /// Passes over bytes.
    pub(in crate::format) fn consume(&mut self, bytes: usize) {
        self.begin += bytes;
    }

    /// Takes bytes out of the middle.
    pub(in crate::format) fn cut_out(&mut self, from: usize, to: usize) {
        let (from, to) = (self.begin + from, self.begin + to);
        self.bytes.copy_within(to..self.end, from);
        self.end -= to - from;
    }

    /// Takes the first bytes of the free room as read.
    pub(super) fn filled(&mut self, bytes: usize) {
        self.end += bytes;
    }

    /// Free room of at least so many bytes.
    pub(super) fn free(&mut self, room: usize) -> &mut [u8] {
        self.bytes.copy_within(self.begin..self.end, 0);
        self.end -= self.begin;
        self.begin = 0;
        if self.bytes.len() < self.end + room {
            let mut larger = Zeroizing::new(vec![0; self.end + room + room / 4]);
            larger[..self.end].copy_from_slice(&self.bytes[..self.end]);
            self.bytes = larger;
        }
        &mut self.bytes[self.end..]
    }
}
