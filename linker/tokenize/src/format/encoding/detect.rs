//! What encoding a file is in, block by block, without a copy of it.

use super::{
    BOM, SourceEncoding,
    cp932::{Pairs, lead},
};
use crate::limits::ENCODING_CHARACTERS_MAX;

/// Bytes after which it is looked at whether enough was seen.
const PIECE_BYTES: usize = 64 * 1024;

/// Byte order marks of UTF-16.
const UTF16: [&[u8]; 2] = [b"\xff\xfe", b"\xfe\xff"];

/// Sees a file's bytes in order, in blocks of any size, and says what all of them look like. Of a long file
/// the first [`ENCODING_CHARACTERS_MAX`] characters beyond ASCII decide.
pub(in crate::format) struct Detector {
    /// Bytes that are still to come.
    rest: u64,
    /// The first bytes, as many as a mark has.
    head: [u8; BOM.len()],
    heads: usize,
    ascii: bool,
    /// Whether there was an escape sequence of a double-byte set.
    escape: bool,
    last: u8,
    utf8: Utf8,
    /// Whether UTF-8 can still be the verdict.
    utf8_lives: bool,
    cp932: Cp932,
}

impl Detector {
    /// For a file of `length` bytes.
    pub(in crate::format) fn new(length: u64) -> Self {
        Self {
            rest: length,
            head: [0; BOM.len()],
            heads: 0,
            ascii: true,
            escape: false,
            last: 0,
            utf8: Utf8::default(),
            utf8_lives: true,
            cp932: Cp932::default(),
        }
    }

    /// Sees the next bytes.
    pub(in crate::format) fn add(&mut self, block: &[u8]) {
        for (to, from) in self.head[self.heads..].iter_mut().zip(block) {
            *to = *from;
            self.heads += 1;
        }
        if self.mark().is_some() {
            return;
        }
        block
            .chunks(PIECE_BYTES)
            .for_each(|piece| self.add_piece(piece));
    }

    fn add_piece(&mut self, block: &[u8]) {
        self.rest = self.rest.saturating_sub(block.len() as u64);
        if self.cp932.characters.max(self.utf8.good) >= ENCODING_CHARACTERS_MAX {
            return;
        }
        if self.ascii && block.is_ascii() {
            self.escape |= self.last == 0x1b && block.first() == Some(&b'$');
            self.escape |= block.windows(2).any(|pair| pair == b"\x1b$");
            self.last = block.last().copied().unwrap_or(self.last);
            return;
        }
        self.ascii = false;
        if self.utf8_lives {
            self.utf8_lives = self.utf8.add(block, self.rest);
        }
        self.cp932.add(block);
    }

    /// What the mark at the file's beginning says, if there is one.
    pub(in crate::format) fn mark(&self) -> Option<SourceEncoding> {
        let head = &self.head[..self.heads];
        if head == BOM {
            Some(SourceEncoding::Utf8)
        } else {
            let utf16 = UTF16.iter().any(|mark| head.starts_with(mark));
            utf16.then_some(SourceEncoding::Utf16)
        }
    }

    /// Whether nothing that may still come changes the verdict.
    pub(in crate::format) fn is_decided(&self) -> bool {
        let characters = self.cp932.characters.max(self.utf8.good);
        self.mark().is_some() || characters >= ENCODING_CHARACTERS_MAX
    }

    /// The verdict over everything that was seen.
    pub(in crate::format) fn verdict(mut self) -> SourceEncoding {
        if let Some(marked) = self.mark() {
            return marked;
        }
        match (self.ascii, self.escape) {
            (true, true) => SourceEncoding::Iso2022Jp,
            (true, false) => SourceEncoding::Ascii,
            (false, _) if self.utf8_lives && self.utf8.is_it() => SourceEncoding::Utf8,
            (false, _) if self.cp932.is_it() => SourceEncoding::Cp932,
            (false, _) => SourceEncoding::Unknown,
        }
    }
}

/// Whether characters outweigh damaged places, each of which costs ten.
fn outweigh(good: u64, bad: u64) -> bool {
    good > bad.saturating_mul(10)
}

/// Characters beyond ASCII and damaged places, if the bytes are read as UTF-8.
#[derive(Default)]
struct Utf8 {
    good: u64,
    bad: u64,
    /// The beginning of a character whose end has not come yet.
    begun: [u8; 4],
    begun_bytes: usize,
}

