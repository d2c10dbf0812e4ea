//! Why a file or a row was refused. No variant carries a value, only its place.

use crate::{format::SourceEncoding, refuse::Refusal};

/// Why a whole file was refused.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReadError {
    /// There is nothing in the file.
    #[error("the file is empty")]
    Empty,
    /// The file ends in the middle of a record.
    #[error("the file ends in the middle of a record, so a part of it is missing")]
    Truncated,
    /// A bound of [`crate::limits`] was passed.
    #[error("{what} exceeds its limit of {limit}")]
    TooLarge {
        /// What was too large.
        what: &'static str,
        /// The limit.
        limit: usize,
    },
    /// The bytes are not in the encoding that the mapping declares or the format prescribes.
    #[error("the file is declared as {declared} and its bytes look like {found}")]
    Encoding {
        /// What was declared.
        declared: SourceEncoding,
        /// What the bytes look like.
        found: SourceEncoding,
    },
    /// The file is not what its format says.
    #[error("the file is not {format}: {rule}")]
    Structure {
        /// The expected format.
        format: &'static str,
        /// The rule that was broken.
        rule: &'static str,
    },
    /// A column that the mapping names is not in the file's header.
    #[error("the header has no column {header:?}, which the mapping gives to {field}")]
    MissingColumn {
        /// The header that the mapping names; it comes from the mapping, not from the file.
        header: String,
        /// The field.
        field: &'static str,
    },
    /// A column that the mapping names is in the header twice.
    #[error("the header has the column {header:?} more than once")]
    RepeatedColumn {
        /// The header that the mapping names.
        header: String,
    },
    /// The mapping file does not parse.
    #[error("the mapping file does not parse: {reason}")]
    MappingSyntax {
        /// The parser's complaint; mapping files hold no identifiers.
        reason: String,
    },
    /// The mapping file contradicts itself or a limit.
    #[error("the mapping is not usable: {rule}")]
    MappingRule {
        /// The rule that was broken.
        rule: &'static str,
    },
    /// A column holds numbers that must not be processed.
    #[error("{0}")]
    Refused(Refusal),
    /// The one record of a file that holds one cannot be used.
    #[error("{0}")]
    Record(RowError),
    /// The file is not what it was when it was checked.
    #[error("the file changed while it was read")]
    Changed,
}

impl ReadError {
    /// Stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Empty => "empty-file",
            Self::Truncated => "truncated-file",
            Self::TooLarge { .. } => "file-too-large",
            Self::Encoding { .. } => "wrong-encoding",
            Self::Structure { .. } => "wrong-structure",
            Self::MissingColumn { .. } => "missing-column",
            Self::RepeatedColumn { .. } => "repeated-column",
            Self::MappingSyntax { .. } => "mapping-syntax",
            Self::MappingRule { .. } => "mapping-rule",
            Self::Refused(_) => "refused-number",
            Self::Record(error) => error.code(),
            Self::Changed => "changed-file",
        }
    }
}

/// Why one row was left out. The other rows go on.
#[derive(Debug, Clone, Copy, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum RowError {
    /// The row has fewer or more columns than the header.
    #[error("the row has {found} columns and the header has {expected}")]
    Columns {
        /// Columns of the header.
        expected: usize,
        /// Columns of the row.
        found: usize,
    },
    /// The file ends inside the row.
    #[error("the file ends inside this row")]
    Truncated,
    /// A quoted value is followed by something else than a delimiter.
    #[error("a quotation mark stands in the wrong place")]
    Quote,
    /// Bytes of a field are not in the file's encoding.
    #[error("the bytes of {field} are not in the file's encoding")]
    Bytes {
        /// Which field.
        field: &'static str,
    },
    /// The row names no record.
    #[error("the row has no record identifier")]
    NoRecordId,
    /// A value or the row is longer than its limit.
    #[error("{field} is longer than {limit} bytes")]
    TooLong {
        /// Which field.
        field: &'static str,
        /// The limit.
        limit: usize,
    },
    /// The row is not of its format.
    #[error("the row is not of its format")]
    Malformed,
    /// The record holds nothing that a token can be made of.
    #[error("the row has no usable identifier")]
    NothingUsable,
}

impl RowError {
    /// Stable code, also the name of the counter in a manifest.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Columns { .. } => "row-columns",
            Self::Truncated => "row-truncated",
            Self::Quote => "row-quote",
            Self::Bytes { .. } => "row-bytes",
            Self::NoRecordId => "row-no-record-id",
            Self::TooLong { .. } => "row-too-long",
            Self::Malformed => "row-malformed",
            Self::NothingUsable => "row-nothing-usable",
        }
    }

    /// The field, where one is to blame.
    #[must_use]
    pub fn field(&self) -> Option<&'static str> {
        match self {
            Self::Bytes { field } | Self::TooLong { field, .. } => Some(field),
            Self::NoRecordId => Some("record-id"),
            Self::Columns { .. }
            | Self::Truncated
            | Self::Quote
            | Self::Malformed
            | Self::NothingUsable => None,
        }
    }
}
