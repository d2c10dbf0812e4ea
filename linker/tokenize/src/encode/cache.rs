//! Positions of grams that were seen before. A look-up table with open addressing, because its behaviour
//! must not depend on a hidden seed and its contents must be wiped.

use zeroize::{DefaultIsZeroes, Zeroizing};

use super::{
    grams::Gram,
    keys::{Draws, Prf},
};
use crate::limits::{GRAM_CACHE_MAX, LONG_POSITIONS_MAX};

/// Positions that stand in the line of a gram: most grams of most values need no more.
const SHORT: usize = 25;
const FIRST_LINES: usize = 1024;

/// What is known of one gram, in one line of the processor's cache. An empty one has no gram.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line {
    gram: Gram,
    /// Where the positions begin in the long ones, if there are more than [`SHORT`].
    long: u32,
    /// How many positions are known.
    count: u16,
    /// The beginning of the gram's fixed list.
    short: [u16; SHORT],
}

impl Default for Line {
    fn default() -> Self {
        Self {
            gram: Gram::default(),
            long: 0,
            count: 0,
            short: [0; SHORT],
        }
    }
}

impl DefaultIsZeroes for Line {}

/// Grams of one segment. Bounded: when full, it is emptied and fills again.
pub(super) struct Cache {
    /// A power of two, at least twice the grams.
    lines: Zeroizing<Vec<Line>>,
    grams: usize,
    long: Zeroizing<Vec<u16>>,
}

const _: () = assert!(
    GRAM_CACHE_MAX <= 1 << 20 && LONG_POSITIONS_MAX <= 1 << 30,
    "the home of a gram has twenty bits to choose from, and long positions fit into a line's number"
);

impl Cache {
    pub(super) fn new() -> Self {
        Self {
            lines: Zeroizing::new(vec![Line::default(); FIRST_LINES]),
            grams: 0,
            long: Zeroizing::new(Vec::new()),
        }
    }

    /// Brings the lines of some grams near. Asked for together they come together; one after another, each
    /// would wait for memory by itself, which was a third of the time of a whole record.
    pub(super) fn bring(&self, grams: &[Gram]) {
        let mask = self.lines.len() - 1;
        let lines = grams.iter().map(|&gram| &self.lines[home(gram) & mask]);
        std::hint::black_box(lines.fold(0, |sum, line| sum ^ line.count));
    }

    /// The first `count` positions of a gram's fixed list, if they are known.
    pub(super) fn known(&self, gram: Gram, count: usize) -> Option<&[u16]> {
        let line = &self.lines[self.find(gram)];
        (line.gram == gram && count <= usize::from(line.count)).then(|| self.positions(line, count))
    }

    /// Draws and remembers them.
    pub(super) fn draw(
        &mut self,
        key: &Prf,
        message: &str,
        bits: usize,
        gram: Gram,
        count: usize,
    ) -> &[u16] {
        self.make_room(count);
        let at = self.find(gram);
        // Whole blocks of sixteen: a value of another length needs a few more or fewer.
        let blocks = count.next_multiple_of(16);
        let wanted = if count <= SHORT {
            blocks.min(SHORT)
        } else {
            blocks
        };
        let draws = Draws::new(key, message.as_bytes(), bits).take(wanted);
        let line = &mut self.lines[at];
        self.grams += usize::from(line.gram != gram);
        line.gram = gram;
        line.count = u16::try_from(wanted).expect("a segment draws fewer than it has bits");
        if wanted <= SHORT {
            line.short
                .iter_mut()
                .zip(draws)
                .for_each(|(to, from)| *to = from);
        } else {
            line.long = u32::try_from(self.long.len()).expect("bounded by LONG_POSITIONS_MAX");
            self.long.extend(draws);
        }
        self.positions(&self.lines[at], count)
    }

    fn positions<'a>(&'a self, line: &'a Line, count: usize) -> &'a [u16] {
        if usize::from(line.count) <= SHORT {
            &line.short[..count]
        } else {
            &self.long[line.long as usize..][..count]
        }
    }

    /// The line of a gram, or the empty one where it belongs.
    fn find(&self, gram: Gram) -> usize {
        let mask = self.lines.len() - 1;
        let mut at = home(gram) & mask;
        while self.lines[at].gram != gram && self.lines[at].gram != Gram::default() {
            at = (at + 1) & mask;
        }
        at
    }

