//! Has the host's own tools judge what was rendered, and says what could not be judged.

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use crate::{
    catalogue::Syntax,
    error::FirmwareError,
    limits::EXPOSURE_TENTHS_MAX,
    render::{RenderedFile, write},
};

/// Folders in which the tools are looked for. Not `PATH`: whoever sets it would choose the judge.
pub const TOOL_FOLDERS: [&str; 4] = ["/usr/bin", "/usr/sbin", "/bin", "/sbin"];

/// What a check found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The tool is content.
    Passed,
    /// The tool is not.
    Failed,
    /// The tool is missing, or may not run here.
    NotChecked,
    /// There is no tool that could judge this file without applying it to the host.
    NoJudge,
}

/// One check of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The file and what is asked of it.
    pub check: String,
    /// What was found.
    pub outcome: Outcome,
    /// The figure, the complaint, or why the check was not made.
    pub detail: String,
}

/// Runs every check over rendered files.
pub fn check(
    files: &[RenderedFile],
    tool_folders: &[PathBuf],
) -> Result<Vec<Finding>, FirmwareError> {
    let scratch = tempfile::tempdir().map_err(scratch_error)?;
    let root = scratch.path();
    write(files, root)?;
    stand_ins(files, root).map_err(scratch_error)?;
    let tools = Tools {
        folders: tool_folders,
    };
    let mut findings = Vec::new();
    for file in files {
        match file.syntax {
            Syntax::Unit => {
                if file.path.ends_with(".service") {
                    findings.push(exposure(&tools, file, root));
                }
                findings.push(verify(&tools, file, root));
            }
            Syntax::Nftables => findings.push(ruleset(&tools, file, root)),
            Syntax::Lines => findings.push(Finding {
                check: format!("/{}: accepted by the host", file.path),
                outcome: Outcome::NoJudge,
                detail: "no tool judges this file without applying it".to_owned(),
            }),
        }
    }
    Ok(findings)
}

fn scratch_error(source: io::Error) -> FirmwareError {
    FirmwareError::Write {
        path: std::env::temp_dir(),
        source,
    }
}

/// The tools of the host.
struct Tools<'a> {
    folders: &'a [PathBuf],
}

impl Tools<'_> {
    /// Runs a tool, or says why it could not be run.
    fn run(&self, name: &str, arguments: &[&str]) -> Result<Output, String> {
        let program = self
            .folders
            .iter()
            .map(|folder| folder.join(name))
            .find(|path| path.is_file());
        let program = program.ok_or_else(|| format!("{name} is not installed"))?;
        Command::new(program)
            .args(arguments)
            .env_clear()
            .env("LC_ALL", "C.UTF-8")
            .env("SYSTEMD_COLORS", "0")
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .output()
            .map_err(|_error| format!("{name} could not be started"))
    }
}

/// `systemd-analyze security`: how much a service could do to the host, from 0 to 10.
fn exposure(tools: &Tools<'_>, file: &RenderedFile, root: &Path) -> Finding {
    let check = format!(
        "/{}: exposure at most {}",
        file.path,
        tenths(EXPOSURE_TENTHS_MAX)
    );
    let path = root.join(&file.path);
    let threshold = format!("--threshold={EXPOSURE_TENTHS_MAX}");
    let arguments = [
        "security",
        "--offline=yes",
        "--no-pager",
        &threshold,
        &path.to_string_lossy(),
    ];
    let output = match tools.run("systemd-analyze", &arguments) {
        Ok(output) => output,
        Err(why) => {
            return Finding {
                check,
                outcome: Outcome::NotChecked,
                detail: why,
            };
        }
    };
    let text = String::from_utf8_lossy(&output.stdout);
    let (outcome, detail) = match parse_exposure(&text) {
        Some(found) if found <= EXPOSURE_TENTHS_MAX && output.status.success() => {
            (Outcome::Passed, format!("{} of 10", tenths(found)))
        }
        Some(found) => (Outcome::Failed, format!("{} of 10", tenths(found))),
        None => (
            Outcome::Failed,
            format!(
                "no figure in the answer of systemd-analyze: {}",
                complaints(&output, root)
            ),
        ),
    };
    Finding {
        check,
        outcome,
        detail,
    }
}

/// The figure, in tenths, out of the line "→ Overall exposure level for NAME: 1.0 OK".
fn parse_exposure(text: &str) -> Option<u32> {
    let line = text
        .lines()
        .find(|line| line.contains("Overall exposure level"))?;
    let figure = line.rsplit_once(": ")?.1.split_whitespace().next()?;
    let (whole, tenth) = figure.split_once('.')?;
    (tenth.len() == 1).then_some(())?;
    whole
        .parse::<u32>()
        .ok()?
        .checked_mul(10)?
        .checked_add(tenth.parse().ok()?)
}

