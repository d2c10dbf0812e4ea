//! The first walk over a file of messages: who speaks last about each patient, and whether the file may be read.

use zeroize::Zeroizing;

use super::{
    DELIMITERS, MERGES, MessageBytes,
    adt::Message,
    cutter::{Envelope, messages},
    structure,
};
use crate::{
    error::{ReadError, RowError},
    format::{
        SourceEncoding,
        blocks::{File, Stopped},
        encoding,
    },
    limits::HL7_MESSAGES_MAX,
    refuse::Screen,
};

/// What becomes of one message.
#[derive(Clone, Copy)]
pub(super) enum Fate {
    /// It is not about a patient's basics.
    Other,
    /// A later one speaks of the same patient, or the patient is gone.
    Superseded,
    /// It only says that a patient's number is no longer used.
    Withdrawal,
    /// The last word on its patient.
    Newest,
    Broken(RowError),
}

/// One message's statement about one patient.
struct Mention {
    patient: Zeroizing<String>,
    message: usize,
    says: Says,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Says {
    Data,
    /// Data that came with a merge: often only a number and a name, so any other message is better.
    DataOfMerge,
    Gone,
}

/// What the first walk learns.
#[derive(Default)]
struct Plan {
    fates: Vec<Fate>,
    mentions: Vec<Mention>,
    screen: Screen,
    /// The encoding of the first message that tells one.
    found: Option<SourceEncoding>,
    any: bool,
}

/// The first walk: what becomes of every message.
pub(super) fn plan<E>(file: &mut File<'_, E>) -> Result<Planned, Stopped<E>> {
    let (mut plan, mut envelope) = (Plan::default(), Envelope::default());
    messages(
        file,
        |block| envelope.add(block),
        |message| Ok(plan.see(&message)?),
    )?;
    if !plan.any {
        return Err(Stopped::File(structure("it holds no ADT message")));
    }
    let verdict = plan.screen.verdict();
    verdict.map_err(ReadError::Refused)?;
    settle(&mut plan.mentions, &mut plan.fates);
    Ok(Planned {
        fates: plan.fates,
        found: plan.found.unwrap_or(SourceEncoding::Ascii),
        complete: envelope.is_closed(),
    })
}

/// What the second walk needs of it.
pub(super) struct Planned {
    pub(super) fates: Vec<Fate>,
    pub(super) found: SourceEncoding,
    pub(super) complete: bool,
}

impl Plan {
    fn see(&mut self, message: &MessageBytes<'_>) -> Result<(), ReadError> {
        let index = self.fates.len();
        if index >= HL7_MESSAGES_MAX {
            return Err(ReadError::TooLarge {
                what: "the number of messages",
                limit: HL7_MESSAGES_MAX,
            });
        }
        if !message.is_adt() {
            self.fates.push(Fate::Other);
            return Ok(());
        }
        self.any = true;
        if !message.bytes.starts_with(DELIMITERS) {
            return Err(structure(
                "its delimiters in MSH-1 and MSH-2 are not |^~\\&",
            ));
        }
        let fate = match message.parse() {
            Err(error) => Fate::Broken(error),
            Ok(parsed) => {
                let found = || Some(encoding::detect(message.bytes));
                let tells = |found: &SourceEncoding| *found != SourceEncoding::Ascii;
                self.found = self.found.or_else(|| found().filter(tells));
                parsed.screen(&mut self.screen);
                mention(index, &parsed, &mut self.mentions)
            }
        };
        self.fates.push(fate);
        Ok(())
    }
}

/// Notes what a message says about whom; its fate if nothing later changes it.
fn mention(index: usize, parsed: &Message, mentions: &mut Vec<Mention>) -> Fate {
    let mut add = |patient, says| {
        mentions.push(Mention {
            patient,
            message: index,
            says,
        });
    };
    let patient = parsed.patient_id();
    if patient.is_empty() {
        return Fate::Broken(RowError::NoRecordId);
    }
    if parsed.is_deletion() {
        add(patient, Says::Gone);
        return Fate::Withdrawal;
    }
    let event = parsed.event();
    let prior = parsed.prior_id();
    if MERGES.contains(&event.as_str()) && !prior.is_empty() && prior != patient {
        add(prior, Says::Gone);
        add(patient, Says::DataOfMerge);
        return Fate::Withdrawal;
    }
    add(patient, Says::Data);
    Fate::Superseded
}

/// Gives every patient's last word its fate.
fn settle(mentions: &mut [Mention], fates: &mut [Fate]) {
    // In place, because a million mentions need no second room: none is equal to another.
    mentions.sort_unstable_by(|a, b| {
        a.patient
            .as_str()
            .cmp(&b.patient)
            .then(a.message.cmp(&b.message))
    });
    for story in mentions.chunk_by(|a, b| a.patient == b.patient) {
        let gone = story.iter().rposition(|mention| mention.says == Says::Gone);
        let after = gone.map_or(story, |at| &story[at + 1..]);
        let last = |says| after.iter().rev().find(|mention| mention.says == says);
        if let Some(newest) = last(Says::Data).or_else(|| last(Says::DataOfMerge)) {
            fates[newest.message] = Fate::Newest;
        }
    }
}
