//! The configuration file in two stages: parsed (mirrors the text) and resolved (checked, with
//! absolute paths). Secrets are named by files, never given as values.

use std::{
    fmt::Write as _,
    fs::File,
    io::Read as _,
    path::{Path, PathBuf},
    time::Duration,
};

use linker_token::SiteId;
use serde::Deserialize;
use tonic::transport::Uri;

mod line;
mod parse;
mod time;
mod watch;

pub use self::{
    line::{Proxy, Window},
    watch::Watch,
};

pub(crate) use self::parse::site_rule;

use crate::{
    error::{AgentError, Fault},
    language::Language,
    limits, say,
};

/// A checked configuration. All paths are absolute or relative to the working folder.
#[derive(Debug, Clone)]
pub struct Config {
    /// This site, or the desk under the name of its keys.
    pub site: SiteId,
    /// What this agent is for.
    pub role: Role,
    /// The state folder.
    pub state: PathBuf,
    /// What is read; nothing at a consultation desk.
    pub source: Option<Source>,
    /// The site's own PKCS#11 token, if its keys are in one.
    pub token: Option<KeyToken>,
    /// The custodians' public signing key, DER.
    pub custody_key: PathBuf,
    /// Where tokens go.
    pub appliance: Appliance,
    /// Rows of one batch.
    pub batch_rows: usize,
    /// Most bytes of sealed batches that wait.
    pub spool_bytes: u64,
    /// How many minutes local time is ahead of UTC.
    pub utc_offset_minutes: i32,
    /// What `watch` waits for.
    pub watch: Watch,
}

/// Where the site's wrapping and signing key are, if not in files.
#[derive(Debug, Clone)]
pub struct KeyToken {
    /// The module profile.
    pub profile: PathBuf,
    /// The token's label.
    pub label: String,
    /// The file with the user PIN.
    pub pin_file: PathBuf,
}

impl KeyToken {
    fn describe(&self) -> [(&'static str, String); 3] {
        [
            ("keys.module", self.profile.display().to_string()),
            ("keys.label", self.label.clone()),
            ("keys.pin_file", self.pin_file.display().to_string()),
        ]
    }
}

/// What an agent is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// A source site: it reads, makes tokens and uploads them.
    #[default]
    Site,
    /// A consultation desk: it asks whether one person is in.
    Consultation,
}

impl Role {
    /// The role's name in the configuration.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Site => "site",
            Self::Consultation => "consultation",
        }
    }
}

/// What is read.
#[derive(Debug, Clone)]
pub struct Source {
    /// In which format.
    pub format: Format,
    /// File or folder.
    pub path: PathBuf,
    /// Character encoding.
    pub encoding: Encoding,
}

/// Format of the source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Format {
    /// A tree of SS-MIX2 standardised storage; ADT-00 messages are read.
    SsMix2,
    /// One CSV file or a folder of them, with a column mapping.
    Csv {
        /// The mapping file.
        mapping: PathBuf,
    },
    /// A folder of claims files.
    Uke,
    /// A folder of responses of online eligibility checks.
    Eligibility,
    /// A folder of FHIR files; insurances are joined over all of them.
    Fhir,
    /// A folder of health check-up archives.
    Checkup,
    /// A folder of care-claims files.
    Care,
    /// A folder of DPC Form 1 files.
    Dpc,
    /// A tree of DICOM objects, of which only the headers are read.
    Dicom,
    /// A folder of files with HL7 v2 ADT messages.
    Hl7,
    /// One extract of a resident register or a folder of them; columns are known by their usual headers.
    Register,
}

impl Format {
    /// The mapping file of a table; no other format has one.
    #[must_use]
    pub fn mapping(&self) -> Option<&Path> {
        if let Self::Csv { mapping } = self {
            Some(mapping)
        } else {
            None
        }
    }

    /// The format's name in the configuration.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::SsMix2 => "ssmix2",
            Self::Csv { .. } => "csv",
            Self::Uke => "uke",
            Self::Eligibility => "eligibility",
            Self::Fhir => "fhir",
            Self::Checkup => "checkup",
            Self::Care => "care",
            Self::Dpc => "dpc",
            Self::Dicom => "dicom",
            Self::Hl7 => "hl7",
            Self::Register => "register",
        }
    }
}

/// Character encoding of the source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Encoding {
    /// Found by the bytes, file by file.
    Auto,
    /// UTF-8, with or without a byte order mark.
    #[serde(rename = "utf-8")]
    Utf8,
    /// Shift JIS as Windows writes it.
    Cp932,
}

impl Encoding {
    /// The encoding's name in the configuration.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Utf8 => "utf-8",
            Self::Cp932 => "cp932",
        }
    }
}

/// Where tokens go.
#[derive(Debug, Clone)]
pub struct Appliance {
    /// `https://` address with host and port.
    pub address: Uri,
    /// Name that the appliance's certificate must carry.
    pub server_name: String,
    /// Issuer of the appliance's certificate, PEM.
    pub ca: PathBuf,
    /// This agent's certificate chain, PEM.
    pub certificate: PathBuf,
    /// This agent's private key, PEM.
    pub key: PathBuf,
    /// How long an outage is waited for.
    pub retry_for: Duration,
    /// Name of the appliance's audit log; pinned at the first receipt if not given.
    pub origin: Option<String>,
    /// The site's proxy, if the way to the appliance goes through one.
    pub proxy: Option<Proxy>,
    /// Parts of the day in which uploads are slowed down.
    pub bandwidth: Vec<Window>,
}

