//! What became of one field of one record: there or not, usable or why not, and what was noticed.

use std::sync::LazyLock;

use linker_token::Field;
use linker_tokenize::{Mark, Quality, RawField, SourceRecord, Written};
use serde::Serialize;

/// A field as a report speaks of it: one or several columns of a source that say one thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Group {
    /// Name in kanji.
    Kanji,
    /// Name in kana.
    Kana,
    /// Name in Latin letters.
    Latin,
    /// Birth date.
    Birth,
    /// Sex.
    Sex,
    /// Postal code.
    Postal,
    /// Address.
    Address,
    /// Telephone number.
    Phone,
    /// Insurer and number of the insured.
    Insurance,
}

impl Group {
    /// All of them, in the order of a report.
    pub const ALL: &'static [Self] = &[
        Self::Kanji,
        Self::Kana,
        Self::Latin,
        Self::Birth,
        Self::Sex,
        Self::Postal,
        Self::Address,
        Self::Phone,
        Self::Insurance,
    ];

    /// The group of a raw field by its name in mapping files. The record's own number and former names
    /// belong to none.
    #[must_use]
    pub fn of(field: RawField) -> Option<Self> {
        Some(match field.tag() {
            "kanji-name" | "kanji-family" | "kanji-given" => Self::Kanji,
            "kana-name" | "kana-family" | "kana-given" => Self::Kana,
            "given-name" | "surname" => Self::Latin,
            "birth-date" => Self::Birth,
            "sex" => Self::Sex,
            "postal-code" => Self::Postal,
            "address" | "town" | "block" | "street" => Self::Address,
            "phone" | "phone-number" | "telephone" => Self::Phone,
            "insurer" | "insured-symbol" | "insured-number" | "insured-branch" => Self::Insurance,
            _ => return None,
        })
    }

    /// Its name in JSON.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Kanji => "kanji",
            Self::Kana => "kana",
            Self::Latin => "latin",
            Self::Birth => "birth",
            Self::Sex => "sex",
            Self::Postal => "postal",
            Self::Address => "address",
            Self::Phone => "phone",
            Self::Insurance => "insurance",
        }
    }

    /// Raw fields of the group, as bits of [`Written`].
    #[must_use]
    pub fn bits(self) -> u32 {
        static BITS: LazyLock<[u32; Group::ALL.len()]> = LazyLock::new(|| {
            let mut bits = [0; Group::ALL.len()];
            for (place, &field) in RawField::ALL.iter().enumerate() {
                if let Some(group) = Group::of(field) {
                    bits[group as usize] |= 1 << place;
                }
            }
            bits
        });
        BITS[self as usize]
    }
}

/// Why a value that is there cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// Characters that the source could not write stand in it.
    Wildcard,
    /// It was read in a wrong encoding and written again.
    Mojibake,
    /// What systems write when they have no value.
    Placeholder,
    /// Parts of it are missing.
    Partial,
    /// No such date, or no date at all.
    Impossible,
    /// A code that the code table does not have.
    UnknownCode,
    /// It is written in another script than the column says.
    OtherScript,
    /// The name stands for a newborn or belongs to its mother.
    Newborn,
    /// It has not the form of its field.
    Malformed,
}

impl Reason {
    /// All of them.
    pub const ALL: &'static [Self] = &[
        Self::Wildcard,
        Self::Mojibake,
        Self::Placeholder,
        Self::Partial,
        Self::Impossible,
        Self::UnknownCode,
        Self::OtherScript,
        Self::Newborn,
        Self::Malformed,
    ];
}

/// What was noticed about a value, usable or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Notice {
    /// ■ ● 〓 ？.
    Wildcard,
    /// U+FFFD.
    Replacement,
    /// A character of the institution's own making.
    PrivateUse,
    /// Katakana of half width.
    HalfWidthKana,
    /// Digits of full width.
    FullWidthDigits,
    /// Invisible characters.
    Invisible,
    /// It was read in a wrong encoding and written again.
    Mojibake,
    /// A year outside its era.
    EraOverrun,
    /// The insurer number fails its check digit.
    CheckDigit,
    /// Insurance without the person's branch.
    NoBranch,
    /// An address without a house number.
    NoBlock,
    /// A title or note was taken off the name.
    Note,
    /// The kana came from Latin letters or from another column.
    Derived,
}

