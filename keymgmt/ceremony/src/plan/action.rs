//! What can be done as a whole, and its name in journal and transcript.

use std::fmt;

use linker_token::SiteId;

/// Which token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Which {
    Custody,
    Appliance,
}

impl Which {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Custody => "custody",
            Self::Appliance => "appliance",
        }
    }
}

/// The keys of an epoch: token, name, and whether a later epoch keeps it.
pub(crate) const KEYS: [(Which, &str, bool); 7] = [
    (Which::Custody, "csk", true),
    (Which::Custody, "lek", false),
    (Which::Appliance, "tmk", false),
    (Which::Appliance, "dkek", false),
    (Which::Appliance, "psk", true),
    (Which::Appliance, "aik", true),
    (Which::Appliance, "ask", true),
];

/// One thing that is done as a whole. Its text names it in the journal and in the transcript.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Action {
    TokenInit(Which),
    Adopt,
    Generate(Which, &'static str),
    Backup,
    EnrolSite(SiteId),
    Issue(SiteId),
    Restore,
    RevokeSite(SiteId),
    Rotate(&'static str),
    Reshare,
    Destroy,
    Publish,
}

impl Action {
    /// The word of the step to which the action belongs, for the transcript.
    pub(crate) fn step(&self) -> &'static str {
        match self {
            Self::TokenInit(_) => "token-init",
            Self::Adopt | Self::Generate(..) => "generate",
            Self::Backup => "backup",
            Self::EnrolSite(_) => "enrol-site",
            Self::Issue(_) => "issue",
            Self::Restore => "restore",
            Self::RevokeSite(_) => "revoke-site",
            Self::Rotate(_) => "rotate",
            Self::Reshare => "reshare",
            Self::Destroy => "destroy",
            Self::Publish => "publish",
        }
    }

    /// Reads an action's text back.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (step, rest) = text.split_once(' ').unwrap_or((text, ""));
        let key = KEYS.iter().find(|(_, name, _)| *name == rest);
        let key = key.map(|(which, name, _)| (*which, *name));
        let site = || SiteId::parse(rest).ok();
        let token = [Which::Custody, Which::Appliance];
        let action = match step {
            "token-init" => Self::TokenInit(token.into_iter().find(|of| of.name() == rest)?),
            "generate" if rest == "adopt" => Self::Adopt,
            "generate" => key.map(|(which, name)| Self::Generate(which, name))?,
            "enrol-site" => Self::EnrolSite(site()?),
            "issue" => Self::Issue(site()?),
            "revoke-site" => Self::RevokeSite(site()?),
            "rotate" => key.map(|(_, name)| Self::Rotate(name))?,
            "backup" => Self::Backup,
            "restore" => Self::Restore,
            "reshare" => Self::Reshare,
            "destroy" => Self::Destroy,
            "publish" => Self::Publish,
            _ => return None,
        };
        (action.to_string() == text).then_some(action)
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TokenInit(which) => write!(f, "token-init {}", which.name()),
            Self::Generate(_, key) => write!(f, "generate {key}"),
            Self::EnrolSite(site) => write!(f, "enrol-site {site}"),
            Self::Issue(site) => write!(f, "issue {site}"),
            Self::RevokeSite(site) => write!(f, "revoke-site {site}"),
            Self::Rotate(key) => write!(f, "rotate {key}"),
            Self::Adopt => f.write_str("generate adopt"),
            Self::Backup | Self::Restore | Self::Reshare | Self::Destroy | Self::Publish => {
                f.write_str(self.step())
            }
        }
    }
}
