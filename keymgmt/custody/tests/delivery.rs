//! A secret on its way to a site, and batches on their way back: what opens, and what never does.

use std::{collections::BTreeMap, sync::LazyLock};

use keymgmt_custody::{
    Custody as _, CustodyError, Oaep, Secret,
    batch::{Plaintext, SealedBatch, open_batch, seal_batch, verify_manifest},
    enrolment::{Enrolment, SiteEntry, Stage},
    hierarchy::{Label, check_value, derive_in_host},
    inventory::{Inventory, KeyEntry, KeyId, KeyProof},
    limits::{
        CHUNK_BYTES, CHUNKS_MAX, CLOCK_SKEW_S, INVENTORY_KEYS_MAX, NOTE_BYTES_MAX,
        PACKAGE_BYTES_MAX, PIN_BYTES_MAX, RSA_BYTES, SITES_MAX, SPKI_BYTES_MAX,
        TOKEN_LABEL_BYTES_MAX,
    },
    oaep,
    package::{OpenedPackage, PackageContent, PackageReceipt, SitePackage, issue, receipt_context},
    pkcs11::Pin,
    site::{EnrolRequest, SiteKeys},
    software::SoftwareCustody,
};
use linker_token::{
    CheckValue, Epoch, Manifest, ProjectId, SchemaDigest, SiteId, limits::NAME_BYTES_MAX,
};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

const NOW: u64 = 1_800_000_000;
const DAY: u64 = 86_400;

/// RSA keys take a while; the sites of these tests share two sets.
static CLINIC: LazyLock<SiteKeys> = LazyLock::new(|| SiteKeys::generate().expect("keys"));
static HOSPITAL: LazyLock<SiteKeys> = LazyLock::new(|| SiteKeys::generate().expect("keys"));

fn site(name: &str) -> SiteId {
    SiteId::parse(name).expect("a name")
}

fn project() -> ProjectId {
    ProjectId::parse("demo").expect("a name")
}

fn lek() -> Secret {
    Secret::take(&mut [0x4c; 32])
}

/// Custody in these tests: its signing key is a software audit key.
fn custodian() -> SoftwareCustody {
    SoftwareCustody::danger_for_tests(100)
}

fn appliance() -> SoftwareCustody {
    SoftwareCustody::danger_for_tests(1)
}

fn content(keys: &SiteKeys, name: &str, oaep: Oaep) -> PackageContent {
    let appliance = appliance();
    PackageContent {
        project: project(),
        epoch: Epoch(3),
        site: site(name),
        schema: SchemaDigest([8; 32]),
        check: check_value(&lek(), &project(), Epoch(3)),
        oaep,
        wrapped_secret: oaep::seal(keys.wrap_public_key(), oaep, &lek()).expect("seals"),
        wrap_digest: Sha256::digest(keys.wrap_public_key()).into(),
        ingest_spki: appliance.ingest_public_key().to_vec(),
        audit_spki: appliance.audit_public_key().to_vec(),
        issued_unix_s: NOW,
        expires_unix_s: NOW + 400 * DAY,
        receipt_nonce: [5; 16],
    }
}

fn issued(content: &PackageContent, keys: &SiteKeys) -> Vec<u8> {
    let custodian = custodian();
    let request = keys
        .enrol_request(&content.site, "tokenizer 0.1.0")
        .expect("signs");
    let request = EnrolRequest::parse_verified(&request).expect("verifies");
    issue(
        content,
        &request.outer_point,
        custodian.audit_public_key(),
        |digest| custodian.sign_audit(digest),
    )
    .expect("issues")
}

fn open(
    package: &[u8],
    keys: &SiteKeys,
    name: &str,
    now: u64,
) -> Result<OpenedPackage, CustodyError> {
    SitePackage::open(
        package,
        keys,
        &site(name),
        custodian().audit_public_key(),
        now,
    )
}

fn code(result: Result<OpenedPackage, CustodyError>) -> &'static str {
    result.expect_err("must be refused").code()
}

#[test]
fn a_package_brings_the_secret_with_either_hash() {
    for hash in [Oaep::Sha1, Oaep::Sha256] {
        let content = content(&CLINIC, "clinic", hash);
        let package = issued(&content, &CLINIC);
        assert!(package.len() <= PACKAGE_BYTES_MAX);
        let opened = open(&package, &CLINIC, "clinic", NOW).expect("opens");
        assert!(*opened.secret() == lek());
        assert_eq!(*opened.content(), content);
    }
}

