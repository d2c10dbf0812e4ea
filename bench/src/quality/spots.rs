//! Weak spots: pairs that were missed or wrongly put together, by what is peculiar about them.

use std::collections::BTreeMap;

use crate::{
    evaluate::ratio,
    people::{Person, names::Names},
    sites::{Site, Written, charset},
};

/// What is peculiar about one record, compared with the person as they are now.
#[derive(Debug, Clone, Copy)]
pub(super) struct Traits {
    pub(super) person: u32,
    household: u32,
    site: Site,
    marks: u32,
}

/// Marks of a record.
const MARKS: [&str; 17] = [
    "kanji differ",
    "kana differ",
    "kana missing",
    "birth date differs",
    "sex differs or missing",
    "address differs or missing",
    "postal code missing",
    "insurance differs",
    "insurance missing",
    "branch missing",
    "family name changed",
    "foreign name",
    "newborn without name",
    "twin",
    "character not writable",
    "family and given swapped",
    "name in one piece",
];

impl Traits {
    pub(super) fn of(site: Site, written: &Written, person: &Person) -> Self {
        let names = Names::shipped();
        let now = person.as_of(0);
        let (family, given) = (names.family(now.family.name), names.given(person.given));
        let kana_missing = written.family_kana.is_empty();
        let swapped = written.family == given.text && written.given == family.text;
        let renamed = person.family.has_changed() && written.family != family.text && !swapped;
        let newborn = written.given == "ベビー";
        let card = written.insurance;
        let text = charset::with_variant(&written.family, written.variant);
        let unwritable = charset::iso_2022_jp(&text) != charset::iso_2022_jp(&written.family);
        let marks = [
            written.family != family.text || written.given != given.text,
            !kana_missing
                && (written.family_kana != family.kana || written.given_kana != given.kana),
            kana_missing,
            written.birth != person.birth,
            written.sex != Some(person.sex),
            site != Site::Clinic && (!written.has_address || written.home != now.home),
            site != Site::Clinic && !written.has_postal,
            card.is_some_and(|card| card != now.insurance),
            card.is_none(),
            !written.has_branch,
            renamed,
            written.roman,
            newborn,
            person.twin,
            unwritable,
            swapped,
            written.unsplit,
        ];
        let marks = marks
            .iter()
            .rev()
            .fold(0, |bits, mark| bits << 1 | u32::from(*mark));
        Self {
            person: person.number,
            household: person.household,
            site,
            marks,
        }
    }
}

/// Right and wrong pairs by kind.
#[derive(Debug, Clone, Default)]
pub struct Spots(BTreeMap<&'static str, (u64, u64)>);

/// One kind of pair.
#[derive(Debug, Clone, Copy)]
pub struct Spot {
    /// What is peculiar about the pairs.
    pub name: &'static str,
    /// Pairs that were missed, or wrongly put together.
    pub wrong: u64,
    /// All pairs of the kind.
    pub pairs: u64,
    /// The share that went wrong.
    pub share: f64,
}

impl Spots {
    /// Counts pairs of records given as (cluster, traits).
    pub(super) fn of(mut records: Vec<(u32, Traits)>) -> Self {
        let mut spots = Self::default();
        records.sort_unstable_by_key(|record| record.1.person);
        for same in records.chunk_by(|a, b| a.1.person == b.1.person) {
            each_pair(same, &mut |a, b| spots.count_true_pair(a, b));
        }
        records.sort_unstable_by_key(|record| record.0);
        for same in records.chunk_by(|a, b| a.0 == b.0) {
            each_pair(same, &mut |a, b| spots.count_found_pair(&a.1, &b.1));
        }
        spots
    }

    fn count_true_pair(&mut self, a: &(u32, Traits), b: &(u32, Traits)) {
        let missed = a.0 != b.0;
        let marks = a.1.marks | b.1.marks;
        for (bit, name) in MARKS.iter().enumerate() {
            if marks >> bit & 1 == 1 {
                self.count(name, missed);
            }
        }
        if marks == 0 {
            self.count("nothing differs", missed);
        }
        let mut sites = [a.1.site, b.1.site];
        sites.sort_unstable();
        self.count(
            match sites {
                [Site::Hospital, Site::Hospital] => "pair within the hospital",
                [Site::Hospital, Site::Town] => "pair hospital and town",
                [Site::Hospital, Site::Clinic] => "pair hospital and clinic",
                [Site::Town, Site::Clinic] => "pair town and clinic",
                [Site::Clinic, Site::Clinic] => "pair within the clinic",
                [_, _] => "pair within the town",
            },
            missed,
        );
    }

    fn count_found_pair(&mut self, a: &Traits, b: &Traits) {
        let wrong = a.person != b.person;
        self.count("put together", wrong);
        if wrong {
            let kind = match (a.household == b.household, (a.marks | b.marks) >> 13 & 1) {
                (true, 1) => "wrongly: twins or their family",
                (true, _) => "wrongly: one household",
                (false, _) => "wrongly: strangers",
            };
            self.count(kind, true);
        }
    }

    fn count(&mut self, name: &'static str, wrong: bool) {
        let entry = self.0.entry(name).or_default();
        entry.0 += u64::from(wrong);
        entry.1 += 1;
    }

    /// Adds the pairs of another set.
    pub fn merge(&mut self, other: &Self) {
        for (name, (wrong, pairs)) in &other.0 {
            let entry = self.0.entry(name).or_default();
            entry.0 += wrong;
            entry.1 += pairs;
        }
    }

    /// All kinds, the one with the most wrong pairs first.
    #[must_use]
    pub fn list(&self) -> Vec<Spot> {
        let mut list: Vec<Spot> = self
            .0
            .iter()
            .map(|(name, &(wrong, pairs))| Spot {
                name,
                wrong,
                pairs,
                share: ratio(wrong, pairs),
            })
            .collect();
        list.sort_by_key(|spot| (std::cmp::Reverse(spot.wrong), spot.name));
        list
    }
}

fn each_pair<'a>(
    records: &'a [(u32, Traits)],
    count: &mut dyn FnMut(&'a (u32, Traits), &'a (u32, Traits)),
) {
    for (place, a) in records.iter().enumerate() {
        for b in &records[place + 1..] {
            count(a, b);
        }
    }
}
