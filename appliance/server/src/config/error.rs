//! Why a configuration was refused.

/// Why a configuration was refused. Exit code 64.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A file cannot be read.
    #[error("the file named by `{key}` cannot be read")]
    Read {
        /// The configuration key.
        key: &'static str,
        /// The operating system's reason.
        source: std::io::Error,
    },
    /// The file is not the TOML that is expected.
    #[error("the configuration file does not parse: {reason}")]
    Syntax {
        /// The parser's complaint, with line and column.
        reason: String,
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
