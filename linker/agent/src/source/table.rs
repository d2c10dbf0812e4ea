//! A table of any size: block after block, twice, from one open file.

use std::os::unix::fs::FileExt as _;

use linker_tokenize::{
    CsvMapping, ReadError, RowError,
    format::csv::{self, Stopped},
};

use super::{
    Sink,
    files::{check_end, outcome_of, shown_name, with_words},
};
use crate::{
    crawl::Found,
    error::{AgentError, Fault},
    say::Value,
};

/// Reads a table. Its rows come only after all of it was screened.
pub(super) fn read(
    file: Found<'_>,
    mapping: &CsvMapping,
    sink: &mut Sink<'_>,
    words: impl Fn(&ReadError) -> Value,
) -> Result<(), AgentError> {
    let shown = shown_name(file.path());
    let failed = |error| AgentError::new(Fault::SourceIo, &*shown).because(Box::new(error));
    let opened = file.open().map_err(failed)?;
    let length = opened.metadata().map_err(failed)?.len();
    let mut bytes_at = |at, space: &mut [u8]| loop {
        match opened.read_at(space, at) {
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            read => return read.map_err(failed),
        }
    };
    let mut cut_off = None;
    let report = csv::read_blocks(mapping, length, &mut bytes_at, &mut |row, outcome| {
        cut_off = (outcome.err() == Some(RowError::Truncated)).then_some(row);
        sink(file.path(), outcome_of(row, outcome))
    });
    match report {
        Ok(_report) => check_end(&shown, cut_off),
        Err(Stopped::File(error)) => Err(with_words(&shown, &error, words(&error))),
        Err(Stopped::Caller(error)) => Err(error),
    }
}
