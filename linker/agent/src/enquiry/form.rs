//! The fields of a question, in the order in which a person says them.

use linker_token::{Field, Schema, schema::Role};
use linker_tokenize::RawField;

use crate::{say::Text, texts::with_places};

/// One field that can be typed.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// What is typed. Its tag names the field in a front end's object.
    pub raw: RawField,
    /// What it becomes; one of them must come of it.
    pub fields: &'static [Field],
    /// What the terminal asks.
    pub prompt: &'static Text,
}

impl Entry {
    /// Whether it is a part of the name.
    #[must_use]
    pub fn is_name(&self) -> bool {
        use Field as F;
        let names = [F::KanaName, F::KanjiName, F::GivenName, F::Surname];
        names.iter().any(|name| self.fields.contains(name))
    }

    /// Whether the schema has a use for it.
    #[must_use]
    pub fn is_in(&self, schema: &Schema) -> bool {
        let segments = schema.segments().iter();
        let mut parts = segments.flat_map(|segment| &segment.parts);
        parts.any(|part| self.fields[0] == part.field)
    }
}

/// Every field.
pub const FORM: [Entry; 15] = {
    use Field as F;
    use RawField as R;
    [
        entry(R::KanaName, &[F::KanaName], "name in kana"),
        // Kanji fields that hold kana are read as kana.
        entry(R::KanjiName, &[F::KanjiName, F::KanaName], "name in kanji"),
        entry(R::GivenName, &[F::GivenName], "given name"),
        entry(R::Surname, &[F::Surname], "surname"),
        entry(R::BirthDate, &[F::BirthYear], "birth date (1980-01-02)"),
        entry(R::Sex, &[F::Sex], "sex (M, F)"),
        entry(R::PostalCode, &[F::PostalCode], "postal code"),
        entry(R::Address, &[F::Town, F::Block], "address"),
        entry(R::Town, &[F::Town], "town"),
        entry(R::Street, &[F::Street], "street"),
        entry(R::Block, &[F::Block], "house number"),
        entry(R::Insurer, &[F::Insurer], "insurer number"),
        entry(
            R::InsuredSymbol,
            &[F::InsuredNumber],
            "symbol of the insured",
        ),
        entry(
            R::InsuredNumber,
            &[F::InsuredNumber],
            "number of the insured",
        ),
        entry(
            R::InsuredBranch,
            &[F::InsuredBranch],
            "branch of the insured",
        ),
    ]
};

const fn entry(raw: RawField, fields: &'static [Field], prompt: &'static str) -> Entry {
    Entry {
        raw,
        fields,
        prompt: with_places(prompt, &[]),
    }
}

/// The fields that a terminal asks for under a schema: an address as a whole, unless the schema has streets.
pub fn prompts(schema: &Schema) -> impl Iterator<Item = &'static Entry> {
    let segments = schema.segments().iter();
    let mut parts = segments.flat_map(|segment| &segment.parts);
    let has_street = parts.any(|part| part.field == Field::Street);
    FORM.iter().filter(move |entry| {
        let whole = entry.raw == RawField::Address;
        let part = matches!(entry.raw, RawField::Town | RawField::Block);
        entry.is_in(schema) && !(if has_street { whole } else { part })
    })
}

/// What people call a kind of identifiers.
#[must_use]
pub fn kind_name(role: Role) -> &'static Text {
    match role {
        Role::Name => const { with_places("name", &[]) },
        Role::Birth => const { with_places("birth date", &[]) },
        Role::Place => const { with_places("address", &[]) },
        Role::Number => const { with_places("insurance", &[]) },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_schema_asks_for_its_own_fields() {
        let tags = |schema: &Schema| -> Vec<&str> {
            prompts(schema).map(|entry| entry.raw.tag()).collect()
        };
        assert_eq!(
            tags(&Schema::jp_1()),
            [
                "kana-name",
                "kanji-name",
                "birth-date",
                "sex",
                "postal-code",
                "address",
                "insurer",
                "insured-symbol",
                "insured-number",
                "insured-branch",
            ]
        );
        assert_eq!(
            tags(&Schema::en_1()),
            [
                "given-name",
                "surname",
                "birth-date",
                "postal-code",
                "town",
                "street",
                "block",
            ]
        );
    }
}
