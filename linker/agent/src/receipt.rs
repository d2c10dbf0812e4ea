//! Receipts: what the appliance owes for every batch, checked before it is believed and then kept.
//!
//! The site is a witness of the audit log: it keeps the largest checkpoint it has seen and tells its
//! size to the appliance. A log that is shorter than that was rolled back; one that cannot prove that
//! it begins as it did (RFC 6962 consistency) was rewritten.

mod contents;

#[cfg(test)]
pub(crate) use self::contents::tests::manifest as sample_manifest;

use std::collections::BTreeMap;

use keymgmt_custody::{
    CustodyError,
    audit::{Checkpoint, Hash, verify_consistency, verify_receipt},
    enrolment::log_of_epoch,
};
use linkage_proto::v1::Receipt;
use linker_token::{BatchId, Epoch, Manifest};
use serde::{Deserialize, Serialize};

use self::contents::check_contents;
use crate::{
    error::{AgentError, Fault},
    limits::PROOF_HASHES_MAX,
    say,
    state::{self, State},
};

pub(crate) const KEPT_BYTES_MAX: u64 = 256 * 1024;

/// The largest checkpoint that this site has verified.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seen {
    /// Name of the log.
    pub origin: String,
    /// Number of entries.
    pub size: u64,
    /// Root of the tree, hex.
    pub root: String,
    /// The signed note.
    pub note: String,
}

/// A verified receipt as it is kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kept {
    /// Hex.
    pub batch_id: String,
    /// Number of the batch in its submission.
    pub sequence: u32,
    /// Key epoch.
    pub epoch: u32,
    /// Rows that the site sent.
    pub rows: u32,
    /// Rows that the appliance admitted.
    pub rows_admitted: u32,
    /// Rows that it put aside.
    pub rows_quarantined: u32,
    /// Why.
    pub quarantined_by_reason: BTreeMap<String, u32>,
    /// The audit entry, text.
    pub audit_entry: String,
    /// Its number in the log.
    pub audit_index: u64,
    /// The checkpoint, a signed note.
    pub checkpoint: String,
    /// Hashes from the entry to the checkpoint's root, hex.
    pub inclusion_proof: Vec<String>,
    /// Hashes from the checkpoint kept before to this one, hex.
    #[serde(default)]
    pub consistency_proof: Vec<String>,
}

/// Checks receipts with the audit key of the key package.
#[derive(Debug)]
pub struct Witness<'a> {
    state: &'a State,
    epoch: Epoch,
    audit_spki: Vec<u8>,
    origin: Option<String>,
    seen: Option<Seen>,
}

impl<'a> Witness<'a> {
    /// A witness of the log of a package's epoch, who remembers what the state folder holds.
    ///
    /// # Errors
    /// [`Fault::StateDamaged`], or [`Fault::CheckpointForked`] if the configured log is another one.
    pub fn load(
        state: &'a State,
        (epoch, audit_spki): (Epoch, Vec<u8>),
        origin: Option<String>,
    ) -> Result<Self, AgentError> {
        let seen = last_seen(state, epoch)?;
        let witness = Self {
            state,
            epoch,
            audit_spki,
            origin,
            seen,
        };
        if let Some(seen) = &witness.seen
            && !witness.may_be(&seen.origin)
        {
            let detail = "appliance.origin is not the log whose checkpoint is kept";
            return Err(AgentError::new(Fault::CheckpointForked, detail));
        }
        Ok(witness)
    }

    /// Whether a log is the configured one, or that of this epoch beside it. The appliance names the log of
    /// a later epoch by rule, so that no site has to be told.
    fn may_be(&self, log: &str) -> bool {
        let Some(origin) = &self.origin else {
            return true;
        };
        log == origin || log == log_of_epoch(origin, self.epoch)
    }

    /// Size of the newest checkpoint that is kept, 0 for none.
    #[must_use]
    pub fn size_seen(&self) -> u64 {
        self.seen.as_ref().map_or(0, |seen| seen.size)
    }

