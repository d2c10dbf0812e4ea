//! Whose is this token? Asked for one token at a time, which no site need have uploaded.
//!
//! Every question is a try at somebody, so who may ask is narrow, how often is bounded, and that somebody
//! asked is in the audit log before the answer leaves. A processing service gets a pseudonym; a
//! consultation desk gets yes, no or ambiguous.

mod guard;

use std::collections::BTreeMap;

use linker_match::{
    lookup::{Answer, LookupRow, Resolution},
    rules::Decision,
};
use linker_token::{CheckValue, Epoch, Flags, ProjectId, SchemaDigest};

use crate::{
    audit::Entry,
    auth::Caller,
    error::ServiceError,
    limits, metrics,
    ready::Condition,
    service::{
        Appliance,
        lookup_index::{self, Served},
        rows::run_error,
    },
};

/// One token and what it was encoded with.
#[derive(Clone, PartialEq, Eq)]
pub struct Question {
    /// Project of the encoding secret.
    pub linkage_project: ProjectId,
    /// Its key epoch.
    pub epoch: Epoch,
    /// The schema.
    pub schema: SchemaDigest,
    /// The encoding secret's check value.
    pub secret_check: CheckValue,
    /// Flags and missing segments.
    pub flags: Flags,
    /// The row's words.
    pub row: Vec<u64>,
    /// Whose pseudonym is asked for; nobody's from a consultation desk.
    pub project: Option<ProjectId>,
}

impl std::fmt::Debug for Question {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Question(..)")
    }
}

/// Whose the token is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenAnswer {
    /// Nobody's whom the run knows.
    Nobody,
    /// One person's.
    Person {
        /// In the project that was named, with check character; nothing for a consultation desk.
        pseudonym: Option<String>,
    },
    /// Several persons', or somebody has to look.
    Ambiguous {
        /// For each person who comes into question, whether likely; nothing for a consultation desk.
        candidates: Vec<bool>,
        /// Whether there are more.
        left_off: bool,
    },
}

impl TokenAnswer {
    fn name(&self) -> &'static str {
        match self {
            Self::Nobody => "none",
            Self::Person { .. } => "person",
            Self::Ambiguous { .. } => "ambiguous",
        }
    }
}

/// An answer and the run that gave it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    /// Whose the token is.
    pub answer: TokenAnswer,
    /// The run; nothing for a consultation desk.
    pub run_id: Option<String>,
}

/// On whose behalf a question is asked.
enum Asker<'a> {
    /// A project that the caller processes for.
    Project(&'a ProjectId),
    /// A consultation desk.
    Desk,
}

/// Answers one question.
///
/// # Errors
/// [`ServiceError::NotPermitted`] for another's project, [`ServiceError::NotEnrolled`] or
/// [`ServiceError::EnrolmentExpired`] for a desk, [`ServiceError::WrongProject`] and its kin for a token
/// of another encoding, [`ServiceError::TooManyEnquiries`], [`ServiceError::HostileToken`], or why there is
/// no index: [`ServiceError::NoRun`], [`ServiceError::IndexBuilding`], [`ServiceError::IndexTooLarge`],
/// [`ServiceError::IndexFailed`].
pub fn resolve(
    appliance: &Appliance,
    caller: &Caller,
    question: &Question,
) -> Result<Resolved, ServiceError> {
    let role = caller.grant().role().name();
    let resolved = answer(appliance, caller, question);
    let name = resolved
        .as_ref()
        .map_or("refused", |resolved| resolved.answer.name());
    metrics::enquiry(role, name);
    resolved
}

