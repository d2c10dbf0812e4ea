//! Readers of site files: bytes in, normalised records out.
//!
//! A file whose header, encoding or structure is wrong is refused whole before its first row is
//! delivered. A row that is wrong is reported by number and field, and the others go on.

pub(crate) mod blocks;
pub mod care;
pub mod checkup;
pub mod csv;
pub mod dicom;
pub mod dpc;
pub mod eligibility;
pub(crate) mod encoding;
pub mod fhir;
pub mod hl7;
mod lines;
mod look;
mod mapping;
pub mod propose;
mod recognise;
mod records;
pub mod register;
mod rows;
pub mod ssmix2;
pub mod uke;
mod xml;

pub use blocks::{BlockSink, BytesAt, File, Stopped};
pub use encoding::{SourceEncoding, detect};
pub use look::{Look, look};
pub use recognise::SourceFormat;

use crate::quality::Counts;

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
    /// Messages that a later one about the same patient replaces. Only HL7 files and FHIR histories have them.
    pub superseded: u64,
    /// Messages that delete a patient or give a number up. Only HL7 and FHIR files have them.
    pub withdrawn: u64,
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
            superseded: 0,
            withdrawn: 0,
            counts: Counts::default(),
        }
    }

    /// Counts one outcome, and marks its record if it has something that very many before it have.
    fn count(&mut self, outcome: Result<&mut crate::SourceRecord, crate::RowError>) {
        self.rows += 1;
        match outcome {
            Ok(record) => {
                self.counts.mark_frequent(record);
                self.counts.record(record);
            }
            Err(error) => {
                self.rejected += 1;
                self.counts.row_error(error);
            }
        }
    }

    /// Counts one outcome and hands it on.
    fn deliver<E>(
        &mut self,
        row: u64,
        mut outcome: Result<crate::SourceRecord, crate::RowError>,
        sink: &mut BlockSink<'_, E>,
    ) -> Result<(), Stopped<E>> {
        self.count(outcome.as_mut().map_err(|error| *error));
        let lent = outcome.as_ref().map_err(|error| *error);
        sink(row, lent).map_err(Stopped::Caller)
    }
}

/// Takes rows as they are read: the row's number in the file, counted from 1 with the header, and
/// the record or the reason why it was left out.
pub type RowSink<'a> = dyn FnMut(u64, Result<crate::SourceRecord, crate::RowError>) + 'a;

/// Whether a name has kana and nothing else, in either width. Formats that do not say in which script
/// a name is written are read by this.
fn is_kana_name(name: &str) -> bool {
    let mut kana = false;
    let only = name.chars().all(|c| match c {
        '\u{3041}'..='\u{309f}' | '\u{30a1}'..='\u{30ff}' | '\u{ff66}'..='\u{ff9f}' => {
            kana = true;
            true
        }
        c => c.is_whitespace() || matches!(c, '・' | '\u{ff65}' | '-' | '－'),
    });
    only && kana
}
