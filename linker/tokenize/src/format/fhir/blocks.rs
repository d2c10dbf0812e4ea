//! Walks over a FHIR file of any length: line by line if it is ndjson, else as one value in memory.
//!
//! A Bundle is held whole, within a bound, because what it is (`type`, `resourceType`) may stand behind its
//! entries, and because the only reader of streams in `serde_json` copies each entry into memory that nobody
//! wipes. Systems that send more than fits send ndjson, which is what bulk exports are.

use zeroize::Zeroizing;

use super::walk::{Found, body, each, is_line, line};
use crate::{
    error::{ReadError, RowError},
    format::{
        blocks::{File, Stopped, Unread},
        encoding::BOM,
    },
    limits::{FHIR_LINE_BYTES_MAX, FHIR_VALUE_BYTES_MAX},
};

/// A file and how it is walked over.
pub(super) struct Walks<'b, 'f, E> {
    file: &'b mut File<'f, E>,
    /// The file, if it is no ndjson, or short.
    whole: Option<Zeroizing<Vec<u8>>>,
    line_max: usize,
}

impl<'b, 'f, E> Walks<'b, 'f, E> {
    pub(super) fn of(file: &'b mut File<'f, E>) -> Result<Self, Stopped<E>> {
        Self::with_lines_of(file, FHIR_LINE_BYTES_MAX)
    }

    fn with_lines_of(file: &'b mut File<'f, E>, line_max: usize) -> Result<Self, Stopped<E>> {
        let head = file.head(line_max)?;
        let mut whole = None;
        if !begins_with_line(&head)? || file.length() <= head.len() as u64 {
            let limit = FHIR_VALUE_BYTES_MAX;
            let length = usize::try_from(file.length());
            let length = length.ok().filter(|&length| length <= limit);
            let what = "a FHIR file that is no ndjson";
            length.ok_or(ReadError::TooLarge { what, limit })?;
            drop(head);
            whole = Some(file.head(limit)?);
        }
        Ok(Self {
            file,
            whole,
            line_max,
        })
    }

    pub(super) fn is_observed(&self) -> bool {
        self.file.is_observed()
    }

    /// Goes through all resources in order.
    pub(super) fn each(&mut self, found: &mut Found<'_, Stopped<E>>) -> Result<(), Stopped<E>> {
        if let Some(whole) = &self.whole {
            return each(whole, found);
        }
        let mut lines = Lines::new(self.line_max);
        let length = self.file.length();
        self.file.walk(length, |block, last| {
            lines.add(block);
            while lines.next(last, found)? {}
            Ok(true)
        })
    }
}

/// Whether a file begins with a line that is a whole value, as far as it is here.
fn begins_with_line(head: &[u8]) -> Result<bool, ReadError> {
    let body = body(head)?;
    let end = body.iter().position(|&byte| byte == b'\n');
    end.map_or(Ok(false), |end| is_line(&body[..end]))
}

/// Cuts a file into lines, as [`each`] cuts bytes that are in memory.
struct Lines {
    unread: Unread,
    /// Of these, bytes without a line end.
    looked: usize,
    row: u64,
    line_max: usize,
    /// The beginning of a line was left out, because it is too long.
    too_long: bool,
    any: bool,
    /// Something else than blanks was seen.
    begun: bool,
}

impl Lines {
    fn new(line_max: usize) -> Self {
        Self {
            unread: Unread::default(),
            looked: 0,
            row: 0,
            line_max,
            too_long: false,
            any: false,
            begun: false,
        }
    }

    fn add(&mut self, mut block: &[u8]) {
        if !std::mem::replace(&mut self.any, true) {
            block = block.strip_prefix(BOM).unwrap_or(block);
        }
        if !self.begun {
            block = block.trim_ascii_start();
            self.begun = !block.is_empty();
        }
        self.unread.add(block);
    }

    /// Goes through the next line. `false`: its end is not here.
    fn next<X: From<ReadError>>(
        &mut self,
        last: bool,
        found: &mut Found<'_, X>,
    ) -> Result<bool, X> {
        let bytes = self.unread.bytes();
        let end = bytes[self.looked..].iter().position(|&byte| byte == b'\n');
        let rest = last && (self.too_long || !bytes.is_empty());
        let end = end.map(|end| self.looked + end + 1);
        let Some(end) = end.or(rest.then_some(bytes.len())) else {
            self.looked = bytes.len();
            if self.looked > self.line_max {
                self.too_long = true;
                self.unread.consume(self.looked);
                self.looked = 0;
            }
            return Ok(false);
        };
        self.row += 1;
        let line = &bytes[..end];
        if std::mem::take(&mut self.too_long) || line.len() > self.line_max {
            let (field, limit) = ("the row", self.line_max);
            found(self.row, Err(RowError::TooLong { field, limit }))?;
        } else if !line.trim_ascii().is_empty() {
            self::line(line, &mut self.row, found)?;
        }
        self.unread.consume(end);
        self.looked = 0;
        Ok(true)
    }
}

#[cfg(test)]
mod tests;
