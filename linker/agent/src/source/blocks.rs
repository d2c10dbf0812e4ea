//! A file of many rows and any size: block after block, as often as its reader needs, from one open file.

use std::os::unix::fs::FileExt as _;

use linker_tokenize::{
    FileReport, ReadError, RowError,
    format::{BlockSink, File, Stopped, fhir::Coverages},
};

use super::{
    Outcome, Sink,
    files::{check_end, of_file, outcome_of, shown_name, with_words},
};
use crate::{
    crawl::Found,
    error::{AgentError, Fault},
    say,
    say::Value,
};

/// Reads rows. They come only after all of the file was screened.
pub(super) fn read(
    found: Found<'_>,
    observed: bool,
    sink: &mut Sink<'_>,
    words: impl Fn(&ReadError) -> Value,
    read: impl FnOnce(
        &mut File<'_, AgentError>,
        &mut BlockSink<'_, AgentError>,
    ) -> Result<FileReport, Stopped<AgentError>>,
) -> Result<(), AgentError> {
    let shown = shown_name(found.path());
    let mut cut_off = None;
    let report = opened(found, &shown, |file| {
        let mut file = file.observing(observed);
        read(&mut file, &mut |row, outcome| {
            cut_off = (outcome.err() == Some(RowError::Truncated)).then_some(row);
            sink(found.path(), outcome_of(row, outcome))
        })
    });
    let report = report.map_err(|stopped| match stopped {
        Stopped::File(error) => with_words(&shown, &error, words(&error)),
        Stopped::Caller(error) => error,
    })?;
    for _ in 0..report.withdrawn {
        sink(found.path(), Outcome::Deletion)?;
    }
    check_end(&shown, cut_off)?;
    if !report.complete {
        return Err(AgentError::new(
            Fault::FileTruncated,
            say!("{file}: it has no end record", file = shown),
        ));
    }
    Ok(())
}

/// The insurances of one FHIR file.
pub(super) fn read_coverages(
    found: Found<'_>,
    coverages: &mut Coverages,
) -> Result<(), AgentError> {
    let shown = shown_name(found.path());
    let added = opened(found, &shown, |mut file| coverages.add_file(&mut file));
    added.map_err(|stopped| match stopped {
        Stopped::File(error) => of_file(&shown, &error),
        Stopped::Caller(error) => error,
    })
}

/// Opens a file for a reader of blocks.
fn opened<T>(
    found: Found<'_>,
    shown: &str,
    read: impl FnOnce(File<'_, AgentError>) -> Result<T, Stopped<AgentError>>,
) -> Result<T, Stopped<AgentError>> {
    let failed = |error| AgentError::new(Fault::SourceIo, shown).because(Box::new(error));
    let opened = found.open().map_err(failed).map_err(Stopped::Caller)?;
    let metadata = opened.metadata().map_err(failed);
    let length = metadata.map_err(Stopped::Caller)?.len();
    let mut bytes_at = |at, space: &mut [u8]| loop {
        match opened.read_at(space, at) {
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            read => return read.map_err(failed),
        }
    };
    read(File::new(length, &mut bytes_at))
}
