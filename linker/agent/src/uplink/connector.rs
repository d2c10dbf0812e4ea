//! Opens the connection: TCP, by way of the site's proxy if there is one, then TLS 1.3 with this agent's certificate. What the TLS stack found
//! wrong is remembered, because the layers above it only say that the connection broke.

use std::{
    io,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
};

use hyper_util::rt::TokioIo;
use rustls_pki_types::ServerName;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::{TlsConnector, client::TlsStream};
use tonic::transport::Uri;
use tower::Service;

use super::{
    fault,
    pace::{Pace, Paced},
    tunnel::{Refusal, Tunnel},
};
use crate::{
    config::Appliance,
    error::{AgentError, Fault},
    limits::CONNECT_TIMEOUT,
};

/// How bytes get to the appliance.
#[derive(Debug)]
pub(super) struct Route {
    pub(super) tunnel: Option<Tunnel>,
    pub(super) pace: Option<Arc<Pace>>,
}

/// What the proxy or the TLS stack last found wrong, shared with the connections.
#[derive(Debug, Clone, Default)]
pub(super) struct Seen(Arc<Mutex<Found>>);

#[derive(Debug, Default)]
struct Found {
    cause: Option<(Fault, &'static str)>,
    /// The appliance ended a connection before its first word.
    closed: bool,
}

impl Seen {
    pub(super) fn forget(&self) {
        *self.lock() = Found::default();
    }

    pub(super) fn take(&self) -> Option<AgentError> {
        let seen = self.lock().cause.take();
        seen.map(|(fault, rule)| AgentError::new(fault, rule))
    }

    fn note(&self, error: &io::Error) {
        let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
        if let Some(inner) = inner {
            self.lock().cause = Some(fault::of_tls(inner));
        }
        let refusal = error.get_ref().and_then(|inner| inner.downcast_ref());
        if let Some(Refusal { fault, rule }) = refusal {
            self.lock().cause = Some((*fault, rule));
        }
    }

    /// Whether the appliance ended a connection before its first word.
    pub(super) fn closed(&self) -> bool {
        self.lock().closed
    }

    fn note_closed(&self) {
        self.lock().closed = true;
    }

    fn lock(&self) -> MutexGuard<'_, Found> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connector for the configured appliance, whatever the address of the call says.
pub(super) fn new(
    appliance: &Appliance,
    route: Route,
    tls: Arc<rustls::ClientConfig>,
    seen: Seen,
) -> impl Service<Uri, Response = TokioIo<Watched>, Error = io::Error, Future: Send> + Send + 'static
{
    let name = ServerName::try_from(appliance.server_name.clone())
        .expect("the configuration checked the name");
    let host = appliance.address.host().unwrap_or_default().to_owned();
    let port = appliance.address.port_u16().unwrap_or(443);
    let way = Arc::new((route, host, port));
    tower::service_fn(move |_uri: Uri| {
        let (tls, name, way, seen) = (tls.clone(), name.clone(), way.clone(), seen.clone());
        async move {
            let (route, host, port) = &*way;
            let connected = timeout(
                CONNECT_TIMEOUT,
                connect(tls, name, route, host, *port, &seen),
            );
            match connected.await.unwrap_or_else(|late| Err(late.into())) {
                Ok(stream) => Ok(TokioIo::new(Watched {
                    stream,
                    seen,
                    answered: false,
                })),
                Err(error) => {
                    seen.note(&error);
                    Err(error)
                }
            }
        }
    })
}

async fn connect(
    tls: Arc<rustls::ClientConfig>,
    name: ServerName<'static>,
    route: &Route,
    host: &str,
    port: u16,
    seen: &Seen,
) -> io::Result<TlsStream<Paced>> {
    let stream = match &route.tunnel {
        Some(tunnel) => tunnel.open(&format!("{host}:{port}")).await?,
        None => TcpStream::connect((host.trim_matches(['[', ']']), port)).await?,
    };
    stream.set_nodelay(true)?;
    let stream = Paced::new(stream, route.pace.clone());
    let agreed = TlsConnector::from(tls).connect(name, stream).await;
    if agreed.as_ref().is_err_and(broke) {
        seen.note_closed();
    }
    agreed
}

/// Whether an error says that the other side ended the connection.
fn broke(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::UnexpectedEof
    )
}

/// A TLS stream whose errors are remembered. In TLS 1.3 the appliance refuses a client certificate
/// only after the client's handshake has ended, so the alert arrives here.
#[derive(Debug)]
pub(super) struct Watched {
    stream: TlsStream<Paced>,
    seen: Seen,
    answered: bool,
}

impl Watched {
    /// A write fails when the appliance has hung up; its last words may still be unread.
    fn last_words(&mut self, cx: &mut Context<'_>, error: &io::Error) {
        self.seen.note(error);
        if !self.answered && broke(error) {
            self.seen.note_closed();
        }
        let mut buffer = [0; 64];
        let read = Pin::new(&mut self.stream).poll_read(cx, &mut ReadBuf::new(&mut buffer));
        if let Poll::Ready(Err(error)) = read {
            self.seen.note(&error);
        }
    }
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buffer);
        match &read {
            Poll::Ready(Ok(())) if buffer.filled().len() > before => self.answered = true,
            Poll::Ready(Ok(())) if !self.answered => self.seen.note_closed(),
            Poll::Ready(Err(error)) => {
                self.seen.note(error);
                if !self.answered && broke(error) {
                    self.seen.note_closed();
                }
            }
            Poll::Ready(Ok(())) | Poll::Pending => (),
        }
        read
    }
}

impl AsyncWrite for Watched {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        if let Poll::Ready(Err(error)) = &written {
            self.last_words(cx, error);
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(cx);
        if let Poll::Ready(Err(error)) = &flushed {
            self.last_words(cx, error);
        }
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
