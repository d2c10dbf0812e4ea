//! The backup of the encoding secret, and its renewal when shares or custodians change.

use keymgmt_custody::{
    backup::{self, Share},
    pkcs11::OfficerSession,
};
use sha2::{Digest as _, Sha256};

use crate::{
    error::CeremonyError,
    folder::{self, Readers},
    journal::{BackupRecord, CustodianRecord},
    plan::{Action, Which},
    steps::{Room, step_failed},
    texts,
    transcript::BACKUP_KEY_IN,
};

/// Makes a backup key, splits it among the custodians, wraps the encoding secret under it in the token,
/// and destroys the token's copy: from then on the key exists only as shares. A run that was interrupted
/// here begins anew with another key, so shares of the unfinished set are worth nothing.
pub(super) fn back_up(room: &mut Room<'_>, action: &Action) -> Result<(), CeremonyError> {
    let step = action.step();
    let failed = |source| step_failed(step, "backup", source);
    let lek = room.journal.entry(Which::Custody, "lek")?;
    if *action == Action::Reshare {
        room.talk.confirm("reshare lek", lek.check_value()?.0)?;
    }
    let place = &room.environment.custody;
    let officer = OfficerSession::open(
        &room.environment.profile,
        &room.known(Which::Custody)?,
        &place.officer_pin()?,
    )
    .map_err(failed)?;
    let key = officer.random().map_err(failed)?;
    let check = backup::check_value(&key).map_err(failed)?;
    let shares = backup::split(&key, room.recipe.threshold, &room.recipe.custodians);
    let shares = shares.map_err(failed)?;
    let in_token = officer.import_backup_key(&key).map_err(failed)?;
    drop((officer, key));
    let facts = [
        ("token", place.label.as_str()),
        ("key", "bk"),
        ("id", &in_token.to_string()),
    ];
    room.transcript.line(step, BACKUP_KEY_IN, &facts)?;
    room.pause.point("begun backup");

    let user = room.user(Which::Custody)?;
    let blob = user.wrap_for_backup(&in_token, &lek).map_err(failed)?;
    user.destroy("bk", &in_token).map_err(failed)?;
    drop(user);

    // The old blob stays until the next documents are published: until this action is finished, the old
    // shares must still open something.
    let file = match room.journal.ceremony {
        1 => "lek.blob".to_owned(),
        later => format!("lek-{later}.blob"),
    };
    folder::make(&room.out.join("backup"))?;
    let path = room.out.join("backup").join(&file);
    folder::replace_for(&path, &blob, Readers::Owner)?;
    hand_over(room, step, &shares)?;
    let blob_sha256 = hex::encode(Sha256::digest(&blob));
    let facts = [
        ("key", "bk"),
        ("check", &check.to_string()),
        ("file", &file),
        ("blob-sha256", &blob_sha256),
    ];
    let what = "encoding secret backed up, token copy of bk destroyed";
    room.transcript.line(step, what, &facts)?;
    room.talk.tell_check("bk", check.0)?;
    room.talk
        .tell_digest(texts::BLOB, &[], &Sha256::digest(&blob))?;
    room.journal.backup = Some(record(&shares, &check.to_string(), blob_sha256, file)?);
    room.journal.drilled_unix_s = None;
    Ok(())
}

/// Gives each custodian the own share: on the screen and checked, or in a rehearsal as a file.
fn hand_over(room: &mut Room<'_>, step: &str, shares: &[Share]) -> Result<(), CeremonyError> {
    let printer = room.environment.printer.as_deref();
    room.talk.hand_over(room.recipe, printer, shares)?;
    let folder_of_shares = room.out.join("shares");
    for share in shares {
        if room.talk.is_silent() {
            folder::make(&folder_of_shares)?;
            let path = folder_of_shares.join(format!("{}.share", share.custodian()));
            folder::replace_for(&path, share.to_text().as_bytes(), Readers::Owner)?;
        }
        let facts = [
            ("custodian", share.custodian()),
            ("commitment", &hex::encode(share.commitment())),
        ];
        room.transcript
            .line(step, "backup share handed over", &facts)?;
        let name = [("name", share.custodian())];
        let commitment = share.commitment();
        room.talk
            .tell_digest(texts::COMMITMENT, &name, &commitment)?;
        if let Some(bag) = room.talk.bag(share.custodian())? {
            let facts = [("custodian", share.custodian()), ("bag", &bag)];
            room.transcript
                .line(step, "share sealed in its bag", &facts)?;
        }
    }
    Ok(())
}

fn record(
    shares: &[Share],
    check: &str,
    blob_sha256: String,
    file: String,
) -> Result<BackupRecord, CeremonyError> {
    let custodian = |share: &Share| CustodianRecord {
        name: share.custodian().to_owned(),
        index: share.index(),
        commitment: hex::encode(share.commitment()),
    };
    let first = shares.first().ok_or(CeremonyError::NoQuorum {
        rule: "the backup key was split among nobody",
    })?;
    Ok(BackupRecord {
        file,
        set: hex::encode(first.set()),
        threshold: first.threshold(),
        shares: first.shares(),
        check: check.to_owned(),
        blob_sha256,
        custodians: shares.iter().map(custodian).collect(),
    })
}