#[test]
fn packages_of_others_other_times_and_other_signers_do_not_open() {
    let good = content(&CLINIC, "clinic", Oaep::Sha256);
    let package = issued(&good, &CLINIC);
    assert_eq!(
        code(open(&package, &HOSPITAL, "hospital", NOW)),
        "FOREIGN_PACKAGE"
    );
    // Renamed to the other site: the header is authenticated.
    let mut renamed = package.clone();
    let other = issued(&content(&HOSPITAL, "hospital", Oaep::Sha256), &HOSPITAL);
    renamed[..41].copy_from_slice(&other[..41]);
    assert_eq!(
        code(open(&renamed, &HOSPITAL, "hospital", NOW)),
        "NOT_AUTHENTIC"
    );
    // Sealed to this site's outer key, but made for another one inside.
    let inner = content(&HOSPITAL, "clinic", Oaep::Sha256);
    assert_eq!(
        code(open(&issued(&inner, &CLINIC), &CLINIC, "clinic", NOW)),
        "FOREIGN_PACKAGE"
    );
    assert_eq!(
        code(open(&package, &CLINIC, "clinic", NOW - CLOCK_SKEW_S - 1)),
        "EXPIRED"
    );
    assert!(open(&package, &CLINIC, "clinic", NOW - CLOCK_SKEW_S).is_ok());
    assert!(open(&package, &CLINIC, "clinic", NOW + 400 * DAY - 1).is_ok());
    assert_eq!(
        code(open(&package, &CLINIC, "clinic", NOW + 400 * DAY)),
        "EXPIRED"
    );
    let stranger = SoftwareCustody::danger_for_tests(101);
    let opened = SitePackage::open(
        &package,
        &CLINIC,
        &site("clinic"),
        stranger.audit_public_key(),
        NOW,
    );
    assert_eq!(code(opened), "BAD_SIGNATURE");
}

#[test]
fn a_package_whose_check_value_is_wrong_is_refused() {
    for (project, epoch) in [("demo", 4), ("other", 3)] {
        let mut wrong = content(&CLINIC, "clinic", Oaep::Sha256);
        wrong.project = ProjectId::parse(project).expect("a name");
        wrong.epoch = Epoch(epoch);
        let package = issued(&wrong, &CLINIC);
        assert_eq!(code(open(&package, &CLINIC, "clinic", NOW)), "WRONG_SECRET");
    }
}

#[test]
fn no_flipped_or_missing_byte_of_a_package_passes() {
    let package = issued(&content(&CLINIC, "clinic", Oaep::Sha256), &CLINIC);
    for index in (0..package.len()).step_by(37) {
        let mut bad = package.clone();
        bad[index] ^= 0x10;
        assert!(open(&bad, &CLINIC, "clinic", NOW).is_err(), "byte {index}");
    }
    for length in (0..package.len()).step_by(101) {
        assert!(
            open(&package[..length], &CLINIC, "clinic", NOW).is_err(),
            "cut to {length}"
        );
    }
    let long = vec![0; PACKAGE_BYTES_MAX + 1];
    assert_eq!(code(open(&long, &CLINIC, "clinic", NOW)), "TOO_LARGE");
}

#[test]
fn a_receipt_proves_this_secret_to_this_nonce() {
    let content = content(&CLINIC, "clinic", Oaep::Sha256);
    let opened = open(&issued(&content, &CLINIC), &CLINIC, "clinic", NOW).expect("opens");
    let signed = opened.receipt(&CLINIC).expect("signs");
    assert_eq!(
        PackageReceipt::claimed_site(&signed).expect("a receipt"),
        site("clinic")
    );
    let key = CLINIC.sign_public_key();
    let receipt = PackageReceipt::parse_verified(&signed, &site("clinic"), key).expect("verifies");
    let context = receipt_context(&project(), Epoch(3), &site("clinic"), &[5; 16]);
    assert!(receipt.mac == derive_in_host(&lek(), Label::Receipt, &context));
    let other = Secret::take(&mut [1; 32]);
    assert!(receipt.mac != derive_in_host(&other, Label::Receipt, &context));
    let wrong =
        PackageReceipt::parse_verified(&signed, &site("clinic"), HOSPITAL.sign_public_key());
    assert_eq!(wrong.expect_err("another key").code(), "BAD_SIGNATURE");
    let wrong = PackageReceipt::parse_verified(&signed, &site("hospital"), key);
    assert_eq!(wrong.expect_err("another site").code(), "BAD_SIGNATURE");
}

