//! A change of key epoch: both epochs are taken side by side and never compared, everybody sees how far the
//! sites have come, the change itself is one audited act, and persons keep their research IDs.

use std::{collections::BTreeMap, fs};

use keymgmt_custody::audit::verify_receipt;
use linkage_proto::v1::{GetPolicyRequest, GetReceiptRequest, Receipt, Run, RunState};
use linker_token::{Epoch, TokenBatch};
use tonic::{Code, Status};

use crate::{
    batches::{Sealed, batch, manifest, next_batch, next_manifest, reference, seal},
    client::{get, intake, reason, until},
    keys,
    linkage::{order, release, rows, run},
    process::{Folder, HOSPITAL, Service, TOWN},
};

const SITES: [&str; 3] = ["hospital", "town", "consultation"];

fn uri(site: &str) -> &'static str {
    if site == "hospital" { HOSPITAL } else { TOWN }
}

async fn send(
    folder: &Folder,
    service: &Service,
    site: &str,
    sealed: &Sealed,
) -> Result<Receipt, Status> {
    let mut client = intake(folder, service, uri(site));
    let answer = client.upload_batch(sealed.stream()).await;
    answer.map(tonic::Response::into_inner)
}

fn old(folder: &Folder, site: &str, persons: &[u64]) -> Sealed {
    let batch = batch(site, persons.iter().copied());
    seal(folder.path(), &batch, manifest(site, &batch))
}

fn new(folder: &Folder, site: &str, persons: &[u64], (sequence, last): (u32, bool)) -> Sealed {
    let batch: TokenBatch = next_batch(site, persons.iter().copied());
    let mut manifest = next_manifest(site, &batch);
    (manifest.sequence, manifest.last) = (sequence, last);
    seal(folder.path(), &batch, manifest)
}

/// The pseudonym of every record of a run.
async fn pseudonyms(
    folder: &Folder,
    service: &Service,
    run: &Run,
    request: &str,
) -> BTreeMap<(String, Vec<u8>), String> {
    let made = release(folder, service, order(run, request)).await;
    let rows = rows(folder, service, &made.expect("is made"), 0).await;
    let rows = rows.into_iter();
    rows.map(|row| ((row.site, row.record_reference), row.pseudonym))
        .collect()
}

fn record(site: &str, person: u64) -> (String, Vec<u8>) {
    (site.to_owned(), reference(site, person).0.to_vec())
}

fn status(folder: &Folder) -> serde_json::Value {
    let output = folder.run(&["status", "--config", "appliance.toml", "--json"]);
    let said = String::from_utf8(output.stderr).expect("text");
    assert!(output.status.success(), "{said}");
    serde_json::from_slice(&output.stdout).expect("JSON")
}

fn switch(folder: &Folder, without: &[&str]) -> (Option<i32>, String) {
    let mut arguments = vec!["switch-epoch", "--config", "appliance.toml", "--json"];
    for site in without {
        arguments.extend(["--without", site]);
    }
    let output = folder.run(&arguments);
    let said = String::from_utf8(output.stdout).expect("text");
    let refused = String::from_utf8(output.stderr).expect("text");
    (output.status.code(), said + &refused)
}

#[tokio::test]
async fn both_epochs_are_taken_each_under_its_own_keys() {
    let Some(folder) = Folder::new() else { return };
    folder.open_next(&["hospital", "consultation"]);
    let service = folder.serve();
    assert!(get(service.admin, "/ready").contains("epoch-2 keys ok"));
    let mut client = intake(&folder, &service, HOSPITAL);
    for (asked, expected) in [(0, 1), (1, 1), (2, 2), (3, 1)] {
        let policy = client.get_policy(GetPolicyRequest { epoch: asked }).await;
        let policy = policy.expect("answers").into_inner();
        assert_eq!(policy.epoch, expected, "{asked}");
    }
    let persons: Vec<u64> = (0..50).collect();
    let first = old(&folder, "hospital", &persons);
    let second = new(&folder, "hospital", &persons, (0, true));
    for (sealed, log, inventory) in [
        (&first, "musubi.test/demo", keys::INVENTORY),
        (&second, "musubi.test/demo/epoch-2", keys::NEXT_INVENTORY),
    ] {
        let receipt = send(&folder, &service, "hospital", sealed).await;
        let receipt = receipt.expect("is admitted");
        assert_eq!(receipt.rows_admitted, 50);
        let proof: Vec<[u8; 32]> = receipt
            .inclusion_proof
            .iter()
            .map(|hash| hash.as_slice().try_into().expect("a hash"))
            .collect();
        let inventory = keys::inventory_of(folder.path(), inventory);
        let ask = inventory.key("ask").expect("is there");
        verify_receipt(
            &receipt.audit_entry,
            receipt.audit_index,
            &receipt.checkpoint,
            &proof,
            log,
            ask.public_key().expect("a pair"),
        )
        .expect("is in the epoch's own log");
        let request = GetReceiptRequest {
            batch_id: sealed.batch_id(),
            checkpoint_size_seen: 0,
        };
        let again = client.get_receipt(request).await.expect("answers");
        assert_eq!(again.into_inner().audit_index, receipt.audit_index);
    }
    what_belongs_to_neither_is_refused(&folder, &service, &first).await;
    // A run is over one epoch: of a hundred rows, those of the epoch in force.
    let run = run(&folder, &service, "1").await;
    assert_eq!(run.state(), RunState::Released, "{run:?}");
    assert_eq!(run.counts.expect("counts").records, 50);
}

