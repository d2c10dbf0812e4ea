//! `plan`: the booklet of a recipe. Which steps it has, in both languages; how they are printed stands in
//! [`crate::print`].

mod keys;
mod later;
mod number;
mod room;
mod sites;

use std::collections::BTreeMap;

use crate::{
    print::{Booklet, Person, Section, Step, Text},
    recipe::{self, Recipe},
};

pub(crate) use number::number;

/// Exception sheets at the end of a booklet. More can be copied.
const EXCEPTION_SHEETS: usize = 3;

/// A token as the environment names it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TokenName<'a> {
    pub(crate) label: &'a str,
    /// Known before, so that it is compared; else it is written down.
    pub(crate) serial: Option<&'a str>,
}

/// Where the ceremony runs, as far as it is printed: names, never a PIN.
#[derive(Debug, Clone)]
pub(crate) struct Where<'a> {
    pub(crate) profile: &'a str,
    pub(crate) custody: TokenName<'a>,
    pub(crate) appliance: TokenName<'a>,
    /// Fingerprints of the sites' requests, in groups, as far as the requests are there.
    pub(crate) fingerprints: BTreeMap<&'a str, &'a str>,
}

/// What steps name.
#[derive(Debug, Default)]
struct Names {
    threshold: usize,
    custodians: Vec<String>,
    sites: Vec<String>,
    revoked: Vec<String>,
    rotated: Vec<String>,
    hash: String,
    /// Serials of the custody and the appliance token, as far as they are known.
    serials: [Option<String>; 2],
    fingerprints: BTreeMap<String, String>,
}

/// The booklet of a recipe. Without an environment the token labels are blanks.
pub(crate) fn of_recipe(recipe: &Recipe, place: Option<&Where<'_>>) -> Booklet {
    let names = Names {
        threshold: recipe.threshold,
        custodians: recipe.custodians.clone(),
        sites: recipe.sites.iter().map(ToString::to_string).collect(),
        revoked: recipe.revoke.iter().map(ToString::to_string).collect(),
        rotated: recipe.rotate.iter().map(ToString::to_string).collect(),
        hash: recipe.hash_groups(),
        serials: [
            place.map(|place| place.custody),
            place.map(|place| place.appliance),
        ]
        .map(|token| token?.serial.map(str::to_owned)),
        fingerprints: place.map(fingerprints).unwrap_or_default(),
    };
    let mut sections = vec![room::before(&names)];
    for step in &recipe.steps {
        sections.extend(section(step.name(), &names));
        // Generating ends with the backup of the encoding secret; on paper it has a heading of its own,
        // because the custodians act there one after the other.
        if *step == recipe::Step::Generate && !recipe.steps.contains(&recipe::Step::Backup) {
            sections.extend(section("backup", &names));
        }
        // A handover gives everybody new shares.
        if *step == recipe::Step::Handover {
            sections.extend(section("reshare", &names));
        }
    }
    sections.push(room::after());
    Booklet {
        title: recipe.title.clone(),
        project: recipe.project.to_string(),
        epoch: recipe.epoch.0,
        facts: facts(recipe, place),
        rehearsal: false,
        recipe_sha256: recipe.hash,
        people: people(recipe),
        sections,
        exceptions: EXCEPTION_SHEETS,
    }
}

fn fingerprints(place: &Where<'_>) -> BTreeMap<String, String> {
    let known = place.fingerprints.iter();
    known
        .map(|(site, print)| ((*site).to_owned(), (*print).to_owned()))
        .collect()
}

/// The steps under a verb of the recipe; `None` for a verb that has none on paper.
fn section(verb: &str, names: &Names) -> Option<Section> {
    match verb {
        "token-init" => Some(keys::token_init(names)),
        "generate" => Some(keys::generate()),
        "backup" => Some(keys::backup(names)),
        "restore" => Some(keys::restore(names)),
        "enrol-site" => Some(sites::enrol(names)),
        "issue" => Some(sites::issue(names)),
        "revoke-site" => Some(sites::revoke(names)),
        "rotate" => Some(later::rotate(names)),
        "reshare" => Some(later::reshare(names)),
        "handover" => Some(later::handover()),
        "destroy" => Some(later::destroy(names)),
        _ => None,
    }
}

