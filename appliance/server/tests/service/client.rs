//! A gRPC client over mutual TLS, and plain HTTP for the admin listener.

use std::{
    io::{self, Read as _, Write as _},
    net::{SocketAddr, TcpStream as StdTcpStream},
    sync::Arc,
    time::Duration,
};

use hyper_util::rt::TokioIo;
use linkage_proto::v1::{intake_client::IntakeClient, linkage_client::LinkageClient};
use rustls::{
    AlertDescription, ClientConfig, RootCertStore, SupportedProtocolVersion,
    crypto::{CryptoProvider, aws_lc_rs},
    version::TLS13,
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject as _};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tokio_rustls::{TlsConnector, client::TlsStream};
use tonic::{
    Code, Status,
    transport::{Channel, Endpoint, Uri},
};
use tonic_types::StatusExt as _;

use crate::{
    pki::{Authority, Identity},
    process::{Folder, Service},
};

pub(crate) fn tls(
    authority: &Authority,
    identity: Option<&Identity>,
    versions: &[&'static SupportedProtocolVersion],
    provider: CryptoProvider,
) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    let ca = CertificateDer::from_pem_slice(authority.pem.as_bytes()).expect("PEM");
    roots.add(ca).expect("a CA");
    let builder = ClientConfig::builder_with_provider(provider.into())
        .with_protocol_versions(versions)
        .expect("versions")
        .with_root_certificates(roots);
    let mut config = match identity {
        None => builder.with_no_client_auth(),
        Some(identity) => {
            let chain = CertificateDer::from_pem_slice(identity.chain.as_bytes()).expect("PEM");
            let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).expect("PEM");
            builder
                .with_client_auth_cert(vec![chain], key)
                .expect("fits")
        }
    };
    config.alpn_protocols = vec![b"h2".to_vec()];
    Arc::new(config)
}

pub(crate) async fn handshake(
    address: SocketAddr,
    config: Arc<ClientConfig>,
) -> io::Result<TlsStream<TcpStream>> {
    let socket = TcpStream::connect(address).await?;
    let name = ServerName::try_from("appliance.test").expect("a name");
    TlsConnector::from(config).connect(name, socket).await
}

/// What the server says to this client in the handshake or right after it; `None` if it talks HTTP/2.
pub(crate) async fn refusal(
    address: SocketAddr,
    config: Arc<ClientConfig>,
) -> Option<AlertDescription> {
    let error = match handshake(address, config).await {
        Err(error) => error,
        Ok(mut stream) => {
            // In TLS 1.3 the server judges the client after the client's last message.
            let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
            let written = stream.write_all(preface).await;
            let mut answer = [0; 1];
            match written.and(stream.read_exact(&mut answer).await.map(drop)) {
                Ok(()) => return None,
                Err(error) => error,
            }
        }
    };
    let inner = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match inner {
        Some(rustls::Error::AlertReceived(alert)) => Some(*alert),
        other => panic!("the connection ended otherwise: {other:?} {error}"),
    }
}

pub(crate) fn channel(folder: &Folder, service: &Service, identity: &Identity) -> Channel {
    let provider = aws_lc_rs::default_provider();
    let config = tls(&folder.authority, Some(identity), &[&TLS13], provider);
    let address = service.grpc;
    let connector = tower::service_fn(move |_: Uri| {
        let config = config.clone();
        async move { handshake(address, config).await.map(TokioIo::new) }
    });
    Endpoint::from_static("http://appliance.test").connect_with_connector_lazy(connector)
}

pub(crate) fn intake(folder: &Folder, service: &Service, uri: &str) -> IntakeClient<Channel> {
    IntakeClient::new(channel(folder, service, &folder.authority.client(&[uri])))
}

pub(crate) fn linkage(folder: &Folder, service: &Service, uri: &str) -> LinkageClient<Channel> {
    LinkageClient::new(channel(folder, service, &folder.authority.client(&[uri])))
}

/// Status code and reason code of a refusal, which must carry advice.
#[track_caller]
pub(crate) fn reason<T: std::fmt::Debug>(result: Result<T, Status>) -> (Code, String) {
    let status = result.expect_err("a refusal");
    let info = status.get_details_error_info();
    let info = info.unwrap_or_else(|| panic!("a reason: {status:?}"));
    assert_eq!(info.domain, "musubi");
    assert!(!info.metadata["advice"].is_empty());
    (status.code(), info.reason)
}

/// Waits until `holds`, and fails after a minute.
pub(crate) async fn until(holds: impl Fn() -> bool) {
    let waited = tokio::time::timeout(Duration::from_secs(60), async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    waited.await.expect("it happens in time");
}

/// The answer to a plain GET: status line, headers and body.
pub(crate) fn get(address: SocketAddr, path: &str) -> String {
    let mut socket = StdTcpStream::connect(address).expect("connects");
    let request = format!("GET {path} HTTP/1.1\r\nHost: admin\r\nConnection: close\r\n\r\n");
    socket.write_all(request.as_bytes()).expect("writes");
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).expect("reads");
    String::from_utf8_lossy(&answer).into_owned()
}
