//! Wire to domain and back. The only file that knows both.

use std::collections::HashMap;

use linkage_proto::v1;
use linker_token::{BatchId, CheckValue, Epoch, Flags, ProjectId, SchemaDigest};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use crate::{
    error::ServiceError,
    limits,
    reasons::Class,
    service::{
        header::Header,
        intake::{Policy, Progress, Receipt},
        plan::Plan,
        release::{Order, Release, Row},
        resolve_token::{Question, Resolved, TokenAnswer},
        run_record::{Counts, Quality, Run, State},
    },
};

/// The domain of every reason code.
pub const DOMAIN: &str = "musubi";

/// A refusal as a status with `google.rpc.ErrorInfo`: reason, advice and, for streams, where to go on.
#[must_use]
pub fn status(error: &ServiceError) -> Status {
    let mut metadata = HashMap::from([("advice".to_owned(), error.advice().to_owned())]);
    if let Some(next) = error.next_sequence() {
        metadata.insert("next_sequence".to_owned(), next.to_string());
    }
    let mut details = ErrorDetails::with_error_info(error.code(), DOMAIN, metadata);
    if let Some(after) = error.retry_after() {
        details.set_retry_info(Some(after));
    }
    Status::with_error_details(grpc_code(error.class()), error.to_string(), details)
}

fn grpc_code(class: Class) -> Code {
    match class {
        Class::Denied => Code::PermissionDenied,
        Class::NotFound => Code::NotFound,
        Class::Invalid => Code::InvalidArgument,
        Class::State => Code::FailedPrecondition,
        Class::Again => Code::Aborted,
        Class::TooLarge => Code::OutOfRange,
        Class::Exhausted => Code::ResourceExhausted,
        Class::Exists => Code::AlreadyExists,
        Class::Late => Code::DeadlineExceeded,
        Class::Unavailable => Code::Unavailable,
        Class::Internal => Code::Internal,
    }
}

/// A batch ID.
///
/// # Errors
/// [`ServiceError::Malformed`].
pub fn batch_id(bytes: &[u8]) -> Result<BatchId, ServiceError> {
    let bytes = bytes.try_into().ok();
    bytes.map(BatchId).ok_or(ServiceError::Malformed {
        rule: "a batch ID has 32 bytes",
    })
}

/// The header of an upload.
///
/// # Errors
/// [`ServiceError::Malformed`] or [`ServiceError::TooLarge`].
pub fn header(wire: v1::UploadHeader) -> Result<Header, ServiceError> {
    if wire.signature.len() != limits::SIGNATURE_BYTES {
        return Err(ServiceError::Malformed {
            rule: "a signature has 64 bytes",
        });
    }
    if wire.sealed_content_key.len() > limits::SEALED_KEY_BYTES_MAX {
        let limit = limits::SEALED_KEY_BYTES_MAX;
        return Err(ServiceError::TooLarge {
            what: "the sealed content key",
            limit,
        });
    }
    Ok(Header {
        manifest: wire.manifest,
        signature: wire.signature,
        sealed_content_key: wire.sealed_content_key,
        chunk_count: wire.chunk_count,
        first_sequence: wire.first_sequence,
        checkpoint_size_seen: wire.checkpoint_size_seen,
    })
}

/// The order of a release.
///
/// # Errors
/// [`ServiceError::Malformed`].
pub fn order(wire: v1::CreateReleaseRequest) -> Result<Order, ServiceError> {
    let project = ProjectId::parse(&wire.project).ok();
    Ok(Order {
        request_id: text(wire.request_id)?,
        run_id: text(wire.run_id)?,
        project: project.ok_or(ServiceError::Malformed {
            rule: "the project's name is not one",
        })?,
        approval_number: text(wire.approval_number)?,
        recipient: text(wire.recipient)?,
    })
}

/// A question about one token.
///
/// # Errors
/// [`ServiceError::Malformed`].
pub fn question(wire: &v1::ResolveTokenRequest) -> Result<Question, ServiceError> {
    let malformed = |rule| ServiceError::Malformed { rule };
    let name = |name: &str| {
        let rule = "the project's name is not one";
        ProjectId::parse(name).map_err(|_opaque| malformed(rule))
    };
    let (words, rest) = wire.row.as_chunks::<8>();
    if !rest.is_empty() {
        return Err(malformed("a row is whole words of 8 bytes"));
    }
    let schema = wire.schema_digest.as_slice().try_into().ok();
    let check = wire.secret_check.as_slice().try_into().ok();
    let project = (!wire.project.is_empty()).then(|| name(&wire.project));
    Ok(Question {
        linkage_project: name(&wire.linkage_project)?,
        epoch: Epoch(wire.epoch),
        schema: SchemaDigest(schema.ok_or(malformed("a schema digest has 32 bytes"))?),
        secret_check: CheckValue(check.ok_or(malformed("a check value has 8 bytes"))?),
        flags: Flags::from_bits(wire.flags).ok_or(malformed("a flag is unknown"))?,
        row: words.iter().map(|word| u64::from_le_bytes(*word)).collect(),
        project: project.transpose()?,
    })
}

/// The answer to a question about one token.
#[must_use]
pub fn resolved(resolved: Resolved) -> v1::ResolveTokenResponse {
    let mut wire = v1::ResolveTokenResponse {
        run_id: resolved.run_id.unwrap_or_default(),
        ..v1::ResolveTokenResponse::default()
    };
    match resolved.answer {
        TokenAnswer::Nobody => wire.set_answer(v1::TokenAnswer::None),
        TokenAnswer::Person { pseudonym } => {
            wire.set_answer(v1::TokenAnswer::Person);
            wire.pseudonym = pseudonym.unwrap_or_default();
        }
        TokenAnswer::Ambiguous {
            candidates,
            left_off,
        } => {
            wire.set_answer(v1::TokenAnswer::Ambiguous);
            let candidates = candidates.into_iter();
            wire.candidates = candidates
                .map(|likely| v1::MaskedCandidate { likely })
                .collect();
            wire.candidates_left_off = left_off;
        }
    }
    wire
}

