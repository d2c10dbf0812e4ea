//! The signed documents of a folder, and its public keys.

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use keymgmt_custody::{
    enrolment::{Enrolment, SiteEntry, Stage},
    inventory::{Inventory, KeyEntry, KeyProof},
    pkcs11::UserSession,
};
use linker_token::{Epoch, SiteId};
use sha2::{Digest as _, Sha256};

use crate::{
    error::CeremonyError,
    folder,
    journal::{SiteRecord, unhex},
    limits::NOTE_BYTES_MAX,
    plan::Which,
    steps::Room,
};

/// By what people recognise a key: the check value, or the digest of the public part.
pub(crate) fn proof(key: &KeyEntry) -> String {
    match &key.proof {
        KeyProof::Secret(check) => check.to_string(),
        KeyProof::P256(spki) | KeyProof::Rsa(spki) => hex::encode(Sha256::digest(spki)),
    }
}

/// The first bytes of it, for the short forms that people type.
pub(crate) fn short_proof(key: &KeyEntry) -> [u8; 8] {
    match &key.proof {
        KeyProof::Secret(check) => check.0,
        KeyProof::P256(spki) | KeyProof::Rsa(spki) => short(&Sha256::digest(spki).into()),
    }
}

/// The first bytes of a digest.
pub(crate) fn short(digest: &[u8; 32]) -> [u8; 8] {
    let mut short = [0; 8];
    short.copy_from_slice(&digest[..8]);
    short
}

/// Signs lists and inventories as the journal has them, and removes blobs that it does not name.
pub(super) fn publish(room: &mut Room<'_>) -> Result<(), CeremonyError> {
    let csk = room.journal.entry(Which::Custody, "csk")?;
    let spki = csk.public_key()?.to_vec();
    folder::replace(&room.out.join("csk.spki"), &spki)?;
    publish_audit_key(room)?;
    let user = room.user(Which::Custody)?;
    if room.journal.destroyed_unix_s.is_none() {
        publish_lists(room, &user, &csk)?;
    }
    for (name, which) in [
        ("custody.inventory", Which::Custody),
        ("appliance.inventory", Which::Appliance),
    ] {
        let token = room.journal.tokens.get(which.name());
        let token = token.ok_or(CeremonyError::WrongFolder {
            rule: "its journal names no such token",
        })?;
        let inventory = Inventory {
            serial: token.serial.clone(),
            label: token.label.clone(),
            project: room.recipe.project.clone(),
            epoch: room.recipe.epoch,
            keys: room.journal.entries(which)?,
        };
        let signed = inventory.sign(&spki, Room::sign(&user, &csk))?;
        write_signed(room, name, &signed)?;
    }
    drop(user);
    remove_old_blobs(room)
}

fn publish_lists(
    room: &mut Room<'_>,
    user: &UserSession,
    csk: &KeyEntry,
) -> Result<(), CeremonyError> {
    let spki = csk.public_key()?;
    let lek = room.journal.entry(Which::Custody, "lek")?;
    let mut list = Enrolment {
        project: room.recipe.project.clone(),
        epoch: Epoch(room.journal.epoch),
        schema: room.recipe.schema,
        secret_check: lek.check_value()?,
        oaep: room.environment.profile.oaep(),
        sites: BTreeMap::new(),
    };
    for (name, record) in &room.journal.sites {
        if let Some(entry) = entry(record)? {
            let site = SiteId::parse(name).map_err(keymgmt_custody::CustodyError::from)?;
            list.sites.insert(site, entry);
        }
    }
    let signed = list.sign(Stage::Issued, spki, Room::sign(user, csk))?;
    write_signed(room, "issued.signed", &signed)?;

    // Who was revoked is marked on the list that the appliance reads; nobody comes onto it here.
    let path = room.out.join("enrolment.signed");
    if !path.exists() {
        return Ok(());
    }
    let text = folder::read_text(&path, NOTE_BYTES_MAX)?;
    let before = Enrolment::parse_verified(&text, spki)?;
    let mut enrolment = before.clone();
    for (site, entry) in list.revoked() {
        if let Some(at) = entry
            .revoked_unix_s
            .filter(|_| enrolment.sites.contains_key(site))
        {
            enrolment.revoke(site, at)?;
        }
    }
    if enrolment == before {
        return Ok(());
    }
    let signed = enrolment.sign(Stage::Enrolled, spki, Room::sign(user, csk))?;
    write_signed(room, "enrolment.signed", &signed)
}

/// A site's entry on the list, if it has a package.
fn entry(record: &SiteRecord) -> Result<Option<SiteEntry>, CeremonyError> {
    let damaged = || CeremonyError::WrongFolder {
        rule: "a site of its journal does not parse",
    };
    let Some(package) = &record.package else {
        return Ok(None);
    };
    Ok(Some(SiteEntry {
        sign_spki: STANDARD
            .decode(&record.sign_spki)
            .map_err(|_source| damaged())?,
        expires_unix_s: package.expires_unix_s,
        receipt_nonce: unhex(&package.receipt_nonce).ok_or_else(damaged)?,
        revoked_unix_s: record.revoked_unix_s,
    }))
}

/// Writes the key that verifies the audit log, so that an auditor has it from the custodians and not
/// from the appliance that is audited. The transcript's signed end covers its digest.
fn publish_audit_key(room: &mut Room<'_>) -> Result<(), CeremonyError> {
    let name = "audit.spki";
    let ask = room.journal.entry(Which::Appliance, "ask")?;
    let spki = ask.public_key()?;
    folder::replace(&room.out.join(name), spki)?;
    let digest = hex::encode(Sha256::digest(spki));
    let facts = [("file", name), ("key", "ask"), ("sha256", &digest)];
    room.transcript.line("issue", "audit key published", &facts)
}

/// An old blob beside old shares brings a secret back that was meant to be out of reach.
fn remove_old_blobs(room: &mut Room<'_>) -> Result<(), CeremonyError> {
    let blobs = room.out.join("backup");
    let kept = room
        .journal
        .backup
        .as_ref()
        .map(|backup| backup.file.clone());
    for name in folder::names(&blobs)? {
        if Some(&name) != kept.as_ref() {
            folder::remove(&blobs.join(&name))?;
            let facts = [("file", name.as_str())];
            room.transcript
                .line("publish", "old blob removed", &facts)?;
        }
    }
    Ok(())
}

pub(super) fn write_signed(
    room: &mut Room<'_>,
    name: &str,
    signed: &str,
) -> Result<(), CeremonyError> {
    let path = room.out.join(name);
    folder::replace(&path, signed.as_bytes())?;
    let digest = hex::encode(Sha256::digest(signed));
    room.transcript.line(
        "issue",
        "document signed",
        &[("file", name), ("sha256", &digest)],
    )
}
