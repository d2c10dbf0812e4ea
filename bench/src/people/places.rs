//! Real towns with their postal codes, and invented house numbers in them.

use std::sync::OnceLock;

use super::dice::Dice;

/// One town of a municipality.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Prefecture.
    pub prefecture: &'static str,
    /// Municipality.
    pub city: &'static str,
    /// Town.
    pub town: &'static str,
    /// Postal code with its hyphen.
    pub postal: &'static str,
}

/// Where a household lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Address {
    /// Index into [`Places`].
    pub place: u16,
    /// District number (丁目), zero where the town has none.
    pub district: u8,
    /// Block number (番).
    pub block: u8,
    /// House number (号).
    pub house: u8,
    /// Index into [`BUILDINGS`], zero for a house of its own.
    pub building: u8,
    /// Room in the building.
    pub room: u16,
}

/// Names of apartment houses; entry zero is none.
pub const BUILDINGS: [&str; 12] = [
    "",
    "コーポ青葉",
    "メゾン若葉",
    "ハイツ桜",
    "グリーンハイツ",
    "サンライズ",
    "レジデンス中央",
    "パークサイド",
    "シャトー緑",
    "第二寿荘",
    "県営住宅",
    "市営住宅",
];

/// The town of the demo: its register is one of the sources.
pub const CITY: &str = "岐阜市";

/// All places.
pub struct Places {
    all: Vec<Place>,
    in_city: usize,
}

impl Places {
    /// The table that ships with this package: first the towns of [`CITY`], then those of its neighbour.
    ///
    /// # Panics
    /// Never: the table ships with this crate and a test reads it.
    pub fn shipped() -> &'static Self {
        static PLACES: OnceLock<Places> = OnceLock::new();
        PLACES.get_or_init(|| {
            let all: Vec<Place> = include_str!("../../data/places.tsv")
                .lines()
                .filter(|line| !line.starts_with('#'))
                .map(|line| {
                    let mut cells = line.split('\t');
                    let mut cell = || cells.next().expect("a shipped place has four cells");
                    Place {
                        prefecture: cell(),
                        city: cell(),
                        town: cell(),
                        postal: cell(),
                    }
                })
                .collect();
            let in_city = all.iter().take_while(|place| place.city == CITY).count();
            Places { all, in_city }
        })
    }

    /// The town of an address.
    #[must_use]
    pub fn of(&self, address: Address) -> &Place {
        &self.all[usize::from(address.place)]
    }

    /// Whether the address is in [`CITY`].
    #[must_use]
    pub fn is_in_city(&self, address: Address) -> bool {
        usize::from(address.place) < self.in_city
    }

    /// An address in the city or in its neighbour. Towns are of unequal size.
    ///
    /// # Panics
    /// Never: all numbers are small.
    pub fn roll(&self, dice: &mut Dice, in_city: bool) -> Address {
        let range = if in_city {
            0..self.in_city
        } else {
            self.in_city..self.all.len()
        };
        let count = u32::try_from(range.len()).expect("places are few");
        // The smaller of two draws: the first towns of the table have more people than the last.
        let index = dice.below(count).min(dice.below(count)) as usize + range.start;
        let in_building = dice.below(100) < 45;
        let mut small =
            |low, high| u8::try_from(dice.between(low, high)).expect("house numbers are below 256");
        let (district, block, house) = (small(0, 6), small(1, 60), small(1, 40));
        let building = if in_building { small(1, 11) } else { 0 };
        let room = if in_building {
            dice.between(1, 8) * 100 + dice.between(1, 12)
        } else {
            0
        };
        Address {
            place: u16::try_from(index).expect("places are few"),
            district,
            block,
            house,
            building,
            room: u16::try_from(room).expect("rooms are below 1000"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_has_a_postal_code() {
        let places = Places::shipped();
        assert!(places.in_city > 50 && places.all.len() > places.in_city + 40);
        for place in &places.all {
            let digits: Vec<&str> = place.postal.split('-').collect();
            assert_eq!((digits[0].len(), digits[1].len()), (3, 4), "{}", place.town);
        }
    }
}