fn facts(recipe: &Recipe, place: Option<&Where<'_>>) -> Vec<(Text, Text)> {
    let blank = "______________";
    let names = |of: fn(&Where<'_>) -> String| place.map_or_else(|| blank.to_owned(), of);
    let (threshold, count) = (recipe.threshold, recipe.custodians.len());
    vec![
        (
            Text::new("スキーマ", "Schema"),
            Text::same(&recipe.schema_name),
        ),
        (
            Text::new("有効期間", "Valid for"),
            Text::new(
                format!("{} 日", recipe.valid_days),
                format!("{} days", recipe.valid_days),
            ),
        ),
        (
            Text::new("定足数", "Quorum"),
            Text::new(
                format!("鍵管理者 {count} 名のうち {threshold} 名"),
                format!("{threshold} of {count} custodians"),
            ),
        ),
        (
            Text::new("鍵管理者", "Custodians"),
            Text::same(recipe.custodians.join(", ")),
        ),
        (
            Text::new("施設の数", "Sites"),
            Text::same(recipe.sites.len().to_string()),
        ),
        (
            Text::new("モジュールのプロファイル", "Module profile"),
            Text::same(names(|place| place.profile.to_owned())),
        ),
        (
            Text::new("保管トークン", "Custody token"),
            Text::same(names(|place| place.custody.label.to_owned())),
        ),
        (
            Text::new("連結サーバーのトークン", "Appliance token"),
            Text::same(names(|place| place.appliance.label.to_owned())),
        ),
    ]
}

fn people(recipe: &Recipe) -> Vec<Person> {
    let custodians = recipe.custodians.iter().map(|name| Person {
        role: Text::new(format!("鍵管理者 {name}"), format!("custodian {name}")),
    });
    let others = [
        ("進行責任者", "administrator"),
        ("立会人", "witness"),
        ("撮影・記録係", "camera and clock"),
    ];
    let others = others.into_iter().map(|(japanese, english)| Person {
        role: Text::new(japanese, english),
    });
    custodians.chain(others).collect()
}

/// A step in both languages.
fn step(japanese: impl Into<String>, english: impl Into<String>) -> Step {
    Step::new(Text::new(japanese, english))
}

/// The first step of every section: the film can be searched by it.
fn mark() -> Step {
    step(
        "映像マークをカメラに示し、番号を読み上げる。",
        "The video mark is held into the camera and read aloud.",
    )
    .write("映像マークの番号", "number of the mark")
}

/// A section that begins with a video mark.
fn marked(japanese: &str, english: &str, steps: impl IntoIterator<Item = Step>) -> Section {
    Section {
        title: Text::new(japanese, english),
        steps: std::iter::once(mark()).chain(steps).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::print::{Language, booklet_markdown};

    const SAMPLE: &str = include_str!("../samples/recipe.toml");

    #[test]
    fn every_verb_has_steps_in_both_languages() {
        let names = Names {
            threshold: 2,
            custodians: vec!["a".into(), "b".into()],
            sites: vec!["clinic".into()],
            revoked: vec!["hospital".into()],
            rotated: vec!["tmk".into()],
            hash: "0000".into(),
            ..Names::default()
        };
        let verbs = [
            "token-init",
            "generate",
            "backup",
            "restore",
            "enrol-site",
            "issue",
            "revoke-site",
            "rotate",
            "reshare",
            "handover",
            "destroy",
        ];
        for verb in verbs {
            let section = section(verb, &names).expect(verb);
            assert!(section.steps.len() > 1, "{verb}");
            for step in &section.steps {
                assert_ne!(step.text.japanese, step.text.english, "{verb}");
                assert!(step.text.english.is_ascii(), "{}", step.text.english);
                assert!(!step.text.japanese.is_ascii(), "{}", step.text.japanese);
            }
        }
        assert_eq!(section("dance", &names), None);
    }

    #[test]
    fn every_name_of_the_recipe_is_in_its_booklet() {
        let recipe = Recipe::parse(SAMPLE).expect("parses");
        let booklet = of_recipe(&recipe, None);
        for language in [Language::Japanese, Language::English] {
            let text = booklet_markdown(&booklet, language);
            for name in recipe.custodians.iter().chain(&booklet_sites(&recipe)) {
                assert!(text.contains(name), "{name}");
            }
            assert!(text.contains(&recipe.hash_groups()));
        }
        let token = |label, serial| TokenName { label, serial };
        let place = Where {
            profile: "softhsm2",
            custody: token("musubi-custody", Some("5f2c0e1d")),
            appliance: token("musubi-appliance", None),
            fingerprints: BTreeMap::from([("clinic", "0123 4567")]),
        };
        let text = booklet_markdown(&of_recipe(&recipe, Some(&place)), Language::Japanese);
        for known in [
            "softhsm2",
            "musubi-custody",
            "musubi-appliance",
            "[ ] 製造番号: 5f2c0e1d",
            "製造番号: ____",
            "[ ] 指紋: 0123 4567",
            "指紋（先頭 4 組）: ____",
        ] {
            assert!(text.contains(known), "{known}");
        }
    }

    fn booklet_sites(recipe: &Recipe) -> Vec<String> {
        recipe.sites.iter().map(ToString::to_string).collect()
    }
}
