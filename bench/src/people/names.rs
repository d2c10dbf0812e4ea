//! Family and given names with kana readings, as frequent as in Japan.

use std::{collections::BTreeSet, sync::OnceLock};

use super::{dice::Dice, person::Sex};

/// One written name and its reading in full-width katakana. Roman names have the Roman form as `text`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    /// As written.
    pub text: String,
    /// As read.
    pub kana: String,
}

/// Number of a family name in [`Names`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FamilyName(pub u32);

/// Number of a given name in [`Names`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GivenName(pub u32);

/// A range of entries with the running sums of their weights.
struct Choice {
    start: u32,
    running_sums: Vec<u32>,
}

impl Choice {
    fn roll(&self, dice: &mut Dice) -> u32 {
        self.start + index(dice.weighted(&self.running_sums))
    }
}

/// All names and how often they occur.
pub struct Names {
    families: Vec<Name>,
    givens: Vec<Name>,
    family: Choice,
    foreign_family: Choice,
    /// By sex, then by period of birth 0 to 5.
    given: [Vec<Choice>; 2],
    /// By sex, then by band of two periods.
    composed_given: [Vec<Choice>; 2],
    foreign_given: Choice,
}

/// Last birth year of each period but the last; see `data/given_names.txt`.
const PERIOD_ENDS: [u16; 5] = [1944, 1959, 1974, 1989, 2004];
/// Bearers of all surnames together, the unit of the surname table.
const FAMILY_TOTAL: u32 = 1_000_000;
/// Flattens the composed tail so that its most frequent name stays below the rarest listed one.
const TAIL_OFFSET: u32 = 400;

impl Names {
    /// The tables that ship with this package.
    pub fn shipped() -> &'static Self {
        static NAMES: OnceLock<Names> = OnceLock::new();
        NAMES.get_or_init(Self::build)
    }

    /// A family name.
    #[must_use]
    pub fn family(&self, name: FamilyName) -> &Name {
        &self.families[name.0 as usize]
    }

    /// A given name.
    #[must_use]
    pub fn given(&self, name: GivenName) -> &Name {
        &self.givens[name.0 as usize]
    }

    /// Whether the name is written in Roman letters.
    #[must_use]
    pub fn is_foreign(&self, name: FamilyName) -> bool {
        name.0 >= self.foreign_family.start
    }

    /// Draws a Japanese family name.
    pub fn roll_family(&self, dice: &mut Dice) -> FamilyName {
        FamilyName(self.family.roll(dice))
    }

    /// Draws the family name of a foreign resident.
    pub fn roll_foreign_family(&self, dice: &mut Dice) -> FamilyName {
        FamilyName(self.foreign_family.roll(dice))
    }

    /// Draws the given name of a foreign resident.
    pub fn roll_foreign_given(&self, dice: &mut Dice) -> GivenName {
        GivenName(self.foreign_given.roll(dice))
    }

    /// Draws a Japanese given name for somebody born in `year`: mostly of the period, some of a
    /// period beside it, some composed.
    pub fn roll_given(&self, dice: &mut Dice, sex: Sex, year: u16) -> GivenName {
        let lists = &self.given[sex.index()];
        let period = PERIOD_ENDS.partition_point(|&end| end < year);
        let roll = dice.below(100);
        GivenName(if roll < 65 {
            lists[period].roll(dice)
        } else if roll < 80 {
            let beside = if dice.below(2) == 0 {
                period.saturating_sub(1)
            } else {
                period + 1
            };
            lists[beside.min(lists.len() - 1)].roll(dice)
        } else {
            self.composed_given[sex.index()][period / 2].roll(dice)
        })
    }

    /// The first other name that reads the same, or the name itself if there is none.
    #[must_use]
    pub fn same_reading(&self, name: GivenName) -> GivenName {
        let kana = &self.given(name).kana;
        let text = &self.given(name).text;
        let other = self
            .givens
            .iter()
            .position(|other| other.kana == *kana && other.text != *text);
        other.map_or(name, |position| GivenName(index(position)))
    }

    /// Another spelling of the same reading, if the tables have one: the clerk's wrong guess.
    #[must_use]
    pub fn homophone(&self, name: GivenName, dice: &mut Dice) -> Option<&Name> {
        let name = self.given(name);
        let others: Vec<&Name> = self
            .givens
            .iter()
            .filter(|other| other.kana == name.kana && other.text != name.text)
            .collect();
        (!others.is_empty()).then(|| dice.pick(&others))
    }

    fn build() -> Self {
        let (mut families, family) = families();
        let foreign: Vec<Vec<Name>> = lines(include_str!("../../data/foreign_names.txt"))
            .map(|line| line.split(' ').skip(1).map(pair).collect())
            .collect();
        let foreign_family = even(&mut families, &foreign[0]);
        let mut givens = Vec::new();
        let (mut given, mut composed) = ([Vec::new(), Vec::new()], [Vec::new(), Vec::new()]);
        for line in lines(include_str!("../../data/given_names.txt")) {
            let sex = if line.starts_with('m') { 0 } else { 1 };
            let names: Vec<Name> = line.split(' ').skip(2).map(pair).collect();
            let weights = (0..index(names.len())).map(|rank| 10_000 / (rank + 5));
            given[sex].push(append(&mut givens, &names, weights));
        }
        for [first, second] in part_lines("given ") {
            let sex = usize::from(first.starts_with("given f"));
            let names = compose(&parts(first), &parts(second), &BTreeSet::new());
            composed[sex].push(even(&mut givens, &names));
        }
        let foreign_given = even(&mut givens, &foreign[1]);
        Self {
            families,
            givens,
            family,
            foreign_family,
            given,
            composed_given: composed,
            foreign_given,
        }
    }
}

