//! Files of HL7 v2 ADT messages: interface dumps, batches, streams with or without MLLP frames.
//!
//! A dump tells a story: a patient is admitted, corrected, merged, deleted. Only the end of the story
//! is true, so the file is walked twice: first to learn which message speaks last about each patient
//! and whether the file holds forbidden numbers, then to deliver those messages.
//!
//! Segments end at carriage returns at byte level: in ISO-2022-JP no half of a kanji is one, while
//! halves of kanji do equal every delimiter inside a segment.

pub(in crate::format) mod adt;
mod cutter;
mod phone;
mod plan;
pub(in crate::format) mod segments;

use self::{
    adt::Message,
    cutter::messages,
    plan::{Fate, plan},
};
use super::{
    FileReport, RowSink,
    blocks::{BlockSink, File, Stopped, in_memory},
    encoding,
};
use crate::{
    error::{ReadError, RowError},
    limits::VALUE_BYTES_MAX,
};

const START: &[u8] = b"MSH|";
/// The delimiters that every sender in Japan uses. Others are refused: a guess would shift fields.
const DELIMITERS: &[u8] = b"MSH|^~\\&";
/// Begins an escape sequence of ISO 2022.
const ESCAPE: u8 = 0x1b;
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
    in_memory(bytes, sink, read_file)
}

/// Reads a file of any length, as [`read`] does: message by message, each in the encoding that its own bytes
/// show.
///
/// # Errors
/// [`Stopped::File`] as in [`read`]; [`Stopped::Caller`] with what the caller's source or sink said.
pub fn read_file<E>(
    file: &mut File<'_, E>,
    sink: &mut BlockSink<'_, E>,
) -> Result<FileReport, Stopped<E>> {
    if file.length() == 0 {
        return Err(Stopped::File(ReadError::Empty));
    }
    let plan = plan(file)?;
    let mut report = FileReport::new(plan.found);
    report.complete = plan.complete;
    let observed = file.is_observed();
    let mut fates = (1..).zip(&plan.fates);
    messages(
        file,
        |_| (),
        |message| {
            // Both walks see the same bytes, so they come to the same messages.
            let Some((number, fate)) = fates.next() else {
                return Err(Stopped::File(ReadError::Changed));
            };
            match fate {
                Fate::Other => {}
                Fate::Superseded => report.superseded += 1,
                Fate::Withdrawal => report.withdrawn += 1,
                Fate::Newest => report.deliver(number, message.record(observed), sink)?,
                Fate::Broken(error) => report.deliver(number, Err(*error), sink)?,
            }
            Ok(())
        },
    )?;
    Ok(report)
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

impl<'a> MessageBytes<'a> {
    /// A message in what stands between its beginning and the next one's, where its frame may end.
    fn of(whole: &'a [u8], framed: bool, frame_end: Option<usize>) -> Self {
        let bytes = &whole[..frame_end.unwrap_or(whole.len())];
        let ended = bytes.last().is_some_and(|&b| matches!(b, b'\r' | b'\n'));
        Self {
            bytes,
            cut: frame_end.is_none() && (framed || !ended),
        }
    }

    fn is_adt(&self) -> bool {
        let segment = self.bytes.split(|&b| matches!(b, b'\r' | b'\n')).next();
        let segment = segment.unwrap_or_default();
        // Bytes of a kanji in a field before, say the hospital's name, may be delimiters.
        if segment.contains(&ESCAPE) {
            let read = segments::decode(segment, true, &mut false);
            return read.is_ok_and(|text| segments::field_of(&text, 8).starts_with("ADT"));
        }
        let kind = segment.split(|&b| b == b'|').nth(8);
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

    fn record(&self, observed: bool) -> Result<crate::SourceRecord, RowError> {
        let parsed = self.parse()?;
        let raw = parsed.raw(&parsed.patient_id());
        let raw = raw.map_err(|_only_a_long_value| RowError::TooLong {
            field: "a value",
            limit: VALUE_BYTES_MAX,
        })?;
        parsed.record(&raw, observed)
    }
}

/// Cuts a file that is in memory into messages: each from its MSH to the next, without copying. The slow
/// form of [`cutter`], and the quicker one for the first bytes of a file.
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
        Some(MessageBytes::of(whole, framed, frame_end))
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
