//! One raw record to one normalised record: which rule serves which field, and what is noticed.

use linker_token::{Field, Flags};
use zeroize::Zeroizing;

use super::{
    address, date,
    date::BirthDate,
    insurance,
    kana::{self, Step},
    latin,
    name::{Name, Script},
    postal, quick, text,
};
use crate::{
    error::RowError,
    limits::{LOCAL_ID_BYTES_MAX, VALUE_BYTES_MAX},
    quality::{Quality, QualitySet},
    record::{Identifiers, RawField, RawRecord, SourceRecord},
    written::Written,
};

/// Normalises one record.
///
/// # Errors
/// [`RowError`] if the record has no number of its own, a value is too long, or nothing is usable.
pub fn normalize(raw: &RawRecord) -> Result<SourceRecord, RowError> {
    normalize_as(raw, false)
}

/// [`normalize`], and the record keeps how its values were written, which only a report about a source asks
/// for.
///
/// # Errors
/// As [`normalize`].
pub fn observe(raw: &RawRecord) -> Result<SourceRecord, RowError> {
    normalize_as(raw, true)
}

/// [`observe`] or [`normalize`].
pub(crate) fn normalize_as(raw: &RawRecord, observed: bool) -> Result<SourceRecord, RowError> {
    let mut values = Values::default();
    if observed {
        values.observe();
    }
    for (field, value) in raw.iter() {
        values.set(field, value)?;
    }
    normalize_values(&values)
}

/// Raw values of one record, lent by whoever read them.
#[derive(Clone, Copy)]
pub(crate) struct Values<'a>([Option<&'a str>; RawField::ALL.len()], bool);

impl Default for Values<'_> {
    fn default() -> Self {
        Self([None; RawField::ALL.len()], false)
    }
}

impl<'a> Values<'a> {
    /// Sets a value. A blank one counts as absent.
    pub(crate) fn set(&mut self, field: RawField, value: &'a str) -> Result<(), RowError> {
        // Its length counts with the blanks around it.
        within(field, value)?;
        self.put(field, value.trim())
    }

    /// [`Values::set`] for a value without blanks around it.
    pub(crate) fn put(&mut self, field: RawField, value: &'a str) -> Result<(), RowError> {
        within(field, value)?;
        self.0[field as usize] = Some(value).filter(|value| !value.is_empty());
        Ok(())
    }

    /// Lets the record keep how its values were written.
    pub(crate) fn observe(&mut self) {
        self.1 = true;
    }

    pub(crate) fn get(&self, field: RawField) -> Option<&'a str> {
        self.0[field as usize]
    }
}

fn within(field: RawField, value: &str) -> Result<(), RowError> {
    let limit = if field == RawField::RecordId {
        LOCAL_ID_BYTES_MAX
    } else {
        VALUE_BYTES_MAX
    };
    if value.len() > limit {
        let field = field.tag();
        return Err(RowError::TooLong { field, limit });
    }
    Ok(())
}

/// [`normalize`] for values that are not copied into a record first.
pub(crate) fn normalize_values(raw: &Values<'_>) -> Result<SourceRecord, RowError> {
    let local_id = raw.get(RawField::RecordId).ok_or(RowError::NoRecordId)?;
    let mut record = SourceRecord::from_normal(local_id, Identifiers::default(), Flags::default());
    let kanji = names(raw, &mut record);
    birth(raw, &mut record);
    set_sex(raw, &mut record);
    place(raw, &mut record);
    insured(raw, &mut record);
    if record.identifiers.iter().next().is_none() {
        return Err(RowError::NothingUsable);
    }
    record.former = former(raw, &record, kanji.as_ref()).map(Box::new);
    record
        .quality
        .insert_if(record.former.is_some(), Quality::FormerName);
    record.phone = raw
        .get(RawField::Phone)
        .and_then(insurance::phone)
        .map(Zeroizing::new);
    flags(raw, &mut record);
    record.written = raw.1.then(|| Box::new(Written::of(raw)));
    Ok(record)
}

/// A whole name, or family and given name with a blank between them.
fn joined(raw: &Values<'_>, whole: RawField, family: RawField, given: RawField) -> Option<Name> {
    if let Some(whole) = raw.get(whole) {
        return Some(Name::parse(whole));
    }
    let mut both = Zeroizing::new(String::new());
    for part in [raw.get(family), raw.get(given)].into_iter().flatten() {
        if !both.is_empty() {
            both.push(' ');
        }
        both.push_str(part);
    }
    (!both.is_empty()).then(|| Name::parse(&both))
}

