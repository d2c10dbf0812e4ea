//! The configuration file as it is written.

use std::{net::SocketAddr, path::PathBuf};

use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawConfig {
    pub(super) service: RawService,
    pub(super) listen: RawListen,
    pub(super) tls: RawTls,
    pub(super) hsm: RawHsm,
    pub(super) linkage: RawLinkage,
    pub(super) next: Option<RawNext>,
    #[serde(default, rename = "caller")]
    pub(super) callers: Vec<RawCaller>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawService {
    pub(super) origin: String,
    pub(super) data: PathBuf,
    #[serde(default = "auto")]
    pub(super) kernel: String,
    pub(super) memory_gib: Option<u32>,
    pub(super) scratch: Option<PathBuf>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawListen {
    pub(super) grpc: SocketAddr,
    pub(super) admin: SocketAddr,
    pub(super) port_file: Option<PathBuf>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawTls {
    pub(super) certificate: PathBuf,
    pub(super) key: PathBuf,
    pub(super) client_ca: PathBuf,
    pub(super) crl: PathBuf,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawHsm {
    pub(super) profile: PathBuf,
    pub(super) token: String,
    pub(super) pin_file: PathBuf,
    pub(super) inventory: PathBuf,
    pub(super) custody_key: PathBuf,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawLinkage {
    pub(super) project: String,
    pub(super) epoch: u32,
    pub(super) schema: String,
    pub(super) enrolment: PathBuf,
}

/// A second, newer key epoch.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawNext {
    pub(super) epoch: u32,
    pub(super) enrolment: PathBuf,
    pub(super) inventory: PathBuf,
    pub(super) data: PathBuf,
    pub(super) schema: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawCaller {
    pub(super) uri: String,
    pub(super) role: RawRole,
    pub(super) site: Option<String>,
    pub(super) projects: Option<Vec<String>>,
    pub(super) resolve_tokens: Option<bool>,
    pub(super) desk: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum RawRole {
    Site,
    Processing,
    Operator,
    Consultation,
}

fn auto() -> String {
    "auto".to_owned()
}
