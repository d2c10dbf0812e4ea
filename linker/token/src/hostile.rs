//! Rows that no honest tokenizer makes. They are set aside at admission, each with a reason.

use std::collections::BTreeMap;

use crate::{
    batch::TokenBatch,
    limits::SAME_ROW_MAX,
    schema::{Schema, Segment},
    token::Flags,
};

/// Why a row was set aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Quarantine {
    /// A segment has fewer set bits than its schema can produce.
    TooEmpty,
    /// A segment has more set bits than its schema can produce.
    TooFull,
    /// A segment is marked missing and has bits all the same.
    BitsInMissing,
    /// Every segment is missing.
    NothingPresent,
    /// The flags mark a segment that the schema does not have.
    UnknownSegment,
    /// The same full row occurs more often than people share all their identifiers.
    Repeated,
}

impl Quarantine {
    /// Stable reason code.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::TooEmpty => "too-empty",
            Self::TooFull => "too-full",
            Self::BitsInMissing => "bits-in-missing",
            Self::NothingPresent => "nothing-present",
            Self::UnknownSegment => "unknown-segment",
            Self::Repeated => "repeated",
        }
    }
}

/// One verdict per row of a batch; `None` admits the row.
#[must_use]
pub fn inspect(schema: &Schema, batch: &TokenBatch) -> Vec<Option<Quarantine>> {
    let mut seen: BTreeMap<&[u64], usize> = BTreeMap::new();
    for index in 0..batch.len() {
        *seen.entry(batch.row(index)).or_default() += 1;
    }
    let bounds: Vec<(u32, u32)> = schema.segments().iter().map(fill_bounds).collect();
    (0..batch.len())
        .map(|index| {
            let row = batch.row(index);
            inspect_row(schema, &bounds, row, batch.flags()[index])
                .or_else(|| (seen[row] > SAME_ROW_MAX).then_some(Quarantine::Repeated))
        })
        .collect()
}

fn inspect_row(
    schema: &Schema,
    bounds: &[(u32, u32)],
    row: &[u64],
    flags: Flags,
) -> Option<Quarantine> {
    let count = schema.segments().len();
    let known = u8::try_from((1_u32 << count) - 1).unwrap_or(u8::MAX);
    if flags.missing_mask() & !known != 0 {
        return Some(Quarantine::UnknownSegment);
    }
    if flags.missing_mask() == known {
        return Some(Quarantine::NothingPresent);
    }
    for (index, (segment, &(low, high))) in schema.segments().iter().zip(bounds).enumerate() {
        let ones: u32 = row[segment.words.clone()]
            .iter()
            .map(|word| word.count_ones())
            .sum();
        if flags.is_missing(index) {
            if ones > 0 {
                return Some(Quarantine::BitsInMissing);
            }
        } else if ones < low {
            return Some(Quarantine::TooEmpty);
        } else if ones > high {
            return Some(Quarantine::TooFull);
        }
    }
    None
}

/// Fewest and most set bits of a segment that an honest encoder makes.
///
/// A segment may hold one small field only, so the floor is low: an eighth of the width once
/// diffused, one bit otherwise. The ceiling is half the width plus eight standard deviations of a
/// fair coin (m/2 + 8·√m/2), or for undiffused filters the fill plus as much.
fn fill_bounds(segment: &Segment) -> (u32, u32) {
    let bits = u32::try_from(segment.bits()).unwrap_or(u32::MAX);
    let spread = 4 * bits.isqrt();
    if segment.diffusion > 1 {
        (bits / 8, bits / 2 + spread)
    } else {
        (1, bits * segment.fill_permille / 1000 + spread)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{names::RecordRef, token::Token};

    fn batch(rows: &[(Vec<u64>, Flags)]) -> TokenBatch {
        let mut batch = TokenBatch::new(&Schema::jp_1());
        for (index, (row, flags)) in rows.iter().enumerate() {
            let mut reference = [0; 16];
            reference[..8].copy_from_slice(&index.to_le_bytes());
            let token = Token {
                reference: RecordRef(reference),
                flags: *flags,
                row: row.clone(),
            };
            batch.push(&token).expect("the row has the schema's width");
        }
        batch
    }

    #[test]
    fn impossible_rows_are_set_aside_with_their_reason() {
        let half = vec![0x5555_5555_5555_5555; 16];
        let mut missing = half.clone();
        missing[0..5].fill(0);
        let none = Flags::default();
        let rows = [
            (half.clone(), none),
            (vec![u64::MAX; 16], none),
            (vec![0; 16], none),
            (missing.clone(), none.with_missing(0)),
            (half.clone(), none.with_missing(0)),
            (vec![0; 16], (0..5).fold(none, Flags::with_missing)),
            (half, none.with_missing(7)),
        ];
        let reasons = inspect(&Schema::jp_1(), &batch(&rows));
        let expected = [
            None,
            Some(Quarantine::TooFull),
            Some(Quarantine::TooEmpty),
            None,
            Some(Quarantine::BitsInMissing),
            Some(Quarantine::NothingPresent),
            Some(Quarantine::UnknownSegment),
        ];
        assert_eq!(reasons, expected);
    }

    #[test]
    fn one_row_too_many_times_is_set_aside() {
        let row = (vec![0x3333_3333_3333_3333; 16], Flags::default());
        let at_limit = inspect(&Schema::jp_1(), &batch(&vec![row.clone(); SAME_ROW_MAX]));
        assert!(at_limit.iter().all(Option::is_none));
        let past = inspect(&Schema::jp_1(), &batch(&vec![row; SAME_ROW_MAX + 1]));
        assert!(
            past.iter()
                .all(|reason| *reason == Some(Quarantine::Repeated))
        );
    }
}
