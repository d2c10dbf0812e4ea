//! What no weight may decide alone.

use linker_token::{Flags, Schema, schema::Role};

/// The verdict on a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Decision {
    /// Different persons, as far as the rows say.
    NonMatch,
    /// A person has to look.
    Review,
    /// One person.
    Link,
}

/// What decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    /// The weight alone.
    Weight,
    /// A row is a test record: never compared, never linked.
    TestRecord,
    /// Names and birth dates both contradict: never linked, and clusters that hold such a pair are
    /// never merged. A shared number or address is a household.
    Contradiction,
    /// Equal or nearly equal birth date and address or number, but another name; or a row flagged as
    /// twin or newborn and no nearly equal name.
    Twins,
    /// Another birth date and a name that is only similar: siblings, parents and children.
    Relatives,
    /// Too few kinds of identifiers agree, not counting those that a flag makes doubtful.
    ThinEvidence,
    /// The pair's weight says link, but its records' clusters as a whole do not belong together.
    Clusters,
    /// The pair's weight says link, but its records' clusters both have a record of a site in which a
    /// person has at most one.
    OnePerSite,
    /// The pair's weight says link, but a person keeps its records' clusters apart.
    Verdict,
}

impl Rule {
    /// Stable name.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Weight => "weight",
            Self::TestRecord => "test-record",
            Self::Contradiction => "contradiction",
            Self::Twins => "twins",
            Self::Relatives => "relatives",
            Self::ThinEvidence => "thin-evidence",
            Self::Clusters => "clusters",
            Self::OnePerSite => "one-per-site",
            Self::Verdict => "verdict",
        }
    }
}

/// What a pattern says, one bit per segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Agreement {
    /// Both rows have the segment.
    pub(crate) present: u8,
    /// Equal bits.
    pub(crate) equal: u8,
    /// Equal or the next level.
    pub(crate) near: u8,
    /// The last level.
    pub(crate) bottom: u8,
    /// The level weighs at least one bit for a match.
    pub(crate) support: u8,
}

/// Which segments have which role, one bit per segment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Roles {
    name: u8,
    birth: u8,
    place: u8,
    number: u8,
    hold_twins: bool,
}

impl Roles {
    pub(crate) fn new(schema: &Schema, hold_twins: bool) -> Self {
        let mask = |role| {
            let segments = schema.segments().iter().enumerate();
            segments.fold(0, |mask, (index, segment)| {
                mask | u8::from(segment.role == role) << index
            })
        };
        Self {
            name: mask(Role::Name),
            birth: mask(Role::Birth),
            place: mask(Role::Place),
            number: mask(Role::Number),
            hold_twins,
        }
    }

    /// The segments that hold names, one bit each.
    pub(crate) fn names(self) -> u8 {
        self.name
    }

    /// Whether every present segment of the mask is at the bottom, and there is one.
    fn contradicts(agreement: Agreement, mask: u8) -> bool {
        let present = agreement.present & mask;
        present != 0 && agreement.bottom & present == present
    }