/// A short text: 1 to 64 bytes without control characters.
///
/// # Errors
/// [`ServiceError::Malformed`].
pub fn text(text: String) -> Result<String, ServiceError> {
    let good = !text.is_empty()
        && text.len() <= limits::TEXT_BYTES_MAX
        && !text.chars().any(char::is_control);
    let rule = "IDs, numbers and names have 1 to 64 bytes and no control characters";
    if good {
        Ok(text)
    } else {
        Err(ServiceError::Malformed { rule })
    }
}

/// The policy.
#[must_use]
pub fn policy(policy: Policy) -> v1::Policy {
    v1::Policy {
        project: policy.project,
        epoch: policy.epoch,
        schema_digest: policy.schema_digest.to_vec(),
        chunk_bytes_max: bounded(limits::CHUNK_BYTES_MAX),
        batch_rows_max: bounded(linker_token::limits::BATCH_ROWS_MAX),
        ingest_key_digest: policy.ingest_key_digest.to_vec(),
    }
}

fn bounded(limit: usize) -> u32 {
    u32::try_from(limit).unwrap_or(u32::MAX)
}

/// How far an upload has come.
#[must_use]
pub fn upload_state(progress: Progress) -> v1::UploadState {
    v1::UploadState {
        next_sequence: progress.next_sequence,
        accepted: progress.accepted,
    }
}

/// A receipt.
#[must_use]
pub fn receipt(receipt: Receipt) -> v1::Receipt {
    v1::Receipt {
        batch_id: receipt.batch_id.0.to_vec(),
        rows_admitted: receipt.rows_admitted,
        rows_quarantined: receipt.quarantined.values().sum(),
        quarantined_by_reason: receipt.quarantined.into_iter().collect(),
        audit_entry: receipt.audit_entry,
        audit_index: receipt.audit_index,
        checkpoint: receipt.checkpoint,
        inclusion_proof: hashes(&receipt.inclusion_proof),
        consistency_proof: hashes(&receipt.consistency_proof),
    }
}

fn hashes(proof: &[[u8; 32]]) -> Vec<Vec<u8>> {
    proof.iter().map(|hash| hash.to_vec()).collect()
}

/// A plan.
#[must_use]
pub fn plan(plan: Plan) -> v1::RunPlan {
    let passes = plan.passes.into_iter().map(|pass| v1::PassPlan {
        name: pass.name,
        blocks: pass.blocks,
        largest_block: pass.largest_block,
        pairs: pass.pairs,
        blocks_split: pass.blocks_split,
    });
    v1::RunPlan {
        rows: plan.rows,
        records: plan.records,
        passes: passes.collect(),
        pairs_total: plan.pairs_total,
    }
}

/// A run.
#[must_use]
pub fn run(run: Run) -> v1::Run {
    let failure_advice = run.failure_advice().to_owned();
    v1::Run {
        run_id: run.run_id,
        state: run_state(run.state).into(),
        failure_code: run.failure_code,
        failure_advice,
        done: run.done,
        total: run.total,
        counts: run.counts.map(counts),
        quality: run.quality.map(quality),
        pairs_compared: run.pairs_compared,
        stage_seconds: run.stage_seconds.into_iter().collect(),
        kernel: run.kernel,
    }
}

fn run_state(state: State) -> v1::RunState {
    match state {
        State::Draft => v1::RunState::Draft,
        State::Frozen => v1::RunState::Frozen,
        State::Comparing => v1::RunState::Comparing,
        State::Clustering => v1::RunState::Clustering,
        State::Resolving => v1::RunState::Resolving,
        State::Released => v1::RunState::Released,
        State::Failed => v1::RunState::Failed,
        State::Withdrawn => v1::RunState::Withdrawn,
    }
}

fn counts(counts: Counts) -> v1::Counts {
    v1::Counts {
        persons_found: counts.persons_found,
        sum_of_site_uniques: counts.sum_of_site_uniques,
        cumulative: counts.cumulative,
        records: counts.records,
        review_pairs: counts.review_pairs,
        clusters_over_bound: counts.clusters_over_bound,
    }
}

fn quality(quality: Quality) -> v1::Quality {
    v1::Quality {
        precision_estimate: quality.precision,
        recall_estimate: quality.recall,
        f1_estimate: quality.f1,
        blocking_recall: quality.blocking_recall,
        blocking_recall_low: quality.blocking_recall_low,
        blocking_recall_high: quality.blocking_recall_high,
    }
}

/// A release.
#[must_use]
pub fn release(release: Release) -> v1::Release {
    v1::Release {
        release_id: release.release_id,
        run_id: release.order.run_id,
        project: release.order.project.to_string(),
        recipient: release.order.recipient,
        rows: release.rows,
        digest: release.digest.to_vec(),
        audit_index: release.audit_index,
    }
}

/// Rows of a crosswalk; `cursor` counts the rows held once these are stored.
#[must_use]
pub fn rows(cursor: u64, rows: Vec<Row>) -> v1::CrosswalkRows {
    let rows = rows.into_iter().map(|row| v1::CrosswalkRow {
        site: row.site,
        record_reference: row.reference.0.to_vec(),
        pseudonym: row.pseudonym,
    });
    v1::CrosswalkRows {
        cursor,
        rows: rows.collect(),
    }
}

#[cfg(test)]
mod tests;
