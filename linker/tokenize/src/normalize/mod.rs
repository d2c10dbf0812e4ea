//! Raw values to normal forms, so that two institutions that mean the same person write the same.
//!
//! Every rule is a pure function; normal forms are fixed points, which property tests hold. A change
//! that alters any normal form must change [`NORMALISER_VERSION`], a change of a data file
//! [`TABLES_VERSION`]; both travel in every manifest, and the appliance refuses to mix them.

pub mod address;
pub mod date;
pub mod insurance;
pub mod kana;
pub mod kanji;
mod latin;
pub mod name;
mod numeral;
mod person;
pub mod postal;
mod quick;
pub mod text;

pub(crate) use person::{Values, normalize_as, normalize_values};
pub use person::{normalize, observe};
pub(crate) use quick::person::{UNDECODED, Undecoded};

use crate::record::SourceRecord;

/// Version of the rules of this module.
pub const NORMALISER_VERSION: &str = "musubi-normaliser/3";
/// Version of the data files under `data/`.
pub const TABLES_VERSION: &str = "musubi-tables/2";

/// [`normalize_values`] of a usual record into the memory of an earlier one. Fields in `undecoded` are in CP932
/// and absent in `raw`. `false`: it is none, and nothing in `record` is of worth.
pub(crate) fn normalize_usual(
    raw: &Values<'_>,
    undecoded: &Undecoded<'_>,
    record: &mut SourceRecord,
) -> bool {
    quick::person::normalize(raw, undecoded, record)
}
