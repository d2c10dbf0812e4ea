//! Gets one batch accepted: asks how far the appliance is, seals if nothing is sealed yet, uploads from
//! there, checks the receipt, keeps it, and only then forgets the sealed batch.

use std::{cell::RefCell, sync::Arc};

use keymgmt_custody::{batch::seal_batch, package::OpenedPackage, site::SiteKeys};
use linkage_proto::v1::{
    Policy, Receipt, UploadChunk, UploadHeader, UploadMessage, upload_message::Part,
};
use linker_token::{BatchId, Manifest};
use sha2::{Digest as _, Sha256};

use crate::{
    error::{AgentError, Fault},
    limits::RESENDS_MAX,
    outbox::{Entry, KeyDigests, Outbox},
    pipeline::Ready,
    progress::Progress,
    receipt::{Kept, Witness},
    say,
    uplink::Uplink,
};

/// Everything that sealing needs. It goes to a thread of its own, because the disk takes its time and the
/// network must not wait for it.
#[derive(Debug, Clone)]
pub struct Sealer {
    /// Sealed batches.
    pub outbox: Arc<Outbox>,
    /// The site's keys; the signing key is used.
    pub keys: Arc<SiteKeys>,
    /// To which key batches are sealed.
    pub package: Arc<OpenedPackage>,
}

impl Sealer {
    /// Seals a batch into the outbox.
    ///
    /// # Errors
    /// [`Fault::SpoolFull`], [`Fault::DiskFull`] or another error of the disk; nothing of it stays.
    pub fn seal(&self, ready: &Ready) -> Result<(), AgentError> {
        let failed = |error: keymgmt_custody::CustodyError| {
            AgentError::new(Fault::Internal, error.code()).because(error)
        };
        let content = self.package.content();
        let sealed = seal_batch(
            &ready.manifest,
            &ready.plaintext,
            &content.ingest_spki,
            content.oaep,
        )
        .map_err(failed)?;
        let signature = self.keys.sign_manifest(&ready.manifest).map_err(failed)?;
        let keys = KeyDigests::of(&self.package, &self.keys);
        self.outbox.put(&ready.manifest, keys, &signature, &sealed)
    }
}

/// Everything that sending needs.
#[derive(Debug)]
pub struct Sender<'a> {
    /// The way to the appliance.
    pub uplink: &'a Uplink,
    /// Sealed batches.
    pub outbox: &'a Outbox,
    /// Who checks and keeps receipts. Never borrowed while something is waited for.
    pub witness: RefCell<Witness<'a>>,
    /// Where it is told.
    pub progress: Progress,
}

/// How a batch came to be accepted.
#[derive(Debug, Clone)]
pub struct Accepted {
    /// The verified receipt.
    pub receipt: Kept,
    /// Whether rows were sent by this run; otherwise the appliance had the batch already.
    pub sent: bool,
}

impl Sender<'_> {
    /// Asks once whether the appliance has a batch; if it has, its receipt is verified and kept.
    ///
    /// # Errors
    /// A fault of the way, of the appliance, of the disk or of the receipt.
    pub async fn known(&self, manifest: &Manifest) -> Result<Option<Accepted>, AgentError> {
        let batch = manifest.batch_id();
        if !self.uplink.upload_state_now(batch).await?.accepted {
            return Ok(None);
        }
        let seen = self.size_seen();
        let receipt = self.uplink.receipt(batch, seen).await?;
        let receipt = self.believe(manifest, receipt, seen).await?;
        self.outbox.forget(batch)?;
        Ok(Some(Accepted {
            receipt,
            sent: false,
        }))
    }

    /// Gets a sealed batch accepted. What the appliance holds of an earlier sealing does not fit one that
    /// was sealed just now, which is `fresh`: it begins at its first chunk.
    ///
    /// # Errors
    /// A fault of the way, of the appliance, of the disk or of the receipt.
    pub async fn send(&self, batch: BatchId, fresh: bool) -> Result<Accepted, AgentError> {
        let entry = self.outbox.get(&batch.to_string())?;
        let mut outage = self.uplink.outage();
        let (mut known, mut fresh, mut resends, mut sent) = (0, fresh, 0, false);
        let (receipt, seen) = loop {
            let seen = self.size_seen();
            let state = self.uplink.upload_state(batch).await?;
            if state.accepted {
                break (self.uplink.receipt(batch, seen).await?, seen);
            }
            let from = if std::mem::take(&mut fresh) {
                0
            } else {
                state.next_sequence
            };
            if from > known {
                outage.end();
            }
            known = from;
            sent = true;
            match self.uplink.upload(messages(&entry, from, seen)?).await {
                Ok(receipt) => break (receipt, seen),
                Err(error) if is_misplaced(&error) && resends < RESENDS_MAX => {
                    resends += 1;
                    // What the appliance kept may be of an earlier sealing, which it gives up only for
                    // a stream from the first chunk on. So resending takes turns.
                    fresh = from != 0;
                    self.progress
                        .say(&say!("{error}; sending it again", error = error.said()));
                }
                Err(error) => outage.wait(error).await?,
            }
        };
        let receipt = self.believe(&entry.manifest, receipt, seen).await?;
        self.outbox.forget(batch)?;
        Ok(Accepted { receipt, sent })
    }

    /// Checks and keeps a receipt that was asked for when the newest checkpoint had `seen` entries. Its
    /// proof of growth begins there. Another receipt may have come meanwhile with a newer checkpoint,
    /// from which this proof does not lead: then it is asked for again.
    async fn believe(
        &self,
        manifest: &Manifest,
        mut receipt: Receipt,
        mut seen: u64,
    ) -> Result<Kept, AgentError> {
        while self.size_seen() != seen {
            seen = self.size_seen();
            receipt = self.uplink.receipt(manifest.batch_id(), seen).await?;
        }
        self.witness.borrow_mut().accept(manifest, &receipt)
    }

    fn size_seen(&self) -> u64 {
        self.witness.borrow().size_seen()
    }
}

