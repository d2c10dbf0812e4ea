//! Readers of site files: bytes in, normalised records out.
//!
//! A file whose header, encoding or structure is wrong is refused whole before its first row is
//! delivered. A row that is wrong is reported by number and field, and the others go on.

pub mod care;
pub mod checkup;
pub mod csv;
pub mod dicom;
pub mod dpc;
pub mod eligibility;
mod encoding;
pub mod fhir;
pub mod hl7;
mod lines;
mod mapping;
pub mod register;
mod rows;
pub mod ssmix2;
pub mod uke;
mod xml;

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
    /// A response of online eligibility checks.
    Eligibility,
    /// FHIR patients with their coverage.
    Fhir,
    /// An archive of specific health check-ups.
    Checkup,
    /// Care claims as CSV.
    Care,
    /// DPC Form 1.
    Dpc,
    /// Headers of DICOM objects.
    Dicom,
    /// HL7 v2 ADT messages, many in a file.
    Hl7,
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
    /// Messages that a later one about the same patient replaces. Only HL7 files have them.
    pub superseded: u64,
    /// Messages that delete a patient or give a number up. Only HL7 files have them.
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
