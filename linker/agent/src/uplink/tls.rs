//! TLS of the uplink: version 1.3 only, X25519MLKEM768 preferred, both ends with certificates.

use std::{sync::Arc, time::Duration};

use linker_token::SiteId;
use rustls::{ClientConfig, RootCertStore, client::Resumption, crypto::aws_lc_rs, version::TLS13};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};
use x509_parser::{extensions::GeneralName, prelude::X509Certificate};

use crate::{
    config::{Appliance, read_named},
    error::{AgentError, Fault},
    limits::PEM_BYTES_MAX,
    say,
};

/// Loads certificates and key and checks them as far as this end can: form, validity at `now` (time
/// since 1970), and that a `spiffe://SYSTEM/site/NAME/..` address in the certificate names this site.
///
/// # Errors
/// A fault of the files or of the certificate.
pub fn load(
    appliance: &Appliance,
    site: &SiteId,
    now: Duration,
) -> Result<Arc<ClientConfig>, AgentError> {
    let issuers = certificates("appliance.ca", &appliance.ca)?;
    let mut roots = RootCertStore::empty();
    for issuer in issuers {
        roots
            .add(issuer)
            .map_err(|error| unreadable("appliance.ca").because(error))?;
    }
    let chain = certificates("appliance.certificate", &appliance.certificate)?;
    check_own(&chain[0], site, now)?;
    let key = read_named("appliance.key", &appliance.key, PEM_BYTES_MAX)?;
    let key = PrivateKeyDer::from_pem_slice(&zeroize::Zeroizing::new(key))
        .map_err(|error| unreadable("appliance.key").because(error))?;
    let mut config = ClientConfig::builder_with_provider(aws_lc_rs::default_provider().into())
        .with_protocol_versions(&[&TLS13])
        .map_err(|error| AgentError::new(Fault::Internal, "TLS 1.3").because(error))?
        .with_root_certificates(roots)
        .with_client_auth_cert(chain, key)
        .map_err(|error| unreadable("appliance.certificate, appliance.key").because(error))?;
    config.alpn_protocols = vec![b"h2".to_vec()];
    // Every connection shows the certificate anew, so that a revocation bites.
    config.resumption = Resumption::disabled();
    Ok(Arc::new(config))
}

fn unreadable(key: &str) -> AgentError {
    AgentError::new(Fault::CertificateUnreadable, key)
}

fn certificates(
    key: &str,
    path: &std::path::Path,
) -> Result<Vec<CertificateDer<'static>>, AgentError> {
    let bytes = read_named(key, path, PEM_BYTES_MAX)?;
    let found = CertificateDer::pem_slice_iter(&bytes)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| unreadable(key).because(error))?;
    if found.is_empty() {
        return Err(unreadable(key));
    }
    Ok(found)
}

fn check_own(leaf: &CertificateDer<'_>, site: &SiteId, now: Duration) -> Result<(), AgentError> {
    let (_rest, leaf) = x509_parser::parse_x509_certificate(leaf)
        .map_err(|_open| unreadable("appliance.certificate"))?;
    let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
    if now > leaf.validity().not_after.timestamp() {
        let when = leaf.validity().not_after;
        return Err(AgentError::new(
            Fault::CertificateExpired,
            say!("valid until {when}", when = when.to_string()),
        ));
    }
    if now < leaf.validity().not_before.timestamp() {
        let when = leaf.validity().not_before;
        return Err(AgentError::new(
            Fault::CertificateEarly,
            say!("valid from {when}", when = when.to_string()),
        ));
    }
    match site_of(&leaf) {
        Some(named) if named != site.as_str() => Err(AgentError::new(
            Fault::CertificateOtherSite,
            say!("site.name is {site}", site = site.as_str()),
        )),
        Some(_) | None => Ok(()),
    }
}

/// The site in `spiffe://SYSTEM/site/NAME/agent/N`, if the certificate has such an address.
fn site_of(leaf: &X509Certificate<'_>) -> Option<String> {
    let names = leaf.subject_alternative_name().ok().flatten()?;
    let addresses = names.value.general_names.iter().filter_map(|name| {
        if let GeneralName::URI(address) = name {
            Some(*address)
        } else {
            None
        }
    });
    addresses
        .filter_map(|address| address.strip_prefix("spiffe://"))
        .find_map(|path| {
            let mut parts = path.split('/').skip(1);
            (parts.next() == Some("site")).then(|| parts.next().map(str::to_owned))?
        })
}

#[cfg(test)]
mod tests {
    use rustls::NamedGroup;

    use super::*;

    #[test]
    fn the_post_quantum_group_comes_first() {
        let groups = aws_lc_rs::default_provider().kx_groups;
        assert_eq!(groups[0].name(), NamedGroup::X25519MLKEM768);
    }
}
