//! A first mapping for a table that nobody has described yet: what each column probably is, by its header
//! and by what its values look like.
//!
//! Columns are counted, never quoted: a proposal holds the words of the header, which is proven to be one,
//! and nothing of any row. A table with My Number or the residence code is refused as everywhere.

mod content;
mod header;
mod resolve;
mod words;

use self::{content::Content, header::Reading, resolve::resolve};
use super::{
    SourceEncoding,
    encoding::{self, BOM},
    rows::{Rows, Span},
};
use crate::{
    error::ReadError,
    limits::{PROPOSE_HEADER_CHARS_MAX, PROPOSE_ROWS_MAX},
    normalize::{date, insurance},
    record::RawField,
    refuse::{ColumnStatistics, Refusal, header_hint},
};

/// What a table probably is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    /// The encoding that the bytes show.
    pub encoding: SourceEncoding,
    /// What stands between columns.
    pub delimiter: char,
    /// All columns in their order.
    pub columns: Vec<Column>,
    /// Rows that were looked at, without the header.
    pub rows: usize,
}

/// What a column probably is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its header.
    pub header: String,
    /// The field that it gives, if any.
    pub field: Option<RawField>,
    /// How sure that is.
    pub certainty: Certainty,
    /// Why.
    pub ground: Ground,
    /// For figures of different lengths: the longest, to which they may have to be padded.
    pub width: Option<usize>,
}

/// How sure a meaning is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Certainty {
    /// Header and values say the same.
    Sure,
    /// One of them says it and the other is silent.
    Likely,
    /// Somebody has to look.
    Unsure,
}

/// Why a column has its meaning, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ground {
    /// The header says it.
    Header,
    /// The values look so; the header says nothing.
    Values,
    /// The header says it, and the values look like something else.
    Contradiction,
    /// The header names something that is not used.
    NotUsed,
    /// Another column gives the field already.
    Taken(RawField),
    /// The same header stands over another column too.
    Repeated,
    /// Neither header nor values say anything.
    Unknown,
}

impl Proposal {
    /// The column that gives a field.
    #[must_use]
    pub fn column_of(&self, field: RawField) -> Option<&Column> {
        self.columns
            .iter()
            .find(|column| column.field == Some(field))
    }

    /// Whether a mapping can be made of it: records have numbers and something beside them.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        let mapped = self.columns.iter().filter(|column| column.field.is_some());
        self.column_of(RawField::RecordId).is_some() && mapped.count() >= 2
    }
}

/// Reads the first rows of a table and proposes what its columns are. `bytes` may be the beginning of a
/// file that ends anywhere.
///
/// # Errors
/// [`ReadError::Refused`] if a column holds a number that must not be processed, by its header or in the
/// rows that were looked at; [`ReadError::Structure`] if there is no header or one column only;
/// [`ReadError::Encoding`] if the bytes are in no encoding that tables are read in.
pub fn propose(bytes: &[u8]) -> Result<Proposal, ReadError> {
    if bytes.is_empty() {
        return Err(ReadError::Empty);
    }
    let encoding = encoding::detect(bytes);
    if !matches!(
        encoding,
        SourceEncoding::Ascii | SourceEncoding::Utf8 | SourceEncoding::Cp932
    ) {
        let declared = SourceEncoding::Utf8;
        return Err(ReadError::Encoding {
            declared,
            found: encoding,
        });
    }
    let body = bytes.strip_prefix(BOM).unwrap_or(bytes);
    let delimiter = delimiter(body).ok_or(structure(ONE_COLUMN))?;
    let mut rows = Rows::new(body, delimiter, true);
    let mut fields = Vec::new();
    let (row, _end) = rows.next(&mut fields).ok_or(ReadError::Empty)?;
    let headers = headers(encoding, row, &fields)?;
    let (contents, seen) = contents(encoding, &mut rows, headers.len(), bytes)?;
    if !is_header(&headers, &contents) {
        return Err(structure(NO_HEADER));
    }
    let columns = resolve(headers, &contents);
    Ok(Proposal {
        encoding,
        delimiter: char::from(delimiter),
        columns,
        rows: seen,
    })
}

const ONE_COLUMN: &str = "no comma, semicolon or tab separates its columns";
const NO_HEADER: &str = "its first line is not a header";

