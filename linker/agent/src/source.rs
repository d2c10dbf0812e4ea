//! Reads a source file by file and hands over its records. Two walks make a run: the first only checks,
//! so that nothing is sent of a source that must be refused.

mod blocks;
mod files;
mod tables;
pub(crate) mod words;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use self::files::of_file;
pub(crate) use self::files::{of_table, read_start, shown_name};

use linker_tokenize::{
    Counts, CsvMapping, FileReport, ReadError, Screen, SourceEncoding, SourceRecord,
    format::{self, csv::Screened, fhir::Coverages},
};

use crate::{
    config::{self, Config, Encoding, Format, read_named},
    crawl::{self, Found, Passed},
    error::{AgentError, Fault},
    limits::{
        CONFIG_BYTES_MAX, REFUSED_PERMILLE_MAX, REFUSED_SHARE_ROWS_MIN, UNREADABLE_PERMILLE_MAX,
        UNREADABLE_RECORDS_MIN,
    },
    problems::Problems,
    say,
    say::Value,
};

/// A source that is ready to be read.
#[derive(Debug)]
pub struct Source {
    format: Format,
    mapping: Option<CsvMapping>,
    encoding: Encoding,
    /// Whether records keep how their values were written.
    observed: bool,
    /// Tables that the last check found no forbidden number in.
    screened: Mutex<BTreeMap<PathBuf, Arc<Screened>>>,
}

/// What one walk over a source saw.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// Files.
    pub passed: Passed,
    /// Rows, claims or messages.
    pub rows: u64,
    /// Of these, usable records.
    pub records: u64,
    /// Of these, messages that delete their patient.
    pub deletions: u64,
    /// Of these, left out, by reason.
    pub refused: BTreeMap<&'static str, u64>,
    /// Records by what was noticed about them.
    pub quality: BTreeMap<&'static str, u64>,
}

impl Tally {
    /// Rows left out.
    #[must_use]
    pub fn refused_total(&self) -> u64 {
        self.refused.values().sum()
    }

    fn see(&mut self, outcome: Outcome<'_>, noticed: &mut Counts) {
        self.rows += 1;
        match outcome {
            Outcome::Record(record) => {
                self.records += 1;
                noticed.record(record);
            }
            Outcome::Deletion => self.deletions += 1,
            Outcome::Refused(refused) => *self.refused.entry(refused.code).or_default() += 1,
        }
    }
}

/// What became of one row, claim or message.
#[derive(Debug, Clone, Copy)]
pub enum Outcome<'a> {
    /// A usable record. Its memory may serve for the next one.
    Record(&'a SourceRecord),
    /// A message that deletes its patient.
    Deletion,
    /// It is left out.
    Refused(Refused),
}

/// Why a row, claim or message was left out, and where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused {
    /// Row in its file, from 1; 0 for a message that is a file.
    pub row: u64,
    /// Stable code.
    pub code: &'static str,
    /// The field to blame, if there is one.
    pub field: &'static str,
}

/// Takes what is read, with its file.
pub type Sink<'a> = dyn FnMut(&Path, Outcome<'_>) -> Result<(), AgentError> + 'a;

impl Source {
    /// Loads what reading needs: for CSV the column mapping.
    ///
    /// # Errors
    /// [`Fault::FileUnreadable`] or [`Fault::MappingRefused`].
    pub fn open(source: &config::Source) -> Result<Self, AgentError> {
        let mapping = source.format.mapping();
        let mapping = mapping.map(|path| load_mapping(path, source.encoding));
        Ok(Self {
            format: source.format.clone(),
            mapping: mapping.transpose()?,
            encoding: source.encoding,
            observed: false,
            screened: Mutex::default(),
        })
    }

    /// The same source, and records keep how their values were written. Only a report about the source asks
    /// for that: reading an SS-MIX2 message takes a twentieth longer with it.
    #[must_use]
    pub fn observing(mut self) -> Self {
        self.observed = true;
        self
    }

