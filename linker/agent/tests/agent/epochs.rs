//! Two key epochs at one site, the end of the older one, and what custodians and appliance refuse.

use std::{fs, process::Output};

use keymgmt_custody::{Oaep, challenge, deletion::DeletionStatement};
use linker_token::{Epoch, ProjectId, RecordRef};

use crate::{
    keys::code_of,
    support::{
        appliance::{Appliance, Forgery, Stop},
        site::{EPOCH, Site, text},
    },
    upload::killed_at,
};

const NEXT: u32 = EPOCH + 1;

/// Runs and returns the summary and what was said beside it.
async fn run(site: &Site) -> (serde_json::Value, String) {
    let mut command = site.command(&["run", "--json"]);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap());
    let output = output.await.unwrap();
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    (serde_json::from_slice(&output.stdout).unwrap(), said)
}

fn status(site: &Site) -> serde_json::Value {
    let output = site.run(&["status", "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn forget(site: &Site, epoch: u32, more: &[&str]) -> Output {
    let number = epoch.to_string();
    let mut arguments = vec!["forget-key", "--epoch", &number];
    arguments.extend(more);
    site.run(&arguments)
}

fn accept(site: &Site, package: &[u8]) -> Output {
    site.write("site.pkg", package);
    let path = site.path("site.pkg");
    site.run(&["accept-key", path.to_str().unwrap()])
}

/// References of all rows that the appliance has under an epoch, sorted.
fn references(appliance: &Appliance, epoch: u32) -> Vec<RecordRef> {
    let inner = appliance.lock();
    let batches = inner.batches.values();
    let of = batches.filter(|(manifest, ..)| manifest.epoch == Epoch(epoch));
    let mut all: Vec<_> = of
        .flat_map(|(_, tokens, _)| tokens.references().to_vec())
        .collect();
    all.sort_unstable();
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn a_site_moves_over_to_the_next_epoch_and_forgets_the_old_key() {
    let appliance = Appliance::start().await;
    let site = Site::enrolled(&appliance);
    site.people(50);
    assert_eq!(run(&site).await.0["epoch"], EPOCH);
    let first = site.package(&appliance, Epoch(EPOCH));
    site.accept(&appliance, Epoch(NEXT));
    let now = status(&site);
    assert_eq!(now["package"]["epoch"], NEXT, "{now}");
    assert_eq!(now["older_epochs"], serde_json::json!([EPOCH]));

    // The appliance does not take it yet.
    let (done, said) = run(&site).await;
    assert_eq!(
        (&done["epoch"], &done["batches_sent"]),
        (&EPOCH.into(), &0.into())
    );
    assert!(said.contains("does not take key epoch 8 yet"), "{said}");
    let in_use = (Some(1), "KEY_IN_USE".to_owned());
    assert_eq!(
        code_of(&forget(&site, EPOCH, &[])),
        in_use,
        "nothing was sent under 8"
    );

    appliance.lock().other_epochs = vec![NEXT];
    let (done, said) = run(&site).await;
    assert_eq!(
        (&done["epoch"], &done["batches_sent"]),
        (&NEXT.into(), &1.into())
    );
    assert!(
        said.contains("every record is encoded and sent anew"),
        "{said}"
    );
    assert_eq!(references(&appliance, EPOCH), references(&appliance, NEXT));
    assert_eq!(references(&appliance, NEXT).len(), 50);
    let (again, said) = run(&site).await;
    assert_eq!(again["batches_known"], 1);
    assert!(!said.contains("anew"), "{said}");

    let package = site.path("state/epochs/7/package.pkg");
    let output = forget(&site, EPOCH, &[]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(!package.exists());
    let signed = fs::read_to_string(site.path("state/epochs/7/deletion.note")).unwrap();
    let statement = DeletionStatement::parse_verified(&signed, &site.request().sign_spki).unwrap();
    assert_eq!(
        (statement.epoch, statement.site.as_str()),
        (Epoch(EPOCH), "hospital")
    );
    assert!(text(&output.stdout).contains(&statement.secret_check.to_string()));
    let now = status(&site);
    assert_eq!(now["forgotten_epochs"], serde_json::json!([EPOCH]));
    assert_eq!(now["older_epochs"], serde_json::json!([]));
    assert_eq!(run(&site).await.0["epoch"], NEXT);

    // The package of before cannot bring the key back.
    let refused = (Some(1), "PACKAGE_REFUSED".to_owned());
    assert_eq!(code_of(&accept(&site, &first)), refused);
    assert!(!package.exists());
    assert_eq!(code_of(&forget(&site, EPOCH, &[])).1, "NO_PACKAGE");
    assert_eq!(code_of(&forget(&site, NEXT, &[])), in_use, "the newest one");
    assert_eq!(forget(&site, NEXT, &["--last"]).status.code(), Some(0));
    site.refused(64, "NO_PACKAGE").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_key_is_forgotten_while_batches_under_it_wait() {
    let appliance = Appliance::start().await;
    let site = Site::enrolled(&appliance);
    site.people(50);
    killed_at(&site, &appliance, Stop::Chunk(0)).await;
    site.accept(&appliance, Epoch(NEXT));
    for more in [&[][..], &["--last"]] {
        let output = forget(&site, EPOCH, more);
        assert_eq!(code_of(&output), (Some(1), "KEY_IN_USE".to_owned()));
        assert!(text(&output.stderr).contains("wait to be sent"));
    }
    assert!(site.path("state/epochs/7/package.pkg").exists());
}

/// Killed after the note of what is destroyed, before and after the package was gone.
#[tokio::test(flavor = "multi_thread")]
async fn forgetting_that_was_cut_off_is_ended_by_a_repeat() {
    let appliance = Appliance::start().await;
    for gone in [false, true] {
        let site = Site::enrolled(&appliance);
        let check = status(&site)["package"]["check_value"].clone();
        let plan = serde_json::json!({ "project": "demo", "check_value": check });
        site.write("state/epochs/7/forgetting.json", plan.to_string());
        let package = site.package(&appliance, Epoch(EPOCH));
        if gone {
            fs::remove_file(site.path("state/epochs/7/package.pkg")).unwrap();
        }
        // Nothing can come in between.
        assert_eq!(code_of(&accept(&site, &package)).1, "PACKAGE_REFUSED");
        let output = forget(&site, EPOCH, &[]);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        assert_eq!(site.files("state/epochs/7"), ["deletion.note"]);
        let signed = fs::read_to_string(site.path("state/epochs/7/deletion.note")).unwrap();
        let key = site.request().sign_spki;
        let statement = DeletionStatement::parse_verified(&signed, &key).unwrap();
        assert_eq!(statement.secret_check.to_string(), check.as_str().unwrap());
    }
}

/// An expired package is destroyed as well as any other.
#[tokio::test(flavor = "multi_thread")]
async fn the_key_of_an_expired_package_can_be_forgotten() {
    let appliance = Appliance::start().await;
    let site = Site::enrolled(&appliance);
    let expired = site.package_with(&appliance, Epoch(EPOCH), |content| {
        content.expires_unix_s = 1000;
    });
    site.write("state/epochs/7/package.pkg", expired);
    assert_eq!(status(&site)["package_state"], "PACKAGE_REFUSED");
    assert_eq!(forget(&site, EPOCH, &["--last"]).status.code(), Some(0));
}

/// The state folder as earlier versions left it.
#[tokio::test(flavor = "multi_thread")]
async fn a_folder_of_one_epoch_is_taken_over() {
    let appliance = Appliance::start().await;
    let site = Site::enrolled(&appliance);
    site.people(50);
    site.upload(0).await;
    appliance.grow(3);
    site.people(51);
    site.upload(0).await;
    let kept = status(&site);
    for name in ["package.pkg", "checkpoint.json"] {
        let from = site.path("state/epochs/7").join(name);
        fs::rename(from, site.path("state").join(name)).unwrap();
    }
    fs::remove_dir(site.path("state/epochs/7")).unwrap();
    fs::remove_dir(site.path("state/epochs")).unwrap();
    site.write("state/policy.json", r#"{"batch_rows_max":65536}"#);
    assert_eq!(status(&site), kept, "reading needs no change");
    let (done, said) = run(&site).await;
    assert_eq!(
        (&done["batches_known"], &done["batches_sent"]),
        (&1.into(), &0.into())
    );
    assert!(!said.contains("anew"), "{said}");
    assert_eq!(
        site.files("state/epochs/7"),
        ["checkpoint.json", "package.pkg"]
    );
    assert!(!site.path("state/package.pkg").exists());
    assert!(!site.path("state/checkpoint.json").exists());
    // The checkpoint came along: a log that was rolled back behind it is noticed.
    site.people(52);
    appliance.lock().forgery = Some(Forgery::Fork);
    site.refused(1, "CHECKPOINT_FORKED").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn packages_that_would_take_something_back_are_refused() {
    let appliance = Appliance::start().await;
    let site = Site::enrolled(&appliance);
    let newer = site.package_with(&appliance, Epoch(EPOCH), |content| {
        content.issued_unix_s = 2000;
    });
    assert_eq!(accept(&site, &newer).status.code(), Some(0));
    let refused = (Some(1), "PACKAGE_REFUSED".to_owned());
    for (package, said) in [
        (
            site.package(&appliance, Epoch(EPOCH)),
            "a newer package of this epoch is kept already",
        ),
        (
            site.package_with(&appliance, Epoch(NEXT), |content| {
                content.project = ProjectId::parse("other").unwrap();
            }),
            "it is for another project",
        ),
        (
            site.package_with(&appliance, Epoch(NEXT), |content| {
                content.expires_unix_s = 1000;
            }),
            "EXPIRED",
        ),
        (
            site.package_with(&appliance, Epoch(NEXT), |content| {
                content.issued_unix_s = 3_900_000_000;
            }),
            "EXPIRED",
        ),
        (
            site.package_with(&appliance, Epoch(NEXT), |content| {
                content.site = linker_token::SiteId::parse("town").unwrap();
            }),
            "FOREIGN_PACKAGE",
        ),
    ] {
        let output = accept(&site, &package);
        assert_eq!(code_of(&output), refused, "{said}");
        assert!(
            text(&output.stderr).contains(said),
            "{}",
            text(&output.stderr)
        );
    }
    let kept = fs::read(site.path("state/epochs/7/package.pkg")).unwrap();
    assert_eq!(kept, newer);
    assert_eq!(site.files("state/epochs"), ["7"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_site_is_told_so_in_the_clerk_s_language() {
    let appliance = Appliance::start().await;
    let site = Site::enrolled(&appliance);
    site.people(10);
    appliance.lock().refusal = Some(("SITE_REVOKED", 2));
    let object = site.refused(77, "SITE_REVOKED").await;
    let advice = object["advice"].as_str().unwrap();
    assert!(advice.contains("call the custodians"), "{advice}");
    assert_eq!(
        site.files("state/outbox").len(),
        1,
        "what is sealed is kept"
    );
    let mut command = site.command(&["run"]);
    command.env("LC_ALL", "ja_JP.UTF-8");
    let output = tokio::task::spawn_blocking(move || command.output().unwrap());
    let output = output.await.unwrap();
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(77), "{said}");
    assert!(
        said.contains("登録は、鍵管理者により取り消されています"),
        "{said}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_custodians_challenge_is_answered() {
    let appliance = Appliance::start().await;
    let (site, other) = (Site::new(&appliance), Site::new(&appliance));
    for site in [&site, &other] {
        assert_eq!(site.run(&["enrol"]).status.code(), Some(0));
    }
    let answer = |bytes: &str| {
        site.write("site.challenge", bytes);
        let path = site.path("site.challenge");
        site.run(&["answer-challenge", path.to_str().unwrap()])
    };
    let issued = challenge::issue(&site.request(), Oaep::Sha256).unwrap();
    let foreign = challenge::issue(&other.request(), Oaep::Sha256).unwrap();
    let refused = (Some(1), "CHALLENGE_REFUSED".to_owned());
    for bad in [&foreign.file[..], "", &issued.file[..40]] {
        assert_eq!(code_of(&answer(bad)), refused);
        assert!(!site.path("state/challenge-answer.note").exists());
    }
    let output = answer(&issued.file);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let note = fs::read_to_string(site.path("state/challenge-answer.note")).unwrap();
    challenge::verify(&note, &site.request(), &issued.commitment).unwrap();
}
