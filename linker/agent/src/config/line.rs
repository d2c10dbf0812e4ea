//! The line to the appliance as the site has it: a proxy, and how much of the line may be used when.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use tonic::transport::Uri;

use super::{parse::value, time::minute};
use crate::{
    error::AgentError,
    language::Language,
    limits::{PACE_KIB_MAX, PACE_KIB_MIN, PACE_WINDOWS_MAX},
    say,
    say::Value,
};

/// The site's HTTP proxy.
#[derive(Debug, Clone)]
pub struct Proxy {
    /// Host.
    pub host: String,
    /// Port.
    pub port: u16,
    /// File with USER:PASSWORD, if it wants one.
    pub secret: Option<PathBuf>,
}

/// A part of the day with a rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// First minute of the day.
    pub from: u16,
    /// First minute after it. Before `from`, the window goes over midnight.
    pub to: u16,
    /// How fast bytes may leave.
    pub bytes_per_second: u64,
}

impl Window {
    /// Whether the window is open in a minute of the day.
    #[must_use]
    pub fn holds(&self, minute: u16) -> bool {
        if self.from < self.to {
            (self.from..self.to).contains(&minute)
        } else {
            minute >= self.from || minute < self.to
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawWindow {
    from: String,
    to: String,
    kib_per_second: u64,
}

pub(super) fn resolve_proxy(
    address: Option<&str>,
    secret: Option<PathBuf>,
    folder: &Path,
) -> Result<Option<Proxy>, AgentError> {
    let Some(address) = address else {
        return match secret {
            Some(_) => Err(value(
                "appliance.proxy_secret",
                "there is no appliance.proxy",
            )),
            None => Ok(None),
        };
    };
    let rule = "it is http://HOST:PORT; a name and a password stand in appliance.proxy_secret";
    let refused = || value("appliance.proxy", rule);
    let uri: Uri = address.parse().map_err(|error| refused().because(error))?;
    let authority = uri.authority().ok_or_else(refused)?;
    let plain = uri.scheme_str() == Some("http") && uri.path() == "/" && uri.query().is_none();
    let (Some(port), false) = (authority.port_u16(), authority.as_str().contains('@')) else {
        return Err(refused());
    };
    if !plain {
        return Err(refused());
    }
    Ok(Some(Proxy {
        host: authority.host().trim_matches(['[', ']']).to_owned(),
        port,
        secret: secret.map(|secret| folder.join(secret)),
    }))
}

pub(super) fn resolve_windows(raw: &[RawWindow]) -> Result<Vec<Window>, AgentError> {
    let key = "appliance.bandwidth";
    if raw.len() > PACE_WINDOWS_MAX {
        return Err(value(
            key,
            say!("there are at most {limit}", limit = PACE_WINDOWS_MAX),
        ));
    }
    raw.iter()
        .map(|raw| {
            let (from, to) = (minute(key, &raw.from)?, minute(key, &raw.to)?);
            if from == to {
                return Err(value(
                    key,
                    "from and to differ; a whole day is 00:00 to 24:00",
                ));
            }
            if !(PACE_KIB_MIN..=PACE_KIB_MAX).contains(&raw.kib_per_second) {
                let rule = say!(
                    "kib_per_second is {least} to {most}",
                    least = PACE_KIB_MIN,
                    most = PACE_KIB_MAX
                );
                return Err(value(key, rule));
            }
            Ok(Window {
                from,
                to,
                bytes_per_second: raw.kib_per_second * 1024,
            })
        })
        .collect()
}

/// The windows as people write them.
pub(super) fn describe(windows: &[Window], language: Language) -> String {
    if windows.is_empty() {
        return say!("not limited").to(language);
    }
    let one = |window: &Window| {
        let Window {
            from,
            to,
            bytes_per_second,
        } = window;
        let (from, to) = (super::time::shown(*from), super::time::shown(*to));
        say!(
            "{from} to {to} {rate} KiB/s",
            from = from,
            to = to,
            rate = bytes_per_second / 1024
        )
        .into()
    };
    Value::List(windows.iter().map(one).collect()).to(language)
}
