//! Uploads: what is admitted, what is refused and why, and what a repeat gets.

use std::fs;

use appliance_server::limits;
use keymgmt_custody::audit::{Checkpoint, verify_consistency, verify_receipt};
use linkage_proto::v1::{
    GetPolicyRequest, GetReceiptRequest, GetUploadStateRequest, Receipt, UploadMessage, UploadState,
};
use linker_token::{CheckValue, Epoch, Flags, Manifest, ProjectId, Schema, SchemaDigest, SiteId};
use tonic::{Code, Status};

use crate::{
    batches::{self, Sealed, batch, chunk, manifest, seal},
    client::{get, intake, linkage, reason, until},
    keys,
    process::{Folder, HOSPITAL, OPERATOR, Service, TOWN},
};

async fn upload(
    folder: &Folder,
    service: &Service,
    messages: Vec<UploadMessage>,
) -> Result<Receipt, Status> {
    let mut client = intake(folder, service, HOSPITAL);
    let answer = client.upload_batch(tokio_stream::iter(messages)).await;
    answer.map(tonic::Response::into_inner)
}

async fn state(folder: &Folder, service: &Service, uri: &str, sealed: &Sealed) -> UploadState {
    let request = GetUploadStateRequest {
        batch_id: sealed.batch_id(),
    };
    let answer = intake(folder, service, uri).get_upload_state(request).await;
    answer.expect("answers").into_inner()
}

/// An upload that ends after its first chunk.
async fn interrupt(folder: &Folder, service: &Service, sealed: &Sealed) {
    let mut messages = sealed.messages(0);
    messages.truncate(2);
    let refused = upload(folder, service, messages).await;
    assert_eq!(reason(refused), (Code::Aborted, "INCOMPLETE".into()));
}

/// Eight thousand rows are two chunks.
fn good(folder: &Folder) -> Sealed {
    let batch = batch("hospital", 0..8000);
    seal(folder.path(), &batch, manifest("hospital", &batch))
}

fn changed(folder: &Folder, change: impl FnOnce(&mut Manifest)) -> Sealed {
    let batch = batch("hospital", 0..10);
    let mut manifest = manifest("hospital", &batch);
    change(&mut manifest);
    seal(folder.path(), &batch, manifest)
}

#[tokio::test]
async fn a_batch_is_admitted_once_and_its_receipt_proves_it() {
    let Some(folder) = Folder::new() else { return };
    let service = folder.serve();
    let mut client = intake(&folder, &service, HOSPITAL);
    let policy = client
        .get_policy(GetPolicyRequest { epoch: 0 })
        .await
        .expect("answers")
        .into_inner();
    assert_eq!(policy.project, "demo");
    assert_eq!(policy.epoch, 1);
    assert_eq!(policy.schema_digest, Schema::jp_1().digest().0);
    let sealed = good(&folder);
    assert_eq!(sealed.chunks.len(), 2);
    let first = upload(&folder, &service, sealed.messages(0))
        .await
        .expect("admitted");
    assert_eq!((first.rows_admitted, first.rows_quarantined), (8000, 0));
    assert_eq!(first.batch_id, sealed.batch_id());
    prove(&folder, &first);
    let entry = String::from_utf8(first.audit_entry.clone()).expect("text");
    assert!(
        entry.contains(&sealed.manifest.batch_id().to_string()),
        "{entry}"
    );
    let again = upload(&folder, &service, sealed.messages(0))
        .await
        .expect("admitted");
    assert_eq!(again, first);
    assert!(state(&folder, &service, HOSPITAL, &sealed).await.accepted);
    let request = || GetReceiptRequest {
        batch_id: sealed.batch_id(),
        checkpoint_size_seen: 0,
    };
    let shown = client
        .get_receipt(request())
        .await
        .expect("answers")
        .into_inner();
    assert_eq!(shown, first);
    let foreign = intake(&folder, &service, TOWN).get_receipt(request()).await;
    assert_eq!(reason(foreign), (Code::NotFound, "NOT_FOUND".into()));
    assert!(!state(&folder, &service, TOWN, &sealed).await.accepted);
    assert!(service.stop().success());
    let service = folder.serve();
    let after = upload(&folder, &service, sealed.messages(0))
        .await
        .expect("admitted");
    assert_eq!(
        (after.audit_index, &after.audit_entry),
        (first.audit_index, &first.audit_entry)
    );
    prove(&folder, &after);
    assert!(!folder.log().contains("error"), "{}", folder.log());
}

