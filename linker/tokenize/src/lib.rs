//! Bytes of site files to tokens; the only place where identifiers exist.
//!
//! Pure: no clock, file, network or randomness. The caller hands over the bytes of a file and gets
//! one [`SourceRecord`] per person and row back, already normalised; an [`Encoder`] turns it into
//! tokens. Records, raw and normalised, are wiped from memory when they are dropped, are never printed
//! and cannot be serialised. Short-lived pieces inside single rules of the normaliser are not wiped, and
//! the file's bytes belong to the caller, who should hold them in a wiping buffer.
//!
//! Reading order: record, format, normalize, refuse, encode. What a token's bits are is said in
//! `linker/token/SPEC.md`, and `vectors/` holds inputs and outputs that must never change.

pub mod encode;
pub mod error;
pub mod format;
pub mod limits;
pub mod normalize;
pub mod quality;
pub mod record;
pub mod refuse;
pub mod written;

pub use encode::Encoder;
pub use error::{ReadError, RowError};
pub use format::{FileReport, SourceEncoding, SourceFormat, csv::CsvMapping};
pub use normalize::{NORMALISER_VERSION, TABLES_VERSION};
pub use quality::{Counts, Quality, QualitySet};
pub use record::{Identifiers, RawField, RawRecord, SourceRecord};
pub use refuse::{Refusal, RefusedNumber, Screen};
pub use written::{Mark, Written};
