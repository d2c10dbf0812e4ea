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
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::reasons;

    /// The table of reasons as clients see it. Codes are added, never renamed.
    #[test]
    fn the_table_of_reasons_is_this_one() {
        let lines =
            reasons::ALL.map(|reason| format!("{} {:?}", reason.code, grpc_code(reason.class)));
        let expected = "\
NOT_PERMITTED PermissionDenied
FOREIGN_SITE PermissionDenied
NOT_FOUND NotFound
MALFORMED InvalidArgument
WRONG_PROJECT FailedPrecondition
WRONG_EPOCH FailedPrecondition
WRONG_SCHEMA FailedPrecondition
WRONG_SECRET FailedPrecondition
NOT_ENROLLED FailedPrecondition
ENROLMENT_EXPIRED FailedPrecondition
BAD_SIGNATURE InvalidArgument
CORRUPT_CHUNK InvalidArgument
OUT_OF_ORDER Aborted
INCOMPLETE Aborted
TOO_LARGE OutOfRange
BUSY ResourceExhausted
CONFLICT AlreadyExists
NOTHING_TO_LINK FailedPrecondition
RUN_NOT_RELEASED FailedPrecondition
RUN_FAILED Internal
RUN_TOO_LARGE ResourceExhausted
SCRATCH_FULL ResourceExhausted
TIMED_OUT DeadlineExceeded
NOT_READY Unavailable
STOPPING Unavailable
HSM_UNAVAILABLE Unavailable
DISK_FULL ResourceExhausted
UPLOAD_QUOTA ResourceExhausted
STORE_UNAVAILABLE Unavailable
DAMAGED Internal
INTERNAL Internal
NO_RUN FailedPrecondition
INDEX_BUILDING Unavailable
INDEX_FAILED Unavailable
INDEX_TOO_LARGE FailedPrecondition
HOSTILE_TOKEN InvalidArgument
TOO_MANY_ENQUIRIES ResourceExhausted";
        assert_eq!(lines.join("\n"), expected);
        let codes: BTreeSet<&str> = reasons::ALL.iter().map(|reason| reason.code).collect();
        assert_eq!(codes.len(), reasons::ALL.len(), "codes differ");
        assert!(reasons::ALL.iter().all(|reason| !reason.advice.is_empty()));
    }

    #[test]
    fn a_status_says_where_to_go_on() {
        let status = status(&ServiceError::OutOfOrder { next_sequence: 3 });
        let info = status.get_details_error_info().expect("a reason");
        assert_eq!(
            (info.reason.as_str(), info.domain.as_str()),
            ("OUT_OF_ORDER", DOMAIN)
        );
        assert_eq!(info.metadata["next_sequence"], "3");
        assert!(info.metadata["advice"].contains("GetUploadState"));
        let gone = super::status(&ServiceError::HsmGone);
        assert!(gone.get_details_retry_info().is_some());
    }

    #[test]
    fn a_status_says_when_to_ask_again() {
        let after = std::time::Duration::from_secs(7);
        let status = status(&ServiceError::TooManyEnquiries { after });
        let wait = status
            .get_details_retry_info()
            .and_then(|info| info.retry_delay);
        assert_eq!(wait, Some(after));
        assert!(
            super::status(&ServiceError::IndexBuilding)
                .get_details_retry_info()
                .is_some()
        );
        assert!(
            super::status(&ServiceError::HostileToken)
                .get_details_retry_info()
                .is_none()
        );
    }

    #[test]
    fn a_question_is_checked_and_an_answer_says_no_more_than_it_has() {
        let good = v1::ResolveTokenRequest {
            linkage_project: "demo".into(),
            epoch: 1,
            schema_digest: vec![1; 32],
            secret_check: vec![2; 8],
            flags: 1,
            row: [1_u64.to_le_bytes(), 2_u64.to_le_bytes()].concat(),
            project: "study".into(),
        };
        let read = question(&good).expect("reads");
        assert_eq!(read.row, [1, 2]);
        assert_eq!(read.project.expect("is named").as_str(), "study");
        let desk = v1::ResolveTokenRequest {
            project: String::new(),
            ..good.clone()
        };
        assert_eq!(question(&desk).expect("reads").project, None);
        let bad: [fn(&mut v1::ResolveTokenRequest); 6] = [
            |wire| wire.linkage_project = "Demo".into(),
            |wire| wire.schema_digest.push(0),
            |wire| wire.secret_check.clear(),
            |wire| wire.flags = 1 << 20,
            |wire| wire.row.push(0),
            |wire| wire.project = "../study".into(),
        ];
        for change in bad {
            let mut wire = good.clone();
            change(&mut wire);
            assert_eq!(question(&wire).expect_err("a refusal").code(), "MALFORMED");
        }
        let answer = |answer| {
            resolved(Resolved {
                answer,
                run_id: None,
            })
        };
        let yes = answer(TokenAnswer::Person { pseudonym: None });
        let expected = v1::ResolveTokenResponse {
            answer: v1::TokenAnswer::Person.into(),
            ..v1::ResolveTokenResponse::default()
        };
        assert_eq!(yes, expected);
        let many = answer(TokenAnswer::Ambiguous {
            candidates: vec![true, false],
            left_off: true,
        });
        let likely: Vec<bool> = many.candidates.iter().map(|one| one.likely).collect();
        assert_eq!(
            (likely, many.candidates_left_off),
            (vec![true, false], true)
        );
    }

    #[test]
    fn texts_and_ids_are_bounded() {
        let at_limit = "a".repeat(limits::TEXT_BYTES_MAX);
        assert!(text(at_limit.clone()).is_ok());
        for bad in [format!("{at_limit}a"), String::new(), "a\nb".to_owned()] {
            assert!(text(bad).is_err());
        }
        assert!(batch_id(&[0; 32]).is_ok());
        assert!(batch_id(&[0; 31]).is_err());
        assert!(batch_id(&[0; 33]).is_err());
        let wire = |signature, key| v1::UploadHeader {
            signature: vec![0; signature],
            sealed_content_key: vec![0; key],
            ..v1::UploadHeader::default()
        };
        assert!(header(wire(limits::SIGNATURE_BYTES, limits::SEALED_KEY_BYTES_MAX)).is_ok());
        assert!(header(wire(limits::SIGNATURE_BYTES + 1, 1)).is_err());
        assert!(
            header(wire(
                limits::SIGNATURE_BYTES,
                limits::SEALED_KEY_BYTES_MAX + 1
            ))
            .is_err()
        );
    }
}
