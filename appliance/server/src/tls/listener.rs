//! Accepts connections, bounds handshakes in number and time, and hands finished ones to the server.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Instant,
};

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch},
    time::timeout,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::server::Connected;

use crate::{auth::caller::certificate_uri, limits, metrics};

/// Who is at the other end, read once from the verified certificate.
#[derive(Debug, Clone)]
pub struct Peer {
    /// The certificate's one URI, if it has exactly one.
    pub uri: Option<Arc<str>>,
}

/// One connection whose client certificate was verified.
#[derive(Debug)]
pub struct Connection {
    stream: TlsStream<TcpStream>,
    peer: Peer,
    _slot: OwnedSemaphorePermit,
}

impl Connected for Connection {
    type ConnectInfo = Peer;

    fn connect_info(&self) -> Peer {
        self.peer.clone()
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// A bound port and the TLS configuration in force, which can be exchanged at any time.
#[derive(Debug)]
pub struct Listener {
    socket: TcpListener,
    config: Arc<ArcSwap<ServerConfig>>,
}

impl Listener {
    /// Binds the port.
    ///
    /// # Errors
    /// The operating system's.
    pub async fn bind(address: SocketAddr, config: Arc<ArcSwap<ServerConfig>>) -> io::Result<Self> {
        let socket = TcpListener::bind(address).await?;
        Ok(Self { socket, config })
    }

    /// The address that was bound.
    ///
    /// # Errors
    /// The operating system's.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Accepts until `stop` turns true; finished connections come out of the stream.
    pub fn serve(self, stop: watch::Receiver<bool>) -> ReceiverStream<io::Result<Connection>> {
        let (ready, connections) = mpsc::channel(limits::ACCEPTED_QUEUE);
        let _accepting = tokio::spawn(self.accept(ready, stop));
        ReceiverStream::new(connections)
    }

    async fn accept(
        self,
        ready: mpsc::Sender<io::Result<Connection>>,
        mut stop: watch::Receiver<bool>,
    ) {
        let handshakes = Arc::new(Semaphore::new(limits::HANDSHAKES_MAX));
        let connections = Arc::new(Semaphore::new(limits::CONNECTIONS_MAX));
        let refusals = Arc::new(Refusals::default());
        loop {
            let accepted = tokio::select! {
                accepted = self.socket.accept() => accepted,
                _ = stop.wait_for(|stop| *stop) => return,
            };
            let Ok((socket, from)) = accepted else {
                // Out of file descriptors, most likely: give connections time to end.
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
                continue;
            };
            let slots = (
                handshakes.clone().try_acquire_owned(),
                connections.clone().try_acquire_owned(),
            );
            let (Ok(handshake), Ok(slot)) = slots else {
                metrics::handshake("shed");
                continue;
            };
            let config = self.config.load_full();
            let ready = ready.clone();
            let refusals = refusals.clone();
            let _handshake = tokio::spawn(async move {
                match shake_hands(socket, config, slot).await {
                    Ok(connection) => {
                        // A closed queue means that the server is stopping.
                        let _stopping = ready.send(Ok(connection)).await;
                    }
                    Err(reason) => refusals.log(from, &reason),
                }
                drop(handshake);
            });
        }
    }
}

async fn shake_hands(
    socket: TcpStream,
    config: Arc<ServerConfig>,
    slot: OwnedSemaphorePermit,
) -> Result<Connection, String> {
    let _best_effort = socket.set_nodelay(true);
    let accepting = TlsAcceptor::from(config).accept(socket);
    match timeout(limits::HANDSHAKE_TIMEOUT, accepting).await {
        Ok(Ok(stream)) => {
            metrics::handshake("ok");
            let certificate = stream
                .get_ref()
                .1
                .peer_certificates()
                .and_then(<[_]>::first);
            let uri = certificate
                .and_then(|der| certificate_uri(der))
                .map(Arc::from);
            Ok(Connection {
                stream,
                peer: Peer { uri },
                _slot: slot,
            })
        }
        Ok(Err(error)) => {
            metrics::handshake("refused");
            Err(error.to_string())
        }
        Err(_elapsed) => {
            metrics::handshake("late");
            Err("it took too long".to_owned())
        }
    }
}

/// What is logged of refused handshakes: anyone who reaches the port can cause any number of them.
#[derive(Debug, Default)]
struct Refusals {
    state: Mutex<(Option<Instant>, u64)>,
}

impl Refusals {
    fn log(&self, from: SocketAddr, reason: &str) {
        if let Some(left_out) = self.left_out(Instant::now()) {
            tracing::warn!(%from, reason, left_out, "a TLS handshake was refused");
        }
    }

    /// How many refusals were left out since the last line; nothing if this one is left out as well.
    fn left_out(&self, now: Instant) -> Option<u64> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let (last, count) = *state;
        let soon = last
            .is_some_and(|last| now.saturating_duration_since(last) < limits::REFUSAL_LOG_INTERVAL);
        if soon {
            state.1 = count.saturating_add(1);
            None
        } else {
            *state = (Some(now), 0);
            Some(count)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_logged_once_in_a_while_and_counted() {
        let refusals = Refusals::default();
        let start = Instant::now();
        assert_eq!(refusals.left_out(start), Some(0));
        assert_eq!(refusals.left_out(start), None);
        assert_eq!(refusals.left_out(start), None);
        let next = start + limits::REFUSAL_LOG_INTERVAL;
        assert_eq!(refusals.left_out(next), Some(2));
        assert_eq!(refusals.left_out(next), None);
    }
}
