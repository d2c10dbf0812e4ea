//! Filter bits of what was encoded before, so that a gram or a value is one look and one OR.
//!
//! Grams are kept with how many bits they draw, and with the one that they draw beyond these. Values are kept whole where many people share them: a year, a
//! day, a town, an insurer stand for up to twenty grams each. Segments wider than [`WORDS`] keep nothing.

use super::{grams::Gram, large::Large};
use crate::limits::{BITS_LINES, LONG_BITS_LINES};

/// Words of the widest segment whose bits are kept.
pub(super) const WORDS: usize = 5;
/// Bytes of the longest value that is kept whole: a town of eighteen characters.
const TEXT_BYTES: usize = 56;
const TEXT_WORDS: usize = TEXT_BYTES / 8;

const _: () = assert!(BITS_LINES.is_power_of_two() && LONG_BITS_LINES.is_power_of_two());

/// The bits of a segment's filter.
pub(super) type Bits = [u64; WORDS];

/// What is known of a gram or a value.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Drawn {
    pub(super) bits: Bits,
    /// The position that a gram draws next. The first grams of a value draw one more than the others.
    pub(super) next: u16,
}

/// What a gram or a short value is known by. The first word is never zero, which an empty line has.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Key([u64; 2]);

impl Key {
    /// A gram that draws so many bits.
    pub(super) fn gram(gram: Gram, count: usize) -> Self {
        Self([1 << 62 | count as u64, gram.number()])
    }

    fn home(self) -> usize {
        const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
        let [about, word] = self.0;
        let mixed = (word ^ about.wrapping_mul(ODD).rotate_left(32)).wrapping_mul(ODD);
        usize::try_from(mixed >> 43).unwrap_or(0) % BITS_LINES
    }
}

/// What a value is known by.
pub(super) enum ValueKey {
    /// At most eight bytes.
    Short(Key),
    /// At most [`TEXT_BYTES`].
    Long(LongKey),
}

/// A longer value: what [`about`] says, and its text.
#[derive(Clone, Copy)]
pub(super) struct LongKey([u64; 1 + TEXT_WORDS]);

impl ValueKey {
    /// The value of a part that draws so many bits. `None`: it is too long to be kept.
    pub(super) fn new(part: usize, draws: usize, value: &str) -> Option<Self> {
        let bytes = value.as_bytes();
        // Parts are below eight, draws below 2^16, lengths below 64.
        let about = 1 << 63 | (part << 32 | draws << 8 | bytes.len()) as u64;
        if bytes.len() <= 8 {
            return Some(Self::Short(Key([about, word(bytes)])));
        }
        if bytes.len() > TEXT_BYTES {
            return None;
        }
        let mut words = [0; 1 + TEXT_WORDS];
        words[0] = about;
        for (to, from) in words[1..].iter_mut().zip(bytes.chunks(8)) {
            *to = word(from);
        }
        Some(Self::Long(LongKey(words)))
    }
}

/// At most eight bytes as a number.
fn word(bytes: &[u8]) -> u64 {
    match bytes.first_chunk::<8>() {
        Some(whole) => u64::from_le_bytes(*whole),
        None => bytes
            .iter()
            .rev()
            .fold(0, |word, &byte| word << 8 | u64::from(byte)),
    }
}

impl LongKey {
    /// All words are looked at: a call that stops at the first difference takes longer.
    fn is(&self, other: &Self) -> bool {
        let pairs = self.0.iter().zip(&other.0);
        pairs.fold(0, |differ, (one, other)| differ | (one ^ other)) == 0
    }

    fn home(&self) -> usize {
        const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
        let mixed = self.0.iter().fold(0_u64, |state, word| {
            (state ^ word).wrapping_mul(ODD).rotate_left(32)
        });
        usize::try_from(mixed.wrapping_mul(ODD) >> 43).unwrap_or(0) % LONG_BITS_LINES
    }
}

/// Words of a line of the processor's cache: key, bits, next position.
const LINE: usize = 8;
/// The same for a longer value, two lines; two words are spare.
const LONG_LINE: usize = 16;

const _: () = assert!(LINE == 2 + WORDS + 1 && LONG_LINE > 1 + TEXT_WORDS + WORDS);

impl Drawn {
    fn words(&self) -> impl Iterator<Item = u64> {
        self.bits.into_iter().chain([u64::from(self.next)])
    }

