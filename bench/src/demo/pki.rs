//! The demo's own certificate authority: it lives only in the demo folder, for 30 days.

use std::{fs, io, os::unix::fs::OpenOptionsExt as _, path::Path, time::Duration};

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyIdMethod, KeyPair, KeyUsagePurpose, SanType, SerialNumber,
    date_time_ymd,
};

use crate::{
    error::{BenchError, file},
    machine,
    sites::Site,
};

/// Name in the appliance's certificate.
pub const SERVER_NAME: &str = "appliance.demo";
/// Who operates the appliance.
pub const OPERATOR: &str = "spiffe://musubi/operator/1";
/// Who processes data for the demo's project.
pub const RESEARCH: &str = "spiffe://musubi/processing/research";

/// The consultation desk.
pub const DESK: &str = "spiffe://musubi/desk/consultation/agent/1";

const LIFETIME: Duration = Duration::from_secs(30 * 86_400);
/// Clocks of two machines may differ by this much.
const CLOCK_SKEW: Duration = Duration::from_secs(3600);

/// The name of a site's agent.
#[must_use]
pub fn agent(site: Site) -> String {
    format!("spiffe://musubi/site/{}/agent/1", site.name())
}

/// Writes CA, revocation list, and a certificate and key for everybody into `folder`.
///
/// # Errors
/// [`BenchError::File`].
pub fn make(folder: &Path) -> Result<(), BenchError> {
    let failed = || file("make the demo's certificates");
    let of_rcgen = |error: rcgen::Error| failed()(io::Error::other(error));
    let write = |name: &str, text: &str| write(&folder.join(name), text).map_err(failed());

    let issuer = CertifiedIssuer::self_signed(authority(), KeyPair::generate().map_err(of_rcgen)?)
        .map_err(of_rcgen)?;
    write("ca.pem", &issuer.as_ref().pem())?;
    let list = revocations().signed_by(&issuer).map_err(of_rcgen)?;
    write("ca.crl.pem", &list.pem().map_err(of_rcgen)?)?;

    let server = (SERVER_NAME.to_owned(), "server".to_owned());
    let clients = Site::ALL
        .map(|site| (agent(site), site.name().to_owned()))
        .into_iter()
        .chain([
            (OPERATOR.to_owned(), "operator".to_owned()),
            (RESEARCH.to_owned(), "research".to_owned()),
            (DESK.to_owned(), "desk".to_owned()),
        ]);
    for (serial, (subject, name)) in (2_u64..).zip([server].into_iter().chain(clients)) {
        let key = KeyPair::generate().map_err(of_rcgen)?;
        let certificate = leaf(&subject, serial)
            .and_then(|params| params.signed_by(&key, &issuer))
            .map_err(of_rcgen)?;
        write(&format!("{name}.pem"), &certificate.pem())?;
        write(&format!("{name}.key"), &key.serialize_pem())?;
    }
    Ok(())
}

fn validity(params: &mut CertificateParams) {
    let now = date_time_ymd(1970, 1, 1) + Duration::from_secs(machine::now());
    params.not_before = now - CLOCK_SKEW;
    params.not_after = now + LIFETIME;
}

fn authority() -> CertificateParams {
    let mut params = CertificateParams::default();
    validity(&mut params);
    params
        .distinguished_name
        .push(DnType::CommonName, "Musubi demo CA");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.serial_number = Some(SerialNumber::from(1_u64));
    params
}

fn leaf(subject: &str, serial: u64) -> Result<CertificateParams, rcgen::Error> {
    let mut params = CertificateParams::default();
    validity(&mut params);
    params
        .distinguished_name
        .push(DnType::CommonName, "Musubi demo");
    params.serial_number = Some(SerialNumber::from(serial));
    params.use_authority_key_identifier_extension = true;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    let (usage, name) = if subject.starts_with("spiffe://") {
        (
            ExtendedKeyUsagePurpose::ClientAuth,
            SanType::URI(subject.try_into()?),
        )
    } else {
        (
            ExtendedKeyUsagePurpose::ServerAuth,
            SanType::DnsName(subject.try_into()?),
        )
    };
    params.extended_key_usages = vec![usage];
    params.subject_alt_names = vec![name];
    Ok(params)
}

fn revocations() -> CertificateRevocationListParams {
    let now = date_time_ymd(1970, 1, 1) + Duration::from_secs(machine::now());
    CertificateRevocationListParams {
        this_update: now - CLOCK_SKEW,
        next_update: now + LIFETIME,
        crl_number: SerialNumber::from(1_u64),
        issuing_distribution_point: None,
        revoked_certs: Vec::new(),
        key_identifier_method: KeyIdMethod::Sha256,
    }
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    io::Write::write_all(&mut options.open(path)?, text.as_bytes())
}

#[cfg(test)]
mod tests {
    use rustls_pki_types::{CertificateDer, CertificateRevocationListDer, pem::PemObject as _};

    use super::*;

    #[test]
    fn everybody_has_a_certificate() {
        let folder = tempfile::tempdir().unwrap();
        make(folder.path()).unwrap();
        for name in [
            "ca", "server", "hospital", "town", "clinic", "operator", "research", "desk",
        ] {
            let file = folder.path().join(format!("{name}.pem"));
            assert!(CertificateDer::from_pem_file(file).is_ok(), "{name}");
        }
        let list = CertificateRevocationListDer::from_pem_file(folder.path().join("ca.crl.pem"));
        assert!(list.is_ok());
    }
}
