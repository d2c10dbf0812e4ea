//! The demo with its real programs, small: all processes, both tokens, every check of its own.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};

use serde_json::Value;

use crate::rig::{programs, text};

fn bench(arguments: &[&str]) -> Command {
    let mut command = Command::new(&programs().bench);
    command.args(arguments);
    command
}

/// A demo that goes on by itself, and what it says.
fn start(folder: &Path, arguments: &[&str]) -> (Child, impl Iterator<Item = String>) {
    let mut demo = bench(&["demo", "--folder", folder.to_str().unwrap()])
        .args(arguments)
        .stderr(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let said = BufReader::new(demo.stderr.take().unwrap());
    (demo, said.lines().map_while(Result::ok))
}

/// Sends a signal to a process of ours.
fn signal(child: &Child, name: &str) {
    let command = format!("kill -{name} {}", child.id());
    let status = Command::new("sh").args(["-c", &command]).status().unwrap();
    assert!(status.success(), "{command}");
}

/// Processes whose command line names the folder.
fn processes_of(folder: &Path) -> Vec<String> {
    let name = folder.to_str().unwrap();
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        if line.contains(name) {
            found.push(line);
        }
    }
    found
}

/// Waits until no process names the folder: a kill takes its moment.
fn all_gone(folder: &Path) {
    for _try in 0..100 {
        if processes_of(folder).is_empty() {
            return;
        }
        assert!(Command::new("sleep").arg("0.1").status().unwrap().success());
    }
    assert_eq!(processes_of(folder), Vec::<String>::new());
}

#[test]
fn the_whole_chain_works() {
    let outer = tempfile::tempdir().unwrap();
    let folder = outer.path().join("demo");
    let path = folder.to_str().unwrap();
    let run = || {
        let output = bench(&["demo", "--people", "800", "--json", "--folder", path])
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", text(&output));
        let out = String::from_utf8(output.stdout).unwrap();
        serde_json::from_str::<Value>(out.lines().last().unwrap()).unwrap()
    };
    let summary = run();
    for key in [
        "people",
        "records_total",
        "records_per_site",
        "persons_found",
        "count_sum_of_site_uniques",
        "count_cumulative",
        "cluster_precision",
        "cluster_recall",
        "cluster_f1",
        "seconds_total",
        "seconds",
        "release_id",
        "receipts",
        "receipts_verified",
        "peak_rss_bytes",
        "machine",
        "commit",
        "date",
    ] {
        assert!(summary.get(key).is_some(), "{key} is a key by contract");
    }
    assert!(summary["cluster_f1"].as_f64().unwrap() >= 0.95, "{summary}");
    assert!(summary["receipts"].as_u64().unwrap() >= 3);
    assert_eq!(summary["receipts"], summary["receipts_verified"]);
    let records: u64 = summary["records_per_site"]
        .as_object()
        .unwrap()
        .values()
        .map(|n| n.as_u64().unwrap())
        .sum();
    assert_eq!(summary["records_total"], records);
    let crosswalk = fs::read_to_string(folder.join("results/crosswalk.csv")).unwrap();
    assert_eq!(crosswalk.lines().count() as u64, records + 1);
    assert!(
        folder
            .join("results/crosswalk.parquet")
            .metadata()
            .unwrap()
            .len()
            > 1000
    );
    all_gone(&folder);

    // A second demo begins clean: the same records, under new keys. Which of the hardest pairs are found
    // depends a little on the keys.
    let again = run();
    for key in ["records_total", "records_per_site", "receipts"] {
        assert_eq!(summary[key], again[key], "{key}");
    }
    assert!(again["cluster_f1"].as_f64().unwrap() >= 0.95, "{again}");
}

#[test]
fn a_served_demo_ends_when_it_is_asked_to() {
    let outer = tempfile::tempdir().unwrap();
    let folder = outer.path().join("demo");
    let (mut demo, lines) = start(&folder, &["--people", "200", "--serve"]);
    let mut said = Vec::new();
    for line in lines {
        let last = line.contains("grpcurl -import-path proto");
        said.push(line);
        if last {
            break;
        }
    }
    assert!(
        said.iter().any(|line| line.contains("http://127.0.0.1:")),
        "{said:#?}"
    );
    assert!(!processes_of(&folder).is_empty());
    assert!(!said.iter().any(|line| line.contains("look further")));
    assert!(said.iter().any(|line| line.contains("SOFTHSM2_CONF=")));
    assert!(said.iter().any(|line| line.contains(" lookup --config ")));
    let ready = said
        .iter()
        .find_map(|line| line.trim_start().strip_prefix("./run bench "));
    let ready: Vec<&str> = ready.unwrap().split(' ').collect();
    crosswalk_keeps_good_files(&folder, &ready);
    let address = ready[2];
    for site in ["hospital", "town", "clinic"] {
        let config = folder.join("sites").join(site).join("tokenizer.toml");
        let config = fs::read_to_string(config).unwrap();
        assert!(config.contains(&format!("https://{address}\"")), "{config}");
    }
    signal(&demo, "TERM");
    assert!(demo.wait().unwrap().success());
    all_gone(&folder);
}

