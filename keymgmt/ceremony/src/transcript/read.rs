//! Reading a transcript back: every line in order, the first bad one named.

use std::{collections::BTreeMap, path::Path};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use keymgmt_custody::p256;
use sha2::{Digest as _, Sha256};

use super::{
    CLOSE, CLOSE_MARK, EXCEPTION, JOURNAL_FACT, KIND, Line, MAKING, SET_ASIDE, closing_message,
};
use crate::{
    error::CeremonyError,
    folder,
    limits::{TRANSCRIPT_BYTES_MAX, TRANSCRIPT_LINE_BYTES_MAX},
};

/// What a verified transcript holds.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Summary {
    pub(crate) lines: u64,
    pub(crate) closings: usize,
    /// Numbers of the lines that say that something unplanned happened, counted from one.
    pub(crate) exceptions: Vec<usize>,
    /// Numbers of the lines that say that an unsigned end was set aside.
    pub(crate) set_aside: Vec<usize>,
    /// Facts of the first line.
    pub(crate) opening: BTreeMap<String, String>,
    /// Digest of the journal as it was at the last finished action.
    pub(crate) journal: Option<String>,
    /// Objects that were made in tokens since then: they belong to an action that is not finished.
    pub(crate) made: Vec<Made>,
    /// Time of the last line.
    pub(crate) last_utc: String,
    /// Whether the last line is a signed closing line.
    pub(crate) closed: bool,
    pub(super) last_hash: String,
}

/// An object of a token, as a line of the record names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Made {
    /// The token's label.
    pub(crate) token: String,
    pub(crate) key: String,
    pub(crate) id: String,
}

impl Made {
    fn of(facts: &BTreeMap<String, String>) -> Option<Self> {
        Some(Self {
            token: facts.get("token")?.clone(),
            key: facts.get("key")?.clone(),
            id: facts.get("id")?.clone(),
        })
    }
}

/// Verifies every line in order and names the first bad one, counted from one. The last line must be a
/// signed closing line.
pub(crate) fn verify(path: &Path, csk_spki: &[u8]) -> Result<Summary, CeremonyError> {
    verify_text(&read(path)?, csk_spki)
}

/// Verifies up to the last closing line, whatever follows it.
pub(crate) fn verify_closed(path: &Path, csk_spki: &[u8]) -> Result<Summary, CeremonyError> {
    verify_text(closed_part(&read(path)?).0, csk_spki)
}

/// Verifies whole lines of a transcript that may still be open. Without the signing key, which a first
/// ceremony makes on the way, no closing line may be there.
pub(crate) fn walk(path: &Path, csk_spki: Option<&[u8]>) -> Result<Summary, CeremonyError> {
    let text = read(path)?;
    let end = text.rfind('\n').map_or(0, |end| end + 1);
    walk_text(&text[..end], csk_spki)
}

/// Reads the file. Bytes that are no text stand in a bad line like any others.
pub(super) fn read(path: &Path) -> Result<String, CeremonyError> {
    let bytes = folder::read_bytes_within(path, TRANSCRIPT_BYTES_MAX)?;
    String::from_utf8(bytes).map_err(|error| {
        let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let before = good.iter().filter(|byte| **byte == b'\n').count();
        broken(before + 1, "it is not text")
    })
}

/// Cuts after the last whole line that is or claims to be a closing line, so that a damaged closing line
/// is found and never set aside. Without any, everything is the first part.
pub(super) fn closed_part(text: &str) -> (&str, &str) {
    let mut end = None;
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        at += line.len();
        if line.ends_with('\n') && line.contains(CLOSE_MARK) {
            end = Some(at);
        }
    }
    text.split_at(end.unwrap_or(text.len()))
}

