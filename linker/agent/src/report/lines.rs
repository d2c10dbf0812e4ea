//! From counts to the lines of a report: small counts are hidden here.

use linker_tokenize::RawField;

use super::{
    counted::{FieldProfile, Strength, Widths},
    data::{
        Births, FieldLine, Number, RepeatLines, SegmentLine, Sexes, Spellings, StrengthLine,
        WidthLine,
    },
    field::{Group, Notice, Reason},
    profile::Profile,
    shown::{Shown, permille},
    sketch::Repeats,
};
use crate::limits::SHOWN_COUNT_MIN;

/// A count out of a known whole: the rest must not tell a small one.
pub(super) fn beside(count: u64, whole: u64) -> Shown {
    Shown::parts([count, whole.saturating_sub(count)])[0]
}

pub(super) fn fields(profile: &Profile) -> Vec<FieldLine> {
    let groups = Group::ALL.iter().zip(&profile.counts().fields);
    let lines = groups.map(|(&field, counts)| field_line(field, counts, profile.counts().records));
    lines.collect()
}

fn field_line(field: Group, counts: &FieldProfile, records: u64) -> FieldLine {
    let filled = counts.filled();
    // Reasons are parts of the unusable ones, and these a part of all records.
    let mut all = vec![counts.usable, counts.empty];
    all.extend(counts.unusable);
    let shown = Shown::all(&all);
    let [usable, unusable, empty] =
        Shown::parts([counts.usable, filled - counts.usable, counts.empty]);
    let shown_unusable = if shown[2..].iter().any(|shown| shown.is_hidden()) {
        Shown::parts([filled - counts.usable, 1])[0]
    } else {
        unusable
    };
    let is_there = |shown: Shown| shown != Shown::Exactly(0);
    let reasons = Reason::ALL.iter().copied().zip(shown[2..].iter().copied());
    let noticed = Notice::ALL.iter().copied().zip(counts.noticed);
    let noticed = noticed.map(|(notice, count)| (notice, beside(count, records)));
    let different = counts.different();
    FieldLine {
        field,
        carried: filled > 0,
        usable,
        unusable: shown_unusable,
        empty,
        reasons: reasons.filter(|&(_, count)| is_there(count)).collect(),
        noticed: noticed.filter(|&(_, count)| is_there(count)).collect(),
        most_frequent: Shown::of(counts.most()).percent(filled),
        different: Number {
            // A count of values, not of people.
            count: Shown::Exactly(different.different),
            exact: different.exact,
        },
    }
}

pub(super) fn spellings(profile: &Profile) -> Spellings {
    let [both, kana_only, kanji_only, latin_only, none] = Shown::parts(profile.counts().spellings);
    Spellings {
        both,
        kana_only,
        kanji_only,
        latin_only,
        none,
    }
}

pub(super) fn strengths(profile: &Profile) -> Vec<StrengthLine> {
    let names = ["all", "insured", "placed", "named", "weak", "test"];
    const { assert!(Strength::ALL.len() == 6, "one name each") };
    let lines = names
        .into_iter()
        .zip(Shown::parts(profile.counts().strengths));
    let lines = lines.map(|(strength, records)| StrengthLine { strength, records });
    lines.collect()
}

pub(super) fn segments(profile: &Profile) -> Vec<SegmentLine> {
    let lines = profile
        .counts()
        .segments
        .iter()
        .map(|(name, count)| SegmentLine {
            segment: name.clone(),
            records: beside(*count, profile.counts().records),
        });
    lines.collect()
}

pub(super) fn births(profile: &Profile) -> Births {
    let births = &profile.counts().births;
    let counts: Vec<_> = births.decades.values().copied().collect();
    let mut all = counts;
    all.extend([births.future, births.old]);
    let shown = Shown::all(&all);
    let (decades, rest) = shown.split_at(births.decades.len());
    Births {
        decades: births
            .decades
            .keys()
            .copied()
            .zip(decades.iter().copied())
            .collect(),
        future: rest[0],
        too_old: rest[1],
    }
}

pub(super) fn sexes(profile: &Profile) -> Sexes {
    let [male, female, unknown] = Shown::parts(profile.counts().sexes);
    Sexes {
        male,
        female,
        unknown,
    }
}

pub(super) fn repeats(profile: &Profile) -> RepeatLines {
    let number = |repeats: Repeats, of: fn(&Repeats) -> u64| Number {
        count: Shown::of(of(&repeats)),
        exact: repeats.exact,
    };
    let hiding = |repeats: Repeats, of: fn(&Repeats) -> u64, whole: u64| Number {
        count: beside(of(&repeats), whole),
        exact: repeats.exact,
    };
    let equal = profile.numbered_tokens();
    let numbers = profile.numbers();
    RepeatLines {
        record_numbers: hiding(numbers, |all| all.different, profile.counts().records),
        equal_records: hiding(equal, |all| all.repeated, profile.counts().records),
        numbers_with_several_tokens: number(numbers, |all| all.shared),
        tokens_with_several_numbers: number(profile.tokens(), |all| all.shared),
        persons_with_several_numbers: number(profile.persons(), |all| all.shared),
    }
}

