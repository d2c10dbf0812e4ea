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
mod quick;
pub mod text;

pub use person::normalize;
pub(crate) use person::{Values, normalize_values};

/// Version of the rules of this module.
pub const NORMALISER_VERSION: &str = "musubi-normaliser/1";
/// Version of the data files under `data/`.
pub const TABLES_VERSION: &str = "musubi-tables/1";
