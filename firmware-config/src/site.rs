//! The site file: one host, every key explicit.

use std::{fs, io::Read, path::Path};

use crate::{catalogue::Role, error::FirmwareError, limits::SITE_BYTES_MAX, values::Values};

mod field;
mod resolve;

/// A checked site file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    role: Role,
    values: Values,
}

impl Site {
    /// Reads and checks a file.
    pub fn read(path: &Path) -> Result<Self, FirmwareError> {
        let mut text = String::new();
        let file = fs::File::open(path).map_err(FirmwareError::SiteRead)?;
        file.take(SITE_BYTES_MAX + 1)
            .read_to_string(&mut text)
            .map_err(FirmwareError::SiteRead)?;
        Self::parse(&text)
    }

    /// Checks the text of a site file.
    pub fn parse(text: &str) -> Result<Self, FirmwareError> {
        if u64::try_from(text.len()).map_or(true, |length| length > SITE_BYTES_MAX) {
            return Err(FirmwareError::SiteSize);
        }
        let raw: resolve::RawSite =
            toml::from_str(text).map_err(|source| FirmwareError::SiteForm {
                line: line_of(text, &source),
                source: Box::new(source),
            })?;
        raw.resolve()
    }

    /// What the host does.
    pub fn role(&self) -> Role {
        self.role
    }

    /// The values that templates may name.
    pub fn values(&self) -> &Values {
        &self.values
    }
}

fn line_of(text: &str, error: &toml::de::Error) -> usize {
    let start = error.span().map_or(0, |span| span.start);
    1 + text
        .bytes()
        .take(start)
        .filter(|byte| *byte == b'\n')
        .count()
}
