//! The environment: where a ceremony runs. It names files and tokens, never secrets.

use std::{
    cell::OnceCell,
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use keymgmt_custody::{
    pkcs11::{Pin, TokenName},
    profile::Profile,
};
use linker_token::SiteId;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::{error::CeremonyError, folder, limits::CONFIG_BYTES_MAX, plan::Which};

/// Where a PIN comes from. A typed one is asked for once and wiped with the program.
#[derive(Debug)]
enum PinSource {
    File(PathBuf),
    Typed(OnceCell<Zeroizing<String>>),
}

impl PinSource {
    fn pin(&self) -> Result<Pin, CeremonyError> {
        match self {
            Self::File(path) => Ok(Pin::from_file(path)?),
            Self::Typed(cell) => {
                let typed = cell.get().ok_or(CeremonyError::NoTerminal)?;
                Ok(Pin::new(typed.clone())?)
            }
        }
    }
}

/// The two logins of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Login {
    Officer,
    User,
}

/// One token and its PINs.
#[derive(Debug)]
pub(crate) struct TokenPlace {
    pub(crate) label: String,
    /// The serial number that the token must have, where one is known before.
    pub(crate) serial: Option<String>,
    officer: PinSource,
    user: PinSource,
}

impl TokenPlace {
    pub(crate) fn name(&self) -> TokenName {
        TokenName::Label(self.label.clone())
    }

    pub(crate) fn officer_pin(&self) -> Result<Pin, CeremonyError> {
        self.officer.pin()
    }

    pub(crate) fn user_pin(&self) -> Result<Pin, CeremonyError> {
        self.user.pin()
    }

    /// The logins whose PIN must be typed.
    pub(crate) fn untyped(&self) -> Vec<Login> {
        let both = [(Login::Officer, &self.officer), (Login::User, &self.user)];
        let open = |source: &PinSource| match source {
            PinSource::Typed(cell) => cell.get().is_none(),
            PinSource::File(_) => false,
        };
        let untyped = both.into_iter().filter(|(_, source)| open(source));
        untyped.map(|(login, _)| login).collect()
    }

    /// A typed PIN, for the process that works with another module.
    pub(crate) fn typed(&self, login: Login) -> Option<&Zeroizing<String>> {
        let source = match login {
            Login::Officer => &self.officer,
            Login::User => &self.user,
        };
        match source {
            PinSource::Typed(cell) => cell.get(),
            PinSource::File(_) => None,
        }
    }

    /// Takes a typed PIN over. The first one counts.
    pub(crate) fn type_pin(&self, login: Login, pin: Zeroizing<String>) {
        let source = match login {
            Login::Officer => &self.officer,
            Login::User => &self.user,
        };
        if let PinSource::Typed(cell) = source {
            drop(cell.set(pin));
        }
    }
}

/// A token into which keys are restored.
#[derive(Debug)]
pub(crate) struct RestorePlace {
    pub(crate) profile: Profile,
    pub(crate) token: TokenPlace,
}

/// A checked environment.
#[derive(Debug)]
pub(crate) struct Environment {
    pub(crate) profile: Profile,
    pub(crate) custody: TokenPlace,
    pub(crate) appliance: TokenPlace,
    pub(crate) restore: Option<RestorePlace>,
    /// Folder of the epoch before.
    pub(crate) previous: Option<PathBuf>,
    /// A printer's device, to which shares are printed instead of being shown.
    pub(crate) printer: Option<PathBuf>,
    pub(crate) present: Vec<String>,
    pub(crate) requests: BTreeMap<SiteId, PathBuf>,
    /// What the custodians expect of sites' answers to their challenges, and the answers.
    pub(crate) answers: BTreeMap<SiteId, (PathBuf, PathBuf)>,
    /// Sites' statements that they deleted an epoch's secret.
    pub(crate) deletions: BTreeMap<SiteId, PathBuf>,
    /// The file.
    pub(crate) path: PathBuf,
    /// SHA-256 of it.
    pub(crate) hash: [u8; 32],
}

