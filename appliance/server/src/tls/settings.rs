//! From PEM files to a server configuration that refuses what it must.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use rustls::{
    RootCertStore, ServerConfig,
    crypto::{CryptoProvider, aws_lc_rs},
    server::{NoServerSessionStorage, WebPkiClientVerifier},
    version::TLS13,
};
use rustls_pki_types::{
    CertificateDer, CertificateRevocationListDer, PrivateKeyDer, pem::PemObject,
};
use x509_parser::prelude::FromDer as _;

use crate::config::{ConfigError, read_file};

/// Where the TLS material lies.
#[derive(Debug, Clone)]
pub struct TlsFiles {
    /// The server's certificate chain, PEM.
    pub certificate: PathBuf,
    /// The server's private key, PEM.
    pub key: PathBuf,
    /// The CAs of clients, PEM.
    pub client_ca: PathBuf,
    /// One current revocation list per CA, PEM.
    pub crl: PathBuf,
}

impl TlsFiles {
    /// Reads all files and builds the configuration.
    ///
    /// Every CA needs a revocation list that is in force at `now` (seconds since 1970): without
    /// one, revoked certificates would pass.
    ///
    /// # Errors
    /// [`ConfigError`] naming the file and what is wrong with it.
    pub fn load(&self, now: u64) -> Result<Arc<ServerConfig>, ConfigError> {
        let chain: Vec<CertificateDer<'static>> = pem(&self.certificate, "tls.certificate")?;
        let key = pem::<PrivateKeyDer<'static>>(&self.key, "tls.key")?.remove(0);
        let authorities: Vec<CertificateDer<'static>> = pem(&self.client_ca, "tls.client_ca")?;
        let lists: Vec<CertificateRevocationListDer<'static>> = pem(&self.crl, "tls.crl")?;
        check_lists(&authorities, &lists, now)?;
        let provider = Arc::new(provider());
        let mut roots = RootCertStore::empty();
        for authority in authorities {
            roots
                .add(authority)
                .map_err(|source| ConfigError::tls("tls.client_ca", source))?;
        }
        let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider.clone())
            .with_crls(lists)
            .enforce_revocation_expiration()
            .build()
            .map_err(|source| ConfigError::Verifier { source })?;
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&TLS13])
            .map_err(|source| ConfigError::tls("tls", source))?
            .with_client_cert_verifier(verifier)
            .with_single_cert(chain, key)
            .map_err(|source| ConfigError::tls("tls.certificate", source))?;
        // A resumed session skips the check of the client's certificate: there are none.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        config.max_early_data_size = 0;
        config.alpn_protocols = vec![b"h2".to_vec()];
        Ok(Arc::new(config))
    }
}

/// TLS 1.3 suites only; the post-quantum hybrid first, then X25519 and P-256 for clients without it.
fn provider() -> CryptoProvider {
    let mut provider = aws_lc_rs::default_provider();
    provider.cipher_suites = vec![
        aws_lc_rs::cipher_suite::TLS13_AES_256_GCM_SHA384,
        aws_lc_rs::cipher_suite::TLS13_AES_128_GCM_SHA256,
        aws_lc_rs::cipher_suite::TLS13_CHACHA20_POLY1305_SHA256,
    ];
    provider.kx_groups = vec![
        aws_lc_rs::kx_group::X25519MLKEM768,
        aws_lc_rs::kx_group::X25519,
        aws_lc_rs::kx_group::SECP256R1,
    ];
    provider
}

/// Every object of kind `T` in a PEM file; at least one.
fn pem<T: PemObject>(path: &Path, key: &'static str) -> Result<Vec<T>, ConfigError> {
    let text = read_file(path, key)?;
    let found: Vec<T> = T::pem_slice_iter(&text)
        .collect::<Result<_, _>>()
        .map_err(|source| ConfigError::pem(key, source))?;
    if found.is_empty() {
        return Err(ConfigError::rule(
            key,
            "there is nothing of its kind in the file",
        ));
    }
    Ok(found)
}

/// Every CA has a list, and every list is in force.
fn check_lists(
    authorities: &[CertificateDer<'_>],
    lists: &[CertificateRevocationListDer<'_>],
    now: u64,
) -> Result<(), ConfigError> {
    let now = i64::try_from(now).unwrap_or(i64::MAX);
    let mut issuers = Vec::new();
    for list in lists {
        let (_, list) = x509_parser::revocation_list::CertificateRevocationList::from_der(list)
            .map_err(|_opaque| ConfigError::rule("tls.crl", "a revocation list cannot be read"))?;
        let next = list
            .next_update()
            .ok_or_else(|| ConfigError::rule("tls.crl", "a revocation list has no next update"))?;
        if next.timestamp() <= now {
            return Err(ConfigError::rule(
                "tls.crl",
                "a revocation list is out of date",
            ));
        }
        issuers.push(list.issuer().as_raw().to_vec());
    }
    for authority in authorities {
        let (_, authority) = x509_parser::certificate::X509Certificate::from_der(authority)
            .map_err(|_opaque| {
                ConfigError::rule("tls.client_ca", "a certificate cannot be read")
            })?;
        if !issuers
            .iter()
            .any(|issuer| issuer == authority.subject().as_raw())
        {
            return Err(ConfigError::rule(
                "tls.crl",
                "a client CA has no revocation list",
            ));
        }
    }
    Ok(())
}
