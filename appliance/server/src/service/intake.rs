//! Admission of batches: every check on the header before a chunk is kept, all or nothing at the end.

use std::collections::BTreeMap;

use appliance_store::{Admission, BatchRow, StoreError};
use keymgmt_custody::{
    CustodyError,
    batch::{VerifiedManifest, open_batch},
    hierarchy::{DerivingKey, Label, epoch_context},
};
use linker_token::{BatchId, TokenBatch, hostile, second_layer::SecondLayer};
use sha2::{Digest as _, Sha256};

use crate::{
    audit::Entry,
    auth::Caller,
    error::ServiceError,
    limits, metrics,
    ready::Condition,
    service::{
        Appliance, Claim, Place,
        header::{self, Header},
        intent::Intent,
        revocation,
    },
};

/// What a site must know before it uploads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// The linkage project.
    pub project: String,
    /// The key epoch.
    pub epoch: u32,
    /// Digest of the schema.
    pub schema_digest: [u8; 32],
    /// SHA-256 of the ingest key.
    pub ingest_key_digest: [u8; 32],
}

/// How far an upload has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// The first chunk that is not durable yet.
    pub next_sequence: u32,
    /// Whether the batch is admitted.
    pub accepted: bool,
}

/// Proof of admission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The batch.
    pub batch_id: BatchId,
    /// Rows kept.
    pub rows_admitted: u32,
    /// Rows set aside, by reason.
    pub quarantined: BTreeMap<String, u32>,
    /// The audit entry's bytes.
    pub audit_entry: Vec<u8>,
    /// Its index.
    pub audit_index: u64,
    /// A signed checkpoint that covers it.
    pub checkpoint: String,
    /// The way from the entry to the checkpoint.
    pub inclusion_proof: Vec<[u8; 32]>,
    /// The way to the checkpoint from the one that the site keeps.
    pub consistency_proof: Vec<[u8; 32]>,
}

/// What a header leads to.
#[derive(Debug)]
pub enum Begun {
    /// Chunks may come.
    Upload(Box<Upload>),
    /// The batch is admitted already.
    Accepted(Receipt),
}

/// An upload under way, whose manifest was verified. While it lives, no other stream carries the
/// same batch, and its place is taken.
#[derive(Debug)]
pub struct Upload {
    verified: VerifiedManifest,
    header: Header,
    next: u32,
    _claim: Claim,
    _place: Place,
}

impl Upload {
    /// The first chunk that is not durable yet.
    #[must_use]
    pub fn next_sequence(&self) -> u32 {
        self.next
    }

    /// Whether every chunk is durable.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.next == self.header.chunk_count
    }
}

/// The policy in force.
#[must_use]
pub fn policy(appliance: &Appliance) -> Policy {
    let scope = appliance.scope();
    Policy {
        project: scope.project.to_string(),
        epoch: scope.epoch.0,
        schema_digest: scope.schema.digest().0,
        ingest_key_digest: Sha256::digest(appliance.custody().ingest_public_key()).into(),
    }
}

/// Whether a batch is admitted here, or its upload is under way.
///
/// # Errors
/// [`ServiceError::Store`] and its kin.
pub fn knows(appliance: &Appliance, batch_id: BatchId) -> Result<bool, ServiceError> {
    let store = appliance.store();
    Ok(store.batch(batch_id)?.is_some() || store.next_sequence(batch_id).is_some())
}

/// How far the caller's upload of a batch has come. Batches of other sites look as if they had never begun.
///
/// # Errors
/// [`ServiceError::Store`] and its kin.
pub fn upload_state(
    appliance: &Appliance,
    caller: &Caller,
    batch_id: BatchId,
) -> Result<Progress, ServiceError> {
    let site = caller.site()?;
    if let Some(row) = appliance.store().batch(batch_id)? {
        let accepted = row.manifest.site == *site;
        return Ok(Progress {
            next_sequence: 0,
            accepted,
        });
    }
    let next_sequence = match header::stored(appliance, batch_id)? {
        Some(stored) if header::names_site(&stored, site) => {
            appliance.store().next_sequence(batch_id)
        }
        Some(_) | None => None,
    };
    let next_sequence = next_sequence.unwrap_or(0);
    Ok(Progress {
        next_sequence,
        accepted: false,
    })
}

/// The receipt of one of the caller's batches, with a proof of today and the way from the checkpoint of
/// size `seen`.
///
/// # Errors
/// [`ServiceError::NotFound`] for batches that are not admitted or another site's.
pub fn receipt(
    appliance: &Appliance,
    caller: &Caller,
    batch_id: BatchId,
    seen: u64,
) -> Result<Receipt, ServiceError> {
    let site = caller.site()?;
    let row = appliance.store().batch(batch_id)?;
    let row = row.filter(|row| row.manifest.site == *site);
    receipt_of(
        appliance,
        &row.ok_or(ServiceError::NotFound { what: "batch" })?,
        seen,
    )
}

