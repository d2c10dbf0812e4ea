//! What a receipt says, held against the batch that was sent and the audit entry that the log signs.

use std::collections::BTreeMap;

use linkage_proto::v1::Receipt;
use linker_token::Manifest;
use serde::Deserialize;

use crate::{
    error::{AgentError, Fault},
    limits::{AUDIT_ENTRY_BYTES_MAX, CHECKPOINT_BYTES_MAX},
    say,
};

/// The parts of an audit entry that a site checks. Others may be there.
#[derive(Deserialize)]
struct AuditEntry {
    seq: u64,
    operation: String,
    subject: String,
    counts: BTreeMap<String, u64>,
    result: String,
}

/// That the receipt speaks about this batch: ID, counts, and the entry's own words.
pub(super) fn check_contents(manifest: &Manifest, receipt: &Receipt) -> Result<(), AgentError> {
    let batch = manifest.batch_id();
    let other = |rule: &str| {
        AgentError::new(
            Fault::ReceiptOther,
            say!(
                "receipt of batch {batch}: {rule}",
                batch = batch.to_string(),
                rule = rule
            ),
        )
    };
    if receipt.batch_id != batch.0 {
        return Err(other("it names another batch"));
    }
    let (admitted, quarantined) = (receipt.rows_admitted, receipt.rows_quarantined);
    let reasons = receipt
        .quarantined_by_reason
        .values()
        .map(|n| u64::from(*n));
    let whole = u64::from(admitted) + u64::from(quarantined) == u64::from(manifest.rows)
        && reasons.sum::<u64>() == u64::from(quarantined);
    if !whole {
        return Err(other("its rows do not add up to those sent"));
    }
    let bounded = receipt.audit_entry.len() <= AUDIT_ENTRY_BYTES_MAX
        && receipt.checkpoint.len() <= CHECKPOINT_BYTES_MAX;
    let entry: Option<AuditEntry> = Some(&receipt.audit_entry)
        .filter(|_| bounded)
        .and_then(|entry| serde_json::from_slice(entry).ok());
    match entry {
        Some(entry)
            if (entry.operation.as_str(), entry.result.as_str()) != ("admit", "ok")
                || entry.subject != batch.to_string() =>
        {
            Err(other("its audit entry is about something else"))
        }
        Some(entry) if !counts_agree(&entry.counts, manifest, receipt) => {
            Err(other("its audit entry has other counts"))
        }
        Some(entry) if entry.seq != receipt.audit_index => {
            Err(other("its audit entry has another number"))
        }
        Some(_) => Ok(()),
        None => Err(other("its audit entry does not parse")),
    }
}

/// That the signed entry has the numbers that the receipt shows: rows, rows admitted, and the rows
/// quarantined for each reason, no more and no fewer.
fn counts_agree(counts: &BTreeMap<String, u64>, manifest: &Manifest, receipt: &Receipt) -> bool {
    let quarantined = counts.iter().filter_map(|(name, count)| {
        let reason = name.strip_prefix("quarantined-")?;
        Some((reason, *count))
    });
    let shown = receipt.quarantined_by_reason.iter();
    counts.get("rows") == Some(&u64::from(manifest.rows))
        && counts.get("admitted") == Some(&u64::from(receipt.rows_admitted))
        && quarantined.eq(shown.map(|(reason, count)| (reason.as_str(), u64::from(*count))))
}

#[cfg(test)]
pub(crate) mod tests {
    use linker_token::{CheckValue, Epoch, ProjectId, SchemaDigest, SiteId};

    use super::*;

    pub(crate) fn manifest() -> Manifest {
        Manifest {
            site: SiteId::parse("hospital").unwrap(),
            project: ProjectId::parse("demo").unwrap(),
            epoch: Epoch(1),
            secret_check: CheckValue([0; 8]),
            schema: SchemaDigest([0; 32]),
            normaliser: String::new(),
            tables: String::new(),
            sequence: 0,
            last: true,
            rows: 3,
            digest: [0; 32],
            counts: BTreeMap::new(),
        }
    }

    pub(in crate::receipt) fn receipt(padding: usize) -> Receipt {
        let batch = manifest().batch_id();
        let counts = r#"{"admitted":2,"quarantined-all-ones":1,"rows":3}"#;
        let entry = format!(
            r#"{{"seq":5,"operation":"admit","subject":"{batch}","counts":{counts},"result":"ok"}}"#
        );
        let entry = entry.clone() + &" ".repeat(padding.saturating_sub(entry.len()));
        Receipt {
            batch_id: batch.0.to_vec(),
            rows_admitted: 2,
            rows_quarantined: 1,
            quarantined_by_reason: [("all-ones".to_owned(), 1)].into(),
            audit_entry: entry.into_bytes(),
            audit_index: 5,
            checkpoint: String::new(),
            inclusion_proof: Vec::new(),
            consistency_proof: Vec::new(),
        }
    }

    #[test]
    fn contents_must_be_about_the_batch() {
        let good = receipt(0);
        assert!(check_contents(&manifest(), &good).is_ok());
        let (mut index, mut counts, mut reasons) = (good.clone(), good.clone(), good.clone());
        index.audit_index = 6;
        counts.rows_admitted = u32::MAX;
        reasons.quarantined_by_reason.clear();
        let mut refused = good;
        refused.audit_entry = String::from_utf8_lossy(&refused.audit_entry)
            .replace("ok", "BAD_SIGNATURE")
            .into_bytes();
        for bad in [index, counts, reasons, refused] {
            let error = check_contents(&manifest(), &bad).unwrap_err();
            assert_eq!(error.fault(), Fault::ReceiptOther);
        }
    }

    /// Receipts that add up by themselves, but not as the entry that the log signs says.
    #[test]
    fn the_numbers_are_those_of_the_signed_entry() {
        let (mut all, mut renamed) = (receipt(0), receipt(0));
        (all.rows_admitted, all.rows_quarantined) = (3, 0);
        all.quarantined_by_reason.clear();
        renamed.quarantined_by_reason = [("other".to_owned(), 1)].into();
        let mut split = receipt(0);
        split.quarantined_by_reason.insert("none".to_owned(), 0);
        let mut bad = vec![all, renamed, split];
        for (from, to) in [
            ("\"admit\"", "\"discard\""),
            ("\"rows\":3", "\"rows\":4"),
            ("\"rows\":3", "\"lines\":3"),
            ("\"admitted\":2", "\"admitted\":3"),
            ("quarantined-all-ones\":1", "quarantined-all-ones\":2"),
            ("\"rows\":3", "\"quarantined-zero\":1,\"rows\":3"),
        ] {
            let mut lie = receipt(0);
            let entry = String::from_utf8_lossy(&lie.audit_entry).into_owned();
            assert!(entry.contains(from));
            lie.audit_entry = entry.replace(from, to).into_bytes();
            bad.push(lie);
        }
        for lie in bad {
            let error = check_contents(&manifest(), &lie).unwrap_err();
            assert_eq!(error.fault(), Fault::ReceiptOther);
        }
    }

    #[test]
    fn one_past_the_bounds_is_refused() {
        assert!(check_contents(&manifest(), &receipt(AUDIT_ENTRY_BYTES_MAX)).is_ok());
        assert!(check_contents(&manifest(), &receipt(AUDIT_ENTRY_BYTES_MAX + 1)).is_err());
        let mut long = receipt(0);
        long.checkpoint = "x".repeat(CHECKPOINT_BYTES_MAX + 1);
        assert!(check_contents(&manifest(), &long).is_err());
    }
}
