//! One file of a source: its bytes, and what its faults mean.

use std::path::Path;

use linker_tokenize::{
    FileReport, ReadError, RowError, Screen, SourceEncoding,
    format::{self, fhir::Coverages, ssmix2::Adt},
    limits::DICOM_HEADER_BYTES_MAX,
};
use zeroize::Zeroizing;

use super::{Outcome, Refused, Sink};
use crate::{
    config::Encoding,
    error::{AgentError, Fault},
    limits::{MESSAGE_BYTES_MAX, SOURCE_FILE_BYTES_MAX},
};

/// What a message of an SS-MIX2 tree is called: its file's name holds the patient's number.
pub(super) const MESSAGE: &str = "an SS-MIX2 message";

/// What a DICOM object is called: its file's name can hold the patient's number too.
pub(super) const OBJECT: &str = "a DICOM object";

/// One SS-MIX2 message. A message that cannot be read is left out like a row; a tree has thousands.
/// Forbidden numbers are judged over the whole tree by `screen`: one message proves nothing.
pub(super) fn read_message(
    file: &Path,
    screen: Option<&mut Screen>,
    sink: &mut Sink<'_>,
) -> Result<(), AgentError> {
    let bytes = match read_file_bytes(file, MESSAGE, MESSAGE_BYTES_MAX) {
        Err(error) if error.fault() == Fault::SourceTooLarge => {
            return sink(file, left_out("file-too-large"));
        }
        other => other?,
    };
    if let Some(screen) = screen
        && let Err(error) = format::ssmix2::screen(&bytes, screen)
    {
        return sink(file, left_out(error.code()));
    }
    match format::ssmix2::read(&bytes) {
        Ok(Adt::Current(record)) => sink(file, Outcome::Record(record)),
        Ok(Adt::Deleted { .. }) => sink(file, Outcome::Deletion),
        Err(error) => sink(file, left_out(error.code())),
    }
}

/// The header of one DICOM object, of whatever size. One that cannot be read is left out like a row.
pub(super) fn read_object(
    file: &Path,
    screen: Option<&mut Screen>,
    sink: &mut Sink<'_>,
) -> Result<(), AgentError> {
    let bytes = read_start(file, OBJECT, DICOM_HEADER_BYTES_MAX)?;
    if let Some(screen) = screen
        && let Err(error) = format::dicom::screen(&bytes, screen)
    {
        return sink(file, left_out(error.code()));
    }
    match format::dicom::read(&bytes) {
        Ok(record) => sink(file, Outcome::Record(record)),
        Err(error) => sink(file, left_out(error.code())),
    }
}

fn left_out(code: &'static str) -> Outcome {
    let (row, field) = (0, "");
    Outcome::Refused(Refused { row, code, field })
}

