//! The steps that deliver: enrolling sites, and issuing packages and signed lists.

use std::collections::BTreeMap;

use keymgmt_custody::{
    CustodyError,
    enrolment::{Enrolment, SiteEntry, Stage},
    inventory::{Inventory, KeyEntry},
    package::{PackageContent, issue},
    pkcs11::{OfficerSession, UserSession},
    site::EnrolRequest,
};
use linker_token::SiteId;
use sha2::{Digest as _, Sha256};

use crate::{
    environment::Environment,
    error::CeremonyError,
    folder::{self, Readers},
    limits::NOTE_BYTES_MAX,
    quorum::Quorum,
    recipe::Recipe,
    steps::{MadeKeys, Room, custody_user, step_failed},
};

const SECONDS_PER_DAY: u64 = 86_400;

/// A site whose key the officer imported.
#[derive(Debug)]
pub(crate) struct EnrolledSite {
    request: EnrolRequest,
    key: KeyEntry,
}

/// Imports the wrapping keys of the recipe's sites as trusted, in the officer's session.
pub(crate) fn enrol_sites(
    quorum: &Quorum,
    room: &mut Room<'_>,
) -> Result<Vec<EnrolledSite>, CeremonyError> {
    quorum.require(room.recipe)?;
    let requests = read_requests(room.recipe, room.environment)?;
    let place = &room.environment.custody;
    let officer = OfficerSession::open(
        &room.environment.profile,
        &place.name(),
        &place.officer_pin()?,
    )?;
    let mut enrolled = Vec::new();
    for request in requests {
        let site = request.site.to_string();
        let key = officer.import_site_key(&site, &request.wrap_spki);
        let key = key.map_err(|source| step_failed("enrol-site", &site, source))?;
        let facts = [
            ("site", site.as_str()),
            ("software", &request.software),
            ("fingerprint", &request.fingerprint()),
            ("id", &key.id.to_string()),
        ];
        room.transcript
            .line("enrol-site", "site key imported", &facts)?;
        enrolled.push(EnrolledSite { request, key });
    }
    Ok(enrolled)
}

/// Reads and checks the requests of all sites of a recipe.
pub(crate) fn read_requests(
    recipe: &Recipe,
    environment: &Environment,
) -> Result<Vec<EnrolRequest>, CeremonyError> {
    let read = |site: &SiteId| {
        let refuse = |rule| CeremonyError::Request {
            site: site.to_string(),
            rule,
        };
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
    };
    recipe.sites.iter().map(read).collect()
}

/// Wraps the encoding secret for each site, and signs packages, lists and inventories.
pub(crate) fn issue_packages(
    quorum: &Quorum,
    room: &mut Room<'_>,
    made: &MadeKeys,
    sites: &[EnrolledSite],
) -> Result<(), CeremonyError> {
    quorum.require(room.recipe)?;
    let user = custody_user(room.environment)?;
    let csk = made.csk.public_key()?.to_vec();
    let sign = |digest: &[u8; 32]| user.sign(&made.csk.name, &made.csk.id, digest);
    folder::write_new(&room.out.join("csk.spki"), &csk, Readers::Everyone)?;
    publish_audit_key(room, made)?;
    folder::make(&room.out.join("packages"))?;
    let mut list = Enrolment {
        project: room.recipe.project.clone(),
        epoch: room.recipe.epoch,
        schema: room.recipe.schema,
        secret_check: made.lek.check_value()?,
        oaep: room.environment.profile.oaep(),
        sites: BTreeMap::new(),
    };
    for site in sites {
        let entry = issue_one(room, made, site, &user)?;
        list.sites.insert(site.request.site.clone(), entry);
    }
    let signed = list.sign(Stage::Issued, &csk, sign)?;
    write_signed(room, "issued.signed", &signed)?;

    let mut custody_keys = vec![made.csk.clone(), made.lek.clone()];
    custody_keys.extend(sites.iter().map(|site| site.key.clone()));
    let inventories = [
        ("custody.inventory", &made.custody, custody_keys),
        (
            "appliance.inventory",
            &made.appliance,
            made.appliance_keys.clone(),
        ),
    ];
    for (name, facts, keys) in inventories {
        let inventory = Inventory {
            serial: facts.serial.clone(),
            label: facts.label.clone(),
            project: room.recipe.project.clone(),
            epoch: room.recipe.epoch,
            keys,
        };
        write_signed(room, name, &inventory.sign(&csk, sign)?)?;
    }
    Ok(())
}

