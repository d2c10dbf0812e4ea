//! Households: who lives together, and what happened to them in the last five years.
//!
//! Shares are set by hand to resemble the census and vital statistics: about two in a hundred births are
//! twins, four in a hundred people move each year, six in a hundred workers change insurer, and everybody
//! gets a new insurer on the 75th birthday.

use super::{
    dice::Dice,
    insurance::{Insurance, Kind},
    names::Names,
    person::{Changing, Date, Family, MEMORY_MONTHS, Person, Sex},
    places::{Address, Places},
};

/// Households in a hundred that live in the city itself.
const IN_CITY: u32 = 70;
/// Parts in 100,000: households of foreign residents.
const FOREIGN: u32 = 1_500;
/// Parts in 100,000: families whose register entry has an old form of a character.
const VARIANT: u32 = 3_000;
/// Parts in 100,000: births that are twin births.
const TWIN_BIRTHS: u32 = 1_000;
/// Parts in 100,000: sons named so that they read like their fathers.
const NAMED_AFTER: u32 = 100;
/// Age from which the insurance for the late elderly applies, in months.
const LATE_ELDERLY_MONTHS: u32 = 75 * 12;

/// Who lives together.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    Single,
    Couple,
    Family,
    SingleParent,
    ThreeGenerations,
}

/// Makes one household. Numbers are given by the caller.
pub(super) fn household(dice: &mut Dice, number: u32) -> Vec<Person> {
    let shape = match dice.below(100) {
        0..36 => Shape::Single,
        36..57 => Shape::Couple,
        57..84 => Shape::Family,
        84..93 => Shape::SingleParent,
        _ => Shape::ThreeGenerations,
    };
    let mut maker = Maker::new(dice, number, shape);
    maker.head(shape);
    if !matches!(shape, Shape::Single | Shape::SingleParent) {
        maker.spouse();
    }
    if !matches!(shape, Shape::Single | Shape::Couple) {
        maker.children();
    }
    if shape == Shape::ThreeGenerations {
        maker.grandparents();
    }
    maker.members
}

struct Maker<'a> {
    dice: &'a mut Dice,
    names: &'static Names,
    household: u32,
    foreign: bool,
    family: Family,
    head_age: u32,
    home: Changing<Address>,
    insurance: Changing<Insurance>,
    members: Vec<Person>,
}

impl<'a> Maker<'a> {
    fn new(dice: &'a mut Dice, household: u32, shape: Shape) -> Self {
        let names = Names::shipped();
        let foreign = dice.chance(FOREIGN);
        let name = if foreign {
            names.roll_foreign_family(dice)
        } else {
            names.roll_family(dice)
        };
        let variant = if dice.chance(VARIANT) {
            dice.between(1, 2)
        } else {
            0
        };
        let family = Family {
            name,
            variant: u8::try_from(variant).expect("two variants"),
        };
        let head_age = match shape {
            Shape::Single => match dice.below(10) {
                0..3 => dice.between(20, 34),
                3..6 => dice.between(35, 64),
                _ => dice.between(65, 95),
            },
            Shape::Couple => dice.between(28, 92).max(dice.between(28, 92)),
            Shape::Family => dice.between(27, 57),
            Shape::SingleParent => dice.between(25, 55),
            Shape::ThreeGenerations => dice.between(34, 58),
        };
        let home = roll_home(dice);
        let insurance = roll_insurance(dice, home, head_age < 65);
        Self {
            dice,
            names,
            household,
            foreign,
            family,
            head_age,
            home,
            insurance,
            members: Vec::new(),
        }
    }

    fn head(&mut self, shape: Shape) {
        let women = match shape {
            Shape::Single => 50,
            Shape::SingleParent => 87,
            Shape::Couple | Shape::Family | Shape::ThreeGenerations => 5,
        };
        let sex = if self.dice.below(100) < women {
            Sex::Female
        } else {
            Sex::Male
        };
        let birth = self.birth(self.head_age);
        let mut head = self.person(sex, birth, self.insurance);
        if shape == Shape::SingleParent && sex == Sex::Female && self.dice.below(100) < 25 {
            // Divorced within memory: back to the name before marriage, and out of the common home.
            let months = self.dice.below(MEMORY_MONTHS);
            let former = self.other_family();
            head.family = Changing::changed(former, self.family, months);
        }
        let apart = self
            .dice
            .chance(TWIN_BIRTHS)
            .then(|| self.twin_apart(&mut head));
        self.push(head);
        apart.into_iter().for_each(|twin| self.push(twin));
    }

