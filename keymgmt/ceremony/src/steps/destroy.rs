//! Destroying an epoch: objects, blobs, the sites' statements, and the certificate.

use std::{fs, io::Write as _, path::Path};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use keymgmt_custody::{
    CustodyError, deletion::DeletionStatement, hierarchy::epoch_context, inventory::KeyEntry, note,
    package::CUSTODY_SIGNER, pkcs11::UserSession,
};
use linker_token::{CheckValue, SiteId};
use sha2::{Digest as _, Sha256};

use crate::{
    clock::utc,
    error::CeremonyError,
    folder,
    journal::SiteRecord,
    limits::{CONFIG_BYTES_MAX, NOTE_BYTES_MAX},
    plan::{KEYS, Which},
    steps::{Room, copies, publish, step_failed},
    texts,
};

/// Destroys every key that belongs to the epoch, in both tokens, and every blob of its secret.
pub(super) fn destroy(room: &mut Room<'_>) -> Result<(), CeremonyError> {
    let lek = room.journal.entry(Which::Custody, "lek")?;
    let check = lek.check_value()?;
    let (statements, missing) = statements(room, check)?;
    room.talk.statements(statements.len(), &missing)?;
    copies::check(room)?;
    room.talk.confirm("destroy lek", check.0)?;
    let mut lines = vec![format!("lek-check {check}")];
    for (which, key) in doomed(room)? {
        let user = room.user(which)?;
        destroy_key(room, &user, &key)?;
        drop(user);
        let line = format!(
            "key {} {} {} {}",
            which.name(),
            key.name,
            key.id,
            publish::proof(&key)
        );
        let facts = [
            ("token", which.name()),
            ("key", &key.name),
            ("id", &key.id.to_string()),
            ("proof", "none found, use refused"),
        ];
        room.transcript.line("destroy", "key destroyed", &facts)?;
        room.talk.tell(texts::GONE, &[("key", &key.name)])?;
        room.pause.point(&format!("begun destroy {}", key.name));
        lines.push(line);
    }
    lines.extend(copies::destroy(room, check)?);
    // What an interrupted run removed already belongs on the certificate too.
    if let Some(backup) = &room.journal.backup
        && !room.out.join("backup").join(&backup.file).exists()
    {
        lines.push(format!("blob {} {}", backup.file, backup.blob_sha256));
    }
    for name in folder::names(&room.out.join("backup"))? {
        lines.push(destroy_blob(room, &name)?);
    }
    let names =
        |sites: &[SiteId]| -> Vec<String> { sites.iter().map(ToString::to_string).collect() };
    lines.extend(
        names(&statements)
            .iter()
            .map(|site| format!("deleted-by {site}")),
    );
    lines.extend(
        names(&missing)
            .iter()
            .map(|site| format!("no-statement {site}")),
    );
    certify(room, &lines)?;
    for (which, key) in doomed(room)? {
        room.journal.remove_key(which, &key.name);
    }
    room.journal.backup = None;
    room.journal.restored.clear();
    room.journal.destroyed_unix_s = Some((room.clock)());
    Ok(())
}

/// Keys of this epoch and no other, retired ones included.
fn doomed(room: &Room<'_>) -> Result<Vec<(Which, KeyEntry)>, CeremonyError> {
    let mut doomed = Vec::new();
    for which in [Which::Custody, Which::Appliance] {
        for key in room.journal.entries(which)? {
            let first = key.name.split('.').next().unwrap_or_default();
            let epochs = KEYS.iter().any(|(of, name, kept)| {
                *of == which && *name == first && (!kept || key.name.contains(".retired-"))
            });
            if epochs || first == "site" {
                doomed.push((which, key));
            }
        }
    }
    Ok(doomed)
}