/// The file's text form.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EnvironmentFile {
    profile: PathBuf,
    custody: TokenFile,
    appliance: TokenFile,
    restore: Option<RestoreFile>,
    previous: Option<PathBuf>,
    printer: Option<PathBuf>,
    #[serde(default)]
    rehearsal: RehearsalFile,
    #[serde(default)]
    site: Vec<SiteFile>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TokenFile {
    label: String,
    serial: Option<String>,
    officer_pin_file: Option<PathBuf>,
    user_pin_file: Option<PathBuf>,
}

impl TokenFile {
    fn place(self, base: &Path) -> TokenPlace {
        let source = |file: Option<PathBuf>| {
            file.map_or_else(
                || PinSource::Typed(OnceCell::new()),
                |file| PinSource::File(base.join(file)),
            )
        };
        TokenPlace {
            label: self.label,
            serial: self.serial,
            officer: source(self.officer_pin_file),
            user: source(self.user_pin_file),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RestoreFile {
    profile: PathBuf,
    token: TokenFile,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RehearsalFile {
    present: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SiteFile {
    name: String,
    request: PathBuf,
    expected: Option<PathBuf>,
    answer: Option<PathBuf>,
    deletion: Option<PathBuf>,
}

impl Environment {
    pub(crate) fn load(path: &Path) -> Result<Self, CeremonyError> {
        let base = path.parent().unwrap_or(Path::new("."));
        let text = folder::read_text(path, CONFIG_BYTES_MAX)?;
        let file: EnvironmentFile =
            toml::from_str(&text).map_err(|error| refuse(error.message()))?;
        let profile = |file: &Path| {
            let text = folder::read_text(&base.join(file), CONFIG_BYTES_MAX)?;
            Ok::<_, CeremonyError>(Profile::parse(&text)?)
        };
        if file.custody.label == file.appliance.label {
            return Err(refuse("the two tokens need different labels"));
        }
        let (mut requests, mut deletions) = (BTreeMap::new(), BTreeMap::new());
        let mut answers = BTreeMap::new();
        for site in file.site {
            let name = SiteId::parse(&site.name).map_err(|error| refuse(&error.to_string()))?;
            match (site.expected, site.answer) {
                (Some(expected), Some(answer)) => {
                    let files = (base.join(expected), base.join(answer));
                    answers.insert(name.clone(), files);
                }
                (None, None) => {}
                _ => return Err(refuse("a site has `expected` and `answer`, or neither")),
            }
            if let Some(deletion) = site.deletion {
                deletions.insert(name.clone(), base.join(deletion));
            }
            if requests.insert(name, base.join(site.request)).is_some() {
                return Err(refuse("a site is named twice"));
            }
        }
        let restore = |file: RestoreFile| {
            Ok::<_, CeremonyError>(RestorePlace {
                profile: profile(&file.profile)?,
                token: file.token.place(base),
            })
        };
        Ok(Self {
            profile: profile(&file.profile)?,
            custody: file.custody.place(base),
            appliance: file.appliance.place(base),
            restore: file.restore.map(restore).transpose()?,
            previous: file.previous.map(|folder| base.join(folder)),
            printer: file.printer.map(|device| base.join(device)),
            present: file.rehearsal.present,
            requests,
            answers,
            deletions,
            path: path.to_owned(),
            hash: Sha256::digest(&text).into(),
        })
    }

    pub(crate) fn place(&self, which: Which) -> &TokenPlace {
        match which {
            Which::Custody => &self.custody,
            Which::Appliance => &self.appliance,
        }
    }

    /// Every token that is named.
    pub(crate) fn places(&self) -> impl Iterator<Item = &TokenPlace> {
        let restore = self.restore.iter().map(|restore| &restore.token);
        [&self.custody, &self.appliance].into_iter().chain(restore)
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
