//! What a header says that its column holds.

use unicode_normalization::UnicodeNormalization as _;

use super::words;
use crate::record::RawField;

/// Script of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Script {
    Kanji,
    Kana,
    Latin,
}

/// Part of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Whole,
    Family,
    Given,
}

/// What a header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reading {
    /// One field, in the very words.
    Exact(RawField),
    /// One field, with other words around it.
    Inside(RawField),
    /// One field, unless the table has something better; then the other.
    Vague(RawField, Option<RawField>),
    /// A name, whose script the values may have to say.
    Name {
        part: Part,
        script: Option<Script>,
        former: bool,
    },
    /// Something that is not used.
    NotUsed,
    /// Nothing that is known.
    Unknown,
}

/// A header in one form: NFKC, small letters, hiragana as katakana, only letters and figures.
pub(super) fn fold(header: &str) -> String {
    let katakana = |c: char| match c {
        '\u{3041}'..='\u{3096}' => char::from_u32(u32::from(c) + 0x60).unwrap_or(c),
        c => c,
    };
    let folded = header.nfkc().flat_map(char::to_lowercase).map(katakana);
    folded.filter(|c| c.is_alphanumeric()).collect()
}

/// Reads a header.
pub(super) fn read(header: &str) -> Reading {
    // The postal mark is no letter and would be lost.
    if header.contains('〒') {
        return Reading::Exact(RawField::PostalCode);
    }
    let folded = fold(header);
    let text = folded.as_str();
    if let Some(field) = listed(words::EXACT, |word| word == text) {
        return Reading::Exact(field);
    }
    if let Some(field) = listed(words::VAGUE, |word| word == text) {
        let rest = &words::VAGUE[1..];
        let other = listed(rest, |word| word == text).filter(|other| *other != field);
        return Reading::Vague(field, other);
    }
    let is_inside = |word: &&str| is_inside(text, word);
    if words::OTHERS.iter().any(is_inside) || words::ADDRESS_PARTS.iter().any(is_inside) {
        return Reading::NotUsed;
    }
    if let Some(name) = name(text) {
        return name;
    }
    match listed(words::INSIDE, |word| text.contains(word)) {
        Some(field) => Reading::Inside(field),
        None if is_some_day(text) => Reading::NotUsed,
        None => Reading::Unknown,
    }
}

fn listed(table: &[(RawField, &[&str])], is: impl Fn(&str) -> bool) -> Option<RawField> {
    let row = table
        .iter()
        .find(|(_, names)| names.iter().any(|name| is(name)));
    row.map(|(field, _)| *field)
}

/// Short English words stand in others ("age" in "language"), so they must be the whole header or its end.
fn is_inside(text: &str, word: &str) -> bool {
    if word.is_ascii() && word.len() < 4 {
        text == word || text.strip_suffix("no").is_some_and(|text| text == word)
    } else {
        text.contains(word)
    }
}

/// Days that are not known by name: none of them is a birth date.
fn is_some_day(text: &str) -> bool {
    text.ends_with('日')
        || text.ends_with("date")
        || text.contains("年月日")
        || text.contains("日時")
}

