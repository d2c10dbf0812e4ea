//! The commands.

use std::{io::Write, path::PathBuf};

use clap::{Args, Parser, Subcommand};

use crate::{
    catalogue::Catalogue,
    check::{self, Finding, Outcome, TOOL_FOLDERS},
    error::FirmwareError,
    render, report,
    site::Site,
};

/// Host hardening as data: renders, checks and explains the files of one host.
#[derive(Debug, Parser)]
#[command(name = "firmware-config", version)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Writes the files of a host below a folder.
    Render(RenderArgs),
    /// Explains every directive of a host and has systemd and nftables judge the files.
    Check(CheckArgs),
    /// Prints every directive that exists, with its reason and the threat it answers.
    Report(ReportArgs),
}

#[derive(Debug, Args)]
struct RenderArgs {
    /// The site file.
    #[arg(long, value_name = "FILE")]
    site: PathBuf,
    /// The folder that stands for the root of the host.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

#[derive(Debug, Args)]
struct CheckArgs {
    /// The site file.
    #[arg(long, value_name = "FILE")]
    site: PathBuf,
    /// Fails where a tool is missing, instead of only saying so.
    #[arg(long)]
    require_tools: bool,
    /// Prints the checks only, without the explanation.
    #[arg(long)]
    quiet: bool,
    /// Looks for systemd-analyze and nft here instead of in /usr/bin, /usr/sbin, /bin and /sbin.
    #[arg(long, value_name = "DIR")]
    tools: Vec<PathBuf>,
}

#[derive(Debug, Args)]
struct ReportArgs {
    /// Prints JSON.
    #[arg(long)]
    json: bool,
}

impl Cli {
    /// Runs the command; data go to `out`.
    pub fn run(&self, out: &mut dyn Write) -> Result<(), FirmwareError> {
        let catalogue = Catalogue::shipped()?;
        match &self.command {
            Command::Render(args) => run_render(&catalogue, args, out),
            Command::Check(args) => run_check(&catalogue, args, out),
            Command::Report(args) if args.json => {
                report::json(&catalogue, out).map_err(FirmwareError::Output)
            }
            Command::Report(_) => report::table(&catalogue, out).map_err(FirmwareError::Output),
        }
    }
}

fn run_render(
    catalogue: &Catalogue,
    args: &RenderArgs,
    out: &mut dyn Write,
) -> Result<(), FirmwareError> {
    let files = render::render(catalogue, &Site::read(&args.site)?)?;
    for path in render::write(&files, &args.out)? {
        writeln!(out, "{}", path.display()).map_err(FirmwareError::Output)?;
    }
    Ok(())
}

fn run_check(
    catalogue: &Catalogue,
    args: &CheckArgs,
    out: &mut dyn Write,
) -> Result<(), FirmwareError> {
    let files = render::render(catalogue, &Site::read(&args.site)?)?;
    if !args.quiet {
        report::explanation(catalogue, &files, out).map_err(FirmwareError::Output)?;
    }
    let standard = || TOOL_FOLDERS.map(PathBuf::from).to_vec();
    let folders = if args.tools.is_empty() {
        standard()
    } else {
        args.tools.clone()
    };
    let findings = check::check(&files, &folders)?;
    report::findings(&findings, out).map_err(FirmwareError::Output)?;
    verdict(&findings, args.require_tools)
}

fn verdict(findings: &[Finding], require_tools: bool) -> Result<(), FirmwareError> {
    let count = |outcome: Outcome| {
        findings
            .iter()
            .filter(|finding| finding.outcome == outcome)
            .count()
    };
    match (count(Outcome::Failed), count(Outcome::NotChecked)) {
        (0, missing) if require_tools && missing > 0 => Err(FirmwareError::NotChecked { missing }),
        (0, _) => Ok(()),
        (failed, _) => Err(FirmwareError::Refused { failed }),
    }
}
