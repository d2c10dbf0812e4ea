//! Files of records, a line each, in CP932 by rule: what claims, care claims and DPC Form 1 share.
//!
//! Each such file is checked, walked once for forbidden numbers and once for its persons, block by block, so
//! that memory does not grow with it. What a line means is the business of its format.

use zeroize::Zeroizing;

use super::{
    FileReport, SourceEncoding,
    blocks::{Cut, File, Stopped},
    encoding::{self, detect::Detector},
    lines::{Line, allowed},
};
use crate::{
    error::{ReadError, RowError},
    limits::ROW_BYTES_MAX,
    normalize,
    quality::Quality,
    record::{RawRecord, SourceRecord},
    refuse::ColumnStatistics,
};

/// Bytes of a file that decide whether it starts like one of its format.
const HEAD_BYTES: usize = ROW_BYTES_MAX;
/// Old systems end files with this byte, some with several.
const END_OF_FILE: u8 = 0x1a;

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
pub(super) struct Records<'b, 'f, E> {
    file: &'b mut File<'f, E>,
    cut: Cut,
    persons: Persons,
}

impl Form {
    /// Checks the outer form of a file.
    pub(super) fn open<'b, 'f, E>(
        &self,
        file: &'b mut File<'f, E>,
    ) -> Result<Records<'b, 'f, E>, Stopped<E>> {
        let Some((length, last)) = end_of(file)? else {
            return Err(Stopped::File(ReadError::Empty));
        };
        let mut head = file.head(HEAD_BYTES)?;
        head.truncate(usize::try_from(length).unwrap_or(usize::MAX));
        if !(self.starts)(&head) {
            let (format, rule) = (self.format, self.rule);
            return Err(Stopped::File(ReadError::Structure { format, rule }));
        }
        if self.closed && !matches!(last, b'\n' | b'\r') {
            return Err(Stopped::File(ReadError::Truncated));
        }
        let mut detector = Detector::new(length);
        file.walk(length, |block, _| {
            detector.add(block);
            Ok(!detector.is_decided())
        })?;
        let persons = Persons {
            encoding: allowed(detector.verdict())?,
            observed: file.is_observed(),
        };
        let cut = Cut {
            length,
            delimiter: self.delimiter,
            quotes: self.quotes,
            marked: false,
        };
        Ok(Records { file, cut, persons })
    }
}

/// Where a file ends without the marks of old systems, and the last byte before; `None` if nothing is left.
fn end_of<E>(file: &mut File<'_, E>) -> Result<Option<(u64, u8)>, Stopped<E>> {
    const PIECE: u64 = 4096;
    let mut end = file.length();
    let mut space = Zeroizing::new([0; 4096]);
    while end > 0 {
        let start = end.saturating_sub(PIECE);
        let piece = usize::try_from(end - start).expect("a piece has 4,096 bytes");
        let piece = &mut space[..piece];
        file.load(start, piece)?;
        if let Some(last) = piece.iter().rposition(|&byte| byte != END_OF_FILE) {
            return Ok(Some((start + last as u64 + 1, piece[last])));
        }
        end = start;
    }
    Ok(None)
}

impl<E> Records<'_, '_, E> {
    /// A report of nothing yet.
    pub(super) fn report(&self) -> FileReport {
        FileReport::new(self.persons.encoding)
    }

    /// What makes persons of raw records.
    pub(super) fn persons(&self) -> Persons {
        self.persons
    }

    /// Hands over every record with the number of its line.
    pub(super) fn each(
        &mut self,
        mut take: impl FnMut(u64, &Line<'_>) -> Result<(), Stopped<E>>,
    ) -> Result<(), Stopped<E>> {
        let encoding = self.persons.encoding;
        self.file.rows(
            self.cut,
            |_| (),
            |row| take(row.number, &Line::new(encoding, &row)),
        )
    }

    /// Looks for forbidden numbers in every field of the records that `concerns` a person, or refuses the
    /// file for what it says. `place` is what fields are called in reports, before their number.
    pub(super) fn screen(
        &mut self,
        place: &str,
        mut concerns: impl FnMut(u64, &Line<'_>) -> Result<bool, ReadError>,
    ) -> Result<(), Stopped<E>> {
        let mut columns: Vec<ColumnStatistics> = Vec::new();
        let encoding = self.persons.encoding;
        self.each(|number, line| {
            if !concerns(number, line)? {
                return Ok(());
            }
            if columns.len() < line.width() {
                columns.resize(line.width(), ColumnStatistics::default());
            }
            for (index, column) in (1..).zip(&mut columns) {
                column.see_bytes(line.bytes(index).bytes(), |bytes| {
                    encoding::text(encoding, bytes)
                });
            }
            Ok(())
        })?;
        (1..).zip(&columns).try_for_each(|(index, column)| {
            let verdict = column.verdict(&format!("{place} {index}"));
            verdict.map_err(|refusal| Stopped::File(ReadError::Refused(refusal)))
        })
    }
}

/// Makes persons of raw records.
#[derive(Clone, Copy)]
pub(super) struct Persons {
    encoding: SourceEncoding,
    observed: bool,
}

impl Persons {
    /// Normalises a person. These formats are CP932 by rule and say nothing themselves, so text in UTF-8,
    /// which converters write, is noticed.
    pub(super) fn normal(self, raw: &RawRecord) -> Result<SourceRecord, RowError> {
        let mut record = normalize::normalize_as(raw, self.observed)?;
        let other = self.encoding != SourceEncoding::Cp932;
        record.quality.insert_if(other, Quality::EncodingDisagrees);
        Ok(record)
    }
}

#[cfg(test)]
mod tests;
