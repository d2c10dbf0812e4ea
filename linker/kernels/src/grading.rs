//! How distances become levels and levels become one pattern number.

use std::ops::Range;

use crate::{
    error::KernelError,
    limits::{self, LANES},
    tile::Lanes,
};

/// One segment's words and cut points.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentGrading {
    pub(crate) words: Range<usize>,
    pub(crate) cuts: Vec<u32>,
    pub(crate) stride: u32,
    /// The cut point at or under which a sift hears a pair: the last one, or a nearer one.
    heard: usize,
}

/// A checked recipe: pattern = Σ digit(s)·stride(s), a mixed-radix number.
///
/// The digit of a segment is 0 if either row lacks it, otherwise 1 + the number of cut points that
/// the Hamming distance exceeds: 1 is the most similar level. The stride of a segment is the product
/// of (levels + 1) of the segments before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grading {
    row_words: usize,
    segments: Vec<SegmentGrading>,
    patterns: usize,
}

impl Grading {
    /// Checks widths, word ranges and cut points (in bits, strictly rising), one pair per segment.
    ///
    /// # Errors
    /// [`KernelError::Grading`] names the rule that is broken.
    pub fn new(row_words: usize, parts: &[(Range<usize>, Vec<u32>)]) -> Result<Self, KernelError> {
        let refuse = |rule| Err(KernelError::Grading { rule });
        if !limits::ROW_WORDS_ALLOWED.contains(&row_words) {
            return refuse("a row has 8, 16 or 32 words");
        }
        if parts.is_empty() || parts.len() > limits::SEGMENTS_MAX {
            return refuse("a row has 1 to 8 segments");
        }
        let mut patterns = 1_usize;
        let mut segments = Vec::with_capacity(parts.len());
        for (words, cuts) in parts {
            if words.is_empty() || words.end > row_words {
                return refuse("a segment has words inside the row");
            }
            if cuts.is_empty() || cuts.len() > limits::CUTS_MAX {
                return refuse("a segment has 1 to 7 cut points");
            }
            if cuts.windows(2).any(|pair| pair[0] >= pair[1]) || cuts.iter().any(|&cut| cut > 2048)
            {
                return refuse("cut points rise strictly and lie within a row");
            }
            let Ok(stride) = u32::try_from(patterns) else {
                return refuse("there are too many patterns");
            };
            segments.push(SegmentGrading {
                words: words.clone(),
                cuts: cuts.clone(),
                stride,
                heard: cuts.len() - 1,
            });
            patterns *= cuts.len() + 2;
            if patterns > limits::PATTERNS_MAX {
                return refuse("there are too many patterns");
            }
        }
        Ok(Self {
            row_words,
            segments,
            patterns,
        })
    }

    /// The same grading for a sift that hears less: the `lowest` levels above the bottom are as quiet as
    /// the bottom, but never a segment's most similar level. Patterns stay what they are.
    #[must_use]
    pub fn hearing_less(&self, lowest: usize) -> Self {
        let mut less = self.clone();
        for part in &mut less.segments {
            part.heard = (part.cuts.len() - 1).saturating_sub(lowest);
        }
        less
    }

    /// Whether a segment of a pattern is one that a sift does not hear: missing, or at a level that counts
    /// as the bottom.
    ///
    /// # Panics
    /// If there is no such segment.
    #[must_use]
    pub fn is_quiet(&self, pattern: u32, segment: usize) -> bool {
        let heard = self.segments[segment].heard;
        self.level(pattern, segment)
            .is_none_or(|level| level > heard)
    }

    /// Words of a row.
    #[must_use]
    pub fn row_words(&self) -> usize {
        self.row_words
    }

    /// Number of segments.
    #[must_use]
    pub fn segment_count(&self) -> usize {
        self.segments.len()
    }

    /// Patterns are below this number.
    #[must_use]
    pub fn patterns(&self) -> usize {
        self.patterns
    }

    /// Levels of segment `segment`.
    ///
    /// # Panics
    /// If there is no such segment.
    #[must_use]
    pub fn levels(&self, segment: usize) -> usize {
        self.segments[segment].cuts.len() + 1
    }

    /// What a pattern says about a segment: its level (0 is the most similar), or `None` if missing.
    ///
    /// # Panics
    /// If there is no such segment.
    #[must_use]
    pub fn level(&self, pattern: u32, segment: usize) -> Option<usize> {
        let part = &self.segments[segment];
        let radix = part.cuts.len() + 2;
        ((pattern / part.stride) as usize % radix).checked_sub(1)
    }

    /// The pattern of two rows, computed word by word: for single pairs.
    ///
    /// `missing` has one bit per segment that either row lacks.
    ///
    /// # Panics
    /// If a row has another width.
    #[must_use]
    #[inline(always)]
    pub fn pattern(&self, a: &[u64], b: &[u64], missing: u8) -> u32 {
        assert_eq!(a.len(), self.row_words, "rows have the grading's width");
        assert_eq!(b.len(), self.row_words, "rows have the grading's width");
        let mut pattern = 0;
        for (index, part) in self.segments.iter().enumerate() {
            if missing >> index & 1 == 0 {
                let pairs = a[part.words.clone()].iter().zip(&b[part.words.clone()]);
                let distance = pairs.map(|(a, b)| (a ^ b).count_ones()).sum();
                pattern += part.digit(distance) * part.stride;
            }
        }
        pattern
    }

