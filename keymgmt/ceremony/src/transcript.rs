//! The transcript: JSON lines, each with its own hash and the hash of the line before, closed by a
//! line that the custody signing key signed.
//!
//! A closed transcript may be continued (receipts come days later) and closed again. What an interrupted
//! run wrote after the last closing line is signed by nobody: the next run sets it aside, in a file of
//! its own, and says so in an exception line.

use std::{
    collections::BTreeMap,
    fs::{File, OpenOptions},
    io::Write as _,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use keymgmt_custody::{CustodyError, p256};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::{
    clock::{Clock, utc},
    error::CeremonyError,
    folder,
    limits::{TRANSCRIPT_BYTES_MAX, TRANSCRIPT_LINE_BYTES_MAX},
};

const KIND: &str = "musubi/transcript/v1";
const CLOSE: &str = "close";
const EXCEPTION: &str = "exception";
/// How a closing line is recognised before it is parsed. JSON escapes the quotes inside of strings.
const CLOSE_MARK: &str = "\"step\":\"close\"";

/// Facts of one line: names, serial numbers, public values. Never a secret.
pub(crate) type Facts<'a> = &'a [(&'a str, &'a str)];

/// One line as it stands in the file, but for its hash.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    seq: u64,
    utc: String,
    mode: String,
    step: String,
    what: String,
    facts: BTreeMap<String, String>,
    previous: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    hash: Option<String>,
}

/// A transcript that is being written. Every line is on disk before the next step.
#[derive(Debug)]
pub(crate) struct Transcript {
    path: PathBuf,
    file: File,
    mode: &'static str,
    clock: Clock,
    next: u64,
    previous: String,
}

impl Transcript {
    /// Starts a transcript.
    pub(crate) fn create(
        path: &Path,
        mode: &'static str,
        clock: Clock,
    ) -> Result<Self, CeremonyError> {
        folder::write_new(path, b"", folder::Readers::Everyone)?;
        Self::at(path, mode, clock, 0, hex::encode(Sha256::digest(KIND)))
    }

    /// Goes on after the last closing line, once everything up to it is verified. An unsigned end is set
    /// aside and recorded.
    pub(crate) fn resume(
        path: &Path,
        mode: &'static str,
        clock: Clock,
        csk_spki: &[u8],
    ) -> Result<Self, CeremonyError> {
        let text = folder::read_text(path, TRANSCRIPT_BYTES_MAX)?;
        let (closed, tail) = closed_part(&text);
        let summary = verify_text(closed, csk_spki)?;
        let next = summary.lines;
        if tail.is_empty() {
            return Self::at(path, mode, clock, next, summary.last_hash);
        }
        // The transcript without its end, and with the line that says so, takes its place in one step.
        let digest = hex::encode(Sha256::digest(tail));
        let aside = path.with_extension(format!("tail-{}", &digest[..16]));
        folder::replace(&aside, tail.as_bytes())?;
        let beside = path.with_extension("resumed");
        folder::replace(&beside, closed.as_bytes())?;
        let mut resumed = Self::at(&beside, mode, clock, next, summary.last_hash)?;
        let facts = [("bytes", &*tail.len().to_string()), ("sha256", &digest)];
        let what = "an unsigned end was set aside; nothing in it counts";
        resumed.line(EXCEPTION, what, &facts)?;
        folder::put(&beside, path)?;
        path.clone_into(&mut resumed.path);
        Ok(resumed)
    }

    fn at(
        path: &Path,
        mode: &'static str,
        clock: Clock,
        next: u64,
        previous: String,
    ) -> Result<Self, CeremonyError> {
        let file = OpenOptions::new().append(true).mode(0o644).open(path);
        let file = file.map_err(|source| CeremonyError::File {
            operation: "open",
            path: path.to_owned(),
            source,
        })?;
        Ok(Self {
            path: path.to_owned(),
            file,
            mode,
            clock,
            next,
            previous,
        })
    }

    /// Writes one line, to the disk and for people to the error stream.
    pub(crate) fn line(
        &mut self,
        step: &str,
        what: &str,
        facts: Facts<'_>,
    ) -> Result<(), CeremonyError> {
        let now = utc((self.clock)());
        self.write(&now, step, what, facts)
    }

    /// Writes the closing line, signed by the custody signing key.
    pub(crate) fn close(
        mut self,
        sign: impl FnOnce(&[u8; 32]) -> Result<[u8; 64], CustodyError>,
    ) -> Result<(), CeremonyError> {
        let now = utc((self.clock)());
        let message = closing_message(self.next, &now, self.mode, &self.previous);
        let signature = sign(&Sha256::digest(message).into())?;
        let signature = STANDARD.encode(signature);
        self.write(&now, CLOSE, "signed by csk", &[("signature", &signature)])
    }

