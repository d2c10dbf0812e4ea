//! A report on a source, as data: what the terminal, the HTML and the JSON show.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use serde::Serialize;

use super::{
    day::Day,
    field::{Group, Notice, Reason},
    files::Files,
    findings::{self, Finding, Readiness},
    lines,
    profile::Profile,
    shown::Shown,
};
use crate::{
    config::{Config, Format},
    crawl,
    error::AgentError,
    language::Language,
    limits::{REFUSED_SHOWN_MAX, SHOWN_COUNT_MIN},
    messages,
    source::{Refused, Tally},
};

/// Version of the JSON form.
const VERSION: u32 = 1;

/// A report on a source.
#[derive(Debug, Serialize)]
pub struct Report {
    /// `done`, or `error` if a run would refuse the source.
    pub result: &'static str,
    /// Version of this form.
    pub version: u32,
    /// What follows from it.
    pub readiness: Readiness,
    /// Why a run would refuse the source.
    pub error: Option<Told>,
    /// Day of the report, UTC.
    pub day: String,
    /// This site.
    pub site: String,
    /// Format of the source.
    pub format: &'static str,
    /// Schema that strength and segments are told for.
    pub schema: String,
    /// Counts of people below this are hidden: they stand as the text `<10`, and others of the same whole
    /// as rounded texts such as `~120`.
    pub hidden_below: u64,
    /// What the files look like.
    pub files: Files,
    /// Rows, claims or messages read.
    pub rows: u64,
    /// Of these, usable records.
    pub records: u64,
    /// Of these, messages that delete their patient.
    pub deletions: u64,
    /// Of these, left out, by reason.
    pub refused: BTreeMap<&'static str, u64>,
    /// Where rows that were left out stand: the first of each reason.
    pub first_refused: Vec<Place>,
    /// Records by what the normaliser noticed; a run puts these counts into its manifests.
    pub quality: BTreeMap<&'static str, Shown>,
    /// Fields.
    pub fields: Vec<FieldLine>,
    /// Spellings of names.
    pub spellings: Spellings,
    /// Records by how much of a person they tell.
    pub strength: Vec<StrengthLine>,
    /// Records whose token has each segment of the schema.
    pub segments: Vec<SegmentLine>,
    /// Births by decade.
    pub births: Births,
    /// Sexes.
    pub sexes: Sexes,
    /// Records that repeat others.
    pub repeats: RepeatLines,
    /// Widths of values that should have one width, or that may be cut off.
    pub widths: Vec<WidthLine>,
    /// What stands out, the gravest first.
    pub findings: Vec<Finding>,
}

/// An error, as a report tells it.
#[derive(Debug, Serialize)]
pub struct Told {
    /// Stable code.
    pub code: &'static str,
    /// What happened.
    pub message: String,
    /// What to do.
    pub advice: String,
    /// Exit code.
    pub exit: u8,
}

/// Where a row that was left out stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Place {
    /// Place of its file among the files of the source in the order of their names, from 1.
    pub file: u64,
    /// Its row in the file; 0 for a message that is a file.
    pub row: u64,
    /// Why.
    pub code: &'static str,
    /// The field to blame, if there is one.
    pub field: &'static str,
}

/// One field.
#[derive(Debug, Serialize)]
pub struct FieldLine {
    /// Which.
    pub field: Group,
    /// Whether any record has a value in it.
    pub carried: bool,
    /// Records with a usable value.
    pub usable: Shown,
    /// Records with a value that cannot be used.
    pub unusable: Shown,
    /// Records without a value.
    pub empty: Shown,
    /// The unusable ones by reason.
    pub reasons: Vec<(Reason, Shown)>,
    /// Records by what was noticed, usable or not.
    pub noticed: Vec<(Notice, Shown)>,
    /// Share of the most frequent value among the filled ones.
    pub most_frequent: String,
    /// Different values.
    pub different: Number,
}

/// A number that may be an estimate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Number {
    /// The number.
    pub count: Shown,
    /// Whether it was counted; otherwise it is an estimate.
    pub exact: bool,
}

/// Spellings of names.
#[derive(Debug, Serialize)]
pub struct Spellings {
    /// Kana and kanji.
    pub both: Shown,
    /// Kana without kanji.
    pub kana_only: Shown,
    /// Kanji without kana.
    pub kanji_only: Shown,
    /// Latin letters only.
    pub latin_only: Shown,
    /// No usable name.
    pub none: Shown,
}

/// Records of one strength.
#[derive(Debug, Serialize)]
pub struct StrengthLine {
    /// Which: `all`, `insured`, `placed`, `named`, `weak`, `test`.
    pub strength: &'static str,
    /// How many.
    pub records: Shown,
}

/// Records that have one segment.
#[derive(Debug, Serialize)]
pub struct SegmentLine {
    /// Its name in the schema.
    pub segment: String,
    /// How many.
    pub records: Shown,
}

/// Birth dates.
#[derive(Debug, Serialize)]
pub struct Births {
    /// Whole birth dates by the first year of their decade.
    pub decades: Vec<(u64, Shown)>,
    /// After the day of the report.
    pub future: Shown,
    /// More than 120 years ago.
    pub too_old: Shown,
}

/// Sexes.
#[derive(Debug, Serialize)]
pub struct Sexes {
    /// Male.
    pub male: Shown,
    /// Female.
    pub female: Shown,
    /// Not known.
    pub unknown: Shown,
}

