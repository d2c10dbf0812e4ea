//! Tables with a header line and a declared mapping, read block by block.
//!
//! A table is walked over twice. The first walk learns its encoding and looks for forbidden numbers in
//! every column; the second delivers its rows. So nothing of a table that must be refused is delivered,
//! and memory does not grow with the file. Each block that the second walk reads must be the one that the
//! first walk saw.

mod blocks;
mod check;
mod decode;
mod row;

use std::convert::Infallible;

pub use self::blocks::BytesAt;
use self::{
    blocks::{fingerprint, walk},
    check::check,
    row::Reader,
};
pub use super::mapping::CsvMapping;
use super::{FileReport, RowSink};
use crate::{
    error::{ReadError, RowError},
    record::SourceRecord,
};

/// Takes rows as they are read, as [`RowSink`] does, but lends the record, whose memory serves for the
/// next one. An error ends the reading.
pub type TableSink<'a, E> = dyn FnMut(u64, Result<&SourceRecord, RowError>) -> Result<(), E> + 'a;

/// Why a table was not read to its end.
#[derive(Debug, PartialEq, Eq)]
pub enum Stopped<E> {
    /// The file as a whole is refused.
    File(ReadError),
    /// What the caller's source or sink said.
    Caller(E),
}

/// Reads a table that is in memory. Rows go to `sink` with their numbers; row 1 is the header.
///
/// # Errors
/// [`ReadError`] if the file as a whole is refused; then `sink` was never called.
pub fn read(
    mapping: &CsvMapping,
    bytes: &[u8],
    sink: &mut RowSink<'_>,
) -> Result<FileReport, ReadError> {
    let mut bytes_at = |at: u64, space: &mut [u8]| {
        let rest = usize::try_from(at).ok().and_then(|at| bytes.get(at..));
        let rest = rest.unwrap_or_default();
        let length = rest.len().min(space.len());
        space[..length].copy_from_slice(&rest[..length]);
        Ok(length)
    };
    let mut sink = |row, outcome: Result<&SourceRecord, RowError>| {
        sink(row, outcome.cloned());
        Ok::<(), Infallible>(())
    };
    let report = read_blocks(mapping, bytes.len() as u64, &mut bytes_at, &mut sink);
    report.map_err(|stopped| match stopped {
        Stopped::File(error) => error,
        Stopped::Caller(never) => match never {},
    })
}

/// Reads the first `length` bytes of a table, which `bytes_at` reads from wherever they are.
///
/// # Errors
/// [`Stopped::File`] if the file as a whole is refused; then `sink` was never called, unless the file
/// changed between the walks. [`Stopped::Caller`] with what `bytes_at` or `sink` said.
pub fn read_blocks<E>(
    mapping: &CsvMapping,
    length: u64,
    bytes_at: &mut BytesAt<'_, E>,
    sink: &mut TableSink<'_, E>,
) -> Result<FileReport, Stopped<E>> {
    if length == 0 {
        return Err(Stopped::File(ReadError::Empty));
    }
    let checked = check(mapping, length, bytes_at)?;
    let mut report = FileReport::new(checked.encoding);
    let mut reader = Reader::new(mapping, &checked);
    let mut known = checked.blocks.iter();
    walk(
        length,
        mapping.delimiter,
        bytes_at,
        |block| match known.next() {
            Some(&seen) if seen == fingerprint(block) => Ok(()),
            _ => Err(ReadError::Changed),
        },
        |row| {
            if row.number == 1 || row.is_blank() {
                return Ok(());
            }
            let mut outcome = reader.record(&row);
            report.count(
                outcome
                    .as_mut()
                    .map(|record| &mut **record)
                    .map_err(|error| *error),
            );
            let outcome = outcome.map(|record| &*record);
            sink(row.number, outcome).map_err(Stopped::Caller)
        },
    )?;
    Ok(report)
}