/// Checks a header and opens the way for chunks. A header that is refused leaves everything as it was:
/// nothing of it is kept, and chunks that came under an earlier one stay.
///
/// # Errors
/// The reason of the first check that fails.
pub fn begin(
    appliance: &Appliance,
    caller: &Caller,
    header: Header,
    place: Place,
) -> Result<Begun, ServiceError> {
    appliance.accepting()?;
    appliance.latch().require(Condition::Clock)?;
    appliance.latch().require(Condition::Keys)?;
    let verified = header::verify(appliance, caller, &header)?;
    let batch_id = verified.batch_id();
    if let Some(row) = appliance.store().batch(batch_id)? {
        let receipt = receipt_of(appliance, &row, header.checkpoint_size_seen)?;
        return Ok(Begun::Accepted(receipt));
    }
    let manifest = verified.manifest();
    appliance.check_site_rows(&manifest.site, manifest.rows)?;
    let claim = appliance.claim(batch_id)?;
    let kept = header::encode(&header);
    let stored = header::stored(appliance, batch_id)?;
    let sealed_anew = stored.is_some_and(|stored| stored != kept);
    let known = appliance.store().next_sequence(batch_id);
    let next = known.filter(|_| !sealed_anew).unwrap_or(0);
    if header.first_sequence != next {
        return Err(ServiceError::OutOfOrder {
            next_sequence: next,
        });
    }
    if sealed_anew {
        // What was kept belongs to another content key.
        appliance.store().discard_upload(batch_id)?;
    }
    let next = appliance
        .store()
        .begin_upload(batch_id, &manifest.site, &kept)?;
    Ok(Begun::Upload(Box::new(Upload {
        verified,
        header,
        next,
        _claim: claim,
        _place: place,
    })))
}

/// Keeps one chunk; it is durable on return.
///
/// # Errors
/// [`ServiceError::OutOfOrder`], [`ServiceError::TooLarge`], [`ServiceError::SiteRevoked`] or the store's.
pub fn append(
    appliance: &Appliance,
    upload: &mut Upload,
    sequence: u32,
    sealed: &[u8],
) -> Result<(), ServiceError> {
    if sealed.len() > limits::CHUNK_BYTES_MAX {
        return Err(ServiceError::TooLarge {
            what: "a chunk",
            limit: limits::CHUNK_BYTES_MAX,
        });
    }
    check_trusted(appliance, upload)?;
    if sequence != upload.next || upload.is_complete() {
        return Err(ServiceError::OutOfOrder {
            next_sequence: upload.next,
        });
    }
    appliance
        .store()
        .append_chunk(upload.verified.batch_id(), sequence, sealed)?;
    upload.next += 1;
    Ok(())
}

/// Opens the batch, checks it against its manifest, sets hostile rows aside, applies the second
/// layer and admits the rest. An upload that does not open is discarded, and the refusal is audited. The log
/// says what will be done before any key is used.
///
/// # Errors
/// [`ServiceError::Incomplete`], [`ServiceError::SiteRevoked`], [`ServiceError::CorruptChunk`],
/// [`ServiceError::Hsm`] or the store's.
pub fn finish(
    appliance: &Appliance,
    caller: &Caller,
    upload: &Upload,
) -> Result<Receipt, ServiceError> {
    if !upload.is_complete() {
        return Err(ServiceError::Incomplete {
            next_sequence: upload.next,
        });
    }
    let batch_id = upload.verified.batch_id();
    let entry = appliance.entry(caller.uri(), "admit", &batch_id.to_string());
    if let Err(error) = check_trusted(appliance, upload) {
        metrics::batch_refused();
        appliance.store().discard_upload(batch_id)?;
        appliance.append_audit(&entry.result(error.code()))?;
        return Err(error);
    }
    let row = appliance.begun(&entry, |intent| {
        let opened = open(appliance, upload, intent);
        if matches!(opened, Err(ServiceError::CorruptChunk)) {
            metrics::batch_refused();
            appliance.store().discard_upload(batch_id)?;
        }
        let entry = intent.result(entry.clone());
        admit(appliance, upload, &opened?, entry, intent)
    })?;
    let receipt = receipt_of(appliance, &row, upload.header.checkpoint_size_seen)?;
    let set_aside = receipt.quarantined.values().sum();
    metrics::batch(receipt.rows_admitted, set_aside);
    tracing::info!(
        site = %row.manifest.site,
        batch = %batch_id,
        admitted = receipt.rows_admitted,
        set_aside,
        "a batch was admitted"
    );
    Ok(receipt)
}

