//! Files of HL7 v2 ADT messages: interface dumps, batches, streams with or without MLLP frames.
//!
//! A dump tells a story: a patient is admitted, corrected, merged, deleted. Only the end of the story
//! is true, so the file is walked twice: first to learn which message speaks last about each patient
//! and whether the file holds forbidden numbers, then to deliver those messages.
//!
//! Segments end at carriage returns at byte level: in ISO-2022-JP no half of a kanji is one, while
//! halves of kanji do equal every delimiter inside a segment.

pub(in crate::format) mod adt;
pub(in crate::format) mod segments;

use zeroize::Zeroizing;

use self::adt::Message;
use super::{FileReport, RowSink, SourceEncoding, encoding};
use crate::{
    error::{ReadError, RowError},
    limits::{HL7_MESSAGES_MAX, VALUE_BYTES_MAX},
    refuse::Screen,
};

const START: &[u8] = b"MSH|";
/// The delimiters that every sender in Japan uses. Others are refused: a guess would shift fields.
const DELIMITERS: &[u8] = b"MSH|^~\\&";
const FRAME_START: u8 = 0x0b;
const FRAME_END: u8 = 0x1c;
/// Events that give one patient's number up for another's.
const MERGES: [&str; 5] = ["A18", "A34", "A36", "A40", "A47"];

/// Whether the bytes start like HL7 v2 messages and one of the first is about a patient.
#[must_use]
pub fn looks_like(bytes: &[u8]) -> bool {
    let bytes = bytes.strip_prefix(encoding::BOM).unwrap_or(bytes);
    let first = bytes.iter().position(|b| !b"\r\n \x0b\x1c".contains(b));
    let first = first.unwrap_or(0);
    [START, b"FHS|", b"BHS|"]
        .iter()
        .any(|start| bytes[first..].starts_with(start))
        && Messages::new(bytes)
            .take(16)
            .any(|message| message.is_adt())
}

/// Reads a file of messages. Rows are messages, counted from 1; of each patient only the newest
/// message is delivered, and none if the patient was deleted or merged into another.
///
/// # Errors
/// [`ReadError`] if the file is no such file, names other delimiters, or holds forbidden numbers; then
/// `sink` was never called.
pub fn read(bytes: &[u8], sink: &mut RowSink<'_>) -> Result<FileReport, ReadError> {
    if bytes.is_empty() {
        return Err(ReadError::Empty);
    }
    let (fates, encoding) = plan(bytes)?;
    let mut report = FileReport::new(encoding);
    report.complete = has_trailer(bytes);
    for ((message, fate), number) in Messages::new(bytes).zip(&fates).zip(1..) {
        match fate {
            Fate::Other => {}
            Fate::Superseded => report.superseded += 1,
            Fate::Withdrawal => report.withdrawn += 1,
            Fate::Newest => report.deliver(number, message.record(), sink),
            Fate::Broken(error) => report.deliver(number, Err(*error), sink),
        }
    }
    Ok(report)
}