/// Records that repeat others.
#[derive(Debug, Serialize)]
pub struct RepeatLines {
    /// Different record numbers.
    pub record_numbers: Number,
    /// Records that are equal to an earlier one, number and token; a run sends them once.
    pub equal_records: Number,
    /// Record numbers under which different tokens stand.
    pub numbers_with_several_tokens: Number,
    /// Tokens that stand under several record numbers: one person registered twice, word for word.
    pub tokens_with_several_numbers: Number,
    /// Name, birth date and sex that stand under several record numbers: most likely one person.
    pub persons_with_several_numbers: Number,
}

/// Widths of one raw field, in bytes of CP932.
#[derive(Debug, Serialize)]
pub struct WidthLine {
    /// The raw field, as mapping files name it.
    pub field: &'static str,
    /// `fixed` if values should have one width, `cut` if they may be cut off at it.
    pub kind: &'static str,
    /// The commonest width, or the one at which values may be cut off.
    pub width: usize,
    /// Values of that width.
    pub values: Shown,
    /// Values of other widths.
    pub others: Shown,
}

/// What a walk over a source gave.
#[derive(Debug)]
pub struct Seen {
    /// Counts of records.
    pub profile: Profile,
    /// Counts of rows.
    pub tally: Tally,
    /// What the files look like.
    pub files: Files,
    /// The first refused rows of each reason.
    pub places: Vec<Place>,
}

/// The first refused rows of each reason.
#[derive(Debug, Default)]
pub struct Places(BTreeMap<&'static str, Vec<(PathBuf, Refused)>>);

impl Places {
    /// Notes a refused row of a file.
    pub fn add(&mut self, file: &Path, refused: Refused) {
        let of_code = self.0.entry(refused.code).or_default();
        if of_code.len() < REFUSED_SHOWN_MAX {
            of_code.push((file.to_owned(), refused));
        }
    }

    /// The rows with their files' places among all files of the source. Names of files stay out of a
    /// report: those of an SS-MIX2 tree hold patients' numbers.
    ///
    /// # Errors
    /// A fault of the walk over the source.
    pub fn numbered(self, format: &Format, source: &Path) -> Result<Vec<Place>, AgentError> {
        let all = self.0.into_values().flatten();
        let mut files = BTreeMap::<PathBuf, Vec<Refused>>::new();
        for (file, refused) in all {
            files.entry(file).or_default().push(refused);
        }
        let mut places = Vec::new();
        let mut at = 0;
        crawl::walk(format, source, &mut |file| {
            at += 1;
            let refused = files.remove(file.path()).unwrap_or_default().into_iter();
            places.extend(refused.map(|Refused { row, code, field }| Place {
                file: at,
                row,
                code,
                field,
            }));
            Ok(())
        })?;
        places.sort_by_key(|place| (place.code, place.file, place.row));
        Ok(places)
    }
}

impl Report {
    /// Puts a report together. `refused` is why a run would not take the source, told in `language`.
    #[must_use]
    pub fn new(
        config: &Config,
        schema: &str,
        today: Day,
        seen: Seen,
        refused: Option<&AgentError>,
        language: Language,
    ) -> Self {
        let Seen {
            profile,
            tally,
            files,
            places,
        } = seen;
        let findings = findings::of(&profile, &tally, &files, refused.is_some());
        Self {
            result: if refused.is_some() { "error" } else { "done" },
            version: VERSION,
            readiness: Readiness::of(&findings),
            error: refused.map(|error| told(error, language)),
            day: today.to_string(),
            site: config.site.to_string(),
            format: config
                .source
                .as_ref()
                .map_or("", |source| source.format.name()),
            schema: schema.to_owned(),
            hidden_below: SHOWN_COUNT_MIN,
            files,
            rows: tally.rows,
            records: tally.records,
            deletions: tally.deletions,
            refused: tally.refused,
            first_refused: places,
            quality: tally
                .quality
                .into_iter()
                .map(|(code, count)| (code, lines::beside(count, tally.records)))
                .collect(),
            fields: lines::fields(&profile),
            spellings: lines::spellings(&profile),
            strength: lines::strengths(&profile),
            segments: lines::segments(&profile),
            births: lines::births(&profile),
            sexes: lines::sexes(&profile),
            repeats: lines::repeats(&profile),
            widths: lines::widths(&profile.counts().widths),
            findings,
        }
    }
}

fn told(error: &AgentError, language: Language) -> Told {
    Told {
        code: error.code(),
        message: messages::clean(&error.said().to(language)),
        advice: messages::clean(&error.advice().to(language)),
        exit: error.exit(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_one_past_the_bound_are_not_listed() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| folder.path().join(name);
        for name in ["a.uke", "b.uke", "c.uke"] {
            std::fs::write(file(name), b"").unwrap();
        }
        let mut places = Places::default();
        for row in 0..=REFUSED_SHOWN_MAX as u64 {
            let (code, field) = ("row-columns", "");
            places.add(&file("a.uke"), Refused { row, code, field });
        }
        let (code, field) = ("row-quote", "");
        places.add(
            &file("c.uke"),
            Refused {
                row: 7,
                code,
                field,
            },
        );
        let places = places.numbered(&Format::Uke, folder.path()).unwrap();
        assert_eq!(places.len(), REFUSED_SHOWN_MAX + 1);
        assert_eq!(places[0].file, 1);
        let last = places.last().unwrap();
        assert_eq!((last.file, last.row, last.code), (3, 7, "row-quote"));
    }
}