    fn of(words: [u64; WORDS + 1]) -> Self {
        let mut bits = Bits::default();
        bits.copy_from_slice(&words[..WORDS]);
        // Only positions are written here.
        let next = u16::try_from(words[WORDS]).unwrap_or_default();
        Self { bits, next }
    }
}

/// What one segment knows. Bounded: everything has two places, and the second one is given to whoever comes
/// last.
pub(super) struct Known {
    lines: Large<LINE>,
    long: Large<LONG_LINE>,
}

impl Known {
    pub(super) fn new() -> Self {
        Self {
            lines: Large::new(BITS_LINES),
            long: Large::new(LONG_BITS_LINES),
        }
    }

    /// The bits of a gram or a short value, if they are known.
    pub(super) fn get(&self, key: Key) -> Option<Drawn> {
        let home = key.home();
        let at = [home, home ^ 1].into_iter();
        let mut at = at.filter(|&at| Key(self.lines.words(at, 0)) == key);
        Some(Drawn::of(self.lines.words(at.next()?, 2)))
    }

    pub(super) fn value(&self, key: &ValueKey) -> Option<Drawn> {
        match key {
            ValueKey::Short(key) => self.get(*key),
            ValueKey::Long(key) => {
                let home = key.home();
                let at = [home, home ^ 1].into_iter();
                let mut at = at.filter(|&at| key.is(&self.long_key(at)));
                Some(Drawn::of(self.long.words(at.next()?, 1 + TEXT_WORDS)))
            }
        }
    }

    pub(super) fn remember(&mut self, key: Key, drawn: Drawn) {
        let home = key.home();
        let empty = self.lines.words(home, 0) == [0; 2];
        let at = if empty { home } else { home ^ 1 };
        self.lines.write(at, key.0.into_iter().chain(drawn.words()));
    }

    pub(super) fn remember_value(&mut self, key: &ValueKey, drawn: Drawn) {
        match key {
            ValueKey::Short(key) => self.remember(*key, drawn),
            ValueKey::Long(key) => {
                let home = key.home();
                let empty = self.long_key(home).0[0] == 0;
                let at = if empty { home } else { home ^ 1 };
                self.long.write(at, key.0.into_iter().chain(drawn.words()));
            }
        }
    }

    fn long_key(&self, at: usize) -> LongKey {
        LongKey(self.long.words(at, 0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn same(one: &ValueKey, other: &ValueKey) -> bool {
        match (one, other) {
            (ValueKey::Short(one), ValueKey::Short(other)) => one == other,
            (ValueKey::Long(one), ValueKey::Long(other)) => one.is(other),
            (ValueKey::Short(_), ValueKey::Long(_)) | (ValueKey::Long(_), ValueKey::Short(_)) => {
                false
            }
        }
    }

    #[test]
    fn every_part_of_a_key_counts() {
        let long = "x".repeat(TEXT_BYTES);
        let texts = [
            "",
            "0",
            "00",
            "0\0",
            "12345678",
            "123456789",
            &long,
            &long[1..],
        ];
        let keys = texts.iter().flat_map(|text| {
            let of = |part, draws| ValueKey::new(part, draws, text).expect("short enough");
            [of(0, 1), of(0, 257), of(1, 1), of(7, 65_535)]
        });
        let keys: Vec<ValueKey> = keys.collect();
        for (at, key) in keys.iter().enumerate() {
            assert!(keys[..at].iter().all(|other| !same(key, other)), "{at}");
        }
        let past = format!("{long}x");
        assert!(
            ValueKey::new(0, 1, &past).is_none(),
            "one byte past the limit"
        );
    }

    #[test]
    fn more_values_than_lines_are_known_or_not_and_never_wrong() {
        for (prefix, lines) in [("", BITS_LINES), ("a long town ", LONG_BITS_LINES)] {
            let mut known = Known::new();
            let key = |number| ValueKey::new(3, 20, &format!("{prefix}{number}")).expect("short");
            let bits = |number: usize| Drawn {
                bits: [number as u64, 1, 0, 0, 7],
                next: 3,
            };
            let count = 3 * lines;
            for number in 0..count {
                assert!(known.value(&key(number)).is_none());
                known.remember_value(&key(number), bits(number));
                assert_eq!(known.value(&key(number)), Some(bits(number)));
            }
            let mut kept = 0;
            for number in 0..count {
                let value = known.value(&key(number));
                assert!(value.is_none_or(|value| value == bits(number)));
                kept += usize::from(value.is_some());
            }
            assert!(kept <= lines && kept > lines / 2, "{kept} of {lines}");
        }
    }
}
