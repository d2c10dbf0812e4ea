//! A whole record whose values are all usual ones, into memory that is there already.

use linker_token::{Field, Flags};
use zeroize::Zeroizing;

use super::{Text, address, cleaned, cp932_entries, entries, name, table::Entry};
use crate::{
    normalize::{
        Values,
        address::parse as parse_address,
        insurance,
        person::{birth, insured_number},
        postal,
        text::{is_han, is_kana},
    },
    quality::Quality,
    record::{Identifiers, RawField, SourceRecord},
};

/// Fields of which a record is none of the usual ones.
const UNUSUAL: [RawField; 11] = [
    RawField::FormerKanjiName,
    RawField::FormerKanjiFamily,
    RawField::FormerKanaName,
    RawField::FormerKanaFamily,
    RawField::GivenName,
    RawField::Surname,
    RawField::FormerSurname,
    RawField::Town,
    RawField::Block,
    RawField::Street,
    RawField::MultipleBirth,
];

/// Values that are not decoded yet. A usual record need not be.
pub(crate) type Undecoded<'a> = [Option<&'a [u8]>; UNDECODED.len()];

/// Fields that [`Undecoded`] can hold, by their places in it.
pub(crate) const UNDECODED: [RawField; 3] =
    [RawField::KanjiName, RawField::KanaName, RawField::Address];

/// [`crate::normalize::normalize_values`]. Fields in `undecoded` are in CP932 and absent in `raw`. `false`:
/// the full rules decide, and `record` is of no worth.
pub(in crate::normalize) fn normalize(
    raw: &Values<'_>,
    undecoded: &Undecoded<'_>,
    record: &mut SourceRecord,
) -> bool {
    let Some(local_id) = raw.get(RawField::RecordId) else {
        return false;
    };
    if UNUSUAL.iter().any(|&field| raw.get(field).is_some()) {
        return false;
    }
    record.begin(local_id);
    // The sources that send it send it for everyone.
    let alive = matches!(raw.get(RawField::Deceased), None | Some("0" | "N"));
    let [kanji, kana, address] = undecoded;
    let usual = alive && names(raw, [*kanji, *kana], record) && sex(raw, record);
    if !usual {
        return false;
    }
    birth(raw, record);
    let address = address.map(Text::Cp932);
    let address = address.or_else(|| raw.get(RawField::Address).map(Text::Str));
    if !place(raw, address, record) {
        return false;
    }
    insured(raw, record);
    record.phone = raw
        .get(RawField::Phone)
        .and_then(insurance::phone)
        .map(Zeroizing::new);
    let has = |field| record.identifiers.get(field).is_some();
    let named = has(Field::KanaName) || has(Field::KanjiName);
    let quality = record.quality;
    for (condition, flag) in [
        (!named || !has(Field::BirthYear), Flags::WEAK_EVIDENCE),
        (
            quality.has(Quality::PartialBirthDate) || quality.has(Quality::PlaceholderBirthDate),
            Flags::PARTIAL_BIRTH,
        ),
    ] {
        if condition {
            record.flags = record.flags.with(flag);
        }
    }
    !record.identifiers.is_empty()
}

/// Names of kanji in the field of kanji and of kana in the field of kana.
fn names(raw: &Values<'_>, undecoded: [Option<&[u8]>; 2], record: &mut SourceRecord) -> bool {
    use RawField as R;
    let names = [
        (
            Field::KanjiName,
            [R::KanjiName, R::KanjiFamily, R::KanjiGiven],
            Quality::NoKanjiName,
        ),
        (
            Field::KanaName,
            [R::KanaName, R::KanaFamily, R::KanaGiven],
            Quality::NoKanaName,
        ),
    ];
    for ((field, [whole_field, family, given], missing), undecoded) in
        names.into_iter().zip(undecoded)
    {
        let whole = undecoded.map(Text::Cp932);
        let whole = whole.or_else(|| raw.get(whole_field).map(Text::Str));
        let identifiers = &mut record.identifiers;
        let written = match (whole, raw.get(family), raw.get(given)) {
            (None, None, None) => {
                record.quality.insert(missing);
                true
            }
            (Some(Text::Cp932(bytes)), _, _) => {
                write_name(field, 3 * bytes.len(), cp932_entries(bytes), identifiers)
            }
            (Some(Text::Str(raw)), _, _) | (None, Some(raw), None) | (None, None, Some(raw)) => {
                write_name(field, raw.len(), entries(raw), identifiers)
            }
            (None, Some(family), Some(given)) => {
                let room = family.len() + given.len();
                let both = entries(family).chain(entries(" ")).chain(entries(given));
                write_name(field, room, both, identifiers)
            }
        };
        if !written {
            return false;
        }
    }
    true
}

