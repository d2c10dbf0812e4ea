//! A small HTTP proxy that opens tunnels, and one that does not.

use std::sync::{Arc, Mutex};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional},
    net::{TcpListener, TcpStream},
};

/// How the proxy treats whoever comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    /// Opens the tunnel.
    Good,
    /// Opens it for those who show this secret.
    Asks(&'static str),
    /// Answers with this text.
    Says(&'static str),
    /// Says nothing, for ever.
    Silent,
    /// Hangs up.
    HangsUp,
    /// Writes without end.
    Babbles,
}

#[derive(Clone)]
pub(crate) struct Proxy {
    pub(crate) port: u16,
    pub(crate) manner: Arc<Mutex<Manner>>,
    /// First lines and authorisations of all requests.
    pub(crate) heard: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = Self {
            port: listener.local_addr().unwrap().port(),
            manner: Arc::new(Mutex::new(Manner::Good)),
            heard: Arc::default(),
        };
        let serving = proxy.clone();
        tokio::spawn(async move {
            while let Ok((stream, _peer)) = listener.accept().await {
                let proxy = serving.clone();
                tokio::spawn(async move { drop(proxy.serve(stream).await) });
            }
        });
        proxy
    }

    pub(crate) fn behave(&self, manner: Manner) {
        *self.manner.lock().unwrap() = manner;
    }

    async fn serve(&self, mut stream: TcpStream) -> std::io::Result<()> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await?);
        }
        let head = String::from_utf8(head).unwrap();
        self.heard.lock().unwrap().push(head.clone());
        let manner = *self.manner.lock().unwrap();
        match manner {
            Manner::Good => (),
            Manner::Asks(secret) if head.contains(&format!("Basic {secret}\r\n")) => (),
            Manner::Asks(_) => {
                let answer = b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n";
                return stream.write_all(answer).await;
            }
            Manner::Says(text) => return stream.write_all(text.as_bytes()).await,
            Manner::HangsUp => return Ok(()),
            Manner::Silent => {
                std::future::pending::<()>().await;
            }
            Manner::Babbles => loop {
                stream.write_all(&[b'x'; 4096]).await?;
            },
        }
        let target = head.split(' ').nth(1).unwrap();
        let mut there = TcpStream::connect(target).await?;
        let answer = b"HTTP/1.1 200 Connection established\r\nVia: 1.1 test\r\n\r\n";
        stream.write_all(answer).await?;
        copy_bidirectional(&mut stream, &mut there)
            .await
            .map(|_| ())
    }
}