/// Batches that belong to neither epoch, or half to one and half to the other.
async fn what_belongs_to_neither_is_refused(folder: &Folder, service: &Service, first: &Sealed) {
    // The other epoch's secret, a site of the older list only, an epoch that nobody serves, and content
    // that is sealed to the older ingest key.
    let wrong_secret = {
        let batch = next_batch("hospital", 90..91);
        let manifest = linker_token::Manifest {
            secret_check: keys::CHECK,
            ..next_manifest("hospital", &batch)
        };
        seal(folder.path(), &batch, manifest)
    };
    let refused = send(folder, service, "hospital", &wrong_secret).await;
    assert_eq!(
        reason(refused),
        (Code::FailedPrecondition, "WRONG_SECRET".into())
    );
    let foreign = new(folder, "town", &[1], (0, true));
    let refused = send(folder, service, "town", &foreign).await;
    assert_eq!(
        reason(refused),
        (Code::FailedPrecondition, "NOT_ENROLLED".into())
    );
    let later = {
        let batch = batch("hospital", 91..92);
        let manifest = linker_token::Manifest {
            epoch: Epoch(3),
            ..manifest("hospital", &batch)
        };
        seal(folder.path(), &batch, manifest)
    };
    let refused = send(folder, service, "hospital", &later).await;
    assert_eq!(
        reason(refused),
        (Code::FailedPrecondition, "WRONG_EPOCH".into())
    );
    let mut crossed = new(folder, "hospital", &[92], (0, true));
    crossed.header.sealed_content_key = first.header.sealed_content_key.clone();
    let refused = send(folder, service, "hospital", &crossed).await;
    assert_eq!(
        reason(refused),
        (Code::InvalidArgument, "CORRUPT_CHUNK".into())
    );
}