/// Names in all scripts. Returns the kanji name for the former name, which may share its given part.
fn names(raw: &Values<'_>, record: &mut SourceRecord) -> Option<Name> {
    use RawField as R;
    let kanji = joined(raw, R::KanjiName, R::KanjiFamily, R::KanjiGiven);
    let kana = joined(raw, R::KanaName, R::KanaFamily, R::KanaGiven);
    let given = raw.get(R::GivenName).map(Name::parse);
    let surname = raw.get(R::Surname).map(Name::parse);
    let quality = &mut record.quality;
    let all = || [&kanji, &kana, &given, &surname].into_iter().flatten();
    let newborn = all().any(|name| name.newborn);
    quality.insert_if(newborn, Quality::NewbornName);
    quality.insert_if(all().any(|name| name.test), Quality::TestRecord);
    quality.insert_if(all().any(|name| name.note), Quality::NameNote);
    quality.insert_if(all().any(|name| name.placeholder), Quality::PlaceholderName);
    let unknown = all().any(|name| name.script() == Script::Wildcard);
    quality.insert_if(unknown, Quality::WildcardName);
    // The name of a newborn is its mother's or nobody's: evidence for the wrong person.
    if !newborn {
        let kanji_form = kanji.as_ref().and_then(kanji_form);
        let kana_form = kana.as_ref().and_then(|name| kana_form(name, quality));
        let kana_form =
            kana_form.or_else(|| kanji.as_ref().and_then(|n| kana_form_of_kanji(n, quality)));
        set(&mut record.identifiers, Field::KanjiName, kanji_form);
        set(&mut record.identifiers, Field::KanaName, kana_form);
        for (field, name) in [(Field::GivenName, &given), (Field::Surname, &surname)] {
            let form = name.as_ref().and_then(latin_form);
            set(&mut record.identifiers, field, form);
        }
    }
    if given.is_none() && surname.is_none() {
        let has = |field| record.identifiers.get(field).is_some();
        record
            .quality
            .insert_if(!has(Field::KanaName), Quality::NoKanaName);
        record
            .quality
            .insert_if(!has(Field::KanjiName), Quality::NoKanjiName);
    }
    kanji
}

/// Kanji folded and joined; a foreign name in Latin letters as sorted parts. A name in kana only is
/// no kanji name: the source has no kanji, which must not look like a disagreement.
fn kanji_form(name: &Name) -> Option<String> {
    match name.script() {
        Script::Han => Some(name.folded()),
        Script::Latin => Some(latin::sorted_parts(&name.text)),
        Script::None | Script::Wildcard | Script::Kana | Script::Other => None,
    }
}

/// Kana on step K2; Roman spellings of Japanese names are turned into kana.
fn kana_form(name: &Name, quality: &mut QualitySet) -> Option<String> {
    match name.script() {
        // The ladder leaves blanks out.
        Script::Kana => Some(kana::ladder(&name.text, Step::K2)),
        Script::Latin => {
            let kana = latin::to_kana(&name.text)?;
            quality.insert(Quality::KanaFromLatin);
            Some(kana::ladder(&kana, Step::K2))
        }
        Script::None | Script::Wildcard | Script::Han | Script::Other => None,
    }
}

/// A kanji field that holds no kanji can still give the kana.
fn kana_form_of_kanji(name: &Name, quality: &mut QualitySet) -> Option<String> {
    match name.script() {
        Script::Kana | Script::Latin => kana_form(name, quality),
        Script::None | Script::Wildcard | Script::Han | Script::Other => None,
    }
}

fn latin_form(name: &Name) -> Option<String> {
    match name.script() {
        Script::Latin => Some(latin::letters(&name.text, false)),
        Script::None | Script::Wildcard | Script::Han | Script::Kana | Script::Other => None,
    }
}

fn set(identifiers: &mut Identifiers, field: Field, value: Option<String>) {
    if let Some(value) = value {
        identifiers.set(field, value);
    }
}

