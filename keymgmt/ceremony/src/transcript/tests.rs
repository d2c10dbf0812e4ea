//! What transcripts must find, keep and refuse.

use keymgmt_custody::{Custody as _, software::SoftwareCustody};

use super::*;
use crate::limits::TRANSCRIPT_LINE_BYTES_MAX;

pub(super) fn written(folder: &Path, lines: usize) -> (String, SoftwareCustody) {
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

pub(super) fn first_bad(text: &str, custody: &SoftwareCustody) -> (usize, &'static str) {
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
            first_bad(&(altered.join("\n") + "\n"), &custody),
            (index + 1, "it was altered")
        );
        let mut removed = lines.clone();
        removed.remove(index);
        assert_eq!(
            first_bad(&(removed.join("\n") + "\n"), &custody).0,
            index + 1
        );
    }
    let mut swapped = lines.clone();
    swapped.swap(1, 2);
    assert_eq!(first_bad(&(swapped.join("\n") + "\n"), &custody).0, 2);
    let mut doubled = lines.clone();
    doubled.insert(2, lines[1]);
    assert_eq!(first_bad(&(doubled.join("\n") + "\n"), &custody).0, 3);
    let other = SoftwareCustody::danger_for_tests(8);
    assert_eq!(first_bad(&text, &other).0, 5, "signed by another key");
}

#[test]
fn lines_have_a_limit() {
    let custody = SoftwareCustody::danger_for_tests(7);
    let long = format!("{{\"seq\":0{}\n", " ".repeat(TRANSCRIPT_LINE_BYTES_MAX));
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
    assert_eq!(first_bad(&(replaced.join("\n") + "\n"), &custody).0, 2);
}

/// Whole lines, a torn line, a torn closing line: each is set aside, kept, recorded and shown.
#[test]
fn an_unsigned_end_is_set_aside_and_recorded() {
    let folder = tempfile::tempdir().expect("a folder");
    let (text, custody) = written(folder.path(), 1);
    let path = folder.path().join("t.jsonl");
    let csk = custody.audit_public_key();
    let mut more = Transcript::resume(&path, "REHEARSAL", || 60, csk).expect("resumes");
    more.line("receipt", "never signed", &[]).expect("writes");
    drop(more);
    let whole = std::fs::read_to_string(&path).expect("reads");
    let torn_close = format!("{text}{{\"seq\":2,{CLOSE_MARK}");
    for tail in [
        whole.clone(),
        whole[..whole.len() - 9].to_owned(),
        torn_close,
    ] {
        std::fs::write(&path, &tail).expect("writes");
        assert!(verify(&path, csk).is_err(), "open at the end");
        let mut more = Transcript::resume(&path, "REHEARSAL", || 60, csk).expect("resumes");
        more.line("receipt", "verified", &[]).expect("writes");
        more.close(|digest| custody.sign_audit(digest))
            .expect("closes");
        let summary = verify(&path, csk).expect("verifies");
        assert_eq!((summary.lines, summary.set_aside), (5, vec![3]));
        let now = std::fs::read_to_string(&path).expect("reads");
        assert!(!now.contains("never signed"), "the end was not believed");
        let digest = hex::encode(Sha256::digest(&tail[text.len()..]));
        assert!(now.contains(&digest));
        let aside = path.with_extension(format!("tail-{}", &digest[..16]));
        assert_eq!(
            std::fs::read_to_string(aside).expect("reads"),
            &tail[text.len()..]
        );
    }
}

/// What was signed is never set aside: damage before a closing line is damage.
#[test]
fn a_damaged_closing_line_is_no_unsigned_end() {
    let folder = tempfile::tempdir().expect("a folder");
    let (_, custody) = written(folder.path(), 1);
    let path = folder.path().join("t.jsonl");
    let csk = custody.audit_public_key();
    let mut more = Transcript::resume(&path, "REHEARSAL", || 60, csk).expect("resumes");
    more.line("receipt", "verified", &[]).expect("writes");
    more.close(|digest| custody.sign_audit(digest))
        .expect("closes");
    let text = std::fs::read_to_string(&path).expect("reads");
    for (from, to) in [("\"verified\"", "\"verifies\""), ("\"seq\":3", "\"seq\":4")] {
        assert!(text.contains(from), "{from}");
        std::fs::write(&path, text.replacen(from, to, 1)).expect("writes");
        let refused = Transcript::resume(&path, "REHEARSAL", || 60, csk);
        assert_eq!(refused.expect_err("damaged").code(), "TRANSCRIPT_BROKEN");
    }
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