fn tenths(figure: u32) -> String {
    format!("{}.{}", figure / 10, figure % 10)
}

/// `systemd-analyze verify`: every key is known and every value is understood.
///
/// It runs in a folder with stand-ins for the programs and for the units of the host, so that only
/// what was rendered is judged. Unknown keys are warnings to it, so any word about the file fails.
fn verify(tools: &Tools<'_>, file: &RenderedFile, root: &Path) -> Finding {
    let check = format!("/{}: understood by systemd", file.path);
    let name = file.path.rsplit('/').next().unwrap_or(&file.path);
    let arguments = [
        "verify",
        "--man=no",
        &format!("--root={}", root.display()),
        name,
    ];
    match tools.run("systemd-analyze", &arguments) {
        Ok(output) => judged(
            check,
            &output,
            root,
            "with stand-ins for programs and units of the host",
        ),
        Err(why) => Finding {
            check,
            outcome: Outcome::NotChecked,
            detail: why,
        },
    }
}

/// `nft -c`: the kernel's own parser takes the rule set, without loading it.
fn ruleset(tools: &Tools<'_>, file: &RenderedFile, root: &Path) -> Finding {
    let check = format!("/{}: understood by nftables", file.path);
    let output = match tools.run(
        "nft",
        &["-c", "-f", &root.join(&file.path).to_string_lossy()],
    ) {
        Ok(output) => output,
        Err(why) => {
            return Finding {
                check,
                outcome: Outcome::NotChecked,
                detail: why,
            };
        }
    };
    if String::from_utf8_lossy(&output.stderr).contains("Operation not permitted") {
        let detail = "nft needs the right to administer the network; run as root".to_owned();
        return Finding {
            check,
            outcome: Outcome::NotChecked,
            detail,
        };
    }
    judged(check, &output, root, "whole rule set")
}

fn judged(check: String, output: &Output, root: &Path, passed: &str) -> Finding {
    if output.status.success() && output.stderr.is_empty() {
        return Finding {
            check,
            outcome: Outcome::Passed,
            detail: passed.to_owned(),
        };
    }
    Finding {
        check,
        outcome: Outcome::Failed,
        detail: complaints(output, root),
    }
}

/// What a tool said, without the name of the scratch folder.
fn complaints(output: &Output, root: &Path) -> String {
    let text = String::from_utf8_lossy(&output.stderr);
    let lines = text
        .lines()
        .map(|line| line.replace(&*root.to_string_lossy(), ""));
    lines.collect::<Vec<_>>().join("; ")
}

/// Makes empty programs and units of the host below `root`, wherever a rendered unit names one.
fn stand_ins(files: &[RenderedFile], root: &Path) -> io::Result<()> {
    let mut units: BTreeSet<&str> = ["sysinit.target", "basic.target", "shutdown.target"].into();
    let mut programs = BTreeSet::new();
    for line in files
        .iter()
        .filter(|file| file.syntax == Syntax::Unit)
        .flat_map(|file| &file.lines)
    {
        match line.text.split_once('=') {
            Some(("Wants" | "Requires" | "After" | "WantedBy", names)) => {
                units.extend(names.split_whitespace())
            }
            Some(("ExecStart", command)) => programs.extend(command.split_whitespace().next()),
            Some(_) | None => {}
        }
    }
    let folder = root.join("usr/lib/systemd/system");
    fs::create_dir_all(&folder)?;
    for unit in units {
        let body = if unit.ends_with(".service") {
            "[Service]\nType=oneshot\nExecStart=/usr/bin/true\n"
        } else {
            "[Unit]\n"
        };
        fs::write(folder.join(unit), body)?;
    }
    programs.insert("/usr/bin/true");
    for program in programs {
        let path = root.join(program.trim_start_matches('/'));
        path.parent().map_or(Ok(()), fs::create_dir_all)?;
        fs::write(&path, "")?;
        make_executable(&path)?;
    }
    Ok(())
}

fn make_executable(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_figure_is_read_out_of_the_answer() {
        assert_eq!(
            parse_exposure("x\n\n→ Overall exposure level for a: b.service: 1.0 OK 🙂\n"),
            Some(10)
        );
        assert_eq!(
            parse_exposure("→ Overall exposure level for x.service: 10.0 DANGEROUS"),
            Some(100)
        );
        for wrong in [
            "",
            "Overall exposure level",
            "Overall exposure level: x.y",
            "Overall exposure level: 1",
            "Overall exposure level: 1.23",
        ] {
            assert_eq!(parse_exposure(wrong), None, "{wrong}");
        }
    }
}
