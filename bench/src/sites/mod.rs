//! What three institutions hold of the population, and the files in which they keep it.
//!
//! Each site covers an overlapping part: the town everybody who lives there (about 70 %), the hospital more of the
//! old than of the young (about 55 %), the clinic 45 %. A record shows the person as of the last contact.

pub mod charset;
pub mod clinic;
pub mod hospital;
pub mod kana;
pub mod town;
pub mod truth;

use crate::{
    errors::{self, Preset},
    people::{
        Date, Dice, Person, Population, Sex,
        insurance::{Insurance, Kind},
        names::{FamilyName, GivenName, Names},
        places::{Address, Places},
        population::dice_of,
    },
};

/// A source of records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Site {
    /// SS-MIX2 tree of ADT-00 messages.
    Hospital,
    /// Extract of the residents' register, CSV.
    Town,
    /// Claims of one month, UKE.
    Clinic,
}

impl Site {
    /// All sites.
    pub const ALL: [Self; 3] = [Self::Hospital, Self::Town, Self::Clinic];

    /// The site's name on the wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Hospital => "hospital",
            Self::Town => "town",
            Self::Clinic => "clinic",
        }
    }
}

/// A record as an institution wrote it down, before it becomes bytes.
#[derive(Debug, Clone)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each says whether one cell was filled in"
)]
pub struct Written {
    /// The institution's own number of the record.
    pub local_id: String,
    /// Number of the person whom the record is about.
    pub person: u32,
    /// Family name in usual characters.
    pub family: String,
    /// Which old form the institution writes; zero for the usual one.
    pub variant: u8,
    /// Given name.
    pub given: String,
    /// The given name in the tables, for finding another spelling.
    pub given_name: GivenName,
    /// Family name in full-width katakana; empty if not recorded.
    pub family_kana: String,
    /// Given name in full-width katakana; empty if not recorded.
    pub given_kana: String,
    /// Whether the name is in Roman letters.
    pub roman: bool,
    /// Whether the institution keeps the name in one piece.
    pub unsplit: bool,
    /// Birth date.
    pub birth: Date,
    /// Sex, if recorded.
    pub sex: Option<Sex>,
    /// Home.
    pub home: Address,
    /// Whether the address was recorded.
    pub has_address: bool,
    /// Whether the postal code was recorded.
    pub has_postal: bool,
    /// Insurance, if recorded.
    pub insurance: Option<Insurance>,
    /// Whether the branch was recorded.
    pub has_branch: bool,
    /// Former family name in parallel, if recorded.
    pub former_family: Option<FamilyName>,
    /// When the institution last heard of the person, in months before today.
    pub as_of: u32,
    /// Whether one of a multiple birth.
    pub twin: bool,
}

impl Written {
    /// The family name as the institution writes it.
    #[must_use]
    pub fn family_text(&self) -> String {
        charset::with_variant(&self.family, self.variant)
    }
}

/// Is shown every record that is written.
pub type Seen<'a> = dyn FnMut(&Written) -> std::io::Result<()> + 'a;

/// Hands every record of `site` to `sink`, in the order of people. Holds one record at a time.
///
/// # Errors
/// Whatever `sink` returns.
pub fn records<E>(
    population: &Population,
    site: Site,
    preset: Preset,
    sink: &mut dyn FnMut(Written) -> Result<(), E>,
) -> Result<(), E> {
    let bag = population.bag(&format!("{} {}", site.name(), preset.name()));
    let rates = preset.rates(site);
    let mut serial = 0;
    for person in population.people() {
        let mut dice = dice_of(&bag, person);
        if !covers(site, person, &mut dice) {
            continue;
        }
        let copies = if dice.chance(rates.duplicate) { 2 } else { 1 };
        for _ in 0..copies {
            let stale = dice.chance(rates.stale);
            let as_of = last_contact(site, stale, &mut dice).min(person.birth.months_old());
            let mut written = write_down(person, as_of, local_id(site, serial), &mut dice);
            errors::damage(&mut written, &rates, &mut dice);
            serial += 1;
            sink(written)?;
        }
    }
    Ok(())
}

