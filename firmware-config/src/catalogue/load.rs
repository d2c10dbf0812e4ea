//! Reads the data files, and refuses a directive without a reason.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{Artefact, Catalogue, Directive, Role, Syntax, Threat};
use crate::{error::FirmwareError, limits::REASON_CHARS_MIN};

impl Catalogue {
    /// Reads data files, each given with its name: the threats, the lists to include, the artefacts.
    pub fn load(
        threats: (&str, &str),
        includes: &[(&str, &str)],
        artefacts: &[(&str, &str)],
    ) -> Result<Self, FirmwareError> {
        let threats = load_threats(threats)?;
        let mut shared = BTreeMap::new();
        for (name, text) in includes {
            let raw: RawInclude = parse(name, text)?;
            shared.insert(*name, directives(name, raw.directive, &threats)?);
        }
        let artefacts = artefacts
            .iter()
            .map(|(file, text)| load_artefact(file, text, &shared, &threats))
            .collect::<Result<_, _>>()?;
        Ok(Self { artefacts, threats })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawThreats {
    threat: Vec<RawThreat>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawThreat {
    id: String,
    stride: String,
    text: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawInclude {
    directive: Vec<RawDirective>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawArtefact {
    role: RawRole,
    path: String,
    syntax: RawSyntax,
    include: Vec<String>,
    sections: Vec<String>,
    directive: Vec<RawDirective>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawDirective {
    #[serde(rename = "in")]
    section: String,
    text: String,
    for_each: Option<String>,
    unless: Option<String>,
    reason: String,
    threat: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum RawRole {
    Appliance,
    Tokenizer,
    Both,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum RawSyntax {
    Unit,
    Nftables,
    Lines,
}

fn parse<T: for<'de> Deserialize<'de>>(file: &str, text: &str) -> Result<T, FirmwareError> {
    toml::from_str(text).map_err(|error| wrong(file, error.message()))
}

fn wrong(file: &str, what: &str) -> FirmwareError {
    FirmwareError::Catalogue {
        file: file.to_owned(),
        what: what.to_owned(),
    }
}

fn load_threats((file, text): (&str, &str)) -> Result<BTreeMap<String, Threat>, FirmwareError> {
    let raw: RawThreats = parse(file, text)?;
    let mut threats = BTreeMap::new();
    for RawThreat { id, stride, text } in raw.threat {
        if !matches!(stride.as_str(), "S" | "T" | "R" | "I" | "D" | "E") || !is_sentence(&text) {
            return Err(wrong(
                file,
                "a threat has one STRIDE letter and one sentence",
            ));
        }
        if threats.insert(id, Threat { stride, text }).is_some() {
            return Err(wrong(file, "a threat is named twice"));
        }
    }
    Ok(threats)
}

fn load_artefact(
    file: &str,
    text: &str,
    shared: &BTreeMap<&str, Vec<Directive>>,
    threats: &BTreeMap<String, Threat>,
) -> Result<Artefact, FirmwareError> {
    let raw: RawArtefact = parse(file, text)?;
    let mut included = Vec::new();
    for name in &raw.include {
        let list = shared.get(name.as_str());
        included.extend(
            list.ok_or_else(|| wrong(file, "it includes an unknown list"))?
                .iter()
                .cloned(),
        );
    }
    let own = directives(file, raw.directive, threats)?;
    // A unit is read from what it runs to how it is fenced in; a chain from what every host shares.
    let lines = match raw.syntax {
        RawSyntax::Unit => [own, included].concat(),
        RawSyntax::Nftables | RawSyntax::Lines => [included, own].concat(),
    };
    if lines
        .iter()
        .any(|line| !raw.sections.contains(&line.section))
    {
        return Err(wrong(
            file,
            "a directive stands in a section that is not listed",
        ));
    }
    Ok(Artefact {
        path: raw.path,
        syntax: match raw.syntax {
            RawSyntax::Unit => Syntax::Unit,
            RawSyntax::Nftables => Syntax::Nftables,
            RawSyntax::Lines => Syntax::Lines,
        },
        sections: raw.sections,
        directives: lines,
        roles: match raw.role {
            RawRole::Appliance => &[Role::Appliance],
            RawRole::Tokenizer => &[Role::Tokenizer],
            RawRole::Both => &[Role::Appliance, Role::Tokenizer],
        },
    })
}

fn directives(
    file: &str,
    raw: Vec<RawDirective>,
    threats: &BTreeMap<String, Threat>,
) -> Result<Vec<Directive>, FirmwareError> {
    raw.into_iter()
        .map(
            |RawDirective {
                 section,
                 text,
                 for_each,
                 unless,
                 reason,
                 threat,
             }| {
                if text.is_empty() || text.chars().any(char::is_control) {
                    return Err(wrong(file, "a directive is one line of text"));
                }
                if !is_sentence(&reason) {
                    return Err(wrong(file, "a reason is one sentence with a full stop"));
                }
                if !threats.contains_key(&threat) {
                    return Err(wrong(
                        file,
                        "a directive names a threat that is not in the list",
                    ));
                }
                Ok(Directive {
                    section,
                    text,
                    for_each,
                    unless,
                    reason,
                    threat,
                })
            },
        )
        .collect()
}

fn is_sentence(text: &str) -> bool {
    text.chars().count() >= REASON_CHARS_MIN
        && text.ends_with('.')
        && !text.chars().any(char::is_control)
}
