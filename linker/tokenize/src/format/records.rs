//! Files of records, a line each, in CP932 by rule: what claims, care claims and DPC Form 1 share.
//!
//! Each such file is checked, walked once for forbidden numbers and once for its persons. What a line
//! means is the business of its format.

use super::{
    FileReport, SourceEncoding, encoding,
    lines::{Line, Lines, encoding_of, strip_end_of_file},
};
use crate::{
    error::{ReadError, RowError},
    normalize,
    quality::Quality,
    record::{RawRecord, SourceRecord},
    refuse::ColumnStatistics,
};

/// How files of one format are written.
pub(super) struct Form {
    /// The format's name in errors.
    pub(super) format: &'static str,
    /// Whether bytes start like such a file.
    pub(super) starts: fn(&[u8]) -> bool,
    /// What is broken if they do not.
    pub(super) rule: &'static str,
    pub(super) delimiter: u8,
    pub(super) quotes: bool,
    /// Whether the last record has a line end. Where it must, a file without one was cut.
    pub(super) closed: bool,
}

/// A file whose outer form is good.
pub(super) struct Records<'b> {
    body: &'b [u8],
    encoding: SourceEncoding,
    delimiter: u8,
    quotes: bool,
}

impl Form {
    /// Checks the outer form of a file.
    pub(super) fn open<'b>(&self, bytes: &'b [u8]) -> Result<Records<'b>, ReadError> {
        let body = strip_end_of_file(bytes);
        let Some(&last) = body.last() else {
            return Err(ReadError::Empty);
        };
        if !(self.starts)(body) {
            let (format, rule) = (self.format, self.rule);
            return Err(ReadError::Structure { format, rule });
        }
        if self.closed && !matches!(last, b'\n' | b'\r') {
            return Err(ReadError::Truncated);
        }
        Ok(Records {
            body,
            encoding: encoding_of(body)?,
            delimiter: self.delimiter,
            quotes: self.quotes,
        })
    }
}

impl<'b> Records<'b> {
    /// The records from the first on.
    pub(super) fn lines(&self) -> Lines<'b> {
        Lines::new(self.encoding, self.body, self.delimiter, self.quotes)
    }

    /// A report of nothing yet.
    pub(super) fn report(&self) -> FileReport {
        FileReport::new(self.encoding)
    }

    /// Looks for forbidden numbers in every field of the records that `concerns` a person, or refuses the
    /// file for what it says. `place` is what fields are called in reports, before their number.
    pub(super) fn screen(
        &self,
        place: &str,
        mut concerns: impl FnMut(u64, &Line<'_>) -> Result<bool, ReadError>,
    ) -> Result<(), ReadError> {
        let mut columns: Vec<ColumnStatistics> = Vec::new();
        let mut lines = self.lines();
        while let Some((number, line)) = lines.next() {
            if !concerns(number, &line)? {
                continue;
            }
            if columns.len() < line.fields.len() {
                columns.resize(line.fields.len(), ColumnStatistics::default());
            }
            for (index, column) in (1..).zip(&mut columns) {
                column.see_bytes(line.bytes(index), |bytes| {
                    encoding::text(self.encoding, bytes)
                });
            }
        }
        (1..).zip(&columns).try_for_each(|(index, column)| {
            let verdict = column.verdict(&format!("{place} {index}"));
            verdict.map_err(ReadError::Refused)
        })
    }

    /// Normalises a person. These formats are CP932 by rule and say nothing themselves, so text in UTF-8,
    /// which converters write, is noticed.
    pub(super) fn person(&self, raw: &RawRecord) -> Result<SourceRecord, RowError> {
        let mut record = normalize::normalize(raw)?;
        let other = self.encoding != SourceEncoding::Cp932;
        record.quality.insert_if(other, Quality::EncodingDisagrees);
        Ok(record)
    }
}
