//! What an auditor and a witness do, with the files alone and beside a running service.

use std::{fs, process::Output};

use crate::{
    batches::{batch, manifest, seal},
    client::{get, intake, until},
    keys,
    process::{Folder, HOSPITAL, Service},
};

/// What a verb printed; it must have gone well.
fn said(output: Output) -> String {
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{errors}");
    String::from_utf8(output.stdout).expect("text")
}

/// What a verb refused, and with which exit code.
fn refused(output: Output) -> (Option<i32>, String) {
    let errors = String::from_utf8(output.stderr).expect("text");
    assert!(!output.status.success(), "{errors}");
    (output.status.code(), errors)
}

fn audit(folder: &Folder, arguments: &[&str]) -> Output {
    folder.run(&[&["audit"], arguments].concat())
}

/// The verb on the service's log.
fn of_log(folder: &Folder, verb: &str, rest: &[&str]) -> Output {
    audit(
        folder,
        &[&[verb, "--config", "appliance.toml"], rest].concat(),
    )
}

fn verify(folder: &Folder, rest: &[&str]) -> Output {
    audit(
        folder,
        &[&["verify", "--audit-key", "audit.spki"], rest].concat(),
    )
}

async fn admit(folder: &Folder, service: &Service, sequence: u32) {
    let first = u64::from(sequence) * 50;
    let persons = batch("hospital", first..first + 50);
    let manifest = linker_token::Manifest {
        sequence,
        ..manifest("hospital", &persons)
    };
    let sealed = seal(folder.path(), &persons, manifest);
    let uploaded = intake(folder, service, HOSPITAL)
        .upload_batch(sealed.stream())
        .await;
    uploaded.expect("admitted");
}

fn place_key(folder: &Folder) {
    let inventory = keys::inventory(folder.path());
    let key = inventory.key("ask").expect("is there").public_key();
    fs::write(folder.path().join("audit.spki"), key.expect("a pair")).expect("writes");
}

#[tokio::test]
async fn a_log_is_exported_and_proved_while_the_service_runs() {
    let Some(folder) = Folder::new() else { return };
    place_key(&folder);
    let service = folder.serve();
    admit(&folder, &service, 0).await;
    let log = said(of_log(&folder, "export", &[]));
    fs::write(folder.path().join("log.txt"), &log).expect("writes");
    assert!(said(verify(&folder, &["--log", "log.txt"])).starts_with("verified 2 entries"));
    said(of_log(&folder, "export", &["--tiles", "tiles"]));
    let found = said(verify(&folder, &["--tiles", "tiles"]));
    assert!(
        found.starts_with("verified 2 entries of musubi.test/demo"),
        "{found}"
    );

    // A proof of each kind; the option's short name does too.
    let proof = said(of_log(&folder, "prove", &["1"]));
    fs::write(folder.path().join("entry.tlog-proof"), proof).expect("writes");
    let proved = [
        "verify",
        "--proof",
        "entry.tlog-proof",
        "--key",
        "audit.spki",
    ];
    let found = said(audit(&folder, &proved));
    assert!(
        found.contains("entry 1 of 2") && found.contains("\"intent\":0"),
        "{found}"
    );
    let first = folder.path().join("tiles/checkpoint");
    fs::copy(first, folder.path().join("first.note")).expect("copies");
    admit(&folder, &service, 1).await;
    let proof = said(of_log(&folder, "prove", &["--from", "2"]));
    fs::write(folder.path().join("growth.txt"), &proof).expect("writes");
    let seen = ["--proof", "growth.txt", "--seen", "first.note"];
    let found = said(verify(&folder, &seen));
    assert!(
        found.contains("the 4 entries") && found.contains("begin with 2"),
        "{found}"
    );

    // What is wrong is refused: other roots, other keys, changed files, indexes that are not there.
    let (code, error) = refused(of_log(&folder, "prove", &["4"]));
    assert_eq!(code, Some(1), "{error}");
    fs::copy(
        folder.path().join("csk.spki"),
        folder.path().join("other.spki"),
    )
    .expect("copies");
    let other = ["verify", "--proof", "growth.txt", "--key", "other.spki"];
    assert_eq!(refused(audit(&folder, &other)).0, Some(65));
    let altered = proof.replacen("size 2", "size 3", 1);
    fs::write(folder.path().join("altered.txt"), altered).expect("writes");
    let (code, error) = refused(verify(&folder, &["--proof", "altered.txt"]));
    assert!(code == Some(65) && error.contains("NOT_PROVED"), "{error}");
    let bundle = folder.path().join("tiles/tile/entries/000.p/2");
    let bytes = fs::read(&bundle).expect("reads");
    let at = bytes.windows(9).position(|part| part == b"\"rows\":50");
    let mut altered = bytes;
    altered[at.expect("is there") + 8] = b'1';
    fs::write(&bundle, altered).expect("writes");
    let (code, error) = refused(verify(&folder, &["--tiles", "tiles"]));
    assert!(code == Some(65) && error.contains("entry 1 of"), "{error}");
    let (code, error) = refused(verify(&folder, &["--tiles", "data"]));
    assert!(
        code == Some(64) && error.contains("NOT_AN_EXPORT"),
        "{error}"
    );
}