impl Notice {
    /// All of them.
    pub const ALL: &'static [Self] = &[
        Self::Wildcard,
        Self::Replacement,
        Self::PrivateUse,
        Self::HalfWidthKana,
        Self::FullWidthDigits,
        Self::Invisible,
        Self::Mojibake,
        Self::EraOverrun,
        Self::CheckDigit,
        Self::NoBranch,
        Self::NoBlock,
        Self::Note,
        Self::Derived,
    ];
}

/// What a field of one record is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// There is no value.
    Empty,
    /// There is one, and it goes into the token.
    Usable,
    /// There is one that does not, or should not.
    Unusable(Reason),
}

/// What became of a group in a record.
#[must_use]
pub fn state(record: &SourceRecord, written: &Written, group: Group) -> State {
    // A garbled name goes into the token all the same, and is nobody's.
    if written.marked_bits(Mark::Mojibake) & group.bits() != 0 {
        return State::Unusable(Reason::Mojibake);
    }
    if is_usable(record, group) {
        return State::Usable;
    }
    if written.present_bits() & group.bits() == 0 {
        return State::Empty;
    }
    State::Unusable(reason(record, written, group))
}

fn is_usable(record: &SourceRecord, group: Group) -> bool {
    let fields: &[Field] = match group {
        Group::Kanji => &[Field::KanjiName],
        Group::Kana => &[Field::KanaName],
        Group::Latin => &[Field::GivenName, Field::Surname],
        Group::Birth => &[Field::BirthYear],
        Group::Sex => &[Field::Sex],
        Group::Postal => &[Field::PostalCode],
        Group::Address => &[Field::Town, Field::Block, Field::Street],
        Group::Insurance => &[Field::InsuredNumber],
        Group::Phone => &[],
    };
    let identifiers = record.identifiers();
    // What the table of postal codes filled in is not the source's.
    let quality = record.quality();
    let filled = |field| {
        field == Field::Town && quality.has(Quality::TownFilled)
            || field == Field::PostalCode && quality.has(Quality::PostalCodeFilled)
    };
    fields
        .iter()
        .any(|&field| identifiers.get(field).is_some() && !filled(field))
}

fn reason(record: &SourceRecord, written: &Written, group: Group) -> Reason {
    let marked = |mark| written.marked_bits(mark) & group.bits() != 0;
    let quality = |quality| record.quality().has(quality);
    let unknown = marked(Mark::Wildcard) || marked(Mark::Replacement) || marked(Mark::PrivateUse);
    match group {
        Group::Birth if quality(Quality::PartialBirthDate) => Reason::Partial,
        Group::Birth if quality(Quality::PlaceholderBirthDate) => Reason::Placeholder,
        Group::Sex => Reason::UnknownCode,
        Group::Kanji | Group::Kana | Group::Latin if quality(Quality::NewbornName) => {
            Reason::Newborn
        }
        _ if unknown => Reason::Wildcard,
        Group::Birth if marked(Mark::OneDigit) => Reason::Placeholder,
        Group::Birth => Reason::Impossible,
        Group::Kanji | Group::Kana | Group::Latin => Reason::OtherScript,
        Group::Postal | Group::Phone if marked(Mark::OneDigit) => Reason::Placeholder,
        Group::Insurance if !written.present(RawField::InsuredNumber) => Reason::Partial,
        Group::Insurance if written.has(RawField::InsuredNumber, Mark::OneDigit) => {
            Reason::Placeholder
        }
        Group::Postal | Group::Phone | Group::Address | Group::Insurance => Reason::Malformed,
    }
}

/// What was noticed about a group in a record.
pub fn notices(
    record: &SourceRecord,
    written: &Written,
    group: Group,
    mut notice: impl FnMut(Notice),
) {
    for (mark, of_mark) in [
        (Mark::Wildcard, Notice::Wildcard),
        (Mark::Replacement, Notice::Replacement),
        (Mark::PrivateUse, Notice::PrivateUse),
        (Mark::HalfWidthKana, Notice::HalfWidthKana),
        (Mark::FullWidthDigits, Notice::FullWidthDigits),
        (Mark::Invisible, Notice::Invisible),
        (Mark::Mojibake, Notice::Mojibake),
    ] {
        if written.marked_bits(mark) & group.bits() != 0 {
            notice(of_mark);
        }
    }
    let name = matches!(group, Group::Kanji | Group::Kana | Group::Latin);
    let present = written.present_bits() & group.bits() != 0;
    for (applies, quality, of_quality) in [
        (
            group == Group::Birth,
            Quality::EraOverrun,
            Notice::EraOverrun,
        ),
        (
            group == Group::Insurance,
            Quality::InsurerCheckDigit,
            Notice::CheckDigit,
        ),
        (
            group == Group::Insurance,
            Quality::NoBranch,
            Notice::NoBranch,
        ),
        (group == Group::Address, Quality::NoBlock, Notice::NoBlock),
        (name && present, Quality::NameNote, Notice::Note),
    ] {
        if applies && record.quality().has(quality) {
            notice(of_quality);
        }
    }
    let derived = !present || record.quality().has(Quality::KanaFromLatin);
    if group == Group::Kana && derived && is_usable(record, group) {
        notice(Notice::Derived);
    }
}