pub(super) fn verify_text(text: &str, csk_spki: &[u8]) -> Result<Summary, CeremonyError> {
    let summary = walk_text(text, Some(csk_spki))?;
    if summary.closed {
        Ok(summary)
    } else {
        let next = usize::try_from(summary.lines).unwrap_or(usize::MAX);
        let next = next.saturating_add(1);
        Err(broken(next, "the signed closing line is missing"))
    }
}

pub(super) fn walk_text(text: &str, csk_spki: Option<&[u8]>) -> Result<Summary, CeremonyError> {
    let mut summary = Summary {
        lines: 0,
        closings: 0,
        exceptions: Vec::new(),
        set_aside: Vec::new(),
        opening: BTreeMap::new(),
        journal: None,
        made: Vec::new(),
        last_utc: String::new(),
        closed: false,
        last_hash: hex::encode(Sha256::digest(KIND)),
    };
    for (number, text) in (1..).zip(text.split_inclusive('\n')) {
        // A cut last line end is damage like any other.
        let unreadable = "it is not a transcript line";
        let text = text.strip_suffix('\n');
        let text = text.ok_or_else(|| broken(number, unreadable))?;
        let line = parse(text).map_err(|what| broken(number, what))?;
        check_place(&line, number, &summary)?;
        summary.closed = line.step == CLOSE;
        if summary.closed {
            check_closing(&line, csk_spki)
                .ok_or_else(|| broken(number, "its signature does not verify"))?;
            summary.closings += 1;
        }
        if line.step == EXCEPTION && line.what == SET_ASIDE {
            summary.set_aside.push(number);
        } else if line.step == EXCEPTION {
            summary.exceptions.push(number);
        }
        if let Some(journal) = line.facts.get(JOURNAL_FACT) {
            summary.journal = Some(journal.clone());
            summary.made.clear();
        } else if MAKING.contains(&&*line.what) {
            summary.made.extend(Made::of(&line.facts));
        }
        if summary.lines == 0 {
            summary.opening = line.facts;
        }
        summary.lines += 1;
        summary.last_utc = line.utc;
        summary.last_hash = line.hash.unwrap_or_default();
    }
    Ok(summary)
}

fn check_place(line: &Line, number: usize, before: &Summary) -> Result<(), CeremonyError> {
    match line.seq.cmp(&before.lines) {
        std::cmp::Ordering::Less => Err(broken(number, "it is repeated or out of order")),
        std::cmp::Ordering::Greater => Err(broken(
            number,
            "the line that belongs here was removed or moved",
        )),
        std::cmp::Ordering::Equal if line.previous != before.last_hash => Err(broken(
            number.saturating_sub(1).max(1),
            "it was replaced: the next line does not continue it",
        )),
        std::cmp::Ordering::Equal => Ok(()),
    }
}

fn broken(line: usize, what: &'static str) -> CeremonyError {
    CeremonyError::Transcript { line, what }
}

/// Parses a line and checks its own hash.
fn parse(text: &str) -> Result<Line, &'static str> {
    let unreadable = "it is not a transcript line";
    if text.len() > TRANSCRIPT_LINE_BYTES_MAX {
        return Err(unreadable);
    }
    let line: Line = serde_json::from_str(text).ok().ok_or(unreadable)?;
    let hash = line.hash.as_deref().ok_or(unreadable)?;
    let suffix = format!(",\"hash\":\"{hash}\"}}");
    let body = text.strip_suffix(&suffix).ok_or(unreadable)?;
    let known = hex::encode(Sha256::digest(format!("{body}}}")));
    if known == hash {
        Ok(line)
    } else {
        Err("it was altered")
    }
}

fn check_closing(line: &Line, csk_spki: Option<&[u8]>) -> Option<()> {
    let signature = line
        .facts
        .get("signature")
        .filter(|_| line.facts.len() == 1)?;
    let signature = STANDARD.decode(signature).ok()?;
    let message = closing_message(line.seq, &line.utc, &line.mode, &line.previous);
    p256::verify_fixed("a transcript", csk_spki?, message.as_bytes(), &signature).ok()
}
