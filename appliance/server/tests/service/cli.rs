//! The command line: output, exit codes, the admin listener, what is never written.

use std::fs;

use appliance_server::{config::Config, limits};

use crate::{
    batches::{batch, manifest, reference, row, seal},
    client::{get, intake, linkage, until},
    process::{Folder, HOSPITAL, OPERATOR},
};

const SAMPLE: &str = include_str!("../../samples/appliance.toml");

#[test]
fn the_sample_parses_and_every_key_is_needed() {
    let folder = std::path::Path::new("/nowhere");
    let config = Config::parse(SAMPLE, folder).expect("the sample parses");
    assert_eq!(config.callers.len(), 4);
    for unknown in [
        "[service]\n",
        "[listen]\n",
        "[tls]\n",
        "[hsm]\n",
        "[linkage]\n",
        "[next]\n",
    ] {
        let text = SAMPLE.replacen(unknown, &format!("{unknown}surprise = 1\n"), 1);
        assert!(Config::parse(&text, folder).is_err(), "{unknown}");
    }
    let optional = [
        "kernel",
        "port_file",
        "memory_gib",
        "scratch",
        "resolve_tokens",
    ];
    // The section of a second epoch is optional as a whole, and may leave only the schema out.
    let (before, rest) = SAMPLE.split_once("[next]\n").expect("a section");
    let (next, after) = rest.split_once("[[caller]]").expect("callers");
    let alone = format!("{before}[[caller]]{after}");
    let one = Config::parse(&alone, folder).expect("one epoch");
    assert!(one.next.is_none() && config.next.is_some());
    for key in ["epoch", "enrolment", "inventory", "data", "schema"] {
        let line = next
            .lines()
            .find(|line| line.starts_with(&format!("{key} = ")));
        let without = next.replacen(line.expect("is there"), "", 1);
        let text = format!("{before}[next]\n{without}[[caller]]{after}");
        assert_eq!(
            Config::parse(&text, folder).is_ok(),
            key == "schema",
            "{key}"
        );
    }
    let keys = alone.lines().filter_map(|line| line.split_once(" = "));
    for (key, _) in keys.filter(|(key, _)| !key.starts_with('#')) {
        let without: Vec<&str> = alone
            .lines()
            .filter(|line| !line.starts_with(&format!("{key} = ")))
            .collect();
        let parsed = Config::parse(&without.join("\n"), folder);
        assert_eq!(parsed.is_ok(), optional.contains(&key), "{key}");
    }
}

#[test]
fn values_are_checked() {
    let folder = std::path::Path::new("/nowhere");
    for (from, to) in [
        ("admin = \"127.0.0.1:7480\"", "admin = \"0.0.0.0:7480\""),
        ("origin = \"musubi.example/demo\"", "origin = \"two words\""),
        ("kernel = \"auto\"", "kernel = \"fast\""),
        ("memory_gib = 16", "memory_gib = 0"),
        ("memory_gib = 16", "memory_gib = 65537"),
        ("project = \"demo\"", "project = \"Demo\""),
        ("epoch = 1", "epoch = -1"),
        ("epoch = 2", "epoch = 1"),
        ("data = \"data-2\"", "data = \"data\""),
        ("schema = \"jp-1\"", "schema = \"jp-9\""),
        ("site = \"hospital\"", ""),
        (
            "role = \"operator\"",
            "role = \"operator\"\nsite = \"hospital\"",
        ),
        ("role = \"operator\"", "role = \"root\""),
        (
            "role = \"operator\"",
            "role = \"operator\"\nresolve_tokens = true",
        ),
        ("resolve_tokens = false", "resolve_tokens = \"no\""),
        ("resolve_tokens = false", "desk = \"consultation\""),
        ("desk = \"consultation\"", ""),
        ("desk = \"consultation\"", "desk = \"Desk\""),
        // The desk's answers would be a source site's.
        ("desk = \"consultation\"", "desk = \"hospital\""),
        ("projects = [\"demo-study\"]", "projects = []"),
        (
            "spiffe://musubi/operator/1",
            "spiffe://musubi/processing/research",
        ),
    ] {
        assert!(
            SAMPLE.contains(from),
            "the test must change something: {from}"
        );
        let text = SAMPLE.replacen(from, to, 1);
        assert!(Config::parse(&text, folder).is_err(), "{from} -> {to}");
    }
}