impl Source {
    fn describe(&self, language: Language) -> [(&'static str, String); 4] {
        let mapping = self.format.mapping().map_or_else(
            || say!("none").to(language),
            |mapping| mapping.display().to_string(),
        );
        [
            ("source.format", self.format.name().to_owned()),
            ("source.path", self.path.display().to_string()),
            ("source.mapping", mapping),
            ("source.encoding", self.encoding.name().to_owned()),
        ]
    }
}

impl Appliance {
    /// The line to it.
    fn line(&self, language: Language) -> [(&'static str, String); 3] {
        let proxy = self.proxy.as_ref();
        let shown = proxy.map(|proxy| format!("http://{}:{}", proxy.host, proxy.port));
        let secret = proxy.and_then(|proxy| proxy.secret.as_ref());
        let secret = secret.map(|secret| secret.display().to_string());
        let none = || say!("none").to(language);
        [
            ("appliance.proxy", shown.unwrap_or_else(none)),
            ("appliance.proxy_secret", secret.unwrap_or_else(none)),
            (
                "appliance.bandwidth",
                line::describe(&self.bandwidth, language),
            ),
        ]
    }
}

impl Config {
    /// What is read.
    ///
    /// # Errors
    /// [`Fault::ConfigValue`] at a consultation desk.
    pub fn source(&self) -> Result<&Source, AgentError> {
        let rule = "a consultation desk reads nothing; it runs `tokenizer lookup`";
        let at_desk = || {
            AgentError::new(
                Fault::ConfigValue,
                say!("{key}: {rule}", key = "site.role", rule = rule),
            )
        };
        self.source.as_ref().ok_or_else(at_desk)
    }

    /// Reads and resolves a configuration file.
    ///
    /// # Errors
    /// [`Fault::ConfigUnreadable`], [`Fault::ConfigSyntax`] or [`Fault::ConfigValue`].
    pub fn load(path: &Path) -> Result<Self, AgentError> {
        let shown = path.display().to_string();
        let bytes = read_bounded(path, limits::CONFIG_BYTES_MAX)
            .map_err(|error| AgentError::new(Fault::ConfigUnreadable, &shown).because(error))?;
        let text = String::from_utf8(bytes)
            .map_err(|error| AgentError::new(Fault::ConfigSyntax, &shown).because(error))?;
        parse::config(&text, path.parent().unwrap_or(Path::new("")), &shown)
    }

    /// What is in force, as text for people. Holds no secret: keys are named by their files.
    #[must_use]
    pub fn describe(&self, language: Language) -> String {
        let mut out = String::new();
        let origin = self.appliance.origin.as_deref();
        let source = self.source.as_ref();
        let offset = self.utc_offset_minutes;
        let (sign, ahead) = (if offset < 0 { '-' } else { '+' }, offset.unsigned_abs());
        let head = [
            ("site.name", self.site.to_string()),
            ("site.role", self.role.name().to_owned()),
            ("site.state", self.state.display().to_string()),
            (
                "site.utc_offset",
                format!("{sign}{:02}:{:02}", ahead / 60, ahead % 60),
            ),
        ];
        let appliance = [
            ("keys.custody_key", self.custody_key.display().to_string()),
            ("appliance.address", self.appliance.address.to_string()),
            ("appliance.server_name", self.appliance.server_name.clone()),
            ("appliance.ca", self.appliance.ca.display().to_string()),
            (
                "appliance.certificate",
                self.appliance.certificate.display().to_string(),
            ),
            ("appliance.key", self.appliance.key.display().to_string()),
            (
                "appliance.retry_for_seconds",
                self.appliance.retry_for.as_secs().to_string(),
            ),
            (
                "appliance.origin",
                origin.map_or_else(
                    || say!("pinned at the first receipt").to(language),
                    str::to_owned,
                ),
            ),
        ];
        let sending = source.map(|_| {
            [
                ("upload.batch_rows", self.batch_rows.to_string()),
                ("upload.spool_mib", (self.spool_bytes >> 20).to_string()),
            ]
        });
        let watch = source.map(|_| self.watch.describe());
        let source = source.map(|source| source.describe(language));
        let values = head.into_iter().chain(source.into_iter().flatten());
        let token = self.token.as_ref().map(KeyToken::describe);
        let values = values.chain(token.into_iter().flatten());
        let values = values.chain(appliance).chain(self.appliance.line(language));
        let values = values.chain(sending.into_iter().flatten());
        for (key, value) in values.chain(watch.into_iter().flatten()) {
            let _infallible = writeln!(out, "{key} = {value}");
        }
        out
    }
}

/// Reads a file of at most `limit` bytes.
///
/// # Errors
/// The error of the system, or one that says that the file is too large.
pub fn read_bounded(path: &Path, limit: u64) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(limit + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        let text = say!("it has more than {limit} bytes", limit = limit);
        return Err(std::io::Error::new(std::io::ErrorKind::InvalidData, text));
    }
    Ok(bytes)
}

/// Reads a file that the configuration names by `key`.
///
/// # Errors
/// [`Fault::FileUnreadable`] with key and path.
pub fn read_named(key: &str, path: &Path, limit: u64) -> Result<Vec<u8>, AgentError> {
    read_bounded(path, limit).map_err(|error| {
        AgentError::new(Fault::FileUnreadable, format!("{key} = {}", path.display())).because(error)
    })
}

#[cfg(test)]
mod tests;