fn issue_one(
    room: &mut Room<'_>,
    made: &MadeKeys,
    site: &EnrolledSite,
    user: &UserSession,
) -> Result<SiteEntry, CeremonyError> {
    let name = site.request.site.to_string();
    let failed = |source| step_failed("issue", &name, source);
    let oaep = room.environment.profile.oaep();
    let now = (room.clock)();
    let content = PackageContent {
        project: room.recipe.project.clone(),
        epoch: room.recipe.epoch,
        site: site.request.site.clone(),
        schema: room.recipe.schema,
        check: made.lek.check_value()?,
        oaep,
        wrapped_secret: user
            .wrap_to_site(&site.key, &made.lek, oaep)
            .map_err(failed)?,
        wrap_digest: Sha256::digest(&site.request.wrap_spki).into(),
        ingest_spki: appliance_key(made, "aik")?.to_vec(),
        audit_spki: appliance_key(made, "ask")?.to_vec(),
        issued_unix_s: now,
        expires_unix_s: now + u64::from(room.recipe.valid_days) * SECONDS_PER_DAY,
        receipt_nonce: user.random().map_err(failed)?,
    };
    let sign = |digest: &[u8; 32]| user.sign(&made.csk.name, &made.csk.id, digest);
    let csk = made.csk.public_key()?;
    let package = issue(&content, &site.request.outer_point, csk, sign).map_err(failed)?;
    let path = room.out.join("packages").join(format!("{name}.pkg"));
    folder::write_new(&path, &package, Readers::Everyone)?;
    let facts = [
        ("site", name.as_str()),
        ("oaep", oaep.name()),
        ("package-sha256", &hex::encode(Sha256::digest(&package))),
    ];
    room.transcript.line("issue", "package issued", &facts)?;
    Ok(SiteEntry {
        sign_spki: site.request.sign_spki.clone(),
        expires_unix_s: content.expires_unix_s,
        receipt_nonce: content.receipt_nonce,
        revoked_unix_s: None,
    })
}

/// Writes the key that verifies the audit log, so that an auditor has it from the custodians and not
/// from the appliance that is audited. The transcript's signed end covers its digest.
fn publish_audit_key(room: &mut Room<'_>, made: &MadeKeys) -> Result<(), CeremonyError> {
    let name = "audit.spki";
    let ask = appliance_key(made, "ask")?;
    folder::write_new(&room.out.join(name), ask, Readers::Everyone)?;
    let digest = hex::encode(Sha256::digest(ask));
    let facts = [("file", name), ("key", "ask"), ("sha256", &digest)];
    room.transcript.line("issue", "audit key published", &facts)
}

/// A public key of the appliance token.
fn appliance_key<'a>(made: &'a MadeKeys, wanted: &str) -> Result<&'a [u8], CustodyError> {
    let found = made.appliance_keys.iter().find(|key| key.name == wanted);
    let found = found.ok_or_else(|| CustodyError::KeyMissing {
        name: wanted.to_owned(),
    });
    found?.public_key()
}

fn write_signed(room: &mut Room<'_>, name: &str, signed: &str) -> Result<(), CeremonyError> {
    let path = room.out.join(name);
    folder::write_new(&path, signed.as_bytes(), Readers::Everyone)?;
    let digest = hex::encode(Sha256::digest(signed));
    room.transcript.line(
        "issue",
        "document signed",
        &[("file", name), ("sha256", &digest)],
    )
}