fn families() -> (Vec<Name>, Choice) {
    let (mut names, mut weights) = (Vec::new(), Vec::new());
    for line in lines(include_str!("../../data/surnames.tsv")) {
        let cells: Vec<&str> = line.split('\t').collect();
        names.push(Name {
            text: cells[0].to_owned(),
            kana: cells[1].to_owned(),
        });
        weights.push(
            cells[2]
                .parse::<u32>()
                .expect("a shipped weight is a number"),
        );
    }
    let listed = names.iter().map(|name| name.text.clone()).collect();
    let [first, second] = part_lines("family ")
        .next()
        .expect("the shipped parts have families");
    let tail = compose(&parts(first), &parts(second), &listed);
    let rest = u64::from(FAMILY_TOTAL - weights.iter().sum::<u32>());
    // A rank that has nothing to do with the order of the table: 7,919 is prime and no divisor.
    let count = index(tail.len());
    let ranks: Vec<u32> = (0..count).map(|i| i * 7_919 % count).collect();
    let shares = |rank: u32| u64::from(1_000_000_000 / (rank + TAIL_OFFSET));
    let total: u64 = ranks.iter().map(|&rank| shares(rank)).sum();
    // In thousandths of a bearer, because the rarest names are far below one in a million.
    weights.iter_mut().for_each(|weight| *weight *= 1000);
    weights.extend(ranks.iter().map(|&rank| {
        u32::try_from(rest * 1000 * shares(rank) / total).expect("a share is below the total")
    }));
    names.extend(tail);
    let mut all = Vec::new();
    let choice = append(&mut all, &names, weights.into_iter());
    (all, choice)
}

/// Adds `names` with their weights to `table`.
fn append(table: &mut Vec<Name>, names: &[Name], weights: impl Iterator<Item = u32>) -> Choice {
    let start = index(table.len());
    table.extend_from_slice(names);
    let running_sums = weights
        .scan(0, |sum, weight| {
            *sum += weight;
            Some(*sum)
        })
        .collect();
    Choice {
        start,
        running_sums,
    }
}

fn even(table: &mut Vec<Name>, names: &[Name]) -> Choice {
    append(table, names, std::iter::repeat_n(1, names.len()))
}

fn compose(first: &[Name], second: &[Name], listed: &BTreeSet<String>) -> Vec<Name> {
    let mut names = Vec::new();
    for a in first {
        for b in second {
            let text = format!("{}{}", a.text, b.text);
            if !b.text.starts_with(&a.text) && !listed.contains(&text) {
                names.push(Name {
                    text,
                    kana: format!("{}{}", a.kana, b.kana),
                });
            }
        }
    }
    names
}

fn lines(text: &'static str) -> impl Iterator<Item = &'static str> {
    text.lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
}

/// Lines of first halves, each with the line of second halves that follows it.
fn part_lines(kind: &str) -> impl Iterator<Item = [&'static str; 2]> {
    let all: Vec<&str> = lines(include_str!("../../data/name_parts.txt"))
        .filter(|line| line.starts_with(kind))
        .collect();
    let pairs: Vec<[&str; 2]> = all.chunks_exact(2).map(|pair| [pair[0], pair[1]]).collect();
    pairs.into_iter()
}

fn parts(line: &str) -> Vec<Name> {
    line.split(' ')
        .filter(|part| part.contains(':'))
        .map(pair)
        .collect()
}

fn pair(text: &str) -> Name {
    let (text, kana) = text.split_once(':').expect("a shipped name has a reading");
    Name {
        text: text.to_owned(),
        kana: kana.to_owned(),
    }
}

fn index(value: usize) -> u32 {
    u32::try_from(value).expect("name tables are small")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::people::dice::DiceBag;

    #[test]
    fn the_tables_hold_what_they_say() {
        let names = Names::shipped();
        assert!(names.families.len() > 10_000);
        assert!(names.given.iter().all(|periods| periods.len() == 6));
        assert!(names.composed_given.iter().all(|bands| bands.len() == 3));
        for name in names.families.iter().chain(&names.givens) {
            assert!(!name.text.is_empty() && !name.kana.is_empty());
            assert!(
                name.kana
                    .chars()
                    .all(|c| ('ァ'..='ヺ').contains(&c) || c == 'ー'),
                "{}",
                name.kana
            );
        }
    }

    #[test]
    fn surnames_are_as_frequent_as_surveyed() {
        let names = Names::shipped();
        let mut dice = DiceBag::new(1, "surnames").at(0);
        let draws = 200_000;
        let (mut sato, mut top_ten, mut top_hundred) = (0, 0, 0);
        for _ in 0..draws {
            let name = names.roll_family(&mut dice).0;
            sato += u32::from(name == 0);
            top_ten += u32::from(name < 10);
            top_hundred += u32::from(name < 100);
        }
        let share = |count: u32| f64::from(count) * 100.0 / f64::from(draws);
        assert!((share(sato) - 1.53).abs() < 0.15, "{}", share(sato));
        assert!((share(top_ten) - 10.22).abs() < 0.4, "{}", share(top_ten));
        assert!(
            (share(top_hundred) - 33.38).abs() < 0.6,
            "{}",
            share(top_hundred)
        );
    }
}
