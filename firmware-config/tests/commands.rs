//! What the commands print and how they end.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_firmware-config"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(arguments)
        .output()
        .expect("the program starts")
}

#[test]
fn transcripts() {
    trycmd::TestCases::new().case("tests/cmd/*.trycmd");
}

#[test]
fn render_writes_the_golden_files_and_names_them() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let out = folder.path().to_string_lossy().into_owned();
    let output = run(&["render", "--site", "samples/site.toml", "--out", &out]);
    assert!(output.status.success());
    let printed = String::from_utf8(output.stdout).expect("text");
    assert_eq!(printed.lines().count(), 6);
    for path in printed.lines() {
        let within = Path::new(path)
            .strip_prefix(folder.path())
            .expect("below the folder");
        let golden = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/golden/site")
            .join(within);
        let same = fs::read(path).expect("it was written") == fs::read(golden).expect("it is kept");
        assert!(same, "{}", within.display());
    }
}

#[test]
fn a_folder_that_cannot_be_written_is_an_io_error() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let file = folder.path().join("file");
    fs::write(&file, "").expect("written");
    let output = run(&[
        "render",
        "--site",
        "samples/site.toml",
        "--out",
        &file.to_string_lossy(),
    ]);
    assert_eq!(output.status.code(), Some(74));
    assert!(String::from_utf8_lossy(&output.stderr).starts_with("error [WRITE]: "));
}

#[test]
fn check_explains_every_line_it_would_render() {
    let output = run(&["check", "--site", "samples/source.toml"]);
    let text = String::from_utf8(output.stdout).expect("text");
    let unit = "tests/golden/source/etc/systemd/system/musubi-tokenizer.service";
    let unit = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(unit)).expect("kept");
    for line in unit
        .lines()
        .filter(|line| line.contains('=') && !line.starts_with('#'))
    {
        assert!(text.contains(&format!("] {line}\n      why: ")), "{line}");
    }
    assert_eq!(
        text.matches("why: ").count(),
        text.matches("against: ").count()
    );
}

#[test]
fn report_has_every_directive_with_reason_and_threat() {
    let output = run(&["report", "--json"]);
    assert!(output.status.success());
    let report: serde_json::Value =
        serde_json::from_slice(&output.stdout).expect("one JSON object");
    let directives = report["directives"].as_array().expect("a list");
    let catalogue = firmware_config::catalogue::Catalogue::shipped().expect("shipped data load");
    let all: usize = catalogue
        .artefacts
        .iter()
        .map(|artefact| artefact.directives.len())
        .sum();
    assert_eq!(directives.len(), all);
    let threats: Vec<_> = report["threats"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|threat| &threat["threat"])
        .collect();
    for directive in directives {
        assert!(
            directive["reason"]
                .as_str()
                .is_some_and(|reason| reason.ends_with('.'))
        );
        assert!(threats.contains(&&directive["threat"]));
    }
    let text = String::from_utf8(run(&["report"]).stdout).expect("text");
    assert_eq!(text.matches("      why: ").count(), all);
}
