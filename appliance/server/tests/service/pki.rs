//! Certificates and revocation lists as an operator's CA would make them.

use std::{
    fs,
    path::Path,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose,
    RevokedCertParams, SanType, SerialNumber, date_time_ymd,
};

/// A certificate and its key, PEM.
#[derive(Clone)]
pub(crate) struct Identity {
    pub(crate) chain: String,
    pub(crate) key: String,
    serial: u64,
}

/// A CA that signs servers, clients and revocation lists.
pub(crate) struct Authority {
    pub(crate) pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let certificate = params.self_signed(&key).expect("a certificate");
        Self {
            pem: certificate.pem(),
            issuer: Issuer::new(params, key),
        }
    }

    pub(crate) fn server(&self) -> Identity {
        let mut params = CertificateParams::new(vec!["appliance.test".into()]).expect("a name");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        self.sign(params, 1)
    }

    /// A client whose certificate carries these URIs.
    pub(crate) fn client(&self, uris: &[&str]) -> Identity {
        self.sign(client_params(uris), serial())
    }

    /// A client certificate that ran out in 2021.
    pub(crate) fn expired(&self, uri: &str) -> Identity {
        let mut params = client_params(&[uri]);
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2021, 1, 1);
        self.sign(params, serial())
    }

    /// A certificate for servers only.
    pub(crate) fn not_for_clients(&self, uri: &str) -> Identity {
        let mut params = client_params(&[uri]);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        self.sign(params, serial())
    }

    fn sign(&self, mut params: CertificateParams, serial: u64) -> Identity {
        params.serial_number = Some(SerialNumber::from(serial));
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        Identity {
            chain: certificate.pem(),
            key: key.serialize_pem(),
            serial,
        }
    }

    /// A revocation list that is in force for `valid`, from a day ago on.
    pub(crate) fn crl(&self, revoked: &[&Identity], valid: Duration) -> String {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .expect("after 1970");
        self.crl_until(revoked, now + valid)
    }

    /// A revocation list whose next update was due in 1970.
    pub(crate) fn stale_crl(&self) -> String {
        self.crl_until(&[], Duration::from_secs(200_000))
    }

    fn crl_until(&self, revoked: &[&Identity], until: Duration) -> String {
        let start = date_time_ymd(1970, 1, 1);
        let revoked = revoked.iter().map(|identity| RevokedCertParams {
            serial_number: SerialNumber::from(identity.serial),
            revocation_time: start + (until - Duration::from_secs(100_000)),
            reason_code: None,
            invalidity_date: None,
        });
        CertificateRevocationListParams {
            this_update: start + (until - Duration::from_secs(100_000)),
            next_update: start + until,
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: revoked.collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        }
        .signed_by(&self.issuer)
        .expect("a list")
        .pem()
        .expect("PEM")
    }
}

fn client_params(uris: &[&str]) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    let uris = uris
        .iter()
        .map(|uri| SanType::URI((*uri).try_into().expect("ASCII")));
    params.subject_alt_names = uris.collect();
    params
}

fn serial() -> u64 {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(100);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

pub(crate) const LONG: Duration = Duration::from_secs(30 * 86_400);

/// Writes what the service's `[tls]` block names.
pub(crate) fn place(folder: &Path, authority: &Authority) {
    let server = authority.server();
    for (name, content) in [
        ("server.pem", &server.chain),
        ("server.key", &server.key),
        ("ca.pem", &authority.pem),
        ("ca.crl.pem", &authority.crl(&[], LONG)),
    ] {
        fs::write(folder.join(name), content).expect("writes");
    }
}
