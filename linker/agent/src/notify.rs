//! Tells the service manager how the service is: `sd_notify(3)`, one datagram each. Without a manager
//! nothing is told.

use std::{
    env,
    ffi::OsStr,
    os::unix::{
        ffi::OsStrExt as _,
        net::{SocketAddr, UnixDatagram},
    },
};

/// The way to the service manager.
#[derive(Debug, Default)]
pub struct Notifier(Option<(UnixDatagram, SocketAddr)>);

impl Notifier {
    /// The manager that the variable `NOTIFY_SOCKET` names.
    #[must_use]
    pub fn from_environment() -> Self {
        let name = env::var_os("NOTIFY_SOCKET");
        Self(name.and_then(|name| {
            let address = address(&name)?;
            Some((UnixDatagram::unbound().ok()?, address))
        }))
    }

    /// The service works from now on.
    pub fn ready(&self) {
        self.send("READY=1");
    }

    /// One line for people. It holds counts, never a name.
    pub fn status(&self, text: &str) {
        self.send(&format!("STATUS={}", text.replace('\n', " ")));
    }

    /// The service is alive. A manager with a watchdog restarts one that does not say so.
    pub fn alive(&self) {
        self.send("WATCHDOG=1");
    }

    /// The service is about to end.
    pub fn stopping(&self) {
        self.send("STOPPING=1");
    }

    fn send(&self, text: &str) {
        if let Some((socket, address)) = &self.0 {
            // A manager that does not listen must not stop the work.
            drop(socket.send_to_addr(text.as_bytes(), address));
        }
    }
}

/// A path, or `@` and a name in the abstract name space of Linux.
fn address(name: &OsStr) -> Option<SocketAddr> {
    match name.as_bytes().strip_prefix(b"@") {
        #[cfg(target_os = "linux")]
        Some(name) => {
            use std::os::linux::net::SocketAddrExt as _;
            SocketAddr::from_abstract_name(name).ok()
        }
        #[cfg(not(target_os = "linux"))]
        Some(_) => None,
        None => SocketAddr::from_pathname(name).ok(),
    }
}