#[tokio::test]
async fn a_receipt_shows_that_the_log_only_grew() {
    let Some(folder) = Folder::new() else { return };
    let service = folder.serve();
    let first = changed(&folder, |_| ());
    let first = upload(&folder, &service, first.messages(0))
        .await
        .expect("admitted");
    assert!(first.consistency_proof.is_empty(), "nothing was seen");
    let mut second = changed(&folder, |m| m.sequence = 1);
    second.header.checkpoint_size_seen = 2;
    let second = upload(&folder, &service, second.messages(0))
        .await
        .expect("admitted");
    let checkpoint = |receipt: &Receipt| {
        Checkpoint::verify(&receipt.checkpoint, "musubi.test/demo", &audit_key(&folder))
            .expect("is signed")
    };
    let (old, new) = (checkpoint(&first), checkpoint(&second));
    assert_eq!((old.size, new.size), (2, 4));
    let (before, after) = ((old.size, &old.root), (new.size, &new.root));
    verify_consistency(before, after, &hashes(&second.consistency_proof)).expect("it only grew");
    for (seen, proof) in [
        (0, vec![]),
        (2, second.consistency_proof.clone()),
        (4, vec![]),
        (5, vec![]),
        (u64::MAX, vec![]),
    ] {
        let request = GetReceiptRequest {
            batch_id: second.batch_id.clone(),
            checkpoint_size_seen: seen,
        };
        let mut client = intake(&folder, &service, HOSPITAL);
        let receipt = client.get_receipt(request).await.expect("answers");
        assert_eq!(receipt.into_inner().consistency_proof, proof, "{seen}");
    }
}

fn hashes(proof: &[Vec<u8>]) -> Vec<[u8; 32]> {
    let hash = |hash: &Vec<u8>| hash.as_slice().try_into().expect("a hash");
    proof.iter().map(hash).collect()
}

fn audit_key(folder: &Folder) -> Vec<u8> {
    let inventory = keys::inventory(folder.path());
    let ask = inventory.key("ask").expect("is there");
    let keymgmt_custody::inventory::KeyProof::P256(spki) = &ask.proof else {
        panic!("ASK is a P-256 key")
    };
    spki.clone()
}

fn prove(folder: &Folder, receipt: &Receipt) {
    let spki = audit_key(folder);
    let proof = hashes(&receipt.inclusion_proof);
    verify_receipt(
        &receipt.audit_entry,
        receipt.audit_index,
        &receipt.checkpoint,
        &proof,
        "musubi.test/demo",
        &spki,
    )
    .expect("the receipt proves admission");
}

#[tokio::test]
async fn headers_are_refused_with_their_reason_and_nothing_is_kept() {
    let Some(folder) = Folder::new() else { return };
    let service = folder.serve();
    type Change = fn(&mut Manifest);
    let cases: [(Change, Code, &str); 7] = [
        (
            |m| m.epoch = Epoch(2),
            Code::FailedPrecondition,
            "WRONG_EPOCH",
        ),
        (
            |m| m.schema = SchemaDigest([1; 32]),
            Code::FailedPrecondition,
            "WRONG_SCHEMA",
        ),
        (
            |m| m.secret_check = CheckValue([8; 8]),
            Code::FailedPrecondition,
            "WRONG_SECRET",
        ),
        (
            |m| m.project = ProjectId::parse("other").expect("a good name"),
            Code::FailedPrecondition,
            "WRONG_PROJECT",
        ),
        (
            |m| m.site = SiteId::parse("town").expect("a good name"),
            Code::PermissionDenied,
            "FOREIGN_SITE",
        ),
        (|m| m.rows = 65_537, Code::OutOfRange, "TOO_LARGE"),
        (|m| m.rows = 0, Code::InvalidArgument, "MALFORMED"),
    ];
    for (change, code, name) in cases {
        let sealed = changed(&folder, change);
        let refused = upload(&folder, &service, sealed.messages(0)).await;
        assert_eq!(reason(refused), (code, name.into()));
        assert_eq!(
            state(&folder, &service, HOSPITAL, &sealed)
                .await
                .next_sequence,
            0
        );
    }
    let mut sealed = good(&folder);
    sealed.header.signature[5] ^= 1;
    let refused = upload(&folder, &service, sealed.messages(0)).await;
    assert_eq!(
        reason(refused),
        (Code::InvalidArgument, "BAD_SIGNATURE".into())
    );
    let mut sealed = good(&folder);
    sealed.header.chunk_count = 3;
    let refused = upload(&folder, &service, sealed.messages(0)).await;
    assert_eq!(reason(refused), (Code::InvalidArgument, "MALFORMED".into()));
    let mut sealed = good(&folder);
    sealed.header.manifest.push(0);
    let refused = upload(&folder, &service, sealed.messages(0)).await;
    assert_eq!(reason(refused), (Code::InvalidArgument, "MALFORMED".into()));
    let refused = upload(&folder, &service, sealed.messages(0).split_off(1)).await;
    assert_eq!(reason(refused), (Code::InvalidArgument, "MALFORMED".into()));
    let uploads = fs::read_dir(folder.path().join("data/uploads")).expect("reads");
    assert_eq!(uploads.count(), 0, "nothing of a refused header is kept");
}