    fn write(
        &mut self,
        now: &str,
        step: &str,
        what: &str,
        facts: Facts<'_>,
    ) -> Result<(), CeremonyError> {
        let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        let line = Line {
            seq: self.next,
            utc: now.to_owned(),
            mode: self.mode.to_owned(),
            step: step.to_owned(),
            what: what.to_owned(),
            facts: facts.iter().map(owned).collect(),
            previous: self.previous.clone(),
            hash: None,
        };
        let failed = |source| CeremonyError::File {
            operation: "write",
            path: self.path.clone(),
            source,
        };
        let body = serde_json::to_string(&line).map_err(|error| failed(error.into()))?;
        let hash = hex::encode(Sha256::digest(&body));
        let open = body.strip_suffix('}').unwrap_or(&body);
        let text = format!("{open},\"hash\":\"{hash}\"}}\n");
        self.file.write_all(text.as_bytes()).map_err(failed)?;
        self.file.sync_data().map_err(failed)?;
        let told: Vec<_> = facts
            .iter()
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        let shown = format!("{} {step}: {what} {}\n", self.mode, told.join(" "));
        std::io::stderr()
            .write_all(shown.as_bytes())
            .map_err(failed)?;
        self.next += 1;
        self.previous = hash;
        Ok(())
    }
}

/// What a verified transcript holds.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Summary {
    pub(crate) lines: u64,
    pub(crate) closings: usize,
    /// Numbers of the lines that say that an unsigned end was set aside, counted from one.
    pub(crate) exceptions: Vec<usize>,
    /// Facts of the first line.
    pub(crate) opening: BTreeMap<String, String>,
    last_hash: String,
}

/// Verifies every line in order and names the first bad one, counted from one.
pub(crate) fn verify(path: &Path, csk_spki: &[u8]) -> Result<Summary, CeremonyError> {
    verify_text(&folder::read_text(path, TRANSCRIPT_BYTES_MAX)?, csk_spki)
}

/// Verifies up to the last closing line, whatever follows it.
pub(crate) fn verify_closed(path: &Path, csk_spki: &[u8]) -> Result<Summary, CeremonyError> {
    let text = folder::read_text(path, TRANSCRIPT_BYTES_MAX)?;
    verify_text(closed_part(&text).0, csk_spki)
}

/// Cuts after the last whole line that is or claims to be a closing line, so that a damaged closing line
/// is found and never set aside. Without any, everything is the first part.
fn closed_part(text: &str) -> (&str, &str) {
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

fn verify_text(text: &str, csk_spki: &[u8]) -> Result<Summary, CeremonyError> {
    let broken = |line, what| CeremonyError::Transcript { line, what };
    let mut summary = Summary {
        lines: 0,
        closings: 0,
        exceptions: Vec::new(),
        opening: BTreeMap::new(),
        last_hash: hex::encode(Sha256::digest(KIND)),
    };
    let mut closed = false;
    for (number, text) in (1..).zip(text.lines()) {
        let line = parse(text).map_err(|what| broken(number, what))?;
        match line.seq.cmp(&summary.lines) {
            std::cmp::Ordering::Less => {
                return Err(broken(number, "it is repeated or out of order"));
            }
            std::cmp::Ordering::Greater => {
                return Err(broken(
                    number,
                    "the line that belongs here was removed or moved",
                ));
            }
            std::cmp::Ordering::Equal => {}
        }
        if line.previous != summary.last_hash {
            return Err(broken(
                number.saturating_sub(1).max(1),
                "it was replaced: the next line does not continue it",
            ));
        }
        closed = line.step == CLOSE;
        if closed {
            check_closing(&line, csk_spki)
                .ok_or_else(|| broken(number, "its signature does not verify"))?;
            summary.closings += 1;
        }
        if line.step == EXCEPTION {
            summary.exceptions.push(number);
        }
        if summary.lines == 0 {
            summary.opening = line.facts;
        }
        summary.lines += 1;
        summary.last_hash = line.hash.unwrap_or_default();
    }
    if closed {
        Ok(summary)
    } else {
        let next = usize::try_from(summary.lines).unwrap_or(usize::MAX);
        Err(broken(
            next.saturating_add(1),
            "the signed closing line is missing",
        ))
    }
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

fn check_closing(line: &Line, csk_spki: &[u8]) -> Option<()> {
    let signature = line
        .facts
        .get("signature")
        .filter(|_| line.facts.len() == 1)?;
    let signature = STANDARD.decode(signature).ok()?;
    let message = closing_message(line.seq, &line.utc, &line.mode, &line.previous);
    p256::verify_fixed("a transcript", csk_spki, message.as_bytes(), &signature).ok()
}

fn closing_message(seq: u64, utc: &str, mode: &str, previous: &str) -> String {
    format!("{KIND}\nclose {seq} {utc} {mode} {previous}\n")
}

#[cfg(test)]
mod tests;
