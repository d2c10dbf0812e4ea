//! Tables with a header line and a declared mapping, read block by block.
//!
//! A first look at as many bytes as it takes learns the encoding. Then one walk looks for forbidden numbers in
//! every column and another delivers the rows. So nothing of a table that must be refused is delivered, and
//! memory does not grow with the file. A caller that keeps nothing of a refused table gets both from one walk,
//! [`check_file`], and later the rows from another, [`read_screened`]. Each block that a walk reads must be the
//! one that the first of them saw.

mod check;
mod decode;
mod row;

use self::{
    check::{Columns, Table, begin, encoding_of},
    row::Reader,
};
use super::{
    FileReport, RowSink,
    blocks::{Cut, File, Row, in_memory},
};
pub use super::{
    blocks::{BlockSink, BytesAt, Stopped},
    mapping::CsvMapping,
};
use crate::error::ReadError;

/// A table in which no forbidden number was found: its header, and every block of it.
pub struct Screened {
    table: Table,
    length: u64,
    blocks: Vec<u64>,
}

impl std::fmt::Debug for Screened {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Screened(..)")
    }
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
    in_memory(bytes, sink, |file, sink| read_file(mapping, file, sink))
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
    sink: &mut BlockSink<'_, E>,
) -> Result<FileReport, Stopped<E>> {
    read_file(mapping, &mut File::new(length, bytes_at), sink)
}

/// Reads a table of any length. Its rows come after all of it was screened.
///
/// # Errors
/// As [`read_blocks`].
pub fn read_file<E>(
    mapping: &CsvMapping,
    file: &mut File<'_, E>,
    sink: &mut BlockSink<'_, E>,
) -> Result<FileReport, Stopped<E>> {
    let (table, _) = walk(mapping, file, |_, _, _| Ok(()))?;
    deliver(mapping, &table, file, sink)
}

/// Screens a table and hands its rows over in the same walk, for a caller that keeps nothing of them if the
/// table is refused in the end.
///
/// # Errors
/// [`Stopped::File`] if the file as a whole is refused, which may be known only after `sink` had its rows.
/// [`Stopped::Caller`] with what the caller's source or sink said.
pub fn check_file<E>(
    mapping: &CsvMapping,
    file: &mut File<'_, E>,
    sink: &mut BlockSink<'_, E>,
) -> Result<(FileReport, Screened), Stopped<E>> {
    let observed = file.is_observed();
    let mut begun = None;
    let (table, empty) = walk(mapping, file, |table, row, report| {
        let reader = begun.get_or_insert_with(|| Reader::new(mapping, table, observed));
        hand_over(reader, row, report, sink)
    })?;
    let screened = Screened {
        table,
        length: file.length(),
        blocks: file.seen(),
    };
    Ok((empty, screened))
}

/// Reads a table that was screened before, every block of which must be what it was then.
///
/// # Errors
/// As [`read_blocks`]; [`ReadError::Changed`] if it is another one.
pub fn read_screened<E>(
    mapping: &CsvMapping,
    screened: &Screened,
    file: &mut File<'_, E>,
    sink: &mut BlockSink<'_, E>,
) -> Result<FileReport, Stopped<E>> {
    if file.length() != screened.length {
        return Err(Stopped::File(ReadError::Changed));
    }
    file.expect(&screened.blocks);
    deliver(mapping, &screened.table, file, sink)
}

/// Screens a table, and hands every row but the header to `take`.
fn walk<E>(
    mapping: &CsvMapping,
    file: &mut File<'_, E>,
    mut take: impl FnMut(&Table, &Row<'_>, &mut FileReport) -> Result<(), Stopped<E>>,
) -> Result<(Table, FileReport), Stopped<E>> {
    if file.length() == 0 {
        return Err(Stopped::File(ReadError::Empty));
    }
    let found = encoding_of(file)?;
    let mut begun: Option<(Table, Columns, FileReport)> = None;
    let start = |row: Option<&Row<'_>>| {
        let table = begin(mapping, found, row)?;
        let columns = Columns::new(table.text, row.map_or(0, |row| row.fields.len()));
        let report = FileReport::new(table.encoding);
        Ok::<_, ReadError>((table, columns, report))
    };
    file.rows(
        cut(mapping, file.length()),
        |_| (),
        |row| {
            let Some((table, columns, report)) = &mut begun else {
                begun = Some(start(Some(&row))?);
                return Ok(());
            };
            columns.see(&row);
            take(table, &row, report)
        },
    )?;
    let begun = begun.map_or_else(|| start(None), Ok);
    let (table, columns, report) = begun?;
    columns.verdict()?;
    Ok((table, report))
}

/// Hands the rows of a table over that was screened.
fn deliver<E>(
    mapping: &CsvMapping,
    table: &Table,
    file: &mut File<'_, E>,
    sink: &mut BlockSink<'_, E>,
) -> Result<FileReport, Stopped<E>> {
    let mut report = FileReport::new(table.encoding);
    let mut reader = Reader::new(mapping, table, file.is_observed());
    file.rows(
        cut(mapping, file.length()),
        |_| (),
        |row| {
            if row.number == 1 {
                return Ok(());
            }
            hand_over(&mut reader, &row, &mut report, sink)
        },
    )?;
    Ok(report)
}

/// One row that is not the header.
fn hand_over<E>(
    reader: &mut Reader<'_>,
    row: &Row<'_>,
    report: &mut FileReport,
    sink: &mut BlockSink<'_, E>,
) -> Result<(), Stopped<E>> {
    if row.is_blank() {
        return Ok(());
    }
    let mut outcome = reader.record(row);
    report.count(
        outcome
            .as_mut()
            .map(|record| &mut **record)
            .map_err(|error| *error),
    );
    let outcome = outcome.map(|record| &*record);
    sink(row.number, outcome).map_err(Stopped::Caller)
}

/// How a table is cut into rows.
fn cut(mapping: &CsvMapping, length: u64) -> Cut {
    Cut {
        length,
        delimiter: mapping.delimiter,
        quotes: true,
        marked: true,
    }
}