/// A name, by taking off whose it is, its script and its age, until a known word is left.
fn name(text: &str) -> Option<Reading> {
    let mut rest = text.to_owned();
    let mut take = |words: &[&'static str]| -> Option<&'static str> {
        let word = *words.iter().find(|word| rest.contains(**word))?;
        rest = rest.replacen(word, "", 1);
        Some(word)
    };
    let kana = take(words::KANA).is_some();
    let kanji = take(words::KANJI).is_some();
    let latin = take(words::LATIN).is_some();
    let former = take(words::FORMER);
    let owner = take(words::OWNERS);
    let by_sound = matches!(rest.as_str(), "セイ" | "メイ" | "シメイ");
    let script = match (kana || by_sound, kanji, latin) {
        (true, false, false) => Some(Script::Kana),
        (false, true, false) => Some(Script::Kanji),
        (false, false, true) => Some(Script::Latin),
        _ => None,
    };
    let family = matches!(former, Some("旧姓" | "旧氏" | "maiden"));
    let known = |words: &[&str]| words.contains(&rest.as_str());
    let part = if known(words::FAMILY) || (family && (rest.is_empty() || rest == "name")) {
        Part::Family
    } else if known(words::GIVEN) {
        // 患者名 and 通称名 are whole names, as 名 beside 姓 is not.
        let whole = owner.is_some() || former.is_some();
        if whole { Part::Whole } else { Part::Given }
    } else if known(words::WHOLE) || (rest.is_empty() && (kana || former.is_some())) {
        Part::Whole
    } else {
        return None;
    };
    let former = former.is_some();
    Some(Reading::Name {
        part,
        script,
        former,
    })
}

/// The field of a name; `None` if mappings have none for it.
pub(super) fn field(part: Part, script: Script, former: bool) -> Option<RawField> {
    Some(match (script, part, former) {
        (Script::Kanji, Part::Whole, false) => RawField::KanjiName,
        (Script::Kanji, Part::Family, false) => RawField::KanjiFamily,
        (Script::Kanji, Part::Given, false) => RawField::KanjiGiven,
        (Script::Kana, Part::Whole, false) => RawField::KanaName,
        (Script::Kana, Part::Family, false) => RawField::KanaFamily,
        (Script::Kana, Part::Given, false) => RawField::KanaGiven,
        (Script::Kanji, Part::Whole, true) => RawField::FormerKanjiName,
        (Script::Kanji, Part::Family, true) => RawField::FormerKanjiFamily,
        (Script::Kana, Part::Whole, true) => RawField::FormerKanaName,
        (Script::Kana, Part::Family, true) => RawField::FormerKanaFamily,
        (Script::Latin, Part::Family, false) => RawField::Surname,
        (Script::Latin, Part::Given, false) => RawField::GivenName,
        (Script::Latin, Part::Family, true) => RawField::FormerSurname,
        (Script::Latin, Part::Whole, _) | (_, Part::Given, true) => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vocabulary_is_folded_and_says_one_thing() {
        let mut seen = std::collections::BTreeMap::new();
        for (field, names) in words::EXACT {
            for name in *names {
                assert_eq!(&fold(name), name, "not in folded form");
                assert_eq!(seen.insert(*name, field), None, "{name} stands twice");
            }
        }
        let lists = [
            words::OTHERS,
            words::ADDRESS_PARTS,
            words::OWNERS,
            words::KANA,
            words::KANJI,
            words::LATIN,
            words::FORMER,
            words::WHOLE,
            words::FAMILY,
            words::GIVEN,
        ];
        for name in lists.concat() {
            assert_eq!(fold(name), name, "not in folded form");
        }
    }

    #[test]
    fn names_are_taken_apart() {
        use Part::{Family, Given, Whole};
        let name = |part, script, former| Reading::Name {
            part,
            script,
            former,
        };
        let (kana, kanji, latin) = (Some(Script::Kana), Some(Script::Kanji), Some(Script::Latin));
        for (header, expected) in [
            ("氏名", name(Whole, None, false)),
            ("患者氏名", name(Whole, None, false)),
            ("患者名", name(Whole, None, false)),
            ("氏名（漢字）", name(Whole, kanji, false)),
            ("漢字氏名", name(Whole, kanji, false)),
            ("カナ氏名", name(Whole, kana, false)),
            ("氏名カナ", name(Whole, kana, false)),
            ("ﾌﾘｶﾞﾅ", name(Whole, kana, false)),
            ("ふりがな", name(Whole, kana, false)),
            ("氏名 フリガナ", name(Whole, kana, false)),
            ("姓", name(Family, None, false)),
            ("名", name(Given, None, false)),
            ("セイ", name(Family, kana, false)),
            ("メイ", name(Given, kana, false)),
            ("姓（フリガナ）", name(Family, kana, false)),
            ("カナ名", name(Given, kana, false)),
            ("漢字姓", name(Family, kanji, false)),
            ("旧姓", name(Family, None, true)),
            ("旧氏フリガナ", name(Family, kana, true)),
            ("通称", name(Whole, None, true)),
            ("通称名カナ", name(Whole, kana, true)),
            ("ローマ字氏名", name(Whole, latin, false)),
            ("patient_name", name(Whole, None, false)),
            ("Last Name", name(Family, None, false)),
            ("first_name_kana", name(Given, kana, false)),
            ("maiden name", name(Family, None, true)),
        ] {
            assert_eq!(read(header), expected, "{header}");
        }
    }

    #[test]
    fn other_columns_are_told_apart() {
        for (header, expected) in [
            ("ID", Reading::Vague(RawField::RecordId, None)),
            (
                "番号",
                Reading::Vague(RawField::RecordId, Some(RawField::InsuredNumber)),
            ),
            ("〒", Reading::Exact(RawField::PostalCode)),
            ("Ｎｏ．", Reading::Vague(RawField::RecordId, None)),
            ("生年月日（和暦）", Reading::Inside(RawField::BirthDate)),
            ("被保険者証等番号", Reading::Exact(RawField::InsuredNumber)),
            ("保険者番号", Reading::Exact(RawField::Insurer)),
            (
                "主保険の被保険者番号",
                Reading::Inside(RawField::InsuredNumber),
            ),
            ("主治医氏名", Reading::NotUsed),
            ("世帯主氏名", Reading::NotUsed),
            ("医療機関名", Reading::NotUsed),
            ("電話番号", Reading::NotUsed),
            ("最終受診日", Reading::NotUsed),
            ("予約日", Reading::NotUsed),
            ("異動日", Reading::NotUsed),
            ("都道府県", Reading::NotUsed),
            ("年齢", Reading::NotUsed),
            ("language", Reading::Unknown),
            ("血液型", Reading::Unknown),
            ("", Reading::Unknown),
        ] {
            assert_eq!(read(header), expected, "{header}");
        }
    }
}
