//! What goes wrong between a person and a record, in three presets.
//!
//! Rates are parts in 100,000 records. Anchors: names differ between two registers in 0.87 % beyond variants
//! of kanji; birth date or sex differ in 1.7e-5 where a national number is the key and in 0.3 to 1 % where
//! clerks type them; kana errors (small as large, lost voiced marks) 1 to 2 %; a character that cannot be
//! written 0.2 to 1 %; old forms 2 to 4 % of bearers; in two published registers 59 % and 85 % of the
//! keys were damaged (the stress preset). Habits of an institution matter more than single slips, so they
//! stand beside the rates.

use crate::{
    people::{Date, Dice, Sex, names::Names},
    sites::{Site, Written, kana},
};

/// What makes 59 % of the stress preset's damage, measured with seeds 101 to 103.
const STRESS_59_PERMILLE: u32 = 852;
/// What makes 85 % of it.
const STRESS_85_PERMILLE: u32 = 1_855;
/// Most of a site's records that one kind of damage reaches, in 100,000: a field that nobody fills in is no
/// damage but another kind of site.
const SCALED_MAX: u32 = 80_000;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Preset {
    /// Registers that follow a law: hardly any slips, no habits.
    CleanRegister,
    /// Two institutions with clerks and old systems beside one register.
    TypicalHospital,
    /// Most records damaged somewhere.
    Stress,
    /// The same damage, thinned until 59 % of what hospital and town both hold differs in a name, the
    /// birth date, the sex or the address.
    Stress59,
    /// The same damage, made denser until 85 % of it differs.
    Stress85,
}

impl Preset {
    /// All presets.
    pub const ALL: [Self; 5] = [
        Self::CleanRegister,
        Self::TypicalHospital,
        Self::Stress59,
        Self::Stress,
        Self::Stress85,
    ];

    /// The preset's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::CleanRegister => "clean-register",
            Self::TypicalHospital => "typical-hospital",
            Self::Stress => "stress",
            Self::Stress59 => "stress-59",
            Self::Stress85 => "stress-85",
        }
    }

    /// The rates of one site.
    #[must_use]
    pub fn rates(self, site: Site) -> Rates {
        match (self, site) {
            (Self::CleanRegister, Site::Hospital | Site::Town | Site::Clinic) => Rates::CLEAN,
            (Self::TypicalHospital, Site::Hospital) => Rates::TYPICAL_HOSPITAL,
            (Self::TypicalHospital, Site::Town) => Rates::TYPICAL_TOWN,
            (Self::TypicalHospital, Site::Clinic) => Rates::TYPICAL_CLINIC,
            (Self::Stress, Site::Hospital | Site::Town) => Rates::STRESS_HOSPITAL,
            (Self::Stress, Site::Clinic) => Rates::STRESS_CLINIC,
            (Self::Stress59, site) => Self::Stress.rates(site).scaled(STRESS_59_PERMILLE),
            (Self::Stress85, site) => Self::Stress.rates(site).scaled(STRESS_85_PERMILLE),
        }
    }
}

/// Parts in 100,000 records, unless said otherwise, and habits.
#[derive(Debug, Clone, Copy)]
pub struct Rates {
    /// Habit: the system has no small kana.
    pub large_kana: bool,
    /// Small kana typed large, of records that have some.
    pub kana_small: u32,
    /// A voiced mark lost or added.
    pub kana_voiced: u32,
    /// The long vowel mark typed as some dash.
    pub kana_dash: u32,
    /// Another kana.
    pub kana_typo: u32,
    /// No kana at all.
    pub kana_missing: u32,
    /// The given name in other characters of the same reading.
    pub kanji_homophone: u32,
    /// An old form of a character replaced by the usual one, of bearers.
    pub variant_folded: u32,
    /// Family and given name exchanged.
    pub name_swapped: u32,
    /// Family and given name in one field.
    pub name_unsplit: u32,
    /// A title or a note behind the name.
    pub name_note: u32,
    /// A wrong digit, a neighbouring day, day and month exchanged.
    pub birth_typo: u32,
    /// A placeholder.
    pub birth_dummy: u32,
    /// The other sex.
    pub sex_wrong: u32,
    /// Sex not recorded.
    pub sex_missing: u32,
    /// No address.
    pub address_missing: u32,
    /// No postal code.
    pub postal_missing: u32,
    /// A wrong digit in postal code or house number.
    pub address_typo: u32,
    /// No insurance.
    pub insurance_missing: u32,
    /// No branch.
    pub branch_missing: u32,
    /// A wrong digit in the insured's number.
    pub number_typo: u32,
    /// Never brought up to date: known as of five years ago.
    pub stale: u32,
    /// A second record of the same person.
    pub duplicate: u32,
}

