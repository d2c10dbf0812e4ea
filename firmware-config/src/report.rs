//! Tables for people and JSON for machines.

use std::io::{self, Write};

use serde::Serialize;

use crate::{
    catalogue::{Catalogue, Directive},
    check::{Finding, Outcome},
    render::RenderedFile,
};

#[derive(Serialize)]
struct Row<'a> {
    file: &'a str,
    section: &'a str,
    directive: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    for_each: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unless: Option<&'a str>,
    reason: &'a str,
    threat: &'a str,
    stride: &'a str,
}

fn rows(catalogue: &Catalogue) -> impl Iterator<Item = Row<'_>> {
    let stride = |name: &str| {
        catalogue
            .threats
            .get(name)
            .map_or("", |threat| threat.stride.as_str())
    };
    catalogue.artefacts.iter().flat_map(move |artefact| {
        artefact.directives.iter().map(move |directive| {
            let Directive {
                section,
                text,
                for_each,
                unless,
                reason,
                threat,
            } = directive;
            Row {
                file: &artefact.path,
                section,
                directive: text,
                for_each: for_each.as_deref(),
                unless: unless.as_deref(),
                reason,
                threat,
                stride: stride(threat),
            }
        })
    })
}

/// Every directive of the catalogue with reason and threat, as a table.
pub fn table(catalogue: &Catalogue, out: &mut dyn Write) -> io::Result<()> {
    let mut file = "";
    for row in rows(catalogue) {
        if row.file != file {
            file = row.file;
            writeln!(out, "/{file}")?;
        }
        explain(
            out,
            row.section,
            row.directive,
            row.reason,
            row.threat,
            row.stride,
        )?;
    }
    writeln!(out, "Threats")?;
    for (name, threat) in &catalogue.threats {
        writeln!(out, "  {name} ({}): {}", threat.stride, threat.text)?;
    }
    Ok(())
}

/// Every directive of the catalogue with reason and threat, as one JSON object.
pub fn json(catalogue: &Catalogue, out: &mut dyn Write) -> io::Result<()> {
    let threats: Vec<_> = catalogue
        .threats
        .iter()
        .map(|(name, threat)| serde_json::json!({ "threat": name, "stride": threat.stride, "text": threat.text }))
        .collect();
    let directives: Vec<_> = rows(catalogue).collect();
    serde_json::to_writer_pretty(
        &mut *out,
        &serde_json::json!({ "directives": directives, "threats": threats }),
    )?;
    writeln!(out)
}

/// Every line of the rendered files with reason and threat.
pub fn explanation(
    catalogue: &Catalogue,
    files: &[RenderedFile],
    out: &mut dyn Write,
) -> io::Result<()> {
    for file in files {
        writeln!(out, "/{}", file.path)?;
        for line in &file.lines {
            let stride = catalogue
                .threats
                .get(&line.threat)
                .map_or("", |threat| threat.stride.as_str());
            explain(
                out,
                &line.section,
                &line.text,
                &line.reason,
                &line.threat,
                stride,
            )?;
        }
    }
    Ok(())
}

fn explain(
    out: &mut dyn Write,
    section: &str,
    text: &str,
    reason: &str,
    threat: &str,
    stride: &str,
) -> io::Result<()> {
    let place = if section.is_empty() {
        String::new()
    } else {
        format!("[{section}] ")
    };
    writeln!(
        out,
        "  {place}{text}\n      why: {reason}\n      against: {threat} ({stride})"
    )
}

/// The findings, one line each.
pub fn findings(findings: &[Finding], out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "Checks")?;
    for Finding {
        check,
        outcome,
        detail,
    } in findings
    {
        let word = match outcome {
            Outcome::Passed => "passed     ",
            Outcome::Failed => "FAILED     ",
            Outcome::NotChecked | Outcome::NoJudge => "NOT CHECKED",
        };
        writeln!(out, "  {word} {check} ({detail})")?;
    }
    Ok(())
}
