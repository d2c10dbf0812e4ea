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

/// The verbs that a recipe may name, in the only order that makes sense.
pub(crate) const STEPS: [&str; 4] = ["token-init", "generate", "enrol-site", "issue"];

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
    pub(crate) valid_days: u32,
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
    sites: Vec<String>,
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
            file.steps == STEPS,
            "`steps` must be token-init, generate, enrol-site, issue",
        )?;
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
        check(
            (1..=SITES_MAX).contains(&file.sites.len()) && distinct(&file.sites),
            "`sites` must name 1 to 1,000 different sites",
        )?;
        let name = |error: linker_token::TokenError| refuse(&error.to_string());
        let sites = file.sites.iter().map(|site| SiteId::parse(site));
        Ok(Self {
            title: file.title,
            project: ProjectId::parse(&file.project).map_err(name)?,
            epoch: Epoch(file.epoch),
            schema_name: file.schema,
            schema: schema.digest(),
            custodians: file.custodians,
            threshold: file.threshold,
            sites: sites.collect::<Result<_, _>>().map_err(name)?,
            valid_days: file.valid_days,
            hash: Sha256::digest(text).into(),
            text: text.to_owned(),
        })
    }

    /// The hash as custodians read it aloud: groups of four digits.
    pub(crate) fn hash_groups(&self) -> String {
        let digits = hex::encode(self.hash);
        let groups: Vec<_> = digits
            .as_bytes()
            .chunks(4)
            .map(String::from_utf8_lossy)
            .collect();
        groups.join(" ")
    }
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
            ("\"issue\"]", "\"issue\", \"destroy\"]"),
            ("custodian-b", "custodian-a"),
            ("custodian-b", "../b"),
            ("\"clinic\"", "\"hospital\""),
            ("jp-1\"\n", "jp-2\"\n"),
            ("epoch = 1", "epoch = 1\nkey = 2"),
        ] {
            let refused = Recipe::parse(&SAMPLE.replacen(from, to, 1)).expect_err(to);
            assert_eq!(refused.code(), "BAD_CONFIG", "{to}");
        }
    }
}
