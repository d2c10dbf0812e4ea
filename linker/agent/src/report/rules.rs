//! When something stands out: shares of records, field by field, each with its own limit.

use linker_tokenize::{Quality, RawField};

use super::{
    counted::{FieldProfile, Strength},
    field::{Group, Notice, Reason},
    files::Files,
    findings::{Code, Finding, Level},
    lines::{commonest, cuts},
    profile::Profile,
    shown::Shown,
};
use crate::{limits::SHOWN_COUNT_MIN, source::Tally};

/// When something stands out: so many of so many, more than this share of them.
pub(super) struct Rule {
    pub(super) level: Level,
    pub(super) code: Code,
    pub(super) field: Option<Group>,
    count: u64,
    whole: u64,
    past_permille: u64,
}

impl Rule {
    fn new(level: Level, code: Code, past_permille: u64, count: u64, whole: u64) -> Self {
        Self {
            level,
            code,
            field: None,
            count,
            whole,
            past_permille,
        }
    }

    fn at(mut self, field: Group) -> Self {
        self.field = Some(field);
        self
    }

    pub(super) fn fires(&self) -> bool {
        let (count, whole) = (u128::from(self.count), u128::from(self.whole));
        count * 1000 > whole * u128::from(self.past_permille)
    }

    pub(super) fn finding(&self) -> Finding {
        let rest = self.whole.saturating_sub(self.count);
        let count = if self.code.is_of_people() {
            Shown::parts([self.count, rest])[0]
        } else {
            Shown::Exactly(self.count)
        };
        Finding {
            level: self.level,
            code: self.code,
            field: self.field,
            count,
            share: count.percent(self.whole),
        }
    }
}

/// Every rule with its counts.
pub(super) fn all(profile: &Profile, tally: &Tally, files: &Files, refused: bool) -> Vec<Rule> {
    let mut rules = whole_source(profile, tally, refused);
    for (&group, counts) in Group::ALL.iter().zip(&profile.counts().fields) {
        rules.extend(of_field(group, counts, profile.counts().records));
    }
    rules.extend(of_names(profile, tally));
    rules.extend(of_births(profile));
    rules.extend(of_other_fields(profile));
    rules.extend(of_numbers(profile));
    rules.extend(of_files(files, tally));
    rules
}

fn counts_of(profile: &Profile, group: Group) -> &FieldProfile {
    &profile.counts().fields[group as usize]
}

fn noticed(profile: &Profile, group: Group, notice: Notice) -> u64 {
    counts_of(profile, group).noticed[notice as usize]
}

fn unusable(profile: &Profile, group: Group, reason: Reason) -> u64 {
    counts_of(profile, group).unusable[reason as usize]
}

fn whole_source(profile: &Profile, tally: &Tally, refused: bool) -> Vec<Rule> {
    use Level::{Note, Stop, Warn};
    let records = profile.counts().records;
    let nameless = profile.counts().spellings[4];
    let birthless = records - counts_of(profile, Group::Birth).usable;
    let left_out = tally.refused_total();
    vec![
        Rule::new(Stop, Code::RunRefuses, 0, u64::from(refused), 1),
        Rule::new(Stop, Code::NoNames, 500, nameless, records),
        Rule::new(Stop, Code::NoBirths, 500, birthless, records),
        Rule::new(Warn, Code::RowsRefused, 10, left_out, tally.rows),
        Rule::new(Note, Code::RowsRefused, 0, left_out, tally.rows),
    ]
}

/// How many times in a thousand one value may stand in a field. The commonest full name of Japan is that
/// of fewer than one person in a thousand, and one birthday in a century is that of one in 36,500.
fn frequent_permille(group: Group) -> Option<u64> {
    match group {
        Group::Kanji | Group::Kana | Group::Latin => Some(5),
        Group::Birth | Group::Phone | Group::Insurance => Some(10),
        Group::Address => Some(50),
        // A town has few postal codes, and there are two sexes.
        Group::Postal | Group::Sex => None,
    }
}

