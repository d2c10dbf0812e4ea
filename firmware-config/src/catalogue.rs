//! The directives as data: every line with its reason and the threat it answers.

use std::collections::BTreeMap;

use crate::error::FirmwareError;

mod load;

/// What a host does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// The linkage unit.
    Appliance,
    /// The agent of a source site.
    Tokenizer,
}

/// How a rendered file is written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Syntax {
    /// systemd: `[Section]` and `Key=Value`.
    Unit,
    /// nftables: named blocks within one table.
    Nftables,
    /// One directive a line, without sections.
    Lines,
}

/// One line of a rendered file, and why it is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directive {
    /// The section or block; empty in files without sections.
    pub section: String,
    /// The text, with `@{name}` where a value of the site stands.
    pub text: String,
    /// The list whose entries each make one line, available as `@{item}`.
    pub for_each: Option<String>,
    /// The list that must be empty for the line to be there.
    pub unless: Option<String>,
    /// Why the line is there, one sentence.
    pub reason: String,
    /// The name of the threat it answers.
    pub threat: String,
}

/// One file of a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artefact {
    /// Path on the host, without the leading slash.
    pub path: String,
    /// How it is written.
    pub syntax: Syntax,
    /// The sections in the order in which they are written.
    pub sections: Vec<String>,
    /// The lines in their order within each section.
    pub directives: Vec<Directive>,
    /// The hosts that have the file.
    pub roles: &'static [Role],
}

impl Artefact {
    /// Whether a host of this role has the file.
    pub fn is_for(&self, role: Role) -> bool {
        self.roles.contains(&role)
    }
}

/// What may happen, by the letter of STRIDE.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Threat {
    /// S, T, R, I, D or E.
    pub stride: String,
    /// One sentence.
    pub text: String,
}

/// All artefacts and threats.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Catalogue {
    /// The files, in the order of the data.
    pub artefacts: Vec<Artefact>,
    /// The threats by name.
    pub threats: BTreeMap<String, Threat>,
}

const THREATS: (&str, &str) = ("threats.toml", include_str!("../data/threats.toml"));

const INCLUDES: [(&str, &str); 2] = [
    ("sandbox", include_str!("../data/units/sandbox.toml")),
    ("firewall", include_str!("../data/nftables/common.toml")),
];

const ARTEFACTS: [(&str, &str); 12] = [
    (
        "units/appliance.toml",
        include_str!("../data/units/appliance.toml"),
    ),
    (
        "units/tokenizer.toml",
        include_str!("../data/units/tokenizer.toml"),
    ),
    (
        "units/tokenizer-timer.toml",
        include_str!("../data/units/tokenizer-timer.toml"),
    ),
    (
        "units/tokenizer-watch.toml",
        include_str!("../data/units/tokenizer-watch.toml"),
    ),
    (
        "nftables/appliance.toml",
        include_str!("../data/nftables/appliance.toml"),
    ),
    (
        "nftables/tokenizer.toml",
        include_str!("../data/nftables/tokenizer.toml"),
    ),
    ("sysctl/host.toml", include_str!("../data/sysctl/host.toml")),
    (
        "host/modprobe.toml",
        include_str!("../data/host/modprobe.toml"),
    ),
    (
        "host/appliance-sysusers.toml",
        include_str!("../data/host/appliance-sysusers.toml"),
    ),
    (
        "host/tokenizer-sysusers.toml",
        include_str!("../data/host/tokenizer-sysusers.toml"),
    ),
    (
        "host/appliance-tmpfiles.toml",
        include_str!("../data/host/appliance-tmpfiles.toml"),
    ),
    (
        "host/tokenizer-tmpfiles.toml",
        include_str!("../data/host/tokenizer-tmpfiles.toml"),
    ),
];

impl Catalogue {
    /// The data that this program was built with.
    pub fn shipped() -> Result<Self, FirmwareError> {
        Self::load(THREATS, &INCLUDES, &ARTEFACTS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const THREAT: &str =
        "[[threat]]\nid = \"t\"\nstride = \"E\"\ntext = \"Something bad happens.\"\n";
    const HEAD: &str =
        "role = \"both\"\npath = \"x\"\nsyntax = \"lines\"\ninclude = []\nsections = [\"\"]\n";

    fn load(directive: &str) -> Result<Catalogue, String> {
        let text = format!("{HEAD}[[directive]]\nin = \"\"\n{directive}");
        Catalogue::load(("threats", THREAT), &[], &[("file", &text)])
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_directive_without_reason_or_threat_does_not_load() {
        assert!(load("text = \"a\"\nreason = \"Because it helps.\"\nthreat = \"t\"").is_ok());
        for (directive, message) in [
            (
                "text = \"a\"\nthreat = \"t\"",
                "data file file: missing field `reason`",
            ),
            (
                "text = \"a\"\nreason = \"Because it helps.\"",
                "data file file: missing field `threat`",
            ),
            (
                "text = \"a\"\nreason = \"\"\nthreat = \"t\"",
                "data file file: a reason is one sentence with a full stop",
            ),
            (
                "text = \"a\"\nreason = \"Because it helps\"\nthreat = \"t\"",
                "data file file: a reason is one sentence with a full stop",
            ),
            (
                "text = \"a\"\nreason = \"Because it helps.\"\nthreat = \"u\"",
                "data file file: a directive names a threat that is not in the list",
            ),
            (
                "text = \"a\\nb\"\nreason = \"Because it helps.\"\nthreat = \"t\"",
                "data file file: a directive is one line of text",
            ),
        ] {
            assert_eq!(load(directive).map(|_loaded| ()), Err(message.to_owned()));
        }
    }

    #[test]
    fn every_shipped_threat_is_answered() {
        let catalogue = Catalogue::shipped().expect("shipped data load");
        for name in catalogue.threats.keys() {
            let answered =
                |artefact: &Artefact| artefact.directives.iter().any(|line| line.threat == *name);
            assert!(
                catalogue.artefacts.iter().any(answered),
                "{name} is answered by nothing"
            );
        }
    }

    #[test]
    fn single_valued_directives_stand_once() {
        let many = [
            "ExecPaths",
            "SystemCallFilter",
            "ReadWritePaths",
            "SocketBindAllow",
            "IPAddressAllow",
            "DeviceAllow",
            "Wants",
        ];
        let catalogue = Catalogue::shipped().expect("shipped data load");
        for artefact in catalogue
            .artefacts
            .iter()
            .filter(|artefact| artefact.syntax == Syntax::Unit)
        {
            let mut seen = std::collections::BTreeSet::new();
            for line in &artefact.directives {
                let (key, _) = line
                    .text
                    .split_once('=')
                    .expect("a unit directive has a key");
                assert!(
                    seen.insert((&line.section, key)) || many.contains(&key),
                    "{}: {key} twice",
                    artefact.path
                );
            }
        }
    }
}
