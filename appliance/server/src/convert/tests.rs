use std::collections::BTreeSet;

use super::*;
use crate::reasons;

/// The table of reasons as clients see it. Codes are added, never renamed.
#[test]
fn the_table_of_reasons_is_this_one() {
    let lines = reasons::ALL.map(|reason| format!("{} {:?}", reason.code, grpc_code(reason.class)));
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
TOO_MANY_ENQUIRIES ResourceExhausted
SITE_REVOKED PermissionDenied
OLD_ENROLMENT FailedPrecondition
OTHER_EPOCH FailedPrecondition
SITES_MISSING FailedPrecondition";
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
