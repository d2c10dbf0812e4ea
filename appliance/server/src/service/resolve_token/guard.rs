//! What a question must pass before anything is looked up.

use keymgmt_custody::CustodyError;
use linker_token::{RecordRef, Schema, Token, TokenBatch, hostile, limits::REFERENCE_BYTES};

use super::{Asker, Question};
use crate::{
    auth::{Caller, Grant},
    error::ServiceError,
    limits,
    service::{Appliance, pace::Pace},
};

/// Who asks, as far as the table of methods and roles cannot say.
pub(super) fn asker<'a>(
    appliance: &Appliance,
    caller: &Caller,
    question: &'a Question,
) -> Result<Asker<'a>, ServiceError> {
    match (caller.grant(), &question.project) {
        (Grant::Processing { .. }, Some(project)) if caller.has_project(project) => {
            Ok(Asker::Project(project))
        }
        (Grant::Processing { .. }, Some(_)) => Err(ServiceError::NotPermitted),
        (Grant::Processing { .. }, None) => Err(ServiceError::Malformed {
            rule: "a processing service names the project whose pseudonym it asks for",
        }),
        (Grant::Consultation(desk), None) => {
            match appliance.trust().enrolment.site(desk, appliance.now()) {
                Ok(_enrolled) => Ok(Asker::Desk),
                Err(CustodyError::Expired { .. }) => Err(ServiceError::EnrolmentExpired),
                Err(CustodyError::SiteRevoked { .. }) => Err(ServiceError::SiteRevoked),
                Err(_) => Err(ServiceError::NotEnrolled),
            }
        }
        (Grant::Consultation(_), Some(_)) => Err(ServiceError::Malformed {
            rule: "a consultation desk names no project",
        }),
        (Grant::Site(_) | Grant::Operator, _) => Err(ServiceError::NotPermitted),
    }
}

/// A token of another encoding is like nobody's, which would read as "no".
pub(super) fn check_encoding(
    appliance: &Appliance,
    question: &Question,
) -> Result<(), ServiceError> {
    let scope = appliance.scope();
    if question.linkage_project != scope.project {
        return Err(ServiceError::WrongProject);
    }
    if question.epoch != scope.epoch {
        return Err(ServiceError::WrongEpoch);
    }
    if question.schema != scope.schema.digest() {
        return Err(ServiceError::WrongSchema);
    }
    if question.secret_check != appliance.trust().enrolment.secret_check {
        return Err(ServiceError::WrongSecret);
    }
    if question.row.len() != scope.schema.row_words() {
        let rule = "a row is as wide as its schema says";
        return Err(ServiceError::Malformed { rule });
    }
    Ok(())
}

/// The bound of one caller's questions, and of all in the log.
pub(super) fn check_pace(
    appliance: &Appliance,
    caller: &Caller,
    asker: &Asker<'_>,
) -> Result<(), ServiceError> {
    let pace = match asker {
        Asker::Project(_) => limits::ENQUIRY_PACE_PROCESSING,
        Asker::Desk => limits::ENQUIRY_PACE_DESK,
    };
    let (burst, every) = pace;
    let waited = appliance
        .paces
        .take(caller.uri(), Pace { burst, every }, appliance.elapsed());
    waited.map_err(|after| ServiceError::TooManyEnquiries { after })?;
    check_log(appliance.store().audit_size())
}

/// Questions leave room in the log for everything else.
fn check_log(entries: u64) -> Result<(), ServiceError> {
    let limit = limits::ENQUIRY_LOG_ENTRIES_MAX;
    if entries >= limit {
        return Err(ServiceError::TooLarge {
            what: "the audit log, as far as enquiries may fill it,",
            limit: usize::try_from(limit).unwrap_or(usize::MAX),
        });
    }
    Ok(())
}

/// The row as a batch of one, which wipes itself. Its reference names nobody.
pub(super) fn token(schema: &Schema, question: &Question) -> Result<TokenBatch, ServiceError> {
    let mut batch = TokenBatch::new(schema);
    let token = Token {
        reference: RecordRef([0; REFERENCE_BYTES]),
        flags: question.flags,
        row: question.row.clone(),
    };
    batch
        .push(&token)
        .map_err(|_opaque| ServiceError::Internal)?;
    Ok(batch)
}

/// Whether no honest tokenizer makes this row: what admission sets aside, and a segment that repeats one
/// word. Words of an honest segment are equal with a chance of 2^-64 at most.
pub(super) fn is_hostile(schema: &Schema, token: &TokenBatch) -> bool {
    let row = token.row(0);
    let segments = schema.segments().iter();
    let mut present = segments.filter(|segment| row[segment.words.clone()].iter().any(|w| *w > 0));
    hostile::inspect(schema, token).iter().any(Option::is_some)
        || present.any(|segment| {
            let words = &row[segment.words.clone()];
            words.len() > 1 && words.windows(2).all(|pair| pair[0] == pair[1])
        })
}

/// A day's questions of one caller at most, the burst aside.
const fn a_day(every: std::time::Duration) -> u64 {
    86_400 / every.as_secs()
}

const _: () = assert!(
    a_day(limits::ENQUIRY_PACE_DESK.1) < 36_525 / 4,
    "to try the birth dates of a century for one name takes a desk more than four days"
);
const _: () = assert!(
    a_day(limits::ENQUIRY_PACE_PROCESSING.1) * 140 < limits::ENQUIRY_LOG_ENTRIES_MAX,
    "one caller that asks all the time fills its part of the log in no less than twenty weeks"
);

#[cfg(test)]
mod tests {
    use linker_token::Flags;

    use super::*;

    fn one(flags: Flags, row: Vec<u64>) -> TokenBatch {
        let mut batch = TokenBatch::new(&Schema::jp_1());
        let reference = RecordRef([0; REFERENCE_BYTES]);
        let token = Token {
            reference,
            flags,
            row,
        };
        batch.push(&token).expect("fits");
        batch
    }

    /// Half-set words that differ.
    fn honest() -> Vec<u64> {
        (0..16_u32)
            .map(|word| 0x5a5a_3c3c_0ff0_6699_u64.rotate_left(word))
            .collect()
    }

    #[test]
    fn rows_that_no_tokenizer_makes_are_told() {
        let schema = Schema::jp_1();
        let none = Flags::default();
        let mut constant = honest();
        constant[..5].fill(0x5555_5555_5555_5555);
        let mut missing = honest();
        missing[..5].fill(0);
        for (name, flags, row, hostile) in [
            ("honest", none, honest(), false),
            ("a segment is missing", none.with_missing(0), missing, false),
            ("all ones", none, vec![u64::MAX; 16], true),
            ("all zeros", none, vec![0; 16], true),
            ("one word", none, vec![0x5555_5555_5555_5555; 16], true),
            ("one constant segment", none, constant, true),
            (
                "nearly empty",
                none,
                (0..16).map(|at| 1 << at).collect(),
                true,
            ),
            (
                "bits in a missing segment",
                none.with_missing(0),
                honest(),
                true,
            ),
        ] {
            assert_eq!(is_hostile(&schema, &one(flags, row)), hostile, "{name}");
        }
    }

    #[test]
    fn questions_leave_room_in_the_log() {
        assert!(check_log(limits::ENQUIRY_LOG_ENTRIES_MAX - 1).is_ok());
        let past = check_log(limits::ENQUIRY_LOG_ENTRIES_MAX).expect_err("one past");
        assert_eq!(past.code(), "TOO_LARGE");
    }
}