fn of_field(group: Group, counts: &FieldProfile, records: u64) -> Vec<Rule> {
    use Level::{Note, Stop, Warn};
    let notice = |notice: Notice| counts.noticed[notice as usize];
    let filled = counts.filled();
    let mut rules = vec![
        Rule::new(Stop, Code::Mojibake, 50, notice(Notice::Mojibake), records),
        Rule::new(Warn, Code::Mojibake, 0, notice(Notice::Mojibake), records),
        Rule::new(
            Warn,
            Code::Replacements,
            0,
            notice(Notice::Replacement),
            records,
        ),
        Rule::new(
            Warn,
            Code::PrivateUse,
            0,
            notice(Notice::PrivateUse),
            records,
        ),
        Rule::new(Note, Code::Invisible, 0, notice(Notice::Invisible), records),
        Rule::new(
            Note,
            Code::HalfWidthKana,
            0,
            notice(Notice::HalfWidthKana),
            records,
        ),
    ];
    let most = counts.most();
    // A placeholder that is known has a finding of its own.
    let known = counts.unusable[Reason::Placeholder as usize] >= most;
    if let Some(permille) = frequent_permille(group)
        && most >= SHOWN_COUNT_MIN
        && !known
    {
        rules.push(Rule::new(Warn, Code::DefaultValue, permille, most, filled));
    }
    // Latin names stand for the two Japanese spellings, and telephone numbers are not compared yet.
    let asked = !matches!(
        group,
        Group::Latin | Group::Phone | Group::Kanji | Group::Kana
    );
    if filled == 0 && records > 0 && asked {
        rules.push(Rule::new(Note, Code::NotCarried, 0, records, records));
    }
    rules.into_iter().map(|rule| rule.at(group)).collect()
}

fn of_names(profile: &Profile, tally: &Tally) -> Vec<Rule> {
    use Level::{Note, Warn};
    let records = profile.counts().records;
    let [_, kana_only, kanji_only, _, _] = profile.counts().spellings;
    let quality = |quality: Quality| tally.quality.get(quality.code()).copied().unwrap_or(0);
    let tests = profile.counts().strengths[Strength::Test as usize];
    let mut rules = vec![
        Rule::new(
            Note,
            Code::OneSpelling,
            500,
            kana_only.max(kanji_only),
            records,
        ),
        Rule::new(
            Note,
            Code::Newborns,
            10,
            quality(Quality::NewbornName),
            records,
        ),
        Rule::new(Warn, Code::TestRecords, 10, tests, records),
        Rule::new(Note, Code::TestRecords, 0, tests, records),
    ];
    for group in [Group::Kanji, Group::Kana, Group::Latin] {
        let wildcards = noticed(profile, group, Notice::Wildcard);
        rules.push(Rule::new(Warn, Code::Wildcards, 5, wildcards, records).at(group));
        let other = unusable(profile, group, Reason::OtherScript);
        rules.push(Rule::new(Warn, Code::OtherScript, 20, other, records).at(group));
    }
    rules
}

fn of_births(profile: &Profile) -> Vec<Rule> {
    use Level::Warn;
    let birth = counts_of(profile, Group::Birth);
    let reason = |reason: Reason| birth.unusable[reason as usize];
    let overrun = birth.noticed[Notice::EraOverrun as usize];
    let missing = if birth.filled() > 0 { birth.empty } else { 0 };
    let rules = [
        (Code::BirthMissing, 20, missing),
        (Code::BirthPlaceholder, 5, reason(Reason::Placeholder)),
        (Code::BirthPartial, 10, reason(Reason::Partial)),
        (Code::BirthImpossible, 2, reason(Reason::Impossible)),
        (Code::EraOverrun, 2, overrun),
        (Code::BirthFuture, 0, profile.counts().births.future),
        (Code::BirthTooOld, 0, profile.counts().births.old),
    ];
    let rule = |(code, past, count)| {
        Rule::new(Warn, code, past, count, profile.counts().records).at(Group::Birth)
    };
    rules.into_iter().map(rule).collect()
}

/// Fewer known sexes than this say nothing about their balance.
const SEXES_MIN: u64 = 100;

fn of_other_fields(profile: &Profile) -> Vec<Rule> {
    use Level::{Note, Warn};
    let records = profile.counts().records;
    let sex = counts_of(profile, Group::Sex);
    let sex_missing = if sex.filled() > 0 { sex.empty } else { 0 };
    let [male, female, _] = profile.counts().sexes;
    let known = male + female;
    let commoner = if known < SEXES_MIN {
        0
    } else {
        male.max(female)
    };
    let postal = counts_of(profile, Group::Postal);
    let address = counts_of(profile, Group::Address);
    let insurance = counts_of(profile, Group::Insurance);
    let insured = insurance.usable;
    let of_insurance = |notice: Notice| insurance.noticed[notice as usize];
    let partial = insurance.unusable[Reason::Partial as usize];
    vec![
        Rule::new(
            Warn,
            Code::SexCode,
            10,
            unusable(profile, Group::Sex, Reason::UnknownCode),
            records,
        )
        .at(Group::Sex),
        Rule::new(Warn, Code::SexMissing, 50, sex_missing, records).at(Group::Sex),
        Rule::new(Warn, Code::SexBalance, 800, commoner, known).at(Group::Sex),
        Rule::new(
            Warn,
            Code::PostalBad,
            20,
            postal.filled() - postal.usable,
            records,
        )
        .at(Group::Postal),
        Rule::new(
            Warn,
            Code::AddressBad,
            20,
            address.filled() - address.usable,
            records,
        )
        .at(Group::Address),
        Rule::new(
            Warn,
            Code::NoBlock,
            200,
            noticed(profile, Group::Address, Notice::NoBlock),
            address.usable,
        )
        .at(Group::Address),
        Rule::new(
            Warn,
            Code::CheckDigit,
            20,
            of_insurance(Notice::CheckDigit),
            insurance.filled(),
        )
        .at(Group::Insurance),
        Rule::new(
            Warn,
            Code::InsurancePartial,
            20,
            partial,
            insurance.filled(),
        )
        .at(Group::Insurance),
        Rule::new(
            Note,
            Code::NoBranch,
            500,
            of_insurance(Notice::NoBranch),
            insured,
        )
        .at(Group::Insurance),
    ]
}