    /// The column mapping of a table.
    #[must_use]
    pub fn mapping(&self) -> Option<&CsvMapping> {
        self.mapping.as_ref()
    }

    /// Walks over all files at `path` and hands over every record.
    ///
    /// # Errors
    /// A fault of the source, or what `sink` returns.
    pub fn read(&self, path: &Path, sink: &mut Sink<'_>) -> Result<Tally, AgentError> {
        self.read_screened(path, None, sink)
    }

    /// Walks over all files and checks whether they can be used. Refused rows go to `problems`.
    ///
    /// # Errors
    /// A fault of the source: of a file, or [`Fault::RowsRefused`], [`Fault::SourceEmpty`] and
    /// [`Fault::FieldUnreadable`] of all.
    pub fn check(
        &self,
        path: &Path,
        problems: &mut Problems,
        seen: &dyn Fn(),
    ) -> Result<Tally, AgentError> {
        let mut screen = Screen::new();
        self.screened().clear();
        let tally = self.read_screened(path, Some(&mut screen), &mut |file, outcome| {
            if let Outcome::Refused(refused) = outcome {
                problems.add(file, refused.row, refused.code, refused.field);
            }
            seen();
            Ok(())
        })?;
        screen
            .verdict()
            .map_err(|refusal| self.of_all(&ReadError::Refused(refusal)))?;
        check_share(&tally)?;
        check_fields(&tally).map_err(|error| match &self.mapping {
            Some(_) => error,
            None => error.advise(say!("look at that field with `tokenizer check`")),
        })?;
        Ok(tally)
    }

    /// A fault of all files together, which no single one of them shows.
    fn of_all(&self, error: &ReadError) -> AgentError {
        let shown = match self.format {
            Format::SsMix2 => files::MESSAGE,
            Format::Dicom => files::OBJECT,
            Format::Csv { .. }
            | Format::Uke
            | Format::Care
            | Format::Dpc
            | Format::Hl7
            | Format::Register
            | Format::Eligibility
            | Format::Fhir
            | Format::Checkup => "the files of the source",
        };
        of_file(shown, error)
    }

    /// Insurances of all FHIR files, because bulk exports keep them in files of their own.
    fn coverages(&self, path: &Path) -> Result<Coverages, AgentError> {
        let mut coverages = Coverages::new();
        if self.format == Format::Fhir {
            crawl::walk(&self.format, path, &mut |file| {
                blocks::read_coverages(file, &mut coverages)
            })?;
        }
        Ok(coverages)
    }

    fn read_screened(
        &self,
        path: &Path,
        mut screen: Option<&mut Screen>,
        sink: &mut Sink<'_>,
    ) -> Result<Tally, AgentError> {
        let mut tally = Tally::default();
        let coverages = self.coverages(path)?;
        let mut room = files::Room::new();
        let mut noticed = Counts::default();
        let passed = crawl::walk(&self.format, path, &mut |file| {
            self.read_file(
                file,
                &coverages,
                &mut room,
                screen.as_deref_mut(),
                &mut |file, outcome| {
                    tally.see(outcome, &mut noticed);
                    sink(file, outcome)
                },
            )
        })?;
        tally.passed = passed;
        let noticed = noticed.iter().map(|(code, count)| (code, count.into()));
        tally.quality = noticed.collect();
        Ok(tally)
    }

