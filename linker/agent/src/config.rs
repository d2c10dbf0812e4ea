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

mod parse;

use crate::{
    error::{AgentError, Fault},
    limits,
};

/// A checked configuration. All paths are absolute or relative to the working folder.
#[derive(Debug, Clone)]
pub struct Config {
    /// This site.
    pub site: SiteId,
    /// The state folder.
    pub state: PathBuf,
    /// What is read.
    pub source: Source,
    /// The custodians' public signing key, DER.
    pub custody_key: PathBuf,
    /// Where tokens go.
    pub appliance: Appliance,
    /// Rows of one batch.
    pub batch_rows: usize,
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
}

impl Format {
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
}

impl Config {
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
    pub fn describe(&self) -> String {
        let mut out = String::new();
        let mapping = match &self.source.format {
            Format::Csv { mapping } => mapping.display().to_string(),
            Format::SsMix2
            | Format::Uke
            | Format::Eligibility
            | Format::Fhir
            | Format::Checkup
            | Format::Care
            | Format::Dpc
            | Format::Dicom
            | Format::Hl7 => "none".to_owned(),
        };
        let origin = self.appliance.origin.as_deref();
        for (key, value) in [
            ("site.name", self.site.to_string()),
            ("site.state", self.state.display().to_string()),
            ("source.format", self.source.format.name().to_owned()),
            ("source.path", self.source.path.display().to_string()),
            ("source.mapping", mapping),
            ("source.encoding", self.source.encoding.name().to_owned()),
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
                origin.unwrap_or("pinned at the first receipt").to_owned(),
            ),
            ("upload.batch_rows", self.batch_rows.to_string()),
        ] {
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
        let text = format!("it has more than {limit} bytes");
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
mod tests {
    use super::*;

    const SAMPLE: &str = include_str!("../samples/tokenizer.toml");

    fn parse(text: &str) -> Result<Config, AgentError> {
        parse::config(text, Path::new("/site"), "tokenizer.toml")
    }

    #[test]
    fn the_shipped_sample_parses_and_shows_every_key() {
        let config = parse(SAMPLE).unwrap();
        assert_eq!(config.state, Path::new("/site/state"));
        for line in config.describe().lines() {
            let key = line.split([' ', '.']).nth(1).unwrap();
            let shown = SAMPLE.lines().any(|line| {
                let line = line.trim_start_matches("# ");
                line.starts_with(&format!("{key} = "))
            });
            assert!(shown, "{key} is not in the sample");
        }
        let with_origin = SAMPLE.replace("# origin", "origin");
        let origin = parse(&with_origin).unwrap().appliance.origin;
        assert_eq!(origin.as_deref(), Some("musubi.example/demo"));
    }

    #[test]
    fn defaults_are_those_that_the_sample_names() {
        let short: String = SAMPLE
            .lines()
            .filter(|line| {
                let defaulted = ["encoding", "retry_for", "batch_rows", "[upload]"];
                !defaulted.iter().any(|key| line.starts_with(key))
            })
            .map(|line| line.to_owned() + "\n")
            .collect();
        let (short, whole) = (parse(&short).unwrap(), parse(SAMPLE).unwrap());
        assert_eq!(short.describe(), whole.describe());
    }

    #[test]
    fn mistakes_are_named_with_their_place() {
        for (from, to, fault, text) in [
            (
                "name = ",
                "nam = ",
                Fault::ConfigSyntax,
                "line 7: unknown field `nam`",
            ),
            (
                "format = \"csv\"",
                "format = \"xls\"",
                Fault::ConfigSyntax,
                "unknown variant",
            ),
            (
                "\"hospital\"\n",
                "\"Hospital\"\n",
                Fault::ConfigValue,
                "site.name",
            ),
            (
                "mapping = ",
                "# ",
                Fault::ConfigValue,
                "source.mapping: csv needs one",
            ),
            (
                "format = \"csv\"",
                "format = \"uke\"",
                Fault::ConfigValue,
                "source.mapping: only csv",
            ),
            (
                "https://",
                "http://",
                Fault::ConfigValue,
                "appliance.address",
            ),
            (":7443", ":7443/x", Fault::ConfigValue, "appliance.address"),
            (
                "\"appliance.demo\"",
                "\"a b\"",
                Fault::ConfigValue,
                "appliance.server_name",
            ),
            (
                "= 65536",
                "= 65537",
                Fault::ConfigValue,
                "upload.batch_rows: it is 1 to 65536",
            ),
            ("= 65536", "= 0", Fault::ConfigValue, "upload.batch_rows"),
            (
                "= 600",
                "= 604801",
                Fault::ConfigValue,
                "retry_for_seconds: it is at most 604800",
            ),
            ("= 600", "= -1", Fault::ConfigSyntax, "invalid value"),
        ] {
            let changed = SAMPLE.replacen(from, to, 1);
            assert_ne!(changed, SAMPLE, "{from}");
            let error = parse(&changed).unwrap_err();
            assert_eq!(error.fault(), fault, "{from} -> {to}: {error}");
            assert!(error.to_string().contains(text), "{from} -> {to}: {error}");
            assert_eq!(error.exit(), 64);
        }
    }

    #[test]
    fn files_one_byte_past_their_bound_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, b"abc").unwrap();
        assert_eq!(read_bounded(&path, 3).unwrap(), b"abc");
        assert!(read_bounded(&path, 2).is_err());
        let error = Config::load(&path).unwrap_err();
        assert_eq!(error.fault(), Fault::ConfigSyntax);
    }
}
