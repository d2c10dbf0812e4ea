//! The declared mapping of a table's columns.

use serde::Deserialize;

use super::SourceEncoding;
use crate::{
    error::ReadError,
    limits::{COLUMNS_MAX, MAPPING_BYTES_MAX, WIDTH_MAX},
    record::RawField,
};

/// Which column holds which field, in which encoding. Parsed from a TOML file:
///
/// ```toml
/// encoding = "cp932"        # auto, cp932, utf-8 or utf-16
/// delimiter = ","           # comma, semicolon or tab
///
/// [[column]]
/// header = "患者番号"
/// field = "record-id"
/// width = 8                 # padded on the left to this many characters ...
/// pad = "0"                 # ... with this one; spreadsheets drop leading zeros
///
/// [[column]]
/// header = "性別"
/// field = "sex"
///
/// [sex]                     # optional: the codes of this source
/// male = ["1"]
/// female = ["2"]
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CsvMapping {
    pub(super) encoding: Option<SourceEncoding>,
    pub(super) delimiter: u8,
    pub(super) columns: Vec<Column>,
    pub(super) sex: Option<SexCodes>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Column {
    pub(super) header: String,
    pub(super) field: RawField,
    #[serde(default)]
    pub(super) width: usize,
    #[serde(default = "zero")]
    pub(super) pad: char,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SexCodes {
    pub(super) male: Vec<String>,
    pub(super) female: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawMapping {
    #[serde(default)]
    encoding: RawEncoding,
    #[serde(default = "comma")]
    delimiter: char,
    column: Vec<Column>,
    sex: Option<SexCodes>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "kebab-case")]
enum RawEncoding {
    #[default]
    Auto,
    Cp932,
    #[serde(rename = "utf-8")]
    Utf8,
    #[serde(rename = "utf-16")]
    Utf16,
}

fn comma() -> char {
    ','
}

fn zero() -> char {
    '0'
}

impl CsvMapping {
    /// Parses and checks a mapping file.
    ///
    /// # Errors
    /// [`ReadError::MappingSyntax`], [`ReadError::MappingRule`] or [`ReadError::TooLarge`].
    pub fn parse(text: &str) -> Result<Self, ReadError> {
        if text.len() > MAPPING_BYTES_MAX {
            return Err(ReadError::TooLarge {
                what: "a mapping file",
                limit: MAPPING_BYTES_MAX,
            });
        }
        let raw: RawMapping = toml::from_str(text).map_err(|error| ReadError::MappingSyntax {
            reason: error.message().to_owned(),
        })?;
        check(&raw).map_err(|rule| ReadError::MappingRule { rule })?;
        Ok(Self {
            encoding: match raw.encoding {
                RawEncoding::Auto => None,
                RawEncoding::Cp932 => Some(SourceEncoding::Cp932),
                RawEncoding::Utf8 => Some(SourceEncoding::Utf8),
                RawEncoding::Utf16 => Some(SourceEncoding::Utf16),
            },
            delimiter: u8::try_from(raw.delimiter).unwrap_or(b','),
            columns: raw.column,
            sex: raw.sex,
        })
    }

    /// The same mapping with the encoding that a caller's own configuration declares.
    #[must_use]
    pub fn with_encoding(mut self, encoding: Option<SourceEncoding>) -> Self {
        self.encoding = encoding.or(self.encoding);
        self
    }

    /// The fields that columns are mapped to.
    pub fn fields(&self) -> impl Iterator<Item = RawField> {
        self.columns.iter().map(|column| column.field)
    }

    /// The encoding that is declared; `None` leaves it to the bytes.
    #[must_use]
    pub fn encoding(&self) -> Option<SourceEncoding> {
        self.encoding
    }
}

fn check(raw: &RawMapping) -> Result<(), &'static str> {
    if !matches!(raw.delimiter, ',' | ';' | '\t') {
        return Err("the delimiter is a comma, a semicolon or a tab");
    }
    if raw.column.len() > COLUMNS_MAX {
        return Err("it has too many columns");
    }
    let mut fields: Vec<_> = raw.column.iter().map(|column| column.field).collect();
    fields.sort_unstable();
    if fields.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err("a field may be given by one column only");
    }
    if !fields.contains(&RawField::RecordId) {
        return Err("one column must give the field record-id");
    }
    if fields.len() < 2 {
        return Err("at least one column beside record-id is needed");
    }
    for column in &raw.column {
        if column.header.trim().is_empty() {
            return Err("a column has an empty header");
        }
        if column.width > WIDTH_MAX {
            return Err("a column is declared wider than 64");
        }
        if column.pad.is_control() {
            return Err("a column is padded with a control character");
        }
        if crate::refuse::header_hint(&column.header).is_some() {
            return Err("a column with My Number or the residence code must not be mapped");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
        encoding = "cp932"
        [[column]]
        header = "患者番号"
        field = "record-id"
        width = 8
        [[column]]
        header = "氏名"
        field = "kanji-name"
    "#;

    #[test]
    fn a_mapping_is_parsed() {
        let mapping = CsvMapping::parse(GOOD).expect("a good mapping");
        assert_eq!(mapping.encoding, Some(SourceEncoding::Cp932));
        assert_eq!((mapping.columns[0].width, mapping.columns[0].pad), (8, '0'));
    }

    #[test]
    fn contradictions_are_refused() {
        for (from, to) in [
            ("cp932", "utf-7"),
            ("width = 8", "width = 65"),
            ("width = 8", "wide = 8"),
            ("kanji-name", "record-id"),
            ("record-id", "kana-name"),
            ("氏名", " "),
            ("氏名", "マイナンバー"),
        ] {
            let text = GOOD.replacen(from, to, 1);
            assert_ne!(text, GOOD, "the test must change something: {from}");
            assert!(CsvMapping::parse(&text).is_err(), "{from} -> {to}");
        }
        assert!(CsvMapping::parse(&format!("delimiter = \"|\"\n{GOOD}")).is_err());
        assert!(CsvMapping::parse(&" ".repeat(MAPPING_BYTES_MAX + 1)).is_err());
    }
}
