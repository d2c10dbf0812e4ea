//! The configuration file, in two stages: *raw* mirrors the text, *resolved* is checked.
//!
//! Unknown keys are refused. Secrets are named by file, never written here. Paths are relative to
//! the folder of the configuration file.

mod error;
mod memory;
mod next;
mod raw;

use std::{
    collections::BTreeSet,
    fs,
    io::Read as _,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use linker_match::{KernelChoice, Settings};
use linker_token::{Epoch, ProjectId, Schema, SiteId};

use crate::{
    auth::{Callers, Grant},
    limits,
    tls::TlsFiles,
};
pub use error::ConfigError;
pub use next::NextEpoch;
use raw::{RawCaller, RawConfig, RawRole, RawService};

/// Where the HSM token and what belongs to it lie.
#[derive(Debug, Clone)]
pub struct HsmFiles {
    /// The module profile.
    pub profile: PathBuf,
    /// The token's label.
    pub token: String,
    /// The file with the user PIN.
    pub pin_file: PathBuf,
    /// The signed inventory of the token's keys.
    pub inventory: PathBuf,
    /// The custodians' public key, DER.
    pub custody_key: PathBuf,
}

/// The checked configuration.
#[derive(Debug, Clone)]
pub struct Config {
    /// Name of the audit log, such as `musubi.example/demo`.
    pub origin: String,
    /// Folder of the store.
    pub data: PathBuf,
    /// How runs compare and decide.
    pub settings: Settings,
    /// Folder for rows of a run that do not fit in memory.
    pub scratch: PathBuf,
    /// Address of the gRPC listener.
    pub grpc: SocketAddr,
    /// Address of the admin listener; loopback.
    pub admin: SocketAddr,
    /// Where the bound ports are written.
    pub port_file: Option<PathBuf>,
    /// TLS material.
    pub tls: TlsFiles,
    /// HSM and custody files.
    pub hsm: HsmFiles,
    /// The linkage project.
    pub project: ProjectId,
    /// The key epoch.
    pub epoch: Epoch,
    /// The schema.
    pub schema: Schema,
    /// The signed enrolment.
    pub enrolment: PathBuf,
    /// The table of callers.
    pub callers: Callers,
    /// The second, newer epoch, while sites move over to it.
    pub next: Option<NextEpoch>,
}

impl Config {
    /// Reads and checks a configuration file.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text = read_file(path, "--config")?;
        let text = String::from_utf8(text)
            .map_err(|_opaque| ConfigError::rule("--config", "the file is not UTF-8"))?;
        // The working folder may change meaning; an absolute path does not.
        let path = std::path::absolute(path)
            .map_err(|source| ConfigError::read("--config", path, source))?;
        let folder = path.parent().unwrap_or(Path::new("/"));
        Self::parse_file(&text, folder, &path.display().to_string())
    }

    /// Checks a configuration text; relative paths start at `folder`.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn parse(text: &str, folder: &Path) -> Result<Self, ConfigError> {
        Self::parse_file(text, folder, "the configuration")
    }

    fn parse_file(text: &str, folder: &Path, file: &str) -> Result<Self, ConfigError> {
        let raw: RawConfig =
            toml::from_str(text).map_err(|error| ConfigError::syntax(file, text, &error))?;
        if !raw.listen.admin.ip().is_loopback() {
            return Err(ConfigError::rule(
                "listen.admin",
                "the admin listener has no access control and must stay on a loopback address",
            ));
        }
        let schema = schema(&raw.linkage.schema, folder)?;
        let next = raw
            .next
            .map(|next| next::resolve(next, &raw.linkage, &raw.service, (&schema, folder)))
            .transpose()?;
        Ok(Self {
            origin: origin(raw.service.origin.clone())?,
            data: folder.join(&raw.service.data),
            settings: settings(&raw.service)?,
            scratch: scratch(&raw.service, folder),
            grpc: raw.listen.grpc,
            admin: raw.listen.admin,
            port_file: raw.listen.port_file.map(|path| folder.join(path)),
            tls: TlsFiles {
                certificate: folder.join(raw.tls.certificate),
                key: folder.join(raw.tls.key),
                client_ca: folder.join(raw.tls.client_ca),
                crl: folder.join(raw.tls.crl),
            },
            hsm: HsmFiles {
                profile: folder.join(raw.hsm.profile),
                token: raw.hsm.token,
                pin_file: folder.join(raw.hsm.pin_file),
                inventory: folder.join(raw.hsm.inventory),
                custody_key: folder.join(raw.hsm.custody_key),
            },
            project: name(&raw.linkage.project, "linkage.project", ProjectId::parse)?,
            epoch: Epoch(raw.linkage.epoch),
            schema,
            enrolment: folder.join(raw.linkage.enrolment),
            callers: callers(raw.callers)?,
            next,
        })
    }
}

/// The standard settings with the kernel and the memory bound of the configuration.
fn settings(service: &RawService) -> Result<Settings, ConfigError> {
    let rule = "auto, or a kernel of this processor: scalar, popcnt, avx2, avx512 or neon";
    let kernel = KernelChoice::parse(&service.kernel);
    let kernel = kernel.map_err(|_opaque| ConfigError::rule("service.kernel", rule))?;
    let memory = match service.memory_gib {
        None => memory::three_quarters(),
        Some(gib @ 1..=limits::MEMORY_GIB_MAX) => Some(u64::from(gib) << 30),
        Some(_) => {
            let rule = "1 to 65,536 GiB";
            return Err(ConfigError::rule("service.memory_gib", rule));
        }
    };
    Ok(Settings {
        kernel,
        memory_bytes: memory,
        ..Settings::standard()
    })
}

