//! Restoring the encoding secret from shares and blob: the drill without which no backup is one.

use keymgmt_custody::{
    CustodyError, Secret,
    backup::{Share, open_blob},
    hierarchy::{check_value, epoch_context},
    inventory::{KeyEntry, KeyId},
    pkcs11::{OfficerSession, RESTORE_KEY, TokenFacts, UserSession},
};
use linker_token::CheckValue;
use sha2::{Digest as _, Sha256};

use crate::{
    environment::RestorePlace,
    error::CeremonyError,
    folder,
    journal::RestoredRecord,
    limits::CONFIG_BYTES_MAX,
    plan::Which,
    quorum::Quorum,
    steps::{
        Room, check_serial,
        elsewhere::{self, Job},
        step_failed,
    },
    transcript::{RESTORE_KEY_IN, RESTORED, Transcript},
};

/// Has a quorum give its shares, combines them, opens the blob, and compares the check value.
pub(super) fn restore(quorum: &Quorum, room: &mut Room<'_>) -> Result<(), CeremonyError> {
    let lek = room.journal.entry(Which::Custody, "lek")?;
    room.talk.confirm("restore lek", lek.check_value()?.0)?;
    let backup = room.journal.backup.clone();
    let backup = backup.ok_or(CeremonyError::WrongFolder {
        rule: "its journal names no backup",
    })?;
    let blob = folder::read_bytes_within(
        &room.out.join("backup").join(&backup.file),
        CONFIG_BYTES_MAX,
    )?;
    if hex::encode(Sha256::digest(&blob)) != backup.blob_sha256 {
        return Err(CustodyError::NotAuthentic {
            what: "the backup blob",
        }
        .into());
    }
    let shares = room.out.join("shares");
    let from_file = |name: &str| {
        let path = shares.join(format!("{name}.share"));
        let text = folder::read_text(&path, CONFIG_BYTES_MAX)?;
        Ok(Share::parse(&text)?)
    };
    let key = room.talk.combined(quorum, &backup, from_file)?;
    let restored = restored(room, &key, &blob, lek.check_value()?)?;
    drop(key);
    let (check, present) = (lek.check_value()?.to_string(), quorum.present());
    let mut facts = vec![
        ("key", "lek"),
        ("check", &*check),
        ("blob-sha256", &backup.blob_sha256),
        ("present", &present),
    ];
    let mut id = String::new();
    if let Some((token, entry)) = &restored {
        id.push_str(&entry.id.to_string());
        facts.extend([
            ("token", token.label.as_str()),
            ("serial", &token.serial),
            ("id", &id),
        ]);
    }
    room.transcript.line("restore", RESTORED, &facts)?;
    room.talk.tell_check("lek", lek.check_value()?.0)?;
    if let Some((token, entry)) = restored {
        room.journal.restored.push(RestoredRecord {
            label: token.label,
            serial: token.serial,
            id: entry.id.to_string(),
        });
    }
    room.journal.drilled_unix_s = Some((room.clock)());
    Ok(())
}

/// Unwraps the blob in the token of the environment's `[restore]`, where the key stays if its check value
/// is right. Without such a token the blob is opened in the host, compared, and dropped: a drill.
fn restored(
    room: &mut Room<'_>,
    key: &Secret,
    blob: &[u8],
    expected: CheckValue,
) -> Result<Option<(TokenFacts, KeyEntry)>, CeremonyError> {
    let failed = |source| step_failed("restore", "lek", source);
    let Some(RestorePlace { profile, token }) = &room.environment.restore else {
        let secret = open_blob(key, blob).map_err(failed)?;
        let known = check_value(&secret, &room.recipe.project, room.recipe.epoch);
        let wrong = || {
            failed(CustodyError::WrongSecret {
                what: "the restored key",
            })
        };
        return (known == expected).then_some(None).ok_or_else(wrong);
    };
    let context = epoch_context(&room.recipe.project, room.recipe.epoch);
    if profile.module() != room.environment.profile.module() {
        // One process can work with one module.
        let job = Job {
            key,
            blob,
            context: &context,
            expected,
        };
        let begun = |id: &KeyId| begun(&mut room.transcript, &token.label, id);
        return elsewhere::restore(room.environment, token, &job, begun).map(Some);
    }
    let name = check_serial(profile, token, None)?;
    let officer = OfficerSession::open(profile, &name, &token.officer_pin()?)?;
    let in_token = officer.import_restore_key(key).map_err(failed)?;
    drop(officer);
    begun(&mut room.transcript, &token.label, &in_token)?;
    room.pause.point("begun restore");
    let user = UserSession::open(profile, &name, &token.user_pin()?)?;
    let entry = user.restore("lek", &in_token, blob, &context, expected);
    // The restore key goes first, whatever came of it: while it is there, blobs can be read.
    user.destroy(RESTORE_KEY, &in_token).map_err(failed)?;
    Ok(Some((user.facts().clone(), entry.map_err(failed)?)))
}

/// Until the restore key is destroyed, this line is what knows of it.
fn begun(transcript: &mut Transcript, label: &str, id: &KeyId) -> Result<(), CeremonyError> {
    let facts = [
        ("token", label),
        ("key", RESTORE_KEY),
        ("id", &id.to_string()),
    ];
    transcript.line("restore", RESTORE_KEY_IN, &facts)
}
