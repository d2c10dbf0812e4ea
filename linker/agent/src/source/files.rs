//! One file of a source: its bytes, and what its faults mean.

use std::path::Path;

use linker_tokenize::{
    Counts, ReadError, RowError, Screen, SourceEncoding, SourceRecord,
    format::{self, ssmix2::Adt},
    limits::DICOM_HEADER_BYTES_MAX,
};
use zeroize::Zeroizing;

use super::{Outcome, Refused, Sink, words};
use crate::{
    config::Encoding,
    crawl::Found,
    error::{AgentError, Fault},
    limits::MESSAGE_BYTES_MAX,
    say,
    say::Value,
};

/// What a message of an SS-MIX2 tree is called: its file's name holds the patient's number.
pub(super) const MESSAGE: &str = "an SS-MIX2 message";

/// What a DICOM object is called: its file's name can hold the patient's number too.
pub(super) const OBJECT: &str = "a DICOM object";

/// One SS-MIX2 message. A message that cannot be read is left out like a row; a tree has thousands.
/// Forbidden numbers are judged over the whole tree by `screen`, and telephones counted over it: one message
/// proves nothing.
pub(super) fn read_message(
    file: Found<'_>,
    room: &mut Room,
    screen: Option<&mut Screen>,
    observed: bool,
    sink: &mut Sink<'_>,
) -> Result<(), AgentError> {
    let Some(bytes) = read_into(file, &mut room.bytes)? else {
        return sink(file.path(), left_out("file-too-large"));
    };
    if let Some(screen) = screen
        && let Err(error) = format::ssmix2::screen(bytes, screen)
    {
        return sink(file.path(), left_out(error.code()));
    }
    let read = if observed {
        format::ssmix2::observe
    } else {
        format::ssmix2::read
    };
    match read(bytes) {
        Ok(Adt::Current(mut record)) => {
            room.phones.mark_frequent(&mut record);
            sink(file.path(), Outcome::Record(&record))
        }
        Ok(Adt::Deleted { .. }) => sink(file.path(), Outcome::Deletion),
        Err(error) => sink(file.path(), left_out(error.code())),
    }
}

/// What the messages of a tree share.
pub(super) struct Room {
    /// Room for the largest message and one byte more, which message after message is read into: pages that
    /// no message reaches take no memory.
    bytes: Zeroizing<Vec<u8>>,
    /// Telephones that very many of them have.
    phones: Counts,
}

impl Room {
    pub(super) fn new() -> Self {
        Self {
            bytes: Zeroizing::new(vec![0; MESSAGE_BYTES_MAX + 1]),
            phones: Counts::default(),
        }
    }
}

/// A whole message; `None` if it is too large.
fn read_into<'r>(
    file: Found<'_>,
    room: &'r mut Zeroizing<Vec<u8>>,
) -> Result<Option<&'r [u8]>, AgentError> {
    use std::io::Read as _;
    let failed = |error| AgentError::new(Fault::SourceIo, MESSAGE).because(Box::new(error));
    let mut opened = file.open().map_err(failed)?;
    let mut length = 0;
    while length < room.len() {
        match opened.read(&mut room[length..]) {
            Ok(0) => return Ok(Some(&room[..length])),
            Ok(more) => length += more,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(failed(error)),
        }
    }
    Ok(None)
}

/// The header of one DICOM object, of whatever size. One that cannot be read is left out like a row.
pub(super) fn read_object(
    file: Found<'_>,
    screen: Option<&mut Screen>,
    observed: bool,
    sink: &mut Sink<'_>,
) -> Result<(), AgentError> {
    let bytes = read_start(file, OBJECT, DICOM_HEADER_BYTES_MAX)?;
    if let Some(screen) = screen
        && let Err(error) = format::dicom::screen(&bytes, screen)
    {
        return sink(file.path(), left_out(error.code()));
    }
    let read = if observed {
        format::dicom::observe
    } else {
        format::dicom::read
    };
    match read(&bytes) {
        Ok(record) => sink(file.path(), Outcome::Record(&record)),
        Err(error) => sink(file.path(), left_out(error.code())),
    }
}