fn write_name(
    field: Field,
    room: usize,
    raw: impl Iterator<Item = Option<Entry>>,
    identifiers: &mut Identifiers,
) -> bool {
    identifiers.write(field, room, |out| {
        if field == Field::KanjiName {
            name::write_kanji(raw, out)
        } else {
            name::write_kana(raw, out)
        }
    })
}

fn sex(raw: &Values<'_>, record: &mut SourceRecord) -> bool {
    match raw.get(RawField::Sex) {
        None => record.quality.insert(Quality::NoSex),
        Some("1" | "M" | "male") => record.identifiers.put(Field::Sex, "1"),
        Some("2" | "F" | "female") => record.identifiers.put(Field::Sex, "2"),
        Some(_) => return false,
    }
    true
}

fn place(raw: &Values<'_>, address: Option<Text<'_>>, record: &mut SourceRecord) -> bool {
    let (identifiers, quality) = (&mut record.identifiers, &mut record.quality);
    if let Some(raw) = raw.get(RawField::PostalCode) {
        let plain = identifiers.write(Field::PostalCode, raw.len(), |out| {
            let start = out.len();
            digits(raw, out) && {
                let written = &out.as_bytes()[start..];
                let placeholder = |digit| written.iter().all(|&at| at == digit);
                (3..=10).contains(&written.len()) && !placeholder(b'0') && !placeholder(b'9')
            }
        });
        if !plain && let Some(code) = insurance::postal_code(raw) {
            identifiers.set(Field::PostalCode, code);
        }
    }
    let has = identifiers.get(Field::PostalCode).is_some();
    quality.insert_if(!has, Quality::NoPostalCode);
    let mut prefecture = None;
    if let Some(raw) = address {
        if let Some(written) = address::write(raw, identifiers) {
            prefecture = written;
        } else {
            let Text::Str(raw) = raw else {
                return false;
            };
            let address = parse_address(raw);
            quality.insert_if(address.wildcard, Quality::WildcardOther);
            quality.insert_if(address.placeholder, Quality::PlaceholderOther);
            identifiers.set(Field::Town, address.town);
            identifiers.set(Field::Block, address.block);
            prefecture = address.prefecture;
        }
    }
    let town = identifiers.get(Field::Town).is_some();
    let block = identifiers.get(Field::Block).is_some();
    quality.insert_if(!town, Quality::NoAddress);
    quality.insert_if(town && !block, Quality::NoBlock);
    let written = |field| identifiers.get(field).unwrap_or_default();
    let filled = postal::fill(written(Field::PostalCode), prefecture, written(Field::Town));
    quality.insert_if(filled.contradiction, Quality::PostalContradicts);
    if let Some(town) = filled.town {
        quality.insert(Quality::TownFilled);
        identifiers.set(Field::Town, town);
    }
    if let Some(code) = filled.code {
        quality.insert(Quality::PostalCodeFilled);
        identifiers.set(Field::PostalCode, code);
    }
    true
}