fn covers(site: Site, person: &Person, dice: &mut Dice) -> bool {
    let share = match site {
        Site::Hospital => 45 + (person.birth.months_old() / 12 / 4).min(22),
        Site::Town => return Places::shipped().is_in_city(person.home.now()),
        Site::Clinic => 45,
    };
    dice.below(100) < share
}

/// Months since the institution last heard of the person.
fn last_contact(site: Site, stale: bool, dice: &mut Dice) -> u32 {
    match (site, stale) {
        (_, true) => 59,
        (Site::Town, false) => 0,
        (Site::Clinic, false) => dice.below(4),
        (Site::Hospital, false) => match dice.below(10) {
            0..5 => dice.below(7),
            5..8 => dice.between(7, 24),
            _ => dice.between(25, 58),
        },
    }
}

/// Numbers without any order that could be taken for the person's number. Both primes are larger than
/// any population, so no number comes twice.
fn local_id(site: Site, serial: u64) -> String {
    match site {
        Site::Hospital => format!("{:08}", (serial * 48_271 + 12_345) % 99_999_989),
        Site::Town => format!("{:010}", (serial * 16_807 + 777_777) % 9_999_999_967),
        Site::Clinic => format!("{:07}", serial + 1),
    }
}

fn write_down(person: &Person, as_of: u32, local_id: String, dice: &mut Dice) -> Written {
    let names = Names::shipped();
    let view = person.as_of(as_of);
    let (family, given) = (names.family(view.family.name), names.given(person.given));
    let former = person.family.as_of(u32::MAX);
    let renamed = former.name != view.family.name;
    let mut written = Written {
        local_id,
        person: person.number,
        family: family.text.clone(),
        variant: view.family.variant,
        given: given.text.clone(),
        given_name: person.given,
        family_kana: family.kana.clone(),
        given_kana: given.kana.clone(),
        roman: names.is_foreign(view.family.name),
        unsplit: false,
        birth: person.birth,
        sex: Some(person.sex),
        home: view.home,
        has_address: true,
        has_postal: true,
        insurance: Some(view.insurance),
        has_branch: true,
        // Asked for by few: the former name in parallel in the register.
        former_family: (renamed && dice.below(100) < 10).then_some(former.name),
        as_of,
        twin: person.twin,
    };
    let newborn = person.birth.months_old() == as_of && as_of > 0;
    if newborn && dice.below(100) < 10 {
        // Registered at birth, before the family had chosen a name.
        "ベビー".clone_into(&mut written.given);
        "ベビー".clone_into(&mut written.given_kana);
    }
    written
}

/// Symbol, number and branch where the record has them.
struct Card {
    insurer: String,
    symbol: String,
    number: String,
    branch: String,
}

impl Card {
    /// The card in a record, unless the person lives on public assistance.
    fn of(written: &Written) -> Option<Self> {
        let insurance = written
            .insurance
            .filter(|insurance| insurance.kind != Kind::Assistance)?;
        Some(Self {
            insurer: insurance.insurer_number(),
            symbol: insurance.symbol_text(),
            number: insurance.number_text(),
            branch: insurance
                .branch_text()
                .filter(|_| written.has_branch)
                .unwrap_or_default(),
        })
    }
}

/// House number and building in the way of one institution.
fn street(home: Address, districts: &[&str], words: [&str; 3], building: bool) -> String {
    let mut out = String::new();
    if home.district > 0 {
        out.push_str(districts[usize::from(home.district)]);
        out.push_str(words[0]);
    }
    out.push_str(&format!(
        "{}{}{}{}",
        home.block, words[1], home.house, words[2]
    ));
    if building && home.building > 0 {
        let name = crate::people::places::BUILDINGS[usize::from(home.building)];
        out.push_str(&format!(" {name}{}", home.room));
    }
    out
}

const DIGITS: [&str; 7] = ["", "1", "2", "3", "4", "5", "6"];
const KANJI_DIGITS: [&str; 7] = ["", "一", "二", "三", "四", "五", "六"];