/// What becomes of one message.
#[derive(Clone, Copy)]
enum Fate {
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

/// The first walk: what becomes of every message, and the encoding of the first that tells one.
fn plan(bytes: &[u8]) -> Result<(Vec<Fate>, SourceEncoding), ReadError> {
    let (mut fates, mut mentions, mut screen) = (Vec::new(), Vec::new(), Screen::new());
    let mut found = SourceEncoding::Ascii;
    let mut any = false;
    for (index, message) in Messages::new(bytes).enumerate() {
        if index >= HL7_MESSAGES_MAX {
            return Err(ReadError::TooLarge {
                what: "the number of messages",
                limit: HL7_MESSAGES_MAX,
            });
        }
        if !message.is_adt() {
            fates.push(Fate::Other);
            continue;
        }
        any = true;
        if !message.bytes.starts_with(DELIMITERS) {
            return Err(structure(
                "its delimiters in MSH-1 and MSH-2 are not |^~\\&",
            ));
        }
        fates.push(match message.parse() {
            Err(error) => Fate::Broken(error),
            Ok(parsed) => {
                if found == SourceEncoding::Ascii {
                    found = encoding::detect(message.bytes);
                }
                parsed.screen(&mut screen);
                mention(index, &parsed, &mut mentions)
            }
        });
    }
    if !any {
        return Err(structure("it holds no ADT message"));
    }
    screen.verdict().map_err(ReadError::Refused)?;
    settle(&mut mentions, &mut fates);
    Ok((fates, found))
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
    mentions.sort_by(|a, b| {
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

/// A file that opens an envelope closes it.
fn has_trailer(bytes: &[u8]) -> bool {
    let starts = |kind: &[u8]| {
        let mut segments = bytes.split(|&b| matches!(b, b'\r' | b'\n'));
        segments.any(|segment| segment.starts_with(kind))
    };
    (!starts(b"FHS|") || starts(b"FTS|")) && (!starts(b"BHS|") || starts(b"BTS|"))
}

fn structure(rule: &'static str) -> ReadError {
    ReadError::Structure {
        format: "a file of HL7 v2 messages",
        rule,
    }
}

/// The bytes of one message.
pub(in crate::format) struct MessageBytes<'a> {
    bytes: &'a [u8],
    /// The frame or the last segment is not closed.
    cut: bool,
}

impl MessageBytes<'_> {
    fn is_adt(&self) -> bool {
        let segment = self.bytes.split(|&b| matches!(b, b'\r' | b'\n')).next();
        let kind = segment.and_then(|segment| segment.split(|&b| b == b'|').nth(8));
        kind.is_some_and(|kind| kind.starts_with(b"ADT"))
    }

    fn parse(&self) -> Result<Message, RowError> {
        if self.cut {
            return Err(RowError::Truncated);
        }
        let field = "the message";
        Message::parse(self.bytes).map_err(|error| {
            if let ReadError::TooLarge { limit, .. } = error {
                RowError::TooLong { field, limit }
            } else if matches!(error, ReadError::Encoding { .. }) {
                RowError::Bytes { field }
            } else if error == ReadError::Truncated {
                RowError::Truncated
            } else {
                // What is left of the rules: a message without PID names no patient.
                RowError::NoRecordId
            }
        })
    }

    fn record(&self) -> Result<crate::SourceRecord, RowError> {
        let parsed = self.parse()?;
        let raw = parsed.raw(&parsed.patient_id());
        let raw = raw.map_err(|_only_a_long_value| RowError::TooLong {
            field: "a value",
            limit: VALUE_BYTES_MAX,
        })?;
        parsed.record(&raw)
    }
}

/// Cuts a file into messages: each from its MSH to the next, without copying.
pub(in crate::format) struct Messages<'a> {
    bytes: &'a [u8],
    /// Where the next message starts.
    at: usize,
}

impl<'a> Messages<'a> {
    pub(in crate::format) fn new(bytes: &'a [u8]) -> Self {
        let bytes = bytes.strip_prefix(encoding::BOM).unwrap_or(bytes);
        let at = next_start(bytes, 0);
        Self { bytes, at }
    }
}

impl<'a> Iterator for Messages<'a> {
    type Item = MessageBytes<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.at >= self.bytes.len() {
            return None;
        }
        let start = self.at;
        self.at = next_start(self.bytes, start + START.len());
        let whole = &self.bytes[start..self.at];
        let framed = start > 0 && self.bytes[start - 1] == FRAME_START;
        let frame_end = whole.iter().position(|&b| b == FRAME_END);
        let bytes = &whole[..frame_end.unwrap_or(whole.len())];
        let ended = bytes.last().is_some_and(|&b| matches!(b, b'\r' | b'\n'));
        Some(MessageBytes {
            bytes,
            cut: frame_end.is_none() && (framed || !ended),
        })
    }
}

/// The place of the next MSH segment at or after `from`; the end if there is none. A segment starts
/// where a line or a frame starts.
fn next_start(bytes: &[u8], from: usize) -> usize {
    let starts = |&at: &usize| at == 0 || b"\r\n\x0b\x1c".contains(&bytes[at - 1]);
    let rest = bytes.get(from..).unwrap_or_default();
    let windows = rest.windows(START.len()).zip(from..);
    let mut places = windows.filter(|(window, _)| *window == START);
    let place = places.find(|(_, at)| starts(at));
    place.map_or(bytes.len(), |(_, at)| at)
}
