//! Reads a source file by file and hands over its records. Two walks make a run: the first only checks,
//! so that nothing is sent of a source that must be refused.

mod files;

use std::{collections::BTreeMap, path::Path};

use linker_tokenize::{
    CsvMapping, FileReport, ReadError, Screen, SourceEncoding, SourceRecord,
    format::{self, fhir::Coverages},
};

use crate::{
    config::{self, Config, Encoding, Format, read_named},
    crawl::{self, Passed},
    error::{AgentError, Fault},
    limits::{
        CONFIG_BYTES_MAX, REFUSED_PERMILLE_MAX, REFUSED_SHARE_ROWS_MIN, UNREADABLE_PERMILLE_MAX,
        UNREADABLE_RECORDS_MIN,
    },
    lookup::Problems,
};

/// A source that is ready to be read.
#[derive(Debug)]
pub struct Source {
    format: Format,
    mapping: Option<CsvMapping>,
    encoding: Encoding,
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

    fn see(&mut self, outcome: &Outcome) {
        self.rows += 1;
        match outcome {
            Outcome::Record(record) => {
                self.records += 1;
                for quality in record.quality().iter() {
                    *self.quality.entry(quality.code()).or_default() += 1;
                }
            }
            Outcome::Deletion => self.deletions += 1,
            Outcome::Refused(refused) => *self.refused.entry(refused.code).or_default() += 1,
        }
    }
}

/// What became of one row, claim or message.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// A usable record.
    Record(SourceRecord),
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
pub type Sink<'a> = dyn FnMut(&Path, Outcome) -> Result<(), AgentError> + 'a;

