//! Reports for people at the site: what a source is worth before anything is sent, and what was sent so
//! far. Counts, shares, codes and row numbers; never a value.
//!
//! A report may be mailed to a vendor or to the linkage unit, so small counts of people are hidden in all
//! of its forms alike ([`shown`]). What is counted is held in bounded memory ([`sketch`]) under keys that
//! are drawn for one report and thrown away with it.
//!
//! Reading order: shown, sketch, field, counted, profile, files, data, lines, findings, rules, text, advice,
//! rows, terminal, html; then history, trend, past.

pub mod advice;
pub mod counted;
pub mod data;
pub mod day;
pub mod field;
pub mod files;
pub mod findings;
pub mod history;
pub mod html;
mod layout;
mod lines;
mod page;
pub mod past;
pub mod profile;
mod rows;
mod rules;
pub mod shown;
pub mod sketch;
pub mod svg;
pub mod terminal;
pub mod text;
pub mod trend;