#[tokio::test]
async fn sites_that_are_not_enrolled_or_no_longer_are_refused() {
    let Some(folder) = Folder::new() else { return };
    keys::enrol(folder.path(), &["town"], keys::CHECK, u64::MAX / 2);
    let service = folder.serve();
    let sealed = good(&folder);
    let refused = upload(&folder, &service, sealed.messages(0)).await;
    assert_eq!(
        reason(refused),
        (Code::FailedPrecondition, "NOT_ENROLLED".into())
    );
    keys::enrol(folder.path(), &["hospital"], keys::CHECK, 1_700_000_000);
    service.signal("-HUP");
    until(|| folder.log().contains("read again")).await;
    let refused = upload(&folder, &service, sealed.messages(0)).await;
    assert_eq!(
        reason(refused),
        (Code::FailedPrecondition, "ENROLMENT_EXPIRED".into())
    );
}

#[tokio::test]
async fn chunks_come_whole_in_order_and_go_on_where_they_stopped() {
    let Some(folder) = Folder::new() else { return };
    let service = folder.serve();
    let sealed = good(&folder);
    let mut messages = sealed.messages(0);
    messages.truncate(2);
    let refused = upload(&folder, &service, messages.clone()).await;
    assert_eq!(reason(refused), (Code::Aborted, "INCOMPLETE".into()));
    assert_eq!(
        state(&folder, &service, HOSPITAL, &sealed)
            .await
            .next_sequence,
        1
    );
    assert_eq!(
        state(&folder, &service, TOWN, &sealed).await.next_sequence,
        0
    );
    let refused = upload(&folder, &service, messages.clone()).await;
    assert_eq!(reason(refused), (Code::Aborted, "OUT_OF_ORDER".into()));
    messages = sealed.messages(1);
    messages[1] = chunk(0, sealed.chunks[0].clone());
    let refused = upload(&folder, &service, messages).await;
    assert_eq!(reason(refused), (Code::Aborted, "OUT_OF_ORDER".into()));
    // A crash in the middle: what was durable is not asked for again.
    service.crash();
    let service = folder.serve();
    let progress = state(&folder, &service, HOSPITAL, &sealed).await;
    assert_eq!((progress.next_sequence, progress.accepted), (1, false));
    let receipt = upload(&folder, &service, sealed.messages(1))
        .await
        .expect("admitted");
    assert_eq!(receipt.rows_admitted, 8000);
}