fn of_numbers(profile: &Profile) -> Vec<Rule> {
    use Level::{Note, Warn};
    let (persons, numbers) = (profile.persons(), profile.numbers());
    let equal = profile.numbered_tokens();
    let insurers = profile.counts().widths.of(RawField::Insurer);
    let all_insurers: u64 = insurers.iter().sum();
    let usual = insurers[6] + insurers[8] + insurers[12] + insurers[16];
    let ids = commonest(profile.counts().widths.of(RawField::RecordId));
    let (_, id_most, id_others) = ids.unwrap_or_default();
    // Numbers that simply count up have many widths; a few short ones among others have lost something.
    let few = if id_others < id_most / 4 {
        id_others
    } else {
        0
    };
    let mut rules = vec![
        Rule::new(
            Warn,
            Code::SeveralNumbers,
            10,
            persons.shared,
            persons.different,
        ),
        Rule::new(
            Warn,
            Code::NumberReused,
            5,
            numbers.shared,
            numbers.different,
        ),
        Rule::new(
            Note,
            Code::EqualRecords,
            50,
            equal.repeated,
            profile.counts().records,
        ),
        Rule::new(
            Warn,
            Code::InsurerWidth,
            10,
            all_insurers - usual,
            all_insurers,
        )
        .at(Group::Insurance),
        Rule::new(Note, Code::NumberWidths, 0, few, id_most + id_others),
    ];
    for (field, _, count) in cuts(&profile.counts().widths) {
        let widths = profile.counts().widths.of(field);
        let group = Group::of(field).unwrap_or(Group::Address);
        let all: u64 = widths.iter().sum();
        rules.push(Rule::new(Warn, Code::CutOff, 0, count, all).at(group));
    }
    rules
}

fn of_files(files: &Files, tally: &Tally) -> Vec<Rule> {
    use Level::{Note, Warn};
    let disagrees = tally.quality.get(Quality::EncodingDisagrees.code());
    let disagrees = disagrees.copied().unwrap_or(0);
    let looked = files.looked_at;
    // A file of ASCII alone agrees with all encodings.
    let kinds = files.encodings_found.keys();
    let kinds = kinds.filter(|kind| kind.as_str() != "ASCII").count() as u64;
    let mixed = files.line_ends.get("mixed").copied().unwrap_or(0);
    vec![
        Rule::new(Warn, Code::EncodingDisagrees, 0, disagrees, tally.records),
        Rule::new(
            Warn,
            Code::MixedEncodings,
            0,
            kinds.saturating_sub(1),
            looked,
        ),
        Rule::new(Warn, Code::Undecodable, 0, files.undecodable, looked),
        Rule::new(Warn, Code::FilesUnreadable, 0, files.not_readable, looked),
        Rule::new(Note, Code::MixedLineEnds, 0, mixed, looked),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(past: u64, count: u64, whole: u64) -> Rule {
        Rule::new(Level::Warn, Code::CheckDigit, past, count, whole)
    }

    #[test]
    fn a_rule_fires_one_past_its_share() {
        assert!(!rule(20, 20, 1000).fires());
        assert!(rule(20, 21, 1000).fires());
        assert!(!rule(0, 0, 1000).fires());
        assert!(rule(0, 1, 1000).fires());
        assert!(!rule(0, 0, 0).fires(), "nothing of nothing");
        assert!(!rule(500, u64::MAX / 2, u64::MAX).fires());
    }

    #[test]
    fn small_counts_are_hidden_in_findings() {
        let finding = rule(0, 3, 1000).finding();
        assert_eq!(finding.count.to_string(), "<10");
        assert_eq!(finding.share, "<1.0%");
    }
}