#[test]
fn bounds_of_the_configuration_hold_one_past() {
    let folder = std::path::Path::new("/nowhere");
    let with_callers = |count: usize| {
        let callers =
            (0..count).map(|n| format!("[[caller]]\nuri = \"u{n}\"\nrole = \"operator\"\n"));
        let head = SAMPLE.split("[[caller]]").next().expect("a head");
        Config::parse(&format!("{head}{}", callers.collect::<String>()), folder)
    };
    assert!(with_callers(limits::CALLERS_MAX).is_ok());
    assert!(with_callers(limits::CALLERS_MAX + 1).is_err());
    let with_projects = |count: usize| {
        let projects: Vec<String> = (0..count).map(|n| format!("\"p{n}\"")).collect();
        let list = format!("projects = [{}]", projects.join(","));
        Config::parse(
            &SAMPLE.replacen("projects = [\"demo-study\"]", &list, 1),
            folder,
        )
    };
    assert!(with_projects(limits::CALLER_PROJECTS_MAX).is_ok());
    assert!(with_projects(limits::CALLER_PROJECTS_MAX + 1).is_err());
    let with_uri = |length: usize| {
        let uri = "u".repeat(length);
        Config::parse(
            &SAMPLE.replacen("spiffe://musubi/operator/1", &uri, 1),
            folder,
        )
    };
    assert!(with_uri(limits::URI_BYTES_MAX).is_ok());
    assert!(with_uri(limits::URI_BYTES_MAX + 1).is_err());
}

#[test]
fn bad_configuration_exits_64_before_a_port_opens() {
    let Some(folder) = Folder::new() else { return };
    let good = fs::read_to_string(folder.config()).expect("reads");
    for (from, to) in [
        ("epoch = 1", "epoch = 2"),
        ("schema = \"jp-1\"", "schema = \"en-1\""),
        ("key = \"server.key\"", "key = \"ca.pem\""),
        (
            "inventory = \"appliance.inventory\"",
            "inventory = \"enrolment.signed\"",
        ),
        ("custody_key = \"csk.spki\"", "custody_key = \"missing\""),
        ("[service]", "[service]\nsurprise = 1"),
    ] {
        assert!(
            good.contains(from),
            "the test must change something: {from}"
        );
        fs::write(folder.config(), good.replacen(from, to, 1)).expect("writes");
        let output = folder.run(&["serve", "--config", "appliance.toml"]);
        let said = String::from_utf8(output.stderr).expect("text");
        assert_eq!(output.status.code(), Some(64), "{from}: {said}");
        assert!(
            said.contains("error [") && said.contains("  try: "),
            "{said}"
        );
        assert!(!folder.path().join("ports.json").exists(), "{from}");
        if to.contains("surprise") {
            assert!(said.contains("appliance.toml, line "), "{said}");
        }
        if to.contains("missing") {
            assert!(said.contains("/missing of `hsm.custody_key`"), "{said}");
        }
    }
    let other = good.replacen("token = \"musubi-appliance\"", "token = \"another\"", 1);
    fs::write(folder.config(), other).expect("writes");
    let output = folder.run(&["serve", "--config", "appliance.toml"]);
    assert_eq!(output.status.code(), Some(69), "no such token");
    fs::write(folder.config(), &good).expect("writes");
    fs::write(folder.path().join("appliance.pin"), "wrong").expect("writes");
    let output = folder.run(&["serve", "--config", "appliance.toml"]);
    assert_eq!(output.status.code(), Some(77), "a wrong PIN");
}