#[tokio::test]
async fn a_flipped_bit_discards_the_batch_and_is_audited() {
    let Some(folder) = Folder::new() else { return };
    let service = folder.serve();
    let sealed = good(&folder);
    let mut flipped = sealed.clone();
    flipped.chunks[1][77] ^= 1;
    let refused = upload(&folder, &service, flipped.messages(0)).await;
    assert_eq!(
        reason(refused),
        (Code::InvalidArgument, "CORRUPT_CHUNK".into())
    );
    assert_eq!(
        state(&folder, &service, HOSPITAL, &sealed)
            .await
            .next_sequence,
        0
    );
    let mut swapped = sealed.clone();
    swapped.header.sealed_content_key[9] ^= 1;
    let refused = upload(&folder, &service, swapped.messages(0)).await;
    assert_eq!(
        reason(refused),
        (Code::InvalidArgument, "CORRUPT_CHUNK".into())
    );
    let receipt = upload(&folder, &service, sealed.messages(0))
        .await
        .expect("admitted");
    assert_eq!(receipt.rows_admitted, 8000);
    assert!(service.stop().success());
    let output = folder.run(&["audit", "export", "--config", "appliance.toml"]);
    let log = String::from_utf8(output.stdout).expect("text");
    assert_eq!(
        log.matches(r#""result":"CORRUPT_CHUNK""#).count(),
        2,
        "{log}"
    );
}

#[tokio::test]
async fn a_chunk_that_the_disk_lost_is_asked_for_again() {
    let Some(folder) = Folder::new() else { return };
    let service = folder.serve();
    let sealed = good(&folder);
    interrupt(&folder, &service, &sealed).await;
    let kept = folder
        .path()
        .join(format!("data/uploads/{}", sealed.manifest.batch_id()))
        .join("chunks");
    let mut bytes = fs::read(&kept).expect("reads");
    bytes[500] ^= 1;
    fs::write(&kept, bytes).expect("writes");
    let refused = upload(&folder, &service, sealed.messages(1)).await;
    assert_eq!(
        reason(refused),
        (Code::InvalidArgument, "CORRUPT_CHUNK".into())
    );
    let progress = state(&folder, &service, HOSPITAL, &sealed).await;
    assert_eq!((progress.next_sequence, progress.accepted), (0, false));
    let receipt = upload(&folder, &service, sealed.messages(0)).await;
    assert_eq!(receipt.expect("admitted").rows_admitted, 8000);
}

#[tokio::test]
async fn abandoned_uploads_are_removed() {
    let Some(folder) = Folder::new() else { return };
    let service = folder.serve();
    let sealed = good(&folder);
    interrupt(&folder, &service, &sealed).await;
    let kept = folder
        .path()
        .join(format!("data/uploads/{}", sealed.manifest.batch_id()));
    let chunks = fs::File::options().write(true).open(kept.join("chunks"));
    let old = appliance_store::limits::UPLOAD_TTL + std::time::Duration::from_secs(60);
    let then = std::time::SystemTime::now() - old;
    chunks.expect("opens").set_modified(then).expect("a time");
    until(|| !kept.exists()).await;
    let progress = state(&folder, &service, HOSPITAL, &sealed).await;
    assert_eq!(progress.next_sequence, 0);
}

#[tokio::test]
async fn a_chunk_and_a_message_have_their_bounds() {
    let Some(folder) = Folder::new() else { return };
    let service = folder.serve();
    let sealed = good(&folder);
    for bytes in [
        limits::CHUNK_BYTES_MAX + 1,
        limits::MESSAGE_IN_BYTES_MAX + 1,
    ] {
        let mut messages = sealed.messages(0);
        messages[1] = chunk(0, vec![0; bytes]);
        let refused = upload(&folder, &service, messages).await;
        assert_eq!(reason(refused), (Code::OutOfRange, "TOO_LARGE".into()));
    }
    assert_eq!(
        state(&folder, &service, HOSPITAL, &sealed)
            .await
            .next_sequence,
        0
    );
}

#[tokio::test]
async fn a_batch_sealed_anew_starts_anew() {
    let Some(folder) = Folder::new() else { return };
    let service = folder.serve();
    let sealed = good(&folder);
    interrupt(&folder, &service, &sealed).await;
    let again = good(&folder);
    assert_eq!(again.batch_id(), sealed.batch_id());
    let refused = upload(&folder, &service, again.messages(1)).await;
    assert_eq!(reason(refused), (Code::Aborted, "OUT_OF_ORDER".into()));
    let kept = state(&folder, &service, HOSPITAL, &sealed).await;
    assert_eq!(kept.next_sequence, 1, "a refused header discards nothing");
    let receipt = upload(&folder, &service, again.messages(0))
        .await
        .expect("admitted");
    assert_eq!(receipt.rows_admitted, 8000);
}

#[tokio::test]
async fn hostile_rows_are_set_aside_and_counted() {
    let Some(folder) = Folder::new() else { return };
    let service = folder.serve();
    let mut batch = batch("hospital", 0..20);
    for (person, row) in [(20, vec![u64::MAX; 16]), (21, vec![0; 16])] {
        let token = linker_token::Token {
            reference: batches::reference("hospital", person),
            flags: Flags::default(),
            row,
        };
        batch.push(&token).expect("fits");
    }
    let sealed = seal(folder.path(), &batch, manifest("hospital", &batch));
    let receipt = upload(&folder, &service, sealed.messages(0))
        .await
        .expect("admitted");
    assert_eq!((receipt.rows_admitted, receipt.rows_quarantined), (20, 2));
    assert_eq!(receipt.quarantined_by_reason["too-full"], 1);
    assert_eq!(receipt.quarantined_by_reason["too-empty"], 1);
}

#[tokio::test]
async fn without_its_token_the_service_refuses_work_and_comes_back() {
    let Some(folder) = Folder::new() else { return };
    let service = folder.serve();
    let sealed = good(&folder);
    let receipt = upload(&folder, &service, sealed.messages(0))
        .await
        .expect("admitted");
    let mut tokens = fs::read_dir(folder.path().join("tokens")).expect("reads");
    let token = tokens.next().expect("one token").expect("reads").path();
    let away = folder.path().join("away");
    fs::rename(&token, &away).expect("moves");
    until(|| !get(service.admin, "/ready").contains("200 OK")).await;
    let other = changed(&folder, |m| m.sequence = 1);
    let refused = upload(&folder, &service, other.messages(0)).await;
    assert_eq!(
        reason(refused),
        (Code::Unavailable, "HSM_UNAVAILABLE".into())
    );
    let request = GetReceiptRequest {
        batch_id: receipt.batch_id.clone(),
        checkpoint_size_seen: 0,
    };
    let shown = intake(&folder, &service, HOSPITAL)
        .get_receipt(request)
        .await;
    assert_eq!(shown.expect("needs no key").into_inner(), receipt);
    let runs = linkage_proto::v1::CreateRunRequest {
        request_id: "1".into(),
    };
    let refused = linkage(&folder, &service, OPERATOR).create_run(runs).await;
    assert_eq!(
        reason(refused),
        (Code::Unavailable, "HSM_UNAVAILABLE".into())
    );
    fs::rename(&away, &token).expect("moves");
    until(|| get(service.admin, "/ready").contains("200 OK")).await;
    upload(&folder, &service, other.messages(0))
        .await
        .expect("admitted");
}

#[tokio::test]
async fn two_streams_of_one_batch_admit_it_once() {
    let Some(folder) = Folder::new() else { return };
    let service = folder.serve();
    let sealed = good(&folder);
    let (one, two) = tokio::join!(
        upload(&folder, &service, sealed.messages(0)),
        upload(&folder, &service, sealed.messages(0)),
    );
    assert!(one.is_ok() || two.is_ok(), "one of them is admitted");
    for refused in [one, two].into_iter().filter(Result::is_err) {
        let (_, name) = reason(refused);
        assert!(["BUSY", "OUT_OF_ORDER"].contains(&name.as_str()), "{name}");
    }
    let first = upload(&folder, &service, sealed.messages(0))
        .await
        .expect("admitted");
    assert_eq!(
        first.audit_index, 1,
        "one admission, one intent and one result"
    );
    prove(&folder, &first);
}

#[tokio::test]
async fn a_full_disk_admits_nothing_and_room_brings_the_service_back() {
    let Some(folder) = Folder::new() else { return };
    // No file may grow beyond 2 MiB: the first batch fits, the chunks of the second do not.
    let service = folder.serve_with_file_limit(2048);
    let small = changed(&folder, |_| ());
    upload(&folder, &service, small.messages(0))
        .await
        .expect("admitted");
    let wide = batch("hospital", 0..30_000);
    let large = seal(folder.path(), &wide, manifest("hospital", &wide));
    let refused = upload(&folder, &service, large.messages(0)).await;
    assert_eq!(
        reason(refused),
        (Code::ResourceExhausted, "DISK_FULL".into())
    );
    assert!(!state(&folder, &service, HOSPITAL, &large).await.accepted);
    until(|| get(service.admin, "/ready").contains("store open")).await;
    until(|| get(service.admin, "/ready").contains("200 OK")).await;
    upload(&folder, &service, small.messages(0))
        .await
        .expect("the first receipt");
    assert!(service.stop().success());
    let service = folder.serve();
    let going_on = state(&folder, &service, HOSPITAL, &large)
        .await
        .next_sequence;
    let receipt = upload(&folder, &service, large.messages(going_on)).await;
    assert_eq!(receipt.expect("admitted").rows_admitted, 30_000);
}