/// Uses the key a last time, destroys it, and proves that neither finding nor using it works any more. What
/// was sealed under a derived key does not open without it.
fn destroy_key(room: &Room<'_>, user: &UserSession, key: &KeyEntry) -> Result<(), CeremonyError> {
    let failed = |source| step_failed("destroy", &key.name, source);
    let context = epoch_context(&room.recipe.project, room.recipe.epoch);
    let used = user.check(key, &context);
    match used.and_then(|()| user.destroy(&key.name, &key.id)) {
        // The interrupted run destroyed it.
        Err(CustodyError::KeyMissing { .. }) if room.begun => {}
        destroyed => destroyed.map_err(failed)?,
    }
    user.prove_destroyed(key).map_err(failed)
}

/// Overwrites and removes a blob. Copies elsewhere are named in the booklet and destroyed by hand.
fn destroy_blob(room: &mut Room<'_>, name: &str) -> Result<String, CeremonyError> {
    let path = room.out.join("backup").join(name);
    let bytes = folder::read_bytes_within(&path, CONFIG_BYTES_MAX)?;
    let failed = |source| CeremonyError::File {
        operation: "overwrite",
        path: path.clone(),
        source,
    };
    let mut file = fs::OpenOptions::new()
        .write(true)
        .open(&path)
        .map_err(failed)?;
    file.write_all(&vec![0; bytes.len()]).map_err(failed)?;
    file.sync_all().map_err(failed)?;
    folder::remove(&path)?;
    let digest = hex::encode(Sha256::digest(&bytes));
    let facts = [("file", name), ("sha256", &digest)];
    room.transcript.line("destroy", "blob destroyed", &facts)?;
    Ok(format!("blob {name} {digest}"))
}

/// Sites that stated the deletion of this secret, and sites that did not.
fn statements(
    room: &Room<'_>,
    check: CheckValue,
) -> Result<(Vec<SiteId>, Vec<SiteId>), CeremonyError> {
    let (mut stated, mut missing) = (Vec::new(), Vec::new());
    for (name, record) in &room.journal.sites {
        if record.package.is_none() {
            continue;
        }
        let site = SiteId::parse(name).map_err(CustodyError::from)?;
        match room.environment.deletions.get(&site) {
            Some(path) => {
                check_statement(room, path, &site, record, check)?;
                stated.push(site);
            }
            None => missing.push(site),
        }
    }
    Ok((stated, missing))
}

/// Verifies one statement: signed by the site's enrolled key, for this project, epoch and secret.
fn check_statement(
    room: &Room<'_>,
    path: &Path,
    site: &SiteId,
    record: &SiteRecord,
    check: CheckValue,
) -> Result<(), CeremonyError> {
    let refuse = |rule| CeremonyError::Statement {
        site: site.to_string(),
        rule,
    };
    let signed = folder::read_text(path, NOTE_BYTES_MAX)?;
    let key = STANDARD.decode(&record.sign_spki);
    let key = key.map_err(|_source| refuse("the site's key on record does not parse"))?;
    let statement = DeletionStatement::parse_verified(&signed, &key)
        .map_err(|_source| refuse("the enrolled key did not sign it"))?;
    let right = statement.site == *site
        && statement.project == room.recipe.project
        && statement.epoch == room.recipe.epoch
        && statement.secret_check == check;
    if right {
        Ok(())
    } else {
        Err(refuse("it is about another project, epoch or secret"))
    }
}

/// The certificate, signed by the custody signing key.
fn certify(room: &mut Room<'_>, lines: &[String]) -> Result<(), CeremonyError> {
    let csk = room.journal.entry(Which::Custody, "csk")?;
    let text = format!(
        "musubi/destruction/v1\nproject {}\nepoch {}\ntime {}\n{}\n",
        room.recipe.project,
        room.recipe.epoch,
        utc((room.clock)()),
        lines.join("\n")
    );
    let user = room.user(Which::Custody)?;
    let signed = note::sign(
        &text,
        CUSTODY_SIGNER,
        csk.public_key()?,
        Room::sign(&user, &csk),
    )?;
    drop(user);
    publish::write_signed(room, "destruction.signed", &signed)
}