    /// Makes room for one more gram with `count` positions. What is left behind is wiped.
    fn make_room(&mut self, count: usize) {
        let long = self.long.len() + count.next_multiple_of(16);
        if self.grams >= GRAM_CACHE_MAX || (count > SHORT && long > LONG_POSITIONS_MAX) {
            *self = Self::new();
        }
        if 2 * (self.grams + 1) > self.lines.len() {
            let more = vec![Line::default(); 2 * self.lines.len()];
            let old = std::mem::replace(&mut self.lines, Zeroizing::new(more));
            for line in old.iter().filter(|line| line.gram != Gram::default()) {
                let at = self.find(line.gram);
                self.lines[at] = *line;
            }
        }
        if count > SHORT && long > self.long.capacity() {
            let room = (2 * long).min(LONG_POSITIONS_MAX);
            let mut more = Zeroizing::new(Vec::with_capacity(room));
            more.extend_from_slice(&self.long);
            self.long = more;
        }
    }
}

/// Where to look first: the middle of a product, as every bit of the number reaches it.
fn home(gram: Gram) -> usize {
    let product = gram.number().wrapping_mul(0x9e37_79b9_7f4a_7c15);
    usize::try_from(product >> 43).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use linker_token::GramKind;

    use super::*;
    use crate::encode::grams::Grams;

    /// Different grams, as many as are asked for.
    fn grams(count: usize) -> Vec<Gram> {
        let mut all = Grams::new();
        let mut out = Vec::new();
        for number in 0.. {
            let c = char::from_u32(0x4e00 + number).expect("a character");
            all.clear();
            all.add(0, 0, GramKind::Positional, &String::from_iter([c; 100]));
            out.extend_from_slice(all.from(0));
            if out.len() >= count {
                out.truncate(count);
                return out;
            }
        }
        unreachable!("characters never end")
    }

    fn positions(cache: &mut Cache, key: &Prf, gram: Gram, count: usize) -> Vec<u16> {
        let mut message = String::new();
        gram.write(&["town"], &mut message);
        if let Some(known) = cache.known(gram, count) {
            return known.to_vec();
        }
        cache.draw(key, &message, 320, gram, count).to_vec()
    }

    #[test]
    fn a_full_cache_changes_nothing() {
        let key = Prf::new(&[7; 32]);
        let mut cache = Cache::new();
        let grams = grams(GRAM_CACHE_MAX + 1);
        let before = positions(&mut cache, &key, grams[0], 20);
        for &gram in &grams[1..GRAM_CACHE_MAX] {
            cache.draw(&key, "any", 320, gram, 1);
        }
        assert_eq!(cache.grams, GRAM_CACHE_MAX);
        assert_eq!(cache.known(grams[0], 20), Some(&before[..]));
        positions(&mut cache, &key, grams[GRAM_CACHE_MAX], 1);
        assert_eq!(cache.grams, 1, "one past the limit empties it");
        assert_eq!(positions(&mut cache, &key, grams[0], 20), before);
    }

    #[test]
    fn long_lists_are_bounded_too() {
        let key = Prf::new(&[7; 32]);
        let mut cache = Cache::new();
        let each = 1024;
        let grams = grams(LONG_POSITIONS_MAX / each + 1);
        let before = positions(&mut cache, &key, grams[0], each);
        for &gram in &grams[1..LONG_POSITIONS_MAX / each] {
            positions(&mut cache, &key, gram, each);
        }
        assert_eq!(cache.known(grams[0], each), Some(&before[..]));
        assert_eq!(cache.long.len(), LONG_POSITIONS_MAX);
        positions(&mut cache, &key, grams[grams.len() - 1], each);
        assert_eq!(
            (cache.grams, cache.long.len()),
            (1, each),
            "one past the limit empties it"
        );
    }

    #[test]
    fn a_shorter_list_is_the_beginning_of_a_longer_one() {
        let key = Prf::new(&[7; 32]);
        let gram = grams(1)[0];
        let long = positions(&mut Cache::new(), &key, gram, 100);
        let mut cache = Cache::new();
        for count in [5, 16, 17, 25, 26, 0, 40, 100, 33] {
            assert_eq!(positions(&mut cache, &key, gram, count), &long[..count]);
            assert_eq!(cache.grams, 1);
        }
    }
}
