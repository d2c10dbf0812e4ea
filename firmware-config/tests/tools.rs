//! The tools of the host judge the rendered files, and are shown to notice what is wrong.

use std::{
    fs,
    path::{Path, PathBuf},
};

use firmware_config::{
    catalogue::{Catalogue, Syntax},
    check::{Finding, Outcome, TOOL_FOLDERS, check},
    render::{RenderedFile, render},
    site::Site,
};

fn rendered(sample: &str) -> Vec<RenderedFile> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("samples")
        .join(sample);
    let site = Site::parse(&fs::read_to_string(path).expect("the sample is there")).expect("sound");
    render(&Catalogue::shipped().expect("shipped data load"), &site).expect("it renders")
}

fn findings(files: &[RenderedFile]) -> Vec<Finding> {
    check(files, &TOOL_FOLDERS.map(PathBuf::from)).expect("the scratch folder is writable")
}

/// The outcomes of the checks whose name contains `about`; says so where a tool is missing.
#[expect(
    clippy::print_stderr,
    reason = "a check that was not made is said aloud"
)]
fn outcomes(files: &[RenderedFile], about: &str) -> Vec<(Outcome, String)> {
    let wanted = findings(files)
        .into_iter()
        .filter(|finding| finding.check.contains(about));
    wanted
        .map(
            |Finding {
                 check,
                 outcome,
                 detail,
             }| {
                if outcome == Outcome::NotChecked {
                    eprintln!("NOT CHECKED: {check}: {detail}");
                }
                (outcome, detail)
            },
        )
        .collect()
}

fn assert_all(files: &[RenderedFile], about: &str, wanted: Outcome, count: usize) {
    let found = outcomes(files, about);
    assert_eq!(found.len(), count, "{about}");
    for (outcome, detail) in found {
        assert!(
            outcome == wanted || outcome == Outcome::NotChecked,
            "{about}: {detail}"
        );
    }
}

/// The rendered files with one text replaced in files of one syntax.
fn spoiled(sample: &str, syntax: Syntax, from: &str, to: &str) -> Vec<RenderedFile> {
    let mut files: Vec<_> = rendered(sample)
        .into_iter()
        .filter(|file| file.syntax == syntax)
        .collect();
    assert!(
        files.iter().any(|file| file.text.contains(from)),
        "{from} is there to be spoiled"
    );
    for file in &mut files {
        file.text = file.text.replace(from, to);
    }
    files
}

#[test]
fn exposure_is_low_and_everything_is_understood() {
    for (sample, services, units) in [("site.toml", 1, 1), ("source.toml", 2, 3)] {
        let files = rendered(sample);
        assert_all(&files, "exposure at most 2.0", Outcome::Passed, services);
        assert_all(&files, "understood by systemd", Outcome::Passed, units);
        assert_all(&files, "understood by nftables", Outcome::Passed, 1);
    }
}

#[test]
fn a_hole_in_the_sandbox_is_noticed() {
    let mut open = spoiled(
        "site.toml",
        Syntax::Unit,
        "User=musubi-appliance",
        "User=root",
    );
    let end = open[0]
        .text
        .find("UMask=")
        .expect("the sandbox begins here");
    open[0].text.truncate(end);
    assert_all(&open, "exposure", Outcome::Failed, 1);
}

#[test]
fn a_misspelt_directive_is_noticed() {
    for (from, to) in [
        ("NoNewPrivileges=yes", "NoNewPrivilege=yes"),
        ("ProtectSystem=strict", "ProtectSystem=strictly"),
        ("SocketBindAllow=tcp:8443", "SocketBindAllow=tcp:eight"),
    ] {
        assert_all(
            &spoiled("site.toml", Syntax::Unit, from, to),
            "understood by systemd",
            Outcome::Failed,
            1,
        );
    }
    let timer = spoiled(
        "source.toml",
        Syntax::Unit,
        "OnCalendar=*-*-* 02:30:00",
        "OnCalendar=*-*-* 25:30:00",
    );
    let found = outcomes(&timer, "timer: understood by systemd");
    assert!(
        matches!(
            found.as_slice(),
            [(Outcome::Failed | Outcome::NotChecked, _)]
        ),
        "{found:?}"
    );
}

#[test]
fn a_broken_rule_set_is_noticed() {
    let broken = spoiled(
        "site.toml",
        Syntax::Nftables,
        "policy drop;",
        "policy drip;",
    );
    assert_all(&broken, "understood by nftables", Outcome::Failed, 1);
    let unknown = spoiled(
        "site.toml",
        Syntax::Nftables,
        "@calls_ip {",
        "@calls_none {",
    );
    assert_all(&unknown, "understood by nftables", Outcome::Failed, 1);
}

#[test]
fn a_missing_tool_is_said_and_is_no_pass() {
    let nowhere = tempfile::tempdir().expect("temporary folder");
    let found = check(&rendered("site.toml"), &[nowhere.path().to_owned()]).expect("checked");
    let judged: Vec<_> = found
        .iter()
        .filter(|finding| finding.outcome != Outcome::NoJudge)
        .collect();
    assert_eq!(judged.len(), 3);
    for finding in judged {
        assert_eq!(finding.outcome, Outcome::NotChecked);
        assert!(
            finding.detail.ends_with("is not installed"),
            "{}",
            finding.detail
        );
    }
}