    /// The rule that stops a pair from being linked by its weight, if any.
    pub(crate) fn holds(self, agreement: Agreement, a: Flags, b: Flags) -> Option<Rule> {
        let either = |flag| a.has(flag) || b.has(flag);
        let near = |mask: u8| agreement.near & mask != 0;
        let other_name = Self::contradicts(agreement, self.name);
        let other_birth = Self::contradicts(agreement, self.birth);
        if either(Flags::TEST_RECORD) {
            return Some(Rule::TestRecord);
        }
        if !self.hold_twins {
            return None;
        }
        if other_name && other_birth {
            return Some(Rule::Contradiction);
        }
        let alike = near(self.birth) && near(self.place | self.number);
        if (alike && other_name) || (either(Flags::TWIN_OR_NEWBORN) && !near(self.name)) {
            return Some(Rule::Twins);
        }
        if other_birth && !near(self.name) {
            return Some(Rule::Relatives);
        }
        let trusted = |mask: u8, flag| agreement.support & mask != 0 && !either(flag);
        let name = trusted(self.name, Flags::WILDCARD_NAME);
        let birth = trusted(self.birth, Flags::PARTIAL_BIRTH);
        let place = agreement.support & self.place != 0;
        let number = agreement.support & self.number != 0;
        let kinds = [name, birth, place, number]
            .map(u32::from)
            .iter()
            .sum::<u32>();
        let known = [self.name, self.birth, self.place, self.number];
        let known = known.map(|mask| u32::from(mask != 0)).iter().sum::<u32>();
        let needed = if either(Flags::WEAK_EVIDENCE) { 3 } else { 2 };
        let has_identity = name || birth || self.name | self.birth == 0;
        let enough = kinds >= needed.min(known) && has_identity;
        (!enough).then_some(Rule::ThinEvidence)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// jp-1: kana, kanji, birth, place, insurance. `levels` are `=` equal, `~` near, `s` similar,
    /// `x` bottom, `-` missing.
    fn check(levels: &str, flags: Flags) -> Option<Rule> {
        let mut agreement = Agreement::default();
        for (index, level) in levels.bytes().enumerate() {
            let bit = 1 << index;
            agreement.present |= if level == b'-' { 0 } else { bit };
            agreement.equal |= if level == b'=' { bit } else { 0 };
            agreement.near |= if b"=~".contains(&level) { bit } else { 0 };
            agreement.support |= if b"=~s".contains(&level) { bit } else { 0 };
            agreement.bottom |= if level == b'x' { bit } else { 0 };
        }
        Roles::new(&Schema::jp_1(), true).holds(agreement, flags, Flags::default())
    }

    #[test]
    fn without_households_only_test_records_are_held() {
        let roles = Roles::new(&Schema::en_1(), false);
        let bottom = Agreement {
            present: 0b1111,
            bottom: 0b1111,
            ..Agreement::default()
        };
        let none = Flags::default();
        assert_eq!(roles.holds(bottom, Flags::WEAK_EVIDENCE, none), None);
        let held = roles.holds(bottom, none, Flags::TEST_RECORD);
        assert_eq!(held, Some(Rule::TestRecord));
    }

    #[test]
    fn the_table_of_rules() {
        let none = Flags::default();
        for (levels, flags, expected) in [
            ("=====", none, None),
            ("==-x-", none, Some(Rule::ThinEvidence)),
            ("===xx", none, None),
            ("==xxx", none, Some(Rule::ThinEvidence)),
            ("==x=x", none, None),
            ("xxx==", none, Some(Rule::Contradiction)),
            ("x-x-=", none, Some(Rule::Contradiction)),
            ("xx=~x", none, Some(Rule::Twins)),
            ("xx~x=", none, Some(Rule::Twins)),
            ("x-===", none, Some(Rule::Twins)),
            ("xx=xx", none, Some(Rule::ThinEvidence)),
            ("xxs==", none, None),
            ("~x===", none, None),
            ("ss===", none, None),
            ("s-===", none, None),
            ("sxx==", none, Some(Rule::Relatives)),
            ("s-===", Flags::TWIN_OR_NEWBORN, Some(Rule::Twins)),
            ("~-===", Flags::TWIN_OR_NEWBORN, None),
            ("ssx==", none, Some(Rule::Relatives)),
            ("----=", none, Some(Rule::ThinEvidence)),
            ("---==", none, Some(Rule::ThinEvidence)),
            ("--=-=", none, None),
            ("===xx", Flags::WEAK_EVIDENCE, Some(Rule::ThinEvidence)),
            ("===x=", Flags::WEAK_EVIDENCE, None),
            ("===xx", Flags::WILDCARD_NAME, Some(Rule::ThinEvidence)),
            ("====x", Flags::WILDCARD_NAME, None),
            ("===xx", Flags::PARTIAL_BIRTH, Some(Rule::ThinEvidence)),
            ("===~x", Flags::PARTIAL_BIRTH, None),
            ("=====", Flags::TEST_RECORD, Some(Rule::TestRecord)),
            ("=====", Flags::DECEASED, None),
        ] {
            assert_eq!(
                check(levels, flags),
                expected,
                "{levels} {:#x}",
                flags.bits()
            );
        }
    }
}