#[tokio::test]
async fn a_reload_cannot_change_what_the_service_stands_on() {
    let Some(folder) = Folder::new() else { return };
    let service = folder.serve();
    let good = fs::read_to_string(folder.config()).expect("reads");
    for (key, from, to) in [
        ("service.origin", "musubi.test/demo", "musubi.test/other"),
        (
            "linkage.project",
            "project = \"demo\"",
            "project = \"other\"",
        ),
        ("linkage.epoch", "epoch = 1", "epoch = 2"),
        ("linkage.schema", "schema = \"jp-1\"", "schema = \"en-1\""),
        (
            "hsm.custody_key",
            "custody_key = \"csk.spki\"",
            "custody_key = \"ca.pem\"",
        ),
    ] {
        assert!(good.contains(from), "the test must change something");
        let text = good.replacen(from, to, 1);
        fs::write(
            folder.config(),
            text.replace(OPERATOR, "spiffe://musubi/operator/2"),
        )
        .expect("writes");
        service.signal("-HUP");
        until(|| folder.log().contains(&format!("`{key}`: it differs"))).await;
    }
    assert!(!folder.log().contains("read again"), "{}", folder.log());
    let runs = linkage_proto::v1::ListRunsRequest {
        after_run_id: String::new(),
    };
    let listed = linkage(&folder, &service, OPERATOR).list_runs(runs).await;
    listed.expect("the old callers stay in force");
    fs::write(folder.config(), good).expect("writes");
    service.signal("-HUP");
    until(|| folder.log().contains("read again")).await;
}

#[test]
fn check_config_and_roles_print_and_change_nothing() {
    let Some(folder) = Folder::new() else { return };
    let output = folder.run(&["check-config", "--config", "appliance.toml"]);
    let said = String::from_utf8(output.stdout).expect("text");
    assert!(output.status.success(), "{:?}", output.stderr);
    assert!(said.contains("sites     3 enrolled"), "{said}");
    assert!(
        said.contains("spiffe://musubi/operator/1 operator"),
        "{said}"
    );
    assert!(!said.contains("appliance-test-pin"));
    assert!(!folder.path().join("data").exists());
    let output = folder.run(&["roles"]);
    let said = String::from_utf8(output.stdout).expect("text");
    assert_eq!(said.trim_end(), appliance_server::auth::roles::table());
    assert_eq!(folder.run(&["serve"]).status.code(), Some(2));
    assert_eq!(folder.run(&["audit", "verify"]).status.code(), Some(2));
    let output = folder.run(&["status", "--config", "appliance.toml"]);
    assert_eq!(output.status.code(), Some(64), "there is no store yet");
}

#[tokio::test]
async fn the_admin_listener_and_the_offline_verbs() {
    let Some(folder) = Folder::new() else { return };
    let service = folder.serve();
    assert!(get(service.admin, "/live").contains("200 OK"));
    let ready = get(service.admin, "/ready");
    assert!(ready.contains("200 OK"), "{ready}");
    let page = get(service.admin, "/");
    assert!(
        page.contains("むすび") && page.contains("default-src 'none'"),
        "{page}"
    );
    assert!(
        !page.contains("<script") && !page.contains("http://"),
        "{page}"
    );
    let persons = batch("hospital", 0..50);
    let sealed = seal(folder.path(), &persons, manifest("hospital", &persons));
    let mut client = intake(&folder, &service, HOSPITAL);
    client
        .upload_batch(sealed.stream())
        .await
        .expect("admitted");
    let metrics = get(service.admin, "/metrics");
    for name in [
        r#"musubi_rows_total{result="admitted"} 50"#,
        r#"musubi_calls_total{method="Intake/UploadBatch",code="OK"} 1"#,
        r#"musubi_ready{condition="keys"} 1"#,
        "musubi_hsm_call_seconds_bucket",
    ] {
        assert!(metrics.contains(name), "{name}: {metrics}");
    }
    let output = folder.run(&["status", "--config", "appliance.toml"]);
    assert_eq!(output.status.code(), Some(75), "the service has the store");
    assert!(service.stop().success());
    let status = [
        "status",
        "--config",
        "appliance.toml",
        "--json",
        "--token-digest",
    ];
    let output = folder.run(&status);
    let said = String::from_utf8(output.stdout).expect("text");
    let object: serde_json::Value = serde_json::from_str(&said).expect("one JSON object");
    assert_eq!(object["sites"]["hospital"]["rows"], 50);
    assert_eq!(object["token_digest"]["hospital"]["rows"], 50);
    audit(&folder);
    never_written(&folder);
}