fn answer(
    appliance: &Appliance,
    caller: &Caller,
    question: &Question,
) -> Result<Resolved, ServiceError> {
    appliance.accepting()?;
    appliance.latch().require(Condition::Clock)?;
    let asker = guard::asker(appliance, caller, question)?;
    guard::check_encoding(appliance, question)?;
    guard::check_pace(appliance, caller, &asker)?;
    let served = lookup_index::served(appliance)?;
    let schema = &appliance.scope().schema;
    let mut token = guard::token(schema, question)?;
    if guard::is_hostile(schema, &token) {
        let error = ServiceError::HostileToken;
        appliance.append_audit(&entry(appliance, caller, &asker, &served).result(error.code()))?;
        return Err(error);
    }
    served.layer.apply(token.rows_mut());
    let row = LookupRow {
        flags: question.flags,
        bits: token.row(0),
    };
    let found = served.index.lookup(&[row], limits::ENQUIRY_CANDIDATES);
    let answer = decide(appliance, &served, &asker, &found.map_err(run_error)?)?;
    // The log says who asked when, and not what was answered: beside a desk's calendar of visitors that
    // would say who is in.
    appliance.append_audit(&entry(appliance, caller, &asker, &served))?;
    Ok(Resolved {
        answer,
        run_id: match asker {
            Asker::Project(_) => Some(served.run_id.clone()),
            Asker::Desk => None,
        },
    })
}

/// From what was found to what may be said, in the order in which it is decided: nobody, one person, or
/// ambiguous; then whether the person may be spoken of; then what this asker may know.
fn decide(
    appliance: &Appliance,
    served: &Served,
    asker: &Asker<'_>,
    found: &Answer,
) -> Result<TokenAnswer, ServiceError> {
    let record = match found.decide(&served.person_of_record) {
        Resolution::Person { record, .. } => record,
        Resolution::Unknown => return Ok(TokenAnswer::Nobody),
        Resolution::Ambiguous | Resolution::Review => return Ok(ambiguous(served, asker, found)),
    };
    // Here belongs the withdrawal of persons, which the service does not know yet: a person who withdrew
    // is nobody to every asker, and no candidate in an ambiguous answer.
    Ok(TokenAnswer::Person {
        pseudonym: match asker {
            Asker::Project(project) => Some(served.pseudonym(appliance, project, record)?),
            Asker::Desk => None,
        },
    })
}

/// One candidate a person, likely if any of its records is linked.
fn ambiguous(served: &Served, asker: &Asker<'_>, found: &Answer) -> TokenAnswer {
    let mut persons: BTreeMap<u32, bool> = BTreeMap::new();
    for candidate in &found.candidates {
        if let Some(&person) = served.person_of_record.get(candidate.record as usize) {
            *persons.entry(person).or_default() |= candidate.decision == Decision::Link;
        }
    }
    let mut candidates: Vec<bool> = persons.into_values().collect();
    candidates.sort_unstable_by(|a, b| b.cmp(a));
    let more = candidates.len() > limits::ENQUIRY_CANDIDATES_SHOWN;
    let left_off = more || found.links_left_off + found.reviews_left_off > 0;
    candidates.truncate(limits::ENQUIRY_CANDIDATES_SHOWN);
    match asker {
        Asker::Project(_) => TokenAnswer::Ambiguous {
            candidates,
            left_off,
        },
        Asker::Desk => TokenAnswer::Ambiguous {
            candidates: Vec::new(),
            left_off: false,
        },
    }
}

fn entry(appliance: &Appliance, caller: &Caller, asker: &Asker<'_>, served: &Served) -> Entry {
    let entry = appliance.entry(caller.uri(), "resolve-token", &served.run_id);
    match asker {
        Asker::Project(project) => entry.detail("project", project.as_str()),
        Asker::Desk => entry,
    }
}

#[cfg(test)]
mod tests {
    use linker_token::Schema;

    use super::*;

    #[test]
    fn a_question_is_not_printed() {
        let question = Question {
            linkage_project: ProjectId::parse("demo").expect("a good name"),
            epoch: Epoch(1),
            schema: Schema::jp_1().digest(),
            secret_check: CheckValue([7; 8]),
            flags: Flags::default(),
            row: vec![0xdead; 16],
            project: None,
        };
        assert_eq!(format!("{question:?}"), "Question(..)");
    }
}
