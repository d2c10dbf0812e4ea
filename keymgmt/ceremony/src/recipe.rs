//! The recipe: what a ceremony makes. One file, reviewed, and confirmed by its hash.

use std::{collections::BTreeSet, path::Path};

use keymgmt_custody::limits::{CUSTODIANS_MAX, SITES_MAX};
use linker_token::{Epoch, ProjectId, Schema, SchemaDigest, SiteId};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use crate::{
    error::CeremonyError,
    folder,
    limits::{CONFIG_BYTES_MAX, TITLE_BYTES_MAX, VALID_DAYS_MAX},
};

/// What a recipe may ask for. What each needs and gives stands in [`crate::plan`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Step {
    TokenInit,
    Generate,
    Backup,
    EnrolSite,
    Issue,
    Restore,
    RevokeSite,
    Rotate,
    Reshare,
    Handover,
    Destroy,
}

impl Step {
    pub(crate) const ALL: [Self; 11] = [
        Self::TokenInit,
        Self::Generate,
        Self::Backup,
        Self::EnrolSite,
        Self::Issue,
        Self::Restore,
        Self::RevokeSite,
        Self::Rotate,
        Self::Reshare,
        Self::Handover,
        Self::Destroy,
    ];

    /// The word in the recipe.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::TokenInit => "token-init",
            Self::Generate => "generate",
            Self::Backup => "backup",
            Self::EnrolSite => "enrol-site",
            Self::Issue => "issue",
            Self::Restore => "restore",
            Self::RevokeSite => "revoke-site",
            Self::Rotate => "rotate",
            Self::Reshare => "reshare",
            Self::Handover => "handover",
            Self::Destroy => "destroy",
        }
    }

    fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|step| step.name() == name)
    }
}

/// Keys of the appliance token that can be replaced without the sites.
pub(crate) const ROTATED: [&str; 3] = ["tmk", "dkek", "ask"];

/// A checked recipe.
#[derive(Debug, Clone)]
pub(crate) struct Recipe {
    pub(crate) title: String,
    pub(crate) project: ProjectId,
    pub(crate) epoch: Epoch,
    pub(crate) schema_name: String,
    pub(crate) schema: SchemaDigest,
    pub(crate) custodians: Vec<String>,
    pub(crate) threshold: usize,
    pub(crate) sites: Vec<SiteId>,
    pub(crate) revoke: Vec<SiteId>,
    pub(crate) rotate: Vec<&'static str>,
    pub(crate) valid_days: u32,
    pub(crate) steps: Vec<Step>,
    pub(crate) hash: [u8; 32],
    pub(crate) text: String,
}

/// The file's text form.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RecipeFile {
    title: String,
    project: String,
    epoch: u32,
    schema: String,
    custodians: Vec<String>,
    threshold: usize,
    #[serde(default)]
    sites: Vec<String>,
    #[serde(default)]
    revoke: Vec<String>,
    #[serde(default)]
    rotate: Vec<String>,
    valid_days: u32,
    steps: Vec<String>,
}

impl Recipe {
    pub(crate) fn load(path: &Path) -> Result<Self, CeremonyError> {
        Self::parse(&folder::read_text(path, CONFIG_BYTES_MAX)?)
    }

    pub(crate) fn parse(text: &str) -> Result<Self, CeremonyError> {
        let file: RecipeFile = toml::from_str(text).map_err(|error| refuse(error.message()))?;
        check(
            (1..=TITLE_BYTES_MAX).contains(&file.title.len())
                && !file.title.contains(char::is_control),
            "`title` must be one line of at most 100 bytes",
        )?;
        check(
            (1..=VALID_DAYS_MAX).contains(&file.valid_days),
            "`valid_days` must be 1 to 800",
        )?;
        let schema = match file.schema.as_str() {
            "jp-1" => Schema::jp_1(),
            "en-1" => Schema::en_1(),
            _ => return Err(refuse("`schema` must be \"jp-1\" or \"en-1\"")),
        };
        check_custodians(&file.custodians, file.threshold)?;
        let steps = steps(&file.steps)?;
        let delivers = steps.contains(&Step::EnrolSite) || steps.contains(&Step::Issue);
        let name = |error: linker_token::TokenError| refuse(&error.to_string());
        Ok(Self {
            title: file.title,
            project: ProjectId::parse(&file.project).map_err(name)?,
            epoch: Epoch(file.epoch),
            schema_name: file.schema,
            schema: schema.digest(),
            custodians: file.custodians,
            threshold: file.threshold,
            sites: sites("sites", &file.sites, delivers)?,
            revoke: sites("revoke", &file.revoke, steps.contains(&Step::RevokeSite))?,
            rotate: rotated(&file.rotate, steps.contains(&Step::Rotate))?,
            valid_days: file.valid_days,
            steps,
            hash: Sha256::digest(text).into(),
            text: text.to_owned(),
        })
    }

    /// The hash as custodians read it aloud: groups of four digits.
    pub(crate) fn hash_groups(&self) -> String {
        groups_of_four(&self.hash)
    }
}

