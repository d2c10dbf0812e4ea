//! The whole population of one seed.

use super::{
    dice::{Dice, DiceBag},
    life,
    person::Person,
};
use crate::limits::PEOPLE_MAX;

/// Everybody, in the order of their numbers. Members of a household stand together.
pub struct Population {
    seed: u64,
    people: Vec<Person>,
}

impl Population {
    /// Makes `people` people. A smaller population of the same seed is the beginning of a larger one.
    ///
    /// # Panics
    /// If more than [`PEOPLE_MAX`] are asked for.
    #[must_use]
    pub fn generate(people: u32, seed: u64) -> Self {
        assert!(people <= PEOPLE_MAX, "callers check the bound");
        let bag = DiceBag::new(seed, "households");
        let mut all = Vec::with_capacity(people as usize + 8);
        let mut household = 0;
        while all.len() < people as usize {
            all.extend(life::household(
                &mut bag.at(u64::from(household)),
                household,
            ));
            household += 1;
        }
        all.truncate(people as usize);
        for (number, person) in (0..).zip(&mut all) {
            person.number = number;
        }
        Self { seed, people: all }
    }

    /// The same people in parts, without end: of each at least `size`, and whole households.
    #[must_use]
    pub fn shards(seed: u64, size: u32) -> Shards {
        Shards {
            bag: DiceBag::new(seed, "households"),
            seed,
            size,
            household: 0,
            number: 0,
        }
    }

    /// Everybody.
    #[must_use]
    pub fn people(&self) -> &[Person] {
        &self.people
    }

    /// The seed.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Dice for one purpose, independent of all others.
    #[must_use]
    pub fn bag(&self, purpose: &str) -> DiceBag {
        DiceBag::new(self.seed, purpose)
    }
}

/// Parts of one population, in the order of people. They keep their numbers.
pub struct Shards {
    bag: DiceBag,
    seed: u64,
    size: u32,
    household: u32,
    number: u32,
}

impl Iterator for Shards {
    type Item = Population;

    fn next(&mut self) -> Option<Population> {
        let mut people = Vec::with_capacity(self.size as usize + 16);
        while people.len() < self.size as usize {
            let mut dice = self.bag.at(u64::from(self.household));
            people.extend(life::household(&mut dice, self.household));
            self.household += 1;
        }
        for person in &mut people {
            person.number = self.number;
            self.number += 1;
        }
        Some(Population {
            seed: self.seed,
            people,
        })
    }
}

/// Dice for one person from a bag.
#[must_use]
pub fn dice_of(bag: &DiceBag, person: &Person) -> Dice {
    bag.at(u64::from(person.number))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::people::{insurance::Kind, person::TODAY};

    #[test]
    fn the_same_seed_makes_the_same_people() {
        let (a, b) = (Population::generate(500, 3), Population::generate(700, 3));
        let text = |population: &Population| format!("{:?}", &population.people()[..490]);
        assert_eq!(
            text(&a),
            text(&b),
            "a smaller population is the beginning of a larger one"
        );
        assert_ne!(text(&a), text(&Population::generate(500, 4)));
    }

    #[test]
    fn shards_are_the_population_in_parts() {
        let whole = Population::generate(1000, 3);
        let parts = Population::shards(3, 300).flat_map(|shard| shard.people);
        let parts: Vec<Person> = parts.take(1000).collect();
        assert_eq!(format!("{:?}", whole.people()), format!("{parts:?}"));
    }

    #[test]
    fn events_are_as_frequent_as_set() {
        let population = Population::generate(40_000, 1);
        let count = |test: fn(&Person) -> bool| {
            population
                .people()
                .iter()
                .filter(|person| test(person))
                .count()
                * 1000
                / 40_000
        };
        // Per thousand people.
        assert!(
            (8..35).contains(&count(|p| p.twin)),
            "{}",
            count(|p| p.twin)
        );
        assert!((150..300).contains(&count(|p| p.home.has_changed())));
        assert!((10..60).contains(&count(|p| p.family.has_changed())));
        let elderly = count(|p| p.insurance.now().kind == Kind::LateElderly);
        assert!((90..260).contains(&elderly), "{elderly}");
        assert!(population.people().iter().all(|p| p.birth < TODAY));
        let turned =
            count(|p| p.insurance.now().kind == Kind::LateElderly && p.insurance.has_changed());
        assert!((15..90).contains(&turned), "{turned}");
    }
}