/// The same person under a former name. What is not known of it is left out, not carried over.
fn former(raw: &Values<'_>, record: &SourceRecord, kanji: Option<&Name>) -> Option<Identifiers> {
    use RawField as R;
    let fields = [
        R::FormerKanjiName,
        R::FormerKanjiFamily,
        R::FormerKanaName,
        R::FormerKanaFamily,
        R::FormerSurname,
    ];
    if fields.iter().all(|&field| raw.get(field).is_none()) {
        return None;
    }
    let with_given = |family: R, given: Option<&str>| -> Option<Name> {
        let mut name = Zeroizing::new(raw.get(family)?.to_owned());
        name.push(' ');
        name.push_str(given?);
        Some(Name::parse(&name))
    };
    let kanji_given = raw.get(R::KanjiGiven).or_else(|| Some(kanji?.split()?.1));
    let kana_whole = raw.get(R::KanaName).map(Name::parse);
    let kana_given = raw
        .get(R::KanaGiven)
        .or_else(|| Some(kana_whole.as_ref()?.split()?.1));
    let former_kanji = raw.get(R::FormerKanjiName).map(Name::parse);
    let former_kanji = former_kanji.or_else(|| with_given(R::FormerKanjiFamily, kanji_given));
    let former_kana = raw.get(R::FormerKanaName).map(Name::parse);
    let former_kana = former_kana.or_else(|| with_given(R::FormerKanaFamily, kana_given));
    let former_surname = raw.get(R::FormerSurname).map(Name::parse);
    let names = [&former_kanji, &former_kana, &former_surname];
    // The name that a newborn had before it got its own is its mother's or nobody's: a row under it would
    // meet the rows of other newborns.
    if names.into_iter().flatten().any(|name| name.newborn) {
        return None;
    }

    let mut unnoticed = QualitySet::default();
    let mut other = record.identifiers.clone();
    if former_kanji.is_some() || former_kana.is_some() {
        let kanji = former_kanji.as_ref().and_then(kanji_form);
        let kana = former_kana
            .as_ref()
            .and_then(|name| kana_form(name, &mut unnoticed));
        other.set(Field::KanjiName, kanji.unwrap_or_default());
        other.set(Field::KanaName, kana.unwrap_or_default());
    }
    set(
        &mut other,
        Field::Surname,
        former_surname.as_ref().and_then(latin_form),
    );
    let named = [Field::KanjiName, Field::KanaName, Field::Surname]
        .into_iter()
        .any(|field| other.get(field).is_some());
    (named && other != record.identifiers).then_some(other)
}

/// The date of birth, into the record.
pub(super) fn birth(raw: &Values<'_>, record: &mut SourceRecord) {
    let (year, month, day) = match raw.get(RawField::BirthDate).map(date::parse) {
        None => return record.quality.insert(Quality::NoBirthDate),
        Some(BirthDate::Unreadable) => return record.quality.insert(Quality::UnreadableBirthDate),
        Some(BirthDate::Placeholder) => {
            return record.quality.insert(Quality::PlaceholderBirthDate);
        }
        Some(BirthDate::Partial) => return record.quality.insert(Quality::PartialBirthDate),
        Some(BirthDate::Whole {
            year,
            month,
            day,
            overrun,
        }) => {
            record.quality.insert_if(overrun, Quality::EraOverrun);
            (year, month, day)
        }
    };
    for (field, number, width) in [
        (Field::BirthYear, year, 4),
        (Field::BirthMonth, month.into(), 2),
        (Field::BirthDay, day.into(), 2),
    ] {
        record.identifiers.write(field, width, |out| {
            figures(number, width, out);
            true
        });
    }
}

/// The last `width` figures of a number.
fn figures(number: u16, width: usize, out: &mut String) {
    let places = [1000, 100, 10, 1];
    let figures = places.map(|place| char::from(b'0' + (number / place % 10).to_le_bytes()[0]));
    out.extend(&figures[4 - width..]);
}

fn set_sex(raw: &Values<'_>, record: &mut SourceRecord) {
    match raw.get(RawField::Sex).and_then(sex) {
        Some(code) => record.identifiers.set(Field::Sex, code.to_owned()),
        None => record.quality.insert(Quality::NoSex),
    }
}

/// Male is `1`, female is `2`, everything else is unknown.
fn sex(raw: &str) -> Option<&'static str> {
    match raw {
        "1" | "M" | "male" => return Some("1"),
        "2" | "F" | "female" => return Some("2"),
        _ => {}
    }
    match text::clean(raw).to_uppercase().as_str() {
        "1" | "M" | "MALE" | "男" | "男性" | "オトコ" | "01" => Some("1"),
        "2" | "F" | "FEMALE" | "女" | "女性" | "オンナ" | "02" => Some("2"),
        _ => None,
    }
}

