//! Revoked sites: refused from the reload on, noted, never taken back in by an older list, and nobody else
//! notices.

use std::fs;

use keymgmt_custody::{Custody as _, enrolment::Enrolment, software::SoftwareCustody};
use linkage_proto::v1::{GetPolicyRequest, GetReceiptRequest, UploadMessage};
use linker_token::SiteId;
use tokio::sync::mpsc::{Sender, channel};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Status};

use crate::{
    batches::{Sealed, batch, manifest, seal},
    client::{get, intake, reason, until},
    keys,
    process::{DESK, Folder, HOSPITAL, Service, TOWN},
};

const SITES: [&str; 3] = ["hospital", "town", "consultation"];

fn site(name: &str) -> SiteId {
    SiteId::parse(name).expect("a name")
}

fn list() -> Enrolment {
    keys::enrolment(keys::EPOCH, keys::CHECK, &SITES)
}

fn revoked(names: &[&str]) -> Enrolment {
    let mut list = list();
    for name in names {
        list.revoke(&site(name), 1_700_000_000).expect("is listed");
    }
    list
}

async fn reload(folder: &Folder, service: &Service, list: &Enrolment) {
    let said = |text: &str| folder.log().matches(text).count();
    let before = said("read again");
    keys::publish(folder.path(), "enrolment.signed", list);
    service.signal("-HUP");
    until(|| said("read again") > before).await;
}

fn sealed(folder: &Folder, site: &str) -> Sealed {
    // Eight thousand rows are two chunks.
    let batch = batch(site, 0..8000);
    seal(folder.path(), &batch, manifest(site, &batch))
}

/// An upload whose messages are sent one by one.
fn slowly(
    folder: &Folder,
    service: &Service,
    uri: &str,
) -> (
    Sender<UploadMessage>,
    tokio::task::JoinHandle<Result<linkage_proto::v1::Receipt, Status>>,
) {
    let (sender, receiver) = channel(1);
    let mut client = intake(folder, service, uri);
    let upload = tokio::spawn(async move {
        let answer = client.upload_batch(ReceiverStream::new(receiver)).await;
        answer.map(tonic::Response::into_inner)
    });
    (sender, upload)
}

