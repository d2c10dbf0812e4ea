//! What a ceremony prints: the booklet that everybody follows, and the sheet of paper that carries one
//! custodian's share. Both are PDF, in Japanese or English, A4, black on white.
//!
//! Nothing here asks a clock, a token or the network, so the same recipe always gives the same bytes.

mod book;
mod canvas;
mod face;
mod file;
mod flow;
mod markdown;
mod model;
mod qr;
mod sheet;
mod sheet_text;
#[cfg(test)]
mod tests;
mod wrap;

pub(crate) mod words;

pub(crate) use self::{
    book::booklet_pdf,
    markdown::booklet_markdown,
    model::{Booklet, Language, Person, Section, Step, Text},
    sheet::{ShareSheet, share_sheet_pdf},
};
