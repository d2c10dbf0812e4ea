//! From the text of a configuration file to a checked configuration. The raw structs mirror the text.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use linker_token::{SiteId, limits::BATCH_ROWS_MAX};
use serde::Deserialize;
use tonic::transport::Uri;

use super::{
    Appliance, Config, Encoding, Format, KeyToken, Role, Source,
    line::{RawWindow, resolve_proxy, resolve_windows},
    time::offset,
    watch::{self, RawWatch},
};
use crate::{
    error::{AgentError, Fault},
    limits, say,
    say::{Say, Value},
    source::words,
};

/// Resolves the text of a configuration file that lies in `folder`.
///
/// # Errors
/// [`Fault::ConfigSyntax`] or [`Fault::ConfigValue`].
pub(super) fn config(text: &str, folder: &Path, shown: &str) -> Result<Config, AgentError> {
    let raw: RawConfig = toml::from_str(text).map_err(|error| {
        let line = error.span().map_or(1, |span| line_of(text, span.start));
        let detail = say!(
            "{file}, line {line}: {reason}",
            file = shown,
            line = line,
            reason = words::toml(error.message())
        );
        AgentError::new(Fault::ConfigSyntax, detail)
    })?;
    let source = match (raw.site.role, raw.source) {
        (Role::Site, Some(source)) => Some(resolve_source(source, folder)?),
        (Role::Site, None) => return Err(value("source", "a source site has one")),
        (Role::Consultation, Some(_)) => {
            return Err(value(
                "source",
                "a consultation desk reads nothing and has none",
            ));
        }
        (Role::Consultation, None) => None,
    };
    let rows = raw.upload.batch_rows;
    if !(1..=BATCH_ROWS_MAX).contains(&rows) {
        return Err(value(
            "upload.batch_rows",
            say!("it is 1 to {limit}", limit = BATCH_ROWS_MAX),
        ));
    }
    let spool = raw.upload.spool_mib;
    let (least, most) = (limits::SPOOL_MIB_MIN, limits::SPOOL_MIB_MAX);
    if !(least..=most).contains(&spool) {
        return Err(value(
            "upload.spool_mib",
            say!("it is {least} to {most}", least = least, most = most),
        ));
    }
    Ok(Config {
        site: SiteId::parse(&raw.site.name).map_err(|_rule| value("site.name", site_rule()))?,
        role: raw.site.role,
        state: folder.join(raw.site.state),
        source,
        token: resolve_token(&raw.keys, folder)?,
        custody_key: folder.join(raw.keys.custody_key),
        appliance: resolve_appliance(raw.appliance, folder)?,
        batch_rows: rows,
        spool_bytes: spool << 20,
        utc_offset_minutes: offset("site.utc_offset", &raw.site.utc_offset)?,
        watch: watch::resolve(&raw.watch)?,
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawConfig {
    site: RawSite,
    source: Option<RawSource>,
    keys: RawKeys,
    appliance: RawAppliance,
    #[serde(default)]
    upload: RawUpload,
    #[serde(default)]
    watch: RawWatch,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSite {
    name: String,
    #[serde(default)]
    role: Role,
    state: PathBuf,
    #[serde(default = "japan")]
    utc_offset: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSource {
    format: RawFormat,
    path: PathBuf,
    mapping: Option<PathBuf>,
    #[serde(default = "auto")]
    encoding: Encoding,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum RawFormat {
    SsMix2,
    Csv,
    Uke,
    Eligibility,
    Fhir,
    Checkup,
    Care,
    Dpc,
    Dicom,
    Hl7,
    Register,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawKeys {
    custody_key: PathBuf,
    module: Option<PathBuf>,
    label: Option<String>,
    pin_file: Option<PathBuf>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawAppliance {
    address: String,
    server_name: String,
    ca: PathBuf,
    certificate: PathBuf,
    key: PathBuf,
    #[serde(default = "ten_minutes")]
    retry_for_seconds: u64,
    origin: Option<String>,
    proxy: Option<String>,
    proxy_secret: Option<PathBuf>,
    #[serde(default)]
    bandwidth: Vec<RawWindow>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawUpload {
    #[serde(default = "full_batch")]
    batch_rows: usize,
    #[serde(default = "four_gib")]
    spool_mib: u64,
}

impl Default for RawUpload {
    fn default() -> Self {
        Self {
            batch_rows: full_batch(),
            spool_mib: four_gib(),
        }
    }
}

fn auto() -> Encoding {
    Encoding::Auto
}

fn ten_minutes() -> u64 {
    600
}

fn japan() -> String {
    "+09:00".to_owned()
}

fn four_gib() -> u64 {
    4096
}

fn full_batch() -> usize {
    BATCH_ROWS_MAX
}

/// The site's own token: all three keys, or none.
fn resolve_token(raw: &RawKeys, folder: &Path) -> Result<Option<KeyToken>, AgentError> {
    match (&raw.module, &raw.label, &raw.pin_file) {
        (None, None, None) => Ok(None),
        (Some(module), Some(label), Some(pin_file)) if !label.is_empty() => Ok(Some(KeyToken {
            profile: folder.join(module),
            label: label.clone(),
            pin_file: folder.join(pin_file),
        })),
        (Some(_) | None, _, _) => Err(value(
            "keys",
            "module, label and pin_file stand together, or none of them",
        )),
    }
}

fn resolve_source(raw: RawSource, folder: &Path) -> Result<Source, AgentError> {
    let format = match (raw.format, raw.mapping) {
        (RawFormat::Csv, Some(mapping)) => Format::Csv {
            mapping: folder.join(mapping),
        },
        (RawFormat::Csv, None) => return Err(value("source.mapping", "csv needs one")),
        (RawFormat::SsMix2, None) => Format::SsMix2,
        (RawFormat::Uke, None) => Format::Uke,
        (RawFormat::Eligibility, None) => Format::Eligibility,
        (RawFormat::Fhir, None) => Format::Fhir,
        (RawFormat::Checkup, None) => Format::Checkup,
        (RawFormat::Care, None) => Format::Care,
        (RawFormat::Dpc, None) => Format::Dpc,
        (RawFormat::Dicom, None) => Format::Dicom,
        (RawFormat::Hl7, None) => Format::Hl7,
        (RawFormat::Register, None) => Format::Register,
        (_, Some(_)) => return Err(value("source.mapping", "only csv has one")),
    };
    if raw.encoding != Encoding::Auto && !matches!(format, Format::Csv { .. }) {
        return Err(value(
            "source.encoding",
            "all formats but csv say their encoding themselves; leave it at \"auto\"",
        ));
    }
    Ok(Source {
        format,
        path: folder.join(raw.path),
        encoding: raw.encoding,
    })
}

fn resolve_appliance(raw: RawAppliance, folder: &Path) -> Result<Appliance, AgentError> {
    let address: Uri = raw
        .address
        .parse()
        .map_err(|error| value("appliance.address", "it is not an address").because(error))?;
    if address.scheme_str() != Some("https") || address.host().is_none() || address.path() != "/" {
        return Err(value("appliance.address", "it is https://HOST:PORT"));
    }
    if rustls_pki_types::ServerName::try_from(raw.server_name.as_str()).is_err() {
        return Err(value("appliance.server_name", "it is a host name"));
    }
    if raw.retry_for_seconds > limits::RETRY_SECONDS_MAX {
        let most = limits::RETRY_SECONDS_MAX;
        return Err(value(
            "appliance.retry_for_seconds",
            say!("it is at most {limit}", limit = most),
        ));
    }
    Ok(Appliance {
        address,
        server_name: raw.server_name,
        ca: folder.join(raw.ca),
        certificate: folder.join(raw.certificate),
        key: folder.join(raw.key),
        retry_for: Duration::from_secs(raw.retry_for_seconds),
        origin: raw.origin,
        proxy: resolve_proxy(raw.proxy.as_deref(), raw.proxy_secret, folder)?,
        bandwidth: resolve_windows(&raw.bandwidth)?,
    })
}

pub(super) fn value(key: &str, rule: impl Into<Value>) -> AgentError {
    AgentError::new(
        Fault::ConfigValue,
        say!("{key}: {rule}", key = key, rule = rule),
    )
}

/// What a site may be called.
pub(crate) fn site_rule() -> Say {
    say!("a site name must be 1 to 32 characters from a-z, 0-9 and '-', starting with a letter")
}

fn line_of(text: &str, offset: usize) -> usize {
    let offset = offset.min(text.len());
    1 + text.as_bytes()[..offset]
        .iter()
        .filter(|&&byte| byte == b'\n')
        .count()
}
