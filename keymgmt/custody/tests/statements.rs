//! What custodians and sites sign about each other besides the package: challenges and their answers,
//! revocations, deletion statements. What verifies, and what never does.

use std::sync::LazyLock;

use keymgmt_custody::{
    Custody as _, CustodyError, Oaep,
    challenge::{self, IssuedChallenge},
    deletion::DeletionStatement,
    enrolment::{Enrolment, SiteEntry, Stage, log_of_epoch},
    limits::{CHALLENGE_BYTES_MAX, ENROLMENT_LINE_BYTES_MAX, NOTE_BYTES_MAX, SITES_MAX},
    site::{EnrolRequest, SiteKeys},
    software::SoftwareCustody,
};
use linker_token::{CheckValue, Epoch, ProjectId, SchemaDigest, SiteId, limits::NAME_BYTES_MAX};

use proptest::prelude::*;

const NOW: u64 = 1_800_000_000;

static CLINIC: LazyLock<SiteKeys> = LazyLock::new(|| SiteKeys::generate().expect("keys"));
static HOSPITAL: LazyLock<SiteKeys> = LazyLock::new(|| SiteKeys::generate().expect("keys"));

fn site(name: &str) -> SiteId {
    SiteId::parse(name).expect("a name")
}

fn request(keys: &SiteKeys, name: &str) -> EnrolRequest {
    let signed = keys.enrol_request(&site(name), "tokenizer 0.1.0");
    EnrolRequest::parse_verified(&signed.expect("signs")).expect("verifies")
}

fn code<T: std::fmt::Debug>(result: Result<T, CustodyError>) -> &'static str {
    result.expect_err("must be refused").code()
}

#[test]
fn only_who_holds_the_wrapping_key_answers_a_challenge() {
    for oaep in [Oaep::Sha256, Oaep::Sha1] {
        let clinic = request(&CLINIC, "clinic");
        let IssuedChallenge { file, commitment } = challenge::issue(&clinic, oaep).expect("issues");
        let answer = CLINIC.answer_challenge(&file, &clinic).expect("answers");
        challenge::verify(&answer, &clinic, &commitment).expect("is right");

        // The right site with another challenge's answer, and another site's signature.
        let second = challenge::issue(&clinic, oaep).expect("issues");
        assert_ne!(second.commitment, commitment);
        let replayed = challenge::verify(&answer, &clinic, &second.commitment);
        assert_eq!(code(replayed), "WRONG_SECRET");
        let hospital = request(&HOSPITAL, "hospital");
        assert_eq!(
            code(challenge::verify(&answer, &hospital, &commitment)),
            "BAD_SIGNATURE"
        );
        // A stranger who renames the challenge to its own request cannot open it.
        assert_eq!(
            code(HOSPITAL.answer_challenge(&file, &hospital)),
            "FOREIGN_CHALLENGE"
        );
        let renamed = file
            .replace("site clinic", "site hospital")
            .replace(&hex::encode(clinic.digest), &hex::encode(hospital.digest));
        assert_eq!(
            code(HOSPITAL.answer_challenge(&renamed, &hospital)),
            "NOT_AUTHENTIC"
        );
        assert!(!format!("{:?}", second).contains("sealed"));
    }
}

/// A request that names somebody else's wrapping key is signed all right. The challenge finds it out.
#[test]
fn a_request_with_a_foreign_wrapping_key_is_found_out() {
    let mut forged = request(&CLINIC, "clinic");
    forged.wrap_spki = HOSPITAL.wrap_public_key().to_vec();
    let issued = challenge::issue(&forged, Oaep::Sha256).expect("issues");
    let refused = CLINIC.answer_challenge(&issued.file, &forged);
    assert_eq!(code(refused), "NOT_AUTHENTIC");
}

#[test]
fn no_changed_character_of_a_challenge_or_answer_passes() {
    let clinic = request(&CLINIC, "clinic");
    let issued = challenge::issue(&clinic, Oaep::Sha256).expect("issues");
    let answer = CLINIC
        .answer_challenge(&issued.file, &clinic)
        .expect("answers");
    let changes = |text: &str, step: usize| -> Vec<String> {
        let change = |index: usize| {
            let mut bytes = text.as_bytes().to_vec();
            bytes[index] = if bytes[index] == b'a' { b'b' } else { b'a' };
            String::from_utf8(bytes).ok()
        };
        (0..text.len()).step_by(step).filter_map(change).collect()
    };
    for bad in changes(&issued.file, 3) {
        let answered = CLINIC.answer_challenge(&bad, &clinic);
        let right = answered
            .is_ok_and(|answer| challenge::verify(&answer, &clinic, &issued.commitment).is_ok());
        assert!(!right, "{bad}");
    }
    for bad in changes(&answer, 1) {
        let verified = challenge::verify(&bad, &clinic, &issued.commitment);
        assert!(verified.is_err(), "{bad}");
    }
    let long = format!("{}{}", issued.file, "x".repeat(CHALLENGE_BYTES_MAX));
    assert_eq!(code(CLINIC.answer_challenge(&long, &clinic)), "TOO_LARGE");
    let more = format!("{}site clinic\n", issued.file);
    assert_eq!(code(CLINIC.answer_challenge(&more, &clinic)), "MALFORMED");
}

