//! Mutual TLS 1.3 by our own listener: the transport library has no revocation lists, no choice of
//! version and no reload.

pub mod listener;
pub mod settings;

pub use listener::{Connection, Listener, Peer};
pub use settings::TlsFiles;
