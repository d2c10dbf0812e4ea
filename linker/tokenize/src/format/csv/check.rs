//! The first walk over a table: its encoding, its header, and whether it holds forbidden numbers.

use std::cell::Cell;

use zeroize::Zeroizing;

use super::{
    CsvMapping, Stopped,
    blocks::{self, BytesAt, Row},
    decode,
};
use crate::{
    error::ReadError,
    format::{
        SourceEncoding,
        encoding::{self, detect::Detector},
        rows::{ROW_BYTES_SEEN, RowEnd, Rows},
    },
    refuse::{ColumnStatistics, Refusal, header_hint},
};

/// A table that may be read.
pub(super) struct Checked {
    /// What the file is in.
    pub(super) encoding: SourceEncoding,
    /// What its rows are in.
    pub(super) text: SourceEncoding,
    /// Columns of the header.
    pub(super) width: usize,
    /// For each column of the mapping its place in the row.
    pub(super) places: Vec<usize>,
    /// The file's blocks. The second walk reads these bytes and no others.
    pub(super) blocks: Vec<u64>,
}

/// Walks over a table once.
pub(super) fn check<E>(
    mapping: &CsvMapping,
    length: u64,
    bytes_at: &mut BytesAt<'_, E>,
) -> Result<Checked, Stopped<E>> {
    let mut detector = Detector::new(length);
    let mut blocks = Vec::new();
    // Which encoding it is, is known at the end; until then each that it can be is screened in.
    let mut head: Zeroizing<Vec<u8>> = Zeroizing::default();
    let mut screens: Option<Vec<Columns>> = None;
    let mark = Cell::new(None);
    blocks::walk(
        length,
        mapping.delimiter,
        bytes_at,
        |block| {
            detector.add(block);
            mark.set(detector.mark());
            blocks.push(blocks::fingerprint(block));
            Ok(())
        },
        |row| {
            if let Some(screens) = &mut screens {
                for columns in screens {
                    columns.see(&row);
                }
                return Ok(());
            }
            let start = &row.bytes[..row.bytes.len().min(ROW_BYTES_SEEN)];
            head = Zeroizing::new(start.to_vec());
            let candidates = candidates(mapping, mark.get()).into_iter();
            screens = Some(
                candidates
                    .map(|of| Columns::new(of, row.fields.len()))
                    .collect(),
            );
            Ok(())
        },
    )?;
    let mut found = detector.verdict();
    if head.contains(&0) {
        // No header has a nought; UTF-16 without its mark has one in every character of ASCII.
        found = SourceEncoding::Unknown;
    }
    let encoding = agreed(mapping, found).map_err(Stopped::File)?;
    let text = text_encoding(encoding);
    let (width, places) = header(mapping, text, &head).map_err(Stopped::File)?;
    let screens = screens.unwrap_or_default();
    for columns in screens.iter().filter(|columns| columns.is_of(text)) {
        columns.verdict().map_err(Stopped::File)?;
    }
    Ok(Checked {
        encoding,
        text,
        width,
        places,
        blocks,
    })
}

/// The declared encoding if the bytes agree with it, or the one that the bytes show.
fn agreed(mapping: &CsvMapping, found: SourceEncoding) -> Result<SourceEncoding, ReadError> {
    let readable = matches!(
        found,
        SourceEncoding::Ascii
            | SourceEncoding::Utf8
            | SourceEncoding::Cp932
            | SourceEncoding::Utf16
    );
    match mapping.encoding {
        Some(declared) if found == declared => Ok(declared),
        // Without its mark, UTF-16 is nothing that could be read.
        Some(declared) if found == SourceEncoding::Ascii && declared != SourceEncoding::Utf16 => {
            Ok(declared)
        }
        Some(declared) => Err(ReadError::Encoding { declared, found }),
        None if readable => Ok(found),
        None => Err(ReadError::Encoding {
            declared: SourceEncoding::Utf8,
            found,
        }),
    }
}