/// Options with the values they get instead.
type Changes<'a> = &'a [(&'a str, &'a str)];

/// Streams once as the demo says, then in vain: the files stay, and the exit code says why.
fn crosswalk_keeps_good_files(folder: &Path, ready: &[&str]) {
    let once = bench(ready).output().unwrap();
    assert!(once.status.success(), "{}", text(&once));
    let csv = folder.join("results/crosswalk-again.csv");
    let good = fs::read(&csv).unwrap();
    assert_eq!(
        good,
        fs::read(folder.join("results/crosswalk.csv")).unwrap()
    );
    let operator = |end: &str| folder.join(format!("pki/operator.{end}"));
    let (certificate, key) = (operator("pem"), operator("key"));
    let change = |changes: Changes<'_>| {
        let mut arguments = ready.to_vec();
        for (option, value) in changes {
            let at = arguments.iter().position(|word| word == option).unwrap();
            arguments[at + 1] = value;
        }
        bench(&arguments).output().unwrap()
    };
    let (certificate, key) = (certificate.to_str().unwrap(), key.to_str().unwrap());
    let cases: [(Changes<'_>, i32, &str); 5] = [
        (
            &[("--release", "00000000000000000000000000000000")],
            1,
            "NotFound",
        ),
        (
            &[("--certificate", certificate), ("--key", key)],
            77,
            "PermissionDenied",
        ),
        (&[("--ca", "/no/such.pem")], 64, "/no/such.pem"),
        (&[("--csv", "/no/such/a.csv")], 64, "/no/such"),
        (&[("--address", "127.0.0.1:9")], 69, "NO_CONNECTION"),
    ];
    for (changes, code, words) in cases {
        let output = change(changes);
        assert_eq!(output.status.code(), Some(code), "{}", text(&output));
        assert!(text(&output).contains(words), "{}", text(&output));
        assert_eq!(fs::read(&csv).unwrap(), good);
    }
}

#[test]
fn an_interrupted_demo_leaves_no_process() {
    let outer = tempfile::tempdir().unwrap();
    let folder = outer.path().join("demo");
    let (mut demo, mut lines) = start(&folder, &["--people", "3000"]);
    assert!(
        lines.any(|line| line.contains("appliance: ready")),
        "the demo gets this far"
    );
    signal(&demo, "INT");
    let rest: Vec<String> = lines.collect();
    assert_eq!(demo.wait().unwrap().code(), Some(130), "{rest:#?}");
    assert!(
        rest.iter()
            .any(|line| line.starts_with("error [INTERRUPTED]")),
        "{rest:#?}"
    );
    all_gone(&folder);
}

#[test]
fn bad_options_and_missing_programs_are_named() {
    let outer = tempfile::tempdir().unwrap();
    let foreign = outer.path().join("foreign");
    fs::create_dir(&foreign).unwrap();
    fs::write(foreign.join("letter"), "dear").unwrap();
    let path = foreign.to_str().unwrap();
    let fresh = outer.path().join("fresh");
    let cases: [(&[&str], i32, &str); 4] = [
        (&["demo", "--people", "10"], 64, "error [OPTION]"),
        (&["demo", "--people", "ten"], 2, "invalid value"),
        (
            &["demo", "--people", "200", "--folder", path],
            64,
            "error [FOREIGN_FOLDER]",
        ),
        (
            &[
                "demo",
                "--people",
                "200",
                "--tokenizer",
                "/no/such",
                "--folder",
                fresh.to_str().unwrap(),
            ],
            69,
            "error [PROGRAM_MISSING]",
        ),
    ];
    for (arguments, code, words) in cases {
        let output = bench(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{}", text(&output));
        assert!(text(&output).contains(words), "{}", text(&output));
    }
    assert!(foreign.join("letter").exists());
    assert!(!fresh.exists(), "programs are looked for first");
}