impl Source {
    /// Loads what reading needs: for CSV the column mapping.
    ///
    /// # Errors
    /// [`Fault::FileUnreadable`] or [`Fault::MappingRefused`].
    pub fn open(source: &config::Source) -> Result<Self, AgentError> {
        let mapping = match &source.format {
            Format::Csv { mapping } => Some(load_mapping(mapping, source.encoding)?),
            Format::SsMix2
            | Format::Uke
            | Format::Eligibility
            | Format::Fhir
            | Format::Checkup
            | Format::Care
            | Format::Dpc
            | Format::Dicom
            | Format::Hl7 => None,
        };
        Ok(Self {
            format: source.format.clone(),
            mapping,
            encoding: source.encoding,
        })
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
            None => error.advise("look at that field with `tokenizer inspect`".to_owned()),
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
            | Format::Eligibility
            | Format::Fhir
            | Format::Checkup => "the files of the source",
        };
        files::of_file(shown, error)
    }

    /// Insurances of all FHIR files, because bulk exports keep them in files of their own.
    fn coverages(&self, path: &Path) -> Result<Coverages, AgentError> {
        let mut coverages = Coverages::new();
        if self.format == Format::Fhir {
            crawl::walk(&self.format, path, &mut |file| {
                files::read_coverages(file, &mut coverages)
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
        let passed = crawl::walk(&self.format, path, &mut |file| {
            self.read_file(
                file,
                &coverages,
                screen.as_deref_mut(),
                &mut |file, outcome| {
                    tally.see(&outcome);
                    sink(file, outcome)
                },
            )
        })?;
        tally.passed = passed;
        Ok(tally)
    }

    fn read_file(
        &self,
        file: &Path,
        coverages: &Coverages,
        screen: Option<&mut Screen>,
        sink: &mut Sink<'_>,
    ) -> Result<(), AgentError> {
        let words = ToString::to_string;
        let rows: Reader = match (&self.format, &self.mapping) {
            (Format::SsMix2, _) => return files::read_message(file, screen, sink),
            (Format::Dicom, _) => return files::read_object(file, screen, sink),
            (Format::Csv { .. }, Some(mapping)) => {
                let words = |error: &ReadError| files::words_of_csv(error, self.encoding);
                return files::read_rows(file, sink, words, |bytes, rows| {
                    format::csv::read(mapping, bytes, rows)
                });
            }
            // Files of these three may hold one person each, so all of them are judged together as well.
            (Format::Eligibility, _) => {
                return files::read_rows(file, sink, words, |bytes, rows| {
                    screen.map_or(Ok(()), |all| format::eligibility::screen(bytes, all))?;
                    format::eligibility::read(bytes, rows)
                });
            }
            (Format::Fhir, _) => {
                return files::read_rows(file, sink, words, |bytes, rows| {
                    screen.map_or(Ok(()), |all| format::fhir::screen(bytes, all))?;
                    format::fhir::read_with(bytes, coverages, rows)
                });
            }
            (Format::Checkup, _) => {
                return files::read_rows(file, sink, words, |bytes, rows| {
                    screen.map_or(Ok(()), |all| format::checkup::screen(bytes, all))?;
                    format::checkup::read(bytes, rows)
                });
            }
            (Format::Care, _) => format::care::read,
            (Format::Dpc, _) => format::dpc::read,
            (Format::Hl7, _) => format::hl7::read,
            (Format::Csv { .. } | Format::Uke, _) => format::uke::read,
        };
        files::read_rows(file, sink, words, rows)
    }
}

/// A reader of files that say everything themselves.
type Reader = fn(&[u8], &mut format::RowSink<'_>) -> Result<FileReport, ReadError>;

/// Whether the share of refused rows says that the source is read wrongly.
fn check_share(tally: &Tally) -> Result<(), AgentError> {
    let refused = tally.refused_total();
    let share_matters = tally.rows >= REFUSED_SHARE_ROWS_MIN;
    if share_matters && refused * 1000 > tally.rows * REFUSED_PERMILLE_MAX
        || tally.records == 0 && refused > 0
    {
        let detail = format!("{refused} of {} rows", tally.rows);
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
            let detail = format!("{field}, in {count} of {} records", tally.records);
            return Err(AgentError::new(Fault::FieldUnreadable, detail));
        }
    }
    Ok(())
}

fn load_mapping(path: &Path, encoding: Encoding) -> Result<CsvMapping, AgentError> {
    let bytes = read_named("source.mapping", path, CONFIG_BYTES_MAX)?;
    let refused = |detail: String| {
        AgentError::new(
            Fault::MappingRefused,
            format!("{}: {detail}", path.display()),
        )
    };
    let text =
        String::from_utf8(bytes).map_err(|error| refused("not UTF-8".to_owned()).because(error))?;
    let mapping = CsvMapping::parse(&text).map_err(|error| refused(error.to_string()))?;
    Ok(mapping.with_encoding(match encoding {
        Encoding::Auto => None,
        Encoding::Utf8 => Some(SourceEncoding::Utf8),
        Encoding::Cp932 => Some(SourceEncoding::Cp932),
    }))
}

/// The source of a configuration, opened.
///
/// # Errors
/// As [`Source::open`].
pub fn of(config: &Config) -> Result<Source, AgentError> {
    Source::open(&config.source)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_mapping_parses() {
        let text = include_str!("../samples/town.toml");
        assert!(CsvMapping::parse(text).is_ok());
    }

    /// A folder with these files as a source of this format, walked over and checked.
    fn checked(format: Format, files: &[(String, String)]) -> Result<Tally, AgentError> {
        let folder = tempfile::tempdir().unwrap();
        for (name, bytes) in files {
            std::fs::write(folder.path().join(name), bytes).unwrap();
        }
        let path = folder.path().to_owned();
        let encoding = Encoding::Auto;
        let source = config::Source {
            format,
            path,
            encoding,
        };
        Source::open(&source)?.check(folder.path(), &mut Problems::default(), &|| ())
    }

    #[test]
    fn fhir_files_of_a_folder_are_joined() {
        let patients = include_str!("../../tokenize/tests/fixtures/patients.ndjson");
        let coverages = include_str!("../../tokenize/tests/fixtures/coverages.ndjson");
        let file = |name: &str, text: &str| (name.to_owned(), text.to_owned());
        let files = [
            file("Patient.ndjson", patients),
            file("a.json", coverages),
            file("b.txt", "not read"),
        ];
        let tally = checked(Format::Fhir, &files).unwrap();
        assert_eq!((tally.passed.files, tally.records), (2, 2));
        assert!(!tally.quality.contains_key("no-insurance"));
        let tally = checked(Format::Fhir, &files[..1]).unwrap();
        assert_eq!(tally.quality.get("no-insurance"), Some(&2));
    }

    #[test]
    fn responses_of_one_person_each_are_judged_together() {
        let text = include_str!("../../tokenize/tests/fixtures/eligibility.xml");
        let file = |number: usize, text: &str| (format!("{number}.xml"), text.to_owned());
        let good: Vec<_> = (0..8).map(|number| file(number, text)).collect();
        assert_eq!(checked(Format::Eligibility, &good).unwrap().records, 16);
        let forbidden = text.replace("00012345", "123456789018");
        let bad: Vec<_> = (0..8).map(|number| file(number, &forbidden)).collect();
        let error = checked(Format::Eligibility, &bad).unwrap_err();
        assert_eq!(error.fault(), Fault::MyNumberColumn);
    }

    #[test]
    fn archives_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let archive = include_bytes!("../../tokenize/tests/fixtures/checkup.zip");
        std::fs::write(folder.path().join("a.ZIP"), archive).unwrap();
        let source = config::Source {
            format: Format::Checkup,
            path: folder.path().to_owned(),
            encoding: Encoding::Auto,
        };
        let source = Source::open(&source).unwrap();
        let tally = source.read(folder.path(), &mut |_, _| Ok(())).unwrap();
        assert_eq!((tally.passed.files, tally.records), (1, 1));
    }

    #[test]
    fn the_share_of_refused_rows_is_judged_one_past_its_bound() {
        let tally = |rows: u64, refused: u64| Tally {
            rows,
            records: rows - refused,
            refused: BTreeMap::from([("row-columns", refused)]),
            ..Tally::default()
        };
        let fault = |tally: &Tally| check_share(tally).err().map(|error| error.fault());
        assert_eq!(fault(&tally(1000, REFUSED_PERMILLE_MAX)), None);
        let past = tally(1000, REFUSED_PERMILLE_MAX + 1);
        assert_eq!(fault(&past), Some(Fault::RowsRefused));
        let few = REFUSED_SHARE_ROWS_MIN - 1;
        assert_eq!(fault(&tally(few, few - 1)), None);
        assert_eq!(fault(&tally(few, few)), Some(Fault::RowsRefused));
        assert_eq!(fault(&tally(0, 0)), Some(Fault::SourceEmpty));
    }

    #[test]
    fn an_unreadable_field_is_judged_one_past_its_bound() {
        let fault = |records: u64, code: &'static str, count: u64| {
            let quality = BTreeMap::from([(code, count)]);
            let tally = Tally {
                records,
                quality,
                ..Tally::default()
            };
            check_fields(&tally).err().map(|error| error.fault())
        };
        let code = "unreadable-birth-date";
        let few = UNREADABLE_RECORDS_MIN - 1;
        assert_eq!(fault(few, code, few), None);
        let unreadable = Some(Fault::FieldUnreadable);
        assert_eq!(fault(few + 1, code, few), unreadable);
        assert_eq!(fault(1000, code, UNREADABLE_PERMILLE_MAX), None);
        assert_eq!(fault(1000, code, UNREADABLE_PERMILLE_MAX + 1), unreadable);
        assert_eq!(fault(1000, "no-birth-date", 1000), None, "not carried");
    }
}
