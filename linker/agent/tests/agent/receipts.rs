//! Receipts that lie, and logs that forget: refused, and kept as evidence.

use crate::support::{
    appliance::{Appliance, Forgery},
    site::Site,
};

#[tokio::test(flavor = "multi_thread")]
async fn forged_receipts_are_refused_and_kept_as_evidence() {
    for (forgery, code) in [
        (Forgery::Signature, "RECEIPT_SIGNATURE"),
        (Forgery::Proof, "RECEIPT_PROOF"),
        (Forgery::OtherEntry, "RECEIPT_OTHER"),
        (Forgery::OtherBatch, "RECEIPT_OTHER"),
        (Forgery::Counts, "RECEIPT_OTHER"),
    ] {
        let appliance = Appliance::start().await;
        let site = Site::enrolled(&appliance);
        site.people(50);
        appliance.lock().forgery = Some(forgery);
        site.refused(1, code).await;
        let kept = site.files("state/receipts");
        assert_eq!(kept.len(), 1, "{forgery:?}");
        assert!(kept[0].ends_with(".refused.json"), "{forgery:?}");
        assert_eq!(site.files("state/outbox").len(), 1, "{forgery:?}");
        assert!(
            !site.path("state/epochs/7/checkpoint.json").exists(),
            "{forgery:?}"
        );
        // An honest receipt later ends it.
        appliance.lock().forgery = None;
        assert_eq!(site.upload(0).await["rows_admitted"], 50, "{forgery:?}");
        assert_eq!(appliance.admissions(), 1, "{forgery:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_shrank_or_changed_its_past_is_refused() {
    for (forgery, grow, code) in [
        (Forgery::Rollback, 5, "CHECKPOINT_SHRANK"),
        (Forgery::Fork, 0, "CHECKPOINT_FORKED"),
        (Forgery::Origin, 0, "CHECKPOINT_FORKED"),
    ] {
        let appliance = Appliance::start().await;
        let site = Site::enrolled(&appliance);
        site.people(50);
        site.upload(0).await;
        appliance.grow(grow);
        // The larger log is seen once.
        site.upload(0).await;
        appliance.lock().forgery = Some(forgery);
        site.refused(1, code).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_grew_must_prove_its_past() {
    for forgery in [None, Some(Forgery::Fork), Some(Forgery::NoGrowth)] {
        let appliance = Appliance::start().await;
        let site = Site::enrolled(&appliance);
        site.people(50);
        // Growth is seen by uploads, and by the receipt of a batch that is there.
        for count in [50, 60, 60, 70, 80] {
            site.people(count);
            site.upload(0).await;
            appliance.grow(1);
        }
        site.upload(0).await;
        assert_eq!(appliance.lock().log.len(), 10);
        let before = std::fs::read(site.path("state/epochs/7/checkpoint.json")).unwrap();
        appliance.grow(3);
        appliance.lock().forgery = forgery;
        if forgery.is_none() {
            site.upload(0).await;
            continue;
        }
        // Once by a receipt of a batch that is there, once by an upload.
        site.refused(1, "CHECKPOINT_FORKED").await;
        site.people(90);
        site.refused(1, "CHECKPOINT_FORKED").await;
        let after = std::fs::read(site.path("state/epochs/7/checkpoint.json")).unwrap();
        assert_eq!(before, after, "{forgery:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_numbers_of_a_receipt_are_those_of_the_log() {
    let appliance = Appliance::start().await;
    let site = Site::enrolled(&appliance);
    site.people(50);
    appliance.lock().forgery = Some(Forgery::Entry);
    site.refused(1, "RECEIPT_OTHER").await;
    assert!(site.files("state/receipts")[0].ends_with(".refused.json"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_configured_log_is_the_only_one() {
    let appliance = Appliance::start().await;
    let site = Site::enrolled(&appliance);
    site.people(50);
    site.reconfigure("retry_for", "origin = \"musubi.test/two\"\nretry_for");
    site.refused(1, "CHECKPOINT_FORKED").await;
    site.reconfigure("musubi.test/two", "musubi.test/log");
    site.upload(0).await;
    site.reconfigure("musubi.test/log", "musubi.test/two");
    site.refused(1, "CHECKPOINT_FORKED").await;
}