fn statement() -> DeletionStatement {
    DeletionStatement {
        project: ProjectId::parse("demo").expect("a name"),
        epoch: Epoch(3),
        site: site("clinic"),
        secret_check: CheckValue([9; 8]),
        deleted_unix_s: NOW,
    }
}

#[test]
fn a_deletion_statement_is_the_site_s_own() {
    let signed = CLINIC.deletion_statement(&statement()).expect("signs");
    let key = CLINIC.sign_public_key();
    let read = DeletionStatement::parse_verified(&signed, key).expect("verifies");
    assert_eq!(read, statement());
    let claimed = DeletionStatement::claimed_site(&signed).expect("is one");
    assert_eq!(claimed, site("clinic"));
    let other = DeletionStatement::parse_verified(&signed, HOSPITAL.sign_public_key());
    assert_eq!(code(other), "BAD_SIGNATURE");
    for index in 0..signed.len() {
        let mut bytes = signed.clone().into_bytes();
        bytes[index] ^= 1;
        let Ok(bad) = String::from_utf8(bytes) else {
            continue;
        };
        let read = DeletionStatement::parse_verified(&bad, key);
        assert!(read.is_err(), "byte {index}");
    }
    for length in 0..signed.len() - 1 {
        if let Some(cut) = signed.get(..length) {
            assert!(DeletionStatement::parse_verified(cut, key).is_err());
        }
    }
    // Another document of the same site is no statement.
    let request = CLINIC.enrol_request(&site("clinic"), "tokenizer 0.1.0");
    let moved = DeletionStatement::parse_verified(&request.expect("signs"), key);
    assert_eq!(code(moved), "MALFORMED");
}

fn entry() -> SiteEntry {
    SiteEntry {
        sign_spki: CLINIC.sign_public_key().to_vec(),
        expires_unix_s: u64::MAX,
        receipt_nonce: [5; 16],
        revoked_unix_s: None,
    }
}

fn enrolment(sites: impl IntoIterator<Item = SiteId>) -> Enrolment {
    Enrolment {
        project: ProjectId::parse("demo").expect("a name"),
        epoch: Epoch(3),
        schema: SchemaDigest([8; 32]),
        secret_check: CheckValue([1; 8]),
        oaep: Oaep::Sha256,
        sites: sites.into_iter().map(|site| (site, entry())).collect(),
    }
}

fn custodian() -> SoftwareCustody {
    SoftwareCustody::danger_for_tests(100)
}

fn signed(enrolment: &Enrolment) -> String {
    let custodian = custodian();
    let key = custodian.audit_public_key();
    let signed = enrolment.sign(Stage::Enrolled, key, |digest| custodian.sign_audit(digest));
    signed.expect("signs")
}

#[test]
fn a_revocation_is_in_the_signed_list_and_holds_at_once() {
    let mut list = enrolment([site("clinic"), site("hospital")]);
    assert_eq!(code(list.revoke(&site("nobody"), NOW)), "FOREIGN_SITE");
    list.revoke(&site("clinic"), NOW).expect("is listed");
    list.revoke(&site("clinic"), NOW + 5).expect("a repeat");
    let custodian = custodian();
    let key = custodian.audit_public_key();
    let text = signed(&list);
    let read = Enrolment::parse_verified(&text, key).expect("verifies");
    assert_eq!(read, list);
    let revoked: Vec<_> = read.revoked().map(|(site, _)| site.to_string()).collect();
    assert_eq!(revoked, ["clinic"]);
    assert_eq!(read.sites[&site("clinic")].revoked_unix_s, Some(NOW));
    // Whatever the reader's clock says, also one that is behind.
    for now in [0, NOW - 1, NOW, u64::MAX - 1] {
        assert_eq!(code(read.site(&site("clinic"), now)), "SITE_REVOKED");
        assert!(read.site(&site("hospital"), now).is_ok());
    }
    for (from, to) in [
        (format!(" revoked {NOW}"), String::new()),
        (format!(" revoked {NOW}"), format!(" revoked {}", NOW + 1)),
        (" revoked ".to_owned(), " invited ".to_owned()),
    ] {
        let altered = text.replacen(&from, &to, 1);
        assert_ne!(altered, text);
        assert_eq!(
            code(Enrolment::parse_verified(&altered, key)),
            "BAD_SIGNATURE"
        );
    }
}

