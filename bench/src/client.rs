//! A gRPC client with a certificate: what an operator or a processing service would use.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use hyper_util::rt::TokioIo;
use rustls::{ClientConfig, RootCertStore, crypto::aws_lc_rs, version::TLS13};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tonic::{
    Status,
    transport::{Channel, Endpoint},
};

use crate::error::BenchError;

/// Whom to connect to, and as whom.
#[derive(Debug, Clone)]
pub struct Client {
    /// Host and port.
    pub address: String,
    /// Name that the server's certificate must carry.
    pub server_name: String,
    /// Issuer of the server's certificate, PEM.
    pub ca: PathBuf,
    /// Own certificate, PEM.
    pub certificate: PathBuf,
    /// Own private key, PEM.
    pub key: PathBuf,
}

impl Client {
    /// Opens a connection with TLS 1.3 and the client's certificate.
    ///
    /// # Errors
    /// [`BenchError::Connect`].
    pub async fn connect(&self) -> Result<Channel, BenchError> {
        let tls = TlsConnector::from(Arc::new(self.tls()?));
        let name = ServerName::try_from(self.server_name.clone()).map_err(refused)?;
        let address = self.address.clone();
        let endpoint = Endpoint::try_from(format!("https://{address}"))
            .map_err(refused)?
            .connect_timeout(Duration::from_secs(10));
        let connector = tower::service_fn(move |_uri| {
            let (tls, name, address) = (tls.clone(), name.clone(), address.clone());
            async move {
                let stream = TcpStream::connect(address).await?;
                stream.set_nodelay(true)?;
                tls.connect(name, stream).await.map(TokioIo::new)
            }
        });
        endpoint
            .connect_with_connector(connector)
            .await
            .map_err(refused)
    }

    fn tls(&self) -> Result<ClientConfig, BenchError> {
        let mut roots = RootCertStore::empty();
        for issuer in certificates(&self.ca)? {
            roots.add(issuer).map_err(refused)?;
        }
        let key = PrivateKeyDer::from_pem_slice(&read(&self.key)?)
            .map_err(|error| unusable(&self.key, &error))?;
        let mut config = ClientConfig::builder_with_provider(aws_lc_rs::default_provider().into())
            .with_protocol_versions(&[&TLS13])
            .map_err(refused)?
            .with_root_certificates(roots)
            .with_client_auth_cert(certificates(&self.certificate)?, key)
            .map_err(refused)?;
        config.alpn_protocols = vec![b"h2".to_vec()];
        Ok(config)
    }
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, BenchError> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&read(file)?).collect();
    found.map_err(|error| unusable(file, &error))
}

fn read(path: &Path) -> Result<Vec<u8>, BenchError> {
    fs::read(path).map_err(|error| unusable(path, &error))
}

fn unusable(path: &Path, error: &dyn std::error::Error) -> BenchError {
    BenchError::Named {
        path: path.to_owned(),
        reason: error.to_string(),
    }
}

/// The innermost reason: the layers above it only say that something failed.
fn refused(error: impl std::error::Error) -> BenchError {
    let mut reason: &dyn std::error::Error = &error;
    while let Some(source) = reason.source() {
        reason = source;
    }
    BenchError::Connect {
        reason: reason.to_string(),
    }
}

/// Gives a refused call its name.
pub fn refused_call(call: &'static str) -> impl FnOnce(Status) -> BenchError {
    move |status| BenchError::Call {
        call,
        code: status.code(),
        message: status.message().to_owned(),
    }
}
