//! The normaliser: nothing stops it, and normal forms are fixed points.

use linker_token::Field;
use linker_tokenize::{Identifiers, RawField, RawRecord, SourceRecord, normalize};

use super::{admitted, harmless, sound};

/// Lines of a field, chosen by its first character, and a value.
pub(super) fn run(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let mut raw = RawRecord::new();
    for line in text.split('\n') {
        let mut chars = line.chars();
        let Some(first) = chars.next() else {
            continue;
        };
        let field = RawField::ALL[u32::from(first) as usize % RawField::ALL.len()];
        raw.set(field, chars.as_str());
    }
    raw.set(RawField::RecordId, "1");
    match normalize::normalize(&raw) {
        Err(error) => harmless(&error, error.code()),
        Ok(record) => {
            sound(&record);
            if bytes.len().is_multiple_of(8) {
                admitted(&record);
            }
            fixed(record.identifiers());
            if let Some(former) = record.former() {
                fixed(former);
            }
        }
    }
}

/// Normal forms that are fed back come out as they are.
fn fixed(once: &Identifiers) {
    let twice = again(once);
    for (field, value) in once.iter() {
        let other = twice.identifiers().get(field);
        assert!(
            other == Some(value),
            "{field:?} is no fixed point: {value:?}"
        );
    }
}

fn again(once: &Identifiers) -> SourceRecord {
    // A number keeps a record usable whose names are a newborn's; one of its own takes its place.
    let mut raw = RawRecord::new()
        .with(RawField::RecordId, "1")
        .with(RawField::InsuredNumber, "1");
    let mut birth = String::new();
    for (field, value) in once.iter() {
        let to = match field {
            Field::KanaName => RawField::KanaName,
            Field::KanjiName => RawField::KanjiName,
            Field::GivenName => RawField::GivenName,
            Field::Surname => RawField::Surname,
            Field::PostalCode => RawField::PostalCode,
            Field::Town => RawField::Town,
            Field::Block => RawField::Block,
            Field::Street => RawField::Street,
            Field::Insurer => RawField::Insurer,
            Field::InsuredBranch => RawField::InsuredBranch,
            Field::Sex => RawField::Sex,
            Field::InsuredNumber => {
                if let Some((symbol, number)) = value.split_once(':') {
                    raw.set(RawField::InsuredSymbol, symbol);
                    raw.set(RawField::InsuredNumber, number);
                } else {
                    raw.set(RawField::InsuredNumber, value);
                }
                continue;
            }
            Field::BirthYear | Field::BirthMonth | Field::BirthDay => continue,
        };
        raw.set(to, value);
    }
    for field in [Field::BirthYear, Field::BirthMonth, Field::BirthDay] {
        birth.push_str(once.get(field).unwrap_or_default());
    }
    raw.set(RawField::BirthDate, birth);
    normalize::normalize(&raw).expect("the number is usable")
}
