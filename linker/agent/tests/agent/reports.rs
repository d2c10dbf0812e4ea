//! What runs leave behind for `tokenizer report`.

use crate::support::{
    appliance::Appliance,
    site::{Site, people, text, tree},
};

#[tokio::test(flavor = "multi_thread")]
async fn runs_are_recorded_and_reported() {
    let appliance = Appliance::start().await;
    let site = Site::enrolled(&appliance);
    let report = || -> serde_json::Value {
        let output = tokio::task::block_in_place(|| site.run(&["report", "--json"]));
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    };
    assert_eq!(report()["runs"].as_array().unwrap().len(), 0);
    site.people(200);
    site.upload(0).await;
    // The next extract has lost half of its rows and most postal codes.
    let lines = people(0..100);
    let lost: String = lines
        .lines()
        .map(|line| {
            let mut cells: Vec<_> = line.split(',').collect();
            if cells[0] != "number" && cells[0] > "0000020" {
                cells[5] = "";
            }
            cells.join(",") + "\n"
        })
        .collect();
    site.write("source.csv", lost);
    site.upload(0).await;
    std::fs::remove_file(site.path("source.csv")).unwrap();
    site.refused(65, "SOURCE_MISSING").await;

    let report = report();
    let runs = report["runs"].as_array().unwrap();
    let results: Vec<_> = runs.iter().map(|run| run["result"].as_str()).collect();
    assert_eq!(
        results,
        [Some("done"), Some("done"), Some("SOURCE_MISSING")]
    );
    assert_eq!(
        (&runs[0]["records"], &runs[0]["tokens"]),
        (&200.into(), &200.into())
    );
    assert_eq!(runs[1]["rows_admitted"], 100);
    assert_eq!(
        (&report["receipts"], &report["rows_admitted"]),
        (&2.into(), &300.into())
    );
    let trends: Vec<_> = report["trends"].as_array().unwrap().iter().collect();
    let kinds: Vec<_> = trends
        .iter()
        .map(|trend| trend["trend"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["failed", "shrunk", "worse"]);
    assert_eq!(trends[2]["code"], "no-postal-code");

    let page = site.path("runs.html");
    let arguments = ["report", "--lang", "ja", "--html", page.to_str().unwrap()];
    let output = tokio::task::block_in_place(|| site.run(&arguments));
    let told = text(&output.stdout);
    assert!(
        told.contains("使用できるレコード：200 件から 100 件に減少"),
        "{told}"
    );
    let page = std::fs::read_to_string(page).unwrap();
    assert!(page.contains("<svg") && page.contains("no-postal-code"));
    // Counts only: no number, name or reference of a record.
    for (path, bytes) in tree(&site.path("state/runs")) {
        let kept = text(&bytes);
        for line in people(0..200).lines().skip(1) {
            for value in line.split(',').take(3) {
                assert!(!kept.contains(value), "{}", path.display());
            }
        }
    }
}