impl Rates {
    const CLEAN: Self = Self {
        large_kana: false,
        kana_small: 20,
        kana_voiced: 20,
        kana_dash: 0,
        kana_typo: 20,
        kana_missing: 0,
        kanji_homophone: 50,
        variant_folded: 10_000,
        name_swapped: 0,
        name_unsplit: 0,
        name_note: 0,
        birth_typo: 2,
        birth_dummy: 0,
        sex_wrong: 2,
        sex_missing: 0,
        address_missing: 0,
        postal_missing: 0,
        address_typo: 20,
        insurance_missing: 0,
        branch_missing: 500,
        number_typo: 10,
        stale: 0,
        duplicate: 50,
    };
    const TYPICAL_HOSPITAL: Self = Self {
        large_kana: true,
        kana_small: 1_000,
        kana_voiced: 700,
        kana_dash: 300,
        kana_typo: 300,
        kana_missing: 300,
        kanji_homophone: 400,
        variant_folded: 60_000,
        name_swapped: 60,
        name_unsplit: 3_000,
        name_note: 200,
        birth_typo: 500,
        birth_dummy: 20,
        sex_wrong: 100,
        sex_missing: 200,
        address_missing: 800,
        postal_missing: 3_000,
        address_typo: 500,
        insurance_missing: 6_000,
        branch_missing: 15_000,
        number_typo: 300,
        stale: 3_000,
        duplicate: 800,
    };
    const TYPICAL_TOWN: Self = Self {
        kana_small: 300,
        kana_voiced: 300,
        kana_typo: 100,
        duplicate: 0,
        ..Self::CLEAN
    };
    const TYPICAL_CLINIC: Self = Self {
        large_kana: false,
        kana_missing: 30_000,
        kanji_homophone: 500,
        name_swapped: 50,
        name_unsplit: 4_000,
        name_note: 50,
        birth_typo: 300,
        birth_dummy: 0,
        sex_missing: 0,
        insurance_missing: 0,
        branch_missing: 3_000,
        number_typo: 50,
        stale: 500,
        duplicate: 300,
        ..Self::TYPICAL_HOSPITAL
    };
    const STRESS_HOSPITAL: Self = Self {
        kana_small: 10_000,
        kana_voiced: 8_000,
        kana_dash: 2_000,
        kana_typo: 6_000,
        kana_missing: 8_000,
        kanji_homophone: 6_000,
        name_swapped: 1_000,
        name_unsplit: 20_000,
        name_note: 2_000,
        birth_typo: 5_000,
        birth_dummy: 500,
        sex_wrong: 1_000,
        sex_missing: 2_000,
        address_missing: 10_000,
        postal_missing: 15_000,
        address_typo: 5_000,
        insurance_missing: 30_000,
        branch_missing: 40_000,
        number_typo: 3_000,
        stale: 20_000,
        duplicate: 2_000,
        ..Self::TYPICAL_HOSPITAL
    };
    const STRESS_CLINIC: Self = Self {
        kana_typo: 12_000,
        kana_missing: 50_000,
        kanji_homophone: 12_000,
        birth_typo: 10_000,
        name_unsplit: 50_000,
        ..Self::STRESS_HOSPITAL
    };
}

impl Rates {
    /// The same habits and every slip so much as often. How often records are doubled, and how the
    /// institution writes old forms of characters, stays.
    fn scaled(self, permille: u32) -> Self {
        let scale = |rate: u32| (rate * permille / 1000).min(SCALED_MAX.max(rate));
        Self {
            large_kana: self.large_kana,
            kana_small: scale(self.kana_small),
            kana_voiced: scale(self.kana_voiced),
            kana_dash: scale(self.kana_dash),
            kana_typo: scale(self.kana_typo),
            kana_missing: scale(self.kana_missing),
            kanji_homophone: scale(self.kanji_homophone),
            variant_folded: self.variant_folded,
            name_swapped: scale(self.name_swapped),
            name_unsplit: scale(self.name_unsplit),
            name_note: scale(self.name_note),
            birth_typo: scale(self.birth_typo),
            birth_dummy: scale(self.birth_dummy),
            sex_wrong: scale(self.sex_wrong),
            sex_missing: scale(self.sex_missing),
            address_missing: scale(self.address_missing),
            postal_missing: scale(self.postal_missing),
            address_typo: scale(self.address_typo),
            insurance_missing: scale(self.insurance_missing),
            branch_missing: scale(self.branch_missing),
            number_typo: scale(self.number_typo),
            stale: scale(self.stale),
            duplicate: self.duplicate,
        }
    }
}