fn audit(folder: &Folder) {
    let output = folder.run(&["audit", "verify", "--config", "appliance.toml"]);
    let said = String::from_utf8(output.stdout).expect("text");
    assert!(said.starts_with("verified 2 entries"), "{said}");
    let prove = [
        "audit",
        "prove",
        "0",
        "--json",
        "--config",
        "appliance.toml",
    ];
    let output = folder.run(&prove);
    let object: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert!(
        object["entry"]
            .as_str()
            .expect("text")
            .contains("\"operation\":\"admit\"")
    );
    let key = hex::decode(object["audit_key"].as_str().expect("text")).expect("hex");
    fs::write(folder.path().join("audit.spki"), key).expect("writes");
    let output = folder.run(&["audit", "prove", "2", "--config", "appliance.toml"]);
    assert_eq!(output.status.code(), Some(1));
    let output = folder.run(&["audit", "export", "--config", "appliance.toml"]);
    let log = String::from_utf8(output.stdout).expect("text");
    let verify = [
        "audit",
        "verify",
        "--log",
        "log.txt",
        "--audit-key",
        "audit.spki",
    ];
    fs::write(folder.path().join("log.txt"), &log).expect("writes");
    assert!(folder.run(&verify).status.success());
    let run = |options: &[&str]| {
        let output = folder.run(&[&["audit", "verify"], options].concat());
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code(), said)
    };
    for (code, options) in [
        (
            "UNREADABLE_LOG",
            ["log.text", "audit.spki", "musubi.test/demo"],
        ),
        (
            "UNREADABLE_KEY",
            ["log.txt", "audit.key", "musubi.test/demo"],
        ),
        (
            "NOT_AN_EXPORT",
            ["audit.spki", "audit.spki", "musubi.test/demo"],
        ),
        ("OTHER_ORIGIN", ["log.txt", "audit.spki", "musubi.test/dem"]),
        ("OTHER_KEY", ["log.txt", "csk.spki", "musubi.test/demo"]),
    ] {
        let [log, key, origin] = options;
        let (exit, said) = run(&["--log", log, "--audit-key", key, "--origin", origin]);
        assert_eq!(exit, Some(64), "{said}");
        assert!(
            said.contains(code) && said.contains("try: check --"),
            "{said}"
        );
        assert!(
            !said.contains("evidence") && !said.contains("backup"),
            "{said}"
        );
    }
    let altered = log.replacen("\"rows\":50", "\"rows\":51", 1);
    assert_ne!(altered, log);
    fs::write(folder.path().join("log.txt"), altered).expect("writes");
    let output = folder.run(&verify);
    assert_eq!(output.status.code(), Some(65));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("entry 1") && said.contains("keep the file as evidence"));
    assert!(!said.contains("backup"), "{said}");
}

/// Neither a reference nor a row in clear is in any file of the service.
fn never_written(folder: &Folder) {
    let reference = reference("hospital", 7).0;
    let row: Vec<u8> = row(7).iter().flat_map(|word| word.to_le_bytes()).collect();
    let mut folders = vec![folder.path().join("data")];
    let mut files = vec![folder.path().join("log.jsonl")];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).expect("reads") {
            let path = entry.expect("reads").path();
            if path.is_dir() {
                folders.push(path)
            } else {
                files.push(path)
            }
        }
    }
    for file in files {
        let bytes = fs::read(&file).expect("reads");
        let hex = hex::encode(reference);
        for mark in [&reference[..], hex.as_bytes(), &row[..16]] {
            let found = bytes.windows(mark.len()).any(|window| window == mark);
            assert!(!found, "{} holds a mark", file.display());
        }
    }
}