#[tokio::test]
async fn sites_are_counted_as_they_move_over() {
    let Some(folder) = Folder::new() else { return };
    let persons: Vec<u64> = (0..100).collect();
    let service = folder.serve();
    for site in ["hospital", "town"] {
        let sealed = old(&folder, site, &persons);
        send(&folder, &service, site, &sealed)
            .await
            .expect("admitted");
    }
    assert!(service.stop().success());
    folder.open_next(&SITES);
    let before = status(&folder);
    assert_eq!(before["next_epoch"]["state"], "not-begun", "{before}");
    let service = folder.serve();
    let line = |site: &str, which: &str, count: u32| {
        format!(r#"musubi_epoch_move_records{{site="{site}",which="{which}"}} {count}"#)
    };
    let counted = |wanted: &str| get(service.admin, "/metrics").contains(wanted);
    until(|| counted(&line("hospital", "before", 100))).await;
    let half = new(&folder, "hospital", &persons[..60], (0, false));
    send(&folder, &service, "hospital", &half)
        .await
        .expect("admitted");
    until(|| counted(&line("hospital", "carried", 60))).await;
    let page = get(service.admin, "/?lang=en");
    assert!(page.contains("Moving over to key epoch 2"), "{page}");
    assert!(
        page.contains("under way") && page.contains("not begun"),
        "{page}"
    );
    let rest = new(&folder, "hospital", &persons[60..], (1, true));
    send(&folder, &service, "hospital", &rest)
        .await
        .expect("admitted");
    let short = new(&folder, "town", &persons[..89], (0, true));
    send(&folder, &service, "town", &short)
        .await
        .expect("admitted");
    until(|| counted(&line("town", "carried", 89))).await;
    assert!(counted(r#"musubi_epoch_move_complete{site="hospital"} 1"#));
    assert!(counted(r#"musubi_epoch_move_complete{site="town"} 0"#));
    assert!(service.stop().success());
    let after = status(&folder);
    let sites = &after["next_epoch"]["sites"];
    assert_eq!(sites["hospital"]["state"], "complete", "{after}");
    assert_eq!(sites["town"]["state"], "short", "{after}");
    assert_eq!(sites["town"]["carried"], 89);
    assert_eq!(after["epoch"], 1);
}

#[tokio::test]
async fn persons_keep_their_ids_through_a_change_of_epoch() {
    let Some(folder) = Folder::new() else { return };
    folder.open_next(&SITES);
    let service = folder.serve();
    let (here, there): (Vec<u64>, Vec<u64>) = ((0..200).collect(), (100..300).collect());
    for (site, persons) in [("hospital", &here), ("town", &there)] {
        let sealed = old(&folder, site, persons);
        send(&folder, &service, site, &sealed)
            .await
            .expect("admitted");
    }
    let first = run(&folder, &service, "1").await;
    assert_eq!(first.counts.expect("counts").cumulative, 300);
    let before = pseudonyms(&folder, &service, &first, "1").await;
    assert_eq!(before.len(), 400);
    // The hospital moves over with one person more; the town has not begun.
    let grown: Vec<u64> = here.iter().copied().chain([900]).collect();
    let moved = new(&folder, "hospital", &grown, (0, true));
    send(&folder, &service, "hospital", &moved)
        .await
        .expect("admitted");
    assert!(service.stop().success());

    the_change_waits_for_the_town_unless_it_is_named(&folder);
    both_logs_say_so(&folder);

    let service = folder.serve();
    let late = old(&folder, "town", &[555]);
    let refused = send(&folder, &service, "town", &late).await;
    assert_eq!(
        reason(refused),
        (Code::FailedPrecondition, "WRONG_EPOCH".into())
    );
    // What was released before can still be read.
    let again = pseudonyms_of_old_release(&folder, &service, &first).await;
    assert_eq!(again, 400);
    let second = run(&folder, &service, "2").await;
    assert_eq!(second.state(), RunState::Released, "{second:?}");
    let counts = second.counts.expect("counts");
    assert_eq!((counts.records, counts.cumulative), (201, 301));
    let after = pseudonyms(&folder, &service, &second, "2").await;
    for person in &here {
        let record = record("hospital", *person);
        assert_eq!(after[&record], before[&record], "{person}");
    }
    let fresh = &after[&record("hospital", 900)];
    assert!(before.values().all(|known| known != fresh), "a new person");

    // The town comes late: persons of both sites are one again under their old IDs, and those whom only the
    // town knew have theirs as well.
    let moved = new(&folder, "town", &there, (0, true));
    send(&folder, &service, "town", &moved)
        .await
        .expect("admitted");
    let third = run(&folder, &service, "3").await;
    let counts = third.counts.expect("counts");
    assert_eq!(
        (counts.records, counts.persons_found, counts.cumulative),
        (401, 301, 301)
    );
    let last = pseudonyms(&folder, &service, &third, "3").await;
    for (record, pseudonym) in &before {
        assert_eq!(&last[record], pseudonym);
    }
    assert_eq!(&last[&record("hospital", 900)], fresh);
}

fn the_change_waits_for_the_town_unless_it_is_named(folder: &Folder) {
    let (code, said) = switch(folder, &[]);
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.contains("SITES_MISSING") && said.contains("town"),
        "{said}"
    );
    assert!(!said.contains("hospital"), "{said}");
    assert_eq!(switch(folder, &["twon"]).0, Some(2), "a name that is none");
    assert_eq!(
        status(folder)["next_epoch"]["state"],
        "open",
        "nothing has changed"
    );
    let (code, said) = switch(folder, &["town"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains(r#""result":"done""#), "{said}");
    let (code, said) = switch(folder, &[]);
    assert_eq!(code, Some(0), "a repeat: {said}");
    assert!(said.contains(r#""result":"repeated""#), "{said}");
    let now = status(folder);
    assert_eq!(now["next_epoch"]["state"], "in-force", "{now}");
    assert_eq!(
        (&now["epoch"], &now["epoch_in_force"]),
        (&1.into(), &2.into())
    );
}

async fn pseudonyms_of_old_release(folder: &Folder, service: &Service, run: &Run) -> usize {
    let request = linkage_proto::v1::GetRunRequest {
        run_id: run.run_id.clone(),
    };
    let found = crate::client::linkage(folder, service, crate::process::RESEARCH)
        .get_run(request)
        .await;
    assert_eq!(found.expect("is there").into_inner().run_id, run.run_id);
    let text = fs::read_dir(folder.path().join("data/releases")).expect("reads");
    let name = text
        .map(|entry| {
            entry
                .expect("reads")
                .file_name()
                .into_string()
                .expect("a name")
        })
        .next()
        .expect("a release");
    let release = linkage_proto::v1::Release {
        release_id: name.trim_end_matches(".release").to_owned(),
        ..Default::default()
    };
    rows(folder, service, &release, 0).await.len()
}

/// Each log names the other, and both are whole.
fn both_logs_say_so(folder: &Folder) {
    let output = folder.run(&["audit", "export", "--config", "appliance.toml"]);
    let older = String::from_utf8(output.stdout).expect("text");
    let end = older
        .lines()
        .find(|line| line.contains(r#""operation":"end-epoch""#))
        .expect("an entry");
    assert!(
        end.contains(r#""next-log":"musubi.test/demo/epoch-2""#),
        "{end}"
    );
    assert!(end.contains(r#""without":"town""#), "{end}");
    assert!(end.contains(r#""sites-missing":1"#), "{end}");
    // The newer epoch alone, as its operator will configure it one day.
    let text = fs::read_to_string(folder.config()).expect("reads");
    let (head, rest) = text.split_once("[next]").expect("a section");
    let (_, callers) = rest.split_once("[[caller]]").expect("callers");
    let alone = format!("{head}[[caller]]{callers}")
        .replace(
            "origin = \"musubi.test/demo\"",
            "origin = \"musubi.test/demo/epoch-2\"",
        )
        .replace("data = \"data\"", "data = \"data-2\"")
        .replace("epoch = 1", "epoch = 2")
        .replace("enrolment.signed", "enrolment-2.signed")
        .replace(keys::INVENTORY, keys::NEXT_INVENTORY);
    let path = folder.path().join("alone.toml");
    fs::write(&path, alone).expect("writes");
    let output = folder.run(&["audit", "export", "--config", "alone.toml"]);
    let newer = String::from_utf8(output.stdout).expect("text");
    let begin = newer
        .lines()
        .find(|line| line.contains(r#""operation":"begin-epoch""#))
        .expect("an entry");
    assert!(
        begin.contains(r#""former-log":"musubi.test/demo""#),
        "{begin}"
    );
    assert!(begin.contains(r#""former-log-root":""#), "{begin}");
    for config in ["appliance.toml", "alone.toml"] {
        let output = folder.run(&["audit", "verify", "--config", config]);
        assert!(output.status.success(), "{config}");
    }
    // The older epoch alone has ended.
    let ended = format!("{head}[[caller]]{callers}");
    fs::write(folder.path().join("ended.toml"), ended).expect("writes");
    let output = folder.run(&["serve", "--config", "ended.toml"]);
    let said = String::from_utf8(output.stderr).expect("text");
    assert_eq!(output.status.code(), Some(64), "{said}");
    assert!(said.contains("OTHER_EPOCH"), "{said}");
}

#[tokio::test]
async fn what_does_not_follow_is_refused_before_a_port_opens() {
    let Some(folder) = Folder::new() else { return };
    folder.open_next(&SITES);
    let good = fs::read_to_string(folder.config()).expect("reads");
    for (from, to, expected) in [
        (
            keys::NEXT_INVENTORY,
            keys::OTHER_INVENTORY,
            "pseudonyms would change",
        ),
        (
            keys::NEXT_INVENTORY,
            keys::INVENTORY,
            "another project or key epoch",
        ),
        (
            "enrolment-2.signed",
            "enrolment.signed",
            "another project or key epoch",
        ),
        ("epoch = 2", "epoch = 3", "another project or key epoch"),
    ] {
        fs::write(folder.config(), good.replacen(from, to, 1)).expect("writes");
        let output = folder.run(&["serve", "--config", "appliance.toml"]);
        let said = String::from_utf8(output.stderr).expect("text");
        assert_eq!(output.status.code(), Some(64), "{to}: {said}");
        assert!(said.contains(expected), "{to}: {said}");
        assert!(!folder.path().join("ports.json").exists(), "{to}");
    }
    // Begun as the next epoch, it cannot be served alone before it is in force.
    fs::write(folder.config(), &good).expect("writes");
    assert!(folder.serve().stop().success());
    let (head, rest) = good.split_once("[next]").expect("a section");
    let (_, callers) = rest.split_once("[[caller]]").expect("callers");
    let alone = format!("{head}[[caller]]{callers}")
        .replace(
            "origin = \"musubi.test/demo\"",
            "origin = \"musubi.test/demo/epoch-2\"",
        )
        .replace("data = \"data\"", "data = \"data-2\"")
        .replace("epoch = 1", "epoch = 2")
        .replace("enrolment.signed", "enrolment-2.signed")
        .replace(keys::INVENTORY, keys::NEXT_INVENTORY);
    fs::write(folder.config(), alone).expect("writes");
    let output = folder.run(&["serve", "--config", "appliance.toml"]);
    let said = String::from_utf8(output.stderr).expect("text");
    assert_eq!(output.status.code(), Some(64), "{said}");
    assert!(said.contains("not in force yet"), "{said}");
}

#[tokio::test]
async fn a_site_revoked_in_one_epoch_is_out_of_both() {
    let Some(folder) = Folder::new() else { return };
    folder.open_next(&SITES);
    let service = folder.serve();
    let mut list = keys::enrolment(keys::NEXT, keys::NEXT_CHECK, &SITES);
    let hospital = linker_token::SiteId::parse("hospital").expect("a name");
    list.revoke(&hospital, 1).expect("is listed");
    keys::publish(folder.path(), "enrolment-2.signed", &list);
    service.signal("-HUP");
    until(|| folder.log().contains("read again")).await;
    for sealed in [
        old(&folder, "hospital", &[1]),
        new(&folder, "hospital", &[1], (0, true)),
    ] {
        let refused = send(&folder, &service, "hospital", &sealed).await;
        assert_eq!(
            reason(refused),
            (Code::PermissionDenied, "SITE_REVOKED".into())
        );
    }
    let town = new(&folder, "town", &[1], (0, true));
    send(&folder, &service, "town", &town)
        .await
        .expect("is not revoked");
}

/// A revocation that only the older epoch's list has stands in the way of the change, and comes along.
#[tokio::test]
async fn a_revocation_goes_with_the_site_into_the_next_epoch() {
    let Some(folder) = Folder::new() else { return };
    folder.open_next(&SITES);
    let town = linker_token::SiteId::parse("town").expect("a name");
    let list = |epoch, check, revoked: bool| {
        let mut list = keys::enrolment(epoch, check, &SITES);
        if revoked {
            list.revoke(&town, 1).expect("is listed");
        }
        list
    };
    let first = list(keys::EPOCH, keys::CHECK, true);
    keys::publish(folder.path(), "enrolment.signed", &first);
    let service = folder.serve();
    let town_calls = new(&folder, "town", &[1], (0, true));
    let refused = send(&folder, &service, "town", &town_calls).await;
    assert_eq!(reason(refused).1, "SITE_REVOKED");
    assert!(service.stop().success());
    let (code, said) = switch(&folder, &[]);
    assert_eq!(code, Some(64), "{said}");
    assert!(
        said.contains("OLD_ENROLMENT") && said.contains("town"),
        "{said}"
    );
    let second = list(keys::NEXT, keys::NEXT_CHECK, true);
    keys::publish(folder.path(), "enrolment-2.signed", &second);
    assert_eq!(switch(&folder, &[]).0, Some(0));
    // The older list of the next epoch cannot bring the site back either.
    let without = list(keys::NEXT, keys::NEXT_CHECK, false);
    keys::publish(folder.path(), "enrolment-2.signed", &without);
    let output = folder.run(&["serve", "--config", "appliance.toml"]);
    let said = String::from_utf8(output.stderr).expect("text");
    assert_eq!(output.status.code(), Some(64), "{said}");
    assert!(said.contains("OLD_ENROLMENT"), "{said}");
}