    fn read_file(
        &self,
        file: Found<'_>,
        coverages: &Coverages,
        room: &mut files::Room,
        mut screen: Option<&mut Screen>,
        sink: &mut Sink<'_>,
    ) -> Result<(), AgentError> {
        let observed = self.observed;
        let mut read = |read: Reader<'_>| blocks::read(file, observed, sink, words::of, read);
        match (&self.format, &self.mapping) {
            (Format::SsMix2, _) => files::read_message(file, room, screen, observed, sink),
            (Format::Dicom, _) => files::read_object(file, screen, observed, sink),
            (Format::Csv { .. }, Some(mapping)) => {
                let words = |error: &ReadError| files::words_of_csv(error, self.encoding);
                blocks::read(file, observed, sink, words, |table, rows| {
                    self.read_table(file.path(), mapping, screen.is_some(), table, rows)
                })
            }
            // Files of these three may hold one person each, so all of them are judged together as well.
            (Format::Eligibility, _) => {
                read(&mut |file, rows| format::eligibility::read_file(file, screen.take(), rows))
            }
            (Format::Fhir, _) => read(&mut |file, rows| {
                format::fhir::read_file(file, coverages, screen.take(), rows)
            }),
            (Format::Checkup, _) => {
                read(&mut |file, rows| format::checkup::read_file(file, screen.take(), rows))
            }
            (Format::Care, _) => read(&mut format::care::read_file),
            (Format::Dpc, _) => read(&mut format::dpc::read_file),
            (Format::Hl7, _) => read(&mut format::hl7::read_file),
            (Format::Register, _) => read(&mut |table, rows| {
                let mapping = format::register::mapping_of(table)?;
                self.read_table(file.path(), &mapping, screen.is_some(), table, rows)
            }),
            (Format::Csv { .. } | Format::Uke, _) => read(&mut format::uke::read_file),
        }
    }
}

/// A reader of files that say everything themselves.
type Reader<'r> = &'r mut dyn FnMut(
    &mut format::File<'_, AgentError>,
    &mut format::BlockSink<'_, AgentError>,
) -> Result<FileReport, format::Stopped<AgentError>>;

/// Whether the share of refused rows says that the source is read wrongly.
fn check_share(tally: &Tally) -> Result<(), AgentError> {
    let refused = tally.refused_total();
    let share_matters = tally.rows >= REFUSED_SHARE_ROWS_MIN;
    if share_matters && refused * 1000 > tally.rows * REFUSED_PERMILLE_MAX
        || tally.records == 0 && refused > 0
    {
        let detail = say!(
            "{refused} of {rows} rows",
            refused = refused,
            rows = tally.rows
        );
        return Err(AgentError::new(Fault::RowsRefused, detail));
    }
    if tally.records == 0 {
        return Err(AgentError::new(Fault::SourceEmpty, ""));
    }
    Ok(())
}

/// Whether a field that the source carries cannot be read in most records. A field that the source
/// does not carry is no fault.
fn check_fields(tally: &Tally) -> Result<(), AgentError> {
    if tally.records < UNREADABLE_RECORDS_MIN {
        return Ok(());
    }
    for (code, &count) in &tally.quality {
        if let Some(field) = code.strip_prefix("unreadable-")
            && count * 1000 > tally.records * UNREADABLE_PERMILLE_MAX
        {
            let detail = say!(
                "{field}, in {count} of {records} records",
                field = field,
                count = count,
                records = tally.records
            );
            return Err(AgentError::new(Fault::FieldUnreadable, detail));
        }
    }
    Ok(())
}

fn load_mapping(path: &Path, encoding: Encoding) -> Result<CsvMapping, AgentError> {
    let bytes = read_named("source.mapping", path, CONFIG_BYTES_MAX)?;
    let refused = |rule: Value| {
        let file = path.display().to_string();
        AgentError::new(
            Fault::MappingRefused,
            say!("{file}: {rule}", file = file, rule = rule),
        )
    };
    let text = String::from_utf8(bytes)
        .map_err(|error| refused(say!("not UTF-8").into()).because(error))?;
    let mapping = CsvMapping::parse(&text).map_err(|error| refused(words::of(&error)))?;
    Ok(mapping.with_encoding(match encoding {
        Encoding::Auto => None,
        Encoding::Utf8 => Some(SourceEncoding::Utf8),
        Encoding::Cp932 => Some(SourceEncoding::Cp932),
    }))
}

/// The source of a configuration, opened.
///
/// # Errors
/// As [`Source::open`]; [`Fault::ConfigValue`] at a consultation desk.
pub fn of(config: &Config) -> Result<Source, AgentError> {
    Source::open(config.source()?)
}

#[cfg(test)]
mod tests;
