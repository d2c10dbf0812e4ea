//! Normal forms of one record, in one piece of memory.

use std::fmt;

use linker_token::Field;
use zeroize::Zeroizing;

/// Normalised identifiers of one person under one name. Wiped when dropped; never printed.
#[derive(Default)]
pub struct Identifiers {
    /// The values one after another. One allocation, which a reader uses for record after record: one for
    /// each value, and wiping it, was a fifth of the time of a whole record.
    text: Zeroizing<String>,
    /// Where the values lie, by [`number`]; of an absent one nothing.
    places: [Place; FIELDS.len()],
}

/// Where a value lies in the text. Values are bounded far below four gigabytes.
#[derive(Clone, Copy, Default)]
struct Place {
    start: u32,
    length: u32,
}

/// All fields, by their numbers.
const FIELDS: [Field; 15] = [
    Field::KanaName,
    Field::KanjiName,
    Field::GivenName,
    Field::Surname,
    Field::BirthYear,
    Field::BirthMonth,
    Field::BirthDay,
    Field::Sex,
    Field::PostalCode,
    Field::Town,
    Field::Block,
    Field::Street,
    Field::Insurer,
    Field::InsuredNumber,
    Field::InsuredBranch,
];

/// The number of a field: its place in [`FIELDS`].
fn number(field: Field) -> usize {
    match field {
        Field::KanaName => 0,
        Field::KanjiName => 1,
        Field::GivenName => 2,
        Field::Surname => 3,
        Field::BirthYear => 4,
        Field::BirthMonth => 5,
        Field::BirthDay => 6,
        Field::Sex => 7,
        Field::PostalCode => 8,
        Field::Town => 9,
        Field::Block => 10,
        Field::Street => 11,
        Field::Insurer => 12,
        Field::InsuredNumber => 13,
        Field::InsuredBranch => 14,
    }
}

impl fmt::Debug for Identifiers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Identifiers(..)")
    }
}

impl Clone for Identifiers {
    fn clone(&self) -> Self {
        Self {
            text: self.text.clone(),
            places: self.places,
        }
    }
}

impl PartialEq for Identifiers {
    fn eq(&self, other: &Self) -> bool {
        FIELDS
            .iter()
            .all(|&field| self.get(field) == other.get(field))
    }
}

impl Eq for Identifiers {}

impl Identifiers {
    /// Takes values that are already in normal form, as test vectors have them.
    #[must_use]
    pub fn from_normal(values: &[(Field, &str)]) -> Self {
        let mut identifiers = Self::default();
        identifiers.reserve(values.iter().map(|(_, value)| value.len()).sum());
        for &(field, value) in values {
            identifiers.put(field, value);
        }
        identifiers
    }

    /// The normal form of a field, if the record has it.
    #[must_use]
    pub fn get(&self, field: Field) -> Option<&str> {
        let Place { start, length } = self.places[number(field)];
        let (start, length) = (start as usize, length as usize);
        (length > 0).then(|| &self.text[start..start + length])
    }

    /// All fields that are present, in no promised order.
    pub fn iter(&self) -> impl Iterator<Item = (Field, &str)> {
        let field = |&field| Some((field, self.get(field)?));
        FIELDS.iter().filter_map(field)
    }

    /// Whether no field is present.
    pub(crate) fn is_empty(&self) -> bool {
        self.places.iter().all(|place| place.length == 0)
    }

    /// Sets a field; an empty value removes it.
    pub(crate) fn set(&mut self, field: Field, value: String) {
        let value = Zeroizing::new(value);
        self.put(field, &value);
    }

    /// The same for a value that is somebody else's.
    pub(crate) fn put(&mut self, field: Field, value: &str) {
        self.reserve(value.len());
        let start = self.text.len();
        self.text.push_str(value);
        self.place(field, start);
    }

    /// The same for a value that is written at the end of a text of all values. `false`: it was not written,
    /// and the field is absent.
    pub(crate) fn write(
        &mut self,
        field: Field,
        room: usize,
        value: impl FnOnce(&mut String) -> bool,
    ) -> bool {
        self.reserve(room);
        let (start, capacity) = (self.text.len(), self.text.capacity());
        let written = value(&mut self.text);
        debug_assert_eq!(self.text.capacity(), capacity, "a copy was left behind");
        if !written {
            self.text.truncate(start);
        }
        self.place(field, start);
        written
    }

    /// Forgets all values and keeps the memory.
    pub(crate) fn clear(&mut self) {
        self.text.clear();
        self.places = <_>::default();
    }

    /// What was written behind `start` is the field's value.
    fn place(&mut self, field: Field, start: usize) {
        let bounded = |at| u32::try_from(at).expect("values are bounded far below 4 GiB");
        self.places[number(field)] = Place {
            start: bounded(start),
            length: bounded(self.text.len() - start),
        };
    }

    /// Makes room for a value without leaving a copy of the others behind.
    fn reserve(&mut self, room: usize) {
        if self.text.capacity() - self.text.len() < room {
            let mut larger = Zeroizing::new(String::with_capacity(2 * (self.text.len() + room)));
            larger.push_str(&self.text);
            self.text = larger;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_has_a_number_of_its_own() {
        for (at, &field) in FIELDS.iter().enumerate() {
            assert_eq!(number(field), at);
        }
    }

    #[test]
    fn values_are_replaced_and_removed() {
        let mut identifiers = Identifiers::from_normal(&[(Field::Town, "a"), (Field::Block, "1")]);
        let same =
            Identifiers::from_normal(&[(Field::Block, "1"), (Field::Town, "long enough to move")]);
        identifiers.set(Field::Town, "long enough to move".to_owned());
        assert!(identifiers == same && identifiers.clone() == same);
        assert!(identifiers.write(Field::Sex, 1, |text| {
            text.push('1');
            true
        }));
        assert!(!identifiers.write(Field::Sex, 1, |text| {
            text.push('2');
            false
        }));
        assert_eq!(identifiers.get(Field::Sex), None);
        identifiers.set(Field::Block, String::new());
        let values: Vec<_> = identifiers.iter().collect();
        assert_eq!(values, [(Field::Town, "long enough to move")]);
        identifiers.clear();
        assert!(identifiers.is_empty() && identifiers != same);
    }
}
