//! The modules: where they are and how they are configured.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use keymgmt_custody::profile::Profile;

const SOFTHSM2: &str = include_str!("../../profiles/softhsm2.toml");
const KRYOPTIC: &str = include_str!("../../profiles/kryoptic.toml");
const KRYOPTIC_MODULE: &str = "target/kryoptic/release/libkryoptic_pkcs11.so";

/// Names the profile of the third module.
pub(crate) const NAMED: &str = "MUSUBI_PKCS11_PROFILE";
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Maker {
    SoftHsm2,
    Kryoptic,
    Named,
}

impl Maker {
    /// The profile's text with the path at which the module lies on this machine.
    pub(crate) fn profile_text(self) -> String {
        match self {
            Self::SoftHsm2 => SOFTHSM2.to_owned(),
            Self::Kryoptic => {
                let module = kryoptic_module().display().to_string();
                assert!(KRYOPTIC.contains(KRYOPTIC_MODULE));
                KRYOPTIC.replace(KRYOPTIC_MODULE, &module)
            }
            Self::Named => {
                let path = env::var_os(NAMED).expect("set, or the test would not run");
                fs::read_to_string(path).expect("the named profile is read")
            }
        }
    }

    /// The file of the module.
    pub(crate) fn module(self) -> PathBuf {
        PathBuf::from(
            Profile::parse(&self.profile_text())
                .expect("parses")
                .module(),
        )
    }

    /// Writes the module's configuration: tokens lie in `folder/tokens`, three of them at most.
    pub(crate) fn configure(self, folder: &Path) -> Vec<(&'static str, PathBuf)> {
        let tokens = folder.join("tokens");
        fs::create_dir_all(&tokens).expect("a folder");
        let tokens = tokens.display();
        let (variable, text) = match self {
            Self::SoftHsm2 => (
                "SOFTHSM2_CONF",
                format!(
                    "directories.tokendir = {tokens}\nobjectstore.backend = file\nlog.level = ERROR\n"
                ),
            ),
            Self::Kryoptic => {
                let slot = |number: u8| {
                    format!(
                        "[[slots]]\nslot = {number}\ndbtype = \"sqlite\"\ndbargs = \"{tokens}/{number}.sql\"\n"
                    )
                };
                ("KRYOPTIC_CONF", (1..=3).map(slot).collect())
            }
            Self::Named => return Vec::new(),
        };
        let conf = folder.join("module.conf");
        fs::write(&conf, text).expect("writes");
        vec![(variable, conf)]
    }
}

fn kryoptic_module() -> PathBuf {
    // This program lies in <target>/<profile>/deps.
    let this = env::current_exe().expect("this binary");
    let target = this.ancestors().nth(3).expect("a target folder");
    target.join("kryoptic/release/libkryoptic_pkcs11.so")
}