    /// The pattern of rows that are at the bottom level in every segment but the `missing` ones.
    pub(crate) fn bottom(&self, missing: u8) -> u32 {
        let parts = self.segments.iter().enumerate();
        let parts = parts.filter(|(index, _)| missing >> index & 1 == 0);
        parts.map(|(_, part)| part.bottom()).sum()
    }

    pub(crate) fn segments(&self) -> &[SegmentGrading] {
        &self.segments
    }
}

impl SegmentGrading {
    /// The words of a segment that is known to have `W` of them, or any number if `W` is 0: a loop
    /// over a constant number of words is unrolled.
    #[inline]
    pub(crate) fn words<const W: usize>(&self) -> Range<usize> {
        let start = self.words.start;
        if W == 0 {
            self.words.clone()
        } else {
            start..start + W
        }
    }

    /// 1 + the number of cut points that `distance` exceeds.
    #[inline]
    pub(crate) fn digit(&self, distance: u32) -> u32 {
        self.cuts
            .iter()
            .fold(1, |digit, &cut| digit + u32::from(distance > cut))
    }

    /// Distances above it are at the bottom level.
    pub(crate) fn last_cut(&self) -> u32 {
        self.cuts.last().copied().unwrap_or(0)
    }

    /// Distances above it are not heard by a sift.
    pub(crate) fn heard_cut(&self) -> u32 {
        self.cuts[self.heard]
    }

    /// Takes the digit of the bottom level off the lanes whose row lacks the segment.
    #[inline]
    pub(crate) fn take_missing(&self, present: u8, out: &mut [u32; LANES]) {
        let bottom = self.bottom();
        for (lane, out) in out.iter_mut().enumerate() {
            *out -= if present >> lane & 1 == 0 { bottom } else { 0 };
        }
    }

    /// Takes off the `near` lanes what their levels are above the bottom one.
    #[inline]
    pub(crate) fn take_near(&self, mut near: u8, distances: &Lanes, out: &mut [u32; LANES]) {
        while near != 0 {
            let lane = near.trailing_zeros() as usize;
            let within = |cut: &&u32| distances.0[lane] <= u64::from(**cut);
            let levels = self
                .cuts
                .iter()
                .filter(within)
                .fold(0, |levels, _| levels + 1);
            out[lane] -= levels * self.stride;
            near &= near - 1;
        }
    }

    /// What a segment at the bottom level adds to a pattern.
    pub(crate) fn bottom(&self) -> u32 {
        self.digit(u32::MAX) * self.stride
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_count_the_exceeded_cuts() {
        let grading = Grading::new(8, &[(0..4, vec![0, 10]), (4..8, vec![0, 5, 9])])
            .expect("the grading is sound");
        assert_eq!(grading.patterns(), 4 * 5);
        let zero = [0; 8];
        let mut other = zero;
        other[0] = 0b111;
        other[7] = (1 << 10) - 1;
        let pattern = grading.pattern(&zero, &other, 0);
        assert_eq!(grading.level(pattern, 0), Some(1));
        assert_eq!(grading.level(pattern, 1), Some(3));
        let pattern = grading.pattern(&zero, &other, 0b10);
        assert_eq!(grading.level(pattern, 1), None);
        assert_eq!(grading.pattern(&zero, &other, 0b11), 0);
    }

    #[test]
    fn hearing_less_leaves_the_nearest_level() {
        let grading = Grading::new(8, &[(0..4, vec![0]), (4..8, vec![0, 5, 9])])
            .expect("the grading is sound");
        let mut pattern = 0;
        for level in 0..4 {
            let distance = [0, 5, 9, 10][level];
            pattern = grading.segments[1].digit(distance) * grading.segments[1].stride;
            for (lowest, quiet) in [
                (0, level > 2),
                (1, level > 1),
                (2, level > 0),
                (9, level > 0),
            ] {
                let less = grading.hearing_less(lowest);
                assert_eq!(less.is_quiet(pattern, 1), quiet, "{level} {lowest}");
                assert!(less.is_quiet(pattern, 0), "it is missing");
                assert_eq!(
                    less.pattern(&[0; 8], &[1; 8], 0),
                    grading.pattern(&[0; 8], &[1; 8], 0)
                );
            }
        }
        let least = grading.hearing_less(usize::MAX);
        assert!(!least.is_quiet(pattern + grading.segments[0].stride, 0));
    }

    #[test]
    fn unusable_gradings_are_refused() {
        let part = |words, cuts: &[u32]| (words, cuts.to_vec());
        for (row_words, parts) in [
            (12, vec![part(0..8, &[0])]),
            (8, vec![]),
            (8, vec![part(0..9, &[0])]),
            (8, vec![part(3..3, &[0])]),
            (8, vec![part(0..8, &[])]),
            (8, vec![part(0..8, &[0, 0])]),
            (8, vec![part(0..8, &[0, 2049])]),
            (8, vec![part(0..1, &[0, 1, 2, 3, 4, 5, 6, 7])]),
            (8, vec![part(0..1, &[0]); 9]),
            (8, vec![part(0..1, &[0, 1, 2, 3, 4, 5, 6]); 8]),
        ] {
            assert!(Grading::new(row_words, &parts).is_err(), "{parts:?}");
        }
    }
}
