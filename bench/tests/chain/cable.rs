//! The line breaks again and again during one upload, and every token arrives once. The bench `cable` is the
//! same at full size.

use bench::cable::{self, Options};

use crate::rig::programs;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_line_that_breaks_again_and_again_delivers_every_token_once() {
    let outer = tempfile::tempdir().unwrap();
    let options = Options {
        records: 20_000,
        faults: 20,
        batch_rows: 4_000,
        seed: 20_261_121,
        folder: outer.path().join("cable"),
        json: true,
    };
    let summary = Box::pin(cable::run(&options, programs())).await.unwrap();
    assert_eq!(summary["rows"], 20_000, "{summary}");
    assert_eq!(summary["batches"], 5, "{summary}");
    assert_eq!(summary["faults"], 20, "{summary}");
    let kinds = summary["faults_by_kind"].as_object().unwrap();
    assert!(kinds.len() >= 4, "the seed draws most kinds: {summary}");
    assert!(summary["connections"].as_u64().unwrap() > 10, "{summary}");
}