/// The forms that no signer of ours writes are refused even where they are signed.
#[test]
fn a_revocation_has_one_form() {
    let custodian = custodian();
    let key = custodian.audit_public_key();
    let mut list = enrolment([site("clinic")]);
    list.revoke(&site("clinic"), NOW).expect("is listed");
    let good = signed(&list);
    let (text, _) = good.split_once("\n\n").expect("a note");
    for (from, to) in [
        (" revoked ", " revoked  "),
        (" revoked ", " revoked +"),
        (" revoked ", " revoked 0"),
        (" revoked ", " REVOKED "),
        (" revoked 18", " revoked "),
        // Another time in the one form is read.
        (" revoked 18", " revoked 19"),
    ] {
        let text = format!("{}\n", text.replacen(from, to, 1));
        let sign = |digest: &[u8; 32]| custodian.sign_audit(digest);
        let signer = keymgmt_custody::package::CUSTODY_SIGNER;
        let note = keymgmt_custody::note::sign(&text, signer, key, sign).expect("signs");
        let read = Enrolment::parse_verified(&note, key);
        if to == " revoked 19" {
            assert_eq!(read.expect("another time").sites.len(), 1);
        } else {
            assert_eq!(code(read), "MALFORMED", "{to}");
        }
    }
}

#[test]
fn the_largest_list_with_all_sites_revoked_fits_into_a_note() {
    let name = |number: usize| site(&format!("s{number:0>width$}", width = NAME_BYTES_MAX - 1));
    let mut list = enrolment((0..SITES_MAX).map(name));
    let sites: Vec<_> = list.sites.keys().cloned().collect();
    for site in &sites {
        list.revoke(site, u64::MAX).expect("is listed");
    }
    let text = signed(&list);
    assert!(text.len() <= NOTE_BYTES_MAX);
    let longest = text.lines().map(str::len).max();
    assert_eq!(longest, Some(ENROLMENT_LINE_BYTES_MAX - 1));
    let key = custodian().audit_public_key().to_vec();
    assert_eq!(
        Enrolment::parse_verified(&text, &key).expect("verifies"),
        list
    );
}

#[test]
fn lists_without_revocations_are_written_as_they_were() {
    let list = enrolment([site("clinic")]);
    let text = signed(&list);
    let line = text.lines().find(|line| line.starts_with("site "));
    assert_eq!(line.expect("a site").split(' ').count(), 5);
}

#[test]
fn the_log_of_an_epoch_is_named_by_rule() {
    for (origin, expected) in [
        ("musubi.example/demo", "musubi.example/demo/epoch-3"),
        ("musubi.example/demo/epoch-2", "musubi.example/demo/epoch-3"),
        ("a/epoch-x", "a/epoch-x/epoch-3"),
    ] {
        assert_eq!(log_of_epoch(origin, Epoch(3)), expected);
    }
}

proptest! {
    /// Whatever custodians can say is read back as it was said.
    #[test]
    fn lists_come_back_as_they_were_signed(
        sites in proptest::collection::btree_map(
            "[a-z][a-z0-9-]{0,31}",
            (any::<u64>(), any::<[u8; 16]>(), any::<Option<u64>>()),
            0..20,
        ),
        epoch in any::<u32>(),
        now in any::<u64>(),
    ) {
        let mut list = enrolment([]);
        list.epoch = Epoch(epoch);
        for (name, (expires, nonce, revoked)) in sites {
            let entry = SiteEntry {
                expires_unix_s: expires,
                receipt_nonce: nonce,
                revoked_unix_s: revoked,
                ..entry()
            };
            list.sites.insert(site(&name), entry);
        }
        let key = custodian().audit_public_key().to_vec();
        let read = Enrolment::parse_verified(&signed(&list), &key).expect("verifies");
        for (site, entry) in &read.sites {
            let told = read.site(site, now);
            let expected = match entry.revoked_unix_s {
                Some(_) => Err("SITE_REVOKED"),
                None if now < entry.expires_unix_s => Ok(()),
                None => Err("EXPIRED"),
            };
            prop_assert_eq!(told.map(drop).map_err(|error| error.code()), expected);
        }
        prop_assert_eq!(read, list);
    }

    #[test]
    fn statements_come_back_as_they_were_signed(
        name in "[a-z][a-z0-9-]{0,31}",
        epoch in any::<u32>(),
        check in any::<[u8; 8]>(),
        at in any::<u64>(),
    ) {
        let statement = DeletionStatement {
            epoch: Epoch(epoch),
            site: site(&name),
            secret_check: CheckValue(check),
            deleted_unix_s: at,
            ..statement()
        };
        let signed = CLINIC.deletion_statement(&statement).expect("signs");
        let read = DeletionStatement::parse_verified(&signed, CLINIC.sign_public_key());
        prop_assert_eq!(read.expect("verifies"), statement);
    }
}
