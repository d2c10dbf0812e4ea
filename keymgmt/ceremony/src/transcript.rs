//! The transcript: JSON lines, each with its own hash and the hash of the line before, closed by a
//! line that the custody signing key signed.
//!
//! A closed transcript may be continued (receipts come days later, other ceremonies after months) and
//! closed again. What an interrupted run of `receipt` wrote after the last closing line is signed by
//! nobody: the next run sets it aside, in a file of its own, and says so in an exception line. The lines
//! of an interrupted ceremony stay: its journal vouches for them ([`crate::journal`]).

mod read;

use std::{
    collections::BTreeMap,
    fs::{File, OpenOptions},
    io::Write as _,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use keymgmt_custody::CustodyError;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::{
    clock::{Clock, utc},
    error::CeremonyError,
    folder,
};
pub(crate) use read::{Made, verify, verify_closed, walk};
use read::{closed_part, read, verify_text, walk_text};

const KIND: &str = "musubi/transcript/v1";
const CLOSE: &str = "close";
pub(crate) const EXCEPTION: &str = "exception";
/// How a closing line is recognised before it is parsed. JSON escapes the quotes inside of strings.
const CLOSE_MARK: &str = "\"step\":\"close\"";
const SET_ASIDE: &str = "an unsigned end was set aside; nothing in it counts";
/// The fact that binds a journal to the transcript.
pub(crate) const JOURNAL_FACT: &str = "journal";

/// What lines say that name an object which an action has just made in a token. An action that did not
/// come to its end leaves these behind, and who resumes it destroys them first.
pub(crate) const GENERATED: &str = "key generated";
pub(crate) const SITE_KEY: &str = "site key imported";
pub(crate) const BACKUP_KEY_IN: &str = "backup key imported";
pub(crate) const RESTORE_KEY_IN: &str = "restore key imported";
pub(crate) const RESTORED: &str = "restored from shares and blob: the check value is right";
const MAKING: [&str; 5] = [GENERATED, SITE_KEY, BACKUP_KEY_IN, RESTORE_KEY_IN, RESTORED];

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
    /// Whether lines are also shown on the error stream. A terminal shows sentences instead.
    shown: bool,
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
        let text = read(path)?;
        let (closed, tail) = closed_part(&text);
        let summary = verify_text(closed, csk_spki)?;
        let next = summary.lines;
        if tail.is_empty() {
            return Self::at(path, mode, clock, next, summary.last_hash);
        }
        Self::set_aside(path, (closed, tail), SET_ASIDE, |beside| {
            Self::at(beside, mode, clock, next, summary.last_hash)
        })
    }

    /// Goes on after the last whole line of a ceremony that is still open. A torn line is set aside.
    pub(crate) fn go_on(
        path: &Path,
        mode: &'static str,
        clock: Clock,
        csk_spki: Option<&[u8]>,
    ) -> Result<Self, CeremonyError> {
        let text = read(path)?;
        let end = text.rfind('\n').map_or(0, |end| end + 1);
        let (whole, torn) = text.split_at(end);
        let summary = walk_text(whole, csk_spki)?;
        let (next, last) = (summary.lines, summary.last_hash);
        if torn.is_empty() {
            return Self::at(path, mode, clock, next, last);
        }
        let what = "a line that was not written to its end was set aside";
        Self::set_aside(path, (whole, torn), what, |beside| {
            Self::at(beside, mode, clock, next, last)
        })
    }

    /// The transcript without its end, and with the line that says so, takes its place in one step.
    fn set_aside(
        path: &Path,
        (kept, tail): (&str, &str),
        what: &str,
        at: impl FnOnce(&Path) -> Result<Self, CeremonyError>,
    ) -> Result<Self, CeremonyError> {
        let digest = hex::encode(Sha256::digest(tail));
        let aside = path.with_extension(format!("tail-{}", &digest[..16]));
        folder::replace(&aside, tail.as_bytes())?;
        let beside = path.with_extension("resumed");
        folder::replace(&beside, kept.as_bytes())?;
        let mut resumed = at(&beside)?;
        let facts = [("bytes", &*tail.len().to_string()), ("sha256", &digest)];
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
            shown: true,
        })
    }

    /// Keeps the lines off the error stream: a terminal shows the same in its language.
    pub(crate) fn quiet(mut self) -> Self {
        self.shown = false;
        self
    }

    /// The next line's number and the time, for the film: what follows a mark on the film follows it here.
    pub(crate) fn mark(&self) -> String {
        format!("{} {}", self.next, utc((self.clock)()))
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
        if self.shown {
            let told: Vec<_> = facts
                .iter()
                .map(|(key, value)| format!("{key}={value}"))
                .collect();
            let shown = format!("{} {step}: {what} {}\n", self.mode, told.join(" "));
            std::io::stderr()
                .write_all(shown.as_bytes())
                .map_err(failed)?;
        }
        self.next += 1;
        self.previous = hash;
        Ok(())
    }
}

fn closing_message(seq: u64, utc: &str, mode: &str, previous: &str) -> String {
    format!("{KIND}\nclose {seq} {utc} {mode} {previous}\n")
}

#[cfg(test)]
mod tamper;
#[cfg(test)]
mod tests;