    /// A grown-up twin with a home and an insurance of its own. Counted to this household all the same.
    fn twin_apart(&mut self, head: &mut Person) -> Person {
        head.twin = true;
        let home = roll_home(self.dice);
        let insurance = roll_insurance(self.dice, home, self.head_age < 65);
        let sex = if self.dice.below(100) < 67 {
            head.sex
        } else {
            head.sex.other()
        };
        let mut twin = self.person(sex, head.birth, insurance);
        while twin.given == head.given {
            twin.given = self.roll_given(sex, head.birth);
        }
        Person {
            home,
            twin: true,
            ..twin
        }
    }

    fn spouse(&mut self) {
        let head = self.members[0];
        let age = (self.head_age + 2)
            .saturating_sub(self.dice.below(7))
            .max(20);
        let birth = self.birth(age);
        let own = age < 65 && self.dice.below(100) < 45;
        let insurance = if own {
            roll_insurance(self.dice, self.home, true)
        } else {
            dependant(self.insurance, 1)
        };
        let mut spouse = self.person(head.sex.other(), birth, insurance);
        if self.foreign {
            spouse.family = Changing::always(self.other_family());
        } else if age < 42 && self.dice.below(100) < 30 {
            self.wedding(&mut spouse, age);
        }
        self.push(spouse);
    }

    /// A wedding within memory: a new name and home for the spouse, often a new home for the head.
    fn wedding(&mut self, spouse: &mut Person, age: u32) {
        let months = self.dice.below(MEMORY_MONTHS);
        let single = roll_insurance(self.dice, self.home, age < 65).now();
        spouse.family = Changing::changed(self.other_family(), self.family, months);
        let former = roll_address(self.dice);
        spouse.home = Changing::changed(former, self.home.now(), months);
        if !spouse.insurance.has_changed() && self.dice.below(100) < 60 {
            spouse.insurance = Changing::changed(single, spouse.insurance.now(), months);
        }
        if self.dice.below(100) < 70 {
            let former = roll_address(self.dice);
            self.home = Changing::changed(former, self.home.now(), months);
            self.members[0].home = self.home;
        }
    }

    fn children(&mut self) {
        let count = match self.dice.below(10) {
            0..4 => 1,
            4..8 => 2,
            _ => 3,
        };
        let mut age = self.head_age.saturating_sub(self.dice.between(24, 33));
        for _ in 0..count {
            let birth = self.birth(age.min(29));
            let twins = self.dice.chance(TWIN_BIRTHS);
            let sex = self.any_sex();
            self.child(sex, birth, twins);
            if twins {
                // A third are identical; of the others half have the same sex.
                let sex = if self.dice.below(100) < 67 {
                    sex
                } else {
                    sex.other()
                };
                self.child(sex, birth, true);
            }
            match age.checked_sub(self.dice.between(1, 4)) {
                Some(next) => age = next,
                None => break,
            }
        }
    }

    fn child(&mut self, sex: Sex, birth: Date, twin: bool) {
        let branch = u8::try_from(self.members.len()).unwrap_or(u8::MAX);
        let grown = birth.months_old() > 22 * 12;
        let insurance = if grown {
            roll_insurance(self.dice, self.home, true)
        } else {
            dependant(self.insurance, branch)
        };
        let mut child = self.person(sex, birth, insurance);
        child.twin = twin;
        while self.members.iter().any(|other| other.given == child.given) {
            child.given = self.roll_given(sex, birth);
        }
        let father = self.members[0];
        if sex == Sex::Male && father.sex == Sex::Male && self.dice.chance(NAMED_AFTER) {
            child.given = self.names.same_reading(father.given);
        }
        self.push(child);
    }