/// A file with many rows. It is held in memory once; its reader screens it whole before the first row.
pub(super) fn read_rows(
    file: &Path,
    sink: &mut Sink<'_>,
    words: impl Fn(&ReadError) -> String,
    read: impl FnOnce(&[u8], &mut format::RowSink<'_>) -> Result<FileReport, ReadError>,
) -> Result<(), AgentError> {
    let shown = shown_name(file);
    let bytes = read_file_bytes(file, &shown, SOURCE_FILE_BYTES_MAX)?;
    let mut stopped = Ok(());
    let mut cut_off = None;
    let report = read(&bytes, &mut |row, outcome| {
        let truncated = outcome.as_ref().err() == Some(&RowError::Truncated);
        cut_off = truncated.then_some(row);
        if stopped.is_ok() {
            let outcome = match outcome {
                Ok(record) => Outcome::Record(record),
                Err(error) => Outcome::Refused(refused_row(row, error)),
            };
            stopped = sink(file, outcome);
        }
    });
    let report = report.map_err(|error| with_words(&shown, &error, &words(&error)))?;
    stopped?;
    for _ in 0..report.withdrawn {
        sink(file, Outcome::Deletion)?;
    }
    if let Some(row) = cut_off {
        return Err(AgentError::new(
            Fault::FileTruncated,
            format!("{shown}, row {row}: the last row is cut off"),
        ));
    }
    if !report.complete {
        return Err(AgentError::new(
            Fault::FileTruncated,
            format!("{shown}: it has no end record"),
        ));
    }
    Ok(())
}

/// The insurances of one FHIR file.
pub(super) fn read_coverages(file: &Path, coverages: &mut Coverages) -> Result<(), AgentError> {
    let shown = shown_name(file);
    let bytes = read_file_bytes(file, &shown, SOURCE_FILE_BYTES_MAX)?;
    let added = coverages.add(&bytes);
    added.map_err(|error| of_file(&shown, &error))
}

fn shown_name(file: &Path) -> String {
    let name = file.file_name();
    name.map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}

fn refused_row(row: u64, error: RowError) -> Refused {
    Refused {
        row,
        code: error.code(),
        field: error.field().unwrap_or(""),
    }
}

/// The first bytes of a file.
fn read_start(file: &Path, shown: &str, limit: usize) -> Result<Zeroizing<Vec<u8>>, AgentError> {
    use std::io::Read as _;
    let failed = |error| AgentError::new(Fault::SourceIo, shown).because(Box::new(error));
    let opened = std::fs::File::open(file).map_err(failed)?;
    // Capacity at once: a growing buffer would leave copies of identifiers behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(limit + 1));
    let read = opened.take(limit as u64).read_to_end(&mut bytes);
    read.map_err(failed)?;
    Ok(bytes)
}

fn read_file_bytes(file: &Path, shown: &str, limit: u64) -> Result<Zeroizing<Vec<u8>>, AgentError> {
    use std::io::Read as _;
    let failed = |error| AgentError::new(Fault::SourceIo, shown).because(Box::new(error));
    let too_large = || {
        AgentError::new(
            Fault::SourceTooLarge,
            format!("{shown}: more than {limit} bytes"),
        )
    };
    let opened = std::fs::File::open(file).map_err(failed)?;
    let length = opened.metadata().map_err(failed)?.len();
    if length > limit {
        return Err(too_large());
    }
    // Capacity at once: a growing buffer would leave copies of identifiers behind.
    let capacity = usize::try_from(length).map_err(|_too_large| too_large())?;
    let mut bytes = Zeroizing::new(Vec::with_capacity(capacity + 1));
    let read = opened.take(limit + 1).read_to_end(&mut bytes);
    if read.map_err(failed)? as u64 > limit {
        return Err(too_large());
    }
    Ok(bytes)
}

/// The fault of a whole file. The readers' texts carry no value of the file.
pub(super) fn of_file(shown: &str, error: &ReadError) -> AgentError {
    with_words(shown, error, &error.to_string())
}

/// What is wrong with a table, and who says what its encoding is: tokenizer.toml if it names one,
/// then the mapping, then the bytes.
pub(super) fn words_of_csv(error: &ReadError, configured: Encoding) -> String {
    let ReadError::Encoding { declared, found } = error else {
        return error.to_string();
    };
    let by_bytes = matches!(found, SourceEncoding::Utf8 | SourceEncoding::Cp932);
    let who = match configured {
        Encoding::Utf8 | Encoding::Cp932 => "source.encoding",
        // Bytes in a readable encoding are refused only because the mapping names another one.
        Encoding::Auto if by_bytes || *declared != SourceEncoding::Utf8 => "the mapping",
        Encoding::Auto => {
            return format!("its bytes look like {found}, and UTF-8 and CP932 are read");
        }
    };
    format!("{who} says {declared} and the bytes look like {found}")
}

fn with_words(shown: &str, error: &ReadError, words: &str) -> AgentError {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the reader's enum is open; every other case is a broken rule"
    )]
    let fault = match error {
        ReadError::Empty | ReadError::Truncated => Fault::FileTruncated,
        ReadError::TooLarge { .. } => Fault::SourceTooLarge,
        ReadError::Encoding { .. } => Fault::EncodingUnknown,
        ReadError::MissingColumn { .. } | ReadError::RepeatedColumn { .. } => Fault::ColumnWrong,
        ReadError::MappingSyntax { .. } | ReadError::MappingRule { .. } => Fault::MappingRefused,
        ReadError::Refused(_) => Fault::MyNumberColumn,
        _ => Fault::FileRefused,
    };
    AgentError::new(fault, format!("{shown}: {words}"))
}
