//! Lines of words in memory of large pages, where the system has them.
//!
//! A table of which any line may be next needs a page's address for nearly every look. In pages of four
//! kilobytes those addresses do not fit into the processor's cache for them, in pages of two megabytes they
//! do. Linux gives large pages to whoever asks for them; where it does not, nothing is different but speed.

use memmap2::MmapMut;
use zeroize::Zeroize as _;

/// Bytes of a word.
const WORD: usize = 8;

/// Lines of `N` words, zeros at first; wiped when dropped.
pub(super) struct Large<const N: usize> {
    memory: Memory,
}

enum Memory {
    Mapped(MmapMut),
    /// The system refused to map.
    Plain(Vec<u8>),
}

impl<const N: usize> Large<N> {
    pub(super) fn new(lines: usize) -> Self {
        let bytes = lines * N * WORD;
        let memory = match MmapMut::map_anon(bytes) {
            Ok(map) => {
                #[cfg(target_os = "linux")]
                // Advice: a kernel without large pages does as well.
                let _refused = map.advise(memmap2::Advice::HugePage);
                Memory::Mapped(map)
            }
            Err(_refused) => Memory::Plain(vec![0; bytes]),
        };
        Self { memory }
    }

    /// `M` words of a line from word `from` on.
    #[inline]
    pub(super) fn words<const M: usize>(&self, line: usize, from: usize) -> [u64; M] {
        let bytes: &[u8] = match &self.memory {
            Memory::Mapped(map) => map,
            Memory::Plain(bytes) => bytes,
        };
        let words = &bytes.as_chunks::<WORD>().0[line * N..][..N];
        let words = &words[from..][..M];
        std::array::from_fn(|at| u64::from_ne_bytes(words[at]))
    }

    /// Writes a line from its first word on; what it had beyond `words` stays.
    pub(super) fn write(&mut self, line: usize, words: impl Iterator<Item = u64>) {
        let out = &mut self.bytes().as_chunks_mut::<WORD>().0[line * N..][..N];
        for (out, word) in out.iter_mut().zip(words) {
            *out = word.to_ne_bytes();
        }
    }

    fn bytes(&mut self) -> &mut [u8] {
        match &mut self.memory {
            Memory::Mapped(map) => map,
            Memory::Plain(bytes) => bytes,
        }
    }
}

impl<const N: usize> Drop for Large<N> {
    fn drop(&mut self) {
        self.bytes().zeroize();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let plain = Large::<4> {
            memory: Memory::Plain(vec![0; 3 * 4 * WORD]),
        };
        for mut lines in [plain, Large::<4>::new(3)] {
            assert_eq!(lines.words::<4>(2, 0), [0; 4], "zeros at first");
            lines.write(1, [1, u64::MAX, 3, 4].into_iter());
            lines.write(2, [5].into_iter());
            assert_eq!(lines.words::<2>(1, 1), [u64::MAX, 3]);
            assert_eq!(lines.words::<4>(2, 0), [5, 0, 0, 0]);
            assert_eq!(lines.words::<4>(0, 0), [0; 4]);
        }
    }
}
