//! Runs of the binary against a small appliance: resume, duplicates, outages, policy.

use std::process::Child;

use crate::support::{
    appliance::{Appliance, Stop},
    site::{EPOCH, Site, people, text, tree},
};
use keymgmt_custody::{Custody as _, Oaep, software::SoftwareCustody};
use linker_token::Epoch;
use sha2::{Digest as _, Sha256};

/// Fifteen thousand rows of 148 bytes are three chunks.
const BIG: usize = 15_000;

pub(crate) async fn killed_at(site: &Site, appliance: &Appliance, stop: Stop) {
    appliance.lock().stop = Some(stop);
    let mut child: Child = site.command(&["run"]).spawn().unwrap();
    appliance.stopped.notified().await;
    // SIGKILL: no chance to tidy up.
    child.kill().unwrap();
    child.wait().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_admitted_once_and_its_receipts_are_kept() {
    let appliance = Appliance::start().await;
    let site = Site::enrolled(&appliance);
    site.configure(&appliance.address(), 400, 5);
    site.people(1000);
    let first = site.upload(0).await;
    assert_eq!(first["batches"], 3);
    assert_eq!(first["batches_sent"], 3);
    assert_eq!(first["receipts_verified"], 3);
    assert_eq!(first["rows_admitted"], 1000);
    assert_eq!(appliance.rows(), 1000);
    assert_eq!(site.files("state/receipts").len(), 3);
    assert!(site.files("state/outbox").is_empty());
    let manifests: Vec<_> = {
        let inner = appliance.lock();
        let mut all: Vec<_> = inner
            .batches
            .values()
            .map(|(manifest, ..)| manifest.clone())
            .collect();
        all.sort_by_key(|manifest| manifest.sequence);
        all
    };
    let shape: Vec<_> = manifests
        .iter()
        .map(|m| (m.sequence, m.last, m.rows))
        .collect();
    assert_eq!(shape, [(0, false, 400), (1, false, 400), (2, true, 200)]);

    let second = site.upload(0).await;
    assert_eq!(second["batches_known"], 3);
    assert_eq!(second["batches_sent"], 0);
    assert_eq!(second["rows_admitted"], 1000);
    assert_eq!((appliance.rows(), appliance.admissions()), (1000, 3));
    assert_eq!(site.files("state/receipts").len(), 3);

    let status = site.run(&["status", "--json"]);
    let status: serde_json::Value = serde_json::from_slice(&status.stdout).unwrap();
    assert_eq!(
        (&status["receipts"], &status["rows_admitted"]),
        (&3.into(), &1000.into())
    );
    assert_eq!(status["package_state"], "ok");
    assert_eq!(status["checkpoint"]["size"], 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_at_any_step_is_made_good_by_the_next_run() {
    for stop in [
        Stop::Policy,
        Stop::UploadState,
        Stop::Chunk(0),
        Stop::Chunk(2),
        Stop::Answer,
    ] {
        let appliance = Appliance::start().await;
        let site = Site::enrolled(&appliance);
        site.people(BIG);
        killed_at(&site, &appliance, stop).await;
        let done = site.upload(0).await;
        assert_eq!(
            (appliance.rows(), appliance.admissions()),
            (BIG, 1),
            "{stop:?}"
        );
        assert_eq!(site.files("state/receipts").len(), 1, "{stop:?}");
        assert!(site.files("state/outbox").is_empty(), "{stop:?}");
        assert_eq!(
            appliance.lock().chunks_kept,
            3,
            "no chunk is sent twice: {stop:?}"
        );
        let left_over = matches!(stop, Stop::Chunk(_) | Stop::Answer);
        assert_eq!(done["batches_left_over"], u32::from(left_over), "{stop:?}");
        assert_eq!(site.table().lines().count(), BIG + 1, "{stop:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn kills_at_every_call_in_turn_end_with_each_batch_once() {
    let appliance = Appliance::start().await;
    let site = Site::enrolled(&appliance);
    site.configure(&appliance.address(), 40, 5);
    site.people(150);
    let mut kills = 0;
    loop {
        appliance.lock().steps_left = Some(kills);
        let mut child = site.command(&["run"]).spawn().unwrap();
        let ended = tokio::select! {
            () = appliance.stopped.notified() => false,
            () = until_gone(child.id()) => true,
        };
        child.kill().unwrap();
        child.wait().unwrap();
        if ended {
            break;
        }
        kills += 1;
    }
    // Sealing and sending go on side by side, so a run gets further before the call that hangs.
    assert!(kills >= 5, "{kills}");
    appliance.lock().steps_left = None;
    assert_eq!(site.upload(0).await["rows_admitted"], 150);
    assert_eq!((appliance.rows(), appliance.admissions()), (150, 4));
    assert_eq!(site.files("state/receipts").len(), 4);
    assert!(site.files("state/outbox").is_empty());
}

/// Waits until a child has ended without reaping it.
async fn until_gone(process: u32) {
    let stat = format!("/proc/{process}/stat");
    while std::fs::read_to_string(&stat).is_ok_and(|stat| !stat.contains(") Z ")) {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_line_is_resumed_where_it_broke() {
    let appliance = Appliance::start().await;
    let site = Site::enrolled(&appliance);
    site.people(BIG);
    {
        let mut inner = appliance.lock();
        inner.cut_at = Some(2);
        inner.unavailable = 2;
    }
    let done = site.upload(0).await;
    assert_eq!(done["rows_admitted"], BIG);
    let inner = appliance.lock();
    assert_eq!(inner.chunks_kept, 3, "no chunk is sent twice");
    assert!(inner.handshakes.len() >= 2, "the connection was made anew");
}

#[tokio::test(flavor = "multi_thread")]
async fn damaged_chunks_are_sent_again_and_not_for_ever() {
    let appliance = Appliance::start().await;
    let site = Site::enrolled(&appliance);
    site.people(100);
    appliance.lock().damaged = 1;
    assert_eq!(site.upload(0).await["rows_admitted"], 100);
    site.people(101);
    appliance.lock().damaged = 100;
    let object = site.refused(1, "REMOTE_REFUSED").await;
    assert!(
        object["message"]
            .as_str()
            .unwrap()
            .contains("CORRUPT_CHUNK")
    );
    assert_eq!(
        site.files("state/outbox").len(),
        1,
        "what is sealed is kept"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_sealed_again_begins_at_its_first_chunk() {
    let appliance = Appliance::start().await;
    let site = Site::enrolled(&appliance);
    site.people(BIG);
    killed_at(&site, &appliance, Stop::Chunk(2)).await;
    std::fs::remove_dir_all(site.path("state/outbox")).unwrap();
    let done = site.upload(0).await;
    assert_eq!(done["rows_admitted"], BIG);
    assert_eq!(
        appliance.lock().chunks_kept,
        5,
        "two of the first sealing, three of the second"
    );
}

/// The appliance names the place of the sealing that it kept, which is lost, and the agent that sealed
/// the batch anew was killed before it could say so.
#[tokio::test(flavor = "multi_thread")]
async fn a_batch_sealed_again_before_a_crash_gets_through() {
    let appliance = Appliance::start().await;
    let site = Site::enrolled(&appliance);
    site.people(BIG);
    killed_at(&site, &appliance, Stop::Chunk(2)).await;
    std::fs::remove_dir_all(site.path("state/outbox")).unwrap();
    killed_at(&site, &appliance, Stop::UploadState).await;
    let done = site.upload(0).await;
    assert_eq!(done["rows_admitted"], BIG);
    assert_eq!(appliance.rows(), BIG);
}

#[tokio::test(flavor = "multi_thread")]
async fn damage_in_the_outbox_is_found_before_it_is_sent() {
    let appliance = Appliance::start().await;
    let site = Site::enrolled(&appliance);
    site.people(BIG);
    killed_at(&site, &appliance, Stop::Chunk(0)).await;
    let batch = site.files("state/outbox").remove(0);
    let chunk = site.path(&format!("state/outbox/{batch}/chunk-001"));
    let mut bytes = std::fs::read(&chunk).unwrap();
    bytes[1000] ^= 1;
    std::fs::write(&chunk, bytes).unwrap();
    site.refused(74, "STATE_DAMAGED").await;
    assert_eq!(appliance.rows(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_policy_stops_before_anything_is_read() {
    let appliance = Appliance::start().await;
    let site = Site::enrolled(&appliance);
    let good = appliance.good_policy();
    for (policy, code) in [
        (
            linkage_proto::v1::Policy {
                project: "other".into(),
                ..good.clone()
            },
            "WRONG_PROJECT",
        ),
        (
            linkage_proto::v1::Policy {
                epoch: EPOCH + 1,
                ..good.clone()
            },
            "WRONG_EPOCH",
        ),
        (
            linkage_proto::v1::Policy {
                schema_digest: vec![1; 32],
                ..good.clone()
            },
            "WRONG_SCHEMA",
        ),
        (
            linkage_proto::v1::Policy {
                ingest_key_digest: vec![1; 32],
                ..good.clone()
            },
            "WRONG_INGEST_KEY",
        ),
        (
            linkage_proto::v1::Policy {
                ingest_key_digest: vec![],
                ..good.clone()
            },
            "WRONG_INGEST_KEY",
        ),
        (
            linkage_proto::v1::Policy {
                chunk_bytes_max: 1 << 20,
                ..good.clone()
            },
            "POLICY_BOUNDS",
        ),
        (
            linkage_proto::v1::Policy {
                batch_rows_max: 0,
                ..good.clone()
            },
            "POLICY_BOUNDS",
        ),
    ] {
        appliance.lock().policy = Some(policy);
        // There is no source file: it would be another error if it were looked at.
        site.refused(1, code).await;
    }
    assert_eq!(appliance.lock().chunks_kept, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_appliance_bound_on_rows_is_kept() {
    let appliance = Appliance::start().await;
    let site = Site::enrolled(&appliance);
    site.people(50);
    let policy = linkage_proto::v1::Policy {
        batch_rows_max: 20,
        ..appliance.good_policy()
    };
    appliance.lock().policy = Some(policy);
    assert_eq!(site.upload(0).await["batches"], 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn batches_of_an_earlier_epoch_are_thrown_away() {
    let appliance = Appliance::start().await;
    let site = Site::enrolled(&appliance);
    site.people(50);
    killed_at(&site, &appliance, Stop::Chunk(0)).await;
    assert_eq!(site.files("state/outbox").len(), 1);
    site.accept(&appliance, Epoch(EPOCH + 1));
    let policy = linkage_proto::v1::Policy {
        epoch: EPOCH + 1,
        ..appliance.good_policy()
    };
    appliance.lock().policy = Some(policy);
    let done = site.upload(0).await;
    assert_eq!(
        (&done["batches_left_over"], &done["batches_sent"]),
        (&0.into(), &1.into())
    );
    assert!(site.files("state/outbox").is_empty());
    assert_eq!(appliance.rows(), 50);
}

/// Keys that change within one epoch: what was sealed under the old ones can never be accepted.
#[tokio::test(flavor = "multi_thread")]
async fn batches_of_earlier_keys_are_thrown_away() {
    let appliance = Appliance::start().await;
    let site = Site::enrolled(&appliance);
    site.people(50);
    let earlier = SoftwareCustody::danger_for_tests(3);
    let ingest = earlier.ingest_public_key();
    let package = site.package_for(&appliance, Epoch(EPOCH), ingest, Oaep::Sha256);
    site.accept_package(&package);
    let policy = linkage_proto::v1::Policy {
        ingest_key_digest: Sha256::digest(ingest).to_vec(),
        ..appliance.good_policy()
    };
    appliance.lock().policy = Some(policy);
    killed_at(&site, &appliance, Stop::Chunk(0)).await;
    appliance.lock().policy = None;
    site.accept(&appliance, Epoch(EPOCH));
    killed_at(&site, &appliance, Stop::Chunk(0)).await;
    assert_eq!(site.files("state/outbox").len(), 1, "sealed anew");

    std::fs::remove_dir_all(site.path("state/keys")).unwrap();
    std::fs::remove_file(site.path("state/request.note")).unwrap();
    assert_eq!(site.run(&["enrol"]).status.code(), Some(0));
    site.enrol(&appliance);
    let done = site.upload(0).await;
    assert_eq!(
        (&done["batches_left_over"], &done["batches_sent"]),
        (&0.into(), &1.into())
    );
    assert!(site.files("state/outbox").is_empty());
    assert_eq!(appliance.rows(), 50);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_left_over_batch_that_is_refused_for_good_is_set_aside() {
    let appliance = Appliance::start().await;
    let site = Site::enrolled(&appliance);
    site.people(50);
    killed_at(&site, &appliance, Stop::Chunk(0)).await;
    let batch = site.files("state/outbox").remove(0);
    // What holds for the whole site is no reason to give the batch up.
    appliance.lock().refusal = Some(("NOT_ENROLLED", 1));
    site.refused(77, "REMOTE_FORBIDDEN").await;
    assert_eq!(site.files("state/outbox")[0], batch);
    // Refused, sealed anew and refused again: the run fails, and the new one is left over.
    for _ in 0..2 {
        appliance.lock().refusal = Some(("BAD_SIGNATURE", 2));
        site.refused(77, "REMOTE_FORBIDDEN").await;
        assert_eq!(
            site.files("state/refused"),
            [format!("{batch}.BAD_SIGNATURE")]
        );
        assert_eq!(site.files("state/outbox")[0], batch);
    }
    appliance.lock().refusal = Some(("WRONG_SECRET", 1));
    let done = site.upload(0).await;
    assert_eq!(
        (&done["batches_left_over"], &done["batches_sent"]),
        (&0.into(), &1.into())
    );
    assert_eq!(site.files("state/refused").len(), 2);
    assert!(site.files("state/outbox").is_empty());
    assert_eq!((appliance.rows(), appliance.admissions()), (50, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn repeated_rows_make_one_token() {
    let appliance = Appliance::start().await;
    let site = Site::enrolled(&appliance);
    let once = people(0..30);
    let (_, again) = once.split_once('\n').unwrap();
    site.write("source.csv", format!("{once}{again}{again}"));
    let done = site.upload(0).await;
    assert_eq!(
        (&done["tokens"], &done["tokens_repeated"]),
        (&30.into(), &60.into())
    );
    assert_eq!(appliance.rows(), 30);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_leaves_or_is_logged_names_a_person() {
    let appliance = Appliance::start().await;
    let site = Site::enrolled(&appliance);
    let marked =
        "CANARY77,佐藤金糸雀,サトウカナリヤ,1981-02-03,1,9876543,東京都金糸雀区金糸雀町7\n";
    let broken = "CANARY78,佐藤金糸雀,サトウカナリヤ\n";
    site.write("source.csv", people(0..60) + marked + broken);
    let mut command = site.command(&["run"]);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap())
        .await
        .unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(output.stdout.is_empty(), "data only");
    let mut seen = vec![("stderr".into(), output.stderr)];
    seen.extend(tree(&site.path("state")));
    let marks: [&[u8]; 5] = [
        b"CANARY",
        "金糸雀".as_bytes(),
        "カナリヤ".as_bytes(),
        b"9876543",
        b"19810203",
    ];
    for (place, bytes) in &seen {
        for mark in marks {
            let found = bytes.windows(mark.len()).any(|window| window == mark);
            assert!(!found, "{} holds {}", place.display(), text(mark));
        }
    }
    let table = site.table();
    assert!(table.contains(",CANARY77\n") && !table.contains("CANARY78"));
    let problems = std::fs::read_to_string(site.path("state/problems.csv")).unwrap();
    assert!(problems.contains(",63,row-columns,"), "{problems}");
}
