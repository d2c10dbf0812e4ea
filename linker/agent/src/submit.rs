//! Gets one batch accepted: asks how far the appliance is, seals if nothing is sealed yet, uploads from
//! there, checks the receipt, keeps it, and only then forgets the sealed batch.

use keymgmt_custody::{batch::seal_batch, package::OpenedPackage, site::SiteKeys};
use linkage_proto::v1::{Policy, UploadChunk, UploadHeader, UploadMessage, upload_message::Part};
use linker_token::BatchId;
use sha2::{Digest as _, Sha256};

use crate::{
    error::{AgentError, Fault},
    limits::RESENDS_MAX,
    outbox::{Entry, KeyDigests, Outbox},
    pipeline::Ready,
    progress::Progress,
    receipt::{Kept, Witness},
    uplink::Uplink,
};

/// Everything that one submission needs.
#[derive(Debug)]
pub struct Submitter<'a> {
    /// The way to the appliance.
    pub uplink: &'a Uplink,
    /// Sealed batches.
    pub outbox: &'a Outbox,
    /// Who checks and keeps receipts.
    pub witness: Witness<'a>,
    /// The site's keys; the signing key is used.
    pub keys: &'a SiteKeys,
    /// To which key batches are sealed.
    pub package: &'a OpenedPackage,
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

impl Submitter<'_> {
    /// Gets a fresh batch accepted.
    ///
    /// # Errors
    /// A fault of the way, of the appliance, of the disk or of the receipt.
    pub async fn submit(&mut self, ready: Ready) -> Result<Accepted, AgentError> {
        let batch = ready.manifest.batch_id();
        if self.uplink.upload_state(batch).await?.accepted {
            let seen = self.witness.size_seen();
            let receipt = self.uplink.receipt(batch, seen).await?;
            let receipt = self.witness.accept(&ready.manifest, &receipt)?;
            self.outbox.forget(batch)?;
            return Ok(Accepted {
                receipt,
                sent: false,
            });
        }
        self.seal(&ready)?;
        drop(ready);
        // What the appliance holds of an earlier sealing does not fit this one: begin at the start.
        self.upload(batch, true).await
    }

    /// Gets a batch accepted that an earlier run sealed.
    ///
    /// # Errors
    /// As [`Self::submit`].
    pub async fn resume(&mut self, batch: BatchId) -> Result<Accepted, AgentError> {
        self.upload(batch, false).await
    }

    fn seal(&self, ready: &Ready) -> Result<(), AgentError> {
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
        let keys = KeyDigests::of(self.package, self.keys);
        self.outbox.put(&ready.manifest, keys, &signature, &sealed)
    }

    async fn upload(&mut self, batch: BatchId, fresh: bool) -> Result<Accepted, AgentError> {
        let entry = self.outbox.get(&batch.to_string())?;
        let seen = self.witness.size_seen();
        let mut outage = self.uplink.outage();
        let (mut known, mut fresh, mut resends, mut sent) = (0, fresh, 0, false);
        let receipt = loop {
            let state = self.uplink.upload_state(batch).await?;
            if state.accepted {
                break self.uplink.receipt(batch, seen).await?;
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
                Ok(receipt) => break receipt,
                Err(error) if is_misplaced(&error) && resends < RESENDS_MAX => {
                    resends += 1;
                    // What the appliance kept may be of an earlier sealing, which it gives up only for
                    // a stream from the first chunk on. So resending takes turns.
                    fresh = from != 0;
                    self.progress.say(&format!("{error}; sending it again"));
                }
                Err(error) => outage.wait(error).await?,
            }
        };
        let receipt = self.witness.accept(&entry.manifest, &receipt)?;
        self.outbox.forget(batch)?;
        Ok(Accepted { receipt, sent })
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
        AgentError::new(fault, format!("it says {theirs}, the package {ours}"))
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