fn insured(raw: &Values<'_>, record: &mut SourceRecord) {
    let (identifiers, quality) = (&mut record.identifiers, &mut record.quality);
    if let Some(raw) = raw.get(RawField::Insurer) {
        let plain = identifiers.write(Field::Insurer, 8 + raw.len(), |out| {
            padded(raw, 4..=8, 8, out)
        });
        if !plain && let Some(insurer) = insurance::insurer(raw) {
            identifiers.set(Field::Insurer, insurer);
        }
        let insurer = identifiers.get(Field::Insurer);
        let checks = insurer.is_none_or(insurance::insurer_check);
        quality.insert_if(!checks, Quality::InsurerCheckDigit);
    }
    let number = raw.get(RawField::InsuredNumber);
    let placeholder = number.is_some_and(insurance::is_placeholder);
    quality.insert_if(placeholder, Quality::PlaceholderOther);
    if let Some(number) = number.filter(|_| !placeholder) {
        let symbol = raw.get(RawField::InsuredSymbol);
        let room = number.len() + symbol.map_or(0, str::len) + 1;
        let plain = identifiers.write(Field::InsuredNumber, room, |out| {
            usual_insured(symbol, number, out)
        });
        if !plain {
            let (form, wildcard) = insured_number(symbol, number);
            quality.insert_if(wildcard, Quality::WildcardOther);
            identifiers.set(Field::InsuredNumber, form.unwrap_or_default());
        }
    }
    let numbered = identifiers.get(Field::InsuredNumber).is_some();
    let branch = raw.get(RawField::InsuredBranch).filter(|_| numbered);
    if let Some(raw) = branch {
        let plain = identifiers.write(Field::InsuredBranch, 2 + raw.len(), |out| {
            padded(raw, 1..=2, 2, out)
        });
        if !plain && let Some(branch) = insurance::branch(raw) {
            identifiers.set(Field::InsuredBranch, branch);
        }
    }
    let has = identifiers.get(Field::InsuredBranch).is_some();
    quality.insert_if(!numbered, Quality::NoInsurance);
    quality.insert_if(numbered && !has, Quality::NoBranch);
}

/// Writes the digits of a text of ASCII digits, hyphens and blanks. `false`: it is none.
fn digits(raw: &str, out: &mut String) -> bool {
    let start = out.len();
    let allowed = raw.bytes().all(|byte| {
        if byte.is_ascii_digit() {
            out.push(char::from(byte));
        }
        byte.is_ascii_digit() || matches!(byte, b'-' | b' ')
    });
    allowed && out.len() > start
}

/// A number of so many ASCII digits, with zeros on the left up to `width`, and two digits at most or not
/// nothing but zeros or nines. `false`: the full rule decides.
fn padded(
    raw: &str,
    lengths: std::ops::RangeInclusive<usize>,
    width: usize,
    out: &mut String,
) -> bool {
    let plain = lengths.contains(&raw.len()) && raw.bytes().all(|byte| byte.is_ascii_digit());
    let nothing_but = |digit| raw.bytes().all(|byte| byte == digit);
    if !plain || width > 2 && (nothing_but(b'0') || nothing_but(b'9')) {
        return false;
    }
    out.extend((raw.len()..width).map(|_| '0'));
    out.push_str(raw);
    true
}

/// [`insurance::insured`] of usual texts. `false`: the full rule decides.
fn usual_insured(symbol: Option<&str>, number: &str, out: &mut String) -> bool {
    if let Some(symbol) = symbol {
        let start = out.len();
        if !insured_part(symbol, out) {
            return false;
        }
        if out.len() > start {
            out.push(':');
        }
    }
    let start = out.len();
    insured_part(number, out) && out.len() > start
}

/// Letters and figures of a text without leading zeros, in capital letters. `false`: the full rule decides.
fn insured_part(raw: &str, out: &mut String) -> bool {
    let start = out.len();
    if super::number::is_plain(raw) {
        out.push_str(raw.trim_start_matches('0'));
        out[start..].make_ascii_uppercase();
        return true;
    }
    cleaned(entries(raw), |c, _| {
        match c {
            ' ' => {}
            '0' if out.len() == start => {}
            c if c.is_ascii_alphanumeric() => out.push(c.to_ascii_uppercase()),
            // They have no capital letters.
            c if is_han(c) || is_kana(c) => out.push(c),
            _ => return false,
        }
        true
    })
}