fn manifest(plaintext: &[u8]) -> Manifest {
    Manifest {
        site: site("clinic"),
        project: project(),
        epoch: Epoch(3),
        secret_check: check_value(&lek(), &project(), Epoch(3)),
        schema: SchemaDigest([8; 32]),
        normaliser: "1".to_owned(),
        tables: "1".to_owned(),
        sequence: 0,
        last: true,
        rows: 0,
        digest: Sha256::digest(plaintext).into(),
        counts: BTreeMap::new(),
    }
}

fn sealed(plaintext: &[u8]) -> (Manifest, SealedBatch) {
    let manifest = manifest(plaintext);
    let ingest = appliance().ingest_public_key().to_vec();
    let batch = seal_batch(
        &manifest,
        &Plaintext::new(plaintext.to_vec()),
        &ingest,
        Oaep::Sha256,
    )
    .expect("seals");
    (manifest, batch)
}

fn opened(manifest: &Manifest, batch: &SealedBatch) -> Result<Vec<u8>, CustodyError> {
    let signature = CLINIC.sign_manifest(manifest).expect("signs");
    let verified = verify_manifest(manifest, &signature, CLINIC.sign_public_key())?;
    open_batch(
        &appliance(),
        &verified,
        &batch.sealed_content_key,
        &batch.chunks,
    )
    .map(|plaintext| plaintext.to_vec())
}

#[test]
fn batches_of_every_chunk_count_come_back() {
    for length in [
        0,
        1,
        CHUNK_BYTES - 1,
        CHUNK_BYTES,
        CHUNK_BYTES + 1,
        3 * CHUNK_BYTES + 7,
    ] {
        let plaintext: Vec<u8> = (0..length).map(|index| index.to_le_bytes()[0]).collect();
        let (manifest, batch) = sealed(&plaintext);
        assert_eq!(batch.chunks.len(), length.div_ceil(CHUNK_BYTES).max(1));
        assert_eq!(batch.sealed_content_key.len(), RSA_BYTES);
        assert_eq!(opened(&manifest, &batch).expect("opens"), plaintext);
    }
}

/// Does something to a batch of three chunks and says which chunk is named bad.
fn damaged(damage: impl FnOnce(&mut SealedBatch)) -> u32 {
    let (manifest, mut batch) = sealed(&vec![7; 2 * CHUNK_BYTES + 5]);
    damage(&mut batch);
    let refused = opened(&manifest, &batch).expect_err("damaged");
    let CustodyError::CorruptChunk { sequence } = refused else {
        unreachable!("not refused as a chunk: {refused}");
    };
    sequence
}

#[test]
fn damaged_chunks_are_named() {
    assert_eq!(damaged(|batch| batch.chunks[1][9] ^= 1), 1, "flipped");
    assert_eq!(damaged(|batch| drop(batch.chunks.pop())), 1, "cut off");
    assert_eq!(damaged(|batch| batch.chunks.swap(0, 1)), 0, "reordered");
    assert_eq!(
        damaged(|batch| batch.chunks[1] = batch.chunks[0].clone()),
        1,
        "repeated"
    );
    assert_eq!(
        damaged(|batch| batch.chunks.push(batch.chunks[2].clone())),
        2,
        "one more"
    );
    assert_eq!(
        damaged(|batch| drop(batch.chunks.remove(0))),
        0,
        "start missing"
    );
    assert_eq!(damaged(|batch| batch.chunks.clear()), 0, "empty");
    assert_eq!(damaged(|batch| batch.chunks[2].truncate(3)), 2, "shortened");
}

#[test]
fn a_batch_is_bound_to_everything_its_manifest_says() {
    let (manifest, batch) = sealed(b"rows");
    let altered: [fn(&mut Manifest); 6] = [
        |m| m.site = site("hospital"),
        |m| m.project = ProjectId::parse("other").expect("a name"),
        |m| m.epoch = Epoch(4),
        |m| m.secret_check = CheckValue([0; 8]),
        |m| m.schema = SchemaDigest([9; 32]),
        |m| m.sequence = 1,
    ];
    for (number, alter) in altered.into_iter().enumerate() {
        let mut other = manifest.clone();
        alter(&mut other);
        let refused = opened(&other, &batch).expect_err("another manifest");
        assert_eq!(refused.code(), "CORRUPT_CHUNK", "alteration {number}");
    }
    let mut foreign = batch;
    foreign.sealed_content_key[100] ^= 1;
    let refused = opened(&manifest, &foreign).expect_err("altered content key");
    assert_eq!(refused.code(), "NOT_AUTHENTIC");
    let ingest = appliance().ingest_public_key().to_vec();
    let refused = seal_batch(
        &manifest,
        &Plaintext::new(b"other rows".to_vec()),
        &ingest,
        Oaep::Sha256,
    );
    assert_eq!(refused.expect_err("another batch").code(), "MALFORMED");
}

