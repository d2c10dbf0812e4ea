//! What must be known of a table before its rows are read: its encoding, its header, and whether it holds
//! forbidden numbers.

use super::{CsvMapping, Stopped, decode};
use crate::{
    error::ReadError,
    format::{
        SourceEncoding,
        blocks::{File, Row},
        encoding::{self, detect::Detector},
        rows::{ROW_BYTES_SEEN, RowEnd, Rows},
    },
    refuse::{ColumnStatistics, Refusal, header_hint},
};

/// What the first row says, and what a table is in.
pub(super) struct Table {
    /// What the file is in.
    pub(super) encoding: SourceEncoding,
    /// What its rows are in.
    pub(super) text: SourceEncoding,
    /// Columns of the header.
    pub(super) width: usize,
    /// For each column of the mapping its place in the row.
    pub(super) places: Vec<usize>,
}

/// What the bytes look like. Of a long file the first characters tell.
pub(super) fn encoding_of<E>(file: &mut File<'_, E>) -> Result<SourceEncoding, Stopped<E>> {
    let length = file.length();
    let mut detector = Detector::new(length);
    file.walk(length, |block, _| {
        detector.add(block);
        Ok(!detector.is_decided())
    })?;
    Ok(detector.verdict())
}

/// Judges a table by its first row.
pub(super) fn begin(
    mapping: &CsvMapping,
    mut found: SourceEncoding,
    row: Option<&Row<'_>>,
) -> Result<Table, ReadError> {
    let head = row.map_or(&[][..], |row| row.bytes);
    let head = &head[..head.len().min(ROW_BYTES_SEEN)];
    // Behind the row are as many bytes of others as the block has, which say nothing about the header.
    let fields = row.and_then(|row| row.fields.last());
    if head[..fields.map_or(0, |last| last.end())].contains(&0) {
        // No header has a nought; UTF-16 without its mark has one in every character of ASCII.
        found = SourceEncoding::Unknown;
    }
    let encoding = agreed(mapping, found)?;
    let text = text_encoding(encoding);
    let (width, places) = header(mapping, text, head)?;
    Ok(Table {
        encoding,
        text,
        width,
        places,
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

/// What rows are in after [`File::rows`], which turns UTF-16 into UTF-8.
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
pub(super) struct Columns {
    encoding: SourceEncoding,
    statistics: Vec<ColumnStatistics>,
}

impl Columns {
    pub(super) fn new(encoding: SourceEncoding, width: usize) -> Self {
        Self {
            encoding,
            statistics: vec![ColumnStatistics::default(); width],
        }
    }

    pub(super) fn see(&mut self, row: &Row<'_>) {
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

    pub(super) fn verdict(&self) -> Result<(), ReadError> {
        for (index, column) in self.statistics.iter().enumerate() {
            column
                .verdict(&format!("column {}", index + 1))
                .map_err(ReadError::Refused)?;
        }
        Ok(())
    }
}
