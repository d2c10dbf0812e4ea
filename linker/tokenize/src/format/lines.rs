//! Records of claims and similar files: a line with fields that are counted from 1.

use zeroize::Zeroizing;

use super::{
    SourceEncoding,
    blocks::Row,
    encoding,
    rows::{FieldBytes, RowEnd, Span},
};
use crate::{
    error::{ReadError, RowError},
    limits::{ROW_BYTES_MAX, VALUE_BYTES_MAX},
    record::{RawField, RawRecord},
};

/// CP932 by rule. UTF-8 is read too, because converters make it; it is seen in the report.
pub(super) fn allowed(found: SourceEncoding) -> Result<SourceEncoding, ReadError> {
    match found {
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

/// One record, whose fields are counted from 1.
pub(super) struct Line<'r> {
    encoding: SourceEncoding,
    row: &'r [u8],
    /// If the record passes a limit, its first fields may be there.
    fields: &'r [Span],
    pub(super) end: RowEnd,
}

impl<'r> Line<'r> {
    pub(super) fn new(encoding: SourceEncoding, row: &Row<'r>) -> Self {
        Self {
            encoding,
            row: row.bytes,
            fields: row.fields,
            end: row.end,
        }
    }

    /// How many fields there are.
    pub(super) fn width(&self) -> usize {
        self.fields.len()
    }

    /// The bytes of field `index` as text, for codes; empty if they are none. No code has a quotation mark,
    /// so a field with a doubled one is none.
    pub(super) fn code(&self, index: usize) -> &'r str {
        let plain = self.span(index).and_then(|span| span.plain(self.row));
        let text = std::str::from_utf8(plain.unwrap_or_default());
        text.unwrap_or("").trim()
    }

    pub(super) fn bytes(&self, index: usize) -> FieldBytes<'r> {
        self.span(index)
            .map_or(FieldBytes::Plain(&[]), |span| span.of(self.row))
    }

    pub(super) fn text(&self, index: usize) -> Zeroizing<String> {
        let bytes = self.bytes(index);
        let text = encoding::text(self.encoding, bytes.bytes()).unwrap_or_default();
        let text = Zeroizing::new(text.into_owned());
        Zeroizing::new(text.trim().to_owned())
    }

    fn span(&self, index: usize) -> Option<Span> {
        self.fields.get(index.checked_sub(1)?).copied()
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
        let bytes = bytes.bytes();
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