#[test]
fn batches_past_the_limit_are_refused() {
    let plaintext = vec![0; CHUNKS_MAX * CHUNK_BYTES + 1];
    let manifest = manifest(&plaintext);
    let ingest = appliance().ingest_public_key().to_vec();
    let refused = seal_batch(&manifest, &Plaintext::new(plaintext), &ingest, Oaep::Sha256);
    assert_eq!(refused.expect_err("one past").code(), "TOO_LARGE");
}

#[test]
fn manifests_need_the_enrolled_signature() {
    let (manifest, _) = sealed(b"rows");
    let signature = CLINIC.sign_manifest(&manifest).expect("signs");
    let key = CLINIC.sign_public_key();
    assert!(verify_manifest(&manifest, &signature, key).is_ok());
    let mut other = manifest.clone();
    other.rows += 1;
    let refused = verify_manifest(&other, &signature, key).expect_err("altered");
    assert_eq!(refused.code(), "BAD_SIGNATURE");
    let mut flipped = signature;
    flipped[40] ^= 4;
    assert!(verify_manifest(&manifest, &flipped, key).is_err());
    assert!(verify_manifest(&manifest, &signature, HOSPITAL.sign_public_key()).is_err());
    assert!(verify_manifest(&manifest, &signature[..63], key).is_err());
}

#[test]
fn enrolments_are_signed_and_strict() {
    let custodian = custodian();
    let key = custodian.audit_public_key();
    let sign = |digest: &[u8; 32]| custodian.sign_audit(digest);
    let entry = SiteEntry {
        sign_spki: CLINIC.sign_public_key().to_vec(),
        expires_unix_s: NOW + DAY,
        receipt_nonce: [5; 16],
        revoked_unix_s: None,
    };
    let mut enrolment = Enrolment {
        project: project(),
        epoch: Epoch(3),
        schema: SchemaDigest([8; 32]),
        secret_check: CheckValue([1; 8]),
        oaep: Oaep::Sha256,
        sites: BTreeMap::from([
            (site("clinic"), entry.clone()),
            (site("hospital"), entry.clone()),
        ]),
    };
    let signed = enrolment.sign(Stage::Enrolled, key, sign).expect("signs");
    assert_eq!(
        Enrolment::parse_verified(&signed, key).expect("verifies"),
        enrolment
    );
    // What was issued is not yet enrolled.
    let early = enrolment.sign(Stage::Issued, key, sign).expect("signs");
    assert_eq!(
        Enrolment::parse_verified(&early, key)
            .expect_err("stage")
            .code(),
        "MALFORMED"
    );
    let renamed = signed.replace("site clinic", "site clinig");
    let refused = Enrolment::parse_verified(&renamed, key).expect_err("altered");
    assert_eq!(refused.code(), "BAD_SIGNATURE");
    assert!(enrolment.site(&site("clinic"), NOW).is_ok());
    assert_eq!(
        enrolment
            .site(&site("clinic"), NOW + DAY)
            .expect_err("late")
            .code(),
        "EXPIRED"
    );
    for number in 0..=SITES_MAX {
        enrolment
            .sites
            .insert(site(&format!("s{number}")), entry.clone());
    }
    let refused = enrolment
        .sign(Stage::Enrolled, key, sign)
        .expect_err("one past");
    assert_eq!(refused.code(), "TOO_LARGE");
}

#[test]
fn inventories_are_signed_and_strict() {
    let custodian = custodian();
    let key = custodian.audit_public_key();
    let sign = |digest: &[u8; 32]| custodian.sign_audit(digest);
    let listed = |name: &str| KeyEntry {
        name: name.to_owned(),
        id: KeyId([9; 16]),
        proof: KeyProof::Secret(CheckValue([1; 8])),
    };
    let mut inventory = Inventory {
        serial: "0123456789abcdef".to_owned(),
        label: "a token".to_owned(),
        project: project(),
        epoch: Epoch(3),
        keys: vec![listed("tmk"), listed("dkek")],
    };
    let signed = inventory.sign(key, sign).expect("signs");
    assert_eq!(
        Inventory::parse_verified(&signed, key).expect("verifies"),
        inventory
    );
    assert_eq!(
        inventory.key("lek").expect_err("not listed").code(),
        "KEY_MISSING"
    );
    inventory.keys.push(listed("tmk"));
    let doubled = inventory.sign(key, sign).expect("signs");
    assert_eq!(
        Inventory::parse_verified(&doubled, key)
            .expect_err("twice")
            .code(),
        "MALFORMED"
    );
}