fn structure(rule: &'static str) -> ReadError {
    let format = "a table with a header";
    ReadError::Structure { format, rule }
}

/// What parts most rows into as many columns as the first: quotation marks hide what is inside values.
fn delimiter(body: &[u8]) -> Option<u8> {
    const LOOK: usize = 50;
    let score = |delimiter: u8| {
        let mut rows = Rows::new(body, delimiter, true);
        let mut fields = Vec::new();
        rows.next(&mut fields);
        let width = fields.len();
        let mut alike = 0_usize;
        for _ in 0..LOOK {
            let more = rows.next(&mut fields).is_some();
            alike += usize::from(more && fields.len() == width);
        }
        (width > 1).then_some((alike, width))
    };
    let scored = *b",\t;";
    let best = scored
        .iter()
        .filter_map(|&delimiter| Some((score(delimiter)?, delimiter)));
    // Of two that score alike the first stands, and a comma is the most usual.
    best.rev()
        .max_by_key(|(score, _)| *score)
        .map(|(_, delimiter)| delimiter)
}

fn headers(
    encoding: SourceEncoding,
    row: &[u8],
    fields: &[Span],
) -> Result<Vec<String>, ReadError> {
    let mut headers = Vec::with_capacity(fields.len());
    for (index, field) in fields.iter().enumerate() {
        let bytes = field.of(row);
        let text = encoding::text(encoding, bytes.bytes())
            .ok_or_else(|| structure("the header is not in the file's encoding"))?;
        if let Some(number) = header_hint(&text) {
            return Err(ReadError::Refused(Refusal::by_header(number, index + 1)));
        }
        if text.chars().count() > PROPOSE_HEADER_CHARS_MAX {
            return Err(structure(NO_HEADER));
        }
        headers.push(text.trim().to_owned());
    }
    Ok(headers)
}

/// Counts over the first rows, and how many there were. Judges forbidden numbers.
fn contents(
    encoding: SourceEncoding,
    rows: &mut Rows<'_>,
    width: usize,
    bytes: &[u8],
) -> Result<(Vec<Content>, usize), ReadError> {
    let mut contents: Vec<_> = (0..width).map(|_| Content::default()).collect();
    let mut screens = vec![ColumnStatistics::default(); width];
    let mut fields = Vec::new();
    let mut seen = 0;
    let whole = matches!(bytes.last(), Some(b'\n' | b'\r'));
    while seen < PROPOSE_ROWS_MAX
        && let Some((row, end)) = rows.next(&mut fields)
    {
        // The beginning of a file can end inside a value.
        let cut = end == super::rows::RowEnd::File && !whole;
        if fields.len() != width || cut && seen > 0 {
            continue;
        }
        seen += 1;
        for (field, (content, screen)) in fields.iter().zip(contents.iter_mut().zip(&mut screens)) {
            let bytes = field.of(row);
            let Some(text) = encoding::text(encoding, bytes.bytes()) else {
                continue;
            };
            let text = zeroize::Zeroizing::new(text.into_owned());
            content.see(&text, PROPOSE_ROWS_MAX);
            screen.see(&text);
        }
    }
    for (index, screen) in screens.iter().enumerate() {
        screen
            .verdict(&format!("column {}", index + 1))
            .map_err(ReadError::Refused)?;
    }
    Ok((contents, seen))
}

/// Whether the first line is a header. A file without one would show its first person as headers, so
/// this must be proven: two known words, or a line of words above columns of figures.
fn is_header(headers: &[String], contents: &[Content]) -> bool {
    let known = headers
        .iter()
        .filter(|header| !matches!(header::read(header), Reading::Unknown) && !is_value(header));
    match known.count() {
        2.. => true,
        known => {
            let words = headers
                .iter()
                .all(|header| !header.is_empty() && !is_value(header));
            let figures = contents
                .iter()
                .filter(|content| content.is_no_text())
                .count();
            words && known + figures >= 2 && headers.iter().all(|header| header.is_ascii())
        }
    }
}

/// Whether a header could be a value: figures, a date, a postal code.
fn is_value(header: &str) -> bool {
    let figures = header.chars().filter(|c| c.is_numeric()).count();
    2 * figures > header.chars().count()
        || insurance::postal_code(header).is_some()
        || date::parse(header) != date::BirthDate::Unreadable
}
