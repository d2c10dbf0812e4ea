//! Readers of site files: bytes in, normalised records out.
//!
//! A file whose header, encoding or structure is wrong is refused whole before its first row is
//! delivered. A row that is wrong is reported by number and field, and the others go on.

pub mod csv;
mod encoding;
mod hl7;
mod mapping;
mod rows;
pub mod ssmix2;
pub mod uke;

pub use encoding::{SourceEncoding, detect};

use crate::quality::Counts;

/// How the files of a site are to be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SourceFormat {
    /// SS-MIX2 standardized storage: one ADT-00 file per patient.
    SsMix2Adt,
    /// A table with a declared mapping of columns.
    Csv(csv::CsvMapping),
    /// Electronic claims (UKE).
    Uke,
}

/// What was read from a file with many rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileReport {
    /// The encoding that was used.
    pub encoding: SourceEncoding,
    /// Rows or claims seen, without header and blank lines.
    pub rows: u64,
    /// Rows left out, each reported to the sink with its reason.
    pub rejected: u64,
    /// Whether the file has its end record. Always true for formats that have none.
    pub complete: bool,
    /// What was noticed and what was left out, by code.
    pub counts: Counts,
}

impl FileReport {
    fn new(encoding: SourceEncoding) -> Self {
        Self {
            encoding,
            rows: 0,
            rejected: 0,
            complete: true,
            counts: Counts::default(),
        }
    }

    /// Counts one outcome and hands it on.
    fn deliver(
        &mut self,
        row: u64,
        outcome: Result<crate::SourceRecord, crate::RowError>,
        sink: &mut RowSink<'_>,
    ) {
        self.rows += 1;
        match &outcome {
            Ok(record) => self.counts.record(record),
            Err(error) => {
                self.rejected += 1;
                self.counts.row_error(*error);
            }
        }
        sink(row, outcome);
    }
}

/// Takes rows as they are read: the row's number in the file, counted from 1 with the header, and
/// the record or the reason why it was left out.
pub type RowSink<'a> = dyn FnMut(u64, Result<crate::SourceRecord, crate::RowError>) + 'a;