/// Bytes as they are read aloud: hexadecimal digits in groups of four.
pub(crate) fn groups_of_four(bytes: &[u8]) -> String {
    let digits = hex::encode(bytes);
    let groups: Vec<_> = digits
        .as_bytes()
        .chunks(4)
        .map(String::from_utf8_lossy)
        .collect();
    groups.join(" ")
}

fn steps(names: &[String]) -> Result<Vec<Step>, CeremonyError> {
    let known: Option<Vec<_>> = names.iter().map(|name| Step::parse(name)).collect();
    let steps = known.filter(|steps| !steps.is_empty()).ok_or_else(|| {
        let all: Vec<_> = Step::ALL.iter().map(|step| step.name()).collect();
        refuse(&format!(
            "`steps` must name one or more of {}",
            all.join(", ")
        ))
    })?;
    let different = steps.iter().collect::<BTreeSet<_>>().len() == steps.len();
    check(different, "`steps` names a step twice")?;
    Ok(steps)
}

/// Sites are named where, and only where, a step is about them. A recipe that names sites for nothing was
/// meant otherwise.
fn sites(key: &str, names: &[String], needed: bool) -> Result<Vec<SiteId>, CeremonyError> {
    if names.is_empty() != needed && distinct(names) && names.len() <= SITES_MAX {
        let name = |error: linker_token::TokenError| refuse(&error.to_string());
        let sites = names.iter().map(|site| SiteId::parse(site).map_err(name));
        return sites.collect();
    }
    let rule = if needed {
        format!("`{key}` must name 1 to 1,000 different sites")
    } else {
        format!("`{key}` names sites, but no step is about them")
    };
    Err(refuse(&rule))
}

fn rotated(names: &[String], needed: bool) -> Result<Vec<&'static str>, CeremonyError> {
    let known = |name: &String| ROTATED.into_iter().find(|known| known == name);
    let keys: Option<Vec<_>> = names.iter().map(known).collect();
    let keys = keys.filter(|keys| keys.is_empty() != needed && distinct(names));
    keys.ok_or_else(|| {
        refuse("`rotate` must name different keys of tmk, dkek, ask, if and only if `steps` has rotate")
    })
}

fn check_custodians(custodians: &[String], threshold: usize) -> Result<(), CeremonyError> {
    check(
        custodians.len() <= CUSTODIANS_MAX && (2..=custodians.len()).contains(&threshold),
        "`threshold` must be at least 2 and at most the number of custodians, who are 16 or fewer",
    )?;
    // Names become file names; the rules of site names keep them harmless.
    check(
        distinct(custodians) && custodians.iter().all(|name| SiteId::parse(name).is_ok()),
        "`custodians` must be different names of a-z, 0-9 and '-'",
    )
}

fn distinct(names: &[String]) -> bool {
    names.iter().collect::<BTreeSet<_>>().len() == names.len()
}

fn check(good: bool, rule: &str) -> Result<(), CeremonyError> {
    if good { Ok(()) } else { Err(refuse(rule)) }
}

fn refuse(rule: &str) -> CeremonyError {
    CeremonyError::Config {
        file: "the recipe",
        rule: rule.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLE: &str = include_str!("../samples/recipe.toml");

    #[test]
    fn the_sample_parses_and_its_hash_is_its_files() {
        let recipe = Recipe::parse(SAMPLE).expect("parses");
        assert_eq!(recipe.threshold, 2);
        assert_eq!(recipe.sites.len(), 2);
        let other = Recipe::parse(&format!("{SAMPLE}# one more comment\n")).expect("parses");
        assert_ne!(recipe.hash, other.hash, "every byte is confirmed");
    }

    #[test]
    fn contradictions_are_refused() {
        let long = "x".repeat(TITLE_BYTES_MAX + 1);
        for (from, to) in [
            ("threshold = 2", "threshold = 1"),
            ("threshold = 2", "threshold = 4"),
            ("Demonstration: keys of epoch 1", long.as_str()),
            ("valid_days = 400", "valid_days = 801"),
            ("valid_days = 400", "valid_days = 0"),
            ("\"issue\"]", "\"issue\", \"shred\"]"),
            ("\"issue\"]", "\"issue\", \"issue\"]"),
            ("\"issue\"]", "\"issue\", \"rotate\"]"),
            ("\"issue\"]", "\"issue\", \"revoke-site\"]"),
            ("\"enrol-site\", \"issue\"]", "\"destroy\"]"),
            ("valid_days = 400", "rotate = [\"tmk\"]\nvalid_days = 400"),
            (
                "valid_days = 400",
                "revoke = [\"clinic\"]\nvalid_days = 400",
            ),
            (
                "[\"token-init\", \"generate\", \"enrol-site\", \"issue\"]",
                "[]",
            ),
            ("custodian-b", "custodian-a"),
            ("custodian-b", "../b"),
            ("\"clinic\"", "\"hospital\""),
            ("jp-1\"\n", "jp-2\"\n"),
            ("epoch = 1", "epoch = 1\nkey = 2"),
        ] {
            assert!(SAMPLE.contains(from), "{from}");
            let refused = Recipe::parse(&SAMPLE.replacen(from, to, 1)).expect_err(to);
            assert_eq!(refused.code(), "BAD_CONFIG", "{to}");
        }
    }
}