/// Writes a record down as badly as `rates` say.
pub fn damage(record: &mut Written, rates: &Rates, dice: &mut Dice) {
    damage_kanji(record, rates, dice);
    damage_kana(record, rates, dice);
    if dice.chance(rates.name_swapped) {
        std::mem::swap(&mut record.family, &mut record.given);
        std::mem::swap(&mut record.family_kana, &mut record.given_kana);
    }
    record.unsplit = dice.chance(rates.name_unsplit);
    if dice.chance(rates.name_note) {
        record
            .given
            .push_str(dice.pick(&["様", "（同姓同名）", "　様"]));
    }
    if dice.chance(rates.birth_typo) {
        record.birth = mistyped(record.birth, dice);
    }
    if dice.chance(rates.birth_dummy) {
        record.birth = Date {
            year: 1900,
            month: 1,
            day: 1,
        };
    }
    if dice.chance(rates.sex_wrong) {
        record.sex = record.sex.map(Sex::other);
    }
    if dice.chance(rates.sex_missing) {
        record.sex = None;
    }
    if dice.chance(rates.address_typo) {
        record.home.house = record.home.house % 40 + 1;
    }
    record.has_postal = !dice.chance(rates.postal_missing);
    record.has_address = !dice.chance(rates.address_missing);
    damage_insurance(record, rates, dice);
}

fn damage_kanji(record: &mut Written, rates: &Rates, dice: &mut Dice) {
    if record.variant > 0 && dice.chance(rates.variant_folded) {
        record.variant = 0;
    }
    if dice.chance(rates.kanji_homophone)
        && let Some(other) = Names::shipped().homophone(record.given_name, dice)
    {
        record.given.clone_from(&other.text);
    }
}

fn damage_kana(record: &mut Written, rates: &Rates, dice: &mut Dice) {
    let small = dice.chance(rates.kana_small) || rates.large_kana;
    let voiced = dice.chance(rates.kana_voiced);
    let dash = dice.chance(rates.kana_dash);
    let typo = dice.chance(rates.kana_typo);
    for name in [&mut record.family_kana, &mut record.given_kana] {
        if small {
            *name = name.chars().map(kana::large).collect();
        }
        if dash {
            *name = name.replace('ー', dice.pick(&["－", "‐", "-"]));
        }
    }
    if voiced {
        let name = either(record, dice);
        *name = kana::without_one_voiced_mark(name);
    }
    if typo {
        let other = dice.pick(&[
            'ア', 'カ', 'シ', 'ツ', 'ナ', 'ハ', 'マ', 'ヤ', 'リ', 'ワ', 'ン',
        ]);
        let at = dice.below(3) as usize;
        let name = either(record, dice);
        *name = name
            .chars()
            .enumerate()
            .map(|(i, c)| if i == at { other } else { c })
            .collect();
    }
    if dice.chance(rates.kana_missing) {
        record.family_kana.clear();
        record.given_kana.clear();
    }
}

fn either<'a>(record: &'a mut Written, dice: &mut Dice) -> &'a mut String {
    if dice.below(2) == 0 {
        &mut record.family_kana
    } else {
        &mut record.given_kana
    }
}

fn damage_insurance(record: &mut Written, rates: &Rates, dice: &mut Dice) {
    if dice.chance(rates.insurance_missing) {
        record.insurance = None;
    }
    let branch_missing = dice.chance(rates.branch_missing);
    let typo = dice.chance(rates.number_typo);
    let digit = dice.between(1, 9);
    if let Some(insurance) = &mut record.insurance {
        record.has_branch = !branch_missing;
        if typo {
            insurance.number = (insurance.number + digit * 10) % 10_000;
        }
    }
}

/// A neighbouring day, a wrong digit of the year, or day and month exchanged.
fn mistyped(birth: Date, dice: &mut Dice) -> Date {
    let mut date = birth;
    match dice.below(4) {
        0 => date.day = date.day % date.days_in_month() + 1,
        1 => {
            date.year = if dice.below(2) == 0 {
                date.year - 1
            } else {
                date.year - 10
            }
        }
        2 if date.day <= 12 && date.day != date.month => {
            std::mem::swap(&mut date.day, &mut date.month);
        }
        2 => date.month = date.month % 12 + 1,
        _ => {
            date.day = if date.day > 10 {
                date.day - 10
            } else {
                date.day + 10
            }
        }
    }
    date.day = date.day.min(date.days_in_month());
    date
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::people::DiceBag;

    #[test]
    fn typos_make_other_real_dates() {
        let mut dice = DiceBag::new(1, "typos").at(0);
        let birth = Date {
            year: 1984,
            month: 2,
            day: 29,
        };
        let mut others = 0;
        for _ in 0..1000 {
            let date = mistyped(birth, &mut dice);
            assert!(
                (1..=12).contains(&date.month) && (1..=date.days_in_month()).contains(&date.day)
            );
            others += usize::from(date != birth);
        }
        assert!(others > 950, "{others}");
    }
}