/// The site may have been revoked since its header was verified.
fn check_trusted(appliance: &Appliance, upload: &Upload) -> Result<(), ServiceError> {
    let site = &upload.verified.manifest().site;
    revocation::check(&appliance.trust().enrolment, site)
}

fn open(
    appliance: &Appliance,
    upload: &Upload,
    _before: &Intent,
) -> Result<TokenBatch, ServiceError> {
    let chunks = appliance.store().chunks(upload.verified.batch_id());
    let chunks = chunks.map_err(|error| {
        // The disk lost what the site still has, so the site can repair it.
        if matches!(error, StoreError::Damaged { .. }) {
            ServiceError::CorruptChunk
        } else {
            error.into()
        }
    })?;
    let custody = appliance.custody();
    let sealed_key = &upload.header.sealed_content_key;
    let plaintext = open_batch(custody, &upload.verified, sealed_key, chunks).map_err(opening)?;
    let manifest = upload.verified.manifest();
    let batch = TokenBatch::from_bytes(&appliance.scope().schema, &plaintext)
        .map_err(|_opaque| ServiceError::CorruptChunk)?;
    if batch.len() != manifest.rows as usize {
        return Err(ServiceError::CorruptChunk);
    }
    Ok(batch)
}

/// A batch that was sealed wrongly is the site's to repair; everything else is the token's.
fn opening(error: CustodyError) -> ServiceError {
    if matches!(
        error,
        CustodyError::CorruptChunk { .. }
            | CustodyError::NotAuthentic { .. }
            | CustodyError::Malformed { .. }
            | CustodyError::TooLarge { .. }
    ) {
        ServiceError::CorruptChunk
    } else {
        ServiceError::Hsm(error)
    }
}

fn admit(
    appliance: &Appliance,
    upload: &Upload,
    batch: &TokenBatch,
    mut entry: Entry,
    intent: &Intent,
) -> Result<BatchRow, ServiceError> {
    let schema = &appliance.scope().schema;
    let verdicts = hostile::inspect(schema, batch);
    let mut quarantined: BTreeMap<String, u32> = BTreeMap::new();
    for verdict in verdicts.iter().flatten() {
        *quarantined.entry(verdict.code().to_owned()).or_default() += 1;
    }
    let mut tokens = batch.retain(|row| verdicts[row].is_none());
    second_layer(appliance, intent)?.apply(tokens.rows_mut());
    let batch_id = upload.verified.batch_id();
    let unchanged = entry.clone();
    entry = entry
        .count("rows", batch.len() as u64)
        .count("admitted", tokens.len() as u64);
    for (reason, count) in &quarantined {
        entry = entry.count(&format!("quarantined-{reason}"), u64::from(*count));
    }
    let admission = Admission {
        batch_id,
        manifest_bytes: &upload.header.manifest,
        signature: &upload.header.signature,
        tokens: &tokens,
        quarantined: &quarantined,
    };
    let done = appliance
        .store()
        .admit(&admission, &|seq| entry.render(seq))?;
    let row = appliance.store().batch(batch_id)?;
    let row = row.ok_or(ServiceError::Internal)?;
    if done.repeated {
        // Nothing was changed, so nothing was written with it.
        appliance.append_audit(&unchanged.result("repeated"))?;
    } else {
        appliance.count_site_rows(&row.manifest.site, row.rows);
    }
    Ok(row)
}

/// The appliance's permutation of this project, epoch and schema, seeded in the token.
pub(super) fn second_layer(
    appliance: &Appliance,
    _before: &Intent,
) -> Result<SecondLayer, ServiceError> {
    let scope = appliance.scope();
    let mut context = epoch_context(&scope.project, scope.epoch);
    context.extend_from_slice(&scope.schema.digest().0);
    let seed = appliance
        .custody()
        .derive(DerivingKey::Tmk, Label::Permutation, &context)
        .map_err(ServiceError::Hsm)?;
    Ok(SecondLayer::new(&scope.schema, seed.expose()))
}

fn receipt_of(appliance: &Appliance, row: &BatchRow, seen: u64) -> Result<Receipt, ServiceError> {
    let proof = appliance.prove(row.audit_index, seen)?;
    Ok(Receipt {
        batch_id: row.batch_id,
        rows_admitted: row.rows,
        quarantined: row.quarantined.clone(),
        audit_entry: proof.entry,
        audit_index: row.audit_index,
        checkpoint: proof.checkpoint,
        inclusion_proof: proof.hashes,
        consistency_proof: proof.consistency,
    })
}
