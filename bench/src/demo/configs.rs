//! The configuration files of the demo's processes.

use std::{fs, path::Path};

use super::{folder::Folder, pki};
use crate::{
    error::{BenchError, file},
    sites::{Site, town},
};

/// Project of the tokens.
pub const PROJECT: &str = "demo";
/// Project of the release.
pub const STUDY: &str = "demo-study";
/// Name of the audit log.
pub const ORIGIN: &str = "musubi.example/demo";
/// Name under which the consultation desk's keys are enrolled.
pub const DESK: &str = "consultation";
/// Label of the appliance's token.
pub const APPLIANCE_TOKEN: &str = "musubi-appliance";

/// Writes the software HSM's configuration.
///
/// # Errors
/// [`BenchError::File`].
pub fn softhsm(folder: &Folder) -> Result<(), BenchError> {
    let tokens = folder.tokens();
    write(
        &folder.softhsm_conf(),
        &format!(
            "directories.tokendir = {}\nobjectstore.backend = file\nlog.level = ERROR\nslots.removable = false\n",
            tokens.display()
        ),
    )
}

/// Writes one agent's configuration and, for the town, the mapping of its columns.
///
/// # Errors
/// [`BenchError::File`].
pub fn agent(folder: &Folder, site: Site, address: &str) -> Result<(), BenchError> {
    let (format, path, mapping) = match site {
        Site::Hospital => ("ssmix2", "ssmix2", ""),
        Site::Town => ("csv", "residents.csv", "mapping = \"residents.toml\"\n"),
        Site::Clinic => ("uke", "claims", ""),
    };
    if site == Site::Town {
        write(&folder.site(site).join("residents.toml"), town::MAPPING)?;
    }
    let (name, pki, custody) = (site.name(), folder.pki(), folder.ceremony());
    let (pki, custody, server) = (pki.display(), custody.display(), pki::SERVER_NAME);
    let text = format!(
        r#"# Agent of the {name} in the demo.
[site]
name = "{name}"
state = "state"

[source]
format = "{format}"
path = "{path}"
{mapping}encoding = "auto"

[keys]
custody_key = "{custody}/out/csk.spki"

[appliance]
address = "https://{address}"
server_name = "{server}"
ca = "{pki}/ca.pem"
certificate = "{pki}/{name}.pem"
key = "{pki}/{name}.key"
retry_for_seconds = 60

[upload]
batch_rows = 65536
"#
    );
    write(&folder.agent_config(site), &text)
}

/// Writes the configuration of the consultation desk's agent.
///
/// # Errors
/// [`BenchError::File`].
pub fn desk(folder: &Folder, address: &str) -> Result<(), BenchError> {
    let (pki, custody) = (folder.pki(), folder.ceremony());
    let (pki, custody, server) = (pki.display(), custody.display(), pki::SERVER_NAME);
    let text = format!(
        r#"# Agent of the consultation desk in the demo.
[site]
name = "{DESK}"
role = "consultation"
state = "state"

[keys]
custody_key = "{custody}/out/csk.spki"

[appliance]
address = "https://{address}"
server_name = "{server}"
ca = "{pki}/ca.pem"
certificate = "{pki}/desk.pem"
key = "{pki}/desk.key"
"#
    );
    write(&folder.desk_config(), &text)
}

/// Writes the appliance's configuration.
///
/// # Errors
/// [`BenchError::File`].
pub fn appliance(folder: &Folder, profile: &Path, pin: &Path) -> Result<(), BenchError> {
    let (pki, out) = (folder.pki(), folder.ceremony().join("out"));
    let (pki, out, profile, pin) = (
        pki.display(),
        out.display(),
        profile.display(),
        pin.display(),
    );
    let mut text = format!(
        r#"# Appliance of the demo.
[service]
origin = "{ORIGIN}"
data = "data"
kernel = "auto"

[listen]
grpc = "127.0.0.1:0"
admin = "127.0.0.1:0"
port_file = "ports.json"

[tls]
certificate = "{pki}/server.pem"
key = "{pki}/server.key"
client_ca = "{pki}/ca.pem"
crl = "{pki}/ca.crl.pem"

[hsm]
profile = "{profile}"
token = "{APPLIANCE_TOKEN}"
pin_file = "{pin}"
inventory = "{out}/appliance.inventory"
custody_key = "{out}/csk.spki"

[linkage]
project = "{PROJECT}"
epoch = 1
schema = "jp-1"
enrolment = "{out}/enrolment.signed"

[[caller]]
uri = "{operator}"
role = "operator"

[[caller]]
uri = "{research}"
role = "processing"
projects = ["{STUDY}"]

[[caller]]
uri = "{desk}"
role = "consultation"
desk = "{DESK}"
"#,
        operator = pki::OPERATOR,
        research = pki::RESEARCH,
        desk = pki::DESK,
    );
    for site in Site::ALL {
        text.push_str(&format!(
            "\n[[caller]]\nuri = \"{}\"\nrole = \"site\"\nsite = \"{}\"\n",
            pki::agent(site),
            site.name()
        ));
    }
    write(&folder.appliance().join("appliance.toml"), &text)
}

pub(super) fn write(path: &Path, text: &str) -> Result<(), BenchError> {
    fs::write(path, text).map_err(file(format!("write {}", path.display())))
}
