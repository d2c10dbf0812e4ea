//! The transcript: JSON lines, each with its own hash and the hash of the line before, closed by a
//! line that the custody signing key signed.
//!
//! A closed transcript may be continued (receipts come days later) and closed again.

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

    /// Goes on after the last closing line, once the whole transcript is verified.
    pub(crate) fn resume(
        path: &Path,
        mode: &'static str,
        clock: Clock,
        csk_spki: &[u8],
    ) -> Result<Self, CeremonyError> {
        let summary = verify(path, csk_spki)?;
        Self::at(path, mode, clock, summary.lines, summary.last_hash)
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
    /// Facts of the first line.
    pub(crate) opening: BTreeMap<String, String>,
    last_hash: String,
}

/// Verifies every line in order and names the first bad one, counted from one.
pub(crate) fn verify(path: &Path, csk_spki: &[u8]) -> Result<Summary, CeremonyError> {
    verify_text(&folder::read_text(path, TRANSCRIPT_BYTES_MAX)?, csk_spki)
}

fn verify_text(text: &str, csk_spki: &[u8]) -> Result<Summary, CeremonyError> {
    let broken = |line, what| CeremonyError::Transcript { line, what };
    let mut summary = Summary {
        lines: 0,
        closings: 0,
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
mod tests {
    use keymgmt_custody::{Custody as _, software::SoftwareCustody};

    use super::*;

    fn written(folder: &Path, lines: usize) -> (String, SoftwareCustody) {
        let custody = SoftwareCustody::danger_for_tests(7);
        let path = folder.join("t.jsonl");
        let mut transcript = Transcript::create(&path, "REHEARSAL", || 0).expect("starts");
        for number in 0..lines {
            let fact = format!("{{{number}}}");
            transcript
                .line("step", "what", &[("fact", &fact)])
                .expect("writes");
        }
        transcript
            .close(|digest| custody.sign_audit(digest))
            .expect("closes");
        (std::fs::read_to_string(&path).expect("reads"), custody)
    }

    fn first_bad(text: &str, custody: &SoftwareCustody) -> (usize, &'static str) {
        let refused = verify_text(text, custody.audit_public_key()).expect_err("damaged");
        let CeremonyError::Transcript { line, what } = refused else {
            unreachable!("not refused as a transcript: {refused}");
        };
        (line, what)
    }

    #[test]
    fn every_kind_of_damage_is_found_and_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let (text, custody) = written(folder.path(), 4);
        let summary = verify_text(&text, custody.audit_public_key()).expect("verifies");
        assert_eq!((summary.lines, summary.closings), (5, 1));
        let lines: Vec<_> = text.lines().collect();
        for index in 0..lines.len() {
            let mut altered = lines.clone();
            let changed = lines[index].replacen("REHEARSAL", "REHEARSED", 1);
            altered[index] = &changed;
            assert_eq!(
                first_bad(&altered.join("\n"), &custody),
                (index + 1, "it was altered")
            );
            let mut removed = lines.clone();
            removed.remove(index);
            assert_eq!(first_bad(&removed.join("\n"), &custody).0, index + 1);
        }
        let mut swapped = lines.clone();
        swapped.swap(1, 2);
        assert_eq!(first_bad(&swapped.join("\n"), &custody).0, 2);
        let mut doubled = lines.clone();
        doubled.insert(2, lines[1]);
        assert_eq!(first_bad(&doubled.join("\n"), &custody).0, 3);
        let other = SoftwareCustody::danger_for_tests(8);
        assert_eq!(first_bad(&text, &other).0, 5, "signed by another key");
    }

    #[test]
    fn lines_have_a_limit() {
        let custody = SoftwareCustody::danger_for_tests(7);
        let long = format!("{{\"seq\":0{}", " ".repeat(TRANSCRIPT_LINE_BYTES_MAX));
        assert_eq!(
            first_bad(&long, &custody),
            (1, "it is not a transcript line")
        );
        assert_eq!(
            first_bad("", &custody),
            (1, "the signed closing line is missing")
        );
    }

    #[test]
    fn a_replaced_line_with_a_fresh_hash_is_found() {
        let folder = tempfile::tempdir().expect("a folder");
        let (text, custody) = written(folder.path(), 4);
        let lines: Vec<_> = text.lines().collect();
        let (body, _) = lines[1].rsplit_once(",\"hash\"").expect("a hash");
        let body = format!("{}}}", body.replace("{1}", "{9}"));
        let hash = hex::encode(Sha256::digest(&body));
        let forged = format!("{},\"hash\":\"{hash}\"}}", &body[..body.len() - 1]);
        let mut replaced = lines.clone();
        replaced[1] = &forged;
        assert_eq!(first_bad(&replaced.join("\n"), &custody).0, 2);
    }

    #[test]
    fn a_closed_transcript_goes_on_only_if_whole() {
        let folder = tempfile::tempdir().expect("a folder");
        let (text, custody) = written(folder.path(), 1);
        let path = folder.path().join("t.jsonl");
        let csk = custody.audit_public_key();
        let mut more = Transcript::resume(&path, "REHEARSAL", || 60, csk).expect("resumes");
        more.line("receipt", "verified", &[]).expect("writes");
        assert!(verify(&path, csk).is_err(), "open at the end");
        more.close(|digest| custody.sign_audit(digest))
            .expect("closes");
        assert_eq!(verify(&path, csk).expect("verifies").closings, 2);
        std::fs::write(&path, text.replace("step\":\"step", "step\":\"stop")).expect("writes");
        assert!(Transcript::resume(&path, "REHEARSAL", || 60, csk).is_err());
    }
}
