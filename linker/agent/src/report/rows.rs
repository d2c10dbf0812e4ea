//! Rows of tables that the terminal and the page have in common.

use super::{
    data::{FieldLine, Number, Place, Report},
    layout::filled,
    shown::Shown,
    text,
};
use crate::language::Language;

/// Where rows of one reason stand: a line for each file, or one for messages that are files.
pub(super) fn places(all: &[Place], code: &str, language: Language) -> Vec<String> {
    let of_code: Vec<&Place> = all.iter().filter(|place| place.code == code).collect();
    let join = |numbers: Vec<String>| numbers.join(", ");
    let row_of = |place: &Place| {
        if place.field.is_empty() {
            place.row.to_string()
        } else {
            format!("{} ({})", place.row, place.field)
        }
    };
    if of_code.iter().all(|place| place.row == 0) {
        let files = of_code.iter().map(|place| place.file.to_string()).collect();
        return vec![filled(text::FILE_LIST.of(language), &["", &join(files)])];
    }
    let several = all.iter().any(|place| place.file > 1);
    of_code
        .chunk_by(|one, other| one.file == other.file)
        .map(|of_file| {
            let rows = join(of_file.iter().map(|&place| row_of(place)).collect());
            let form = if several {
                text::FILE_ROW
            } else {
                text::ROW_LIST
            };
            let file = of_file[0].file.to_string();
            filled(form.of(language), &[&file, &rows])
        })
        .collect()
}

/// The cells of a field's line: shares of all records.
pub(super) fn cells_of(line: &FieldLine, records: u64, language: Language) -> [String; 5] {
    [
        line.usable.percent(records),
        line.unusable.percent(records),
        line.empty.percent(records),
        line.most_frequent.clone(),
        number(line.different, language),
    ]
}

/// A number, and whether it is an estimate.
pub(super) fn number(number: Number, language: Language) -> String {
    let count = number.count;
    if number.exact {
        count.to_string()
    } else {
        format!("{count} ({})", text::ESTIMATE.of(language))
    }
}

/// Records by strength.
pub(super) fn strength_rows(report: &Report, language: Language) -> Vec<(String, Shown)> {
    let name = |strength| text::of_strength(strength).of(language).to_owned();
    let rows = report.strength.iter();
    rows.map(|line| (name(line.strength), line.records))
        .collect()
}

/// Records by spelling.
pub(super) fn spelling_rows(report: &Report, language: Language) -> Vec<(String, Shown)> {
    let spellings = &report.spellings;
    let mut rows = vec![
        (text::BOTH, spellings.both),
        (text::KANA_ONLY, spellings.kana_only),
        (text::KANJI_ONLY, spellings.kanji_only),
        (text::LATIN_ONLY, spellings.latin_only),
        (text::NO_NAME, spellings.none),
    ];
    // Most sources have no names in Latin letters.
    rows.retain(|&(name, count)| name != text::LATIN_ONLY || count != Shown::Exactly(0));
    rows.into_iter()
        .map(|(name, count)| (name.of(language).to_owned(), count))
        .collect()
}

/// Records by decade of birth.
pub(super) fn birth_rows(report: &Report, language: Language) -> Vec<(String, Shown)> {
    let births = &report.births;
    let mut rows: Vec<_> = births
        .decades
        .iter()
        .map(|&(decade, count)| (format!("{decade}-{}", decade + 9), count))
        .collect();
    for (name, count) in [
        (text::FUTURE, births.future),
        (text::TOO_OLD, births.too_old),
    ] {
        if count != Shown::Exactly(0) {
            rows.push((name.of(language).to_owned(), count));
        }
    }
    rows
}

/// Records by sex.
pub(super) fn sex_rows(report: &Report, language: Language) -> Vec<(String, Shown)> {
    let sexes = &report.sexes;
    let rows = [
        (text::MALE, sexes.male),
        (text::FEMALE, sexes.female),
        (text::UNKNOWN, sexes.unknown),
    ];
    rows.map(|(name, count)| (name.of(language).to_owned(), count))
        .to_vec()
}

/// What repeats, with its number.
pub(super) fn repeat_rows(report: &Report, language: Language) -> Vec<(String, String)> {
    let repeats = &report.repeats;
    let rows = [
        (text::NUMBERS, repeats.record_numbers),
        (text::EQUAL, repeats.equal_records),
        (text::SEVERAL_TOKENS, repeats.numbers_with_several_tokens),
        (text::SEVERAL_NUMBERS, repeats.tokens_with_several_numbers),
        (text::PERSONS, repeats.persons_with_several_numbers),
    ];
    rows.map(|(name, count)| (name.of(language).to_owned(), number(count, language)))
        .to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(file: u64, row: u64, code: &'static str) -> Place {
        let field = if code == "row-bytes" {
            "kanji-name"
        } else {
            ""
        };
        Place {
            file,
            row,
            code,
            field,
        }
    }

    #[test]
    fn places_are_named_by_file_and_row() {
        let en = Language::En;
        let one = [place(1, 5, "row-bytes"), place(1, 9, "row-bytes")];
        assert_eq!(
            places(&one, "row-bytes", en),
            ["rows 5 (kanji-name), 9 (kanji-name)"]
        );
        let several = [place(1, 5, "row-quote"), place(3, 9, "row-quote")];
        assert_eq!(
            places(&several, "row-quote", en),
            ["file 1, rows 5", "file 3, rows 9"]
        );
        let messages = [
            place(2, 0, "wrong-structure"),
            place(7, 0, "wrong-structure"),
        ];
        assert_eq!(
            places(&messages, "wrong-structure", Language::Ja),
            ["名前順で 2, 7 番目のファイル"]
        );
    }
}
