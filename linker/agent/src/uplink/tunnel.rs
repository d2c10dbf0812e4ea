//! A way through the site's HTTP proxy: one CONNECT, then the same TLS as without it. The proxy sees the
//! appliance's address and sealed bytes, nothing else.

use std::{fmt, io};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use zeroize::Zeroizing;

use crate::{
    config::{Proxy, read_named},
    error::{AgentError, Fault},
    limits::{PROXY_HEAD_BYTES_MAX, PROXY_SECRET_BYTES_MAX},
    say,
};

/// A proxy and what it wants to hear.
pub(super) struct Tunnel {
    host: String,
    port: u16,
    /// The value of `Proxy-Authorization`.
    authorization: Option<Zeroizing<String>>,
}

impl fmt::Debug for Tunnel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tunnel(..)")
    }
}

/// What a proxy did instead of opening the tunnel.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) fault: Fault,
    pub(super) rule: &'static str,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.rule)
    }
}

impl std::error::Error for Refusal {}

impl Tunnel {
    /// Reads the proxy's secret, if it has one.
    ///
    /// # Errors
    /// [`Fault::FileUnreadable`] or [`Fault::ConfigValue`].
    pub(super) fn load(proxy: &Proxy) -> Result<Self, AgentError> {
        let authorization = match &proxy.secret {
            Some(path) => {
                let key = "appliance.proxy_secret";
                let secret = Zeroizing::new(read_named(key, path, PROXY_SECRET_BYTES_MAX)?);
                let line = secret.trim_ascii();
                if !line.contains(&b':') || line.iter().any(u8::is_ascii_control) {
                    let rule = "the file holds one line, USER:PASSWORD";
                    let detail = say!("{key}: {rule}", key = key, rule = rule);
                    return Err(AgentError::new(Fault::ConfigValue, detail));
                }
                let encoded = Zeroizing::new(STANDARD.encode(line));
                Some(Zeroizing::new(format!("Basic {}", *encoded)))
            }
            None => None,
        };
        Ok(Self {
            host: proxy.host.clone(),
            port: proxy.port,
            authorization,
        })
    }

    /// Opens a connection to the proxy and lets it connect to `target`, which is HOST:PORT.
    pub(super) async fn open(&self, target: &str) -> io::Result<TcpStream> {
        let mut stream = TcpStream::connect((self.host.as_str(), self.port)).await?;
        stream.set_nodelay(true)?;
        let mut request = Zeroizing::new(format!(
            "CONNECT {target} HTTP/1.1\r\nHost: {target}\r\nUser-Agent: tokenizer\r\n"
        ));
        if let Some(authorization) = &self.authorization {
            request.push_str("Proxy-Authorization: ");
            request.push_str(authorization);
            request.push_str("\r\n");
        }
        request.push_str("\r\n");
        stream.write_all(request.as_bytes()).await?;
        // Byte by byte: what follows the head belongs to TLS.
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            if head.len() >= PROXY_HEAD_BYTES_MAX {
                return Err(refused(Fault::ProxyRefused, NO_PROXY));
            }
            head.push(stream.read_u8().await?);
            // Something else than a proxy need not ever end a line.
            if !b"HTTP/1.".starts_with(&head[..head.len().min(7)]) {
                return Err(refused(Fault::ProxyRefused, NO_PROXY));
            }
        }
        match status(&head) {
            Some(200..=299) => Ok(stream),
            Some(407) => Err(refused(
                Fault::ProxyRefused,
                "it wants another user name and password (appliance.proxy_secret)",
            )),
            // The proxy's own view of the line: it passes as any other outage.
            Some(500..=599) => Err(refused(
                Fault::Unreachable,
                "the proxy does not reach appliance.address",
            )),
            Some(_) => Err(refused(
                Fault::ProxyRefused,
                "it does not allow a tunnel to appliance.address",
            )),
            None => Err(refused(Fault::ProxyRefused, NO_PROXY)),
        }
    }
}

const NO_PROXY: &str = "what answers at appliance.proxy is no HTTP proxy";

fn refused(fault: Fault, rule: &'static str) -> io::Error {
    io::Error::other(Refusal { fault, rule })
}

/// The status of an HTTP/1 answer.
fn status(head: &[u8]) -> Option<u16> {
    let line = head.split(|&byte| byte == b'\r').next()?;
    let mut words = line.split(|&byte| byte == b' ');
    words.next().filter(|version| version.len() == 8)?;
    let code = std::str::from_utf8(words.next()?).ok()?;
    code.parse().ok().filter(|_| code.len() == 3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_read_from_the_first_line() {
        assert_eq!(status(b"HTTP/1.1 200 OK\r\n\r\n"), Some(200));
        assert_eq!(status(b"HTTP/1.0 407\r\nA: b\r\n\r\n"), Some(407));
        for bad in [
            &b""[..],
            b"HTTP/1.1\r\n",
            b"HTTP/1.1 20\r\n",
            b"HTTP/1.1 2000\r\n",
            b"HTTP/1.10 200\r\n",
        ] {
            assert_eq!(status(bad), None, "{}", String::from_utf8_lossy(bad));
        }
    }
}