#[test]
fn keys_pins_and_labels_have_limits() {
    let long = vec![0x30; SPKI_BYTES_MAX + 1];
    let refused = oaep::check_spki("a key", &long).expect_err("one past");
    assert_eq!(refused.code(), "TOO_LARGE");
    let refused = oaep::check_spki("a key", &long[1..]).expect_err("no key");
    assert_eq!(refused.code(), "MALFORMED");

    let pin = |length| Pin::new(Zeroizing::new("7".repeat(length)));
    assert!(pin(PIN_BYTES_MAX).is_ok());
    for length in [0, PIN_BYTES_MAX + 1] {
        assert_eq!(pin(length).expect_err("a limit").code(), "BAD_PIN_FILE");
    }

    let custodian = custodian();
    let sign = |label: usize, keys: usize| {
        let key = |number| KeyEntry {
            name: format!("k{number}"),
            id: KeyId([9; 16]),
            proof: KeyProof::Secret(CheckValue([1; 8])),
        };
        let inventory = Inventory {
            serial: "1".to_owned(),
            label: "x".repeat(label),
            project: project(),
            epoch: Epoch(1),
            keys: (0..keys).map(key).collect(),
        };
        let spki = custodian.audit_public_key();
        inventory.sign(spki, |digest| custodian.sign_audit(digest))
    };
    assert!(sign(TOKEN_LABEL_BYTES_MAX, INVENTORY_KEYS_MAX).is_ok());
    for (label, keys) in [(TOKEN_LABEL_BYTES_MAX + 1, 1), (1, INVENTORY_KEYS_MAX + 1)] {
        assert_eq!(sign(label, keys).expect_err("one past").code(), "TOO_LARGE");
    }
}

/// The inventory of the most sites, with the longest names, can be read back.
#[test]
fn the_largest_inventory_fits_into_a_note() {
    let custodian = custodian();
    let spki = custodian.audit_public_key();
    let key = |number| KeyEntry {
        name: format!("site.{number:0>NAME_BYTES_MAX$}"),
        id: KeyId([9; 16]),
        proof: KeyProof::Rsa(CLINIC.wrap_public_key().to_vec()),
    };
    let inventory = Inventory {
        serial: "1".to_owned(),
        label: "x".repeat(TOKEN_LABEL_BYTES_MAX),
        project: project(),
        epoch: Epoch(1),
        keys: (0..INVENTORY_KEYS_MAX).map(key).collect(),
    };
    let signed = inventory.sign(spki, |digest| custodian.sign_audit(digest));
    let signed = signed.expect("signs");
    assert!(signed.len() > 512 * 1024 && signed.len() <= NOTE_BYTES_MAX);
    let read = Inventory::parse_verified(&signed, spki).expect("verifies");
    assert_eq!(read, inventory);
}

/// Debug of everything that holds a secret, and every error: no secret byte in any form.
#[test]
fn nothing_secret_is_printable() {
    let content = content(&CLINIC, "clinic", Oaep::Sha256);
    let opened = open(&issued(&content, &CLINIC), &CLINIC, "clinic", NOW).expect("opens");
    let receipt = opened.receipt(&CLINIC).expect("signs");
    let key = CLINIC.sign_public_key();
    let receipt = PackageReceipt::parse_verified(&receipt, &site("clinic"), key).expect("verifies");
    let (_, batch) = sealed(b"rows");
    let pin = Pin::new(Zeroizing::new("LLLL".to_owned())).expect("a PIN");
    let names = ["a".to_owned(), "b".to_owned()];
    let shares = keymgmt_custody::backup::split(&lek(), 2, &names).expect("splits");
    let cipher = keymgmt_custody::envelope::FrameCipher::new(&lek());
    let printed = format!(
        "{:?}",
        (
            lek(),
            &opened,
            &*CLINIC,
            &receipt,
            &batch,
            &pin,
            &shares,
            &cipher
        )
    );
    // 0x4c is 76 and 'L'.
    for mark in ["4c4c", "4C4C", "76, 76", "LL"] {
        assert!(!printed.contains(mark), "{mark} in {printed}");
    }
    let mac = hex::encode(receipt.mac.expose());
    let bytes = format!("{:?}", receipt.mac.expose());
    assert!(!printed.contains(&mac) && !printed.contains(bytes.trim_matches(['[', ']'])));
}
