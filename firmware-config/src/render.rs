//! From the catalogue and a site to the files of a host.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{
    catalogue::{Artefact, Catalogue, Directive, Syntax},
    error::FirmwareError,
    site::Site,
    values::{Value, Values},
};

/// One rendered file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenderedFile {
    /// Path on the host, without the leading slash.
    pub path: String,
    /// How it is written.
    pub syntax: Syntax,
    /// The lines with their reasons, in the order of the file.
    pub lines: Vec<RenderedLine>,
    /// The whole text.
    pub text: String,
}

/// One rendered line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenderedLine {
    /// The section or block; empty in files without sections.
    pub section: String,
    /// The text.
    pub text: String,
    /// Why it is there.
    pub reason: String,
    /// The name of the threat it answers.
    pub threat: String,
}

/// Renders every file of the host.
pub fn render(catalogue: &Catalogue, site: &Site) -> Result<Vec<RenderedFile>, FirmwareError> {
    let mine = catalogue
        .artefacts
        .iter()
        .filter(|artefact| artefact.is_for(site.role()));
    mine.map(|artefact| render_one(artefact, site.values()))
        .collect()
}

/// Writes the files below a folder, each under a temporary name first, and returns their paths.
pub fn write(files: &[RenderedFile], folder: &Path) -> Result<Vec<PathBuf>, FirmwareError> {
    let mut written = Vec::with_capacity(files.len());
    for file in files {
        let path = folder.join(&file.path);
        let draft = path.with_added_extension("new");
        let result = path
            .parent()
            .map_or(Ok(()), fs::create_dir_all)
            .and_then(|()| fs::write(&draft, &file.text))
            .and_then(|()| fs::rename(&draft, &path));
        result.map_err(|source| FirmwareError::Write {
            path: path.clone(),
            source,
        })?;
        written.push(path);
    }
    Ok(written)
}

fn render_one(artefact: &Artefact, values: &Values) -> Result<RenderedFile, FirmwareError> {
    let mut lines = Vec::new();
    for section in &artefact.sections {
        for directive in artefact
            .directives
            .iter()
            .filter(|directive| directive.section == *section)
        {
            let texts = expand(directive, values).map_err(|what| FirmwareError::Catalogue {
                file: artefact.path.clone(),
                what,
            })?;
            lines.extend(texts.into_iter().map(|text| RenderedLine {
                section: section.clone(),
                text,
                reason: directive.reason.clone(),
                threat: directive.threat.clone(),
            }));
        }
    }
    let text = text_of(artefact.syntax, &lines);
    Ok(RenderedFile {
        path: artefact.path.clone(),
        syntax: artefact.syntax,
        lines,
        text,
    })
}

/// The lines that one directive makes: none, one, or one for each entry of a list.
fn expand(directive: &Directive, values: &Values) -> Result<Vec<String>, String> {
    let list = |name: &str| {
        values
            .list(name)
            .ok_or_else(|| format!("the list {name} is unknown"))
    };
    if let Some(name) = &directive.unless
        && !list(name)?.is_empty()
    {
        return Ok(Vec::new());
    }
    match &directive.for_each {
        Some(name) => list(name)?
            .iter()
            .map(|item| fill(&directive.text, values, Some(item)))
            .collect(),
        None => Ok(vec![fill(&directive.text, values, None)?]),
    }
}

/// Puts values in the place of `@{name}` and `@{name.family}`.
fn fill(template: &str, values: &Values, item: Option<&Value>) -> Result<String, String> {
    let mut text = String::with_capacity(template.len());
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("@{") {
        let (name, tail) = after.split_once('}').ok_or("a placeholder has no end")?;
        let (name, wants_family) = name
            .strip_suffix(".family")
            .map_or((name, false), |name| (name, true));
        let value = if name == "item" {
            item
        } else {
            values.one(name)
        };
        let value = value.ok_or_else(|| format!("the value {name} is unknown"))?;
        text.push_str(before);
        if wants_family {
            let family = value
                .family()
                .ok_or_else(|| format!("the value {name} is no address"))?;
            text.push_str(family.word());
        } else {
            text.push_str(value.text());
        }
        rest = tail;
    }
    text.push_str(rest);
    Ok(text)
}

const TABLE: &str = "inet musubi";

/// Writes the lines down below comments with their reasons; lines of one list share theirs.
fn text_of(syntax: Syntax, lines: &[RenderedLine]) -> String {
    let mut text =
        String::from("# Rendered by firmware-config; change the site file and render again.\n");
    if syntax == Syntax::Nftables {
        // Declaring, deleting and defining the table in one file replaces it in one transaction.
        text.push_str(&format!(
            "\ntable {TABLE}\ndelete table {TABLE}\ntable {TABLE} {{\n"
        ));
    }
    let indent = if syntax == Syntax::Nftables {
        "    "
    } else {
        ""
    };
    let mut section = "";
    let mut explained = "";
    for line in lines {
        if line.section != section {
            open_section(&mut text, syntax, section, &line.section);
            section = &line.section;
            explained = "";
        }
        if line.reason != explained {
            explained = &line.reason;
            text.push_str(&format!("{indent}# {explained} ({})\n", line.threat));
        }
        text.push_str(&format!("{indent}{}\n", line.text));
    }
    if syntax == Syntax::Nftables {
        text.push_str("  }\n}\n");
    }
    text
}

fn open_section(text: &mut String, syntax: Syntax, before: &str, name: &str) {
    match syntax {
        Syntax::Unit => text.push_str(&format!("\n[{name}]\n")),
        Syntax::Nftables => {
            let close = if before.is_empty() { "" } else { "  }\n\n" };
            text.push_str(&format!("{close}  {name} {{\n"));
        }
        Syntax::Lines => {}
    }
}
