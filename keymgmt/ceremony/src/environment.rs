//! The environment: where a ceremony runs. It names files and tokens, never secrets.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use keymgmt_custody::{
    pkcs11::{Pin, TokenName},
    profile::Profile,
};
use linker_token::SiteId;
use serde::Deserialize;

use crate::{error::CeremonyError, folder, limits::CONFIG_BYTES_MAX};

/// One token and its PIN files.
#[derive(Debug, Clone)]
pub(crate) struct TokenPlace {
    pub(crate) label: String,
    officer_pin_file: PathBuf,
    user_pin_file: PathBuf,
}

impl TokenPlace {
    pub(crate) fn name(&self) -> TokenName {
        TokenName::Label(self.label.clone())
    }

    pub(crate) fn officer_pin(&self) -> Result<Pin, CeremonyError> {
        Ok(Pin::from_file(&self.officer_pin_file)?)
    }

    pub(crate) fn user_pin(&self) -> Result<Pin, CeremonyError> {
        Ok(Pin::from_file(&self.user_pin_file)?)
    }
}

/// A checked environment.
#[derive(Debug, Clone)]
pub(crate) struct Environment {
    pub(crate) profile: Profile,
    pub(crate) custody: TokenPlace,
    pub(crate) appliance: TokenPlace,
    pub(crate) present: Vec<String>,
    pub(crate) requests: BTreeMap<SiteId, PathBuf>,
}

/// The file's text form.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EnvironmentFile {
    profile: PathBuf,
    custody: TokenFile,
    appliance: TokenFile,
    rehearsal: RehearsalFile,
    #[serde(default)]
    site: Vec<SiteFile>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TokenFile {
    label: String,
    officer_pin_file: PathBuf,
    user_pin_file: PathBuf,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RehearsalFile {
    present: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SiteFile {
    name: String,
    request: PathBuf,
}

impl Environment {
    pub(crate) fn load(path: &Path) -> Result<Self, CeremonyError> {
        let base = path.parent().unwrap_or(Path::new("."));
        let text = folder::read_text(path, CONFIG_BYTES_MAX)?;
        let file: EnvironmentFile =
            toml::from_str(&text).map_err(|error| refuse(error.message()))?;
        let profile = folder::read_text(&base.join(&file.profile), CONFIG_BYTES_MAX)?;
        let token = |token: TokenFile| TokenPlace {
            label: token.label,
            officer_pin_file: base.join(token.officer_pin_file),
            user_pin_file: base.join(token.user_pin_file),
        };
        if file.custody.label == file.appliance.label {
            return Err(refuse("the two tokens need different labels"));
        }
        let mut requests = BTreeMap::new();
        for site in file.site {
            let name = SiteId::parse(&site.name).map_err(|error| refuse(&error.to_string()))?;
            if requests.insert(name, base.join(site.request)).is_some() {
                return Err(refuse("a site is named twice"));
            }
        }
        Ok(Self {
            profile: Profile::parse(&profile)?,
            custody: token(file.custody),
            appliance: token(file.appliance),
            present: file.rehearsal.present,
            requests,
        })
    }
}

fn refuse(rule: &str) -> CeremonyError {
    CeremonyError::Config {
        file: "the environment",
        rule: rule.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_parses_beside_the_shipped_profile() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        let sample = include_str!("../samples/environment.toml");
        let profile = include_str!("../../custody/profiles/softhsm2.toml");
        std::fs::write(at("softhsm2.toml"), profile).expect("writes");
        std::fs::write(at("e.toml"), sample).expect("writes");
        let environment = Environment::load(&at("e.toml")).expect("parses");
        assert_eq!(environment.requests.len(), 2);
        for (from, to) in [
            ("musubi-appliance", "musubi-custody"),
            ("name = \"clinic\"", "name = \"hospital\""),
            ("present =", "presents ="),
        ] {
            std::fs::write(at("e.toml"), sample.replacen(from, to, 1)).expect("writes");
            let refused = Environment::load(&at("e.toml")).expect_err(to);
            assert_eq!(refused.code(), "BAD_CONFIG", "{to}");
        }
    }
}