#[tokio::test]
async fn a_revoked_site_is_out_at_once_and_others_go_on() {
    let Some(folder) = Folder::new() else { return };
    let service = folder.serve();
    let (of_town, of_hospital) = (sealed(&folder, "town"), sealed(&folder, "hospital"));
    let (town, town_upload) = slowly(&folder, &service, TOWN);
    let (hospital, hospital_upload) = slowly(&folder, &service, HOSPITAL);
    for (sender, sealed) in [(&town, &of_town), (&hospital, &of_hospital)] {
        for message in sealed.messages(0).into_iter().take(2) {
            sender.send(message).await.expect("is taken");
        }
    }
    let begun = || fs::read_dir(folder.path().join("data/uploads")).map_or(0, Iterator::count);
    until(|| begun() == 2).await;

    reload(&folder, &service, &revoked(&["hospital"])).await;
    let refused = (Code::PermissionDenied, "SITE_REVOKED".to_owned());
    let policy = || GetPolicyRequest { epoch: 0 };
    let calls = intake(&folder, &service, HOSPITAL)
        .get_policy(policy())
        .await;
    assert_eq!(reason(calls), refused);
    let upload = intake(&folder, &service, HOSPITAL)
        .upload_batch(of_hospital.stream())
        .await;
    assert_eq!(reason(upload), refused);
    let receipt = GetReceiptRequest {
        batch_id: of_hospital.batch_id(),
        checkpoint_size_seen: 0,
    };
    let receipt = intake(&folder, &service, HOSPITAL)
        .get_receipt(receipt)
        .await;
    assert_eq!(reason(receipt), refused);
    // What was under way ends at its next chunk, and the other site's goes on to its end.
    let rest = |sealed: &Sealed| sealed.messages(0).pop().expect("a chunk");
    hospital.send(rest(&of_hospital)).await.expect("is taken");
    drop(hospital);
    assert_eq!(reason(hospital_upload.await.expect("ends")), refused);
    town.send(rest(&of_town)).await.expect("is taken");
    drop(town);
    let receipt = town_upload.await.expect("ends").expect("is admitted");
    assert_eq!(receipt.rows_admitted, 8000);
    let town = intake(&folder, &service, TOWN).get_policy(policy()).await;
    town.expect("is not revoked");

    let metrics = get(service.admin, "/metrics");
    assert!(metrics.contains("musubi_sites_revoked 1"), "{metrics}");
    assert!(
        metrics.contains("musubi_revoked_site_calls_total 3"),
        "{metrics}"
    );
    assert!(service.stop().success());
    let log = folder.run(&["audit", "export", "--config", "appliance.toml"]);
    let log = String::from_utf8(log.stdout).expect("text");
    let lines = |operation: &str, result: &str| {
        let operation = format!(r#""operation":"{operation}","subject":"hospital""#);
        let result = format!(r#""result":"{result}""#);
        let found = log.lines().filter(|line| line.contains(&operation));
        found.filter(|line| line.contains(&result)).count()
    };
    assert_eq!(lines("revoke-site", "ok"), 1, "{log}");
    assert_eq!(lines("refuse-site", "SITE_REVOKED"), 3, "{log}");
    let said = folder.run(&["check-config", "--config", "appliance.toml"]);
    let said = String::from_utf8(said.stdout).expect("text");
    assert!(said.contains("sites     2 enrolled, 1 revoked"), "{said}");
}

#[tokio::test]
async fn an_older_list_does_not_bring_a_site_back_and_new_keys_do() {
    let Some(folder) = Folder::new() else { return };
    keys::publish(folder.path(), "enrolment.signed", &revoked(&["hospital"]));
    let service = folder.serve();
    // The list of before is signed as well as the new one.
    keys::publish(folder.path(), "enrolment.signed", &list());
    service.signal("-HUP");
    until(|| folder.log().contains("OLD_ENROLMENT")).await;
    let policy = || GetPolicyRequest { epoch: 0 };
    let call = intake(&folder, &service, HOSPITAL)
        .get_policy(policy())
        .await;
    assert_eq!(
        reason(call),
        (Code::PermissionDenied, "SITE_REVOKED".into())
    );
    assert!(service.stop().success());
    let output = folder.run(&["serve", "--config", "appliance.toml"]);
    let said = String::from_utf8(output.stderr).expect("text");
    assert_eq!(output.status.code(), Some(64), "{said}");
    assert!(
        said.contains("error [OLD_ENROLMENT]") && said.contains("hospital"),
        "{said}"
    );

    let mut anew = list();
    let entry = anew.sites.get_mut(&site("hospital")).expect("is listed");
    let other = SoftwareCustody::danger_for_tests(77);
    entry.sign_spki = other.audit_public_key().to_vec();
    keys::publish(folder.path(), "enrolment.signed", &anew);
    let service = folder.serve();
    let call = intake(&folder, &service, HOSPITAL)
        .get_policy(policy())
        .await;
    call.expect("new keys are not revoked");
    // Its old keys still sign nothing.
    let batch = sealed(&folder, "hospital");
    let upload = intake(&folder, &service, HOSPITAL)
        .upload_batch(batch.stream())
        .await;
    assert_eq!(
        reason(upload),
        (Code::InvalidArgument, "BAD_SIGNATURE".into())
    );
}

#[tokio::test]
async fn a_site_that_hammers_does_not_fill_the_log_and_a_desk_can_be_revoked() {
    let Some(folder) = Folder::new() else { return };
    keys::publish(
        folder.path(),
        "enrolment.signed",
        &revoked(&["hospital", "consultation"]),
    );
    let service = folder.serve();
    let mut client = intake(&folder, &service, HOSPITAL);
    for _ in 0..20 {
        let call = client.get_policy(GetPolicyRequest { epoch: 0 }).await;
        assert_eq!(reason(call).1, "SITE_REVOKED");
    }
    let question = linkage_proto::v1::ResolveTokenRequest::default();
    let asked = crate::client::linkage(&folder, &service, DESK)
        .resolve_token(question)
        .await;
    assert_eq!(
        reason(asked),
        (Code::PermissionDenied, "SITE_REVOKED".into())
    );
    assert!(service.stop().success());
    let log = folder.run(&["audit", "export", "--config", "appliance.toml"]);
    let log = String::from_utf8(log.stdout).expect("text");
    assert_eq!(
        log.matches(r#""operation":"refuse-site""#).count(),
        5,
        "{log}"
    );
}