impl Utf8 {
    /// `false`: whatever the `rest` bytes after these are, two a character, this is not UTF-8.
    fn add(&mut self, mut block: &[u8], rest: u64) -> bool {
        while self.begun_bytes > 0 {
            let Some((&first, after)) = block.split_first() else {
                return true;
            };
            self.begun[self.begun_bytes] = first;
            self.begun_bytes += 1;
            block = after;
            self.settle(false);
        }
        loop {
            let (valid, error) = match std::str::from_utf8(block) {
                Ok(_) => (block.len(), None),
                Err(error) => (error.valid_up_to(), Some(error.error_len())),
            };
            let (text, after) = block.split_at(valid);
            self.good += text.iter().filter(|&&byte| byte >= 0xc0).count() as u64;
            match error {
                None => return true,
                Some(None) => {
                    self.begun[..after.len()].copy_from_slice(after);
                    self.begun_bytes = after.len();
                    return true;
                }
                Some(Some(length)) => {
                    self.bad += 1;
                    block = &after[length..];
                }
            }
            let possible = self.good + (rest + block.len() as u64) / 2;
            if self.bad.saturating_mul(10) >= possible {
                return false;
            }
        }
    }

    /// Counts what has been begun as far as that can be said, to its end if nothing more comes.
    fn settle(&mut self, whole: bool) {
        while self.begun_bytes > 0 {
            let begun = &self.begun[..self.begun_bytes];
            let damaged = match std::str::from_utf8(begun) {
                Ok(text) => {
                    self.good += text.chars().filter(|c| !c.is_ascii()).count() as u64;
                    self.begun_bytes = 0;
                    return;
                }
                Err(error) => match error.error_len() {
                    None if !whole => return,
                    None => self.begun_bytes,
                    Some(length) => length,
                },
            };
            self.bad += 1;
            self.begun.copy_within(damaged.., 0);
            self.begun_bytes -= damaged;
        }
    }

    fn is_it(&mut self) -> bool {
        self.settle(true);
        outweigh(self.good, self.bad)
    }
}

/// The same for CP932. Counts what its decoder would write: a damaged place is one replacement character,
/// and a second byte below 0x80 that fits no first byte stands for itself.
#[derive(Default)]
struct Cp932 {
    characters: u64,
    bad: u64,
    /// A first byte whose second has not come yet, by its place.
    begun: Option<usize>,
}

impl Cp932 {
    fn add(&mut self, block: &[u8]) {
        let pairs = Pairs::get();
        let mut at = 0;
        if let Some(lead) = self.begun
            && let Some(&trail) = block.first()
        {
            self.begun = None;
            at = self.end(pairs.of(lead, trail), trail);
        }
        while let Some(&byte) = block.get(at) {
            if byte < 0x80 {
                at += ascii_run(&block[at..]);
                continue;
            }
            at += 1;
            self.characters += 1;
            match lead(byte) {
                None => self.bad += u64::from(matches!(byte, 0xa0 | 0xfd..)),
                Some(lead) => match block.get(at) {
                    None => self.begun = Some(lead),
                    Some(&trail) => at += self.end(pairs.of(lead, trail), trail),
                },
            }
        }
    }

    /// Counts a character of two bytes. How many bytes its second one is: none if it fits no first byte
    /// and stands for itself.
    fn end(&mut self, number: u16, trail: u8) -> usize {
        self.bad += u64::from(number == 0);
        usize::from(number != 0 || trail >= 0x80)
    }

    fn is_it(&self) -> bool {
        outweigh(self.characters, self.bad + u64::from(self.begun.is_some()))
    }
}

/// ASCII bytes at the beginning, in words of eight; the last few of a run may be left for the next call.
fn ascii_run(bytes: &[u8]) -> usize {
    const TOPS: u64 = u64::from_le_bytes([0x80; 8]);
    let words = bytes.as_chunks::<8>().0.iter();
    let all = words.map(|word| u64::from_le_bytes(*word) & TOPS);
    for (index, tops) in all.enumerate() {
        if tops != 0 {
            return 8 * index + tops.trailing_zeros() as usize / 8;
        }
    }
    let whole = bytes.len() / 8 * 8;
    let tail = bytes[whole..].iter().take_while(|byte| byte.is_ascii());
    whole + tail.count()
}