/// The counters say what the source lacks, whether the table of postal codes fills it or not.
fn place(raw: &Values<'_>, record: &mut SourceRecord) {
    let quality = &mut record.quality;
    let mut postal = raw
        .get(RawField::PostalCode)
        .and_then(insurance::postal_code)
        .unwrap_or_default();
    let mut address = raw
        .get(RawField::Address)
        .map(address::parse)
        .unwrap_or_default();
    if let Some(value) = raw.get(RawField::Town) {
        address.town = place_part(value, Field::Town);
    }
    if let Some(value) = raw.get(RawField::Block) {
        address.block = place_part(value, Field::Block);
    }
    for (condition, noticed) in [
        (postal.is_empty(), Quality::NoPostalCode),
        (address.wildcard, Quality::WildcardOther),
        (address.placeholder, Quality::PlaceholderOther),
        (address.town.is_empty(), Quality::NoAddress),
        (
            !address.town.is_empty() && address.block.is_empty(),
            Quality::NoBlock,
        ),
    ] {
        quality.insert_if(condition, noticed);
    }
    let filled = postal::fill(&postal, address.prefecture, &address.town);
    quality.insert_if(filled.town.is_some(), Quality::TownFilled);
    quality.insert_if(filled.code.is_some(), Quality::PostalCodeFilled);
    quality.insert_if(filled.contradiction, Quality::PostalContradicts);
    postal = filled.code.unwrap_or(postal);
    address.town = filled.town.unwrap_or(address.town);
    let street = raw.get(RawField::Street);
    for (field, value) in [
        (Field::PostalCode, postal),
        (Field::Town, address.town),
        (Field::Block, address.block),
        (
            Field::Street,
            street.map_or_else(String::new, |value| place_part(value, Field::Street)),
        ),
    ] {
        set(&mut record.identifiers, field, Some(value));
    }
}

/// A part of an address that has a column of its own: Latin script as plain letters and digits,
/// Japanese by the rules of whole addresses.
fn place_part(value: &str, field: Field) -> String {
    let cleaned = text::clean(value);
    if cleaned.chars().all(address::is_latin) && !(field == Field::Block && cleaned.contains('-')) {
        return latin::letters(&cleaned, true);
    }
    let address = address::parse(&cleaned);
    if field == Field::Block {
        address.block
    } else {
        address.town
    }
}

fn insured(raw: &Values<'_>, record: &mut SourceRecord) {
    let identifiers = &mut record.identifiers;
    let insurer = raw.get(RawField::Insurer).and_then(insurance::insurer);
    let checks = insurer.as_deref().is_none_or(insurance::insurer_check);
    record
        .quality
        .insert_if(!checks, Quality::InsurerCheckDigit);
    let number = raw.get(RawField::InsuredNumber).filter(|number| {
        let placeholder = insurance::is_placeholder(number);
        let quality = &mut record.quality;
        quality.insert_if(placeholder, Quality::PlaceholderOther);
        !placeholder
    });
    let number = number.and_then(|number| {
        let (number, wildcard) = insured_number(raw.get(RawField::InsuredSymbol), number);
        record.quality.insert_if(wildcard, Quality::WildcardOther);
        number
    });
    let branch = raw.get(RawField::InsuredBranch).and_then(insurance::branch);
    let branch = branch.filter(|_| number.is_some());
    record
        .quality
        .insert_if(number.is_none(), Quality::NoInsurance);
    record
        .quality
        .insert_if(number.is_some() && branch.is_none(), Quality::NoBranch);
    set(identifiers, Field::Insurer, insurer);
    set(identifiers, Field::InsuredNumber, number);
    set(identifiers, Field::InsuredBranch, branch);
}

/// Symbol and number of the insured, and whether the number has a character that the source could not write.
pub(super) fn insured_number(symbol: Option<&str>, number: &str) -> (Option<String>, bool) {
    if has_wildcard(number) {
        return (None, true);
    }
    let symbol = symbol.filter(|symbol| !has_wildcard(symbol));
    (insurance::insured(symbol, number), false)
}

/// Whether the source could not write a character of it.
fn has_wildcard(raw: &str) -> bool {
    !quick::number::is_plain(raw) && text::has_wildcard(&text::clean(raw))
}

fn flags(raw: &Values<'_>, record: &mut SourceRecord) {
    let yes = |field| {
        raw.get(field).is_some_and(|value| {
            matches!(
                text::clean(value).to_uppercase().as_str(),
                "1" | "Y" | "YES" | "TRUE" | "死亡" | "有" | "双子" | "双生児"
            )
        })
    };
    let deceased = yes(RawField::Deceased);
    record.quality.insert_if(deceased, Quality::Deceased);
    let has = |field| record.identifiers.get(field).is_some();
    let named = has(Field::KanaName)
        || has(Field::KanjiName)
        || (has(Field::GivenName) && has(Field::Surname));
    let quality = record.quality;
    for (condition, flag) in [
        (!named || !has(Field::BirthYear), Flags::WEAK_EVIDENCE),
        (
            quality.has(Quality::PartialBirthDate) || quality.has(Quality::PlaceholderBirthDate),
            Flags::PARTIAL_BIRTH,
        ),
        (quality.has(Quality::WildcardName), Flags::WILDCARD_NAME),
        (
            quality.has(Quality::NewbornName) || yes(RawField::MultipleBirth),
            Flags::TWIN_OR_NEWBORN,
        ),
        (deceased, Flags::DECEASED),
        (quality.has(Quality::TestRecord), Flags::TEST_RECORD),
    ] {
        if condition {
            record.flags = record.flags.with(flag);
        }
    }
}