    fn grandparents(&mut self) {
        let age = self.head_age + self.dice.between(23, 33);
        for sex in [Sex::Male, Sex::Female] {
            if self.dice.below(100) < if sex == Sex::Male { 55 } else { 85 } {
                let age = (age + 2).saturating_sub(self.dice.below(6));
                let birth = self.birth(age);
                let insurance = roll_insurance(self.dice, self.home, false);
                let person = self.person(sex, birth, insurance);
                self.push(person);
            }
        }
    }

    fn person(&mut self, sex: Sex, birth: Date, insurance: Changing<Insurance>) -> Person {
        Person {
            number: 0,
            household: self.household,
            sex,
            birth,
            given: self.roll_given(sex, birth),
            family: Changing::always(self.family),
            home: self.home,
            insurance,
            twin: false,
        }
    }

    /// Adds a member after the 75th birthday had its effect.
    fn push(&mut self, mut person: Person) {
        let late = person.birth.months_old().checked_sub(LATE_ELDERLY_MONTHS);
        let before = person.insurance.now();
        if let Some(months) = late.filter(|_| before.kind != Kind::Assistance) {
            let now = Insurance::of_kind(self.dice, Kind::LateElderly, true);
            person.insurance = if months < MEMORY_MONTHS {
                Changing::changed(before, now, months)
            } else {
                Changing::always(now)
            };
        }
        self.members.push(person);
    }

    fn roll_given(&mut self, sex: Sex, birth: Date) -> super::names::GivenName {
        if self.foreign {
            self.names.roll_foreign_given(self.dice)
        } else {
            self.names.roll_given(self.dice, sex, birth.year)
        }
    }

    fn other_family(&mut self) -> Family {
        let name = if self.foreign {
            self.names.roll_foreign_family(self.dice)
        } else {
            self.names.roll_family(self.dice)
        };
        Family { name, variant: 0 }
    }

    fn any_sex(&mut self) -> Sex {
        if self.dice.below(1000) < 512 {
            Sex::Male
        } else {
            Sex::Female
        }
    }

    fn birth(&mut self, age: u32) -> Date {
        let mut date = Date::months_ago(age * 12 + self.dice.below(12) + 1);
        let days = u32::from(date.days_in_month());
        date.day = u8::try_from(self.dice.between(1, days)).expect("a day is at most 31");
        date
    }
}

fn roll_address(dice: &mut Dice) -> Address {
    let in_city = dice.below(100) < IN_CITY;
    Places::shipped().roll(dice, in_city)
}

fn roll_home(dice: &mut Dice) -> Changing<Address> {
    let now = roll_address(dice);
    if dice.below(100) >= 20 {
        return Changing::always(now);
    }
    let months = dice.below(MEMORY_MONTHS);
    let same_city = dice.below(100) < 60;
    let in_city = Places::shipped().is_in_city(now) == same_city;
    Changing::changed(Places::shipped().roll(dice, in_city), now, months)
}

/// A household's insurance, with a change of job or of municipality where there was one.
fn roll_insurance(dice: &mut Dice, home: Changing<Address>, working: bool) -> Changing<Insurance> {
    let in_city = |address| Places::shipped().is_in_city(address);
    let now = Insurance::roll(dice, in_city(home.now()), working);
    if working && dice.below(100) < 28 {
        let before = Insurance::roll(dice, in_city(home.now()), true);
        return Changing::changed(before, now, dice.below(MEMORY_MONTHS));
    }
    let moved =
        (0..MEMORY_MONTHS).find(|&months| in_city(home.as_of(months)) != in_city(home.now()));
    match moved {
        Some(months) if now.kind == Kind::Municipal => {
            let before = Insurance::of_kind(dice, Kind::Municipal, !in_city(home.now()));
            Changing::changed(before.with_branch(0), now.with_branch(0), months - 1)
        }
        Some(_) | None => Changing::always(now.with_branch(0)),
    }
}

/// The insurance of a dependant: the household's, with a branch of its own.
fn dependant(insurance: Changing<Insurance>, branch: u8) -> Changing<Insurance> {
    insurance.map(|insurance| insurance.with_branch(branch))
}
