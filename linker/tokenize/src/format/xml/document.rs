//! The bytes of an XML document as text.

use std::borrow::Cow;

use encoding_rs::SHIFT_JIS;
use zeroize::Zeroize as _;

use super::super::{
    SourceEncoding,
    encoding::{self, BOM},
};
use crate::error::ReadError;

/// A document as text.
pub(in crate::format) struct Document<'b> {
    pub(super) text: Cow<'b, str>,
    pub(in crate::format) encoding: SourceEncoding,
    /// Some bytes are not in the encoding; U+FFFD stands for them.
    pub(super) damaged: bool,
}

impl Drop for Document<'_> {
    fn drop(&mut self) {
        if let Cow::Owned(text) = &mut self.text {
            text.zeroize();
        }
    }
}

impl<'b> Document<'b> {
    /// Decodes UTF-8 and CP932 by what the bytes show; what they declare is compared later.
    pub(in crate::format) fn decode(bytes: &'b [u8]) -> Result<Self, ReadError> {
        if bytes.is_empty() {
            return Err(ReadError::Empty);
        }
        let found = encoding::detect(bytes);
        let body = bytes.strip_prefix(BOM).unwrap_or(bytes);
        let (text, damaged) = match found {
            SourceEncoding::Cp932 => SHIFT_JIS.decode_without_bom_handling(body),
            SourceEncoding::Ascii | SourceEncoding::Utf8 => {
                let text = String::from_utf8_lossy(body);
                let damaged = matches!(text, Cow::Owned(_));
                (text, damaged)
            }
            SourceEncoding::Iso2022Jp | SourceEncoding::Utf16 | SourceEncoding::Unknown => {
                let declared = SourceEncoding::Utf8;
                return Err(ReadError::Encoding { declared, found });
            }
        };
        Ok(Self {
            text,
            encoding: found,
            damaged,
        })
    }
}

/// Whether a file starts as XML whose root element has this name.
pub(in crate::format) fn starts_with_root(bytes: &[u8], name: &str) -> bool {
    const HEAD: usize = 4096;
    let bytes = bytes.strip_prefix(BOM).unwrap_or(bytes);
    let head = &bytes[..bytes.len().min(HEAD)];
    let starts = head.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'<');
    starts
        && head
            .windows(name.len() + 1)
            .any(|window| matches!(window[0], b'<' | b':') && window[1..] == *name.as_bytes())
}
