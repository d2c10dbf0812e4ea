//! The one error of this crate. No variant carries a value from a row.

/// Why names, schemas, batches or manifests were refused.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum TokenError {
    /// A name is empty, too long or has characters outside `a-z 0-9 -`.
    #[error("{what} must be 1 to 32 characters from a-z, 0-9 and '-', starting with a letter")]
    Name {
        /// Which name.
        what: &'static str,
    },
    /// A schema file does not parse.
    #[error("the schema file does not parse: {reason}")]
    SchemaSyntax {
        /// The parser's complaint; schema files hold no identifiers.
        reason: String,
    },
    /// A schema contradicts itself or a limit.
    #[error("the schema is not usable: {rule}")]
    SchemaRule {
        /// The rule that was broken.
        rule: &'static str,
    },
    /// Canonical bytes end early, go on too long or say something impossible.
    #[error("{what} is malformed: {rule}")]
    Malformed {
        /// Which structure.
        what: &'static str,
        /// The rule that was broken.
        rule: &'static str,
    },
    /// A bound of [`crate::limits`] was passed.
    #[error("{what} exceeds its limit of {limit}")]
    TooLarge {
        /// What was too large.
        what: &'static str,
        /// The limit.
        limit: usize,
    },
}
