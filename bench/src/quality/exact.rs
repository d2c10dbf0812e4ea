//! The deterministic way, to compare with: hashes of whole items that have to be equal.
//!
//! It is given more than a site could give it. Items are compared in normal form, names as split into family and
//! given name by the generator itself, without notes, without old forms of characters and in large kana. What is
//! left to go wrong is what somebody typed wrongly, left out, or never brought up to date.

use linker_token::Field;

use super::pipeline::Held;
use crate::sites::{Written, kana};

/// The keys by name; the first two are those that were best where such keys were measured on Japanese data.
pub(super) const KEYS: [&str; 10] = [
    "birth date + given name",
    "birth date + family name",
    "birth date + whole name",
    "birth date + sex + whole name",
    "birth date + given kana",
    "birth date + sex + whole kana",
    "birth date + sex + postal code",
    "birth date + sex + whole name + postal code",
    "insurer + symbol + number + branch",
    "birth date + sex + insurer + symbol + number",
];

/// A record's keys. `None`: an item is missing, so the record has no such key.
pub(super) fn keys(held: &Held) -> [Option<String>; KEYS.len()] {
    let written = &held.written;
    let field = |field| {
        let read = held.read.as_ref()?;
        Some(read.identifiers().get(field)?.to_owned())
    };
    let birth = birth(held);
    let sex = field(Field::Sex);
    let given = given(written);
    let family = present(&written.family);
    let whole = join(&[family.clone(), given.clone()]);
    let given_kana = kana(&written.given_kana);
    let whole_kana = join(&[kana(&written.family_kana), given_kana.clone()]);
    let postal = field(Field::PostalCode);
    let (insurer, number) = (field(Field::Insurer), field(Field::InsuredNumber));
    let branch = field(Field::InsuredBranch);
    [
        join(&[birth.clone(), given]),
        join(&[birth.clone(), family]),
        join(&[birth.clone(), whole.clone()]),
        join(&[birth.clone(), sex.clone(), whole.clone()]),
        join(&[birth.clone(), given_kana]),
        join(&[birth.clone(), sex.clone(), whole_kana]),
        join(&[birth.clone(), sex.clone(), postal.clone()]),
        join(&[birth.clone(), sex.clone(), whole, postal]),
        join(&[insurer.clone(), number.clone(), branch]),
        join(&[birth, sex, insurer, number]),
    ]
}

/// Whether two records of one person differ, or one of them lacks something, in what such keys are made of:
/// name, birth date, sex and, where both sites keep one, address.
pub(super) fn is_damaged(one: &Held, other: &Held, with_address: bool) -> bool {
    let items = |held: &Held| {
        let field = |field| {
            let read = held.read.as_ref()?;
            Some(read.identifiers().get(field)?.to_owned())
        };
        let mut items = vec![
            present(&held.written.family),
            given(&held.written),
            birth(held),
            field(Field::Sex),
        ];
        if with_address {
            items.extend([Field::PostalCode, Field::Town, Field::Block].map(field));
        }
        join(&items)
    };
    let (one, other) = (items(one), items(other));
    one.is_none() || one != other
}

fn birth(held: &Held) -> Option<String> {
    let read = held.read.as_ref()?.identifiers();
    let part = |field| read.get(field).map(str::to_owned);
    join(&[
        part(Field::BirthYear),
        part(Field::BirthMonth),
        part(Field::BirthDay),
    ])
}

fn given(written: &Written) -> Option<String> {
    let plain = written.given.trim_end_matches("（同姓同名）");
    present(plain.trim_end_matches('様').trim())
}

fn kana(text: &str) -> Option<String> {
    let dash = |c| if "－‐-".contains(c) { 'ー' } else { c };
    let large: String = text.chars().map(kana::large).map(dash).collect();
    present(&large)
}

fn present(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

fn join(items: &[Option<String>]) -> Option<String> {
    let items: Option<Vec<&str>> = items.iter().map(Option::as_deref).collect();
    Some(items?.join("\u{1f}"))
}
