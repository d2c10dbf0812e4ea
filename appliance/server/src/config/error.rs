//! Why a configuration was refused.

/// Why a configuration was refused. Exit code 64.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A file cannot be read.
    #[error("the file {path} of `{key}` cannot be read")]
    Read {
        /// The configuration key or option.
        key: &'static str,
        /// Which file.
        path: String,
        /// The operating system's reason.
        source: std::io::Error,
    },
    /// The file is not the TOML that is expected.
    #[error("{file}, line {line}: {reason}")]
    Syntax {
        /// The file.
        file: String,
        /// The line, from 1.
        line: usize,
        /// The parser's complaint, on one line.
        reason: String,
    },
    /// A schema file is not a schema.
    #[error("the schema file {path} of `linkage.schema` is refused")]
    Schema {
        /// Which file.
        path: String,
        /// What does not hold.
        source: linker_token::TokenError,
    },
    /// A value breaks a rule.
    #[error("`{key}`: {rule}")]
    Rule {
        /// The configuration key.
        key: &'static str,
        /// The rule.
        rule: &'static str,
    },
    /// A PEM file does not parse.
    #[error("the file named by `{key}` is not PEM of the right kind")]
    Pem {
        /// The configuration key.
        key: &'static str,
        /// The parser's reason.
        source: rustls_pki_types::pem::Error,
    },
    /// The TLS library refuses the material.
    #[error("the TLS material named by `{key}` cannot be used")]
    Tls {
        /// The configuration key.
        key: &'static str,
        /// The library's reason.
        source: rustls::Error,
    },
    /// The TLS library refuses CAs or revocation lists.
    #[error("the client CAs or their revocation lists cannot be used")]
    Verifier {
        /// The library's reason.
        source: rustls::server::VerifierBuilderError,
    },
    /// A signed file or a profile of the custodians is refused.
    #[error("the file named by `{key}` is refused")]
    Custody {
        /// The configuration key.
        key: &'static str,
        /// Custody's reason.
        source: keymgmt_custody::CustodyError,
    },
}

impl ConfigError {
    pub(crate) fn read(key: &'static str, path: &std::path::Path, source: std::io::Error) -> Self {
        let path = path.display().to_string();
        Self::Read { key, path, source }
    }

    /// The parser's complaint without its drawing of the place, which takes many lines.
    pub(super) fn syntax(file: &str, text: &str, error: &toml::de::Error) -> Self {
        let start = error.span().map_or(0, |span| span.start);
        let before = text.as_bytes().get(..start).unwrap_or_default();
        let ends = before.iter().filter(|&&byte| byte == b'\n').count();
        let reason: Vec<&str> = error.message().lines().map(str::trim).collect();
        Self::Syntax {
            file: file.to_owned(),
            line: ends + 1,
            reason: reason.join(", "),
        }
    }

    pub(crate) fn rule(key: &'static str, rule: &'static str) -> Self {
        Self::Rule { key, rule }
    }

    pub(crate) fn pem(key: &'static str, source: rustls_pki_types::pem::Error) -> Self {
        Self::Pem { key, source }
    }

    pub(crate) fn tls(key: &'static str, source: rustls::Error) -> Self {
        Self::Tls { key, source }
    }
}