fn left_out(code: &'static str) -> Outcome<'static> {
    let (row, field) = (0, "");
    Outcome::Refused(Refused { row, code, field })
}

/// A last row that is cut off is a file that was cut off.
pub(super) fn check_end(shown: &str, cut_off: Option<u64>) -> Result<(), AgentError> {
    cut_off.map_or(Ok(()), |row| {
        let detail = say!(
            "{file}, row {row}: the last row is cut off",
            file = shown,
            row = row
        );
        Err(AgentError::new(Fault::FileTruncated, detail))
    })
}

pub(super) fn outcome_of(row: u64, read: Result<&SourceRecord, RowError>) -> Outcome<'_> {
    match read {
        Ok(record) => Outcome::Record(record),
        Err(error) => Outcome::Refused(Refused {
            row,
            code: error.code(),
            field: error.field().unwrap_or(""),
        }),
    }
}

/// The name of a file that is shown. For files whose names hold no number of a patient.
pub(crate) fn shown_name(file: &Path) -> String {
    let name = file.file_name();
    name.map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}

/// The first bytes of a file, and one more if there are more.
pub(crate) fn read_start(
    file: Found<'_>,
    shown: &str,
    limit: usize,
) -> Result<Zeroizing<Vec<u8>>, AgentError> {
    use std::io::Read as _;
    let failed = |error| AgentError::new(Fault::SourceIo, shown).because(Box::new(error));
    let opened = file.open().map_err(failed)?;
    // Capacity at once: a growing buffer would leave copies of identifiers behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(limit + 1));
    let read = opened.take(limit as u64 + 1).read_to_end(&mut bytes);
    read.map_err(failed)?;
    Ok(bytes)
}

/// The fault of a whole file. The readers' texts carry no value of the file.
pub(super) fn of_file(shown: &str, error: &ReadError) -> AgentError {
    with_words(shown, error, words::of(error))
}

/// The fault of a table that nobody has described yet.
pub(crate) fn of_table(shown: &str, error: &ReadError) -> AgentError {
    let ReadError::Encoding { found, .. } = error else {
        return with_words(shown, error, words::of(error));
    };
    let found = words::encoding(*found);
    let rule = say!(
        "its bytes look like {found}, and init reads UTF-8 and CP932",
        found = found
    );
    with_words(shown, error, rule.into())
}

/// What is wrong with a table, and who says what its encoding is: tokenizer.toml if it names one,
/// then the mapping, then the bytes.
pub(super) fn words_of_csv(error: &ReadError, configured: Encoding) -> Value {
    let ReadError::Encoding { declared, found } = error else {
        return words::of(error);
    };
    let by_bytes = matches!(
        found,
        SourceEncoding::Utf8 | SourceEncoding::Cp932 | SourceEncoding::Utf16
    );
    let who: Value = match configured {
        Encoding::Utf8 | Encoding::Cp932 => "source.encoding".into(),
        // Bytes in a readable encoding are refused only because the mapping names another one.
        Encoding::Auto if by_bytes || *declared != SourceEncoding::Utf8 => {
            say!("the mapping").into()
        }
        Encoding::Auto => {
            let found = words::encoding(*found);
            return say!(
                "its bytes look like {found}, and UTF-8, UTF-16 and CP932 are read",
                found = found
            )
            .into();
        }
    };
    let (declared, found) = (words::encoding(*declared), words::encoding(*found));
    say!(
        "{who} says {declared} and the bytes look like {found}",
        who = who,
        declared = declared,
        found = found
    )
    .into()
}

pub(super) fn with_words(shown: &str, error: &ReadError, words: Value) -> AgentError {
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
        ReadError::Changed => Fault::SourceChanged,
        _ => Fault::FileRefused,
    };
    AgentError::new(fault, say!("{file}: {rule}", file = shown, rule = words))
}