/// Whether the appliance only asks for chunks from another place on.
fn is_misplaced(error: &AgentError) -> bool {
    matches!(
        error.reason(),
        Some("OUT_OF_ORDER" | "INCOMPLETE" | "CORRUPT_CHUNK")
    )
}

/// The appliance's reason, if it is one that this very batch can never be rid of: its manifest, its
/// signature or its sealing. Reasons that hold for the whole site are not among them.
#[must_use]
pub fn refused_for_good(error: &AgentError) -> Option<&'static str> {
    const REASONS: [&str; 8] = [
        "BAD_SIGNATURE",
        "CORRUPT_CHUNK",
        "MALFORMED",
        "TOO_LARGE",
        "WRONG_EPOCH",
        "WRONG_PROJECT",
        "WRONG_SCHEMA",
        "WRONG_SECRET",
    ];
    let reason = error.reason()?;
    REASONS.into_iter().find(|known| *known == reason)
}

/// The messages of one upload that starts at chunk `from`, with the size of the checkpoint that is kept.
fn messages(entry: &Entry, from: u32, seen: u64) -> Result<Vec<UploadMessage>, AgentError> {
    let count = u32::try_from(entry.chunks.len()).expect("chunks are bounded");
    if from > count {
        let detail = "it asks for a chunk past the last one";
        return Err(AgentError::new(Fault::RemoteFailed, detail));
    }
    let header = UploadHeader {
        manifest: entry.manifest.to_bytes(),
        signature: entry.signature.clone(),
        sealed_content_key: entry.sealed_content_key.clone(),
        chunk_count: count,
        first_sequence: from,
        checkpoint_size_seen: seen,
    };
    let mut messages = vec![UploadMessage {
        part: Some(Part::Header(header)),
    }];
    for (sequence, sealed) in (0..count).zip(&entry.chunks).skip(from as usize) {
        let sealed = sealed.clone();
        messages.push(UploadMessage {
            part: Some(Part::Chunk(UploadChunk { sequence, sealed })),
        });
    }
    Ok(messages)
}

/// Compares what the appliance wants with what the key package is for, before anything is read.
///
/// # Errors
/// One of the policy faults.
pub fn check_policy(policy: &Policy, package: &OpenedPackage) -> Result<(), AgentError> {
    let content = package.content();
    let differs = |fault, theirs: String, ours: String| {
        AgentError::new(
            fault,
            say!(
                "it says {theirs}, the package {ours}",
                theirs = theirs,
                ours = ours
            ),
        )
    };
    if policy.project != content.project.as_str() {
        // The text is the appliance's own; the terminal gets it cleaned.
        let theirs = policy.project.chars().take(32).collect();
        return Err(differs(
            Fault::WrongProject,
            theirs,
            content.project.to_string(),
        ));
    }
    if policy.epoch != content.epoch.0 {
        let theirs = policy.epoch.to_string();
        return Err(differs(
            Fault::WrongEpoch,
            theirs,
            content.epoch.to_string(),
        ));
    }
    if policy.schema_digest != content.schema.0 {
        let theirs = hex::encode(policy.schema_digest.get(..32).unwrap_or_default());
        return Err(differs(
            Fault::WrongSchema,
            theirs,
            content.schema.to_string(),
        ));
    }
    if policy.ingest_key_digest[..] != Sha256::digest(&content.ingest_spki)[..] {
        return Err(AgentError::new(Fault::WrongIngestKey, ""));
    }
    let chunk = u32::try_from(keymgmt_custody::limits::SEALED_CHUNK_BYTES_MAX);
    if policy.batch_rows_max == 0 || !chunk.is_ok_and(|chunk| chunk <= policy.chunk_bytes_max) {
        return Err(AgentError::new(Fault::PolicyBounds, ""));
    }
    Ok(())
}