    /// Verifies a receipt for `manifest` and keeps it. A receipt that fails is kept under another name
    /// as evidence.
    ///
    /// # Errors
    /// One of the receipt faults, or an error of the disk.
    pub fn accept(&mut self, manifest: &Manifest, receipt: &Receipt) -> Result<Kept, AgentError> {
        let batch = manifest.batch_id();
        let kept = kept(manifest, receipt);
        match self.check(manifest, receipt) {
            Ok(seen) => {
                // The checkpoint first: it must never be older than a kept receipt.
                if self.seen.as_ref().is_none_or(|old| old.size < seen.size) {
                    let folder = self.state.epoch(self.epoch);
                    state::make_folder(&folder)?;
                    state::write_atomic(&self.state.checkpoint(self.epoch), &json(&seen)?)?;
                    self.seen = Some(seen);
                }
                state::write_atomic(&self.state.receipt(batch), &json(&kept)?)?;
                Ok(kept)
            }
            Err(error) => {
                state::write_atomic(&self.state.refused_receipt(batch), &json(&kept)?)?;
                Err(error)
            }
        }
    }

    /// Checks everything that can be checked about a receipt; keeps nothing.
    fn check(&self, manifest: &Manifest, receipt: &Receipt) -> Result<Seen, AgentError> {
        let batch = manifest.batch_id();
        check_contents(manifest, receipt)?;
        let first_line = receipt.checkpoint.lines().next().unwrap_or_default();
        let seen = self.seen.as_ref().map(|seen| seen.origin.as_str());
        let origin = seen.unwrap_or(first_line);
        if first_line != origin || !self.may_be(origin) {
            let rule = say!(
                "receipt of batch {batch}: {rule}",
                batch = batch.to_string(),
                rule = say!("the checkpoint is of another log")
            );
            return Err(AgentError::new(Fault::CheckpointForked, rule));
        }
        let proof =
            hashes(&receipt.inclusion_proof).ok_or_else(|| of_batch(Fault::ReceiptProof, batch))?;
        let checkpoint = verify_receipt(
            &receipt.audit_entry,
            receipt.audit_index,
            &receipt.checkpoint,
            &proof,
            origin,
            &self.audit_spki,
        )
        .map_err(|error| of_custody(batch, error))?;
        self.check_growth(batch, &checkpoint, &receipt.consistency_proof)?;
        Ok(Seen {
            origin: origin.to_owned(),
            size: checkpoint.size,
            root: hex::encode(checkpoint.root),
            note: receipt.checkpoint.clone(),
        })
    }

    fn check_growth(
        &self,
        batch: BatchId,
        new: &Checkpoint,
        proof: &[Vec<u8>],
    ) -> Result<(), AgentError> {
        let Some(old) = &self.seen else {
            return Ok(());
        };
        if new.size < old.size {
            let detail = say!(
                "receipt of batch {batch}: {now} entries, and {before} were seen",
                batch = batch.to_string(),
                now = new.size,
                before = old.size
            );
            return Err(AgentError::new(Fault::CheckpointShrank, detail));
        }
        let mut root: Hash = [0; 32];
        hex::decode_to_slice(&old.root, &mut root).map_err(|error| {
            let path = self.state.checkpoint(self.epoch).display().to_string();
            AgentError::new(Fault::StateDamaged, path).because(error)
        })?;
        // A proof that is missing or malformed is a growth that is not proven.
        let forked = || of_batch(Fault::CheckpointForked, batch);
        let proof = hashes(proof).ok_or_else(forked)?;
        verify_consistency((old.size, &root), (new.size, &new.root), &proof)
            .map_err(|error| forked().because(error))
    }
}

/// The largest checkpoint of an epoch's log that the state folder holds.
///
/// # Errors
/// [`Fault::StateDamaged`] or an error of the disk.
pub fn last_seen(state: &State, epoch: Epoch) -> Result<Option<Seen>, AgentError> {
    let mut path = state.checkpoint(epoch);
    if !path.exists() && state.only_package().exists() {
        // Earlier versions knew one epoch; the next run moves their files.
        path = state.only_checkpoint();
    }
    let Some(bytes) = state::read_if_there(&path, KEPT_BYTES_MAX)? else {
        return Ok(None);
    };
    serde_json::from_slice(&bytes).map(Some).map_err(|error| {
        AgentError::new(Fault::StateDamaged, path.display().to_string()).because(error)
    })
}

