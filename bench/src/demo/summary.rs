//! The demo's figures: one JSON object, and the same for people.

use std::collections::BTreeMap;

use linkage_proto::v1::Run;
use serde_json::{Map, Value, json};

use super::{Options, Programs, folder::Folder, pki, server::Ports, verify};
use crate::{
    evaluate::Score,
    machine,
    ui::{Story, grouped, say},
};

/// Everything that the demo found out.
pub(super) struct Figures<'a> {
    pub(super) options: &'a Options,
    pub(super) held: BTreeMap<&'static str, u64>,
    pub(super) uploads: BTreeMap<&'static str, Value>,
    pub(super) run: Run,
    pub(super) score: Score,
    pub(super) release_id: String,
    pub(super) receipts: verify::Receipts,
    pub(super) peaks: BTreeMap<String, u64>,
}

impl Figures<'_> {
    /// The JSON object. Its keys are a contract.
    pub(super) fn json(&self, story: &Story) -> Value {
        let counts = self.run.counts.unwrap_or_default();
        let quality = self.run.quality.unwrap_or_default();
        let seconds: Map<String, Value> = story
            .seconds()
            .iter()
            .map(|(step, seconds)| ((*step).to_owned(), rounded(*seconds)))
            .collect();
        let stages: BTreeMap<_, _> = self
            .run
            .stage_seconds
            .iter()
            .map(|(name, s)| (name.clone(), rounded(*s)))
            .collect();
        json!({
            "bench": "demo",
            "machine": machine::machine(&self.run.kernel),
            "commit": machine::commit(),
            "date": machine::date(),
            "people": self.options.people,
            "seed": self.options.seed,
            "preset": self.options.preset.name(),
            "records_total": self.held.values().sum::<u64>(),
            "records_per_site": self.held,
            "persons_found": counts.persons_found,
            "count_sum_of_site_uniques": counts.sum_of_site_uniques,
            "count_cumulative": counts.cumulative,
            "persons_in_truth": self.score.persons,
            "cluster_precision": self.score.precision,
            "cluster_recall": self.score.recall,
            "cluster_f1": self.score.f1,
            "clusters_exact": self.score.persons_exact,
            "estimated": {
                "precision": quality.precision_estimate,
                "recall": quality.recall_estimate,
                "f1": quality.f1_estimate,
                "blocking_recall": quality.blocking_recall,
                "blocking_recall_low": quality.blocking_recall_low,
                "blocking_recall_high": quality.blocking_recall_high,
            },
            "review_pairs": counts.review_pairs,
            "clusters_over_bound": counts.clusters_over_bound,
            "pairs_compared": self.run.pairs_compared,
            "seconds_total": rounded(story.total()),
            "seconds": seconds,
            "run_seconds": stages,
            "uploads": self.uploads,
            "release_id": self.release_id,
            "receipts": self.receipts.all,
            "receipts_verified": self.receipts.verified,
            "peak_rss_bytes": self.peaks,
            "folder": self.options.folder,
        })
    }

    /// The table for people.
    pub(super) fn show(&self, story: &Story, folder: &Folder) {
        let counts = self.run.counts.unwrap_or_default();
        say("");
        for (site, records) in &self.held {
            say(&format!("  {site:<34}{:>14} records", grouped(*records)));
        }
        for (name, count) in [
            ("people in the data", self.score.persons),
            ("persons found", counts.persons_found),
            (
                "sum of each site's unique persons",
                counts.sum_of_site_uniques,
            ),
            ("cumulative persons", counts.cumulative),
            ("persons found exactly", self.score.persons_exact),
            ("pairs for review", counts.review_pairs),
            ("pairs compared", self.run.pairs_compared),
            ("upload receipts verified", self.receipts.verified),
        ] {
            say(&format!("  {name:<34}{:>14}", grouped(count)));
        }
        for (name, share) in [
            ("precision", self.score.precision),
            ("recall", self.score.recall),
            ("F1", self.score.f1),
        ] {
            say(&format!("  {name:<34}{share:>14.4}"));
        }
        let seconds: Vec<String> = story
            .seconds()
            .iter()
            .map(|(step, seconds)| format!("{step} {seconds:.1}"))
            .collect();
        say(&format!(
            "  seconds{:>41.1}  ({})",
            story.total(),
            seconds.join(", ")
        ));
        let peak = self.peaks.iter().max_by_key(|peak| peak.1);
        if let Some((name, bytes)) = peak {
            say(&format!(
                "  {:<34}{:>14} MiB  ({name})",
                "largest memory of a process",
                bytes >> 20
            ));
        }
        say("");
        for line in where_it_lies(folder, self.options.serve) {
            say(&line);
        }
    }
}

fn rounded(seconds: f64) -> Value {
    json!((seconds * 1000.0).round() / 1000.0)
}

fn where_it_lies(folder: &Folder, serves: bool) -> Vec<String> {
    let at = folder.path().display();
    let mut lines = vec![
        format!("  everything         {at}"),
        format!(
            "  sites' files       {at}/sites/{{hospital/ssmix2,town/residents.csv,clinic/claims}}"
        ),
        format!("  crosswalk          {at}/results/crosswalk.csv and crosswalk.parquet"),
        format!("  upload receipts    {at}/sites/*/state/receipts/"),
        format!("  transcript         {at}/ceremony/out/transcript.jsonl"),
        format!("  custody token      {at}/softhsm/safe/, put away: the appliance does not see it"),
        format!("  messages           {at}/logs/"),
    ];
    if !serves {
        lines.push("  look further       ./run demo --serve".to_owned());
    }
    lines
}

/// How to look at the running server.
pub(super) fn how_to_look(
    folder: &Folder,
    programs: &Programs,
    ports: &Ports,
    release: &str,
) -> Vec<String> {
    let again = verify::crosswalk_arguments(folder, &ports.grpc, release, "crosswalk-again");
    let pki = folder.pki();
    let pki = pki.display();
    vec![
        String::new(),
        "The appliance is up; Ctrl-C ends it.".to_owned(),
        format!("  status page   http://{}/", ports.admin),
        format!("  metrics       http://{}/metrics", ports.admin),
        "  the crosswalk once more, as the researcher, from the folder of the repository:"
            .to_owned(),
        format!("  ./run bench {}", again.join(" ")),
        "  is somebody in? As the consultation desk:".to_owned(),
        format!(
            "  {} lookup --config {}",
            programs.tokenizer.display(),
            folder.desk_config().display()
        ),
        "  for the appliance's own commands, so that they find its token:".to_owned(),
        format!("  export SOFTHSM2_CONF={}", folder.softhsm_conf().display()),
        "  gRPC, as the operator, from the folder of the repository:".to_owned(),
        format!(
            "  grpcurl -import-path proto -proto linkage/v1/linkage.proto -cacert {pki}/ca.pem \
             -cert {pki}/operator.pem -key {pki}/operator.key -authority {} -d '{{}}' {} \
             linkage.v1.Linkage/ListRuns",
            pki::SERVER_NAME,
            ports.grpc
        ),
    ]
}