/// Raw fields whose values have one width, where a source is well kept.
const FIXED: [RawField; 5] = [
    RawField::RecordId,
    RawField::BirthDate,
    RawField::PostalCode,
    RawField::Insurer,
    RawField::InsuredBranch,
];

/// Raw fields that can be longer than a source's column, and the least width at which they are cut off.
const CUT: [(RawField, usize); 8] = [
    (RawField::KanjiName, 10),
    (RawField::KanjiFamily, 8),
    (RawField::KanjiGiven, 8),
    (RawField::KanaName, 10),
    (RawField::KanaFamily, 8),
    (RawField::KanaGiven, 8),
    (RawField::Address, 20),
    (RawField::Street, 20),
];

/// Where a column may end too early, and how many values end there: as many as this of the largest width,
/// or one less, since half a character of two bytes does not fit, against how many there are of the widths
/// just below. Lengths of names and addresses thin out towards their end.
#[must_use]
pub(super) fn cut_off(widths: &[u64; 256], least: usize) -> Option<(usize, u64)> {
    let width = widths.iter().rposition(|&count| count > 0)?;
    if width < least.max(3) {
        return None;
    }
    let count = widths[width - 1] + widths[width];
    let below = widths[width - 3].max(widths[width - 2]);
    let stands_out = count >= SHOWN_COUNT_MIN && count > 2 * below;
    let all: u64 = widths.iter().sum();
    // Values that nearly all have one width are codes.
    (stands_out && permille(count, all) < 500).then_some((width, count))
}

/// The commonest width, and how many values have another.
#[must_use]
pub(super) fn commonest(widths: &[u64; 256]) -> Option<(usize, u64, u64)> {
    let all: u64 = widths.iter().sum();
    let (width, &count) = widths.iter().enumerate().max_by_key(|&(_, &count)| count)?;
    (all > 0).then_some((width, count, all - count))
}

pub(super) fn widths(widths: &Widths) -> Vec<WidthLine> {
    let mut lines = Vec::new();
    for field in FIXED {
        if let Some((width, count, others)) = commonest(widths.of(field)) {
            let [values, others] = Shown::parts([count, others]);
            lines.push(WidthLine {
                field: field.tag(),
                kind: "fixed",
                width,
                values,
                others,
            });
        }
    }
    for (field, width, count) in cuts(widths) {
        let all: u64 = widths.of(field).iter().sum();
        let [values, others] = Shown::parts([count, all - count]);
        lines.push(WidthLine {
            field: field.tag(),
            kind: "cut",
            width,
            values,
            others,
        });
    }
    lines
}

/// Raw fields that may be cut off, with the width and how many values end there.
#[must_use]
pub(super) fn cuts(widths: &Widths) -> Vec<(RawField, usize, u64)> {
    let cut = |&(field, least): &(RawField, usize)| {
        cut_off(widths.of(field), least).map(|(width, count)| (field, width, count))
    };
    CUT.iter().filter_map(cut).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn widths_of(counts: &[(usize, u64)]) -> [u64; 256] {
        let mut widths = [0; 256];
        for &(width, count) in counts {
            widths[width] = count;
        }
        widths
    }

    #[test]
    fn a_column_that_ends_too_early_is_noticed() {
        let natural = widths_of(&[(8, 500), (9, 300), (10, 120), (12, 40), (14, 12), (18, 2)]);
        assert_eq!(cut_off(&natural, 10), None);
        let cut = widths_of(&[(8, 500), (9, 300), (10, 120), (12, 40), (14, 5), (16, 60)]);
        assert_eq!(cut_off(&cut, 10), Some((16, 60)));
        assert_eq!(cut_off(&cut, 17), None, "too short to be a cut name");
        let halved = widths_of(&[(30, 900), (34, 80), (36, 40), (39, 70), (40, 60)]);
        assert_eq!(cut_off(&halved, 20), Some((40, 130)));
        let code = widths_of(&[(3, 1), (12, 900)]);
        assert_eq!(cut_off(&code, 10), None);
        assert_eq!(cut_off(&widths_of(&[]), 10), None);
        let few = widths_of(&[(8, 500), (16, SHOWN_COUNT_MIN - 1)]);
        assert_eq!(cut_off(&few, 10), None);
        let enough = widths_of(&[(8, 500), (16, SHOWN_COUNT_MIN)]);
        assert_eq!(cut_off(&enough, 10), Some((16, 10)));
    }

    #[test]
    fn the_commonest_width() {
        let widths = widths_of(&[(7, 90), (8, 900), (6, 3)]);
        assert_eq!(commonest(&widths), Some((8, 900, 93)));
        assert_eq!(commonest(&widths_of(&[])), None);
    }
}