/// Where rows wait that do not fit in memory: beside the data unless another disk is named.
fn scratch(service: &RawService, folder: &Path) -> PathBuf {
    let named = service.scratch.as_ref().map(|path| folder.join(path));
    named.unwrap_or_else(|| folder.join(&service.data).join("scratch"))
}

/// The origin line of checkpoints: one word of printable ASCII without `+`, as C2SP asks.
fn origin(text: String) -> Result<String, ConfigError> {
    let good = !text.is_empty()
        && text.len() <= limits::URI_BYTES_MAX
        && text
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b'+');
    if good {
        Ok(text)
    } else {
        Err(ConfigError::rule(
            "service.origin",
            "one printable ASCII word without '+'",
        ))
    }
}

fn name<T>(
    text: &str,
    key: &'static str,
    parse: impl Fn(&str) -> Result<T, linker_token::TokenError>,
) -> Result<T, ConfigError> {
    let rule = "1 to 32 characters from a-z, 0-9 and '-', starting with a letter";
    parse(text).ok().ok_or_else(|| ConfigError::rule(key, rule))
}

/// A shipped schema by name, or a schema file.
fn schema(text: &str, folder: &Path) -> Result<Schema, ConfigError> {
    schema_of("linkage.schema", text, folder)
}

fn schema_of(key: &'static str, text: &str, folder: &Path) -> Result<Schema, ConfigError> {
    match text {
        "jp-1" => Ok(Schema::jp_1()),
        "en-1" => Ok(Schema::en_1()),
        path if path.ends_with(".toml") => {
            let path = folder.join(path);
            let text = String::from_utf8(read_file(&path, key)?)
                .map_err(|_opaque| ConfigError::rule(key, "the schema file is not UTF-8"))?;
            Schema::parse(&text).map_err(|source| ConfigError::Schema {
                path: path.display().to_string(),
                source,
            })
        }
        _ => Err(ConfigError::rule(
            key,
            "jp-1, en-1 or a file that ends in .toml",
        )),
    }
}

fn callers(raw: Vec<RawCaller>) -> Result<Callers, ConfigError> {
    if raw.len() > limits::CALLERS_MAX {
        return Err(ConfigError::rule("caller", "there are more than 4096"));
    }
    let mut callers = Callers::default();
    for caller in raw {
        if caller.uri.is_empty() || caller.uri.len() > limits::URI_BYTES_MAX {
            return Err(ConfigError::rule("caller.uri", "1 to 256 bytes"));
        }
        let grant = grant(&caller)?;
        if !callers.enter(caller.uri, grant) {
            return Err(ConfigError::rule("caller.uri", "a URI is entered twice"));
        }
    }
    keep_desks_and_sites_apart(&callers)?;
    Ok(callers)
}

fn grant(caller: &RawCaller) -> Result<Grant, ConfigError> {
    let (site, desk) = (&caller.site, &caller.desk);
    let (projects, resolve_tokens) = (&caller.projects, caller.resolve_tokens);
    match (&caller.role, site, projects, resolve_tokens, desk) {
        (RawRole::Site, Some(site), None, None, None) => {
            Ok(Grant::Site(name(site, "caller.site", SiteId::parse)?))
        }
        (RawRole::Processing, None, Some(projects), resolve_tokens, None) => {
            if projects.is_empty() || projects.len() > limits::CALLER_PROJECTS_MAX {
                return Err(ConfigError::rule("caller.projects", "1 to 64 projects"));
            }
            let projects: Result<BTreeSet<_>, _> = projects
                .iter()
                .map(|project| name(project, "caller.projects", ProjectId::parse))
                .collect();
            Ok(Grant::Processing {
                projects: projects?,
                resolve_tokens: resolve_tokens.unwrap_or(false),
            })
        }
        (RawRole::Operator, None, None, None, None) => Ok(Grant::Operator),
        (RawRole::Consultation, None, None, None, Some(desk)) => {
            let desk = name(desk, "caller.desk", SiteId::parse)?;
            Ok(Grant::Consultation(desk))
        }
        (role, ..) => {
            let rule = match role {
                RawRole::Site => "a site caller has `site` and nothing else",
                RawRole::Processing => {
                    "a processing caller has `projects`, may have `resolve_tokens`, and nothing else"
                }
                RawRole::Operator => {
                    "an operator has none of `site`, `projects`, `resolve_tokens` and `desk`"
                }
                RawRole::Consultation => "a consultation caller has `desk` and nothing else",
            };
            Err(ConfigError::rule("caller", rule))
        }
    }
}

/// A site must not learn from an answer whether others hold a person it encodes, so no desk is a site.
fn keep_desks_and_sites_apart(callers: &Callers) -> Result<(), ConfigError> {
    let mut sites = BTreeSet::new();
    let mut desks = BTreeSet::new();
    for (_, grant) in callers.iter() {
        match grant {
            Grant::Site(site) => sites.insert(site),
            Grant::Consultation(desk) => desks.insert(desk),
            Grant::Processing { .. } | Grant::Operator => false,
        };
    }
    if sites.is_disjoint(&desks) {
        return Ok(());
    }
    let rule = "a consultation desk has keys of its own; this name is a source site's";
    Err(ConfigError::rule("caller.desk", rule))
}

/// A whole file, if it is not larger than any file of the configuration may be.
pub(crate) fn read_file(path: &Path, key: &'static str) -> Result<Vec<u8>, ConfigError> {
    let mut bytes = Vec::new();
    let file = fs::File::open(path).map_err(|source| ConfigError::read(key, path, source))?;
    file.take(limits::FILE_BYTES_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(|source| ConfigError::read(key, path, source))?;
    if bytes.len() as u64 > limits::FILE_BYTES_MAX {
        return Err(ConfigError::rule(key, "the file is larger than 16 MiB"));
    }
    Ok(bytes)
}
