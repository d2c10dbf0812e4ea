//! `appliance status`: the store in numbers while the service is stopped.

use std::{collections::BTreeMap, path::Path};

use appliance_store::{Store, StoreError};
use linker_token::SiteId;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::{
    commands::{Failure, print},
    config::Config,
    service::{
        epochs,
        moving::SiteMove,
        run_evidence::Evidence,
        run_record::{Run, State},
    },
    setup::{self, CustodyFiles},
};

pub(super) fn status(path: &Path, token_digest: bool, as_json: bool) -> Result<(), Failure> {
    let config = Config::load(path)?;
    let custody_key = setup::custody_key(&config)?;
    let custody = CustodyFiles::load(&config, &custody_key)?.open(&config)?;
    let store = setup::store_read_only(&config, custody)?;
    let next = next(&config, &custody_key, &store)?;
    let in_force = match (&next["state"], &next["epoch"]) {
        (Value::String(state), epoch) if state == "in-force" => epoch.clone(),
        _ => config.epoch.0.into(),
    };
    let object = json!({
        "project": config.project.as_str(),
        "epoch": config.epoch.0,
        "epoch_in_force": in_force,
        "schema": config.schema.name(),
        "audit_entries": store.audit_size(),
        "sites": sites(&store)?,
        "next_epoch": next,
        "runs": store.list_runs("", appliance_store::limits::LIST_MAX)?.len(),
        "newest_run": newest(&store)?,
        "releases": store.releases()?.len(),
        "token_digest": if token_digest { digests(&store)? } else { Value::Null },
    });
    if as_json {
        print(&object.to_string())
    } else {
        print(&lines(&object, "").join("\n"))
    }
}

/// The next key epoch and how far each site has moved over to it; nothing if none is configured.
fn next(config: &Config, custody_key: &[u8], older: &Store) -> Result<Value, Failure> {
    let Some(next) = config.of_next() else {
        return Ok(Value::Null);
    };
    let custody = CustodyFiles::load(&next, custody_key)?.open(&next)?;
    let store = match setup::store_read_only(&next, custody) {
        Ok(store) => store,
        // The service makes it when it first starts with this section.
        Err(StoreError::NoStore) => {
            return Ok(json!({ "epoch": next.epoch.0, "state": "not-begun" }));
        }
        Err(error) => return Err(error.into()),
    };
    let in_force = epochs::is_in_force(&store);
    Ok(json!({
        "epoch": next.epoch.0,
        "state": if in_force { "in-force" } else { "open" },
        "audit_entries": store.audit_size(),
        "sites": moves(&epochs::moves(older, &store)?),
        "runs": store.list_runs("", appliance_store::limits::LIST_MAX)?.len(),
        "newest_run": newest(&store)?,
    }))
}

/// How far each site has moved, by its name.
pub(super) fn moves(moves: &[SiteMove]) -> Value {
    let sites = moves.iter().map(|site| {
        let line = json!({
            "state": site.state.name(),
            "records_before": site.records_before,
            "records": site.records,
            "carried": site.carried,
        });
        (site.site.clone(), line)
    });
    Value::Object(sites.collect())
}

fn sites(store: &Store) -> Result<Value, Failure> {
    let mut sites: BTreeMap<String, [u64; 3]> = BTreeMap::new();
    for batch in store.batches()? {
        let line = sites.entry(batch.manifest.site.to_string()).or_default();
        line[0] += 1;
        line[1] += u64::from(batch.rows);
        line[2] += batch
            .quarantined
            .values()
            .map(|&count| u64::from(count))
            .sum::<u64>();
    }
    let sites = sites
        .into_iter()
        .map(|(site, [batches, rows, quarantined])| {
            (
                site,
                json!({ "batches": batches, "rows": rows, "quarantined": quarantined }),
            )
        });
    Ok(Value::Object(sites.collect()))
}

/// The newest run that ended well.
fn newest(store: &Store) -> Result<Value, Failure> {
    let mut newest = Value::Null;
    let mut after = String::new();
    loop {
        let page = store.list_runs(&after, appliance_store::limits::LIST_MAX)?;
        let Some(last) = page.last() else {
            return Ok(newest);
        };
        after.clone_from(&last.run_id);
        for row in &page {
            let run = Run::from_row(row)?;
            if let (State::Released, Some(counts)) = (run.state, run.counts) {
                newest = json!({
                    "run_id": run.run_id,
                    "records": counts.records,
                    "persons_found": counts.persons_found,
                    "sum_of_site_uniques": counts.sum_of_site_uniques,
                    "cumulative": counts.cumulative,
                    "evidence": run.evidence.as_deref().map(evidence),
                });
            }
        }
    }
}

/// The model's digest, what changed since the run before, and estimates by site and pass.
fn evidence(evidence: &Evidence) -> Value {
    let rounded = |share: f64| (share * 1e4).round() / 1e4;
    let sites = evidence.sites.iter().map(|site| {
        let [precision, recall, f1] = site.estimates.map(rounded);
        let line =
            json!({ "pairs": site.pairs, "precision": precision, "recall": recall, "f1": f1 });
        (site.site.clone(), line)
    });
    let passes = evidence.passes.iter().map(|pass| {
        let [precision, gain] = pass.estimates.map(rounded);
        let line = json!({ "compared": pass.compared, "pairs": pass.pairs, "precision": precision, "gain": gain });
        (pass.pass.clone(), line)
    });
    json!({
        "model": evidence.model_digest(),
        "drift": evidence.drift.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "sites": Value::Object(sites.collect()),
        "passes": Value::Object(passes.collect()),
    })
}

/// Rows of each site, and SHA-256 over them in sorted order: of each the reference, the flags (four
/// bytes, little-endian) and the words (eight bytes each, little-endian) after the second layer. Equal digests
/// mean equal rows, however they arrived.
fn digests(store: &Store) -> Result<Value, Failure> {
    let mut rows: BTreeMap<SiteId, Vec<Vec<u8>>> = BTreeMap::new();
    for batch in store.batches()? {
        let tokens = store.read_segment(&batch)?;
        let lines = rows.entry(batch.manifest.site).or_default();
        for row in 0..tokens.len() {
            let mut line = tokens.references()[row].0.to_vec();
            line.extend_from_slice(&tokens.flags()[row].bits().to_le_bytes());
            tokens
                .row(row)
                .iter()
                .for_each(|word| line.extend_from_slice(&word.to_le_bytes()));
            lines.push(line);
        }
    }
    let sites = rows.into_iter().map(|(site, mut lines)| {
        lines.sort_unstable();
        let mut digest = Sha256::new();
        lines.iter().for_each(|line| digest.update(line));
        let digest = hex::encode(digest.finalize());
        (
            site.to_string(),
            json!({ "rows": lines.len(), "sha256": digest }),
        )
    });
    Ok(Value::Object(sites.collect()))
}

/// The object as one line per value, named by its path.
pub(super) fn lines(value: &Value, path: &str) -> Vec<String> {
    match value {
        Value::Null => Vec::new(),
        Value::Object(members) => members
            .iter()
            .flat_map(|(name, member)| {
                let dot = if path.is_empty() { "" } else { "." };
                lines(member, &format!("{path}{dot}{name}"))
            })
            .collect(),
        Value::String(text) => vec![format!("{path} {text}")],
        Value::Bool(_) | Value::Number(_) | Value::Array(_) => vec![format!("{path} {value}")],
    }
}
