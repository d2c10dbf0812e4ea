//! What stands out in a source, and whether it should be sent.

use serde::Serialize;

use super::{field::Group, files::Files, profile::Profile, rules, shown::Shown};
use crate::source::Tally;

/// How grave a finding is, the gravest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// Do not send.
    Stop,
    /// It can be sent, and links would be lost or false.
    Warn,
    /// Good to know.
    Note,
}

/// What follows from all findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Readiness {
    /// Send it.
    Ready,
    /// It can be sent; the warnings say what to ask for.
    ReadyWithWarnings,
    /// Do not send it.
    DoNotSend,
}

impl Readiness {
    /// The gravest finding decides.
    #[must_use]
    pub fn of(findings: &[Finding]) -> Self {
        match findings.iter().map(|finding| finding.level).min() {
            Some(Level::Stop) => Self::DoNotSend,
            Some(Level::Warn) => Self::ReadyWithWarnings,
            Some(Level::Note) | None => Self::Ready,
        }
    }
}

/// What can stand out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Code {
    /// A run would refuse the source.
    RunRefuses,
    /// Most records have no usable name.
    NoNames,
    /// Most records have no usable birth date.
    NoBirths,
    /// Text was read in a wrong encoding and written again.
    Mojibake,
    /// Characters that the source could not write.
    Wildcards,
    /// U+FFFD.
    Replacements,
    /// Characters of the institution's own making.
    PrivateUse,
    /// Another script than the column says.
    OtherScript,
    /// A value that stands in too many records.
    DefaultValue,
    /// Values that may be cut off.
    CutOff,
    /// No birth date.
    BirthMissing,
    /// Birth dates that stand for none.
    BirthPlaceholder,
    /// Birth dates with unknown parts.
    BirthPartial,
    /// No such date.
    BirthImpossible,
    /// Years outside their era.
    EraOverrun,
    /// Birth dates to come.
    BirthFuture,
    /// Birth dates too long ago.
    BirthTooOld,
    /// Codes that the code table does not have.
    SexCode,
    /// No sex.
    SexMissing,
    /// Nearly everybody of one sex.
    SexBalance,
    /// Postal codes that cannot be used.
    PostalBad,
    /// Addresses that cannot be used.
    AddressBad,
    /// Addresses without a house number.
    NoBlock,
    /// Insurer numbers that fail their check digit.
    CheckDigit,
    /// Insurers of another length than six or eight digits.
    InsurerWidth,
    /// An insurer without the insured person's number.
    InsurancePartial,
    /// Insurance without a branch.
    NoBranch,
    /// One person under several record numbers.
    SeveralNumbers,
    /// One record number for several persons or spellings.
    NumberReused,
    /// Rows that were left out.
    RowsRefused,
    /// Test records of the institution.
    TestRecords,
    /// Newborns without a name of their own.
    Newborns,
    /// The file says one encoding and its bytes another.
    EncodingDisagrees,
    /// Files in different encodings.
    MixedEncodings,
    /// Bytes that are no characters.
    Undecodable,
    /// Files that could not be opened.
    FilesUnreadable,
    /// Lines end in several ways.
    MixedLineEnds,
    /// Kana of half width.
    HalfWidthKana,
    /// Invisible characters.
    Invisible,
    /// Most names in one spelling only.
    OneSpelling,
    /// A field that the source does not carry.
    NotCarried,
    /// Equal records.
    EqualRecords,
    /// Record numbers of several widths.
    NumberWidths,
}

impl Code {
    /// Whether its count is one of people; others are of files and rows.
    pub(super) fn is_of_people(self) -> bool {
        !matches!(
            self,
            Self::RunRefuses
                | Self::RowsRefused
                | Self::MixedEncodings
                | Self::Undecodable
                | Self::FilesUnreadable
                | Self::MixedLineEnds
        )
    }
}

/// One thing that stands out.
#[derive(Debug, Clone, Serialize)]
pub struct Finding {
    /// How grave.
    pub level: Level,
    /// What.
    pub code: Code,
    /// Where.
    pub field: Option<Group>,
    /// How many.
    pub count: Shown,
    /// Of all that could be.
    pub share: String,
}

/// Everything that stands out, the gravest first. Of one thing in one field the gravest rule counts.
#[must_use]
pub fn of(profile: &Profile, tally: &Tally, files: &Files, refused: bool) -> Vec<Finding> {
    let mut rules = rules::all(profile, tally, files, refused);
    rules.retain(rules::Rule::fires);
    rules.sort_by_key(|rule| (rule.code, rule.field, rule.level));
    rules.dedup_by_key(|rule| (rule.code, rule.field));
    rules.sort_by_key(|rule| (rule.level, rule.code, rule.field));
    rules.iter().map(rules::Rule::finding).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gravest_finding_decides() {
        let finding = |level| Finding {
            level,
            code: Code::CheckDigit,
            field: None,
            count: Shown::Exactly(0),
            share: String::new(),
        };
        let readiness = |levels: &[Level]| {
            let findings: Vec<_> = levels.iter().copied().map(finding).collect();
            Readiness::of(&findings)
        };
        assert_eq!(readiness(&[]), Readiness::Ready);
        assert_eq!(readiness(&[Level::Note]), Readiness::Ready);
        assert_eq!(
            readiness(&[Level::Note, Level::Warn]),
            Readiness::ReadyWithWarnings
        );
        let all = [Level::Warn, Level::Stop, Level::Note];
        assert_eq!(readiness(&all), Readiness::DoNotSend);
    }
}
