//! `init`: from a file that nobody has described yet to a first configuration. Shows words of headers and
//! counts, nothing of any row.

mod detect;
mod files;
mod shown;

use std::path::{Path, PathBuf};

use linker_token::SiteId;
use linker_tokenize::{
    RawField,
    format::propose::{Certainty, Column, Ground, Proposal, propose},
};
use serde::Serialize;

use self::detect::{Found, found};
use crate::{
    cli,
    config::{Config, site_rule},
    crawl,
    error::{AgentError, Fault},
    language::Language,
    limits::INIT_BYTES_MAX,
    say, source,
};

/// The site's name in a configuration that still has to be given one.
const SITE: &str = "change-me";
/// The end of addresses that nobody has (RFC 2606).
const NOWHERE: &str = ".invalid";
/// Name of the configuration file.
const CONFIGURATION: &str = "tokenizer.toml";
/// Name of the mapping.
const MAPPING: &str = "mapping.toml";

/// What was understood and written.
#[derive(Debug, Serialize)]
pub(super) struct Made {
    result: &'static str,
    format: &'static str,
    encoding: Option<String>,
    delimiter: Option<char>,
    rows: Option<usize>,
    columns: Vec<Told>,
    written: Vec<PathBuf>,
    unfilled: Vec<&'static str>,
    #[serde(skip)]
    from: PathBuf,
    #[serde(skip)]
    usable: bool,
}

/// A column for people and scripts.
#[derive(Debug, Serialize)]
struct Told {
    header: String,
    field: Option<&'static str>,
    certainty: Option<&'static str>,
    ground: &'static str,
    #[serde(skip)]
    column: Column,
}

/// Looks at the source and writes the configuration.
///
/// # Errors
/// A fault of the source, or [`Fault::FileExists`].
pub(super) fn run(args: &cli::Init, language: Language) -> Result<Made, AgentError> {
    let site = args.site.as_deref().unwrap_or(SITE);
    SiteId::parse(site).map_err(|_rule| {
        let rule = say!("{key}: {rule}", key = "--site", rule = site_rule());
        AgentError::new(Fault::ConfigValue, rule)
    })?;
    let Found { format, table } = found(&args.from)?;
    let proposal = table.as_deref().map(proposed).transpose()?;
    let into = args.into.clone().unwrap_or_default();
    // A path of the command line starts at the working folder, one of the file at the file's folder.
    let path = match &args.into {
        None => args.from.clone(),
        Some(_) => std::path::absolute(&args.from)
            .map_err(|error| AgentError::new(Fault::SourceIo, shown(&args.from)).because(error))?,
    };
    let text = files::configuration(site, format, &shown(&path), proposal.is_some(), language);
    let mut new = vec![(into.join(CONFIGURATION), text)];
    if let Some(proposal) = &proposal {
        new.push((into.join(MAPPING), files::mapping(proposal, language)));
    }
    files::write(&new, args.force)?;
    let written: Vec<_> = new.into_iter().map(|(path, _)| path).collect();
    let config = Config::load(&written[0])?;
    Ok(Made::new(args, &config, format, proposal, written))
}

/// The keys whose values `init` could not know and nobody has filled in since.
pub(super) fn unfilled(config: &Config) -> Vec<&'static str> {
    let address = config.appliance.address.host().unwrap_or_default();
    [
        ("site.name", config.site.as_str() == SITE),
        ("appliance.address", address.ends_with(NOWHERE)),
        (
            "appliance.server_name",
            config.appliance.server_name.ends_with(NOWHERE),
        ),
    ]
    .into_iter()
    .filter_map(|(key, open)| open.then_some(key))
    .collect()
}

/// Refuses a configuration with such keys.
pub(super) fn refuse_unfilled(config: &Config) -> Result<(), AgentError> {
    let keys = unfilled(config);
    if keys.is_empty() {
        return Ok(());
    }
    Err(AgentError::new(Fault::ConfigUnfinished, keys.join(", ")))
}

/// Refuses a configuration whose site has no name yet: keys are made for a name.
pub(super) fn refuse_unfilled_site(config: &Config) -> Result<(), AgentError> {
    if config.site.as_str() == SITE {
        return Err(AgentError::new(Fault::ConfigUnfinished, "site.name"));
    }
    Ok(())
}

fn proposed(table: &Path) -> Result<Proposal, AgentError> {
    let name = source::shown_name(table);
    let bytes = source::read_start(crawl::Found::at(table), &name, INIT_BYTES_MAX)?;
    // What is left of a row that was cut says nothing about its columns.
    let end = match bytes.iter().rposition(|&byte| byte == b'\n') {
        Some(end) if bytes.len() > INIT_BYTES_MAX => end + 1,
        Some(_) | None => bytes.len(),
    };
    propose(&bytes[..end]).map_err(|error| {
        let fault = source::of_table(&name, &error);
        if fault.fault() == Fault::EncodingUnknown {
            fault.advise(say!("export the file again as CP932 or UTF-8"))
        } else if fault.fault() == Fault::FileRefused {
            fault.advise(say!(
                "write the header line above the first row and try again; columns without a header cannot be mapped"
            ))
        } else {
            fault
        }
    })
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

impl Made {
    fn new(
        args: &cli::Init,
        config: &Config,
        format: &'static str,
        proposal: Option<Proposal>,
        written: Vec<PathBuf>,
    ) -> Self {
        let usable = proposal.as_ref().is_none_or(Proposal::is_usable);
        Self {
            result: "done",
            format,
            encoding: proposal.as_ref().map(|table| table.encoding.to_string()),
            delimiter: proposal.as_ref().map(|table| table.delimiter),
            rows: proposal.as_ref().map(|table| table.rows),
            columns: proposal
                .map_or_else(Vec::new, |table| table.columns)
                .into_iter()
                .map(Told::new)
                .collect(),
            written,
            unfilled: unfilled(config),
            from: args.from.clone(),
            usable,
        }
    }
}

impl Told {
    fn new(column: Column) -> Self {
        let certainty = column.field.map(|_| match column.certainty {
            Certainty::Sure => "sure",
            Certainty::Likely => "likely",
            Certainty::Unsure => "unsure",
        });
        Self {
            header: column.header.clone(),
            field: column.field.map(RawField::tag),
            certainty,
            ground: match column.ground {
                Ground::Header => "header",
                Ground::Values => "values",
                Ground::Contradiction => "contradiction",
                Ground::NotUsed => "not-used",
                Ground::Taken(_) => "taken",
                Ground::Repeated => "repeated",
                Ground::Unknown => "unknown",
            },
            column,
        }
    }
}
