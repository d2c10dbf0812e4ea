//! What is left in the memory of the service when it ends: no PIN, and no key that it derived.

#[path = "../../../../keymgmt/custody/tests/needles/exit.rs"]
mod exit;
#[path = "../../../../keymgmt/custody/tests/needles/mod.rs"]
mod needles;

use std::collections::BTreeMap;

use self::{exit::Held, needles::Needles};
use crate::{
    batches, client, keys,
    process::{Folder, HOSPITAL},
};

#[tokio::test]
async fn nothing_is_left_when_the_service_ends() {
    let Some(folder) = Folder::new() else { return };
    let service = folder.serve();
    // The second layer's seed is derived and a batch's content key is opened.
    let batch = batches::batch("hospital", 0..50);
    let sealed = batches::seal(folder.path(), &batch, batches::manifest("hospital", &batch));
    let mut intake = client::intake(&folder, &service, HOSPITAL);
    let admitted = intake.upload_batch(sealed.stream()).await;
    admitted.expect("is admitted");
    drop(intake);

    let secrets = keys::secrets(folder.path());
    assert_eq!(secrets.len(), 2, "the PIN and the second layer's seed");
    let alive = Needles::of(&secrets).search(service.id());
    assert!(
        alive.iter().any(|found| found.starts_with("PIN as bytes")),
        "a service that may have to log in again holds its PIN: {alive:?}"
    );
    let held = Held::of(service.id());
    service.signal("-TERM");
    held.until_exit();
    let found = Needles::of(&secrets).search(service.id());
    // What nobody wipes shows that the search finds: a name of the configuration.
    let origin = BTreeMap::from([("origin".to_owned(), b"musubi.test/demo".to_vec())]);
    let certain = Needles::of(&origin).search(service.id());
    held.let_go();
    assert!(service.stop().success());
    assert!(!certain.is_empty(), "the search finds what is there");
    assert!(found.is_empty(), "left in memory: {found:#?}");
}
