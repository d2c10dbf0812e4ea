//! One group of identifiers in a row.

use std::ops::Range;

use serde::Deserialize;

use super::field::{Field, GramKind, Role};
use crate::{limits, names::SiteId};

/// One field's part of a segment.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct FieldPart {
    /// Which identifier.
    pub field: Field,
    /// How it is cut.
    pub grams: GramKind,
    /// Its part of the segment's bit budget, in thousandths. The parts of a segment add up to 1,000.
    pub share_permille: u32,
}

/// One group of identifiers in a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// Name for people.
    pub name: String,
    /// What agreement means.
    pub role: Role,
    /// Which words of the row.
    pub words: Range<usize>,
    /// Expected share of set filter bits before diffusion, in thousandths, when every field is present.
    pub fill_permille: u32,
    /// Filter bits XORed into one output bit; 1 means none.
    pub diffusion: u32,
    /// Largest Hamming distance of each similarity level but the last, in thousandths of the width.
    pub cuts_permille: Vec<u32>,
    /// The fields.
    pub parts: Vec<FieldPart>,
}

impl Segment {
    /// Width in bits.
    #[must_use]
    pub fn bits(&self) -> usize {
        self.words.len() * 64
    }

    /// Positions to draw so that a segment with all its fields is filled as the schema says.
    ///
    /// n draws into m bits leave m·exp(−n/m) empty, so n = −m·ln(1 − fill). Computed in integers
    /// from a table-free series so that every machine gets the same number.
    #[must_use]
    pub fn budget(&self) -> u32 {
        budget(self.bits(), self.fill_permille)
    }

    /// Largest Hamming distance, in bits, of each level but the last.
    #[must_use]
    pub fn cuts(&self) -> Vec<u32> {
        let bits = u32::try_from(self.bits()).unwrap_or(u32::MAX);
        self.cuts_permille
            .iter()
            .map(|cut| bits * cut / 1000)
            .collect()
    }

    /// Number of similarity levels: level 0 is the most similar, the last one is everything else.
    #[must_use]
    pub fn levels(&self) -> usize {
        self.cuts_permille.len() + 1
    }
}

/// What makes a segment unusable.
pub(super) fn check_segment(segment: &Segment) -> Result<(), &'static str> {
    if SiteId::parse(&segment.name).is_err() {
        return Err("a segment's name must be lower-case letters, digits and hyphens");
    }
    if segment.words.is_empty() {
        return Err("a segment has at least one word");
    }
    if !(50..=500).contains(&segment.fill_permille) {
        return Err("a segment's fill is 50 to 500 thousandths");
    }
    if !(1..=limits::DIFFUSION_MAX).contains(&segment.diffusion) {
        return Err("a segment's diffusion is 1 to 16");
    }
    let cuts = &segment.cuts_permille;
    if cuts.is_empty() || cuts.len() > limits::CUTS_MAX || cuts[0] != 0 {
        return Err("a segment has 1 to 7 cut points and the first is 0 (equal bits)");
    }
    if cuts.windows(2).any(|pair| pair[0] >= pair[1]) || cuts.iter().any(|&cut| cut >= 500) {
        return Err("cut points rise strictly and stay below 500 (no better than chance)");
    }
    if segment.parts.is_empty() || segment.parts.len() > limits::FIELDS_MAX {
        return Err("a segment has 1 to 8 fields");
    }
    let shares = segment
        .parts
        .iter()
        .map(|part| u64::from(part.share_permille))
        .sum::<u64>();
    if shares != 1000 || segment.parts.iter().any(|part| part.share_permille == 0) {
        return Err("the shares of a segment's fields are positive and add up to 1000");
    }
    Ok(())
}

/// −m·ln(1 − f) rounded to the nearest integer, in 1/2^32 fixed point.
/// ln(1 − f) = −Σ f^k / k; 64 terms leave less than 1e-19 for f ≤ 0.5.
fn budget(bits: usize, fill_permille: u32) -> u32 {
    const ONE: u128 = 1 << 32;
    let fill = u128::from(fill_permille) * ONE / 1000;
    let (mut power, mut sum) = (ONE, 0);
    for k in 1..=64 {
        power = power * fill / ONE;
        sum += power / k;
    }
    u32::try_from((bits as u128 * sum + ONE / 2) / ONE).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn budget_follows_the_fill() {
        // −192·ln(0.65) = 82.71
        assert_eq!(budget(192, 350), 83);
        // −1024·ln(0.5) = 709.78
        assert_eq!(budget(1024, 500), 710);
    }
}