#[tokio::test]
async fn a_running_service_gives_its_log_in_tiles() {
    let Some(folder) = Folder::new() else { return };
    place_key(&folder);
    let service = folder.serve();
    assert!(get(service.admin, "/log/checkpoint").contains("404"));
    admit(&folder, &service, 0).await;
    let checkpoint = get(service.admin, "/log/checkpoint");
    assert!(checkpoint.contains("200 OK") && checkpoint.contains("musubi.test/demo\n2\n"));
    for path in ["tile/entries/000.p/2", "tile/0/000.p/2", "tile/0/000.p/1"] {
        assert!(
            get(service.admin, &format!("/log/{path}")).contains("200 OK"),
            "{path}"
        );
    }
    for path in [
        "tile/0/000",
        "tile/0/000.p/3",
        "tile/9/000",
        "../ready",
        "tile/0/..%2f000",
    ] {
        let answer = get(service.admin, &format!("/log/{path}"));
        assert!(!answer.contains("200 OK"), "{path}: {answer}");
    }
    // The checkpoint comes by itself: nobody asks for the receipt of a refused batch.
    let note = folder.path().join("data/checkpoint.note");
    fs::remove_file(&note).expect("is there");
    let persons = batch("hospital", 0..8000);
    let mut flipped = seal(folder.path(), &persons, manifest("hospital", &persons));
    flipped.chunks[1][77] ^= 1;
    let refused = intake(&folder, &service, HOSPITAL)
        .upload_batch(flipped.stream())
        .await;
    assert!(refused.is_err());
    let signed = || fs::read_to_string(&note).unwrap_or_default();
    until(|| signed().starts_with("musubi.test/demo\n4\n")).await;
}

#[tokio::test]
async fn a_witness_watches_and_its_word_is_kept() {
    let Some(folder) = Folder::new() else { return };
    place_key(&folder);
    let service = folder.serve();
    admit(&folder, &service, 0).await;
    let key = ["witness-key", "--name", "town", "--out", "town.seed"];
    fs::write(folder.path().join("town.vkey"), said(audit(&folder, &key))).expect("writes");
    assert!(
        !audit(&folder, &key).status.success(),
        "a key is not written over"
    );
    let step = |input: &str| {
        let arguments = [
            "witness",
            "--key",
            "town.seed",
            "--name",
            "town",
            "--audit-key",
            "audit.spki",
            "--state",
            "town.state",
            input,
        ];
        audit(&folder, &arguments)
    };
    let keep = |note: &str| {
        fs::write(folder.path().join("cosigned.note"), note).expect("writes");
        of_log(
            &folder,
            "cosign",
            &["--note", "cosigned.note", "--witness", "town.vkey"],
        )
    };
    let first = said(step("data/checkpoint.note"));
    let kept = said(keep(&first));
    assert!(
        kept.starts_with("kept: town vouches for 2 entries"),
        "{kept}"
    );
    admit(&folder, &service, 1).await;
    // Without a proof of growth the witness says nothing; with it, it does.
    let (_, error) = refused(step("data/checkpoint.note"));
    assert!(error.contains("BAD_PROOF"), "{error}");
    let growth = said(of_log(&folder, "prove", &["--from", "2"]));
    fs::write(folder.path().join("growth.txt"), growth).expect("writes");
    let second = said(step("growth.txt"));
    assert!(said(keep(&second)).contains("4 entries"));
    assert!(
        said(keep(&first)).starts_with("holds"),
        "an older word changes nothing"
    );
    fs::write(folder.path().join("first.note"), &first).expect("writes");
    let against = [
        "--proof",
        "growth.txt",
        "--seen",
        "first.note",
        "--witness",
        "town.vkey",
    ];
    assert!(said(verify(&folder, &against)).contains("as its witness saw at"));
    tells_of_itself(&folder);
    // The operator sets the log back behind what the witness saw: the service does not come up.
    assert!(service.stop().success());
    let log = folder.path().join("data/audit.log");
    let mut bytes = fs::read(&log).expect("reads");
    bytes.truncate(bytes.len() / 2);
    fs::write(&log, bytes).expect("writes");
    let (code, error) = refused(folder.run(&["serve", "--config", "appliance.toml"]));
    assert!(code == Some(65) && error.contains("AUDIT_SHORT"), "{error}");
    let (code, _) = refused(of_log(&folder, "export", &["--as-signed"]));
    assert_eq!(code, Some(65));
}

/// What `status` says of a log of four entries with one witness, and what goes with its tiles.
fn tells_of_itself(folder: &Folder) {
    let status = said(of_log(folder, "status", &["--json"]));
    let status: serde_json::Value = serde_json::from_str(&status).expect("JSON");
    assert_eq!(status["entries"], 4);
    assert_eq!(status["witnesses"][0]["name"], "town");
    assert_eq!(status["witnesses"][0]["entries"], 4);
    assert_eq!(status["entries_past_retention"], 0);
    assert_eq!(status["retention_days_min"], 731);
    let times = ["oldest_entry", "newest_entry", "next_deadline"];
    assert!(
        times.iter().all(|name| status[*name].is_string()),
        "{status}"
    );
    let lines = said(of_log(folder, "status", &[]));
    assert!(lines.contains("next_deadline 20"), "{lines}");
    said(of_log(folder, "export", &["--tiles", "tiles"]));
    let beside = fs::read_dir(folder.path().join("tiles/witness")).expect("is there");
    assert_eq!(beside.count(), 1);
}