/// What rows are in after [`blocks::walk`], which turns UTF-16 into UTF-8.
fn text_encoding(encoding: SourceEncoding) -> SourceEncoding {
    match encoding {
        SourceEncoding::Cp932 => SourceEncoding::Cp932,
        SourceEncoding::Ascii
        | SourceEncoding::Utf8
        | SourceEncoding::Utf16
        | SourceEncoding::Iso2022Jp
        | SourceEncoding::Unknown => SourceEncoding::Utf8,
    }
}

/// Encodings that the rows can turn out to be in.
fn candidates(mapping: &CsvMapping, mark: Option<SourceEncoding>) -> Vec<SourceEncoding> {
    match mark.or(mapping.encoding) {
        Some(known) => vec![text_encoding(known)],
        None => vec![SourceEncoding::Utf8, SourceEncoding::Cp932],
    }
}

/// The header's width, and for each column of the mapping its place.
fn header(
    mapping: &CsvMapping,
    encoding: SourceEncoding,
    head: &[u8],
) -> Result<(usize, Vec<usize>), ReadError> {
    let structure = |rule| ReadError::Structure {
        format: "a table with a header",
        rule,
    };
    let mut fields = Vec::new();
    let row = match Rows::new(head, mapping.delimiter, true).next(&mut fields) {
        Some((row, RowEnd::Line | RowEnd::File)) => row,
        Some((_, RowEnd::OpenQuote | RowEnd::StrayQuote)) => {
            return Err(structure("the header's quotation marks do not match"));
        }
        Some((_, RowEnd::TooLong)) => {
            return Err(structure("the header is longer than a row may be"));
        }
        None => return Err(ReadError::Empty),
    };
    let mut names = Vec::with_capacity(fields.len());
    for (index, field) in fields.iter().enumerate() {
        let field = field.of(row);
        let name = encoding::text(encoding, field.bytes())
            .ok_or_else(|| structure("the header is not in the file's encoding"))?;
        if let Some(number) = header_hint(&name) {
            return Err(ReadError::Refused(Refusal::by_header(number, index + 1)));
        }
        names.push(name.trim().to_owned());
    }
    let mut places = Vec::with_capacity(mapping.columns.len());
    for column in &mapping.columns {
        let mut matches = (0..names.len()).filter(|&at| names[at] == column.header.trim());
        let place = matches.next().ok_or_else(|| ReadError::MissingColumn {
            header: column.header.clone(),
            field: column.field.tag(),
        })?;
        if matches.next().is_some() {
            return Err(ReadError::RepeatedColumn {
                header: column.header.clone(),
            });
        }
        places.push(place);
    }
    Ok((names.len(), places))
}

/// Looks for forbidden numbers in every column, mapped or not. Keeps counts, never values.
struct Columns {
    encoding: SourceEncoding,
    statistics: Vec<ColumnStatistics>,
}

impl Columns {
    fn new(encoding: SourceEncoding, width: usize) -> Self {
        Self {
            encoding,
            statistics: vec![ColumnStatistics::default(); width],
        }
    }

    fn is_of(&self, encoding: SourceEncoding) -> bool {
        self.encoding == encoding
    }

    fn see(&mut self, row: &Row<'_>) {
        for (field, column) in row.fields.iter().zip(&mut self.statistics) {
            // Most fields are too short to be looked at, or begin like no number.
            if field.length() >= decode::NUMBER_BYTES_MIN {
                let field = field.of(row.bytes);
                if decode::may_be_number(self.encoding, field.bytes()) {
                    column.see_bytes(field.bytes(), |bytes| encoding::text(self.encoding, bytes));
                }
            }
        }
    }

    fn verdict(&self) -> Result<(), ReadError> {
        for (index, column) in self.statistics.iter().enumerate() {
            column
                .verdict(&format!("column {}", index + 1))
                .map_err(ReadError::Refused)?;
        }
        Ok(())
    }
}
