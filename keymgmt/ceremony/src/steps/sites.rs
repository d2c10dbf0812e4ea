//! Enrolling sites and issuing their packages.

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use keymgmt_custody::{
    package::{PackageContent, issue},
    pkcs11::OfficerSession,
    site::EnrolRequest,
};
use linker_token::SiteId;
use sha2::{Digest as _, Sha256};

use crate::{
    challenge,
    environment::Environment,
    error::CeremonyError,
    folder,
    journal::{PackageRecord, SiteRecord},
    limits::NOTE_BYTES_MAX,
    plan::Which,
    recipe::{Recipe, groups_of_four},
    steps::{Room, publish::short, step_failed},
    texts,
    transcript::SITE_KEY,
};

const SECONDS_PER_DAY: u64 = 86_400;

/// Imports a site's wrapping key as trusted, in the officer's session.
pub(super) fn enrol(room: &mut Room<'_>, site: &SiteId) -> Result<(), CeremonyError> {
    let request = read_request(site, room.environment)?;
    let proof = challenge::proof(site, &request, room.environment)?;
    let proof = proof.map_or_else(|| "none".to_owned(), hex::encode);
    let name = site.to_string();
    let fingerprint = request.fingerprint();
    let values = [("site", name.as_str()), ("fingerprint", &fingerprint)];
    room.talk.tell(texts::FINGERPRINT, &values)?;
    room.talk
        .confirm(&format!("enrol {name}"), short(&request.digest))?;
    let place = &room.environment.custody;
    let officer = OfficerSession::open(
        &room.environment.profile,
        &room.known(Which::Custody)?,
        &place.officer_pin()?,
    )?;
    let key = officer.import_site_key(&name, &request.wrap_spki);
    let key = key.map_err(|source| step_failed("enrol-site", &name, source))?;
    drop(officer);
    let facts = [
        ("site", name.as_str()),
        ("token", &place.label),
        ("key", &key.name),
        ("software", &request.software),
        ("fingerprint", &request.fingerprint()),
        ("answer-sha256", &proof),
        ("id", &key.id.to_string()),
    ];
    room.transcript.line("enrol-site", SITE_KEY, &facts)?;
    room.journal.add_key(Which::Custody, &key, false);
    let record = SiteRecord {
        request_sha256: hex::encode(request.digest),
        sign_spki: STANDARD.encode(&request.sign_spki),
        package: None,
        revoked_unix_s: None,
    };
    room.journal.sites.insert(name, record);
    Ok(())
}

/// Reads and checks the requests of all sites of a recipe, and their answers to challenges.
pub(crate) fn read_requests(
    recipe: &Recipe,
    environment: &Environment,
) -> Result<(), CeremonyError> {
    recipe.sites.iter().try_for_each(|site| {
        let request = read_request(site, environment)?;
        challenge::proof(site, &request, environment).map(drop)
    })
}

/// Fingerprints of the requests whose files are named, in groups, by site.
pub(crate) fn fingerprints(
    recipe: &Recipe,
    environment: &Environment,
) -> Result<BTreeMap<String, String>, CeremonyError> {
    let named = |site: &&SiteId| environment.requests.contains_key(site);
    let sites = recipe.sites.iter().filter(named);
    let print = |site: &SiteId| {
        let request = read_request(site, environment)?;
        Ok((site.to_string(), groups_of_four(&request.digest)))
    };
    sites.map(print).collect()
}

/// Reads and checks the request of one site.
pub(crate) fn read_request(
    site: &SiteId,
    environment: &Environment,
) -> Result<EnrolRequest, CeremonyError> {
    let refuse = |rule| refused(site, rule);
    let path = environment.requests.get(site);
    let path = path.ok_or_else(|| refuse("the environment does not name its file"))?;
    let request = folder::read_text(path, NOTE_BYTES_MAX)?;
    let request = EnrolRequest::parse_verified(&request)
        .map_err(|_source| refuse("it is malformed or its signature does not verify"))?;
    if request.site == *site {
        Ok(request)
    } else {
        Err(refuse("it was made by another site"))
    }
}

fn refused(site: &SiteId, rule: &'static str) -> CeremonyError {
    CeremonyError::Request {
        site: site.to_string(),
        rule,
    }
}

/// Wraps the encoding secret for one site and signs its package.
pub(super) fn issue_one(room: &mut Room<'_>, site: &SiteId) -> Result<(), CeremonyError> {
    let request = read_request(site, room.environment)?;
    let name = site.to_string();
    let record = room.journal.sites.get(&name);
    if record.is_none_or(|record| record.request_sha256 != hex::encode(request.digest)) {
        return Err(refused(site, "it is not the one whose key was imported"));
    }
    let failed = |source| step_failed("issue", &name, source);
    let (custody, appliance) = (Which::Custody, Which::Appliance);
    let lek = room.journal.entry(custody, "lek")?;
    let csk = room.journal.entry(custody, "csk")?;
    let user = room.user(custody)?;
    let oaep = room.environment.profile.oaep();
    let now = (room.clock)();
    let key = room.journal.entry(custody, &format!("site.{name}"))?;
    let content = PackageContent {
        project: room.recipe.project.clone(),
        epoch: room.recipe.epoch,
        site: site.clone(),
        schema: room.recipe.schema,
        check: lek.check_value()?,
        oaep,
        wrapped_secret: user.wrap_to_site(&key, &lek, oaep).map_err(failed)?,
        wrap_digest: Sha256::digest(&request.wrap_spki).into(),
        ingest_spki: room.journal.entry(appliance, "aik")?.public_key()?.to_vec(),
        audit_spki: room.journal.entry(appliance, "ask")?.public_key()?.to_vec(),
        issued_unix_s: now,
        expires_unix_s: now + u64::from(room.recipe.valid_days) * SECONDS_PER_DAY,
        receipt_nonce: user.random().map_err(failed)?,
    };
    let sign = Room::sign(&user, &csk);
    let package = issue(&content, &request.outer_point, csk.public_key()?, sign);
    let package = package.map_err(failed)?;
    drop(user);
    folder::make(&room.out.join("packages"))?;
    let path = room.out.join("packages").join(format!("{name}.pkg"));
    folder::replace(&path, &package)?;
    let digest = hex::encode(Sha256::digest(&package));
    let facts = [
        ("site", name.as_str()),
        ("oaep", oaep.name()),
        ("package-sha256", &digest),
    ];
    room.transcript.line("issue", "package issued", &facts)?;
    let sha256 = Sha256::digest(&package);
    room.talk
        .tell_digest(texts::PACKAGE, &[("site", &name)], &sha256)?;
    let package = PackageRecord {
        sha256: digest,
        expires_unix_s: content.expires_unix_s,
        receipt_nonce: hex::encode(content.receipt_nonce),
    };
    if let Some(record) = room.journal.sites.get_mut(&name) {
        record.package = Some(package);
    }
    Ok(())
}
