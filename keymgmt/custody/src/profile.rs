//! How one PKCS#11 module differs from others.

use std::num::NonZeroUsize;

use serde::Deserialize;

use crate::{error::CustodyError, limits::PROFILE_BYTES_MAX, oaep::Oaep};

/// How a wrapping key becomes `CKA_TRUSTED`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trusted {
    /// The security officer creates it so, and the token enforces `CKA_WRAP_WITH_TRUSTED`.
    Officer,
    /// The module has no such thing; only the ceremony's own rules hold.
    None,
}

/// A module profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    name: String,
    module: String,
    oaep: Oaep,
    trusted: Trusted,
    test: bool,
    sessions: Option<NonZeroUsize>,
}

/// The file's text form.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ProfileFile {
    name: String,
    module: String,
    oaep: String,
    trusted: String,
    test: bool,
    #[serde(default)]
    sessions: Option<NonZeroUsize>,
}

impl Profile {
    /// Parses a profile file. OAEP with SHA-1 is accepted only where `test = true`, and is never
    /// silent.
    ///
    /// # Errors
    /// [`CustodyError::Profile`] or [`CustodyError::TooLarge`].
    pub fn parse(text: &str) -> Result<Self, CustodyError> {
        if text.len() > PROFILE_BYTES_MAX {
            return Err(CustodyError::TooLarge {
                what: "a module profile",
                limit: PROFILE_BYTES_MAX,
            });
        }
        let refuse = |rule: &str| CustodyError::Profile {
            rule: rule.to_owned(),
        };
        let file: ProfileFile = toml::from_str(text).map_err(|error| refuse(error.message()))?;
        let oaep = Oaep::parse(&file.oaep)
            .map_err(|_opaque| refuse("`oaep` must be \"sha256\" or \"sha1\""))?;
        let trusted = match file.trusted.as_str() {
            "officer" => Trusted::Officer,
            "none" => Trusted::None,
            _ => return Err(refuse("`trusted` must be \"officer\" or \"none\"")),
        };
        if oaep == Oaep::Sha1 && !file.test {
            return Err(refuse(
                "`oaep = \"sha1\"` is allowed only with `test = true`",
            ));
        }
        if file.module.is_empty() {
            return Err(refuse("`module` must name the PKCS#11 module"));
        }
        if file.test {
            let oaep = oaep.name();
            let name = file.name.as_str();
            tracing::warn!(
                name,
                oaep,
                "a test profile: keys are not protected by hardware"
            );
        }
        Ok(Self {
            name: file.name,
            module: file.module,
            oaep,
            trusted,
            test: file.test,
            sessions: file.sessions,
        })
    }

    /// Human name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Path of the PKCS#11 module.
    #[must_use]
    pub fn module(&self) -> &str {
        &self.module
    }

    /// The hash inside OAEP.
    #[must_use]
    pub fn oaep(&self) -> Oaep {
        self.oaep
    }

    /// How wrapping keys become trusted.
    #[must_use]
    pub fn trusted(&self) -> Trusted {
        self.trusted
    }

    /// Most sessions that this process may have open, if the module has a cap.
    #[must_use]
    pub fn sessions(&self) -> Option<NonZeroUsize> {
        self.sessions
    }

    /// Whether the module is for tests and demonstrations only.
    #[must_use]
    pub fn is_test(&self) -> bool {
        self.test
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLE: &str = include_str!("../profiles/softhsm2.toml");

    #[test]
    fn the_shipped_profile_parses() {
        let profile = Profile::parse(SAMPLE).expect("parses");
        assert_eq!(profile.oaep(), Oaep::Sha1);
        assert_eq!(profile.trusted(), Trusted::Officer);
        assert!(profile.is_test());
    }

    #[test]
    fn the_other_shipped_profile_parses() {
        let profile = Profile::parse(include_str!("../profiles/kryoptic.toml")).expect("parses");
        assert_eq!(profile.oaep(), Oaep::Sha256);
        assert_eq!(profile.trusted(), Trusted::None);
        assert!(profile.is_test());
        assert_eq!(profile.sessions(), None);
    }

    #[test]
    fn a_cap_of_sessions_is_read() {
        let capped = format!("{SAMPLE}\nsessions = 16\n");
        let capped = Profile::parse(&capped).expect("parses").sessions();
        assert_eq!(capped.map(NonZeroUsize::get), Some(16));
    }

    #[test]
    fn sha1_and_unknown_keys_are_refused() {
        for (from, to) in [
            ("test = true", "test = false"),
            ("oaep = \"sha1\"", "oaep = \"md5\""),
            ("trusted = \"officer\"", "trusted = \"yes\""),
            ("name = ", "nmae = "),
            ("test = true", "test = true\nsessions = 0"),
            ("module = \"/usr", "module = \"\"\n#"),
        ] {
            let refused = Profile::parse(&SAMPLE.replacen(from, to, 1)).expect_err(to);
            assert_eq!(refused.code(), "BAD_PROFILE", "{to}");
        }
        let long = format!("{SAMPLE}#{}", "x".repeat(PROFILE_BYTES_MAX));
        assert_eq!(
            Profile::parse(&long).expect_err("one past").code(),
            "TOO_LARGE"
        );
        let strong = SAMPLE
            .replace("sha1\"", "sha256\"")
            .replace("test = true", "test = false");
        assert_eq!(
            Profile::parse(&strong).expect("parses").oaep(),
            Oaep::Sha256
        );
    }
}