/// The receipts that the state folder holds, in order of their batch IDs.
///
/// # Errors
/// [`Fault::StateDamaged`] or an error of the disk.
pub fn all_kept(state: &State) -> Result<Vec<Kept>, AgentError> {
    let folder = state.receipts();
    let mut names = state::names(&folder, "receipts")?;
    names.retain(|name| name.ends_with(".json") && !name.ends_with(".refused.json"));
    let read = |name: &String| {
        let path = folder.join(name);
        let bytes = state::read_if_there(&path, KEPT_BYTES_MAX)?.unwrap_or_default();
        serde_json::from_slice(&bytes).map_err(|error| {
            AgentError::new(Fault::StateDamaged, path.display().to_string()).because(error)
        })
    };
    names.iter().map(read).collect()
}

/// The hashes of a proof; `None` if one is none or they are too many.
fn hashes(proof: &[Vec<u8>]) -> Option<Vec<Hash>> {
    if proof.len() > PROOF_HASHES_MAX {
        return None;
    }
    proof
        .iter()
        .map(|hash| hash.as_slice().try_into().ok())
        .collect()
}

fn of_batch(fault: Fault, batch: BatchId) -> AgentError {
    AgentError::new(
        fault,
        say!("receipt of batch {batch}", batch = batch.to_string()),
    )
}

fn of_custody(batch: BatchId, error: CustodyError) -> AgentError {
    let fault = if matches!(error, CustodyError::BadProof { .. }) {
        Fault::ReceiptProof
    } else {
        Fault::ReceiptSignature
    };
    of_batch(fault, batch).because(error)
}

fn kept(manifest: &Manifest, receipt: &Receipt) -> Kept {
    Kept {
        batch_id: manifest.batch_id().to_string(),
        sequence: manifest.sequence,
        epoch: manifest.epoch.0,
        rows: manifest.rows,
        rows_admitted: receipt.rows_admitted,
        rows_quarantined: receipt.rows_quarantined,
        quarantined_by_reason: receipt.quarantined_by_reason.clone(),
        audit_entry: String::from_utf8_lossy(&receipt.audit_entry).into_owned(),
        audit_index: receipt.audit_index,
        checkpoint: receipt.checkpoint.clone(),
        inclusion_proof: receipt.inclusion_proof.iter().map(hex::encode).collect(),
        consistency_proof: receipt.consistency_proof.iter().map(hex::encode).collect(),
    }
}

fn json(value: &impl Serialize) -> Result<Vec<u8>, AgentError> {
    serde_json::to_vec_pretty(value)
        .map_err(|error| AgentError::new(Fault::Internal, "a file of the state").because(error))
}

#[cfg(test)]
mod tests {
    use super::{
        contents::tests::{manifest, receipt},
        *,
    };

    #[test]
    fn the_log_of_a_later_epoch_is_known_by_rule() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(folder.path()).unwrap();
        let witness = |origin: &str| {
            let origin = Some(origin.to_owned());
            Witness::load(&state, (Epoch(3), Vec::new()), origin).unwrap()
        };
        for (configured, log, expected) in [
            ("a.example/demo", "a.example/demo", true),
            ("a.example/demo", "a.example/demo/epoch-3", true),
            ("a.example/demo", "a.example/demo/epoch-2", false),
            ("a.example/demo/epoch-2", "a.example/demo/epoch-3", true),
            ("a.example/demo/epoch-x", "a.example/demo/epoch-3", false),
            ("a.example/demo", "b.example/demo", false),
        ] {
            assert_eq!(
                witness(configured).may_be(log),
                expected,
                "{configured} {log}"
            );
        }
        let any = Witness::load(&state, (Epoch(3), Vec::new()), None).unwrap();
        assert!(any.may_be("whatever"));
    }

    #[test]
    fn one_past_the_longest_proof_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(folder.path()).unwrap();
        let witness = Witness::load(&state, (Epoch(1), Vec::new()), None).unwrap();
        let mut deep = receipt(0);
        deep.inclusion_proof = vec![vec![0; 32]; PROOF_HASHES_MAX + 1];
        let error = witness.check(&manifest(), &deep).unwrap_err();
        assert_eq!(error.fault(), Fault::ReceiptProof);
        deep.inclusion_proof = vec![vec![0; 31]];
        let error = witness.check(&manifest(), &deep).unwrap_err();
        assert_eq!(error.fault(), Fault::ReceiptProof);
    }
}