#[cfg(test)]
mod tests {
    use linker_tokenize::{RawRecord, normalize::observe};

    use super::*;

    fn judged(group: Group, fields: &[(RawField, &str)]) -> State {
        let mut raw = RawRecord::new().with(RawField::RecordId, "1");
        // Something usable, so that the record is not refused.
        if group == Group::Birth {
            raw.set(RawField::KanaName, "ヤマダ タロウ");
        } else {
            raw.set(RawField::BirthDate, "1970-03-02");
        }
        for (field, value) in fields {
            raw.set(*field, *value);
        }
        let record = observe(&raw).unwrap();
        state(&record, record.written().unwrap(), group)
    }

    use RawField as R;

    const CASES: &[(Group, RawField, &str, State)] = &[
        (Group::Kanji, R::KanjiName, "山田 太郎", State::Usable),
        (Group::Kanji, R::KanjiName, "", State::Empty),
        (
            Group::Kanji,
            R::KanjiName,
            "山■ 太郎",
            State::Unusable(Reason::Wildcard),
        ),
        (
            Group::Kanji,
            R::KanjiName,
            "ヤマダ",
            State::Unusable(Reason::OtherScript),
        ),
        (
            Group::Kanji,
            R::KanjiName,
            "山田ベビー",
            State::Unusable(Reason::Newborn),
        ),
        (Group::Kana, R::KanaName, "ﾔﾏﾀﾞ", State::Usable),
        (
            Group::Kana,
            R::KanaName,
            "山田",
            State::Unusable(Reason::OtherScript),
        ),
        (
            Group::Kana,
            R::KanaName,
            "縺ゅ＞縺ゅ＞",
            State::Unusable(Reason::Mojibake),
        ),
        (Group::Birth, R::BirthDate, "S45.3.2", State::Usable),
        (
            Group::Birth,
            R::BirthDate,
            "1900-01-01",
            State::Unusable(Reason::Placeholder),
        ),
        (
            Group::Birth,
            R::BirthDate,
            "1970-03",
            State::Unusable(Reason::Partial),
        ),
        (
            Group::Birth,
            R::BirthDate,
            "1970-02-30",
            State::Unusable(Reason::Impossible),
        ),
        (
            Group::Sex,
            R::Sex,
            "9",
            State::Unusable(Reason::UnknownCode),
        ),
        (
            Group::Postal,
            R::PostalCode,
            "000-0000",
            State::Unusable(Reason::Placeholder),
        ),
        (
            Group::Postal,
            R::PostalCode,
            "abc",
            State::Unusable(Reason::Malformed),
        ),
        (
            Group::Insurance,
            R::Insurer,
            "01130012",
            State::Unusable(Reason::Partial),
        ),
        (
            Group::Insurance,
            R::InsuredNumber,
            "0000",
            State::Unusable(Reason::Placeholder),
        ),
    ];

    #[test]
    fn states_and_reasons() {
        for &(group, field, value, expected) in CASES {
            assert_eq!(
                judged(group, &[(field, value)]),
                expected,
                "{group:?} {value}"
            );
        }
    }

    #[test]
    fn every_raw_field_that_is_normalised_has_a_group() {
        let without: Vec<_> = RawField::ALL
            .iter()
            .filter(|&&field| Group::of(field).is_none())
            .map(|field| field.tag())
            .collect();
        let expected = [
            "record-id",
            "former-kanji-name",
            "former-kanji-family",
            "former-kana-name",
            "former-kana-family",
            "former-surname",
            "deceased",
            "multiple-birth",
        ];
        assert_eq!(without, expected);
    }
}
