//! Records of claims and similar files: a line with fields that are counted from 1.

use zeroize::Zeroizing;

use super::{
    SourceEncoding, encoding,
    rows::{FieldBytes, RowEnd, Rows, Span},
};
use crate::{
    error::{ReadError, RowError},
    limits::{ROW_BYTES_MAX, VALUE_BYTES_MAX},
    record::{RawField, RawRecord},
};

/// CP932 by rule. UTF-8 is read too, because converters make it; it is seen in the report.
pub(super) fn encoding_of(body: &[u8]) -> Result<SourceEncoding, ReadError> {
    match encoding::detect(body) {
        SourceEncoding::Ascii => Ok(SourceEncoding::Cp932),
        found @ (SourceEncoding::Cp932 | SourceEncoding::Utf8) => Ok(found),
        found @ (SourceEncoding::Iso2022Jp | SourceEncoding::Utf16 | SourceEncoding::Unknown) => {
            Err(ReadError::Encoding {
                declared: SourceEncoding::Cp932,
                found,
            })
        }
    }
}

/// Old systems end files with 0x1A, some with several.
pub(super) fn strip_end_of_file(bytes: &[u8]) -> &[u8] {
    let last = bytes.iter().rposition(|&b| b != 0x1a);
    &bytes[..last.map_or(0, |at| at + 1)]
}

/// Records of a file with the numbers of their lines.
pub(super) struct Lines<'a> {
    encoding: SourceEncoding,
    rows: Rows<'a>,
    number: u64,
    spans: Vec<Span>,
    fields: Vec<FieldBytes<'a>>,
}

impl<'a> Lines<'a> {
    pub(super) fn new(
        encoding: SourceEncoding,
        body: &'a [u8],
        delimiter: u8,
        quotes: bool,
    ) -> Self {
        Self {
            encoding,
            rows: Rows::new(body, delimiter, quotes),
            number: 0,
            spans: Vec::new(),
            fields: Vec::new(),
        }
    }

    pub(super) fn next(&mut self) -> Option<(u64, Line<'_>)> {
        let (row, end) = self.rows.next(&mut self.spans)?;
        self.fields.clear();
        self.fields
            .extend(self.spans.iter().map(|span| span.of(row)));
        self.number += 1;
        let line = Line {
            encoding: self.encoding,
            fields: &self.fields,
            end,
        };
        Some((self.number, line))
    }
}

/// One record.
pub(super) struct Line<'a> {
    encoding: SourceEncoding,
    /// If the record passes a limit, its first fields may be there.
    pub(super) fields: &'a [FieldBytes<'a>],
    pub(super) end: RowEnd,
}

impl Line<'_> {
    /// The bytes of field `index` as text, for codes; empty if they are none.
    pub(super) fn code(&self, index: usize) -> &str {
        std::str::from_utf8(self.bytes(index)).unwrap_or("").trim()
    }

    pub(super) fn bytes(&self, index: usize) -> &[u8] {
        let place = index.checked_sub(1);
        place
            .and_then(|place| self.fields.get(place))
            .map_or(&[], |field| field.bytes())
    }

    pub(super) fn text(&self, index: usize) -> Zeroizing<String> {
        let text = encoding::text(self.encoding, self.bytes(index)).unwrap_or_default();
        let text = Zeroizing::new(text.into_owned());
        Zeroizing::new(text.trim().to_owned())
    }

    /// Takes field `index` into a record. A blank one changes nothing.
    pub(super) fn take(
        &self,
        index: usize,
        field: RawField,
        raw: &mut RawRecord,
    ) -> Result<(), RowError> {
        let tag = field.tag();
        if self.end == RowEnd::TooLong {
            return Err(RowError::TooLong {
                field: "the row",
                limit: ROW_BYTES_MAX,
            });
        }
        let bytes = self.bytes(index);
        if bytes.len() > VALUE_BYTES_MAX {
            return Err(RowError::TooLong {
                field: tag,
                limit: VALUE_BYTES_MAX,
            });
        }
        let text = encoding::text(self.encoding, bytes).ok_or(RowError::Bytes { field: tag })?;
        let text = Zeroizing::new(text.into_owned());
        if !text.trim().is_empty() {
            raw.set(field, text.trim());
        }
        Ok(())
    }
}
